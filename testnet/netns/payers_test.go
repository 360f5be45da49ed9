//go:build linux

package netns

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	client "github.com/phantom-paradox/paradox/clients/go"
	"github.com/phantom-paradox/paradox/intent"
)

const (
	// askWait bounds one question to a node.
	askWait = 5 * time.Second
	// intentLife is longer than any test: no intent may end by its age.
	intentLife = 1800
	// payEvery keeps a payer's pending intents far below the bound of a wallet while nothing settles.
	payEvery = 250 * time.Millisecond
)

// acknowledged are the intents that a node said it has, and which node said so. A payer is at home at one node.
type acknowledged struct {
	w    *world
	mu   sync.Mutex
	ids  []map[intent.ID]struct{} // by node
	odd  []string                 // refusals: there is no reason for any
	last string
}

// pay lets every payer pay the next one through a node of its own until stop is called.
func (w *world) pay(t *testing.T) (a *acknowledged, stop func()) {
	t.Helper()
	a = &acknowledged{w: w, ids: make([]map[intent.ID]struct{}, len(w.clients))}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for n := range w.payers {
		a.ids[n%len(w.clients)] = map[intent.ID]struct{}{}
		wg.Go(func() { a.pay(ctx, n) })
	}
	stop = func() { cancel(); wg.Wait() }
	t.Cleanup(stop)
	return a, stop
}

func (a *acknowledged) pay(ctx context.Context, n int) {
	ticker := time.NewTicker(payEvery)
	defer ticker.Stop()
	for nonce := uint64(1); ; {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if a.submit(ctx, n, nonce) {
			nonce++
		}
	}
}

// submit hands an intent to the payer's node; true if that has acknowledged it.
func (a *acknowledged) submit(ctx context.Context, n int, nonce uint64) bool {
	w, net := a.w, a.w.file.Intents()
	to := public(w.payers[(n+1)%len(w.payers)])
	now := time.Now().Unix()
	const amount = 100
	s, err := intent.Sign(w.payers[n], net, intent.Intent{Network: net.Hash, Kind: intent.Pay, From: public(w.payers[n]), To: &to,
		Mint: &w.file.Mints[0].Mint, Amount: amount, Fee: intent.Fee(amount, net.FeeBps), Nonce: nonce, Created: now, Expires: now + intentLife})
	if err != nil {
		panic(err) // a mistake of this file
	}
	ask, cancel := context.WithTimeout(ctx, askWait)
	defer cancel()
	node := n % len(w.clients)
	results, err := w.clients[node].Submit(ask, []*intent.Signed{s})
	if err != nil {
		return false // not ready yet, or the test ends; the next try has another time in it, and may be an equivocation
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	id, err := s.ID(net)
	if err != nil {
		panic(err)
	}
	switch r := results[0]; r.Code {
	case "":
		a.ids[node][id] = struct{}{}
		return true
	case intent.NoEntry, intent.PoolFull:
		return false // the node has not seen the deposit yet, or has waited long
	case intent.Equivocation, intent.NonceUsed:
		return true // the try before came through unheard
	default:
		a.odd = append(a.odd, fmt.Sprintf("%s refuses nonce %d of payer %d: %s: %s", w.hosts[node].name, nonce, n, r.Code, r.Detail))
		return true
	}
}

// count is how many intents were acknowledged.
func (a *acknowledged) count() (n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, ids := range a.ids {
		n += len(ids)
	}
	return n
}

// kept waits until every acknowledged intent is settled, by the word of the node that acknowledged it.
func (a *acknowledged) kept(t *testing.T) {
	t.Helper()
	for _, odd := range a.odd {
		t.Error(odd)
	}
	waiting := make([]map[intent.ID]struct{}, len(a.ids))
	copy(waiting, a.ids)
	total := a.count()
	eventually(t, func(ctx context.Context) string {
		left := 0
		for node, ids := range waiting {
			for id := range ids {
				settled, why := a.settled(ctx, t, node, id)
				if settled {
					delete(ids, id)
					continue
				}
				left, a.last = left+len(ids), why
				break // the others of this node wait with it
			}
		}
		if left > 0 {
			return fmt.Sprintf("%d of %d acknowledged intents are not settled: %s", left, total, a.last)
		}
		return ""
	})
}

func (a *acknowledged) settled(ctx context.Context, t *testing.T, node int, id intent.ID) (bool, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, askWait)
	defer cancel()
	s, err := a.w.clients[node].Intent(ctx, id)
	switch {
	case errors.Is(err, client.ErrUnknown):
		t.Fatalf("%s acknowledged %s and knows nothing of it", a.w.hosts[node].name, id)
	case err != nil:
		return false, err.Error()
	case s.State == client.Dropped:
		t.Fatalf("%s was dropped: %+v", id, s.Dropped)
	}
	return s.State == client.Settled, fmt.Sprintf("%s is %s at %s", id, s.State, a.w.hosts[node].name)
}

// agree waits until all nodes are in step at one height with one state, and checks that they have one history.
func (w *world) agree(t *testing.T) {
	t.Helper()
	var height uint64
	eventually(t, func(ctx context.Context) string {
		digest := ""
		for n, c := range w.clients {
			s, err := w.status(ctx, c)
			switch {
			case err != nil:
				return fmt.Sprintf("%s: %v", w.hosts[n].name, err)
			case !s.Synced || s.Height != s.Chain.Height:
				return fmt.Sprintf("%s is at %d of %d: %s", w.hosts[n].name, s.Chain.Height, s.Height, s.Why)
			case n == 0:
				height, digest = s.Height, s.StateDigest
			case s.Height != height:
				return fmt.Sprintf("%s is at height %d, %s at %d", w.hosts[n].name, s.Height, w.hosts[0].name, height)
			case s.StateDigest != digest:
				t.Fatalf("at height %d %s has the state %s, %s has %s", height, w.hosts[n].name, s.StateDigest, w.hosts[0].name, digest)
			}
		}
		return ""
	})
	for h := uint64(1); h <= height; h++ {
		first := ""
		for n, c := range w.clients {
			r, err := c.Round(t.Context(), h)
			if err != nil {
				t.Fatal(err)
			}
			if got := r.Header.StateDigest + r.Header.Batch; n == 0 {
				first = got
			} else if got != first {
				t.Fatalf("%s has settled another height %d", w.hosts[n].name, h)
			}
		}
	}
	t.Logf("all nodes agree at height %d", height)
}

func (w *world) status(ctx context.Context, c *client.Client) (*client.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, askWait)
	defer cancel()
	return c.Status(ctx)
}

// height is what the chain shows settled, by the highest word of any node.
func (w *world) height(ctx context.Context) (h uint64) {
	for _, c := range w.clients {
		if s, err := w.status(ctx, c); err == nil {
			h = max(h, s.Chain.Height)
		}
	}
	return h
}

// goesOn waits until these nodes have settled so many more heights than the chain shows now.
func (w *world) goesOn(t *testing.T, more uint64, nodes ...int) {
	t.Helper()
	from := w.height(t.Context())
	eventually(t, func(ctx context.Context) string {
		for _, n := range nodes {
			s, err := w.status(ctx, w.clients[n])
			if err != nil {
				return fmt.Sprintf("%s: %v", w.hosts[n].name, err)
			}
			if !s.Synced || s.Chain.Height < from+more {
				return fmt.Sprintf("%s is at height %d, want %d: %s", w.hosts[n].name, s.Chain.Height, from+more, s.Why)
			}
		}
		return ""
	})
}
