package node

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/phantom-paradox/paradox/intent"
)

// BenchmarkAdmit measures one node's door: signatures, checks and the durable write included, HTTP and JSON not. The unit
// is one intent; lists of 1 are what a lone wallet sends, of 256 what a game server sends.
func BenchmarkAdmit(b *testing.B) {
	for _, size := range []int{1, 16, 256} {
		b.Run(fmt.Sprintf("list=%d", size), func(b *testing.B) {
			c := newCluster(b, 1)
			c.start(0)
			payee := c.wallet(-1, 0)
			var list []*intent.Signed
			const each = 512 // below the bound of a funded wallet
			for w := 0; len(list) < b.N; w++ {
				from := c.wallet(w, 1) // funded, but with too little for a round to begin
				for range min(each, b.N-len(list)) {
					list = append(list, c.pay(from, payee, 1000))
				}
			}
			c.seen()
			b.ResetTimer()
			for at := 0; at < len(list); at += size {
				verdicts, err := c.nodes[0].door.Submit(context.Background(), list[at:min(at+size, len(list))])
				if err != nil {
					b.Fatal(err)
				}
				for _, v := range verdicts {
					if v.Err != nil {
						b.Fatal(v.Err)
					}
				}
			}
			b.StopTimer()
			b.ReportMetric(float64(len(list))/b.Elapsed().Seconds(), "intents/s")
		})
	}
}

// BenchmarkRound measures a committee of four over loopback sockets, from admission at one node to the settlement on all,
// with a vault in memory: latency in seconds of a batch of so many intents.
func BenchmarkRound(b *testing.B) {
	for _, size := range []int{1, 100, 1000} {
		b.Run(fmt.Sprintf("intents=%d", size), func(b *testing.B) {
			c := newCluster(b, 4)
			for i := range 4 {
				c.start(i)
			}
			from, to := c.wallet(0, 1<<40), c.wallet(1, 0)
			c.seen()
			var total time.Duration
			for b.Loop() {
				b.StopTimer()
				var list []*intent.Signed
				for range size {
					list = append(list, c.pay(from, to, 1000))
				}
				b.StartTimer()
				began := time.Now()
				var ids []intent.ID
				for at := 0; at < len(list); at += 256 {
					ids = append(ids, c.take(0, list[at:min(at+256, len(list))]...)...)
				}
				c.settled(ids)
				total += time.Since(began)
			}
			b.ReportMetric(total.Seconds()/float64(b.N), "s/round")
		})
	}
}
