package netting

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// The invariants of docs/spec/netting.md, each recomputed here from the case and the outcome alone.

func drawCase(t *rapid.T) *Case {
	rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 12))
	s := randomShape(rng)
	s.moves = rapid.IntRange(1, 60).Draw(t, "moves")
	return s.random(rng)
}

// drawPayments draws payments only, of what S0 and S1 let pass: there the greatest set is unique.
func drawPayments(t *rapid.T, most int) *Case {
	rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 13))
	s := randomShape(rng)
	s.sales, s.sessions, s.dirty, s.items = false, false, false, 0
	s.wallets, s.moves = 2+rng.IntN(4), rapid.IntRange(1, most).Draw(t, "moves")
	return s.random(rng)
}

// taken returns the accepted moves of a case without hand-made id clashes.
func taken(c *Case, o *Outcome) []Move {
	in := map[string]bool{}
	for _, id := range o.Accepted {
		in[id] = true
	}
	var list []Move
	for _, m := range c.Moves {
		if in[m.ID] {
			list = append(list, m.plain())
			in[m.ID] = false // duplicates once
		}
	}
	return list
}

func (c *Case) withMoves(moves []Move) *Case {
	d := *c
	d.Moves = moves
	return &d
}

func uniqueIDs(c *Case) bool {
	first := map[string]Move{}
	for _, m := range c.Moves {
		if old, ok := first[m.ID]; ok && old != m.plain() {
			return false
		}
		first[m.ID] = m.plain()
	}
	return true
}

func TestConservationAndSolvency(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawCase(t)
		if !uniqueIDs(c) {
			return
		}
		o := Net(c)
		r := &readable{c: c, unique: map[string]string{}, opening: map[account]Int128{}}
		r.open()
		end, total := map[account]Int128{}, map[string]Int128{}
		for a, amount := range r.opening {
			end[a] = amount
		}
		for item, owner := range r.unique {
			end[account{owner, item}] = Units(1)
		}
		for _, m := range taken(c, o) {
			for a, d := range r.effect(&readableMove{Move: m}) {
				end[a] = end[a].Add(d)
			}
		}
		for _, d := range o.Deltas {
			total[d.Asset] = total[d.Asset].Add(d.Amount)
			if got := r.opening[account{d.Wallet, d.Asset}].Add(d.Amount); got != end[account{d.Wallet, d.Asset}] {
				t.Fatalf("delta of %s %s: ends at %s, legs say %s", d.Wallet, d.Asset, got, end[account{d.Wallet, d.Asset}])
			}
		}
		for asset, sum := range total {
			if sum != (Int128{}) {
				t.Fatalf("%s is not conserved: %s", asset, sum)
			}
		}
		holders := map[string]int{}
		for a, amount := range end {
			if amount.Sign() < 0 {
				t.Fatalf("%v ends at %s", a, amount)
			}
			if _, item := r.unique[a.asset]; item && amount == Units(1) {
				holders[a.asset]++
			}
		}
		for _, w := range o.Owners {
			if holders[w.Item] != 1 || end[account{w.Owner, w.Item}] != Units(1) || r.unique[w.Item] != w.Before {
				t.Fatalf("item %s: %d holders, owner %s", w.Item, holders[w.Item], w.Owner)
			}
		}
		checkOwners(t, c, o)
	})
}

func checkOwners(t *rapid.T, c *Case, o *Outcome) {
	for _, w := range o.Owners {
		bought := w.Owner == w.Before
		for _, m := range taken(c, o) {
			bought = bought || m.Kind == Sale && m.Item == w.Item && m.From == w.Owner
		}
		if !bought {
			t.Fatalf("%s owns %s and never bought it", w.Owner, w.Item)
		}
	}
}

func TestIdempotent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawCase(t)
		if !uniqueIDs(c) {
			return
		}
		o := Net(c)
		again := Net(c.withMoves(taken(c, o)))
		if len(again.Rejected) > 0 || !reflect.DeepEqual(again.Accepted, o.Accepted) || !reflect.DeepEqual(again.Deltas, o.Deltas) ||
			!reflect.DeepEqual(again.Owners, o.Owners) {
			t.Fatalf("first %s\nagain %s", o.JSON(), again.JSON())
		}
		pooled := Net(c.withMoves(append(slices.Clone(c.Moves), c.Moves...)))
		if string(pooled.JSON()) != string(o.JSON()) {
			t.Fatalf("duplicates changed %s\nto %s", o.JSON(), pooled.JSON())
		}
	})
}

