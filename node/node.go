package node

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"slices"
	"time"

	"github.com/gagliardetto/solana-go"
	"github.com/ipfs/go-cid"
	"golang.org/x/sync/errgroup"

	"github.com/phantom-paradox/paradox/agreement"
	"github.com/phantom-paradox/paradox/chain"
	"github.com/phantom-paradox/paradox/chain/rpc"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/leader"
	"github.com/phantom-paradox/paradox/ledger"
	"github.com/phantom-paradox/paradox/network"
	"github.com/phantom-paradox/paradox/node/config"
	"github.com/phantom-paradox/paradox/node/keys"
	"github.com/phantom-paradox/paradox/node/pool"
	"github.com/phantom-paradox/paradox/node/report"
	"github.com/phantom-paradox/paradox/p2p"
	"github.com/phantom-paradox/paradox/storage"
	"github.com/phantom-paradox/paradox/storage/pinning"
)

// Config is what a node is made of.
type Config struct {
	Settings *config.Config
	File     *network.File
	Keys     *keys.Keys
	Version  string
	Logger   *slog.Logger
	LogLevel *slog.LevelVar // of the Logger, for the operator to change; nil: it cannot be changed

	chain func(n *Node) error // in tests: instead of openChain
}

// A Node is a node assembled. New builds it in order; Run starts it and takes it down in the reverse order.
type Node struct {
	cfg     Config
	hash    intent.Hash
	self    intent.Key
	log     *slog.Logger
	meter   *meters
	hub     *hub
	started time.Time

	reporter *report.Reporter // nil: errors are reported to nobody

	store     *storage.Store
	book      *book
	rpc       *rpc.Pool
	watcher   *chain.Watcher
	vault     vaultView
	settler   settling
	host      *p2p.Host
	ipfs      *storage.IPFS
	pinner    *pinning.Pinner
	pool      *pool.Pool
	door      *door
	keeper    *keeper
	bundler   *bundler
	gossip    *gossip
	streams   *streams
	wishes    wishes
	engine    *engine
	committee *committee
	facade    *facade

	api, admin net.Listener // nil: not wanted

	tasks   []func(ctx context.Context) error
	closers []func() error // in order of construction
}

// New opens everything a node has. Close it, also after Run.
func New(ctx context.Context, cfg Config) (_ *Node, err error) {
	n := &Node{cfg: cfg, hash: cfg.File.Hash(), log: cfg.Logger, meter: newMeters(), hub: newHub(), started: time.Now()}
	if dsn := cfg.Settings.Sentry.DSN; dsn != "" {
		if n.reporter, err = report.New(report.Config{DSN: dsn, Release: cfg.Version, Network: cfg.File.Name}); err != nil {
			return nil, fmt.Errorf("starting the node: %w", err)
		}
		n.log = slog.New(n.reporter.Handler(cfg.Logger.Handler()))
		n.closers = append(n.closers, n.reporter.Close)
	}
	copy(n.self[:], cfg.Keys.Member.Public().(ed25519.PublicKey))
	steps := []struct {
		name string
		do   func(context.Context) error
	}{
		{"listeners", n.openListeners}, {"disk", n.openDisk}, {"chain", n.openChain}, {"p2p", n.openHost}, {"ipfs", n.openIPFS}, {"pinning", n.openPinning},
		{"pool", n.openPool}, {"wishes", n.openWishes}, {"engine", n.openEngine}, {"gossip", n.openGossip}, {"committee", n.openCommittee}, {"http", n.openHTTP},
	}
	for _, s := range steps {
		if err := s.do(ctx); err != nil {
			return nil, errors.Join(fmt.Errorf("starting the node: %s: %w", s.name, err), n.Close())
		}
	}
	return n, nil
}

// Close takes the node down in the reverse order of its construction.
func (n *Node) Close() error {
	var errs []error
	for _, c := range slices.Backward(n.closers) {
		errs = append(errs, c())
	}
	n.closers = nil
	return errors.Join(errs...)
}

// Run runs the node until ctx ends; it returns an error if the node cannot go on.
func (n *Node) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, t := range n.tasks {
		g.Go(func() error {
			if n.reporter != nil {
				defer n.reporter.Panic()
			}
			return ended(ctx, t(ctx))
		})
	}
	return g.Wait()
}

