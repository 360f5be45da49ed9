package p2p

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"
)

func TestTheConfigurationIsCheckedWithARemedy(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Config)
		says   string
	}{
		"no key":           {func(c *Config) { c.Key = nil }, "paradox init"},
		"short key":        {func(c *Config) { c.Key = c.Key[:32] }, "64"},
		"no prefix":        {func(c *Config) { c.Prefix = "" }, "slash"},
		"long prefix":      {func(c *Config) { c.Prefix = "/" + strings.Repeat("x", maxPrefix) }, "128"},
		"bad listen":       {func(c *Config) { c.Listen = []string{"0.0.0.0:4001"} }, "/ip4/0.0.0.0/tcp/4001"},
		"bad announce":     {func(c *Config) { c.Announce = []string{"/ip4/x"} }, "announce"},
		"nameless peer":    {func(c *Config) { c.Bootstrap = []string{"/ip4/127.0.0.1/tcp/1"} }, "/p2p/"},
		"inverse versions": {func(c *Config) { c.Versions = Versions{3, 2} }, "3 to 2"},
	} {
		cfg := testConfig("x")
		c.change(&cfg)
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
		if h, err := New(context.Background(), cfg); err == nil {
			t.Errorf("%s: started: %v", name, h.Close())
		}
	}
	check(t, testConfig("x").Validate())
}

func TestThePeerIDIsTheKey(t *testing.T) {
	h := newHost(t, "a", nil)
	public := testKey("a").Public().(ed25519.PublicKey)
	id, err := PeerID(public)
	check(t, err)
	key, err := PublicKey(h.ID())
	check(t, err)
	if id != h.ID() || !slices.Equal(key, public) {
		t.Errorf("id %s, host %s", id, h.ID())
	}
	if _, err := PeerID(public[:31]); err == nil {
		t.Error("a short key has a peer id")
	}
}

func TestAPortInUseIsAnError(t *testing.T) {
	a := newHost(t, "a", nil)
	c := testConfig("b")
	c.Listen = []string{a.Info().Addrs[0].String()}
	if h, err := New(context.Background(), c); err == nil {
		t.Errorf("two hosts listen on %v: %v", c.Listen, h.Close())
	}
}

func TestEveryTransportConnects(t *testing.T) {
	ctx := testContext(t)
	for _, listen := range []string{"/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/udp/0/quic-v1", "/ip4/127.0.0.1/tcp/0/ws", "/ip4/127.0.0.1/udp/0/quic-v1/webtransport"} {
		a := newHost(t, "a"+listen, func(c *Config) { c.Listen = []string{listen} })
		b := newHost(t, "b"+listen, func(c *Config) { c.Listen = nil })
		connect(t, ctx, b, a)
		if p := b.Peers(); len(p) != 1 || p[0].ID != a.ID() || p[0].Inbound || p[0].Version != 1 || p[0].Agent != "paradox/test a"+listen {
			t.Errorf("%s: peers %+v", listen, p)
		}
	}
}

// The default listens with QUIC and WebTransport on one port; both can be dialled.
func TestWebTransportSharesThePortOfQUIC(t *testing.T) {
	ctx := testContext(t)
	var a *Host
	for a == nil { // another process may take the port in between
		check(t, ctx.Err())
		free, err := net.ListenPacket("udp4", "127.0.0.1:0")
		check(t, err)
		at := fmt.Sprintf("/ip4/127.0.0.1/udp/%d/quic-v1", free.LocalAddr().(*net.UDPAddr).Port)
		check(t, free.Close())
		c := testConfig("a")
		c.Listen = []string{at, at + "/webtransport"}
		if a, err = New(context.Background(), c); err != nil && !strings.Contains(err.Error(), "in use") {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { check(t, a.Close()) })
	addrs := a.Info().Addrs
	if len(addrs) != 2 {
		t.Fatalf("it listens on %v", addrs)
	}
	for i, addr := range addrs {
		b := newHost(t, fmt.Sprint("b", i), func(c *Config) { c.Listen = nil })
		check(t, b.Connect(ctx, peer.AddrInfo{ID: a.ID(), Addrs: []multiaddr.Multiaddr{addr}}))
	}
}

func TestAnnouncedAddressesReplaceTheOwn(t *testing.T) {
	h := newHost(t, "a", func(c *Config) { c.Announce = []string{"/dns4/node.example/tcp/31001"} })
	if got := fmt.Sprint(h.Addrs()); got != "[/dns4/node.example/tcp/31001/p2p/"+h.ID().String()+"]" {
		t.Errorf("addresses %s", got)
	}
}

func TestBootstrapGoesOnUntilThePeerIsThere(t *testing.T) {
	ctx := testContext(t)
	a := newHost(t, "a", nil)
	addr := a.Addrs()[0]
	check(t, a.Close())
	b := newHost(t, "b", func(c *Config) { c.Bootstrap = []string{addr} })
	for r := b.DialResults(); r[0].Error == ""; r = b.DialResults() {
		check(t, ctx.Err())
	}
	if r := b.DialResults()[0]; r.Address != addr || r.Connected || r.Attempts == 0 || !strings.Contains(r.Error, "refused") {
		t.Errorf("the peer is not there: %+v", r)
	}
	events, stop := b.Events(64)
	defer stop()
	listen, _, _ := strings.Cut(addr, "/p2p/")
	a = newHost(t, "a", func(c *Config) { c.Listen = []string{listen} })
	await(t, ctx, events, PeerReady, a.ID())
	if r := b.DialResults()[0]; !r.Connected {
		t.Errorf("the peer is there: %+v", r)
	}
	check(t, a.Close())
	await(t, ctx, events, PeerDisconnected, a.ID())
	a = newHost(t, "a", func(c *Config) { c.Listen = []string{listen} })
	await(t, ctx, events, PeerReady, a.ID())
}

func TestNodesOfOtherNetworksAndVersionsAreRefusedLoudly(t *testing.T) {
	ctx := testContext(t)
	for name, c := range map[string]struct {
		change func(*Config)
		says   string
	}{
		"network": {func(c *Config) { c.Prefix = "/paradox/other/ff" }, "/paradox/other/ff"},
		"version": {func(c *Config) { c.Versions = Versions{2, 3} }, "2 to 3"},
	} {
		a := newHost(t, "a"+name, nil)
		b := newHost(t, "b"+name, c.change)
		ea, stopA := a.Events(64)
		eb, stopB := b.Events(64)
		check(t, a.Connect(ctx, b.Info()))
		if e := await(t, ctx, ea, PeerIncompatible, b.ID()); !strings.Contains(e.Detail, c.says) {
			t.Errorf("%s: refused because %s", name, e.Detail)
		}
		await(t, ctx, ea, PeerDisconnected, b.ID())
		await(t, ctx, eb, PeerDisconnected, a.ID())
		if err := a.Connect(ctx, b.Info()); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: connecting again says %v", name, err)
		}
		stopA()
		stopB()
	}
}

