package storage

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p"
	dht "github.com/libp2p/go-libp2p-kad-dht"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
)

const testTime = 30 * time.Second // nothing here should take a tenth of it

func testContext(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), testTime)
	t.Cleanup(cancel)
	return ctx
}

func newHost(t *testing.T) host.Host {
	t.Helper()
	h, err := libp2p.New(libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"), libp2p.DisableRelay(), libp2p.DisableMetrics())
	check(t, err)
	t.Cleanup(func() { check(t, h.Close()) })
	return h
}

func newIPFS(t *testing.T, h host.Host, change func(*IPFSConfig)) *IPFS {
	t.Helper()
	cfg := IPFSConfig{Store: open(t, t.TempDir()), Host: h}
	if change != nil {
		change(&cfg)
	}
	f, err := NewIPFS(cfg)
	check(t, err)
	t.Cleanup(func() { check(t, f.Close()) })
	return f
}

func info(h host.Host) peer.AddrInfo { return peer.AddrInfo{ID: h.ID(), Addrs: h.Addrs()} }

// bytestring is a dag-cbor block: a byte string of n bytes in all, different for each seed.
func bytestring(n int, seed uint64) []byte {
	out := binary.BigEndian.AppendUint32([]byte{0x5a}, uint32(n-5))
	for block := 0; len(out) < n; block++ {
		sum := sha256.Sum256(fmt.Append(nil, seed, block))
		out = append(out, sum[:]...)
	}
	return out[:n]
}

// linked is a dag-cbor list of links.
func linked(ids ...cid.Cid) []byte {
	out := []byte{0x98, byte(len(ids))}
	if len(ids) < 24 {
		out = []byte{0x80 | byte(len(ids))}
	}
	for _, id := range ids {
		out = append(out, 0xd8, 0x2a, 0x58, byte(len(id.Bytes())+1), 0)
		out = append(out, id.Bytes()...)
	}
	return out
}

func TestABlockLivesAcrossARestart(t *testing.T) {
	ctx, dir, h := testContext(t), t.TempDir(), newHost(t)
	var id cid.Cid
	for i := range 2 {
		s, err := Open(dir, Options{})
		check(t, err)
		f, err := NewIPFS(IPFSConfig{Store: s, Host: h})
		check(t, err)
		if i == 0 {
			ids, err := f.PutPinned(ctx, "test", []byte{0xa0})
			check(t, err)
			id = ids[0]
			if id.String() != "bafyreigbtj4x7ip5legnfznufuopl4sg4knzc2cof6duas4b3q2fy6swua" { // the empty map
				t.Errorf("the CID is %s", id)
			}
		}
		if data, err := f.Get(ctx, id); err != nil || !bytes.Equal(data, []byte{0xa0}) {
			t.Errorf("got %x, %v", data, err)
		}
		if owners, err := f.Pinned(id); err != nil || fmt.Sprint(owners) != "[test]" {
			t.Errorf("pinned by %v, %v", owners, err)
		}
		check(t, f.Close())
		check(t, f.Close())
		check(t, s.Close())
	}
}

func TestBoundsOfBlocks(t *testing.T) {
	ctx := testContext(t)
	f := newIPFS(t, newHost(t), nil)
	if _, err := f.Put(ctx, make([]byte, MaxBlock+1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a block of more than 1 MiB: %v", err)
	}
	if _, err := f.Put(ctx, bytestring(MaxBlock, 1)); err != nil {
		t.Errorf("a block of 1 MiB: %v", err)
	}
	v0 := cid.NewCidV0(CIDOf(nil).Hash())
	for _, id := range []cid.Cid{cid.Undef, v0} {
		if _, err := f.Get(ctx, id); !errors.Is(err, ErrBadCID) {
			t.Errorf("%v: %v", id, err)
		}
		if err := f.Pin("o", id); !errors.Is(err, ErrBadCID) {
			t.Errorf("pin %v: %v", id, err)
		}
	}
	if err := f.Pin("", CIDOf(nil)); err == nil {
		t.Error("a pin without an owner")
	}
}

func TestFetchFromTheHintedPeerThoughAnotherIsAskedFirst(t *testing.T) {
	ctx := testContext(t)
	a, b, c := newHost(t), newHost(t), newHost(t)
	fa, _, fc := newIPFS(t, a, nil), newIPFS(t, b, nil), newIPFS(t, c, nil)
	check(t, a.Connect(ctx, info(b))) // b has nothing and says so
	data := bytestring(MaxBlock, 1)
	id, err := fc.Put(ctx, data)
	check(t, err)
	gone := peer.AddrInfo{ID: newGonePeer(t), Addrs: b.Addrs()} // nobody with this id listens there
	got, err := fa.Fetch(ctx, id, FetchOptions{Timeout: testTime, Peers: []peer.AddrInfo{gone, info(b), info(c)}})
	if err != nil || !bytes.Equal(got, data) {
		t.Fatalf("fetched %d bytes, %v", len(got), err)
	}
	if ok, err := fa.Has(ctx, id); err != nil || !ok {
		t.Errorf("it was not kept: %v", err)
	}
}

func newGonePeer(t *testing.T) peer.ID {
	h, err := libp2p.New(libp2p.NoListenAddrs, libp2p.DisableMetrics())
	check(t, err)
	check(t, h.Close())
	return h.ID()
}

func TestFetchManyFromSeveralPeers(t *testing.T) {
	ctx := testContext(t)
	hosts := []host.Host{newHost(t), newHost(t), newHost(t)}
	var nodes []*IPFS
	for _, h := range hosts {
		nodes = append(nodes, newIPFS(t, h, nil))
	}
	var ids []cid.Cid
	var want [][]byte
	for i := range 60 {
		data := bytestring(40_000, uint64(i))
		id, err := nodes[i%3].Put(ctx, data)
		check(t, err)
		ids, want = append(ids, id), append(want, data)
	}
	got, err := nodes[0].FetchMany(ctx, ids, FetchOptions{Timeout: testTime, Peers: []peer.AddrInfo{info(hosts[1]), info(hosts[2])}})
	check(t, err)
	for i := range want {
		if !bytes.Equal(got[i], want[i]) {
			t.Fatalf("block %d is wrong", i)
		}
	}
	st, err := nodes[0].Stats()
	check(t, err)
	if st.BlocksReceived < 40 { // both peers may send the same one
		t.Errorf("stats %+v", st)
	}
}

func TestAFetchWaitsForAPeerThatGetsTheBlockLater(t *testing.T) {
	ctx := testContext(t)
	a, b := newHost(t), newHost(t)
	fa, fb := newIPFS(t, a, nil), newIPFS(t, b, nil)
	check(t, a.Connect(ctx, info(b)))
	data := bytestring(1000, 7)
	done := make(chan error, 1)
	go func() {
		_, err := fa.Fetch(ctx, CIDOf(data), FetchOptions{Timeout: testTime})
		done <- err
	}()
	for len(fb.swap.WantlistForPeer(a.ID())) == 0 { // until b knows that a wants it
		select {
		case err := <-done:
			t.Fatalf("the fetch ended: %v", err)
		default:
		}
	}
	_, err := fb.Put(ctx, data)
	check(t, err)
	check(t, <-done)
}

func TestAFetchOfWhatNobodyHasEnds(t *testing.T) {
	ctx := testContext(t)
	a, b := newHost(t), newHost(t)
	fa := newIPFS(t, a, nil)
	newIPFS(t, b, nil)
	check(t, a.Connect(ctx, info(b)))
	_, err := fa.Fetch(ctx, CIDOf([]byte("x")), FetchOptions{Timeout: 50 * time.Millisecond})
	if !errors.Is(err, ErrNotFound) {
		t.Errorf("it says %v", err)
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := fa.Fetch(cancelled, CIDOf([]byte("x")), FetchOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled fetch says %v", err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := fa.Fetch(ctx, CIDOf([]byte("y")), FetchOptions{Timeout: testTime})
		done <- err
	}()
	check(t, fa.Close())
	if err := <-done; err == nil || ctx.Err() != nil {
		t.Errorf("the fetch of a node that was closed ended with %v", err)
	}
}

func TestFetchFindsAProviderInTheDHT(t *testing.T) {
	ctx := testContext(t)
	var hosts []host.Host
	var routers []*dht.IpfsDHT
	for range 3 {
		h := newHost(t)
		d, err := dht.New(h, dht.Mode(dht.ModeServer), dht.ProtocolPrefix("/test"))
		check(t, err)
		t.Cleanup(func() { check(t, d.Close()) })
		hosts, routers = append(hosts, h), append(routers, d)
	}
	check(t, hosts[0].Connect(ctx, info(hosts[1]))) // 0 - 1 - 2: only 1 knows both
	check(t, hosts[2].Connect(ctx, info(hosts[1])))
	fa := newIPFS(t, hosts[0], func(c *IPFSConfig) { c.Routing = routers[0] })
	fc := newIPFS(t, hosts[2], func(c *IPFSConfig) { c.Routing = routers[2] })
	for _, d := range routers {
		for d.RoutingTable().Size() == 0 {
			check(t, ctx.Err())
			<-d.RefreshRoutingTable()
		}
	}
	id, err := fc.Put(ctx, []byte{0xa0})
	check(t, err)
	fc.Provide(id)
	for { // the announcement is made in the background
		found, err := routers[1].FindProviders(ctx, id)
		check(t, err)
		if len(found) > 0 {
			break
		}
	}
	if _, err := fa.Fetch(ctx, id, FetchOptions{Timeout: testTime}); err != nil {
		t.Error(err)
	}
}

func TestGatewaysAreTriedInOrderAndNotBelieved(t *testing.T) {
	ctx := testContext(t)
	good := bytestring(1000, 3)
	id := CIDOf(good)
	var asked []string
	var mu sync.Mutex
	gateway := func(name string, fn http.HandlerFunc) string {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			asked = append(asked, name)
			mu.Unlock()
			if path.Base(r.URL.Path) != id.String() || r.URL.Query().Get("format") != "raw" || r.Header.Get("Accept") != "application/vnd.ipld.raw" {
				t.Errorf("%s was asked %s", name, r.URL)
			}
			fn(w, r)
		}))
		t.Cleanup(srv.Close)
		return srv.URL
	}
	write := func(data []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			if _, err := w.Write(data); err != nil {
				t.Log(err) // it hung up: what came was too large
			}
		}
	}
	urls := []string{
		gateway("missing", http.NotFound),
		gateway("lying", write([]byte("no"))),
		gateway("endless", write(make([]byte, 3*MaxBlock))),
		gateway("good", write(good)),
	}
	f := newIPFS(t, newHost(t), func(c *IPFSConfig) { c.Gateways = urls[:3] })
	_, err := f.Fetch(ctx, id, FetchOptions{Timeout: time.Millisecond})
	if !errors.Is(err, ErrNotFound) || !errors.Is(err, ErrBadBlock) || !errors.Is(err, ErrTooLarge) {
		t.Errorf("three bad gateways: %v", err)
	}
	f = newIPFS(t, newHost(t), func(c *IPFSConfig) { c.Gateways = urls })
	asked = nil
	got, err := f.Fetch(ctx, id, FetchOptions{Timeout: time.Millisecond})
	if err != nil || !bytes.Equal(got, good) || strings.Join(asked, " ") != "missing lying endless good" {
		t.Errorf("asked %v, got %d bytes, %v", asked, len(got), err)
	}
	for _, bad := range []string{"trustless-gateway.link", "ftp://x", "http://"} {
		if _, err := newGateways([]string{bad}, nil); err == nil {
			t.Errorf("gateway %q was taken", bad)
		}
	}
}

