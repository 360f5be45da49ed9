package sim_test

import (
	"flag"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/phantom-paradox/paradox/agreement/sim"
)

var (
	seeds = flag.Int("seeds", 120, "seeds to run of committees of 4; fewer of larger ones, in proportion")
	seed  = flag.Int64("seed", -1, "run this seed only, and tell its scenario")
	size  = flag.Int("members", 0, "committees of this size only: 4, 7, 10 or 21")
)

func sizes() []int {
	if *size > 0 {
		return []int{*size}
	}
	return []int{4, 7, 10, 21}
}

// Larger committees cost more, so a fixed budget of seeds is spent less on them.
func share(n int) int { return max(1, *seeds*4/n) }

func TestSeeds(t *testing.T) {
	for _, n := range sizes() {
		t.Run(fmt.Sprint("n=", n), func(t *testing.T) {
			if *seed >= 0 {
				one(t, uint64(*seed), n)
				return
			}
			many(t, n)
		})
	}
}

// many runs the seeds and tells what they have seen.
func many(t *testing.T, n int) {
	start := time.Now()
	var total sim.Result
	var recoveries []time.Duration
	for i := range share(n) {
		r := sim.Run(sim.Generate(uint64(i), n))
		if r.Err != nil {
			t.Errorf("seed %d: %v\n\treplay: make sim N=%d SEED=%d", i, r.Err, n, i)
		}
		total.Heights += r.Heights
		total.Messages += r.Messages
		total.Evidence += r.Evidence
		total.Decisions += r.Decisions
		total.Discarded += r.Discarded
		total.Restarts += r.Restarts
		total.Epochs += r.Epochs
		total.MaxView = max(total.MaxView, r.MaxView)
		recoveries = append(recoveries, r.Recovery)
	}
	slices.Sort(recoveries)
	t.Logf("%d seeds, %.0f a minute: %d heights settled, %d messages, highest view %d, %d decisions, %d headers dropped, %d changes of the members, %d starts, %d contradictions reported",
		share(n), float64(share(n))/time.Since(start).Minutes(), total.Heights, total.Messages, total.MaxView, total.Decisions, total.Discarded, total.Epochs, total.Restarts, total.Evidence)
	t.Logf("two heights after the network healed: half of the seeds within %v, all within %v, virtual", recoveries[len(recoveries)/2].Round(time.Second), recoveries[len(recoveries)-1].Round(time.Second))
}

func one(t *testing.T, seed uint64, n int) {
	s := sim.Generate(seed, n)
	t.Logf("%+v", s)
	r := sim.Run(s)
	t.Logf("%+v", r)
	if r.Err != nil {
		t.Errorf("seed %d: %v", seed, r.Err)
	}
}

// A seed says all: the same run twice.
func TestReplay(t *testing.T) {
	for i := range uint64(20) {
		a, b := sim.Run(sim.Generate(i, 7)), sim.Run(sim.Generate(i, 7))
		if a.Hash != b.Hash || a.Messages != b.Messages || a.Elapsed != b.Elapsed {
			t.Fatalf("seed %d runs differently the second time", i)
		}
	}
}

// Every trick alone, and all that go together, by as many members as less than a third of the weight allows, in calm and
// in foul weather.
func TestCatalogue(t *testing.T) {
	tricks := []sim.Trick{sim.Everything()}
	for trick := sim.Mute; trick <= sim.Fork; trick <<= 1 {
		tricks = append(tricks, trick)
	}
	for _, n := range sizes() {
		for _, trick := range tricks {
			for i := range uint64(2) {
				s := sim.Catalogue(i, n, trick)
				if r := sim.Run(s); r.Err != nil {
					t.Errorf("n = %d, seed %d, %v: %v", n, i, trick, r.Err)
				}
			}
		}
	}
}

// Byzantine members of a third of the weight are one too many: the simulator must be able to tell.
func TestAThirdIsTooMuch(t *testing.T) {
	for i := range uint64(2000) {
		s := sim.Generate(i, 4)
		s.Weights, s.Skew, s.DiskLoss = []uint16{1, 1, 1, 1}, make([]time.Duration, 4), make([]bool, 4)
		for m := range s.Tricks {
			s.Tricks[m] = 0
			if m < 2 {
				s.Tricks[m] = sim.DoubleVote | sim.SplitProposal
			}
		}
		if r := sim.Run(s); r.Err != nil {
			t.Logf("found with seed %d: %v", i, r.Err)
			return
		}
	}
	t.Error("two traitors of four break nothing")
}

// Every header changes the members while every trick is played, and members die at every write: votes of an old epoch count for
// nothing in the next, and whoever comes or goes breaks nothing.
func TestMembersChangeAmidTheCatalogue(t *testing.T) {
	tricks := []sim.Trick{sim.Everything()}
	for trick := sim.Mute; trick <= sim.Fork; trick <<= 1 {
		tricks = append(tricks, trick)
	}
	for _, n := range sizes() {
		epochs := uint32(0)
		for _, trick := range tricks {
			for i := range uint64(2) {
				s := sim.Catalogue(i, n, trick)
				s.Changes, s.CrashOnSave, s.Drops = 1, 0.05, 0.2
				r := sim.Run(s)
				if r.Err != nil {
					t.Errorf("n = %d, seed %d, %v: %v", n, i, trick, r.Err)
				}
				epochs += r.Epochs
			}
		}
		if epochs == 0 {
			t.Errorf("n = %d: no epoch ended", n)
		}
		t.Logf("n = %d: %d changes of the members", n, epochs)
	}
}
