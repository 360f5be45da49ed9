package sim

import (
	"errors"
	"time"

	"github.com/phantom-paradox/paradox/agreement"
	at "github.com/phantom-paradox/paradox/agreement/agreementtest"
	"github.com/phantom-paradox/paradox/agreement/internal/mutation"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/ledger"
)

// A node is a member with what the agreement's host does for it: the vote log, the watcher, the checks of a header.
// A Byzantine member is the same node with a liar between it and the network.
type node struct {
	w     *world
	place int
	liar  *liar // nil: honest

	down  bool
	boots int // counts lives; what an earlier life has planned does not happen
	disk  [][]byte
	wiped bool   // the disk was lost in the last crash
	lost  uint64 // the log is lost: silent until this height is settled

	machine    *agreement.Machine
	inst       ledger.Instance
	later      *agreement.Later
	seenEvents uint64 // of the vault, by the own watcher
	height     uint64 // settled, by the own watcher
	generation uint32
	epoch      uint32
	lastTime   int64
	log        []intent.Hash // settled digests
	certs      map[uint64]*ledger.Certificate
	current    *ledger.Certificate // of the instance
	held       []agreement.Validate
}

func newNode(w *world, place int) *node {
	n := &node{w: w, place: place, down: true, certs: map[uint64]*ledger.Certificate{}}
	if t := w.s.Tricks[place]; t != 0 {
		n.liar = newLiar(n, t)
	}
	return n
}

func (n *node) honest() bool { return n.liar == nil }

func (n *node) lostLog() bool { return n.lost > n.height }

// boot starts the process: what is on disk is all it knows, but for the chain, which its watcher reads again.
func (n *node) boot() {
	n.boots++
	n.down = false
	n.w.res.Restarts++
	if n.wiped {
		n.wiped = false
		n.lost = n.w.vault.height + 1
	}
	n.machine, n.current, n.held, n.inst = nil, nil, nil, ledger.Instance{}
	n.later = agreement.NewLater(at.Network(), at.Verify)
	n.watchChain()
	if n.machine == nil {
		n.begin()
	}
}

func (n *node) crash() {
	if n.down {
		return
	}
	n.down = true
	n.boots++
	n.machine = nil
	if n.w.s.DiskLoss[n.place] {
		n.disk = nil
		n.certs = map[uint64]*ledger.Certificate{}
		n.wiped = true
		n.seenEvents, n.height, n.generation, n.epoch, n.log, n.lastTime = 0, 0, 0, 0, nil, 0
	}
	n.w.after(time.Duration(n.w.r.IntN(5000))*time.Millisecond, func() {
		if n.down {
			n.boot()
		}
	})
}

// plan does something later in the same life.
func (n *node) plan(d time.Duration, do func()) {
	life := n.boots
	n.w.after(d, func() {
		if n.boots == life && !n.down {
			do()
		}
	})
}

// watchChain reads the events that are final and that the node's watcher has come to.
func (n *node) watchChain() {
	if n.down {
		return
	}
	lag := finality
	if !n.w.healed() {
		lag += n.w.s.Lag[n.place]
	}
	before := n.seenEvents
	for n.seenEvents < uint64(len(n.w.vault.events)) {
		e := n.w.vault.events[n.seenEvents]
		if e.at+lag > n.w.now {
			break
		}
		if e.kind == settled && n.certs[e.height] == nil && !n.adopt(e) {
			n.askFor(e.height)
			break
		}
		n.seenEvents++
		if e.kind == settled {
			n.height = e.height
			n.log = append(n.log, e.digest)
		}
		n.generation, n.epoch = e.generation, e.epoch
	}
	if n.seenEvents != before {
		n.begin()
		n.answerHeld()
	}
}

// adopt takes the own decision for a settled height, if it is that.
func (n *node) adopt(e vaultEvent) bool {
	if n.current == nil {
		return false
	}
	h, err := at.ParseHeader(n.current.Body)
	if err != nil || h.Digest() != e.digest {
		return false
	}
	n.settle(e.height, n.current, h)
	return true
}

func (n *node) settle(height uint64, c *ledger.Certificate, h *at.Header) {
	n.certs[height] = c
	n.lastTime = h.Time
}

// askFor asks everybody for the certificate of a settled height, until somebody answers.
func (n *node) askFor(height uint64) {
	if n.certs[height] != nil || n.height+1 != height {
		return
	}
	for i, peer := range n.w.nodes {
		if i == n.place || !n.w.healed() && (n.w.cut[i] != n.w.cut[n.place] || n.w.r.Float64() < n.w.s.Loss) {
			continue
		}
		n.plan(n.w.s.Latency.draw(n.w.r), func() {
			c := peer.certs[height]
			if peer.down || c == nil || !peer.honest() || n.certs[height] != nil {
				return
			}
			if h, err := at.ParseHeader(c.Body); err == nil && n.w.watch.certifies(c, h) {
				n.settle(height, c, h)
				n.watchChain()
			}
		})
	}
	n.plan(time.Second, n.watchChain)
}

