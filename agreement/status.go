package agreement

import (
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/ledger"
)

// A Status is for people and metrics.
type Status struct {
	Instance  ledger.Instance
	View      uint32
	Leader    intent.Key
	Untouched bool   // nothing of this instance was said, heard or restored
	Phase     string // waiting, building, proposed, prepared, committed, decided
	Proposal  intent.Hash
	Locked    bool
	LockView  uint32
	Silent    bool   // it does not vote: no member, lost log, or a duplicate was seen
	Prepares  uint64 // weight behind the view's proposal
	Commits   uint64
	Total     uint64 // weight of all members
}

// Status says where the machine is.
func (m *Machine) Status() Status {
	s := Status{
		Instance: m.cfg.Instance, View: m.view, Leader: m.leader(m.view), Phase: m.phase(), Silent: !m.votes(), Total: m.com.total,
	}
	s.Untouched = m.untouched()
	if m.lock != nil {
		s.Locked, s.LockView = true, m.lock.cert.View
	}
	if p := m.proposal; p != nil {
		s.Proposal = p.header.Digest
		s.Prepares = m.weigh(Prepare, m.view, s.Proposal)
		s.Commits = m.weigh(Commit, m.view, s.Proposal)
	}
	return s
}

func (m *Machine) phase() string {
	switch {
	case m.decided != nil:
		return "decided"
	case m.own[voteKey{Commit, m.view}] != nil:
		return "committed"
	case m.own[voteKey{Prepare, m.view}] != nil:
		return "prepared"
	case m.proposal != nil:
		return "proposed"
	case m.building != nil:
		return "building"
	}
	return "waiting"
}

func (m *Machine) untouched() bool {
	for i := range m.peers {
		if len(m.peers[i].slots) > 0 {
			return false
		}
	}
	return len(m.own) == 0 && m.lock == nil && m.decided == nil
}
