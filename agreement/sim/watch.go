package sim

import (
	"github.com/phantom-paradox/paradox/agreement"
	at "github.com/phantom-paradox/paradox/agreement/agreementtest"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/ledger"
)

// A watch sees every vote that honest members send and judges, with arithmetic of its own, whether the promises hold.
// Byzantine members are taken to have signed everything.
type watch struct {
	w       *world
	sent    map[voteAt]agreement.Vote
	commits map[commitAt]uint64             // honest weight
	certain map[ledger.Instance]intent.Hash // the digest of an instance that can form a certificate
	change  map[memberAt]uint32             // the highest view a member has changed to
	headers map[intent.Hash]*at.Header      // all that were ever under way
	decided map[ledger.Instance]intent.Hash
}

type voteAt struct {
	member int
	inst   ledger.Instance
	kind   agreement.Kind
	view   uint32
}

type commitAt struct {
	inst   ledger.Instance
	kind   agreement.Kind
	view   uint32
	digest intent.Hash
}

type memberAt struct {
	member int
	inst   ledger.Instance
}

func newWatch(w *world) *watch {
	return &watch{
		w: w, sent: map[voteAt]agreement.Vote{}, commits: map[commitAt]uint64{}, certain: map[ledger.Instance]intent.Hash{},
		change: map[memberAt]uint32{}, headers: map[intent.Hash]*at.Header{}, decided: map[ledger.Instance]intent.Hash{},
	}
}

// possible says whether honest votes of this weight, and all that traitors can add, are a quorum of the instance.
func (c *watch) possible(inst ledger.Instance, honest uint64) bool {
	all := c.w.committee(inst.Epoch)
	return all.quorum(honest + all.traitor)
}

// vote is called for everything that an honest member sends, before it is on its way.
func (c *watch) vote(n *node, m *agreement.Message) {
	if m.Kind == agreement.Decided {
		return
	}
	if m.Body != nil {
		if h, err := at.ParseHeader(m.Body); err == nil {
			c.headers[m.Digest] = h
		}
	}
	k := voteAt{n.place, m.Instance, m.Kind, m.View}
	before, again := c.sent[k]
	if again {
		if before != m.Vote {
			c.w.fail("honest member %d contradicts itself: %v of view %d, %+v", n.place, m.Kind, m.View, m.Instance)
		}
		return
	}
	c.sent[k] = m.Vote
	c.w.note('v', n.place, m.Digest)
	c.w.res.MaxView = max(c.w.res.MaxView, m.View)
	at := memberAt{n.place, m.Instance}
	if m.View < c.change[at] {
		c.w.fail("honest member %d votes in view %d after it has changed to view %d", n.place, m.View, c.change[at])
	}
	if n.generation > m.Instance.Generation {
		c.w.fail("honest member %d votes in generation %d though it knows %d", n.place, m.Instance.Generation, n.generation)
	}
	if c.w.committee(m.Instance.Epoch).place(n.place) == agreement.Observer {
		c.w.fail("node %d votes in epoch %d, in which it has no vote", n.place, m.Instance.Epoch)
	}
	if n.lostLog() {
		c.w.fail("member %d votes though its log is lost", n.place)
	}
	switch m.Kind {
	case agreement.RoundChange:
		c.change[at] = m.View
		if !m.Locked {
			c.commits[commitAt{inst: m.Instance, kind: m.Kind, view: m.View}] += uint64(c.w.s.Weights[n.place])
		}
	case agreement.Prepare:
		c.prepare(n, m)
	case agreement.Commit:
		c.commit(n, m)
	}
}

