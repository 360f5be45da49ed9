package agreement

import (
	"fmt"

	"github.com/phantom-paradox/paradox/agreement/internal/mutation"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/ledger"
)

// Receive takes a message of another member. arrived is the host's time, which comes back in Validate.
// Effects are to be performed even with an error.
func (m *Machine) Receive(msg *Message, arrived int64) ([]Effect, error) {
	if msg.Instance != m.cfg.Instance {
		return m.take(), ErrOtherInstance
	}
	err := m.receive(msg, arrived)
	m.settle()
	return m.take(), err
}

func (m *Machine) receive(msg *Message, arrived int64) error {
	if msg.Kind == Decided {
		return m.receiveDecided(msg)
	}
	place, member := m.com.place[msg.From]
	if !member {
		return fmt.Errorf("agreement: %w: sender is no member", ErrInvalid)
	}
	if msg.View > maxView || msg.Kind < Propose || msg.Kind > RoundChange {
		return fmt.Errorf("agreement: %w: %v of view %d", ErrInvalid, msg.Kind, msg.View)
	}
	m.answer(msg)
	old := m.peers[place].get(msg.Kind, msg.View)
	if old != nil && !old.claim && sameContent(&old.vote, &msg.Vote) {
		return ErrKnown
	}
	if err := m.checkVote(&msg.Vote); err != nil {
		return err
	}
	if place == m.cfg.Self {
		m.checkOwn(&msg.Vote)
		return ErrKnown
	}
	if old != nil && !sameContent(&old.vote, &msg.Vote) {
		m.accuse(place, &old.vote, &msg.Vote)
		if !m.broken(mutation.PrepareTwice) || msg.Kind != Propose {
			return ErrKnown
		}
		m.forgetPrepare(msg.View)
	}
	s := &slot{vote: msg.Vote, body: msg.Body, cert: msg.Prepared, arrived: arrived}
	if err := m.checkContent(msg, s); err != nil {
		return err
	}
	m.keep(place, s)
	m.checkLockShown(place, &msg.Vote)
	return nil
}

// answer brings the decision to a member that lags: it changes views or repeats itself.
func (m *Machine) answer(msg *Message) {
	lags := msg.Kind == RoundChange || msg.Attempt > 0
	if m.decided == nil || !lags || m.answered[msg.From] || m.com.place[msg.From] == m.cfg.Self {
		return
	}
	m.answered[msg.From] = true
	decided := NewDecided(m.cfg.Instance, m.digest, m.decided)
	decided.Attempt = m.answers // the same for all who ask before the next repeat, so that a gossip carries it once
	m.emit(Send{To: msg.From, Message: decided})
}

func (m *Machine) checkVote(v *Vote) error {
	if m.broken(mutation.UnverifiedVotes) {
		return nil
	}
	if !m.cfg.Verify(v.From, v.SigningBytes(m.cfg.Network), v.Sig) {
		return fmt.Errorf("agreement: %w: signature of a %v", ErrInvalid, v.Kind)
	}
	return nil
}

// checkOwn takes a signed vote of this node's own key: if this machine did not cast it, somebody else did.
func (m *Machine) checkOwn(v *Vote) {
	mine := m.own[voteKey{v.Kind, v.View}]
	if !m.votes() || mine != nil && sameContent(&mine.Vote, v) {
		return
	}
	m.silenced = true
	m.emit(Duplicate{*v})
}

// checkContent checks what a message carries besides its vote, and fills the slot's header.
func (m *Machine) checkContent(msg *Message, s *slot) error {
	var err error
	switch msg.Kind {
	case Propose:
		err = m.checkProposal(msg, s)
	case RoundChange:
		err = m.checkChange(msg, s)
	case Prepare, Commit:
		if msg.Body != nil || msg.Prepared != nil || msg.Changes != nil {
			err = fmt.Errorf("a %v carries nothing but its vote", msg.Kind)
		}
	}
	if err != nil {
		return fmt.Errorf("agreement: %w: %w", ErrInvalid, err)
	}
	return nil
}

