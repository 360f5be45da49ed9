package node

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/ipfs/go-cid"

	"github.com/phantom-paradox/paradox/agreement"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/ledger"
	"github.com/phantom-paradox/paradox/node/pool"
	"github.com/phantom-paradox/paradox/storage"
)

// undecided is a committee of one, which has decided height 1, and the vault does not settle it.
func undecided(t *testing.T) (c *cluster, v *memView, a, b *testWallet, id intent.ID, digest intent.Hash) {
	t.Helper()
	c = newCluster(t, 1)
	c.start(0)
	a, b = c.wallet(0, 1_000_000), c.wallet(1, 0)
	c.seen()
	c.vault.setRefuse(true)
	id = c.take(0, c.pay(a, b, 1000))[0]
	c.wait("height 1 is decided", func() bool { return c.nodes[0].engine.status.Load().Provisional })
	rec, err := c.nodes[0].book.round(1)
	if err != nil || rec == nil {
		t.Fatal(err)
	}
	if digest, err = rec.Certificate.Digest(); err != nil {
		t.Fatal(err)
	}
	return c, c.nodes[0].vault.(*memView), a, b, id, digest
}

// TestADecisionUndoneUnseen: the node sees at once that its decision was undone and that another header of the height was
// settled. It files that one, and what only its own had taken waits again and is settled.
func TestADecisionUndoneUnseen(t *testing.T) {
	c, v, a, b, id, digest := undecided(t)
	n := c.nodes[0]
	old, err := n.book.round(1)
	if err != nil {
		t.Fatal(err)
	}
	undone, err := ledger.ParseHeader(old.Certificate.Body)
	if err != nil {
		t.Fatal(err)
	}
	v.freeze(true)
	c.vault.drop(1, digest)
	c.vault.setRefuse(false)
	h := c.past(1, a, b) // of generation 1, with another payment
	h.archive(0, true, h.honest)
	v.freeze(false)
	c.settled([]intent.ID{id})
	c.agreed(2)
	got, err := n.book.round(1)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got.Certificate.Body, h.certs[0].Body) || got.Outcome.Accepted[0] == id {
		t.Fatal("height 1 is filed with the header that was undone")
	}
	cert, err := n.book.parsed(1)
	if err != nil || !slices.Equal(cert.Body, h.certs[0].Body) {
		t.Fatalf("peers get another certificate of height 1 than the vault shows: %v", err)
	}
	if s, _, _ := n.book.status(id); s.Height != 2 {
		t.Fatalf("the intent was settled at height %d", s.Height)
	}
	owners, err := n.ipfs.Pinned(mustCID(t, undone.Batch))
	if err != nil || len(owners) > 0 {
		t.Fatalf("the undone batch is pinned by %s, %v", owners, err)
	}
}

// TestWhatMaySettleIsNotDropped: neither what a proposal of the round takes nor what is settled is called dropped.
func TestWhatMaySettleIsNotDropped(t *testing.T) {
	c := newCluster(t, 1)
	c.start(0)
	a, b := c.wallet(0, 1_000_000), c.wallet(1, 0)
	c.seen()
	c.settled(c.take(0, c.pay(a, b, 10)))
	n, again := c.nodes[0], c.pay(a, b, 20)
	id, err := again.ID(c.net)
	if err != nil {
		t.Fatal(err)
	}
	do := func(fn func()) { // in the loop
		done := make(chan struct{})
		n.engine.results <- func() { fn(); close(done) }
		<-done
	}
	add := func() {
		n.pool.Add(t.Context(), []pool.Candidate{{ID: id, Signed: again, Wire: again.Encode()}}, time.Now().UnixMilli())
	}
	do(func() {
		add()
		e := n.engine
		e.round.proposals[intent.Hash{1}] = &proposal{result: &ledger.Result{Outcome: ledger.Outcome{Accepted: []intent.ID{id}}}}
		e.drop(map[intent.ID]intent.Code{id: intent.Expired})
		delete(e.round.proposals, intent.Hash{1})
		if _, ok := e.pool.Get(id); !ok || e.book.known(id) {
			t.Error("what a proposal takes was dropped")
		}
	})
	c.settled([]intent.ID{id})
	do(func() {
		e := n.engine
		batch := e.store.Batch()
		if err := e.book.setStatus(batch, id, Status{State: stateSettled, Height: 2}); err != nil {
			t.Error(err)
		}
		if err := batch.Commit(storage.Buffered); err != nil {
			t.Error(err)
		}
		old := e.pool
		old.SetGate(openGate{})
		add()
		old.SetGate(gate{e.gate})
		e.drop(map[intent.ID]intent.Code{id: intent.NonceUsed})
		if s, _, _ := e.book.status(id); s.State != stateSettled {
			t.Errorf("what was settled is called %s", s.State)
		}
		if _, ok := e.pool.Get(id); ok {
			t.Error("what was settled stays pooled")
		}
	})
}

