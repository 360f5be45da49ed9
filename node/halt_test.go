package node

import (
	"strings"
	"testing"

	"github.com/phantom-paradox/paradox/node/api"
)

// A node that stopped voting for a reason that a person must judge is silent after a restart too, says why and what to do, and
// votes again when its operator says so.
func TestAHaltOutlastsARestart(t *testing.T) {
	c, a, b := started(t, 4, 0)
	c.moves(0, a, b)
	done := make(chan struct{})
	c.nodes[3].engine.results <- func() { c.nodes[3].engine.halt("another process votes with this node's key"); close(done) }
	<-done
	silent := func() bool {
		s := c.nodes[3].engine.status.Load()
		return s != nil && s.Voting == "silent" && s.Halted != ""
	}
	c.wait("it is silent", silent)
	c.halt(3)
	c.start(3)
	c.wait("it is silent after the restart", silent)
	c.wait("health says what to do", func() bool {
		h, err := c.nodes[3].facade.Health(t.Context())
		if err != nil {
			return false
		}
		for _, k := range h.Checks {
			if k.Name == "voting" && k.Status == api.Unhealthy && strings.Contains(k.Detail, "another process votes") && strings.Contains(k.Remedy, "paradox resume") {
				return true
			}
		}
		return false
	})
	c.moves(0, a, b) // three are a quorum, and it follows
	dir := c.nodes[3].cfg.Settings.DataDir()
	c.halt(3)
	for _, want := range []string{"another process votes with this node's key", ""} {
		if why, err := Resume(dir); err != nil || why != want {
			t.Fatalf("%q, %v", why, err)
		}
	}
	c.start(3)
	c.wait("it votes", func() bool { s := c.nodes[3].engine.status.Load(); return s != nil && s.Voting == "voting" })
	c.halt(2) // now its vote is needed
	c.moves(0, a, b)
}

// Two processes with one key hear of each other from whoever meets both, before any vote tells them apart, and say what to do.
func TestTwinsSayThatTheyAreTwo(t *testing.T) {
	c := newCluster(t, 4)
	for i := range 4 {
		c.start(i)
	}
	c.keys, c.nodes = append(c.keys, c.keys[3]), append(c.nodes, nil)
	c.start(4)
	for _, i := range []int{3, 4} {
		c.wait("a twin says that there are two", func() bool {
			h, err := c.nodes[i].facade.Health(t.Context())
			if err != nil {
				return false
			}
			for _, k := range h.Checks {
				if k.Name == "evidence" && k.Status == api.Unhealthy && strings.Contains(k.Remedy, "Stop one of the two") {
					return true
				}
			}
			return false
		})
	}
}
