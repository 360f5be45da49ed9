package node

import (
	"encoding/binary"
	"fmt"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/storage"
)

// What was dropped is remembered so that whoever asks learns why. It cost its wallet nothing, so the memory is bounded: a
// wallet with one entry could otherwise fill a disk with intents that expire after a second.

const (
	// maxDropped is how many dropped intents a node remembers: as many as its pool holds, 250 MB at the longest.
	maxDropped = 200_000
	// forgetAtOnce bounds one write that forgets.
	forgetAtOnce = 1024
)

func droppedKey(received int64, id intent.ID) []byte {
	k := binary.BigEndian.AppendUint64([]byte{bookDropped}, uint64(max(received, 0)))
	return append(k, id[:]...)
}

// forgetDropped forgets the oldest of what was dropped, all but most. It looks at keys alone until there are too many.
func (b *book) forgetDropped(most int) (gone int, err error) {
	n := 0
	if err := b.bucket.Scan(storage.Range{Prefix: []byte{bookDropped}, KeysOnly: true}, func(_, _ []byte) bool { n++; return true }); err != nil {
		return 0, fmt.Errorf("counting what was dropped: %w", err)
	}
	for n-gone > most {
		k, err := b.forgetSome(min(n-gone-most, forgetAtOnce))
		if gone += k; err != nil || k == 0 {
			return gone, err
		}
	}
	return gone, nil
}

// forgetSome forgets the n oldest. One that was settled after all, by the others' decision, keeps its status.
func (b *book) forgetSome(n int) (int, error) {
	var keys [][]byte
	err := b.bucket.Scan(storage.Range{Prefix: []byte{bookDropped}, KeysOnly: true}, func(k, _ []byte) bool {
		keys = append(keys, append([]byte(nil), k...))
		return len(keys) < n
	})
	if err != nil {
		return 0, fmt.Errorf("looking for what was dropped: %w", err)
	}
	batch := b.store.Batch()
	for _, k := range keys {
		batch.Delete(b.bucket, k)
		var id intent.ID
		if len(k) != 1+8+len(id) {
			continue
		}
		copy(id[:], k[9:])
		s, ok, err := b.status(id)
		if err != nil {
			return 0, err
		}
		if ok && s.State == stateDropped {
			batch.Delete(b.bucket, statusKey(id))
		}
	}
	if err := batch.Commit(storage.Buffered); err != nil {
		return 0, fmt.Errorf("forgetting %d dropped intents: %w", len(keys), err)
	}
	return len(keys), nil
}
