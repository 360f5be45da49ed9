package api

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/phantom-paradox/paradox/intent"
)

func problemOf(t *testing.T, b []byte) Problem {
	t.Helper()
	var p Problem
	if err := json.Unmarshal(b, &p); err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	return p
}

func TestParametersAreRefusedByName(t *testing.T) {
	_, h := serve(t, newFake(t), 0)
	_, wallet := testWallet(1)
	for path, field := range map[string]string{
		"/api/intents/bafy": "id", "/api/rounds/x": "height", "/api/rounds/0": "height", "/api/rounds/7/proof/x": "id", "/api/rounds/-1/proof/x": "height",
		"/api/user/nonce": "wallet", "/api/user/nonce?wallet=" + wallet.String() + "&signer=x": "signer", "/api/wallets/x": "key", "/api/wallets/x/history": "key",
		"/api/items/x": "item", "/api/items/x/y": "item", "/api/asks?mint=x": "mint", "/api/asks?issuer=x": "issuer", "/api/rounds?limit=0": "limit", "/api/rounds?limit=x": "limit",
		"/api/rounds?limit=-1": "limit", "/api/peers?after=" + strings.Repeat("x", 200): "after", "/api/batches/" + knownCID + "?format=zip": "format", "/api/batches/zzz": "cid", "/api/batches/" + strings.Repeat("x", 200): "cid",
	} {
		r, b := fetch(t, h.URL+path)
		if p := problemOf(t, b); r.StatusCode != http.StatusBadRequest || p.Field != field || p.Detail == "" {
			t.Errorf("%s: %d %s", path, r.StatusCode, b)
		}
	}
}

func TestPaging(t *testing.T) {
	f := newFake(t)
	_, h := serve(t, f, 0)
	_, wallet := testWallet(1)
	fetch(t, h.URL+"/api/rounds")
	fetch(t, h.URL+"/api/rounds?limit=999999&after=7")
	fetch(t, h.URL+"/api/asks?limit=3&mint="+testMint.String()+"&issuer="+wallet.String()+"&item=x")
	want := []Page{{50, ""}, {200, "7"}, {3, ""}}
	if fmt.Sprint(f.pages) != fmt.Sprint(want) {
		t.Errorf("%v", f.pages)
	}
	if f.asks.Item != "x" || *f.asks.Mint != testMint || *f.asks.Issuer != wallet {
		t.Errorf("%+v", f.asks)
	}
}

func TestErrorsOfTheBackend(t *testing.T) {
	f := newFake(t)
	_, h := serve(t, f, 0)
	for _, c := range []struct {
		err    error
		status int
		code   string
	}{
		{fmt.Errorf("x: %w", ErrNotFound), 404, "not_found"}, {ErrBeforeSnapshot, 404, "not_found"}, {ErrNotReady, 503, "not_ready"}, {ErrBadCursor, 400, "bad_request"},
		{errors.New("badger: secret path"), 500, "internal"},
	} {
		f.fail = c.err
		for name, path := range paths(t) {
			if name == "livez" || name == "readyz" || name == "problem" || name == "missing" {
				continue
			}
			r, b := fetch(t, h.URL+path)
			p := problemOf(t, b)
			if r.StatusCode != c.status || p.Code != c.code || p.Status != c.status || strings.Contains(p.Detail, "badger") {
				t.Errorf("%s: %d %s", name, r.StatusCode, b)
			}
			if (r.Header.Get("Retry-After") != "") != (c.status == 503) {
				t.Errorf("%s: Retry-After %q", name, r.Header.Get("Retry-After"))
			}
		}
	}
}

