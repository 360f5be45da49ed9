package node

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/ledger"
	"github.com/phantom-paradox/paradox/network"
)

// BenchmarkBatch decides and settles 100,000 intents of 250 wallets in one batch at four members over loopback sockets, and
// tells what that took: seconds since the first was handed in, the batch's bytes, what each node sent for it, and the memory
// of all four nodes at its highest.
func BenchmarkBatch(b *testing.B) {
	for _, size := range []int{10_000, 100_000} {
		b.Run(fmt.Sprintf("intents=%d", size), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				c := bigCluster(b, size)
				list := c.traffic(size, 250)
				b.StartTimer()
				began := time.Now()
				c.flood(list)
				b.ReportMetric(time.Since(began).Seconds(), "s/admitted")
				c.wait("the batch is decided", func() bool {
					s := c.nodes[0].engine.status.Load()
					return s.Provisional || s.Height > 0
				})
				b.ReportMetric(time.Since(began).Seconds(), "s/decided")
				last := c.agreed(1)
				b.ReportMetric(time.Since(began).Seconds(), "s/settled")
				b.StopTimer()
				c.report(b, last)
				for i := range c.nodes {
					c.halt(i)
				}
				b.StartTimer() // b.Loop wants it so
			}
		})
	}
}

// report tells the bytes and the memory of a batch that is settled.
func (c *cluster) report(b *testing.B, last *Sight) {
	cert, err := c.nodes[0].book.parsed(1)
	if err != nil || cert == nil || last.Height != 1 {
		b.Fatalf("%d heights, %v", last.Height, err)
	}
	h, err := ledger.ParseHeader(cert.Body)
	if err != nil {
		b.Fatal(err)
	}
	sent := int64(0)
	for _, n := range c.nodes {
		sent += n.host.Traffic().TotalOut
	}
	b.ReportMetric(float64(h.Bytes), "B/batch")
	b.ReportMetric(float64(sent)/float64(len(c.nodes)), "B-sent/node")
	b.ReportMetric(float64(cert.View), "view")
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return // another system than Linux
	}
	var peak float64
	for line := range strings.Lines(string(status)) {
		if _, err := fmt.Sscanf(line, "VmHWM: %f kB", &peak); err == nil {
			b.ReportMetric(peak/1024, "MiB-peak")
		}
	}
}

// A batch of several bundles, of intents that all members have pooled: nobody checks a signature again when it is proposed.
func TestPooledSignaturesAreNotCheckedAgain(t *testing.T) {
	const size = 1500
	c := bigCluster(t, size)
	list := c.traffic(size, 10)
	c.flood(list[1:])
	c.wait("all members have pooled all but one", func() bool {
		for _, n := range c.nodes {
			if n.pool.Stats().Intents < size-1 {
				return false
			}
		}
		return true
	})
	for i, n := range c.nodes {
		if s := n.engine.status.Load(); s.Provisional || s.Height > 0 {
			t.Fatalf("node %d did not wait: %+v", i, s)
		}
	}
	c.flood(list[:1]) // a member may not have heard of this one when it is proposed
	c.agreed(1)
	for i, n := range c.nodes {
		if got := n.verified(t, "batch"); got > 1 {
			t.Errorf("node %d checked %v signatures of the batch", i, got)
		}
		if got := n.verified(t, "door"); got < size-1 {
			t.Errorf("node %d checked %v signatures at its door", i, got)
		}
	}
	h := c.nodes[0].engine.status.Load()
	if h.Height != 1 {
		t.Errorf("it took %d heights", h.Height)
	}
}

// verified is how many signatures a node has checked at a place.
func (n *running) verified(t *testing.T, where string) (sum float64) {
	t.Helper()
	families, err := n.meter.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == "paradox_signatures_verified_total" && m.GetLabel()[0].GetValue() == where {
				sum += m.GetCounter().GetValue()
			}
		}
	}
	return sum
}

// bigCluster waits for so many intents before it begins a round.
func bigCluster(t testing.TB, size int) *cluster {
	c := newClusterWith(t, 4, func(p *network.Params) {
		p.MinIntents, p.MaxIntents, p.MaxBatchBytes, p.MaxWait = size, size, network.MaxBatchBytes, network.MaxMillis
		p.ViewTimeout, p.ViewTimeoutMax = 10_000, 60_000
	})
	for i := range c.nodes {
		c.start(i)
	}
	return c
}

// traffic are payments in a ring of wallets.
func (c *cluster) traffic(size, wallets int) (list []*intent.Signed) {
	ring := make([]*testWallet, wallets)
	for i := range ring {
		ring[i] = c.wallet(i, 1<<30)
	}
	c.seen()
	for i := range size {
		list = append(list, c.pay(ring[i%wallets], ring[(i+1+i/wallets%(wallets-1))%wallets], uint64(1000+i)))
	}
	return list
}

// flood hands a list in at all nodes at once, a part at each.
func (c *cluster) flood(list []*intent.Signed) {
	c.t.Helper()
	var wg sync.WaitGroup
	for i, n := range c.nodes {
		wg.Go(func() {
			for at := i * 256; at < len(list); at += len(c.nodes) * 256 {
				verdicts, err := n.door.Submit(context.Background(), list[at:min(at+256, len(list))])
				if err != nil {
					c.t.Error(err)
					return
				}
				for _, v := range verdicts {
					if v.Err != nil {
						c.t.Error(v.Err)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	if c.t.Failed() {
		c.t.FailNow()
	}
}
