//go:build linux

// Linux alone ends children with their parent, and shows processes in /proc.

package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// buildWait is how long the binary may take to build with nothing cached.
const buildWait = 5 * time.Minute

// binaryEnv tells tests where TestMain has put the binary; the nodes read no such variable.
const binaryEnv = "CHAOS_BINARY"

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "paradox-chaos-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary := filepath.Join(dir, "paradox")
	ctx, cancel := context.WithTimeout(context.Background(), buildWait)
	defer cancel()
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", binary, "../../cmd/paradox").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building the binary: %v\n%s", err, out)
		return 1
	}
	os.Setenv(binaryEnv, binary)
	code := m.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// dice are seeded, and the seed is printed.
func dice(t *testing.T) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	if s := os.Getenv("CHAOS_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatalf("CHAOS_SEED: %v", err)
		}
	}
	t.Logf("CHAOS_SEED=%d replays this", seed)
	return rand.New(rand.NewPCG(seed, 1))
}

// look is how often a condition is looked at.
const look = 50 * time.Millisecond

// eventually looks until the condition holds: it says "" then, and what is missing before.
func eventually(t *testing.T, wait time.Duration, condition func(ctx context.Context) string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), wait)
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
			t.Fatalf("not after %s: %s", wait, last)
		}
	}
}