func (n *Node) task(fn func(ctx context.Context) error) { n.tasks = append(n.tasks, fn) }

func (n *Node) openDisk(context.Context) error {
	var err error
	if n.store, err = storage.Open(n.cfg.Settings.DataDir(), storage.Options{Logger: n.log.With("part", "disk")}); err != nil {
		return err
	}
	n.closers = append(n.closers, n.store.Close)
	bucket, err := n.store.Bucket(bookBucket)
	n.book = &book{store: n.store, bucket: bucket}
	return err
}

// openChain connects the vault's view and, for a member that submits, the settler.
func (n *Node) openChain(ctx context.Context) error {
	if n.cfg.chain != nil {
		return n.cfg.chain(n)
	}
	urls := n.cfg.Settings.Chain.RPC
	if len(urls) == 0 {
		urls = n.cfg.File.RPC
	}
	if len(urls) == 0 {
		return errors.New("no Solana RPC endpoint; set chain.rpc, or PARADOX_CHAIN_RPC, or name one in the network file")
	}
	bucket, err := n.store.Bucket("chain")
	if err != nil {
		return err
	}
	log := n.log.With("part", "chain")
	if n.rpc, err = rpc.New(ctx, rpc.Config{Endpoints: urls, Genesis: solana.Hash(n.cfg.File.Cluster), Logger: log}); err != nil {
		return err
	}
	store := chainStore{bucket, n.store}
	wakeWatcher, wakeSettler := make(chan struct{}, 1), make(chan struct{}, 1)
	poll := chainPoll(n.cfg.File)
	var sources []chain.Source
	for _, e := range n.rpc.Endpoints() {
		sources = append(sources, chain.Source{Name: e.Name, RPC: e})
	}
	if err := chain.CheckProgram(ctx, n.cfg.File, sources); err != nil {
		return err
	}
	n.watcher, err = chain.NewWatcher(chain.WatcherConfig{File: n.cfg.File, Sources: sources, History: peerHistory{n}, Store: store, Wake: wakeWatcher,
		Poll: poll, Logger: log})
	if err != nil {
		return err
	}
	settler, err := chain.NewSettler(chain.SettlerConfig{File: n.cfg.File, RPC: n.rpc, Store: store,
		Watcher: n.watcher, Payer: solana.PrivateKey(n.cfg.Keys.FeePayer), Disabled: !n.cfg.Settings.Chain.Submit, Wake: wakeSettler, Poll: poll, Logger: log})
	if err != nil {
		return err
	}
	n.vault, n.settler = n.watcher, settler
	n.task(n.rpc.Run)
	n.task(n.watcher.Run)
	n.task(settler.Run)
	if ws := websocketOf(urls[0]); ws != "" {
		waker := &chain.Waker{URL: ws, Account: chain.Addresses(n.cfg.File).Vault, Logger: log}
		n.task(func(ctx context.Context) error { return waker.Run(ctx, wakeWatcher, wakeSettler) })
	}
	return nil
}

// chainPoll is how often the vault is looked at without a wake-up: a fast localnet is worth a faster look.
func chainPoll(f *network.File) time.Duration {
	return min(max(ms(f.Params.Tick)/4, 50*time.Millisecond), time.Second)
}

// websocketOf is the WebSocket endpoint that belongs to an RPC endpoint: the same address, but for Solana's own validator,
// whose RPC listens on 8899 and whose WebSocket on the port above. "" if the URL has none.
func websocketOf(endpoint string) string {
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" {
		return ""
	}
	u.Scheme = map[string]string{"https": "wss", "http": "ws"}[u.Scheme]
	if u.Port() == "8899" {
		u.Host = net.JoinHostPort(u.Hostname(), "8900")
	}
	return u.String()
}

func (n *Node) openHost(ctx context.Context) error {
	s := n.cfg.Settings.P2P
	bootstrap := append(slices.Clone(s.Bootstrap), n.cfg.File.Bootstrap...)
	var certificate *tls.Config
	if s.TLSCert != "" {
		var err error
		if certificate, err = p2p.Certificate(s.TLSCert, s.TLSKey); err != nil {
			return err
		}
	}
	host, err := p2p.New(ctx, p2p.Config{TLS: certificate, Key: n.cfg.Keys.Member, Prefix: n.cfg.File.Prefix(), Listen: s.Listen, Announce: s.Announce,
		Bootstrap: bootstrap, Public: s.Public, Agent: "paradox/" + n.cfg.Version, Logger: n.log.With("part", "p2p")})
	if err != nil {
		return err
	}
	n.host = host
	n.closers = append(n.closers, host.Close)
	return nil
}

