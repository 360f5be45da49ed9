package agreement

import (
	"slices"
	"time"

	"github.com/phantom-paradox/paradox/agreement/internal/mutation"
	"github.com/phantom-paradox/paradox/intent"
)

const mib = 1 << 20

// tryJoin goes to the highest view that more than a third of the weight has reached: somebody honest is there.
func (m *Machine) tryJoin() bool {
	if m.broken(mutation.NoJoin) {
		return false
	}
	if m.thirdAt > m.view {
		m.enter(m.thirdAt)
		return true
	}
	return false
}

// reached is the highest view at which or above members of enough weight were seen.
func (m *Machine) reached(enough func(uint64) bool) uint32 {
	places := make([]int, len(m.peers))
	for i := range places {
		places[i] = i
	}
	slices.SortFunc(places, func(a, b int) int {
		return int(int64(m.peers[b].highest) - int64(m.peers[a].highest))
	})
	w := uint64(0)
	for _, p := range places {
		if w += m.com.weight(p); enough(w) {
			return m.peers[p].highest
		}
	}
	return 0
}

// enter goes to a higher view and says so, showing the lock.
func (m *Machine) enter(view uint32) {
	m.view, m.started = view, true
	m.proposal, m.building = nil, nil
	m.timerSet, m.extended = false, false
	m.emit(EnterView{View: view, Leader: m.leader(view)})
	if !m.votes() || m.own[voteKey{RoundChange, view}] != nil {
		return
	}
	msg := &Message{Vote: Vote{Kind: RoundChange, View: view}}
	if m.lock != nil && !m.broken(mutation.ForgetLock) {
		msg.Locked, msg.LockView, msg.Digest = true, m.lock.cert.View, m.lock.cert.Digest
		cert := m.lock.cert
		msg.Body, msg.Prepared = m.lock.body, &cert
	}
	m.cast(msg, nil)
}

// tryTimer starts the view's timer: of view 0 with the round, of a later view when a quorum has reached it, so that a
// lonely member does not drift away.
func (m *Machine) tryTimer() bool {
	if m.timerSet || !m.started || !m.votes() {
		return false
	}
	if m.view > 0 && m.quorumAt < m.view && !m.broken(mutation.TimersRunAlone) {
		return false
	}
	after := m.scaled(m.cfg.Timing.View)
	if m.view == 0 {
		after += m.cfg.Timing.Grace
	}
	m.setViewTimer(after)
	return true
}

func (m *Machine) setViewTimer(after time.Duration) {
	m.timerSet = true
	m.timerSeq++
	m.emit(SetTimer{Timer{Kind: ViewTimer, View: m.view, Seq: m.timerSeq}, after})
}

// viewTimerFired ends the view, or lengthens it once by what its batch needs.
func (m *Machine) viewTimerFired() {
	if p := m.proposal; p != nil && !p.refused && !m.extended && p.header.Bytes > 0 {
		m.extended = true
		perByte := m.scaled(m.cfg.Timing.PerMiB)
		room := m.cfg.Timing.Max - m.scaled(m.cfg.Timing.View)
		if more := min(time.Duration(float64(perByte)*float64(p.header.Bytes)/mib), room); more > 0 {
			m.setViewTimer(more)
			return
		}
	}
	if m.view < maxView {
		m.enter(m.view + 1)
	}
}

// scaled grows a duration by half a view, up to the longest.
func (m *Machine) scaled(d time.Duration) time.Duration {
	for v := uint32(0); v < m.view && d < m.cfg.Timing.Max; v++ {
		d += d / 2
	}
	return min(d, m.cfg.Timing.Max)
}

// tryLead proposes in the views that this member leads.
func (m *Machine) tryLead() bool {
	if !m.votes() || !m.started || !m.leads(m.view) || m.building != nil || m.own[voteKey{Propose, m.view}] != nil {
		return false
	}
	if m.view == 0 {
		m.building = &build{view: 0}
		m.emit(Build{View: 0})
		return true
	}
	changes, highest, ok := m.changes(m.view)
	if !ok {
		return false
	}
	if highest != nil {
		m.propose(highest.vote.Digest, highest.body, changes, highest.cert)
		return true
	}
	m.building = &build{view: m.view, changes: changes}
	m.emit(Build{View: m.view})
	return true
}

// changes are the round changes to a view if they are a quorum, and the one with the highest lock, nil if none has one.
func (m *Machine) changes(view uint32) ([]Vote, *slot, bool) {
	var votes []Vote
	var highest *slot
	w := uint64(0)
	for i := range m.peers {
		s := m.peers[i].get(RoundChange, view)
		if s == nil || s.claim {
			continue
		}
		votes = append(votes, s.vote)
		w += m.com.weight(i)
		if s.vote.Locked && (highest == nil || (s.vote.LockView > highest.vote.LockView) != m.broken(mutation.LowestLock)) {
			highest = s
		}
	}
	return votes, highest, m.com.quorum(w)
}

// propose sends the proposal of the current view.
func (m *Machine) propose(digest intent.Hash, body []byte, changes []Vote, cert *PreparedCertificate) {
	m.cast(&Message{
		Vote: Vote{Kind: Propose, View: m.view, Digest: digest}, Body: body, Changes: changes, Prepared: cert,
	}, nil)
}

// armRepeat keeps one repeat timer under way while there is something to repeat or somebody may lag.
func (m *Machine) armRepeat() {
	if m.repeating || m.broken(mutation.NoRebroadcast) {
		return
	}
	if m.decided == nil && len(m.ownOfView()) > 0 || len(m.answered) > 0 {
		m.repeating = true
		m.repeatSeq++
		m.emit(SetTimer{Timer{Kind: RepeatTimer, Seq: m.repeatSeq}, m.cfg.Timing.Rebroadcast})
	}
}

// repeat sends the view's own messages again, and lets laggards ask again.
func (m *Machine) repeat() {
	m.repeating = false
	clear(m.answered)
	m.answers++
	if m.decided != nil || m.silenced {
		return
	}
	for _, msg := range m.ownOfView() {
		again := *msg
		again.Attempt++
		m.own[voteKey{msg.Kind, msg.View}] = &again
		m.emit(Broadcast{&again})
	}
}

// ownOfView are the own messages of the current view, in the order in which they were cast.
func (m *Machine) ownOfView() []*Message {
	var out []*Message
	for _, k := range []Kind{RoundChange, Propose, Prepare, Commit} {
		if msg := m.own[voteKey{k, m.view}]; msg != nil {
			out = append(out, msg)
		}
	}
	return out
}
