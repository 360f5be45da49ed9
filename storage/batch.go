package storage

import (
	"errors"
	"fmt"

	"github.com/dgraph-io/badger/v4"
)

// Durability is what a write waits for.
type Durability bool

// A Buffered write survives the end of the process, kill -9 too; a Durable one also loss of power.
const (
	Buffered Durability = false
	Durable  Durability = true
)

type op struct {
	key, value []byte // whole key; a nil value deletes
}

// A Batch gathers writes of any buckets and any size; Commit makes all of them visible at once, or none. It is for one
// goroutine and one Commit.
type Batch struct {
	store *Store
	ops   []op
	bytes int
	err   error
}

// Batch begins an empty batch.
func (s *Store) Batch() *Batch { return &Batch{store: s} }

// Set puts a value. The batch keeps key and value: do not change them before Commit has returned.
func (t *Batch) Set(b *Bucket, key, value []byte) {
	if value == nil {
		value = []byte{}
	}
	t.add(b, key, value)
}

// Delete removes a key; it need not be there.
func (t *Batch) Delete(b *Bucket, key []byte) { t.add(b, key, nil) }

func (t *Batch) add(b *Bucket, key, value []byte) {
	switch {
	case b.store != t.store:
		t.err = errors.New("a batch got a bucket of another store")
	case len(key) > maxKey:
		t.err = fmt.Errorf("a key of %d bytes in %s: at most %d", len(key), b.name, maxKey)
	}
	t.put(b.key(key), value)
}

func (t *Batch) put(key, value []byte) {
	t.ops = append(t.ops, op{key, value})
	t.bytes += len(key) + len(value)
}

// Len is the number of writes gathered.
func (t *Batch) Len() int { return len(t.ops) }

// Commit writes the batch.
func (t *Batch) Commit(how Durability) error {
	err := t.write(how)
	if err != nil && t.err == nil {
		t.store.failures.Add(1)
	}
	return err
}

func (t *Batch) write(how Durability) error {
	if t.err != nil {
		return fmt.Errorf("write a batch: %w", t.err)
	}
	if len(t.ops) == 0 {
		return nil
	}
	s := t.store
	if err := s.enterWrite(); err != nil {
		return fmt.Errorf("write a batch: %w", err)
	}
	defer s.users.Done()
	err := s.commitSmall(t.ops)
	if errors.Is(err, badger.ErrTxnTooBig) {
		err = s.commitLarge(t.ops)
	}
	if err == nil && how == Durable {
		err = s.flush()
	}
	if err != nil {
		return fmt.Errorf("write a batch of %d: %w", len(t.ops), err)
	}
	s.room.wrote(t.bytes)
	return nil
}

// commitSmall writes ops as one transaction of Badger, or says ErrTxnTooBig and has written nothing.
func (s *Store) commitSmall(ops []op) error {
	s.view.RLock()
	defer s.view.RUnlock()
	return s.commit(ops)
}

func (s *Store) commit(ops []op) error {
	txn := s.db.NewTransaction(true)
	defer txn.Discard()
	for _, o := range ops {
		if err := o.write(txn); err != nil {
			return err
		}
	}
	return txn.Commit()
}

func (o op) write(txn *badger.Txn) error {
	if o.value == nil {
		return txn.Delete(o.key)
	}
	return txn.Set(o.key, o.value)
}
