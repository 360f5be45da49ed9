//go:build linux

package chaos

import (
	"context"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/phantom-paradox/paradox/node/api"
)

// TestASilentLeaderIsReplaced: the leader is stopped, not killed: its sockets stay open, and nobody is told. The others elect
// another in a later view, and when it wakes up, it catches up, agrees, and leads again.
func TestASilentLeaderIsReplaced(t *testing.T) {
	r := dice(t)
	w := launch(t, "--rate=20", fmt.Sprintf("--seed=%d", r.Uint32()))
	p := newPayers(t, w, r)
	stop := p.run(t, r)
	victim, height := w.stopLeader(t)
	others := w.without(victim)
	next := w.replaced(t, victim, height)
	t.Logf("%s, stopped after height %d, was replaced in height %d", w.nodes[victim].Name, height, next)
	eventually(t, goOnWait, func(ctx context.Context) string {
		if h := w.settled(ctx, others...); h < next+anew {
			return fmt.Sprintf("height %d, want %d", h, next+anew)
		}
		return ""
	})
	w.shown(t, next)
	woken := w.settled(t.Context(), others...)
	if !w.signal(t, victim, syscall.SIGCONT) {
		t.Fatalf("%s has died", w.nodes[victim].Name)
	}
	w.leads(t, victim, woken)
	stop()
	for _, odd := range p.odd {
		t.Error(odd)
	}
	w.stop(t)
	w.up(t, "--intents=0")
	eventually(t, endWait, func(ctx context.Context) string {
		if n := p.kept(ctx, t); n > 0 {
			return fmt.Sprintf("%d of %d acknowledged intents are not settled; %s", n, len(p.acks), p.last)
		}
		return ""
	})
	settled, digest := w.agree(t, backWait)
	w.history(t, settled, digest)
	w.reserves(t)
	w.stop(t)
	w.logs(t)
}

// shown waits until the launcher shows a height: a node that does not answer holds up neither traffic nor screen.
func (w *world) shown(t *testing.T, height uint64) {
	t.Helper()
	eventually(t, goOnWait, func(context.Context) string {
		b, err := os.ReadFile(w.launcherLog())
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(b), fmt.Sprintf("  height %d ", height)) {
			return fmt.Sprintf("the launcher does not show height %d", height)
		}
		return ""
	})
}

// stopLeader stops the member that leads the height being decided, and gives the height that was settled then.
func (w *world) stopLeader(t *testing.T) (victim int, height uint64) {
	t.Helper()
	eventually(t, upWait, func(ctx context.Context) string {
		s, err := status(ctx, w.clients[len(w.nodes)-1])
		switch {
		case err != nil:
			return err.Error()
		case s.Chain.Height < 1:
			return "no height is settled"
		}
		for n := range w.nodes {
			if w.leading(n, s.Leader) {
				victim, height = n, s.Chain.Height
				return ""
			}
		}
		return fmt.Sprintf("no node is the leader %q", s.Leader)
	})
	if !w.signal(t, victim, syscall.SIGSTOP) {
		t.Fatalf("%s does not run", w.nodes[victim].Name)
	}
	return victim, height
}

// leading says whether a node is a leader that is given by its name or its key.
func (w *world) leading(n int, leader string) bool {
	for _, m := range w.file.Members {
		if m.Name == w.nodes[n].Name && (m.Name == leader || m.Key.String() == leader) {
			return true
		}
	}
	return false
}

func (w *world) without(node int) (out []int) {
	for n := range w.nodes {
		if n != node {
			out = append(out, n)
		}
	}
	return out
}

// replaced waits for a height that another decided in a later view because the victim, whose turn it was, was silent.
func (w *world) replaced(t *testing.T, victim int, from uint64) (height uint64) {
	t.Helper()
	others := w.without(victim)
	next := from + 1
	eventually(t, goOnWait, func(ctx context.Context) string {
		for ; next <= w.settled(ctx, others[0]); next++ {
			var round api.Round
			w.fetch(t, others[0], fmt.Sprintf("/api/rounds/%d", next), &round)
			if round.Certificate.View > 0 && !w.leading(victim, round.Header.Leader.String()) {
				height = next
				return ""
			}
		}
		return fmt.Sprintf("up to height %d nobody has replaced %s", next-1, w.nodes[victim].Name)
	})
	return height
}

// leads waits for a height after one that a node has proposed.
func (w *world) leads(t *testing.T, node int, after uint64) {
	t.Helper()
	other := w.without(node)[0]
	next := after + 1
	eventually(t, goOnWait, func(ctx context.Context) string {
		for ; next <= w.settled(ctx, other); next++ {
			var round api.Round
			w.fetch(t, other, fmt.Sprintf("/api/rounds/%d", next), &round)
			if w.leading(node, round.Header.Leader.String()) {
				return ""
			}
		}
		return fmt.Sprintf("from height %d to %d %s led none", after+1, next-1, w.nodes[node].Name)
	})
}
