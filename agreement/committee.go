package agreement

import (
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/network"
)

// A committee counts weights.
type committee struct {
	members []network.Member
	place   map[intent.Key]int
	total   uint64
	exact   bool // a mutation: two thirds suffice
}

func newCommittee(members []network.Member) committee {
	c := committee{members: members, place: make(map[intent.Key]int, len(members))}
	for i, m := range members {
		c.place[m.Key] = i
		c.total += uint64(m.Weight)
	}
	return c
}

// quorum: strictly more than two thirds.
func (c *committee) quorum(weight uint64) bool {
	if c.exact {
		return 3*weight >= 2*c.total
	}
	return 3*weight > 2*c.total
}

// somebodyHonest: more than a third, so that not all of it can be Byzantine.
func (c *committee) somebodyHonest(weight uint64) bool { return 3*weight > c.total }

func (c *committee) weight(place int) uint64 { return uint64(c.members[place].Weight) }