func TestAcceptedPassStaticRules(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawCase(t)
		if !uniqueIDs(c) {
			return
		}
		o := Net(c)
		moves := taken(c, o)
		nonces, asks, spent := map[nonceOf]bool{}, map[string]bool{}, map[session]Int128{}
		for _, m := range moves {
			n := nonceOf{session{m.From, m.Signer}, m.Nonce}
			if m.From == m.To || nonces[n] || m.Ask != "" && asks[m.Ask] {
				t.Fatalf("accepted %+v", m)
			}
			nonces[n], asks[m.Ask] = true, true
			if m.Asset == "u0" {
				spent[n.session] = spent[n.session].AddUnits(m.Amount).AddUnits(m.Fee)
			}
		}
		for _, f := range append(slices.Clone(c.Floors), c.Used...) {
			if f.Signer == "" {
				f.Signer = f.Wallet
			}
			if nonces[nonceOf{session{f.Wallet, f.Signer}, f.Nonce}] {
				t.Fatalf("accepted a nonce of %+v", f)
			}
		}
		for _, l := range c.Limits {
			if spent[session{l.Wallet, l.Signer}].Cmp(Units(l.Max)) > 0 {
				t.Fatalf("session %+v spent %s", l, spent[session{l.Wallet, l.Signer}])
			}
		}
	})
}

func TestDisjointBatchesAdd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawCase(t), drawCase(t)
		b.Seed = a.Seed
		rename(b)
		a.FeeAccount = "FEE" // a shared fee account only ever gains, and nobody pays from it
		b.FeeAccount = "FEE"
		both := &Case{Seed: a.Seed, FeeAccount: "FEE", Limits: append(slices.Clone(a.Limits), b.Limits...),
			Balances: append(slices.Clone(a.Balances), b.Balances...), Items: append(slices.Clone(a.Items), b.Items...),
			Floors: append(slices.Clone(a.Floors), b.Floors...), Used: append(slices.Clone(a.Used), b.Used...),
			Moves: append(slices.Clone(a.Moves), b.Moves...)}
		x, y, o := Net(a), Net(b), Net(both)
		accepted := append(slices.Clone(x.Accepted), y.Accepted...)
		slices.Sort(accepted)
		rejected := append(slices.Clone(x.Rejected), y.Rejected...)
		slices.SortStableFunc(rejected, func(a, b Rejection) int {
			return cmp.Or(strings.Compare(a.ID, b.ID), cmp.Compare(a.Reason, b.Reason))
		})
		if !slices.Equal(accepted, o.Accepted) || !sameRejections(rejected, o.Rejected) {
			t.Fatalf("apart %s\nand %s\ntogether %s", x.JSON(), y.JSON(), o.JSON())
		}
	})
}

// rename makes all names of a case its own, in the same order as before.
func rename(c *Case) {
	fix := func(s *string) {
		if *s != "" {
			*s = "z" + *s
		}
	}
	for i := range c.Moves {
		m := &c.Moves[i]
		for _, s := range []*string{&m.ID, &m.From, &m.Signer, &m.To, &m.Asset, &m.Item, &m.Ask} {
			fix(s)
		}
	}
	for i := range c.Balances {
		fix(&c.Balances[i].Wallet)
		fix(&c.Balances[i].Asset)
	}
	for i := range c.Items {
		fix(&c.Items[i].Item)
		fix(&c.Items[i].Owner)
	}
	for i := range c.Limits {
		fix(&c.Limits[i].Wallet)
		fix(&c.Limits[i].Signer)
		fix(&c.Limits[i].Asset)
	}
	for _, marks := range [][]Mark{c.Floors, c.Used} {
		for i := range marks {
			fix(&marks[i].Wallet)
			fix(&marks[i].Signer)
		}
	}
}

func sameRejections(a, b []Rejection) bool {
	return slices.EqualFunc(a, b, func(x, y Rejection) bool { return x.ID == y.ID && x.Reason == y.Reason })
}

