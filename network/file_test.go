package network

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/ipld/go-ipld-prime/codec/dagcbor"
	"github.com/ipld/go-ipld-prime/node/basicnode"
	"pgregory.net/rapid"

	"github.com/phantom-paradox/paradox/intent"
)

var update = flag.Bool("update", false, "write the golden vectors anew")

// golden is docs/spec/vectors/network.json: a file and everything that is derived from it.
type golden struct {
	File      json.RawMessage `json:"file"`
	Rest      string          `json:"rest"`
	RestHash  string          `json:"rest_hash"`
	Threshold uint32          `json:"threshold"`
	Hash      intent.Hash     `json:"hash"`
	HashHex   string          `json:"hash_hex"`
	Prefix    string          `json:"prefix"`
}

const goldenPath = "../docs/spec/vectors/network.json"

func hexOf(b []byte) string {
	const digits = "0123456789abcdef"
	var s strings.Builder
	for _, c := range b {
		s.WriteByte(digits[c>>4])
		s.WriteByte(digits[c&15])
	}
	return s.String()
}

func TestGoldenVectors(t *testing.T) {
	f := example()
	g := golden{File: f.JSON(), Rest: hexOf(f.Rest()), RestHash: f.RestHash().Hex(), Threshold: f.Threshold(),
		Hash: f.Hash(), HashHex: f.Hash().Hex(), Prefix: f.Prefix()}
	want, err := json.MarshalIndent(g, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, '\n')
	if *update {
		if err := os.MkdirAll("../docs/spec/vectors", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(goldenPath, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(goldenPath)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("%s differs from what the code makes; a change of it founds other networks:\n%s", goldenPath, want)
	}
	var back golden
	if err := json.Unmarshal(got, &back); err != nil {
		t.Fatal(err)
	}
	parsed, err := Parse(back.File)
	if err != nil {
		t.Fatal(err)
	}
	if parsed.Hash() != back.Hash || !reflect.DeepEqual(parsed, f) {
		t.Errorf("the file of the vectors does not parse to itself")
	}
}

func TestHashIsTheFormula(t *testing.T) {
	f := example()
	if got, want := f.Hash(), layout(f, f.Rest()); got != want {
		t.Errorf("hash %x, want %x", got, want)
	}
	if f.Threshold() != 6 { // weights 1 to 4
		t.Errorf("threshold %d, want 6", f.Threshold())
	}
	if got, want := f.Prefix(), "/paradox/paradox-vectors-1/"+f.Hash().Hex()[:16]; got != want {
		t.Errorf("prefix %s, want %s", got, want)
	}
}

func TestRestIsDagCBOR(t *testing.T) {
	rest := example().Rest()
	nb := basicnode.Prototype.Any.NewBuilder()
	if err := (dagcbor.DecodeOptions{AllowLinks: true}).Decode(nb, bytes.NewReader(rest)); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := dagcbor.Encode(nb.Build(), &b); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b.Bytes(), rest) {
		t.Errorf("go-ipld-prime encodes\n%x\nwe\n%x", b.Bytes(), rest)
	}
}

// TestHashCovers changes each field by reflection: only bootstrap and rpc may leave the hash alone.
func TestHashCovers(t *testing.T) {
	base := example().Hash()
	paths := 0
	var walk func(path string, v reflect.Value, f *File)
	walk = func(path string, v reflect.Value, f *File) {
		switch v.Kind() {
		case reflect.Struct:
			for i := range v.NumField() {
				walk(path+"."+v.Type().Field(i).Name, v.Field(i), f)
			}
			return
		case reflect.Slice:
			for i := range v.Len() {
				walk(path+"[]", v.Index(i), f)
			}
			return
		case reflect.Array:
			old := v.Index(7).Uint()
			v.Index(7).SetUint(old ^ 1)
			defer func() { v.Index(7).SetUint(old) }()
		case reflect.String:
			old := v.String()
			v.SetString(old + "x")
			defer v.SetString(old)
		case reflect.Int, reflect.Int64:
			old := v.Int()
			v.SetInt(old + 1)
			defer v.SetInt(old)
		default:
			old := v.Uint()
			v.SetUint(old + 1)
			defer v.SetUint(old)
		}
		paths++
		if f.Hash() == base {
			t.Errorf("%s is not in the hash", path)
		}
	}
	f := example()
	walk("File", reflect.ValueOf(f).Elem(), f)
	if paths < 40 {
		t.Errorf("walked only %d fields", paths)
	}
	f.Bootstrap, f.RPC = []string{"/ip4/1.2.3.4/tcp/4001/p2p/12D3"}, []string{"https://rpc.example"}
	if f.Hash() != base {
		t.Error("bootstrap and rpc are in the hash")
	}
}

func TestJSONRoundTrip(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		f := example()
		f.Members = f.Members[:rapid.IntRange(1, 4).Draw(r, "members")]
		for i := range f.Members {
			f.Members[i].Weight = rapid.Uint16Range(1, 65535).Draw(r, "weight")
		}
		f.FeeBps = rapid.Uint64Range(0, MaxFeeBps).Draw(r, "fee")
		f.Params.MaxIntents = rapid.IntRange(f.Params.MinIntents, MaxIntents).Draw(r, "max_intents")
		f.Time = rapid.Int64Range(1, MaxTime).Draw(r, "time")
		f.Name = rapid.StringMatching(`[a-z0-9-]{3,32}`).Draw(r, "name")
		b := f.JSON()
		back, err := Parse(b)
		if err != nil {
			r.Fatal(err)
		}
		if !reflect.DeepEqual(back, f) || !bytes.Equal(back.JSON(), b) || back.Hash() != f.Hash() {
			r.Fatalf("%s\ncame back as\n%s", b, back.JSON())
		}
	})
}

func TestIntents(t *testing.T) {
	f := example()
	n := f.Intents()
	if n.Name != f.Name || n.Hash != f.Hash() || n.FeeBps != 10 || n.MaxAge != f.MaxAge || len(n.Mints) != 2 {
		t.Errorf("%+v", n)
	}
	n.Mints[0].Symbol = "X"
	if f.Mints[0].Symbol != "USDC" {
		t.Error("the mints are shared")
	}
}

func TestQuorum(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		members := make([]Member, rapid.IntRange(1, MaxMembers).Draw(r, "n"))
		for i := range members {
			members[i].Weight = rapid.Uint16Range(1, 65535).Draw(r, "weight")
		}
		total := Total(members)
		w := rapid.Uint32Range(0, total).Draw(r, "w")
		if got, want := Quorum(w, members), 3*uint64(w) > 2*uint64(total); got != want {
			r.Errorf("Quorum(%d of %d) = %v", w, total, got)
		}
		if got, want := Third(w, members), 3*uint64(w) > uint64(total); got != want {
			r.Errorf("Third(%d of %d) = %v", w, total, got)
		}
		if !Quorum(total, members) {
			r.Error("all of them are no quorum")
		}
	})
}

func TestErrorsAreTyped(t *testing.T) {
	f := example()
	f.FeeBps = MaxFeeBps + 1
	_, err := Parse(f.JSON())
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Field != "fee_bps" || e.Remedy == "" {
		t.Fatalf("%v", err)
	}
}
