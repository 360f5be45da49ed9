// Package rpc is a pool of Solana RPC endpoints that serves as one client: the genesis hash is checked before an endpoint is
// used, a failing one is left alone for a while, one that asks for patience gets it, and the first in the list is gone back to
// when it is well.
//
// It knows nothing of vaults. It asks the next endpoint only where one failed to answer; what was answered is the answer.
package rpc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gagliardetto/solana-go"
	"github.com/gagliardetto/solana-go/rpc"
	"github.com/gagliardetto/solana-go/rpc/jsonrpc"
)

// Habits of the pool.
const (
	defaultTimeout = 10 * time.Second
	defaultRest    = 15 * time.Second
	loneRest       = time.Second // of a pool's only endpoint: there is nobody to ask meanwhile
	defaultProbe   = 5 * time.Second
	failuresToOpen = 3
	maxLagSlots    = 50 // an endpoint that is so far behind the best is used only if there is no other
	// behind is Solana's code for "node is behind"; the endpoint answered, but not the question.
	behind = -32005
)

// Config names the endpoints.
type Config struct {
	Endpoints []string      // http(s) URLs in order of preference
	Genesis   solana.Hash   // the cluster's; zero: whatever the first endpoint that answers says
	Timeout   time.Duration // of one request to one endpoint; default 10 s
	Rest      time.Duration // how long an endpoint is left alone after 3 failures in a row; default 15 s, 1 s for an only one
	Probe     time.Duration // between measurements of slot and latency in Run; default 5 s
	Logger    *slog.Logger
}

// ErrWrongCluster: the endpoint belongs to another cluster than the network.
var ErrWrongCluster = errors.New("the RPC endpoint belongs to another cluster")

// ErrNoEndpoint: no endpoint can be asked now; the errors of each are joined to it.
var ErrNoEndpoint = errors.New("no RPC endpoint answers")

// A Pool is a solana-go client, and so a chain.Client, over several endpoints.
type Pool struct {
	*rpc.Client
	c *caller
}

// New checks that an endpoint answers and belongs to the cluster. Endpoints that do not answer yet are checked before they are
// first used; one of another cluster is an error.
func New(ctx context.Context, cfg Config) (*Pool, error) {
	if len(cfg.Endpoints) == 0 {
		return nil, errors.New("rpc: no endpoints: name at least one Solana RPC URL")
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = defaultTimeout
	}
	if cfg.Rest <= 0 {
		cfg.Rest = defaultRest
		if len(cfg.Endpoints) == 1 {
			cfg.Rest = loneRest
		}
	}
	if cfg.Probe <= 0 {
		cfg.Probe = defaultProbe
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	c := &caller{cfg: cfg, genesis: cfg.Genesis}
	for _, url := range cfg.Endpoints {
		c.endpoints = append(c.endpoints, newEndpoint(url, cfg))
	}
	p := &Pool{Client: rpc.NewWithCustomRPCClient(c), c: c}
	var errs []error
	ok := 0
	for _, e := range c.endpoints {
		err := Conceal(c.verify(ctx, e), e.address)
		if errors.Is(err, ErrWrongCluster) {
			return nil, errors.Join(err, p.Close())
		}
		if err == nil {
			ok++
		}
		errs = append(errs, err)
	}
	if ok == 0 && errors.Is(ctx.Err(), context.Canceled) { // it was not waited for
		return nil, errors.Join(fmt.Errorf("rpc: asking for the genesis hash: %w", context.Canceled), p.Close())
	}
	if ok == 0 {
		return nil, errors.Join(ErrNoEndpoint, errors.Join(errs...), p.Close())
	}
	return p, nil
}

// Genesis is the genesis hash of the cluster.
func (p *Pool) Genesis() solana.Hash {
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	return p.c.genesis
}

// Run measures the endpoints until ctx ends. Without it the pool works, but does not see that one lags.
func (p *Pool) Run(ctx context.Context) error {
	t := time.NewTimer(0)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-t.C:
		}
		for _, e := range p.c.endpoints {
			p.c.probe(ctx, e)
		}
		t.Reset(p.c.cfg.Probe)
	}
}

// Health is what is known of one endpoint.
type Health struct {
	Endpoint string
	Open     bool // the circuit breaker, or a Retry-After, lets nothing through now
	Lagging  bool
	Slot     uint64 // as last measured
	Latency  time.Duration
	Error    string // of the last failure, if nothing succeeded since
}

// Health is what is known of the endpoints, in their order.
func (p *Pool) Health() []Health {
	var out []Health
	best := p.c.bestSlot()
	for _, e := range p.c.endpoints {
		out = append(out, e.health(best))
	}
	return out
}