// parse reads a header that is proposed, or locked, at most at this view.
func (m *Machine) parse(body []byte, view uint32) (HeaderView, error) {
	if len(body) > MaxBodyBytes {
		return HeaderView{}, fmt.Errorf("header of %d bytes, at most %d are possible", len(body), MaxBodyBytes)
	}
	h, err := m.cfg.Parse(body)
	switch {
	case err != nil:
		return h, err
	case h.Network != m.cfg.Network || h.Instance != m.cfg.Instance:
		return h, fmt.Errorf("header of another network or instance: %+v", h.Instance)
	case h.View > view:
		return h, fmt.Errorf("header of view %d in view %d", h.View, view)
	case h.Leader != m.leader(h.View) && !m.broken(mutation.AcceptAnyLeader):
		return h, fmt.Errorf("header names a leader that view %d does not have", h.View)
	case m.cfg.MaxBatchBytes > 0 && h.Bytes > m.cfg.MaxBatchBytes:
		return h, fmt.Errorf("header names a batch of %d bytes, at most %d are possible", h.Bytes, m.cfg.MaxBatchBytes)
	}
	return h, nil
}

// checkProposal: fresh in view 0; later it needs a quorum of round changes and, if one of them has a lock, is the header
// of the highest lock, and fresh only otherwise.
func (m *Machine) checkProposal(msg *Message, s *slot) error {
	if m.leader(msg.View) != msg.From && !m.broken(mutation.AcceptAnyLeader) {
		return fmt.Errorf("the sender does not lead view %d", msg.View)
	}
	h, err := m.parse(msg.Body, msg.View)
	if err != nil {
		return err
	}
	if h.Digest != msg.Digest {
		return fmt.Errorf("the digest is not the header's")
	}
	s.header = h
	if msg.View == 0 {
		if len(msg.Changes) > 0 || msg.Prepared != nil {
			return fmt.Errorf("a proposal of view 0 has no round changes")
		}
		return nil
	}
	highest, err := m.checkChanges(msg)
	switch {
	case err != nil:
		return err
	case highest == nil && msg.Prepared != nil:
		return fmt.Errorf("a prepared certificate without a lock")
	case m.broken(mutation.AnyReproposal):
		return nil
	case highest == nil && h.View != msg.View:
		return fmt.Errorf("a header of view %d without a lock on it", h.View)
	case highest != nil && (highest.Digest != h.Digest || h.View > highest.LockView):
		return fmt.Errorf("not the header of the highest lock")
	}
	return nil
}

// checkChanges checks the round changes of a proposal and returns one with the highest lock, whose certificate the
// proposal carries.
func (m *Machine) checkChanges(msg *Message) (*Vote, error) {
	w, places := uint64(0), make(map[int]bool, len(msg.Changes))
	var highest *Vote
	for i := range msg.Changes {
		v := &msg.Changes[i]
		place, member := m.com.place[v.From]
		if !member || places[place] || v.Kind != RoundChange || v.View != msg.View || v.Instance != msg.Instance {
			return nil, fmt.Errorf("round change %d of the proposal is repeated or does not belong to it", i)
		}
		if v.Locked && v.LockView >= v.View || !v.Locked && (v.LockView != 0 || v.Digest != intent.Hash{}) {
			return nil, fmt.Errorf("round change %d of the proposal has an impossible lock", i)
		}
		if err := m.checkKnownVote(place, v); err != nil {
			return nil, err
		}
		places[place] = true
		w += m.com.weight(place)
		if v.Locked && (highest == nil || (v.LockView > highest.LockView) != m.broken(mutation.LowestLock)) {
			highest = v
		}
	}
	if !m.com.quorum(w) {
		return nil, fmt.Errorf("round changes of weight %d are no quorum", w)
	}
	if highest == nil {
		return nil, m.noteChanges(msg.Changes)
	}
	if err := m.checkCertificate(msg.Prepared, highest); err != nil {
		return nil, err
	}
	return highest, m.noteChanges(msg.Changes)
}

// noteChanges learns from a proposal at which view its members are, and whether they contradict themselves.
func (m *Machine) noteChanges(changes []Vote) error {
	for i := range changes {
		v := &changes[i]
		place := m.com.place[v.From]
		if place == m.cfg.Self {
			m.checkOwn(v)
			continue
		}
		if old := m.peers[place].get(RoundChange, v.View); old == nil {
			m.keep(place, &slot{vote: *v, claim: true})
			m.checkLockShown(place, v)
		} else if !sameContent(&old.vote, v) {
			m.accuse(place, &old.vote, v)
		}
	}
	return nil
}