// prefixes calls fn with every set of moves that holds a prefix of each debtor's queue.
func prefixes(c *Case, fn func(in []Move)) {
	queues := map[account][]Move{}
	r := &readable{c: c, unique: map[string]string{}, opening: map[account]Int128{}}
	r.collapse()
	for _, m := range r.moves { // payments of one signer each: nonces are unique within a queue
		a := account{m.From, m.Asset}
		queues[a] = append(queues[a], m.Move)
	}
	var accounts []account
	for a := range queues {
		accounts = append(accounts, a)
	}
	var choose func(i int, in []Move)
	choose = func(i int, in []Move) {
		if i == len(accounts) {
			fn(in)
			return
		}
		q := queues[accounts[i]]
		for n := 0; n <= len(q); n++ {
			choose(i+1, append(in[:len(in):len(in)], q[:n]...))
		}
	}
	choose(0, nil)
}

func covered(c *Case, in []Move) bool {
	r := &readable{c: c.withMoves(in), unique: map[string]string{}, opening: map[account]Int128{}}
	r.open()
	r.collapse()
	for _, left := range r.ending() {
		if left.Sign() < 0 {
			return false
		}
	}
	return true
}

func TestPaymentsAreTheGreatestPrefixSet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawPayments(t, 12)
		o := Net(c)
		dropped := map[string]bool{}
		for _, r := range o.Rejected {
			dropped[r.ID] = r.Reason == Insolvent
			if !dropped[r.ID] {
				return // something that S0 refuses slipped into the draw (an empty payment)
			}
		}
		best, ours := 0, false
		prefixes(c, func(in []Move) {
			if len(in) < best || !covered(c, in) {
				return
			}
			same := len(in) == len(o.Accepted)
			for _, m := range in {
				same = same && !dropped[m.ID]
			}
			ours = ours && len(in) == best || same
			best = len(in)
		})
		if best != len(o.Accepted) || !ours {
			t.Fatalf("brute force takes %d, the engine %d of %s", best, len(o.Accepted), c.JSON())
		}
	})
}

func TestPaymentsFundsAndLaterOnesEvictNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawPayments(t, 40)
		before := Net(c)
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "more"), 14))
		m := c.Moves[rng.IntN(len(c.Moves))]
		more := c.withMoves(append(slices.Clone(c.Moves), Move{ID: "late", From: m.From, To: "FEE", Asset: m.Asset, Amount: 1, Nonce: 1 << 40}))
		richer := *c
		richer.Balances = append(slices.Clone(c.Balances), Balance{m.From, m.Asset, 1 + rng.Uint64N(30)})
		for what, o := range map[string]*Outcome{"a later move": Net(more), "funds": Net(&richer)} {
			for _, id := range before.Accepted {
				if !slices.Contains(o.Accepted, id) {
					t.Fatalf("%s evicted %s of %s", what, id, c.JSON())
				}
			}
		}
	})
}

// Explanations must be true: where the first of a cut tail is explained, it needs more than there is.
func TestExplanationsAddUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawCase(t)
		for _, r := range Net(c).Rejected {
			if text := r.Why.Text(r.Reason); text == "" {
				t.Fatalf("%s %s: no explanation", r.ID, r.Reason)
			}
			if r.Reason == Insolvent || r.Reason == ItemConflict || r.Reason == OverLimit {
				if r.Why.Needs.Cmp(r.Why.Has) <= 0 || r.Why.Wallet == "" {
					t.Fatalf("%s %s: %s in %s", r.ID, r.Reason, r.Why.Text(r.Reason), c.JSON())
				}
			}
		}
	})
}

func TestExplanationOfVector3(t *testing.T) {
	c, err := ParseCase(loadVectors(t)[2].Case)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, r := range Net(c).Rejected {
		lines = append(lines, fmt.Sprint(r.ID, ": ", r.Why.Text(r.Reason)))
	}
	want := []string{"t3: A U: needs 20, has 10 after t1, t2", "t4: D U: needs 20, has 0"}
	if !slices.Equal(lines, want) {
		t.Fatalf("got %q", lines)
	}
}
