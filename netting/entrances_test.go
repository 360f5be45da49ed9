package netting

import (
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
)

// The readable engine judges the entrance of a Case. These tests hold the other two to that one, explanations included.

const entranceCases = smallCases / 10

func TestEntrancesAgree(t *testing.T) {
	workers := runtime.GOMAXPROCS(0)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			var named, keyed, numbered Engine
			for i := w; i < entranceCases && !t.Failed(); i += workers {
				rng := rand.New(rand.NewPCG(uint64(i), 12))
				c := padded(randomShape(rng).random(rng))
				if got, want := keyed.NetKeyed(keyedOf(c)), named.Net(c); !reflect.DeepEqual(got, want) {
					t.Errorf("case %d over keys:\n%s\ngot  %s\nwant %s", i, c.JSON(), got.ExplainedJSON(), want.ExplainedJSON())
				}
				d := numberable(c)
				if got, want := numberedNet(&numbered, d), unnamed(named.Net(d)); !reflect.DeepEqual(got, want) {
					t.Errorf("case %d in numbers:\n%s\ngot  %s\nwant %s", i, d.JSON(), got.ExplainedJSON(), want.ExplainedJSON())
				}
			}
		})
	}
	wg.Wait()
}

func TestEntrancesAgreeOnLargerCases(t *testing.T) {
	var named, keyed, numbered Engine
	for i := range 20 {
		rng := rand.New(rand.NewPCG(uint64(i), 13))
		s := randomShape(rng)
		s.wallets, s.moves, s.items = 5+rng.IntN(400), 200+rng.IntN(10_000), rng.IntN(3)
		c := padded(s.random(rng))
		if got, want := keyed.NetKeyed(keyedOf(c)), named.Net(c); !reflect.DeepEqual(got, want) {
			t.Fatalf("case %d over keys differs", i)
		}
		d := numberable(c)
		if got, want := numberedNet(&numbered, d), unnamed(named.Net(d)); !reflect.DeepEqual(got, want) {
			t.Fatalf("case %d in numbers differs", i)
		}
	}
}

// padded makes every name of a case as long as a key. Moves with negative numbers, which only a Case can say, go.
func padded(c *Case) *Case {
	pad := func(s *string) {
		var k Key
		copy(k[:], *s)
		*s = string(k[:])
	}
	pad(&c.FeeAccount)
	for i := range c.Limits {
		l := &c.Limits[i]
		pad(&l.Wallet)
		pad(&l.Signer)
		pad(&l.Asset)
	}
	for i := range c.Balances {
		pad(&c.Balances[i].Wallet)
		pad(&c.Balances[i].Asset)
	}
	for i := range c.Items {
		pad(&c.Items[i].Item)
		pad(&c.Items[i].Owner)
	}
	for _, list := range [][]Mark{c.Floors, c.Used} {
		for i := range list {
			pad(&list[i].Wallet)
			if list[i].Signer != "" {
				pad(&list[i].Signer)
			}
		}
	}
	c.Moves = slices.DeleteFunc(c.Moves, func(m Move) bool { return m.Negative })
	for i := range c.Moves {
		m := &c.Moves[i]
		for _, s := range []*string{&m.ID, &m.From, &m.To, &m.Asset} {
			pad(s)
		}
		for _, s := range []*string{&m.Signer, &m.Item, &m.Ask} {
			if *s != "" {
				pad(s)
			}
		}
	}
	return c
}

