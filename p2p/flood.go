package p2p

import (
	"net/netip"
	"sync"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
	"golang.org/x/time/rate"
)

// maxQuotas bounds the memory of the buckets. It is far above the connections a host accepts; what is beyond shares one.
const maxQuotas = 4096

// flood holds token buckets of what each peer and each address sends.
type flood struct {
	limits Limits

	mu    sync.Mutex
	peers map[peer.ID]*quota
	ips   map[netip.Addr]*quota
	rest  *quota
}

type quota struct {
	bytes, messages *rate.Limiter
	dropped         uint64
}

func newFlood(l Limits) *flood {
	f := &flood{limits: l, peers: map[peer.ID]*quota{}, ips: map[netip.Addr]*quota{}}
	f.rest = f.quota(1)
	return f
}

func (f *flood) quota(factor float64) *quota {
	bytes, messages := f.limits.PeerBytes*factor, f.limits.PeerMessages*factor
	return &quota{
		bytes:    rate.NewLimiter(rate.Limit(bytes), max(int(bytes*f.limits.Burst), maxGossip)),
		messages: rate.NewLimiter(rate.Limit(messages), max(int(messages*f.limits.Burst), 1)),
	}
}

// take spends bytes and messages of the peer and its address, or says no.
func (f *flood) take(p peer.ID, addr netip.Addr, bytes, messages int) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	own := pick(f, f.peers, p, 1)
	ok := own.take(bytes, messages)
	if ok && addr.IsValid() && !addr.IsLoopback() {
		ok = pick(f, f.ips, addr, f.limits.IPFactor).take(bytes, messages)
	}
	if !ok {
		own.dropped += uint64(messages)
	}
	return ok
}

func (q *quota) take(bytes, messages int) bool {
	return q.messages.AllowN(now(), messages) && q.bytes.AllowN(now(), bytes)
}

func pick[K comparable](f *flood, m map[K]*quota, key K, factor float64) *quota {
	if q, ok := m[key]; ok {
		return q
	}
	if len(m) >= maxQuotas {
		return f.rest
	}
	q := f.quota(factor)
	m[key] = q
	return q
}

// dropped is how many messages of a peer were not looked at.
func (f *flood) dropped(p peer.ID) uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	if q, ok := f.peers[p]; ok {
		return q.dropped
	}
	return 0
}

// sweep forgets buckets of peers that are gone, once they are full again: to reconnect is no way to a new one.
func (f *flood) sweep(connected func(peer.ID) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for p, q := range f.peers {
		if q.full() && !connected(p) {
			delete(f.peers, p)
		}
	}
	for a, q := range f.ips {
		if q.full() {
			delete(f.ips, a)
		}
	}
}

func (q *quota) full() bool {
	return q.bytes.TokensAt(now()) >= float64(q.bytes.Burst()) && q.messages.TokensAt(now()) >= float64(q.messages.Burst())
}

// ipOf is the address's IP, the zero Addr if it has none (a relay, a DNS name).
func ipOf(a multiaddr.Multiaddr) netip.Addr {
	if a == nil {
		return netip.Addr{}
	}
	ip, err := manet.ToIP(a)
	if err != nil {
		return netip.Addr{}
	}
	out, ok := netip.AddrFromSlice(ip)
	if !ok {
		return netip.Addr{}
	}
	return out.Unmap()
}
