// Package mutation names the rules that tests break one at a time, to show that the simulator or a test finds each.
// Being internal, it cannot be named outside of agreement; the zero Set, which is all that others can write, breaks none.
package mutation

// A Rule is one rule of the agreement that a test can switch off.
type Rule uint32

// The rules.
const (
	CommitWithoutView    Rule = 1 << iota // certificates count commits of any view
	AnyReproposal                         // a re-proposal needs no prepared certificate
	LockNotRestored                       // a restart forgets the lock
	VoteWithoutLog                        // votes are sent without a record
	QuorumOfTwoThirds                     // exactly two thirds are a quorum
	TimersRunAlone                        // the timer of a view starts without a quorum there
	NoJoin                                // more than a third at a higher view is not joined
	NoRebroadcast                         // nothing is sent twice
	VoteBelowLog                          // after a restart a member votes in views below its highest
	AcceptAnyLeader                       // a proposal of any member is taken
	PrepareTwice                          // a second proposal of a view is prepared too
	CommitUnprepared                      // a commit is cast without a quorum of prepares
	TrustLockClaim                        // a lock claimed in a round change needs no certificate
	LowestLock                            // the lowest lock is proposed again, not the highest
	ProposeCountsPrepare                  // a proposal counts as its leader's prepare
	FreshChecksOnRelock                   // the live checks apply to a re-proposal too
	UnverifiedVotes                       // signatures are not checked
	EmptyHeightsFree                      // a height without intents and without reason is valid (host)
	OldGenerationVotes                    // a member goes on voting after the generation moved (host)
	ForgetLock                            // a round change does not carry the lock
)

// A Set is a set of broken rules.
type Set struct{ rules Rule }

// Break is the Set of these rules.
func Break(rules ...Rule) Set {
	var s Set
	for _, r := range rules {
		s.rules |= r
	}
	return s
}

// Has says whether the rule is broken.
func (s Set) Has(r Rule) bool { return s.rules&r != 0 }
