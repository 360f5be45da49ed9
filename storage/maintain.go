package storage

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/dgraph-io/badger/v4"
)

const (
	// DefaultMinFree keeps writes away from a full disk. Badger maps its logs, and a mapped page without a block behind
	// it kills the process with SIGBUS, so the store stops itself before: two logs of 64 MB and some.
	DefaultMinFree = 192 << 20

	// DefaultGCInterval is often enough for a node whose bundles live for minutes.
	DefaultGCInterval = 5 * time.Minute

	gcDiscard    = 0.5     // rewrite a log when half of it is dead
	gcRounds     = 8       // logs rewritten in one go, so that a collection cannot run on for an hour
	roomBytes    = 8 << 20 // ask the system for free space after so many bytes written,
	roomInterval = 15 * time.Second
)

// room knows whether the disk can take more.
type room struct {
	dir  string
	min  uint64
	free func(string) (uint64, error)

	mu      sync.Mutex
	last    uint64 // free bytes when measured
	written int    // since then
}

func (r *room) measure() error {
	free, err := r.free(r.dir)
	if err != nil {
		return err
	}
	r.mu.Lock()
	r.last, r.written = free, 0
	r.mu.Unlock()
	return r.check()
}

func (r *room) check() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.last < r.min {
		return fmt.Errorf("%w: %d MB free where %s lies, at least %d MB are kept; free some space", ErrDiskFull, r.last>>20, r.dir, r.min>>20)
	}
	return nil
}

// wrote counts, and measures again when much was written. What it finds is told by the next check.
func (r *room) wrote(n int) {
	r.mu.Lock()
	r.written += n
	again := r.written >= roomBytes
	r.mu.Unlock()
	if again {
		_ = r.measure()
	}
}

func (r *room) available() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last
}

// maintain collects the value log's garbage and watches the disk until Close.
func (s *Store) maintain() {
	defer s.loop.Done()
	gc := time.NewTicker(s.opts.GCInterval)
	defer gc.Stop()
	disk := time.NewTicker(roomInterval)
	defer disk.Stop()
	warned := false
	for {
		select {
		case <-s.stop:
			return
		case <-disk.C:
			err := s.room.measure()
			if err != nil && !warned {
				s.log.Error("the store refuses writes", "error", err)
			} else if err == nil && s.room.available() < 2*s.opts.MinFree && !warned {
				s.log.Warn("the disk is running low", "dir", s.dir, "free_mb", s.room.available()>>20)
				err = ErrDiskFull
			}
			warned = err != nil
		case <-gc.C:
			if _, err := s.Collect(); err != nil {
				s.log.Warn("collecting the value log", "error", err)
			}
		}
	}
}

// Collect rewrites value logs that are half dead and returns how many; the store does it by itself now and then.
func (s *Store) Collect() (int, error) {
	if err := s.enter(); err != nil {
		return 0, err
	}
	defer s.users.Done()
	for n := range gcRounds {
		select {
		case <-s.stop:
			return n, nil
		default:
		}
		err := s.db.RunValueLogGC(gcDiscard)
		if errors.Is(err, badger.ErrNoRewrite) || errors.Is(err, badger.ErrRejected) {
			return n, nil
		}
		if err != nil {
			return n, fmt.Errorf("rewrite a value log: %w", err)
		}
	}
	return gcRounds, nil
}

// Usage is what the store takes and has.
type Usage struct {
	Tree   uint64 // bytes on disk of keys and small values
	Values uint64 // bytes on disk of the value log
	Free   uint64 // bytes that the file system had free when it was last asked, at most some seconds ago
	Min    uint64 // free bytes below which writes are refused
}

// Usage measures the directory.
func (s *Store) Usage() (Usage, error) {
	u := Usage{Free: s.room.available(), Min: s.opts.MinFree}
	err := filepath.WalkDir(filepath.Join(s.dir, dbName), func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) || (err == nil && d.IsDir()) {
			return nil // compaction removes files while we look
		}
		if err != nil {
			return err
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if strings.HasSuffix(path, ".vlog") {
			u.Values += allocated(info)
		} else {
			u.Tree += allocated(info)
		}
		return nil
	})
	if err != nil {
		return Usage{}, fmt.Errorf("measure %s: %w", s.dir, err)
	}
	return u, nil
}