// Whatever a gateway does, the next is asked, and each failure is counted; a caller that gives up says nothing of a gateway.
func TestEveryFaultOfAGatewayIsCounted(t *testing.T) {
	ctx := testContext(t)
	good := bytestring(1000, 4)
	id := CIDOf(good)
	for name, fault := range map[string]http.HandlerFunc{
		"busy": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
		},
		"down":    func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) },
		"garbage": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) },
		"cut": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write(good[:10])
		},
		"hangs up": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"silent":   func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	} {
		t.Run(name, func(t *testing.T) {
			bad := httptest.NewServer(fault)
			defer bad.Close()
			well := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(good) }))
			defer well.Close()
			f := newIPFS(t, newHost(t), func(c *IPFSConfig) { c.Gateways = []string{bad.URL, well.URL} })
			f.gates.timeout = time.Second
			got, err := f.Fetch(ctx, id, FetchOptions{Timeout: time.Millisecond})
			if err != nil || !bytes.Equal(got, good) || f.GatewayFailures() != 1 {
				t.Errorf("got %d bytes, %v; %d failures", len(got), err, f.GatewayFailures())
			}
		})
	}
	asked := make(chan struct{})
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { close(asked); <-r.Context().Done() }))
	defer silent.Close()
	f := newIPFS(t, newHost(t), func(c *IPFSConfig) { c.Gateways = []string{silent.URL} })
	short, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() {
		_, err := f.Fetch(short, id, FetchOptions{Timeout: time.Millisecond})
		done <- err
	}()
	<-asked
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) || f.GatewayFailures() != 0 {
		t.Errorf("given up: %v, %d failures", err, f.GatewayFailures())
	}
}

