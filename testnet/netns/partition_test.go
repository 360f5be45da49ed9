//go:build linux

package netns

import (
	"context"
	"fmt"
	"testing"
)

// Four members on four hosts, under load, are parted in every way. The network goes on when, and only when, a quorum is
// connected; afterwards all agree, and what was acknowledged on either side of any cut is settled.
func TestPartitions(t *testing.T) {
	w := found(t, 4, nil)
	acks, stop := w.pay(t)
	w.goesOn(t, 2, 0, 1, 2, 3)
	h := w.hosts

	part(t, h[:3], h[3:])
	t.Log("host3 is cut off: the other three go on")
	w.goesOn(t, 3, 0, 1, 2)
	part(t, h)
	t.Log("healed: host3 catches up")
	w.goesOn(t, 1, 0, 1, 2, 3)

	part(t, h[:2], h[2:])
	t.Log("two and two: nobody goes on")
	w.standsStill(t)
	part(t, h)
	t.Log("healed: all go on")
	w.goesOn(t, 2, 0, 1, 2, 3)

	for _, to := range h[1:] {
		to.deaf(t, h[0])
	}
	t.Log("nobody hears host0, which hears all: the other three go on")
	w.goesOn(t, 3, 1, 2, 3)
	part(t, h)
	w.goesOn(t, 1, 0, 1, 2, 3)

	h[1].deaf(t, h[0])
	h[2].deaf(t, h[3])
	t.Log("host1 does not hear host0, nor host2 host3: what they miss comes by way of others, and all go on")
	w.goesOn(t, 2, 0, 1, 2, 3)
	part(t, h)

	stop()
	t.Logf("%d intents were acknowledged", acks.count())
	acks.kept(t)
	w.agree(t)
}

// standsStill waits until every member has given up waiting for the leader of the height in flight, which happens on both sides
// of the cut, and checks that nothing but what was in flight before it has settled.
func (w *world) standsStill(t *testing.T) {
	t.Helper()
	cut := w.height(t.Context()) // the cut is in place already
	eventually(t, func(ctx context.Context) string {
		for n, c := range w.clients {
			if s, err := w.status(ctx, c); err != nil || s.View == 0 {
				return fmt.Sprintf("%s waits for a leader (%v)", w.hosts[n].name, err)
			}
		}
		return ""
	})
	// At the cut one height may have been decided, and a settlement on its way to the chain: the next cannot have been.
	if now := w.height(t.Context()); now > cut+1 {
		t.Errorf("height %d was settled with two members of four on each side; %d was when they were parted", now, cut)
	}
}
