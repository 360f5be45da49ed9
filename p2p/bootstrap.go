package p2p

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
)

const (
	bootTimeout  = 15 * time.Second       // of one attempt over all addresses of a peer
	bootFirst    = 500 * time.Millisecond // between attempts, then twice as long each time,
	bootLast     = 30 * time.Second       // up to this; a testnet starts all its processes at once
	bootRecheck  = 30 * time.Second       // of a peer that is connected
	bootSettling = 2 * time.Second        // a handshake takes less; then a connection counts as good
)

// A DialResult says how it went with one bootstrap address: why there are no peers.
type DialResult struct {
	Address   string
	Peer      peer.ID
	Connected bool      // now, over whichever address
	Attempts  int       // since the start
	Last      time.Time // of the last attempt; zero: none yet
	Error     string    // of the last attempt, "" if it was good
}

// A bootstrapper keeps trying one peer.
type bootstrapper struct {
	host *Host
	info peer.AddrInfo

	mu       sync.Mutex
	attempts int
	last     time.Time
	errs     []string // one an address
}

func (h *Host) startBootstrap() {
	for _, info := range h.cfg.bootstrap {
		if info.ID == h.ID() {
			continue // a network's list may hold the node itself
		}
		b := &bootstrapper{host: h, info: info, errs: make([]string, len(info.Addrs))}
		h.boot = append(h.boot, b)
		h.host.ConnManager().Protect(info.ID, "bootstrap")
		h.tasks.Go(b.run)
	}
}

// DialResults tells of every bootstrap address, in the order of the configuration.
func (h *Host) DialResults() []DialResult {
	var out []DialResult
	for _, b := range h.boot {
		connected := h.host.Network().Connectedness(b.info.ID) == network.Connected
		b.mu.Lock()
		for i, a := range b.info.Addrs {
			out = append(out, DialResult{
				Address: a.String() + "/p2p/" + b.info.ID.String(), Peer: b.info.ID, Connected: connected,
				Attempts: b.attempts, Last: b.last, Error: b.errs[i],
			})
		}
		b.mu.Unlock()
	}
	return out
}

func (b *bootstrapper) run() {
	changes, cancel := b.host.Events(16)
	defer cancel()
	wait := bootFirst
	for {
		pause := bootRecheck
		if b.host.host.Network().Connectedness(b.info.ID) != network.Connected {
			b.attempt()
		}
		if b.host.host.Network().Connectedness(b.info.ID) == network.Connected {
			wait = bootFirst
		} else {
			pause = wait + rand.N(wait/2) // so that many nodes do not call in step
			wait = min(2*wait, bootLast)
		}
		if !b.pause(changes, pause) {
			return
		}
	}
}

// pause waits, or less if the peer went away; false: the host closes.
func (b *bootstrapper) pause(changes <-chan Event, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		select {
		case <-b.host.ctx.Done():
			return false
		case <-timer.C:
			return true
		case e, ok := <-changes:
			if !ok {
				return false
			}
			if e.Peer == b.info.ID && e.Kind == PeerDisconnected {
				timer.Reset(bootFirst)
			}
		}
	}
}

func (b *bootstrapper) attempt() {
	ctx, cancel := context.WithTimeout(b.host.ctx, bootTimeout)
	defer cancel()
	err := b.dial(ctx)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.attempts++
	b.last = now()
	for i, a := range b.info.Addrs {
		b.errs[i] = ""
		if err == nil {
			continue
		}
		b.errs[i] = err.Error()
		var dial *swarm.DialError
		if errors.As(err, &dial) {
			at := slices.IndexFunc(dial.DialErrors, func(t swarm.TransportError) bool { return t.Address.Equal(a) })
			if at >= 0 {
				b.errs[i] = dial.DialErrors[at].Cause.Error()
			}
		}
	}
	if err != nil {
		b.host.log.Info("a bootstrap peer does not answer", "peer", b.info.ID, "attempt", b.attempts, "error", err)
	}
}

func (b *bootstrapper) dial(ctx context.Context) error {
	if reason := b.host.gate.banned(b.info.ID); reason != "" {
		return fmt.Errorf("refused: %s", reason)
	}
	return b.host.redial(ctx, b.info)
}

// Dial connects once to the peer that an address names, whatever became of earlier dials.
func (h *Host) Dial(ctx context.Context, address string) error {
	infos, err := ParseBootstrap([]string{address})
	if err != nil {
		return err
	}
	if reason := h.gate.banned(infos[0].ID); reason != "" {
		return fmt.Errorf("refused: %s", reason)
	}
	ctx, cancel := context.WithTimeout(ctx, bootTimeout)
	defer cancel()
	return h.redial(ctx, infos[0])
}

// redial connects though a dial has just failed: libp2p would back off for minutes from a process that restarts in
// seconds. Who calls it has a pace of their own.
func (h *Host) redial(ctx context.Context, p peer.AddrInfo) error {
	if s, ok := h.host.Network().(*swarm.Swarm); ok {
		s.Backoff().Clear(p.ID)
	}
	return h.host.Connect(ctx, p)
}
