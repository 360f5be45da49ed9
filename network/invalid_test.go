package network

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/phantom-paradox/paradox/intent"
)

// TestValidateNamesField bends one field of a valid file a case.
func TestValidateNamesField(t *testing.T) {
	small := intent.Key{1} // the identity
	for _, c := range []struct {
		field string
		bend  func(f *File)
	}{
		{"version", func(f *File) { f.Version = 2 }},
		{"name", func(f *File) { f.Name = "ab" }},
		{"name", func(f *File) { f.Name = strings.Repeat("a", 33) }},
		{"name", func(f *File) { f.Name = "Paradox" }},
		{"name", func(f *File) { f.Name = "para/dox" }},
		{"program_id", func(f *File) { f.ProgramID = intent.Key{} }},
		{"code_hash", func(f *File) { f.CodeHash = intent.Hash{} }},
		{"cluster", func(f *File) { f.Cluster = intent.Hash{} }},
		{"fee_owner", func(f *File) { f.FeeOwner = intent.Key{} }},
		{"members", func(f *File) { f.Members = nil }},
		{"members", func(f *File) { f.Members = make([]Member, MaxMembers+1) }},
		{"members[0].name", func(f *File) { f.Members[0].Name = "" }},
		{"members[0].name", func(f *File) { f.Members[0].Name = "a b" }},
		{"members[2].name", func(f *File) { f.Members[2].Name = f.Members[1].Name }},
		{"members[1].key", func(f *File) { f.Members[1].Key = small }},
		{"members[1].key", func(f *File) { f.Members[1].Key = intent.Key{} }},
		{"members[1].key", func(f *File) { f.Members[1].Key = intent.Key{2} }},
		{"members[3].key", func(f *File) { f.Members[3].Key = f.Members[0].Key }},
		{"members[3].vrf", func(f *File) { f.Members[3].VRF = f.Members[0].VRF }},
		{"members[1].vrf", func(f *File) { f.Members[1].VRF = VRFKey{} }},
		{"members[1].vrf", func(f *File) { f.Members[1].VRF[0] = 4 }},
		{"members[1].vrf", func(f *File) { f.Members[1].VRF = offCurve() }},
		{"members[1].weight", func(f *File) { f.Members[1].Weight = 0 }},
		{"withdraw_delay", func(f *File) { f.WithdrawDelay = MinSlots - 1 }},
		{"withdraw_delay", func(f *File) { f.WithdrawDelay = MaxSlots + 1 }},
		{"drop_time", func(f *File) { f.DropTime = 0 }},
		{"fee_bps", func(f *File) { f.FeeBps = 10_001 }},
		{"max_age.default", func(f *File) { f.MaxAge.Default = 0 }},
		{"max_age.ask", func(f *File) { f.MaxAge.Ask = -1 }},
		{"max_age.session", func(f *File) { f.MaxAge.Session = MaxLife + 1 }},
		{"time", func(f *File) { f.Time = 0 }},
		{"mints", func(f *File) { f.Mints = nil }},
		{"mints", func(f *File) { f.Mints = make([]intent.Mint, MaxMints+1) }},
		{"mints[0].mint", func(f *File) { f.Mints[0].Mint = intent.Key{} }},
		{"mints[1].mint", func(f *File) { f.Mints[1].Mint = f.Mints[0].Mint }},
		{"mints[1].symbol", func(f *File) { f.Mints[1].Symbol = f.Mints[0].Symbol }},
		{"mints[1].symbol", func(f *File) { f.Mints[1].Symbol = "" }},
		{"mints[1].symbol", func(f *File) { f.Mints[1].Symbol = "A)" }},
		{"mints[1].symbol", func(f *File) { f.Mints[1].Symbol = "ABCDEFGHIJK" }},
		{"mints[0].decimals", func(f *File) { f.Mints[0].Decimals = 19 }},
		{"params.min_intents", func(f *File) { f.Params.MinIntents = 0 }},
		{"params.max_intents", func(f *File) { f.Params.MaxIntents = MaxIntents + 1 }},
		{"params.max_intents", func(f *File) { f.Params.MinIntents = 20_000 }},
		{"params.max_batch_bytes", func(f *File) { f.Params.MaxBatchBytes = MaxBatchBytes + 1 }},
		{"params.max_batch_bytes", func(f *File) { f.Params.MaxBatchBytes = 1 }},
		{"params.tick_ms", func(f *File) { f.Params.Tick = 0 }},
		{"params.max_wait_ms", func(f *File) { f.Params.MaxWait = f.Params.Tick - 1 }},
		{"params.bundle_age_ms", func(f *File) { f.Params.BundleAge = -1 }},
		{"params.view_timeout_ms", func(f *File) { f.Params.ViewTimeout = MaxMillis + 1 }},
		{"params.view_timeout_max_ms", func(f *File) { f.Params.ViewTimeoutMax = 1 }},
		{"params.takeover_delay_ms", func(f *File) { f.Params.TakeoverDelay = 0 }},
		{"params.cut_margin_slots", func(f *File) { f.Params.CutMargin = 1 << 40 }},
		{"params.max_wallets", func(f *File) { f.Params.MaxWallets = MaxWallets + 1 }},
		{"params.max_items", func(f *File) { f.Params.MaxItems = 0 }},
		{"bootstrap", func(f *File) { f.Bootstrap = make([]string, 65) }},
		{"bootstrap[0]", func(f *File) { f.Bootstrap = []string{"1.2.3.4:4001"} }},
		{"bootstrap[1]", func(f *File) { f.Bootstrap = []string{"/ip4/1.2.3.4/tcp/1/p2p/12D3", "/ip4/1.2.3.4/tcp/1"} }},
		{"rpc", func(f *File) { f.RPC = make([]string, 65) }},
		{"rpc[0]", func(f *File) { f.RPC = []string{"ftp://x"} }},
	} {
		f := example()
		c.bend(f)
		err := f.Validate()
		e, ok := errors.AsType[*Error](err)
		if !ok || e.Field != c.field || e.Problem == "" || e.Remedy == "" {
			t.Errorf("%v; want a fault of %s", err, c.field)
		}
	}
	for _, p := range []Params{DefaultParams(), LocalParams()} {
		if err := p.Validate(); err != nil {
			t.Error(err)
		}
	}
}

