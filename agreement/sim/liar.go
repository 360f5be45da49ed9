package sim

import (
	"math/rand/v2"
	"time"

	"github.com/phantom-paradox/paradox/agreement"
	at "github.com/phantom-paradox/paradox/agreement/agreementtest"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/ledger"
)

// A liar stands between a Byzantine member and the network: it changes what the member's machine says, and adds to it.
// It signs with its own key only.
type liar struct {
	n      *node
	tricks Trick
	r      *rand.Rand
	heard  []*agreement.Message // for replays, a ring
	next   int
	voted  map[commitAt]bool
	bodies []*at.Header // of the newest instance
}

const (
	ringSize   = 128
	bodiesKept = 16
)

func newLiar(n *node, t Trick) *liar {
	l := &liar{n: n, tricks: t, r: rand.New(rand.NewPCG(n.w.s.Seed, uint64(n.place)+1)), voted: map[commitAt]bool{}}
	if t&(Replay|Flood|Usurp|OldHeader|Forge|FalseLock) != 0 {
		n.w.after(time.Duration(l.r.IntN(1000))*time.Millisecond, l.tick)
	}
	return l
}

func (l *liar) does(t Trick) bool { return l.tricks&t != 0 }

// key is the liar's own.
func (l *liar) signer() at.Signer {
	return at.Signer{Key: l.n.w.members[l.n.place].Key, Instance: l.n.inst}
}

// says takes what the machine wants to send.
func (l *liar) says(m *agreement.Message) {
	switch {
	case l.does(Mute):
		return
	case l.does(HideLock) && m.Kind == agreement.RoundChange && m.Locked:
		m = l.signer().Change(m.View, nil, nil)
	case l.does(SplitProposal|Fork) && m.Kind == agreement.Propose && m.Attempt == 0 && m.Prepared == nil:
		l.split(m)
		return
	case l.does(HideLock) && m.Kind == agreement.Propose && m.Prepared != nil:
		l.overlook(m)
	}
	l.remember(m)
	if l.does(Partial) {
		l.some(m)
		return
	}
	l.all(m)
}

// all sends to everybody.
func (l *liar) all(m *agreement.Message) { l.only(m, func(int) bool { return true }) }

// some sends to some, others every time.
func (l *liar) some(m *agreement.Message) {
	l.only(m, func(int) bool { return l.r.IntN(2) == 0 })
}

func (l *liar) only(m *agreement.Message, to func(int) bool) {
	for i := range l.n.w.nodes {
		if i != l.n.place && to(i) {
			l.n.w.send(l.n.place, i, m)
		}
	}
}

// split sends one header to one half and another, just as good, to the other, with votes for each.
func (l *liar) split(m *agreement.Message) {
	a, err := at.ParseHeader(m.Body)
	if err != nil {
		return
	}
	b := *a
	b.Content++
	l.know(&b)
	other := l.signer().Propose(m.View, &b, nil)
	other.Changes = m.Changes
	side := make([]bool, len(l.n.w.nodes))
	for i := range side {
		side[i] = l.r.IntN(2) == 0
	}
	for x, first := range []bool{true, false} {
		p := []*agreement.Message{m, other}[x]
		to := func(i int) bool { return side[i] == first }
		l.remember(p)
		l.only(p, to)
		l.only(l.signer().Vote(agreement.Prepare, m.View, p.Digest), to)
		l.only(l.signer().Vote(agreement.Commit, m.View, p.Digest), to)
	}
}

// overlook proposes freely though a lock was shown: without the round changes that show it, or in the face of them.
func (l *liar) overlook(m *agreement.Message) {
	h := l.n.fresh(m.View)
	free := l.signer().Propose(m.View, h, nil)
	if l.r.IntN(2) == 0 {
		free.Changes, free.Prepared = m.Changes, m.Prepared
	} else {
		for _, v := range m.Changes {
			if !v.Locked {
				free.Changes = append(free.Changes, v)
			}
		}
	}
	l.know(h)
	l.some(free)
}

// hears takes what the network brings, after the member's own machine has seen it.
func (l *liar) hears(m *agreement.Message) {
	l.remember(m)
	if m.Body != nil {
		if h, err := at.ParseHeader(m.Body); err == nil {
			l.know(h)
		}
	}
	if !l.does(DoubleVote|Fork) || m.Instance != l.n.inst || m.Kind == agreement.Decided || m.Kind == agreement.RoundChange {
		return
	}
	k := commitAt{inst: m.Instance, view: m.View, digest: m.Digest}
	if l.voted[k] {
		return
	}
	l.voted[k] = true
	l.some(l.signer().Vote(agreement.Prepare, m.View, m.Digest))
	l.some(l.signer().Vote(agreement.Commit, m.View, m.Digest))
}

// know keeps headers for later mischief.
func (l *liar) know(h *at.Header) {
	for _, b := range l.bodies {
		if *b == *h {
			return
		}
	}
	l.bodies = append(l.bodies, h)
	if len(l.bodies) > bodiesKept {
		l.bodies = l.bodies[1:]
	}
}

func (l *liar) remember(m *agreement.Message) {
	if len(l.heard) < ringSize {
		l.heard = append(l.heard, m)
		return
	}
	l.heard[l.next] = m
	l.next = (l.next + 1) % ringSize
}

