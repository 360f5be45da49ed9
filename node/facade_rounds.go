package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"sync"

	"github.com/ipfs/go-cid"

	"github.com/phantom-paradox/paradox/chain"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/ledger"
	"github.com/phantom-paradox/paradox/network"
	"github.com/phantom-paradox/paradox/node/api"
	"github.com/phantom-paradox/paradox/storage"
)

// A kept round is a decided height with what answers need of it. It does not change.
type kept struct {
	height uint64
	header *ledger.Header
	rec    *Round
	once   sync.Once
	proofs *ledger.Tree
}

// tree is the outcome's tree, built when the first proof is asked for.
func (k *kept) tree() *ledger.Tree {
	k.once.Do(func() { k.proofs = k.rec.Outcome.Tree() })
	return k.proofs
}

const (
	// maxKept is how many whole rounds stay in memory: of the newest, receipts are asked for.
	maxKept = 8
	// maxBriefs is how many settled rounds stay in memory as they are shown: pages of them are what browsers ask for.
	maxBriefs = 512
)

// roundCache keeps what does not change: a settled round never does, a decided one only with its generation.
type roundCache struct {
	mu     sync.Mutex
	whole  []*kept // the latest used first
	briefs map[uint64]*api.Round
}

func (c *roundCache) find(height uint64, good func(*kept) bool) *kept {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, k := range c.whole {
		if k.height == height && good(k) {
			copy(c.whole[1:i+1], c.whole[:i])
			c.whole[0] = k
			return k
		}
	}
	return nil
}

func (c *roundCache) keep(k *kept) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.whole = slices.DeleteFunc(c.whole, func(o *kept) bool { return o.height == k.height })
	c.whole = slices.Insert(c.whole, 0, k)
	if len(c.whole) > maxKept {
		c.whole = c.whole[:maxKept:maxKept]
	}
}

func (c *roundCache) brief(height uint64) *api.Round {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.briefs[height]
}

// keepBrief keeps a settled round's answer; the lowest heights make room.
func (c *roundCache) keepBrief(r *api.Round) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.briefs == nil {
		c.briefs = map[uint64]*api.Round{}
	}
	c.briefs[r.Header.Height] = r
	if len(c.briefs) > maxBriefs {
		lowest := r.Header.Height
		for h := range c.briefs {
			lowest = min(lowest, h)
		}
		delete(c.briefs, lowest)
	}
}

// round is a decided height, api.ErrNotFound if this node has not decided it.
func (f *facade) round(height uint64) (*kept, error) {
	s := f.sight()
	k := f.rounds.find(height, func(k *kept) bool {
		return k.rec.Settlement.Settled || s.Height < height && k.header.Generation == s.Generation
	})
	if k != nil {
		return k, nil
	}
	rec, err := f.n.book.round(height)
	if err != nil {
		return nil, err
	}
	if rec == nil {
		origin, err := f.n.book.origin()
		if err == nil && height > 0 && height <= origin {
			err = fmt.Errorf("height %d: %w of height %d", height, api.ErrBeforeSnapshot, origin)
		}
		if err == nil {
			err = api.ErrNotFound
		}
		return nil, err
	}
	h, err := ledger.ParseHeader(rec.Certificate.Body)
	if err != nil {
		return nil, fmt.Errorf("the record of height %d: %w", height, err)
	}
	k = &kept{height: height, header: h, rec: rec}
	f.rounds.keep(k)
	return k, nil
}

// Round is a decided height.
func (f *facade) Round(_ context.Context, height uint64) (*api.Round, error) {
	if r := f.rounds.brief(height); r != nil {
		return r, nil
	}
	k, err := f.round(height)
	if err != nil {
		return nil, err
	}
	r := f.roundView(k.header, k.rec)
	if k.rec.Settlement.Settled {
		f.rounds.keepBrief(r)
	}
	return r, nil
}

// Rounds are heights from the newest, or from below the cursor.
func (f *facade) Rounds(ctx context.Context, p api.Page) (*api.Rounds, error) {
	s := f.sight()
	top := s.Height
	if s.Provisional {
		top = s.Deciding
	}
	if p.After != "" {
		n, err := strconv.ParseUint(p.After, 10, 64)
		if err != nil || n == 0 {
			return nil, api.ErrBadCursor
		}
		top = min(top, n-1)
	}
	out := &api.Rounds{Rounds: []api.Round{}}
	for h := top; h > 0; h-- {
		if len(out.Rounds) == p.Limit {
			out.Next = strconv.FormatUint(h+1, 10)
			break
		}
		r, err := f.Round(ctx, h)
		switch {
		case errors.Is(err, api.ErrNotFound) && h > s.Height:
			continue // undone this moment
		case errors.Is(err, api.ErrNotFound), errors.Is(err, api.ErrBeforeSnapshot):
			return out, nil
		case err != nil:
			return nil, err
		}
		out.Rounds = append(out.Rounds, *r)
	}
	return out, nil
}

