package api

import (
	"container/list"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/phantom-paradox/paradox/intent"
)

// Bounds of what one client, or all of them together, can make a node do over HTTP.
const (
	// maxClients is how many addresses have buckets at once: some megabytes. The one that was silent longest goes first; a
	// full bucket replaces it, so what an attacker wins by many addresses is what many addresses have anyway.
	maxClients = 16 << 10
	// clientShare of the node's rate is what one address may send: no one of them takes it all.
	clientShare = 4
	// clientRequests and clientRequestBurst are requests of any kind that one address may make: a wallet's page makes a few a
	// second, and comes with a dozen at once.
	clientRequests     = 50
	clientRequestBurst = 200
	// neighbourRequests and neighbourRequestBurst are the same of an address of a private network: a machine next door, or a
	// proxy in front of all clients, which Akash and compose have, and so the share of some twenty strangers.
	neighbourRequests     = 20 * clientRequests
	neighbourRequestBurst = 20 * clientRequestBurst
	// DefaultRate is how many intents a second a node takes where its operator says nothing.
	DefaultRate = 1000
)

// limits are token buckets: intents of all clients together, intents of one address, requests of one address.
type limits struct {
	clock  func() time.Time
	all    *rate.Limiter
	client rate.Limit
	burst  int

	mu      sync.Mutex
	buckets map[netip.Prefix]*list.Element // of *bucket
	order   *list.List                     // the newest used first
}

type bucket struct {
	who      netip.Prefix
	intents  *rate.Limiter
	requests *rate.Limiter
}

// newLimits serves perSecond intents. A burst has room for a whole list, however low the rate.
func newLimits(perSecond int, clock func() time.Time) *limits {
	share := max(perSecond/clientShare, 1)
	return &limits{clock: clock, all: rate.NewLimiter(rate.Limit(perSecond), max(perSecond, intent.MaxListLen)),
		client: rate.Limit(share), burst: max(share, intent.MaxListLen),
		buckets: map[netip.Prefix]*list.Element{}, order: list.New()}
}

// clientOf is whose bucket a remote address draws on: an IPv4 address, or the /64 of an IPv6 one, which one household has whole.
// Addresses of this machine have none: that is the operator.
func clientOf(address string) (netip.Prefix, bool) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return netip.Prefix{}, false
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Prefix{}, false
	}
	addr = addr.Unmap().WithZone("")
	if addr.IsLoopback() {
		return netip.Prefix{}, false
	}
	bits := 32
	if addr.Is6() {
		bits = 64
	}
	p, err := addr.Prefix(bits)
	return p, err == nil
}

func (l *limits) of(who netip.Prefix) *bucket {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e, ok := l.buckets[who]; ok {
		l.order.MoveToFront(e)
		return e.Value.(*bucket)
	}
	for len(l.buckets) >= maxClients {
		last := l.order.Back()
		delete(l.buckets, l.order.Remove(last).(*bucket).who)
	}
	b := &bucket{who: who, intents: rate.NewLimiter(l.client, l.burst), requests: rate.NewLimiter(clientRequests, clientRequestBurst)}
	if who.Addr().IsPrivate() {
		b.requests = rate.NewLimiter(neighbourRequests, neighbourRequestBurst)
	}
	l.buckets[who] = l.order.PushFront(b)
	return b
}

// request takes one request's token. wait is 0 where there was one.
func (l *limits) request(r *http.Request) (wait time.Duration) {
	who, ok := clientOf(r.RemoteAddr)
	if !ok {
		return 0
	}
	return take(l.of(who).requests, l.clock(), 1)
}

// intents takes n intents' tokens, or none.
func (l *limits) intents(r *http.Request, n int) (wait time.Duration) {
	now := l.clock()
	who, ok := clientOf(r.RemoteAddr)
	if !ok || who.Addr().IsPrivate() { // a proxy's clients have the node's whole rate
		return take(l.all, now, n)
	}
	b := l.of(who).intents
	if wait = take(b, now, n); wait > 0 {
		return wait
	}
	if wait = take(l.all, now, n); wait > 0 {
		b.AllowN(now, -n) // given back: the client did nothing wrong
	}
	return wait
}

// take draws n tokens now, or says when they will be there.
func take(b *rate.Limiter, now time.Time, n int) time.Duration {
	r := b.ReserveN(now, n)
	if !r.OK() {
		return time.Minute // more than the bucket ever holds, which no caller asks for
	}
	wait := r.DelayFrom(now)
	if wait > 0 {
		r.CancelAt(now)
	}
	return wait
}

func limited(wait time.Duration) *Problem {
	p := newProblem(http.StatusTooManyRequests, codeRateLimited, "this node takes no more from you for a moment")
	p.Remedy, p.RetryAfter = "Wait as long as Retry-After says, or ask another node.", wait
	return p
}
