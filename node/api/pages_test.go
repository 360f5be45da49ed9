package api

import (
	"net/http"
	"strings"
	"testing"

	"github.com/phantom-paradox/paradox/intent"
)

// leafs are the pages of what the fake knows.
func leafs(t testing.TB) map[string]string {
	_, key := testWallet(1)
	return map[string]string{"/round/7": "Round 7", "/wallet/" + key.String(): "Balances",
		"/wallet/" + key.String() + "/7": "Statement of height 7", "/intent/" + idOf(t, pay(t, 7)).String(): "Receipt"}
}

// Every page is text: what the network says, markup and marks that turn the direction included, stands there as such.
func TestPagesAreText(t *testing.T) {
	_, h := serve(t, newFake(t), 0)
	for path, says := range leafs(t) {
		r, b := fetch(t, h.URL+path)
		text := string(b)
		if r.StatusCode != http.StatusOK || !strings.Contains(text, says) || !strings.Contains(text, testNet.Name) {
			t.Errorf("%s: %d %s", path, r.StatusCode, text)
		}
		if r.Header.Get("Content-Security-Policy") != pagePolicy || r.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: %v", path, r.Header)
		}
		for _, never := range []string{"<b>for</b>", "<script", "<style", "style=", "onclick", "http://", "https://", "javascript:"} {
			if strings.Contains(text, never) {
				t.Errorf("%s has %q", path, never)
			}
		}
	}
	if _, b := fetch(t, h.URL+"/intent/"+idOf(t, pay(t, 7)).String()); !strings.Contains(string(b), "rent &lt;b&gt;for&lt;/b&gt; May") {
		t.Errorf("the memo is not there: %s", b)
	}
}

// A statement's page says all that its answer says, in the mint's own units.
func TestStatementPage(t *testing.T) {
	f := newFake(t)
	_, h := serve(t, f, 0)
	_, key := testWallet(1)
	_, other := testWallet(2)
	_, b := fetch(t, h.URL+"/wallet/"+key.String()+"/7?after=50")
	if want := (Page{Limit: pageIntents, After: "50"}); len(f.pages) != 1 || f.pages[0] != want {
		t.Errorf("asked for %+v", f.pages)
	}
	text := string(b)
	for _, says := range []string{">10<", "+ 0.000005<", "− 0.000003<", ">10.000002<", "+ 0<", "− 2.002<", ">7.998002<", key.String() + "/sword",
		"−2 USDC fee 0.002", `href="/wallet/` + other.String(), `href="/api/rounds/7/wallets/` + key.String(), `href="?after=50"`} {
		if !strings.Contains(text, says) {
			t.Errorf("the page does not say %q: %s", says, text)
		}
	}
}

func TestGoods(t *testing.T) {
	l := &leaf{network: &Network{Mints: []intent.Mint{{Mint: testMint, Symbol: "USDC", Decimals: 6}}}}
	n := Decimal(1_500_000)
	for want, x := range map[string]StatementIntent{"": {}, "sword": {Item: testMint.String() + "/sword"}, "1.5 USDC": {Item: testMint.String(), Quantity: &n}, "x": {Item: "x", Quantity: &n}} {
		if got := l.Goods(x); got != want {
			t.Errorf("%+v: %q, not %q", x, got, want)
		}
	}
}

func TestPagesOfWhatIsNotThere(t *testing.T) {
	f := newFake(t)
	_, h := serve(t, f, 0)
	for path, status := range map[string]int{"/round/x": 400, "/wallet/x": 400, "/wallet/x/7": 400, "/wallet/" + testMint.String() + "/0": 400, "/intent/x": 400, "/find?q=%3Cscript%3E": 400, "/find": 400} {
		if r, b := fetch(t, h.URL+path); r.StatusCode != status || !strings.Contains(string(b), "Not here") || strings.Contains(string(b), "<script>") {
			t.Errorf("%s: %d %s", path, r.StatusCode, b)
		}
	}
	f.mu.Lock()
	f.fail = ErrNotFound
	f.mu.Unlock()
	for path := range leafs(t) {
		if r, _ := fetch(t, h.URL+path); r.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, r.StatusCode)
		}
	}
}

func TestFind(t *testing.T) {
	_, h := serve(t, newFake(t), 0)
	_, key := testWallet(1)
	id := idOf(t, pay(t, 1)).String()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for q, where := range map[string]string{"7": "/round/7", "%237": "/round/7", "+" + id + "+": "/intent/" + id, key.String(): "/wallet/" + key.String()} {
		r, err := client.Get(h.URL + "/find?q=" + q)
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		if r.StatusCode != http.StatusSeeOther || r.Header.Get("Location") != where {
			t.Errorf("%s: %d %s", q, r.StatusCode, r.Header.Get("Location"))
		}
	}
}

func TestAmountsInUnits(t *testing.T) {
	for _, c := range []struct {
		text     string
		decimals uint8
		want     string
	}{{"0", 6, "0"}, {"1", 6, "0.000001"}, {"1500000", 6, "1.5"}, {"1234567890123", 6, "1\u202f234\u202f567.890123"}, {"1234", 0, "1\u202f234"}, {"x", 2, "x"},
		{"340282366920938463463374607431768211455", 2, "3\u202f402\u202f823\u202f669\u202f209\u202f384\u202f634\u202f633\u202f746\u202f074\u202f317\u202f682\u202f114.55"}} {
		if got := inUnits(c.text, c.decimals); got != c.want {
			t.Errorf("%s with %d: %q", c.text, c.decimals, got)
		}
	}
	if plain("a\u202eb\x00c") != "a\ufffdb\ufffdc" {
		t.Error("marks go through")
	}
}
