package node

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/leader"
	"github.com/phantom-paradox/paradox/ledger"
)

// A traitor leads view 0 of height 1 with a good key and a good proof, and proposes what it likes to one honest member.
type traitor struct {
	c        *cluster
	node     *running
	round    *round
	good     *proposal
	previous ledger.BatchCID
}

func newTraitor(t *testing.T) *traitor {
	c := newCluster(t, 4)
	c.start(0) // alone it decides nothing
	a, b := c.wallet(0, 1_000_000), c.wallet(1, 0)
	c.seen()
	n := c.nodes[0]
	c.take(0, c.pay(a, b, 1000), c.pay(a, b, 2000), c.pay(a, b, 3000))
	before := func() int64 { return time.Now().Add(-ms(c.file.Params.BundleAge)).UnixMilli() }
	c.wait("the payments can be proposed", func() bool { return len(n.pool.Proposable(before())) == 3 })
	s := n.engine.status.Load()
	order := leader.Draw{}.Order(1, s.Opening.Seed(), c.file.Members)
	r := &round{base: s.State, inst: s.Opening.Instance(), members: c.file.Members, order: order}
	who := order[0]
	p, _, err := n.engine.x.build(t.Context(), s.Opening, c.keys[who].VRF, c.file.Members[who].Key, 0, "")
	if err != nil {
		t.Fatal(err)
	}
	return &traitor{c: c, node: n, round: r, good: p}
}

// propose is what the honest member says of a header that comes when the good one was made.
func (x *traitor) propose(h ledger.Header) error { return x.proposeWithin(time.Minute, h) }

func (x *traitor) proposeWithin(d time.Duration, h ledger.Header) error {
	ctx, cancel := context.WithTimeout(x.c.t.Context(), d)
	defer cancel()
	_, err := x.node.engine.examine(ctx, x.round, h.Body(), x.previous, true, x.good.header.Time*1000)
	return err
}

func (x *traitor) header() ledger.Header { return *x.good.header }

// batch is a root that names bundles of the traitor's own making; it says true about its size.
func (x *traitor) batch(change func(*ledger.BatchRoot), bundles ...[]byte) ledger.Header {
	x.c.t.Helper()
	h := x.header()
	root := *x.good.root
	if len(bundles) > 0 {
		root.Bundles = nil
	}
	for _, b := range bundles {
		taken := ledger.Taken{Bundle: x.put(b)}
		list, err := intent.DecodeList(b)
		for i := range max(len(list), 1) {
			taken.Take(i)
		}
		_ = err // a bundle that is none takes one intent
		root.Bundles = append(root.Bundles, taken)
	}
	if change != nil {
		root.Bundles = append([]ledger.Taken(nil), root.Bundles...)
		change(&root)
	}
	h.Batch = x.put(root.Encode())
	return h
}

func (x *traitor) put(data []byte) ledger.BatchCID {
	x.c.t.Helper()
	id, err := x.node.engine.x.blocks.Put(x.c.t.Context(), "test", data)
	if err != nil {
		x.c.t.Fatal(err)
	}
	return id
}

func TestAnHonestProposalIsPrepared(t *testing.T) {
	x := newTraitor(t)
	if err := x.propose(x.header()); err != nil {
		t.Fatal(err)
	}
}

