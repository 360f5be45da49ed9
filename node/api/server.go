package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/phantom-paradox/paradox/intent"
)

// Bounds of the HTTP server: what a client that is slow, or plays slow, can hold.
const (
	// headerTime is how long request headers may take, and headerBytes how long they may be: nothing here needs cookies.
	headerTime  = 5 * time.Second
	headerBytes = 16 << 10
	// readTime bounds a request with its body, writeTime an answer: the largest is a page of 200 rounds. Streams set their own.
	readTime  = 20 * time.Second
	writeTime = 60 * time.Second
	// idleTime is how long a connection may wait for its next request.
	idleTime = 60 * time.Second
	// drainTime is how long running requests may take to end when the server stops.
	drainTime = 5 * time.Second
)

// Config is what a server is made of.
type Config struct {
	Backend  Backend
	Network  *intent.Network
	Version  string
	Rate     int                  // intents a second, all clients together; 0: DefaultRate
	Registry *prometheus.Registry // served at /metrics, and the server's own metrics go there; nil: one of its own
	Logger   *slog.Logger
	Clock    func() time.Time // nil: time.Now

	Operators []intent.Key // who may sign in; none: nobody
	Domains   []string     // hosts at which they may, besides this machine's own
}

// A Server serves one node. It is an http.Handler; Serve runs it on a listener.
type Server struct {
	backend   Backend
	net       *intent.Network
	version   string
	log       *slog.Logger
	clock     func() time.Time
	limits    *limits
	signIns   *SignIns
	operators *operators
	page      *page
	meter     *meter
	doc       *huma.OpenAPI
	mux       *http.ServeMux
	handler   http.Handler
	streams   counter
	closing   chan struct{} // closed when streams must end
	once      sync.Once
}

// New makes a server.
func New(c Config) (*Server, error) {
	if c.Backend == nil || c.Network == nil {
		return nil, errors.New("api: a backend and a network are wanted")
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Rate <= 0 {
		c.Rate = DefaultRate
	}
	if c.Registry == nil {
		c.Registry = prometheus.NewRegistry()
	}
	s := &Server{backend: c.Backend, net: c.Network, version: c.Version, log: c.Logger, clock: c.Clock,
		limits: newLimits(c.Rate, c.Clock), signIns: newSignIns(c.Clock), mux: http.NewServeMux(),
		operators: &operators{keys: c.Operators, domains: c.Domains, tokens: &tokens{clock: c.Clock, until: map[[32]byte]time.Time{}}},
		streams:   newCounter(maxStreams, maxClientStreams), closing: make(chan struct{})}
	s.operators.node, _ = c.Backend.(Operated)
	var err error
	if s.page, err = newPage(); err != nil {
		return nil, fmt.Errorf("api: the status page: %w", err)
	}
	if s.meter, err = newMeter(c.Registry); err != nil {
		return nil, fmt.Errorf("api: registering metrics: %w", err)
	}
	s.mux.Handle("GET /metrics", promhttp.HandlerFor(c.Registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4}))
	s.page.register(s)
	s.register(humago.New(s.mux, s.framework()))
	s.handler = s.recover(s.guard(http.HandlerFunc(s.route)))
	return s, nil
}

// framework configures huma: no pages of its own, which load scripts from elsewhere, and problems instead of its errors.
func (s *Server) framework() huma.Config {
	schemas := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI:    "3.1.0",
			Info:       &huma.Info{Title: "Paradox node", Version: "1", Description: apiDescription},
			Components: &huma.Components{Schemas: schemas},
		},
		OpenAPIPath:   "/openapi",
		Formats:       map[string]huma.Format{typeJSON: huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat},
		DefaultFormat: typeJSON,
		Transformers:  []huma.Transformer{reword},
	}
}

const apiDescription = "Amounts, nonces and event numbers are decimal strings; heights, views, slots and times (unix seconds) " +
	"numbers; keys base58; ids and CIDs text; digests lower-case hex, the network's base58. Lists page by limit (at most 200) and " +
	"after (the next of the page before). Errors are application/problem+json. Every origin may ask; an intent signs itself."

// OpenAPI is the description of the API that /openapi.json serves.
func (s *Server) OpenAPI() *huma.OpenAPI { return s.doc }

// SignIns are the sign-in texts that /api/user/nonce hands out.
func (s *Server) SignIns() *SignIns { return s.signIns }

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Serve serves on the listener until ctx ends, lets running requests end, and closes the listener.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	h := NewHTTPServer(s, s.log)
	h.RegisterOnShutdown(s.Close)
	defer s.Close()
	return Serve(ctx, h, bounded(l))
}

// Close ends event streams, which would otherwise hold a server that shuts down.
func (s *Server) Close() { s.once.Do(func() { close(s.closing) }) }

// NewHTTPServer is an HTTP server with this package's bounds.
func NewHTTPServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{Handler: h, ReadHeaderTimeout: headerTime, ReadTimeout: readTime, WriteTimeout: writeTime,
		IdleTimeout: idleTime, MaxHeaderBytes: headerBytes, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug)}
}

// Serve runs a server on a listener until ctx ends; then requests that run have drainTime to end.
func Serve(ctx context.Context, h *http.Server, l net.Listener) error {
	done := make(chan error, 1)
	go func() { done <- h.Serve(l) }()
	select {
	case err := <-done:
		return fmt.Errorf("serving HTTP on %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	err := h.Shutdown(drain)
	if err != nil {
		err = h.Close()
	}
	if ended := <-done; ended != nil && !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	if err != nil {
		return fmt.Errorf("closing HTTP on %s: %w", l.Addr(), err)
	}
	return nil
}
