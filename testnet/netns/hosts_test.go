//go:build linux

package netns

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

// The hub and its hosts share one Ethernet; addresses are of a range that no route leaves.
const (
	bridge    = "hub"
	hubAddr   = "10.77.0.1"
	prefixLen = "/24"
)

// command runs a command that sets up the network; input is its standard input.
func command(input string, line ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), setupWait)
	defer cancel()
	cmd := exec.CommandContext(ctx, line[0], line[1:]...)
	cmd.Stdin = strings.NewReader(input)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(line, " "), err, out)
	}
	return nil
}

// A host is a network namespace with one interface on the bridge.
type host struct {
	name string
	addr string
}

// newHosts makes hosts that are gone when the test ends.
func newHosts(t *testing.T, n int) []*host {
	t.Helper()
	var out []*host
	for i := range n {
		h := &host{name: fmt.Sprintf("host%d", i), addr: fmt.Sprintf("10.77.0.%d", 11+i)}
		port := fmt.Sprintf("port%d", i)
		h.must(t, "", "ip", "netns", "add", h.name)
		t.Cleanup(func() { h.must(t, "", "ip", "netns", "delete", h.name) })
		h.must(t, "", "ip", "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", h.name)
		// A namespace's links go some time after it; deleted by name they are gone at once, and the next test may use it.
		t.Cleanup(func() { h.must(t, "", "ip", "link", "delete", port) })
		h.must(t, "", "ip", "link", "set", port, "master", bridge, "up")
		h.run(t, "", "ip", "link", "set", "lo", "up")
		h.run(t, "", "ip", "addr", "add", h.addr+prefixLen, "dev", "eth0")
		h.run(t, "", "ip", "link", "set", "eth0", "up")
		out = append(out, h)
	}
	return out
}

func (h *host) must(t *testing.T, input string, line ...string) {
	t.Helper()
	if err := command(input, line...); err != nil {
		t.Fatal(err)
	}
}

// run runs a command on the host.
func (h *host) run(t *testing.T, input string, line ...string) {
	t.Helper()
	h.must(t, input, append([]string{"ip", "netns", "exec", h.name}, line...)...)
}

// deaf makes the host lose every packet that comes from these hosts, and from these only.
func (h *host) deaf(t *testing.T, from ...*host) {
	t.Helper()
	rules := "table inet cut\ndelete table inet cut\n" // the first line makes what the second needs
	if len(from) > 0 {
		var addrs []string
		for _, f := range from {
			addrs = append(addrs, f.addr)
		}
		rules += fmt.Sprintf("table inet cut {\n chain in {\n type filter hook input priority 0;\n ip saddr { %s } drop\n }\n}\n", strings.Join(addrs, ", "))
	}
	h.run(t, rules, "nft", "-f", "-")
}

// part cuts all hosts into groups that hear nothing of each other. The hub, and with it the chain, is heard by all.
func part(t *testing.T, groups ...[]*host) {
	t.Helper()
	for i, g := range groups {
		var others []*host
		for j, o := range groups {
			if j != i {
				others = append(others, o...)
			}
		}
		for _, h := range g {
			h.deaf(t, others...)
		}
	}
}