func TestCollectionTakesOnlyWhatNobodyHolds(t *testing.T) {
	ctx := testContext(t)
	f := newIPFS(t, newHost(t), nil)
	var pinned, loose []cid.Cid
	for i := range 600 {
		data := bytestring(100, uint64(i))
		ids, err := f.put(ctx, []string{"", "pool"}[i%2], data)
		check(t, err)
		if i%2 == 0 {
			loose = append(loose, ids...)
		} else {
			pinned = append(pinned, ids...)
		}
	}
	check(t, f.Pin("batch", pinned[0], pinned[1]))
	check(t, f.Unpin("pool", pinned[0], pinned[2]))
	for round, want := range []GCResult{{600, 0}, {299, 301}, {299, 0}} { // the first spares what has just come
		if res, err := f.GC(ctx); err != nil || res != want {
			t.Errorf("collection %d: %+v, %v", round, res, err)
		}
	}
	for _, c := range []struct {
		id   cid.Cid
		want bool
	}{{loose[0], false}, {pinned[0], true}, {pinned[1], true}, {pinned[2], false}, {pinned[3], true}} {
		if ok, err := f.Has(ctx, c.id); err != nil || ok != c.want {
			t.Errorf("%s is here: %v, %v", c.id, ok, err)
		}
	}
	n := 0
	check(t, f.eachPinned(func(cid.Cid) bool { n++; return true }))
	if n != 299 {
		t.Errorf("%d blocks are pinned", n)
	}
}

