package p2p

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"log/slog"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// One process-wide goroutine that folds byte counters; the library starts it once and never stops it.
		goleak.IgnoreTopFunction("github.com/libp2p/go-flow-metrics.(*sweeper).runActive"),
		goleak.IgnoreTopFunction("github.com/libp2p/go-flow-metrics.(*sweeper).run"),
	)
}

const (
	testTime   = 60 * time.Second // nothing here should take a tenth of it
	testPrefix = "/paradox/test/0011223344556677"
)

func testContext(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), testTime)
	t.Cleanup(cancel)
	return ctx
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func testKey(seed string) ed25519.PrivateKey {
	sum := sha256.Sum256([]byte(seed))
	return ed25519.NewKeyFromSeed(sum[:])
}

func testConfig(name string) Config {
	return Config{
		Key: testKey(name), Prefix: testPrefix, Listen: []string{"/ip4/127.0.0.1/tcp/0"}, Agent: "paradox/test " + name,
		Logger: slog.New(slog.DiscardHandler),
	}
}

func newHost(t *testing.T, name string, change func(*Config)) *Host {
	t.Helper()
	c := testConfig(name)
	if change != nil {
		change(&c)
	}
	h, err := New(context.Background(), c)
	check(t, err)
	t.Cleanup(func() { check(t, h.Close()) })
	return h
}

func connect(t *testing.T, ctx context.Context, a, b *Host) {
	t.Helper()
	ea, stopA := a.Events(64)
	defer stopA()
	eb, stopB := b.Events(64)
	defer stopB()
	check(t, a.Connect(ctx, b.Info()))
	await(t, ctx, ea, PeerReady, b.ID())
	await(t, ctx, eb, PeerReady, a.ID())
}

// await reads events until the wanted one.
func await(t *testing.T, ctx context.Context, ch <-chan Event, kind EventKind, p peer.ID) Event {
	t.Helper()
	for {
		select {
		case e, ok := <-ch:
			if !ok {
				t.Fatalf("the host closed before %v of %s", kind, p)
			}
			if e.Kind == kind && e.Peer == p {
				return e
			}
		case <-ctx.Done():
			t.Fatalf("no %v of %s", kind, p)
		}
	}
}
