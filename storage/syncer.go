package storage

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/dgraph-io/badger/v4"
)

// A syncer is group commit: whoever asks while a flush runs shares the next one, so a thousand concurrent durable writes
// cost a few flushes, not a thousand.
type syncer struct {
	flush    func() error
	flushing sync.Mutex

	mu   sync.Mutex
	next *round // the flush that has not begun
}

type round struct {
	led  bool
	done chan struct{}
	err  error
}

func newSyncer(flush func() error) *syncer { return &syncer{flush: flush, next: newRound()} }

func newRound() *round { return &round{done: make(chan struct{})} }

// wait returns when a flush that began after the call has ended. The first to ask for a round leads it: it waits for the
// running flush, while others join, and then flushes for all of them.
func (y *syncer) wait() error {
	y.mu.Lock()
	r := y.next
	lead := !r.led
	r.led = true
	y.mu.Unlock()
	if !lead {
		<-r.done
		return r.err
	}
	y.flushing.Lock()
	defer y.flushing.Unlock()
	y.mu.Lock()
	y.next = newRound()
	y.mu.Unlock()
	r.err = y.flush()
	close(r.done)
	return r.err
}

// syncAll flushes what Badger's own Sync does and what it leaves out: logs that were full and replaced since the last
// flush, and whose tables are not written yet.
func syncAll(db *badger.DB, dir string) error {
	if err := db.Sync(); err != nil {
		return fmt.Errorf("flush the database: %w", err)
	}
	logs, err := filepath.Glob(filepath.Join(dir, "*.mem"))
	if err != nil {
		return fmt.Errorf("list the logs: %w", err)
	}
	values, err := filepath.Glob(filepath.Join(dir, "*.vlog"))
	if err != nil {
		return fmt.Errorf("list the value logs: %w", err)
	}
	if len(values) > 2 { // names sort by age; only the newest two can have unflushed bytes, for a flush follows each durable write
		values = values[len(values)-2:]
	}
	for _, name := range append(logs, values...) {
		if err := syncFile(name); err != nil {
			return err
		}
	}
	return syncFile(dir)
}

// syncFile flushes a file or folder; one that is gone has been replaced by a flushed table.
func syncFile(name string) error {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("flush %s: %w", name, err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("flush %s: %w", name, err)
	}
	return nil
}
