package node

import (
	"fmt"
	"testing"
	"time"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/network"
	"github.com/phantom-paradox/paradox/node/council"
)

// approvalTime is how long the tests' approvals hold, in seconds.
const approvalTime = 3600

// admitting is the change that admits a node of the cluster.
func (c *cluster) admitting(i int) council.Change {
	m := &network.Member{Name: fmt.Sprintf("m%d", i), Key: publicOf(c.keys[i].Member), VRF: c.keys[i].VRF.Public(), Weight: 1}
	return council.Change{Admit: m, Join: council.SignJoin(c.keys[i].Member, c.file.Hash(), m)}
}

func (c *cluster) removing(i int) council.Change {
	key := publicOf(c.keys[i].Member)
	return council.Change{Remove: &key}
}

// approve signs a change as the operator of a node does, and hands it to that node.
func (c *cluster) approve(i int, epoch uint32, change council.Change) {
	c.t.Helper()
	now := time.Now().Unix()
	a := council.Sign(c.keys[i].Member, c.file.Hash(), council.Approval{Epoch: epoch, Change: change, Made: now, Expires: now + approvalTime})
	if err := c.nodes[i].committee.take(a); err != nil {
		c.t.Fatalf("node %d: %v", i, err)
	}
}

// epoch waits until all running nodes are in an epoch, at one height and one state.
func (c *cluster) epoch(n uint32) *Sight {
	c.t.Helper()
	c.wait(fmt.Sprintf("all nodes are in epoch %d", n), func() bool {
		for _, r := range c.nodes {
			if r == nil {
				continue
			}
			if s := r.engine.status.Load(); s == nil || s.Epoch != n || s.Opening == nil || s.Opening.Instance().Epoch != n {
				return false
			}
		}
		return true
	})
	return c.agreed(1)
}

// moves checks that the committee still decides, whoever takes the intent.
func (c *cluster) moves(at int, a, b *testWallet) {
	c.t.Helper()
	c.settled(c.take(at, c.pay(a, b, 1000)))
}

func (c *cluster) members(i int) []network.Member {
	return c.nodes[i].engine.status.Load().Opening.Members()
}

func started(t *testing.T, members, observers int) (c *cluster, a, b *testWallet) {
	t.Helper()
	c = newCluster(t, members)
	for i := range members {
		c.start(i)
	}
	for range observers {
		c.observer()
	}
	a, b = c.wallet(0, 1_000_000), c.wallet(1, 0)
	c.seen()
	return c, a, b
}

// A quorum's operators admit a fifth member: it votes from the next epoch, and the network needs its vote.
func TestAFifthMemberIsAdmitted(t *testing.T) {
	c, a, b := started(t, 4, 1)
	c.moves(0, a, b)
	for i := range 3 {
		c.approve(i, 0, c.admitting(4))
	}
	c.epoch(1)
	c.wait("the newcomer votes", func() bool { return c.nodes[4].engine.status.Load().Voting == "voting" })
	if got := c.members(0); len(got) != 5 || got[4].Name != "m4" {
		t.Fatalf("members %+v", got)
	}
	c.moves(4, a, b)
	c.halt(3) // of five, four are a quorum: without the newcomer nothing would be decided
	c.moves(0, a, b)
}

// Approvals of no quorum change nothing, and stop nothing.
func TestAMinorityChangesNoMembers(t *testing.T) {
	c, a, b := started(t, 4, 1)
	c.approve(0, 0, c.admitting(4))
	c.approve(1, 0, c.admitting(4))
	c.approve(2, 0, c.removing(3))
	c.wait("all know", func() bool {
		for _, n := range c.nodes {
			if len(n.wishes.book.All(0)) != 3 {
				return false
			}
		}
		return true
	})
	for i := range 4 {
		c.moves(i, a, b)
	}
	if s := c.agreed(4); s.Epoch != 0 {
		t.Fatalf("epoch %d", s.Epoch)
	}
}

