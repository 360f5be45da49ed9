package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/node/api"
)

// openListeners takes the ports first: where one is taken, nothing else has been started, and that is all there is to say.
// "" is no listener.
func (n *Node) openListeners(ctx context.Context) (err error) {
	s := n.cfg.Settings
	for _, l := range []struct {
		field, addr string
		into        *net.Listener
	}{{"api.listen", s.API.Listen, &n.api}, {"admin.listen", s.Admin.Listen, &n.admin}} {
		if l.addr == "" {
			continue
		}
		if *l.into, err = n.listen(ctx, l.field, l.addr); err != nil {
			return err
		}
	}
	return nil
}

// openHTTP serves wallets and people, and the operator alone where that is wanted.
func (n *Node) openHTTP(context.Context) error {
	n.facade = newFacade(n)
	n.meter.watch(n)
	n.task(n.facade.pump)
	n.task(n.facade.watchFees)
	n.task(n.facade.watchClock)
	s := n.cfg.Settings
	if l := n.api; l != nil {
		var operators []intent.Key
		for _, text := range s.Admin.Operators {
			k, err := intent.ParseKey(text)
			if err != nil {
				return fmt.Errorf("admin.operators: %w", err)
			}
			operators = append(operators, k)
		}
		server, err := api.New(api.Config{Backend: n.facade, Network: n.cfg.File.Intents(), Version: n.cfg.Version, Rate: s.API.Rate,
			Registry: n.meter.registry, Logger: n.log.With("part", "api"), Operators: operators, Domains: s.Admin.Domains})
		if err != nil {
			return err
		}
		n.log.Info("the HTTP API and the status page", "address", "http://"+l.Addr().String())
		n.task(func(ctx context.Context) error { return server.Serve(ctx, l) })
	}
	if l := n.admin; l != nil {
		h := api.NewHTTPServer(n.operators(), n.log.With("part", "admin"))
		h.WriteTimeout = profileTime
		n.task(func(ctx context.Context) error { return api.Serve(ctx, h, l) })
	}
	return nil
}

// profileTime bounds a profile: somebody asks for a minute at most.
const profileTime = 2 * time.Minute

// listen opens a listener that closes with the node, whether it was served or not.
func (n *Node) listen(ctx context.Context, field, addr string) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("%s: %w; is another node running, or is the port taken? Choose another address", field, err)
	}
	n.closers = append(n.closers, func() error {
		if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			return fmt.Errorf("closing %s: %w", field, err)
		}
		return nil
	})
	return l, nil
}

// APIAddr is where the HTTP API listens, nil if nowhere.
func (n *Node) APIAddr() net.Addr { return addrOf(n.api) }

// AdminAddr is where the operator's listener is, nil if nowhere.
func (n *Node) AdminAddr() net.Addr { return addrOf(n.admin) }

func addrOf(l net.Listener) net.Addr {
	if l == nil {
		return nil
	}
	return l.Addr()
}

// operators serves profiles, metrics and snapshots.
func (n *Node) operators() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	mux.HandleFunc("GET /snapshot", n.serveSnapshot)
	mux.Handle("/metrics", promhttp.HandlerFor(n.meter.registry, promhttp.HandlerOpts{}))
	return mux
}

// serveSnapshot writes a snapshot of the running node. One that fails on its way ends without its end, which whoever imports
// it finds, and breaks the connection.
func (n *Node) serveSnapshot(w http.ResponseWriter, _ *http.Request) {
	if err := http.NewResponseController(w).SetWriteDeadline(time.Time{}); err != nil {
		n.log.Warn("a snapshot has to be written within the deadline of profiles", "err", err)
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	out := &counter{w: w}
	if _, err := exportSnapshot(n.store, n.cfg.File, out); err != nil {
		n.log.Warn("a snapshot was not written", "err", err)
		if out.n > 0 {
			panic(http.ErrAbortHandler)
		}
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
	}
}

// pumpEvery is how often the pool and health are looked at for changes.
const pumpEvery = time.Second

// peerBuffer bounds peer events that wait for the pump.
const peerBuffer = 64

// pump turns what happens in the node into the API's events.
func (f *facade) pump(ctx context.Context) error {
	notices, end := f.n.hub.listen()
	defer end()
	peers, stop := f.n.host.Events(peerBuffer)
	defer stop()
	ticker := time.NewTicker(pumpEvery)
	defer ticker.Stop()
	var pool api.PoolStats
	health := ""
	for {
		select {
		case <-ctx.Done():
			return nil
		case n := <-notices:
			if r, ok := n.Data.(RoundNotice); ok {
				f.events.publish(n.Kind, f.roundEvent(r))
				f.signedOrNot(r)
			}
		case e, ok := <-peers:
			if !ok {
				peers = nil
				continue
			}
			f.events.publish(api.EventPeer, api.PeerEvent{ID: e.Peer.String(), State: e.Kind.String(), Detail: e.Detail, Peers: len(f.n.host.Peers())})
		case <-ticker.C:
			if now := poolView(f.sight().Pool); now != pool {
				pool = now
				f.events.publish(api.EventPool, now)
			}
			if h, err := f.Health(ctx); err == nil && summary(h) != health {
				health = summary(h)
				f.events.publish(api.EventHealth, h)
			}
		}
	}
}

// summary is what makes a change of health worth telling: not every new number in a detail.
func summary(h *api.Health) string {
	out := ""
	for _, c := range h.Checks {
		out += c.Name + "=" + c.Status + ";"
	}
	return out
}

func (f *facade) roundEvent(r RoundNotice) api.RoundEvent {
	e := api.RoundEvent{State: r.State, Height: r.Height, Generation: r.Generation}
	if r.Round != nil {
		e.Round = f.roundView(r.Header, r.Round)
	}
	return e
}
