package rpc

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/gagliardetto/solana-go/rpc/jsonrpc"
)

// Bounds of one endpoint.
const (
	maxConnections = 16
	maxAnswer      = 64 << 20        // bytes; 100 full pages in base64 are 9 MB
	maxPatience    = 2 * time.Minute // the longest Retry-After that is kept to
	minPatience    = time.Second     // after a 429 without one
)

// ErrResting is the error of an endpoint that is not asked now: nothing was sent.
var ErrResting = errors.New("left alone for now")

type endpoint struct {
	address  string
	name     string // host only: paths and queries of RPC URLs hold keys
	client   jsonrpc.RPCClient
	breaker  circuitbreaker.CircuitBreaker[any]
	verified atomic.Bool
	slot     atomic.Uint64

	mu      sync.Mutex
	until   time.Time // not asked before
	latency time.Duration
	last    error
}

func newEndpoint(text string, cfg Config) *endpoint {
	e := &endpoint{address: text, name: "endpoint"}
	if u, err := url.Parse(text); err == nil && u.Host != "" {
		e.name = u.Host
	}
	e.breaker = circuitbreaker.NewBuilder[any]().WithFailureThreshold(failuresToOpen).WithDelay(cfg.Rest).WithSuccessThreshold(1).Build()
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: cfg.Timeout}).DialContext, MaxIdleConnsPerHost: maxConnections,
		MaxConnsPerHost: maxConnections, IdleConnTimeout: time.Minute, TLSHandshakeTimeout: cfg.Timeout, ForceAttemptHTTP2: true,
	}
	e.client = jsonrpc.NewClientWithOpts(text, &jsonrpc.RPCClientOpts{HTTPClient: &patient{e: e, client: &http.Client{Transport: transport}}})
	return e
}

// patient is an HTTP client that notes Retry-After and bounds answers.
type patient struct {
	e      *endpoint
	client *http.Client
}

func (p *patient) Do(r *http.Request) (*http.Response, error) {
	resp, err := p.client.Do(r)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode == http.StatusTooManyRequests {
		p.e.rest(retryAfter(resp.Header.Get("Retry-After"), time.Now()))
	}
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(resp.Body, maxAnswer), resp.Body}
	return resp, nil
}

func (p *patient) CloseIdleConnections() { p.client.CloseIdleConnections() }

// retryAfter reads the header: seconds, or a date.
func retryAfter(text string, now time.Time) time.Duration {
	d := minPatience
	if n, err := strconv.ParseUint(text, 10, 32); err == nil {
		d = time.Duration(n) * time.Second
	} else if t, err := http.ParseTime(text); err == nil {
		d = t.Sub(now)
	}
	return min(max(d, minPatience), maxPatience)
}

func (e *endpoint) rest(d time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.until = time.Now().Add(d)
}

// admit takes a permit: after it, release or record must be called.
func (e *endpoint) admit() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if wait := time.Until(e.until); wait > 0 {
		return fmt.Errorf("%w: it asked for %s of patience", ErrResting, wait.Round(time.Millisecond))
	}
	if !e.breaker.TryAcquirePermit() {
		return fmt.Errorf("%w after failures, the last: %w", ErrResting, e.last)
	}
	return nil
}

// release gives a permit back: a call that was given up says nothing, but a half-open breaker waits for its result.
func (e *endpoint) release() {
	if e.breaker.IsHalfOpen() {
		e.breaker.RecordFailure()
	}
}

// record tells the breaker what came of a call.
func (e *endpoint) record(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err == nil || answered(err) {
		e.last = nil
		e.breaker.RecordSuccess()
		return
	}
	e.last = err
	e.breaker.RecordFailure()
}

func (e *endpoint) took(d time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.latency = d
}

func (e *endpoint) lags(best uint64) bool {
	s := e.slot.Load()
	return s != 0 && s+maxLagSlots < best
}

func (e *endpoint) health(best uint64) Health {
	e.mu.Lock()
	defer e.mu.Unlock()
	h := Health{
		Endpoint: e.name, Open: e.breaker.IsOpen() || time.Now().Before(e.until), Lagging: e.lags(best), Slot: e.slot.Load(), Latency: e.latency,
	}
	if e.last != nil {
		h.Error = e.last.Error()
	}
	return h
}
