package api

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/phantom-paradox/paradox/intent"
)

// operated is a node with an operator.
type operated struct {
	*fake
	mu      sync.Mutex
	done    []string
	now     time.Time
	changed error
}

func (o *operated) note(what string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.done = append(o.done, what)
	return o.changed
}

func (o *operated) SetLogLevel(level string) error               { return o.note("level " + level) }
func (o *operated) Dial(_ context.Context, address string) error { return o.note("dial " + address) }
func (o *operated) Collect(context.Context) (*Collected, error) {
	return &Collected{Kept: 3, Removed: 2}, o.note("collect")
}

func (o *operated) clock() time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.now
}

func (o *operated) wait(d time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.now = o.now.Add(d)
}

// A desk is an operator with a wallet before a node.
type desk struct {
	t    *testing.T
	node *operated
	base string
	priv ed25519.PrivateKey
	key  intent.Key
	host string // that requests name; empty: the real one
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{t: t, node: &operated{fake: newFake(t), now: testClock()}}
	d.priv, d.key = testWallet(9)
	s, err := New(Config{Backend: d.node, Network: testNet, Clock: d.node.clock, Operators: []intent.Key{d.key}, Domains: []string{"node.example"}})
	if err != nil {
		t.Fatal(err)
	}
	h := httptest.NewServer(s)
	t.Cleanup(func() { s.Close(); h.Close() })
	d.base = h.URL
	return d
}

func (d *desk) do(method, path, token string, body any) (int, http.Header, map[string]any) {
	d.t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		d.t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(d.t.Context(), method, d.base+path, bytes.NewReader(b))
	if err != nil {
		d.t.Fatal(err)
	}
	if d.host != "" {
		r.Host = d.host
	}
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		d.t.Fatal(err)
	}
	defer resp.Body.Close()
	out := map[string]any{}
	_ = json.NewDecoder(resp.Body).Decode(&out)
	return resp.StatusCode, resp.Header, out
}

func (d *desk) expect(status int, method, path, token string, body any) map[string]any {
	d.t.Helper()
	got, h, out := d.do(method, path, token, body)
	if got != status || h.Get("Access-Control-Allow-Origin") != "" {
		d.t.Errorf("%s %s: %d, want %d: %v %v", method, path, got, status, out, h)
	}
	if status >= 400 && (out["code"] == nil || h.Get("Content-Type") != problemType) {
		d.t.Errorf("%s %s: no problem: %v %v", method, path, out, h)
	}
	return out
}

// text asks for a text, and signs it.
func (d *desk) signed() map[string]any {
	d.t.Helper()
	text := fmt.Sprint(d.expect(http.StatusOK, http.MethodGet, pathSignIn+"?key="+d.key.String(), "", nil)["text"])
	return map[string]any{"key": d.key, "text": text, "sig": signText(d.priv, text)}
}

func TestAnOperatorSignsInAndOperates(t *testing.T) {
	d := newDesk(t)
	in := d.signed()
	token := fmt.Sprint(d.expect(http.StatusOK, http.MethodPost, pathSignIn, "", in)["token"])
	d.expect(http.StatusUnauthorized, http.MethodPost, pathSignIn, "", in) // a replay
	d.expect(http.StatusOK, http.MethodPost, pathOperator+"log-level", token, LogLevel{"debug"})
	d.expect(http.StatusOK, http.MethodPost, pathOperator+"dial", token, PeerAddress{"/ip4/1.2.3.4/tcp/1/p2p/x"})
	if got := d.expect(http.StatusOK, http.MethodPost, pathOperator+"collect", token, nil); got["removed"] != 2.0 {
		t.Errorf("%v", got)
	}
	if got := strings.Join(d.node.done, ", "); got != "level debug, dial /ip4/1.2.3.4/tcp/1/p2p/x, collect" {
		t.Error(got)
	}
	d.expect(http.StatusUnprocessableEntity, http.MethodPost, pathOperator+"log-level", token, LogLevel{"loud"})
	d.node.changed = fmt.Errorf("%w: no such peer", ErrBadValue)
	d.expect(http.StatusBadRequest, http.MethodPost, pathOperator+"dial", token, PeerAddress{"x"})
	d.expect(http.StatusOK, http.MethodPost, pathOperator+"sign-out", token, nil)
	d.expect(http.StatusUnauthorized, http.MethodPost, pathOperator+"collect", token, nil)
}

func TestWhoMayNotOperate(t *testing.T) {
	d := newDesk(t)
	for _, token := range []string{"", "guessed"} {
		d.expect(http.StatusUnauthorized, http.MethodPost, pathOperator+"collect", token, nil)
	}
	_, stranger := testWallet(2)
	d.expect(http.StatusForbidden, http.MethodGet, pathSignIn+"?key="+stranger.String(), "", nil)
	d.expect(http.StatusBadRequest, http.MethodGet, pathSignIn+"?key=x", "", nil)

	in := d.signed()
	forged := map[string]any{"key": d.key, "text": in["text"], "sig": signText(d.priv, "else")}
	d.expect(http.StatusUnauthorized, http.MethodPost, pathSignIn, "", forged)
	d.host = "evil.example" // passes a request on in its own name
	d.expect(http.StatusForbidden, http.MethodGet, pathSignIn+"?key="+d.key.String(), "", nil)
	d.expect(http.StatusForbidden, http.MethodPost, pathSignIn, "", in)
	d.host = "node.example" // one of the node's own, but another than the text names
	d.expect(http.StatusUnauthorized, http.MethodPost, pathSignIn, "", in)
	in = d.signed()
	d.node.wait(signInLife)
	d.expect(http.StatusUnauthorized, http.MethodPost, pathSignIn, "", in)

	token := fmt.Sprint(d.expect(http.StatusOK, http.MethodPost, pathSignIn, "", d.signed())["token"])
	d.node.wait(tokenLife)
	d.expect(http.StatusUnauthorized, http.MethodPost, pathOperator+"collect", token, nil)
	if len(d.node.done) != 0 {
		t.Errorf("something was done: %v", d.node.done)
	}
	r := do(t, http.MethodOptions, d.base+pathOperator+"collect", map[string]string{"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"})
	if r.Header.Get("Access-Control-Allow-Origin") != "" || r.Header.Get("Access-Control-Allow-Methods") != "" {
		t.Errorf("%v", r.Header)
	}
}

// A node without operators has nobody who may.
func TestNoOperators(t *testing.T) {
	d := newDesk(t)
	_, h := serve(t, newFake(t), 0)
	d.base = h.URL
	d.expect(http.StatusForbidden, http.MethodGet, pathSignIn+"?key="+d.key.String(), "", nil)
	d.expect(http.StatusUnauthorized, http.MethodPost, pathOperator+"collect", "x", nil)
}

func TestTokensAreBounded(t *testing.T) {
	now := testClock()
	k := &tokens{clock: func() time.Time { return now }, until: map[[32]byte]time.Time{}}
	first, _ := k.grant()
	for range maxTokens {
		now = now.Add(time.Second)
		k.grant()
	}
	if k.good(first) || len(k.until) != maxTokens {
		t.Errorf("%d tokens, the first good: %v", len(k.until), k.good(first))
	}
}
