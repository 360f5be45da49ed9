package p2p

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
)

func pair(t *testing.T) (context.Context, *Host, *Host) {
	t.Helper()
	ctx := testContext(t)
	a, b := newHost(t, "a", nil), newHost(t, "b", nil)
	connect(t, ctx, a, b)
	return ctx, a, b
}

func TestRequestAndResponse(t *testing.T) {
	ctx, a, b := pair(t)
	p := Protocol{Name: "echo/1", MaxRequest: 3 << 20, MaxResponse: 3 << 20}
	b.Handle(p, func(_ context.Context, from peer.ID, req []byte) ([]byte, error) {
		if from != a.ID() {
			t.Errorf("from %s", from)
		}
		return req, nil
	})
	for _, n := range []int{0, 1, 127, 128, growStep, growStep + 1, 3 << 20} {
		req := bytes.Repeat([]byte{7}, n)
		if got, err := a.Request(ctx, b.ID(), p, req); err != nil || !bytes.Equal(got, req) {
			t.Errorf("%d bytes came back as %d, %v", n, len(got), err)
		}
	}
}

func TestErrorsOfRequests(t *testing.T) {
	ctx, a, b := pair(t)
	p := Protocol{Name: "p/1", MaxRequest: 10, MaxResponse: 10}
	b.Handle(p, func(_ context.Context, _ peer.ID, req []byte) ([]byte, error) {
		switch string(req) {
		case "refuse":
			return nil, &Refusal{"not synced" + strings.Repeat("!", maxErrorText)}
		case "fail":
			return nil, errors.New("a secret")
		case "large":
			return make([]byte, 11), nil
		}
		return nil, nil
	})
	var refusal *Refusal
	if _, err := a.Request(ctx, b.ID(), p, []byte("refuse")); !errors.As(err, &refusal) || !strings.HasPrefix(refusal.Text, "not synced") {
		t.Errorf("a refusal is %v", err)
	}
	for _, req := range []string{"fail", "large"} {
		if _, err := a.Request(ctx, b.ID(), p, []byte(req)); !errors.Is(err, ErrRemote) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s is %v", req, err)
		}
	}
	if _, err := a.Request(ctx, b.ID(), p, make([]byte, 11)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a large request is %v", err)
	}
	wide := p
	wide.MaxRequest = 100 // ours; theirs is 10
	if _, err := a.Request(ctx, b.ID(), wide, make([]byte, 11)); err == nil {
		t.Error("the peer took too large a request")
	}
	if _, err := a.Request(ctx, b.ID(), Protocol{Name: "unknown/1"}, nil); err == nil {
		t.Error("an unknown protocol was answered")
	}
	gone, err := PeerID(make([]byte, 32))
	check(t, err)
	if _, err := a.Request(ctx, gone, p, nil); err == nil {
		t.Error("nobody answered")
	}
}

func TestASilentPeerTimesOutOnBothSides(t *testing.T) {
	ctx, a, b := pair(t)
	ended := make(chan error, 1)
	p := Protocol{Name: "slow/1", Timeout: 100 * time.Millisecond}
	b.Handle(p, func(ctx context.Context, _ peer.ID, _ []byte) ([]byte, error) {
		<-ctx.Done()
		ended <- ctx.Err()
		return nil, ctx.Err()
	})
	if _, err := a.Request(ctx, b.ID(), p, nil); err == nil {
		t.Error("a silent peer answered")
	}
	if err := <-ended; !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the handler ended with %v", err)
	}
	// One that opens a stream and never speaks is dropped too.
	s, err := a.host.NewStream(ctx, b.ID(), b.protocolID(p.Name))
	check(t, err)
	if _, err := s.Write([]byte{5}); err != nil { // a length, and nothing after it
		t.Fatal(err)
	}
	if _, err := s.Read(make([]byte, 1)); err == nil {
		t.Error("half a request was answered")
	}
	_ = s.Reset()
}

func TestRequestsAPeerAreBounded(t *testing.T) {
	ctx, a, b := pair(t)
	c := newHost(t, "c", nil)
	connect(t, ctx, c, b)
	p := Protocol{Name: "p/1", PerPeer: 2, Timeout: testTime}
	in, out := make(chan struct{}, 10), make(chan struct{})
	b.Handle(p, func(context.Context, peer.ID, []byte) ([]byte, error) {
		in <- struct{}{}
		<-out
		return nil, nil
	})
	var all sync.WaitGroup
	ask := func(h *Host) {
		all.Go(func() {
			if _, err := h.Request(ctx, b.ID(), p, nil); err != nil {
				t.Error(err)
			}
		})
		<-in
	}
	ask(a)
	ask(a)
	if _, err := a.Request(ctx, b.ID(), p, nil); !errors.Is(err, ErrBusy) {
		t.Errorf("the third request says %v", err)
	}
	ask(c) // another peer has its own bound
	close(out)
	all.Wait()
	_, err := a.Request(ctx, b.ID(), p, nil)
	check(t, err)
}

func TestCloseEndsRequests(t *testing.T) {
	ctx, a, b := pair(t)
	p := Protocol{Name: "p/1", Timeout: testTime}
	in := make(chan struct{})
	b.Handle(p, func(ctx context.Context, _ peer.ID, _ []byte) ([]byte, error) {
		close(in)
		<-ctx.Done()
		return nil, ctx.Err()
	})
	done := make(chan error, 1)
	go func() {
		_, err := a.Request(ctx, b.ID(), p, nil)
		done <- err
	}()
	<-in
	check(t, b.Close())
	if err := <-done; err == nil || ctx.Err() != nil {
		t.Errorf("the request ended with %v", err)
	}
}

