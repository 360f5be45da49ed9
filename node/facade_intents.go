package node

import (
	"context"
	"errors"
	"fmt"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/ledger"
	"github.com/phantom-paradox/paradox/node/api"
	"github.com/phantom-paradox/paradox/node/pool"
	"github.com/phantom-paradox/paradox/storage"
)

// Intent says what became of an intent. The pool is asked first: what leaves it is in the book before.
func (f *facade) Intent(ctx context.Context, id intent.ID) (*api.IntentStatus, error) {
	if e, ok := f.n.pool.Get(id); ok {
		return f.pooled(e)
	}
	s, ok, err := f.n.book.status(id)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, api.ErrNotFound
	}
	out := &api.IntentStatus{ID: id, State: s.State, Received: s.Received / 1000}
	signed, err := f.recorded(ctx, &s)
	if err != nil && !errors.Is(err, storage.ErrNotFound) {
		return nil, fmt.Errorf("the bytes of %s: %w", id, err)
	}
	if signed != nil {
		if out.Intent, err = signed.JSON(f.net); err != nil {
			return nil, fmt.Errorf("the bytes of %s: %w", id, err)
		}
	}
	if s.State == stateDropped {
		out.Dropped = &api.Why{Code: s.Code}
		return out, nil
	}
	k, err := f.round(s.Height)
	if err != nil {
		return nil, fmt.Errorf("height %d, which took %s: %w", s.Height, id, err)
	}
	return out, f.accepted(out, k)
}

// pooled is an intent that waits, or that a provisional outcome holds.
func (f *facade) pooled(e pool.Entry) (*api.IntentStatus, error) {
	text, err := e.Signed.JSON(f.net)
	if err != nil {
		return nil, fmt.Errorf("pooled intent %s: %w", e.ID, err)
	}
	out := &api.IntentStatus{ID: e.ID, State: api.Pending, Intent: text, Received: e.Received / 1000}
	if e.Code != "" {
		out.Pending = &api.Why{Code: e.Code, Detail: e.Detail}
	}
	if e.Held == 0 {
		return out, nil
	}
	k, err := f.round(e.Held)
	if errors.Is(err, api.ErrNotFound) {
		return out, nil // undone this moment
	}
	if err != nil {
		return nil, err
	}
	out.Pending = nil
	return out, f.accepted(out, k)
}

// accepted fills in the height that took an intent.
func (f *facade) accepted(out *api.IntentStatus, k *kept) error {
	proof, err := f.proofOf(k, out.ID)
	if err != nil {
		return fmt.Errorf("proving %s at height %d: %w", out.ID, k.height, err)
	}
	out.State = api.Accepted
	out.Accepted = &api.Acceptance{Height: k.height, View: k.rec.Certificate.View, Time: k.header.Time, Batch: k.header.Batch.String(), Proof: proof}
	if s := k.rec.Settlement; s.Settled {
		out.State = api.Settled
		out.Settled = &api.Transactions{Transactions: append([]string{}, s.Transactions...), Slot: s.Slot}
	}
	return nil
}

// recorded reads an intent that has left the pool: from its record, or from a bundle that carried it.
func (f *facade) recorded(ctx context.Context, s *Status) (*intent.Signed, error) {
	if s.Wire != nil {
		return intent.Decode(s.Wire)
	}
	block, err := (ipfsBlocks{f.n.ipfs}).Get(ctx, ledger.BatchCID(s.Bundle))
	if err != nil {
		return nil, err
	}
	parts, err := intent.SplitList(block)
	if err != nil {
		return nil, err
	}
	if int(s.Place) >= len(parts) {
		return nil, fmt.Errorf("its bundle has no place %d", s.Place)
	}
	return intent.Decode(parts[s.Place])
}
