package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/phantom-paradox/paradox/intent"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func serve(t *testing.T, h http.HandlerFunc) *Client {
	t.Helper()
	s := httptest.NewServer(h)
	c, err := New(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); s.Close() })
	return c
}

func TestSubmitGivesResultsWhateverTheStatus(t *testing.T) {
	id := intent.TextID([]byte("x"))
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if b, err := io.ReadAll(r.Body); err != nil || r.Header.Get("Content-Type") != "application/json" || !strings.Contains(string(b), `"intents"`) {
			t.Errorf("%s %s %v", r.Header.Get("Content-Type"), b, err)
		}
		w.WriteHeader(http.StatusUnprocessableEntity)
		fmt.Fprintf(w, `{"results":[{"id":%q,"state":"pending"},{"id":null,"code":"wrong_network","detail":"d","field":"network"}]}`, id)
	})
	got, err := c.SubmitJSON(t.Context(), []json.RawMessage{[]byte("{}"), []byte("{}")})
	want := []Result{{ID: &id, State: Pending}, {Code: intent.WrongNetwork, Detail: "d", Field: "network"}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestANodeThatNeverAnswersIsUnreachable(t *testing.T) {
	asked := make(chan struct{}, 1)
	c := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-r.Context().Done() // until the client hangs up
	})
	if _, err := c.Within(50 * time.Millisecond).Status(t.Context()); !errors.Is(err, ErrUnreachable) {
		t.Errorf("%v", err)
	}
	<-asked
}

func TestProblems(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/api/intents":
			w.Header().Set("Retry-After", "3")
			w.WriteHeader(http.StatusTooManyRequests)
			fmt.Fprint(w, `{"title":"Too many","status":429,"code":"rate_limited","detail":"slow down","remedy":"wait"}`)
		case "/readyz":
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprint(w, "plain words")
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	})
	_, err := c.Submit(t.Context(), nil)
	p, ok := errors.AsType[*Problem](err)
	if !ok || p.RetryAfter != 3 || p.Code != intent.RateLimited || !strings.Contains(err.Error(), "slow down; wait") {
		t.Errorf("%+v, %v", p, err)
	}
	if err := c.Ready(t.Context()); err == nil || !strings.Contains(err.Error(), "plain words") {
		t.Errorf("%v", err)
	}
	if _, err := c.Intent(t.Context(), intent.ID{}); !errors.Is(err, ErrUnknown) {
		t.Errorf("%v", err)
	}
}

func TestNobodyThere(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	s.Close()
	c, err := New(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Status(t.Context()); !errors.Is(err, ErrUnreachable) {
		t.Errorf("%v", err)
	}
}

func TestAddresses(t *testing.T) {
	for _, s := range []string{"", "ftp://x", "http://", "::", "http://a b"} {
		if _, err := New(s); err == nil {
			t.Errorf("takes %q", s)
		}
	}
	c, err := New("127.0.0.1:8080")
	if err != nil || c.Address() != "http://127.0.0.1:8080" {
		t.Errorf("%v", err)
	}
}

func TestShapes(t *testing.T) {
	key := intent.Key{5}
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.RequestURI() {
		case "/api/user/nonce?wallet=" + key.String():
			fmt.Fprintf(w, `{"wallet":%q,"signer":%q,"next":"8","floor":"5"}`, key, key)
		case "/api/wallets/" + key.String():
			fmt.Fprintf(w, `{"wallet":%q,"entries":[{"mint":%q,"symbol":"USD","number":3,"balance":"18446744073709551615","requested":"0","spendable":"1"}],"height":4}`, key, key)
		case "/api/status":
			fmt.Fprint(w, `{"height":3,"chain":{"slot":9,"events":"12"},"state_digest":"ab","synced":true}`)
		case "/health":
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprint(w, `{"status":"unhealthy","checks":[{"name":"peers","status":"unhealthy","detail":"none","remedy":"r"}]}`)
		}
	})
	if n, err := c.Nonce(t.Context(), key, key); err != nil || n.Next != 8 || n.Floor != 5 {
		t.Errorf("%+v %v", n, err)
	}
	if w, err := c.Wallet(t.Context(), key); err != nil || w.Entries[0].Balance != 1<<64-1 {
		t.Errorf("%+v %v", w, err)
	}
	if s, err := c.Status(t.Context()); err != nil || s.Chain.Events != 12 || !s.Synced {
		t.Errorf("%+v %v", s, err)
	}
	if h, err := c.Health(t.Context()); err != nil || h.Status != "unhealthy" || h.Checks[0].Remedy != "r" {
		t.Errorf("%+v %v", h, err)
	}
}

func TestEvents(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, ": hello\n\nevent: round\ndata: {\"height\":1}\n\ndata: a\ndata: b\n\nevent: settled\ndata: {}\n\nevent: after\ndata: x\n\n")
	})
	var got []string
	err := c.Events(t.Context(), func(name string, data []byte) bool {
		got = append(got, name+" "+string(data))
		return name != "settled"
	})
	want := []string{`round {"height":1}`, "message a\nb", "settled {}"}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%q, %v", got, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Events(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func FuzzEvents(f *testing.F) {
	f.Add("event: round\ndata: {}\n\n")
	f.Add("data\n\ndata:\n\n:\n")
	f.Fuzz(func(t *testing.T, s string) {
		n := 0
		_ = readEvents(strings.NewReader(s), func(string, []byte) bool { n++; return true }) // an error is a good answer to junk
		if n > strings.Count(s, "\n")+strings.Count(s, "\r") {
			t.Errorf("%d events in %q", n, s)
		}
	})
}
