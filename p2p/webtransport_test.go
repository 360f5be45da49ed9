package p2p

import (
	"bytes"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"
	"github.com/multiformats/go-multistream"
	"github.com/quic-go/quic-go"
	"github.com/quic-go/webtransport-go"
)

// A peer says of a stream that its session is gone, and goes on with the session: who reads or writes the stream is woken when it is
// reset or closed on this side. The library alone lets them wait for ever.
func TestAStreamEndsThoughItsSessionDoesNot(t *testing.T) {
	read := func(s network.Stream) error {
		_, err := s.Read(make([]byte, 1))
		return err
	}
	write := func(s network.Stream) error {
		for {
			if _, err := s.Write(make([]byte, 1<<10)); err != nil {
				return err
			}
		}
	}
	cancelWrite := func(s *quic.Stream) { s.CancelWrite(webtransport.WTSessionGoneErrorCode) }
	cancelRead := func(s *quic.Stream) { s.CancelRead(webtransport.WTSessionGoneErrorCode) }
	for name, c := range map[string]struct {
		work func(network.Stream) error
		lie  func(*quic.Stream)
		end  func(network.Stream) error
	}{
		"read, reset":      {read, cancelWrite, network.Stream.Reset},
		"read, close":      {read, cancelWrite, network.Stream.Close},
		"read, close read": {read, cancelWrite, network.Stream.CloseRead},
		"write, reset":     {write, cancelRead, network.Stream.Reset},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := testContext(t)
			a := newHost(t, "a", func(c *Config) { c.Listen = []string{"/ip4/127.0.0.1/udp/0/quic-v1/webtransport"} })
			b := newHost(t, "b", func(c *Config) { c.Listen = nil })
			streams, ended := make(chan network.Stream, 1), make(chan error, 1)
			a.LibP2P().SetStreamHandler("/liar", func(s network.Stream) {
				if _, err := s.Read(make([]byte, 1)); err != nil {
					t.Error(err)
				}
				streams <- s
				ended <- c.work(s)
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
			var s network.Stream
			select {
			case s = <-streams:
			case <-ctx.Done():
				t.Fatal("the stream does not arrive")
			}
			c.lie(raw)
			look := time.NewTicker(5 * time.Millisecond)
			defer look.Stop()
			for !runs("handleSessionGoneError") { // of a library that has no such place any more, see whether a webTransport is still needed
				select {
				case err := <-ended:
					t.Fatalf("it did not wait for the session: %v", err)
				case <-ctx.Done():
					t.Fatal("it does not wait where the library lets it")
				case <-look.C:
				}
			}
			_ = c.end(s) // a side that the peer has ended may say so
			select {
			case err := <-ended:
				if err == nil {
					t.Error("it ended well")
				}
			case <-ctx.Done():
				t.Fatal("it still waits")
			}
			_ = s.Reset() // of which only one side was closed
		})
	}
}

// runs says whether a goroutine is in a function now.
func runs(name string) bool {
	var stacks bytes.Buffer
	_ = pprof.Lookup("goroutine").WriteTo(&stacks, 2) // a buffer takes all
	return strings.Contains(stacks.String(), name)
}
