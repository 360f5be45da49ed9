package p2p

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"syscall"

	"github.com/libp2p/go-libp2p"
	dht "github.com/libp2p/go-libp2p-kad-dht"
	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/metrics"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/core/routing"
	"github.com/libp2p/go-libp2p/p2p/net/connmgr"
	quic "github.com/libp2p/go-libp2p/p2p/transport/quic"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	ws "github.com/libp2p/go-libp2p/p2p/transport/websocket"
	"github.com/multiformats/go-multiaddr"
)

// ErrClosed is what calls on a closed host return.
var ErrClosed = errors.New("the host is closed")

// A Host is a node among others. Its methods may be called from many goroutines.
type Host struct {
	cfg       *settings
	log       *slog.Logger
	host      host.Host
	dht       *dht.IpfsDHT
	pubsub    *pubsub.PubSub
	bandwidth *metrics.BandwidthCounter
	flood     *flood
	gate      *gate
	book      *book
	events    *events
	self      *self
	boot      []*bootstrapper
	serving   *serving

	ctx    context.Context
	cancel context.CancelFunc
	tasks  tasks
	once   sync.Once
	err    error
	wake   chan struct{} // the keeper should look again
	keep   keepList
}

// New makes a host that listens, and keeps connecting to its bootstrap peers until Close. That none of them answers is no
// error: see DialResults.
func New(ctx context.Context, c Config) (*Host, error) {
	cfg, err := c.parse()
	if err != nil {
		return nil, fmt.Errorf("start the p2p host: %w", err)
	}
	h := &Host{
		cfg: cfg, log: cfg.Logger, flood: newFlood(cfg.Limits), gate: newGate(), book: newBook(), events: newEvents(),
		serving: newServing(), wake: make(chan struct{}, 1), bandwidth: metrics.NewBandwidthCounter(),
	}
	if h.self, err = newSelf(); err != nil {
		return nil, fmt.Errorf("start the p2p host: %w", err)
	}
	h.ctx, h.cancel = context.WithCancel(context.WithoutCancel(ctx))
	for _, step := range []func() error{h.startHost, h.startDHT, h.startGossip, h.startHello, h.startKeeping} {
		if err := step(); err != nil {
			return nil, fmt.Errorf("start the p2p host: %w", errors.Join(err, h.Close()))
		}
	}
	return h, nil
}

func (h *Host) startHost() error {
	limiter, err := resources()
	if err != nil {
		return fmt.Errorf("set the limits: %w", err)
	}
	manager, err := connmgr.NewConnManager(h.cfg.Limits.ConnLow, h.cfg.Limits.ConnHigh, connmgr.WithGracePeriod(connGrace))
	if err != nil {
		return errors.Join(err, limiter.Close())
	}
	options := []libp2p.Option{
		libp2p.Identity(h.cfg.key),
		libp2p.NoListenAddrs, // listen does it: libp2p leaks what it started when that fails
		libp2p.UserAgent(h.cfg.Agent),
		libp2p.ResourceManager(limiter),
		libp2p.ConnectionManager(manager),
		libp2p.ConnectionGater(h.gate),
		libp2p.BandwidthReporter(h.bandwidth),
		libp2p.Transport(tcp.NewTCPTransport, tcp.DisableReuseport()), // a port in use must be an error, not a second listener
		libp2p.Transport(quic.NewTransport),
		libp2p.Transport(ws.New, ws.WithTLSConfig(h.cfg.TLS)),
		libp2p.Transport(newWebTransport),
		libp2p.DisableMetrics(), // libp2p's are global: fifty hosts in a process would share them
	}
	if len(h.cfg.announce) > 0 {
		options = append(options, libp2p.AddrsFactory(func([]multiaddr.Multiaddr) []multiaddr.Multiaddr { return h.cfg.announce }))
	}
	h.host, err = libp2p.New(append(options, h.reachability()...)...)
	if err != nil {
		return errors.Join(err, manager.Close(), limiter.Close())
	}
	h.host.Network().Notify(h.notifiee())
	return h.listen()
}

