package storage

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestOpenMakesAPrivateDirectoryAndTightensAWiderOne(t *testing.T) {
	wide := filepath.Join(t.TempDir(), "wide")
	check(t, os.Mkdir(wide, 0o755))
	for _, dir := range []string{wide, filepath.Join(t.TempDir(), "a", "new")} {
		open(t, dir)
		info, err := os.Stat(dir)
		check(t, err)
		if info.Mode().Perm() != 0o700 {
			t.Errorf("%s has mode %v", dir, info.Mode().Perm())
		}
	}
}

func TestASecondOpenSaysWhoHoldsTheDirectory(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir, Options{})
	check(t, err)
	_, err = Open(dir, Options{})
	if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), fmt.Sprint(os.Getpid())) {
		t.Errorf("a second open says %v", err)
	}
	check(t, s.Close())
	check(t, s.Close())
	open(t, dir)
}

func TestOpenOfWhatIsNoDirectory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	check(t, os.WriteFile(file, nil, 0o600))
	for _, dir := range []string{"", file, filepath.Join(file, "below")} {
		if s, err := Open(dir, Options{}); err == nil {
			t.Errorf("opened %q: %v", dir, s.Close())
		}
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	for _, c := range []struct {
		cause  error
		want   error
		remedy string
	}{
		{&fs.PathError{Op: "open", Path: "x", Err: syscall.EACCES}, ErrPermission, "chown"},
		{fmt.Errorf("mmap: %w", syscall.EROFS), ErrPermission, "chown"},
		{fmt.Errorf("truncate: %w", syscall.ENOSPC), ErrDiskFull, "free"},
		{errors.New("manifest has bad magic"), ErrCorrupted, "snapshot"},
		{errors.New("Cannot acquire directory lock on \"x\""), ErrLocked, "stop"},
	} {
		err := explain("/data", c.cause)
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.remedy) || !strings.Contains(err.Error(), "/data") {
			t.Errorf("%v is explained as %v", c.cause, err)
		}
	}
}

func TestADamagedDatabaseIsNamed(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	check(t, bucket(t, s, "a").Set([]byte("k"), []byte("v"), Durable))
	check(t, s.Close())
	check(t, os.WriteFile(filepath.Join(dir, dbName, "MANIFEST"), []byte("these are not the bytes"), 0o600))
	_, err := Open(dir, Options{})
	if !errors.Is(err, ErrCorrupted) {
		t.Errorf("open says %v", err)
	}
}

func TestAFullDiskStopsWritesNotReads(t *testing.T) {
	var free atomic.Uint64
	free.Store(1 << 40)
	opts := Options{free: func(string) (uint64, error) { return free.Load(), nil }}
	dir := t.TempDir()
	s, err := Open(dir, opts)
	check(t, err)
	b := bucket(t, s, "a")
	check(t, b.Set([]byte("k"), []byte("v"), Buffered))
	free.Store(1 << 20)
	check(t, b.Set([]byte("big"), make([]byte, roomBytes), Buffered)) // so much is written blindly, then it looks
	if err := b.Set([]byte("k"), []byte("w"), Buffered); !errors.Is(err, ErrDiskFull) {
		t.Errorf("a write to a full disk says %v", err)
	}
	if v, err := b.Get([]byte("k")); err != nil || string(v) != "v" {
		t.Errorf("read %q, %v", v, err)
	}
	check(t, s.Close())
	if _, err := Open(dir, opts); !errors.Is(err, ErrDiskFull) {
		t.Errorf("open on a full disk says %v", err)
	}
}