func TestProbes(t *testing.T) {
	f := newFake(t)
	_, h := serve(t, f, 0)
	f.ready = errors.New("catching up with settled heights")
	r, b := fetch(t, h.URL+"/readyz")
	if r.StatusCode != http.StatusServiceUnavailable || !bytes.Contains(b, []byte("catching up")) || r.Header.Get("Retry-After") == "" {
		t.Errorf("%d %s", r.StatusCode, b)
	}
	if r, _ := fetch(t, h.URL+"/livez"); r.StatusCode != http.StatusOK {
		t.Error("not alive")
	}
	f.health = NewHealth(Check{Name: "disk", Status: Unhealthy, Detail: "full", Remedy: "Make room."})
	r, b = fetch(t, h.URL+"/health")
	if r.StatusCode != http.StatusServiceUnavailable || !bytes.Contains(b, []byte(`"status":"unhealthy"`)) || r.Header.Get("Content-Type") != typeJSON {
		t.Errorf("%d %s", r.StatusCode, b)
	}
	r, b = fetch(t, h.URL+"/metrics")
	if r.StatusCode != http.StatusOK || !bytes.Contains(b, []byte(`paradox_http_requests_total{route="GET /livez",status="200"} 1`)) {
		t.Errorf("%d %s", r.StatusCode, b)
	}
}

func TestHealthIsItsWorstCheck(t *testing.T) {
	for want, list := range map[string][]Check{
		Healthy: {{Status: Healthy}}, Degraded: {{Status: Degraded}, {Status: Healthy}}, Unhealthy: {{Status: Degraded}, {Status: Unhealthy}, {Status: Degraded}},
	} {
		if got := NewHealth(list...); got.Status != want {
			t.Errorf("%s, not %s", got.Status, want)
		}
	}
}

func do(t *testing.T, method, url string, headers map[string]string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range headers {
		r.Header.Set(k, v)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp
}

func TestMethodsAndPreflights(t *testing.T) {
	_, h := serve(t, newFake(t), 0)
	if r := do(t, http.MethodDelete, h.URL+"/api/intents", nil); r.StatusCode != http.StatusMethodNotAllowed || r.Header.Get("Allow") != "POST" || r.Header.Get("Content-Type") != problemType {
		t.Errorf("%d %v", r.StatusCode, r.Header)
	}
	r := do(t, http.MethodOptions, h.URL+"/api/intents", map[string]string{"Origin": "https://game.example", "Access-Control-Request-Method": "POST"})
	if r.StatusCode != http.StatusNoContent || r.Header.Get("Access-Control-Allow-Origin") != "*" || !strings.Contains(r.Header.Get("Access-Control-Allow-Headers"), "Content-Type") ||
		r.Header.Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("%d %v", r.StatusCode, r.Header)
	}
	if r := do(t, http.MethodHead, h.URL+"/api/status", nil); r.StatusCode != http.StatusOK {
		t.Errorf("%d", r.StatusCode)
	}
}

