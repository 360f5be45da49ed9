package node

import (
	"context"
	"fmt"
	"testing"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/node/pool"
)

// A node that was killed before it gossiped may hold the only copy of an intent, in a bundle whose rest has settled long ago.
// Nobody carries such a bundle on; who asks a peer for its pool must have the intent nevertheless.
func TestAnIntentInSettledCompanyIsFetched(t *testing.T) {
	c := newCluster(t, 4)
	for i := range 4 {
		c.start(i)
	}
	a, b := c.wallet(0, 1_000_000), c.wallet(1, 0)
	c.seen()
	list := []*intent.Signed{c.pay(a, b, 1000), c.pay(a, b, 1001), c.pay(a, b, 1002)}
	c.settled(c.take(0, list...))
	last := c.pay(a, b, 1003)
	list = append(list, last)
	id, err := last.ID(c.net)
	if err != nil {
		t.Fatal(err)
	}
	c.hide(0, id, list)
	// A peer that just became ready is asked for its pool; so are all, one after the other, every few seconds.
	for i := 1; i < 4; i++ {
		n := c.nodes[i]
		c.wait(fmt.Sprintf("node %d fetches it", i), func() bool {
			n.streams.askPool(t.Context(), c.nodes[0].host.LibP2P().ID())
			return n.pool.Known(id) || n.book.known(id)
		})
	}
	c.settled([]intent.ID{id})
}

// hide pools the last intent of a list at a node, and bundles the list there without a word to the others.
func (c *cluster) hide(node int, id intent.ID, list []*intent.Signed) {
	c.t.Helper()
	n, ctx := c.nodes[node], context.Background()
	last := list[len(list)-1]
	cid, err := n.keeper.blocks.Put(ctx, poolOwner, intent.EncodeList(list))
	if err != nil {
		c.t.Fatal(err)
	}
	now := n.door.clock().UnixMilli()
	ref := &pool.Ref{Bundle: string(cid), Index: len(list) - 1, Held: now}
	if err := n.pool.Add(ctx, []pool.Candidate{{ID: id, Signed: last, Wire: last.Encode(), Ref: ref}}, now)[0]; err != nil {
		c.t.Fatal(err)
	}
}