func TestBucketsReadBackWhatWasWrittenAndShareNothing(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	a, ab := bucket(t, s, "a"), bucket(t, s, "ab")
	for _, k := range []string{"", "b", "ba", "bb", "c"} {
		check(t, a.Set([]byte(k), []byte("a"+k), Buffered))
	}
	check(t, ab.Set([]byte("b"), nil, Durable))
	check(t, s.Close())
	if _, err := a.Get(nil); !errors.Is(err, ErrClosed) {
		t.Errorf("a closed store says %v", err)
	}

	s = open(t, dir)
	a, ab = bucket(t, s, "a"), bucket(t, s, "ab")
	if v, err := ab.Get([]byte("b")); err != nil || v == nil || len(v) != 0 {
		t.Errorf("an empty value is %v, %v", v, err)
	}
	if v, err := ab.Get([]byte("c")); err != nil || v != nil {
		t.Errorf("an absent value is %v, %v", v, err)
	}
	for _, c := range []struct {
		r    Range
		want string
	}{
		{Range{}, ",b,ba,bb,c"},
		{Range{Prefix: []byte("b")}, "b,ba,bb"},
		{Range{From: []byte("ba")}, "ba,bb,c"},
		{Range{Reverse: true}, "c,bb,ba,b,"},
		{Range{Reverse: true, From: []byte("bab")}, "ba,b,"},
		{Range{Reverse: true, Prefix: []byte("b")}, "bb,ba,b"},
		{Range{Prefix: []byte("x")}, ""},
	} {
		var got []string
		check(t, a.Scan(c.r, func(k, v []byte) bool {
			if string(v) != "a"+string(k) {
				t.Errorf("%q holds %q", k, v)
			}
			got = append(got, string(k))
			return true
		}))
		if strings.Join(got, ",") != c.want {
			t.Errorf("%+v visits %q", c.r, got)
		}
	}
}

func TestCallbacksOfAScanMayWrite(t *testing.T) {
	s := open(t, t.TempDir())
	a := bucket(t, s, "a")
	for i := range 100 {
		check(t, a.Set([]byte{byte(i)}, []byte("v"), Buffered))
	}
	seen := 0
	check(t, a.Iterate(nil, func(k, _ []byte) bool {
		seen++
		check(t, a.Set(append([]byte("new"), k...), nil, Buffered))
		check(t, a.Delete(k, Buffered))
		return true
	}))
	if seen != 100 {
		t.Errorf("visited %d", seen)
	}
}

func TestUsageIsMeasured(t *testing.T) {
	s := open(t, t.TempDir())
	check(t, bucket(t, s, "a").Set([]byte("k"), make([]byte, 1<<20), Durable))
	u, err := s.Usage()
	check(t, err)
	if u.Values < 1<<20 || u.Tree == 0 || u.Free == 0 || u.Min != DefaultMinFree {
		t.Errorf("usage %+v", u)
	}
}

func TestGarbageOfTheValueLogIsCollected(t *testing.T) {
	s := open(t, t.TempDir())
	a := bucket(t, s, "a")
	for round := range 4 { // each overwrites the one before: three of four logs are dead
		for i := range 70 {
			check(t, a.Set([]byte{byte(i)}, append(make([]byte, 1<<20), byte(round)), Buffered))
		}
	}
	check(t, s.db.Flatten(1)) // compaction is what finds out that values are dead
	if _, err := s.Collect(); err != nil {
		t.Fatal(err)
	}
	for i := range 70 {
		if v, err := a.Get([]byte{byte(i)}); err != nil || len(v) != 1<<20+1 || v[1<<20] != 3 {
			t.Fatalf("value %d: %d bytes, %v", i, len(v), err)
		}
	}
}

func TestMigrationsRunOnceInOrder(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	check(t, bucket(t, s, "a").Set([]byte("k"), []byte("1"), Buffered))
	check(t, s.Close())

	step := func(n string) Migration {
		return func(old *Bucket, batch *Batch) error {
			v, err := old.Get([]byte("k"))
			batch.Set(old, []byte("k"), append(v, n...))
			return err
		}
	}
	s = open(t, dir)
	broken := errors.New("broken")
	if _, err := s.Bucket("a", step("2"), func(*Bucket, *Batch) error { return broken }); !errors.Is(err, broken) {
		t.Fatalf("a broken migration says %v", err)
	}
	for range 2 {
		b, err := s.Bucket("a", step("2"), step("3"))
		check(t, err)
		if v, err := b.Get([]byte("k")); err != nil || string(v) != "123" {
			t.Fatalf("migrated to %q, %v", v, err)
		}
	}
	if _, err := s.Bucket("a"); !errors.Is(err, ErrNewer) {
		t.Errorf("an older program says %v", err)
	}
	for _, name := range []string{"", "A", "a/b", "ab!", strings.Repeat("a", maxBucketName+1)} {
		if _, err := s.Bucket(name); err == nil {
			t.Errorf("bucket %q was opened", name)
		}
	}
}