// Failovers is how often a request was answered by an endpoint after another had failed it.
func (p *Pool) Failovers() uint64 { return p.c.failovers.Load() }

// caller is the transport below solana-go's client.
type caller struct {
	cfg       Config
	endpoints []*endpoint

	failovers atomic.Uint64

	mu      sync.Mutex
	genesis solana.Hash
}

// CallForInto asks the first endpoint that is well, and the next where one fails.
func (c *caller) CallForInto(ctx context.Context, out any, method string, params []any) error {
	return c.each(ctx, func(ctx context.Context, e *endpoint) error { return e.client.CallForInto(ctx, out, method, params) })
}

// CallWithCallback is part of solana-go's transport.
func (c *caller) CallWithCallback(ctx context.Context, method string, params []any, callback func(*http.Request, *http.Response) error) error {
	return c.each(ctx, func(ctx context.Context, e *endpoint) error {
		return e.client.CallWithCallback(ctx, method, params, callback)
	})
}

// CallBatch is part of solana-go's transport.
func (c *caller) CallBatch(ctx context.Context, requests jsonrpc.RPCRequests) (out jsonrpc.RPCResponses, err error) {
	err = c.each(ctx, func(ctx context.Context, e *endpoint) (err error) {
		out, err = e.client.CallBatch(ctx, requests)
		return err
	})
	return out, err
}

// Close closes the connections.
func (c *caller) Close() error {
	var errs []error
	for _, e := range c.endpoints {
		errs = append(errs, e.client.Close())
	}
	return errors.Join(errs...)
}

// each calls endpoints in order of preference, those that lag last, until one answers.
func (c *caller) each(ctx context.Context, call func(context.Context, *endpoint) error) error {
	errs := []error{ErrNoEndpoint}
	best := c.bestSlot()
	for _, lagging := range []bool{false, true} {
		for _, e := range c.endpoints {
			if e.lags(best) != lagging {
				continue
			}
			err := c.attempt(ctx, e, call)
			if err == nil || answered(err) {
				if len(errs) > 1 {
					c.failovers.Add(1)
				}
				return err
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
			errs = append(errs, fmt.Errorf("%s: %w", e.name, err))
		}
	}
	return errors.Join(errs...)
}

// attempt calls one endpoint through its breaker.
func (c *caller) attempt(ctx context.Context, e *endpoint, call func(context.Context, *endpoint) error) error {
	if err := e.admit(); err != nil {
		return err
	}
	err := c.verify(ctx, e)
	if err == nil {
		tctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
		defer cancel()
		begin := time.Now()
		err = call(tctx, e)
		e.took(time.Since(begin))
	}
	if ctx.Err() != nil {
		e.release() // the caller went away: that says nothing of the endpoint
		return ctx.Err()
	}
	err = Conceal(err, e.address)
	e.record(err)
	return err
}

// answered says whether an error is an endpoint's answer.
func answered(err error) bool {
	if errors.Is(err, rpc.ErrNotFound) {
		return true
	}
	var said *jsonrpc.RPCError
	return errors.As(err, &said) && said.Code != behind
}

// verify checks an endpoint's genesis hash, once.
func (c *caller) verify(ctx context.Context, e *endpoint) error {
	if e.verified.Load() {
		return nil
	}
	tctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	var got solana.Hash
	if err := e.client.CallForInto(tctx, &got, "getGenesisHash", nil); err != nil {
		return fmt.Errorf("asking for the genesis hash: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.genesis.IsZero() {
		c.genesis = got
	}
	if got != c.genesis {
		return fmt.Errorf("%w: %s has genesis hash %s, the network is on %s", ErrWrongCluster, e.name, got, c.genesis)
	}
	e.verified.Store(true)
	return nil
}

// probe measures an endpoint's slot and latency.
func (c *caller) probe(ctx context.Context, e *endpoint) {
	var slot uint64
	err := c.attempt(ctx, e, func(ctx context.Context, e *endpoint) error {
		return e.client.CallForInto(ctx, &slot, "getSlot", []any{rpc.M{"commitment": rpc.CommitmentConfirmed}})
	})
	if err == nil {
		e.slot.Store(slot)
		return
	}
	if ctx.Err() == nil {
		c.cfg.Logger.Debug("rpc: endpoint is not well", "endpoint", e.name, "err", err)
	}
}

func (c *caller) bestSlot() uint64 {
	best := uint64(0)
	for _, e := range c.endpoints {
		best = max(best, e.slot.Load())
	}
	return best
}
