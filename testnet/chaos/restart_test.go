//go:build linux

package chaos

import (
	"context"
	"fmt"
	"testing"
	"time"
)

const (
	// crashes is how often everything is killed at once.
	crashes = 3
	// acksBetween is how many intents must be acknowledged between two crashes: several heights of them.
	acksBetween = 150
	// crashGap is how long after that the next crash comes at the latest: a round with its settlement, so that it hits all parts.
	crashGap = 2 * time.Second
)

// TestEverythingIsKilled: launcher, model of Solana and all nodes are killed under load, and started again on what is on
// disk. Nothing that a node had acknowledged is lost.
func TestEverythingIsKilled(t *testing.T) {
	r := dice(t)
	traffic := []string{"--rate=15", fmt.Sprintf("--seed=%d", r.Uint32())}
	w := launch(t, traffic...)
	p := newPayers(t, w, r)
	stop := p.run(t, r)
	for crash := range crashes {
		enough := p.count() + acksBetween
		eventually(t, upWait, func(context.Context) string {
			if n := p.count(); n < enough {
				return fmt.Sprintf("%d acknowledgements, want %d", n, enough)
			}
			return ""
		})
		<-time.After(time.Duration(r.Int64N(int64(crashGap))))
		w.crash(t)
		t.Logf("crash %d after %d acknowledgements", crash, p.count())
		w.up(t, traffic...)
	}
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
	t.Logf("%d acknowledged intents, all settled", len(p.acks))
	height, digest := w.agree(t, backWait)
	settled := w.history(t, height, digest)
	for _, a := range p.acks {
		if settled[a.id] == 0 {
			t.Errorf("%s is settled and in no batch", a.id)
		}
	}
	w.reserves(t)
	w.stop(t)
	w.logs(t)
}
