package p2p

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/libp2p/go-libp2p/core/connmgr"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/pnet"
	"github.com/libp2p/go-libp2p/core/transport"
	"github.com/libp2p/go-libp2p/p2p/transport/quicreuse"
	libp2pwebtransport "github.com/libp2p/go-libp2p/p2p/transport/webtransport"
	"github.com/multiformats/go-multiaddr"
)

// A webTransport is libp2p's WebTransport with streams that end. A stream whose peer says that its session is gone lets readers and
// writers wait for the session's own end (webtransport-go v0.13.0, handleSessionGoneError). If the stream is reset or closed on this
// side meanwhile, the session forgets it and never tells it: who waits would wait for ever, a goroutine for each stream of a peer that
// means it. So a stream that is done with gets a deadline in the past, which wakes them.
type webTransport struct {
	transport.Transport
	optional
}

// optional is what a swarm looks for in a transport besides.
type optional interface {
	io.Closer
	transport.Resolver
	AddCertHashes(a multiaddr.Multiaddr) (multiaddr.Multiaddr, bool)
}

// newWebTransport has the parameters that libp2p fills in.
func newWebTransport(key crypto.PrivKey, psk pnet.PSK, manager *quicreuse.ConnManager, gater connmgr.ConnectionGater, limiter network.ResourceManager) (transport.Transport, error) {
	t, err := libp2pwebtransport.New(key, psk, manager, gater, limiter)
	if err != nil {
		return nil, err
	}
	more, ok := t.(optional)
	if !ok {
		return nil, fmt.Errorf("%T is not closed and resolved as WebTransport was", t)
	}
	return &webTransport{t, more}, nil
}

func (t *webTransport) Dial(ctx context.Context, a multiaddr.Multiaddr, p peer.ID) (transport.CapableConn, error) {
	c, err := t.Transport.Dial(ctx, a, p)
	if err != nil {
		return nil, err
	}
	return endingConn{c}, nil
}

func (t *webTransport) Listen(a multiaddr.Multiaddr) (transport.Listener, error) {
	l, err := t.Transport.Listen(a)
	if err != nil {
		return nil, err
	}
	return endingListener{l}, nil
}

type endingListener struct{ transport.Listener }

func (l endingListener) Accept() (transport.CapableConn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return endingConn{c}, nil
}

type endingConn struct{ transport.CapableConn }

func (c endingConn) OpenStream(ctx context.Context) (network.MuxedStream, error) {
	s, err := c.CapableConn.OpenStream(ctx)
	if err != nil {
		return nil, err
	}
	return endingStream{s}, nil
}

func (c endingConn) AcceptStream() (network.MuxedStream, error) {
	s, err := c.CapableConn.AcceptStream()
	if err != nil {
		return nil, err
	}
	return endingStream{s}, nil
}

type endingStream struct{ network.MuxedStream }

// The library may still have a stream's first bytes to write when it is reset, and lifts the deadline for that: so a writer is woken
// before, a reader after, who would else be told of the deadline and not of the reset.

func (s endingStream) Reset() error {
	s.wakeWriter()
	defer s.wakeReader()
	return s.MuxedStream.Reset()
}

func (s endingStream) ResetWithError(code network.StreamErrorCode) error {
	s.wakeWriter()
	defer s.wakeReader()
	return s.MuxedStream.ResetWithError(code)
}

// Close wakes no writer: whoever closes has written, and that is still sent.
func (s endingStream) Close() error {
	defer s.wakeReader()
	return s.MuxedStream.Close()
}

func (s endingStream) CloseRead() error {
	defer s.wakeReader()
	return s.MuxedStream.CloseRead()
}

// The stream has ended if these fail.
func (s endingStream) wakeWriter() { _ = s.SetWriteDeadline(time.Unix(1, 0)) }
func (s endingStream) wakeReader() { _ = s.SetReadDeadline(time.Unix(1, 0)) }
