package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/leader"
	"github.com/phantom-paradox/paradox/ledger"
	"github.com/phantom-paradox/paradox/network"
	"github.com/phantom-paradox/paradox/node/pool"
)

// A proposal is a header whose batch this node has executed, or is about to propose.
type proposal struct {
	header  *ledger.Header
	body    []byte
	digest  intent.Hash
	result  *ledger.Result
	root    *ledger.BatchRoot
	intents []ledger.BatchIntent // in batch order
}

// blocks are the CIDs of the batch: its root, then its bundles.
func (p *proposal) blocks() []ledger.BatchCID {
	out := []ledger.BatchCID{p.header.Batch}
	for _, b := range p.root.Bundles {
		out = append(out, b.Bundle)
	}
	return out
}

// places are where the batch's intents stand, in batch order.
func (p *proposal) places() []pool.Ref {
	out := make([]pool.Ref, 0, len(p.intents))
	for _, b := range p.root.Bundles {
		for _, i := range b.Indexes() {
			out = append(out, pool.Ref{Bundle: string(b.Bundle), Index: i})
		}
	}
	return out
}

// executor builds and checks proposals. It holds no state of a round: each call names what it works on.
type executor struct {
	file   *network.File
	hash   intent.Hash
	net    *intent.Network
	pool   *pool.Pool
	blocks blocks
	clock  func() time.Time
	wishes wishes
	meter  *meters
}

// Why no proposal comes of a build.
var errNothing = errors.New("nothing to propose")

// How a proposal fails its check.
var (
	errInvalid = errors.New("the proposal is not valid") // whoever made it is at fault
	errBehind  = errors.New("the proposal needs vault events that this node has not seen")
)

// clockSkew is how far a fresh header's time may be from a member's clock (ROUNDS.md).
const clockSkew = 2 * time.Second

// fetchTimeout bounds the fetch of a batch: longer than any view, so that it is the view that ends a round.
const fetchTimeout = 90 * time.Second

// choose nets the pool over an opening, as the leader would whose VRF output is seed.
func (x *executor) choose(op *ledger.Opening, at int64, seed intent.Hash, previous ledger.BatchCID) (*ledger.Selection, error) {
	before := x.clock().Add(-time.Duration(x.file.Params.BundleAge) * time.Millisecond).UnixMilli()
	entries := x.pool.Proposable(before)
	candidates := make([]ledger.Candidate, len(entries))
	for i, e := range entries {
		candidates[i] = ledger.Candidate{ID: e.ID, Signed: e.Signed, Size: e.Size,
			Bundle: ledger.BatchCID(e.Bundles[0].Bundle), Index: e.Bundles[0].Index}
	}
	defer x.took("select", time.Now())
	sel, err := op.Select(candidates, ledger.SelectParams{Time: at, Seed: seed, PreviousBatch: previous})
	if err != nil {
		return nil, fmt.Errorf("selecting from %d intents: %w", len(candidates), err)
	}
	return sel, nil
}

// took notes how long a step of netting took: by this machine's own time, whatever clock the rounds go by.
func (x *executor) took(step string, began time.Time) {
	x.meter.netting.WithLabelValues(step).Observe(time.Since(began).Seconds())
}

// headerTime is the time of a header that leaves so much later than now.
func (x *executor) headerTime(op *ledger.Opening, later time.Duration) int64 {
	return max(x.clock().Add(later).Unix(), op.MinTime())
}

const (
	// stampTries is how often a proposal that became ready long after the time it was to carry is made once more: a machine
	// that was held up once is not held up always.
	stampTries = 3
	// stampSlack is how far a proposal's time may be from its leader's own clock when it leaves: half of what members forgive,
	// since their clocks differ too.
	stampSlack = clockSkew / 2
)

// build makes a proposal of this node's own for a view. It carries the time at which it leaves, not the one at which the
// work on it began: that of a large pool may take longer than members forgive.
func (x *executor) build(ctx context.Context, op *ledger.Opening, prover leader.Prover, self intent.Key, view uint32, previous ledger.BatchCID) (*proposal, []ledger.Pending, error) {
	inst := op.Instance()
	output, proof, err := prover.Prove(leader.Alpha(x.hash, inst.Height, op.Seed()))
	if err != nil {
		return nil, nil, fmt.Errorf("proving the leader's draw: %w", err)
	}
	sel, in, res, err := x.stamped(ctx, op, output, previous)
	if err != nil {
		return nil, pendingOf(sel), err
	}
	cid, err := x.blocks.Put(ctx, batchOwner(inst.Height), sel.Root.Encode())
	if err != nil {
		return nil, nil, fmt.Errorf("storing the batch: %w", err)
	}
	h := res.Header(in, ledger.Proposal{View: view, Leader: self, VRFProof: proof, Batch: cid, Bytes: sel.Bytes})
	return &proposal{header: h, body: h.Body(), digest: h.Digest(), result: res, root: sel.Root, intents: in.Intents}, sel.Pending, nil
}

