package netting_test

import (
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/phantom-paradox/paradox/netting"
	"github.com/phantom-paradox/paradox/netting/internal/plain"
	"github.com/phantom-paradox/paradox/netting/internal/workload"
)

// stepsAMove bounds the work of S2: a removal may cost one walk over the moves and wallets of its item.
const stepsAMove = 4 * netting.MaxItemMoves

func TestStepsAreBounded(t *testing.T) {
	for _, mix := range workload.Mixes() {
		for _, n := range []int{500, 5_000, 50_000} {
			b := workload.Make(mix, n, max(2, n/10), 3)
			var c netting.Case
			var e netting.Engine
			b.Fill(&c)
			e.Net(&c)
			steps := e.Steps()
			if most := uint64(stepsAMove * (len(b.Moves) + len(b.Balances))); steps > most {
				t.Errorf("%s of %d: %d steps, more than %d", mix, n, steps, most)
			}
			if len(b.Sales) == 0 && steps > uint64(8*(len(b.Moves)+len(b.Balances))) {
				t.Errorf("%s of %d: %d steps without an item", mix, n, steps)
			}
		}
	}
}

// The worst for the walk over an item: a circle of owners, each of whom has one more sale that falls because of money,
// so that every round takes one move out of the middle.
func TestOwnerLoopThatBreaksOneByOne(t *testing.T) {
	c := &netting.Case{FeeAccount: "FEE", Items: []netting.Holding{{Item: "x", Owner: wallet(0)}}}
	for i := range netting.MaxItemMoves {
		c.Moves = append(c.Moves, netting.Move{ID: "s" + wallet(i), Kind: netting.Sale, From: wallet(i + 1), To: wallet(i), Asset: "u",
			Amount: uint64(1 + netting.MaxItemMoves - i), Nonce: 1, Item: "x", Quantity: 1, SellerNonce: 1})
	}
	var e netting.Engine
	o := e.Net(c)
	if len(o.Accepted) > 0 || o.Owners[0].Owner != wallet(0) {
		t.Fatalf("%s", o.JSON())
	}
	if steps := e.Steps(); steps > stepsAMove*netting.MaxItemMoves {
		t.Fatalf("%d steps", steps)
	}
}

func wallet(i int) string {
	return string([]byte{'w', byte('a' + i/26/26), byte('a' + i/26%26), byte('a' + i%26)})
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	for _, mix := range workload.Mixes() {
		b := workload.Make(mix, 5_000, 500, 4)
		var c netting.Case
		var e netting.Engine
		b.Fill(&c)
		e.Net(&c)
		if n := testing.AllocsPerRun(3, func() { e.Net(&c) }); n > 0 {
			t.Errorf("%s: %v allocations", mix, n)
		}
	}
}

// The map-based version that benchmarks compare with must do the same job: the whole outcome is the same.
func TestPlainVersionAgreesOnPayments(t *testing.T) {
	for seed := range uint64(20) {
		for _, mix := range []workload.Mix{workload.Solvent, workload.Scarce, workload.Domino} {
			b := workload.Make(mix, 2_000, 100+rand.New(rand.NewPCG(seed, 1)).IntN(500), seed)
			for i := range b.Moves {
				b.Moves[i].Fee = uint64(i % 3)
			}
			b.Moves = append(b.Moves, b.Moves[:100]...) // duplicates
			e := netting.Engine{Bare: true}
			if want, got := e.NetKeyed(&b.Keyed), asNetted(plain.Net(b)); !reflect.DeepEqual(want, got) {
				t.Fatalf("%s, seed %d: the version with maps takes %d moves and makes %d deltas, the engine %d and %d, or they differ within",
					mix, seed, len(got.Accepted), len(got.Deltas), len(want.Accepted), len(want.Deltas))
			}
		}
	}
}

func asNetted(p *plain.Outcome) *netting.Outcome {
	o := netting.Outcome{Accepted: []string{}, Rejected: []netting.Rejection{}, Deltas: []netting.Delta{},
		Owners: []netting.Owner{}, Gross: []netting.Volume{}, Net: []netting.Volume{}}
	text := func(k netting.Key) string { return string(k[:]) }
	for _, id := range p.Accepted {
		o.Accepted = append(o.Accepted, text(id))
	}
	for _, r := range p.Rejected {
		o.Rejected = append(o.Rejected, netting.Rejection{ID: text(r.ID), Reason: r.Reason})
	}
	for _, d := range p.Deltas {
		o.Deltas = append(o.Deltas, netting.Delta{Wallet: text(d.Wallet), Asset: text(d.Mint), Amount: d.Amount})
	}
	for _, v := range p.Gross {
		o.Gross = append(o.Gross, netting.Volume{Asset: text(v.Mint), Amount: v.Amount})
	}
	for _, v := range p.Net {
		o.Net = append(o.Net, netting.Volume{Asset: text(v.Mint), Amount: v.Amount})
	}
	return &o
}
