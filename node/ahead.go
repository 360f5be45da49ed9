package node

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/phantom-paradox/paradox/ledger"
)

const (
	// aheadHeights and aheadBytes bound what is fetched before it is needed: enough to hide the way to a peer.
	aheadHeights = 32
	aheadBytes   = 64 << 20
	// aheadFetches bounds the batches fetched at once; the store's own bound leaves room for the height in execution.
	aheadFetches = 4
	// aheadTimeout gives up on a batch that nobody has: the height itself will ask again.
	aheadTimeout = 20 * time.Second
)

// ahead fetches the batches of heights that come next. What fails is fetched again when its height is executed. Its methods
// are the engine's loop's.
type ahead struct {
	asked   map[uint64]struct{}
	slots   chan struct{}
	ctx     context.Context
	cancel  context.CancelFunc
	workers sync.WaitGroup
}

// prefetch begins to fetch the batches of certified heights from one on.
func (e *engine) prefetch(from uint64) {
	size := uint64(0)
	for height := from; height < from+aheadHeights; height++ {
		c := e.hints[height]
		if c == nil {
			return
		}
		h, err := ledger.ParseHeader(c.Body)
		if err != nil {
			return
		}
		if size += h.Bytes; size > aheadBytes {
			return
		}
		e.ahead.start(e.ctx, height, func(ctx context.Context) {
			if err := e.x.bring(ctx, h); err != nil && ctx.Err() == nil {
				e.log.Debug("a batch could not be fetched ahead", "height", height, "err", err)
			}
		})
	}
}

// start runs fetch for a height, once.
func (a *ahead) start(ctx context.Context, height uint64, fetch func(ctx context.Context)) {
	if _, ok := a.asked[height]; ok {
		return
	}
	if a.cancel == nil {
		a.ctx, a.cancel = context.WithCancel(ctx)
		a.asked, a.slots = map[uint64]struct{}{}, make(chan struct{}, aheadFetches)
	}
	a.asked[height] = struct{}{}
	ctx, slots := a.ctx, a.slots
	a.workers.Go(func() {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
		defer func() { <-slots }()
		ctx, cancel := context.WithTimeout(ctx, aheadTimeout)
		defer cancel()
		fetch(ctx)
	})
}

// done forgets a height.
func (a *ahead) done(height uint64) { delete(a.asked, height) }

// stop ends all fetches.
func (a *ahead) stop() {
	if a.cancel == nil {
		return
	}
	a.cancel()
	a.workers.Wait()
	a.cancel, a.asked = nil, nil
}

// bring gets the batch of a header into the local store, a few bundles at a time.
func (x *executor) bring(ctx context.Context, h *ledger.Header) error {
	data, err := x.blocks.Fetch(ctx, h.Leader, nil, h.Batch)
	if err != nil {
		return fmt.Errorf("fetching batch %s: %w", h.Batch, err)
	}
	root, err := ledger.ParseBatchRoot(data[0])
	if err != nil {
		return fmt.Errorf("batch %s: %w", h.Batch, err)
	}
	if len(root.Bundles) > x.file.Params.MaxIntents {
		return fmt.Errorf("batch %s links %d bundles", h.Batch, len(root.Bundles))
	}
	r := &bundleReader{x: x, ctx: ctx, from: h.Leader, rest: root.Bundles}
	for len(r.rest) > 0 {
		if err := r.next(); err != nil {
			return fmt.Errorf("fetching bundles of batch %s: %w", h.Batch, err)
		}
	}
	return nil
}
