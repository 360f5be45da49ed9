package node

import (
	"context"
	"fmt"

	"github.com/fxamacker/cbor/v2"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/ledger"
	"github.com/phantom-paradox/paradox/node/pool"
	"github.com/phantom-paradox/paradox/storage"
)

// poolDisk keeps the pool's records: the intents under one prefix, written once and durably, the bundles that carry them
// under another, since those come later and can be found again.
type poolDisk struct {
	store  *storage.Store
	bucket *storage.Bucket
}

const (
	poolIntent = 'i' // intent id -> pooled
	poolRefs   = 'b' // intent id -> []place
)

type pooled struct {
	Received int64
	Wire     []byte
}

type place struct {
	Bundle []byte
	Index  int
	Held   int64
}

func poolKey(kind byte, id intent.ID) []byte { return append([]byte{kind}, id[:]...) }

// Put is durable when it returns.
func (d *poolDisk) Put(_ context.Context, records []pool.Record) error {
	batch := d.store.Batch()
	for _, r := range records {
		data, err := cbor.Marshal(pooled{r.Received, r.Wire})
		if err != nil {
			return fmt.Errorf("encoding a pool record: %w", err)
		}
		batch.Set(d.bucket, poolKey(poolIntent, r.ID), data)
		if len(r.Bundles) > 0 {
			if err := d.setRefs(batch, r); err != nil {
				return err
			}
		}
	}
	return batch.Commit(storage.Durable)
}

func (d *poolDisk) setRefs(batch *storage.Batch, r pool.Record) error {
	places := make([]place, len(r.Bundles))
	for i, b := range r.Bundles {
		places[i] = place{[]byte(b.Bundle), b.Index, b.Held}
	}
	data, err := cbor.Marshal(places)
	if err != nil {
		return fmt.Errorf("encoding a pool record: %w", err)
	}
	batch.Set(d.bucket, poolKey(poolRefs, r.ID), data)
	return nil
}

// SetBundles notes which bundles carry intents. What a crash takes is bundled again.
func (d *poolDisk) SetBundles(records []pool.Record) error {
	batch := d.store.Batch()
	for _, r := range records {
		if err := d.setRefs(batch, r); err != nil {
			return err
		}
	}
	return batch.Commit(storage.Buffered)
}

// Delete removes records.
func (d *poolDisk) Delete(ids []intent.ID) error {
	batch := d.store.Batch()
	d.deleteIn(batch, ids)
	return batch.Commit(storage.Buffered)
}

func (d *poolDisk) deleteIn(batch *storage.Batch, ids []intent.ID) {
	for _, id := range ids {
		batch.Delete(d.bucket, poolKey(poolIntent, id))
		batch.Delete(d.bucket, poolKey(poolRefs, id))
	}
}

func (d *poolDisk) refs(id intent.ID) ([]pool.Ref, error) {
	data, err := d.bucket.Get(poolKey(poolRefs, id))
	if err != nil || data == nil {
		return nil, err
	}
	var places []place
	if err := cbor.Unmarshal(data, &places); err != nil {
		return nil, err
	}
	out := make([]pool.Ref, len(places))
	for i, p := range places {
		out[i] = pool.Ref{Bundle: string(p.Bundle), Index: p.Index, Held: p.Held}
	}
	return out, nil
}

// Load reads all records.
func (d *poolDisk) Load(fn func(pool.Record) error) error {
	var failed error
	err := d.bucket.Iterate([]byte{poolIntent}, func(k, v []byte) bool {
		var p pooled
		r := pool.Record{}
		if failed = cbor.Unmarshal(v, &p); failed != nil {
			return false
		}
		copy(r.ID[:], k[1:])
		r.Received, r.Wire = p.Received, p.Wire
		if r.Bundles, failed = d.refs(r.ID); failed != nil {
			return false
		}
		failed = fn(r)
		return failed == nil
	})
	if failed != nil {
		return failed
	}
	return err
}

// chainStore is a bucket as package chain wants it.
type chainStore struct {
	*storage.Bucket
	store *storage.Store
}

// Write is atomic and on disk when it returns.
func (c chainStore) Write(changes []ledger.Change) error {
	batch := c.store.Batch()
	for _, ch := range changes {
		if ch.Value == nil {
			batch.Delete(c.Bucket, ch.Key)
		} else {
			batch.Set(c.Bucket, ch.Key, ch.Value)
		}
	}
	return batch.Commit(storage.Durable)
}
