package p2p

import (
	"net/netip"
	"sort"
	"sync"
	"time"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
)

// A PeerInfo is what a host knows of a connected peer.
type PeerInfo struct {
	ID      peer.ID
	Addr    string // of the connection
	Inbound bool
	Agent   string        // as it calls itself
	Version uint32        // of the node protocol agreed on; 0: no node of this network (a wallet, a public IPFS client)
	Latency time.Duration // 0: not measured yet
	Score   float64       // gossip score; below -1000 it is not listened to
	Dropped uint64        // messages not looked at because it sent too much
	Since   time.Time
}

// book remembers connected peers.
type book struct {
	mu    sync.Mutex
	peers map[peer.ID]*entry
	score map[peer.ID]float64

	introduced map[string]bool // connections on which this node speaks first, and has begun to
}

type entry struct {
	addr    string
	ip      netip.Addr
	inbound bool
	since   time.Time
	agent   string
	version uint32
	latency time.Duration

	processes map[string]*process // by connection: which process it leads to
	told      time.Time           // when it was told that it is two
}

func newBook() *book { return &book{peers: map[peer.ID]*entry{}, introduced: map[string]bool{}} }

func (b *book) scores(all map[peer.ID]*pubsub.PeerScoreSnapshot) {
	score := make(map[peer.ID]float64, len(all))
	for p, s := range all {
		score[p] = s.Score
	}
	b.mu.Lock()
	b.score = score
	b.mu.Unlock()
}

// connected notes a connection and tells whether it is the peer's first. One that has closed already is not noted: its end may have
// been told before.
func (b *book) connected(c network.Conn) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, ok := b.peers[c.RemotePeer()]; ok || c.IsClosed() {
		return false
	}
	b.peers[c.RemotePeer()] = &entry{
		addr: c.RemoteMultiaddr().String(), ip: ipOf(c.RemoteMultiaddr()),
		inbound: c.Stat().Direction == network.DirInbound, since: now(),
	}
	return true
}

// introduce says whether a connection is still to be introduced, and notes that it is being so.
func (b *book) introduce(c network.Conn) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.introduced[c.ID()] || c.IsClosed() {
		return false
	}
	b.introduced[c.ID()] = true
	return true
}

// strange notes that whoever is at the other end is no node of this network as yet.
func (b *book) strange(c network.Conn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.introduced, c.ID())
}

// disconnected forgets a peer unless another connection of its own remains, and tells whether it did. A connection that comes in between is
// either seen here or noted afterwards.
func (b *book) disconnected(p peer.ID, remains func() bool) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, ok := b.peers[p]; !ok || remains() {
		return false
	}
	delete(b.peers, p)
	return true
}

// greeted notes what the handshake said, and tells whether that is new.
func (b *book) greeted(p peer.ID, agent string, version uint32) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	e, ok := b.peers[p]
	if !ok || e.version != 0 {
		return false
	}
	e.agent, e.version = agent, version
	return true
}

func (b *book) measured(p peer.ID, d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e, ok := b.peers[p]; ok {
		e.latency = d
	}
}

func (b *book) ip(p peer.ID) netip.Addr {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e, ok := b.peers[p]; ok {
		return e.ip
	}
	return netip.Addr{}
}

// nodes counts the peers that are nodes of this network.
func (b *book) nodes() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for _, e := range b.peers {
		if e.version > 0 {
			n++
		}
	}
	return n
}

// Peers lists the connected peers, those connected longest first.
func (h *Host) Peers() []PeerInfo {
	b := h.book
	b.mu.Lock()
	out := make([]PeerInfo, 0, len(b.peers))
	for p, e := range b.peers {
		out = append(out, PeerInfo{
			ID: p, Addr: e.addr, Inbound: e.inbound, Agent: e.agent, Version: e.version,
			Latency: e.latency, Score: b.score[p], Since: e.since,
		})
	}
	b.mu.Unlock()
	for i := range out {
		out[i].Dropped = h.flood.dropped(out[i].ID)
	}
	sort.Slice(out, func(i, j int) bool {
		if !out[i].Since.Equal(out[j].Since) {
			return out[i].Since.Before(out[j].Since)
		}
		return out[i].ID < out[j].ID
	})
	return out
}

// notifiee keeps the book and tells the subscribers.
func (h *Host) notifiee() network.Notifiee {
	return &network.NotifyBundle{
		ConnectedF: func(_ network.Network, c network.Conn) { h.connected(c) },
		DisconnectedF: func(n network.Network, c network.Conn) {
			h.book.closed(c)
			if !h.book.disconnected(c.RemotePeer(), func() bool { return n.Connectedness(c.RemotePeer()) == network.Connected }) {
				return
			}
			h.events.emit(Event{Kind: PeerDisconnected, Peer: c.RemotePeer()})
			h.nudge()
		},
	}
}

// connected notes a connection. A handshake may be over before the swarm tells of its connection, and notes it then.
func (h *Host) connected(c network.Conn) {
	if h.book.connected(c) {
		h.events.emit(Event{Kind: PeerConnected, Peer: c.RemotePeer(), Detail: c.RemoteMultiaddr().String()})
	}
}
