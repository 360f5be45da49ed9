package intent

import (
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/mr-tron/base58"
)

// What the parsers of this file answer; wrapped with the text that was given.
var (
	ErrKey       = errors.New("not a key: base58 of 32 bytes is wanted")
	ErrHash      = errors.New("not a digest: base58 of 32 bytes is wanted")
	ErrID        = errors.New("not an intent id: a CIDv1 (raw, sha2-256) in base32 is wanted, bafkrei…")
	ErrSignature = errors.New("not a signature: base58 or padded base64 of 64 bytes is wanted")
)

// maxShown bounds how much of a wrong text an error repeats: it came from outside.
const maxShown = 100

func wrong(err error, s string) error {
	if len(s) > maxShown {
		s = s[:maxShown] + "…"
	}
	return fmt.Errorf("%q is %w", s, err)
}

// String is the base58 text.
func (k Key) String() string {
	return string(appendBase58(make([]byte, 0, maxKeyText), (*[32]byte)(&k)))
}

// ParseKey reads a key's base58 text.
func ParseKey(s string) (Key, error) {
	b, ok := parseBase58(s)
	if !ok {
		return Key{}, wrong(ErrKey, s)
	}
	return b, nil
}

// MarshalText implements encoding.TextMarshaler.
func (k Key) MarshalText() ([]byte, error) {
	return appendBase58(make([]byte, 0, maxKeyText), (*[32]byte)(&k)), nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (k *Key) UnmarshalText(b []byte) (err error) {
	*k, err = ParseKey(string(b))
	return err
}

// String is the base58 text, as networks and clusters are named.
func (h Hash) String() string {
	return string(appendBase58(make([]byte, 0, maxKeyText), (*[32]byte)(&h)))
}

// Hex is the lower-case hexadecimal text, as the API shows other digests.
func (h Hash) Hex() string { return hex.EncodeToString(h[:]) }

// ParseHash reads a digest's base58 text.
func ParseHash(s string) (Hash, error) {
	b, ok := parseBase58(s)
	if !ok {
		return Hash{}, wrong(ErrHash, s)
	}
	return b, nil
}

// ParseHex reads a digest's lower-case hexadecimal text.
func ParseHex(s string) (Hash, error) {
	var h Hash
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(h) {
		return h, wrong(errors.New("not a digest: 64 hexadecimal digits are wanted"), s)
	}
	copy(h[:], b)
	if h.Hex() != s {
		return Hash{}, wrong(errors.New("not a digest: lower-case hexadecimal digits are wanted"), s)
	}
	return h, nil
}

// MarshalText implements encoding.TextMarshaler (base58).
func (h Hash) MarshalText() ([]byte, error) {
	return appendBase58(make([]byte, 0, maxKeyText), (*[32]byte)(&h)), nil
}

// UnmarshalText implements encoding.TextUnmarshaler (base58).
func (h *Hash) UnmarshalText(b []byte) (err error) {
	*h, err = ParseHash(string(b))
	return err
}

// An id in text is the multibase prefix of base32 and CIDv1, raw, sha2-256, 32 bytes, digest.
const (
	idPrefix     = "\x01\x55\x12\x20"
	idTextPrefix = 'b'
	idTextLen    = 59
)

func idEncoding() *base32.Encoding {
	return base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)
}

// CID is the binary CIDv1 (raw, sha2-256) of the intent's text: 36 bytes.
func (id ID) CID() []byte { return append([]byte(idPrefix), id[:]...) }

// String is the text of the CID: bafkrei….
func (id ID) String() string { return string(id.appendText(make([]byte, 0, idTextLen))) }

func (id ID) appendText(dst []byte) []byte {
	const alphabet = "abcdefghijklmnopqrstuvwxyz234567"
	dst = append(dst, idTextPrefix)
	var acc, held uint
	put := func(c byte) {
		acc, held = acc<<8|uint(c), held+8
		for ; held >= 5; held -= 5 {
			dst = append(dst, alphabet[acc>>(held-5)&31])
		}
	}
	for i := range len(idPrefix) {
		put(idPrefix[i])
	}
	for _, c := range id {
		put(c)
	}
	return append(dst, alphabet[acc<<(5-held)&31])
}

// ParseID reads an id's text. Other texts of the same CID (another base, capitals) are refused: one id, one text.
func ParseID(s string) (ID, error) {
	var id ID
	if len(s) != idTextLen || s[0] != idTextPrefix {
		return id, wrong(ErrID, s)
	}
	b, err := idEncoding().DecodeString(s[1:])
	if err != nil || len(b) != len(idPrefix)+len(id) || string(b[:len(idPrefix)]) != idPrefix {
		return id, wrong(ErrID, s)
	}
	copy(id[:], b[len(idPrefix):])
	if id.String() != s { // the last digit carries two bits of nothing, which must be zero
		return ID{}, wrong(ErrID, s)
	}
	return id, nil
}

// MarshalText implements encoding.TextMarshaler.
func (id ID) MarshalText() ([]byte, error) { return id.appendText(make([]byte, 0, idTextLen)), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (id *ID) UnmarshalText(b []byte) (err error) {
	*id, err = ParseID(string(b))
	return err
}

// String is the base58 text.
func (s Signature) String() string { return base58.Encode(s[:]) }

// ParseSignature reads a signature in base58 or in standard padded base64.
func ParseSignature(s string) (Signature, error) {
	var sig Signature
	if len(s) > maxSignatureText || len(s) < len(sig) {
		return sig, wrong(ErrSignature, s)
	}
	var b []byte
	var err error
	if s[len(s)-1] == '=' {
		if len(s) != base64.StdEncoding.EncodedLen(len(sig)) { // the decoder would skip line ends
			return sig, wrong(ErrSignature, s)
		}
		b, err = base64.StdEncoding.Strict().DecodeString(s)
	} else {
		b, err = base58.Decode(s)
	}
	if err != nil || len(b) != len(sig) {
		return sig, wrong(ErrSignature, s)
	}
	copy(sig[:], b)
	return sig, nil
}

// MarshalText implements encoding.TextMarshaler (base58).
func (s Signature) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Signature) UnmarshalText(b []byte) (err error) {
	*s, err = ParseSignature(string(b))
	return err
}
