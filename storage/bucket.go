package storage

import (
	"errors"
	"fmt"

	"github.com/dgraph-io/badger/v4"
)

const (
	maxBucketName = 16           // names are part of every key
	separator     = "\x00"       // ends a bucket's name, which cannot hold it: no prefix is a prefix of another
	systemMark    = '!'          // the store's own keys; bucket names and datastore keys ('/') never begin with it
	maxKey        = 64 << 10 / 2 // Badger refuses keys above 65,000 bytes; half leaves room for the prefix
)

// A Bucket is a named part of the store. Get and Iterate are what ledger.Store asks for.
type Bucket struct {
	store  *Store
	name   string
	prefix []byte
}

// Name is the bucket's name.
func (b *Bucket) Name() string { return b.name }

func (b *Bucket) key(key []byte) []byte {
	out := make([]byte, 0, len(b.prefix)+len(key))
	return append(append(out, b.prefix...), key...)
}

// Get returns a copy of the value, nil if the key is absent. A present, empty value is not nil.
func (b *Bucket) Get(key []byte) ([]byte, error) {
	snap, err := b.store.Snapshot()
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", b.name, err)
	}
	defer snap.Close()
	return snap.Get(b, key)
}

// Has tells whether the key is present.
func (b *Bucket) Has(key []byte) (bool, error) {
	value, err := b.Get(key)
	return value != nil, err
}

// Iterate visits the keys with the prefix in byte order until fn returns false. It sees the store as it was when the call
// began; fn may keep the slices and may write.
func (b *Bucket) Iterate(prefix []byte, fn func(key, value []byte) bool) error {
	return b.Scan(Range{Prefix: prefix}, fn)
}

// Scan is Iterate with a place to begin and a direction.
func (b *Bucket) Scan(r Range, fn func(key, value []byte) bool) error {
	snap, err := b.store.Snapshot()
	if err != nil {
		return fmt.Errorf("read %s: %w", b.name, err)
	}
	defer snap.Close()
	return snap.Scan(b, r, fn)
}

// Set writes one key; with Durable it returns when the write would survive loss of power.
func (b *Bucket) Set(key, value []byte, how Durability) error {
	batch := b.store.Batch()
	batch.Set(b, key, value)
	return batch.Commit(how)
}

// Delete removes one key.
func (b *Bucket) Delete(key []byte, how Durability) error {
	batch := b.store.Batch()
	batch.Delete(b, key)
	return batch.Commit(how)
}

// A Range says which keys of a bucket to visit.
type Range struct {
	Prefix   []byte // only keys that begin with it
	From     []byte // first key to visit, inclusive, if it is within Prefix; in reverse the last key that may come first
	Reverse  bool
	KeysOnly bool // values are nil
}

// A Snapshot is the store at one moment. Close it: the moment is kept on disk until then.
type Snapshot struct {
	store *Store
	txn   *badger.Txn
}

// Snapshot takes the moment; batches are in it wholly or not at all.
func (s *Store) Snapshot() (*Snapshot, error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	s.view.RLock()
	txn := s.db.NewTransaction(false)
	s.view.RUnlock()
	return &Snapshot{s, txn}, nil
}

// Close ends the snapshot. It must be called once.
func (n *Snapshot) Close() {
	n.txn.Discard()
	n.store.users.Done()
}

// Get is Bucket.Get at the snapshot's moment.
func (n *Snapshot) Get(b *Bucket, key []byte) ([]byte, error) {
	value, err := get(n.txn, b.key(key))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", b.name, err)
	}
	return value, nil
}

func get(txn *badger.Txn, key []byte) ([]byte, error) {
	item, err := txn.Get(key)
	if errors.Is(err, badger.ErrKeyNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return item.ValueCopy([]byte{})
}

// Scan is Bucket.Scan at the snapshot's moment.
func (n *Snapshot) Scan(b *Bucket, r Range, fn func(key, value []byte) bool) error {
	prefix := b.key(r.Prefix)
	opt := badger.DefaultIteratorOptions
	opt.Prefix, opt.Reverse, opt.PrefetchValues = prefix, r.Reverse, false
	it := n.txn.NewIterator(opt)
	defer it.Close()
	for it.Seek(seekKey(b, r, prefix)); it.ValidForPrefix(prefix); it.Next() {
		key := it.Item().KeyCopy(nil)[len(b.prefix):]
		var value []byte
		if !r.KeysOnly {
			var err error
			if value, err = it.Item().ValueCopy([]byte{}); err != nil {
				return fmt.Errorf("read %s: %w", b.name, err)
			}
		}
		if !fn(key, value) {
			return nil
		}
	}
	return nil
}

// seekKey is where a scan begins: in reverse without From it is past every key with the prefix.
func seekKey(b *Bucket, r Range, prefix []byte) []byte {
	switch {
	case r.From != nil:
		return b.key(r.From)
	case r.Reverse:
		past := append([]byte{}, prefix...)
		for range maxKey / 8 {
			past = append(past, 0xff)
		}
		return past
	}
	return prefix
}
