package node

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/phantom-paradox/paradox/agreement"
	"github.com/phantom-paradox/paradox/agreement/sim"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/ledger"
)

// What a Byzantine member does on the wire that the simulator's model has no words for.
const (
	wrongDraw  sim.Trick = 1 << (24 + iota) // proposes with a draw that its VRF key did not make
	holdCommit                              // prepares everything and commits to nothing
)

// A byzantine is a real member of a committee, with disk, sockets and keys, that a liar stands before: it changes what the
// member's machine says, adds to it, and says some of it to some only. It signs with its own key. Everything but its mouths
// runs on the engine's goroutine.
type byzantine struct {
	c      *cluster
	place  int
	tricks sim.Trick
	engine *engine
	loud   func(*agreement.Message) // to everybody
	mouths map[int]*mouth           // by node
	r      *rand.Rand

	heard   []*agreement.Message // for replays, a ring
	next    int
	voted   map[intent.Hash]bool
	bodies  map[intent.Hash]*ledger.Header // of the newest instance
	swap    map[intent.Hash]intent.Hash    // what the machine proposed -> what was said instead
	seq     uint64
	played  atomic.Int64 // lies told
	splits  int
	trouble string // what kept it from a lie
	stop    context.CancelFunc
	tasks   sync.WaitGroup
}

const (
	liarRing   = 128
	liarBodies = 16
)

func newByzantine(c *cluster, place int, tricks sim.Trick) *byzantine {
	return &byzantine{c: c, place: place, tricks: tricks, mouths: map[int]*mouth{}, r: rand.New(rand.NewPCG(uint64(tricks), uint64(place))),
		voted: map[intent.Hash]bool{}, bodies: map[intent.Hash]*ledger.Header{}, swap: map[intent.Hash]intent.Hash{}}
}

func (l *byzantine) does(t sim.Trick) bool { return l.tricks&t != 0 }

// tap stands between a node that does not run yet and its topic.
func (l *byzantine) tap(n *Node) {
	e := n.engine
	l.engine, l.loud, e.say = e, e.say, l.says
	inbox := make(chan arrival, inboxSize)
	n.gossip.engine = &engine{inbox: inbox, results: e.results, book: e.book, meter: e.meter, log: e.log, tell: e.tell}
	ctx, cancel := context.WithCancel(context.Background())
	l.stop = cancel
	l.tasks.Go(func() { // everything is heard on the engine's goroutine
		for {
			select {
			case <-ctx.Done():
				return
			case a := <-inbox:
				l.do(ctx, e, func() { l.hears(e, a) })
			}
		}
	})
	l.tasks.Go(func() {
		ticker := time.NewTicker(300 * time.Millisecond) // the liar's own pace
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				l.do(ctx, e, l.tick)
			}
		}
	})
}

func (l *byzantine) do(ctx context.Context, e *engine, fn func()) {
	select {
	case e.results <- fn:
	case <-ctx.Done():
	}
}

// open gives the liar a mouth for each honest node; close ends it, before its node is.
func (l *byzantine) open(honest []int) {
	mouths := map[int]*mouth{}
	for _, i := range honest {
		mouths[i] = l.c.mouth(i)
	}
	done := make(chan struct{})
	l.engine.results <- func() { l.mouths = mouths; close(done) }
	<-done
}

func (l *byzantine) close() {
	l.stop()
	l.tasks.Wait()
}

// epilogue tells what a failed case's liar could do.
func (l *byzantine) epilogue(t *testing.T) {
	if !t.Failed() {
		return
	}
	t.Logf("member %d has shown %d splits; it stands %+v", l.place, l.splits, l.engine.status.Load())
	for i, m := range l.mouths {
		t.Logf("member %d lied %d times, %s; node %d has the ear of %d", l.place, l.played.Load(), l.trouble, i, len(m.topic.ListPeers()))
	}
}

func (l *byzantine) signed(v agreement.Vote) *agreement.Message {
	return l.c.vote(l.c.keys[l.place].Member, v)
}

func (l *byzantine) cast(kind agreement.Kind, view uint32, digest intent.Hash) *agreement.Message {
	return l.signed(agreement.Vote{Kind: kind, Instance: l.inst(), View: view, Digest: digest})
}

func (l *byzantine) inst() ledger.Instance { return l.engine.round.inst }