// twists spoils a header that the member is about to propose.
func (l *liar) twists(h *at.Header) {
	h.Withheld = l.does(Withhold)
	h.Wrong = l.does(WrongOutcome)
	if l.does(EmptyHeight) {
		h.Empty = true
	}
	if l.does(BadTime) {
		h.Time += int64(l.r.IntN(7200000) - 3600000)
	}
	if l.does(FarCut) {
		h.Cut += uint64(l.r.IntN(5))
	}
}

// tick is what the liar does unasked.
func (l *liar) tick() {
	l.n.w.after(time.Duration(300+l.r.IntN(900))*time.Millisecond, l.tick)
	if l.n.down || l.n.machine == nil {
		return
	}
	view := l.n.machine.Status().View
	if l.does(Replay) && len(l.heard) > 0 {
		for range 4 {
			again := *l.heard[l.r.IntN(len(l.heard))]
			again.Attempt = uint32(l.r.IntN(5))
			l.some(&again)
		}
	}
	if l.does(Flood) {
		l.flood(view)
	}
	if l.does(FalseLock) {
		l.falseLock(view + 1)
	}
	if l.does(Usurp) {
		l.usurp(view)
	}
	if l.does(OldHeader) {
		l.oldHeader(view)
	}
	if l.does(Forge) {
		l.forge(view)
	}
}

func (l *liar) flood(view uint32) {
	var digest intent.Hash
	digest[0] = byte(l.r.IntN(256))
	for range 4 {
		at := view + uint32(l.r.IntN(40))
		l.some(l.signer().Vote(agreement.Prepare, at, digest))
		l.some(l.signer().Vote(agreement.Commit, at, digest))
		l.some(l.signer().Change(at+1, nil, nil))
	}
}

// ownHeader is a header of the liar's own in a view that it leads, not above the one given.
func (l *liar) ownHeader(view uint32) *at.Header {
	for v := int64(view); v >= 0; v-- {
		if l.n.machine.Leader(uint32(v)) == l.signer().Key {
			return l.n.fresh(uint32(v))
		}
	}
	return nil
}

// falseLock claims a lock on a header of its own, or on a real one, with the prepares of traitors only.
func (l *liar) falseLock(view uint32) {
	h := l.ownHeader(view - 1)
	if h == nil {
		return
	}
	l.know(h)
	l.all(l.signer().Change(view, h, at.Prepared(view-1, h.Digest(), l.traitors()...)))
}

func (l *liar) traitors() []at.Signer {
	var out []at.Signer
	for i, n := range l.n.w.nodes {
		if n.liar != nil {
			out = append(out, at.Signer{Key: l.n.w.members[i].Key, Instance: l.n.inst})
		}
	}
	return out
}

// usurp proposes in a view that somebody else leads, with what justification it has heard.
func (l *liar) usurp(view uint32) {
	h := l.n.fresh(view)
	p := l.signer().Propose(view, h, nil)
	p.Changes = l.changes(view)
	l.know(h)
	l.some(p)
}

// changes are round changes to the view that the liar has heard, its own unlocked one first.
func (l *liar) changes(view uint32) []agreement.Vote {
	if view == 0 {
		return nil
	}
	out := []agreement.Vote{l.signer().Change(view, nil, nil).Vote}
	for _, m := range l.heard {
		if m.Kind == agreement.RoundChange && m.View == view && m.Instance == l.n.inst && m.From != l.signer().Key && len(out) < agreement.MaxMembers {
			out = append(out, m.Vote)
		}
	}
	return out
}

// oldHeader proposes, in the views that it leads, a header that it knows, with whatever justification it has.
func (l *liar) oldHeader(view uint32) {
	if len(l.bodies) == 0 || view == 0 || l.n.machine.Leader(view) != l.signer().Key {
		return
	}
	h := l.bodies[l.r.IntN(len(l.bodies))]
	if h.Instance != l.n.inst {
		return
	}
	p := l.signer().Propose(view, h, nil)
	p.Changes = l.changes(view)
	for _, v := range p.Changes {
		if v.Locked && (p.Prepared == nil || v.LockView > p.Prepared.View) {
			p.Prepared = at.Prepared(v.LockView, v.Digest, l.traitors()...)
		}
	}
	l.some(p)
	l.all(l.signer().Vote(agreement.Prepare, view, h.Digest()))
	l.all(l.signer().Vote(agreement.Commit, view, h.Digest()))
}

// forge sends votes and certificates in others' names with signatures that are not theirs.
func (l *liar) forge(view uint32) {
	h := l.ownHeader(view)
	if h == nil {
		return
	}
	l.know(h)
	cert := &ledger.Certificate{Body: h.Body(), View: view}
	for i, m := range l.n.w.members {
		if i == l.n.place {
			continue
		}
		for _, kind := range []agreement.Kind{agreement.Prepare, agreement.Commit} {
			v := l.signer().Vote(kind, view, h.Digest())
			v.From = m.Key
			l.some(v)
			if kind == agreement.Commit {
				cert.Signatures = append(cert.Signatures, ledger.MemberSignature{Member: m.Key, Sig: v.Sig})
			}
		}
	}
	l.some(agreement.NewDecided(h.Instance, h.Digest(), cert))
}
