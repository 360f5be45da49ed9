package node

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/ipfs/boxo/bitswap/client"
	"github.com/ipfs/boxo/bitswap/network/bsnet"
	"github.com/ipfs/boxo/blockstore"
	"github.com/ipfs/go-cid"
	"github.com/ipfs/go-datastore"
	dssync "github.com/ipfs/go-datastore/sync"
	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"

	"github.com/phantom-paradox/paradox/ledger"
	"github.com/phantom-paradox/paradox/node/api"
	"github.com/phantom-paradox/paradox/storage"
	"github.com/phantom-paradox/paradox/storage/pinning/pinningtest"
)

// foreign fetches a root and everything that it links to from a node, as an IPFS client of others would: a plain libp2p host, which
// knows nothing of this network, and boxo's bitswap.
func foreign(ctx context.Context, root cid.Cid, addresses []string) (map[cid.Cid][]byte, error) {
	h, err := libp2p.New(libp2p.NoListenAddrs, libp2p.DisableMetrics())
	if err != nil {
		return nil, err
	}
	defer h.Close()
	net := bsnet.NewFromIpfsHost(h)
	swap := client.New(ctx, net, nil, blockstore.NewBlockstore(dssync.MutexWrap(datastore.NewMapDatastore())))
	net.Start(swap)
	defer net.Stop()
	defer swap.Close()
	var all []multiaddr.Multiaddr
	for _, text := range addresses {
		a, err := multiaddr.NewMultiaddr(text)
		if err != nil {
			return nil, err
		}
		all = append(all, a)
	}
	infos, err := peer.AddrInfosFromP2pAddrs(all...)
	if err != nil || len(infos) == 0 {
		return nil, fmt.Errorf("nobody to ask: %w", err)
	}
	if err := h.Connect(ctx, infos[0]); err != nil {
		return nil, err
	}
	session, got := swap.NewSession(ctx), map[cid.Cid][]byte{}
	for todo := []cid.Cid{root}; len(todo) > 0; todo = todo[1:] {
		if got[todo[0]] != nil {
			continue
		}
		b, err := session.GetBlock(ctx, todo[0])
		if err != nil {
			return nil, err
		}
		got[b.Cid()] = b.RawData()
		links, err := storage.Links(b.Cid(), b.RawData())
		if err != nil {
			return nil, err
		}
		todo = append(todo, links...)
	}
	return got, nil
}

// trade settles a payment and returns the root of its batch.
func (c *cluster) trade(a, b *testWallet) cid.Cid {
	c.t.Helper()
	ids := c.take(0, c.pay(a, b, 100))
	c.settled(ids)
	s, _, err := c.nodes[0].book.status(ids[0])
	if err != nil {
		c.t.Fatal(err)
	}
	r, err := c.nodes[0].book.round(s.Height)
	if err != nil {
		c.t.Fatal(err)
	}
	h, err := ledger.ParseHeader(r.Certificate.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	id, err := toCID(h.Batch)
	if err != nil {
		c.t.Fatal(err)
	}
	return id
}

func TestAnyIPFSClientFetchesTheHistory(t *testing.T) {
	c := newCluster(t, 1)
	c.start(0)
	a, b := c.wallet(0, 1_000_000), c.wallet(1, 0)
	c.seen()
	first := c.trade(a, b)
	root := c.trade(a, b)
	got, err := foreign(t.Context(), root, c.nodes[0].host.Addrs())
	if err != nil {
		t.Fatal(err)
	}
	if got[first] == nil || first == root || len(got) < 4 { // two roots, and a bundle each
		t.Errorf("%d blocks; the batch before is there: %v", len(got), got[first] != nil)
	}
	for id, data := range got {
		if storage.CIDOf(data) != id {
			t.Errorf("%s is another block", id)
		}
	}
}

// A settled batch gets to two services, which fetch it from the node with its history, while a third refuses and a fourth fails
// for a while.
func TestSettledBatchesArePinnedRemotely(t *testing.T) {
	fetched := func(s *pinningtest.Server) {
		s.Get = func(ctx context.Context, text string, origins []string) error {
			id, err := cid.Decode(text)
			if err != nil {
				return err
			}
			got, err := foreign(ctx, id, origins)
			if err == nil && len(got) < 2 {
				err = errors.New("a root without a bundle")
			}
			return err
		}
	}
	var services []*pinningtest.Server
	for range 3 {
		s := pinningtest.New(fetched)
		t.Cleanup(s.Stop)
		services = append(services, s)
	}
	services[1].Fail(pinningtest.Fault{Status: 503}, pinningtest.Fault{Status: 429, RetryAfter: "1"}, pinningtest.Fault{Status: 200, Body: "garbage"})
	c := newCluster(t, 1)
	cfg := c.config(0, true)
	for i, s := range services {
		cfg.Settings.IPFS.Pinning = append(cfg.Settings.IPFS.Pinning, s.Base())
		cfg.Settings.IPFS.PinningTokens = append(cfg.Settings.IPFS.PinningTokens, []string{pinningtest.Token, pinningtest.Token, "an-old-token"}[i])
	}
	if err := c.startConfig(0, cfg); err != nil {
		t.Fatal(err)
	}
	a, b := c.wallet(0, 1_000_000), c.wallet(1, 0)
	c.seen()
	holds := func(s *pinningtest.Server, root cid.Cid) bool {
		p := s.Pins()
		return len(p) == 1 && p[0].CID == root.String() && p[0].Status == "pinned"
	}
	for range 2 {
		root := c.trade(a, b)
		c.wait("two services hold it, and let go of the one before", func() bool { return holds(services[0], root) && holds(services[1], root) })
	}
	var found api.Check
	c.wait("the node tells of the third", func() bool {
		h, err := c.nodes[0].facade.Health(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range h.Checks {
			if x.Name == "pinning" {
				found = x
			}
		}
		return found.Status == api.Degraded
	})
	if !strings.Contains(found.Detail, "401") || strings.Contains(found.Detail+found.Remedy, "an-old-token") || found.Remedy == "" {
		t.Errorf("the check is %+v", found)
	}
	if n := len(services[2].Pins()); n != 0 {
		t.Errorf("the third has %d pins", n)
	}
}
