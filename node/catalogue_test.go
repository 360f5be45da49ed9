package node

import (
	"slices"
	"sync"
	"testing"

	"github.com/phantom-paradox/paradox/agreement"
	"github.com/phantom-paradox/paradox/agreement/sim"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/leader"
	"github.com/phantom-paradox/paradox/ledger"
	"github.com/phantom-paradox/paradox/network"
)

// A wireCase is a Byzantine committee over real sockets.
type wireCase struct {
	tricks  sim.Trick
	view    int  // the first liar leads this view of height 1
	lost    bool // the honest members' first commits get lost, so that locks come into being and nothing is decided
	accused bool // honest members must keep evidence against it
}

// maxTrades is how many heights a liar has to do what it is there for: it leads the first, or the second view of it.
const maxTrades = 40

// catalogue maps every trick of the simulator to its case over real libp2p, and has a few more.
func catalogue() map[string]wireCase {
	return map[string]wireCase{
		"mute":           {tricks: sim.Mute},
		"split-proposal": {tricks: sim.SplitProposal, accused: true},
		"double-vote":    {tricks: sim.DoubleVote | sim.SplitProposal, accused: true},
		"hide-lock":      {tricks: sim.HideLock, view: 1, lost: true, accused: true},
		"false-lock":     {tricks: sim.FalseLock, view: 1, lost: true},
		"withhold":       {tricks: sim.Withhold},
		"wrong-outcome":  {tricks: sim.WrongOutcome},
		"empty-height":   {tricks: sim.EmptyHeight},
		"bad-time":       {tricks: sim.BadTime},
		"far-cut":        {tricks: sim.FarCut},
		"replay":         {tricks: sim.Replay, lost: true},
		"flood":          {tricks: sim.Flood},
		"partial":        {tricks: sim.Partial},
		"usurp":          {tricks: sim.Usurp, view: 1, lost: true},
		"old-header":     {tricks: sim.OldHeader, view: 1, lost: true},
		"forge":          {tricks: sim.Forge},
		"fork":           {tricks: sim.Fork, accused: true},
		"wrong-draw":     {tricks: wrongDraw},
		"hold-commit":    {tricks: holdCommit, lost: true},
		"everything":     {tricks: sim.Everything(), lost: true},
	}
}

// Every adversary of the simulator has its test over real sockets.
func TestTheCatalogueIsComplete(t *testing.T) {
	all, cases := sim.Everything()|sim.Mute, catalogue()
	for trick := sim.Trick(1); trick <= all; trick <<= 1 {
		if all&trick == 0 {
			continue
		}
		if c, ok := cases[trick.String()]; !ok || c.tricks&trick == 0 {
			t.Errorf("no case over real sockets plays %q", trick)
		}
	}
}

func TestByzantineMembersOverRealSockets(t *testing.T) {
	for name, x := range catalogue() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x.run(t, 4)
		})
	}
	t.Run("two of seven", func(t *testing.T) {
		t.Parallel()
		wireCase{tricks: sim.Fork | sim.HideLock | sim.FalseLock | sim.Usurp | sim.Forge, accused: true}.run(t, 7)
	})
}

// run plays a case: the honest members settle what they are given, height after height, agree, and accuse nobody else.
func (x wireCase) run(t *testing.T, members int) {
	c := newClusterWith(t, members, func(p *network.Params) { p.ViewTimeout, p.ViewTimeoutMax = 1000, 8000 })
	order := leader.Draw{}.Order(1, ledger.FirstSeed(c.file.Hash()), c.file.Members)
	traitors := order[x.view : x.view+(members-1)/3]
	b := &ballot{c: c, traitors: traitors, lost: x.lost, voted: map[ledger.Instance]map[ballotBox]uint64{}}
	var liars []*byzantine
	for i := range members {
		if slices.Contains(traitors, i) {
			l := newByzantine(c, i, x.tricks)
			liars, c.tap = append(liars, l), l.tap
		} else {
			c.tap = func(n *Node) { b.watch(i, n) }
		}
		c.start(i)
	}
	honest := c.without(traitors)
	for _, l := range liars {
		l.open(honest.up())
		t.Cleanup(l.close)
	}
	t.Cleanup(func() {
		for _, l := range liars {
			l.epilogue(t)
		}
	})
	x.trade(honest, func() bool {
		silent := slices.ContainsFunc(liars, func(l *byzantine) bool { return l.played.Load() == 0 })
		return !silent && (!x.accused || accusers(honest, traitors) == len(honest.up()))
	})
	b.check(t)
	accusers(honest, traitors)
	for _, i := range honest.up() {
		if s := honest.nodes[i].engine.status.Load(); s.Voting != "voting" {
			t.Errorf("node %d is %s: %s", i, s.Voting, s.Why)
		}
	}
}

