package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/phantom-paradox/paradox/intent"
)

// A founding is a ceremony at one keyboard.
type founding struct {
	*shell
	draft string
}

func (f *founding) home(name string) string { return filepath.Join(f.shell.home, name) }

// keep writes what a command printed.
func (f *founding) keep(name, text string) string {
	f.t.Helper()
	path := filepath.Join(f.shell.home, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
	return path
}

func (f *founding) edit(path string, replace ...string) string {
	f.t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		f.t.Fatal(err)
	}
	return strings.NewReplacer(replace...).Replace(string(b))
}

// newFounding has a draft with the members a and b.
func newFounding(t *testing.T) *founding {
	t.Helper()
	f := &founding{shell: newShell(t)}
	f.draft = filepath.Join(f.shell.home, "network.json")
	key := func(b byte) string { return intent.Key{b}.String() }
	f.expect(0, "is a draft of", "network", "create", "--from", "../../testnet/devnet.json", "--name", "ceremony", "--program-id", key(1), "--fee-owner", key(4),
		"--fee-bps", "7", "--mint", "USD:"+key(5)+":6", "--out", f.draft)
	for _, name := range []string{"a", "b"} {
		f.expect(0, "", "keys", "new", "--home", f.home(name))
		card := f.expect(0, `"sig"`, "network", "card", name, "--home", f.home(name), "--address", "/ip4/203.0.113.7/tcp/4001")
		f.expect(0, name, "network", "add-member", f.draft, f.keep(name+".card", card))
	}
	return f
}

func (f *founding) hash() string {
	f.t.Helper()
	var v struct {
		Hash string
		File struct{ Bootstrap []string }
	}
	if err := json.Unmarshal([]byte(f.expect(0, "", "network", "show", f.draft, "--json")), &v); err != nil || len(v.File.Bootstrap) != 2 {
		f.t.Fatalf("%+v, %v", v, err)
	}
	return v.Hash
}

func TestAFoundingCeremony(t *testing.T) {
	f := newFounding(t)
	f.expect(2, "is a draft and founds no network yet", "init", "--home", f.home("early"), "--network", f.draft)
	f.expect(4, "lacks the signatures of a, b", "network", "verify", f.draft)
	f.expect(2, "is also the name of members[0]", "network", "add-member", f.draft, filepath.Join(f.shell.home, "a.card"))
	f.expect(2, "sig of a", "network", "add-member", f.draft, f.keep("bent.card", f.edit(filepath.Join(f.shell.home, "a.card"), `"weight": 1`, `"weight": 2`)))
	f.expect(2, "another peer's id", "network", "card", "a", "--home", f.home("a"), "--address", "/ip4/1.2.3.4/tcp/1/p2p/12D3KooWGRUacfLoHEFyWjzyK6ohjXa6WwGZBGyZ9nqWFKK4yxcY")
	f.expect(2, "name is", "network", "card", "a b", "--home", f.home("a"))
	hash := f.hash()
	f.expect(2, "say --yes", "network", "sign", f.draft, "--home", f.home("a"))
	f.expect(4, "nothing was signed", "network", "sign", f.draft, "--home", f.home("a"), "--hash", intent.Hash{1}.String(), "--yes")
	f.in, f.secret = "n\n", func(string) (string, error) { return "", errors.New("asked for a passphrase") }
	f.expect(1, "nothing was signed", "network", "sign", f.draft, "--home", f.home("a"))
	f.in = "y\n"
	_, sig, shown := f.run("network", "sign", f.draft, "--home", f.home("a"), "--hash", hash)
	for _, want := range []string{hash, "7/10000", "VRF key", "withdrawal", "as ", "weight of 1 of 2", "Go on?"} {
		if !strings.Contains(shown, want) {
			t.Errorf("%q is not shown:\n%s", want, shown)
		}
	}
	f.secret = nil
	a := f.keep("a.sig", sig)
	f.expect(0, "a have signed; b have not", "network", "add-signature", f.draft, a)
	f.expect(4, "b                has not signed it", "network", "verify", f.draft, "--hash", hash)
	f.expect(2, "sign again", "network", "add-member", f.draft, filepath.Join(f.shell.home, "a.card"))
	b := f.keep("b.sig", f.expect(0, `"marks"`, "network", "sign", f.draft, "--home", f.home("b"), "--yes", "--json"))
	f.expect(4, "did not make", "network", "add-signature", f.draft, f.keep("bent.sig", bendMarks(t, f.edit(b))))
	f.expect(0, "all 2 founders have signed", "network", "add-signature", f.draft, b)
	var v verified
	if err := json.Unmarshal([]byte(f.expect(0, "", "network", "verify", f.draft, "--signed", "--json")), &v); err != nil || v.Draft || len(v.Signed) != 2 || len(v.Missing) != 0 || v.Hash != hash {
		t.Errorf("%+v, %v", v, err)
	}
	f.expect(0, "All 2 founders have signed", "init", "--home", f.home("stranger"), "--network", f.draft)
	changed := f.keep("changed.json", f.edit(f.draft, `"fee_bps": 7`, `"fee_bps": 8`))
	f.expect(4, "changed since it was signed: fee_bps", "network", "verify", changed)
	f.expect(2, "changed since it was signed: fee_bps", "init", "--home", f.home("fooled"), "--network", changed)
	f.expect(2, "is no member's", "network", "sign", f.draft, "--home", f.home("stranger"), "--yes")
}

// bendMarks turns the first digit of a signature's marks into another.
func bendMarks(t *testing.T, text string) string {
	t.Helper()
	before, after, ok := strings.Cut(text, `"marks": "`)
	if !ok {
		t.Fatal(text)
	}
	digit := "0"
	if after[0] == '0' {
		digit = "1"
	}
	return before + `"marks": "` + digit + after[1:]
}

// TestAnUnsignedFileCanBeAskedFor signatures: --signed refuses what verify lets pass by itself.
func TestAnUnsignedFileCanBeAskedFor(t *testing.T) {
	s := newShell(t)
	file := s.networkFile()
	s.expect(0, "has not signed it", "network", "verify", file)
	s.expect(4, "lacks the signatures of a, b", "network", "verify", file, "--signed")
	s.expect(0, "No founder has signed", "init", "--home", filepath.Join(s.home, "node"), "--network", file)
}