// only says something to some nodes, and to each by itself.
func (l *byzantine) only(m *agreement.Message, to func(int) bool) {
	data := m.Encode()
	for i, mouth := range l.mouths {
		if to(i) {
			l.played.Add(1)
			mouth.say(l.c.t, data)
		}
	}
}

func (l *byzantine) some(m *agreement.Message) {
	l.only(m, func(int) bool { return l.r.IntN(2) == 0 })
}

// says takes what the machine wants to send.
func (l *byzantine) says(m *agreement.Message) {
	switch {
	case l.does(sim.Mute), l.does(holdCommit) && m.Kind == agreement.Commit:
		l.played.Add(1)
		return
	case m.Kind == agreement.Decided:
	case m.Kind == agreement.Propose && m.Attempt == 0:
		if m = l.proposes(m); m == nil {
			return
		}
	case l.does(sim.HideLock) && m.Kind == agreement.RoundChange && m.Locked:
		m = l.signed(agreement.Vote{Kind: agreement.RoundChange, Instance: m.Instance, View: m.View})
		l.played.Add(1)
	case m.Kind == agreement.Prepare || m.Kind == agreement.Commit || m.Kind == agreement.Propose:
		if other, ok := l.swap[m.Digest]; ok {
			if m.Kind == agreement.Propose {
				return // it was said once
			}
			m = l.cast(m.Kind, m.View, other)
		}
	}
	l.remember(m)
	if l.does(sim.Partial) {
		l.some(m)
		return
	}
	l.loud(m)
	if l.does(sim.OldHeader) && m.Kind == agreement.RoundChange { // a later view may be over before the liar's next tick
		l.oldHeader(m.View)
	}
}

// proposes spoils a proposal; nil: it has been said.
func (l *byzantine) proposes(m *agreement.Message) *agreement.Message {
	h, err := ledger.ParseHeader(m.Body)
	if err != nil {
		l.c.t.Errorf("the own proposal does not parse: %v", err)
		return nil
	}
	switch {
	case m.Prepared != nil && l.does(sim.HideLock):
		l.overlook(m)
		return m
	case m.Prepared != nil:
		return m
	case l.does(sim.SplitProposal | sim.Fork):
		l.split(m, h)
		return nil
	}
	if bad := l.twist(*h); bad.Digest() != h.Digest() {
		l.swap[h.Digest()] = bad.Digest()
		l.played.Add(1)
		return l.proposal(m.View, bad, m.Changes, nil)
	}
	return m
}

func (l *byzantine) proposal(view uint32, h *ledger.Header, changes []agreement.Vote, p *agreement.PreparedCertificate) *agreement.Message {
	out := l.cast(agreement.Propose, view, h.Digest())
	out.Body, out.Changes, out.Prepared = h.Body(), changes, p
	l.know(h)
	return out
}

// twist spoils a header that the member is about to propose.
func (l *byzantine) twist(h ledger.Header) *ledger.Header {
	l.seq++
	switch {
	case l.does(sim.Withhold) && l.seq%2 == 0: // the root as well
		h.Batch = ledger.BlockCID([]byte{byte(l.seq)})
	case l.does(sim.Withhold):
		h.Batch = l.withhold(&h)
	}
	if l.does(sim.WrongOutcome) {
		h.StateDigest[3] ^= 1
	}
	if l.does(wrongDraw) {
		h.VRFOutput[3] ^= 1
	}
	if l.does(sim.EmptyHeight) {
		root := &ledger.BatchRoot{Network: h.Network, Height: h.Height, Previous: l.engine.lastBatch, Bundles: []ledger.Taken{}}
		h.Count, h.Bytes, h.Batch = 0, uint64(len(root.Encode())), l.keep(root.Encode())
	}
	if l.does(sim.BadTime) {
		h.Time += int64(l.r.IntN(7200) - 3600)
	}
	if l.does(sim.FarCut) {
		h.Cut.Number += uint64(1 + l.r.IntN(4))
	}
	return &h
}

func (l *byzantine) keep(data []byte) ledger.BatchCID {
	cid, err := l.engine.blocks().Put(l.c.t.Context(), "liar", data)
	if err != nil {
		l.c.t.Errorf("keeping a block: %v", err)
	}
	return cid
}

