package sim_test

import (
	"testing"

	"github.com/phantom-paradox/paradox/agreement/internal/mutation"
	"github.com/phantom-paradox/paradox/agreement/sim"
)

// Every rule that the simulator can find broken, with how many seeds it may take.
func TestMutations(t *testing.T) {
	for name, rule := range map[string]mutation.Rule{
		"CommitWithoutView":    mutation.CommitWithoutView,
		"AnyReproposal":        mutation.AnyReproposal,
		"LockNotRestored":      mutation.LockNotRestored,
		"VoteWithoutLog":       mutation.VoteWithoutLog,
		"QuorumOfTwoThirds":    mutation.QuorumOfTwoThirds,
		"TimersRunAlone":       mutation.TimersRunAlone,
		"NoJoin":               mutation.NoJoin,
		"NoRebroadcast":        mutation.NoRebroadcast,
		"VoteBelowLog":         mutation.VoteBelowLog,
		"AcceptAnyLeader":      mutation.AcceptAnyLeader,
		"PrepareTwice":         mutation.PrepareTwice,
		"CommitUnprepared":     mutation.CommitUnprepared,
		"TrustLockClaim":       mutation.TrustLockClaim,
		"LowestLock":           mutation.LowestLock,
		"ProposeCountsPrepare": mutation.ProposeCountsPrepare,
		"FreshChecksOnRelock":  mutation.FreshChecksOnRelock,
		"UnverifiedVotes":      mutation.UnverifiedVotes,
		"EmptyHeightsFree":     mutation.EmptyHeightsFree,
		"OldGenerationVotes":   mutation.OldGenerationVotes,
		"ForgetLock":           mutation.ForgetLock,
	} {
		t.Run(name, func(t *testing.T) {
			const most = 10000
			for i := range uint64(most) {
				n := []int{4, 4, 4, 7}[i%4]
				s := sim.Generate(i, n)
				s.Mutation = mutation.Break(rule)
				if r := sim.Run(s); r.Err != nil {
					t.Logf("found with seed %d, n = %d: %v", i, n, r.Err)
					return
				}
			}
			t.Errorf("%d seeds do not find it", most)
		})
	}
}
