package pinning

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/phantom-paradox/paradox/storage"
	"github.com/phantom-paradox/paradox/storage/pinning/pinningtest"
)

const testName = "paradox test 12D3KooW"

func root(n byte) cid.Cid { return storage.CIDOf([]byte{n}) }

func newService(t *testing.T, change func(*pinningtest.Server)) *pinningtest.Server {
	t.Helper()
	s := pinningtest.New(change)
	t.Cleanup(s.Stop)
	return s
}

func configOf(store *storage.Store, list ...*pinningtest.Server) Config {
	c := Config{Store: store, Name: testName, Pace: quick()}
	for _, s := range list {
		c.Services = append(c.Services, Service{URL: s.Base(), Token: pinningtest.Token})
	}
	return c
}

// run runs a pinner until stop.
func run(t *testing.T, c Config) (p *Pinner, stop func()) {
	t.Helper()
	p, err := New(c)
	check(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		check(t, <-done)
	})
	t.Cleanup(stop)
	return p, stop
}

func newStore(t *testing.T) *storage.Store {
	s := openStore(t, t.TempDir())
	t.Cleanup(func() { check(t, s.Close()) })
	return s
}

// holds says whether the service has exactly the pin of a root.
func holds(s *pinningtest.Server, id cid.Cid) bool {
	p := s.Pins()
	return len(p) == 1 && p[0].CID == id.String() && p[0].Status == "pinned"
}

func TestARootIsPinnedEverywhereAndTheOneBeforeLetGo(t *testing.T) {
	ctx, a, b := testContext(t), newService(t, nil), newService(t, nil)
	c := configOf(newStore(t), a, b)
	c.Origins = func() []string {
		return []string{"/ip4/192.0.2.1/tcp/4001/p2p/12D3KooWLRPJf8m1pDfzLKsSf4hhzyo3hqRvk6ZWC7sQcFTUhUFR"}
	}
	p, _ := run(t, c)
	for n := byte(1); n <= 3; n++ {
		check(t, p.Want(uint64(n), root(n)))
		until(t, ctx, "both hold it, and nothing else", func() bool { return holds(a, root(n)) && holds(b, root(n)) })
	}
	if got := a.Pins()[0]; got.Name != testName || !slices.Equal(got.Origins, c.Origins()) {
		t.Errorf("the pin is %+v", got)
	}
	until(t, ctx, "the node knows", func() bool {
		s := p.Status()
		return s[0].Height == 3 && s[1].Height == 3 && s[0].Waiting.IsZero() && s[0].Problem == ""
	})
}

func TestAServiceThatFailsHoldsUpNoOther(t *testing.T) {
	ctx, good, bad := testContext(t), newService(t, nil), newService(t, nil)
	c := configOf(newStore(t), bad, good)
	c.Services[0].Token = "wrong"
	p, _ := run(t, c)
	check(t, p.Want(1, root(1)))
	until(t, ctx, "the good one holds it, and the other said no", func() bool {
		s := p.Status()
		return s[1].Height == 1 && s[0].Refused
	})
	if s := p.Status()[0]; s.Height != 0 || s.Waiting.IsZero() || !strings.Contains(s.Problem, "401") || s.Failures == 0 {
		t.Errorf("the bad one is %+v", s)
	}
}

func TestEveryFaultIsOutlived(t *testing.T) {
	ctx := testContext(t)
	big := strings.Repeat("x", 2<<20)
	s := newService(t, nil)
	s.Fail(
		pinningtest.Fault{Status: 429, RetryAfter: "0"}, pinningtest.Fault{Status: 503, Body: "<html>", Type: "text/html"},
		pinningtest.Fault{Status: 200, Body: "garbage"}, pinningtest.Fault{Status: 200, Body: `{"requestid":"","status":"pinned"}`},
		pinningtest.Fault{Status: 202, Body: `{"requestid":"x","status":"eaten","pin":{"cid":"` + root(1).String() + `"}}`},
		pinningtest.Fault{Status: 202, Body: `{"requestid":"x","status":"pinned","pin":{"cid":"` + root(9).String() + `"}}`},
		pinningtest.Fault{Status: 302}, pinningtest.Fault{Status: 500, Body: big}, pinningtest.Fault{Status: 400, Body: `{"error":{"reason":"BAD"}}`},
		pinningtest.Fault{Status: 200, Body: big}, pinningtest.Fault{Status: 401}, pinningtest.Fault{Status: 500, Late: true},
	)
	p, _ := run(t, configOf(newStore(t), s))
	check(t, p.Want(1, root(1)))
	until(t, ctx, "all faults came, and it is pinned once", func() bool { return s.Faults() == 0 && holds(s, root(1)) })
	until(t, ctx, "the node knows", func() bool { return p.Status()[0].Height == 1 })
}

