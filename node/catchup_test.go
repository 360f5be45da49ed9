package node

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/phantom-paradox/paradox/chain"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/leader"
	"github.com/phantom-paradox/paradox/ledger"
	"github.com/phantom-paradox/paradox/network"
	"github.com/phantom-paradox/paradox/p2p"
	"github.com/phantom-paradox/paradox/storage"
)

// An archived history is heights that were decided and settled before any node of the test started.
type archived struct {
	c      *cluster
	view   *memView
	store  ledger.MemStore
	state  *ledger.State
	last   ledger.BatchCID
	certs  []*ledger.Certificate // of height 1, 2, ...
	blocks [][]byte
	epochs ledger.Epochs // that changed the members
}

// past makes a history of heights with one payment each.
func (c *cluster) past(heights int, from, to *testWallet) *archived {
	c.t.Helper()
	h := &archived{c: c, view: c.vault.view()}
	var err error
	if h.state, err = ledger.Load(c.file, &h.store); err != nil {
		c.t.Fatal(err)
	}
	for range heights {
		h.grow(c.pay(from, to, 10))
	}
	return h
}

func (h *archived) must(err error) {
	h.c.t.Helper()
	if err != nil {
		h.c.t.Fatal(err)
	}
}

// grow decides and settles one height as the committee would have.
func (h *archived) grow(list ...*intent.Signed) { h.change(nil, list...) }

// change is grow with other members from the next height on.
func (h *archived) change(to []network.Member, list ...*intent.Signed) {
	h.c.t.Helper()
	bundle := intent.EncodeList(list)
	head, _ := h.view.Head()
	events, err := h.view.Events(h.state.Cut().Number, head.Number)
	h.must(err)
	op, err := h.state.Open(events)
	h.must(err)
	height, members := op.Instance().Height, op.Members()
	m := leader.At(leader.Draw{}.Order(height, op.Seed(), members), 0)
	output, proof, err := h.c.keys[m].VRF.Prove(leader.Alpha(h.c.net.Hash, height, op.Seed()))
	h.must(err)
	var pool []ledger.Candidate
	for i, s := range list {
		id, err := s.ID(h.c.net)
		h.must(err)
		pool = append(pool, ledger.Candidate{ID: id, Signed: s, Size: len(s.Encode()), Bundle: ledger.BlockCID(bundle), Index: i})
	}
	at := max(time.Now().Unix(), op.MinTime())
	sel, err := op.Select(pool, ledger.SelectParams{Time: at, Seed: output, PreviousBatch: h.last})
	h.must(err)
	in := &ledger.Input{Intents: sel.Intents, Time: at, VRFOutput: output, Members: to}
	res, err := op.Execute(in)
	h.must(err)
	root := sel.Root.Encode()
	h.last = ledger.BlockCID(root)
	header := res.Header(in, ledger.Proposal{Leader: members[m].Key, VRFProof: proof, Batch: h.last, Bytes: sel.Bytes})
	cert := &ledger.Certificate{Body: header.Body()}
	for i := range members {
		k := h.c.keys[i].Member
		cert.Signatures = append(cert.Signatures, ledger.MemberSignature{Member: publicOf(k),
			Sig: intent.Signature(ed25519.Sign(k, ledger.CommitMessage(h.c.net.Hash, header.Instance, 0, header.Digest())))})
	}
	h.view.settle(chain.Job{Header: header, Certificate: cert})
	h.must(h.store.Apply(res.Changes(header.Digest())))
	h.state, err = ledger.Load(h.c.file, &h.store)
	h.must(err)
	if to != nil {
		h.epochs = append(h.epochs, *cert)
	}
	h.certs, h.blocks = append(h.certs, cert), append(h.blocks, bundle, root)
}

// from is what an honest peer answers.
func (h *archived) from(height uint64) [][]byte {
	out := [][]byte{}
	for _, c := range h.certs[min(int(height)-1, len(h.certs)):] {
		if len(out) == maxCertificates {
			break
		}
		out = append(out, c.Encode())
	}
	return out
}

// archive is a peer that answers sync/1 as it is told and, with blocks, serves all batches.
func (h *archived) archive(n int, withBlocks bool, say func(ctx context.Context, height uint64) [][]byte) {
	t, c := h.c.t, h.c
	t.Helper()
	host, err := p2p.New(t.Context(), p2p.Config{Key: seedKey("archive", n), Prefix: c.file.Prefix(), Listen: []string{"/ip4/127.0.0.1/tcp/0"}, Bootstrap: c.addresses(), Agent: "archive"})
	h.must(err)
	t.Cleanup(func() { _ = host.Close() })
	host.Handle(protocolSync(), func(ctx context.Context, _ peer.ID, request []byte) ([]byte, error) {
		var in syncRequest
		if err := decodeWire(request, &in); err != nil {
			return nil, err
		}
		return encodeWire(syncResponse{Certificates: say(ctx, in.From)})
	})
	c.peers = append(c.peers, host.Addrs()...)
	if !withBlocks {
		return
	}
	store, err := storage.Open(filepath.Join(c.dir, fmt.Sprint("archive", n)), storage.Options{})
	h.must(err)
	ipfs, err := storage.NewIPFS(storage.IPFSConfig{Store: store, Host: host.LibP2P()})
	h.must(err)
	t.Cleanup(func() { _, _ = ipfs.Close(), store.Close() })
	for _, b := range h.blocks {
		_, err := ipfs.Put(t.Context(), b)
		h.must(err)
	}
}

func (h *archived) honest(_ context.Context, height uint64) [][]byte { return h.from(height) }

