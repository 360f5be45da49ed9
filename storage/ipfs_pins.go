package storage

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/ipfs/boxo/blockstore"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
)

const (
	multihashLen = 34  // of SHA-256 with its two bytes of head
	gcChunk      = 256 // blocks deleted under one hold of the lock, so that puts wait for milliseconds only
)

// Pin keeps blocks from collection in the name of owner, whether they are here yet or not. A block may have many owners;
// bundles and batches are pinned one by one, links are not followed.
func (f *IPFS) Pin(owner string, ids ...cid.Cid) error {
	batch := f.cfg.Store.Batch()
	for _, id := range ids {
		key, err := pinKey(owner, id)
		if err != nil {
			return fmt.Errorf("pin %s: %w", id, err)
		}
		batch.Set(f.pins, key, id.Bytes())
	}
	if err := batch.Commit(Buffered); err != nil {
		return fmt.Errorf("pin %d blocks: %w", len(ids), err)
	}
	return nil
}

// Unpin takes owner's name off the blocks; those that nobody else holds go with the next collection.
func (f *IPFS) Unpin(owner string, ids ...cid.Cid) error {
	batch := f.cfg.Store.Batch()
	for _, id := range ids {
		key, err := pinKey(owner, id)
		if err != nil {
			return fmt.Errorf("unpin %s: %w", id, err)
		}
		batch.Delete(f.pins, key)
	}
	if err := batch.Commit(Buffered); err != nil {
		return fmt.Errorf("unpin %d blocks: %w", len(ids), err)
	}
	return nil
}

// Pinned lists the owners of a block.
func (f *IPFS) Pinned(id cid.Cid) ([]string, error) {
	if err := checkCID(id); err != nil {
		return nil, fmt.Errorf("look for the pins of %s: %w", id, err)
	}
	var owners []string
	err := f.pins.Scan(Range{Prefix: id.Hash(), KeysOnly: true}, func(key, _ []byte) bool {
		owners = append(owners, string(key[multihashLen:]))
		return true
	})
	return owners, err
}

// Pins visits all pins until fn returns false.
func (f *IPFS) Pins(fn func(id cid.Cid, owner string) bool) error {
	return f.pins.Iterate(nil, func(key, value []byte) bool {
		id, err := cid.Cast(value)
		return err != nil || fn(id, string(key[multihashLen:]))
	})
}

func pinKey(owner string, id cid.Cid) ([]byte, error) {
	if len(owner) == 0 || len(owner) > maxOwner {
		return nil, fmt.Errorf("owner %q: 1 to %d bytes", owner, maxOwner)
	}
	if err := checkCID(id); err != nil {
		return nil, err
	}
	return append(append([]byte{}, id.Hash()...), owner...), nil
}

// eachPinned visits every pinned block once.
func (f *IPFS) eachPinned(fn func(cid.Cid) bool) error {
	last := cid.Undef
	return f.Pins(func(id cid.Cid, _ string) bool {
		again := last.Defined() && string(last.Hash()) == string(id.Hash())
		last = id
		return again || fn(id)
	})
}

// GCResult is what a collection did.
type GCResult struct{ Kept, Removed int }

// GC removes blocks that nobody pins and that were there before the last collection began; so what was just put or
// fetched has time to be pinned.
func (f *IPFS) GC(ctx context.Context) (GCResult, error) {
	var res GCResult
	f.blocks.age()
	keys, err := f.blocks.AllKeysChan(ctx)
	if err != nil {
		return res, fmt.Errorf("collect blocks: %w", err)
	}
	var chunk []cid.Cid
	for id := range keys {
		if chunk = append(chunk, id); len(chunk) == gcChunk {
			if err := f.collect(ctx, chunk, &res); err != nil {
				return res, err
			}
			chunk = chunk[:0]
		}
	}
	if err := ctx.Err(); err != nil {
		return res, fmt.Errorf("collect blocks: %w", err)
	}
	return res, f.collect(ctx, chunk, &res)
}

// Drop deletes those of the blocks that nobody has pinned, young ones too.
func (f *IPFS) Drop(ctx context.Context, ids ...cid.Cid) error {
	for len(ids) > 0 {
		n := min(gcChunk, len(ids))
		if err := f.drop(ctx, ids[:n]); err != nil {
			return fmt.Errorf("drop %d blocks: %w", len(ids), err)
		}
		ids = ids[n:]
	}
	return nil
}

func (f *IPFS) drop(ctx context.Context, ids []cid.Cid) error {
	defer f.locker.GCLock(ctx).Unlock(ctx)
	for _, id := range ids {
		owners, err := f.Pinned(id)
		if err != nil {
			return err
		}
		if len(owners) > 0 {
			continue
		}
		if err := f.blocks.DeleteBlock(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

func (f *IPFS) collect(ctx context.Context, chunk []cid.Cid, res *GCResult) error {
	defer f.locker.GCLock(ctx).Unlock(ctx)
	for _, id := range chunk {
		pinned := false
		err := f.pins.Scan(Range{Prefix: id.Hash(), KeysOnly: true}, func(_, _ []byte) bool { pinned = true; return false })
		if err != nil {
			return fmt.Errorf("collect blocks: %w", err)
		}
		if pinned || f.blocks.young(id) {
			res.Kept++
			continue
		}
		if err := f.blocks.DeleteBlock(ctx, id); err != nil {
			return fmt.Errorf("collect blocks: %w", err)
		}
		res.Removed++
	}
	return nil
}

// guardedBlocks is the blockstore with the store's guards, and with a memory of what came since the collection before.
type guardedBlocks struct {
	blockstore.Blockstore
	store *Store

	mu       sync.Mutex
	now, old map[string]struct{}
}

func newGuardedBlocks(b blockstore.Blockstore, s *Store) *guardedBlocks {
	return &guardedBlocks{Blockstore: b, store: s, now: map[string]struct{}{}, old: map[string]struct{}{}}
}

func (g *guardedBlocks) Put(ctx context.Context, b blocks.Block) error {
	return g.PutMany(ctx, []blocks.Block{b})
}

// PutMany remembers before it writes: a collection in between must not take the block.
func (g *guardedBlocks) PutMany(ctx context.Context, list []blocks.Block) error {
	if err := g.store.enterWrite(); err != nil {
		return err
	}
	defer g.store.users.Done()
	g.mu.Lock()
	for _, b := range list {
		g.now[string(b.Cid().Hash())] = struct{}{}
	}
	g.mu.Unlock()
	n := 0
	for _, b := range list {
		n += len(b.RawData())
	}
	defer g.store.room.wrote(n)
	if err := g.Blockstore.PutMany(ctx, list); err != nil {
		return errors.Join(err, g.store.room.check())
	}
	return nil
}

func (g *guardedBlocks) age() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.old, g.now = g.now, map[string]struct{}{}
}

func (g *guardedBlocks) young(id cid.Cid) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	_, now := g.now[string(id.Hash())]
	_, old := g.old[string(id.Hash())]
	return now || old
}
