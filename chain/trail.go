package chain

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/gagliardetto/solana-go"
	"github.com/gagliardetto/solana-go/rpc"
	"golang.org/x/sync/errgroup"

	"github.com/phantom-paradox/paradox/chain/vault"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/ledger"
)

// Bounds of one look.
const (
	fetchers      = 8    // getTransaction requests at once
	signaturePage = 1000 // Solana's limit
	// maxSignaturePages bounds what an endpoint may list: five million transactions that were never followed.
	maxSignaturePages = 5000
	// wayPage is after how many transactions a way that is not over is written down: as many requests are lost by a crash.
	wayPage = 64 * fetchers
)

// nobody is the source of a trail that was read from the log.
const nobody = -1

// A trail is a follower at work, and where it stands. What it saw behind the verified events counts for nothing until accounts
// meet it.
type trail struct {
	source   int
	follower *vault.Follower
	last     solana.Signature // of the last transaction that was followed
	slot     uint64           // its slot
	base     uint64           // the verified event that it went out from
	marks    []mark           // of the events behind base
	fresh    []ledger.Event   // those that are not in the log yet
	stops    map[uint64]*stop
}

// A stop is a trail as it was when it came to an event that some account shows.
type stop struct {
	follower *vault.Follower
	last     solana.Signature
	slot     uint64
}

func (t *trail) number() uint64 { return t.follower.Cut().Number }

// hashAt is the hash after an event behind base; the zero hash if the trail is not there yet.
func (t *trail) hashAt(n uint64) intent.Hash {
	if n <= t.base || n-t.base > uint64(len(t.marks)) {
		return intent.Hash{}
	}
	return t.marks[n-t.base-1].hash
}

// note adds an event; base is the hash of the one that the trail went out from.
func (t *trail) note(e *ledger.Event, base intent.Hash) {
	if n := len(t.marks); n > 0 {
		base = t.marks[n-1].hash
	}
	t.marks = append(t.marks, markOf(e, base))
}

// step follows one transaction.
func (t *trail) step(tx *vault.Transaction, base intent.Hash) error {
	es, err := t.follower.Apply(tx)
	if err != nil {
		return err
	}
	for i := range es {
		t.note(&es[i], base)
	}
	t.fresh = append(t.fresh, es...)
	t.last, t.slot = tx.Signature, tx.Slot
	return nil
}

func (t *trail) stop() {
	if n := t.number(); t.stops[n] == nil {
		t.stops[n] = &stop{t.follower.Clone(), t.last, t.slot}
	}
}

// setOut begins a trail at the newest verified event.
func (w *Watcher) setOut(source int) *trail {
	v := w.verified
	return &trail{source: source, follower: v.follower.Clone(), last: v.last, slot: v.slot, base: v.number(), stops: map[uint64]*stop{}}
}

// catchUp follows the transactions that one source shows, or else another, until the accounts are met.
func (w *Watcher) catchUp(ctx context.Context, good []sight, conflict string) error {
	var gap, wrong, failed error
	liars := map[int]error{}
	for _, source := range w.sourcesOf(good) {
		err := w.follow(ctx, source, good)
		switch {
		case err == nil:
			w.agrees(source, byTransactions)
			for i, e := range liars {
				w.contradict(i, byTransactions, e.Error())
			}
			w.misses = 0
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, ErrGap):
			gap = err
		case errors.Is(err, ErrMismatch):
			wrong = err
			liars[source] = err
		default:
			failed = err
		}
	}
	switch {
	case failed != nil:
		return failed
	case gap != nil && w.misses+1 < gapLooks:
		w.misses++
		return nil
	}
	if filled, err := w.fill(ctx, good); filled || ctx.Err() != nil {
		return err
	}
	err := gap
	if err == nil {
		err = wrong
	}
	if conflict != "" {
		err = fmt.Errorf("%w; %s", err, conflict)
	}
	w.publish(nil, 0, 0, err)
	return err
}

// sourcesOf are those whose accounts are good, in their order; first who is being followed, last who was caught.
func (w *Watcher) sourcesOf(good []sight) []int {
	w.mu.RLock()
	defer w.mu.RUnlock()
	rank := func(source int) int {
		if w.way != nil && w.way.source == source {
			return -1
		}
		if w.dissent[source].cause == byTransactions {
			return 1
		}
		return 0
	}
	out := make([]int, len(good))
	for i := range good {
		out[i] = good[i].source
	}
	slices.SortStableFunc(out, func(a, b int) int { return rank(a) - rank(b) })
	return out
}

// follow takes up the way with a source's transactions. A way that someone else showed may be a wrong one: where it leads
// nowhere it is gone again from the verified event on.
func (w *Watcher) follow(ctx context.Context, source int, good []sight) error {
	if w.way != nil && (w.way.source == source || w.way.source == nobody) {
		w.way.source = source
		err := w.followTo(ctx, w.way, good)
		if !errors.Is(err, ErrMismatch) {
			return err
		}
	}
	w.way = w.setOut(source)
	err := w.followTo(ctx, w.way, good)
	if errors.Is(err, ErrMismatch) {
		w.way = nil
	}
	return err
}

