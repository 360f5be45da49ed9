package agreement

import (
	"errors"
	"fmt"

	"github.com/phantom-paradox/paradox/agreement/internal/mutation"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/ledger"
)

// Errors of Receive. ErrInvalid is the sender's fault (gossip: reject); the others are nobody's (ignore).
var (
	ErrInvalid       = errors.New("invalid message")
	ErrOtherInstance = errors.New("message of another instance")
	ErrKnown         = errors.New("message is known or of no use any more")
)

// A Machine is one participant of one instance. It is not safe for concurrent use.
type Machine struct {
	cfg   Config
	com   committee
	peers []peer // by place; one's own too
	own   map[voteKey]*Message
	lock  *lock

	view     uint32
	thirdAt  uint32     // more than a third was seen at this view or above
	quorumAt uint32     // a quorum was
	ready    []decision // with enough commits
	started  bool
	silenced bool // somebody else votes with this key
	decided  *ledger.Certificate
	digest   intent.Hash // of the decision

	proposal *proposal            // of the current view
	valid    map[intent.Hash]bool // headers that the host has found valid in this instance
	building *build               // an unanswered Build

	timerSeq  uint64 // the newest view timer
	timerSet  bool
	extended  bool // the view's timer has had its batch's share
	repeating bool // a repeat timer is under way
	repeatSeq uint64
	answered  map[intent.Key]bool // laggards who got the decision since the last repeat
	answers   uint32              // repeats so far

	out []Effect
}

// A proposal is what the view's leader proposes.
type proposal struct {
	header  HeaderView
	body    []byte
	arrived int64
	valid   bool
	refused bool
}

// A build is a free proposal that the host is asked for, with the round changes that allow it.
type build struct {
	view    uint32
	changes []Vote
}

// A decision is what commits name.
type decision struct {
	view   uint32
	digest intent.Hash
}

// A lock is the highest header that this member has committed to, with the proof that it was prepared.
type lock struct {
	body []byte
	cert PreparedCertificate
}

// New makes the machine of an instance. restored is what the vote log says of it (Restore), nil for an empty log.
func New(cfg Config, restored *Restored) (*Machine, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	m := &Machine{
		cfg: cfg, com: newCommittee(cfg.Members), peers: make([]peer, len(cfg.Members)),
		own: map[voteKey]*Message{}, valid: map[intent.Hash]bool{}, answered: map[intent.Key]bool{},
	}
	m.com.exact = cfg.Mutation.Has(mutation.QuorumOfTwoThirds)
	if restored == nil {
		return m, nil
	}
	if err := m.restore(restored); err != nil {
		return nil, err
	}
	return m, nil
}

// Start begins the round: the host calls it when its own conditions for a round are met; if Voted, at once and before
// anything else, since it repeats what was said. Messages may be received before; a proposal or a view change of others
// starts the round too.
func (m *Machine) Start() []Effect {
	if m.decided == nil && !m.started {
		m.started = true
		m.emit(EnterView{View: m.view, Leader: m.leader(m.view)})
		for _, msg := range m.ownOfView() {
			m.emit(Broadcast{msg})
		}
		m.settle()
	}
	return m.take()
}

// Built answers Build with the body of a fresh header.
func (m *Machine) Built(view uint32, body []byte) ([]Effect, error) {
	b := m.building
	if b == nil || b.view != view || m.decided != nil {
		return m.take(), nil // the view has ended meanwhile
	}
	h, err := m.parse(body, view)
	if err == nil && (h.View != view || h.Leader != m.cfg.Members[m.cfg.Self].Key) {
		err = fmt.Errorf("the header says view %d, leader %x", h.View, h.Leader)
	}
	if err != nil {
		return m.take(), fmt.Errorf("agreement: built header: %w", err)
	}
	m.building = nil
	m.valid[h.Digest] = true // its builder has executed it
	m.propose(h.Digest, body, b.changes, nil)
	m.settle()
	return m.take(), nil
}

// Validated answers Validate: nil if the header is valid.
func (m *Machine) Validated(view uint32, digest intent.Hash, verdict error) []Effect {
	if verdict == nil {
		m.valid[digest] = true
	}
	if p := m.proposal; p != nil && m.view == view && p.header.Digest == digest {
		p.refused = verdict != nil
	}
	m.settle()
	return m.take()
}

// Fired says that a timer has fired.
func (m *Machine) Fired(t Timer) []Effect {
	switch {
	case t.Kind == ViewTimer && m.timerSet && t.Seq == m.timerSeq && t.View == m.view && m.decided == nil:
		m.viewTimerFired()
	case t.Kind == RepeatTimer && m.repeating && t.Seq == m.repeatSeq:
		m.repeat()
	}
	m.settle()
	return m.take()
}

// settle applies the rules until none changes anything.
func (m *Machine) settle() {
	rules := []func() bool{m.tryDecide, m.tryJoin, m.tryLead, m.tryAdopt, m.tryPrepare, m.tryCommit, m.tryTimer}
	for again := true; again; {
		again = false
		for _, rule := range rules {
			again = again || m.decided == nil && rule()
		}
	}
	m.armRepeat()
}

func (m *Machine) emit(e Effect) { m.out = append(m.out, e) }

func (m *Machine) take() []Effect {
	out := m.out
	m.out = nil
	return out
}

// votes says whether this machine may cast votes.
func (m *Machine) votes() bool { return m.cfg.votes() && !m.silenced }

func (m *Machine) leads(view uint32) bool { return m.leaderPlace(view) == m.cfg.Self }

func (m *Machine) leaderPlace(view uint32) int {
	return m.cfg.Order[int(uint64(view)%uint64(len(m.cfg.Order)))]
}

func (m *Machine) leader(view uint32) intent.Key { return m.cfg.Members[m.leaderPlace(view)].Key }

func (m *Machine) broken(r mutation.Rule) bool { return m.cfg.Mutation.Has(r) }

// Silence ends this machine's votes, for a reason of the host's. It goes on to follow the others'.
func (m *Machine) Silence() { m.silenced = true }

// Voted says whether the machine has cast a vote of this instance, in this process or before a restart.
func (m *Machine) Voted() bool { return len(m.own) > 0 }

// Certificate is the decision, or nil.
func (m *Machine) Certificate() *ledger.Certificate { return m.decided }

// Leader is the member who leads the view.
func (m *Machine) Leader(view uint32) intent.Key { return m.leader(view) }
