package p2p

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/p2p/host/eventbus"
	msmux "github.com/multiformats/go-multistream"
)

const (
	// HelloProtocol is the one protocol that does not name the network: two nodes of different ones must be able to say so.
	HelloProtocol = "/paradox/hello/1"

	maxHello    = 1 << 10 // bytes
	maxAgent    = 128     // bytes; it is shown to people
	helloTime   = 5 * time.Second
	foreignTime = 10 * time.Minute // before a node of another network or version may connect again
	helloBuffer = 64               // identified peers that wait for the greeter

	firstGreeting = 250 * time.Millisecond // before a lost handshake is tried again; twice that before the next time, and so on
	lastGreeting  = time.Minute            // at most
)

// ErrIncompatible means that a peer is a node of another network, or speaks no version that this one speaks.
var ErrIncompatible = errors.New("incompatible peer")

// hello is what both sides say.
type hello struct {
	Network  string   `cbor:"network"` // Prefix
	Agent    string   `cbor:"agent"`
	Versions Versions `cbor:"versions"`
	Process  *process `cbor:"process,omitempty"` // the speaker's
	Twin     *process `cbor:"twin,omitempty"`    // the newest of another process with the hearer's key
}

func (m hello) encode() []byte {
	enc, _ := helloModes()
	out, err := enc.Marshal(m)
	if err != nil {
		panic(fmt.Sprintf("p2p: a hello always has an encoding: %v", err))
	}
	return out
}

// helloModes are canonical dag-cbor both ways.
func helloModes() (cbor.EncMode, cbor.DecMode) {
	enc, err := cbor.CoreDetEncOptions().EncMode()
	dec, err2 := cbor.DecOptions{
		DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden, TagsMd: cbor.TagsForbidden,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField, MaxNestedLevels: 4,
	}.DecMode()
	if err := errors.Join(err, err2); err != nil {
		panic(fmt.Sprintf("p2p: constant options: %v", err))
	}
	return enc, dec
}

// parseHello reads the canonical encoding only.
func parseHello(b []byte) (hello, error) {
	var m hello
	_, dec := helloModes()
	if err := dec.Unmarshal(b, &m); err != nil {
		return hello{}, fmt.Errorf("%w: hello: %w", ErrBadFrame, err)
	}
	if !bytes.Equal(m.encode(), b) {
		return hello{}, fmt.Errorf("%w: hello: not canonical", ErrBadFrame)
	}
	if len(m.Agent) > maxAgent || len(m.Network) > maxPrefix || m.Versions.Min == 0 || m.Versions.Min > m.Versions.Max {
		return hello{}, fmt.Errorf("%w: hello: a field is out of bounds", ErrBadFrame)
	}
	return m, nil
}

// agree returns the highest version both speak.
func (m hello) agree(other hello) (uint32, error) {
	if m.Network != other.Network {
		return 0, fmt.Errorf("%w: it is of network %q, this node of %q; check the network file", ErrIncompatible, other.Network, m.Network)
	}
	low, high := max(m.Versions.Min, other.Versions.Min), min(m.Versions.Max, other.Versions.Max)
	if low > high {
		return 0, fmt.Errorf("%w: %q speaks versions %d to %d, this node %d to %d; upgrade the older one",
			ErrIncompatible, other.Agent, other.Versions.Min, other.Versions.Max, m.Versions.Min, m.Versions.Max)
	}
	return high, nil
}

// hello is what this node says on a connection.
func (h *Host) hello(c network.Conn) hello {
	return hello{Network: h.cfg.Prefix, Agent: h.cfg.Agent[:min(len(h.cfg.Agent), maxAgent)], Versions: h.cfg.Versions,
		Process: h.statement(), Twin: h.book.other(c)}
}

// startHello greets every peer that turns out to be a node, or that could not be identified: who dialled speaks first.
func (h *Host) startHello() error {
	h.host.SetStreamHandler(HelloProtocol, h.hear)
	sub, err := h.host.EventBus().Subscribe([]any{new(event.EvtPeerIdentificationCompleted), new(event.EvtPeerIdentificationFailed)}, eventbus.BufSize(helloBuffer))
	if err != nil {
		return fmt.Errorf("watch for peers: %w", err)
	}
	h.tasks.Go(func() {
		defer sub.Close()
		for {
			select {
			case <-h.ctx.Done():
				return
			case e, ok := <-sub.Out():
				if !ok {
					return
				}
				h.identified(e)
			}
		}
	})
	return nil
}

// identified greets on the connections that an event is of.
func (h *Host) identified(e any) {
	var conns []network.Conn
	switch e := e.(type) {
	case event.EvtPeerIdentificationCompleted:
		if e.Conn != nil && slices.Contains(e.Protocols, HelloProtocol) {
			conns = append(conns, e.Conn)
		}
	case event.EvtPeerIdentificationFailed:
		conns = h.host.Network().ConnsToPeer(e.Peer)
	}
	for _, c := range conns {
		if st := c.Stat(); st.Direction == network.DirOutbound && !st.Limited { // over a relay peers arrange a connection of their own
			h.tasks.Go(func() { h.introduce(c) })
		}
	}
}