// followTo follows what the trail's source shows as far as any account is, and keeps what enough accounts meet.
func (w *Watcher) followTo(ctx context.Context, t *trail, good []sight) error {
	highest := slices.Max(numbers(good))
	sigs, err := w.newSignatures(ctx, t)
	if err != nil {
		return err
	}
	base := w.cut(t.base).Hash
	for len(sigs) > 0 && t.number() < highest {
		n := min(len(sigs), w.wayPage)
		txs, err := w.fetch(ctx, t.source, sigs[:n])
		if err != nil {
			return err
		}
		sigs = sigs[n:]
		for _, tx := range txs {
			if t.number() >= highest {
				break
			}
			switch err := t.step(tx, base); {
			case err != nil && !t.follower.Founded():
				return fmt.Errorf("%w: they begin with %s, which does not found the vault, for it has pruned its history", ErrGap, tx.Signature)
			case err != nil:
				return fmt.Errorf("%w: %w", ErrMismatch, err)
			}
			if slices.Contains(numbers(good), t.number()) {
				t.stop()
			}
		}
		if len(sigs) > 0 && t.number() < highest {
			if err := w.keepWay(t); err != nil {
				return err
			}
		}
	}
	return w.meet(t, good)
}

// meet holds a trail against the accounts, and keeps as much of it as enough of them meet.
func (w *Watcher) meet(t *trail, good []sight) error {
	var met []uint64
	var others []int
	for _, s := range good {
		switch n := s.cut.Number; {
		case n <= t.base || t.hashAt(n) == s.cut.Hash:
			met = append(met, n)
		case n <= t.number():
			others = append(others, s.source)
		}
	}
	target := w.agreed(met)
	switch {
	case target <= t.base && len(others) > 0:
		return fmt.Errorf("%w: followed to event %d, which the account contradicts", ErrMismatch, t.number())
	case target <= t.base:
		return fmt.Errorf("%w: the account is at event %d, the transactions shown end at %d", ErrGap, w.agreed(numbers(good)), t.number())
	}
	at := t.stops[target]
	if at == nil { // it was passed before any account showed it; it is gone once more
		w.way = nil
		return nil
	}
	if err := w.keep(t, at); err != nil {
		return err
	}
	for _, source := range others {
		w.contradict(source, byAccount, "its account is at an event that the vault's transactions do not lead to")
	}
	if !w.show(good, t) {
		w.tell()
	}
	return nil
}

// keep writes what was verified and makes it known.
func (w *Watcher) keep(t *trail, at *stop) error {
	now := &trail{source: nobody, follower: at.follower, last: at.last, slot: at.slot}
	n := now.number()
	changes := []ledger.Change{{Key: []byte(stateKey), Value: encodeTrail(now)}}
	if w.stored {
		changes = append(changes, ledger.Change{Key: []byte(trailKey)})
	}
	for i := range t.fresh {
		if e := &t.fresh[i]; e.Number <= n {
			changes = append(changes, ledger.Change{Key: eventKey(e.Number), Value: encodeEvent(e)})
		}
	}
	if err := w.cfg.Store.Write(changes); err != nil {
		return fmt.Errorf("writing the event log: %w", err)
	}
	w.verified, w.way, w.stored = now, nil, false
	w.mu.Lock()
	defer w.mu.Unlock()
	w.note(t.marks[:n-t.base])
	return nil
}

// keepWay writes how far an unverified way is, so that a long one goes on behind a restart.
func (w *Watcher) keepWay(t *trail) error {
	changes := []ledger.Change{{Key: []byte(trailKey), Value: encodeTrail(t)}}
	for i := range t.fresh {
		changes = append(changes, ledger.Change{Key: eventKey(t.fresh[i].Number), Value: encodeEvent(&t.fresh[i])})
	}
	if err := w.cfg.Store.Write(changes); err != nil {
		return fmt.Errorf("writing the event log: %w", err)
	}
	t.fresh, w.stored = nil, true
	w.cfg.Logger.Info("watcher: a long way to follow", "event", t.number(), "slot", t.slot)
	return nil
}

// newSignatures are the successful transactions that name the vault, after the last one followed, oldest first.
func (w *Watcher) newSignatures(ctx context.Context, t *trail) ([]solana.Signature, error) {
	limit := signaturePage
	opts := &rpc.GetSignaturesForAddressOpts{Limit: &limit, Until: t.last, Commitment: rpc.CommitmentFinalized}
	var out []solana.Signature
	for range maxSignaturePages {
		page, err := w.cfg.Sources[t.source].RPC.GetSignaturesForAddressWithOpts(ctx, w.addr.Vault, opts)
		if err != nil {
			return nil, fmt.Errorf("asking for the vault's transactions: %w", err)
		}
		end := false
		for _, s := range page {
			if end = s.Slot < t.slot || s.Signature == t.last; end { // the endpoint has pruned the last one
				break
			}
			if s.Err == nil {
				out = append(out, s.Signature)
			}
		}
		if end || len(page) < limit {
			break
		}
		opts.Before = page[len(page)-1].Signature
	}
	slices.Reverse(out)
	return out, nil
}

func (w *Watcher) fetch(ctx context.Context, source int, sigs []solana.Signature) ([]*vault.Transaction, error) {
	out := make([]*vault.Transaction, len(sigs))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(fetchers)
	for i, s := range sigs {
		g.Go(func() (err error) {
			out[i], err = FetchTransaction(ctx, w.cfg.Sources[source].RPC, s)
			return err
		})
	}
	return out, g.Wait()
}