// begin makes the machine of the instance that the watcher shows.
func (n *node) begin() {
	inst := ledger.Instance{Epoch: n.epoch, Height: n.height + 1, Generation: n.generation}
	if n.w.s.Mutation.Has(mutation.OldGenerationVotes) && n.machine != nil && n.inst.Height == inst.Height {
		return
	}
	if n.machine != nil && n.inst == inst {
		return
	}
	n.inst, n.current, n.held = inst, nil, nil
	restored, err := agreement.Restore(n.disk, inst)
	if errors.Is(err, agreement.ErrLogAhead) {
		n.machine = nil // the watcher will catch up
		return
	}
	if err == nil {
		n.machine, err = agreement.New(n.config(inst), restored)
	}
	if err != nil {
		n.w.fail("member %d cannot start: %v", n.place, err)
		return
	}
	m := n.machine
	if m.Voted() {
		n.do(m.Start())
	}
	for _, a := range n.later.Take(inst) {
		if n.machine == m {
			n.take(a.Message, a.Arrived)
		}
	}
	n.plan(time.Duration(n.w.r.IntN(2000))*time.Millisecond, func() {
		if n.machine == m {
			n.do(m.Start())
		}
	})
}

func (n *node) config(inst ledger.Instance) agreement.Config {
	all := n.w.committee(inst.Epoch)
	c := at.Config(all.members, all.place(n.place))
	c.Instance, c.Order, c.Timing = inst, n.w.order(inst.Height, all.members), timing()
	c.Silent = n.lostLog()
	if n.honest() {
		c.Mutation = n.w.s.Mutation
	}
	if n.w.s.Mutation.Has(mutation.UnverifiedVotes) && n.honest() {
		c.Verify = func(intent.Key, []byte, intent.Signature) bool { return true }
	}
	return c
}

// receive is what the network calls.
func (n *node) receive(m *agreement.Message) {
	if n.down {
		return
	}
	n.take(m, int64(n.clock()/time.Millisecond))
	if n.liar != nil {
		n.liar.hears(m)
	}
}

func (n *node) take(m *agreement.Message, arrived int64) {
	if m.Body != nil {
		if h, err := at.ParseHeader(m.Body); err == nil {
			n.w.watch.headers[h.Digest()] = h
		}
	}
	if n.machine == nil || m.Instance != n.inst {
		n.elsewhere(m, arrived)
		return
	}
	effects, err := n.machine.Receive(m, arrived)
	if errors.Is(err, agreement.ErrInvalid) && n.sender(m) != nil && n.sender(m).honest() && m.Kind != agreement.Decided && !n.forged(m) {
		n.w.fail("member %d refuses an honest message of member %d: %v", n.place, n.sender(m).place, err)
	}
	n.do(effects)
}

func (n *node) forged(m *agreement.Message) bool {
	return !at.Verify(m.From, m.SigningBytes(at.Network()), m.Sig)
}

func (n *node) sender(m *agreement.Message) *node {
	for i := range n.w.members {
		if n.w.members[i].Key == m.From {
			return n.w.nodes[i]
		}
	}
	return nil
}

// elsewhere takes a message of another instance: later ones wait, laggards get the certificate.
func (n *node) elsewhere(m *agreement.Message, arrived int64) {
	if agreement.Compare(m.Instance, n.inst) > 0 {
		_ = n.later.Add(n.w.committee(n.inst.Epoch).members, n.inst, m, arrived)
		return
	}
	c := n.certs[m.Instance.Height]
	from := n.sender(m)
	if c == nil || from == nil || m.Attempt == 0 || m.Kind == agreement.Decided {
		return
	}
	if h, err := at.ParseHeader(c.Body); err == nil && h.Instance == m.Instance {
		n.w.send(n.place, from.place, agreement.NewDecided(h.Instance, h.Digest(), c))
	}
}

func (n *node) clock() time.Duration { return time.Hour + n.w.now + n.w.s.Skew[n.place] }

// do performs effects; a disk that fails in between ends the process.
func (n *node) do(effects []agreement.Effect) {
	if n.down || n.machine == nil {
		return
	}
	if err := agreement.Perform(&host{n, n.machine, n.inst}, effects); err != nil {
		n.crash()
	}
}

// A host performs the effects of one machine.
type host struct {
	*node
	m    *agreement.Machine
	inst ledger.Instance
}

var errCrash = errors.New("the process dies here")

// Persist writes the log; the process may die right before or right after.
func (h *host) Persist(record []byte) error {
	if h.liar != nil {
		return nil
	}
	die := !h.w.healed() && h.w.r.Float64() < h.w.s.CrashOnSave
	if die && h.w.r.IntN(2) == 0 {
		return errCrash
	}
	h.disk = append(h.disk, record)
	if die {
		return errCrash
	}
	return nil
}

