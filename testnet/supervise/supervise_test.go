//go:build unix

package supervise

import (
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// The test binary is its own child: what it does then stands in this variable.
const role = "SUPERVISE_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(role) {
	case "":
		goleak.VerifyTestMain(m)
	case "crash":
		os.Stderr.WriteString("out of luck\n")
		os.Exit(3)
	case "obedient":
		stop := make(chan os.Signal, 1)
		signal.Notify(stop, syscall.SIGTERM)
		os.Stdout.WriteString("up\n")
		<-stop
		os.Stdout.WriteString("down\n")
	case "stubborn":
		signal.Ignore(syscall.SIGTERM)
		os.Stdout.WriteString("up\n")
		select {}
	}
}

func command(t *testing.T, does string) Command {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return Command{Name: does, Path: self, Env: append(os.Environ(), role+"="+does), Log: filepath.Join(t.TempDir(), "log")}
}

func quick() Timing {
	return Timing{Backoff: time.Millisecond, BackoffMax: 4 * time.Millisecond, Healthy: time.Hour, Grace: 100 * time.Millisecond}
}

// notices collects until the test has seen enough.
func notices() (func(Notice), <-chan Notice) {
	ch := make(chan Notice, 1000)
	return func(n Notice) {
		select {
		case ch <- n:
		default:
		}
	}, ch
}

func TestADeadProcessIsStartedAgain(t *testing.T) {
	notify, seen := notices()
	c := command(t, "crash")
	s := Start(t.Context(), quick(), []Command{c}, notify)
	var waits []time.Duration
	for len(waits) < 4 {
		switch n := <-seen; n.Event {
		case Died:
			if !strings.Contains(n.Err.Error(), "exit status 3") {
				t.Errorf("died of %v", n.Err)
			}
			waits = append(waits, n.Wait)
		case Failed:
			t.Fatal(n.Err)
		}
	}
	s.Stop()
	want := []time.Duration{time.Millisecond, 2 * time.Millisecond, 4 * time.Millisecond, 4 * time.Millisecond}
	for n := range want {
		if waits[n] != want[n] {
			t.Errorf("waits %v, want %v", waits, want)
		}
	}
	if tail, err := Tail(c.Log); err != nil || strings.Count(tail, "out of luck\n") < 4 {
		t.Errorf("the log has %q, %v", tail, err)
	}
}

func TestKilledFromOutside(t *testing.T) {
	notify, seen := notices()
	s := Start(t.Context(), quick(), []Command{command(t, "obedient")}, notify)
	defer s.Stop()
	first := <-seen
	if first.Event != Started || first.PID == 0 {
		t.Fatalf("%+v", first)
	}
	if err := syscall.Kill(first.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if n := <-seen; n.Event != Died || !strings.Contains(n.Err.Error(), "killed") {
		t.Fatalf("%+v", n)
	}
	if n := <-seen; n.Event != Started || n.PID == first.PID {
		t.Fatalf("%+v", n)
	}
}

func TestStopAsksFirst(t *testing.T) {
	notify, seen := notices()
	c := command(t, "obedient")
	timing := quick()
	timing.Grace = time.Minute
	s := Start(t.Context(), timing, []Command{c}, notify)
	<-seen
	waitFor(t, c.Log, "up\n")
	s.Stop()
	if tail, err := Tail(c.Log); err != nil || tail != "up\ndown\n" {
		t.Errorf("the log has %q, %v", tail, err)
	}
	if n := <-seen; n.Event != Stopped {
		t.Errorf("%+v", n)
	}
}

func TestStopKillsWhoDoesNotListen(t *testing.T) {
	notify, seen := notices()
	c := command(t, "stubborn")
	s := Start(t.Context(), quick(), []Command{c}, notify)
	n := <-seen
	waitFor(t, c.Log, "up\n")
	s.Stop()
	if err := syscall.Kill(n.PID, 0); err == nil {
		t.Error("it still runs")
	}
	if s.PID(0) != 0 {
		t.Error("it still has a process id")
	}
}

func TestWhatCannotStartIsToldAndTriedAgain(t *testing.T) {
	notify, seen := notices()
	c := command(t, "crash")
	c.Path = filepath.Join(t.TempDir(), "nothing")
	s := Start(t.Context(), quick(), []Command{c}, notify)
	for range 2 {
		if n := <-seen; n.Event != Failed || n.Err == nil {
			t.Errorf("%+v", n)
		}
	}
	s.Stop()
}

// waitFor reads a file until it holds the text.
func waitFor(t *testing.T, path, text string) {
	t.Helper()
	for t.Context().Err() == nil {
		if b, err := os.ReadFile(path); err == nil && strings.Contains(string(b), text) {
			return
		}
	}
}
