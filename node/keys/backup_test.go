package keys

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestBackupAndRestore(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	made, err := Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := Seal(filepath.Join(dir, MemberFile), "on disk", quick); err != nil { // one of them sealed
		t.Fatal(err)
	}
	text, err := Backup(dir, say("on disk"), "away", quick)
	if err != nil {
		t.Fatal(err)
	}
	seed, _ := os.ReadFile(filepath.Join(dir, FeePayerFile))
	if bytes.Contains(text, seed[:20]) {
		t.Error("a key stands in the backup in clear")
	}
	to := filepath.Join(t.TempDir(), "home", "keys")
	if err := os.MkdirAll(to, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Restore(to, text, say("wrong")); !errors.Is(err, ErrPassphrase) {
		t.Error(err)
	}
	for name, b := range map[string][]byte{"nothing": nil, "no backup": []byte("hello"), "half": text[:len(text)/2], "too long": append(bytes.Clone(text), make([]byte, maxFile)...)} {
		if _, err := Restore(to, b, say("away")); err == nil {
			t.Errorf("%s is restored", name)
		}
	}
	other, err := seal([]byte(`{"member.json":"[]","vrf.hex":"","fee-payer.json":""}`), "away", quick)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Restore(to, other, say("away")); !errors.Is(err, ErrDamaged) {
		t.Error(err)
	}
	k, err := Restore(to, text, say("away"))
	if err != nil || !k.Member.Equal(made.Member) || !k.FeePayer.Equal(made.FeePayer) || k.VRF.Public() != made.VRF.Public() {
		t.Fatal(err)
	}
	if _, err := Load(to, nil); err != nil {
		t.Error(err)
	}
	if _, err := Restore(to, text, say("away")); !errors.Is(err, ErrExists) {
		t.Error(err)
	}
}

func FuzzRestore(f *testing.F) {
	dir := filepath.Join(f.TempDir(), "keys")
	if _, err := Create(dir); err != nil {
		f.Fatal(err)
	}
	text, err := Backup(dir, nil, "p", 1)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Fuzz(func(t *testing.T, b []byte) {
		to := filepath.Join(t.TempDir(), "keys")
		if _, err := restore(to, b, say("p"), quick); err == nil {
			if _, err := Load(to, nil); err != nil {
				t.Error(err)
			}
		} else if _, err := os.Stat(to); err == nil {
			t.Error("something of what was refused stays")
		}
	})
}
