package p2p

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/peer"
)

// verdicts reads the first byte: 'r' is rejected, 'i' ignored.
func verdicts(_ context.Context, m *Message) Verdict {
	m.Value = string(m.Data)
	switch m.Data[0] {
	case 'r':
		return Reject
	case 'i':
		return Ignore
	}
	return Accept
}

func join(t *testing.T, h *Host, c TopicConfig) *Topic {
	t.Helper()
	topic, err := h.Join("intents/1", c)
	check(t, err)
	return topic
}

// until publishes numbered messages until one arrives: a mesh needs a heartbeat to form.
func until(t *testing.T, ctx context.Context, from, to *Topic, prefix string) Message {
	t.Helper()
	ctx, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	all.Go(func() {
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for i := 0; ; i++ {
			if err := from.Publish(ctx, fmt.Append(nil, prefix, i)); err != nil && ctx.Err() == nil {
				t.Error(err)
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	})
	defer all.Wait()
	defer cancel()
	for {
		m, err := to.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.HasPrefix(m.Data, []byte(prefix)) {
			return m
		}
	}
}

// chain keeps hosts that are no neighbours apart; the DHT would introduce them to each other.
func chain(hosts []*Host) {
	for i, a := range hosts {
		for j, b := range hosts {
			if i-j > 1 || j-i > 1 {
				a.gate.ban(b.ID(), testTime, "not a neighbour")
			}
		}
	}
}

func TestGossipReachesThoseBehindAnother(t *testing.T) {
	ctx := testContext(t)
	var hosts []*Host
	var topics []*Topic
	for i := range 5 {
		h := newHost(t, fmt.Sprint("n", i), nil)
		hosts, topics = append(hosts, h), append(topics, join(t, h, TopicConfig{Validate: verdicts}))
	}
	chain(hosts)
	for i := range 4 {
		connect(t, ctx, hosts[i], hosts[i+1])
	}
	for i := range 4 {
		check(t, topics[i].WaitPeers(ctx, 1))
	}
	m := until(t, ctx, topics[0], topics[4], "hello")
	if m.From != hosts[3].ID() || m.Value != string(m.Data) {
		t.Errorf("message %+v", m)
	}
	own, err := topics[0].Next(ctx)
	if err != nil || own.From != hosts[0].ID() {
		t.Errorf("own message from %s, %v", own.From, err)
	}
}

func TestBadMessagesAreNotDeliveredAndCostTheirSender(t *testing.T) {
	ctx := testContext(t)
	a, b, c := newHost(t, "a", nil), newHost(t, "b", nil), newHost(t, "c", nil)
	connect(t, ctx, a, b)
	connect(t, ctx, b, c)
	ta, tb, tc := join(t, a, TopicConfig{}), join(t, b, TopicConfig{Validate: verdicts}), join(t, c, TopicConfig{})
	check(t, ta.WaitPeers(ctx, 1))
	check(t, tc.WaitPeers(ctx, 1))
	until(t, ctx, ta, tb, "a")
	for i := range 5 {
		check(t, ta.Publish(ctx, fmt.Append(nil, "r", i)))
		check(t, ta.Publish(ctx, fmt.Append(nil, "i", i)))
	}
	for {
		m := until(t, ctx, ta, tc, "good")
		if m.Data[0] != 'g' {
			t.Errorf("delivered %q", m.Data)
		}
		if p := peerOf(b, a.ID()); p.Score < -10 {
			break // five bad messages show, and do not graylist
		}
	}
	if p := peerOf(b, a.ID()); p.Score < scoreGossip {
		t.Errorf("five bad messages cost %v", p.Score)
	}
}

func peerOf(h *Host, id peer.ID) PeerInfo {
	for _, p := range h.Peers() {
		if p.ID == id {
			return p
		}
	}
	return PeerInfo{}
}

func TestOversizeIsRefusedOnBothSides(t *testing.T) {
	ctx := testContext(t)
	a, b := newHost(t, "a", nil), newHost(t, "b", nil)
	connect(t, ctx, a, b)
	ta, tb := join(t, a, TopicConfig{MaxBytes: 400 << 10}), join(t, b, TopicConfig{MaxBytes: 100})
	check(t, ta.WaitPeers(ctx, 1))
	until(t, ctx, ta, tb, "small")
	check(t, ta.Publish(ctx, bytes.Repeat([]byte("x"), 101)))
	check(t, ta.Publish(ctx, bytes.Repeat([]byte("x"), 300<<10)))
	if err := ta.Publish(ctx, make([]byte, 400<<10+1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("publishing too much says %v", err)
	}
	for {
		if m := until(t, ctx, ta, tb, "after"); len(m.Data) > 100 {
			t.Fatalf("delivered %d bytes", len(m.Data))
		}
		if peerOf(b, a.ID()).Score < 0 {
			return
		}
	}
}

func TestDuplicatesAreDeliveredOnce(t *testing.T) {
	ctx := testContext(t)
	a, b := newHost(t, "a", nil), newHost(t, "b", nil)
	connect(t, ctx, a, b)
	var looked atomic.Int32
	ta := join(t, a, TopicConfig{})
	tb := join(t, b, TopicConfig{Validate: func(_ context.Context, m *Message) Verdict {
		if string(m.Data) == "same" {
			looked.Add(1)
		}
		return Accept
	}})
	check(t, ta.WaitPeers(ctx, 1))
	for range 3 {
		check(t, ta.Publish(ctx, []byte("same")))
	}
	check(t, ta.Publish(ctx, []byte("end")))
	var got []string
	for len(got) == 0 || got[len(got)-1] != "end" {
		m, err := tb.Next(ctx)
		check(t, err)
		got = append(got, string(m.Data))
	}
	if len(got) > 2 || looked.Load() > 1 {
		t.Errorf("delivered %q, looked at %d", got, looked.Load())
	}
}

func TestAFloodIsBoundedAndOthersAreHeard(t *testing.T) {
	ctx := testContext(t)
	victim := newHost(t, "victim", func(c *Config) { c.Limits = Limits{PeerMessages: 20, Burst: 1} })
	loud, quiet := newHost(t, "loud", nil), newHost(t, "quiet", nil)
	chain([]*Host{loud, victim, quiet}) // else the quiet one would pass the flood on
	connect(t, ctx, loud, victim)
	connect(t, ctx, quiet, victim)
	var looked atomic.Int32
	tv := join(t, victim, TopicConfig{Buffer: 4096, Validate: func(_ context.Context, m *Message) Verdict {
		if m.Data[0] == 'L' {
			looked.Add(1)
		}
		return Accept
	}})
	tl, tq := join(t, loud, TopicConfig{}), join(t, quiet, TopicConfig{})
	check(t, tl.WaitPeers(ctx, 1))
	check(t, tq.WaitPeers(ctx, 1))
	const sent = 1000
	for i := range sent {
		check(t, tl.Publish(ctx, fmt.Append(nil, "L", i)))
	}
	for peerOf(victim, loud.ID()).Dropped == 0 {
		check(t, ctx.Err())
	}
	until(t, ctx, tq, tv, "quiet")
	if n, dropped := int(looked.Load()), int(peerOf(victim, loud.ID()).Dropped); n+dropped > sent {
		t.Errorf("looked at %d of %d, though %d were dropped", n, sent, dropped)
	}
	if p := peerOf(victim, quiet.ID()); p.Dropped > 0 || p.Score < 0 {
		t.Errorf("the quiet peer: %+v", p)
	}
}

func TestValidationIsBounded(t *testing.T) {
	ctx := testContext(t)
	a, b := newHost(t, "a", nil), newHost(t, "b", nil)
	connect(t, ctx, a, b)
	var now, most atomic.Int32
	gate := make(chan struct{})
	ta := join(t, a, TopicConfig{})
	tb := join(t, b, TopicConfig{Workers: 2, Timeout: testTime, Validate: func(context.Context, *Message) Verdict {
		if n := now.Add(1); n > most.Load() {
			most.Store(n)
		}
		<-gate
		now.Add(-1)
		return Accept
	}})
	check(t, ta.WaitPeers(ctx, 1))
	for i := range 50 {
		check(t, ta.Publish(ctx, fmt.Append(nil, i)))
	}
	for now.Load() < 2 {
		check(t, ctx.Err())
	}
	close(gate)
	for range 10 {
		_, err := tb.Next(ctx)
		check(t, err)
	}
	if most.Load() > 2 {
		t.Errorf("%d at once", most.Load())
	}
}

// A network that falls apart and comes together again goes on gossiping.
func TestPartitionAndHeal(t *testing.T) {
	ctx := testContext(t)
	var hosts []*Host
	var topics []*Topic
	for i := range 4 {
		h := newHost(t, fmt.Sprint("n", i), nil)
		hosts, topics = append(hosts, h), append(topics, join(t, h, TopicConfig{}))
	}
	chain(hosts)
	link := func(i, j int) { connect(t, ctx, hosts[i], hosts[j]) }
	link(0, 1)
	link(2, 3)
	link(1, 2)
	until(t, ctx, topics[0], topics[3], "whole")

	events, stop := hosts[1].Events(64)
	hosts[1].Ban(hosts[2].ID(), testTime, "the line is cut")
	await(t, ctx, events, PeerDisconnected, hosts[2].ID())
	stop()
	until(t, ctx, topics[0], topics[1], "left")
	until(t, ctx, topics[3], topics[2], "right")

	hosts[1].gate.ban(hosts[2].ID(), 0, "")
	link(1, 2)
	until(t, ctx, topics[0], topics[3], "healed")
	for _, h := range hosts {
		for _, p := range h.Peers() {
			if p.Score < 0 {
				t.Errorf("an honest peer has score %v", p.Score)
			}
		}
	}
}

func TestATopicOfAnotherNetworkIsNotFollowed(t *testing.T) {
	ctx := testContext(t)
	a := newHost(t, "a", nil)
	if _, err := a.pubsub.Join("/elsewhere/1"); err == nil {
		t.Error("joined a topic of another network")
	}
	topic := join(t, a, TopicConfig{})
	if _, err := a.Join("intents/1", TopicConfig{}); err == nil {
		t.Error("joined twice")
	}
	if _, err := a.Join("large/1", TopicConfig{MaxBytes: maxGossip}); err == nil {
		t.Error("joined with messages that do not fit")
	}
	check(t, topic.Close())
	if _, err := topic.Next(ctx); !errors.Is(err, ErrClosed) {
		t.Errorf("reading a closed topic says %v", err)
	}
	check(t, join(t, a, TopicConfig{}).Close())
}

// Parameters that the library refuses would show only when a topic is joined.
func TestScoresGraylistAfterTwentyBadMessages(t *testing.T) {
	if v := 20.0 * 20 * scoreInvalid; v > scoreGraylist {
		t.Errorf("20 bad messages score %v", v)
	}
	if v := 9.0 * 9 * scoreInvalid; v < scoreGossip {
		t.Errorf("9 bad messages score %v", v)
	}
	if d := pubsub.ScoreParameterDecay(scoreInvalidDecay); d <= 0 || d >= 1 {
		t.Errorf("decay %v", d)
	}
}

func TestBucketsRefillAndAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFlood(Limits{PeerMessages: 10, PeerBytes: 1 << 20, Burst: 1, IPFactor: 2}.withDefaults())
		addr, loop := netip.MustParseAddr("203.0.113.7"), netip.MustParseAddr("127.0.0.1")
		take := func(p string, a netip.Addr, n int) (ok int) {
			for range n {
				if f.take(peer.ID(p), a, 10, 1) {
					ok++
				}
			}
			return ok
		}
		if n := take("a", addr, 50); n != 10 {
			t.Errorf("a peer sent %d at once", n)
		}
		if n := take("b", addr, 50) + take("c", addr, 50); n != 10 {
			t.Errorf("an address sent %d after 10", n)
		}
		if n := take("d", loop, 50) + take("e", loop, 50) + take("f", loop, 50); n != 30 {
			t.Errorf("loopback sent %d", n)
		}
		if f.dropped("a") != 40 {
			t.Errorf("dropped %d", f.dropped("a"))
		}
		f.sweep(func(peer.ID) bool { return false })
		if len(f.peers) != 6 {
			t.Errorf("%d buckets: an empty one was forgotten", len(f.peers))
		}
		time.Sleep(time.Second)
		if n := take("a", loop, 50); n != 10 {
			t.Errorf("after a second %d", n)
		}
		time.Sleep(time.Minute)
		f.sweep(func(p peer.ID) bool { return p == "b" })
		if len(f.peers) != 1 || len(f.ips) != 0 {
			t.Errorf("%d and %d buckets are left", len(f.peers), len(f.ips))
		}
		for i := range maxQuotas + 10 {
			f.take(peer.ID(fmt.Sprint(i)), loop, 1, 1)
		}
		if len(f.peers) > maxQuotas {
			t.Errorf("%d buckets", len(f.peers))
		}
	})
}
