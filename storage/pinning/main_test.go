package pinning

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/phantom-paradox/paradox/storage"
)

// childEnv makes the test binary the process that a test kills: its directory and the service's address.
const childEnv, childURL = "PINNING_TEST_CHILD", "PINNING_TEST_SERVICE"

const testTime = 60 * time.Second // nothing here should take a tenth of it

func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		fmt.Fprintln(os.Stderr, child(dir, os.Getenv(childURL)))
		os.Exit(1) // it should have been killed
	}
	goleak.VerifyTestMain(m)
}

func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), testTime)
	t.Cleanup(cancel)
	return ctx
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func openStore(t *testing.T, dir string) *storage.Store {
	t.Helper()
	s, err := storage.Open(dir, storage.Options{})
	check(t, err)
	return s
}

// quick is a pace for tests: short, and never a bound that a test measures.
func quick() Pace {
	return Pace{Answer: testTime, Poll: time.Millisecond, PollMax: 4 * time.Millisecond, Retry: time.Millisecond, MaxWait: 8 * time.Millisecond, Recheck: 5 * time.Millisecond}
}

// until polls what is said to come true.
func until(t *testing.T, ctx context.Context, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waited in vain: %s", what)
		}
	}
}
