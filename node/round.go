package node

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/phantom-paradox/paradox/agreement"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/leader"
	"github.com/phantom-paradox/paradox/ledger"
	"github.com/phantom-paradox/paradox/network"
)

// round is the current instance as the engine drives it.
type round struct {
	base    *ledger.State // the settled state it stands on
	inst    ledger.Instance
	members []network.Member
	order   []int
	place   int // own place in members, or agreement.Observer
	machine *agreement.Machine
	since   time.Time
	started time.Time // zero: not yet
	calls   []func(*agreement.Machine) []agreement.Effect
	feeding bool

	ctx     context.Context
	cancel  context.CancelFunc
	workers sync.WaitGroup

	timers    []timer
	view      uint32
	leader    intent.Key
	build     *agreement.Build // wanted and not yet answered
	building  bool
	checks    map[intent.Hash]*checking
	held      map[intent.Hash]bool // checks that wait for vault events
	proposals map[intent.Hash]*proposal
	decision  *decision
	stuck     error // why the decision cannot be executed, where that is not a matter of time
	trial     trial
	hauls     hauls
}

type timer struct {
	at    time.Time
	timer agreement.Timer
}

// checking is a proposal under check, and which views wait for the answer.
type checking struct {
	validate agreement.Validate
	views    []uint32
	again    []uint32 // views that re-propose what is being checked as fresh: no clock may condemn it for them
}

// A decision is a certificate, and the executed proposal once this node has it.
type decision struct {
	cert   *ledger.Certificate
	header *ledger.Header
	digest intent.Hash
	at     time.Time
	prop   *proposal
}

// decisionOn is the round's decision if it is on this digest and executed.
func (r *round) decisionOn(digest intent.Hash) *decision {
	if r == nil || r.decision == nil || r.decision.digest != digest || r.decision.prop == nil {
		return nil
	}
	return r.decision
}

// executing says whether the round is decided on this digest and its batch is still being fetched or executed.
func (r *round) executing(digest intent.Hash) bool {
	return r != nil && r.decision != nil && r.decision.digest == digest && r.decision.prop == nil
}

// taken are the intents that the round's proposals take, as far as this node has executed them.
func (r *round) taken() map[intent.ID]bool {
	out := map[intent.ID]bool{}
	if r == nil {
		return out
	}
	for _, p := range r.proposals {
		for _, id := range p.result.Accepted {
			out[id] = true
		}
	}
	return out
}

// enter makes the opening's instance the current round. What an older generation decided is undone.
func (e *engine) enter(op *ledger.Opening) {
	e.undo(op.Instance())
	e.leave()
	members := op.Members()
	seed := e.settled.Seed()
	r := &round{
		base: e.settled, inst: op.Instance(), members: members, place: agreement.Observer,
		order: e.schedule.Order(op.Instance().Height, seed, members), since: e.clock(),
		checks: map[intent.Hash]*checking{}, held: map[intent.Hash]bool{}, proposals: map[intent.Hash]*proposal{},
	}
	if e.key != nil {
		for i, m := range members {
			if m.Key == e.self {
				r.place = i
			}
		}
	}
	r.ctx, r.cancel = context.WithCancel(e.ctx)
	restored, err := e.votes.restore(r.inst)
	if err != nil {
		r.cancel()
		if errors.Is(err, agreement.ErrLogAhead) {
			e.log.Warn("the vote log is ahead of the chain as this node sees it; it waits", "instance", r.inst)
			return
		}
		e.fail(err)
		return
	}
	machine, err := agreement.New(e.machineConfig(r), restored)
	if err != nil {
		r.cancel()
		e.fail(fmt.Errorf("height %d: %w", r.inst.Height, err))
		return
	}
	r.machine = machine
	r.leader = members[leader.At(r.order, 0)].Key
	e.round = r
	e.log.Debug("round", "height", r.inst.Height, "generation", r.inst.Generation, "epoch", r.inst.Epoch, "leader", r.leader)
	if machine.Voted() {
		e.start()
	}
	e.resume()
	for _, a := range e.later.Take(r.inst) {
		e.receive(arrival{a.Message, a.Arrived})
	}
}

func (e *engine) machineConfig(r *round) agreement.Config {
	return agreement.Config{
		Network: e.x.hash, Instance: r.inst, Members: r.members, Order: r.order, Self: r.place,
		Silent: e.halted != "" || e.votes.lost(),
		Sign:   e.sign, Verify: intent.VerifySignature, Parse: parseHeader,
		Timing: e.timing, MaxBatchBytes: uint64(e.file.Params.MaxBatchBytes),
	}
}

// parseHeader is the agreement's view of a header body.
func parseHeader(body []byte) (agreement.HeaderView, error) {
	h, err := ledger.ParseHeader(body)
	if err != nil {
		return agreement.HeaderView{}, err
	}
	return agreement.HeaderView{Digest: h.Digest(), Network: h.Network, Instance: h.Instance, View: h.View, Leader: h.Leader, Bytes: h.Bytes}, nil
}