func TestALyingHeaderIsNotPrepared(t *testing.T) {
	x := newTraitor(t)
	for what, lie := range map[string]func(*ledger.Header){
		"state digest":      func(h *ledger.Header) { h.StateDigest[0] ^= 1 },
		"outcome root":      func(h *ledger.Header) { h.OutcomeRoot[0] ^= 1 },
		"settlement head":   func(h *ledger.Header) { h.SettlementHead[0] ^= 1 },
		"previous":          func(h *ledger.Header) { h.Previous[0] ^= 1 },
		"count":             func(h *ledger.Header) { h.Count++ },
		"bytes":             func(h *ledger.Header) { h.Bytes++ },
		"in the future":     func(h *ledger.Header) { h.Time += 60 },
		"in the past":       func(h *ledger.Header) { h.Time -= 60 },
		"cut of a fork":     func(h *ledger.Header) { h.Cut.Hash[0] ^= 1 },
		"cut of long ago":   func(h *ledger.Header) { h.Cut = ledger.Cut{} },
		"another's view":    func(h *ledger.Header) { h.View = 1 },
		"another's name":    func(h *ledger.Header) { h.Leader = x.c.file.Members[x.round.order[1]].Key },
		"a draw of its own": func(h *ledger.Header) { h.VRFOutput[0] ^= 1 },
		"no draw":           func(h *ledger.Header) { h.VRFProof[5] ^= 1 },
		"another height":    func(h *ledger.Header) { h.Height++ },
		"no network":        func(h *ledger.Header) { h.Network = intent.Hash{} },
	} {
		h := x.header()
		lie(&h)
		if err := x.propose(h); !errors.Is(err, errInvalid) {
			t.Errorf("%s: %v", what, err)
		}
	}
	h := x.header()
	h.Cut.Number += 1000
	if err := x.propose(h); !errors.Is(err, errBehind) {
		t.Errorf("a cut in the future is held until it is known or the view ends: %v", err)
	}
}

// One leader must not replace the committee, however right the rest of its header is.
func TestALeaderDoesNotChangeTheMembers(t *testing.T) {
	x := newTraitor(t)
	members := append(x.c.file.Members[:0:0], x.c.file.Members...)
	members[0].Key = publicOf(seedKey("usurper", 0))
	op, err := x.node.engine.openAt(x.round.base, x.good.header.Cut)
	if err != nil {
		t.Fatal(err)
	}
	in := &ledger.Input{Intents: x.good.intents, Time: x.good.header.Time, VRFOutput: x.good.header.VRFOutput, Members: members}
	res, err := op.Execute(in)
	if err != nil {
		t.Fatal(err)
	}
	g := x.good.header
	h := res.Header(in, ledger.Proposal{View: 0, Leader: g.Leader, VRFProof: g.VRFProof, Batch: g.Batch, Bytes: g.Bytes})
	if err := x.propose(*h); !errors.Is(err, errInvalid) {
		t.Fatalf("got %v", err)
	}
}

func TestALyingBatchIsNotPrepared(t *testing.T) {
	x := newTraitor(t)
	var list []*intent.Signed
	for _, b := range x.good.intents {
		list = append(list, b.Signed)
	}
	forged := *list[0]
	forged.Sig[7] ^= 1
	lies := map[string]ledger.Header{
		"a forged signature over a pooled text": x.batch(nil, intent.EncodeList([]*intent.Signed{&forged, list[1], list[2]})),
		"an intent twice":                       x.batch(nil, intent.EncodeList(list), intent.EncodeList(list[:1])),
		"an intent less":                        x.batch(nil, intent.EncodeList(list[:2])),
		"a bundle that is none":                 x.batch(nil, []byte("no bundle")),
		"an intent that the bundle has not":     x.batch(func(r *ledger.BatchRoot) { r.Bundles[0].Take(200) }, intent.EncodeList(list)),
		"nothing":                               x.batch(func(r *ledger.BatchRoot) { r.Bundles = []ledger.Taken{} }),
		"another height":                        x.batch(func(r *ledger.BatchRoot) { r.Height = 2 }),
		"another network":                       x.batch(func(r *ledger.BatchRoot) { r.Network = intent.Hash{9} }),
		"another past":                          x.batch(func(r *ledger.BatchRoot) { r.Previous = x.good.header.Batch }),
	}
	root := x.header()
	root.Batch = x.put([]byte("no root"))
	lies["a root that is none"] = root
	for what, h := range lies {
		if err := x.propose(h); !errors.Is(err, errInvalid) {
			t.Errorf("%s: %v", what, err)
		}
	}
	missing := x.batch(func(r *ledger.BatchRoot) { r.Bundles[0].Bundle = ledger.BlockCID([]byte("withheld")) })
	if err := x.proposeWithin(100*time.Millisecond, missing); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, errInvalid) {
		t.Errorf("a bundle that nobody has is waited for until the view ends: %v", err)
	}
}