// withhold is a root that everybody can fetch, and that links a bundle that nobody can.
func (l *byzantine) withhold(h *ledger.Header) ledger.BatchCID {
	data, err := l.engine.blocks().Get(l.c.t.Context(), h.Batch)
	if err != nil {
		l.c.t.Errorf("the own batch: %v", err)
		return h.Batch
	}
	root, err := ledger.ParseBatchRoot(data)
	if err != nil {
		l.c.t.Errorf("the own batch: %v", err)
		return h.Batch
	}
	taken := ledger.Taken{Bundle: ledger.BlockCID([]byte{byte(l.seq), 1})}
	taken.Take(0)
	root.Bundles = []ledger.Taken{taken}
	return l.keep(root.Encode())
}

// split shows one header to one half and another, just as good, to the other, with votes for each.
func (l *byzantine) split(m *agreement.Message, h *ledger.Header) {
	other := l.twin(h)
	if other == nil {
		l.loud(m)
		return
	}
	l.splits++
	side := map[int]bool{}
	for i := range l.mouths {
		side[i] = len(side)%2 == 0
	}
	// The smaller half hears first: with the liar's votes the larger one is a quorum, and decides before a word that comes later.
	for _, p := range []*agreement.Message{l.proposal(m.View, other, m.Changes, nil), m} {
		to := func(i int) bool { return side[i] == (p == m) }
		l.remember(p)
		l.only(p, to)
		l.only(l.cast(agreement.Prepare, m.View, p.Digest), to)
		l.only(l.cast(agreement.Commit, m.View, p.Digest), to)
	}
}

// twin is as good as the header, and another: it is a second older.
func (l *byzantine) twin(h *ledger.Header) *ledger.Header {
	e := l.engine
	op, err := e.openAt(e.settled, h.Cut)
	if err != nil {
		l.trouble = err.Error()
		return nil
	}
	_, intents, _, err := e.x.fetch(l.c.t.Context(), h, nil)
	if err != nil {
		l.trouble = err.Error()
		return nil
	}
	in := &ledger.Input{Intents: intents, Time: h.Time + 1, VRFOutput: h.VRFOutput}
	res, err := op.Execute(in)
	if err != nil {
		l.trouble = err.Error()
		return nil
	}
	return res.Header(in, ledger.Proposal{View: h.View, Leader: h.Leader, VRFProof: h.VRFProof, Batch: h.Batch, Bytes: h.Bytes})
}

// overlook proposes freely though a lock was shown: without the round changes that show it, or in the face of them.
func (l *byzantine) overlook(m *agreement.Message) {
	h := l.fresh(m.View)
	if h == nil {
		return
	}
	l.some(l.proposal(m.View, h, m.Changes, m.Prepared))
	var free []agreement.Vote
	for _, v := range m.Changes {
		if !v.Locked {
			free = append(free, v)
		}
	}
	l.some(l.proposal(m.View, h, free, nil))
}

// fresh is a good header of the member's own, or nil where the pool has nothing.
func (l *byzantine) fresh(view uint32) *ledger.Header {
	e := l.engine
	op := e.proposable()
	if op == nil {
		return nil
	}
	p, _, err := e.x.build(l.c.t.Context(), op, e.prover, e.self, view, e.lastBatch)
	if err != nil {
		return nil
	}
	return p.header
}

// hears takes what the network brings; the member's own machine has it first.
func (l *byzantine) hears(e *engine, a arrival) {
	m := a.message
	if m.From != e.self {
		e.receive(a)
	}
	e.halted = "" // what the liar says in the member's name does not silence it
	if e.round == nil || m.Instance != l.inst() {
		return
	}
	l.remember(m)
	if m.Body != nil {
		if h, err := ledger.ParseHeader(m.Body); err == nil {
			l.know(h)
		}
	}
	if !l.does(sim.DoubleVote|sim.Fork) || m.Kind == agreement.Decided || m.Kind == agreement.RoundChange {
		return
	}
	prepare := l.cast(agreement.Prepare, m.View, m.Digest)
	if id := voteID(prepare); !l.voted[id] {
		l.voted[id] = true
		l.some(prepare)
		l.some(l.cast(agreement.Commit, m.View, m.Digest))
	}
}

// know keeps headers for later mischief.
func (l *byzantine) know(h *ledger.Header) {
	for d, old := range l.bodies {
		if old.Instance != h.Instance || len(l.bodies) >= liarBodies {
			delete(l.bodies, d)
		}
	}
	l.bodies[h.Digest()] = h
}

func (l *byzantine) remember(m *agreement.Message) {
	if len(l.heard) < liarRing {
		l.heard = append(l.heard, m)
		return
	}
	l.heard[l.next] = m
	l.next = (l.next + 1) % liarRing
}

