package p2p

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/sec"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	quic "github.com/libp2p/go-libp2p/p2p/transport/quic"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	ws "github.com/libp2p/go-libp2p/p2p/transport/websocket"
	"golang.org/x/sync/errgroup"
)

const (
	probeTime  = 10 * time.Second // one address
	probeAtOne = 8                // addresses at once
)

// A ProbeResult says how it went with one address.
type ProbeResult struct {
	Address string
	Agent   string        // as the peer calls itself
	Version uint32        // of the node protocol that both speak
	Took    time.Duration // to connect and say hello
	Err     error
}

// errName means that the name in an address leads nowhere; libp2p has only "no good addresses" for it.
var errName = errors.New("the name in it cannot be looked up")

// Remedy is what to do about an address that did not do.
func (r ProbeResult) Remedy() string {
	var other sec.ErrPeerIDMismatch
	switch {
	case r.Err == nil:
		return ""
	case errors.Is(r.Err, ErrIncompatible):
		return "Compare the network's hash and the release (paradox version) with that peer's operator; the one that is behind upgrades."
	case errors.As(r.Err, &other):
		return "Another key answers there: ask its operator for the address as it is now (paradox peers prints it)."
	case errors.Is(r.Err, errName):
		return "Look at the name and at this machine's DNS, or name an address by its IP."
	case errors.Is(r.Err, syscall.ECONNREFUSED):
		return "Nothing listens at that port: ask its operator whether the node runs, and which port is forwarded to it."
	case errors.Is(r.Err, context.DeadlineExceeded), errors.Is(r.Err, syscall.ENETUNREACH), errors.Is(r.Err, syscall.EHOSTUNREACH):
		return "Nothing comes back: a firewall on either side, or an address that is old."
	}
	return "Ask its operator for an address that works (paradox peers prints them)."
}

// Probe dials each address by itself, under a name that nobody knows, and says hello as a node of the network would: whether an
// address leads to the peer that it names, and whether that is a node of this network. It listens nowhere.
func Probe(ctx context.Context, prefix, agent string, addresses []string) ([]ProbeResult, error) {
	if _, err := ParseBootstrap(addresses); err != nil {
		return nil, err
	}
	out := make([]ProbeResult, len(addresses))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(probeAtOne)
	for i, text := range addresses {
		g.Go(func() error {
			out[i] = ProbeResult{Address: text}
			out[i].Err = out[i].probe(ctx, hello{Network: prefix, Agent: agent[:min(len(agent), maxAgent)], Versions: Versions{1, 1}})
			return nil
		})
	}
	return out, g.Wait()
}

// probe uses a host for one address, so that a connection over another address of the same peer does not stand in for it.
func (r *ProbeResult) probe(ctx context.Context, ours hello) (err error) {
	info, err := peer.AddrInfoFromString(r.Address)
	if err != nil {
		return err
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return fmt.Errorf("making a key: %w", err)
	}
	id, err := crypto.UnmarshalEd25519PrivateKey(slices.Clone(key))
	if err != nil {
		return fmt.Errorf("making a key: %w", err)
	}
	h, err := libp2p.New(libp2p.Identity(id), libp2p.NoListenAddrs, libp2p.DisableRelay(), libp2p.DisableMetrics(), libp2p.UserAgent(ours.Agent),
		libp2p.Transport(tcp.NewTCPTransport), libp2p.Transport(quic.NewTransport), libp2p.Transport(ws.New), libp2p.Transport(newWebTransport))
	if err != nil {
		return fmt.Errorf("starting a host: %w", err)
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	began := now()
	if err := h.Connect(ctx, *info); err != nil {
		return dialCause(err, info)
	}
	s, err := h.NewStream(network.WithNoDial(ctx, "handshake"), info.ID, HelloProtocol)
	if err != nil {
		return fmt.Errorf("it answers, but is no Paradox node: %w", err)
	}
	defer context.AfterFunc(ctx, func() { _ = s.Reset() })()
	defer s.Close()
	if err := writeFrame(s, ours.encode(), maxHello); err != nil {
		return fmt.Errorf("saying hello: %w", err)
	}
	raw, err := readFrame(bufio.NewReader(s), maxHello)
	if err != nil {
		return fmt.Errorf("reading its hello: %w", err)
	}
	other, err := parseHello(raw)
	if err != nil {
		return err
	}
	r.Took, r.Agent = now().Sub(began), other.Agent
	r.Version, err = ours.agree(other)
	return err
}

// dialCause is the reason within libp2p's list of all that was tried.
func dialCause(err error, to *peer.AddrInfo) error {
	var dial *swarm.DialError
	if !errors.As(err, &dial) {
		return err
	}
	if errors.Is(dial.Cause, swarm.ErrNoGoodAddresses) && len(to.Addrs) == 1 && strings.HasPrefix(to.Addrs[0].String(), "/dns") {
		return errName
	}
	for _, t := range dial.DialErrors {
		if t.Cause != nil {
			return t.Cause
		}
	}
	return err
}
