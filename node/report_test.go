package node

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/phantom-paradox/paradox/node/api"
)

// What a node logs as an error goes to the operator's Sentry project, and is there when the node has stopped.
func TestErrorsGoToSentry(t *testing.T) {
	got := make(chan string, 10)
	project := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got <- string(b)
	}))
	defer project.Close()
	c := newCluster(t, 1)
	cfg := c.config(0, true)
	cfg.Settings.Sentry.DSN = strings.Replace(project.URL, "http://", "http://public@", 1) + "/1"
	n, err := New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	n.log.Error("this is for the operator", "peer", n.host.Addrs()[0])
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case text := <-got:
		if !strings.Contains(text, "this is for the operator") || !strings.Contains(text, "cluster-test") || strings.Contains(text, n.host.ID().String()) {
			t.Error(text)
		}
	case <-time.After(time.Minute):
		t.Error("no report came")
	}
}

func TestTheClockIsJudged(t *testing.T) {
	for _, k := range []struct {
		known  bool
		offset time.Duration
		want   string
	}{{false, time.Hour, api.Healthy}, {true, 900 * time.Millisecond, api.Healthy}, {true, -1500 * time.Millisecond, api.Degraded}, {true, 6 * time.Second, api.Unhealthy}} {
		f := &facade{health: healthCache{clockKnown: k.known, offset: k.offset}}
		if got := f.clockCheck(); got.Status != k.want || (got.Remedy == "") != (k.want == api.Healthy) {
			t.Errorf("%+v: %+v", k, got)
		}
	}
}
