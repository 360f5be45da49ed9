//go:build linux

package chaos

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	client "github.com/phantom-paradox/paradox/clients/go"
	"github.com/phantom-paradox/paradox/network"
	"github.com/phantom-paradox/paradox/testnet"
)

// How long things may take on a machine that does other things too.
const (
	upWait   = 4 * time.Minute // until a launched network answers
	downWait = 2 * time.Minute // until it has gone
)

// A process is a child that the kernel ends if this process ends, so that nothing is left of a test that was aborted.
type process struct {
	name string
	cmd  *exec.Cmd
	out  bytes.Buffer // read after done
	log  *os.File
	done chan struct{}
	code int
}

// start runs the binary; its standard error goes to a file.
func start(t *testing.T, logPath string, args ...string) *process {
	t.Helper()
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	p := &process{name: strings.Join(args[:min(2, len(args))], " "), log: log, done: make(chan struct{})}
	p.cmd = exec.Command(os.Getenv(binaryEnv), args...)
	p.cmd.Stdout, p.cmd.Stderr = &p.out, log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // the kernel ends the child with the thread that started it
		defer runtime.UnlockOSThread()
		defer log.Close()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			_ = p.cmd.Wait() // the code says it
			p.code = p.cmd.ProcessState.ExitCode()
		}
		close(p.done)
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	return p
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.done
}

func (p *process) running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// end waits for the process and gives its exit code.
func (p *process) end(t *testing.T, wait time.Duration) int {
	t.Helper()
	select {
	case <-p.done:
	case <-time.After(wait):
		t.Fatalf("%s still runs after %s", p.name, wait)
	}
	return p.code
}

// A world is a network under a launcher, and what is known of its home.
type world struct {
	home     string
	launcher *process
	file     *network.File
	nodes    []nodeRecord
	clients  []*client.Client
}

// nodeRecord is a node as the launcher's testnet.json has it.
type nodeRecord struct {
	Name   string `json:"name"`
	Member bool   `json:"member"`
	API    string `json:"api"`
	P2P    int    `json:"p2p"`
	Peer   string `json:"peer"`
}

func (n *nodeRecord) addr() string { return fmt.Sprintf("/ip4/127.0.0.1/tcp/%d/p2p/%s", n.P2P, n.Peer) }

// launch founds a network in a home of its own, with these flags, and waits until it answers.
func launch(t *testing.T, flags ...string) *world {
	t.Helper()
	w := &world{home: t.TempDir()}
	if keep := os.Getenv("CHAOS_KEEP"); keep != "" {
		var err error
		if w.home, err = os.MkdirTemp(keep, t.Name()+"-"); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { w.epilogue(t) })
	w.up(t, flags...)
	return w
}

// launcherLog is what the launcher said, beside its home.
func (w *world) launcherLog() string {
	return filepath.Join(w.home, "..", filepath.Base(w.home)+".launcher.log")
}

// up starts the launcher on the home, founded or not.
func (w *world) up(t *testing.T, flags ...string) {
	t.Helper()
	args := append([]string{"testnet", "up", "--home", w.home, "--json"}, flags...)
	w.launcher = start(t, w.launcherLog(), args...)
	deadline := time.Now().Add(upWait)
	for !w.readSettings() {
		if !w.launcher.running() || time.Now().After(deadline) {
			t.Fatal("the launcher founds no network")
		}
		<-time.After(look)
	}
	if w.clients == nil {
		w.connect(t)
	}
	w.ready(t)
}

// readSettings is true once the network is founded.
func (w *world) readSettings() bool {
	b, err := os.ReadFile(filepath.Join(w.home, "testnet.json"))
	if err != nil {
		return false
	}
	var s struct {
		Founded bool         `json:"founded"`
		Nodes   []nodeRecord `json:"nodes"`
	}
	if json.Unmarshal(b, &s) != nil || !s.Founded {
		return false
	}
	w.nodes = s.Nodes
	return true
}

