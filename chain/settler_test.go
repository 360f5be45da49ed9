package chain_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gagliardetto/solana-go"
	"github.com/gagliardetto/solana-go/rpc"

	"github.com/phantom-paradox/paradox/chain"
	"github.com/phantom-paradox/paradox/ledger"
)

// keys are those of a store under a prefix.
func keysOf(t *testing.T, s *memStore, prefix string) (out []string) {
	t.Helper()
	must(t, s.Iterate([]byte(prefix), func(k, _ []byte) bool { out = append(out, string(k)); return true }))
	return out
}

func (w *world) lamports(k solana.PublicKey) uint64 {
	w.t.Helper()
	r, err := w.rpc.GetBalance(w.t.Context(), k, rpc.CommitmentConfirmed)
	must(w.t, err)
	return r.Value
}

// poll waits for a condition that no watcher tells of.
func (w *world) poll(what string, ok func() bool) {
	w.t.Helper()
	deadline := time.After(stall)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			w.t.Fatalf("waited in vain: %s", what)
		case <-tick.C:
		}
	}
}

// TestTalliesAreClosed: the rent of a height's tally comes back, though the node has long forgotten the height, and behind a restart.
func TestTalliesAreClosed(t *testing.T) {
	w := newWorld(t, 11, 2)
	store := &memStore{}
	x := w.watcher(store)
	z := w.settler(store, x)
	w.run(x.Run)
	stop := w.run(z.Run)
	w.until(x, "deposits are seen", func() bool { c, _ := x.Head(); return c.Number == 5 && x.Err() == nil })
	cut, _ := x.Head()
	j := w.job(ledger.Instance{Height: 1}, w.file.Hash(), cut, w.transfer(firstWallet, firstWallet+1, 5), 9)
	tally, _ := w.addr.Tally(j.Header.Digest(), j.Certificate.View)
	must(t, z.Submit(j))
	w.until(x, "the height is settled", func() bool { _, ok := x.Settled(1); return ok })
	must(t, z.Forget(1))
	stop()
	before := w.lamports(key(keyPayer).PublicKey())
	w.run(w.settler(store, x).Run)
	w.poll("the tally is closed", func() bool { return w.lamports(tally) == 0 })
	w.poll("nothing is left in the journal", func() bool { return len(keysOf(t, store, "s/")) == 0 })
	if after := w.lamports(key(keyPayer).PublicKey()); after <= before {
		t.Fatalf("the payer had %d lamports and has %d", before, after)
	}
}

// TestForgottenJobsLeaveNothing: whatever the settler does when a job is forgotten, its journal is empty then and stays so.
func TestForgottenJobsLeaveNothing(t *testing.T) {
	w := newWorld(t, 4, 2)
	x := w.watcher(&memStore{})
	w.run(x.Run)
	w.until(x, "deposits are seen", func() bool { c, _ := x.Head(); return c.Number == 5 && x.Err() == nil })
	cut, _ := x.Head()
	j := w.job(ledger.Instance{Height: 1}, w.file.Hash(), cut, w.transfer(firstWallet, firstWallet+1, 5), 3)
	for n := range 40 { // each life is ended by Forget at another of the settler's operations
		store := &memStore{}
		ctx, cancel := context.WithCancel(t.Context())
		var z *chain.Settler
		forgotten := make(chan error, 1)
		b := &budget{left: n, kill: func() {
			err := z.Forget(1)
			select {
			case forgotten <- err:
			default: // it is killed at each operation from then on
			}
		}}
		z, err := chain.NewSettler(chain.SettlerConfig{File: w.file, RPC: &mortal{w.rpc, b}, Store: store, Payer: key(keyPayer), Watcher: x, Poll: time.Millisecond})
		must(t, err)
		must(t, z.Submit(j))
		ended := make(chan error, 1)
		go func() { ended <- z.Run(ctx) }()
		over := false
		select {
		case err := <-forgotten:
			must(t, err)
		case <-settled(z):
			over = true
		}
		cancel()
		<-ended
		must(t, z.Forget(1))
		if left := append(keysOf(t, store, "s/j"), keysOf(t, store, "s/t")...); len(left) != 0 {
			t.Fatalf("after %d operations %q is left", n, left)
		}
		if over {
			return
		}
	}
}

