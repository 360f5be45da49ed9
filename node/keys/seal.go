package keys

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"filippo.io/age"
	"filippo.io/age/armor"
)

// A key file may be sealed: its text encrypted to a passphrase by age (scrypt), in age's armour. `age -d` opens it and
// `age -p -a` makes one.

// ErrSealed says that a key needs a passphrase and none was given; ErrPassphrase that the one given is wrong.
var (
	ErrSealed     = errors.New("the key is sealed with a passphrase")
	ErrPassphrase = errors.New("the passphrase does not open it")
)

// A Passphrase gives the passphrase of a sealed file, which it may have to ask somebody for. Nil: there is none.
type Passphrase func(path string) (string, error)

const (
	// SealWork is the scrypt work factor (a power of two) of new files, age's own: about a second and 256 MiB.
	SealWork = 18
	// maxWork bounds what a file can make this machine do: four times SealWork's, and a gigabyte.
	maxWork = 20
	// maxPassphrase is far more than anybody types.
	maxPassphrase = 1 << 10
)

// sealed says whether the text is age's, armoured or not.
func sealed(b []byte) bool {
	return bytes.HasPrefix(bytes.TrimSpace(b), []byte(armor.Header)) || bytes.HasPrefix(b, []byte("age-encryption.org/"))
}

// unseal gives the text of a file that may be sealed, with at most this work factor.
func unseal(path string, b []byte, ask Passphrase, work int) ([]byte, error) {
	if !sealed(b) {
		return b, nil
	}
	if ask == nil {
		return nil, fmt.Errorf("keys: %s: %w; say --passphrase-file FILE (or /dev/fd/N for an open descriptor), or run it at a terminal, which asks", path, ErrSealed)
	}
	pass, err := ask(path)
	if err != nil {
		return nil, fmt.Errorf("keys: the passphrase of %s: %w", path, err)
	}
	id, err := age.NewScryptIdentity(pass)
	if err != nil {
		return nil, fmt.Errorf("keys: %s: %w: it is empty", path, ErrPassphrase)
	}
	id.SetMaxWorkFactor(work)
	var in io.Reader = bytes.NewReader(b)
	if bytes.HasPrefix(bytes.TrimSpace(b), []byte(armor.Header)) {
		in = armor.NewReader(bytes.NewReader(bytes.TrimSpace(b)))
	}
	text, err := age.Decrypt(in, id)
	if none := (*age.NoIdentityMatchError)(nil); errors.As(err, &none) {
		return nil, fmt.Errorf("keys: %s: %w", path, ErrPassphrase)
	}
	if err != nil {
		return nil, fmt.Errorf("keys: %s: opening it: %w; restore it from your backup", path, err)
	}
	out, err := io.ReadAll(io.LimitReader(text, maxFile))
	if err != nil {
		return nil, fmt.Errorf("keys: %s: opening it: %w; restore it from your backup", path, err)
	}
	return out, nil
}

// seal encrypts the text of a key file.
func seal(text []byte, passphrase string, work int) ([]byte, error) {
	to, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		return nil, fmt.Errorf("keys: a passphrase: %w", err)
	}
	to.SetWorkFactor(work)
	var out bytes.Buffer
	a := armor.NewWriter(&out)
	w, err := age.Encrypt(a, to)
	if err != nil {
		return nil, fmt.Errorf("keys: sealing: %w", err)
	}
	if _, err = w.Write(text); err == nil {
		err = errors.Join(w.Close(), a.Close())
	}
	if err != nil {
		return nil, fmt.Errorf("keys: sealing: %w", err)
	}
	return out.Bytes(), nil
}

// Seal puts a passphrase on a key file, in one step: at any time the file holds either form whole. What stood in clear on the
// disk may be there still, unlinked; a key that must never have been in clear is made sealed.
func Seal(path, passphrase string, work int) error {
	b, err := read(path)
	if err != nil {
		return err
	}
	if sealed(b) {
		return fmt.Errorf("keys: %s: %w already", path, ErrSealed)
	}
	if _, ok := parseList(b); !ok {
		if _, err := parseVRF(path, b); err != nil {
			return fmt.Errorf("keys: %s: %w: it is neither a Solana keypair nor a VRF key; nothing was changed", path, ErrDamaged)
		}
	}
	b, err = seal(b, passphrase, work)
	if err != nil {
		return err
	}
	if err := write(path+".sealed", b); err != nil {
		return err
	}
	if err := os.Rename(path+".sealed", path); err != nil {
		return fmt.Errorf("keys: sealing: %w", err)
	}
	return syncDir(filepath.Dir(path))
}

// PassphraseFile gives the passphrase that a file holds: its first line. A file on disk must be private; a pipe, such as
// /dev/fd/3, is what its owner made it.
func PassphraseFile(path string) (string, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("keys: --passphrase-file: %s: %w; nothing is there", path, ErrMissing)
	}
	if err != nil {
		return "", fmt.Errorf("keys: --passphrase-file: %w", err)
	}
	if info.Mode().IsRegular() {
		if err := private(path, 0o600); err != nil {
			return "", err
		}
	}
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("keys: --passphrase-file: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxPassphrase+1))
	if err != nil {
		return "", fmt.Errorf("keys: reading %s: %w", path, err)
	}
	line, _, _ := strings.Cut(string(b), "\n")
	line = strings.TrimSuffix(line, "\r")
	if line == "" || len(line) > maxPassphrase {
		return "", fmt.Errorf("keys: %s: its first line is no passphrase: 1 to %d bytes are one: %w", path, maxPassphrase, ErrPassphrase)
	}
	return line, nil
}
