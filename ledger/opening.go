package ledger

import (
	"errors"
	"fmt"
	"math"

	"github.com/phantom-paradox/paradox/intent"
)

// What callers branch on.
var (
	// ErrBehind: the vault has settled a height that this state has not merged.
	ErrBehind = errors.New("ledger: the vault is ahead of this state")
	// ErrNotSettled: the cut does not show the state's own height settled, so the next height cannot open there.
	ErrNotSettled = errors.New("ledger: the cut does not show the height before settled")
	// ErrChain: the events do not continue the state's event chain.
	ErrChain = errors.New("ledger: the events do not continue the state's event chain")
	// ErrConflict: the vault did what the state says it cannot: another header settled, more paid than a balance.
	// Nothing but a lying RPC provider or a fault in state or vault can bring it about.
	ErrConflict = errors.New("ledger: the vault's events contradict the state")
)

// An Opening is a settled state plus the vault's events up to a cut: what the next height opens with. It does not
// change and is safe for concurrent use.
type Opening struct {
	View
	state  *State
	events *writer
	sum    lattice

	vaulted map[place]vaulted // deposits and withdrawals among the events
}

// Open lays events over the state. They begin behind the state's cut, Number included, and must show the state's own
// height settled (above height 0); the hash of the chain behind the last of them is the Opening's cut, to be compared
// with what the vault or a header says.
func (s *State) Open(events []Event) (*Opening, error) {
	o := &Opening{View: s.View, state: s, events: newWriter(s.table), sum: s.sum}
	o.table = o.events.layer
	settled := s.head.height == 0
	for i := range events {
		e := &events[i]
		if e.Number != o.head.cut.Number+1 {
			return nil, fmt.Errorf("%w: event %d stands where %d must", ErrChain, e.Number, o.head.cut.Number+1)
		}
		if e.Tag == EventSettled && !settled && e.Height == s.head.height {
			settled = true
		}
		o.head.cut = o.head.cut.After(e)
		if err := o.take(e); err != nil {
			return nil, fmt.Errorf("event %d: %w", e.Number, err)
		}
	}
	if !settled {
		return nil, fmt.Errorf("%w: height %d at event %d", ErrNotSettled, s.head.height, o.head.cut.Number)
	}
	o.events.putHead(&s.head, &o.head)
	o.events.flush()
	o.sum.swapAll(o.events.swaps())
	return o, nil
}

// take applies one event.
func (o *Opening) take(e *Event) error {
	switch e.Tag {
	case EventOpen:
		return o.opened(e)
	case EventDeposit, EventRequest, EventCancel, EventWithdraw:
		return o.changed(e)
	case EventSettled:
		return o.settled(e)
	case EventDropped:
		switch {
		case e.Height > o.head.height+1:
			return fmt.Errorf("%w: height %d dropped", ErrBehind, e.Height)
		case e.Height <= o.head.height:
			return fmt.Errorf("%w: height %d dropped, which the state holds", ErrConflict, e.Height)
		}
		return o.moved(e)
	}
	return fmt.Errorf("%w: unknown tag %d", ErrChain, e.Tag)
}

func (o *Opening) opened(e *Event) error {
	if _, ok, err := getEntry(o.events, e.Mint, e.Entry); err != nil || ok {
		if err == nil {
			err = fmt.Errorf("%w: entry %d of %s is opened twice", ErrConflict, e.Entry, e.Mint)
		}
		return err
	}
	return o.events.putEntry(nil, Entry{Mint: e.Mint, Number: e.Entry, Owner: e.Owner})
}

// changed applies what happens to one entry.
func (o *Opening) changed(e *Event) error {
	old, ok, err := getEntry(o.events, e.Mint, e.Entry)
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("%w: entry %d of %s is not open", ErrConflict, e.Entry, e.Mint)
	}
	now := old
	switch e.Tag {
	case EventDeposit:
		if e.Amount > math.MaxUint64-old.Balance {
			return fmt.Errorf("%w: a deposit of %d on %d", ErrConflict, e.Amount, old.Balance)
		}
		now.Balance += e.Amount
		o.count(e)
	case EventRequest:
		now.Requested, now.RequestNumber = e.Amount, e.Number
		if e.Amount == 0 {
			now.RequestNumber = 0
		}
	case EventCancel:
		now.Requested, now.RequestNumber = 0, 0
	case EventWithdraw:
		if e.Amount > old.Balance || e.Amount > old.Requested {
			return fmt.Errorf("%w: %d withdrawn of %d, requested %d", ErrConflict, e.Amount, old.Balance, old.Requested)
		}
		now.Balance -= e.Amount
		now.Requested, now.RequestNumber = 0, 0
		o.count(e)
		if err := o.moved(e); err != nil {
			return err
		}
	}
	return o.events.putEntry(&old, now)
}

// settled applies the settled event of the state's own height: it sets floor and epoch, no more. The deltas are the
// state's already.
func (o *Opening) settled(e *Event) error {
	switch {
	case e.Height > o.head.height:
		return fmt.Errorf("%w: height %d settled", ErrBehind, e.Height)
	case e.Height < o.head.height || e.Height == 0:
		return fmt.Errorf("%w: height %d settled again", ErrConflict, e.Height)
	case e.Digest != o.state.tip:
		return fmt.Errorf("%w: the vault settled another header of height %d: %s", ErrConflict, e.Height, e.Digest.Hex())
	case e.Epoch < o.head.epoch || e.Epoch > o.head.epoch+1:
		return fmt.Errorf("%w: epoch %d after %d", ErrConflict, e.Epoch, o.head.epoch)
	}
	o.head.epoch, o.head.floor = e.Epoch, e.Number
	return nil
}

// moved applies what a withdrawal or a drop says of the generation.
func (o *Opening) moved(e *Event) error {
	switch {
	case e.Generation == o.head.generation && e.Tag == EventWithdraw:
		return nil
	case e.Generation != o.head.generation+1:
		return fmt.Errorf("%w: generation %d after %d", ErrConflict, e.Generation, o.head.generation)
	}
	o.head.generation, o.head.floor = e.Generation, e.Number
	return nil
}

// Instance is what is decided next.
func (o *Opening) Instance() Instance {
	return Instance{Epoch: o.head.epoch, Height: o.head.height + 1, Generation: o.head.generation}
}

// Previous is the digest of the header before: the network hash for height 1.
func (o *Opening) Previous() intent.Hash { return o.state.tip }

// Seed draws the leaders of this height.
func (o *Opening) Seed() intent.Hash { return o.head.seed }

// MinTime is the least time of this height's header: the header's before it, or the network file's.
func (o *Opening) MinTime() int64 { return o.head.time }

// OpenRequests says whether the cut holds a withdrawal request with a number above the floor. Then an empty height is
// valid: it raises the floor, and the withdrawal is free.
func (o *Opening) OpenRequests() (bool, error) {
	found := false
	err := o.table.Iterate([]byte{kindRequest}, func(key, _ []byte) bool {
		found = len(key) == 9 && beUint64(key[1:]) > o.head.floor
		return !found
	})
	return found, err
}
