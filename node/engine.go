package node

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/phantom-paradox/paradox/agreement"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/leader"
	"github.com/phantom-paradox/paradox/ledger"
	"github.com/phantom-paradox/paradox/network"
	"github.com/phantom-paradox/paradox/node/pool"
	"github.com/phantom-paradox/paradox/storage"
)

// pulse is how often the engine looks whether a round should start: far below any tick of a network file.
const pulse = 25 * time.Millisecond

// inboxSize bounds the round messages that wait for the engine: a full committee's messages of several views.
const inboxSize = 1024

// An arrival is a round message and when it came, in unix milliseconds.
type arrival struct {
	message *agreement.Message
	at      int64
}

// engine is the one goroutine that owns the settled state and the current round. Everything slow (selection, execution,
// fetching) is done by workers whose results come back as functions that the engine runs.
type engine struct {
	x        *executor
	file     *network.File
	chain    vaultView
	store    *storage.Store
	states   *storage.Bucket
	poolDisk *poolDisk
	book     *book
	pool     *pool.Pool
	keeper   *keeper
	settler  settling // nil: this node does not submit
	say      func(m *agreement.Message)
	tell     func(e agreement.Evidence)
	source   certificateSource
	reach    func([]network.Member) bool // most of the members, this node included, are connected
	votes    *voteLog
	key      ed25519.PrivateKey
	self     intent.Key
	prover   leader.Prover
	schedule leader.Schedule
	timing   agreement.Timing
	hub      *hub
	meter    *meters
	log      *slog.Logger
	clock    func() time.Time

	inbox   chan arrival
	results chan func()
	poked   chan struct{}
	status  atomic.Pointer[Sight]

	// Below: the loop's own.
	ctx       context.Context // of the loop
	failed    error           // ends the loop
	halted    string
	settled   *ledger.State
	lastBatch ledger.BatchCID
	remote    func(height uint64, batch ledger.BatchCID) // asks others to pin what is settled
	later     *agreement.Later
	round     *round
	former    *agreement.Machine // of the height before, which hears what comes late
	gate      *ledger.Opening    // at the newest cut
	offer     offer
	began     time.Time          // the loop
	silentTo  uint64             // with a lost vote log: silent until this height is settled; 0: not known yet
	syncing   context.CancelFunc // of a running catch-up; nil: none runs
	syncs     sync.WaitGroup
	syncAfter time.Time
	behind    bool                           // the vault shows a height settled that this node has not executed
	confirmed bool                           // the vault has shown the height that the node started from settled, as it has it
	hints     map[uint64]*ledger.Certificate // certificates that peers sent ahead of need, of headers that the vault shows
	ahead     ahead
	strays    []ledger.BatchCID // fetched for proposals of heights that are over
	swept     time.Time
	counted   time.Time // when count was made
	count     pool.Stats
	dirty     time.Time // the newest moment at which an intent became, or will become, proposable
}

// offer caches the opening on which a leader would propose now.
type offer struct {
	base    *ledger.State
	number  uint64
	opening *ledger.Opening
}

// run is the loop. It returns nil when ctx ends and an error when the node cannot go on (its disk, its vote log).
func (e *engine) run(ctx context.Context) error {
	e.ctx, e.began = ctx, e.clock()
	defer e.leave()
	defer e.stopCatchUp()
	defer e.ahead.stop()
	ticker := time.NewTicker(pulse)
	defer ticker.Stop()
	e.follow()
	for e.failed == nil {
		e.publish()
		select {
		case <-ctx.Done():
			return nil
		case <-e.chain.Updates():
			e.follow()
		case a := <-e.inbox:
			e.receive(a)
		case done := <-e.results:
			done()
		case <-e.poked:
			e.touch()
		case <-ticker.C:
			e.beat()
		}
	}
	return e.failed
}

// fail ends the loop: going on would risk what is on disk.
func (e *engine) fail(err error) {
	if e.failed == nil {
		e.failed = err
		e.log.Error("the node stops", "err", err)
	}
}

// halt stops voting for a reason that only a person can judge, also after a restart; following and serving go on.
func (e *engine) halt(why string) {
	if e.halted == "" {
		e.halted = why
		if err := e.votes.halt(why); err != nil {
			e.fail(err)
		}
		e.log.Error("this node stops voting", "reason", why)
		if e.round != nil {
			e.round.machine.Silence()
		}
	}
}

// work runs slow work beside the loop and hands its result back to it. ctx is the round's, or the loop's.
func (e *engine) work(ctx context.Context, wg *sync.WaitGroup, fn func(ctx context.Context) func()) {
	wg.Add(1)
	go func() {
		defer wg.Done()
		done := fn(ctx)
		select {
		case e.results <- done:
		case <-ctx.Done():
		}
	}()
}

// touch notes that the pool has changed, or what it is judged by.
func (e *engine) touch() {
	e.dirty = e.clock().Add(time.Duration(e.file.Params.BundleAge) * time.Millisecond)
}