// leave ends the current round's work.
func (e *engine) leave() {
	if e.round == nil {
		return
	}
	e.round.cancel()
	e.round.workers.Wait()
	e.strays = append(e.strays, e.round.hauls.all()...)
	e.retire(e.round)
	e.round = nil
}

// start begins the round on this node.
func (e *engine) start() {
	r := e.round
	if r == nil || !r.started.IsZero() {
		return
	}
	r.started = e.clock()
	e.feed(func(m *agreement.Machine) []agreement.Effect { return m.Start() })
}

// feed calls the machine and performs what it wants, one call after the other.
func (e *engine) feed(call func(*agreement.Machine) []agreement.Effect) {
	r := e.round
	r.calls = append(r.calls, call)
	if r.feeding {
		return
	}
	r.feeding = true
	defer func() { r.feeding = false }()
	for len(r.calls) > 0 && e.failed == nil && e.round == r {
		next := r.calls[0]
		r.calls = r.calls[1:]
		if err := agreement.Perform(host{e, r}, next(r.machine)); err != nil {
			e.fail(err)
		}
	}
}

// receive takes a round message.
func (e *engine) receive(a arrival) {
	r := e.round
	if r == nil {
		return
	}
	if a.message.Instance != r.inst {
		e.receiveOther(a)
		return
	}
	e.feed(func(m *agreement.Machine) []agreement.Effect {
		effects, err := m.Receive(a.message, a.at)
		if errors.Is(err, agreement.ErrInvalid) {
			e.meter.invalid.Inc()
			e.log.Debug("invalid round message", "from", a.message.From, "kind", a.message.Kind, "err", err)
		}
		return effects
	})
	if r.started.IsZero() && e.round == r && r.machine.Status().Phase != "waiting" {
		r.started = e.clock()
	}
}

// receiveOther keeps messages of later instances until the own watcher shows them.
func (e *engine) receiveOther(a arrival) {
	e.hearFormer(a)
	err := e.later.Add(e.round.members, e.round.inst, a.message, a.at)
	if err != nil && !errors.Is(err, agreement.ErrOtherInstance) && !errors.Is(err, agreement.ErrKnown) {
		e.log.Debug("message of another instance", "from", a.message.From, "err", err)
	}
}

// fire runs the timers that are due.
func (e *engine) fire(now time.Time) {
	r := e.round
	if r == nil {
		return
	}
	var due []agreement.Timer
	rest := r.timers[:0]
	for _, t := range r.timers {
		if t.at.After(now) {
			rest = append(rest, t)
		} else {
			due = append(due, t.timer)
		}
	}
	r.timers = rest
	for _, t := range due {
		e.feed(func(m *agreement.Machine) []agreement.Effect { return m.Fired(t) })
	}
}

// host performs the machine's effects.
type host struct {
	e *engine
	r *round
}

func (h host) Persist(record []byte) error             { return h.e.votes.append(h.r.inst, record) }
func (h host) Broadcast(m *agreement.Message)          { h.e.say(m) }
func (h host) Send(_ intent.Key, m *agreement.Message) { h.e.say(m) } // gossip reaches everybody

func (h host) Build(b agreement.Build) {
	h.r.build = &b
	h.e.rebuild()
}

func (h host) Validate(v agreement.Validate) { h.e.validate(v) }

func (h host) SetTimer(t agreement.Timer, after time.Duration) {
	h.r.timers = append(h.r.timers, timer{h.e.clock().Add(after), t})
}

func (h host) EnterView(v agreement.EnterView) {
	h.r.view, h.r.leader = v.View, v.Leader
	if v.View > 0 {
		h.e.meter.viewChanges.Inc()
		h.e.log.Info("view change", "height", h.r.inst.Height, "view", v.View, "leader", v.Leader)
	}
	if h.r.build != nil && h.r.build.View != v.View {
		h.r.build = nil
	}
}

func (h host) Decide(d agreement.Decide) { h.e.decide(d) }

func (h host) Report(ev agreement.Evidence) { h.e.accuse(ev) }

func (h host) Duplicate(v agreement.Vote) {
	h.e.halt(fmt.Sprintf("another process votes with this node's key (%s at height %d view %d)", v.Kind, v.Instance.Height, v.View))
}

// rebuild answers the machine's wish for a proposal, again and again until there is something to propose.
func (e *engine) rebuild() {
	r := e.round
	if r == nil || r.build == nil || r.building {
		return
	}
	op := e.proposable()
	if op == nil || (r.trial.at.After(e.dirty) && r.trial.empty && !opensRequests(op) && !e.changeWaits()) {
		return
	}
	view, previous := r.build.View, e.lastBatch
	r.building = true
	e.work(r.ctx, &r.workers, func(ctx context.Context) func() {
		began := e.clock()
		p, pending, err := e.x.build(ctx, op, e.prover, e.self, view, previous)
		return func() { e.built(r, view, began, p, pending, err) }
	})
}

