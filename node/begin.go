package node

import (
	"context"
	"time"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/ledger"
)

// When a round starts: a quiet market still settles, a busy one makes bigger batches (ROUNDS.md). It is local, and no
// validity rule depends on it.

// trial is a selection on the current pool that shows whether there is anything to propose.
type trial struct {
	at         time.Time // when it began; zero: none yet
	took       time.Duration
	running    bool
	failed     bool // it says nothing
	empty      bool
	selectable int
}

// trialRest is how many times as long as it took a trial is not repeated: netting a large pool while it fills must leave most
// of a processor to those who fill it. With a small pool the tick is longer.
const trialRest = 4

// consider starts the round when its conditions hold, after a trial selection where one is due.
func (e *engine) consider(now time.Time) {
	r := e.round
	if r == nil || !r.started.IsZero() || r.decision != nil || r.trial.running || e.chain.Err() != nil {
		return
	}
	stats := e.stats(now)
	if stats.Free == 0 && !opensRequests(e.gate) && !e.changeWaits() {
		return // the usual case of a quiet market, and the cheap one
	}
	op := e.proposable()
	if op == nil {
		return
	}
	if e.due(r, op, now) {
		e.start()
		return
	}
	p := e.file.Params
	if now.Sub(r.since) < ms(p.Tick) && stats.Free < p.MaxIntents {
		return
	}
	if !r.trial.failed && r.trial.at.After(e.dirty) {
		return // nothing has changed since
	}
	if stats.Free == 0 || now.Sub(r.trial.at) < max(ms(p.Tick)/4, trialRest*r.trial.took) {
		return
	}
	r.trial.running = true
	previous := e.lastBatch
	e.work(r.ctx, &r.workers, func(context.Context) func() {
		sel, err := e.x.choose(op, e.x.headerTime(op, 0), op.Seed(), previous)
		return func() { e.tried(r, now, sel, err) }
	})
}

func ms(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

func (e *engine) tried(r *round, began time.Time, sel *ledger.Selection, err error) {
	r.trial = trial{at: began, failed: err != nil, took: e.clock().Sub(began)}
	if err != nil {
		e.log.Warn("the pool could not be netted; it is tried again", "err", err)
		return
	}
	r.trial.selectable, r.trial.empty = len(sel.Taken), len(sel.Taken) == 0
	e.explain(sel.Pending)
}

// due says whether the round's conditions hold.
func (e *engine) due(r *round, op *ledger.Opening, now time.Time) bool {
	p := e.file.Params
	n := r.trial.selectable
	switch {
	case n >= p.MaxIntents:
		return true
	case n > 0 && n >= p.MinIntents && now.Sub(r.since) >= ms(p.Tick):
		return true
	case n > 0 && now.UnixMilli()-e.stats(now).Oldest >= p.MaxWait:
		return true
	}
	return e.changeWaits() || e.requestWaits(op)
}

// changeWaits says whether a quorum's operators want a change of the members: an empty height may carry it.
func (e *engine) changeWaits() bool {
	_, waits := e.x.wishes.next(e.round.inst.Epoch, e.round.members)
	return waits
}

// requestWaits says whether a withdrawal request has waited a quarter of the withdraw delay: an empty height then lets
// the owner take it without a change of generation.
func (e *engine) requestWaits(op *ledger.Opening) bool {
	if open, err := op.OpenRequests(); err != nil || !open {
		return false
	}
	events, slot, err := e.events()
	if err != nil {
		return false
	}
	for _, ev := range events {
		if ev.Tag == ledger.EventRequest && ev.Number > op.Floor() && ev.Slot+e.file.WithdrawDelay/4 <= slot {
			return true
		}
	}
	return false
}

// explain notes why intents wait and drops those that can never run.
func (e *engine) explain(pending []ledger.Pending) {
	why := map[intent.ID]*intent.Error{}
	drops := map[intent.ID]intent.Code{}
	for _, p := range pending {
		if p.Code == intent.Expired {
			continue // the sweep's
		}
		if p.Final && (p.Code != intent.SessionExpired || e.sessionOver(p.ID, e.clock())) {
			drops[p.ID] = finalCode(p.Code)
			continue
		}
		why[p.ID] = &intent.Error{Code: p.Code, Detail: p.Detail}
	}
	e.pool.Explain(why)
	e.drop(drops)
}

// finalCode maps a reason to the codes that API.md has for dropped intents.
func finalCode(c intent.Code) intent.Code {
	switch c {
	case intent.UnknownAsk, intent.AskMismatch, intent.AskTaken:
		return intent.AskTaken
	case intent.Equivocation, intent.NonceOutOfWindow:
		return intent.NonceUsed
	default:
		return c
	}
}
