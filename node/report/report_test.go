package report

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A project is a Sentry server of one's own, which keeps what it is sent.
type project struct {
	*httptest.Server
	mu   sync.Mutex
	got  []string
	seen chan struct{}
}

func newProject(t *testing.T) *project {
	t.Helper()
	p := &project{seen: make(chan struct{}, 100)}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		p.mu.Lock()
		p.got = append(p.got, string(b))
		p.mu.Unlock()
		p.seen <- struct{}{}
		_, _ = w.Write([]byte(`{}`))
	}))
	t.Cleanup(func() { p.Close(); http.DefaultTransport.(*http.Transport).CloseIdleConnections() })
	return p
}

func (p *project) dsn() string { return strings.Replace(p.URL, "http://", "http://public@", 1) + "/1" }

func (p *project) await(t *testing.T, n int) []string {
	t.Helper()
	late := time.After(time.Minute)
	for range n {
		select {
		case <-p.seen:
		case <-late:
			t.Fatal("no report came")
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.got
}

func reporter(t *testing.T, dsn string, clock func() time.Time) *Reporter {
	t.Helper()
	r, err := New(Config{DSN: dsn, Release: "1.2.3", Network: "test-1", Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func TestErrorsAreReportedWithoutSecrets(t *testing.T) {
	p := newProject(t)
	var log bytes.Buffer
	l := slog.New(reporter(t, p.dsn(), nil).Handler(slog.NewTextHandler(&log, nil))).With("part", "disk", "rpc", "https://user:pass@rpc.example/v2/SECRETKEY?api-key=SECRETTOO")
	seed := "[" + strings.Repeat("17,", 63) + "4]"
	l.Info("nothing to report")
	l.Debug("nothing to log")
	l.Error("intents could not be stored", "err", "disk at 10.1.2.3:443 and /ip4/203.0.113.7/tcp/4001/p2p/12D3KooWGRUacfLoHEFyWjzyK6ohjXa6WwGZBGyZ9nqWFKK4yxcY", "key", seed,
		"sig", strings.Repeat("5Kz", 29), "hex", strings.Repeat("ab", 32))
	got := p.await(t, 1)[0]
	for _, want := range []string{"intents could not be stored", `"part":"disk"`, "paradox@1.2.3", "test-1", "https://rpc.example/…", "/ip4/…"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in %s", want, got)
		}
	}
	for _, secret := range []string{"SECRETKEY", "SECRETTOO", "user:pass", "17,17", "5Kz5Kz", "abababab", "203.0.113.7", "10.1.2.3", "12D3Koo", "nothing to report"} {
		if strings.Contains(got, secret) {
			t.Errorf("%q is in %s", secret, got)
		}
	}
	if text := log.String(); strings.Count(text, "\n") != 2 || strings.Contains(text, "nothing to log") {
		t.Errorf("the log is not as before: %s", text)
	}
}

func TestReportsAreFew(t *testing.T) {
	p := newProject(t)
	now := time.Unix(1_000, 0)
	r := reporter(t, p.dsn(), func() time.Time { return now })
	l := slog.New(r.Handler(slog.DiscardHandler))
	for range 5 * perMinute {
		l.Error("again")
	}
	p.await(t, perMinute)
	now = now.Add(time.Minute)
	l.WithGroup("g").Error("later", "a", 1)
	got := p.await(t, 1)
	if len(got) != perMinute+1 || !strings.Contains(got[perMinute], "later") || !strings.Contains(got[perMinute], `"g.a":"1"`) {
		t.Errorf("%d reports; the last: %s", len(got), got[len(got)-1])
	}
}

func TestPanicsAreReported(t *testing.T) {
	p := newProject(t)
	r := reporter(t, p.dsn(), nil)
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic ended")
			}
		}()
		defer r.Panic()
		panic("boom")
	}()
	if got := p.await(t, 1)[0]; !strings.Contains(got, "panic: boom") || !strings.Contains(got, "fatal") {
		t.Error(got)
	}
}

func TestADSNThatIsNone(t *testing.T) {
	if _, err := New(Config{DSN: "https://nothing"}); err == nil || !strings.Contains(err.Error(), "sentry.dsn") {
		t.Error(err)
	}
}

func FuzzScrub(f *testing.F) {
	f.Add("x https://a:b@c/d [1,2,3]")
	f.Fuzz(func(t *testing.T, s string) {
		if got := Scrub(s); len(got) > maxText+8 {
			t.Errorf("%d bytes", len(got))
		}
	})
}
