// Package keys is key files that only their owner can read, sealed with a passphrase where the owner wants that; above all
// the three keys of a node: the member key, which votes and is the libp2p identity; the VRF key, which draws leaders; and the
// fee payer, which pays for transactions and never votes.
//
// What a key signs is decided elsewhere.
package keys

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/leader"
	"github.com/phantom-paradox/paradox/network"
)

// The files, within the key directory. Member and fee payer are Solana keypair files: the 64 bytes of seed and public key
// as a JSON list, so that solana-keygen and others read them. The VRF key is its secret in hex.
const (
	MemberFile   = "member.json"
	VRFFile      = "vrf.hex"
	FeePayerFile = "fee-payer.json"
)

// ErrMissing says that a key is not there; ErrExists that it is already; ErrOpen that others than its owner can read it;
// ErrDamaged that what is there is no key.
var (
	ErrMissing = errors.New("no key")
	ErrExists  = errors.New("a key is there already")
	ErrOpen    = errors.New("open to others")
	ErrDamaged = errors.New("damaged")
)

// maxFile bounds what is read of a key file: a Solana keypair is at most 257 bytes plus spaces, sealed four times that.
const maxFile = 4 << 10

// Keys are a node's keys.
type Keys struct {
	Member   ed25519.PrivateKey
	VRF      *leader.Key
	FeePayer ed25519.PrivateKey
}

// Public is what others may know of Keys.
type Public struct {
	Member   intent.Key     `json:"member"`
	Peer     string         `json:"peer"` // the libp2p identity that follows from Member
	VRF      network.VRFKey `json:"vrf"`
	FeePayer intent.Key     `json:"fee_payer"`
}

// Public gives the public halves.
func (k *Keys) Public() (Public, error) {
	p := Public{VRF: k.VRF.Public()}
	copy(p.Member[:], k.Member.Public().(ed25519.PublicKey))
	copy(p.FeePayer[:], k.FeePayer.Public().(ed25519.PublicKey))
	id, err := PeerID(p.Member)
	p.Peer = id.String()
	return p, err
}

// PeerID is the libp2p identity of a member key.
func PeerID(member intent.Key) (peer.ID, error) {
	pub, err := crypto.UnmarshalEd25519PublicKey(member[:])
	if err != nil {
		return "", fmt.Errorf("keys: member key: %w", err)
	}
	id, err := peer.IDFromPublicKey(pub)
	if err != nil {
		return "", fmt.Errorf("keys: peer id of the member key: %w", err)
	}
	return id, nil
}

// Create makes the key directory and new keys in it. It overwrites nothing: ErrExists.
func Create(dir string) (*Keys, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("keys: making the directory: %w", err)
	}
	for _, name := range []string{MemberFile, VRFFile, FeePayerFile} {
		if _, err := os.Lstat(filepath.Join(dir, name)); !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("keys: %s: %w; a key that has voted must not be replaced: take another home", filepath.Join(dir, name), ErrExists)
		}
	}
	_, member, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("keys: making the member key: %w", err)
	}
	_, payer, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("keys: making the fee payer: %w", err)
	}
	secret, vrf, err := newVRF()
	if err != nil {
		return nil, err
	}
	err = errors.Join(
		WriteSolana(filepath.Join(dir, MemberFile), member),
		write(filepath.Join(dir, VRFFile), []byte(hex.EncodeToString(secret[:])+"\n")),
		WriteSolana(filepath.Join(dir, FeePayerFile), payer),
	)
	if err != nil {
		return nil, err
	}
	return &Keys{Member: member, VRF: vrf, FeePayer: payer}, nil
}

// newVRF draws until the secret is below the curve's order: all but one in four billion are.
func newVRF() (secret [32]byte, k *leader.Key, err error) {
	for range 8 {
		if _, err = rand.Read(secret[:]); err != nil {
			return secret, nil, fmt.Errorf("keys: making the VRF key: %w", err)
		}
		if k, err = leader.NewKey(secret); err == nil {
			return secret, k, nil
		}
	}
	return secret, nil, fmt.Errorf("keys: making the VRF key: %w", err)
}