func pendingOf(sel *ledger.Selection) []ledger.Pending {
	if sel == nil {
		return nil
	}
	return sel.Pending
}

// stamped selects and executes for the time at which both will be done.
func (x *executor) stamped(ctx context.Context, op *ledger.Opening, output intent.Hash, previous ledger.BatchCID) (*ledger.Selection, *ledger.Input, *ledger.Result, error) {
	var ahead time.Duration // what the work took the last time
	next, _ := x.wishes.next(op.Instance().Epoch, op.Members())
	for try := 1; ; try++ {
		began := x.clock()
		at := x.headerTime(op, ahead)
		sel, err := x.choose(op, at, output, previous)
		if err != nil {
			return nil, nil, nil, err
		}
		if len(sel.Taken) == 0 && next == nil {
			if open, err := op.OpenRequests(); err != nil || !open {
				return sel, nil, nil, errors.Join(errNothing, err)
			}
		}
		// Execution takes no longer than the selection did; where the time is still the selection's, nothing is judged twice.
		in := &ledger.Input{Time: max(at, x.headerTime(op, x.clock().Sub(began))), VRFOutput: output, Members: next}
		res, err := sel.Execute(in)
		took := x.clock().Sub(began)
		switch {
		case errors.Is(err, ledger.ErrBatch) && in.Time > at && try < stampTries:
			ahead = took // what could be taken has expired in between
			continue
		case err != nil:
			return nil, nil, nil, fmt.Errorf("executing the own selection: %w", err)
		case x.clock().Sub(time.Unix(in.Time, 0)) > stampSlack+time.Second && in.Time > op.MinTime() && try < stampTries && ctx.Err() == nil:
			ahead = took
			continue
		}
		if in.Time > op.MinTime() { // else it is the height before that binds it, not this clock
			err = x.untilClose(ctx, in.Time)
		}
		return sel, in, res, err
	}
}

