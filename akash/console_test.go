package akash

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/phantom-paradox/paradox/akash/akashtest"
)

func newServer(t *testing.T) (*akashtest.Console, *Console) {
	t.Helper()
	s := akashtest.New()
	t.Cleanup(s.Close)
	return s, client(t, s.URL, akashtest.Key)
}

func client(t *testing.T, url, key string) *Console {
	t.Helper()
	c, err := NewConsole(ConsoleConfig{API: url, Key: key, Pause: time.Millisecond, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestWhatPassesIsTriedAgain(t *testing.T) {
	s, c := newServer(t)
	s.On(http.MethodGet, "/v1/deployments", akashtest.Says(http.StatusTooManyRequests, `{"error":"TooManyRequests"}`, "Retry-After", "0"),
		akashtest.Says(http.StatusBadGateway, "<html>"), akashtest.Drop)
	if _, err := c.Deployments(t.Context()); err != nil {
		t.Error(err)
	}
	if n := s.Calls("GET /v1/deployments"); n != 4 {
		t.Errorf("%d requests, want 4", n)
	}
	// a server that stays ill is given up
	for range maxRetries + 1 {
		s.On(http.MethodGet, "/v1/bids", akashtest.Says(http.StatusServiceUnavailable, `{"error":"ServiceUnavailable","message":"Service temporarily unavailable"}`))
	}
	if _, err := c.Bids(t.Context(), "1"); !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "temporarily unavailable") {
		t.Error(err)
	}
	// nobody there at all
	s.Close()
	if _, err := c.Bids(t.Context(), "1"); !errors.Is(err, ErrUnreachable) {
		t.Error(err)
	}
}

func TestACreationIsNotRepeatedUnlessNothingWasMade(t *testing.T) {
	s, c := newServer(t)
	s.On(http.MethodPost, "/v1/deployments", akashtest.Says(http.StatusTooManyRequests, "", "Retry-After", "0"))
	if _, err := c.Create(t.Context(), "sdl", 5); err != nil {
		t.Error("what was turned away is sent again:", err)
	}
	for name, f := range map[string]akashtest.Fault{
		"no answer": akashtest.Drop, "an error": akashtest.Says(http.StatusInternalServerError, "{}"), "garbage": akashtest.Says(http.StatusCreated, "ok"),
		"half": akashtest.Says(http.StatusCreated, `{"data":{"dseq":"12"}}`), "another number": akashtest.Says(http.StatusCreated, `{"data":{"dseq":"../12","manifest":"x"}}`),
	} {
		before := s.Calls("POST /v1/deployments")
		s.On(http.MethodPost, "/v1/deployments", f)
		if _, err := c.Create(t.Context(), "sdl", 5); !errors.Is(err, ErrLost) || s.Calls("POST /v1/deployments") != before+1 {
			t.Errorf("%s: %v after %d requests", name, err, s.Calls("POST /v1/deployments")-before)
		}
	}
	s.On(http.MethodPost, "/v1/deployments", akashtest.Says(http.StatusPaymentRequired, `{"error":"PaymentRequiredError","message":"Insufficient balance"}`))
	if _, err := c.Create(t.Context(), "sdl", 5); !errors.Is(err, ErrFunds) || errors.Is(err, ErrLost) {
		t.Error(err)
	}
	s.On(http.MethodPost, "/v1/deployments", akashtest.Says(http.StatusBadRequest, `{"error":"BadRequestError","message":"Failed to create deployment: Deposit too low"}`))
	if _, err := c.Create(t.Context(), "sdl", 5); !errors.Is(err, ErrFunds) {
		t.Error(err)
	}
	s.Close()
	// a client of its own: one that still holds a connection cannot know whether its request went out before that broke
	if _, err := client(t, s.URL, akashtest.Key).Create(t.Context(), "sdl", 5); errors.Is(err, ErrLost) || !errors.Is(err, ErrUnreachable) {
		t.Error("nothing was sent:", err)
	}
}

// A request that nobody answers ends with its time, or with its caller's.
func TestTimeouts(t *testing.T) {
	asked := make(chan struct{}, 1)
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case asked <- struct{}{}:
		default:
		}
		<-r.Context().Done()
	}))
	defer s.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	patient := client(t, s.URL, "k")
	ended := make(chan error, 1)
	go func() { _, err := patient.Bids(ctx, "1"); ended <- err }()
	<-asked
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	c, err := NewConsole(ConsoleConfig{API: s.URL, Key: "k", Pause: time.Millisecond, Timeout: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Bids(t.Context(), "1"); !errors.Is(err, ErrUnreachable) {
		t.Error(err)
	}
}

func TestAnswersThatMakeNoSense(t *testing.T) {
	s, c := newServer(t)
	long := strings.Repeat("a", maxAnswer+1)
	for name, body := range map[string]string{
		"nothing": "", "HTML": "<html>", "no data": `{}`, "null": `{"data":null}`, "another shape": `{"data":7}`, "too long": `"` + long + `"`,
		"another deployment's bid": `{"data":[{"bid":{"id":{"dseq":"2","gseq":1,"oseq":1,"provider":"` + akashtest.Cheap + `"},"state":"open","price":{"denom":"uact","amount":"1"}}}]}`,
		"a provider that is none":  `{"data":[{"bid":{"id":{"dseq":"1","gseq":1,"oseq":1,"provider":"../x"},"state":"open","price":{"denom":"uact","amount":"1"}}}]}`,
		"a price that is none":     `{"data":[{"bid":{"id":{"dseq":"1","gseq":1,"oseq":1,"provider":"` + akashtest.Cheap + `"},"state":"open","price":{"denom":"uact","amount":"NaN"}}}]}`,
		"a price below nothing":    `{"data":[{"bid":{"id":{"dseq":"1","gseq":1,"oseq":1,"provider":"` + akashtest.Cheap + `"},"state":"open","price":{"denom":"uact","amount":"-1"}}}]}`,
	} {
		s.On(http.MethodGet, "/v1/bids", akashtest.Says(http.StatusOK, body))
		if _, err := c.Bids(t.Context(), "1"); !errors.Is(err, ErrAnswer) || len(err.Error()) > 1000 {
			t.Errorf("%s: %v", name, err)
		}
	}
	s.On(http.MethodDelete, "/v1/deployments", akashtest.Says(http.StatusOK, `{"data":{"success":false}}`))
	if err := c.Remove(t.Context(), "1"); !errors.Is(err, ErrAnswer) {
		t.Error(err)
	}
}

// The key goes to the API and nowhere else: not into errors, not to where a redirect points, not in the clear over a network.
func TestTheKeyStaysSecret(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.Header.Get("x-api-key") != "" {
			t.Error("the key went elsewhere")
		}
	}))
	defer other.Close()
	s, c := newServer(t)
	s.On(http.MethodGet, "/v1/bids", akashtest.Says(http.StatusTemporaryRedirect, "", "Location", other.URL))
	if _, err := c.Bids(t.Context(), "1"); err == nil {
		t.Error("a redirect is followed")
	}
	wrong := client(t, s.URL, "wrong-key-123")
	_, err := wrong.Bids(t.Context(), "1")
	if !errors.Is(err, ErrKey) || strings.Contains(err.Error(), "wrong-key-123") {
		t.Error(err)
	}
	for _, bad := range []ConsoleConfig{
		{API: "http://console-api.akash.network", Key: "secret-123"}, {API: "ftp://x", Key: "secret-123"}, {API: "https://user@x", Key: "secret-123"}, {Key: ""}, {Key: "secret-123\n"}, {Key: "secret-123ü"},
	} {
		if _, err := NewConsole(bad); err == nil || strings.Contains(err.Error(), "secret-123") {
			t.Errorf("%q: %v", bad.API, err)
		}
	}
}

