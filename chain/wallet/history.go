package wallet

import (
	"context"
	"errors"
	"fmt"

	"github.com/phantom-paradox/paradox/chain/vault"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/ledger"
)

// ErrPruned says that the endpoint's history of the vault does not lead to the vault as it stands.
var ErrPruned = errors.New("the RPC endpoint does not show the vault's whole history")

// What happened to a wallet.
const (
	DidOpen     = "open"
	DidDeposit  = "deposit"
	DidRequest  = "request"
	DidCancel   = "cancel"
	DidWithdraw = "withdraw"
	DidSettle   = "settled"
)

// A Happening is something that happened to a wallet in the vault, and the transactions that did it.
type Happening struct {
	What       string
	Number     uint64 // of the vault's event
	Slot       uint64
	Time       int64 // unix seconds; zero where the endpoint does not know
	Mint       intent.Key
	Entry      uint32
	Amount     uint64 // of a settlement: by how much the balance changed
	Minus      bool   // a settlement that took
	Height     uint64 // of a settlement
	Signatures []string
}

// History is everything that ever happened to a wallet in the vault, the oldest first. It follows the vault's transactions from
// the first on and checks them against the account, so it is complete and true, or ErrPruned.
func (c *Client) History(ctx context.Context, f *vault.Founding, owner intent.Key) ([]Happening, error) {
	v, _, err := c.Vault(ctx)
	if err != nil {
		return nil, err
	}
	h := history{client: c, owner: owner, follower: vault.NewFollower(c.cfg.Addresses, f), entries: map[place]bool{}, flight: map[place]int64{}}
	met := v.EventNumber == 0
	err = c.eachTransaction(ctx, 0, func(tx *vault.Transaction, when int64) error {
		h.time = when
		if err := h.take(tx); err != nil {
			return fmt.Errorf("%w: %w", ErrPruned, err)
		}
		cut := h.follower.Cut()
		met = met || cut.Number == v.EventNumber && cut.Hash == v.EventHash
		return nil
	})
	if err == nil && !met {
		err = fmt.Errorf("%w: it does not lead to event %d", ErrPruned, v.EventNumber)
	}
	return h.out, err
}

// place is an entry of a mint.
type place struct {
	mint  intent.Key
	entry uint32
}

// history follows the vault and picks what concerns one wallet.
type history struct {
	client   *Client
	owner    intent.Key
	follower *vault.Follower
	entries  map[place]bool  // the wallet's
	flight   map[place]int64 // of the pending height: what its chunks so far change
	time     int64           // of the transaction at hand
	order    []place         // of flight, so that the outcome has one order
	out      []Happening
}

func (h *history) take(tx *vault.Transaction) error {
	events, err := h.follower.Apply(tx)
	if err != nil {
		return err
	}
	for i, top := range tx.Top {
		for _, ix := range append([]vault.Instruction{top}, tx.Inner[i]...) {
			h.chunk(ix)
		}
	}
	for i := range events {
		h.event(&events[i])
	}
	return nil
}

// chunk notes what an apply or unapply changes of the wallet's.
func (h *history) chunk(ix vault.Instruction) {
	tag, args, mine := h.client.own(ix)
	if !mine || tag != vault.TagApply && tag != vault.TagUnapply || len(args) < len(intent.Hash{}) {
		return
	}
	k, err := vault.ParseChunk(args[len(intent.Hash{}):])
	if err != nil || k.Kind == vault.ChunkMembers {
		return
	}
	for _, p := range k.Pairs {
		at := place{k.Mint, p.Entry}
		if !h.entries[at] {
			continue
		}
		if _, ok := h.flight[at]; !ok {
			h.order = append(h.order, at)
		}
		if (k.Kind == vault.ChunkDebits) == (tag == vault.TagApply) {
			h.flight[at] -= int64(p.Amount) // a balance is below 2^63: nothing larger can be debited or credited
		} else {
			h.flight[at] += int64(p.Amount)
		}
	}
}

func (h *history) event(e *ledger.Event) {
	at := place{e.Mint, e.Entry}
	what := map[ledger.EventTag]string{
		ledger.EventOpen: DidOpen, ledger.EventDeposit: DidDeposit, ledger.EventRequest: DidRequest, ledger.EventCancel: DidCancel, ledger.EventWithdraw: DidWithdraw,
	}[e.Tag]
	switch e.Tag {
	case ledger.EventSettled, ledger.EventDropped:
		if e.Tag == ledger.EventSettled {
			h.settled(e)
		}
		h.order = nil
		clear(h.flight)
		return
	case ledger.EventOpen:
		h.entries[at] = h.entries[at] || e.Owner == h.owner
	}
	if h.entries[at] {
		h.out = append(h.out, Happening{What: what, Number: e.Number, Slot: e.Slot, Time: h.time, Mint: e.Mint, Entry: e.Entry, Amount: e.Amount, Signatures: []string{e.Signature}})
	}
}

func (h *history) settled(e *ledger.Event) {
	for _, at := range h.order {
		change := h.flight[at]
		if change == 0 {
			continue
		}
		x := Happening{
			What: DidSettle, Number: e.Number, Slot: e.Slot, Time: h.time, Mint: at.mint, Entry: at.entry, Amount: uint64(max(change, -change)), Minus: change < 0,
			Height: e.Height, Signatures: e.Signatures,
		}
		h.out = append(h.out, x)
	}
}
