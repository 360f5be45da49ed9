package p2p

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"testing"

	"github.com/ipfs/go-datastore"
	"github.com/libp2p/go-libp2p-kad-dht/records"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"
)

// A stranger who announces without end displaces its own records, and nobody else's.
func TestProviderRecordsAreBounded(t *testing.T) {
	h := newHost(t, "a", nil)
	s := newProviders(100)
	m, err := records.NewProviderManager(h.ID(), h.host.Peerstore(), s)
	check(t, err)
	ctx := testContext(t)
	id := func(name string) peer.ID {
		p, err := PeerID(testKey(name).Public().(ed25519.PublicKey))
		check(t, err)
		return p
	}
	honest, stranger := id("honest"), id("stranger")
	addr := multiaddr.StringCast("/ip4/127.0.0.1/tcp/4001")
	add := func(key string, who peer.ID) {
		check(t, m.AddProvider(ctx, []byte(key), peer.AddrInfo{ID: who, Addrs: []multiaddr.Multiaddr{addr}}))
	}
	for i := range 20 {
		add(fmt.Sprint("block ", i), honest)
	}
	for i := range 2000 { // the library writes in batches of some hundreds
		add(fmt.Sprint("junk ", i), stranger)
	}
	if len(s.peers) != 2 || s.all > 100 || len(s.blocks) > 100 {
		t.Fatalf("%d records of %d blocks, %d peers", s.all, len(s.blocks), len(s.peers))
	}
	for i := range 20 {
		got, err := m.GetProviders(ctx, fmt.Appendf(nil, "block %d", i))
		if err != nil || len(got) != 1 || got[0].ID != honest {
			t.Errorf("block %d: %v, %v", i, got, err)
		}
	}
	check(t, m.Close())
}

func TestProviderRecordsAreADatastore(t *testing.T) {
	s, ctx := newProviders(3), testContext(t)
	key := func(block, who string) datastore.Key { return datastore.NewKey("/providers/" + block + "/" + who) }
	for _, k := range []datastore.Key{key("x", "a"), key("x", "b"), key("y", "a"), key("y", "a")} {
		check(t, s.Put(ctx, k, []byte(k.String())))
	}
	if v, err := s.Get(ctx, key("y", "a")); err != nil || string(v) != "/providers/y/a" || s.all != 3 {
		t.Errorf("got %q, %v, of %d", v, err, s.all)
	}
	check(t, s.Put(ctx, key("z", "b"), nil)) // a has two, the older one goes
	if has, _ := s.Has(ctx, key("x", "a")); has || s.all != 3 {
		t.Errorf("the oldest is there: %v, %d", has, s.all)
	}
	check(t, s.Delete(ctx, key("x", "b")))
	check(t, s.Delete(ctx, key("x", "b")))
	if _, err := s.GetSize(ctx, key("x", "b")); !errors.Is(err, datastore.ErrNotFound) || s.all != 2 {
		t.Errorf("got %v, %d", err, s.all)
	}
	if s.Put(ctx, datastore.NewKey("/providers/x"), nil) == nil {
		t.Error("a record of no peer is kept")
	}
}