// untilClose waits until a time in the near future is close enough to be proposed.
func (x *executor) untilClose(ctx context.Context, at int64) error {
	early := time.Unix(at, 0).Sub(x.clock()) - stampSlack
	if early <= 0 {
		return nil
	}
	wait := time.NewTimer(early)
	defer wait.Stop()
	select {
	case <-wait.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// A question is a header body to be checked against an opening.
type question struct {
	header   *ledger.Header
	body     []byte
	cert     *ledger.Certificate // of a settled header; nil for a proposal
	opening  *ledger.Opening     // at the header's cut
	members  []network.Member
	order    []int // the leader order of the height
	previous ledger.BatchCID
	fresh    bool  // a first proposal: the clock counts, and what the operator has approved
	arrived  int64 // when it came, unix milliseconds
	haul     *haul // what fetching for it may bring; nil: all
}

// check re-executes a header's batch and compares every digest. errInvalid: the header is wrong.
func (x *executor) check(ctx context.Context, q *question) (*proposal, error) {
	if err := x.checkLeader(q); err != nil {
		return nil, fmt.Errorf("%w: %w", errInvalid, err)
	}
	return x.execute(ctx, q)
}

// checkLeader checks what needs no batch: who leads, the draw, the time.
func (x *executor) checkLeader(q *question) error {
	h := q.header
	if h.Network != x.hash || h.Instance != q.opening.Instance() || h.Cut != q.opening.Cut() {
		return errors.New("it belongs to another network, instance or cut")
	}
	m := q.members[leader.At(q.order, h.View)]
	if m.Key != h.Leader {
		return fmt.Errorf("%s leads view %d, not %s", m.Key, h.View, h.Leader)
	}
	output, err := leader.Verify(m.VRF, leader.Alpha(x.hash, h.Height, q.opening.Seed()), h.VRFProof)
	if err != nil {
		return fmt.Errorf("its VRF proof: %w", err)
	}
	if output != h.VRFOutput {
		return errors.New("its VRF output is not the proof's")
	}
	if q.fresh && h.Members != nil && !x.wishes.approves(h.Epoch, q.members, h.Members) {
		return errors.New("it changes the members in a way that the operator of this node has not approved")
	}
	if q.fresh {
		if d := time.UnixMilli(q.arrived).Sub(time.Unix(h.Time, 0)); d > clockSkew+time.Second || d < -clockSkew {
			return fmt.Errorf("its time was %s away from this node's clock when it came", d.Round(time.Millisecond))
		}
	}
	return nil
}

// blame says that the proposal is at fault, unless the check itself was broken off.
func blame(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("%w: %w", errInvalid, err)
}

// execute fetches and re-executes the batch of a header and rebuilds the header from the result.
func (x *executor) execute(ctx context.Context, q *question) (*proposal, error) {
	h := q.header
	root, intents, size, err := x.fetch(ctx, h, q.haul)
	if err != nil {
		return nil, err
	}
	if root.Network != x.hash || root.Height != h.Height || root.Previous != q.previous {
		return nil, fmt.Errorf("%w: its batch belongs to another network, height or predecessor", errInvalid)
	}
	if err := x.verify(ctx, intents); err != nil {
		return nil, blame(ctx, err)
	}
	in := &ledger.Input{Intents: intents, Time: h.Time, VRFOutput: h.VRFOutput, Members: h.Members}
	began := time.Now()
	res, err := q.opening.Execute(in)
	x.took("execute", began)
	switch {
	case errors.Is(err, ledger.ErrBatch):
		return nil, blame(ctx, err)
	case err != nil:
		return nil, fmt.Errorf("executing batch %s: %w", h.Batch, err) // this node's own disk, not the leader's fault
	}
	if err := res.Agrees(h); err != nil {
		return nil, fmt.Errorf("%w: re-execution gives another header: %w", errInvalid, err)
	}
	if h.Bytes != size {
		return nil, fmt.Errorf("%w: its batch has %d bytes, not %d", errInvalid, size, h.Bytes)
	}
	return &proposal{header: h, body: q.body, digest: h.Digest(), result: res, root: root, intents: intents}, nil
}

// fetch brings the batch of a header into the local store and takes its intents.
func (x *executor) fetch(ctx context.Context, h *ledger.Header, haul *haul) (*ledger.BatchRoot, []ledger.BatchIntent, uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	data, err := x.blocks.Fetch(ctx, h.Leader, haul, h.Batch)
	if err != nil {
		return nil, nil, 0, fmt.Errorf("fetching batch %s: %w", h.Batch, err)
	}
	root, err := ledger.ParseBatchRoot(data[0])
	if err != nil {
		return nil, nil, 0, fmt.Errorf("%w: batch %s: %w", errInvalid, h.Batch, err)
	}
	if len(root.Bundles) > x.file.Params.MaxIntents {
		return nil, nil, 0, fmt.Errorf("%w: batch %s links %d bundles", errInvalid, h.Batch, len(root.Bundles))
	}
	r := &bundleReader{x: x, ctx: ctx, from: h.Leader, haul: haul, rest: root.Bundles}
	intents, size, err := root.Intents(r.read, x.file.Params.MaxIntents, x.file.Params.MaxBatchBytes)
	switch {
	case r.failed != nil:
		return nil, nil, 0, fmt.Errorf("fetching the bundles of batch %s: %w", h.Batch, r.failed)
	case err != nil:
		return nil, nil, 0, fmt.Errorf("%w: batch %s: %w", errInvalid, h.Batch, err)
	}
	return root, intents, size, nil
}

// bundlesAtOnce is how many bundles of a batch are in memory at once. A batch may take one intent of each of thousands of long
// bundles; 64 of them have 18 MiB at most.
const bundlesAtOnce = 64

// bundleReader gives a batch's bundles in their order and holds a few of them.
type bundleReader struct {
	x      *executor
	ctx    context.Context // of one fetch
	from   intent.Key
	haul   *haul
	rest   []ledger.Taken // not fetched yet
	held   map[ledger.BatchCID][]byte
	failed error // they could not be had, which does not make the batch wrong
}

func (r *bundleReader) read(c ledger.BatchCID) ([]ledger.BundleIntent, error) {
	if _, ok := r.held[c]; !ok {
		if r.failed = r.next(); r.failed != nil {
			return nil, r.failed
		}
	}
	return ledger.ReadBundle(r.held[c], r.x.net)
}

func (r *bundleReader) next() error {
	n := min(bundlesAtOnce, len(r.rest))
	links := make([]ledger.BatchCID, n)
	for i, t := range r.rest[:n] {
		links[i] = t.Bundle
	}
	found, err := r.x.blocks.Fetch(r.ctx, r.from, r.haul, links...)
	if err != nil {
		return err
	}
	r.rest, r.held = r.rest[n:], make(map[ledger.BatchCID][]byte, n)
	for i, c := range links {
		r.held[c] = found[i]
	}
	return nil
}

// verify checks bytes and signatures of intents; what is pooled was checked when it came.
func (x *executor) verify(ctx context.Context, list []ledger.BatchIntent) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(verifiers())
	const stride = 64 // intents a task
	for from := 0; from < len(list); from += stride {
		g.Go(func() error {
			for _, b := range list[from:min(from+stride, len(list))] {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				// The id covers the text alone: only the very signature that was checked at the door needs no second check.
				if e, ok := x.pool.Get(b.ID); ok && e.Signed.Sig == b.Signed.Sig {
					continue
				}
				if err := b.Signed.Check(x.net); err != nil {
					return fmt.Errorf("intent %s: %w", b.ID, err)
				}
				x.meter.verified.WithLabelValues("batch").Inc()
				if err := b.Signed.Verify(x.net); err != nil {
					return fmt.Errorf("intent %s: %w", b.ID, err)
				}
			}
			return nil
		})
	}
	return g.Wait()
}
