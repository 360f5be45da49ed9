package testnet

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/testnet/traffic"
)

// libp2p's meters share one goroutine that runs as long as the process.
func TestMain(m *testing.M) {
	if os.Getenv(role) == "" {
		goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/libp2p/go-flow-metrics.(*sweeper).run"))
		return
	}
	if err := runNode(os.Args[len(os.Args)-1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// gossipFunc is a publisher.
type gossipFunc func(list []*intent.Signed) error

func (g gossipFunc) Publish(_ context.Context, list []*intent.Signed) error { return g(list) }

// a run of a driver against a fake network, in the fake network's time.
type driven struct {
	*driver
	net   *fakeNetwork
	said  []string
	round *rounds
}

func drive(t *testing.T, intents int) *driven {
	t.Helper()
	n := &intent.Network{
		Name: "fake-net", Hash: intent.Hash{9}, FeeBps: 10,
		Mints:  []intent.Mint{{Mint: intent.Key{1}, Symbol: "USD", Decimals: 6}, {Mint: intent.Key{2}, Symbol: "GEM"}},
		MaxAge: intent.MaxAge{Default: 3600, Ask: 7 * 86400, Session: 30 * 86400},
	}
	cast := traffic.NewCast([32]byte{4}, 12)
	f := &fakeNetwork{
		net: n, now: time.Unix(1_800_000_000, 0), known: map[intent.ID]*fakeIntent{}, money: map[intent.Key]bool{}, poor: map[intent.Key]bool{},
		stuck: map[intent.Key]bool{}, stranger: cast.Stranger.Public(), counts: map[uint64]int{}, down: map[int]bool{},
	}
	cfg := traffic.Config{Seed: 7, Run: "a", Network: n, Cast: cast, Opening: map[traffic.Account]uint64{}}
	for _, w := range cast.Traders {
		for _, m := range n.Mints {
			cfg.Opening[traffic.Account{Wallet: w.Public(), Mint: m.Mint}] = 1_000_000
		}
	}
	for _, w := range cast.Poor {
		f.poor[w.Public()] = true
	}
	for _, w := range cast.Stuck {
		f.stuck[w.Public()] = true
	}
	g, err := traffic.NewGenerator(cfg)
	if err != nil {
		t.Fatal(err)
	}
	d := &driven{net: f}
	say := func(format string, args ...any) { d.said = append(d.said, fmt.Sprintf(format, args...)) }
	now := func() time.Time { f.mu.Lock(); defer f.mu.Unlock(); return f.now }
	nodes := f.serve(t, 3)
	d.driver = &driver{
		net: n, nodes: nodes, source: g, intents: intents, window: 1000, now: now, say: say,
		deposit: func(_ context.Context, x traffic.Deposit) error {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.money[x.Wallet] = true
			return nil
		},
		gossip: gossipFunc(func(list []*intent.Signed) error {
			f.mu.Lock()
			defer f.mu.Unlock()
			for _, s := range list {
				f.admit(s)
			}
			return nil
		}),
	}
	d.round = newRounds(t.Context(), nodes, now, say)
	return d
}

// run goes on until all intents have ended, or for so many beats.
func (d *driven) run(t *testing.T, beats int) {
	t.Helper()
	for range beats {
		more, err := d.step(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		d.round.collect(t.Context())
		if !more {
			return
		}
		d.net.beat(time.Second)
	}
	t.Fatalf("not at its end after %d beats: %s", beats, d.tally.String())
}

func TestEveryIntentIsFollowedToItsEnd(t *testing.T) {
	d := drive(t, 600)
	d.run(t, 100)
	c := &d.tally
	if c.submitted != 600 || c.pending() != 0 || c.settled == 0 || c.refused == 0 || c.dropped == 0 || c.legs < c.settled {
		t.Errorf("%+v", *c)
	}
	if err := c.verdict(); err != nil {
		t.Error(err)
	}
	if d.round.heights == 0 || uint64(d.round.heights) != d.net.height || len(d.round.batches) != d.round.heights || d.round.txs != 3*d.round.heights {
		t.Errorf("rounds %+v, the network is at %d", d.round, d.net.height)
	}
	digests, err := d.round.agree(t.Context(), nil, nil)
	if err != nil || len(digests) != 3 {
		t.Errorf("%v, %v", digests, err)
	}
}

func TestFullPoolsAndDeadNodesCostTimeOnly(t *testing.T) {
	d := drive(t, 200)
	d.net.full = 60
	d.net.down[1] = true
	for range 5 {
		if _, err := d.step(t.Context()); err != nil {
			t.Fatal(err)
		}
		d.net.beat(time.Second)
	}
	d.net.mu.Lock()
	d.net.down[1] = false
	d.net.mu.Unlock()
	d.run(t, 100)
	if c := &d.tally; c.submitted != 200 || c.pending() != 0 {
		t.Errorf("%+v", *c)
	}
	if err := d.tally.verdict(); err != nil {
		t.Error(err)
	}
}

func TestLostGossipGoesOverHTTP(t *testing.T) {
	d := drive(t, 100)
	d.gossip = gossipFunc(func([]*intent.Signed) error { return nil })
	d.run(t, 100)
	if err := d.tally.verdict(); err != nil {
		t.Error(err)
	}
	if !strings.Contains(strings.Join(d.said, "\n"), "go over HTTP") {
		t.Error("nobody was told")
	}
	d = drive(t, 100)
	d.gossip = gossipFunc(func([]*intent.Signed) error { return errors.New("no peers") })
	d.run(t, 100)
	if err := d.tally.verdict(); err != nil {
		t.Error(err)
	}
}

func TestSurprisesAreToldOff(t *testing.T) {
	d := drive(t, 100)
	for key := range d.net.stuck { // money falls from the sky
		delete(d.net.stuck, key)
	}
	d.run(t, 100)
	err := d.tally.verdict()
	if !errors.Is(err, ErrUnexpected) || !strings.Contains(err.Error(), "settled instead of dropped as expired") {
		t.Errorf("%v", err)
	}
}

func TestRateIsKept(t *testing.T) {
	d := drive(t, 1000)
	d.rate = 10
	for range 5 {
		if _, err := d.step(t.Context()); err != nil {
			t.Fatal(err)
		}
		d.net.beat(time.Second)
	}
	if d.drawn < 40 || d.drawn > 50 {
		t.Errorf("%d intents in four seconds at ten a second", d.drawn)
	}
}

func TestAnEndlessStreamForgets(t *testing.T) {
	d := drive(t, -1)
	d.window = 100
	for range 12 {
		if _, err := d.step(t.Context()); err != nil {
			t.Fatal(err)
		}
		d.net.beat(time.Second)
	}
	if d.tally.submitted < 5*d.window || len(d.jobs) > 5*d.window {
		t.Errorf("%d submitted, %d remembered", d.tally.submitted, len(d.jobs))
	}
	if err := d.tally.verdict(); err != nil {
		t.Error(err)
	}
}

func TestDisagreementIsAnError(t *testing.T) {
	d := drive(t, 10)
	d.net.down[2] = true
	give := make(chan struct{})
	close(give)
	if _, err := d.round.agree(t.Context(), nil, give); err == nil || !strings.Contains(err.Error(), "do not agree") {
		t.Errorf("%v", err)
	}
}
