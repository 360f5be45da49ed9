package p2p

import (
	"bytes"
	"runtime/pprof"
	"strings"
	"testing"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"
	"github.com/multiformats/go-multistream"
	"github.com/quic-go/quic-go"
	"github.com/quic-go/webtransport-go"
)

// A peer says of a stream that its session is gone, and goes on with the session: who reads the stream is woken when it is reset or
// closed on this side. The library alone lets it wait for ever.
func TestAStreamEndsThoughItsSessionDoesNot(t *testing.T) {
	for name, end := range map[string]func(network.Stream) error{"reset": network.Stream.Reset, "close": network.Stream.Close} {
		t.Run(name, func(t *testing.T) {
			ctx := testContext(t)
			a := newHost(t, "a", func(c *Config) { c.Listen = []string{"/ip4/127.0.0.1/udp/0/quic-v1/webtransport"} })
			b := newHost(t, "b", func(c *Config) { c.Listen = nil })
			streams, ended := make(chan network.Stream, 1), make(chan error, 1)
			a.LibP2P().SetStreamHandler("/liar", func(s network.Stream) {
				one := make([]byte, 1)
				_, err := s.Read(one)
				check(t, err)
				streams <- s
				_, err = s.Read(one)
				ended <- err
			})
			check(t, b.Connect(ctx, peer.AddrInfo{ID: a.ID(), Addrs: []multiaddr.Multiaddr{a.LibP2P().Addrs()[0]}}))
			var conn *quic.Conn
			if c := b.LibP2P().Network().ConnsToPeer(a.ID())[0]; !c.As(&conn) {
				t.Fatalf("%T is no QUIC", c)
			}
			raw, err := conn.OpenStreamSync(ctx)
			check(t, err)
			_, err = raw.Write([]byte{0x40, 0x41, 0}) // a WebTransport stream of the session that the connection's first stream began
			check(t, err)
			check(t, multistream.SelectProtoOrFail("/liar", raw))
			_, err = raw.Write([]byte{1})
			check(t, err)
			s := <-streams
			raw.CancelWrite(webtransport.WTSessionGoneErrorCode)
			for !runs("handleSessionGoneError") { // of a library that has no such place any more, see whether a webTransport is still needed
				select {
				case err := <-ended:
					t.Fatalf("the reader did not wait for the session: %v", err)
				case <-ctx.Done():
					t.Fatal("the reader does not wait where the library lets it")
				default:
				}
			}
			check(t, end(s))
			select {
			case err := <-ended:
				if err == nil {
					t.Error("it read something")
				}
			case <-ctx.Done():
				t.Fatal("the reader still waits")
			}
		})
	}
}

// runs says whether a goroutine is in a function now.
func runs(name string) bool {
	var stacks bytes.Buffer
	_ = pprof.Lookup("goroutine").WriteTo(&stacks, 2) // a buffer takes all
	return strings.Contains(stacks.String(), name)
}
