package node

import (
	"sync/atomic"
	"testing"
	"time"
)

// A pool whose netting takes longer than members forgive: every look at the clock finds it two seconds later. The proposal
// must carry the time at which it leaves.
func TestAProposalThatTakesLongIsTimely(t *testing.T) {
	x := newTraitor(t)
	s := x.node.engine.status.Load()
	slow := *x.node.engine.x
	var looks atomic.Int64
	slow.clock = func() time.Time { return time.Now().Add(time.Duration(looks.Add(1)) * 2 * time.Second) }
	who := x.round.order[0]
	p, _, err := slow.build(t.Context(), s.Opening, x.c.keys[who].VRF, x.c.file.Members[who].Key, 0, "")
	if err != nil {
		t.Fatal(err)
	}
	if n := looks.Load(); n < 3 {
		t.Fatalf("only %d looks at the clock: the test shows nothing", n)
	}
	q := &question{header: p.header, body: p.body, opening: s.Opening, members: x.round.members, order: x.round.order, fresh: true,
		arrived: time.Now().Add(time.Duration(looks.Load()) * 2 * time.Second).UnixMilli()}
	if err := slow.checkLeader(q); err != nil {
		t.Fatal(err)
	}
}
