package p2p

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Each address is judged by itself: good, of nobody, of somebody else, of another network.
func TestProbe(t *testing.T) {
	ctx := testContext(t)
	good := newHost(t, "good", nil)
	foreign := newHost(t, "foreign", func(c *Config) { c.Prefix = "/paradox/other/0011223344556677" })
	nobody := "/ip4/127.0.0.1/tcp/1/p2p/" + good.ID().String()
	wrong := strings.Replace(good.Addrs()[0], good.ID().String(), foreign.ID().String(), 1)
	newer := newHost(t, "newer", func(c *Config) { c.Versions = Versions{2, 3} })
	nameless := "/dns4/nowhere.invalid/tcp/4001/p2p/" + good.ID().String()
	deaf, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	page := &http.Server{ReadHeaderTimeout: time.Second}
	go page.Serve(deaf)
	t.Cleanup(func() { check(t, page.Close()) })
	noPeer := strings.Replace(nobody, "/tcp/1/", fmt.Sprintf("/tcp/%d/", deaf.Addr().(*net.TCPAddr).Port), 1)
	all, err := Probe(ctx, testPrefix, "paradox/test", []string{good.Addrs()[0], nobody, wrong, foreign.Addrs()[0], newer.Addrs()[0], nameless, noPeer})
	check(t, err)
	if r := all[0]; r.Err != nil || r.Agent != "paradox/test good" || r.Version != 1 || r.Took <= 0 {
		t.Errorf("good: %+v", r)
	}
	if r := all[1]; r.Err == nil || !strings.Contains(r.Err.Error(), "refused") {
		t.Errorf("nobody: %+v", r)
	}
	if r := all[2]; r.Err == nil || !strings.Contains(r.Err.Error(), "peer id mismatch") {
		t.Errorf("somebody else: %+v", r)
	}
	if r := all[3]; !errors.Is(r.Err, ErrIncompatible) {
		t.Errorf("another network: %+v", r)
	}
	if r := all[4]; !errors.Is(r.Err, ErrIncompatible) || !strings.Contains(r.Err.Error(), "upgrade the older") {
		t.Errorf("a later protocol: %+v", r)
	}
	for i, says := range []string{"", "Nothing listens", "Another key", "hash", "upgrades", "DNS", "an address that works"} {
		if got := all[i].Remedy(); !strings.Contains(got, says) || (got == "") != (i == 0) {
			t.Errorf("%s: %v: the remedy is %q", all[i].Address, all[i].Err, got)
		}
	}
	if _, err := Probe(ctx, testPrefix, "x", []string{"/ip4/127.0.0.1/tcp/1"}); err == nil {
		t.Error("an address without a peer is taken")
	}
}