func (h *host) Broadcast(m *agreement.Message) {
	if h.down {
		return
	}
	if h.liar != nil {
		h.liar.says(m)
		return
	}
	h.w.watch.vote(h.node, m)
	for to := range h.w.nodes {
		if to != h.place {
			h.w.send(h.place, to, m)
		}
	}
}

func (h *host) Send(to intent.Key, m *agreement.Message) {
	for i := range h.w.members {
		if h.w.members[i].Key == to && h.liar == nil {
			h.w.send(h.place, i, m)
		}
	}
}

func (h *host) SetTimer(t agreement.Timer, after time.Duration) {
	m := h.m
	h.plan(after, func() {
		if h.machine == m {
			h.do(m.Fired(t))
		}
	})
}

// Build proposes what the node's watcher and clock say.
func (h *host) Build(e agreement.Build) {
	m := h.m
	h.plan(time.Duration(10+h.w.r.IntN(300))*time.Millisecond, func() {
		if h.machine != m {
			return
		}
		header := h.fresh(e.View)
		if h.liar != nil {
			h.liar.twists(header)
		}
		effects, err := m.Built(e.View, header.Body())
		if err != nil && h.honest() {
			h.w.fail("member %d: %v", h.place, err)
		}
		h.do(effects)
	})
}

// fresh is an honest header; a node does not go back in time because its clock does.
func (n *node) fresh(view uint32) *at.Header {
	now := max(int64(n.clock()/time.Millisecond), n.lastTime)
	h := &at.Header{
		Instance: n.inst, View: view, Leader: n.w.members[n.place].Key, Content: n.w.r.Uint64(), Time: now, Cut: n.seenEvents,
	}
	if n.w.r.IntN(4) == 0 {
		h.Bytes = uint64(n.w.r.IntN(8 << 20))
	}
	h.Change = !n.w.healed() && n.w.r.Float64() < n.w.s.Changes
	h.Empty = n.w.vault.openRequest(h.Cut) && n.w.r.IntN(2) == 0
	return h
}

func (h *host) Validate(e agreement.Validate) {
	m := h.m
	h.plan(time.Duration(5+h.w.r.IntN(100))*time.Millisecond, func() {
		if h.machine == m {
			h.judge(e)
		}
	})
}

const clockTolerance = 2000 // milliseconds

var errJudged = errors.New("the header is not valid")

// judge answers whether a header is valid, or holds the question.
func (n *node) judge(e agreement.Validate) {
	h, err := at.ParseHeader(e.Body)
	if err != nil {
		n.w.fail("a header that does not parse came through: %v", err)
		return
	}
	if e.Fresh && abs(h.Time-e.Arrived) > clockTolerance {
		err = errJudged
	}
	if h.Wrong || h.Time < n.lastTime {
		err = errJudged
	}
	if err == nil && (h.Withheld || h.Cut > n.seenEvents) {
		n.held = append(n.held, e)
		return
	}
	if err == nil && (h.Cut < n.floor() || h.Empty && !n.w.vault.openRequest(h.Cut) && !n.w.s.Mutation.Has(mutation.EmptyHeightsFree)) {
		err = errJudged
	}
	n.do(n.machine.Validated(e.View, e.Header.Digest, err))
}

// floor is the event that began the instance.
func (n *node) floor() uint64 {
	for i := n.seenEvents; i > 0; i-- {
		if n.w.vault.events[i-1].kind != request {
			return i
		}
	}
	return 0
}

func (n *node) answerHeld() {
	held := n.held
	n.held = nil
	for _, e := range held {
		n.judge(e)
	}
}

func abs(d int64) int64 { return max(d, -d) }

func (h *host) EnterView(agreement.EnterView) { h.held = nil }

// Decide hands the certificate to the vault, again and again until the chain has moved.
func (h *host) Decide(d agreement.Decide) {
	h.current = d.Certificate
	if h.liar == nil {
		h.w.watch.decides(h.node, d)
	}
	h.submit(h.m, d.Certificate)
}

func (n *node) submit(m *agreement.Machine, c *ledger.Certificate) {
	n.plan(time.Duration(100+n.w.r.IntN(2000))*time.Millisecond, func() {
		if n.machine != m {
			return
		}
		n.w.vault.attest(c)
		n.watchChain()
		n.submit(m, c)
	})
}

func (h *host) Report(e agreement.Evidence) {
	h.w.res.Evidence++
	if e.Verify(at.Network(), at.Verify) != nil {
		h.w.fail("member %d reports evidence that does not verify", h.place)
	}
	if n := h.sender(&agreement.Message{Vote: e.A}); h.liar == nil && n.honest() {
		h.w.fail("member %d accuses honest member %d: %+v", h.place, n.place, e)
	}
}

func (h *host) Duplicate(v agreement.Vote) {
	if h.liar == nil {
		h.w.fail("member %d takes its own %v of view %d for a duplicate's", h.place, v.Kind, v.View)
	}
}
