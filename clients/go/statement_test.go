package client

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/phantom-paradox/paradox/intent"
)

func TestStatementIsFollowedOverItsPages(t *testing.T) {
	key := intent.Key{5}
	circles := false
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/rounds/7/wallets/"+key.String() || r.URL.Query().Get("limit") != "200" {
			t.Errorf("asked for %s", r.URL)
		}
		switch after := r.URL.Query().Get("after"); {
		case after == "":
			fmt.Fprintf(w, `{"wallet":%q,"height":7,"balances":[{"before":"18446744073709551615","in":"36893488147419103232"}],"intents":[{"kind":"pay"}],"next":"a b&c"}`, key)
		case circles:
			fmt.Fprint(w, `{"intents":[],"next":"a b&c"}`)
		case after == "a b&c":
			fmt.Fprint(w, `{"intents":[{"kind":"ask"},{"kind":"buy"}]}`)
		default:
			t.Errorf("after %q", after)
		}
	})
	s, err := c.Statement(t.Context(), 7, key)
	if err != nil || len(s.Intents) != 3 || s.Intents[2].Kind != "buy" || s.Next != "" || s.Balances[0].Before != 1<<64-1 || s.Balances[0].In != "36893488147419103232" {
		t.Errorf("%+v, %v", s, err)
	}
	circles = true
	if _, err := c.Statement(t.Context(), 7, key); err == nil || !strings.Contains(err.Error(), "circles") {
		t.Errorf("a node that leads in circles: %v", err)
	}
}
