//go:build linux

package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	client "github.com/phantom-paradox/paradox/clients/go"
)

const (
	// exitUnreachable and exitUnhealthy are what `paradox status` says of a node that does not answer, and of one that is
	// not in step.
	exitUnreachable = 3
	exitUnhealthy   = 4
	// earlyHeights and lateHeights are how many heights there are when the first and the second stranger join.
	earlyHeights = 1
	lateHeights  = 12
)

// TestStrangersJoin: with nothing but the network file and one address, a node in a directory of its own joins as an observer,
// catches up, and agrees; so does one that comes late, and one that is killed on its way.
func TestStrangersJoin(t *testing.T) {
	r := dice(t)
	w := launch(t, "--rate=40", fmt.Sprintf("--seed=%d", r.Uint32()))
	w.reach(t, earlyHeights)
	early := w.join(t, "early", 0)
	early.inStep(t)
	early.agrees(t)
	w.reach(t, lateHeights)
	late := w.join(t, "late", 1)
	late.answers(t)
	late.process.kill()
	if code, _ := late.status(t); code != exitUnreachable {
		t.Errorf("status of a node that is down ends with %d", code)
	}
	late.run(t)
	late.inStep(t)
	late.agrees(t)
	early.agrees(t)
	for _, s := range []*stranger{early, late} {
		s.end(t)
	}
	w.stop(t)
	w.logs(t)
}

// reach waits until a height is settled.
func (w *world) reach(t *testing.T, height uint64) {
	t.Helper()
	eventually(t, upWait, func(ctx context.Context) string {
		if h := w.settled(ctx, w.all()...); h < height {
			return fmt.Sprintf("height %d is settled, want %d", h, height)
		}
		return ""
	})
}

// A stranger is a node that the launcher knows nothing of.
type stranger struct {
	w       *world
	home    string
	api     string
	log     string
	process *process
	began   time.Time
}

// join makes a home, as an operator would, and starts the node.
func (w *world) join(t *testing.T, name string, through int) *stranger {
	t.Helper()
	s := &stranger{w: w, home: filepath.Join(t.TempDir(), name), api: freeAddress(t)}
	s.log = s.home + ".log"
	t.Cleanup(func() {
		if t.Failed() {
			showTail(t, s.log, func(string) bool { return true })
		}
	})
	out, code := paradox(t, "init", "--home", s.home, "--network", filepath.Join(w.home, "network.json"), "--bootstrap", w.nodes[through].addr(), "--json")
	if code != 0 {
		t.Fatalf("init ended with %d: %s", code, out)
	}
	var made struct {
		Member bool `json:"member"`
	}
	if err := json.Unmarshal(out, &made); err != nil || made.Member {
		t.Errorf("init says %s: %v", out, err)
	}
	s.run(t)
	return s
}

func (s *stranger) run(t *testing.T) {
	t.Helper()
	s.began = time.Now()
	s.process = start(t, s.log, "run", "--home", s.home, "--api-listen", s.api, "--p2p-listen", "/ip4/127.0.0.1/tcp/0", "--no-p2p-public")
}

// status runs `paradox status` against the node.
func (s *stranger) status(t *testing.T) (code int, st *client.Status) {
	t.Helper()
	out, code := paradox(t, "status", "--node", s.api, "--json")
	st = new(client.Status)
	if code == 0 || code == exitUnhealthy {
		if err := json.Unmarshal(out, st); err != nil {
			t.Fatalf("status says %s: %v", out, err)
		}
	}
	if (code == 0) != st.Synced {
		t.Errorf("status ends with %d, and says: %s", code, out)
	}
	return code, st
}

// answers waits until the node says anything at all.
func (s *stranger) answers(t *testing.T) {
	t.Helper()
	eventually(t, backWait, func(context.Context) string {
		if code, _ := s.status(t); code == exitUnreachable {
			return "status does not reach it"
		}
		return ""
	})
}

// inStep waits until status says that the node is in step with the network.
func (s *stranger) inStep(t *testing.T) {
	t.Helper()
	eventually(t, backWait, func(ctx context.Context) string {
		if !s.process.running() {
			t.Fatalf("it ended with %d", s.process.code)
		}
		code, st := s.status(t)
		if settled := s.w.settled(ctx, 0); code != 0 || st.Chain.Height+anew < settled {
			return fmt.Sprintf("status ends with %d, and the node is at height %d of %d", code, st.Chain.Height, settled)
		}
		return ""
	})
	_, st := s.status(t)
	t.Logf("%s was in step at height %d after %.1f s", filepath.Base(s.home), st.Chain.Height, time.Since(s.began).Seconds())
	if text, code := paradox(t, "status", "--node", s.api); code == 0 && !strings.Contains(string(text), "in step with the network") {
		t.Errorf("status says: %s", text)
	}
}

// agrees compares the node's state with a member's when both are at one height.
func (s *stranger) agrees(t *testing.T) {
	t.Helper()
	eventually(t, backWait, func(ctx context.Context) string {
		theirs, err := status(ctx, s.w.clients[0])
		if err != nil {
			return err.Error()
		}
		_, mine := s.status(t)
		again, err := status(ctx, s.w.clients[0])
		switch {
		case err != nil:
			return err.Error()
		case again.Chain.Height != theirs.Chain.Height || mine.Chain.Height != theirs.Chain.Height:
			return fmt.Sprintf("heights %d, %d, %d", theirs.Chain.Height, mine.Chain.Height, again.Chain.Height)
		case mine.StateDigest != theirs.StateDigest:
			t.Fatalf("at height %d it has the state %s, a member has %s", mine.Chain.Height, mine.StateDigest, theirs.StateDigest)
		}
		return ""
	})
}

// end stops the node as an operator does.
func (s *stranger) end(t *testing.T) {
	t.Helper()
	if err := s.process.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if code := s.process.end(t, downWait); code != 0 {
		t.Errorf("%s ended with %d", filepath.Base(s.home), code)
	}
}

// paradox runs a command to its end.
func paradox(t *testing.T, args ...string) (out []byte, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), readWait)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Getenv(binaryEnv), args...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	if stderr.Len() > 0 && args[0] != "status" { // which is asked again and again
		t.Logf("paradox %s: %s", args[0], strings.TrimSpace(stderr.String()))
	}
	return out, cmd.ProcessState.ExitCode()
}

// freeAddress is a port of the loopback that nobody listens on now.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