// offCurve is an x of P-256 for which there is no y.
func offCurve() VRFKey {
	for x := byte(1); ; x++ {
		k := VRFKey{0: 2, 32: x}
		if !k.OnCurve() {
			return k
		}
	}
}

// TestParseRefuses: texts that are no network file, or that two readers could read in two ways.
func TestParseRefuses(t *testing.T) {
	good := string(example().JSON())
	if _, err := Parse([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, text, says string }{
		{"empty", "", "network file"},
		{"not JSON", "name = 1", "network file"},
		{"a list", "[]", "not a JSON object"},
		{"cut short", good[:len(good)/2], "network file"},
		{"two files", good + good, "follows"},
		{"an unknown field", strings.Replace(good, `"name"`, `"agent": 1, "name"`, 1), "agent"},
		{"a field twice", strings.Replace(good, `"name"`, `"version": 1, "name"`, 1), "twice"},
		{"a field twice deep down", strings.Replace(good, `"tick_ms"`, `"max_items": 1, "tick_ms"`, 1), "twice"},
		{"a field in capitals", strings.Replace(good, `"name"`, `"Name"`, 1), "not a field"},
		{"null", strings.Replace(good, `"paradox-vectors-1"`, `null`, 1), "null"},
		{"a wrong type", strings.Replace(good, `"paradox-vectors-1"`, `5`, 1), "name is a JSON number"},
		{"a fraction", strings.Replace(good, `9000`, `9000.5`, 1), "withdraw_delay"},
		{"a negative", strings.Replace(good, `9000`, `-1`, 1), "withdraw_delay"},
		{"a weight that overflows", strings.Replace(good, `"weight": 1`, `"weight": 65537`, 1), "weight"},
		{"a wrong key", strings.Replace(good, example().ProgramID.String(), `abc`, 1), "abc"},
		{"a wrong VRF key", strings.Replace(good, example().Members[0].VRF.String(), `03`, 1), "VRF"},
		{"too deep", strings.Repeat(`{"a":`, 20) + "1" + strings.Repeat("}", 20), "deep"},
		{"too long", good + strings.Repeat(" ", MaxFileBytes), "longest"},
	} {
		_, err := Parse([]byte(c.text))
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v; want something about %q", c.name, err, c.says)
		}
	}
}

