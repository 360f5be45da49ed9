package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	client "github.com/phantom-paradox/paradox/clients/go"
)

// TestStatusWithAnother: two nodes that say the same, or not, or are of two networks.
func TestStatusWithAnother(t *testing.T) {
	node := func(network, digest string, height uint64) string {
		h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			st := client.Status{Network: network, Peers: 1, Synced: true, Voting: "observer", StateDigest: digest}
			st.Chain.Height = height
			if err := json.NewEncoder(w).Encode(st); err != nil {
				t.Error(err)
			}
		}))
		t.Cleanup(h.Close)
		return h.URL
	}
	s := newShell(t)
	mine := node("a", "aa", 3)
	s.expect(0, "on the state at height 3", "status", "--node", mine, "--with", node("a", "aa", 3))
	out := s.expect(0, "", "status", "--node", mine, "--with", node("a", "aa", 3), "--json")
	var v struct{ Agreement agreement }
	if err := json.Unmarshal([]byte(out), &v); err != nil || v.Agreement.Height != 3 || v.Agreement.Digest != "aa" || strings.Count(out, "\n") != 1 {
		t.Errorf("%q: %+v, %v", out, v, err)
	}
	s.expect(4, "with the state aa", "status", "--node", mine, "--with", node("a", "bb", 3), "--wait", "20ms")
	s.expect(4, "at height 4 with aa", "status", "--node", mine, "--with", node("a", "aa", 4), "--wait", "20ms")
	s.expect(2, "is on b, not on a", "status", "--node", mine, "--with", node("b", "aa", 3))
	s.expect(2, "--with", "status", "--node", mine, "--with", "ftp://x")
	s.expect(3, "--with", "status", "--node", mine, "--with", "127.0.0.1:1")
}
