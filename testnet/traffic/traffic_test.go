package traffic

import (
	"crypto/sha256"
	"errors"
	"reflect"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/netting"
)

const opening = 1_000_000

func testNetwork(feeBps uint64) *intent.Network {
	return &intent.Network{
		Name: "traffic-test", Hash: intent.Hash{9}, FeeBps: feeBps,
		Mints:  []intent.Mint{{Mint: intent.Key{1}, Symbol: "USD", Decimals: 6}, {Mint: intent.Key{2}, Symbol: "GEM"}},
		MaxAge: intent.MaxAge{Default: 3600, Ask: 7 * 86400, Session: 30 * 86400},
	}
}

func generator(t testing.TB, seed, feeBps uint64, traders int) *Generator {
	t.Helper()
	cfg := Config{Seed: seed, Run: "a", Network: testNetwork(feeBps), Cast: NewCast([32]byte{7}, traders), Opening: map[Account]uint64{}}
	for _, w := range cfg.Cast.Funded() {
		for _, m := range cfg.Network.Mints {
			cfg.Opening[Account{w.Public(), m.Mint}] = opening
		}
	}
	g, err := NewGenerator(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func stream(g *Generator, intents int) []*Step {
	var out []*Step
	for left := intents; left > 0 || g.Unfinished(); {
		s := g.Next(left)
		if s.Deposit == nil {
			left--
		}
		out = append(out, s)
	}
	return out
}

// sign signs every step at one moment, as a launcher would over time.
func sign(t testing.TB, n *intent.Network, steps []*Step) map[int]*intent.Signed {
	t.Helper()
	const now = 1_800_000_000
	signed := map[int]*intent.Signed{}
	for _, s := range steps {
		if s.Deposit != nil {
			continue
		}
		var ask intent.ID
		if s.AskOf >= 0 {
			var err error
			if ask, err = signed[s.AskOf].ID(n); err != nil {
				t.Fatal(err)
			}
		}
		var err error
		if signed[s.Index], err = s.Sign(n, now, ask); err != nil {
			t.Fatal(err)
		}
	}
	return signed
}

func TestSameSeedSameStream(t *testing.T) {
	a, b, c := stream(generator(t, 1, 10, 20), 500), stream(generator(t, 1, 10, 20), 500), stream(generator(t, 2, 10, 20), 500)
	if !reflect.DeepEqual(a, b) {
		t.Error("one seed gave two streams")
	}
	if reflect.DeepEqual(a, c) {
		t.Error("two seeds gave one stream")
	}
}

// Even a short run shows every kind, each story and something of each end.
func TestAShortRunShowsEverything(t *testing.T) {
	kinds, told, ends := map[intent.Kind]bool{}, map[string]bool{}, map[End]bool{}
	for _, s := range stream(generator(t, 3, 10, 12), 60) {
		told[s.Story] = true
		if s.Deposit == nil {
			kinds[s.Intent.Kind], ends[s.End] = true, true
		}
	}
	for _, k := range []intent.Kind{intent.Pay, intent.Ask, intent.Buy, intent.Cancel, intent.Session, intent.Revoke, intent.Issue} {
		if !kinds[k] {
			t.Errorf("no %s", k)
		}
	}
	for _, name := range []string{"item", "session", "money comes", "deposit comes", "expiry", "cancel", "mistake", "goods", "loop", "chain", "payment"} {
		if !told[name] {
			t.Errorf("no story %q", name)
		}
	}
	if len(ends) != 3 {
		t.Errorf("ends %v", ends)
	}
}

// What the bytes and the network file alone decide must give exactly the code that a step says, and no code where it
// must not be refused.
func TestCodesThatNeedNoState(t *testing.T) {
	g := generator(t, 4, 10, 12)
	steps := stream(g, 3000)
	signed := sign(t, g.cfg.Network, steps)
	stateful := map[intent.Code]bool{intent.Expired: true, intent.NotYetValid: true, intent.NoEntry: true, intent.UnknownSession: true, intent.UnknownAsk: true}
	seen := map[intent.Code]bool{}
	for _, s := range steps {
		if s.Deposit != nil {
			continue
		}
		i := signed[s.Index]
		err := i.Check(g.cfg.Network)
		if err == nil {
			err = i.Verify(g.cfg.Network)
		}
		want := s.Code
		if s.End != Refuse || stateful[s.Code] {
			want = ""
		}
		var got intent.Code
		if e, ok := errors.AsType[*intent.Error](err); ok {
			got = e.Code
		}
		if got != want {
			t.Fatalf("step %d (%s): %v, want code %q", s.Index, s.Story, err, want)
		}
		if s.End == Refuse {
			seen[s.Code] = true
		}
		if back, err := intent.Decode(i.Encode()); err != nil || !reflect.DeepEqual(back, i) {
			t.Fatalf("step %d does not survive the wire: %v", s.Index, err)
		}
	}
	if len(seen) != len(slips()) {
		t.Errorf("%d kinds of mistakes seen of %d", len(seen), len(slips()))
	}
}

// Everything that must settle settles when all of it is there, and what nobody pays stays behind.
func TestTheStreamIsCovered(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		feeBps := rapid.SampledFrom([]uint64{0, 10, 300}).Draw(t, "fee")
		cfg := Config{
			Seed: rapid.Uint64().Draw(t, "seed"), Run: "a", Network: testNetwork(feeBps),
			Cast: NewCast([32]byte{1}, rapid.IntRange(6, 30).Draw(t, "traders")), Opening: map[Account]uint64{},
		}
		for _, w := range cfg.Cast.Funded() {
			for _, m := range cfg.Network.Mints {
				cfg.Opening[Account{w.Public(), m.Mint}] = rapid.Uint64Range(0, opening).Draw(t, "opening")
			}
		}
		g, err := NewGenerator(cfg)
		if err != nil {
			t.Fatal(err)
		}
		steps := stream(g, rapid.IntRange(1, 400).Draw(t, "intents"))
		c, wants := asCase(cfg, steps)
		for _, r := range netting.Net(c).Rejected {
			if wants[r.ID] == Settle {
				t.Fatalf("%q must settle and is rejected: %v", r.ID, r.Reason)
			}
			delete(wants, r.ID)
		}
		for id, end := range wants {
			if end == Drop {
				t.Fatalf("%q must be dropped and is accepted", id)
			}
		}
	})
}

