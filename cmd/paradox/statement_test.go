package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/phantom-paradox/paradox/intent"
)

// TestStatement: of a height that was named and of the newest, one's own and another's, over two pages.
func TestStatement(t *testing.T) {
	mint, other := intent.Key{1}, intent.Key{2}
	settled := 9
	node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rest, ok := strings.CutPrefix(r.URL.Path, "/api/rounds/9/wallets/")
		switch {
		case r.URL.Path == "/api/status":
			fmt.Fprintf(w, `{"chain":{"height":%d,"events":"5"}}`, settled)
		case r.URL.Path == "/api/network":
			fmt.Fprintf(w, `{"name":"n","mints":[{"mint":%q,"symbol":"USDC","decimals":6}]}`, mint)
		case ok:
			list, next := fmt.Sprintf(`{"id":%q,"kind":"buy","direction":"out","mint":%q,"symbol":"USDC","amount":"1500000","fee":"1500","counterparty":%q,"item":"%s/sword"}`, intent.ID{1}, mint, other, other), `,"next":"1"`
			if r.URL.Query().Get("after") == "1" {
				list, next = fmt.Sprintf(`{"id":%q,"kind":"cancel","direction":"none"}`, intent.ID{2}), ""
			}
			fmt.Fprintf(w, `{"wallet":%q,"height":9,"time":1800000000,"batch":"bafybatch","gained":["%s/sword"],"given":[],"balances":[{"mint":%q,"symbol":"USDC","before":"7000000",
				"deposited":"3000000","withdrawn":"0","opening":"10000000","in":"36893488147419103232","out":"1501500","delta":"-1501500","closing":"8498500"}],"intents":[%s]%s}`, rest, other, mint, list, next)
		default:
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"detail":"this node keeps no statements of heights before 3","remedy":"Ask another node."}`)
		}
	}))
	defer node.Close()
	s := newShell(t)
	s.expect(2, "paradox wallet new", "statement", "9", "--node", node.URL)
	s.expect(0, "", "wallet", "new")
	own := strings.TrimSpace(s.expect(0, "", "wallet", "address"))
	out := s.expect(0, own, "statement", "--node", node.URL)
	for _, want := range []string{"height  9, 2027-01-15 08:00:00 UTC", "before      7000000 (7 USDC)", "deposited   3000000 (3 USDC)", "opening     10000000 (10 USDC)", "in          36893488147419103232\n",
		"out         1501500 (1.5015 USDC)", "closing     8498500 (8.4985 USDC)", "gained " + other.String() + "/sword", "1500000 (1.5 USDC)", "none       cancel  -", intent.ID{2}.String()} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
	s.expect(0, other.String(), "statement", "9", other.String(), "--node", node.URL)
	if out := s.expect(0, `"closing":"8498500"`, "statement", "9", other.String(), "--node", node.URL, "--json"); strings.Count(out, `"kind"`) != 2 || strings.Contains(out, "next") {
		t.Errorf("%s", out)
	}
	s.expect(2, "no statements of heights before 3; Ask another node", "statement", "2", other.String(), "--node", node.URL)
	s.expect(2, "the first one is 1", "statement", "0", other.String(), "--node", node.URL)
	s.expect(2, "the address", "statement", "9", "nobody", "--node", node.URL)
	s.expect(2, "height", "statement", "nine", other.String(), "--node", node.URL)
	settled = 0
	s.expect(1, "no height has settled yet", "statement", "--node", node.URL)
	node.Close()
	s.expect(3, "is a node running there", "statement", "9", other.String(), "--node", node.URL)
}

// What a node says steers no terminal, and forges no line.
func TestWhatOthersSaidIsText(t *testing.T) {
	node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/api/network":
			fmt.Fprint(w, `{"name":"n"}`)
		case "/api/status":
			fmt.Fprint(w, "{\"version\":\"\\u001b[2Jv\",\"network\":\"\\u202en\",\"peers\":1,\"synced\":true,\"chain\":{\"events\":\"5\"}}")
		case "/api/rounds/9/wallets/" + (intent.Key{2}).String():
			fmt.Fprintf(w, `{"wallet":%q,"height":9,"batch":"b\n  closing     7","gained":["a\tb\u009b"],"balances":[{"symbol":"X\n","before":"0","deposited":"1\n","withdrawn":"0","opening":"0","in":"0","out":"0","closing":"0"}]}`, intent.Key{2})
		default:
			w.WriteHeader(http.StatusTeapot)
			fmt.Fprint(w, `{"detail":"\u001b]0;title\u0007"}`)
		}
	}))
	defer node.Close()
	s := newShell(t)
	for _, args := range [][]string{{"status"}, {"statement", "9", intent.Key{2}.String()}, {"statement", "8", intent.Key{2}.String()}, {"peers"}} {
		_, out, err := s.run(append(args, "--node", node.URL)...)
		if text := out + err; !strings.Contains(text, "\ufffd") || strings.ContainsAny(text, "\x1b\x07\u202e\u009b") || strings.Contains(text, "\n  closing     7") {
			t.Errorf("%q: %q", args, text)
		}
	}
}
