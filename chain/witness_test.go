package chain_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gagliardetto/solana-go"
	"github.com/gagliardetto/solana-go/rpc"

	"github.com/phantom-paradox/paradox/chain"
	"github.com/phantom-paradox/paradox/chain/rpctest"
	"github.com/phantom-paradox/paradox/chain/vault"
	"github.com/phantom-paradox/paradox/chain/wallet"
	"github.com/phantom-paradox/paradox/ledger"
)

// proxy stands before the world's cluster.
func (w *world) proxy(f rpctest.Faults) *rpctest.Proxy {
	w.t.Helper()
	p, err := rpctest.Start(w.net.URL())
	must(w.t, err)
	p.Set(f)
	w.t.Cleanup(func() { must(w.t, p.Close()) })
	return p
}

// sources are clients of proxies, one each.
func (w *world) sources(ps ...*rpctest.Proxy) (out []chain.Source) {
	for i, p := range ps {
		c := rpc.New(p.URL())
		w.t.Cleanup(func() { c.Close() })
		out = append(out, chain.Source{Name: string(rune('a' + i)), RPC: c})
	}
	return out
}

func (w *world) watcherOf(s chain.Store, h chain.History, sources ...chain.Source) *chain.Watcher {
	w.t.Helper()
	x, err := chain.NewWatcher(chain.WatcherConfig{File: w.file, Sources: sources, History: h, Store: s, Poll: 10 * time.Millisecond})
	must(w.t, err)
	return x
}

// invention is a deposit of a million units that nobody made.
func (w *world) invention() *rpctest.Invention {
	return &rpctest.Invention{Vault: w.addr, Mint: w.mint, Entry: 1, Amount: 1_000_000, Owner: key(firstWallet)}
}

func (w *world) vaultNow() (*vault.Vault, error) {
	v, _, err := chain.ReadVault(w.t.Context(), w.rpc, w.addr.Vault, rpc.CommitmentFinalized)
	return v, err
}

// onlyTrue fails if a watcher knows another event than the cluster has.
func (w *world) onlyTrue(x *chain.Watcher) {
	w.t.Helper()
	head, _ := x.Head()
	es, err := x.Events(0, head.Number)
	must(w.t, err)
	for _, e := range es {
		if e.Amount == 1_000_000 {
			w.t.Fatalf("an invented deposit is believed: %+v", e)
		}
	}
}

// more makes an event: the wallet's request of so much.
func (w *world) more(amount uint64) {
	w.t.Helper()
	must(w.t, w.wallet.Request(w.t.Context(), key(keyPayer), w.mint, []wallet.EntryOf{{Owner: key(firstWallet), Entry: w.entry[pub(firstWallet)], Amount: amount}}))
}

// TestOneOfThreeInvents: the other two go on, the liar is named and not believed, wherever in the list it stands; when it tells
// the truth again, it is one of them.
func TestOneOfThreeInvents(t *testing.T) {
	for place := range 3 {
		w := newWorld(t, 4, 1)
		ps := []*rpctest.Proxy{w.proxy(rpctest.Faults{}), w.proxy(rpctest.Faults{}), w.proxy(rpctest.Faults{})}
		ps[place].Set(rpctest.Faults{Invent: w.invention()})
		x := w.watcherOf(&memStore{}, nil, w.sources(ps...)...)
		stop := w.run(x.Run)
		w.until(x, "the truth is seen", func() bool { head, _ := x.Head(); return head.Number == 3 && x.Err() == nil })
		for n := uint64(1); ; n++ {
			w.more(n)
			w.until(x, "the next event is seen", func() bool { head, _ := x.Head(); return head.Number == 3+n && x.Err() == nil })
			if ds := x.Dissents(); len(ds) == 1 && ds[0].Source == place {
				break
			} else if len(ds) > 1 {
				t.Fatalf("contradicted: %+v", ds)
			}
		}
		w.onlyTrue(x)
		ps[place].Set(rpctest.Faults{})
		w.until(x, "the liar is forgiven", func() bool { return len(x.Dissents()) == 0 && x.Err() == nil })
		stop()
	}
}

