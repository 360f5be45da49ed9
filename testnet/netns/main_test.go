//go:build linux

package netns

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

const (
	// buildWait is how long the binary may take to build with nothing cached.
	buildWait = 5 * time.Minute
	// binaryEnv tells the process inside the namespaces where the binary is; its absence is what tells the one outside.
	binaryEnv = "NETNS_BINARY"
	// setupWait bounds one command that sets up the network.
	setupWait = 30 * time.Second
)

// needs is what to do where namespaces cannot be made.
const needs = `testnet/netns runs nodes on hosts of their own, which are network namespaces. It needs
  - the commands unshare (util-linux), ip (iproute2), nft (nftables) and mount: on Debian, apt-get install iproute2 nftables;
  - to be root, or a kernel that lets users make namespaces (sysctl user.max_user_namespaces above 0, and, where it exists,
    kernel.unprivileged_userns_clone=1); in a container, CAP_NET_ADMIN and CAP_SYS_ADMIN.
`

func TestMain(m *testing.M) { os.Exit(start(m)) }

func start(m *testing.M) int {
	os.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/sbin") // Debian keeps nft there
	flag.Parse()
	if flag.Lookup("test.list").Value.String() != "" || flag.Lookup("test.run").Value.String() == "^$" {
		return m.Run() // who asks what tests there are, or wants none, needs no hosts
	}
	if os.Getenv(binaryEnv) != "" {
		return inside(m)
	}
	code, err := outside()
	if err != nil {
		fmt.Fprintf(os.Stderr, "%v\n%s", err, needs)
		return 1
	}
	return code
}

// outside builds the binary and runs this test again in namespaces that vanish with it.
func outside() (int, error) {
	for _, tool := range []string{"unshare", "ip", "nft", "mount"} {
		if _, err := exec.LookPath(tool); err != nil {
			return 0, fmt.Errorf("%s is missing: %w", tool, err)
		}
	}
	flags := "-nm"
	if os.Geteuid() != 0 {
		flags = "-Urnm"
	}
	if out, err := exec.Command("unshare", flags, "ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
		return 0, fmt.Errorf("no namespace can be made here: unshare %s: %w: %s", flags, err, out)
	}
	dir, err := os.MkdirTemp("", "paradox-netns-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	binary := filepath.Join(dir, "paradox")
	ctx, cancel := context.WithTimeout(context.Background(), buildWait)
	defer cancel()
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", binary, "../../cmd/paradox").CombinedOutput(); err != nil {
		return 0, fmt.Errorf("building the binary: %w: %s", err, out)
	}
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	again := exec.Command("unshare", append([]string{flags, self}, os.Args[1:]...)...)
	again.Env = append(os.Environ(), binaryEnv+"="+binary, "TMPDIR="+dir)
	again.Stdout, again.Stderr = os.Stdout, os.Stderr
	again.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	err = again.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return max(1, exit.ExitCode()), nil
	}
	return 0, err
}

// inside runs the tests: this process is the hub, which all hosts are joined to.
func inside(m *testing.M) int {
	for _, line := range [][]string{
		{"mount", "-t", "tmpfs", "tmpfs", "/run"}, // ip keeps the names of namespaces here
		{"ip", "link", "set", "lo", "up"},
		{"ip", "link", "add", bridge, "type", "bridge"},
		{"ip", "addr", "add", hubAddr + prefixLen, "dev", bridge},
		{"ip", "link", "set", bridge, "up"},
	} {
		if err := command("", line...); err != nil {
			fmt.Fprintf(os.Stderr, "%v\n%s", err, needs)
			return 1
		}
	}
	code := m.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// look is how often a condition is looked at.
const look = 50 * time.Millisecond

// patience is how long anything may take on a machine that does other things too; only a failure waits so long.
const patience = 120 * time.Second

// eventually looks until the condition holds: it says "" then, and what is missing before.
func eventually(t *testing.T, condition func(ctx context.Context) string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	last := "never looked"
	for {
		missing := condition(ctx)
		if missing == "" {
			return
		}
		if ctx.Err() == nil {
			last = missing // what the last look before the end found, not that it was cut short
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			t.Fatalf("not after %s: %s", patience, last)
		}
	}
}
