package node

import (
	"time"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/network"
	"github.com/phantom-paradox/paradox/p2p"
)

// What an intent's time allows. Whoever is told that an intent was dropped may sign another in its place, so "dropped" is
// said of what no header can take any more, and of nothing else. Headers carry their own time, which no clock of this node
// decides: an intent that has expired here may stand in a proposal of before, one that this node has not checked yet, or
// that its lock holds. Two things make it certain:
//
//   - The settled header's time has reached the expiry: no later header's time is less.
//   - Or nothing is under way: the node sees the vault and most of the members, its round has not begun, and the expiry
//     is longer past than a member's clock may lag and a proposal may travel.
//
// Meanwhile it waits with the code "expired", since it is in nobody's choice any more.

// expiryGrace is how long past its expiry an intent can be in a proposal that this node has not heard of: what a proposal's
// time may differ from a member's clock, that member's clock from this one's, and three seconds to travel.
const expiryGrace = 8 * time.Second

// sweep drops what has expired for certain.
func (e *engine) sweep(now time.Time) {
	if e.gate == nil {
		return
	}
	drops, why := map[intent.ID]intent.Code{}, map[intent.ID]*intent.Error{}
	past, quiet := e.gate.MinTime(), e.quiet()
	for _, p := range e.pool.Expired(now.Unix()) {
		if p.Signed.Expires <= past || quiet && p.Signed.Expires <= now.Add(-expiryGrace).Unix() {
			drops[p.ID] = intent.Expired
		} else if p.Code != intent.Expired {
			why[p.ID] = &intent.Error{Code: intent.Expired, Detail: "no new batch can take it; it is dropped when no batch that is under way can hold it"}
		}
	}
	e.pool.Explain(why)
	e.drop(drops)
}

// quiet says that no proposal of the current height is under way, as far as a node can know that sees the vault and hears
// most of the members.
func (e *engine) quiet() bool {
	r := e.round
	return r != nil && r.base == e.settled && r.started.IsZero() && r.machine.Status().Untouched &&
		e.chain.Err() == nil && !e.behind && e.reach(r.members)
}

// sessionOver says that a pooled intent's session expired longer ago than any header under way may lag; where there is more
// to it, the intent's own expiry will end it.
func (e *engine) sessionOver(id intent.ID, now time.Time) bool {
	p, ok := e.pool.Get(id)
	if !ok || !e.quiet() {
		return false
	}
	err := e.gate.Admit(&p.Signed.Intent, now.Add(-expiryGrace).Unix(), e.pool.FindAsk)
	return err != nil && asIntentError(err).Code == intent.SessionExpired
}

// reaches says whether this node and those it is connected to are more than two thirds of the members by weight.
func (n *Node) reaches(members []network.Member) bool {
	weight := uint32(0)
	host := n.host.LibP2P().Network()
	for _, m := range members {
		if m.Key == n.self {
			weight += uint32(m.Weight)
		} else if id, err := p2p.PeerID(m.Key[:]); err == nil && len(host.ConnsToPeer(id)) > 0 {
			weight += uint32(m.Weight)
		}
	}
	return network.Quorum(weight, members)
}
