package storage

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

const largeBatch = 30_000 // keys: more than twice what one transaction takes

func writeLarge(s *Store, b *Bucket, n int, value byte) error {
	batch := s.Batch()
	for i := range n {
		batch.Set(b, binary.BigEndian.AppendUint32([]byte("k"), uint32(i)), bytes.Repeat([]byte{value}, 40))
	}
	return batch.Commit(Buffered)
}

// tally counts the values of a bucket by their first byte.
func tally(t *testing.T, b *Bucket) map[byte]int {
	t.Helper()
	out := map[byte]int{}
	if err := b.Iterate([]byte("k"), func(_, v []byte) bool { out[v[0]]++; return true }); err != nil {
		t.Error(err)
	}
	return out
}

func TestALargeBatchIsAtomicToReaders(t *testing.T) {
	s := open(t, t.TempDir())
	b := bucket(t, s, "a")
	check(t, writeLarge(s, b, largeBatch, 1))
	done := make(chan struct{})
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			for {
				if got := tally(t, b); len(got) != 1 {
					t.Errorf("a reader saw %v", got)
					return
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for v := byte(2); v < 5; v++ {
		check(t, writeLarge(s, b, largeBatch, v))
	}
	close(done)
	all.Wait()
	if got := tally(t, b); got[4] != largeBatch {
		t.Errorf("at the end %v", got)
	}
}

func TestABatchLargerThanMemory(t *testing.T) {
	s := open(t, t.TempDir())
	b := bucket(t, s, "a")
	batch := s.Batch()
	for i := range 40 {
		batch.Set(b, []byte{byte(i)}, bytes.Repeat([]byte{byte(i)}, 1<<20))
		batch.Set(b, []byte{byte(i), 0}, bytes.Repeat([]byte{byte(i)}, valueThreshold-1))
	}
	check(t, batch.Commit(Durable))
	n := 0
	check(t, b.Iterate(nil, func(k, v []byte) bool {
		if v[0] != k[0] || v[len(v)-1] != k[0] {
			t.Errorf("key %v is wrong", k)
		}
		n++
		return true
	}))
	if n != 80 {
		t.Errorf("%d keys", n)
	}
}

// interrupted leaves the journal of a batch as a crash would, with or without its commit record, and reopens.
func interrupted(t *testing.T, record func(parts [][]byte) []byte) (*Bucket, error) {
	t.Helper()
	dir := t.TempDir()
	s := open(t, dir)
	b := bucket(t, s, "a")
	check(t, b.Set([]byte("k1"), []byte("old"), Buffered))
	parts := splitOps([]op{{b.key([]byte("k1")), nil}, {b.key([]byte("k2")), []byte("new")}, {b.key([]byte("k3")), []byte{}}})
	for i, p := range parts {
		check(t, s.commitSmall([]op{{journalKey(uint32(i)), p}}))
	}
	if r := record(parts); r != nil {
		check(t, s.commitSmall([]op{{journalKey(journalCommit), r}}))
	}
	check(t, s.Close())
	s, err := Open(dir, Options{})
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { check(t, s.Close()) })
	check(t, s.replay()) // nothing is left of it
	return bucket(t, s, "a"), nil
}

func sealed(parts [][]byte) []byte {
	h := sha256.New()
	for _, p := range parts {
		h.Write(p)
	}
	return binary.BigEndian.AppendUint32(h.Sum(nil), uint32(len(parts)))
}

func contents(t *testing.T, b *Bucket) string {
	t.Helper()
	var out []string
	check(t, b.Iterate(nil, func(k, v []byte) bool { out = append(out, fmt.Sprintf("%s=%s", k, v)); return true }))
	return strings.Join(out, " ")
}

func TestACommittedJournalIsFinished(t *testing.T) {
	b, err := interrupted(t, sealed)
	check(t, err)
	if got := contents(t, b); got != "k2=new k3=" {
		t.Errorf("after the restart: %s", got)
	}
}

func TestAnUncommittedJournalIsForgotten(t *testing.T) {
	b, err := interrupted(t, func([][]byte) []byte { return nil })
	check(t, err)
	if got := contents(t, b); got != "k1=old" {
		t.Errorf("after the restart: %s", got)
	}
}

func TestAJournalThatDoesNotMatchIsDamage(t *testing.T) {
	_, err := interrupted(t, func(parts [][]byte) []byte { return sealed(append(parts, []byte("lost"))) })
	if !errors.Is(err, ErrCorrupted) {
		t.Errorf("open says %v", err)
	}
}

func FuzzJournal(f *testing.F) {
	for _, p := range splitOps([]op{{[]byte("k"), nil}, {[]byte("key"), []byte("value")}, {nil, []byte{}}}) {
		f.Add(p)
	}
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, part []byte) {
		ops, err := joinOps([][]byte{part}, sealed([][]byte{part}))
		if err != nil || len(part) > journalPart {
			return
		}
		again, err := joinOps(splitOps(ops), sealed(splitOps(ops)))
		if err != nil || fmt.Sprint(again) != fmt.Sprint(ops) {
			t.Fatalf("%v becomes %v, %v", ops, again, err)
		}
	})
}