// A stranger that speaks nonsense to the handshake is no node, and no harm.
func TestNonsenseInTheHandshake(t *testing.T) {
	ctx, a, b := pair(t)
	for _, raw := range [][]byte{{}, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, binary.AppendUvarint(nil, maxHello+1), {3, 1, 2, 3}} {
		var s network.Stream
		for written := false; !written; { // while two of its streams are served, a third is reset
			check(t, ctx.Err())
			var err error
			s, err = a.host.NewStream(network.WithNoDial(ctx, "test"), b.ID(), HelloProtocol)
			check(t, err)
			_, err = s.Write(raw)
			written = err == nil
		}
		err := s.CloseWrite()
		for b := make([]byte, 64); err == nil; { // its hello, then the end of the stream, one way or the other
			_, err = s.Read(b)
		}
		_ = s.Reset()
	}
	if p := b.Peers(); len(p) != 1 || p[0].Version != 1 {
		t.Errorf("peers %+v", p)
	}
}

// A handshake that is lost is tried again, and one that is over before the swarm tells of its connection counts.
func TestAHandshakeIsNotLost(t *testing.T) {
	ctx := testContext(t)
	a, b := newHost(t, "a", nil), newHost(t, "b", nil)
	var lost atomic.Int32
	b.host.SetStreamHandler(HelloProtocol, func(s network.Stream) {
		if lost.Add(1) < 3 {
			_ = s.Reset()
			return
		}
		b.hear(s)
	})
	connect(t, ctx, a, b)
	events, stop := a.Events(64)
	defer stop()
	if !a.book.disconnected(b.ID(), func() bool { return false }) {
		t.Fatal("it was not noted")
	}
	check(t, a.greet(a.host.Network().ConnsToPeer(b.ID())[0]))
	await(t, ctx, events, PeerConnected, b.ID())
	await(t, ctx, events, PeerReady, b.ID())
}

// A hello that the other could not read is said again, and a connection is not introduced twice.
func TestAHelloThatIsNotHeardIsSaidAgain(t *testing.T) {
	ctx := testContext(t)
	a, b := newHost(t, "a", nil), newHost(t, "b", nil)
	var heard atomic.Int32
	b.host.SetStreamHandler(HelloProtocol, func(s network.Stream) {
		if heard.Add(1) > 1 {
			b.hear(s)
			return
		}
		_ = writeFrame(s, b.hello(s.Conn()).encode(), maxHello)
		_, _ = s.Read(make([]byte, 1)) // as far as it comes
		_ = s.Reset()
	})
	connect(t, ctx, a, b)
	c := a.host.Network().ConnsToPeer(b.ID())[0]
	for range 3 {
		a.identified(event.EvtPeerIdentificationCompleted{Peer: b.ID(), Conn: c, Protocols: []protocol.ID{HelloProtocol}})
		a.identified(event.EvtPeerIdentificationFailed{Peer: b.ID()})
	}
	check(t, a.greet(c)) // behind those, if there were any
	if n := heard.Load(); n != 3 {
		t.Errorf("%d hellos, not a lost one, a second and one by hand", n)
	}
}

func TestBansEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		g.ban("a", time.Minute, "why")
		if g.banned("a") != "why" || g.InterceptPeerDial("a") || g.InterceptSecured(network.DirInbound, "a", nil) || g.banned("b") != "" {
			t.Error("the ban does not hold")
		}
		for i := range maxBans {
			g.ban(peer.ID(binary.BigEndian.AppendUint32(nil, uint32(i))), time.Hour, "x")
		}
		if len(g.bans) > maxBans || g.banned("a") != "" {
			t.Error("the first to end did not make room")
		}
		time.Sleep(2 * time.Hour)
		if g.banned(peer.ID(binary.BigEndian.AppendUint32(nil, 5))) != "" {
			t.Error("the ban does not end")
		}
	})
}

func FuzzHello(f *testing.F) {
	f.Add(hello{Network: testPrefix, Agent: "paradox/1", Versions: Versions{1, 2}}.encode())
	f.Add(hello{Network: testPrefix, Agent: "paradox/1", Versions: Versions{1, 2}, Process: &process{Nonce: make([]byte, nonceSize), Sig: make([]byte, 64), Time: 1}}.encode())
	f.Add([]byte{0xa0})
	f.Add([]byte("\xbf\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := parseHello(b)
		if err != nil {
			if !errors.Is(err, ErrBadFrame) {
				t.Fatal(err)
			}
			return
		}
		if !bytes.Equal(m.encode(), b) {
			t.Fatalf("%x and %x mean the same", b, m.encode())
		}
	})
}

func FuzzResponse(f *testing.F) {
	f.Add([]byte{0, 3, 1, 2, 3})
	f.Add([]byte{1, 2, 'n', 'o'})
	f.Add([]byte{0, 0x80, 0})
	f.Add([]byte{0, 0xff, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		p := Protocol{MaxResponse: 1000}
		data, err := readResponse(bufio.NewReader(bytes.NewReader(b)), p)
		if err != nil {
			return
		}
		var again bytes.Buffer
		again.WriteByte(statusOK)
		check(t, writeFrame(&again, data, p.MaxResponse))
		if !bytes.HasPrefix(b, again.Bytes()) {
			t.Fatalf("%x read as %x", b, data)
		}
	})
}

func FuzzBootstrap(f *testing.F) {
	f.Add("/ip4/127.0.0.1/tcp/4001/p2p/12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN")
	f.Add("/dnsaddr/bootstrap.libp2p.io")
	f.Fuzz(func(t *testing.T, s string) {
		infos, err := ParseBootstrap([]string{s, s})
		if err == nil && (len(infos) != 1 || infos[0].ID == "") {
			t.Fatalf("%q is %v", s, infos)
		}
	})
}
