package agreement

import (
	"errors"
	"fmt"
	"time"

	"github.com/phantom-paradox/paradox/agreement/internal/mutation"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/ledger"
	"github.com/phantom-paradox/paradox/network"
)

// Bounds. Each is far above what honest members need and small enough that a committee of liars fits into memory.
const (
	MaxMembers      = network.MaxMembers
	MaxBodyBytes    = ledger.MaxHeaderBytes
	MaxMessageBytes = 16 << 10  // a body, 21 round changes and a prepared certificate: at most 14,180 bytes
	maxViewsKept    = 16        // views of which a member's messages are kept; a liar displaces only its own
	maxView         = 1<<31 - 1 // views that nobody can reach by timers are refused
)

// Observer is the Self of a node without a vote.
const Observer = -1

// Config is what one instance needs. Parse, Verify and Sign must be pure.
type Config struct {
	Network  intent.Hash
	Instance ledger.Instance
	Members  []network.Member // of the instance's epoch, in file order
	Order    []int            // places in Members, by view modulo their number (leader.Order)
	Self     int              // own place in Members, or Observer

	// Silent makes a member follow without voting: its vote log is lost, so it does not know what it has said.
	Silent bool

	Sign   func(message []byte) intent.Signature
	Verify func(key intent.Key, message []byte, sig intent.Signature) bool
	Parse  func(body []byte) (HeaderView, error) // refuses what is not a canonical header body

	Timing        Timing
	MaxBatchBytes uint64 // a header that names more is refused

	// Mutation breaks rules in tests; only packages under agreement can set it.
	Mutation mutation.Set
}

// A HeaderView is what the agreement reads of a header.
type HeaderView struct {
	Digest   intent.Hash
	Network  intent.Hash
	Instance ledger.Instance
	View     uint32     // of its first proposal
	Leader   intent.Key // of its first proposal
	Bytes    uint64     // of the batch
}

// Timing are the durations of a round.
type Timing struct {
	View        time.Duration // of view 0; each later view has 1.5 times the one before
	PerMiB      time.Duration // more for each MiB of the batch
	Max         time.Duration // of any view
	Grace       time.Duration // added to view 0: the leader needs a moment to build
	Rebroadcast time.Duration // own messages of the view are repeated so often
}

// DefaultTiming is ROUNDS' timing on a real cluster.
func DefaultTiming() Timing {
	return Timing{
		View: 4 * time.Second, PerMiB: time.Second, Max: time.Minute,
		Grace: 2 * time.Second, Rebroadcast: time.Second,
	}
}

// Validate says what is wrong with the configuration.
func (c *Config) Validate() error {
	n := len(c.Members)
	switch {
	case n == 0 || n > MaxMembers:
		return fmt.Errorf("agreement: %d members; 1 to %d are possible", n, MaxMembers)
	case len(c.Order) == 0:
		return errors.New("agreement: no leader order")
	case c.Self != Observer && (c.Self < 0 || c.Self >= n):
		return fmt.Errorf("agreement: own place %d of %d members", c.Self, n)
	case c.Verify == nil || c.Parse == nil || (c.votes() && c.Sign == nil):
		return errors.New("agreement: Verify, Parse and, for a member, Sign are needed")
	case c.Timing.View <= 0 || c.Timing.Max < c.Timing.View || c.Timing.Rebroadcast <= 0 || c.Timing.Grace < 0 || c.Timing.PerMiB < 0:
		return fmt.Errorf("agreement: impossible timing %+v", c.Timing)
	}
	for _, at := range c.Order {
		if at < 0 || at >= n {
			return fmt.Errorf("agreement: leader order names place %d of %d members", at, n)
		}
	}
	return nil
}

func (c *Config) votes() bool { return c.Self != Observer && !c.Silent }