// TestOneOfTwoInvents: nothing can be known, which is said, and nothing is believed; the event that was known stays.
func TestOneOfTwoInvents(t *testing.T) {
	for place := range 2 {
		w := newWorld(t, 4, 1)
		ps := []*rpctest.Proxy{w.proxy(rpctest.Faults{}), w.proxy(rpctest.Faults{})}
		x := w.watcherOf(&memStore{}, nil, w.sources(ps...)...)
		stop := w.run(x.Run)
		w.until(x, "the truth is seen", func() bool { head, _ := x.Head(); return head.Number == 3 && x.Err() == nil })
		ps[place].Set(rpctest.Faults{Invent: w.invention()})
		w.until(x, "they contradict each other", func() bool { return errors.Is(x.Err(), chain.ErrMismatch) && len(x.Dissents()) == 2 })
		w.more(1)
		w.until(x, "it is still so", func() bool { return errors.Is(x.Err(), chain.ErrMismatch) })
		w.onlyTrue(x)
		ps[place].Set(rpctest.Faults{})
		w.until(x, "the truth heals it", func() bool {
			head, _ := x.Head()
			return head.Number == 4 && x.Err() == nil && len(x.Dissents()) == 0
		})
		stop()
	}
}

// TestTwoOfThreeMustAnswer: one that is silent holds nothing up, two do, and nothing of the third counts meanwhile.
func TestTwoOfThreeMustAnswer(t *testing.T) {
	w := newWorld(t, 4, 1)
	ps := []*rpctest.Proxy{w.proxy(rpctest.Faults{Hang: 1}), w.proxy(rpctest.Faults{}), w.proxy(rpctest.Faults{})}
	x := w.watcherOf(&memStore{}, nil, w.sources(ps...)...)
	w.run(x.Run)
	w.until(x, "the truth is seen", func() bool { head, _ := x.Head(); return head.Number == 3 && x.Err() == nil })
	ps[0].Set(rpctest.Faults{Cut: 1})
	for n := ps[0].Calls("getMultipleAccounts") + 2; ps[0].Calls("getMultipleAccounts") < n; { // no request hangs any more
		w.more(1)
	}
	w.until(x, "all that is seen", func() bool {
		v, err := w.vaultNow()
		head, _ := x.Head()
		return err == nil && v.EventNumber == head.Number
	})
	before, _ := x.Head()
	ps[1].Set(rpctest.Faults{Cut: 1})
	w.more(1)
	asked := ps[2].Calls("getMultipleAccounts")
	for ps[2].Calls("getMultipleAccounts") < asked+5 {
		w.more(2)
	}
	if head, _ := x.Head(); head != before {
		t.Fatalf("event %d is believed on the word of one", head.Number)
	}
	ps[0].Set(rpctest.Faults{})
	w.until(x, "two answer again", func() bool { head, _ := x.Head(); return head.Number > before.Number+1 && x.Err() == nil })
}

// peers has the events of another watcher, and a peer before it that lies.
type peers struct {
	of    *chain.Watcher
	asked atomic.Int32
	lied  atomic.Int32
}

func (p *peers) Events(_ context.Context, after, to uint64, take func([]ledger.Event) error) error {
	p.asked.Add(1)
	for _, lie := range []bool{true, false} {
		var err error
		for n := after; n < to && err == nil; n += 2 {
			var page []ledger.Event
			if page, err = p.of.Events(n, min(n+2, to)); err != nil {
				return err
			}
			if lie && n+2 >= to {
				page[len(page)-1].Amount++
				page[len(page)-1].Height++
			}
			err = take(page)
		}
		if !lie {
			return err
		}
		if err == nil {
			return errors.New("a lie was taken")
		}
		p.lied.Add(1)
	}
	return nil
}

