package testnet

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	client "github.com/phantom-paradox/paradox/clients/go"
	"github.com/phantom-paradox/paradox/intent"
)

// fakeNetwork is a network as its clients see it: nodes that share one pool. With each beat of its clock what can settle
// does, a height at a time. It judges no more than it must to give a launcher every kind of answer.
type fakeNetwork struct {
	mu       sync.Mutex
	net      *intent.Network
	now      time.Time
	known    map[intent.ID]*fakeIntent
	order    []intent.ID
	money    map[intent.Key]bool // wallets that money has come to
	poor     map[intent.Key]bool
	stuck    map[intent.Key]bool
	stranger intent.Key
	height   uint64
	counts   map[uint64]int
	down     map[int]bool // nodes that do not answer
	full     int          // answers rate_limited to so many more intents
}

type fakeIntent struct {
	s      *intent.Signed
	state  string
	code   intent.Code
	height uint64
}

func (f *fakeNetwork) serve(t *testing.T, nodes int) []*client.Client {
	t.Helper()
	var out []*client.Client
	for n := range nodes {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			f.mu.Lock()
			defer f.mu.Unlock()
			if f.down[n] {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			f.answer(w, r)
		}))
		c, err := client.New(s.URL)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close(); s.Close() })
		out = append(out, c)
	}
	return out
}

func (f *fakeNetwork) answer(w http.ResponseWriter, r *http.Request) {
	var v any
	switch path := r.URL.Path; {
	case r.Method == http.MethodPost:
		v = f.take(r)
	case path == "/api/status":
		v = map[string]any{"height": f.height, "chain": map[string]any{"height": f.height, "slot": f.height * 32, "events": "0"}, "state_digest": fmt.Sprint("digest ", f.height)}
	case strings.HasPrefix(path, "/api/intents/"):
		v = f.status(strings.TrimPrefix(path, "/api/intents/"))
	case strings.HasPrefix(path, "/api/rounds/"):
		var h uint64
		if _, err := fmt.Sscan(strings.TrimPrefix(path, "/api/rounds/"), &h); err == nil && h >= 1 && h <= f.height {
			v = map[string]any{
				"header":     map[string]any{"height": h, "batch": fmt.Sprint("batch", h), "leader": "m"},
				"outcome":    map[string]any{"accepted": f.counts[h], "legs": f.counts[h], "changes": 2},
				"settlement": map[string]any{"state": "settled", "transactions": []string{"a", "b", "c"}, "slot": h * 32, "chunks": 2},
			}
		}
	}
	if v == nil {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	if err := json.NewEncoder(w).Encode(v); err != nil {
		panic(err)
	}
}

func (f *fakeNetwork) status(text string) any {
	id, err := intent.ParseID(text)
	i := f.known[id]
	if err != nil || i == nil {
		return nil
	}
	v := map[string]any{"id": id, "state": i.state}
	if i.height > 0 {
		v["accepted"] = map[string]any{"height": i.height}
	}
	if i.code != "" {
		v["dropped"] = map[string]any{"code": i.code}
	}
	return v
}

func (f *fakeNetwork) take(r *http.Request) any {
	b, err := io.ReadAll(r.Body)
	if err != nil {
		panic(err)
	}
	var list []*intent.Signed
	if r.Header.Get("Content-Type") == "application/cbor" {
		if list, err = intent.DecodeList(b); err != nil {
			panic(err)
		}
	} else {
		var body struct{ Intents []json.RawMessage }
		if err := json.Unmarshal(b, &body); err != nil {
			panic(err)
		}
		for _, one := range body.Intents {
			s, err := intent.ParseJSON(one, f.net)
			if err != nil {
				panic(err)
			}
			list = append(list, s)
		}
	}
	results := []any{}
	for _, s := range list {
		results = append(results, f.admit(s))
	}
	return map[string]any{"results": results}
}

func (f *fakeNetwork) admit(s *intent.Signed) any {
	id, err := s.ID(f.net)
	if err != nil {
		return map[string]any{"id": nil, "code": codeIn(err)}
	}
	if f.full > 0 {
		f.full--
		return map[string]any{"id": id, "code": intent.RateLimited}
	}
	if code := f.judge(s); code != "" {
		return map[string]any{"id": id, "code": code}
	}
	if f.known[id] == nil {
		f.known[id] = &fakeIntent{s: s, state: client.Pending}
		f.order = append(f.order, id)
	}
	return map[string]any{"id": id, "state": f.known[id].state}
}

func (f *fakeNetwork) judge(s *intent.Signed) intent.Code {
	err := s.Check(f.net)
	if err == nil && s.From == f.stranger {
		return intent.NoEntry
	}
	if err == nil && s.Signer != nil && !f.opened(*s.Signer) {
		return intent.UnknownSession
	}
	if err == nil {
		err = s.Verify(f.net)
	}
	if code := codeIn(err); code != "" {
		return code
	}
	now := f.now.Unix()
	switch {
	case s.Created > now+30:
		return intent.NotYetValid
	case s.Expires <= now:
		return intent.Expired
	case s.Ask != nil && f.known[*s.Ask] == nil:
		return intent.UnknownAsk
	}
	return ""
}

func codeIn(err error) intent.Code {
	if e, ok := errors.AsType[*intent.Error](err); ok {
		return e.Code
	}
	return ""
}

func (f *fakeNetwork) opened(key intent.Key) bool {
	for _, i := range f.known {
		if i.s.Kind == intent.Session && *i.s.To == key && i.state == client.Settled {
			return true
		}
	}
	return false
}

// beat settles a height of all that can.
func (f *fakeNetwork) beat(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = f.now.Add(d)
	h, n := f.height+1, 0
	settle := func(i *fakeIntent) {
		i.state, i.height = client.Settled, h
		n++
		if i.s.Kind == intent.Pay {
			f.money[*i.s.To] = true
		}
	}
	for _, id := range f.order {
		i := f.known[id]
		switch {
		case i.state != client.Pending:
		case i.s.Expires <= f.now.Unix():
			i.state, i.code = client.Dropped, intent.Expired
		case f.stuck[i.s.From], f.poor[i.s.From] && !f.money[i.s.From], i.s.Kind == intent.Ask:
		case i.s.Kind == intent.Buy:
			settle(f.known[*i.s.Ask])
			settle(i)
		case i.s.Kind == intent.Cancel:
			settle(i)
			f.cancel(i.s)
		default:
			settle(i)
		}
	}
	if n > 0 {
		f.height, f.counts[h] = h, n
	}
}

func (f *fakeNetwork) cancel(c *intent.Signed) {
	for _, i := range f.known {
		if i.state == client.Pending && i.s.From == c.From && i.s.Nonce == c.Nonce && i.s.Kind != intent.Cancel {
			i.state, i.code = client.Dropped, intent.Cancelled
		}
	}
}
