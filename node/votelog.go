package node

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/phantom-paradox/paradox/agreement"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/ledger"
	"github.com/phantom-paradox/paradox/storage"
)

// votesBucket is where the vote log lies.
const votesBucket = "votes"

// voteLog is the disk under the agreement's records: a vote is on it before it is sent. The log is made with the key; a
// key without its log does not know what it has said, and stays silent until a height that began after its start is settled.
type voteLog struct {
	bucket *storage.Bucket
	next   uint64
	loss   atomic.Bool
}

const (
	votesMarker = "m" // -> the member's key
	votesHalt   = "h" // -> why this key votes no more until its operator says so
	votesPrefix = "v" // sequence number, big-endian -> record
)

// createVoteLog marks the store's vote log as that of a fresh key. It refuses where another key's log lies.
func createVoteLog(b *storage.Bucket, key intent.Key) error {
	have, err := b.Get([]byte(votesMarker))
	switch {
	case err != nil:
		return fmt.Errorf("reading the vote log: %w", err)
	case have != nil && string(have) != string(key[:]):
		return errors.New("the data directory holds the vote log of another key; give each key a directory of its own")
	case have != nil:
		return nil
	}
	return b.Set([]byte(votesMarker), key[:], storage.Durable)
}

// openVoteLog reads where the log ends. A log without its marker, or of another key, is a lost log.
func openVoteLog(b *storage.Bucket, key intent.Key) (*voteLog, error) {
	l := &voteLog{bucket: b}
	marker, err := b.Get([]byte(votesMarker))
	if err != nil {
		return nil, fmt.Errorf("reading the vote log: %w", err)
	}
	l.loss.Store(string(marker) != string(key[:]))
	err = b.Scan(storage.Range{Prefix: []byte(votesPrefix), Reverse: true}, func(k, _ []byte) bool {
		l.next = binary.BigEndian.Uint64(k[len(votesPrefix):]) + 1
		return false
	})
	if err != nil {
		return nil, fmt.Errorf("reading the vote log: %w", err)
	}
	return l, nil
}

// halt notes why the key must not vote, over restarts too: what only a person can judge, no restart judges.
func (l *voteLog) halt(why string) error {
	if err := l.bucket.Set([]byte(votesHalt), []byte(why), storage.Durable); err != nil {
		return fmt.Errorf("noting why this node stops voting: %w", err)
	}
	return nil
}

// halted is why the key must not vote, "" if it may.
func (l *voteLog) halted() (string, error) { return haltIn(l.bucket) }

func haltIn(b *storage.Bucket) (string, error) {
	why, err := b.Get([]byte(votesHalt))
	if err != nil {
		return "", fmt.Errorf("reading whether this node may vote: %w", err)
	}
	return string(why), nil
}

func (l *voteLog) lost() bool { return l.loss.Load() }

// found ends the silence of a lost log.
func (l *voteLog) found(key intent.Key) error {
	if err := l.bucket.Set([]byte(votesMarker), key[:], storage.Durable); err != nil {
		return fmt.Errorf("renewing the vote log: %w", err)
	}
	l.loss.Store(false)
	return nil
}

func voteKey(n uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte(votesPrefix), n)
}

// append makes a record durable.
func (l *voteLog) append(_ ledger.Instance, record []byte) error {
	if err := l.bucket.Set(voteKey(l.next), record, storage.Durable); err != nil {
		return err
	}
	l.next++
	return nil
}

// restore reads what the log says of an instance and deletes the records of earlier heights.
func (l *voteLog) restore(inst ledger.Instance) (*agreement.Restored, error) {
	var records [][]byte
	var old [][]byte
	var bad error
	err := l.bucket.Iterate([]byte(votesPrefix), func(k, v []byte) bool {
		of, err := agreement.RecordInstance(v)
		if err != nil {
			bad = fmt.Errorf("the vote log is damaged: %w", err)
			return false
		}
		if of.Height < inst.Height {
			old = append(old, append([]byte(nil), k...))
			return true
		}
		records = append(records, append([]byte(nil), v...))
		return true
	})
	if err := errors.Join(err, bad); err != nil {
		return nil, err
	}
	for _, k := range old {
		if err := l.bucket.Delete(k, storage.Buffered); err != nil {
			return nil, fmt.Errorf("pruning the vote log: %w", err)
		}
	}
	return agreement.Restore(records, inst)
}

// Resume lets the key of a data directory vote again after its node had stopped for a reason that only a person can judge. It
// gives the reason, "" if there was none. The node must not run.
func Resume(dir string) (why string, err error) {
	store, err := storage.Open(dir, storage.Options{})
	if err != nil {
		return "", fmt.Errorf("letting the node vote again: %w", err)
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	bucket, err := store.Bucket(votesBucket)
	if err != nil {
		return "", err
	}
	if why, err = haltIn(bucket); err != nil || why == "" {
		return "", err
	}
	return why, bucket.Delete([]byte(votesHalt), storage.Durable)
}

// InitVoteLog makes the vote log of a fresh key in a data directory; `paradox init` calls it together with the making of
// the key. A key that comes without its log counts as one whose log is lost.
func InitVoteLog(dir string, key intent.Key) (err error) {
	store, err := storage.Open(dir, storage.Options{})
	if err != nil {
		return fmt.Errorf("making the vote log: %w", err)
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	bucket, err := store.Bucket(votesBucket)
	if err != nil {
		return fmt.Errorf("making the vote log: %w", err)
	}
	return createVoteLog(bucket, key)
}
