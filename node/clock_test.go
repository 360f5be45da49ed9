package node

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/phantom-paradox/paradox/agreement"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/ledger"
)

// A member that slept, or whose clock is off, finds proposals untimely. When one of them is decided while it is being checked,
// the clock's verdict must not be taken for one on the decision.
func TestNoClockCondemnsADecision(t *testing.T) {
	c := newCluster(t, 1)
	c.start(0)
	a, b := c.wallet(0, 1_000_000), c.wallet(1, 0)
	c.seen()
	e := c.nodes[0].engine
	said := make(chan string, 1)
	e.results <- func() {
		r, digest := e.round, intent.Hash{1}
		r.decision = &decision{digest: digest}
		r.checks[digest] = &checking{validate: agreement.Validate{Fresh: true}, views: []uint32{0}, again: []uint32{0}}
		e.checked(r, digest, nil, fmt.Errorf("%w: its time was 3 s away", errInvalid))
		switch next := r.checks[digest]; {
		case e.halted != "":
			said <- "it halts: " + e.halted
		case next == nil || next.validate.Fresh:
			said <- fmt.Sprintf("the decision is not checked again without the clock: %+v", next)
		default:
			said <- ""
		}
		r.decision = nil // of the test; what is made up will not check
	}
	if s := <-said; s != "" {
		t.Fatal(s)
	}
	c.settled(c.take(0, c.pay(a, b, 1000)))
}

// A member that found the vault untrustworthy holds a first proposal back. When that is decided, it is executed at once, without
// waiting for what only a first proposal needs.
func TestADecisionWaitsForNoView(t *testing.T) {
	x := newTraitor(t)
	x.c.vault.setRefuse(true) // nobody has signed what this test decides
	v := x.node.vault.(*memView)
	v.setErr(errors.New("the endpoints differ"))
	x.c.do(0, func(e *engine) {
		r, digest := e.round, x.good.digest
		r.checks[digest] = &checking{validate: agreement.Validate{Fresh: true, Body: x.good.body}, views: []uint32{0}}
		r.held[digest] = true
		e.decide(agreement.Decide{Certificate: &ledger.Certificate{Body: x.good.body}, Header: agreement.HeaderView{Digest: digest}})
	})
	x.c.wait("the decision is executed", func() (ok bool) {
		x.c.do(0, func(e *engine) { ok = e.round != nil && e.round.decision != nil && e.round.decision.prop != nil })
		return ok
	})
}

// A node that cannot execute what is certified says so as long as it is so, votes no more, and tries again.
func TestACertifiedHeaderThatDoesNotExecute(t *testing.T) {
	c := newCluster(t, 1)
	c.start(0)
	c.seen()
	c.do(0, func(e *engine) {
		r, digest := e.round, intent.Hash{1}
		r.decision = &decision{digest: digest, header: &ledger.Header{}, cert: &ledger.Certificate{}}
		e.cannotAdopt(r, fmt.Errorf("%w: another digest", errInvalid))
		e.publish()
		s := e.status.Load()
		if s.Synced || !strings.Contains(s.Why, "computes otherwise") || !r.machine.Status().Silent {
			t.Errorf("it says %+v", s)
		}
		if !r.held[digest] {
			t.Error("it is not tried again")
		}
	})
}
