package p2p

import (
	"slices"
	"testing"
	"time"
)

// twins waits until a condition on hosts holds; nothing tells when.
func twins(t *testing.T, what string, ok func() bool) {
	t.Helper()
	ctx := testContext(t)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal(what)
		}
	}
}

func TestTwinsAreToldByWhoeverMeetsBoth(t *testing.T) {
	ctx := testContext(t)
	for _, listen := range []string{"/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/udp/0/quic-v1"} {
		b := newHost(t, "b"+listen, func(c *Config) { c.Listen = []string{listen} })
		one := newHost(t, "a"+listen, func(c *Config) { c.Listen = nil })
		connect(t, ctx, one, b)
		if _, double := one.Twin(); double || len(b.Doubles()) != 0 {
			t.Fatal("one process is taken for two")
		}
		two := newHost(t, "a"+listen, func(c *Config) { c.Listen = nil })
		check(t, two.Connect(ctx, b.Info()))
		for _, h := range []*Host{one, two} {
			twins(t, "a twin does not learn of the other", func() bool { via, double := h.Twin(); return double && via == b.ID() })
		}
		if !slices.Contains(b.Doubles(), one.ID()) {
			t.Error("b does not say whose key runs twice")
		}
		check(t, two.Close())
		twins(t, "b counts a process that is gone", func() bool { return len(b.Doubles()) == 0 })
	}
}

// What a liar shows, and what a predecessor said, is no twin.
func TestNoTwinOnHearsay(t *testing.T) {
	h := newHost(t, "a", func(c *Config) { c.Listen = nil })
	liar := newHost(t, "b", func(c *Config) { c.Listen = nil })
	other := newHost(t, "a", func(c *Config) { c.Listen = nil })
	foreign := liar.statement()
	forged := other.statement()
	forged.Time += 1000
	short := other.statement()
	short.Nonce = short.Nonce[:3]
	before := other.statement()
	before.Time = uint64(h.self.started.UnixMilli())
	before.Sig = other.statementAt(before.Time).Sig
	for what, p := range map[string]*process{"nothing": nil, "its own": h.statement(), "another key's": foreign, "forged": forged, "short": short, "a predecessor's": before} {
		h.accused(p, liar.ID())
		if _, double := h.Twin(); double {
			t.Fatalf("%s is taken for a twin", what)
		}
	}
	h.accused(other.statementAt(uint64(h.self.started.UnixMilli())+1), liar.ID())
	if via, double := h.Twin(); !double || via != liar.ID() {
		t.Fatal("a twin is not seen")
	}
}