// TestPrunedHistory: what the endpoints have pruned comes from other nodes, whatever a peer makes of it, with nothing settled yet,
// and behind a settled height, after which the follower goes on from transactions and knows the next height's attestations.
func TestPrunedHistory(t *testing.T) {
	for heights := range uint64(2) {
		w := newWorld(t, 11, 2)
		full := w.watcher(&memStore{})
		z := w.settler(&memStore{}, full)
		w.run(full.Run, z.Run)
		w.until(full, "the truth is seen", func() bool { head, _ := full.Head(); return head.Number == 5 && full.Err() == nil })
		previous, events := w.file.Hash(), uint64(5)
		settle := func(h uint64) {
			cut, _ := full.Head()
			j := w.job(ledger.Instance{Height: h}, previous, cut, w.transfer(firstWallet, firstWallet+1, 5), 9)
			previous = j.Header.Digest()
			must(t, z.Submit(j))
			w.until(full, "the height is settled", func() bool { _, ok := full.Settled(h); return ok })
			events++
		}
		for h := range heights {
			settle(h + 1)
		}
		head, _ := full.Head()
		es, err := full.Events(head.Number-1, head.Number)
		must(t, err)
		p := w.proxy(rpctest.Faults{Pruned: es[0].Slot + 1})
		from := &peers{of: full}
		store := &memStore{}
		x := w.watcherOf(store, from, w.sources(p)...)
		stop := w.run(x.Run)
		w.until(x, "peers filled it", func() bool { c, _ := x.Head(); return c == head && x.Err() == nil })
		if from.lied.Load() == 0 {
			t.Fatal("no peer lied")
		}
		settle(heights + 1)
		w.more(1)
		w.until(x, "it goes on from transactions", func() bool { c, _ := x.Head(); return c.Number == events+1 && x.Err() == nil })
		stop()
		if n := from.asked.Load(); n != 1 {
			t.Errorf("peers were asked %d times", n)
		}
		again := w.watcherOf(store, nil, w.sources(p)...)
		w.run(again.Run)
		w.until(again, "a restart knows it all", func() bool { c, _ := again.Head(); return c.Number == events+1 && again.Err() == nil })
		if a, b := again.CutAt(1<<60), full.CutAt(1<<60); a.Number == b.Number && a != b {
			t.Fatalf("%+v, and the full watcher has %+v", a, b)
		}
	}
}

// few is a client that passes so many transactions on, and loses all others.
type few struct {
	chain.Client
	left atomic.Int32
}

func (f *few) SendRawTransactionWithOpts(ctx context.Context, raw []byte, o rpc.TransactionOpts) (solana.Signature, error) {
	if f.left.Add(-1) < 0 {
		return solana.Signature{}, errors.New("the wire is cut")
	}
	return f.Client.SendRawTransactionWithOpts(ctx, raw, o)
}

// TestPrunedInTheMidst: the endpoints have pruned some of a height's attestations, all of them, or chunks as well, and the rest is
// still to come or has come: the events from peers are gone on with, no height is missed, and the next one is followed whole.
func TestPrunedInTheMidst(t *testing.T) {
	for sends := range int32(4) { // two attestations and two chunks make a height
		for _, late := range []bool{false, true} {
			prunedInTheMidst(t, sends+1, late)
		}
	}
}

func prunedInTheMidst(t *testing.T, sends int32, late bool) {
	t.Helper()
	w := newWorld(t, 11, 2)
	full := w.watcher(&memStore{})
	w.run(full.Run)
	w.until(full, "the truth is seen", func() bool { head, _ := full.Head(); return head.Number == 5 && full.Err() == nil })
	cut, _ := full.Head()
	one := w.job(ledger.Instance{Height: 1}, w.file.Hash(), cut, w.transfer(firstWallet, firstWallet+1, 5), 9)
	first := &few{Client: w.rpc}
	first.left.Store(sends)
	z, err := chain.NewSettler(chain.SettlerConfig{File: w.file, RPC: first, Store: &memStore{}, Payer: key(keyPayer), Watcher: full, Poll: time.Millisecond})
	must(t, err)
	must(t, z.Submit(one))
	begun := w.run(z.Run)
	w.poll("it is in the midst", func() bool { st, _ := z.Status(1); return st.Confirmed == int(sends) })
	begun()
	p := w.proxy(rpctest.Faults{Pruned: w.net.Slot()})
	finish := func(x *chain.Watcher) {
		rest := w.settler(&memStore{}, full)
		must(t, rest.Submit(one))
		w.run(rest.Run)
		w.until(x, "the height is settled", func() bool { _, ok := x.Settled(1); return ok })
		w.more(1) // an event behind it
		cut, _ = x.Head()
		two := w.job(ledger.Instance{Height: 2}, one.Header.Digest(), cut, w.transfer(firstWallet, firstWallet+1, 5), 9)
		must(t, rest.Submit(two))
		w.until(x, "the next one is", func() bool { c, _ := x.Head(); return c.Number == 8 && x.Err() == nil })
	}
	from := &peers{of: full}
	x := w.watcherOf(&memStore{}, from, w.sources(p)...)
	if late {
		finish(full)
	}
	w.run(x.Run)
	w.until(x, "peers filled it", func() bool { c, _ := x.Head(); return c.Number >= 5 && x.Err() == nil })
	if !late {
		finish(x)
	}
	w.until(full, "all is seen", func() bool { c, _ := full.Head(); return c.Number == 8 })
	w.until(x, "all is seen by both", func() bool { a, _ := x.Head(); b, _ := full.Head(); return a == b && x.Err() == nil })
	e, _ := x.Settled(2)
	if other, ok := full.Settled(2); !ok || len(e.Signatures) != 4 || len(other.Signatures) != 4 {
		t.Fatalf("after %d sends, late %v: height 2 was brought by %q, and the full watcher has %q", sends, late, e.Signatures, other.Signatures)
	}
	if from.asked.Load() == 0 {
		t.Fatal("no peer was asked")
	}
}