// beat is what happens at every pulse: timers, round start, unanswered builds, expiry, retries.
func (e *engine) beat() {
	now := e.clock()
	e.fire(now)
	e.rebuild()
	e.consider(now)
	if now.Sub(e.swept) >= time.Second {
		e.swept = now
		e.sweep(now)
		e.follow()
		e.clear()
		e.retryHeld()
	}
}

// drop takes intents out of the pool for good, but for those that a proposal of this round takes: whoever is told that an
// intent was dropped may sign another in its place, and the round may yet decide that proposal.
func (e *engine) drop(drops map[intent.ID]intent.Code) {
	if len(drops) == 0 {
		return
	}
	batch := e.store.Batch()
	ids, taken := make([]intent.ID, 0, len(drops)), e.round.taken()
	for id, code := range drops {
		p, ok := e.pool.Get(id)
		if !ok || p.Held != 0 || taken[id] {
			continue
		}
		if was, known, err := e.book.status(id); err != nil {
			e.fail(err)
			return
		} else if known && was.State == stateSettled { // it came again while its height was merged; what became of it stays
			ids = append(ids, id)
			continue
		}
		s := Status{State: stateDropped, Code: code, Received: p.Received, Wire: p.Signed.Encode()}
		if err := e.book.setStatus(batch, id, s); err != nil {
			e.fail(err)
			return
		}
		ids = append(ids, id)
	}
	e.poolDisk.deleteIn(batch, ids)
	if err := batch.Commit(storage.Buffered); err != nil {
		e.fail(fmt.Errorf("dropping %d intents: %w", len(ids), err))
		return
	}
	e.forget(ids)
	e.meter.dropped.Add(float64(len(ids)))
}

// forget takes intents out of the pool whose records are deleted already, and lets go of bundles that carry nothing more.
func (e *engine) forget(ids []intent.ID) {
	_, empty := e.pool.Forget(ids)
	if err := e.keeper.release(empty...); err != nil {
		e.log.Warn("bundles stay pinned", "err", err)
	}
}

// events are the vault's events after the settled state's cut, and the finalised slot.
func (e *engine) events() ([]ledger.Event, uint64, error) {
	head, slot := e.chain.Head()
	after := e.settled.Cut().Number
	if head.Number <= after {
		return nil, slot, nil
	}
	list, err := e.chain.Events(after, head.Number)
	if err != nil {
		return nil, slot, fmt.Errorf("reading events after %d up to %d: %w", after, head.Number, err)
	}
	return list, slot, nil
}

// follow brings the settled state up to what the vault shows, then the round up to the settled state.
func (e *engine) follow() {
	for e.failed == nil {
		since := e.newer() // before the look: what is read now is no older
		events, shown, err := e.look()
		if err != nil {
			e.log.Warn("the vault's events cannot be read", "err", err)
			return
		}
		if !e.confirm(events, shown) {
			return
		}
		if shown == nil {
			e.behind = false
			e.ahead.stop()
			e.refresh(events, since)
			return
		}
		d := e.round.decisionOn(shown.Digest)
		if d == nil && e.round.executing(shown.Digest) {
			return
		}
		if e.behind = d == nil; e.behind {
			e.catchUp(*shown)
			return
		}
		e.merge(*shown, d)
	}
}

// pageEvents is how many events are read at once: a node far behind needs those of the next heights, not all.
const pageEvents = 256

// look reads the vault's events after the settled state's cut up to the one that settles the next height, or all.
func (e *engine) look() (events []ledger.Event, shown *ledger.Event, err error) {
	head, _ := e.chain.Head()
	for after := e.settled.Cut().Number; after < head.Number; {
		to := min(after+pageEvents, head.Number)
		page, err := e.chain.Events(after, to)
		if err != nil {
			return nil, nil, fmt.Errorf("reading events after %d up to %d: %w", after, to, err)
		}
		if shown := settledEvent(page, e.settled.Height()+1); shown != nil {
			return append(events, page...), shown, nil
		}
		events, after = append(events, page...), to
	}
	return events, nil, nil
}

// confirm holds the state that the node started from, its own or a snapshot's, against the vault: until that shows the very
// header settled, nothing is voted and no wallet answered.
func (e *engine) confirm(events []ledger.Event, shown *ledger.Event) bool {
	height := e.settled.Height()
	if e.confirmed || height == 0 {
		return true
	}
	own := settledEvent(events, height)
	switch {
	case own != nil && own.Digest == e.settled.HeaderDigest():
		e.confirmed = true
		return true
	case own != nil:
		e.fail(fmt.Errorf("%w: the vault settled %s at height %d, this is the state after %s", ErrForeignState, own.Digest.Hex(), height, e.settled.HeaderDigest().Hex()))
	case shown != nil:
		e.fail(fmt.Errorf("%w: the vault settled height %d, and not height %d behind its cut", ErrForeignState, shown.Height, height))
	}
	return false
}

// ErrForeignState says that the state in the data directory is not what the vault settled.
var ErrForeignState = errors.New("the state in the data directory is not the vault's; move the directory away and start anew, or from another snapshot")

// settledEvent finds the event that settles a height.
func settledEvent(events []ledger.Event, height uint64) *ledger.Event {
	for i := range events {
		if events[i].Tag == ledger.EventSettled && events[i].Height == height {
			return &events[i]
		}
	}
	return nil
}