func (n *Node) openIPFS(context.Context) error {
	ipfs, err := storage.NewIPFS(storage.IPFSConfig{Store: n.store, Host: n.host.LibP2P(), Routing: n.host.Routing(), Gateways: n.cfg.Settings.IPFS.Gateways, Logger: n.log.With("part", "ipfs")})
	if err != nil {
		return err
	}
	n.ipfs = ipfs
	n.closers = append(n.closers, ipfs.Close)
	n.task(n.collect)
	return nil
}

// collectEvery is how often blocks that nobody pins are collected.
const collectEvery = 10 * time.Minute

// collect frees what is not pinned any more, and the disk under it.
func (n *Node) collect(ctx context.Context) error {
	ticker := time.NewTicker(collectEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		if _, err := n.book.forgetDropped(maxDropped); err != nil {
			n.log.Warn("the oldest dropped intents could not be forgotten", "err", err)
		}
		got, err := n.ipfs.GC(ctx)
		if err != nil && ctx.Err() == nil {
			n.log.Warn("unpinned blocks could not be collected", "err", err)
		}
		n.log.Debug("collected", "kept", got.Kept, "removed", got.Removed)
	}
}

// closedGate is the pool's gate before the vault has been read: nothing passes.
type closedGate struct{}

func (closedGate) AdmitCheap(*intent.Intent) error  { return errNotReady }
func (closedGate) Funded(intent.Key) bool           { return false }
func (closedGate) Spendable(_, _ intent.Key) uint64 { return 0 }
func (closedGate) Admit(*intent.Intent, int64, ledger.AskLookup) error {
	return errNotReady
}

func (n *Node) openPool(context.Context) error {
	bucket, err := n.store.Bucket("pool")
	if err != nil {
		return err
	}
	disk := &poolDisk{n.store, bucket}
	if n.pool, err = pool.New(n.cfg.File.Intents(), disk, closedGate{}); err != nil {
		return err
	}
	if err := n.letGoOfLost(); err != nil {
		return err
	}
	n.keeper = &keeper{pool: n.pool, blocks: ipfsBlocks{n.ipfs}}
	n.bundler = &bundler{pool: n.pool, keeper: n.keeper, meter: n.meter, log: n.log.With("part", "bundles"), clock: time.Now,
		wake: make(chan struct{}, 1)}
	n.door = &door{net: n.cfg.File.Intents(), pool: n.pool, book: n.book, clock: time.Now, admits: n.admits,
		added: func() { poke(n.bundler.wake); poke(n.engine.poked) }, meter: n.meter}
	return nil
}

// letGoOfLost unpins bundles that carry nothing pooled: a crash came between a pin and what it was for.
func (n *Node) letGoOfLost() error {
	var lost []cid.Cid
	err := n.ipfs.Pins(func(id cid.Cid, owner string) bool {
		if owner == poolOwner && !n.pool.HasBundle(string(id.Bytes())) {
			lost = append(lost, id)
		}
		return true
	})
	if err == nil && len(lost) > 0 {
		err = n.ipfs.Unpin(poolOwner, lost...)
	}
	if err != nil {
		return fmt.Errorf("letting go of %d bundles: %w", len(lost), err)
	}
	return nil
}

// members are those of the epoch that the node knows, of the network file before it knows any.
func (n *Node) members() []network.Member {
	if s := n.engine.status.Load(); s != nil && s.Opening != nil {
		return s.Opening.Members()
	}
	return n.cfg.File.Members
}