func keyedOf(c *Case) *Keyed {
	k := &Keyed{Rest: *c}
	k.Rest.Moves, k.Rest.Balances = nil, nil
	for i, b := range c.Balances {
		if i%3 == 0 { // they may stand in either list
			k.Rest.Balances = append(k.Rest.Balances, b)
		} else {
			k.Balances = append(k.Balances, KeyBalance{Key([]byte(b.Wallet)), Key([]byte(b.Asset)), b.Amount})
		}
	}
	for i := range c.Moves {
		m := &c.Moves[i]
		n := KeyMove{ID: Key([]byte(m.ID)), From: Key([]byte(m.From)), To: Key([]byte(m.To)), Asset: Key([]byte(m.Asset)),
			Amount: m.Amount, Fee: m.Fee, Nonce: m.Nonce}
		if m.Signer != "" {
			k.Signers = append(k.Signers, Key([]byte(m.Signer)))
			n.Signer = uint32(len(k.Signers))
		}
		if m.Kind == Sale {
			s := KeySale{Item: Key([]byte(m.Item)), Quantity: m.Quantity, SellerNonce: m.SellerNonce, HasAsk: m.Ask != ""}
			copy(s.Ask[:], m.Ask)
			k.Sales = append(k.Sales, s)
			n.Sale = uint32(len(k.Sales))
		}
		k.Moves = append(k.Moves, n)
	}
	return k
}

// numberable leaves out what a caller with numbers does not have: replays, ids used twice, items in the place of money,
// balances beyond 64 bits because they are listed twice.
func numberable(c *Case) *Case {
	d := *c
	d.Floors, d.Used, d.Moves, d.Balances = nil, nil, nil, nil
	ids, items, open := map[string]bool{}, map[string]bool{}, map[walletAsset]bool{}
	for _, b := range c.Balances {
		if a := (walletAsset{b.Wallet, b.Asset}); !open[a] {
			open[a] = true
			d.Balances = append(d.Balances, b)
		}
	}
	for _, h := range c.Items {
		items[h.Item] = true
	}
	for _, m := range c.Moves {
		if !ids[m.ID] && !items[m.Asset] {
			d.Moves = append(d.Moves, m)
		}
		ids[m.ID] = true
	}
	return &d
}

// A numberer numbers names in order of appearance.
type numberer map[string]uint32

func (n numberer) of(name string) uint32 {
	if _, ok := n[name]; !ok {
		n[name] = uint32(len(n))
	}
	return n[name]
}

func (n numberer) names() []string {
	out := make([]string, len(n))
	for name, number := range n {
		out[number] = name
	}
	return out
}

// A book numbers a case.
type book struct {
	wallets, assets, streams, asks, items, pairs numberer
	n                                            *Numbered
}

func (b *book) account(wallet, asset string) uint32 {
	a := b.pairs.of(wallet + asset)
	if int(a) == len(b.n.Accounts) {
		b.n.Accounts = append(b.n.Accounts, NumberedAccount{Wallet: b.wallets.of(wallet), Asset: b.assets.of(asset)})
	}
	return a
}

func (b *book) move(c *Case, m *Move) {
	if m.Signer == "" {
		m.Signer = m.From
	}
	id := Key([]byte(m.ID))
	out := NumberedMove{ID: &id, Amount: m.Amount, Fee: m.Fee, Nonce: m.Nonce, Stream: b.streams.of(m.From + m.Signer),
		Debit: b.account(m.From, m.Asset), Credit: b.account(m.To, m.Asset), FeeTo: b.account(c.FeeAccount, m.Asset)}
	if m.Kind == Sale {
		s := NumberedSale{Quantity: m.Quantity, SellerNonce: m.SellerNonce}
		if item, ok := b.items[m.Item]; ok {
			s.Item = item + 1
		} else {
			s.Debit, s.Credit = b.account(m.To, m.Item), b.account(m.From, m.Item)
		}
		if m.Ask != "" {
			s.Ask = 1 + b.asks.of(m.Ask)
		}
		b.n.Sales = append(b.n.Sales, s)
		out.Sale = uint32(len(b.n.Sales))
	}
	b.n.Moves = append(b.n.Moves, out)
}

