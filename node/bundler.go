package node

import (
	"context"
	"log/slog"
	"time"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/ledger"
	"github.com/phantom-paradox/paradox/node/pool"
)

const (
	// bundleWait is how long a lone intent waits for company: below what a person notices, long enough to share a bundle.
	bundleWait = 50 * time.Millisecond
	// regossipAfter is when what nobody has taken is bundled and gossiped once more: later than the two minutes for which
	// identical bytes are dropped.
	regossipAfter = 130 * time.Second
	// regossipStart is when a started node gossips once more what it held before: by then it has peers. It may have been killed
	// between storing a bundle and sending it, and then nobody else knows of an intent that was acknowledged.
	regossipStart = 5 * time.Second
	// bundleBytes keeps a bundle within the gossip's bound with room for the list's head.
	bundleBytes = intent.MaxListBytes - 16
)

// bundler gathers what came alone into bundles: each is at once a pinned IPFS block and a gossip message.
type bundler struct {
	pool    *pool.Pool
	keeper  *keeper
	publish func(ctx context.Context, data []byte) error
	made    func() // a bundle is ready
	meter   *meters
	log     *slog.Logger
	clock   func() time.Time
	wake    chan struct{}
}

// run makes bundles until ctx ends. What a stopped node had not bundled is bundled at the next start.
func (b *bundler) run(ctx context.Context) {
	again := time.NewTicker(regossipAfter)
	defer again.Stop()
	old := b.clock()
	start := time.NewTimer(regossipStart)
	defer start.Stop()
	for {
		b.bundle(ctx, b.pool.Unbundled())
		select {
		case <-ctx.Done():
			return
		case <-again.C:
			b.bundle(ctx, b.stale(b.clock().Add(-regossipAfter)))
			continue
		case <-start.C:
			b.bundle(ctx, b.stale(old))
			continue
		case <-b.wake:
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(bundleWait):
		}
	}
}

// stale are the free intents that came before a moment and still wait.
func (b *bundler) stale(moment time.Time) []pool.Entry {
	before := moment.UnixMilli()
	var out []pool.Entry
	for _, e := range b.pool.All() {
		if e.Held == 0 && e.Received < before && len(e.Bundles) < pool.MaxBundlesPerIntent {
			out = append(out, e)
		}
	}
	return out
}

// bundle packs entries, in order, into as few bundles as the bounds allow.
func (b *bundler) bundle(ctx context.Context, entries []pool.Entry) {
	for len(entries) > 0 && ctx.Err() == nil {
		n, size := 0, 0
		for n < len(entries) && n < intent.MaxListLen && size+entries[n].Size <= bundleBytes {
			size += entries[n].Size
			n++
		}
		b.pack(ctx, entries[:n])
		entries = entries[n:]
	}
}

func (b *bundler) pack(ctx context.Context, entries []pool.Entry) {
	list := make([]*intent.Signed, len(entries))
	ids := make([]intent.ID, len(entries))
	for i, e := range entries {
		list[i], ids[i] = e.Signed, e.ID
	}
	data := intent.EncodeList(list)
	cid, kept, err := b.keeper.keep(ctx, data, func(cid ledger.BatchCID) error {
		return b.pool.SetBundle(string(cid), ids, b.clock().UnixMilli())
	})
	if err != nil && ctx.Err() == nil {
		b.log.Error("a bundle could not be stored; its intents wait for the next try", "intents", len(ids), "err", err)
	}
	if !kept {
		return
	}
	b.made()
	b.meter.bundles.Inc()
	b.meter.bundleBytes.Add(float64(len(data)))
	if err := b.publish(ctx, data); err != nil && ctx.Err() == nil {
		b.log.Warn("a bundle could not be gossiped; peers will ask for it", "bundle", cid, "err", err)
	}
}
