package keys

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCreateThenLoad(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	made, err := Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Load(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	a, err := made.Public()
	if err != nil {
		t.Fatal(err)
	}
	if b, err := got.Public(); err != nil || a != b {
		t.Errorf("made %+v, loaded %+v, %v", a, b, err)
	}
	if !strings.HasPrefix(a.Peer, "12D3Koo") {
		t.Errorf("peer id %q is not that of an Ed25519 key", a.Peer)
	}
	for name, want := range map[string]os.FileMode{".": 0o700, MemberFile: 0o600, VRFFile: 0o600, FeePayerFile: 0o600} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v %v, want %v", name, info.Mode().Perm(), err, want)
		}
	}
}

// The form is Solana's: the seed and the public key, byte by byte, as numbers.
func TestSolanaForm(t *testing.T) {
	path := filepath.Join(t.TempDir(), "k.json")
	if err := WriteSolana(path, ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32))); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := "[" + strings.Repeat("7,", 32) + "234,74,108,99,226,156,82,10,"
	if !strings.HasPrefix(string(b), want) {
		t.Errorf("want %s…, got %s", want, b)
	}
}

func TestCreateOverwritesNothing(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(dir); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(filepath.Join(dir, MemberFile))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Create(dir); !errors.Is(err, ErrExists) {
		t.Errorf("want ErrExists, got %v", err)
	}
	if after, err := os.ReadFile(filepath.Join(dir, MemberFile)); err != nil || !bytes.Equal(before, after) {
		t.Error("the member key changed")
	}
}

func TestLoadRefuses(t *testing.T) {
	cases := []struct {
		name  string
		spoil func(t *testing.T, dir string) error
		says  string
	}{
		{"no directory", func(_ *testing.T, dir string) error { return os.RemoveAll(dir) }, "paradox init"},
		{"no member key", func(_ *testing.T, dir string) error { return os.Remove(filepath.Join(dir, MemberFile)) }, "paradox init"},
		{"directory open to the group", func(_ *testing.T, dir string) error { return os.Chmod(dir, 0o750) }, "chmod 0700"},
		{"file open to all", func(_ *testing.T, dir string) error { return os.Chmod(filepath.Join(dir, VRFFile), 0o644) }, "chmod 0600"},
		{"no list", put(MemberFile, `{"key":1}`), "JSON list of 64 bytes"},
		{"a byte above 255", put(MemberFile, "[256"+strings.Repeat(",1", 63)+"]"), "JSON list of 64 bytes"},
		{"halves that do not belong together", put(MemberFile, "[1"+strings.Repeat(",1", 63)+"]"), "does not belong"},
		{"VRF key cut short", put(VRFFile, "abcd"), "64 hex digits"},
		{"VRF key too long", put(VRFFile, strings.Repeat("ab", 33)), "64 hex digits"},
		{"VRF key above the order", put(VRFFile, strings.Repeat("ff", 32)), "backup"},
		{"fee payer that votes", func(_ *testing.T, dir string) error {
			b, err := os.ReadFile(filepath.Join(dir, MemberFile))
			if err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(dir, FeePayerFile), b, 0o600)
		}, "the same key"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "keys")
			if _, err := Create(dir); err != nil {
				t.Fatal(err)
			}
			if err := c.spoil(t, dir); err != nil {
				t.Fatal(err)
			}
			_, err := Load(dir, nil)
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("want an error that says %q, got %v", c.says, err)
			}
		})
	}
}

func put(name, text string) func(*testing.T, string) error {
	return func(_ *testing.T, dir string) error {
		return os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600)
	}
}

func FuzzKeypairFile(f *testing.F) {
	dir := f.TempDir()
	good := filepath.Join(dir, "good.json")
	if err := WriteSolana(good, ed25519.NewKeyFromSeed(make([]byte, 32))); err != nil {
		f.Fatal(err)
	}
	b, err := os.ReadFile(good)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte("[]"))
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "k.json")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if k, err := LoadSolana(path, nil); err == nil && len(k) != ed25519.PrivateKeySize {
			t.Errorf("took %q as a key of %d bytes", b, len(k))
		}
	})
}
