package network

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/phantom-paradox/paradox/intent"
)

const foundingPath = "../docs/spec/vectors/founding.json"

// founder is the private half of key(seed).
func founder(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
}

const exampleAddress = "/ip4/203.0.113.7/tcp/4001/p2p/12D3KooWGRUacfLoHEFyWjzyK6ohjXa6WwGZBGyZ9nqWFKK4yxcY"

func exampleCard(t testing.TB) *Card {
	t.Helper()
	c, err := NewCard(founder(1), example().Members[0], []string{exampleAddress})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestFoundingVectors: the bytes of cards and of founders' signatures, which are written out again here.
func TestFoundingVectors(t *testing.T) {
	f, c := example(), exampleCard(t)
	s := f.Sign(founder(2))
	g := struct {
		Card           json.RawMessage `json:"card"`
		CardBytes      string          `json:"card_bytes"`
		Network        intent.Hash     `json:"network"` // of the file of network.json
		Signature      json.RawMessage `json:"signature"`
		SignatureBytes string          `json:"signature_bytes"`
	}{c.JSON(), hex.EncodeToString(c.bytes()), f.Hash(), s.JSON(), hex.EncodeToString(s.bytes())}
	want, err := json.MarshalIndent(g, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, '\n')
	if *update {
		if err := os.WriteFile(foundingPath, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(foundingPath); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s differs from what the code makes (%v):\n%s", foundingPath, err, want)
	}

	m := f.Members[0]
	card := slices.Concat([]byte("paradox/card/1"), m.Key[:], m.VRF[:], []byte{1, 0, 5}, []byte("alice"), []byte{1},
		binary.LittleEndian.AppendUint16(nil, uint16(len(exampleAddress))), []byte(exampleAddress))
	if !bytes.Equal(c.bytes(), card) || !intent.VerifySignature(c.Key, card, c.Sig) {
		t.Error("a card's bytes are not those of docs/spec/founding.md")
	}
	h := f.Hash()
	signed := append([]byte("paradox/founding/1"), h[:]...)
	var compact bytes.Buffer
	if err := json.Compact(&compact, f.JSON()); err != nil {
		t.Fatal(err)
	}
	var values map[string]json.RawMessage
	if err := json.Unmarshal(compact.Bytes(), &values); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"version", "name", "program_id", "code_hash", "cluster", "members", "withdraw_delay", "drop_time", "fee_owner", "fee_bps", "mints", "max_age", "time", "params"} {
		sum := sha256.Sum256(values[name])
		signed = append(signed, sum[:8]...)
		delete(values, name)
	}
	if len(values) != 0 || !bytes.Equal(s.bytes(), signed) || !intent.VerifySignature(s.Key, signed, s.Sig) {
		t.Errorf("a signature's bytes are not those of docs/spec/founding.md; besides there is %v", values)
	}
}

// ceremony is the example founded anew: cards into a draft, then signatures of some.
func ceremony(t *testing.T, signers int) *File {
	t.Helper()
	whole := example()
	f := example()
	f.Members = []Member{}
	for i := range whole.Members {
		c, err := NewCard(founder(byte(i+1)), whole.Members[i], nil)
		if err != nil {
			t.Fatal(err)
		}
		back, err := ParseCard(c.JSON())
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Add(back); err != nil {
			t.Fatal(err)
		}
	}
	for i := range signers {
		s, err := ParseSignature(f.Sign(founder(byte(i + 1))).JSON())
		if err != nil {
			t.Fatal(err)
		}
		if err := f.AddSignature(s); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

func TestCeremony(t *testing.T) {
	for n, missing := range map[int]string{0: "alice, bob, carol, dave", 1: "bob, carol, dave", 3: "dave", 4: ""} {
		f := ceremony(t, n)
		if f.Hash() != example().Hash() {
			t.Fatal("signatures or the ceremony are in the hash")
		}
		signed, without, err := f.Founders()
		if err != nil || len(signed) != n || strings.Join(without, ", ") != missing {
			t.Errorf("%d: %v, %v, %v", n, signed, without, err)
		}
		err = f.CheckFounders()
		if (err == nil) != (n == 0 || n == 4) || err != nil && !strings.Contains(err.Error(), "lacks that of "+missing+";") {
			t.Errorf("%d: %v", n, err)
		}
		back, err := Parse(f.JSON())
		if err != nil || string(back.JSON()) != string(f.JSON()) {
			t.Errorf("%d: %v", n, err)
		}
	}
	f := ceremony(t, 4)
	if err := f.AddSignature(f.Sign(founder(2))); err != nil || len(f.Signatures) != 4 {
		t.Errorf("once more: %v, %d", err, len(f.Signatures))
	}
	late, err := NewCard(founder(9), Member{Name: "erin", VRF: vrf(9), Weight: 1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Add(late); err == nil || !strings.Contains(err.Error(), "sign again") {
		t.Errorf("a member after signatures: %v", err)
	}
	f.Signatures = nil
	if err := f.Add(exampleCard(t)); err == nil || !strings.Contains(err.Error(), "members[0]") || len(f.Members) != 4 {
		t.Errorf("a member twice: %v", err)
	}
}

// TestTamperingIsNamed bends each field that the hash covers after all have signed, and the signatures themselves.
func TestTamperingIsNamed(t *testing.T) {
	bends := map[string]func(*File){
		"name": func(f *File) { f.Name = "another" }, "program_id": func(f *File) { f.ProgramID[0]++ }, "code_hash": func(f *File) { f.CodeHash[0]++ },
		"cluster": func(f *File) { f.Cluster[0]++ }, "members": func(f *File) { f.Members[3].Weight++ }, "withdraw_delay": func(f *File) { f.WithdrawDelay++ },
		"drop_time": func(f *File) { f.DropTime++ }, "fee_owner": func(f *File) { f.FeeOwner = key(0x44) }, "fee_bps": func(f *File) { f.FeeBps++ },
		"mints": func(f *File) { f.Mints[1].Decimals++ }, "max_age": func(f *File) { f.MaxAge.Ask++ }, "time": func(f *File) { f.Time++ },
		"params": func(f *File) { f.Params.MaxItems-- },
	}
	if len(bends) != fieldCount-1 { // of version there is only one
		t.Fatalf("%d fields are bent", len(bends))
	}
	for name, bend := range bends {
		f := ceremony(t, 4)
		bend(f)
		err := f.CheckFounders()
		if e, ok := errors.AsType[*Error](err); !ok || !strings.Contains(e.Problem, "signed: "+name) || e.Remedy == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	for says, bend := range map[string]func(*File){
		"alice (":               func(f *File) { f.Signatures[0].Sig[0]++ },
		"did not make":          func(f *File) { f.Signatures[0].Marks[0][0]++ },
		"changed or damaged":    func(f *File) { f.Signatures[0].Network[0]++ },
		"carol (":               func(f *File) { f.Signatures[2].Sig[9]++ },
		"who is no member":      func(f *File) { f.Signatures[1] = *f.Sign(founder(0x55)) },
		"other marks than this": func(f *File) { other := example(); other.Time++; f.Signatures[0] = *signWith(f, other.Marks()) },
		"every field":           func(f *File) { f.Signatures[0] = *signWith(&File{Members: f.Members, Name: "x"}, Marks{}) },
		"lacks that of dave":    func(f *File) { f.Signatures = f.Signatures[:3] },
	} {
		f := ceremony(t, 4)
		bend(f)
		if err := f.CheckFounders(); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v; want something about %q", err, says)
		}
	}
	twice := ceremony(t, 2)
	twice.Signatures[1] = twice.Signatures[0]
	if _, err := Parse(twice.JSON()); err == nil || !strings.Contains(err.Error(), "signatures[1].key") {
		t.Errorf("twice: %v", err)
	}
	for range MaxMembers {
		twice.Signatures = append(twice.Signatures, twice.Signatures[0])
	}
	if _, err := Parse(twice.JSON()); err == nil || !strings.Contains(err.Error(), "at most 21") {
		t.Errorf("too many: %v", err)
	}
}

// signWith is alice's signature with marks of her own choice.
func signWith(f *File, m Marks) *Signature {
	s := &Signature{Network: f.Hash(), Key: key(1), Marks: m}
	copy(s.Sig[:], ed25519.Sign(founder(1), s.bytes()))
	return s
}

func TestCardsAreChecked(t *testing.T) {
	good := string(exampleCard(t).JSON())
	for _, c := range []struct{ name, text, says string }{
		{"another name", strings.Replace(good, "alice", "mallory", 1), "sig of mallory"},
		{"another weight", strings.Replace(good, `"weight": 1`, `"weight": 9`, 1), "was changed"},
		{"another address", strings.Replace(good, "203.0.113.7", "203.0.113.8", 1), "was changed"},
		{"no address", strings.Replace(good, "/p2p/", "/q2q/", 1), "addresses[0]"},
		{"a bad name", strings.Replace(good, "alice", "a b", 1), "name is"},
		{"an unknown field", strings.Replace(good, `"name"`, `"admin": 1, "name"`, 1), "admin"},
		{"a network file", string(example().JSON()), "member card"},
		{"empty", "", "right file"},
		{"too long", good + strings.Repeat(" ", maxCardBytes), "longest"},
	} {
		if _, err := ParseCard([]byte(c.text)); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v; want something about %q", c.name, err, c.says)
		}
	}
	if _, err := NewCard(founder(1), example().Members[0], make([]string, maxCardAddresses+1)); err == nil || !strings.Contains(err.Error(), "at most 4") {
		t.Errorf("%v", err)
	}
	if _, err := ParseSignature(make([]byte, maxSignatureBytes+1)); err == nil || !strings.Contains(err.Error(), "longest") {
		t.Errorf("%v", err)
	}
	if _, err := ParseSignature([]byte(`{"marks":"00"}`)); err == nil || !strings.Contains(err.Error(), "224") {
		t.Errorf("%v", err)
	}
}

// TestDrafts: a file that says so founds nothing, whatever else is in it.
func TestDrafts(t *testing.T) {
	f := example()
	f.Members = []Member{}
	for name, b := range map[string][]byte{"draft": f.DraftJSON("do <this>"), "template": f.TemplateJSON("do <this>")} {
		_, err := Parse(b)
		if e, ok := errors.AsType[*Error](err); !ok || e.Field != name || e.Remedy != "do <this>" {
			t.Errorf("%s: %v", name, err)
		}
		back, err := ParseTemplate(b)
		if err != nil || string(back.JSON()) != string(f.JSON()) || back.ValidateDraft() != nil || back.Validate() == nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, says, err := ParseDraft(b); (name == "draft") != (err == nil && says == "do <this>") {
			t.Errorf("%s: %q %v", name, says, err)
		}
	}
	if _, says, err := ParseDraft(example().JSON()); err != nil || says != "" {
		t.Errorf("%q %v", says, err)
	}
	empty := example()
	empty.Members = nil
	if _, _, err := ParseDraft([]byte(strings.Replace(string(empty.JSON()), `"members": null`, `"members": []`, 1))); err == nil {
		t.Error("no draft, and no members")
	}
	if _, _, err := ParseDraft([]byte(`{"draft":"x","draft":"y"}`)); err == nil {
		t.Error("a name stands twice")
	}
}

func FuzzParseCard(f *testing.F) {
	f.Add(exampleCard(f).JSON())
	f.Add([]byte(`{"name":"a","weight":1}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ParseCard(b)
		if err != nil {
			return
		}
		if again, err := ParseCard(c.JSON()); err != nil || !bytes.Equal(again.bytes(), c.bytes()) {
			t.Fatalf("%s\nis not stable: %v", c.JSON(), err)
		}
	})
}

func FuzzParseSignature(f *testing.F) {
	f.Add(example().Sign(founder(1)).JSON())
	f.Add([]byte(`{"marks":"00"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := ParseSignature(b)
		if err != nil {
			return
		}
		file := example()
		if file.AddSignature(s) == nil && (Find(file.Members, s.Key) < 0 || s.Network != file.Hash()) {
			t.Fatalf("%s was taken in", b)
		}
		if again, err := ParseSignature(s.JSON()); err != nil || *again != *s {
			t.Fatalf("%s\nis not stable: %v", s.JSON(), err)
		}
	})
}
