package traffic

import (
	"strings"
	"testing"

	"github.com/phantom-paradox/paradox/intent"
)

const exampleFile = `# a small market
{"kind":"pay","from":"trader1","to":"trader2","mint":"USD","amount":250,"memo":"hello"}
{"label":"sword","kind":"issue","from":"trader1","to":"trader1","item":"sword"}
{"label":"offer","kind":"ask","from":"trader1","item":"sword","mint":"USD","amount":90}
{"kind":"buy","from":"trader3","ask":"offer"}
{"label":"goods","kind":"ask","from":"trader2","item":"GEM","quantity":3,"mint":"USD","amount":7,"expect":"dropped:cancelled"}
{"kind":"cancel","from":"trader2","cancel":"goods"}
{"label":"phone","kind":"session","from":"trader4","mint":"USD","max_volume":1000,"actions":["pay"]}
{"kind":"pay","from":"trader4","session":"phone","to":"trader1","mint":"USD","amount":5}
{"kind":"revoke","from":"trader4","session":"phone"}
{"kind":"pay","from":"stuck1","to":"trader1","mint":"USD","amount":5,"life":5,"expect":"dropped:expired"}
{"kind":"pay","from":"stranger","to":"trader1","mint":"USD","amount":5,"expect":"refused:no_entry"}
`

func TestFile(t *testing.T) {
	cfg := generator(t, 1, 10, 12).cfg
	f, err := ParseFile([]byte(exampleFile), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if f.Len() != 11 {
		t.Fatalf("%d intents", f.Len())
	}
	var steps []*Step
	for s := f.Next(-1); s != nil; s = f.Next(-1) {
		steps = append(steps, s)
	}
	signed := sign(t, cfg.Network, steps)
	for n, s := range steps {
		if err := signed[n].Check(cfg.Network); err != nil {
			t.Errorf("line of step %d: %v", n, err)
		}
		if err := signed[n].Verify(cfg.Network); err != nil {
			t.Errorf("line of step %d: %v", n, err)
		}
		if s.Index != n {
			t.Errorf("step %d has index %d", n, s.Index)
		}
	}
	if ask, err := signed[2].ID(cfg.Network); err != nil || *signed[3].Ask != ask || signed[3].Amount != 90 {
		t.Errorf("the buy does not buy the ask: %+v", signed[3])
	}
	if signed[5].Nonce != signed[4].Nonce {
		t.Error("the cancel cancels another nonce")
	}
	if signed[7].Signer == nil || *signed[7].Signer != *signed[6].To || *signed[8].To != *signed[6].To {
		t.Error("the session's key is not one key")
	}
}

func TestFileRefuses(t *testing.T) {
	cfg := generator(t, 1, 10, 12).cfg
	for name, c := range map[string]struct{ text, says string }{
		"no JSON":         {"pay", "line 1: is no intent"},
		"unknown field":   {`{"kind":"pay","form":"trader1"}`, `"form"`},
		"unknown wallet":  {"\n" + `{"kind":"pay","from":"trader99"}`, `line 2: from: "trader99"`},
		"unknown kind":    {`{"kind":"gift","from":"trader1"}`, "kind"},
		"unknown payee":   {`{"kind":"pay","from":"trader1","to":"bob"}`, "to"},
		"unknown mint":    {`{"kind":"pay","from":"trader1","mint":"EUR"}`, "mint"},
		"unknown ask":     {`{"kind":"buy","from":"trader1","ask":"x"}`, "ask"},
		"unknown session": {`{"kind":"pay","from":"trader1","session":"x"}`, "session"},
		"unknown cancel":  {`{"kind":"cancel","from":"trader1","cancel":"x"}`, "cancel"},
		"no such end":     {`{"kind":"pay","from":"trader1","expect":"lost"}`, "expect"},
		"a code missing":  {`{"kind":"pay","from":"trader1","expect":"refused:"}`, "expect"},
		"label twice":     {`{"label":"a","kind":"pay","from":"trader1"}` + "\n" + `{"label":"a","kind":"pay","from":"trader1"}`, "line 2: label"},
		"two on a line":   {`{"kind":"pay","from":"trader1"}{}`, "line of its own"},
		"nameless":        {`{"kind":"session","from":"trader1"}`, "label"},
		"long":            {`{"memo":"` + strings.Repeat("x", maxFileLine), "longer than"},
	} {
		if _, err := ParseFile([]byte(c.text), cfg); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: want an error that says %q, got %v", name, c.says, err)
		}
	}
	if _, err := OpenFile("/nowhere/at/all", cfg); err == nil || !strings.Contains(err.Error(), "/nowhere/at/all") {
		t.Errorf("%v", err)
	}
}

func FuzzFile(f *testing.F) {
	f.Add([]byte(exampleFile))
	cfg := generator(f, 1, 10, 12).cfg
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := ParseFile(b, cfg)
		if err != nil {
			return
		}
		asks := map[int]intent.ID{}
		for s := file.Next(-1); s != nil; s = file.Next(-1) {
			if signed, err := s.Sign(cfg.Network, 1_800_000_000, asks[s.AskOf]); err == nil {
				if id, err := signed.ID(cfg.Network); err == nil {
					asks[s.Index] = id
				}
			}
		}
	})
}