// tick is what the liar does unasked.
func (l *byzantine) tick() {
	e := l.engine
	if e.round == nil || e.round.machine == nil || len(l.mouths) == 0 {
		return
	}
	view := e.round.machine.Status().View
	if l.does(sim.Replay) && len(l.heard) > 0 {
		for range 4 {
			again := *l.heard[l.r.IntN(len(l.heard))]
			again.Attempt = uint32(l.r.IntN(5))
			l.some(&again)
		}
	}
	for trick, do := range map[sim.Trick]func(uint32){
		sim.Flood: l.flood, sim.FalseLock: l.falseLock, sim.Usurp: l.usurp, sim.OldHeader: l.oldHeader, sim.Forge: l.forge,
	} {
		if l.does(trick) {
			do(view)
		}
	}
}

func (l *byzantine) flood(view uint32) {
	digest := intent.Hash{byte(l.r.IntN(256))}
	for range 4 {
		at := view + uint32(l.r.IntN(40))
		l.some(l.cast(agreement.Prepare, at, digest))
		l.some(l.cast(agreement.Commit, at, digest))
		l.some(l.signed(agreement.Vote{Kind: agreement.RoundChange, Instance: l.inst(), View: at + 1}))
	}
}

// falseLock claims a lock with the prepare of the liar only: on a good header of its own, or on one that it has heard of.
func (l *byzantine) falseLock(view uint32) {
	var h *ledger.Header
	if l.engine.round.machine.Leader(view) == l.engine.self {
		h = l.fresh(view)
	}
	for _, known := range l.bodies {
		if h == nil && known.Instance == l.inst() {
			h = known
		}
	}
	if h == nil {
		return
	}
	p := l.cast(agreement.Prepare, view, h.Digest())
	m := l.signed(agreement.Vote{Kind: agreement.RoundChange, Instance: l.inst(), View: view + 1, Locked: true, LockView: view, Digest: h.Digest()})
	m.Body = h.Body()
	m.Prepared = &agreement.PreparedCertificate{View: view, Digest: h.Digest(), Signatures: []ledger.MemberSignature{{Member: p.From, Sig: p.Sig}}}
	l.only(m, func(int) bool { return true })
}

// usurp proposes in a view that somebody else leads, with what justification it has heard.
func (l *byzantine) usurp(view uint32) {
	if h := l.fresh(view); h != nil {
		l.some(l.proposal(view, h, l.changes(view), nil))
	}
}

// changes are round changes to the view that the liar has heard, its own unlocked one first.
func (l *byzantine) changes(view uint32) []agreement.Vote {
	if view == 0 {
		return nil
	}
	out := []agreement.Vote{l.signed(agreement.Vote{Kind: agreement.RoundChange, Instance: l.inst(), View: view}).Vote}
	for _, m := range l.heard {
		if m.Kind == agreement.RoundChange && m.View == view && m.Instance == l.inst() && m.From != out[0].From && len(out) < agreement.MaxMembers {
			out = append(out, m.Vote)
		}
	}
	return out
}

// oldHeader proposes headers that it knows, with whatever justification it has, and votes for them.
func (l *byzantine) oldHeader(view uint32) {
	for _, h := range l.bodies {
		if view == 0 || h.Instance != l.inst() {
			continue
		}
		p := l.proposal(view, h, l.changes(view), nil)
		if len(p.Changes) > 0 && p.Changes[0].Locked {
			p.Prepared = &agreement.PreparedCertificate{View: p.Changes[0].LockView, Digest: h.Digest()}
		}
		l.some(p)
		l.some(l.cast(agreement.Prepare, view, h.Digest()))
		l.some(l.cast(agreement.Commit, view, h.Digest()))
		return
	}
}

// forge sends votes and certificates in others' names with signatures that are not theirs.
func (l *byzantine) forge(view uint32) {
	h := l.fresh(view)
	if h == nil {
		return
	}
	cert := &ledger.Certificate{Body: h.Body(), View: view}
	for i, m := range l.c.file.Members {
		if i == l.place {
			continue
		}
		for _, kind := range []agreement.Kind{agreement.Prepare, agreement.Commit} {
			v := l.cast(kind, view, h.Digest())
			v.From = m.Key
			l.some(v)
			if kind == agreement.Commit {
				cert.Signatures = append(cert.Signatures, ledger.MemberSignature{Member: m.Key, Sig: v.Sig})
			}
		}
	}
	l.some(agreement.NewDecided(h.Instance, h.Digest(), cert))
}
