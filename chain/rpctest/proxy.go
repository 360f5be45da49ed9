// Package rpctest has a proxy that stands before a Solana RPC endpoint and does what endpoints do on bad days: it refuses, hangs,
// forgets and doubles sends, stands still, prunes, lies, and cuts or silences WebSockets. It is for tests, on any chain that
// answers JSON-RPC.
//
// It knows nothing of watchers and settlers; of the vault only what it needs to invent a deposit.
package rpctest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gagliardetto/solana-go"
	"github.com/gorilla/websocket"
)

// Faults are what goes wrong from the next request on. Shares are from 0 to 1.
type Faults struct {
	Refuse     float64       // share of requests answered 429
	RetryAfter time.Duration // what a 429 asks for, in whole seconds
	Hang       float64       // share that is never answered
	Cut        float64       // share whose connection is closed without an answer
	Delay      time.Duration // before each answer
	Forget     float64       // share of sends that are acknowledged and not passed on
	Double     float64       // share of sends that are passed on twice
	Answerless float64       // share of sends that are passed on, and cut before the answer
	Swap       float64       // share of sends that are acknowledged and passed on behind the next one

	Stale   bool         // reads are answered as they were when this began
	Unfinal bool         // the same of reads at finalized, and no transaction is shown finalised
	Pruned  uint64       // transactions before this slot are not known any more
	Genesis *solana.Hash // another cluster's
	Invent  *Invention   // a deposit that never was
	Silent  bool         // WebSockets stay open and say nothing
	Methods []string     // only these are touched by Refuse, Hang, Cut and Delay; empty: all
	Seed    uint64       // of the choice
}

// A Proxy is a running proxy.
type Proxy struct {
	target string
	addr   string
	http   *http.Server
	client *http.Client
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu      sync.Mutex
	faults  Faults
	rng     *rand.Rand
	frozen  map[string]json.RawMessage
	calls   map[string]int
	sockets map[*websocket.Conn]bool
	held    []byte // a send that waits for the next one
	fake    fake
}

// Start listens on a free port of the loopback before target, an http:// address. Close must be called.
func Start(target string) (*Proxy, error) {
	ln, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("rpctest: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	p := &Proxy{target: target, addr: ln.Addr().String(), client: &http.Client{Transport: &http.Transport{}}, cancel: cancel,
		calls: map[string]int{}, sockets: map[*websocket.Conn]bool{}}
	p.Set(Faults{})
	p.http = &http.Server{Handler: http.HandlerFunc(p.serve), ReadHeaderTimeout: time.Minute, BaseContext: func(net.Listener) context.Context { return ctx }}
	p.wg.Go(func() { _ = p.http.Serve(ln) }) // it ends with Close
	return p, nil
}

// URL is the proxy's JSON-RPC endpoint, WebSocket that of subscriptions.
func (p *Proxy) URL() string { return "http://" + p.addr }

// WebSocket is the endpoint of subscriptions.
func (p *Proxy) WebSocket() string { return "ws://" + p.addr }

// Set replaces the faults.
func (p *Proxy) Set(f Faults) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults, p.rng, p.frozen = f, rand.New(rand.NewPCG(f.Seed, 1)), map[string]json.RawMessage{}
}

// Calls is how often a method was asked for.
func (p *Proxy) Calls(method string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls[method]
}

// CutSockets closes the WebSockets that are open.
func (p *Proxy) CutSockets() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.sockets {
		_ = c.Close() // whoever reads it sees that
	}
}

// Close stops listening and waits for everything under way.
func (p *Proxy) Close() error {
	p.cancel()
	p.CutSockets()
	err := p.http.Close()
	p.wg.Wait()
	p.client.CloseIdleConnections()
	return err
}

// now are the faults, and a function that draws whether one of them happens.
func (p *Proxy) now() (Faults, func(share float64) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.faults, func(share float64) bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return share > 0 && p.rng.Float64() < share
	}
}

type call struct {
	Version string            `json:"jsonrpc"`
	ID      json.RawMessage   `json:"id"`
	Method  string            `json:"method"`
	Params  []json.RawMessage `json:"params,omitempty"`
}

const maxBody = 64 << 20

