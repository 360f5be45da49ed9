package rpc

import (
	"context"
	"net/http"

	"github.com/gagliardetto/solana-go/rpc"
	"github.com/gagliardetto/solana-go/rpc/jsonrpc"
)

// An Endpoint is one of a pool's as a client of its own, for who must know which endpoint said what. It shares breaker, patience
// and the check of the genesis hash with the pool, and never asks another.
type Endpoint struct {
	*rpc.Client
	Name string // its host only: paths and queries of RPC URLs hold keys
}

// Endpoints are the pool's, in their order. They are closed with the pool.
func (p *Pool) Endpoints() []Endpoint {
	out := make([]Endpoint, len(p.c.endpoints))
	for i, e := range p.c.endpoints {
		out[i] = Endpoint{Client: rpc.NewWithCustomRPCClient(&single{p.c, e}), Name: e.name}
	}
	return out
}

// single is the transport to one endpoint.
type single struct {
	c *caller
	e *endpoint
}

func (s *single) CallForInto(ctx context.Context, out any, method string, params []any) error {
	return s.c.attempt(ctx, s.e, func(ctx context.Context, e *endpoint) error { return e.client.CallForInto(ctx, out, method, params) })
}

func (s *single) CallWithCallback(ctx context.Context, method string, params []any, callback func(*http.Request, *http.Response) error) error {
	return s.c.attempt(ctx, s.e, func(ctx context.Context, e *endpoint) error {
		return e.client.CallWithCallback(ctx, method, params, callback)
	})
}

func (s *single) CallBatch(ctx context.Context, requests jsonrpc.RPCRequests) (out jsonrpc.RPCResponses, err error) {
	err = s.c.attempt(ctx, s.e, func(ctx context.Context, e *endpoint) (err error) {
		out, err = e.client.CallBatch(ctx, requests)
		return err
	})
	return out, err
}

// Close leaves the connections to the pool.
func (*single) Close() error { return nil }
