package chain_test

import (
	"context"
	"testing"
	"time"

	"github.com/phantom-paradox/paradox/chain"
	"github.com/phantom-paradox/paradox/chain/wallet"
	"github.com/phantom-paradox/paradox/ledger"
)

// TestFromDepositToWithdrawal settles heights by certificates of eleven members, two attestations each, with a watcher that
// sees every event, and takes money out again.
func TestFromDepositToWithdrawal(t *testing.T) {
	begin := time.Now().Unix()
	w := newWorld(t, 11, 3)
	store := &memStore{}
	x := w.watcher(store)
	if x.Time() != 0 {
		t.Fatal("a watcher that has not looked knows a time")
	}
	z := w.settler(store, x)
	stop := w.run(x.Run, z.Run)
	w.until(x, "all deposits are seen", func() bool { c, _ := x.Head(); return c.Number == 1+3+3 && x.Err() == nil })
	cut, _ := x.Head()
	if at := x.Time(); at < begin || at > time.Now().Unix() {
		t.Fatalf("the view of the vault is of %d, and the vault was founded at %d", at, begin)
	}
	one := w.job(ledger.Instance{Height: 1}, w.file.Hash(), cut, w.transfer(firstWallet, firstWallet+2, 400), 9)
	must(t, z.Submit(one))
	must(t, z.Submit(one))
	w.until(x, "height 1 is settled", func() bool { _, ok := x.Settled(1); return ok })
	if a, b := w.available(firstWallet), w.available(firstWallet+2); a != 600 || b != 1400 {
		t.Fatalf("balances %d and %d", a, b)
	}
	must(t, w.wallet.Request(t.Context(), key(keyPayer), w.mint, []wallet.EntryOf{{Owner: key(firstWallet + 2), Entry: w.entry[pub(firstWallet+2)], Amount: 1400}}))
	w.until(x, "the request is seen", func() bool { c, _ := x.Head(); return c.Number == 9 })
	cut, _ = x.Head()
	two := w.job(ledger.Instance{Height: 2}, one.Header.Digest(), cut, nil, 8)
	must(t, z.Submit(two))
	w.until(x, "height 2 is settled", func() bool { _, ok := x.Settled(2); return ok })
	must(t, w.wallet.Withdraw(t.Context(), key(keyPayer), w.mint, key(firstWallet+2), w.entry[pub(firstWallet+2)]))
	w.until(x, "the withdrawal is seen", func() bool { c, _ := x.Head(); return c.Number == 11 })
	stop()
	es, err := x.Events(8, 11)
	must(t, err)
	if es[2].Tag != ledger.EventWithdraw || es[2].Amount != 1400 || es[2].Generation != 0 || es[1].Tag != ledger.EventSettled {
		t.Fatalf("events %+v", es)
	}
	if got, err := w.wallet.TokenBalance(t.Context(), key(firstWallet+2).PublicKey(), w.mint); err != nil || got != 1400 {
		t.Fatalf("withdrew %d, %v", got, err)
	}
	report, err := chain.CheckReserves(t.Context(), w.file, w.rpc, nil)
	must(t, err)
	if len(report.Problems) != 0 || report.Purses[0].Tokens != 1600 || report.Purses[0].Available != 1600 || report.Height != 2 {
		t.Fatalf("reserves %+v", report)
	}
	again := w.watcher(store)
	if a, _ := again.Head(); a.Number != 11 {
		t.Fatalf("a new watcher loads %d events", a.Number)
	}
	// Every node can tell all that brought a height on chain, whoever sent it: for both two attestations, for the first two chunks.
	one1, _ := again.Settled(1)
	two1, _ := again.Settled(2)
	if len(one1.Signatures) != 4 || one1.Signatures[3] != one1.Signature || len(two1.Signatures) != 2 || two1.Signatures[1] != two1.Signature {
		t.Fatalf("height 1 was brought by %q, height 2 by %q", one1.Signatures, two1.Signatures)
	}
	st, ok := z.Status(1)
	if !ok || st.Stage != chain.StageSettled && st.Stage != chain.StageApplying {
		t.Fatalf("status %+v", st)
	}
}

// TestRestarts stops settler and model at many points; every height is settled once.
func TestRestarts(t *testing.T) {
	w := newWorld(t, 4, 2)
	store := &memStore{}
	previous := w.file.Hash()
	for h := uint64(1); h <= 3; h++ {
		x := w.watcher(store)
		stop := w.run(x.Run)
		w.until(x, "everything before is seen", func() bool { c, _ := x.Head(); return c.Number == 5+h-1 })
		cut, _ := x.Head()
		stop()
		j := w.job(ledger.Instance{Height: h}, previous, cut, w.transfer(firstWallet, firstWallet+1, 10), 3)
		previous = j.Header.Digest()
		must(t, w.settler(store, nil).Submit(j))
		for n := 0; ; n++ {
			z, x := w.settler(store, nil), w.watcher(store)
			stop := w.run(z.Run, x.Run)
			w.until(x, "something happens", func() bool { return true })
			select {
			case <-x.Updates():
			case <-t.Context().Done():
			}
			_, done := x.Settled(h)
			stop()
			if done {
				break
			}
			if n%3 == 2 {
				w.rpc.Close()
				must(t, w.net.Close())
				w.start()
			}
		}
		if a := w.available(firstWallet + 1); a != 1000+10*h {
			t.Fatalf("after height %d: %d", h, a)
		}
	}
}

