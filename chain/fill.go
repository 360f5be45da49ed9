package chain

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gagliardetto/solana-go"

	"github.com/phantom-paradox/paradox/chain/vault"
	"github.com/phantom-paradox/paradox/ledger"
)

// RPC endpoints prune what is old. What they do not show any more other nodes still have: their events are believed because
// the chain of hashes over them ends where the accounts are.

// errHistory says that a peer's events do not lead to what the accounts show.
var errHistory = errors.New("these events do not lead to the vault's account")

// fill gets the events that no source shows from other nodes. It says whether it brought the watcher further.
func (w *Watcher) fill(ctx context.Context, good []sight) (bool, error) {
	if w.cfg.History == nil || time.Since(w.asked) < historyPause {
		return false, nil
	}
	w.asked = time.Now()
	h := &filling{w: w, good: good, base: w.verified.follower.Cut(), target: w.agreed(numbers(good))}
	if err := w.cfg.History.Events(ctx, h.base.Number, h.target, h.take); err != nil {
		w.cfg.Logger.Info("watcher: other nodes do not have the missing events either", "after", h.base.Number, "err", err)
		return false, nil
	}
	return true, w.fromHistory(ctx, h)
}

// filling is a run of events from one peer, checked as it comes and written to the log, where nothing reads it yet.
type filling struct {
	w      *Watcher
	good   []sight
	base   ledger.Cut
	target uint64
	at     ledger.Cut
	clear  uint64 // the newest event behind which no header was being attested; 0: none
	after  uint32 // generation
}

// take checks a page. The page that reaches the target must meet enough accounts.
func (h *filling) take(page []ledger.Event) error {
	if len(page) > 0 && page[0].Number == h.base.Number+1 {
		h.at, h.clear, h.after = h.base, 0, h.w.verified.follower.Generation()
	}
	changes := make([]ledger.Change, 0, len(page))
	for i := range page {
		e := &page[i]
		if e.Number != h.at.Number+1 || e.Number > h.target {
			return fmt.Errorf("%w: event %d after %d", errHistory, e.Number, h.at.Number)
		}
		h.at = ledger.Cut{Number: e.Number, Hash: e.Next(h.at.Hash)}
		if e.Tag == ledger.EventSettled || e.Tag == ledger.EventDropped || e.Tag == ledger.EventWithdraw && e.Generation != h.after {
			h.clear = e.Number
		}
		if e.Tag == ledger.EventDropped || e.Tag == ledger.EventWithdraw {
			h.after = e.Generation
		}
		for _, s := range h.good {
			if s.cut.Number == e.Number && s.cut.Hash != h.at.Hash {
				return fmt.Errorf("%w: event %d has another hash in an account", errHistory, e.Number)
			}
		}
		changes = append(changes, ledger.Change{Key: eventKey(e.Number), Value: encodeEvent(e)})
	}
	if err := h.w.cfg.Store.Write(changes); err != nil {
		return fmt.Errorf("writing the event log: %w", err)
	}
	return nil
}

// fromHistory takes the events over: first up to the newest behind which nothing was being attested, so that the rest, with the
// signatures that are no events, can be followed from transactions; if those are gone as well, up to the account itself.
func (w *Watcher) fromHistory(ctx context.Context, h *filling) error {
	at := slices.IndexFunc(h.good, func(s sight) bool { return s.cut.Number == h.target })
	account := h.good[at].vault
	w.cfg.Logger.Info("watcher: events came from other nodes, for the endpoints have pruned them", "after", h.base.Number, "to", h.target)
	if h.clear != 0 {
		t, err := w.learn(h, h.clear, account, false)
		if err != nil {
			return err
		}
		for _, source := range w.sourcesOf(h.good) {
			t.source, w.way = source, t
			if err := w.followTo(ctx, t, h.good); err == nil || ctx.Err() != nil {
				return err
			}
			if t, err = w.learn(h, h.clear, account, false); err != nil {
				return err
			}
		}
	}
	t, err := w.learn(h, h.target, account, true)
	if err != nil {
		return err
	}
	w.way = nil
	return w.meet(t, h.good)
}

// learn is the trail after an event that the log has from history.
func (w *Watcher) learn(h *filling, to uint64, account *vault.Vault, pending bool) (*trail, error) {
	t := w.setOut(nobody)
	for n := h.base.Number + 1; n <= to; n++ {
		b, err := w.cfg.Store.Get(eventKey(n))
		if err != nil {
			return nil, fmt.Errorf("reading event %d: %w", n, err)
		}
		e, err := decodeEvent(n, b)
		if err != nil {
			return nil, err
		}
		t.follower.Learn(&e)
		t.note(&e, h.base.Hash)
		t.slot = e.Slot
		if sig, err := solana.SignatureFromBase58(e.Signature); err == nil {
			t.last = sig
		}
	}
	t.follower.Adopt(account, pending)
	t.stop()
	return t, nil
}
