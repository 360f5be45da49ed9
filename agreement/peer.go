package agreement

import (
	"github.com/phantom-paradox/paradox/intent"
)

type voteKey struct {
	kind Kind
	view uint32
}

// A peer is what is known of a member: the highest view it was seen at, and its newest messages.
type peer struct {
	highest uint32
	slots   map[voteKey]*slot
	accused [Decided]bool // by kind: a contradiction is reported already
}

// A slot holds a member's first message of a kind in a view.
type slot struct {
	vote    Vote
	body    []byte // of a proposal, or of the lock in a round change
	cert    *PreparedCertificate
	header  HeaderView // of body, if there is one
	arrived int64
	claim   bool // a round change known from a proposal only: it shows the view, but its lock has no proof here
}

func (p *peer) get(k Kind, view uint32) *slot { return p.slots[voteKey{k, view}] }

// put keeps a message; with too many views the lowest goes, which may be this one.
func (p *peer) put(s *slot) {
	if p.slots == nil {
		p.slots = map[voteKey]*slot{}
	}
	p.slots[voteKey{s.vote.Kind, s.vote.View}] = s
	views := map[uint32]bool{}
	lowest := s.vote.View
	for k := range p.slots {
		views[k.view] = true
		lowest = min(lowest, k.view)
	}
	if len(views) <= maxViewsKept {
		return
	}
	for k := range p.slots {
		if k.view == lowest {
			delete(p.slots, k)
		}
	}
}

// seen notes that a member was at a view.
func (m *Machine) seen(place int, view uint32) {
	if view > m.peers[place].highest {
		m.peers[place].highest = view
		m.thirdAt = m.reached(m.com.somebodyHonest)
		m.quorumAt = m.reached(m.com.quorum)
	}
}

// keep enters a vote into the tables.
func (m *Machine) keep(place int, s *slot) {
	m.peers[place].put(s)
	m.seen(place, s.vote.View)
	if s.vote.Kind == Commit && m.com.quorum(m.commits(s.vote.View, s.vote.Digest)) {
		m.ready = append(m.ready, decision{s.vote.View, s.vote.Digest})
	}
}

// weigh is the weight of the members with this vote in this view.
func (m *Machine) weigh(kind Kind, view uint32, digest intent.Hash) uint64 {
	w := uint64(0)
	for i := range m.peers {
		if s := m.peers[i].get(kind, view); s != nil && s.vote.Digest == digest {
			w += m.com.weight(i)
		}
	}
	return w
}

// bodyOf finds a header body by its digest among what members have sent.
func (m *Machine) bodyOf(digest intent.Hash) ([]byte, HeaderView, bool) {
	for i := range m.peers {
		for _, s := range m.peers[i].slots {
			if s.body != nil && s.header.Digest == digest {
				return s.body, s.header, true
			}
		}
	}
	return nil, HeaderView{}, false
}