// listen refuses to start on a port that is taken, or on no address at all; a machine without IPv6 is no reason.
func (h *Host) listen() error {
	var failed []error
	for i, a := range h.cfg.listen {
		err := h.host.Network().Listen(a)
		if err == nil {
			continue
		}
		err = fmt.Errorf("listen on %s: %w", h.cfg.Listen[i], err)
		if strings.Contains(err.Error(), syscall.EADDRINUSE.Error()) { // not every transport wraps it
			return fmt.Errorf("%w; stop what listens there, or choose another port", err)
		}
		failed = append(failed, err)
	}
	if len(failed) == len(h.cfg.listen) {
		return errors.Join(failed...)
	}
	for _, err := range failed {
		h.log.Warn("an address cannot be listened on", "error", err)
	}
	return nil
}

// reachability is what a node on the internet needs and a local testnet is better without.
func (h *Host) reachability() []libp2p.Option {
	if !h.cfg.Public {
		return []libp2p.Option{libp2p.DisableRelay()}
	}
	options := []libp2p.Option{
		libp2p.NATPortMap(), libp2p.EnableNATService(), libp2p.EnableAutoNATv2(),
		libp2p.EnableRelay(), libp2p.EnableRelayService(), libp2p.EnableHolePunching(),
	}
	if len(h.cfg.bootstrap) > 0 {
		options = append(options, libp2p.EnableAutoRelayWithStaticRelays(h.cfg.bootstrap))
	}
	return options
}

// startDHT joins the network's own DHT. A node that knows its address, or is not on the internet, serves it at once.
func (h *Host) startDHT() error {
	mode := dht.ModeServer
	if h.cfg.Public && len(h.cfg.announce) == 0 {
		mode = dht.ModeAutoServer
	}
	if len(h.cfg.listen) == 0 {
		mode = dht.ModeClient
	}
	d, err := dht.New(h.host, dht.ProtocolPrefix(protocol.ID(h.cfg.Prefix)), dht.Mode(mode), dht.DisableValues(),
		dht.ProviderDatastore(newProviders(maxProviderRecords)))
	if err != nil {
		return fmt.Errorf("start the DHT: %w", err)
	}
	h.dht = d
	if err := d.Bootstrap(h.ctx); err != nil {
		return fmt.Errorf("start the DHT: %w", err)
	}
	return nil
}

// ID is the host's peer id.
func (h *Host) ID() peer.ID { return h.host.ID() }

// Addrs are the addresses told to others, each with /p2p/ID: what a bootstrap list wants.
func (h *Host) Addrs() []string {
	all, err := peer.AddrInfoToP2pAddrs(host.InfoFromHost(h.host))
	if err != nil {
		return nil // the id is the host's own
	}
	out := make([]string, len(all))
	for i, a := range all {
		out[i] = a.String()
	}
	return out
}

// LibP2P is the host for libraries that speak protocols of their own, such as bitswap.
func (h *Host) LibP2P() host.Host { return h.host }

// Routing finds and announces content in the network's DHT.
func (h *Host) Routing() routing.ContentRouting { return h.dht }

// Bandwidth counts the bytes of each protocol since the start.
func (h *Host) Bandwidth() map[protocol.ID]metrics.Stats { return h.bandwidth.GetBandwidthByProtocol() }

// Traffic counts all bytes since the start.
func (h *Host) Traffic() metrics.Stats { return h.bandwidth.GetBandwidthTotals() }

// Close leaves the network and waits for the host's goroutines. Later calls return the same.
func (h *Host) Close() error {
	h.once.Do(func() {
		h.cancel()
		h.serving.close()
		h.tasks.close()
		var errs []error
		if h.dht != nil {
			errs = append(errs, h.dht.Close())
		}
		if h.host != nil {
			errs = append(errs, h.host.Close())
		}
		h.events.close()
		if h.err = errors.Join(errs...); h.err != nil {
			h.err = fmt.Errorf("close the p2p host: %w", h.err)
		}
	})
	return h.err
}

// tasks are the host's goroutines. After close none begins: callbacks of libp2p may still come then.
type tasks struct {
	mu     sync.Mutex
	closed bool
	all    sync.WaitGroup
}

func (t *tasks) Go(fn func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.closed {
		t.all.Go(fn)
	}
}

func (t *tasks) close() {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.all.Wait()
}
