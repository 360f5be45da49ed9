package p2p

import (
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/control"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"
)

// maxBans bounds the gate's memory; the one that ends first makes room.
const maxBans = 4096

// now is the wall clock; testing/synctest replaces it under tests.
func now() time.Time { return time.Now() }

// A gate refuses connections of peers for a time.
type gate struct {
	mu   sync.Mutex
	bans map[peer.ID]ban
}

type ban struct {
	until  time.Time
	reason string
}

func newGate() *gate { return &gate{bans: map[peer.ID]ban{}} }

func (g *gate) ban(p peer.ID, d time.Duration, reason string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.bans) >= maxBans {
		var first peer.ID
		for q, b := range g.bans {
			if first == "" || b.until.Before(g.bans[first].until) {
				first = q
			}
		}
		delete(g.bans, first)
	}
	g.bans[p] = ban{now().Add(d), reason}
}

// banned returns the reason, or "".
func (g *gate) banned(p peer.ID) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	b, ok := g.bans[p]
	if !ok {
		return ""
	}
	if now().After(b.until) {
		delete(g.bans, p)
		return ""
	}
	return b.reason
}

func (g *gate) InterceptPeerDial(p peer.ID) bool                                { return g.banned(p) == "" }
func (g *gate) InterceptAddrDial(peer.ID, multiaddr.Multiaddr) bool             { return true }
func (g *gate) InterceptAccept(network.ConnMultiaddrs) bool                     { return true }
func (g *gate) InterceptUpgraded(network.Conn) (bool, control.DisconnectReason) { return true, 0 }
func (g *gate) InterceptSecured(_ network.Direction, p peer.ID, _ network.ConnMultiaddrs) bool {
	return g.banned(p) == ""
}