// refresh opens the state at the newest cut: newcomers are judged by it, and it says which instance is current.
func (e *engine) refresh(events []ledger.Event, newer bool) {
	head := e.settled.Cut().Number + uint64(len(events))
	if e.gate != nil && e.round != nil && e.round.base == e.settled && e.gate.Cut().Number == head {
		if newer {
			e.findLog()
		}
		return
	}
	op, err := e.settled.Open(events)
	switch {
	case errors.Is(err, ledger.ErrNotSettled):
		return // the watcher is behind the node's own state
	case err != nil:
		e.halt("the vault's events contradict this node's state: " + err.Error())
		return
	}
	e.gate = op
	if newer {
		e.findLog()
	}
	e.pool.SetGate(gate{op})
	e.touch()
	e.stopCatchUp()
	if e.round == nil || e.round.inst != op.Instance() || e.round.base != e.settled {
		e.enter(op)
	}
	e.retryHeld()
}

// clockDrift is by how much the cluster's clock may be ahead of this node's.
const clockDrift = 15 * time.Second

// newer says whether the vault is shown as it was after the node's start, by the time of its blocks: an endpoint that lags may
// show an older one, however fresh the answer.
func (e *engine) newer() bool {
	return e.chain.Err() == nil && e.chain.Time() >= e.began.Add(clockDrift).Unix()
}

// findLog ends the silence of a node whose vote log is lost. The lost log may hold votes of the height after the one that the
// vault showed settled at a block later than the node's start; once that is settled too, what begins began after the start,
// and the lost log holds no vote of it.
func (e *engine) findLog() {
	if !e.votes.lost() || e.key == nil {
		return
	}
	if e.silentTo == 0 {
		e.silentTo = e.settled.Height() + 1
		e.log.Warn("this key has no vote log here; the node is silent until a height that began after its start is settled", "height", e.silentTo)
	}
	if e.settled.Height() < e.silentTo {
		return
	}
	if err := e.votes.found(e.self); err != nil {
		e.fail(err)
		return
	}
	e.log.Info("the vote log is whole again; the node votes", "height", e.settled.Height())
}

// gate lets the pool ask an opening.
type gate struct{ *ledger.Opening }

// Funded says whether the wallet has a balance of anything.
func (g gate) Funded(w intent.Key) bool {
	entries, err := g.Entries(w)
	if err != nil {
		return false
	}
	for _, n := range entries {
		if n.Balance > 0 {
			return true
		}
	}
	return false
}

// Spendable is what a wallet's moves in a mint may take.
func (g gate) Spendable(wallet, mint intent.Key) uint64 {
	e, ok, err := g.Account(wallet, mint)
	if !ok || err != nil {
		return 0
	}
	return e.Spendable()
}

// proposable is the opening on which a leader may propose now: its cut is old enough that the others have it too. It is
// nil while there is none of the current instance, or the view of the vault cannot be trusted.
func (e *engine) proposable() *ledger.Opening {
	if e.round == nil || e.chain.Err() != nil {
		return nil
	}
	events, slot, err := e.events()
	if err != nil {
		return nil
	}
	n := len(events)
	for n > 0 && events[n-1].Slot+e.file.Params.CutMargin > slot {
		n--
	}
	number := e.settled.Cut().Number + uint64(n)
	if e.offer.opening == nil || e.offer.base != e.settled || e.offer.number != number {
		op, err := e.settled.Open(events[:n])
		if err != nil {
			return nil
		}
		e.offer = offer{e.settled, number, op}
		e.touch() // what had no funds a moment ago may have them at this cut
	}
	if e.offer.opening.Instance() != e.round.inst {
		return nil
	}
	return e.offer.opening
}

// openAt opens the state at a header's cut. errBehind: the watcher has not seen it yet.
func (e *engine) openAt(base *ledger.State, cut ledger.Cut) (*ledger.Opening, error) {
	head, _ := e.chain.Head()
	after := base.Cut().Number
	if cut.Number > head.Number {
		return nil, fmt.Errorf("%w: up to event %d, this node has %d", errBehind, cut.Number, head.Number)
	}
	if cut.Number < after {
		return nil, fmt.Errorf("%w: its cut is older than the previous header's", errInvalid)
	}
	var events []ledger.Event
	if cut.Number > after {
		var err error
		if events, err = e.chain.Events(after, cut.Number); err != nil {
			return nil, fmt.Errorf("reading events after %d up to %d: %w", after, cut.Number, err)
		}
	}
	op, err := base.Open(events)
	switch {
	case errors.Is(err, ledger.ErrNotSettled), errors.Is(err, ledger.ErrBehind), errors.Is(err, ledger.ErrChain), errors.Is(err, ledger.ErrConflict):
		return nil, fmt.Errorf("%w: %w", errInvalid, err)
	case err != nil:
		return nil, fmt.Errorf("opening the state at event %d: %w", cut.Number, err) // this node's own disk
	}
	if op.Cut() != cut {
		return nil, fmt.Errorf("%w: its cut is not a point of this node's event chain", errInvalid)
	}
	return op, nil
}