func (p *Proxy) serve(w http.ResponseWriter, r *http.Request) {
	p.wg.Add(1)
	defer p.wg.Done()
	if websocket.IsWebSocketUpgrade(r) {
		p.serveSocket(w, r)
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	var c call
	if err != nil || json.Unmarshal(body, &c) != nil {
		http.Error(w, "not a call", http.StatusBadRequest)
		return
	}
	p.mu.Lock()
	p.calls[c.Method]++
	p.mu.Unlock()
	f, happens := p.now()
	if f.touches(c.Method) && p.spoil(w, r, f, happens) {
		return
	}
	answer, err := p.answer(r.Context(), &c, body, f, happens)
	if err != nil {
		panic(http.ErrAbortHandler) // net/http closes the connection without an answer
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(answer) // a client that went away needs none
}

func (f *Faults) touches(method string) bool {
	for _, m := range f.Methods {
		if m == method {
			return true
		}
	}
	return len(f.Methods) == 0
}

// spoil lets a request fail, and says whether it did.
func (p *Proxy) spoil(w http.ResponseWriter, r *http.Request, f Faults, happens func(float64) bool) bool {
	switch {
	case happens(f.Cut):
		panic(http.ErrAbortHandler)
	case happens(f.Refuse):
		w.Header().Set("Retry-After", fmt.Sprint(int(f.RetryAfter/time.Second)))
		http.Error(w, "Too Many Requests", http.StatusTooManyRequests)
		return true
	case happens(f.Hang):
		<-r.Context().Done()
		return true
	}
	if f.Delay > 0 {
		t := time.NewTimer(f.Delay)
		defer t.Stop()
		select {
		case <-t.C:
		case <-r.Context().Done():
			return true
		}
	}
	return false
}

var errCut = errors.New("cut")

// answer is the target's, changed as the faults ask.
func (p *Proxy) answer(ctx context.Context, c *call, body []byte, f Faults, happens func(float64) bool) ([]byte, error) {
	if c.Method == "sendTransaction" {
		return p.send(ctx, c, body, f, happens)
	}
	key := ""
	if f.Stale || f.Unfinal && (c.atFinalized() || c.Method == "getSignatureStatuses") {
		key = c.Method + string(bytes.Join(asBytes(c.Params), []byte(",")))
	}
	if c.Method == "getSignatureStatuses" && f.Unfinal && !f.Stale {
		key = "" // they move on, but for finality
	}
	p.mu.Lock()
	kept := p.frozen[key]
	p.mu.Unlock()
	if kept == nil {
		raw, err := p.forward(ctx, body)
		if err != nil {
			return nil, err
		}
		var a struct {
			Result json.RawMessage `json:"result"`
			Error  json.RawMessage `json:"error"`
		}
		if bad := json.Unmarshal(raw, &a); bad != nil || a.Error != nil || a.Result == nil {
			return raw, nil //nolint:nilerr // it is the target's own answer, whatever it is
		}
		kept = p.bend(c, a.Result, f)
		if key != "" {
			p.mu.Lock()
			p.frozen[key] = kept
			p.mu.Unlock()
		}
	}
	return json.Marshal(map[string]any{"jsonrpc": "2.0", "id": c.ID, "result": kept})
}

// send passes a transaction on, or not.
func (p *Proxy) send(ctx context.Context, c *call, body []byte, f Faults, happens func(float64) bool) ([]byte, error) {
	p.mu.Lock()
	held := p.held
	p.held = nil
	p.mu.Unlock()
	if held != nil {
		defer func() { _, _ = p.forward(ctx, held) }() // whoever sent it has its answer
	} else if happens(f.Swap) {
		p.mu.Lock()
		p.held = body
		p.mu.Unlock()
		return acknowledged(c)
	}
	if happens(f.Forget) {
		return acknowledged(c)
	}
	answer, err := p.forward(ctx, body)
	if err == nil && happens(f.Double) {
		_, err = p.forward(ctx, body)
	}
	if happens(f.Answerless) {
		return nil, errCut
	}
	return answer, err
}

// acknowledged is the answer to a send that was taken.
func acknowledged(c *call) ([]byte, error) {
	sig, err := firstSignature(c)
	if err != nil {
		return nil, err
	}
	return json.Marshal(map[string]any{"jsonrpc": "2.0", "id": c.ID, "result": sig})
}

func (p *Proxy) forward(ctx context.Context, body []byte) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, p.target, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := p.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return io.ReadAll(io.LimitReader(resp.Body, maxBody))
}

// atFinalized says whether a call reads at finalized, which is what a call means that names no commitment.
func (c *call) atFinalized() bool {
	for _, b := range c.Params {
		var o struct{ Commitment string }
		if json.Unmarshal(b, &o) == nil && o.Commitment != "" {
			return o.Commitment == "finalized"
		}
	}
	return strings.HasPrefix(c.Method, "get") && c.Method != "getSignatureStatuses" && c.Method != "getGenesisHash"
}

func asBytes(list []json.RawMessage) [][]byte {
	out := make([][]byte, len(list))
	for i := range list {
		out[i] = list[i]
	}
	return out
}

// serveSocket pipes a WebSocket through.
func (p *Proxy) serveSocket(w http.ResponseWriter, r *http.Request) {
	up := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
	near, err := up.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer near.Close()
	far, resp, err := websocket.DefaultDialer.DialContext(r.Context(), "ws"+strings.TrimPrefix(p.target, "http"), nil)
	if err != nil {
		return
	}
	_ = resp.Body.Close()
	defer far.Close()
	p.mu.Lock()
	p.sockets[near] = true
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		delete(p.sockets, near)
		p.mu.Unlock()
	}()
	var both sync.WaitGroup
	pipe := func(from, to *websocket.Conn, loud bool) {
		defer far.Close()
		defer near.Close()
		for {
			kind, data, err := from.ReadMessage()
			if err != nil {
				return
			}
			if f, _ := p.now(); f.Silent && !loud {
				continue
			}
			if to.WriteMessage(kind, data) != nil {
				return
			}
		}
	}
	both.Go(func() { pipe(near, far, true) })
	both.Go(func() { pipe(far, near, false) })
	both.Wait()
}
