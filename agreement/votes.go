package agreement

import (
	"github.com/phantom-paradox/paradox/agreement/internal/mutation"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/ledger"
)

// tryAdopt takes up the proposal of the view's leader and asks the host whether it is valid.
func (m *Machine) tryAdopt() bool {
	if m.proposal != nil {
		return false
	}
	s := m.proposalOf(m.view)
	if s == nil {
		return false
	}
	if !m.started {
		m.started = true
		m.emit(EnterView{View: m.view, Leader: m.leader(m.view)})
	}
	m.proposal = &proposal{header: s.header, body: s.body, arrived: s.arrived}
	if m.valid[s.header.Digest] || !m.votes() {
		return true
	}
	fresh := s.header.View == m.view && !m.stoodFor(s.header)
	if m.broken(mutation.FreshChecksOnRelock) {
		fresh = true
	}
	m.emit(Validate{View: m.view, Header: s.header, Body: s.body, Fresh: fresh, Arrived: s.arrived})
	return true
}

// stoodFor says whether this member has proposed or prepared the fresh header before a restart: then it has passed the
// checks of that moment.
func (m *Machine) stoodFor(h HeaderView) bool {
	for _, k := range []Kind{Propose, Prepare} {
		if mine := m.own[voteKey{k, h.View}]; mine != nil && mine.Digest == h.Digest {
			return true
		}
	}
	return false
}

func (m *Machine) proposalOf(view uint32) *slot {
	if m.broken(mutation.AcceptAnyLeader) {
		for i := range m.peers {
			if s := m.peers[i].get(Propose, view); s != nil {
				return s
			}
		}
	}
	return m.peers[m.leaderPlace(view)].get(Propose, view)
}

// tryPrepare votes for a valid proposal, once a view.
func (m *Machine) tryPrepare() bool {
	p := m.proposal
	if p == nil || p.refused || !m.votes() || !m.valid[p.header.Digest] {
		return false
	}
	p.valid = true
	if m.own[voteKey{Prepare, m.view}] != nil {
		return false
	}
	m.cast(&Message{Vote: Vote{Kind: Prepare, View: m.view, Digest: p.header.Digest}}, nil)
	return true
}

// tryCommit locks on a proposal that a quorum has prepared.
func (m *Machine) tryCommit() bool {
	p := m.proposal
	if p == nil || !p.valid || !m.votes() || m.own[voteKey{Commit, m.view}] != nil {
		return false
	}
	mine := m.own[voteKey{Prepare, m.view}]
	if mine == nil || mine.Digest != p.header.Digest {
		return false
	}
	if !m.com.quorum(m.prepares(m.view, p.header.Digest)) && !m.broken(mutation.CommitUnprepared) {
		return false
	}
	m.lock = &lock{body: p.body, cert: PreparedCertificate{
		View: m.view, Digest: p.header.Digest, Signatures: m.signatures(Prepare, m.view, p.header.Digest),
	}}
	m.cast(&Message{Vote: Vote{Kind: Commit, View: m.view, Digest: p.header.Digest}}, m.lock)
	return true
}

func (m *Machine) prepares(view uint32, digest intent.Hash) uint64 {
	w := m.weigh(Prepare, view, digest)
	if m.broken(mutation.ProposeCountsPrepare) {
		leader := m.leaderPlace(view)
		if s := m.peers[leader].get(Prepare, view); s == nil || s.vote.Digest != digest {
			w += m.com.weight(leader)
		}
	}
	return w
}

// signatures are the members' for one vote, in file order.
func (m *Machine) signatures(kind Kind, view uint32, digest intent.Hash) []ledger.MemberSignature {
	var out []ledger.MemberSignature
	for i := range m.peers {
		if s := m.peers[i].get(kind, view); s != nil && s.vote.Digest == digest {
			out = append(out, ledger.MemberSignature{Member: s.vote.From, Sig: s.vote.Sig})
		}
	}
	return out
}

// tryDecide looks for a quorum of commits of one view whose header is known.
func (m *Machine) tryDecide() bool {
	for _, d := range m.ready {
		body, h, ok := m.bodyOf(d.digest)
		if ok && m.com.quorum(m.commits(d.view, d.digest)) {
			m.decide(&ledger.Certificate{Body: body, View: d.view, Signatures: m.signatures(Commit, d.view, d.digest)}, h)
			return true
		}
	}
	return false
}

func (m *Machine) commits(view uint32, digest intent.Hash) uint64 {
	if !m.broken(mutation.CommitWithoutView) {
		return m.weigh(Commit, view, digest)
	}
	w := uint64(0)
	for i := range m.peers {
		for k, s := range m.peers[i].slots {
			if k.kind == Commit && s.vote.Digest == digest {
				w += m.com.weight(i)
				break
			}
		}
	}
	return w
}

func (m *Machine) decide(cert *ledger.Certificate, h HeaderView) {
	m.decided, m.digest = cert, h.Digest
	m.building, m.timerSet = nil, false
	m.emit(Decide{Certificate: cert, Header: h})
}

// cast signs, logs and sends a vote, and counts it. kept is the lock that a commit's record holds.
func (m *Machine) cast(msg *Message, kept *lock) {
	msg.Instance, msg.From = m.cfg.Instance, m.cfg.Members[m.cfg.Self].Key
	msg.Sig = m.cfg.Sign(msg.SigningBytes(m.cfg.Network))
	m.own[voteKey{msg.Kind, msg.View}] = msg
	m.count(msg, kept)
	if !m.broken(mutation.VoteWithoutLog) {
		m.emit(Persist{encodeRecord(msg, kept)})
	}
	m.emit(Broadcast{msg})
}

// count enters a vote of this member into the tables, a commit with the header that it locks.
func (m *Machine) count(msg *Message, kept *lock) {
	s := &slot{vote: msg.Vote, body: msg.Body, cert: msg.Prepared}
	if kept != nil {
		s.body = kept.body
	}
	if s.body != nil {
		s.header, _ = m.cfg.Parse(s.body)
	}
	m.keep(m.cfg.Self, s)
}
