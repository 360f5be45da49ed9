package keys

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// quick is a work factor that tests can afford.
const quick = 4

func say(pass string) Passphrase { return func(string) (string, error) { return pass, nil } }

func TestASealedKeyNeedsItsPassphrase(t *testing.T) {
	path, key := filepath.Join(t.TempDir(), "k.json"), ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32))
	if err := WriteSealed(path, key, "correct horse", quick); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	if got, err := LoadSolana(path, say("correct horse")); err != nil || !got.Equal(key) {
		t.Errorf("%v", err)
	}
	for pass, want := range map[string]error{"wrong": ErrPassphrase, "": ErrPassphrase} {
		if _, err := LoadSolana(path, say(pass)); !errors.Is(err, want) || pass != "" && strings.Contains(err.Error(), pass) {
			t.Errorf("%q: %v", pass, err)
		}
	}
	if _, err := LoadSolana(path, nil); !errors.Is(err, ErrSealed) || !strings.Contains(err.Error(), "--passphrase-file") {
		t.Errorf("%v", err)
	}
	nobody := errors.New("nobody there")
	if _, err := LoadSolana(path, func(string) (string, error) { return "", nobody }); !errors.Is(err, nobody) {
		t.Errorf("%v", err)
	}
}

func TestAHomeIsSealedWhole(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	made, err := Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{MemberFile, VRFFile, FeePayerFile} {
		path := filepath.Join(dir, name)
		clear, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := Seal(path, "pass", quick); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(path)
		if err != nil || !bytes.HasPrefix(b, []byte("-----BEGIN AGE ENCRYPTED FILE-----")) || bytes.Contains(b, clear[:8]) {
			t.Errorf("%s: %s %v", name, b, err)
		}
		if err := Seal(path, "pass", quick); !errors.Is(err, ErrSealed) {
			t.Errorf("sealed twice: %v", err)
		}
	}
	asked := 0
	got, err := Load(dir, func(string) (string, error) { asked++; return "pass", nil })
	if err != nil || asked != 3 || !got.Member.Equal(made.Member) || !got.FeePayer.Equal(made.FeePayer) {
		t.Errorf("%d %v", asked, err)
	}
	if list, err := os.ReadDir(dir); err != nil || len(list) != 3 {
		t.Errorf("%v %v", list, err)
	}
}

func TestSealLeavesWhatIsNoKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "letter.txt")
	if err := os.WriteFile(path, []byte("dear all"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Seal(path, "pass", quick); err == nil || !strings.Contains(err.Error(), "nothing was changed") {
		t.Errorf("%v", err)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "dear all" {
		t.Errorf("%q %v", b, err)
	}
}

func TestPassphraseFiles(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, c := range []struct {
		path, want string
		err        error
	}{
		{file("good", "with blanks \r\nand more", 0o600), "with blanks ", nil},
		{file("open", "secret", 0o640), "", ErrOpen},
		{file("empty", "\n", 0o600), "", ErrPassphrase},
		{file("long", strings.Repeat("x", maxPassphrase+1), 0o600), "", ErrPassphrase},
		{filepath.Join(dir, "nothing"), "", ErrMissing},
	} {
		got, err := PassphraseFile(c.path)
		if got != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s: %q %v", c.path, got, err)
		}
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := w.WriteString("from a pipe\n"); err != nil {
		t.Fatal(err)
	}
	w.Close()
	if got, err := PassphraseFile(fmt.Sprintf("/dev/fd/%d", r.Fd())); err != nil || got != "from a pipe" {
		t.Errorf("%q %v", got, err)
	}
}

// FuzzSealedFile: whatever stands in an armoured file, opening it ends, and gives no more than a key's text.
func FuzzSealedFile(f *testing.F) {
	b, err := seal([]byte("[1,2]"), "pass", quick)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte("age-encryption.org/v1\n-> scrypt AAAA 20\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if text, err := unseal("x", b, say("pass"), quick); err == nil && sealed(b) && len(text) > maxFile {
			t.Errorf("%d bytes", len(text))
		}
	})
}