// TestALongWayBehind: a whole committee of one, with its data lost, and then a newcomer, catch up while rounds go on.
func TestALongWayBehind(t *testing.T) {
	c := newCluster(t, 1)
	a, b := c.wallet(0, 1_000_000), c.wallet(1, 0)
	began := time.Now()
	h := c.past(longHistory, a, b)
	t.Logf("a history of %d heights in %s", longHistory, time.Since(began).Round(time.Millisecond))
	h.archive(0, true, h.honest)
	began = time.Now()
	c.start(0)
	c.agreed(longHistory)
	t.Logf("the member has caught up in %s", time.Since(began).Round(time.Millisecond))
	ids := c.take(0, c.pay(a, b, 10))
	began = time.Now()
	c.observer()
	for range 3 { // rounds go on
		c.settledOn(0, ids)
		ids = append(ids, c.take(0, c.pay(a, b, 10))...)
	}
	c.settled(ids)
	last := c.agreed(longHistory + 3)
	t.Logf("the newcomer has caught up in %s", time.Since(began).Round(time.Millisecond))
	entry, ok, err := last.State.Account(b.pub, c.file.Mints[0].Mint)
	if want := uint64(longHistory+len(ids)) * 10; err != nil || !ok || entry.Balance != want {
		t.Fatalf("b has %+v, %v, %v; want %d", entry, ok, err, want)
	}
}

// settledOn waits until one node knows the intents as settled.
func (c *cluster) settledOn(i int, ids []intent.ID) {
	c.t.Helper()
	c.wait("intents are settled on a node", func() bool {
		return !slices.ContainsFunc(ids, func(id intent.ID) bool {
			s, ok, err := c.nodes[i].book.status(id)
			return err != nil || !ok || s.State != stateSettled
		})
	})
}

// TestLiarsCostTimeOnly: liars of every kind are heard, then the one honest peer comes.
func TestLiarsCostTimeOnly(t *testing.T) {
	const heights = 100 // more than one answer's
	c := newCluster(t, 4)
	a, b := c.wallet(0, 1_000_000), c.wallet(1, 0)
	h := c.past(heights, a, b)
	asked := make([]atomic.Int64, 7)
	told := func(i int, say func(ctx context.Context, height uint64) [][]byte) {
		h.archive(i, i == 0, func(ctx context.Context, height uint64) [][]byte {
			asked[i].Add(1)
			return say(ctx, height)
		})
	}
	told(1, func(context.Context, uint64) [][]byte { return [][]byte{} })
	told(2, func(_ context.Context, height uint64) [][]byte { return h.from(height + 1) }) // of other heights
	told(3, func(_ context.Context, height uint64) [][]byte {                              // signatures of another height
		forged := *h.certs[height-1]
		forged.Signatures = h.certs[int(height)%heights].Signatures
		return [][]byte{forged.Encode()}
	})
	told(4, func(ctx context.Context, _ uint64) [][]byte { <-ctx.Done(); return [][]byte{} }) // slow
	c.newcomer()
	c.start(4)
	c.wait("all liars are heard, twice", func() bool {
		return !slices.ContainsFunc([]int{1, 2, 3, 4}, func(i int) bool { return asked[i].Load() < 2 })
	})
	if s := c.nodes[4].engine.status.Load(); s.Height != 0 || s.Synced {
		t.Fatalf("liars brought the node to height %d", s.Height)
	}
	told(5, func(_ context.Context, height uint64) [][]byte { // truncated, without the batches
		list := h.from(height)
		return list[:min(len(list), 2)]
	})
	told(6, func(_ context.Context, height uint64) [][]byte { // the first is right, the others are of nothing that was settled
		list := h.from(height)
		for i := range list[min(len(list), 1):] {
			forged := *h.certs[height]
			head, err := ledger.ParseHeader(forged.Body)
			if err != nil {
				return nil
			}
			head.Height, head.Batch = height+1+uint64(i), ledger.BlockCID([]byte("nobody has this"))
			forged.Body = head.Body()
			list[i+1] = forged.Encode()
		}
		return list
	})
	told(0, h.honest)
	if last := c.agreed(heights); last.StateDigest != h.state.Digest() {
		t.Fatalf("the state is %s, not %s", last.StateDigest.Hex(), h.state.Digest().Hex())
	}
	for i := range asked {
		t.Logf("peer %d was asked %d times", i, asked[i].Load())
	}
}

// TestASlowPeerIsPassedBy: one that is silent costs a moment, and one that comes late may still win.
func TestASlowPeerIsPassedBy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var mu sync.Mutex
		var order []peer.ID
		ask := func(ctx context.Context, who peer.ID) ([]*ledger.Certificate, error) {
			mu.Lock()
			order = append(order, who)
			mu.Unlock()
			switch who {
			case "silent":
				<-ctx.Done()
				return nil, ctx.Err()
			case "broken":
				return nil, errors.New("broken")
			}
			return []*ledger.Certificate{{}}, nil
		}
		good, err := askAround(t.Context(), []peer.ID{"silent", "broken", "good", "unasked"}, ask, func(a answer) bool { return a.err == nil })
		if err != nil || good != "good" || time.Since(began) != askPatience || !slices.Equal(order, []peer.ID{"silent", "broken", "good"}) {
			t.Fatalf("got %s, %v after %s, asked %s", good, err, time.Since(began), order)
		}
		if _, err := askAround(t.Context(), []peer.ID{"broken", "broken"}, ask, func(a answer) bool { return a.err == nil }); !errors.Is(err, errNoCertificate) {
			t.Fatalf("got %v", err)
		}
	})
}