func TestCollectionRacesPuts(t *testing.T) {
	ctx := testContext(t)
	f := newIPFS(t, newHost(t), nil)
	var stop atomic.Bool
	var all sync.WaitGroup
	all.Go(func() {
		for !stop.Load() {
			if _, err := f.GC(ctx); err != nil {
				t.Error(err)
			}
		}
	})
	var ids []cid.Cid
	for i := range 500 {
		got, err := f.PutPinned(ctx, "pool", bytestring(100, uint64(i)))
		check(t, err)
		ids = append(ids, got...)
	}
	stop.Store(true)
	all.Wait()
	for _, id := range ids {
		if ok, err := f.Has(ctx, id); err != nil || !ok {
			t.Fatalf("%s is gone, %v", id, err)
		}
	}
}

func TestAnArchiveCarriesABatch(t *testing.T) {
	ctx := testContext(t)
	f := newIPFS(t, newHost(t), nil)
	before, err := f.Put(ctx, linked())
	check(t, err)
	ids := []cid.Cid{before}
	for i := range 30 {
		id, err := f.Put(ctx, bytestring(1000, uint64(i)))
		check(t, err)
		ids = append(ids, id)
	}
	root, err := f.Put(ctx, linked(append(ids, ids[1])...))
	check(t, err)
	var car bytes.Buffer
	check(t, f.ExportCAR(ctx, &car, root, 1, before))

	g := newIPFS(t, newHost(t), nil)
	roots, err := g.ImportCAR(ctx, bytes.NewReader(car.Bytes()), "import")
	if err != nil || len(roots) != 1 || roots[0] != root {
		t.Fatalf("imported %v, %v", roots, err)
	}
	for _, id := range append(ids[1:], root) {
		if owners, err := g.Pinned(id); err != nil || len(owners) != 1 {
			t.Errorf("%s is pinned by %v, %v", id, owners, err)
		}
		if _, err := g.Get(ctx, id); err != nil {
			t.Error(err)
		}
	}
	if ok, err := g.Has(ctx, before); err != nil || ok {
		t.Errorf("the batch before came along, %v", err)
	}
	if err := g.ExportCAR(ctx, &bytes.Buffer{}, root, 1); !errors.Is(err, ErrNotFound) {
		t.Errorf("an export with a missing block: %v", err)
	}
	bad := bytes.Clone(car.Bytes())
	bad[len(bad)-1] ^= 1
	if _, err := g.ImportCAR(ctx, bytes.NewReader(bad), "x"); !errors.Is(err, ErrBadCAR) && !errors.Is(err, ErrBadBlock) {
		t.Errorf("a forged archive: %v", err)
	}
	if _, err := g.ImportCAR(ctx, strings.NewReader("not a car"), "x"); !errors.Is(err, ErrBadCAR) {
		t.Errorf("no archive: %v", err)
	}
}

func FuzzLinks(f *testing.F) {
	f.Add(linked(CIDOf(nil), CIDOf([]byte{1})))
	f.Add([]byte{0xa1, 0x61, 0x61, 0xf6})
	f.Fuzz(func(t *testing.T, data []byte) {
		ids, err := Links(CIDOf(data), data)
		if err == nil && len(ids)*2 > len(data) {
			t.Fatalf("%d links in %d bytes", len(ids), len(data))
		}
	})
}

func FuzzArchive(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("\x11\xa2eroots\x80gversion\x01"))
	store, err := Open(f.TempDir(), Options{})
	if err != nil {
		f.Fatal(err)
	}
	h, err := libp2p.New(libp2p.NoListenAddrs, libp2p.DisableMetrics())
	if err != nil {
		f.Fatal(err)
	}
	node, err := NewIPFS(IPFSConfig{Store: store, Host: h})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		if err := errors.Join(node.Close(), h.Close(), store.Close()); err != nil {
			f.Error(err)
		}
	})
	f.Fuzz(func(t *testing.T, data []byte) {
		_, err := node.ImportCAR(context.Background(), bytes.NewReader(data), "fuzz")
		if err != nil && !errors.Is(err, ErrBadCAR) && !errors.Is(err, ErrBadBlock) && !errors.Is(err, ErrBadCID) {
			t.Fatal(err)
		}
	})
}