// child is what the killed process does: it writes as fast as it can and says what was acknowledged.
func child(dir string) error {
	s, err := Open(dir, Options{})
	if err != nil {
		return err
	}
	votes, err := s.Bucket("votes")
	if err != nil {
		return err
	}
	state, err := s.Bucket("state")
	if err != nil {
		return err
	}
	start := 0
	if err := votes.Scan(Range{Reverse: true}, func(k, _ []byte) bool {
		start = int(binary.BigEndian.Uint32(k)) + 1
		return false
	}); err != nil {
		return err
	}
	for i := start; ; i++ {
		key := binary.BigEndian.AppendUint32(nil, uint32(i))
		if err := votes.Set(key, bytes.Repeat([]byte{byte(i)}, 200), Durable); err != nil {
			return err
		}
		fmt.Println("vote", i)
		if i%8 == 0 {
			if err := writeLarge(s, state, 15_000, byte(i/8)); err != nil {
				return err
			}
			fmt.Println("state", i/8)
		}
	}
}

// kill runs a child until it has acknowledged some writes, kills it, and returns the last vote and state it told of.
func kill(t *testing.T, dir string, lines int) (vote, state int) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	check(t, err)
	check(t, cmd.Start())
	vote, state = -1, -1
	r := bufio.NewReader(out)
	for n := 0; ; n++ {
		if n == lines {
			check(t, cmd.Process.Kill())
		}
		line, err := r.ReadString('\n') // what it said before it died counts too
		if errors.Is(err, io.EOF) {
			break
		}
		check(t, err)
		var what string
		var i int
		if _, err := fmt.Sscan(line, &what, &i); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if what == "vote" {
			vote = i
		} else {
			state = i
		}
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) {
		t.Fatalf("the child ended by itself: %v", err)
	}
	return vote, state
}

func TestWhatWasAcknowledgedSurvivesKill(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "node")
	for round, lines := range []int{3, 20, 9, 31} {
		vote, state := kill(t, dir, lines)
		s := open(t, dir)
		votes := bucket(t, s, "votes")
		for i := range vote + 1 {
			v, err := votes.Get(binary.BigEndian.AppendUint32(nil, uint32(i)))
			if err != nil || len(v) != 200 || v[0] != byte(i) {
				t.Fatalf("round %d: vote %d of %d is %v, %v", round, i, vote, v, err)
			}
		}
		got := tally(t, bucket(t, s, "state"))
		if len(got) > 1 || (state >= 0 && got[byte(state)]+got[byte(state+1)] != 15_000) {
			t.Fatalf("round %d: the state is %v, acknowledged was %d", round, got, state)
		}
		check(t, s.Close())
	}
}
