package storage

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/ipfs/boxo/bitswap"
	"github.com/ipfs/boxo/bitswap/network/bsnet"
	"github.com/ipfs/boxo/blockstore"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	"github.com/ipfs/go-datastore"
	"github.com/ipfs/go-datastore/namespace"
	format "github.com/ipfs/go-ipld-format"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/routing"
	"github.com/multiformats/go-multihash"
)

const (
	// MaxBlock is what every public IPFS client can take in one piece.
	MaxBlock = 1 << 20

	// DefaultFetchTimeout bounds a fetch whose caller named none.
	DefaultFetchTimeout = 20 * time.Second

	maxFetches      = 64              // at once: each holds a block and a bitswap session
	maxHints        = 8               // peers that a fetch connects to before it asks around
	hintDialTimeout = 5 * time.Second // of one such peer; the fetch does not wait for it
	providerDelay   = 500 * time.Millisecond
	blocksNamespace = "/ipfs"
	pinsBucket      = "pins"
	maxOwner        = 64 // bytes of a pin's owner: it is part of the key
)

// What callers of IPFS branch on.
var (
	ErrNotFound = errors.New("the block is not here")
	ErrBadBlock = errors.New("the block is not what its CID says")
	ErrTooLarge = errors.New("the block is larger than 1 MiB")
	ErrBadCID   = errors.New("the CID is not a version 1 CID with SHA-256")
)

// IPFSConfig is what the embedded IPFS node needs.
type IPFSConfig struct {
	Store    *Store
	Host     host.Host
	Routing  routing.ContentRouting // finds and announces providers; nil: only connected peers are asked
	Gateways []string               // base URLs of trustless gateways, asked in order when no peer has a block
	HTTP     *http.Client           // for the gateways; nil: a client of its own
	Logger   *slog.Logger
}

// IPFS keeps blocks in the store, serves them over bitswap to anyone, and gets those it lacks. Close it before the host.
type IPFS struct {
	cfg     IPFSConfig
	log     *slog.Logger
	blocks  *guardedBlocks
	pins    *Bucket
	swap    *bitswap.Bitswap
	locker  blockstore.GCLocker
	slots   chan struct{}
	gates   *gateways
	announs *announcer

	ctx    context.Context
	cancel context.CancelFunc
	tasks  sync.WaitGroup
	once   sync.Once
}