func TestASilentServiceIsGivenUp(t *testing.T) {
	ctx, s := testContext(t), newService(t, nil)
	s.Fail(pinningtest.Fault{Hang: true}, pinningtest.Fault{Hang: true, Late: true})
	c := configOf(newStore(t), s)
	c.Pace.Answer = 100 * time.Millisecond
	p, _ := run(t, c)
	check(t, p.Want(1, root(1)))
	until(t, ctx, "it is pinned", func() bool { return holds(s, root(1)) })
	until(t, ctx, "the node knows", func() bool { return p.Status()[0].Height == 1 })
}

func TestAPinThatFailsOrIsLostComesBack(t *testing.T) {
	ctx, s := testContext(t), newService(t, nil)
	p, _ := run(t, configOf(newStore(t), s))
	check(t, p.Want(1, root(1)))
	until(t, ctx, "it is pinned", func() bool { return holds(s, root(1)) })
	s.Lose()
	until(t, ctx, "it is pinned again", func() bool { return holds(s, root(1)) && p.Status()[0].Lost == 1 })
	s.Set(root(1).String(), "failed")
	until(t, ctx, "it is pinned a third time", func() bool { return s.Posts() == 3 && holds(s, root(1)) })
}

func TestTheQueueSurvivesARestart(t *testing.T) {
	ctx, dir, s := testContext(t), t.TempDir(), newService(t, nil)
	store := openStore(t, dir)
	p, err := New(configOf(store, s)) // it does not run: it only takes what is wanted
	check(t, err)
	check(t, p.Want(1, root(1)))
	check(t, store.Close())
	store = openStore(t, dir)
	_, stop := run(t, configOf(store, s))
	until(t, ctx, "it is pinned", func() bool { return holds(s, root(1)) })
	stop()
	check(t, store.Close())
	store = openStore(t, dir)
	p, stop = run(t, configOf(store, s))
	check(t, p.Want(1, root(1))) // a node wants its newest at every start
	check(t, p.Want(2, root(2)))
	until(t, ctx, "the newer is pinned, and the older, of a process before, is let go", func() bool { return holds(s, root(2)) })
	if s.Posts() != 2 {
		t.Errorf("it was asked %d times", s.Posts())
	}
	stop()
	check(t, store.Close())
}

// child wants a root and is killed while the service holds back its answer.
func child(dir, url string) error {
	store, err := storage.Open(dir, storage.Options{})
	if err != nil {
		return err
	}
	p, err := New(Config{Store: store, Name: testName, Pace: quick(), Services: []Service{{URL: url, Token: pinningtest.Token}}})
	if err != nil {
		return err
	}
	if err := p.Want(1, root(1)); err != nil {
		return err
	}
	return errors.Join(errors.New("it ended"), p.Run(context.Background()))
}

