package node

import (
	"runtime"
	"time"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/ledger"
	"github.com/phantom-paradox/paradox/node/pool"
)

// verifiers is how many signatures are checked at once.
func verifiers() int { return runtime.GOMAXPROCS(0) }

// statsEvery is how stale the engine's count of the pool may be: counting reads it whole.
const statsEvery = 100 * time.Millisecond

// A Sight is what the engine shows of itself.
type Sight struct {
	Epoch       uint32
	Height      uint64 // settled
	Generation  uint32
	Deciding    uint64 // the height that is being decided, or waits to be settled
	View        uint32
	Leader      intent.Key
	Phase       string
	Provisional bool // Deciding is decided and not settled
	Member      bool // this node is one
	Voting      string
	Synced      bool
	Halted      string // why it votes no more until its operator says so
	Why         string // it is not synced, or does not vote
	StateDigest intent.Hash
	Cut         ledger.Cut // of the settled state
	Events      uint64     // the newest event seen
	Slot        uint64     // finalised
	Pool        pool.Stats
	Opening     *ledger.Opening // at the newest cut; nil before the first
	State       *ledger.State
	At          time.Time
}

// publish refreshes what others see.
func (e *engine) publish() {
	head, slot := e.chain.Head()
	now := e.clock()
	s := &Sight{
		Height: e.settled.Height(), Epoch: e.settled.Epoch(), Generation: e.settled.Generation(),
		StateDigest: e.settled.Digest(), Cut: e.settled.Cut(), Events: head.Number, Slot: slot,
		Pool: e.stats(now), Opening: e.gate, State: e.settled, At: now, Halted: e.halted, Why: e.halted,
	}
	if r := e.round; r != nil {
		st := r.machine.Status()
		s.Epoch, s.Generation, s.Deciding = r.inst.Epoch, r.inst.Generation, r.inst.Height
		s.View, s.Leader, s.Phase = r.view, r.leader, st.Phase
		s.Provisional = r.decision != nil
		s.Member = r.place >= 0
		s.Voting = "observer"
		if s.Member {
			s.Voting = "voting"
			if st.Silent || e.halted != "" {
				s.Voting = "silent"
			}
		}
	}
	switch err := e.chain.Err(); {
	case err != nil:
		s.Why = "the vault cannot be followed: " + err.Error()
	case e.behind:
		s.Why = "catching up with settled heights"
	case e.round != nil && e.round.stuck != nil:
		s.Why = e.halted
	case e.gate == nil:
		s.Why = "the vault has not been read yet"
	default:
		s.Synced = true
	}
	e.status.Store(s)
}

// stats counts the pool, not at every pulse.
func (e *engine) stats(now time.Time) pool.Stats {
	if now.Sub(e.counted) >= statsEvery {
		e.counted, e.count = now, e.pool.Stats()
	}
	return e.count
}