// TestDisabledFollows: a settler that is switched off sends nothing and still knows what became of the height.
func TestDisabledFollows(t *testing.T) {
	w := newWorld(t, 4, 2)
	storeA, storeB := &memStore{}, &memStore{}
	x := w.watcher(storeA)
	on := w.settler(storeA, x)
	off, err := chain.NewSettler(chain.SettlerConfig{File: w.file, RPC: w.rpc, Store: storeB, Disabled: true, Watcher: x})
	must(t, err)
	w.run(x.Run, off.Run)
	w.until(x, "deposits are seen", func() bool { c, _ := x.Head(); return c.Number == 5 })
	cut, _ := x.Head()
	j := w.job(ledger.Instance{Height: 1}, w.file.Hash(), cut, w.transfer(firstWallet, firstWallet+1, 5), 3)
	must(t, off.Submit(j))
	must(t, on.Submit(j))
	w.run(func(ctx context.Context) error { return on.Run(ctx) })
	w.until(x, "height 1 is settled", func() bool { _, ok := x.Settled(1); return ok })
	w.until(x, "the one that is off knows", func() bool { st, _ := off.Status(1); return st.Stage == chain.StageSettled })
	if st, _ := off.Status(1); st.Transactions != 0 {
		t.Fatalf("it sent %d transactions", st.Transactions)
	}
}

// TestTakeover: the first in the order is silent; the second, which waits for it, settles, and pays.
func TestTakeover(t *testing.T) {
	w := newWorld(t, 4, 2)
	store := &memStore{}
	x := w.watcher(store)
	z := w.settler(store, x)
	w.run(x.Run, z.Run)
	w.until(x, "deposits are seen", func() bool { c, _ := x.Head(); return c.Number == 5 })
	cut, _ := x.Head()
	j := w.job(ledger.Instance{Height: 1}, w.file.Hash(), cut, w.transfer(firstWallet, firstWallet+1, 5), 3)
	j.Delay = 200 * time.Millisecond
	begin := time.Now()
	must(t, z.Submit(j))
	w.until(x, "height 1 is settled", func() bool { _, ok := x.Settled(1); return ok })
	if took := time.Since(begin); took < j.Delay {
		t.Fatalf("it did not wait: %s", took)
	}
	w.until(x, "the settler knows", func() bool { st, _ := z.Status(1); return st.Stage == chain.StageSettled })
	if st, _ := z.Status(1); st.Transactions < 3 || st.Confirmed != 3 || st.Applied != 2 { // one that expired is sent anew
		t.Fatalf("%+v", st)
	}
}

// TestALateJobIsOver: what comes when the vault is past it holds nothing up, with and without a watcher to ask.
func TestALateJobIsOver(t *testing.T) {
	w := newWorld(t, 4, 2)
	x := w.watcher(&memStore{})
	w.run(x.Run)
	previous, jobs := w.file.Hash(), []chain.Job(nil)
	z := w.settler(&memStore{}, x)
	stop := w.run(z.Run)
	for h := uint64(1); h <= 2; h++ {
		w.until(x, "everything before is seen", func() bool { c, _ := x.Head(); return c.Number == 5+h-1 })
		cut, _ := x.Head()
		j := w.job(ledger.Instance{Height: h}, previous, cut, nil, 3)
		previous, jobs = j.Header.Digest(), append(jobs, j)
		must(t, z.Submit(j))
		w.until(x, "it is settled", func() bool { _, ok := x.Settled(h); return ok })
	}
	stop()
	other := w.job(ledger.Instance{Height: 1, Generation: 7}, w.file.Hash(), ledger.Cut{}, nil, 3)
	for name, c := range map[string]struct {
		watcher *chain.Watcher
		job     chain.Job
		want    chain.Stage
	}{
		"the settled one": {x, jobs[0], chain.StageSettled}, "another": {x, other, chain.StageDropped},
		"nobody to ask": {nil, jobs[0], chain.StageSettled}, "nobody to ask of another": {nil, other, chain.StagePassed},
	} {
		late := w.settler(&memStore{}, c.watcher)
		must(t, late.Submit(c.job))
		stop := w.run(late.Run)
		w.until(x, name, func() bool { st, _ := late.Status(1); return st.Stage == c.want })
		stop()
	}
}