func TestEveryPageOfDeploymentsIsRead(t *testing.T) {
	s, c := newServer(t)
	for range pageSize + 3 {
		if _, err := c.Create(t.Context(), "sdl", 5); err != nil {
			t.Fatal(err)
		}
	}
	all, err := c.Deployments(t.Context())
	if err != nil || len(all) != pageSize+3 || s.Calls("GET /v1/deployments") != 2 {
		t.Errorf("%d deployments, %v", len(all), err)
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"": minPatience, "x": minPatience, "-5": minPatience, "7": 7 * time.Second, "99999": maxPatience,
		now.Add(9 * time.Second).Format(http.TimeFormat): 9 * time.Second, now.Add(-time.Hour).Format(http.TimeFormat): minPatience,
	} {
		if got := retryAfter(text, now); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

// FuzzAnswers holds every reader of what comes from Akash: none panics, and what one takes can be used as it is.
func FuzzAnswers(f *testing.F) {
	for _, s := range []string{
		`{"data":{"dseq":"1","manifest":"m"}}`, `{"data":{"success":true}}`, `{"data":{"token":"a.b.c"}}`, `{"hostUri":"https://p.example:8443"}`, `{"error":"x","message":"y","data":{"errorCode":"z"}}`,
		`{"data":{"deployment":{"id":{"dseq":"1"},"state":"active"},"leases":[{"id":{"dseq":"1","gseq":1,"oseq":1,"provider":"` + akashtest.Cheap + `"},"state":"active","price":{"denom":"uact","amount":"1"},"status":{"services":{"node":{"available":1,"total":1,"uris":["x"]}},"forwarded_ports":{"node":[{"host":"a.b","port":4001,"externalPort":1}]},"ips":{"node":[{"IP":"::1","Port":4001,"ExternalPort":1,"Protocol":"UDP"}]}}}]}}`,
		`{"data":[{"bid":{"id":{"dseq":"1","gseq":1,"oseq":1,"provider":"` + akashtest.Cheap + `"},"state":"open","price":{"denom":"uact","amount":"1"},"resources_offer":[{"resources":{"cpu":{"units":{"val":"1"}}},"count":1}]}}]}`,
		`{"name":"node-0","message":"a\nb"}`, `{"version":1,"stage":"created","dseq":"1"}`, "\x1b[2J",
	} {
		f.Add([]byte(s))
	}
	sdl, err := Parse(deployFile(f))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, err := parseCreated(b); err == nil && !dseqShape.MatchString(c.DSeq) {
			t.Error(c)
		}
		if l, err := parseLot(b, "1"); err == nil {
			_ = l.Ended() // must not panic
			if a := l.Active(); a != nil {
				for _, m := range Announce(sdl, a.Status) {
					wellFormed(t, m)
				}
			}
		}
		if bids, err := parseBids(b, "1"); err == nil {
			if _, err := judge(sdl, bids, nil); err != nil {
				t.Error(err)
			}
		}
		if u, err := parseProvider(b); err == nil && u.Host == "" {
			t.Error(u)
		}
		if s, err := parseToken(b); err == nil && strings.ContainsAny(s, "\r\n ") {
			t.Error(s)
		}
		code, message := parseError(b)
		service, lines := parseLog(b)
		for _, s := range append(lines, code, message, service) {
			if strings.ContainsAny(s, "\x1b\r\n\x00") {
				t.Errorf("%q", s)
			}
		}
		_, _, _ = parseLots(b) // must not panic
		_ = parseRemoved(b)    // must not panic
		_, _ = parseState(b)   // must not panic
	})
}
