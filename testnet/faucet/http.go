package faucet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/phantom-paradox/paradox/intent"
)

// Bounds of the HTTP side.
const (
	maxAsk     = 1 << 10         // bytes of a request: a key and an id
	maxRequest = 64              // characters of a request's id
	giveTime   = 2 * time.Minute // for one gift: some blockhashes of a slow cluster
	readTime   = 10 * time.Second
	maxHeader  = 8 << 10
)

// An ask is the body of POST /.
type ask struct {
	Wallet  intent.Key `json:"wallet"`
	Request string     `json:"request"` // an id of the asker's choice: asked again with it, the answer is the same gift
}

func parseAsk(b []byte) (*ask, error) {
	var a ask
	if err := json.Unmarshal(b, &a); err != nil {
		return nil, fmt.Errorf(`the body is not {"wallet":"…"}: %w`, err)
	}
	if a.Wallet == (intent.Key{}) {
		return nil, errors.New("wallet is missing: the address to give to")
	}
	if len(a.Request) > maxRequest {
		return nil, fmt.Errorf("request has %d characters; it may have %d", len(a.Request), maxRequest)
	}
	return &a, nil
}

// Serve answers until ctx ends: GET / says what a gift is, POST / gives one. A gift under way is finished first.
func (f *Faucet) Serve(ctx context.Context, ln net.Listener) error {
	s := &http.Server{
		Handler: f.Handler(ctx), ReadHeaderTimeout: readTime, ReadTimeout: readTime, IdleTimeout: time.Minute, MaxHeaderBytes: maxHeader,
		WriteTimeout: (queue + 1) * giveTime, // the last in the queue
	}
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), giveTime)
		defer cancel()
		stopped <- s.Shutdown(late)
	}()
	if err := s.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("faucet: serving: %w", err)
	}
	return <-stopped
}

// Handler is the faucet over HTTP. Gifts do not end with the asker's connection, so that nothing is left unclear by who hangs up.
func (f *Faucet) Handler(ctx context.Context) http.Handler {
	ctx = context.WithoutCancel(ctx)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path != "/":
			problem(w, &Refusal{Status: http.StatusNotFound, Code: "not_found", Detail: "GET / says what a gift is, POST / gives one"})
		case r.Method == http.MethodGet:
			answer(w, http.StatusOK, "application/json", f.Offer())
		case r.Method == http.MethodPost:
			f.post(ctx, w, r)
		default:
			w.Header().Set("Allow", "GET, POST")
			problem(w, &Refusal{Status: http.StatusMethodNotAllowed, Code: "method_not_allowed", Detail: "GET / says what a gift is, POST / gives one"})
		}
	})
}

func (f *Faucet) post(ctx context.Context, w http.ResponseWriter, r *http.Request) {
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxAsk))
	if err != nil {
		problem(w, &Refusal{Status: http.StatusRequestEntityTooLarge, Code: "too_large", Detail: fmt.Sprintf("a request has at most %d bytes", maxAsk)})
		return
	}
	a, err := parseAsk(b)
	if err != nil {
		problem(w, &Refusal{Status: http.StatusBadRequest, Code: CodeBad, Detail: err.Error()})
		return
	}
	ctx, cancel := context.WithTimeout(ctx, giveTime)
	defer cancel()
	g, err := f.Give(ctx, a.Wallet, clientOf(r.RemoteAddr), a.Request)
	var no *Refusal
	switch {
	case err == nil:
		answer(w, http.StatusOK, "application/json", g)
	case errors.As(err, &no):
		problem(w, no)
	default: // of this machine: no business of the asker's
		problem(w, &Refusal{Status: http.StatusInternalServerError, Code: "internal", Detail: "the faucet cannot give now; its operator must look"})
	}
}

// clientOf is whom the limit by address counts: an IPv4 address, or a network of IPv6, which one household has.
func clientOf(remote string) string {
	a, err := netip.ParseAddrPort(remote)
	if err != nil {
		return "unknown"
	}
	addr, bits := a.Addr().Unmap().WithZone(""), 32
	if addr.Is6() {
		bits = 64
	}
	p, err := addr.Prefix(bits)
	if err != nil {
		return "unknown"
	}
	return p.String()
}

func answer(w http.ResponseWriter, status int, kind string, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		status, b = http.StatusInternalServerError, []byte("{}")
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n')) // an asker that went away needs none
}

// problem answers as RFC 9457 has it, like a node's API.
func problem(w http.ResponseWriter, r *Refusal) {
	if r.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(r.RetryAfter.Seconds()))))
	}
	answer(w, r.Status, "application/problem+json", map[string]any{
		"type": "about:blank", "title": http.StatusText(r.Status), "status": r.Status, "code": r.Code, "detail": r.Detail,
	})
}
