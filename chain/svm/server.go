package svm

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/gagliardetto/solana-go"
)

// ErrNotInstalled is returned where Node or the server's packages are missing.
var ErrNotInstalled = errors.New("the SVM server is not installed")

const (
	startTimeout = 30 * time.Second // loading the programs takes about one
	// replayTimeout is for a journal, which is computed anew: some 2,000 transactions a second.
	replayTimeout = 10 * time.Minute
	stopTimeout   = 5 * time.Second // before the process is killed
	stderrLimit   = 4 << 10         // of what the process says, for the error
)

// Config says how the machine runs.
type Config struct {
	Dir      string                      // of server.cjs and its node_modules
	Programs map[solana.PublicKey]string // program id to its shared object
	Listen   string                      // host:port; default 127.0.0.1:0
	SlotTime time.Duration               // 0: slots pass by Tick only
	Genesis  solana.Hash                 // zero: drawn
	Journal  string                      // file in which the chain is kept; empty: in memory only
	LogBytes int                         // what a transaction may log before the rest is cut off; 0: as on a cluster
	Control  bool                        // serve the control methods; not with a journal
}

func (c *Config) arguments() []string {
	args := []string{filepath.Join(c.Dir, "server.cjs"), "--slot-ms", fmt.Sprint(c.SlotTime.Milliseconds())}
	for id, file := range c.Programs {
		args = append(args, "--program", id.String()+"="+file)
	}
	if c.Listen != "" {
		args = append(args, "--listen", c.Listen)
	}
	if !c.Genesis.IsZero() {
		args = append(args, "--genesis", c.Genesis.String())
	}
	if c.Journal != "" {
		args = append(args, "--journal", c.Journal)
	}
	if c.LogBytes > 0 {
		args = append(args, "--log-bytes", fmt.Sprint(c.LogBytes))
	}
	if c.Control {
		args = append(args, "--control")
	}
	return args
}

// A Server is a running machine.
type Server struct {
	url     string
	genesis solana.Hash
	http    *http.Client
	cmd     *exec.Cmd
	stdin   io.Closer
	stderr  *tail
	exited  chan struct{} // closed when the process is gone
	err     error         // of the process; after exited
}

// Start starts the process and returns when it listens. It ends with ctx or Close.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	if err := Installed(cfg.Dir); err != nil {
		return nil, err
	}
	patience := startTimeout
	if cfg.Journal != "" {
		patience = replayTimeout
	}
	s := &Server{http: &http.Client{Transport: &http.Transport{}}, stderr: &tail{}, exited: make(chan struct{})}
	s.cmd = exec.CommandContext(ctx, "node", cfg.arguments()...)
	s.cmd.Stderr = s.stderr
	detach(s.cmd)
	stdin, err := s.cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("SVM server: %w", err)
	}
	s.stdin = stdin
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("SVM server: %w", err)
	}
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the SVM server: %w", err)
	}
	ready := make(chan error, 1)
	go s.follow(stdout, ready)
	if err := s.await(ctx, ready, patience); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// machinePackage is the machine itself, compiled for one platform.
const machinePackage = "litesvm-linux-x64-gnu"

// Installed says whether a server can run out of dir, and if not, what to do.
func Installed(dir string) error {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		return fmt.Errorf("%w: its virtual machine is built for Linux on x86-64 only, this is %s on %s", ErrNotInstalled, runtime.GOOS, runtime.GOARCH)
	}
	if _, err := exec.LookPath("node"); err != nil {
		return fmt.Errorf("%w: Node 20 or newer is not in the PATH", ErrNotInstalled)
	}
	if _, err := os.Stat(filepath.Join(dir, "server.cjs")); err != nil {
		return fmt.Errorf("%w: %s is not the directory program/svm of the source", ErrNotInstalled, dir)
	}
	for _, name := range []string{machinePackage, "ws"} {
		if _, err := os.Stat(filepath.Join(dir, "node_modules", name)); err != nil {
			return fmt.Errorf("%w: %s is missing; run `make svm-deps`, or `npm ci --prefix %s`", ErrNotInstalled, name, dir)
		}
	}
	return nil
}

// follow reads the first line, drains the rest and waits for the process.
func (s *Server) follow(stdout io.Reader, ready chan<- error) {
	defer close(s.exited)
	r := bufio.NewReader(stdout)
	line, err := r.ReadBytes('\n')
	if err == nil {
		err = s.readHello(line)
	}
	if err != nil { // what it said of itself is whole once it has ended
		_ = s.stdin.Close()
		s.err = s.cmd.Wait()
		ready <- err
		return
	}
	ready <- nil
	_, _ = io.Copy(io.Discard, r) // the process says no more; its end is what counts
	s.err = s.cmd.Wait()
}

func (s *Server) readHello(line []byte) error {
	var hello struct{ URL, Genesis string }
	if err := json.Unmarshal(line, &hello); err != nil {
		return fmt.Errorf("the SVM server's first line: %w", err)
	}
	genesis, err := solana.HashFromBase58(hello.Genesis)
	if err != nil {
		return fmt.Errorf("the SVM server's genesis hash: %w", err)
	}
	s.url, s.genesis = hello.URL, genesis
	return nil
}

func (s *Server) await(ctx context.Context, ready <-chan error, patience time.Duration) error {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case err := <-ready:
		if err != nil {
			return fmt.Errorf("SVM server did not start: %w: %s", err, s.stderr)
		}
		return nil
	case <-timer.C:
		return fmt.Errorf("SVM server did not start in %s: %s", patience, s.stderr)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// URL is the JSON-RPC endpoint, http://….
func (s *Server) URL() string { return s.url }

// WebSocket is the endpoint of subscriptions, ws://….
func (s *Server) WebSocket() string { return "ws" + strings.TrimPrefix(s.url, "http") }

// GenesisHash identifies the cluster.
func (s *Server) GenesisHash() solana.Hash { return s.genesis }

// Done is closed when the process has ended, by Close or by itself.
func (s *Server) Done() <-chan struct{} { return s.exited }

// PID is the number of the process.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// Complaint is the last that the process said about itself; it is for people.
func (s *Server) Complaint() string { return s.stderr.String() }

// Close ends the process and waits for it. It may be called more than once.
func (s *Server) Close() error {
	s.http.CloseIdleConnections()
	_ = s.stdin.Close() // the server ends with its input; a second close does nothing
	timer := time.NewTimer(stopTimeout)
	defer timer.Stop()
	select {
	case <-s.exited:
	case <-timer.C:
		_ = s.cmd.Process.Kill() // it fails only when the process is gone
		<-s.exited
	}
	var exit *exec.ExitError
	if s.err != nil && !errors.As(s.err, &exit) {
		return fmt.Errorf("SVM server: %w", s.err)
	}
	return nil
}

// tail keeps the last of what is written to it.
type tail struct {
	mu   sync.Mutex
	last bytes.Buffer
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last.Write(p)
	if over := t.last.Len() - stderrLimit; over > 0 {
		t.last.Next(over)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(t.last.String())
}
