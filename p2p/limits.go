package p2p

import (
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/network"
	rcmgr "github.com/libp2p/go-libp2p/p2p/host/resource-manager"
)

// Limits of what peers can make a host do. The zero value of each field means its default.
type Limits struct {
	PeerBytes    float64 // gossip and request bytes a second from one peer
	PeerMessages float64 // gossip messages and requests a second from one peer
	Burst        float64 // seconds' worth of both that may come at once
	IPFactor     float64 // an address may send so many times what a peer may; loopback is not counted
	ConnLow      int     // connections are trimmed to so many
	ConnHigh     int     // when there are more than so many
	TargetPeers  int     // peers that a host looks for by itself
}

const (
	defaultPeerBytes    = 8 << 20 // 28 full bundles a second: more than a network can settle, less than a home line
	defaultPeerMessages = 1000    // wallets may publish intents one by one; a relay passes on all of theirs
	defaultBurst        = 4
	defaultIPFactor     = 4 // a small office or a provider's NAT has a few nodes behind one address
	defaultConnLow      = 96
	defaultConnHigh     = 160
	defaultTargetPeers  = 24 // a committee has at most 21 members, and all of them should hear each other directly

	connGrace = 30 * time.Second // a new connection is not trimmed before it could prove useful

	systemConns   = 384       // twice ConnHigh and some: transient ones come on top
	systemStreams = 8192      // 21 members and 140 others with gossip, bitswap, DHT and requests
	systemMemory  = 512 << 20 // buffers of muxers and streams, as libp2p counts them
	systemFDs     = 448       // sockets; the usual limit of a process is 1,024, and Badger needs some
	peerConns     = 8         // both sides may dial at once, over several transports
	peerStreams   = 512       // bitswap opens many
	peerMemory    = 64 << 20  // a few windows of 16 MB
	transientConn = 128       // handshakes under way
	scaleMemory   = 1 << 30   // what libp2p's own defaults for all else are scaled to,
	scaleFDs      = systemFDs // so that they are the same on every machine

	maxTopics       = 16              // that a peer may subscribe to: the network has three or so
	maxGossip       = 1 << 20         // of one RPC; topics set less
	maxControl      = 128 << 10       // of the control part of an RPC
	validationQueue = 512             // messages that wait for a verdict, of all topics
	seenTTL         = 2 * time.Minute // duplicates are recognised so long
	outboundQueue   = 128             // RPCs that wait for a slow peer, then they are dropped
)

func (l Limits) withDefaults() Limits {
	floats := func(v *float64, d float64) {
		if *v == 0 {
			*v = d
		}
	}
	ints := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	floats(&l.PeerBytes, defaultPeerBytes)
	floats(&l.PeerMessages, defaultPeerMessages)
	floats(&l.Burst, defaultBurst)
	floats(&l.IPFactor, defaultIPFactor)
	ints(&l.ConnLow, defaultConnLow)
	ints(&l.ConnHigh, defaultConnHigh)
	ints(&l.TargetPeers, defaultTargetPeers)
	return l
}

// resources is libp2p's resource manager with the limits above. It is closed by the host.
func resources() (network.ResourceManager, error) {
	scaling := rcmgr.DefaultLimits
	libp2p.SetDefaultServiceLimits(&scaling)
	limits := rcmgr.PartialLimitConfig{
		System: rcmgr.ResourceLimits{
			Conns: systemConns, ConnsInbound: systemConns * 3 / 4, ConnsOutbound: systemConns / 2, FD: systemFDs,
			Streams: systemStreams, StreamsInbound: systemStreams * 3 / 4, StreamsOutbound: systemStreams * 3 / 4, Memory: systemMemory,
		},
		Transient: rcmgr.ResourceLimits{Conns: transientConn, ConnsInbound: transientConn / 2, ConnsOutbound: transientConn},
		PeerDefault: rcmgr.ResourceLimits{
			Conns: peerConns, ConnsInbound: peerConns, ConnsOutbound: peerConns,
			Streams: peerStreams, StreamsInbound: peerStreams, StreamsOutbound: peerStreams, Memory: peerMemory,
		},
	}
	return rcmgr.NewResourceManager(rcmgr.NewFixedLimiter(limits.Build(scaling.Scale(scaleMemory, scaleFDs))), rcmgr.WithMetricsDisabled())
}
