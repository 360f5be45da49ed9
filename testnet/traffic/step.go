// Package traffic makes a stream of intents that looks like life: payments in chains and loops, items issued, asked and
// bought, fungible asks, sessions with session keys, cancels, some that must be refused with a known code, and some that
// nobody can pay yet.
//
// It is deterministic and has no clock: the same seed and wallets give the same steps; times and the ids that depend on
// them come in when a step is signed. What hands steps to nodes and follows them is the launcher.
package traffic

import (
	"crypto/ed25519"
	"fmt"

	"github.com/phantom-paradox/paradox/intent"
)

// State is how far an earlier step must be before a later one makes sense.
type State uint8

// The states, each further than the one before.
const (
	Known   State = iota + 1 // the node that gets the later step has it in its pool
	Settled                  // that node shows it settled
	Ended                    // settled or dropped
)

// A Need is an earlier step and the state it must be in.
type Need struct {
	Step  int
	State State
}

// End is what must become of an intent.
type End uint8

// The ends.
const (
	Settle End = iota + 1
	Drop       // with Step.Code
	Refuse     // with Step.Code
)

// A Deposit is money that comes into a wallet's entry by a real transaction.
type Deposit struct {
	Wallet intent.Key
	Mint   intent.Key
	Amount uint64
}

// A Step is one thing to do: an intent to sign and hand in, or a deposit.
type Step struct {
	Index   int
	Story   string // what it is part of, for people
	Line    int    // of the intents file; 0: none
	Deposit *Deposit

	Intent intent.Intent // without Created, Expires and, where AskOf says which, Ask
	Key    ed25519.PrivateKey
	AskOf  int   // the step whose ask this buys, or -1
	Age    int64 // how long ago it says it was created, in seconds; negative: in the future
	Life   int64 // from created to expires, in seconds
	Forge  bool  // a signature that must fail
	After  []Need
	End    End
	Code   intent.Code
}

// Sign gives the step its times and signs it. ask is the id of step AskOf, where there is one.
func (s *Step) Sign(n *intent.Network, now int64, ask intent.ID) (*intent.Signed, error) {
	i := s.Intent
	if s.AskOf >= 0 {
		i.Ask = &ask
	}
	i.Created = now - s.Age
	i.Expires = i.Created + s.Life
	if i.Network != (intent.Hash{}) { // meant for another network, and signed as such
		other := *n
		other.Hash = i.Network
		n = &other
	}
	signed, err := intent.Sign(s.Key, n, i)
	if err != nil {
		return nil, fmt.Errorf("traffic: signing step %d (%s): %w", s.Index, s.Story, err)
	}
	if s.Forge {
		signed.Sig[0] ^= 1
	}
	return signed, nil
}

// Legs is how many transfers the intent means when it settles: amount, fee, and what a sale hands over.
func Legs(i *intent.Intent) int {
	switch i.Kind {
	case intent.Pay, intent.Buy:
		legs := 1
		if i.Fee > 0 {
			legs++
		}
		if i.Kind == intent.Buy {
			legs++
		}
		return legs
	default:
		return 0
	}
}
