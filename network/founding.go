package network

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/phantom-paradox/paradox/intent"
)

// foundingDomain begins what a founder signs to found a network.
const foundingDomain = "paradox/founding/1"

// maxSignatureBytes bounds a signature's file: it has about 500 bytes.
const maxSignatureBytes = 4 << 10

// A Signature is a founder's word for a network: by its voting key over the network's hash and the marks of the fields that the
// hash covers. The marks say which field is another one where a file was changed after it was signed.
type Signature struct {
	Network intent.Hash      `json:"network"` // the hash that was signed
	Key     intent.Key       `json:"key"`
	Marks   Marks            `json:"marks"`
	Sig     intent.Signature `json:"sig"`
}

// fieldCount is how many top-level fields the hash covers.
const fieldCount = 14

// Marks are the first eight bytes of the SHA-256 of each field that the hash covers, in the order of File.
type Marks [fieldCount][8]byte

// MarshalText implements encoding.TextMarshaler: lower-case hex.
func (m Marks) MarshalText() ([]byte, error) {
	var s strings.Builder
	for i := range m {
		s.WriteString(hex.EncodeToString(m[i][:]))
	}
	return []byte(s.String()), nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (m *Marks) UnmarshalText(text []byte) error {
	var raw [fieldCount * 8]byte
	if len(text) != hex.EncodedLen(len(raw)) || strings.ToLower(string(text)) != string(text) {
		return errMarks
	}
	if _, err := hex.Decode(raw[:], text); err != nil {
		return errMarks
	}
	for i := range m {
		copy(m[i][:], raw[8*i:])
	}
	return nil
}

var errMarks = errors.New("marks are not 224 lower-case hexadecimal digits")

// A field is one of those that the hash covers.
type field struct {
	name  string
	value any
}

func (f *File) fields() [fieldCount]field {
	return [fieldCount]field{
		{"version", f.Version}, {"name", f.Name}, {"program_id", f.ProgramID}, {"code_hash", f.CodeHash}, {"cluster", f.Cluster},
		{"members", f.Members}, {"withdraw_delay", f.WithdrawDelay}, {"drop_time", f.DropTime}, {"fee_owner", f.FeeOwner},
		{"fee_bps", f.FeeBps}, {"mints", f.Mints}, {"max_age", f.MaxAge}, {"time", f.Time}, {"params", f.Params},
	}
}

// Marks are those of the file.
func (f *File) Marks() (m Marks) {
	for i, x := range f.fields() {
		b, err := json.Marshal(x.value)
		if err != nil {
			panic("network: a File has only fields that encode: " + err.Error())
		}
		sum := sha256.Sum256(b)
		copy(m[i][:], sum[:])
	}
	return m
}

// bytes are what the founder signs.
func (s *Signature) bytes() []byte {
	b := append([]byte(foundingDomain), s.Network[:]...)
	for i := range s.Marks {
		b = append(b, s.Marks[i][:]...)
	}
	return b
}

// Sign is the founder's signature of the file.
func (f *File) Sign(key ed25519.PrivateKey) *Signature {
	s := &Signature{Network: f.Hash(), Marks: f.Marks()}
	copy(s.Key[:], key.Public().(ed25519.PublicKey))
	copy(s.Sig[:], ed25519.Sign(key, s.bytes()))
	return s
}

// ParseSignature reads a founder's signature. Of what it is, File.Judge says.
func ParseSignature(b []byte) (*Signature, error) {
	if len(b) > maxSignatureBytes {
		return nil, fmt.Errorf("founder's signature: is %d bytes; the longest has %d: is this the right file?", len(b), maxSignatureBytes)
	}
	s := new(Signature)
	return s, decode("founder's signature", b, s)
}

// JSON is the signature's stable form.
func (s *Signature) JSON() []byte { return pretty(s) }

// Judge says what is wrong with a signature of this file; nil: nothing is.
func (f *File) Judge(s *Signature) error {
	who := s.Key.String()
	i := Find(f.Members, s.Key)
	if i >= 0 {
		who = f.Members[i].Name + " (" + who + ")"
	}
	marks := f.Marks()
	switch {
	case !intent.VerifySignature(s.Key, s.bytes(), s.Sig):
		return &Error{"signatures", "has one that " + who + " did not make: it was changed or damaged", "ask for the signature again"}
	case s.Network != f.Hash():
		return &Error{"signatures", "has one of " + who + " for " + s.Network.String() + ", and this file is " + f.Hash().String() + ": " + f.differs(s.Marks, marks),
			"compare with the file that was signed, or let everybody sign this one"}
	case i < 0:
		return &Error{"signatures", "has one of " + who + ", who is no member", "add the member before anybody signs"}
	case s.Marks != marks:
		return &Error{"signatures", "has one of " + who + " with other marks than this file's: " + f.differs(s.Marks, marks), "sign with a release that reads version 1"}
	}
	return nil
}

// differs names the fields whose marks differ.
func (f *File) differs(signed, here Marks) string {
	var names []string
	for i, x := range f.fields() {
		if signed[i] != here[i] {
			names = append(names, x.name)
		}
	}
	switch len(names) {
	case 0:
		return "no field that it marks is another one"
	case fieldCount:
		return "every field is another one"
	default:
		return "changed since it was signed: " + strings.Join(names, ", ")
	}
}

// AddSignature takes a founder's signature in. That it is there already is no error.
func (f *File) AddSignature(s *Signature) error {
	if err := f.Judge(s); err != nil {
		return err
	}
	for i := range f.Signatures {
		if f.Signatures[i].Key == s.Key {
			f.Signatures[i] = *s // Ed25519 has one for each text, but who signs with another scheme may have many
			return nil
		}
	}
	f.Signatures = append(f.Signatures, *s)
	return nil
}

// Founders are the names of the members who have signed the file, and of those who have not. The error is that of the first
// signature that is wrong.
func (f *File) Founders() (signed, missing []string, err error) {
	has := map[intent.Key]bool{}
	for i := range f.Signatures {
		if bad := f.Judge(&f.Signatures[i]); bad != nil {
			if err == nil {
				err = bad
			}
			continue
		}
		has[f.Signatures[i].Key] = true
	}
	for i := range f.Members {
		if has[f.Members[i].Key] {
			signed = append(signed, f.Members[i].Name)
		} else {
			missing = append(missing, f.Members[i].Name)
		}
	}
	return signed, missing, err
}

// CheckFounders refuses a file that has a wrong signature, or some of its founders' and not all. One that nobody has signed is
// for whoever was told its hash to judge.
func (f *File) CheckFounders() error {
	if len(f.Signatures) == 0 {
		return nil
	}
	_, missing, err := f.Founders()
	if err != nil {
		return err
	}
	if len(missing) > 0 {
		return &Error{"signatures", "lacks that of " + strings.Join(missing, ", "),
			"wait for the file that all founders have signed; `paradox network verify` tells who has"}
	}
	return nil
}

func (f *File) validateSignatures() error {
	if len(f.Signatures) > MaxMembers {
		return &Error{"signatures", "has " + strconv.Itoa(len(f.Signatures)), "a network has at most 21 founders"}
	}
	for i := range f.Signatures {
		for j := range i {
			if f.Signatures[j].Key == f.Signatures[i].Key {
				return &Error{fmt.Sprintf("signatures[%d].key", i), fmt.Sprintf("is also that of signatures[%d]", j), "keep one signature of each founder"}
			}
		}
	}
	return nil
}
