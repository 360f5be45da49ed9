package node

import (
	"context"
	"errors"
	"testing"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/ledger"
	"github.com/phantom-paradox/paradox/node/pool"
)

// A bundle may come again between the step that empties it and the step that lets it go; then it must stay pinned.
func TestABundleThatComesAgainStaysPinned(t *testing.T) {
	c := newCluster(t, 1)
	c.start(0)
	a, b := c.wallet(0, 1_000_000), c.wallet(1, 0)
	c.seen()
	c.vault.setRefuse(true)
	c.take(0, c.pay(a, b, 1))
	c.wait("a height is decided, and waits", func() bool { return c.nodes[0].engine.status.Load().Provisional })
	n, s := c.nodes[0], c.pay(a, b, 2)
	id, err := s.ID(c.net)
	if err != nil {
		t.Fatal(err)
	}
	data := intent.EncodeList([]*intent.Signed{s})
	fill := func(cid ledger.BatchCID) error {
		ref := &pool.Ref{Bundle: string(cid), Held: n.door.clock().UnixMilli()}
		return n.pool.Add(t.Context(), []pool.Candidate{{ID: id, Signed: s, Wire: s.Encode(), Ref: ref}}, ref.Held)[0]
	}
	pinned := func() bool {
		for _, p := range pooledPins(t, n) {
			if p == string(ledger.BlockCID(data)) {
				return true
			}
		}
		return false
	}
	if _, kept, err := n.keeper.keep(context.Background(), data, fill); err != nil || !kept || !pinned() {
		t.Fatalf("kept %v, pinned %v, %v", kept, pinned(), err)
	}
	_, empty := n.pool.Forget([]intent.ID{id}) // the first step
	if len(empty) != 1 {
		t.Fatalf("%d bundles are empty", len(empty))
	}
	if _, _, err := n.keeper.keep(context.Background(), data, fill); err != nil {
		t.Fatal(err)
	}
	if err := n.keeper.release(empty...); err != nil || !pinned() { // the second, which must look once more
		t.Fatalf("a bundle that is pooled again was let go, %v", err)
	}
	n.pool.Forget([]intent.ID{id})
	if err := n.keeper.release(empty...); err != nil || pinned() {
		t.Fatalf("a bundle of nothing stays pinned, %v", err)
	}
	refused := errors.New("refused")
	if _, kept, err := n.keeper.keep(context.Background(), data, func(ledger.BatchCID) error { return refused }); kept || !errors.Is(err, refused) || pinned() {
		t.Errorf("what was not pooled is kept: %v, pinned %v, %v", kept, pinned(), err)
	}
}
