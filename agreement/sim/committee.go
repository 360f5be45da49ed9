package sim

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/phantom-paradox/paradox/agreement"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/network"
)

// A committee is who votes in an epoch. The first is everybody; a header that changes the members makes the next.
type committee struct {
	members []network.Member
	places  []int  // by member: which node it is
	total   uint64 // weights
	traitor uint64 // of all Byzantine members
}

// committee is that of an epoch: everybody in even ones, most in odd ones.
func (w *world) committee(epoch uint32) *committee {
	if c, ok := w.committees[epoch]; ok {
		return c
	}
	r := rand.New(rand.NewPCG(w.s.Seed, 0xe0<<32|uint64(epoch)))
	chosen := make([]int, 0, len(w.members))
	for i := range w.members {
		if epoch%2 == 0 || r.IntN(4) != 0 {
			chosen = append(chosen, i)
		}
	}
	c := w.assemble(chosen)
	if !w.tolerates(chosen) {
		all := make([]int, len(w.members))
		for i := range all {
			all[i] = i
		}
		c = w.assemble(all)
	}
	w.committees[epoch] = c
	return c
}

func (w *world) assemble(chosen []int) *committee {
	c := &committee{places: chosen}
	for _, i := range chosen {
		weight := uint64(w.s.Weights[i])
		c.members = append(c.members, w.members[i])
		c.total += weight
		if w.s.Tricks[i] != 0 {
			c.traitor += weight
		}
	}
	return c
}

// tolerates says whether less than a third of the weight is faulty in whatever way.
func (w *world) tolerates(chosen []int) bool {
	faulty, total := 0, 0
	for _, i := range chosen {
		weight := int(w.s.Weights[i])
		total += weight
		if w.s.Tricks[i] != 0 || w.s.DiskLoss[i] || w.s.Skew[i].Abs() > time.Second {
			faulty += weight
		}
	}
	return 3*faulty < total
}

// quorum is computed in another way than the agreement does it.
func (c *committee) quorum(weight uint64) bool { return weight > 2*c.total/3 }

// place is where a node stands among the members, or agreement.Observer.
func (c *committee) place(node int) int {
	if i := slices.Index(c.places, node); i >= 0 {
		return i
	}
	return agreement.Observer
}

func (c *committee) weight(key intent.Key) uint64 {
	for _, m := range c.members {
		if m.Key == key {
			return uint64(m.Weight)
		}
	}
	return 0
}