// opensRequests says whether an empty height is allowed; a store that fails is met again, with an error, by the build.
func opensRequests(op *ledger.Opening) bool {
	open, err := op.OpenRequests()
	return open && err == nil
}

func (e *engine) built(r *round, view uint32, began time.Time, p *proposal, pending []ledger.Pending, err error) {
	r.building = false
	e.explain(pending)
	switch {
	case errors.Is(err, errNothing):
		r.trial = trial{at: began, empty: true}
		return
	case err != nil:
		e.log.Warn("no proposal could be built", "height", r.inst.Height, "err", err)
		r.trial = trial{at: began, empty: true}
		return
	case r.build == nil || r.build.View != view:
		return
	}
	r.build = nil
	r.proposals[p.digest] = p
	e.feed(func(m *agreement.Machine) []agreement.Effect {
		effects, err := m.Built(view, p.body)
		if err != nil {
			e.log.Warn("the own proposal was not taken", "height", r.inst.Height, "view", view, "err", err)
		}
		return effects
	})
}

// validate checks a proposal beside the loop; a digest that is being checked is not checked twice.
func (e *engine) validate(v agreement.Validate) {
	r := e.round
	digest := v.Header.Digest
	if _, ok := r.proposals[digest]; ok {
		e.answer(v.View, digest, nil)
		return
	}
	if c, ok := r.checks[digest]; ok {
		if c.validate.Fresh && !v.Fresh {
			c.again = append(c.again, v.View)
		} else {
			c.views = append(c.views, v.View)
		}
		return
	}
	r.checks[digest] = &checking{validate: v, views: []uint32{v.View}}
	e.runCheck(r, digest)
}

func (e *engine) runCheck(r *round, digest intent.Hash) {
	c := r.checks[digest]
	previous := e.lastBatch
	e.work(r.ctx, &r.workers, func(ctx context.Context) func() {
		p, err := e.examine(ctx, r, c.validate.Body, previous, c.validate.Fresh, c.validate.Arrived)
		return func() { e.checked(r, digest, p, err) }
	})
}

// examine parses, opens and checks a header body.
func (e *engine) examine(ctx context.Context, r *round, body []byte, previous ledger.BatchCID, fresh bool, arrived int64) (*proposal, error) {
	h, err := ledger.ParseHeader(body)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errInvalid, err)
	}
	if why := e.chain.Err(); fresh && why != nil {
		return nil, fmt.Errorf("%w: the vault cannot be followed: %w", errBehind, why)
	}
	op, err := e.openAt(r.base, h.Cut)
	if err != nil {
		return nil, err
	}
	q := &question{header: h, body: body, opening: op, members: r.members, order: r.order, previous: previous, fresh: fresh, arrived: arrived}
	if fresh {
		q.haul = r.hauls.by(h.Leader, haulFactor*e.file.Params.MaxBatchBytes)
	}
	return e.x.check(ctx, q)
}

func (e *engine) checked(r *round, digest intent.Hash, p *proposal, err error) {
	c := r.checks[digest]
	if errors.Is(err, errBehind) {
		r.held[digest] = true
		return
	}
	delete(r.checks, digest)
	if err == nil {
		// To prepare is to promise the blocks until the height is settled, however long a lock lasts.
		if err := e.blocks().Pin(batchOwner(r.inst.Height), p.blocks()...); err != nil {
			e.fail(fmt.Errorf("pinning batch %s: %w", p.header.Batch, err))
			return
		}
		r.proposals[digest] = p
		if d := r.decision; d != nil && d.digest == digest && d.prop == nil {
			e.adopt(r, p)
		}
	} else {
		e.log.Warn("a proposal does not check", "height", r.inst.Height, "view", c.validate.View, "err", err)
		e.meter.badProposals.Inc()
		// What the clock says of a first proposal says nothing of a decision: that is checked again without it, below.
		if r.decision != nil && r.decision.digest == digest && r.decision.prop == nil && !c.validate.Fresh {
			e.cannotAdopt(r, err)
		}
	}
	if err == nil {
		c.views, c.again = append(c.views, c.again...), nil
	}
	for _, view := range c.views {
		e.answer(view, digest, err)
	}
	if len(c.again) > 0 && e.round == r && r.checks[digest] == nil {
		next := c.validate
		next.Fresh = false
		r.checks[digest] = &checking{validate: next, views: c.again}
		e.runCheck(r, digest)
	}
}

func (e *engine) answer(view uint32, digest intent.Hash, err error) {
	if e.round == nil {
		return
	}
	e.feed(func(m *agreement.Machine) []agreement.Effect { return m.Validated(view, digest, err) })
}

// retryHeld checks again what had to wait for vault events.
func (e *engine) retryHeld() {
	r := e.round
	if r == nil {
		return
	}
	for digest := range r.held {
		delete(r.held, digest)
		e.runCheck(r, digest)
	}
}