// Members go one after the other, each leader of its time among them, down to two, which are each needed.
func TestMembersAreRemovedToTheLimit(t *testing.T) {
	c, a, b := started(t, 4, 0)
	left := []int{0, 1, 2, 3}
	for epoch := uint32(0); len(left) > 2; epoch++ {
		c.moves(left[0], a, b)
		goes := left[0]
		leader := c.nodes[left[1]].engine.status.Load().Leader
		for _, i := range left {
			if publicOf(c.keys[i].Member) == leader {
				goes = i
			}
		}
		for _, i := range left { // the one that goes may agree, too
			c.approve(i, epoch, c.removing(goes))
		}
		c.epoch(epoch + 1)
		var rest []int
		for _, i := range left {
			if i != goes {
				rest = append(rest, i)
			}
		}
		left = rest
		c.wait("the removed says so", func() bool {
			s, err := c.nodes[goes].facade.Status(t.Context())
			return err == nil && s.Voting == "observer" && s.Why == fmt.Sprintf("the committee removed this node's key; that was epoch %d", epoch)
		})
	}
	c.moves(left[1], a, b)
}

// All die right after a change was decided, before it is settled, and go on where they were; approvals are on disk.
func TestARestartAmidAChange(t *testing.T) {
	c, a, b := started(t, 4, 1)
	c.moves(0, a, b)
	c.approve(0, 0, c.admitting(4))
	c.approve(1, 0, c.admitting(4))
	restart := func() {
		for i := range c.nodes {
			c.halt(i)
		}
		c.vault.setRefuse(false)
		for i := range c.nodes {
			c.start(i)
		}
		c.seen()
	}
	restart()
	c.vault.setRefuse(true)
	c.approve(2, 0, c.admitting(4))
	c.wait("the change is decided", func() bool {
		for _, n := range c.nodes[:4] { // an observer that missed it waits for the vault
			s := n.engine.status.Load()
			if s == nil || !s.Provisional {
				return false
			}
			rec, err := n.book.round(s.Deciding)
			if err != nil || rec == nil {
				return false
			}
		}
		return true
	})
	restart()
	c.epoch(1)
	c.moves(4, a, b)
}

// A change that the vault undoes is decided again: nothing of it stays.
func TestAChangeIsUndoneAndDecidedAgain(t *testing.T) {
	c, a, b := started(t, 4, 1)
	c.vault.setRefuse(true)
	for i := range 4 {
		c.approve(i, 0, c.admitting(4))
	}
	provisional := func() bool {
		for _, n := range c.nodes[:4] { // an observer that missed it waits for the vault
			if s := n.engine.status.Load(); !s.Provisional || s.Epoch != 0 {
				return false
			}
		}
		return true
	}
	c.wait("the change is decided", provisional)
	rec, err := c.nodes[0].book.round(1)
	if err != nil || rec == nil {
		t.Fatal(err)
	}
	digest, err := rec.Certificate.Digest()
	if err != nil {
		t.Fatal(err)
	}
	c.vault.drop(1, digest)
	c.vault.setRefuse(false)
	if s := c.epoch(1); s.Generation != 1 {
		t.Fatalf("generation %d", s.Generation)
	}
	c.moves(4, a, b)
}

// What does not hold, or is taken back, moves nobody.
func TestApprovalsThatDoNotHold(t *testing.T) {
	c, a, b := started(t, 4, 1)
	now := time.Now().Unix()
	sign := func(i int, x council.Approval) *council.Approval {
		return council.Sign(c.keys[i].Member, c.file.Hash(), x)
	}
	change := c.admitting(4)
	for i := range 4 {
		for what, bad := range map[string]*council.Approval{
			"of the next epoch":  sign(0, council.Approval{Epoch: 1, Change: change, Made: now, Expires: now + 60}),
			"of a stranger":      sign(4, council.Approval{Change: change, Made: now, Expires: now + 60}),
			"of tomorrow":        sign(0, council.Approval{Change: change, Made: now + 86400, Expires: now + 86460}),
			"of nobody's member": sign(0, council.Approval{Change: council.Change{Remove: &intent.Key{9}}, Made: now, Expires: now + 60}),
		} {
			if err := c.nodes[i].committee.take(bad); err == nil {
				t.Errorf("node %d takes one %s", i, what)
			}
		}
		c.approve(i, 0, change)
		back := sign(i, council.Approval{Change: change, Made: now + 5, Expires: now + 5})
		if err := c.nodes[i].committee.take(back); err != nil {
			// The change may have been decided in the meantime only after all four approved; the first three took theirs back.
			t.Fatal(err)
		}
	}
	c.moves(0, a, b)
	if s := c.agreed(1); s.Epoch != 0 {
		t.Fatalf("epoch %d", s.Epoch)
	}
}
