package node

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/ledger"
	"github.com/phantom-paradox/paradox/p2p"
	"github.com/phantom-paradox/paradox/storage"
)

// hoard serves blocks from outside, as a traitor does that shows its bundles to nobody before it proposes them.
func (c *cluster) hoard(list ...[]byte) []ledger.BatchCID {
	c.t.Helper()
	h, err := p2p.New(context.Background(), p2p.Config{Key: seedKey("hoarder", 0), Prefix: c.file.Prefix(), Agent: "hoarder",
		Listen: []string{"/ip4/127.0.0.1/tcp/0"}, Bootstrap: c.addresses()})
	if err != nil {
		c.t.Fatal(err)
	}
	store, err := storage.Open(c.t.TempDir(), storage.Options{})
	if err != nil {
		c.t.Fatal(err)
	}
	ipfs, err := storage.NewIPFS(storage.IPFSConfig{Store: store, Host: h.LibP2P()})
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() {
		if err := errors.Join(ipfs.Close(), store.Close(), h.Close()); err != nil {
			c.t.Error(err)
		}
	})
	var out []ledger.BatchCID
	for _, data := range list {
		if _, err := ipfs.Put(c.t.Context(), data); err != nil {
			c.t.Fatal(err)
		}
		out = append(out, ledger.BlockCID(data))
	}
	return out
}

// A leader that names blocks without end is stopped, and what it made a member fetch goes with the height.
func TestAGreedyProposalIsBounded(t *testing.T) {
	x := newTraitor(t)
	c, n := x.c, x.node
	const most, size = 8 << 10, 1 << 10
	var junk [][]byte
	for i := range 2 * most / size {
		junk = append(junk, append(make([]byte, size-1), byte(i)))
	}
	links := c.hoard(junk...)
	leader := intent.Key{7}
	var r round
	h := r.hauls.by(leader, most)
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	if _, err := n.engine.blocks().Fetch(ctx, leader, h, links...); !errors.Is(err, errGreedy) {
		t.Fatalf("got %v", err)
	}
	got := r.hauls.all()
	if len(got) != most/size {
		t.Errorf("%d blocks were taken, %d fit", len(got), most/size)
	}
	if again := r.hauls.by(leader, most); again != h {
		t.Error("the next proposal of the same leader has a bound of its own")
	}
	cleared := make(chan struct{})
	n.engine.results <- func() {
		defer close(cleared)
		if err := n.engine.blocks().Pin("test", got[0]); err != nil {
			t.Error(err)
		}
		n.engine.strays = got
		n.engine.clear()
	}
	<-cleared
	for i, link := range got {
		if _, err := n.engine.blocks().Get(t.Context(), link); (err == nil) != (i == 0) {
			t.Errorf("block %d of what was fetched: %v", i, err)
		}
	}
	if _, err := n.engine.blocks().Fetch(ctx, leader, nil, links...); err != nil {
		t.Errorf("what a quorum has prepared is fetched whole: %v", err)
	}
}