func TestVRFKeyText(t *testing.T) {
	k := vrf(7)
	if back, err := ParseVRFKey(k.String()); err != nil || back != k {
		t.Errorf("%s: %v", back, err)
	}
	for _, s := range []string{"", "02", strings.ToUpper(k.String()), k.String() + "00", strings.Repeat("zz", 33)} {
		if _, err := ParseVRFKey(s); !errors.Is(err, ErrVRFKey) {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func TestFind(t *testing.T) {
	f := example()
	if Find(f.Members, key(3)) != 2 || Find(f.Members, key(0x20)) != -1 {
		t.Error("members are not found by their keys")
	}
}

func FuzzParse(f *testing.F) {
	f.Add(example().JSON())
	local := example()
	local.Params = LocalParams()
	local.Bootstrap = []string{"/ip4/127.0.0.1/tcp/4001/p2p/12D3KooW"}
	local.RPC = []string{"http://127.0.0.1:8899"}
	f.Add(local.JSON())
	f.Add([]byte(`{"version":1,"members":[{}]}`))
	f.Add([]byte(`{"a":{"a":{"a":[[[[[[1]]]]]]}}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := Parse(b)
		if err != nil {
			return
		}
		js := file.JSON()
		again, err := Parse(js)
		if err != nil || again.Hash() != file.Hash() || string(again.JSON()) != string(js) {
			t.Fatalf("%s\nis not stable: %v", js, err)
		}
	})
}

func BenchmarkHash(b *testing.B) {
	f := example()
	b.ReportAllocs()
	for b.Loop() {
		f.Hash()
	}
}

// TestLargest: a file that uses every bound to the full fits MaxFileBytes and parses.
func TestLargest(t *testing.T) {
	f := example()
	f.Members, f.Mints = nil, nil
	for i := range MaxMembers {
		f.Members = append(f.Members, Member{Name: strings.Repeat("m", 30) + fmt.Sprintf("%02d", i), Key: key(byte(i)),
			VRF: vrf(int64(i + 1)), Weight: 65535})
	}
	for i := range MaxMints {
		f.Mints = append(f.Mints, intent.Mint{Mint: key(byte(100 + i)), Symbol: fmt.Sprintf("SYMBOL%04d", i), Decimals: 18})
	}
	for i := range maxAddresses {
		f.Bootstrap = append(f.Bootstrap, "/dns4/"+strings.Repeat("b", 480)+"/p2p/"+fmt.Sprint(i))
		f.RPC = append(f.RPC, "https://"+strings.Repeat("r", 480)+fmt.Sprint(i))
	}
	f.Params.MaxIntents, f.Params.MaxBatchBytes = MaxIntents, MaxBatchBytes
	b := f.JSON()
	if !json.Valid(b) {
		t.Fatal("no JSON")
	}
	if _, err := Parse(b); err != nil {
		t.Fatalf("%d bytes: %v", len(b), err)
	}
	if got, want := f.Threshold(), uint32(2*21*65535/3); got != want {
		t.Errorf("threshold %d, want %d", got, want)
	}
}
