//go:build linux

package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	// kills is how many times something is killed at most; CHAOS_KILLS says otherwise. A machine that is so slow that the load
	// ends before sees fewer, at least half of them.
	kills = 16
	// loadRate is how many intents a second flow meanwhile, and loadPerKill how many for each kill.
	loadRate    = 30
	loadPerKill = 120
	// anew is how many heights must settle after a kill: the first may have been decided before.
	anew = 2
	// stormGap is the longest quiet between a recovery and the next kill.
	stormGap = time.Second
	// goOnWait is when a network that has not settled the next heights after a loss within the fault bound counts as stalled. A
	// few views are seconds; on a machine that does much else, each of them takes as long as its processes wait for a processor.
	goOnWait = 2 * time.Minute
	// backWait is the same after any loss, until those that come back have decided: the supervisor waits up to ten seconds
	// before it starts a process that dies often.
	backWait = 3 * time.Minute
	// endWait is how long the rest of the load may take once nobody dies any more.
	endWait = 4 * time.Minute
)

// TestKilledAtRandomMoments: under load, nodes are killed at random moments, mostly as many as the fault bound allows, now and
// then more. The network goes on, those that were killed come back and agree, and every intent ends as it must, once.
func TestKilledAtRandomMoments(t *testing.T) {
	r := dice(t)
	n := kills
	if s := os.Getenv("CHAOS_KILLS"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil {
			t.Fatalf("CHAOS_KILLS: %v", err)
		}
	}
	w := launch(t, "--members=4", "--observers=1", "--once", "--wait=10m", "--rate="+strconv.Itoa(loadRate),
		"--intents="+strconv.Itoa(n*loadPerKill), "--seed="+strconv.FormatUint(uint64(r.Uint32()), 10))
	done := 0
	for done < n && w.strike(t, r, done) {
		done++
	}
	sum := w.summary(t, endWait)
	i := sum.Intents
	t.Logf("%d kills, %d heights; %+v", done, sum.Heights, i)
	if done < n/2 {
		t.Errorf("the load ended after %d kills of %d", done, n)
	}
	if i.Submitted != i.Settled+i.Refused+i.Dropped || i.Pending != 0 {
		t.Errorf("not every intent has ended: %+v", i)
	}
	for _, d := range sum.StateDigests {
		if d != sum.StateDigests[0] {
			t.Errorf("the nodes ended with the states %v", sum.StateDigests)
		}
	}
	w.up(t, "--intents=0")
	height, digest := w.agree(t, backWait)
	if digest != sum.StateDigests[0] {
		t.Errorf("restarted, the nodes have the state %s, before %s", digest, sum.StateDigests[0])
	}
	if settled := w.history(t, height, digest); len(settled) != i.Settled {
		t.Errorf("%d intents are in settled batches, the launcher saw %d", len(settled), i.Settled)
	}
	w.reserves(t)
	w.stop(t)
	w.logs(t)
}

// strike waits a moment, kills some nodes, and waits until the network has gone on; false once the load has ended.
func (w *world) strike(t *testing.T, r *rand.Rand, k int) bool {
	t.Helper()
	defer func() {
		if t.Failed() {
			t.Log(w.standing(context.Background()))
		}
	}()
	select {
	case <-time.After(time.Duration(r.Int64N(int64(stormGap)))):
	case <-w.launcher.done:
		return false
	}
	victims, survivors, bound := w.victims(r)
	w.running(t, victims)
	if bound {
		w.whole(t, survivors) // or else more members would be away than the bound allows
	}
	before := w.settled(t.Context(), w.all()...)
	var names []string
	for _, n := range victims {
		w.signal(t, n, syscall.SIGKILL)
		names = append(names, w.nodes[n].Name)
	}
	began := time.Now()
	wait := goOnWait
	if !bound {
		wait, survivors = backWait, w.all()
	}
	eventually(t, wait, func(ctx context.Context) string {
		if h := w.settled(ctx, survivors...); h < before+anew && w.launcher.running() {
			return fmt.Sprintf("kill %d (%s) at height %d: only %d is settled", k, strings.Join(names, ", "), before, h)
		}
		return ""
	})
	t.Logf("kill %d at height %d: %s; went on for %.1f s", k, before, strings.Join(names, ", "), time.Since(began).Seconds())
	return true
}

// running waits until the nodes have processes: who was killed a moment ago may still wait for its restart.
func (w *world) running(t *testing.T, nodes []int) {
	t.Helper()
	eventually(t, backWait, func(context.Context) string {
		pids := w.pids(t)
		for _, n := range nodes {
			if pids[w.nodes[n].Name] == 0 && w.launcher.running() {
				return w.nodes[n].Name + " does not run"
			}
		}
		return ""
	})
}

// whole waits until the nodes take part: those that came back a moment ago are still reading the vault and catching up.
func (w *world) whole(t *testing.T, nodes []int) {
	t.Helper()
	eventually(t, backWait, func(ctx context.Context) string {
		for _, n := range nodes {
			if s, err := status(ctx, w.clients[n]); (err != nil || !s.Synced || s.Voting == "silent") && w.launcher.running() {
				return fmt.Sprintf("%s does not take part", w.nodes[n].Name)
			}
		}
		return ""
	})
}

// victims draws who dies: within the bound of one member (and any observer), or beyond it.
func (w *world) victims(r *rand.Rand) (victims, survivors []int, bound bool) {
	members := 0
	for _, n := range w.nodes {
		if n.Member {
			members++
		}
	}
	dead := map[int]bool{}
	switch x := r.IntN(10); {
	case x < 4: // one member
		dead[r.IntN(members)] = true
	case x < 6: // one member and an observer
		dead[r.IntN(members)], dead[members+r.IntN(len(w.nodes)-members)] = true, true
	case x < 7: // an observer
		dead[members+r.IntN(len(w.nodes)-members)] = true
	case x < 9: // two or three members
		for _, n := range r.Perm(members)[:2+r.IntN(members-2)] {
			dead[n] = true
		}
	default: // all
		for n := range w.nodes {
			dead[n] = true
		}
	}
	killed := 0
	for n := range w.nodes {
		switch {
		case !dead[n]:
			survivors = append(survivors, n)
			continue
		case n < members:
			killed++
		}
		victims = append(victims, n)
	}
	return victims, survivors, 3*killed < members
}
