package p2p

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	drouting "github.com/libp2p/go-libp2p/p2p/discovery/routing"
	"github.com/libp2p/go-libp2p/p2p/protocol/ping"
)

const (
	keepSoon     = time.Second      // after something changed; gathers what changes together
	keepFew      = 5 * time.Second  // while there are fewer peers than wanted
	keepMany     = time.Minute      // when there are enough
	keepFind     = 10 * time.Second // one look-up in the DHT
	keepPing     = 5 * time.Second
	keepDials    = 8 // at once
	keepFound    = 32
	advertiseGap = 10 * time.Minute // records live a day, but the peers that hold them come and go
)

// keepList is the peers that the host should stay connected to.
type keepList struct {
	mu  sync.Mutex
	ids []peer.ID
}

// Keep replaces the list of peers that the host stays connected to, such as the other members of a committee: they are
// looked up, dialled again when they go, and never trimmed.
func (h *Host) Keep(ids ...peer.ID) {
	h.keep.mu.Lock()
	old := h.keep.ids
	h.keep.ids = slices.Clone(ids)
	h.keep.mu.Unlock()
	for _, id := range old {
		h.host.ConnManager().Unprotect(id, "keep")
	}
	for _, id := range ids {
		h.host.ConnManager().Protect(id, "keep")
	}
	h.nudge()
}

func (l *keepList) list() []peer.ID {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.ids)
}

// nudge makes the keeper look soon.
func (h *Host) nudge() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

func (h *Host) startKeeping() error {
	h.startBootstrap()
	h.tasks.Go(h.keeper)
	return nil
}

// keeper looks for peers while there are few, stays with those it should keep, measures latency, and forgets old buckets.
func (h *Host) keeper() {
	finder := drouting.NewRoutingDiscovery(h.dht)
	var advertised time.Time
	due := now().Add(keepSoon)
	timer := time.NewTimer(keepSoon)
	defer timer.Stop()
	again := func(d time.Duration) { due = now().Add(d); timer.Reset(d) }
	for {
		select {
		case <-h.ctx.Done():
			return
		case <-h.wake:
			if due.Sub(now()) > keepSoon { // never later than it was due: peers that come and go must not hold it up
				again(keepSoon)
			}
			continue
		case <-timer.C:
		}
		h.flood.sweep(func(p peer.ID) bool { return h.host.Network().Connectedness(p) == network.Connected })
		lonely := h.dialKept()
		h.measure()
		h.tellDoubles()
		wanted := h.cfg.Limits.TargetPeers
		if n := h.book.nodes(); n > 0 && h.dht.RoutingTable().Size() > 0 {
			if now().Sub(advertised) > advertiseGap && h.advertise(finder) {
				advertised = now()
			}
			if n < wanted {
				h.discover(finder, wanted-n)
			}
		}
		if lonely || h.book.nodes() < wanted {
			again(keepFew)
		} else {
			again(keepMany)
		}
	}
}

func (h *Host) advertise(finder *drouting.RoutingDiscovery) bool {
	ctx, cancel := context.WithTimeout(h.ctx, keepFind)
	defer cancel()
	_, err := finder.Advertise(ctx, h.cfg.Prefix)
	if err != nil {
		h.log.Debug("announcing this node", "error", err)
	}
	return err == nil
}

// discover connects to other nodes of the network that the DHT knows.
func (h *Host) discover(finder *drouting.RoutingDiscovery, wanted int) {
	ctx, cancel := context.WithTimeout(h.ctx, keepFind)
	defer cancel()
	found, err := finder.FindPeers(ctx, h.cfg.Prefix)
	if err != nil {
		h.log.Debug("looking for nodes", "error", err)
		return
	}
	var infos []peer.AddrInfo
	for p := range found {
		if p.ID != h.ID() && len(p.Addrs) > 0 && h.host.Network().Connectedness(p.ID) != network.Connected && len(infos) < min(wanted, keepFound) {
			infos = append(infos, p)
		}
	}
	h.dialAll(infos)
}

// dialKept connects to those of the keep list that are not there, and tells whether some were missing.
func (h *Host) dialKept() bool {
	var infos []peer.AddrInfo
	for _, id := range h.keep.list() {
		if id == h.ID() || h.host.Network().Connectedness(id) == network.Connected {
			continue
		}
		infos = append(infos, peer.AddrInfo{ID: id, Addrs: h.host.Peerstore().Addrs(id)})
	}
	h.dialAll(infos)
	return len(infos) > 0
}

func (h *Host) dialAll(infos []peer.AddrInfo) {
	slots := make(chan struct{}, keepDials)
	var all sync.WaitGroup
	for _, p := range infos {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			if err := h.dial(p); err != nil {
				h.log.Debug("a peer cannot be reached", "peer", p.ID, "error", err)
			}
		})
	}
	all.Wait()
}

// dial connects, over addresses from the DHT if none are known or the known ones are stale.
func (h *Host) dial(p peer.AddrInfo) error {
	ctx, cancel := context.WithTimeout(h.ctx, keepFind)
	defer cancel()
	if len(p.Addrs) > 0 {
		if err := h.redial(ctx, p); err == nil || ctx.Err() != nil {
			return err
		}
	}
	found, err := h.dht.FindPeer(ctx, p.ID)
	if err != nil {
		return fmt.Errorf("look up: %w", err)
	}
	return h.redial(ctx, found)
}

// measure pings the peers.
func (h *Host) measure() {
	ctx, cancel := context.WithTimeout(h.ctx, keepPing)
	defer cancel()
	slots := make(chan struct{}, keepDials)
	var all sync.WaitGroup
	for _, p := range h.host.Network().Peers() {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			one, stop := context.WithCancel(ctx)
			defer stop()
			if r, ok := <-ping.Ping(network.WithNoDial(one, "ping"), h.host, p); ok && r.Error == nil {
				h.book.measured(p, r.RTT)
			}
		})
	}
	all.Wait()
}

// Connect dials a peer at the given addresses, or at those known.
func (h *Host) Connect(ctx context.Context, p peer.AddrInfo) error {
	if reason := h.gate.banned(p.ID); reason != "" {
		return fmt.Errorf("connect to %s: refused: %s", p.ID, reason)
	}
	if err := h.redial(ctx, p); err != nil {
		return fmt.Errorf("connect to %s: %w", p.ID, err)
	}
	return nil
}

// Disconnect closes the connections to a peer; it may come back.
func (h *Host) Disconnect(p peer.ID) error {
	if err := h.host.Network().ClosePeer(p); err != nil {
		return fmt.Errorf("disconnect %s: %w", p, err)
	}
	return nil
}

// Info is the host's id and the addresses told to others.
func (h *Host) Info() peer.AddrInfo { return peer.AddrInfo{ID: h.ID(), Addrs: h.host.Addrs()} }
