package setup

import (
	"crypto/ed25519"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/phantom-paradox/paradox/leader"
	"github.com/phantom-paradox/paradox/network"
	"github.com/phantom-paradox/paradox/node/config"
)

// TestFoundersSignatures: a home is made, and a node opened, of a file that nobody has signed or all have; of no other.
func TestFoundersSignatures(t *testing.T) {
	f, err := network.Parse(networkFile(t))
	if err != nil {
		t.Fatal(err)
	}
	var founders []ed25519.PrivateKey
	f.Members = nil
	for i := range byte(2) {
		key := ed25519.NewKeyFromSeed([]byte(strings.Repeat(string(rune('a'+i)), ed25519.SeedSize)))
		vrf, err := leader.NewKey([32]byte{31: i + 1})
		if err != nil {
			t.Fatal(err)
		}
		card, err := network.NewCard(key, network.Member{Name: string(rune('a' + i)), VRF: vrf.Public(), Weight: 1}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Add(card); err != nil {
			t.Fatal(err)
		}
		founders = append(founders, key)
	}
	c := &config.Config{Home: filepath.Join(t.TempDir(), "home")}
	home, err := Init(c, f.JSON(), nil)
	if err != nil || home.Signed != 0 || home.Members != 2 {
		t.Fatalf("unsigned: %+v, %v", home, err)
	}
	for n, says := range []string{"", "lacks that of b", ""} {
		if n > 0 {
			if err := f.AddSignature(f.Sign(founders[n-1])); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(c.NetworkFile(), f.JSON(), 0o600); err != nil {
			t.Fatal(err)
		}
		_, opened := Open(c, "v", nil, nil)
		_, made := Init(&config.Config{Home: filepath.Join(t.TempDir(), "home")}, f.JSON(), nil)
		for _, err := range []error{opened, made} {
			if (says == "") != (err == nil) || err != nil && (!errors.Is(err, ErrNetworkFile) || !strings.Contains(err.Error(), says)) {
				t.Errorf("with %d signatures: %v", n, err)
			}
		}
	}
	f.Members[0].Weight = 2
	if err := os.WriteFile(c.NetworkFile(), f.JSON(), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(c, "v", nil, nil); err == nil || !strings.Contains(err.Error(), "changed since it was signed: members") {
		t.Errorf("changed: %v", err)
	}
	if _, err := Init(&config.Config{Home: t.TempDir()}, f.DraftJSON("sign first"), nil); err == nil || !strings.Contains(err.Error(), "sign first") {
		t.Errorf("a draft: %v", err)
	}
}