// settled is closed when a job of height 1 is over.
func settled(z *chain.Settler) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for range tick.C {
			if st, ok := z.Status(1); !ok || st.Stage == chain.StageSettled {
				return
			}
		}
	}()
	return done
}

// lines is a log.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// warnings are the lines at WARN and above.
func (l *lines) warnings(t *testing.T) (out []string) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range strings.Split(strings.TrimSpace(l.b.String()), "\n") {
		var r struct{ Level string }
		if line != "" && json.Unmarshal([]byte(line), &r) == nil && r.Level != "INFO" && r.Level != "DEBUG" {
			out = append(out, line)
		}
	}
	return out
}

// TestManyWhoSubmit: members that bring the same height at the same time settle it once, and none warns of the others.
func TestManyWhoSubmit(t *testing.T) {
	w := newWorld(t, 11, 2)
	x := w.watcher(&memStore{})
	w.run(x.Run)
	log := &lines{}
	var all []*chain.Settler
	for i := range uint64(4) {
		must(t, w.wallet.Airdrop(t.Context(), solana.LAMPORTS_PER_SOL, key(50+i).PublicKey()))
		z, err := chain.NewSettler(chain.SettlerConfig{File: w.file, RPC: w.rpc, Store: &memStore{}, Payer: key(50 + i), Watcher: x, Poll: 2 * time.Millisecond,
			Logger: slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
		must(t, err)
		all = append(all, z)
		w.run(z.Run)
	}
	previous := w.file.Hash()
	for h := uint64(1); h <= 3; h++ {
		w.until(x, "everything before is seen", func() bool { c, _ := x.Head(); return c.Number == 4+h && x.Err() == nil })
		cut, _ := x.Head()
		j := w.job(ledger.Instance{Height: h}, previous, cut, w.transfer(firstWallet, firstWallet+1, 10), 9)
		previous = j.Header.Digest()
		for _, z := range all {
			must(t, z.Submit(j))
		}
		w.until(x, "the height is settled", func() bool { _, ok := x.Settled(h); return ok })
	}
	if a := w.available(firstWallet + 1); a != 1030 {
		t.Fatalf("the second wallet has %d", a)
	}
	if bad := log.warnings(t); len(bad) != 0 {
		t.Fatalf("warned: %s", strings.Join(bad, "\n"))
	}
}

// TestPayerWithoutSOL: nothing can be sent, which is told, and once there is SOL the height settles without anything else.
func TestPayerWithoutSOL(t *testing.T) {
	w := newWorld(t, 4, 2)
	x := w.watcher(&memStore{})
	z, err := chain.NewSettler(chain.SettlerConfig{File: w.file, RPC: w.rpc, Store: &memStore{}, Payer: key(60), Watcher: x, Poll: 2 * time.Millisecond})
	must(t, err)
	w.run(x.Run, z.Run)
	w.until(x, "deposits are seen", func() bool { c, _ := x.Head(); return c.Number == 5 && x.Err() == nil })
	cut, _ := x.Head()
	must(t, z.Submit(w.job(ledger.Instance{Height: 1}, w.file.Hash(), cut, w.transfer(firstWallet, firstWallet+1, 10), 3)))
	w.poll("it says why", func() bool { st, _ := z.Status(1); return st.LastError != "" })
	must(t, w.net.Advance(2*w.file.DropTime)) // a payer that comes late is no reason to undo
	must(t, w.wallet.Airdrop(t.Context(), solana.LAMPORTS_PER_SOL, key(60).PublicKey()))
	w.until(x, "the height is settled", func() bool { _, ok := x.Settled(1); return ok })
	if head, _ := x.Head(); head.Number != 6 || w.available(firstWallet+1) != 1010 {
		t.Fatalf("event %d, %d", head.Number, w.available(firstWallet+1))
	}
}