func asCase(cfg Config, steps []*Step) (*netting.Case, map[string]End) {
	c, wants := &netting.Case{FeeAccount: "fees"}, map[string]End{}
	for a, v := range cfg.Opening {
		c.Balances = append(c.Balances, netting.Balance{Wallet: string(a.Wallet[:]), Asset: string(a.Mint[:]), Amount: v})
	}
	for _, s := range steps {
		i := &s.Intent
		switch {
		case s.Deposit != nil:
			d := s.Deposit
			c.Balances = append(c.Balances, netting.Balance{Wallet: string(d.Wallet[:]), Asset: string(d.Mint[:]), Amount: d.Amount})
		case s.End == Refuse:
		case i.Kind == intent.Issue:
			c.Items = append(c.Items, netting.Holding{Item: i.Item, Owner: string(i.To[:])})
		case i.Kind == intent.Pay || i.Kind == intent.Buy:
			m := netting.Move{
				ID: strconv.Itoa(s.Index), From: string(i.From[:]), Asset: string(i.Mint[:]), Amount: i.Amount, Fee: i.Fee, Nonce: i.Nonce,
			}
			if i.Signer != nil {
				m.Signer = string(i.Signer[:])
			}
			if i.Kind == intent.Pay {
				m.To = string(i.To[:])
			} else {
				sell(&m, &steps[at(steps, s.AskOf)].Intent)
			}
			c.Moves, wants[m.ID] = append(c.Moves, m), s.End
		}
	}
	return c, wants
}

func sell(m *netting.Move, ask *intent.Intent) {
	m.Kind, m.To, m.Item, m.Quantity, m.SellerNonce = netting.Sale, string(ask.From[:]), ask.Item, max(1, ask.Quantity), ask.Nonce
	if mint, ok := intent.ItemMint(ask.Item); ok {
		m.Item = string(mint[:])
	}
	id := sha256.Sum256([]byte(strconv.FormatUint(ask.Nonce, 10) + string(ask.From[:])))
	m.Ask = string(id[:])
}

func at(steps []*Step, index int) int {
	for n, s := range steps {
		if s.Index == index {
			return n
		}
	}
	panic("a step names one that was never given")
}

func TestStoriesHangTogether(t *testing.T) {
	g := generator(t, 5, 10, 20)
	steps := stream(g, 2000)
	byIndex := map[int]*Step{}
	used := map[Signer]map[uint64]int{}
	for n, s := range steps {
		if s.Index != n {
			t.Fatalf("step %d comes in place %d", s.Index, n)
		}
		for _, need := range s.After {
			if byIndex[need.Step] == nil {
				t.Fatalf("step %d needs %d, which has not come", s.Index, need.Step)
			}
		}
		byIndex[s.Index] = s
		if s.Deposit != nil || s.End == Refuse || s.Story == "expiry" || s.Intent.Kind == intent.Cancel {
			continue
		}
		k := Signer{s.Intent.From, s.Intent.SigningKey()}
		if used[k] == nil {
			used[k] = map[uint64]int{}
		}
		if before, twice := used[k][s.Intent.Nonce]; twice {
			t.Fatalf("steps %d and %d share nonce %d", before, s.Index, s.Intent.Nonce)
		}
		used[k][s.Intent.Nonce] = s.Index
	}
	for k, nonces := range used {
		for n := uint64(1); n <= uint64(len(nonces)); n++ {
			if _, ok := nonces[n]; !ok {
				t.Fatalf("%v leaves nonce %d out of %d", k, n, len(nonces))
			}
		}
	}
}

func TestLaterRunsGoOn(t *testing.T) {
	g := generator(t, 6, 0, 12)
	w := g.cfg.Cast.Traders[0].Public()
	cfg := g.cfg
	cfg.Nonces = map[Signer]uint64{{w, w}: 41}
	again, err := NewGenerator(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range stream(again, 300) {
		if s.Deposit == nil && s.Intent.From == w && s.Intent.Signer == nil && s.Intent.Nonce < 41 {
			t.Fatalf("step %d uses nonce %d again", s.Index, s.Intent.Nonce)
		}
	}
}

func TestRefusesTooFew(t *testing.T) {
	n := testNetwork(0)
	if _, err := NewGenerator(Config{Network: n, Cast: NewCast([32]byte{}, 2)}); err == nil {
		t.Error("two traders are taken")
	}
	n.Mints = n.Mints[:1]
	if _, err := NewGenerator(Config{Network: n, Cast: NewCast([32]byte{}, 9)}); err == nil {
		t.Error("one mint is taken")
	}
}