func TestTheHighestCommonVersionIsAgreed(t *testing.T) {
	ctx := testContext(t)
	a := newHost(t, "a", func(c *Config) { c.Versions = Versions{1, 4} })
	b := newHost(t, "b", func(c *Config) { c.Versions = Versions{2, 3} })
	connect(t, ctx, a, b)
	if va, vb := a.Peers()[0].Version, b.Peers()[0].Version; va != 3 || vb != 3 {
		t.Errorf("versions %d and %d", va, vb)
	}
}

func TestABannedPeerStaysOut(t *testing.T) {
	ctx := testContext(t)
	a, b := newHost(t, "a", nil), newHost(t, "b", nil)
	connect(t, ctx, a, b)
	events, stop := a.Events(64)
	defer stop()
	a.Ban(b.ID(), testTime, "test")
	await(t, ctx, events, PeerDisconnected, b.ID())
	if err := a.Connect(ctx, b.Info()); err == nil || !strings.Contains(err.Error(), "test") {
		t.Errorf("dialling a banned peer: %v", err)
	}
	eb, stopB := b.Events(64)
	defer stopB()
	err := b.Connect(ctx, a.Info())
	if err == nil { // with some transports the dialler learns of it only when the connection closes at once
		await(t, ctx, eb, PeerDisconnected, a.ID())
	}
}

// Nodes that know only one bootstrap peer find each other, and those they should keep come back.
func TestNodesFindEachOther(t *testing.T) {
	ctx := testContext(t)
	seed := newHost(t, "seed", nil)
	const n = 5
	ids := make([]peer.ID, n)
	for i := range n {
		id, err := PeerID(testKey(fmt.Sprint("node", i)).Public().(ed25519.PublicKey))
		check(t, err)
		ids[i] = id
	}
	var all sync.WaitGroup
	for i := range n {
		h := newHost(t, fmt.Sprint("node", i), func(c *Config) { c.Bootstrap = seed.Addrs() })
		events, stop := h.Events(256)
		h.Keep(ids...)
		all.Go(func() {
			defer stop()
			missing := map[peer.ID]bool{}
			for _, id := range ids {
				missing[id] = id != h.ID() && h.LibP2P().Network().Connectedness(id) != network.Connected
			}
			for {
				for id, m := range missing {
					if !m {
						delete(missing, id)
					}
				}
				if len(missing) == 0 {
					return
				}
				select {
				case e := <-events:
					if e.Kind == PeerConnected {
						missing[e.Peer] = false
					}
				case <-ctx.Done():
					t.Errorf("%s never found %d peers", h.ID(), len(missing))
					return
				}
			}
		})
	}
	all.Wait()
}

func TestManyHostsInOneProcess(t *testing.T) {
	ctx := testContext(t)
	hub := newHost(t, "hub", nil)
	events, stop := hub.Events(1024)
	defer stop()
	const n = 20
	for i := range n {
		newHost(t, fmt.Sprint("spoke", i), func(c *Config) { c.Bootstrap = hub.Addrs() })
	}
	ready := map[peer.ID]bool{}
	for len(ready) < n {
		select {
		case e := <-events:
			if e.Kind == PeerReady {
				ready[e.Peer] = true
			}
		case <-ctx.Done():
			t.Fatalf("%d of %d are ready", len(ready), n)
		}
	}
}

func TestCloseIsQuickWhateverGoesOn(t *testing.T) {
	h, err := New(context.Background(), func() Config {
		c := testConfig("a")
		c.Bootstrap = []string{"/ip4/192.0.2.1/tcp/1/p2p/" + newHost(t, "gone", nil).ID().String()} // nobody answers there
		return c
	}())
	check(t, err)
	events, stop := h.Events(1)
	defer stop()
	check(t, h.Close())
	check(t, h.Close())
	if _, ok := <-events; ok {
		t.Error("the events go on")
	}
	if _, err := h.Request(context.Background(), h.ID(), Protocol{Name: "x/1"}, nil); err == nil {
		t.Error("a request on a closed host")
	}
	late, stopLate := h.Events(1)
	defer stopLate()
	if _, ok := <-late; ok {
		t.Error("a closed host has news")
	}
}
