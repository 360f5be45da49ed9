package ledger

import (
	"testing"

	"github.com/phantom-paradox/paradox/intent"
)

// ring are payments in a loop: everybody pays, nobody's balance changes.
func (w *world) ring(n int) []BatchIntent {
	var out []BatchIntent
	for k := range n {
		w.fund(keyOf("ring", k), 0, 1)
	}
	for k := range n {
		out = append(out, w.pay(keyOf("ring", k), keyOf("ring", (k+1)%n), 900)) // far more than anybody has
	}
	return out
}

func TestLoopsNeedNoMoney(t *testing.T) {
	w := newWorld(t, testFile())
	r := w.run(w.ring(30)...)
	if len(r.Deltas) != 0 || len(r.Chunks) != 0 || len(r.Accepted) != 30 || r.Legs != 30 {
		t.Fatalf("%+v", r.Outcome)
	}
	if gross, _ := r.Volumes[0].Gross.Uint64(); gross != 30*900 || r.Volumes[0].Net.Sign() != 0 {
		t.Fatalf("%+v", r.Volumes)
	}
}

func TestSelectCountsChangesNotWallets(t *testing.T) {
	w := funded(t)
	pool := w.ring(20)
	pool = append(pool, w.pay(alice, bob, 500))
	if s := w.choose(pool, SelectParams{MaxWallets: 2}); len(s.Taken) != 21 {
		t.Fatalf("%d taken", len(s.Taken))
	}
	pool = append(pool, w.pay(alice, carol, 500))
	s := w.choose(pool, SelectParams{MaxWallets: 2})
	if len(s.Taken) != 21 || s.Pending[len(s.Pending)-1].Code != intent.Deferred {
		t.Fatalf("%d taken, %+v", len(s.Taken), s.Pending)
	}
}

func TestSelectGivesRoomInOrder(t *testing.T) {
	w := funded(t)
	var pool []BatchIntent
	for k := range 40 {
		pool = append(pool, w.pay(alice, bob, uint64(k+1)))
	}
	s := w.choose(pool, SelectParams{MaxIntents: 10})
	if len(s.Taken) != 10 {
		t.Fatal(len(s.Taken))
	}
	for k, p := range s.Pending {
		if p.Place != k+10 || p.Code != intent.Deferred {
			t.Fatalf("%+v", p)
		}
	}
	if s = w.choose(pool, SelectParams{MaxBatchBytes: 2000}); s.Bytes > 2000 || len(s.Taken) < 3 {
		t.Fatal(s.Bytes, len(s.Taken))
	}
}

func TestSelectSaysWhatIsFinal(t *testing.T) {
	w := funded(t)
	used := w.pay(alice, bob, 1)
	w.run(used)
	old := w.pay(alice, bob, 2).Signed.Intent
	old.Created, old.Expires = w.state.Time()-50, w.state.Time()
	rest := w.intent(intent.Intent{Kind: intent.Ask, From: alice, Mint: &w.file.Mints[0].Mint, Item: w.file.Mints[1].Mint.String(), Quantity: 1, Amount: 5})
	early := w.pay(alice, bob, 2).Signed.Intent
	early.Created, early.Expires = w.state.Time()+100, w.state.Time()+200
	s := w.choose([]BatchIntent{used, w.intent(old), rest, w.intent(early)}, SelectParams{})
	for k, want := range []Pending{
		{Code: intent.NonceUsed, Final: true}, {Code: intent.Expired, Final: true}, {}, {Code: intent.NotYetValid},
	} {
		if p := s.Pending[k]; p.Code != want.Code || p.Final != want.Final {
			t.Errorf("%d: %+v", k, p)
		}
	}
}

// TestLargeHeightSettlesInChunks: many wallets, several pages, the vault's model applies every chunk.
func TestLargeHeightSettlesInChunks(t *testing.T) {
	w := newWorld(t, testFile())
	const n = 1400
	for k := range n {
		w.fund(keyOf("many", k), 0, uint64(1_000_000+k))
	}
	var list []BatchIntent
	for k := range n / 2 {
		list = append(list, w.pay(keyOf("many", k), keyOf("many", n-1-k), uint64(1+k*977)))
	}
	r := w.run(list...)
	if len(r.Deltas) != n+1 || len(r.Chunks) < 8 {
		t.Fatal(len(r.Deltas), len(r.Chunks))
	}
	w.sameEntries(&w.opening().View)
}