// checkChange: a lock is shown with its header and certificate.
func (m *Machine) checkChange(msg *Message, s *slot) error {
	if msg.View == 0 || len(msg.Changes) > 0 {
		return fmt.Errorf("a round change to view 0, or with others' inside")
	}
	if !msg.Locked {
		if msg.Prepared != nil || msg.Body != nil || msg.LockView != 0 || (msg.Digest != intent.Hash{}) {
			return fmt.Errorf("a round change without a lock shows one")
		}
		return nil
	}
	if msg.LockView >= msg.View {
		return fmt.Errorf("a lock of view %d in a change to view %d", msg.LockView, msg.View)
	}
	h, err := m.parse(msg.Body, msg.LockView)
	if err != nil {
		return err
	}
	if h.Digest != msg.Digest {
		return fmt.Errorf("the digest is not the lock's")
	}
	s.header = h
	return m.checkCertificate(msg.Prepared, &msg.Vote)
}

// checkCertificate: a quorum prepared what the round change is locked on.
func (m *Machine) checkCertificate(c *PreparedCertificate, v *Vote) error {
	if m.broken(mutation.TrustLockClaim) {
		return nil
	}
	if c == nil || c.View != v.LockView || c.Digest != v.Digest {
		return fmt.Errorf("the highest lock has no certificate")
	}
	return m.checkQuorum(Prepare, c.View, c.Digest, c.Signatures)
}

// checkQuorum checks signatures of one vote by a quorum, in the members' order as the ledger wants them.
func (m *Machine) checkQuorum(kind Kind, view uint32, digest intent.Hash, sigs []ledger.MemberSignature) error {
	w, last := uint64(0), -1
	for _, s := range sigs {
		place, member := m.com.place[s.Member]
		if !member || place <= last {
			return fmt.Errorf("a signature of no member, or not in the members' order, in a certificate")
		}
		last = place
		v := Vote{Kind: kind, Instance: m.cfg.Instance, View: view, Digest: digest, From: s.Member, Sig: s.Sig}
		if err := m.checkKnownVote(place, &v); err != nil {
			return err
		}
		if place == m.cfg.Self {
			m.checkOwn(&v)
		} else if old := m.peers[place].get(kind, view); old != nil && !sameContent(&old.vote, &v) {
			m.accuse(place, &old.vote, &v)
		}
		w += m.com.weight(place)
	}
	if !m.com.quorum(w) {
		return fmt.Errorf("signatures of weight %d are no quorum", w)
	}
	return nil
}

// checkKnownVote checks a signature unless exactly this vote was checked before.
func (m *Machine) checkKnownVote(place int, v *Vote) error {
	if old := m.peers[place].get(v.Kind, v.View); old != nil && old.vote == *v {
		return nil
	}
	return m.checkVote(v)
}

// receiveDecided takes a certificate, which needs no sender.
func (m *Machine) receiveDecided(msg *Message) error {
	c := msg.Certificate
	if m.decided != nil {
		return ErrKnown
	}
	if c == nil || c.View != msg.View {
		return fmt.Errorf("agreement: %w: no certificate of the message's view", ErrInvalid)
	}
	h, err := m.parse(c.Body, c.View)
	if err == nil && h.Digest != msg.Digest {
		err = fmt.Errorf("the digest is not the header's")
	}
	if err == nil {
		err = m.checkQuorum(Commit, c.View, h.Digest, c.Signatures)
	}
	if err != nil {
		return fmt.Errorf("agreement: %w: certificate: %w", ErrInvalid, err)
	}
	m.decide(c, h)
	return nil
}

// accuse reports a contradiction, once a kind: one proof of each suffices, and a liar must not fill anybody's disk.
func (m *Machine) accuse(place int, a, b *Vote) {
	p := &m.peers[place]
	if place == m.cfg.Self || p.accused[b.Kind] {
		return
	}
	p.accused[b.Kind] = true
	m.emit(Report{Evidence{A: *a, B: *b}})
}

// checkLockShown looks for a commit and a later round change that hides its lock.
func (m *Machine) checkLockShown(place int, v *Vote) {
	if place == m.cfg.Self {
		return
	}
	for k, s := range m.peers[place].slots {
		a, b := &s.vote, v
		if k.kind == RoundChange {
			a, b = v, &s.vote
		}
		if hidesLock(a, b) {
			m.accuse(place, a, b)
			return
		}
	}
}

// forgetPrepare is what a mutation does that prepares twice.
func (m *Machine) forgetPrepare(view uint32) {
	if view == m.view {
		m.proposal = nil
	}
	delete(m.own, voteKey{Prepare, view})
	delete(m.own, voteKey{Commit, view})
}