// poke wakes whoever waits on a channel of one; pokes coalesce.
func poke(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// admits says why no intent can be judged now.
func (n *Node) admits() error {
	s := n.engine.status.Load()
	if s == nil || s.Opening == nil {
		return errNotReady
	}
	return nil
}

func (n *Node) openEngine(context.Context) error {
	states, _, err := openForSnapshot(n.store)
	if err != nil {
		return err
	}
	settled, err := ledger.Load(n.cfg.File, states)
	if err != nil {
		return fmt.Errorf("loading the settled state: %w", err)
	}
	votes, err := n.store.Bucket(votesBucket)
	if err != nil {
		return err
	}
	log, err := openVoteLog(votes, n.self)
	if err != nil {
		return err
	}
	halted, err := log.halted()
	if err != nil {
		return err
	}
	if halted != "" {
		n.log.Error("this node stopped voting and does not begin again by itself; `paradox resume` lets it, once the reason is gone", "reason", halted)
	}
	p := n.cfg.File.Params
	terms := n.cfg.File.Intents()
	e := &engine{
		halted: halted,
		x:      &executor{file: n.cfg.File, hash: n.hash, net: terms, pool: n.pool, blocks: ipfsBlocks{n.ipfs}, clock: time.Now, wishes: n.wishes, meter: n.meter},
		file:   n.cfg.File, chain: n.vault, store: n.store, states: states, book: n.book, pool: n.pool, keeper: n.keeper, settler: n.settler,
		poolDisk: &poolDisk{n.store, nil}, votes: log, key: n.cfg.Keys.Member, self: n.self, prover: n.cfg.Keys.VRF, schedule: leader.Draw{},
		timing: agreement.Timing{View: ms(p.ViewTimeout), PerMiB: ms(p.ViewTimeout) / 4, Max: ms(p.ViewTimeoutMax),
			Grace: ms(p.BundleAge), Rebroadcast: max(ms(p.ViewTimeout)/4, 100*time.Millisecond)},
		hub: n.hub, meter: n.meter, log: n.log.With("part", "round"), clock: time.Now,
		inbox: make(chan arrival, inboxSize), results: make(chan func()), poked: make(chan struct{}, 1),
		settled: settled, later: agreement.NewLater(n.hash, intent.VerifySignature), hints: map[uint64]*ledger.Certificate{},
	}
	if e.poolDisk.bucket, err = n.store.Bucket("pool"); err != nil {
		return err
	}
	last, err := n.book.parsed(settled.Height())
	if err != nil {
		return err
	}
	if last != nil {
		h, err := ledger.ParseHeader(last.Body)
		if err != nil {
			return fmt.Errorf("the certificate of height %d: %w", settled.Height(), err)
		}
		e.lastBatch = h.Batch
	}
	n.engine = e
	e.remote = n.pinRemotely
	if last != nil {
		e.remote(settled.Height(), e.lastBatch)
	}
	n.task(e.run)
	return nil
}

func (n *Node) openGossip(context.Context) error {
	blocks := ipfsBlocks{n.ipfs}
	g := &gossip{door: n.door, keeper: n.keeper, engine: n.engine, out: make(chan []byte, sayQueue), meter: n.meter,
		log: n.log.With("part", "gossip"), clock: time.Now}
	g.sieve = &sieve{net: n.hash, sight: n.engine.status.Load, known: n.book.knowsEvidence, interval: n.engine.timing.Rebroadcast, clock: time.Now}
	var err error
	g.intents, err = n.host.Join(topicIntents, p2p.TopicConfig{Validate: g.validateBundle, MaxBytes: intent.MaxListBytes})
	if err != nil {
		return err
	}
	n.closers = append(n.closers, g.intents.Close)
	g.round, err = n.host.Join(topicRound, p2p.TopicConfig{Validate: g.validateRound, MaxBytes: agreement.MaxMessageBytes, Buffer: inboxSize})
	if err != nil {
		return err
	}
	n.closers = append(n.closers, g.round.Close)
	n.gossip = g
	n.bundler.publish, n.bundler.made = g.intents.Publish, func() { poke(n.engine.poked) }
	n.streams = &streams{host: n.host, members: n.members, book: n.book, vault: n.vault, pool: n.pool, blocks: blocks, gossip: g, log: n.log.With("part", "sync")}
	n.streams.serve()
	n.engine.say, n.engine.tell, n.engine.source, n.engine.reach = g.say, g.tell, n.streams, n.reaches
	n.task(g.runIntents)
	n.task(g.runRound)
	n.task(g.runSay)
	n.task(n.streams.runPool)
	n.task(func(ctx context.Context) error { n.bundler.run(ctx); return nil })
	return nil
}