func TestAProcessThatIsKilledInTheMiddleAsksOnce(t *testing.T) {
	ctx, dir := testContext(t), t.TempDir()
	there, done := make(chan struct{}), make(chan struct{})
	s := newService(t, func(s *pinningtest.Server) {
		s.Seen = func(pinningtest.Request) {
			close(there) // a second request would panic
			<-done
		}
	})
	exe, err := os.Executable()
	check(t, err)
	cmd := exec.CommandContext(ctx, exe)
	cmd.Env = append(os.Environ(), childEnv+"="+dir, childURL+"="+s.Base())
	var said bytes.Buffer
	cmd.Stderr = &said
	check(t, cmd.Start())
	select {
	case <-there:
	case <-ctx.Done():
		t.Errorf("the child asked for nothing: %s", said.String())
	}
	check(t, cmd.Process.Kill())
	_ = cmd.Wait()
	close(done)
	store := openStore(t, dir)
	defer func() { check(t, store.Close()) }()
	p, stop := run(t, configOf(store, s))
	until(t, ctx, "it is pinned", func() bool { return holds(s, root(1)) && p.Status()[0].Height == 1 })
	if s.Posts() != 1 {
		t.Errorf("it was asked %d times", s.Posts())
	}
	stop()
}

func TestPinsOfOthersAreLeftAlone(t *testing.T) {
	ctx, s := testContext(t), newService(t, nil)
	s.Put(root(1).String(), "the operator's own")
	s.Fail(pinningtest.Fault{Status: 400, Body: `{"error":{"reason":"DUPLICATE_OBJECT"}}`})
	p, _ := run(t, configOf(newStore(t), s))
	check(t, p.Want(1, root(1)))
	until(t, ctx, "it counts", func() bool { return p.Status()[0].Height == 1 })
	check(t, p.Want(2, root(2)))
	until(t, ctx, "the next is pinned", func() bool { return p.Status()[0].Height == 2 })
	if pins := s.Pins(); len(pins) != 2 || len(s.Deleted()) != 0 {
		t.Errorf("the service has %+v, removed were %v", pins, s.Deleted())
	}
}

type dialled struct {
	mu  sync.Mutex
	ids map[peer.ID]int
}

func (d *dialled) Connect(_ context.Context, p peer.AddrInfo) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ids[p.ID] = len(p.Addrs)
	return errors.New("nobody is there")
}

func TestDelegatesAreDialled(t *testing.T) {
	const id = "12D3KooWLRPJf8m1pDfzLKsSf4hhzyo3hqRvk6ZWC7sQcFTUhUFR"
	ctx := testContext(t)
	s := newService(t, func(s *pinningtest.Server) {
		s.Delegates = []string{"/ip4/192.0.2.1/tcp/1/p2p/" + id, "/ip4/192.0.2.1/udp/1/quic-v1/p2p/" + id, "nonsense", "/ip4/192.0.2.1/tcp/1"}
	})
	d := &dialled{ids: map[peer.ID]int{}}
	c := configOf(newStore(t), s)
	c.Dialer = d
	p, stop := run(t, c)
	check(t, p.Want(1, root(1)))
	until(t, ctx, "it is pinned", func() bool { return p.Status()[0].Height == 1 })
	stop()
	want, err := peer.Decode(id)
	check(t, err)
	if !reflect.DeepEqual(d.ids, map[peer.ID]int{want: 2}) {
		t.Errorf("dialled %v", d.ids)
	}
}

func TestTheTokenIsNeverTold(t *testing.T) {
	ctx, s := testContext(t), newService(t, nil)
	secret := pinningtest.Token
	s.Fail(pinningtest.Fault{Status: 500, Body: `{"error":{"reason":"` + secret + `","details":"no\n` + secret + `"}}`},
		pinningtest.Fault{Status: 400, Body: `{"error":{"reason":"Bearer ` + secret + `"}}`}, pinningtest.Fault{Status: 200, Body: secret, Type: secret})
	var log syncBuffer
	c := configOf(newStore(t), s)
	c.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	p, stop := run(t, c)
	check(t, p.Want(1, root(1)))
	until(t, ctx, "it is pinned", func() bool {
		if strings.Contains(p.Status()[0].Problem, secret) {
			t.Fatal("the status tells the token")
		}
		return p.Status()[0].Height == 1
	})
	stop()
	if got := log.String(); strings.Contains(got, secret) || !strings.Contains(got, "a pinning service fails") || strings.Contains(got, "/psa") {
		t.Errorf("the log: %s", got)
	}
	for _, bad := range []Service{{URL: "https://u:" + secret + "@pin.example", Token: secret}, {URL: "https://pin.example", Token: secret + "\n"},
		{URL: "http://pin.example/psa", Token: secret}, {URL: "pin.example", Token: secret}, {URL: "https://pin.example"}, {URL: "https://pin.example/?key=" + secret, Token: secret}} {
		err := bad.Validate()
		if err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", bad.Host(), err)
		}
	}
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func TestServicesAreBoundedAndDifferent(t *testing.T) {
	store := newStore(t)
	one := Service{URL: "https://pin.example/psa", Token: "t"}
	for _, list := range [][]Service{{one, one}, make([]Service, MaxServices+1), {{URL: "https://pin.example", Token: ""}}} {
		if _, err := New(Config{Store: store, Services: list}); err == nil {
			t.Errorf("%d services were taken", len(list))
		}
	}
}