func (c *watch) prepare(n *node, m *agreement.Message) {
	c.commits[commitAt{m.Instance, m.Kind, m.View, m.Digest}] += uint64(c.w.s.Weights[n.place])
	h := c.headers[m.Digest]
	if h == nil {
		c.w.fail("honest member %d prepares a header that it does not have", n.place)
		return
	}
	if h.Wrong || h.Withheld || h.Empty && !c.w.vault.openRequest(h.Cut) {
		c.w.fail("honest member %d prepares an invalid header: %+v", n.place, *h)
	}
	if m.View > 0 && !c.justified(m, h) {
		c.w.fail("honest member %d prepares in view %d what nothing justifies", n.place, m.View)
	}
}

// justified: a fresh header needs a quorum without a lock, another one that a quorum can have prepared it before.
func (c *watch) justified(m *agreement.Message, h *at.Header) bool {
	if h.View == m.View {
		return c.possible(m.Instance, c.commits[commitAt{inst: m.Instance, kind: agreement.RoundChange, view: m.View}])
	}
	for view := h.View; view < m.View; view++ {
		if c.possible(m.Instance, c.commits[commitAt{m.Instance, agreement.Prepare, view, m.Digest}]) {
			return true
		}
	}
	return false
}

func (c *watch) commit(n *node, m *agreement.Message) {
	prepared := c.commits[commitAt{m.Instance, agreement.Prepare, m.View, m.Digest}]
	if !c.possible(m.Instance, prepared) {
		c.w.fail("honest member %d commits in view %d with prepares of weight %d only", n.place, m.View, prepared)
	}
	k := commitAt{m.Instance, m.Kind, m.View, m.Digest}
	c.commits[k] += uint64(c.w.s.Weights[n.place])
	if !c.possible(m.Instance, c.commits[k]) {
		return
	}
	if other, ok := c.certain[m.Instance]; ok && other != m.Digest {
		c.w.fail("two headers of %+v can form certificates", m.Instance)
	}
	c.certain[m.Instance] = m.Digest
}

// decides is called when an honest member decides.
func (c *watch) decides(n *node, d agreement.Decide) {
	c.w.res.Decisions++
	c.w.note('d', n.place, d.Header.Digest)
	h, err := at.ParseHeader(d.Certificate.Body)
	if err != nil || !c.certifies(d.Certificate, h) {
		c.w.fail("honest member %d decides on what is no certificate", n.place)
		return
	}
	if other, ok := c.decided[h.Instance]; ok && other != h.Digest() {
		c.w.fail("honest members decide differently in %+v", h.Instance)
	}
	c.decided[h.Instance] = h.Digest()
}

// certifies checks a certificate as the vault does: commits of one view, each member once, strictly more than two thirds.
func (c *watch) certifies(cert *ledger.Certificate, h *at.Header) bool {
	all := c.w.committee(h.Instance.Epoch)
	weight, seen := uint64(0), map[intent.Key]bool{}
	for _, s := range cert.Signatures {
		v := agreement.Vote{Kind: agreement.Commit, Instance: h.Instance, View: cert.View, Digest: h.Digest(), From: s.Member}
		if seen[s.Member] || !at.Verify(s.Member, v.SigningBytes(at.Network()), s.Sig) {
			return false
		}
		seen[s.Member] = true
		weight += all.weight(s.Member)
	}
	return all.quorum(weight)
}

// settles is called when the vault settles a height.
func (c *watch) settles(h *at.Header) {
	if h.Instance.Epoch != c.w.vault.epoch {
		c.w.fail("a header of epoch %d settles in epoch %d", h.Instance.Epoch, c.w.vault.epoch)
	}
	if h.Instance.Generation != c.w.vault.generation {
		c.w.fail("a header of generation %d settles in generation %d", h.Instance.Generation, c.w.vault.generation)
	}
	if d, ok := c.decided[h.Instance]; ok && d != h.Digest() {
		c.w.fail("another header settles than honest members decided: %+v", h.Instance)
	}
	if h.Wrong || h.Withheld || h.Empty && !c.w.vault.openRequest(h.Cut) {
		c.w.fail("an invalid header settles: %+v", *h)
	}
}
