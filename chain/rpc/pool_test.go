package rpc_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gagliardetto/solana-go"
	sol "github.com/gagliardetto/solana-go/rpc"
	"go.uber.org/goleak"

	"github.com/phantom-paradox/paradox/chain"
	"github.com/phantom-paradox/paradox/chain/rpc"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreTopFunction("net/http.(*persistConn).writeLoop"))
}

var _ chain.Client = (*rpc.Pool)(nil)

// node is an RPC endpoint whose answers the test sets.
type node struct {
	*httptest.Server
	slot   atomic.Uint64
	status atomic.Int32 // HTTP status; 0: 200
	calls  atomic.Int32
}

func newNode(t *testing.T, genesis solana.Hash, slot uint64) *node {
	n := &node{}
	n.slot.Store(slot)
	n.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var q struct {
			ID     json.RawMessage `json:"id"`
			Method string          `json:"method"`
		}
		_ = json.NewDecoder(r.Body).Decode(&q)
		if q.Method != "getGenesisHash" {
			n.calls.Add(1)
		}
		if s := n.status.Load(); s != 0 {
			w.Header().Set("Retry-After", "30")
			w.WriteHeader(int(s))
			return
		}
		out := map[string]any{"jsonrpc": "2.0", "id": q.ID}
		switch q.Method {
		case "getGenesisHash":
			out["result"] = genesis
		case "getSlot":
			out["result"] = n.slot.Load()
		default:
			out["error"] = map[string]any{"code": -32601, "message": "Method not found"}
		}
		_ = json.NewEncoder(w).Encode(out)
	}))
	t.Cleanup(n.Close)
	return n
}

func pool(t *testing.T, cfg rpc.Config) *rpc.Pool {
	t.Helper()
	p, err := rpc.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

func slot(t *testing.T, p *rpc.Pool) uint64 {
	t.Helper()
	s, err := p.GetSlot(t.Context(), sol.CommitmentFinalized)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestFailoverAndBack(t *testing.T) {
	g := solana.Hash{1}
	a, b := newNode(t, g, 1), newNode(t, g, 2)
	p := pool(t, rpc.Config{Endpoints: []string{a.URL, b.URL}, Genesis: g, Rest: time.Nanosecond})
	if slot(t, p) != 1 {
		t.Fatal("the first endpoint is not preferred")
	}
	a.status.Store(500)
	for range 5 {
		if slot(t, p) != 2 {
			t.Fatal("no failover")
		}
	}
	a.status.Store(0)
	if slot(t, p) != 1 {
		t.Fatal("not back to the first")
	}
}

func TestBreakerOpens(t *testing.T) {
	g := solana.Hash{1}
	a, b := newNode(t, g, 1), newNode(t, g, 2)
	p := pool(t, rpc.Config{Endpoints: []string{a.URL, b.URL}, Genesis: g, Rest: time.Hour})
	a.status.Store(503)
	for range 10 {
		slot(t, p)
	}
	if n := a.calls.Load(); n != 3 {
		t.Fatalf("%d calls to an endpoint that fails, not 3", n)
	}
	if h := p.Health(); !h[0].Open || h[1].Open || h[0].Error == "" {
		t.Fatalf("health %+v", h)
	}
}

func TestRetryAfterIsKept(t *testing.T) {
	g := solana.Hash{1}
	a, b := newNode(t, g, 1), newNode(t, g, 2)
	p := pool(t, rpc.Config{Endpoints: []string{a.URL, b.URL}, Genesis: g})
	a.status.Store(429)
	slot(t, p)
	a.status.Store(0)
	if slot(t, p) != 2 || a.calls.Load() != 1 {
		t.Fatal("an endpoint that asked for patience was asked again")
	}
}

func TestAnAnswerIsNoFailure(t *testing.T) {
	g := solana.Hash{1}
	a, b := newNode(t, g, 1), newNode(t, g, 2)
	p := pool(t, rpc.Config{Endpoints: []string{a.URL, b.URL}, Genesis: g})
	for range 5 {
		if _, err := p.GetBlockHeight(t.Context(), sol.CommitmentFinalized); err == nil || !strings.Contains(err.Error(), "Method not found") {
			t.Fatal(err)
		}
	}
	if b.calls.Load() != 0 || slot(t, p) != 1 {
		t.Fatal("an error that was answered went to the next endpoint")
	}
}

func TestWrongCluster(t *testing.T) {
	a, b := newNode(t, solana.Hash{1}, 1), newNode(t, solana.Hash{2}, 2)
	_, err := rpc.New(t.Context(), rpc.Config{Endpoints: []string{a.URL, b.URL}, Genesis: solana.Hash{1}})
	if !errors.Is(err, rpc.ErrWrongCluster) {
		t.Fatal(err)
	}
	b.status.Store(500) // it cannot be checked at the start, and must be before it is used
	p := pool(t, rpc.Config{Endpoints: []string{a.URL, b.URL}, Genesis: solana.Hash{1}})
	b.status.Store(0)
	a.status.Store(500)
	if _, err := p.GetSlot(t.Context(), sol.CommitmentFinalized); !errors.Is(err, rpc.ErrWrongCluster) || b.calls.Load() != 0 {
		t.Fatalf("%v after %d calls", err, b.calls.Load())
	}
}

// What a provider's URL holds beside its host stands in no error.
func TestErrorsTellNoKeys(t *testing.T) {
	a := newNode(t, solana.Hash{1}, 1)
	a.status.Store(500)
	u, err := url.Parse(a.URL)
	if err != nil {
		t.Fatal(err)
	}
	u.Path, u.RawQuery, u.User = "/v1/pathsecret", "api-key=querysecret", url.UserPassword("usersecret", "passsecret")
	for what, address := range map[string]string{"an answer": u.String(), "no connection": "http://usersecret:passsecret@127.0.0.1:1/v1/pathsecret?api-key=querysecret"} {
		_, err := rpc.New(t.Context(), rpc.Config{Endpoints: []string{address}})
		if !errors.Is(err, rpc.ErrNoEndpoint) {
			t.Fatalf("%s: %v", what, err)
		}
		if strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), "127.0.0.1") {
			t.Errorf("%s: %v", what, err)
		}
	}
	deep := fmt.Errorf("asking: %w", context.DeadlineExceeded)
	if got := rpc.Conceal(fmt.Errorf("at %s: %w", u, deep), u.String()); !errors.Is(got, context.DeadlineExceeded) || strings.Contains(got.Error(), "secret") {
		t.Errorf("got %v", got)
	}
}

func TestNobodyAnswers(t *testing.T) {
	a := newNode(t, solana.Hash{1}, 1)
	a.status.Store(500)
	if _, err := rpc.New(t.Context(), rpc.Config{Endpoints: []string{a.URL}}); !errors.Is(err, rpc.ErrNoEndpoint) {
		t.Fatal(err)
	}
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	if _, err := rpc.New(ctx, rpc.Config{Endpoints: []string{a.URL}}); !errors.Is(err, context.Canceled) || errors.Is(err, rpc.ErrNoEndpoint) {
		t.Fatalf("interrupted, it says: %v", err)
	}
	if _, err := rpc.New(t.Context(), rpc.Config{}); err == nil {
		t.Fatal("a pool of nothing")
	}
}
