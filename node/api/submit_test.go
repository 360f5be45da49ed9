package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/phantom-paradox/paradox/intent"
)

func post(t testing.TB, url, kind string, body []byte) (*http.Response, []byte) {
	t.Helper()
	r, err := http.Post(url, kind, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r, b
}

func resultsOf(t testing.TB, b []byte) []Result {
	t.Helper()
	var r Results
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	return r.Results
}

func TestSubmitOneListAndCBOR(t *testing.T) {
	f := newFake(t)
	_, h := serve(t, f, 0)
	one, two := pay(t, 1), pay(t, 2)
	for name, c := range map[string]struct {
		kind string
		body []byte
		n    int
	}{
		"one":          {"application/json; charset=utf-8", jsonOf(t, one), 1},
		"no type":      {"", jsonOf(t, one), 1},
		"list":         {typeJSON, fmt.Appendf(nil, ` {"intents":[%s,%s]} `, jsonOf(t, one), jsonOf(t, two)), 2},
		"dag-cbor":     {typeCBOR, intent.EncodeList([]*intent.Signed{one, two}), 2},
		"the most":     {typeCBOR, intent.EncodeList(many(t, intent.MaxListLen)), intent.MaxListLen},
		"twice itself": {typeCBOR, intent.EncodeList([]*intent.Signed{one, one}), 2},
	} {
		r, b := post(t, h.URL+"/api/intents", c.kind, c.body)
		got := resultsOf(t, b)
		if r.StatusCode != http.StatusAccepted || len(got) != c.n || got[0].State != Pending || *got[0].ID != idOf(t, one) {
			t.Errorf("%s: %d %s", name, r.StatusCode, b)
		}
	}
}

func many(t testing.TB, n int) []*intent.Signed {
	t.Helper()
	out := make([]*intent.Signed, n)
	for i := range out {
		out[i] = pay(t, uint64(i+1))
	}
	return out
}

func TestSubmitAnswersEachInOrder(t *testing.T) {
	f := newFake(t)
	f.judge = func(s *intent.Signed) *intent.Error {
		if s.Nonce == 2 {
			return &intent.Error{Code: intent.NonceUsed, Field: "nonce", Detail: "used"}
		}
		return nil
	}
	_, h := serve(t, f, 0)
	foreign := bytes.Replace(jsonOf(t, pay(t, 4)), []byte(testNet.Name), []byte("another-net"), 1)
	body := fmt.Appendf(nil, `{"intents":[%s,{"kind":"pay"},%s,%s,7]}`, jsonOf(t, pay(t, 2)), foreign, jsonOf(t, pay(t, 3)))
	r, b := post(t, h.URL+"/api/intents", typeJSON, body)
	got := resultsOf(t, b)
	want := []struct {
		code intent.Code
		id   bool
	}{{intent.NonceUsed, true}, {intent.BadEncoding, false}, {intent.WrongNetwork, false}, {"", true}, {intent.BadEncoding, false}}
	if r.StatusCode != http.StatusAccepted || len(got) != len(want) {
		t.Fatalf("%d %s", r.StatusCode, b)
	}
	for i, w := range want {
		if got[i].Code != w.code || (got[i].ID != nil) != w.id || (got[i].State == Pending) != (w.code == "") {
			t.Errorf("%d: %+v", i, got[i])
		}
	}
	if !bytes.Contains(b, []byte(`{"id":null,"code":"bad_encoding"`)) {
		t.Errorf("%s", b)
	}
	_, doc := fetch(t, h.URL+"/openapi.json")
	checkSchema(t, doc, http.MethodPost, "/api/intents", r, b)
	r, b = post(t, h.URL+"/api/intents", typeJSON, []byte("{}"))
	checkSchema(t, doc, http.MethodPost, "/api/intents", r, b)
	r, b = post(t, h.URL+"/api/intents", typeJSON, []byte("[]"))
	checkSchema(t, doc, http.MethodPost, "/api/intents", r, b)
	if len(f.submitted) != 1 || len(f.submitted[0]) != 2 {
		t.Errorf("the backend saw %d lists", len(f.submitted))
	}
}

func TestSubmitStatusIsTheFirstErrors(t *testing.T) {
	for code, status := range map[intent.Code]int{
		intent.NonceUsed: 409, intent.BadFee: 422, intent.PoolFull: 429, intent.RateLimited: 429, intent.BadEncoding: 400,
		intent.TooLarge: 413, intent.NoEntry: 422, intent.Equivocation: 409, intent.BadSignature: 422,
	} {
		f := newFake(t)
		f.judge = func(s *intent.Signed) *intent.Error {
			if s.Nonce == 1 {
				return &intent.Error{Code: code}
			}
			return &intent.Error{Code: intent.SelfTrade}
		}
		_, h := serve(t, f, 0)
		r, b := post(t, h.URL+"/api/intents", typeCBOR, intent.EncodeList(many(t, 2)))
		if r.StatusCode != status || len(resultsOf(t, b)) != 2 {
			t.Errorf("%s: %d, not %d: %s", code, r.StatusCode, status, b)
		}
	}
}

func TestSubmitBodiesThatAreWholeProblems(t *testing.T) {
	f := newFake(t)
	_, h := serve(t, f, 0)
	long := intent.EncodeList(many(t, intent.MaxListLen))
	long[2]++ // one more than the head may say
	one := string(jsonOf(t, pay(t, 1)))
	for name, c := range map[string]struct {
		kind, body string
		status     int
		code       string
	}{
		"empty":            {typeJSON, "", 400, "bad_request"},
		"no JSON":          {typeJSON, "pay me", 400, "bad_encoding"},
		"an array":         {typeJSON, "[" + one + "]", 400, "bad_encoding"},
		"null":             {typeJSON, "null", 400, "bad_encoding"},
		"cut off":          {typeJSON, one[:40], 400, "bad_encoding"},
		"more after it":    {typeJSON, one + one, 400, "bad_encoding"},
		"empty list":       {typeJSON, `{"intents":[]}`, 400, "bad_encoding"},
		"null list":        {typeJSON, `{"intents":null}`, 400, "bad_encoding"},
		"list is a string": {typeJSON, `{"intents":"x"}`, 400, "bad_encoding"},
		"list twice":       {typeJSON, `{"intents":[],"intents":[` + one + `]}`, 400, "bad_encoding"},
		"list and more":    {typeJSON, `{"intents":[` + one + `],"x":1}`, 400, "bad_encoding"},
		"too many":         {typeJSON, `{"intents":[` + strings.Repeat("{},", intent.MaxListLen) + `{}]}`, 413, "too_large"},
		"too many bytes":   {typeJSON, `{"intents":["` + strings.Repeat("x", MaxBody) + `"]}`, 413, "too_large"},
		"empty dag-cbor":   {typeCBOR, "\x80", 400, "bad_encoding"},
		"no dag-cbor":      {typeCBOR, "hello", 400, "bad_encoding"},
		"no list":          {typeCBOR, "\xa0", 400, "bad_encoding"},
		"long dag-cbor":    {typeCBOR, strings.Repeat("x", intent.MaxListBytes+1), 413, "too_large"},
		"a form":           {"application/x-www-form-urlencoded", one, 400, "bad_request"},
		"a broken type":    {"application/", one, 400, "bad_request"},
	} {
		r, b := post(t, h.URL+"/api/intents", c.kind, []byte(c.body))
		var p Problem
		if err := json.Unmarshal(b, &p); err != nil || r.StatusCode != c.status || p.Code != c.code || p.Status != c.status ||
			p.Detail == "" || r.Header.Get("Content-Type") != problemType {
			t.Errorf("%s: %d %s %v", name, r.StatusCode, b, r.Header)
		}
		if c.status == http.StatusRequestEntityTooLarge && (p.Remedy == "" || strings.Contains(p.Detail, "limit=")) {
			t.Errorf("%s: it is not said how much is not too much: %s", name, b)
		}
	}
	if len(f.submitted) != 0 {
		t.Error("the backend was asked")
	}
}

func TestSubmitFillsABodyToItsLimit(t *testing.T) {
	_, h := serve(t, newFake(t), 0)
	one := jsonOf(t, pay(t, 1))
	body := append(one, bytes.Repeat([]byte(" "), MaxBody-len(one))...)
	if r, b := post(t, h.URL+"/api/intents", typeJSON, body); r.StatusCode != http.StatusAccepted {
		t.Errorf("%d %s", r.StatusCode, b)
	}
}

func TestSessionKeysTakesSessionsOnly(t *testing.T) {
	f := newFake(t)
	_, h := serve(t, f, 0)
	priv, from := testWallet(1)
	_, key := testWallet(2)
	s, err := intent.Sign(priv, testNet, intent.Intent{Kind: intent.Session, From: from, To: &key, Mint: &testMint, MaxVolume: 5,
		Actions: []intent.Action{"pay"}, Nonce: 1, Created: testTime, Expires: testTime + 60})
	if err != nil {
		t.Fatal(err)
	}
	r, b := post(t, h.URL+"/api/session-keys/create", typeJSON, jsonOf(t, s))
	if got := resultsOf(t, b); r.StatusCode != http.StatusAccepted || got[0].State != Pending {
		t.Errorf("%d %s", r.StatusCode, b)
	}
	r, b = post(t, h.URL+"/api/session-keys/create", typeJSON, jsonOf(t, pay(t, 1)))
	if got := resultsOf(t, b); r.StatusCode != http.StatusBadRequest || got[0].Field != "kind" || *got[0].ID != idOf(t, pay(t, 1)) {
		t.Errorf("%d %s", r.StatusCode, b)
	}
}

func TestSubmitWhileNotReady(t *testing.T) {
	f := newFake(t)
	f.ready = fmt.Errorf("%w: the vault has not been read yet", ErrNotReady)
	_, h := serve(t, f, 0)
	r, b := post(t, h.URL+"/api/intents", typeJSON, jsonOf(t, pay(t, 1)))
	if r.StatusCode != http.StatusServiceUnavailable || r.Header.Get("Retry-After") != "2" || !bytes.Contains(b, []byte("not been read")) {
		t.Errorf("%d %v %s", r.StatusCode, r.Header, b)
	}
}

// FuzzSubmit: no body makes the server panic, and every answer is results or a problem.
func FuzzSubmit(f *testing.F) {
	one := pay(f, 1)
	f.Add(false, jsonOf(f, one))
	f.Add(false, fmt.Appendf(nil, `{"intents":[%s,{}]}`, jsonOf(f, one)))
	f.Add(true, intent.EncodeList([]*intent.Signed{one}))
	f.Add(true, []byte("\x81\xa0"))
	f.Add(false, []byte(`{"intents":[1,"",null,[]]}`))
	back := newFake(f)
	s, err := New(Config{Backend: back, Network: testNet, Clock: testClock, Rate: 1 << 30})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, cbor bool, body []byte) {
		kind := typeJSON
		if cbor {
			kind = typeCBOR
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "/api/intents", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", kind)
		w := &header{h: http.Header{}}
		var answer bytes.Buffer
		s.ServeHTTP(teeWriter{w, &answer}, r)
		var results Results
		var p Problem
		switch {
		case w.status == 0 || w.status >= 500:
			t.Errorf("status %d: %s", w.status, answer.Bytes())
		case w.h.Get("Content-Type") == problemType:
			if json.Unmarshal(answer.Bytes(), &p) != nil || p.Status != w.status || p.Code == "" {
				t.Errorf("%d %s", w.status, answer.Bytes())
			}
		case json.Unmarshal(answer.Bytes(), &results) != nil || len(results.Results) == 0:
			t.Errorf("%d %s", w.status, answer.Bytes())
		}
	})
}

type teeWriter struct {
	*header
	b *bytes.Buffer
}

func (t teeWriter) Write(b []byte) (int, error) { return t.b.Write(b) }