// TestPrunedHistoryAlone: with nobody to ask, it is said what is wrong.
func TestPrunedHistoryAlone(t *testing.T) {
	w := newWorld(t, 4, 2)
	p := w.proxy(rpctest.Faults{Pruned: w.net.Slot()})
	w.more(1)
	x := w.watcherOf(&memStore{}, nil, w.sources(p)...)
	w.run(x.Run)
	w.until(x, "it says so", func() bool { return errors.Is(x.Err(), chain.ErrGap) })
	if head, _ := x.Head(); head.Number != 0 {
		t.Fatalf("head %d", head.Number)
	}
}

// weary is a client that dies after so many transactions.
type weary struct {
	chain.Client
	left  atomic.Int32
	total *atomic.Int32
	die   context.CancelFunc
}

func (m *weary) GetTransaction(ctx context.Context, sig solana.Signature, o *rpc.GetTransactionOpts) (*rpc.GetTransactionResult, error) {
	if m.left.Add(-1) < 0 {
		m.die()
		return nil, errKilled
	}
	m.total.Add(1)
	return m.Client.GetTransaction(ctx, sig, o)
}

// TestALongWayGoesOn: a first sync that is killed again and again goes on where it was, and nothing counts before its end.
func TestALongWayGoesOn(t *testing.T) {
	w := newWorld(t, 4, 2)
	const requests = 60
	for n := range uint64(requests) {
		w.more(n + 1)
	}
	full := w.watcher(&memStore{})
	stop := w.run(full.Run)
	w.until(full, "all is seen", func() bool { c, _ := full.Head(); return c.Number == 5+requests && full.Err() == nil })
	stop()
	store, total, lives := &memStore{}, &atomic.Int32{}, int32(0)
	const page, life = 8, 20
	for done := false; !done; lives++ {
		ctx, cancel := context.WithCancel(t.Context())
		c := &weary{Client: w.rpc, total: total, die: cancel}
		c.left.Store(life)
		x := w.watcherOf(store, nil, chain.Source{Name: "a", RPC: c})
		x.SetWayPage(page)
		if head, _ := x.Head(); head.Number != 0 {
			t.Fatalf("event %d counts before the end was reached", head.Number)
		}
		ended := make(chan error, 1)
		go func() { ended <- x.Run(ctx) }()
		w.until2(x, ctx, func() bool { c, _ := x.Head(); done = c.Number == 5+requests; return done })
		cancel()
		<-ended
	}
	a, b := w.watcher(store).CutAt(1<<60), full.CutAt(1<<60)
	if a != b {
		t.Fatalf("%+v, not %+v", a, b)
	}
	if n, most := total.Load(), int32(requests+20)+lives*page; n > most || lives < 3 {
		t.Fatalf("%d transactions were read in %d lives; at most %d were to be", n, lives, most)
	}
}

// until2 waits for a condition, or until ctx ends.
func (w *world) until2(x *chain.Watcher, ctx context.Context, ok func() bool) {
	for !ok() {
		select {
		case <-ctx.Done():
			return
		case <-x.Updates():
		}
	}
}

// TestSourceNamesInErrors: an endpoint's errors name it by its host, not by the key in its URL.
func TestSourceNamesInErrors(t *testing.T) {
	w := newWorld(t, 4, 1)
	p := w.proxy(rpctest.Faults{Invent: w.invention()})
	q := w.proxy(rpctest.Faults{})
	x := w.watcherOf(&memStore{}, nil, w.sources(p, q)...)
	w.run(x.Run)
	w.until(x, "they contradict each other", func() bool { return errors.Is(x.Err(), chain.ErrMismatch) && strings.Contains(x.Err().Error(), "a: ") })
}