// trade settles a few heights at honest nodes, and more until every liar has lied, and what must be noticed is.
func (x wireCase) trade(c *cluster, lied func() bool) {
	c.t.Helper()
	from, to := c.wallet(0, 1_000_000), c.wallet(1, 0)
	c.seen()
	var ids []intent.ID
	up := c.up()
	for h := 0; h < 3 || !lied(); h++ {
		if h == maxTrades {
			for _, i := range up {
				list, err := c.nodes[i].book.evidence()
				c.t.Logf("node %d has %d pieces of evidence, %v", i, len(list), err)
			}
			c.t.Fatal("a liar has not lied, or nobody has noticed: the case shows nothing")
		}
		ids = append(ids, c.take(up[h%len(up)], c.pay(from, to, 1000), c.pay(from, to, 10))...)
		c.settled(ids)
	}
	last := c.agreed(1)
	for h := uint64(1); h <= last.Height; h++ {
		var first []byte
		for _, i := range up {
			cert, err := c.nodes[i].book.parsed(h)
			if err != nil || cert == nil {
				c.t.Fatalf("node %d has no certificate of height %d: %v", i, h, err)
			}
			if first == nil {
				first = cert.Body
			}
			if string(first) != string(cert.Body) {
				c.t.Errorf("node %d has settled another height %d", i, h)
			}
		}
	}
}

// accusers are how many nodes keep evidence. None may accuse anybody but traitors.
func accusers(c *cluster, traitors []int) (n int) {
	c.t.Helper()
	for _, i := range c.up() {
		list, err := c.nodes[i].book.evidence()
		if err != nil {
			c.t.Fatal(err)
		}
		for _, ev := range list {
			if at := network.Find(c.file.Members, ev.A.From); !slices.Contains(traitors, at) {
				c.t.Fatalf("node %d accuses member %d: %+v", i, at, ev)
			}
		}
		n += min(len(list), 1)
	}
	return n
}

// without is the cluster as its honest nodes see it.
func (c *cluster) without(traitors []int) *cluster {
	h := *c
	h.nodes = slices.Clone(c.nodes)
	for _, i := range traitors {
		h.nodes[i] = nil
	}
	return &h
}

// up are the nodes that run.
func (c *cluster) up() (out []int) {
	for i, n := range c.nodes {
		if n != nil {
			out = append(out, i)
		}
	}
	return out
}

// A ballot hears every commit that honest members cast, whether it arrives or not, and takes it that traitors have signed
// everything. lost makes the commits of view 0 of the first two heights go astray.
type ballot struct {
	c        *cluster
	traitors []int
	lost     bool

	mu    sync.Mutex
	voted map[ledger.Instance]map[ballotBox]uint64 // bits of members
}

type ballotBox struct {
	view   uint32
	digest intent.Hash
}

func (b *ballot) watch(place int, n *Node) {
	say := n.engine.say
	n.engine.say = func(m *agreement.Message) {
		if m.Kind == agreement.Commit {
			b.mu.Lock()
			if b.voted[m.Instance] == nil {
				b.voted[m.Instance] = map[ballotBox]uint64{}
			}
			b.voted[m.Instance][ballotBox{m.View, m.Digest}] |= 1 << place
			b.mu.Unlock()
			if b.lost && m.View == 0 && m.Instance.Height <= 2 {
				return
			}
		}
		say(m)
	}
}

// check is the promise of ROUNDS: over all commits ever signed, no two headers of an instance can be certified.
func (b *ballot) check(t *testing.T) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for inst, boxes := range b.voted {
		var certified []intent.Hash
		for box, bits := range boxes {
			for _, i := range b.traitors {
				bits |= 1 << i
			}
			weight := uint32(0)
			for i, m := range b.c.file.Members {
				if bits&(1<<i) != 0 {
					weight += uint32(m.Weight)
				}
			}
			if network.Quorum(weight, b.c.file.Members) && !slices.Contains(certified, box.digest) {
				certified = append(certified, box.digest)
			}
		}
		if len(certified) > 1 {
			t.Errorf("%+v: two headers can be certified: %v", inst, certified)
		}
	}
}