func TestCAR(t *testing.T) {
	_, h := serve(t, newFake(t), 0)
	r, b := fetch(t, h.URL+"/api/batches/"+knownCID+"?format=car")
	if r.StatusCode != http.StatusOK || string(b) != "blocks of "+knownCID || !strings.HasPrefix(r.Header.Get("Content-Type"), typeCAR) {
		t.Errorf("%d %v %s", r.StatusCode, r.Header, b)
	}
	r, b = fetch(t, h.URL+"/api/batches/"+unknownCID+"?format=car")
	if p := problemOf(t, b); r.StatusCode != http.StatusNotFound || p.Code != "not_found" {
		t.Errorf("%d %s", r.StatusCode, b)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.URL+"/api/batches/"+brokenCID+"?format=car", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(request)
	if err == nil {
		_, err = bufio.NewReader(resp.Body).ReadString(0)
		resp.Body.Close()
	}
	if err == nil || err.Error() == "EOF" {
		t.Errorf("half a file looks whole: %v", err)
	}
}

func TestEvents(t *testing.T) {
	f := newFake(t)
	s, h := serve(t, f, 0)
	resp := do2(t, h.URL+"/api/events")
	defer resp.Body.Close()
	<-f.listening
	f.publish(Event{EventPool, PoolStats{Intents: 3}})
	f.publish(Event{EventRound, RoundEvent{State: "decided", Height: 7, Round: sampleRound()}})
	lines := bufio.NewScanner(resp.Body)
	var got []string
	for lines.Scan() && len(got) < 7 {
		got = append(got, lines.Text())
	}
	if resp.Header.Get("Content-Type") != "text/event-stream" || got[0] != "retry: 2000" || got[2] != "event: pool" ||
		!strings.HasPrefix(got[3], `data: {"intents":3,`) || got[5] != "event: round" || !strings.Contains(got[6], `"height":7`) {
		t.Errorf("%v %q", resp.Header, got)
	}
	s.Close()
	for lines.Scan() {
	}
	if lines.Err() != nil {
		t.Error(lines.Err())
	}
	<-f.listening
}

func do2(t *testing.T, url string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

func TestEventStreamsAreBounded(t *testing.T) {
	f := newFake(t)
	s, h := serve(t, f, 0)
	for range maxStreams {
		if _, ok := s.streams.enter("127.0.0.1:1"); !ok {
			t.Fatal("the bound is less than it says")
		}
	}
	r, b := fetch(t, h.URL+"/api/events")
	if p := problemOf(t, b); r.StatusCode != http.StatusServiceUnavailable || p.Code != "busy" || r.Header.Get("Retry-After") == "" {
		t.Errorf("%d %s", r.StatusCode, b)
	}
}

func TestCounter(t *testing.T) {
	c := newCounter(5, 2)
	var leaves []func()
	for _, addr := range []string{"192.0.2.1:1", "192.0.2.1:2", "192.0.2.2:1"} {
		leave, ok := c.enter(addr)
		if !ok {
			t.Fatal(addr)
		}
		leaves = append(leaves, leave)
	}
	if _, ok := c.enter("192.0.2.1:3"); ok {
		t.Error("one address has three places of two")
	}
	for range 2 {
		if _, ok := c.enter("127.0.0.1:3"); !ok {
			t.Error("this machine has no bound of its own")
		}
	}
	if _, ok := c.enter("192.0.2.3:1"); ok {
		t.Error("six places of five")
	}
	for _, leave := range leaves {
		leave()
		leave()
	}
	if c.all != 2 || len(c.each) != 0 {
		t.Errorf("%d %v", c.all, c.each)
	}
}

// TestListenerClosesWhatIsTooMuch: a connection beyond the bound is closed, and one that closes makes room.
func TestListenerClosesWhatIsTooMuch(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	b := &boundedListener{Listener: l, count: newCounter(1, 1)}
	dial := func() net.Conn {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	one, two := dial(), dial()
	defer one.Close()
	first, err := b.Accept()
	if err != nil {
		t.Fatal(err)
	}
	accepted := make(chan net.Conn)
	go func() {
		c, err := b.Accept()
		if err != nil {
			close(accepted)
			return
		}
		accepted <- c
	}()
	if _, err := two.Read(make([]byte, 1)); err == nil {
		t.Error("the second stays")
	}
	two.Close()
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	three := dial()
	defer three.Close()
	c, ok := <-accepted
	if !ok {
		t.Fatal("no room was made")
	}
	c.Close()
}

// TestServeEnds: a server that stops ends its streams and leaves no goroutine.
func TestServeEnds(t *testing.T) {
	f := newFake(t)
	s, err := New(Config{Backend: f, Network: testNet})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	resp := do2(t, "http://"+l.Addr().String()+"/api/events")
	defer resp.Body.Close()
	<-f.listening
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestPanicsAreAnswered(t *testing.T) {
	_, h := serve(t, panicking{newFake(t)}, 0)
	r, b := fetch(t, h.URL+"/api/status")
	if p := problemOf(t, b); r.StatusCode != http.StatusInternalServerError || p.Code != "internal" || strings.Contains(p.Detail, "boom") {
		t.Errorf("%d %s", r.StatusCode, b)
	}
}

type panicking struct{ *fake }

func (panicking) Status(context.Context) (*Status, error) { panic("boom") }

func TestLimits(t *testing.T) {
	now := time.Unix(testTime, 0)
	l := newLimits(1000, func() time.Time { return now })
	from := func(addr string) *http.Request { return &http.Request{RemoteAddr: addr} }
	stranger := from("192.0.2.1:99")
	if w := l.intents(stranger, 256); w != 0 {
		t.Errorf("a list has to wait %s", w)
	}
	if w := l.intents(stranger, 1); w <= 0 || w > 10*time.Millisecond {
		t.Errorf("its share is used up, it waits %s", w)
	}
	if l.intents(from("192.0.2.2:1"), 256) != 0 {
		t.Error("another address waits for the first")
	}
	if l.intents(from("127.0.0.1:1"), 488) != 0 || l.intents(from("[::1]:1"), 1) == 0 || l.intents(from("10.0.0.1:1"), 1) == 0 {
		t.Error("all together take the node's rate, this machine included")
	}
	now = now.Add(time.Second)
	if l.intents(stranger, 250) != 0 || l.intents(stranger, 1) == 0 {
		t.Error("a second brings an address its share")
	}
	for range clientRequestBurst {
		if l.request(from("[2001:db8::1]:5")) != 0 {
			t.Fatal("the burst is smaller than it says")
		}
	}
	if l.request(from("[2001:db8::2]:5")) == 0 || l.request(from("[2001:db8:0:1::2]:5")) != 0 || l.request(from("127.0.0.1:5")) != 0 {
		t.Error("a /64 is one client")
	}
	for range neighbourRequestBurst {
		if l.request(from("10.0.0.1:5")) != 0 {
			t.Fatal("a proxy in front of all clients has less than it says")
		}
	}
	if l.request(from("10.0.0.1:6")) == 0 || l.request(from("[fd00::1]:6")) != 0 {
		t.Error("an address of a private network has no limit, or another's")
	}
}

func TestBucketsAreBounded(t *testing.T) {
	l := newLimits(1, testClock)
	for i := range maxClients + 10 {
		addr := netip.AddrFrom4([4]byte{100, byte(i >> 16), byte(i >> 8), byte(i)})
		l.request(&http.Request{RemoteAddr: netip.AddrPortFrom(addr, 1).String()})
	}
	if len(l.buckets) != maxClients || l.order.Len() != maxClients {
		t.Errorf("%d buckets", len(l.buckets))
	}
	if _, ok := l.buckets[netip.MustParsePrefix("100.0.0.0/32")]; ok {
		t.Error("the one that was silent longest stays")
	}
}

func TestRateLimitsAreProblems(t *testing.T) {
	_, h := serve(t, newFake(t), 1)
	list := intent.EncodeList(many(t, intent.MaxListLen))
	if r, b := post(t, h.URL+"/api/intents", typeCBOR, list); r.StatusCode != http.StatusAccepted {
		t.Fatalf("%d %s", r.StatusCode, b)
	}
	r, b := post(t, h.URL+"/api/intents", typeJSON, jsonOf(t, pay(t, 1)))
	if p := problemOf(t, b); r.StatusCode != http.StatusTooManyRequests || p.Code != "rate_limited" || r.Header.Get("Retry-After") != "1" {
		t.Errorf("%d %v %s", r.StatusCode, r.Header, b)
	}
}

func TestSignIns(t *testing.T) {
	now := time.Unix(testTime, 0)
	s := newSignIns(func() time.Time { return now })
	priv, key := testWallet(1)
	_, other := testWallet(2)
	sign := func(text string) intent.Signature { return signText(priv, text) }
	text := s.Text("node.example:8080", "net", key)
	if s.Text("node.example:8080", "net", key) == text {
		t.Error("two texts are the same")
	}
	foreign := newSignIns(s.clock).Text("node.example:8080", "net", key)
	for name, c := range map[string]struct {
		domain string
		key    intent.Key
		text   string
		want   error
	}{
		"another domain": {"evil.example", key, text, ErrSignInForeign}, "another key": {"node.example:8080", other, text, ErrSignInForeign},
		"another node's": {"node.example:8080", key, foreign, ErrSignInForeign}, "changed": {"node.example:8080", key, text + "\nResources:", ErrSignInForeign},
		"junk": {"node.example:8080", key, "\nNonce: zz\nIssued At: x\n", ErrSignInForeign}, "long": {"node.example:8080", key, text + strings.Repeat("x", 2000), ErrSignInForeign},
	} {
		if err := s.Redeem(c.domain, "net", c.key, c.text, sign(c.text)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := s.Redeem("node.example:8080", "net", key, text, sign("else")); !errors.Is(err, ErrSignInInvalid) {
		t.Error(err)
	}
	if err := s.Redeem("node.example:8080", "net", key, text, sign(text)); err != nil {
		t.Error(err)
	}
	if err := s.Redeem("node.example:8080", "net", key, text, sign(text)); !errors.Is(err, ErrSignInUsed) {
		t.Error(err)
	}
	now = now.Add(signInLife)
	if err := s.Redeem("node.example:8080", "net", key, text, sign(text)); !errors.Is(err, ErrSignInExpired) {
		t.Error(err)
	}
	if domainOf("evil\nNonce: x") != "localhost" || domainOf("[::1]:80") != "[::1]:80" {
		t.Error("a host can be anything")
	}
}

func TestPageShowsTextNeverMarkup(t *testing.T) {
	_, h := serve(t, newFake(t), 0)
	r, b := fetch(t, h.URL+"/")
	if r.StatusCode != http.StatusOK || !bytes.Contains(b, []byte(testNet.Name)) || bytes.Contains(b, []byte("<img src=x")) || bytes.Contains(b, []byte("peer <script>")) {
		t.Errorf("%d %s", r.StatusCode, b)
	}
	csp := r.Header.Get("Content-Security-Policy")
	if !strings.HasPrefix(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") || r.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("%v", r.Header)
	}
	for _, outside := range []string{"http://", "https://", "//cdn", "onclick=", "<style", "style="} {
		if bytes.Contains(b, []byte(outside)) {
			t.Errorf("the page has %q", outside)
		}
	}
}

func TestAssets(t *testing.T) {
	s, h := serve(t, newFake(t), 0)
	for name := range s.page.assets {
		r, b := fetch(t, h.URL+"/assets/"+name)
		if r.StatusCode != http.StatusOK || len(b) == 0 || bytes.Contains(b, []byte("innerHTML")) {
			t.Errorf("%s: %d", name, r.StatusCode)
		}
		if r := do(t, http.MethodGet, h.URL+"/assets/"+name, map[string]string{"If-None-Match": r.Header.Get("ETag")}); r.StatusCode != http.StatusNotModified {
			t.Errorf("%s: %d", name, r.StatusCode)
		}
	}
}

// What the page shows before its script runs: one intent is no "intents", an observer is told by whether it is in step, and
// that the list of peers needs scripts is for those who have none.
func TestPageBeforeItsScript(t *testing.T) {
	p, err := newPage()
	if err != nil {
		t.Fatal(err)
	}
	one := sampleRound()
	one.Outcome.Accepted, one.Settlement.Chunks = 1, 1
	for _, c := range []struct {
		voting string
		synced bool
		more   string
	}{{"observer", true, "in sync"}, {"observer", false, "catching up"}, {"silent", true, "silent"}} {
		var out bytes.Buffer
		v := sight{Status: &Status{Voting: c.voting, Synced: c.synced}, Rounds: []Round{*one, *sampleRound()}}
		if err := p.index.ExecuteTemplate(&out, "index.html", v); err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{`class="more">` + c.more + `</p></div>`, `<td class="num one">1</td>`, `<td class="num">17</td>`, `<td class="num">2</td>`, `class="peers"><noscript>`} {
			if !strings.Contains(out.String(), text) {
				t.Errorf("%+v: the page lacks %s", c, text)
			}
		}
	}
}
