//go:build linux

package netns

import (
	"fmt"
	"testing"
	"time"
)

const proxyPort = 5000

// Four members reach each other by bad lines only: every second one over TCP alone, the others over QUIC as well. The network
// settles nevertheless, agrees, and loses nothing.
func TestBadLines(t *testing.T) {
	bad := weather{least: 20 * time.Millisecond, most: 150 * time.Millisecond, lose: 0.05}
	var proxies []*proxy
	w := found(t, 4, func(w *world, i int) []string {
		if i == len(proxies) {
			proxies = append(proxies, newProxy(t, proxyPort+i, fmt.Sprintf("%s:%d", w.hosts[i].addr, nodePort), bad))
		}
		out := []string{fmt.Sprintf("/ip4/%s/tcp/%d", hubAddr, proxyPort+i)}
		if i%2 == 0 {
			out = append(out, fmt.Sprintf("/ip4/%s/udp/%d/quic-v1", hubAddr, proxyPort+i))
		}
		return out
	})
	var alone [][]*host
	for _, h := range w.hosts {
		alone = append(alone, []*host{h})
	}
	part(t, alone...)
	acks, stop := w.pay(t)
	w.goesOn(t, 6, 0, 1, 2, 3)
	stop()
	count := acks.count()
	acks.kept(t)
	w.agree(t)
	var tcp, udp, lost int64
	for _, p := range proxies {
		tcp, udp, lost = tcp+p.carried.tcp.Load(), udp+p.carried.udp.Load(), lost+p.carried.lost.Load()
	}
	t.Logf("%d intents; the lines carried %d pieces over TCP and %d datagrams, and lost %d", count, tcp, udp, lost)
	if tcp == 0 || udp == 0 || lost == 0 {
		t.Error("the lines were not used, or were good")
	}
}