// told answers every request with the same bytes.
type told struct {
	status     int
	kind, wait string
	body       []byte
}

func (a told) RoundTrip(r *http.Request) (*http.Response, error) {
	h := http.Header{"Content-Type": {a.kind}, "Retry-After": {a.wait}}
	return &http.Response{StatusCode: a.status, Status: http.StatusText(a.status), Header: h, Body: io.NopCloser(bytes.NewReader(a.body)), Request: r}, nil
}

func TestWhatAnAnswerMeans(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, c := range []struct {
		told
		blame blame
		wait  time.Duration
	}{
		{told{status: 401}, refused, 0}, {told{status: 403}, refused, 0}, {told{status: 404}, gone, 0}, {told{status: 409}, wrong, 0},
		{told{status: 408}, down, 0}, {told{status: 302}, down, 0}, {told{status: 503, wait: "30"}, down, 30 * time.Second},
		{told{status: 429, wait: now.Add(time.Minute).Format(http.TimeFormat)}, busy, time.Minute},
		{told{status: 429, wait: "soon"}, busy, 0}, {told{status: 200, kind: "text/plain", body: []byte("hello")}, down, 0},
	} {
		cl := newClient(Service{URL: "https://pin.example", Token: "secret"}, "n", c.told, time.Second, func() time.Time { return now })
		got, _ := cl.do(t.Context(), add, row{CID: root(1).Bytes()}, nil)
		if got.blame != c.blame || got.wait != c.wait || got.problem == "" {
			t.Errorf("%+v: %+v", c.told, got)
		}
	}
}

func FuzzAnswer(f *testing.F) {
	good := []byte(`{"requestid":"r","status":"queued","created":"2026-01-01T00:00:00Z","pin":{"cid":"` + root(1).String() + `"},"delegates":["/ip4/192.0.2.1/tcp/1/p2p/12D3KooWLRPJf8m1pDfzLKsSf4hhzyo3hqRvk6ZWC7sQcFTUhUFR"]}`)
	f.Add(uint16(202), uint8(add), "application/json", "", good)
	f.Add(uint16(200), uint8(find), "application/json", "", append(append([]byte(`{"count":1,"results":[`), good...), "]}"...))
	f.Add(uint16(429), uint8(look), "application/json", "99999999999", []byte(`{"error":{"reason":"secret","details":"x"}}`))
	f.Add(uint16(200), uint8(look), "text/xml", "-1", []byte(`<PinStatus/>`))
	f.Fuzz(func(t *testing.T, status uint16, v uint8, kind, wait string, body []byte) {
		cl := newClient(Service{URL: "https://pin.example", Token: "secret"}, "n", told{int(100 + status%500), kind, wait, body}, time.Minute, time.Now)
		a, peers := cl.do(context.Background(), find+verb(v)%4, row{CID: root(1).Bytes(), Request: "r"}, nil)
		if len(peers) > maxDelegates || len(a.request) > maxRequestID || len(a.problem) > maxProblem+len("…") || a.wait < 0 || strings.Contains(a.problem, "secret") {
			t.Fatalf("%+v, %d peers", a, len(peers))
		}
		if (a.blame == fine) != (a.problem == "") {
			t.Fatalf("%+v", a)
		}
	})
}