// roundView is a round in the API's shape.
func (f *facade) roundView(h *ledger.Header, rec *Round) *api.Round {
	o := &rec.Outcome
	out := &api.Round{Header: headerView(h), Certificate: certificateView(&rec.Certificate), Decided: rec.Decided / 1000,
		Outcome: api.Outcome{Accepted: len(o.Accepted), Legs: o.Legs, Changes: len(o.Deltas), Items: len(o.Owners),
			Gross: map[string]string{}, Net: map[string]string{}},
		Settlement: api.Settlement{State: string(chain.StageWaiting), Chunks: len(rec.Chunks), Transactions: []string{}}}
	for _, v := range o.Volumes {
		out.Outcome.Gross[v.Mint.String()], out.Outcome.Net[v.Mint.String()] = v.Gross.String(), v.Net.String()
	}
	t := &out.Settlement
	if s := rec.Settlement; s.Settled {
		t.State, t.Slot, t.Applied, t.Milliseconds = string(chain.StageSettled), s.Slot, t.Chunks, max(s.At-rec.Decided, 0)
		t.Transactions = append(t.Transactions, s.Transactions...)
		return out
	}
	if f.n.settler == nil {
		return out
	}
	s, ok := f.n.settler.Status(h.Height)
	if !ok || s.Generation != h.Generation {
		return out
	}
	t.State, t.Applied, t.Error = string(s.Stage), s.Applied, s.LastError
	if s.Stage == chain.StageSettled {
		t.State = string(chain.StageApplying) // it is settled when this node's own watcher shows it
	}
	for _, sig := range s.Signatures {
		t.Transactions = append(t.Transactions, sig.String())
	}
	return out
}

func headerView(h *ledger.Header) api.Header {
	return api.Header{Network: h.Network, Epoch: h.Epoch, Height: h.Height, Generation: h.Generation, Time: h.Time, View: h.View, Leader: h.Leader,
		VRFOutput: h.VRFOutput, VRFProof: h.VRFProof, Previous: api.Digest(h.Previous), Batch: h.Batch.String(), Count: h.Count, Bytes: h.Bytes,
		OutcomeRoot: api.Digest(h.OutcomeRoot), StateDigest: api.Digest(h.StateDigest), CutNumber: api.Decimal(h.Cut.Number), CutHash: api.Digest(h.Cut.Hash),
		SettlementHead: api.Digest(h.SettlementHead), Members: membersView(h.Members), Digest: api.Digest(h.Digest())}
}

func certificateView(c *ledger.Certificate) api.Certificate {
	out := api.Certificate{View: c.View, Signatures: make([]api.Signature, len(c.Signatures))}
	for i, s := range c.Signatures {
		out.Signatures[i] = api.Signature{Member: s.Member, Sig: s.Sig}
	}
	return out
}

func membersView(list []network.Member) []api.Member {
	if list == nil {
		return nil
	}
	out := make([]api.Member, len(list))
	for i, m := range list {
		out[i] = api.Member{Name: m.Name, Key: m.Key, VRF: m.VRF[:], Weight: m.Weight}
	}
	return out
}

// Proof proves that a height took an intent.
func (f *facade) Proof(_ context.Context, height uint64, id intent.ID) (*api.Proof, error) {
	k, err := f.round(height)
	if err != nil {
		return nil, err
	}
	return f.proofOf(k, id)
}

func (f *facade) proofOf(k *kept, id intent.ID) (*api.Proof, error) {
	accepted := k.rec.Outcome.Accepted
	i, ok := slices.BinarySearchFunc(accepted, id, func(a, b intent.ID) int { return bytes.Compare(a[:], b[:]) })
	if !ok {
		return nil, api.ErrNotFound
	}
	proof := k.tree().Proof(i)
	epochs, err := f.epochs.until(f, k.header.Epoch, f.sight().Height)
	if err != nil {
		return nil, err
	}
	out := &api.Proof{ID: id, Height: k.height, Leaf: proof.Leaf, Index: proof.Index, Size: proof.Size, Path: make([]api.Digest, len(proof.Path)),
		OutcomeRoot: api.Digest(k.header.OutcomeRoot), Header: headerView(k.header), HeaderBody: k.rec.Certificate.Body,
		Certificate: certificateView(&k.rec.Certificate), Epochs: epochs}
	for i, p := range proof.Path {
		out.Path[i] = api.Digest(p)
	}
	return out, nil
}

