//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/phantom-paradox/paradox/akash"
	client "github.com/phantom-paradox/paradox/clients/go"
	"github.com/phantom-paradox/paradox/node/setup"
	"github.com/phantom-paradox/paradox/testnet"
	"github.com/phantom-paradox/paradox/testnet/supervise"
)

// The test binary is also the paradox that the tests run, so that nodes have the race detector where tests have it.
const asParadox = "RUN_THE_TEST_BINARY_AS_PARADOX"

func TestMain(m *testing.M) {
	if os.Getenv(asParadox) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// up says how the tests run a network: processes, sockets and disks are real.
func up(t *testing.T, home string, out io.Writer) testnet.Options {
	t.Helper()
	t.Setenv(asParadox, "1")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return testnet.Options{
		Home: home, Observers: -1, Seed: 5, Once: true, Wait: 2 * time.Minute,
		Executable: self, InitNode: setup.VoteLog, Out: out, Now: time.Now,
	}
}

// holds checks what every summary must say.
func holds(t *testing.T, s *testnet.Summary, intents int) {
	t.Helper()
	i := s.Intents
	if i.Submitted != intents || i.Pending != 0 || i.Submitted != i.Settled+i.Refused+i.Dropped || i.Settled*10 < intents*8 {
		t.Errorf("intents %+v of %d", i, intents)
	}
	if len(s.StateDigests) != s.Nodes || s.Heights < 1 || len(s.Batches) != s.Heights {
		t.Errorf("%+v", s)
	}
	for _, d := range s.StateDigests {
		if d != s.StateDigests[0] || len(d) != 64 {
			t.Errorf("state digests %v", s.StateDigests)
		}
	}
}

// A network settles, is stopped, and goes on where it was.
func TestANetworkSettlesAndContinues(t *testing.T) {
	home := t.TempDir()
	var out bytes.Buffer
	o := up(t, home, &out)
	o.Intents = 120
	first, err := testnet.Up(t.Context(), o)
	if err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	holds(t, first, 120)
	o.Intents, o.Seed = 60, 6
	second, err := testnet.Up(t.Context(), o)
	if err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	holds(t, second, 60)
	if second.Chain.Height < first.Chain.Height+uint64(second.Heights) {
		t.Errorf("height %d after %d, with %d heights between", second.Chain.Height, first.Chain.Height, second.Heights)
	}
}

// killer kills a node, another one each time, whenever the network shows a height; it watches the screen.
type killer struct {
	mu    sync.Mutex
	out   bytes.Buffer
	pids  map[string]int
	next  int
	left  int
	kills int
}

func (k *killer) Write(b []byte) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if bytes.Contains(b, []byte("  height ")) && k.left > 0 {
		k.left--
		k.next++
		name := "member" + strconv.Itoa(k.next%4+1)
		if pid := k.pids[name]; pid > 0 && syscall.Kill(pid, syscall.SIGKILL) == nil {
			k.kills++
		}
	}
	return k.out.Write(b)
}

func (k *killer) notice(n supervise.Notice) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.pids[n.Name] = 0
	if n.Event == supervise.Started {
		k.pids[n.Name] = n.PID
	}
}

// Nodes are killed one after the other under load: the others go on, the killed come back and agree, nothing is lost.
func TestKilledNodesComeBack(t *testing.T) {
	k := &killer{pids: map[string]int{}, left: 8}
	o := up(t, t.TempDir(), k)
	o.Intents, o.Rate, o.Notice = 300, 20, k.notice
	sum, err := testnet.Up(t.Context(), o)
	if err != nil {
		t.Fatalf("%v\n%s", err, k.out.String())
	}
	holds(t, sum, 300)
	if k.kills < 4 || !strings.Contains(k.out.String(), "died (signal: killed); starting it again") {
		t.Errorf("%d kills\n%s", k.kills, k.out.String())
	}
}

// lineWaiter closes its channel when a line with the text comes.
type lineWaiter struct {
	mu   sync.Mutex
	out  bytes.Buffer
	text string
	seen chan struct{}
}