func (w *world) connect(t *testing.T) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(w.home, "network.json"))
	if err == nil {
		w.file, err = network.Parse(b)
	}
	if err != nil {
		t.Fatal(err)
	}
	for n := range w.nodes {
		c, err := client.New(w.nodes[n].API)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		w.clients = append(w.clients, c)
	}
}

// pids are the processes of the nodes now, by name: each is started as "run --home HOME/nodes/NAME".
func (w *world) pids(t *testing.T) map[string]int {
	t.Helper()
	list, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]int{}
	for _, e := range list {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		b, err := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
		if err != nil {
			continue // it has ended
		}
		args := strings.Split(strings.TrimSuffix(string(b), "\x00"), "\x00")
		if len(args) == 4 && args[1] == "run" && filepath.Dir(args[3]) == filepath.Join(w.home, "nodes") {
			out[filepath.Base(args[3])] = pid
		}
	}
	return out
}

// signal sends one to a node; false if it does not run at this moment.
func (w *world) signal(t *testing.T, node int, s syscall.Signal) bool {
	t.Helper()
	pid := w.pids(t)[w.nodes[node].Name]
	if pid == 0 {
		return false
	}
	if err := syscall.Kill(pid, s); err != nil && !errors.Is(err, syscall.ESRCH) {
		t.Fatal(err)
	}
	return true
}

// crash kills the launcher, with the model of Solana in it and the nodes under it.
func (w *world) crash(t *testing.T) {
	t.Helper()
	w.launcher.kill()
	w.gone(t)
}

// gone waits until no node runs any more.
func (w *world) gone(t *testing.T) {
	t.Helper()
	deadline := time.Now().Add(downWait)
	for len(w.pids(t)) > 0 {
		if time.Now().After(deadline) {
			t.Fatalf("nodes outlive their launcher: %v", w.pids(t))
		}
		<-time.After(look)
	}
}

// stop asks the launcher to end, as Ctrl-C does.
func (w *world) stop(t *testing.T) {
	t.Helper()
	if err := w.launcher.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if code := w.launcher.end(t, downWait); code != 0 {
		t.Errorf("the launcher ended with %d", code)
	}
	if left := w.pids(t); len(left) > 0 {
		t.Errorf("it left %v behind", left)
	}
}

// summary waits for the launcher's end and reads its last line.
func (w *world) summary(t *testing.T, wait time.Duration) *testnet.Summary {
	t.Helper()
	code := w.launcher.end(t, wait)
	lines := bytes.Split(bytes.TrimSpace(w.launcher.out.Bytes()), []byte("\n"))
	s := new(testnet.Summary)
	if err := json.Unmarshal(lines[len(lines)-1], s); err != nil {
		t.Fatalf("exit %d, and the summary does not parse: %v", code, err)
	}
	if code != 0 {
		t.Errorf("the launcher ended with %d", code)
	}
	return s
}

// shownLines bounds what is shown of a log.
const shownLines = 25

// epilogue shows what a failed test's processes said.
func (w *world) epilogue(t *testing.T) {
	defer os.Remove(w.launcherLog())
	if !t.Failed() {
		return
	}
	showTail(t, w.launcherLog(), func(string) bool { return true })
	for _, n := range w.nodes {
		showTail(t, filepath.Join(w.home, "logs", n.Name+".log"), func(line string) bool { return !strings.Contains(line, "level=INFO") })
	}
}

func showTail(t *testing.T, path string, want func(string) bool) {
	b, err := os.ReadFile(path)
	if err != nil {
		t.Log(err)
		return
	}
	var lines []string
	for line := range strings.Lines(string(b)) {
		if want(line) {
			lines = append(lines, line)
		}
	}
	t.Logf("the end of %s:\n%s", filepath.Base(path), strings.Join(lines[max(0, len(lines)-shownLines):], ""))
}