func TestOneFlushServesAllThatWait(t *testing.T) {
	const waiters = 100
	var flushes atomic.Int32
	first, release := make(chan struct{}), make(chan struct{})
	y := newSyncer(func() error {
		if flushes.Add(1) == 1 {
			close(first)
			<-release
		}
		return nil
	})
	var all sync.WaitGroup
	all.Go(func() { _ = y.wait() })
	<-first
	next := y.next // the round that begins after the one that runs
	var asked sync.WaitGroup
	asked.Add(waiters)
	for range waiters {
		all.Go(func() {
			asked.Done()
			if err := y.wait(); err != nil {
				t.Error(err)
			}
		})
	}
	asked.Wait()
	close(release)
	all.Wait()
	<-next.done
	if n := flushes.Load(); n < 2 || n > waiters+1 {
		t.Errorf("%d flushes", n)
	}
}

func TestAFailedFlushStopsTheStore(t *testing.T) {
	s, err := Open(t.TempDir(), Options{})
	check(t, err)
	a := bucket(t, s, "a")
	bad := errors.New("input/output error")
	s.sync.flush = func() error { return bad }
	if err := a.Set([]byte("k"), nil, Durable); !errors.Is(err, ErrFailed) {
		t.Errorf("a failed flush says %v", err)
	}
	s.sync.flush = func() error { return nil }
	if err := a.Set([]byte("k"), nil, Durable); !errors.Is(err, ErrFailed) {
		t.Errorf("the write after a failed flush says %v", err)
	}
	check(t, s.Close())
}

func TestConcurrentDurableWrites(t *testing.T) {
	s := open(t, t.TempDir())
	a := bucket(t, s, "a")
	var flushes atomic.Int32
	flush := s.sync.flush
	s.sync.flush = func() error { flushes.Add(1); return flush() }
	const writers, each = 64, 20
	began := time.Now()
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for i := range each {
				if err := a.Set([]byte{byte(w), byte(i)}, make([]byte, 300), Durable); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	t.Logf("%d durable writes, %d flushes, %v", writers*each, flushes.Load(), time.Since(began))
	if flushes.Load() >= writers*each {
		t.Error("writes do not share flushes")
	}
}

// The store behaves as a map, whatever is written, in whatever batches, across restarts.
func TestStoreIsAMap(t *testing.T) {
	base := t.TempDir()
	runs := 0
	rapid.Check(t, func(rt *rapid.T) {
		runs++
		dir := filepath.Join(base, fmt.Sprint(runs))
		s, err := Open(dir, Options{})
		check(t, err)
		defer func() { check(t, s.Close()) }()
		model := map[string]string{}
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			b := bucket(t, s, "a")
			batch := s.Batch()
			for range rapid.IntRange(0, 20).Draw(rt, "writes") {
				k := rapid.StringMatching("[a-c]{0,3}").Draw(rt, "key")
				if rapid.Bool().Draw(rt, "delete") {
					batch.Delete(b, []byte(k))
					delete(model, k)
				} else {
					v := rapid.StringN(0, 40, 80).Draw(rt, "value")
					batch.Set(b, []byte(k), []byte(v))
					model[k] = v
				}
			}
			check(t, batch.Commit(Durability(rapid.Bool().Draw(rt, "durable"))))
			if rapid.IntRange(0, 3).Draw(rt, "restart") == 0 {
				check(t, s.Close())
				s, err = Open(dir, Options{})
				check(t, err)
			}
			got := map[string]string{}
			check(t, bucket(t, s, "a").Iterate(nil, func(k, v []byte) bool { got[string(k)] = string(v); return true }))
			if fmt.Sprint(got) != fmt.Sprint(model) {
				rt.Fatalf("the store holds %v, want %v", got, model)
			}
		}
	})
}
