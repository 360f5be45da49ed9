package node

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/phantom-paradox/paradox/ledger"
	"github.com/phantom-paradox/paradox/node/pool"
)

// A keeper pins the bundles that carry pooled intents, and those alone. A bundle is pinned before its intents are pooled and
// let go after the last has left the pool; between the two steps pool and pins disagree, so whoever lets go excludes
// whoever keeps, and looks once more.
type keeper struct {
	pool   *pool.Pool
	blocks blocks
	mu     sync.RWMutex // held for reading from a pin until its intents are pooled, for writing while letting go
}

// keep stores and pins a bundle and lets fill pool what it carries. It says whether anything of it was pooled; a bundle of
// nothing is not kept.
func (k *keeper) keep(ctx context.Context, data []byte, fill func(cid ledger.BatchCID) error) (cid ledger.BatchCID, kept bool, err error) {
	cid, err = k.pin(ctx, data, fill)
	if cid != "" && !k.pool.HasBundle(string(cid)) { // in the meantime all of it was pooled otherwise, refused, or has left
		return cid, false, errors.Join(err, k.release(string(cid)))
	}
	return cid, cid != "" && err == nil, err
}

func (k *keeper) pin(ctx context.Context, data []byte, fill func(cid ledger.BatchCID) error) (ledger.BatchCID, error) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	cid, err := k.blocks.Put(ctx, poolOwner, data)
	if err != nil {
		return "", fmt.Errorf("storing a bundle: %w", err)
	}
	return cid, fill(cid)
}

// release lets go of bundles that carry nothing pooled; one that somebody has pooled again stays.
func (k *keeper) release(bundles ...string) error {
	if len(bundles) == 0 {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	cids := make([]ledger.BatchCID, 0, len(bundles))
	for _, b := range bundles {
		if !k.pool.HasBundle(b) {
			cids = append(cids, ledger.BatchCID(b))
		}
	}
	if err := k.blocks.Unpin(poolOwner, cids...); err != nil {
		return fmt.Errorf("letting go of %d bundles: %w", len(cids), err)
	}
	return nil
}