// introduce greets a peer until it knows this node, as long as the connection lasts: a node that was not greeted would be connected
// and not be there, and nobody would dial it again. A peer is identified again with each of its changes; a connection is introduced
// once.
func (h *Host) introduce(c network.Conn) {
	if !h.book.introduce(c) {
		return
	}
	pause := time.NewTimer(0)
	defer pause.Stop()
	for wait := firstGreeting; ; wait = min(2*wait, lastGreeting) {
		select {
		case <-h.ctx.Done():
			return
		case <-pause.C:
		}
		err := h.greet(c)
		if err == nil || h.ctx.Err() != nil || c.IsClosed() {
			return
		}
		h.log.Debug("the handshake failed", "peer", c.RemotePeer(), "error", err)
		_, stranger := errors.AsType[msmux.ErrNotSupported[protocol.ID]](err)
		if stranger || errors.Is(err, ErrIncompatible) {
			h.book.strange(c) // it may become a node
			return
		}
		pause.Reset(wait)
	}
}

// greet speaks first on a connection.
func (h *Host) greet(c network.Conn) error {
	ctx, cancel := context.WithTimeout(h.ctx, helloTime)
	defer cancel()
	s, err := c.NewStream(network.WithNoDial(ctx, "handshake"))
	if err != nil {
		return fmt.Errorf("open the stream: %w", err)
	}
	defer context.AfterFunc(ctx, func() { _ = s.Reset() })()
	defer s.Close()
	if err := helloStream(c, s); err != nil {
		return err
	}
	began := now()
	if err := writeFrame(s, h.hello(s.Conn()).encode(), maxHello); err != nil {
		return fmt.Errorf("say hello: %w", err)
	}
	if err := h.meet(s); err != nil {
		if errors.Is(err, ErrIncompatible) {
			h.refuse(c.RemotePeer(), err)
		}
		return err
	}
	h.book.measured(c.RemotePeer(), now().Sub(began))
	return heard(s)
}

// heard waits until the other has ended its side of a handshake: it resets the stream of a hello that it could not read.
func heard(s network.Stream) error {
	if err := s.CloseWrite(); err != nil {
		return fmt.Errorf("end the handshake: %w", err)
	}
	switch _, err := s.Read(make([]byte, 1)); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return fmt.Errorf("the hello was not heard: %w", err)
	default:
		return fmt.Errorf("%w: something follows the hello", ErrBadFrame)
	}
}

// hear answers a hello.
func (h *Host) hear(s network.Stream) {
	leave, err := h.serving.enter(s.Conn().RemotePeer(), Protocol{Name: HelloProtocol, PerPeer: 2}) // one key may be two processes
	if err != nil {
		_ = s.Reset()
		return
	}
	defer leave()
	defer context.AfterFunc(h.ctx, func() { _ = s.Reset() })()
	if err := s.SetDeadline(now().Add(helloTime)); err != nil {
		_ = s.Reset()
		return
	}
	if err := writeFrame(s, h.hello(s.Conn()).encode(), maxHello); err != nil {
		_ = s.Reset()
		return
	}
	err = h.meet(s)
	if errors.Is(err, ErrIncompatible) {
		_, _ = s.Read(make([]byte, 1)) // until the other has read our hello too and hangs up: it should know why
		h.refuse(s.Conn().RemotePeer(), err)
	}
	if err != nil {
		h.log.Debug("the handshake failed", "peer", s.Conn().RemotePeer(), "error", err)
		_ = s.Reset()
		return
	}
	_ = s.Close()
}

// meet reads the other's hello, and notes the peer as a node if they agree.
func (h *Host) meet(s network.Stream) error {
	p := s.Conn().RemotePeer()
	raw, err := readFrame(bufio.NewReader(s), maxHello)
	if err != nil {
		return err
	}
	other, err := parseHello(raw)
	if err != nil {
		return err
	}
	version, err := h.hello(s.Conn()).agree(other)
	if err != nil {
		return err
	}
	h.connected(s.Conn())
	h.accused(other.Twin, p)
	if other.Process != nil && other.Process.check(p) == nil && h.book.leads(s.Conn(), other.Process) {
		h.tellDouble(p)
	}
	if h.book.greeted(p, other.Agent, version) {
		h.events.emit(Event{Kind: PeerReady, Peer: p, Detail: other.Agent})
		h.nudge()
	}
	return nil
}

// refuse closes on an incompatible node, loudly: its operator or ours has the wrong file or program.
func (h *Host) refuse(p peer.ID, why error) {
	h.log.Warn("refused a peer", "peer", p, "error", why)
	h.gate.ban(p, foreignTime, why.Error())
	h.events.emit(Event{Kind: PeerIncompatible, Peer: p, Detail: why.Error()})
	h.leave(p)
}

// Ban closes the connections of a peer and refuses it for a time.
func (h *Host) Ban(p peer.ID, d time.Duration, reason string) {
	h.gate.ban(p, d, reason)
	h.events.emit(Event{Kind: PeerBanned, Peer: p, Detail: reason})
	h.leave(p)
}

// leave closes a peer's connections in the background: the caller may stand in a callback of one of them.
func (h *Host) leave(p peer.ID) {
	h.tasks.Go(func() {
		if err := h.host.Network().ClosePeer(p); err != nil {
			h.log.Debug("closing a connection", "peer", p, "error", err)
		}
	})
}