// openGate admits everything.
type openGate struct{}

func (openGate) AdmitCheap(*intent.Intent) error                     { return nil }
func (openGate) Admit(*intent.Intent, int64, ledger.AskLookup) error { return nil }
func (openGate) Funded(intent.Key) bool                              { return true }
func (openGate) Spendable(_, _ intent.Key) uint64                    { return 1 << 62 }

// TestNoVoteOnAVaultThatCannotBeFollowed: while the view of the vault is not to be trusted, nothing is proposed or prepared.
func TestNoVoteOnAVaultThatCannotBeFollowed(t *testing.T) {
	c := newCluster(t, 2)
	c.start(0)
	c.start(1)
	a, b := c.wallet(0, 1_000_000), c.wallet(1, 0)
	c.seen()
	v := c.nodes[1].vault.(*memView)
	v.setErr(errors.New("a mismatch"))
	id := c.take(0, c.pay(a, b, 10))
	c.wait("member 0 has begun", func() bool { return c.nodes[0].engine.status.Load().Phase != "waiting" })
	c.wait("each has led a view", func() bool { return c.nodes[0].engine.status.Load().View > 1 })
	err := c.nodes[1].engine.votes.bucket.Iterate([]byte(votesPrefix), func(_, data []byte) bool {
		var rec struct {
			Message []byte `cbor:"message"`
		}
		if err := cbor.Unmarshal(data, &rec); err != nil {
			t.Fatal(err)
		}
		if m, err := agreement.DecodeMessage(rec.Message); err != nil || m.Kind != agreement.RoundChange {
			t.Errorf("it has cast %+v, %v", m, err)
		}
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	v.setErr(nil)
	c.settled(id)
}

// TestFundsThatComeLater: a payment that waited for its funds is settled as soon as their deposit is old enough to be
// proposed, without anything else happening.
func TestFundsThatComeLater(t *testing.T) {
	c := newCluster(t, 1)
	c.file.Params.CutMargin = 150 // slots of 10 ms, far more than it takes to look at the pool again
	c.net, c.vault = c.file.Intents(), newMemVault(c.file)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	vault := c.vault
	wg.Go(func() { vault.tick(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait() })
	c.start(0)
	mint := c.file.Mints[0].Mint
	a, b := &testWallet{key: seedKey("wallet", 0)}, c.wallet(1, 0)
	a.pub = publicOf(a.key)
	entry := c.vault.open(mint, a.pub)
	c.seen()
	ids := c.take(0, c.pay(a, b, 10))
	c.wait("the payment waits for funds", func() bool {
		e, ok := c.nodes[0].pool.Get(ids[0])
		return ok && e.Code == intent.Uncovered
	})
	c.vault.deposit(mint, entry, 1000)
	c.settled(ids)
}

func mustCID(t *testing.T, c ledger.BatchCID) cid.Cid {
	t.Helper()
	id, err := toCID(c)
	if err != nil {
		t.Fatal(err)
	}
	return id
}