// root reads a batch's root block that is here.
func (f *facade) root(ctx context.Context, text string) (*ledger.BatchRoot, cid.Cid, error) {
	c, err := ledger.ParseBatchCID(text)
	if err != nil {
		return nil, cid.Undef, api.ErrNotFound
	}
	id, err := toCID(c)
	if err != nil {
		return nil, cid.Undef, api.ErrNotFound
	}
	block, err := f.n.ipfs.Get(ctx, id)
	if err != nil {
		return nil, cid.Undef, fmt.Errorf("%w: %w", api.ErrNotFound, err)
	}
	root, err := ledger.ParseBatchRoot(block)
	if err != nil {
		return nil, cid.Undef, fmt.Errorf("%w: %w", api.ErrNotFound, err) // a bundle, say
	}
	return root, id, nil
}

// Batch is a batch's root, and a page of the intents that it takes.
func (f *facade) Batch(ctx context.Context, text string, p api.Page) (*api.Batch, error) {
	root, id, err := f.root(ctx, text)
	if err != nil {
		return nil, err
	}
	from := 0
	if p.After != "" {
		if from, err = strconv.Atoi(p.After); err != nil || from < 1 {
			return nil, api.ErrBadCursor
		}
	}
	out := &api.Batch{CID: id.String(), Network: root.Network, Height: root.Height, Bundles: []api.Bundle{}, Intents: []api.BatchIntent{}}
	if root.Previous != "" {
		previous := root.Previous.String()
		out.Previous = &previous
	}
	for i := range root.Bundles {
		b := &root.Bundles[i]
		taken := b.Indexes()
		out.Bundles = append(out.Bundles, api.Bundle{CID: b.Bundle.String(), Taken: taken})
		first := out.Count
		out.Count += len(taken)
		if out.Count <= from || len(out.Intents) == p.Limit {
			continue
		}
		taken = taken[max(from-first, 0):]
		taken = taken[:min(len(taken), p.Limit-len(out.Intents))]
		if out.Intents, err = f.bundleIntents(ctx, out.Intents, b.Bundle, taken); err != nil {
			return nil, err
		}
	}
	if end := from + len(out.Intents); end < out.Count && len(out.Intents) > 0 {
		out.Next = strconv.Itoa(end)
	}
	return out, nil
}

// bundleIntents appends some of a bundle's intents.
func (f *facade) bundleIntents(ctx context.Context, to []api.BatchIntent, bundle ledger.BatchCID, places []int) ([]api.BatchIntent, error) {
	block, err := (ipfsBlocks{f.n.ipfs}).Get(ctx, bundle)
	if err != nil {
		return nil, fmt.Errorf("%w: bundle %s: %w", api.ErrNotFound, bundle, err)
	}
	parts, err := intent.SplitList(block)
	if err != nil {
		return nil, fmt.Errorf("bundle %s: %w", bundle, err)
	}
	for _, i := range places {
		if i >= len(parts) {
			return nil, fmt.Errorf("bundle %s has no place %d", bundle, i)
		}
		s, err := intent.Decode(parts[i])
		if err != nil {
			return nil, fmt.Errorf("bundle %s, place %d: %w", bundle, i, err)
		}
		id, err := s.ID(f.net)
		if err != nil {
			return nil, fmt.Errorf("bundle %s, place %d: %w", bundle, i, err)
		}
		text, err := s.JSON(f.net)
		if err != nil {
			return nil, fmt.Errorf("bundle %s, place %d: %w", bundle, i, err)
		}
		to = append(to, api.BatchIntent{ID: id, Intent: text})
	}
	return to, nil
}

// BatchCAR writes the root and its bundles; that all are here is known before the first byte.
func (f *facade) BatchCAR(ctx context.Context, text string, w io.Writer) error {
	root, id, err := f.root(ctx, text)
	if err != nil {
		return err
	}
	for i := range root.Bundles {
		b, err := toCID(root.Bundles[i].Bundle)
		if err != nil {
			return err
		}
		if has, err := f.n.ipfs.Has(ctx, b); err != nil || !has {
			return fmt.Errorf("%w: bundle %s: %w", api.ErrNotFound, b, storage.ErrNotFound)
		}
	}
	var skip []cid.Cid
	if root.Previous != "" {
		previous, err := toCID(root.Previous)
		if err != nil {
			return err
		}
		skip = append(skip, previous)
	}
	return f.n.ipfs.ExportCAR(ctx, w, id, 1, skip...)
}