// Load reads the keys and refuses files that others than their owner can read. A sealed one makes it ask for the passphrase.
func Load(dir string, ask Passphrase) (*Keys, error) {
	if err := private(dir, 0o700); err != nil {
		return nil, err
	}
	k := &Keys{}
	var err error
	if k.Member, err = LoadSolana(filepath.Join(dir, MemberFile), ask); err != nil {
		return nil, err
	}
	if k.FeePayer, err = LoadSolana(filepath.Join(dir, FeePayerFile), ask); err != nil {
		return nil, err
	}
	if k.Member.Equal(k.FeePayer) {
		return nil, fmt.Errorf("keys: %s and %s are the same key; the key that votes must not pay: make a new fee payer", MemberFile, FeePayerFile)
	}
	k.VRF, err = loadVRF(filepath.Join(dir, VRFFile), ask)
	return k, err
}

func loadVRF(path string, ask Passphrase) (*leader.Key, error) {
	b, err := open(path, ask)
	if err != nil {
		return nil, err
	}
	return parseVRF(path, b)
}

// open reads a private file and opens it if it is sealed.
func open(path string, ask Passphrase) ([]byte, error) {
	b, err := read(path)
	if err != nil {
		return nil, err
	}
	return unseal(path, b, ask, maxWork)
}

func parseVRF(path string, b []byte) (*leader.Key, error) {
	var secret [32]byte
	text := strings.TrimSpace(string(b))
	if n, err := hex.Decode(secret[:], []byte(text[:min(len(text), 64)])); err != nil || n != 32 || len(text) != 64 {
		return nil, fmt.Errorf("keys: %s: %w: it is not 64 hex digits; restore it from your backup", path, ErrDamaged)
	}
	k, err := leader.NewKey(secret)
	if err != nil {
		return nil, fmt.Errorf("keys: %s: %w: %w; restore it from your backup", path, ErrDamaged, err)
	}
	return k, nil
}

// LoadSolana reads a Solana keypair file, which must be private to its owner, and may be sealed.
func LoadSolana(path string, ask Passphrase) (ed25519.PrivateKey, error) {
	b, err := open(path, ask)
	if err != nil {
		return nil, err
	}
	raw, ok := parseList(b)
	if !ok {
		return nil, fmt.Errorf("keys: %s: %w: it is no Solana keypair, a JSON list of 64 bytes; restore it from your backup", path, ErrDamaged)
	}
	key := ed25519.NewKeyFromSeed(raw[:ed25519.SeedSize])
	if !key.Equal(ed25519.PrivateKey(raw)) {
		return nil, fmt.Errorf("keys: %s: %w: its public half does not belong to its secret half; restore it from your backup", path, ErrDamaged)
	}
	return key, nil
}

func parseList(b []byte) ([]byte, bool) {
	var list []uint16 // of []uint8 encoding/json would make base64
	if err := json.Unmarshal(b, &list); err != nil || len(list) != ed25519.PrivateKeySize {
		return nil, false
	}
	raw := make([]byte, len(list))
	for i, n := range list {
		if n > 0xff {
			return nil, false
		}
		raw[i] = byte(n)
	}
	return raw, true
}

// WriteSolana writes a Solana keypair file, 0600, and overwrites nothing.
func WriteSolana(path string, key ed25519.PrivateKey) error { return write(path, solanaText(key)) }

// WriteSealed writes a Solana keypair file that a passphrase opens; work is SealWork but in tests.
func WriteSealed(path string, key ed25519.PrivateKey, passphrase string, work int) error {
	b, err := seal(solanaText(key), passphrase, work)
	if err != nil {
		return err
	}
	return write(path, b)
}

func solanaText(key ed25519.PrivateKey) []byte {
	b := []byte{'['}
	for i, n := range key {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendUint(b, uint64(n), 10)
	}
	return append(b, ']', '\n')
}
