//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is what only a failure waits out.
const patience = 2 * time.Minute

// self is the test binary, which is also the paradox that the tests run.
func self(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// A spool keeps what a process says, and can be waited on.
type spool struct {
	mu   sync.Mutex
	buf  bytes.Buffer
	news chan struct{}
}

func newSpool() *spool { return &spool{news: make(chan struct{}, 1)} }

func (s *spool) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case s.news <- struct{}{}:
	default:
	}
	return s.buf.Write(b)
}

func (s *spool) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.String()
}

// A process is a paradox that runs until it is stopped.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	said *spool
	done chan struct{}
	err  error // of Wait, once done is closed
}

// begin starts a command that does not end by itself. It is stopped with the test at the latest.
func begin(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{t: t, cmd: cmd, said: newSpool(), done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p.said, p.said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.err = cmd.Wait(); close(p.done) }()
	t.Cleanup(func() { p.stop() })
	return p
}

// paradox is a command line of the binary under test.
func paradox(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), self(t), args...)
	cmd.Env = append(os.Environ(), asParadox+"=1")
	return cmd
}

// until waits for a text, and gives everything that was said.
func (p *process) until(text string) string {
	p.t.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	for {
		if said := p.said.String(); strings.Contains(said, text) {
			return said
		}
		select {
		case <-p.said.news:
		case <-p.done:
			p.t.Fatalf("it ended (%v) before it said %q:\n%s", p.err, text, p.said)
		case <-late.C:
			p.t.Fatalf("it did not say %q:\n%s", text, p.said)
		}
	}
}

// stop interrupts it, as Ctrl-C does, and waits for its end, which must be a good one.
func (p *process) stop() {
	p.t.Helper()
	select {
	case <-p.done:
		return
	default:
	}
	if err := p.cmd.Process.Signal(syscall.SIGINT); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Error(err)
	}
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case <-p.done:
		if p.err != nil {
			p.t.Errorf("%s ended with %v:\n%s", p.cmd.Args, p.err, p.said)
		}
	case <-late.C:
		p.t.Errorf("%s does not end:\n%s", p.cmd.Args, p.said)
		_ = p.cmd.Process.Kill() // a test that failed leaves nothing behind
		<-p.done
	}
}

// A person runs commands as real processes, with a home.
type person struct {
	t    *testing.T
	home string // of the network: the person's own is you within it
	said *spool // everything that commands ever said
}

func (p *person) cmd(args ...string) *exec.Cmd {
	p.t.Helper()
	cmd := paradox(p.t, args...)
	cmd.Env = append(cmd.Env, "PARADOX_HOME="+p.home+"/you")
	return cmd
}

// does runs a command to its end and checks its exit code and what it says; it gives standard output.
func (p *person) does(code int, says string, args ...string) string {
	p.t.Helper()
	cmd := p.cmd(args...)
	var out, err bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &err
	failed := cmd.Run()
	got := cmd.ProcessState.ExitCode()
	if p.said != nil {
		p.said.Write(out.Bytes())
		p.said.Write(err.Bytes())
	}
	if got != code || !strings.Contains(out.String()+err.String(), says) {
		p.t.Fatalf("paradox %s: exit %d (%v), want %d, and %q in:\n%s%s", strings.Join(args, " "), got, failed, code, says, out.String(), err.String())
	}
	return out.String()
}
