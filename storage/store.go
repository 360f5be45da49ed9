package storage

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
	badgerds "github.com/ipfs/go-ds-badger4"
)

const (
	lockName = "LOCK"
	dbName   = "db"

	// memTableSize and the four below make one database cost about 30 MB of heap instead of Badger's default 190: a node
	// shares a small machine, and fifty of them a test process.
	memTableSize  = 8 << 20
	numMemTables  = 2
	baseTableSize = 4 << 20
	valueLogSize  = 64 << 20 // garbage is collected a file at a time, so a file is what can be wasted
	numGoroutines = 2

	// valueThreshold sends bundles to the value log, where compaction does not copy them again and again, and keeps all that
	// cannot be fetched again in the tree: Badger collects the value log without flushing what it moved.
	valueThreshold = 16 << 10
)

// Options of a store. The zero value is good.
type Options struct {
	Logger     *slog.Logger
	MinFree    uint64        // writes are refused below so many free bytes; 0: DefaultMinFree
	GCInterval time.Duration // between collections of the value log; 0: DefaultGCInterval

	free func(dir string) (uint64, error) // tests
}

func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.MinFree == 0 {
		o.MinFree = DefaultMinFree
	}
	if o.GCInterval == 0 {
		o.GCInterval = DefaultGCInterval
	}
	if o.free == nil {
		o.free = FreeBytes
	}
	return o
}

// A Store is a node's directory, locked, with one Badger in it. Its methods may be called from many goroutines.
type Store struct {
	dir  string
	opts Options
	log  *slog.Logger
	lock *dirLock
	ds   *badgerds.Datastore
	db   *badger.DB
	sync *syncer
	room *room

	// view makes batches that are larger than a Badger transaction atomic to readers: such a batch holds it whole, taking
	// a read timestamp or committing a small one holds it shared.
	view    sync.RWMutex
	journal sync.Mutex // one large batch at a time

	failures atomic.Uint64 // writes that did not succeed

	mu     sync.Mutex // closed, failed, and joining users
	closed bool
	failed error
	users  sync.WaitGroup

	stop chan struct{}
	loop sync.WaitGroup
}

// Open locks dir (made with mode 0700 if absent) and opens the database in it. Errors are one of this package's with a
// remedy in the text.
func Open(dir string, o Options) (*Store, error) {
	o = o.withDefaults()
	if err := prepareDir(dir); err != nil {
		return nil, explain(dir, err)
	}
	room := &room{dir: dir, min: o.MinFree, free: o.free}
	if err := room.measure(); err != nil {
		return nil, explain(dir, err)
	}
	lock, err := lockDir(dir)
	if err != nil {
		return nil, explain(dir, err)
	}
	ds, err := openBadger(filepath.Join(dir, dbName))
	if err != nil {
		return nil, errors.Join(explain(dir, err), lock.release())
	}
	s := &Store{dir: dir, opts: o, log: o.Logger, lock: lock, ds: ds, db: ds.DB, room: room, stop: make(chan struct{})}
	s.sync = newSyncer(func() error { return syncAll(s.db, filepath.Join(dir, dbName)) })
	if err := s.start(); err != nil {
		return nil, errors.Join(explain(dir, err), ds.Close(), lock.release())
	}
	s.loop.Add(1)
	go s.maintain()
	return s, nil
}

// prepareDir makes dir the user's alone. A volume that was mounted wider is tightened, since the keys lie in it too.
func prepareDir(dir string) error {
	if dir == "" {
		return errors.New("no directory was given")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the directory: %w", err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if info.Mode().Perm()&0o077 == 0 {
		return nil
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return fmt.Errorf("close the directory to others (mode %v): %w", info.Mode().Perm(), err)
	}
	return nil
}

func openBadger(path string) (*badgerds.Datastore, error) {
	opt := badger.DefaultOptions(path).
		WithMemTableSize(memTableSize).
		WithNumMemtables(numMemTables).
		WithBaseTableSize(baseTableSize).
		WithBaseLevelSize(4 * baseTableSize).
		WithValueLogFileSize(valueLogSize).
		WithValueThreshold(valueThreshold).
		WithNumLevelZeroTables(numMemTables).
		WithNumLevelZeroTablesStall(4 * numMemTables).
		WithNumCompactors(2).
		WithNumGoroutines(numGoroutines).
		WithCompression(options.None). // no block cache is needed then: tables are mapped
		WithBlockCacheSize(0).
		WithDetectConflicts(false). // batches never read what they write
		WithMetricsEnabled(false).
		WithSyncWrites(false) // asked for a write at a time: Batch.Commit(Durable)
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("make the database directory: %w", err)
	}
	return badgerds.NewDatastore(path, &badgerds.Options{Options: opt})
}

// start finishes what a crash interrupted and checks the layout.
func (s *Store) start() error {
	if err := s.replay(); err != nil {
		return fmt.Errorf("finish an interrupted write: %w", err)
	}
	return s.checkLayout()
}

// Dir is the directory the store holds.
func (s *Store) Dir() string { return s.dir }

// Failures is how many writes have failed since the store was opened: of a full or broken disk.
func (s *Store) Failures() uint64 { return s.failures.Load() }

// enter joins the users of the database, which Close waits for.
func (s *Store) enter() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	s.users.Add(1)
	return nil
}

// enterWrite is enter for those who need room and an unbroken store.
func (s *Store) enterWrite() error {
	if err := s.enter(); err != nil {
		return err
	}
	s.mu.Lock()
	failed := s.failed
	s.mu.Unlock()
	if failed == nil {
		failed = s.room.check()
	}
	if failed != nil {
		s.users.Done()
	}
	return failed
}

// fail stops all writes: a flush has failed, or half of a large batch is visible and only the next Open completes it.
func (s *Store) fail(err error) error {
	err = fmt.Errorf("%w (%w)", ErrFailed, err)
	s.mu.Lock()
	s.failed = err
	s.mu.Unlock()
	return err
}

// Sync makes everything committed so far durable against loss of power. Concurrent calls share one flush.
func (s *Store) Sync() error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.users.Done()
	return s.flush()
}

// flush makes what was committed durable. After a failure the system may have dropped what it could not write, so that a
// later flush would succeed with a hole: the store stops writing instead.
func (s *Store) flush() error {
	if err := s.sync.wait(); err != nil {
		return s.fail(err)
	}
	return nil
}

// Close waits for running calls, flushes and lets go of the directory. Later calls return ErrClosed; a second Close nil.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.mu.Unlock()
	close(s.stop)
	s.loop.Wait()
	s.users.Wait()
	if err := errors.Join(s.flush(), s.ds.Close(), s.lock.release()); err != nil {
		return fmt.Errorf("close %s: %w", s.dir, err)
	}
	return nil
}
