package node

import (
	"crypto/ed25519"
	"testing"
	"time"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/ledger"
	"github.com/phantom-paradox/paradox/network"
)

// do runs fn in a node's loop.
func (c *cluster) do(i int, fn func(e *engine)) {
	c.t.Helper()
	done, e := make(chan struct{}), c.nodes[i].engine
	select {
	case e.results <- func() { fn(e); close(done) }:
	case <-time.After(time.Minute):
		c.t.Fatal("the loop does not take its work")
	}
	<-done
}

// fate is what a node says of an intent: its state, and a code.
func (c *cluster) fate(i int, id intent.ID) (string, intent.Code) {
	c.t.Helper()
	if e, ok := c.nodes[i].pool.Get(id); ok {
		return statePending, e.Code
	}
	s, ok, err := c.nodes[i].book.status(id)
	if err != nil || !ok {
		c.t.Fatalf("%s is neither pooled nor filed: %v", id, err)
	}
	return s.State, s.Code
}

func (c *cluster) wantFate(what string, id intent.ID, state string, code intent.Code) {
	c.t.Helper()
	if s, k := c.fate(0, id); s != state || k != code {
		c.t.Errorf("%s: %s %s, not %s %s", what, s, k, state, code)
	}
}

// A node says that an intent was dropped when no header can take it any more, and until then that it waits.
func TestWhatMaySettleIsNotCalledDropped(t *testing.T) {
	c := newCluster(t, 1)
	c.start(0)
	a, poor := c.wallet(0, 1_000_000), c.wallet(1, 0)
	c.seen()
	first, second := c.take(0, c.pay(poor, a, 10))[0], c.take(0, c.pay(poor, a, 11))[0]
	over := time.Now().Add(600*time.Second + 2*expiryGrace) // the payments live for 600 s
	sweep := func(now time.Time, reach bool) {
		c.do(0, func(e *engine) {
			real := e.reach
			e.reach = func([]network.Member) bool { return reach }
			e.sweep(now)
			e.reach = real
		})
	}

	sweep(over.Add(-3*expiryGrace), true)
	c.wantFate("before its expiry", first, statePending, "")
	sweep(over, false)
	c.wantFate("out of touch with the members", first, statePending, intent.Expired)

	c.vault.setRefuse(true)
	paid := c.take(0, c.pay(a, poor, 1))
	c.wait("a height is decided", func() bool { return c.nodes[0].engine.status.Load().Provisional })
	sweep(over, true)
	c.wantFate("with a header under way", first, statePending, intent.Expired)
	c.do(0, func(e *engine) { c.nodes[0].settler.(*memView).setRefuse(false); e.submit(e.round, e.round.decision) })
	c.settled(paid)

	c.wait("the next round waits", func() (ok bool) {
		c.do(0, func(e *engine) { ok = e.quiet() })
		return ok
	})
	sweep(over.Add(-expiryGrace-expiryGrace/2), true)
	c.wantFate("when a proposal may still travel", first, statePending, intent.Expired)
	sweep(over, true)
	c.wantFate("in a quiet market", first, stateDropped, intent.Expired)
	c.wantFate("in a quiet market", second, stateDropped, intent.Expired)
}

// Once the settled header's time has passed an expiry, nobody needs to be asked.
func TestSettledTimeIsCertain(t *testing.T) {
	c := newCluster(t, 1)
	c.start(0)
	a, poor := c.wallet(0, 1_000_000), c.wallet(1, 0)
	c.seen()
	c.do(0, func(e *engine) { e.reach = func([]network.Member) bool { return false } })
	id := c.take(0, c.brief(poor, a, 2))[0]
	c.wait("a header's time passes the expiry", func() bool {
		c.settled(c.take(0, c.pay(a, poor, 1)))
		s, _ := c.fate(0, id)
		return s == stateDropped
	})
	c.wantFate("after it", id, stateDropped, intent.Expired)
}

// brief is a payment of a little more than anybody has, that lives for some seconds.
func (c *cluster) brief(from, to *testWallet, seconds int64) *intent.Signed {
	c.t.Helper()
	from.nonce++
	now := time.Now().Unix()
	return c.signAs(from.key, intent.Intent{Kind: intent.Pay, From: from.pub, To: &to.pub, Mint: &c.file.Mints[0].Mint,
		Amount: 1 << 40, Fee: intent.Fee(1<<40, c.file.FeeBps), Nonce: from.nonce, Created: now, Expires: now + seconds})
}

// A session that has run out is no reason to call an intent dropped while a header may still take it.
func TestASessionThatHasRunOut(t *testing.T) {
	c := newCluster(t, 1)
	c.start(0)
	a, b, game := c.wallet(0, 1_000), c.wallet(1, 0), seedKey("game", 0)
	key, mint, now := publicOf(game), c.file.Mints[0].Mint, time.Now().Unix()
	until := now + 600
	c.seen()
	a.nonce++
	c.settled(c.take(0, c.signAs(a.key, intent.Intent{Kind: intent.Session, From: a.pub, To: &key, Mint: &mint, MaxVolume: 1 << 40,
		Actions: []intent.Action{"pay"}, Nonce: a.nonce, Created: now, Expires: until})))
	id := c.take(0, c.signAs(game, intent.Intent{Kind: intent.Pay, From: a.pub, Signer: &key, To: &b.pub, Mint: &mint, Amount: 1 << 30,
		Fee: intent.Fee(1<<30, c.file.FeeBps), Nonce: 1, Created: now, Expires: until + 600}))[0]
	c.do(0, func(e *engine) {
		expired := []ledger.Pending{{ID: id, Code: intent.SessionExpired, Final: true}}
		clock, reach := e.clock, e.reach
		defer func() { e.clock, e.reach = clock, reach }()
		at := func(seconds int64) { e.clock = func() time.Time { return time.Unix(until+seconds, 0) } }
		at(1)
		e.explain(expired)
		c.wantFate("when a proposal may still travel", id, statePending, intent.SessionExpired)
		at(int64(2 * expiryGrace / time.Second))
		e.reach = func([]network.Member) bool { return false }
		e.explain(expired)
		c.wantFate("out of touch with the members", id, statePending, intent.SessionExpired)
		e.reach = reach
		e.explain(expired)
		c.wantFate("in a quiet market", id, stateDropped, intent.SessionExpired)
	})
}

// signAs signs an intent as it stands.
func (c *cluster) signAs(key ed25519.PrivateKey, i intent.Intent) *intent.Signed {
	c.t.Helper()
	s, err := intent.Sign(key, c.net, i)
	if err != nil {
		c.t.Fatal(err)
	}
	return s
}
