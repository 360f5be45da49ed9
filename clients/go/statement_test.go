package client

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/network"
)

func TestStatementIsFollowedOverItsPages(t *testing.T) {
	key, second := intent.Key{5}, `"intents":[{"kind":"ask"},{"kind":"buy"}]`
	height, pages := 7, 0
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/rounds/7/wallets/"+key.String() || r.URL.Query().Get("limit") != "200" {
			t.Errorf("asked for %s", r.URL)
		}
		pages++
		if r.URL.Query().Get("after") == "" {
			fmt.Fprintf(w, `{"wallet":%q,"height":7,"batch":"b","gained":["x"],"balances":[{"before":"18446744073709551615","in":"36893488147419103232"}],"intents":[{"kind":"pay"}],"next":"a b&c"}`, key)
			return
		}
		if after := r.URL.Query().Get("after"); after != "a b&c" {
			t.Errorf("after %q", after)
		}
		fmt.Fprintf(w, `{"wallet":%q,"height":%d,"batch":"b",%s}`, key, height, second)
	})
	s, err := c.Statement(t.Context(), 7, key)
	if err != nil || len(s.Intents) != 3 || s.Intents[2].Kind != "buy" || s.Next != "" || s.Gained[0] != "x" || s.Balances[0].Before != 1<<64-1 || s.Balances[0].In != "36893488147419103232" {
		t.Errorf("%+v, %v", s, err)
	}
	many := `"next":"a b&c","intents":[{}`
	for range 20_000 {
		many += ",{}"
	}
	for what, page := range map[string]string{"an empty page": `"intents":[],"next":"a b&c"`, "the same page for ever": many + "]"} {
		second, pages = page, 0
		if _, err := c.Statement(t.Context(), 7, key); !errors.Is(err, errPages) || pages > 2+network.MaxIntents/20_000 {
			t.Errorf("%s: %v after %d pages", what, err, pages)
		}
	}
	second, height = `"intents":[{"kind":"ask"}]`, 8
	if _, err := c.Statement(t.Context(), 7, key); !errors.Is(err, errPages) {
		t.Errorf("a page of another height: %v", err)
	}
}