func (w *lineWaiter) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.text != "" && bytes.Contains(b, []byte(w.text)) {
		w.text = ""
		close(w.seen)
	}
	return w.out.Write(b)
}

// A stranger starts a node with the very command of deploy.sdl.yaml, catches up, and agrees on the state.
func TestAStrangerJoinsByTheDeploymentFile(t *testing.T) {
	home := t.TempDir()
	w := &lineWaiter{text: "  height 3 ", seen: make(chan struct{})}
	o := up(t, home, w)
	o.Once, o.Intents, o.Rate = false, 100, 0
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { _, err := testnet.Up(ctx, o); ended <- err }()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	select {
	case <-w.seen:
	case err := <-ended:
		ended <- err
		t.Fatalf("%v\n%s", err, w.out.String())
	}
	stranger := join(t, home)
	w.mu.Lock()
	_, rest, _ := strings.Cut(w.out.String(), "status page: ")
	w.mu.Unlock()
	member, err := client.New(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	agree(t, member, stranger)
	audited(t, member, filepath.Join(home, "network.json"))
}

// audited runs the auditor's command on a settled batch: it has nothing but the network file.
func audited(t *testing.T, node *client.Client, networkFile string) {
	t.Helper()
	round, err := node.Round(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "batch", "verify", round.Header.Batch, "--network", networkFile, "--json")
	cmd.Env = append(os.Environ(), asParadox+"=1")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("batch verify: %v\n%s", err, out)
	}
	var report struct {
		Height      uint64   `json:"height"`
		StateDigest string   `json:"state_digest"`
		Signers     []string `json:"signers"`
	}
	if err := json.Unmarshal(out, &report); err != nil || report.Height != 2 || report.StateDigest != round.Header.StateDigest || len(report.Signers) < 3 {
		t.Fatalf("%v: %s", err, out)
	}
}

// join runs the command of deploy.sdl.yaml with its environment, but for what differs between a container and a test.
func join(t *testing.T, network string) *client.Client {
	t.Helper()
	b, err := os.ReadFile("../../deploy.sdl.yaml")
	if err != nil {
		t.Fatal(err)
	}
	sdl, err := akash.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	service := sdl.Services["node"]
	if filepath.Base(service.Command[0]) != "paradox" || len(service.Command) != 1 {
		t.Fatalf("the command is %v", service.Command)
	}
	api := freeAddress(t)
	home := filepath.Join(t.TempDir(), "stranger")
	here := map[string]string{
		"PARADOX_HOME": home, "PARADOX_NETWORK": filepath.Join(network, "network.json"), "PARADOX_API_LISTEN": api,
		"PARADOX_P2P_LISTEN": "/ip4/127.0.0.1/tcp/0", "PARADOX_P2P_PUBLIC": "false",
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), self, service.Args...)
	for _, e := range service.Env {
		name, _, _ := strings.Cut(e, "=")
		if _, replaced := here[name]; !replaced {
			cmd.Env = append(cmd.Env, e)
		}
	}
	for name, value := range here {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	cmd.Env = append(cmd.Env, asParadox+"=1", "PATH="+os.Getenv("PATH"))
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		err := errors.Join(cmd.Process.Signal(syscall.SIGTERM), cmd.Wait())
		if err != nil || t.Failed() {
			t.Errorf("the stranger ended with %v; it said:\n%s", err, log.String())
		}
	})
	c, err := client.New(api)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func freeAddress(t *testing.T) string {
	t.Helper()
	ports, err := testnet.FreePorts(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	return "127.0.0.1:" + strconv.Itoa(ports[0])
}

// agree waits until both show the same settled height and state.
func agree(t *testing.T, a, b *client.Client) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	var sa, sb *client.Status
	for {
		var errA, errB error
		sa, errA = a.Status(ctx)
		sb, errB = b.Status(ctx)
		if errA == nil && errB == nil && sb.Synced && sa.Chain.Height >= 3 && sa.Chain.Height == sb.Chain.Height && sa.StateDigest == sb.StateDigest {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("they do not agree: %+v, %v; %+v, %v", sa, errA, sb, errB)
		}
	}
}