// NewIPFS starts serving the blocks of the store on the host.
func NewIPFS(cfg IPFSConfig) (*IPFS, error) {
	if cfg.Store == nil || cfg.Host == nil {
		return nil, errors.New("start ipfs: a store and a host are needed")
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	gates, err := newGateways(cfg.Gateways, cfg.HTTP)
	if err != nil {
		return nil, fmt.Errorf("start ipfs: %w", err)
	}
	pins, err := cfg.Store.Bucket(pinsBucket)
	if err != nil {
		return nil, fmt.Errorf("start ipfs: %w", err)
	}
	inner := blockstore.NewBlockstore(cfg.Store.Datastore(blocksNamespace))
	ctx, cancel := context.WithCancel(context.Background())
	f := &IPFS{
		cfg: cfg, log: cfg.Logger, pins: pins, gates: gates, ctx: ctx, cancel: cancel,
		blocks: newGuardedBlocks(inner, cfg.Store),
		locker: blockstore.NewGCLocker(),
		slots:  make(chan struct{}, maxFetches),
	}
	var finder routing.ContentDiscovery
	if cfg.Routing != nil {
		finder = cfg.Routing
	}
	f.swap = bitswap.New(ctx, bsnet.NewFromIpfsHost(cfg.Host), finder, f.blocks,
		bitswap.ProviderSearchDelay(providerDelay), bitswap.WithoutDuplicatedBlockStats())
	f.announs = newAnnouncer(ctx, cfg.Routing, f.eachPinned, cfg.Logger)
	return f, nil
}

// Datastore is a part of the store in the form that IPFS libraries want; prefix begins with a slash.
func (s *Store) Datastore(prefix string) datastore.Batching {
	return namespace.Wrap(s.ds, datastore.NewKey(prefix))
}

// Close stops serving and waits for what runs.
func (f *IPFS) Close() error {
	var err error
	f.once.Do(func() {
		f.cancel()
		f.announs.close()
		err = f.swap.Close()
		f.tasks.Wait()
		f.gates.close()
	})
	if err != nil {
		return fmt.Errorf("close ipfs: %w", err)
	}
	return nil
}

// CIDOf is the CIDv1 of dag-cbor data under SHA-256.
func CIDOf(data []byte) cid.Cid {
	sum, err := multihash.Sum(data, multihash.SHA2_256, -1)
	if err != nil {
		panic(fmt.Sprintf("storage: sha-256 is built in: %v", err))
	}
	return cid.NewCidV1(cid.DagCBOR, sum)
}

// Put keeps a dag-cbor block and serves it. Without a pin it lives until a collection after the next one.
func (f *IPFS) Put(ctx context.Context, data []byte) (cid.Cid, error) {
	ids, err := f.put(ctx, "", data)
	if err != nil {
		return cid.Undef, err
	}
	return ids[0], nil
}

// PutPinned keeps blocks that no collection takes until owner lets go of them (Unpin).
func (f *IPFS) PutPinned(ctx context.Context, owner string, data ...[]byte) ([]cid.Cid, error) {
	if owner == "" {
		return nil, errors.New("pin a block: no owner was named")
	}
	return f.put(ctx, owner, data...)
}

func (f *IPFS) put(ctx context.Context, owner string, data ...[]byte) ([]cid.Cid, error) {
	list, ids := make([]blocks.Block, len(data)), make([]cid.Cid, len(data))
	for i, d := range data {
		if len(d) > MaxBlock {
			return nil, fmt.Errorf("put a block of %d bytes: %w", len(d), ErrTooLarge)
		}
		ids[i] = CIDOf(d)
		b, err := blocks.NewBlockWithCid(d, ids[i])
		if err != nil {
			return nil, fmt.Errorf("put a block: %w", err)
		}
		list[i] = b
	}
	defer f.locker.PinLock(ctx).Unlock(ctx)
	if owner != "" {
		if err := f.Pin(owner, ids...); err != nil {
			return nil, err
		}
	}
	if err := f.keep(ctx, list); err != nil {
		return nil, err
	}
	return ids, nil
}

// keep writes blocks and offers them to peers that asked for them before.
func (f *IPFS) keep(ctx context.Context, list []blocks.Block) error {
	if err := f.blocks.PutMany(ctx, list); err != nil {
		return fmt.Errorf("put %d blocks: %w", len(list), err)
	}
	if err := f.swap.NotifyNewBlocks(ctx, list...); err != nil {
		return fmt.Errorf("offer %d blocks: %w", len(list), err)
	}
	return nil
}

// Get returns a block that is here, or ErrNotFound.
func (f *IPFS) Get(ctx context.Context, id cid.Cid) ([]byte, error) {
	if err := checkCID(id); err != nil {
		return nil, fmt.Errorf("get %s: %w", id, err)
	}
	b, err := f.blocks.Get(ctx, id)
	if format.IsNotFound(err) {
		return nil, fmt.Errorf("get %s: %w", id, ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("get %s: %w", id, err)
	}
	return b.RawData(), nil
}

// Has tells whether the block is here.
func (f *IPFS) Has(ctx context.Context, id cid.Cid) (bool, error) {
	if err := checkCID(id); err != nil {
		return false, fmt.Errorf("look for %s: %w", id, err)
	}
	ok, err := f.blocks.Has(ctx, id)
	if err != nil {
		return false, fmt.Errorf("look for %s: %w", id, err)
	}
	return ok, nil
}

// Provide announces the blocks to the router, in the background. What is pinned is announced again now and then.
func (f *IPFS) Provide(ids ...cid.Cid) { f.announs.add(ids) }

// checkCID refuses what could not be verified, or could be in two ways.
func checkCID(id cid.Cid) error {
	if !id.Defined() || id.Version() != 1 {
		return ErrBadCID
	}
	if p := id.Prefix(); p.MhType != multihash.SHA2_256 || p.MhLength != 32 {
		return ErrBadCID
	}
	return nil
}

// FetchOptions say how long and whom to ask first. The zero value is good.
type FetchOptions struct {
	Timeout time.Duration   // of the whole fetch, gateways apart; 0: DefaultFetchTimeout
	Peers   []peer.AddrInfo // who probably has the blocks: dialled at once if not connected (at most 8)
	// Admit is asked before a block that came from others is kept; an error ends the fetch with it. nil admits all.
	Admit func(id cid.Cid, size int) error
}

// Stats of bitswap since the start.
type Stats struct {
	BlocksReceived, BytesReceived, BlocksSent, BytesSent, Duplicates uint64
	Wanted                                                           int
}

// Stats returns them.
func (f *IPFS) Stats() (Stats, error) {
	st, err := f.swap.Stat()
	if err != nil {
		return Stats{}, fmt.Errorf("read bitswap's counters: %w", err)
	}
	return Stats{st.BlocksReceived, st.DataReceived, st.BlocksSent, st.DataSent, st.DupBlksReceived, len(st.Wantlist)}, nil
}