// numberedNet numbers a case, nets it in numbers and names the outcome again.
func numberedNet(e *Engine, c *Case) *Outcome {
	b := &book{numberer{}, numberer{}, numberer{}, numberer{}, numberer{}, numberer{}, &Numbered{Seed: c.Seed}}
	for _, h := range c.Items {
		i := b.items.of(h.Item)
		if int(i) == len(b.n.Items) {
			b.n.Items = append(b.n.Items, b.wallets.of(h.Owner))
		} else if now := &b.n.Items[i]; h.Owner < b.wallets.names()[*now] {
			*now = b.wallets.of(h.Owner)
		}
	}
	for i := range c.Moves {
		m := c.Moves[i]
		b.move(c, &m)
	}
	for _, h := range c.Balances {
		a := b.account(h.Wallet, h.Asset)
		b.n.Accounts[a].Open = h.Amount
	}
	for _, l := range c.Limits {
		b.n.Limits = append(b.n.Limits, NumberedLimit{b.streams.of(l.Wallet + l.Signer), b.assets.of(l.Asset), l.Max})
	}
	b.n.Wallets, b.n.Assets, b.n.Streams = len(b.wallets), len(b.assets), len(b.streams)
	return b.named(c, e.NetNumbered(b.n))
}

func (b *book) named(c *Case, n *NumberedOutcome) *Outcome {
	o := &Outcome{Accepted: []string{}, Rejected: []Rejection{}, Deltas: []Delta{}, Owners: []Owner{}}
	rejected := map[uint32]bool{}
	for _, r := range n.Rejected {
		rejected[r.Move] = true
		o.Rejected = append(o.Rejected, Rejection{c.Moves[r.Move].ID, r.Reason, r.Why})
	}
	for i := range c.Moves {
		if !rejected[uint32(i)] {
			o.Accepted = append(o.Accepted, c.Moves[i].ID)
		}
	}
	wallets, assets, items := b.wallets.names(), b.assets.names(), b.items.names()
	for _, d := range n.Deltas {
		a := b.n.Accounts[d.Account]
		o.Deltas = append(o.Deltas, Delta{wallets[a.Wallet], assets[a.Asset], d.Amount})
	}
	for _, w := range n.Owners {
		o.Owners = append(o.Owners, Owner{items[w.Item], wallets[w.Owner], wallets[w.Before]})
	}
	slices.Sort(o.Accepted)
	slices.SortFunc(o.Rejected, func(a, b Rejection) int { return strings.Compare(a.ID, b.ID) })
	slices.SortFunc(o.Deltas, func(a, b Delta) int { return strings.Compare(a.Wallet+a.Asset, b.Wallet+b.Asset) })
	slices.SortFunc(o.Owners, func(a, b Owner) int { return strings.Compare(a.Item, b.Item) })
	return unnamed(o)
}

// unnamed is an outcome without what a case in numbers cannot say.
func unnamed(o *Outcome) *Outcome {
	p := *o
	p.Rejected, p.Gross, p.Net = slices.Clone(o.Rejected), nil, nil
	for i := range p.Rejected {
		w := *p.Rejected[i].Why
		p.Rejected[i].Why = &w
		w.Wallet, w.Asset, w.Nonce, w.Floor, w.Cause = "", "", 0, 0, NoCause
		if p.Rejected[i].Reason == Possession {
			w.Other = ""
		}
		if len(w.After) == 0 {
			w.After = nil
		}
	}
	return &p
}

func TestNumberedExplains(t *testing.T) {
	var e Engine
	id := Key{1}
	o := e.NetNumbered(&Numbered{Wallets: 2, Assets: 1, Streams: 1,
		Accounts: []NumberedAccount{{Wallet: 0, Open: 5}, {Wallet: 1}}, Moves: []NumberedMove{{ID: &id, Amount: 6, Nonce: 1, Credit: 1}}})
	if len(o.Rejected) != 1 || o.Rejected[0].Reason != Insolvent || o.Rejected[0].Why.Numbers() != "needs 6, has 5" {
		t.Fatalf("%+v", o)
	}
}
