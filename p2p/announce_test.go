package p2p

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"
)

// A forwarder is a provider's port that leads to a container's: the container knows nothing of it.
type forwarder struct {
	net.Listener
	tasks sync.WaitGroup
}

func newForwarder(t *testing.T) *forwarder {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	f := &forwarder{Listener: l}
	t.Cleanup(func() { l.Close(); f.tasks.Wait() })
	return f
}

// serve forwards to an address of the container's until the listener is closed and both sides of each connection have gone.
func (f *forwarder) serve(to string) {
	f.tasks.Go(func() {
		for {
			in, err := f.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				in.Close()
				continue
			}
			for _, pair := range [][2]net.Conn{{in, out}, {out, in}} {
				f.tasks.Go(func() {
					_, _ = io.Copy(pair[0], pair[1]) // whatever ends it
					pair[0].Close()
					pair[1].Close()
				})
			}
		}
	})
}

// A node behind a lease's random ports is reached under what it announces, also by those who only heard of it, and nobody is told
// the address that it sees of itself.
func TestANodeBehindForwardedPortsIsReached(t *testing.T) {
	ctx := testContext(t)
	f := newForwarder(t)
	port := f.Addr().(*net.TCPAddr).Port
	announced := fmt.Sprintf("/dns/localhost/tcp/%d", port)
	inside := newHost(t, "inside", func(c *Config) { c.Listen, c.Announce = []string{"/ip4/127.0.0.1/tcp/0"}, []string{announced} })
	own := inside.host.Network().ListenAddresses()
	if len(own) != 1 {
		t.Fatal(own)
	}
	private, err := own[0].ValueForProtocol(multiaddr.P_TCP)
	check(t, err)
	f.serve("127.0.0.1:" + private)

	book := newHost(t, "book", nil)
	boot, err := ParseBootstrap(inside.Addrs())
	check(t, err)
	check(t, book.Connect(ctx, boot[0]))
	heard := peer.AddrInfo{ID: inside.ID(), Addrs: book.host.Peerstore().Addrs(inside.ID())}
	for _, a := range heard.Addrs {
		if strings.HasSuffix(a.String(), "/"+private) {
			t.Errorf("others are told %s", a)
		}
	}
	check(t, newHost(t, "other", nil).Connect(ctx, heard))
	if n := len(inside.host.Network().Peers()); n != 2 {
		t.Errorf("%d peers", n)
	}
}
