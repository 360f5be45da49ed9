package svm_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	sol "github.com/gagliardetto/solana-go/rpc"

	"github.com/phantom-paradox/paradox/chain/rpctest"
	"github.com/phantom-paradox/paradox/chain/vault"
	"github.com/phantom-paradox/paradox/chain/wallet"
	"github.com/phantom-paradox/paradox/intent"
)

// benchSlot is Solana's slot; PARADOX_SLOT takes another.
func benchSlot(b *testing.B) time.Duration {
	if text := os.Getenv("PARADOX_SLOT"); text != "" {
		d, err := time.ParseDuration(text)
		must(b, err)
		return d
	}
	return 400 * time.Millisecond
}

// bench is a network with so many entries that all have money, on one of the chains.
func bench(b *testing.B, ctx context.Context, c cluster, entries int) *weather {
	b.Helper()
	w := newWeather(ctx, b, c, weatherProgram(), 3)
	var owners []intent.Key
	for i := 2; i < entries; i++ {
		owners = append(owners, pub(walletKeys+uint64(i)))
	}
	if len(owners) == 0 {
		return w
	}
	payer, mint := key(payerKey), pub(mintKey)
	of, err := w.wallet.OpenEntries(ctx, payer, mint, owners)
	must(b, err)
	must(b, w.wallet.Mint(ctx, payer, mint, []wallet.Grant{{Owner: payer.PublicKey(), Amount: 1000 * uint64(entries)}}))
	var deposits []wallet.EntryOf
	for _, n := range of {
		deposits = append(deposits, wallet.EntryOf{Owner: payer, Entry: n, Amount: 1000})
	}
	must(b, w.wallet.Deposit(ctx, payer, mint, deposits))
	w.events += 2 * uint64(len(owners))
	return w
}

// across is the chunks that move one unit from each wallet of the first half to one of the second.
func across(wallets int) (chunks [][]byte) {
	const fit = 150 // wallets in a chunk, on a page; amounts of one byte would take more
	for half, kind := range []uint8{vault.ChunkDebits, vault.ChunkCredits} {
		for from := 0; from < wallets/2; from += fit {
			c := &vault.Chunk{Kind: kind, Mint: pub(mintKey)}
			for i := from; i < min(from+fit, wallets/2); i++ {
				c.Pairs = append(c.Pairs, vault.Pair{Entry: uint32(1 + half*wallets/2 + i), Amount: 1})
			}
			chunks = append(chunks, c.Encode())
		}
	}
	return chunks
}

func (w *weather) lamports() uint64 {
	w.t.Helper()
	r, err := w.client.GetBalance(w.ctx, key(payerKey).PublicKey(), sol.CommitmentFinalized)
	must(w.t, err)
	return r.Value
}

// submit hands a height of so many wallets to the settler.
func (w *weather) submit(wallets int) {
	w.t.Helper()
	w.await("everything is seen", func() bool { c, _ := w.watch.Head(); return c.Number == w.events && w.watch.Err() == nil })
	w.await("the vault may be attested again", func() bool {
		v := w.truth()
		slot, err := w.client.GetSlot(w.ctx, sol.CommitmentProcessed)
		must(w.t, err)
		return slot > v.LastSlot+32
	})
	cut, _ := w.watch.Head()
	w.height++
	j := w.certify(w.height, w.previous, cut, across(wallets)...)
	w.previous = j.Header.Digest()
	w.events++
	must(w.t, w.settle.Submit(j))
}

func (w *weather) seenSettled() bool { _, ok := w.watch.Settled(w.height); return ok }

const benchTime = 20 * time.Minute

// onBoth runs fn on the machine and on the model, with Solana's slots.
func onBoth(b *testing.B, fn func(b *testing.B, ctx context.Context, c cluster)) {
	ctx, cancel := context.WithTimeout(b.Context(), benchTime)
	defer cancel()
	for _, c := range clustersAt(b, ctx, weatherProgram(), benchSlot(b)) {
		b.Run(c.name, func(b *testing.B) { fn(b, ctx, c) })
		must(b, c.close())
	}
}

// BenchmarkSettlement is how long a height takes from its decision to its settlement, finalised, as a node sees it, and what it
// costs: transactions and lamports. The 32 slots that must lie between two heights are over when it begins.
func BenchmarkSettlement(b *testing.B) {
	const most = 3000
	onBoth(b, func(b *testing.B, ctx context.Context, c cluster) {
		w := bench(b, ctx, c, most)
		w.live(key(payerKey))
		defer w.stop()
		for _, wallets := range []int{10, 100, 1000, most} {
			b.Run(fmt.Sprintf("wallets=%d", wallets), func(b *testing.B) {
				var took time.Duration
				var lamports, transactions uint64
				for b.Loop() {
					b.StopTimer()
					before := w.lamports()
					w.submit(wallets)
					begin := time.Now()
					b.StartTimer()
					w.await("the height is settled", w.seenSettled)
					b.StopTimer()
					took += time.Since(begin)
					w.await("the settler knows", func() bool { st, _ := w.settle.Status(w.height); return st.Stage == "settled" })
					st, _ := w.settle.Status(w.height)
					transactions += uint64(st.Transactions)
					lamports += before - w.lamports()
					b.StartTimer()
				}
				b.ReportMetric(took.Seconds()/float64(b.N), "s/height")
				b.ReportMetric(float64(transactions)/float64(b.N), "transactions/height")
				b.ReportMetric(float64(lamports)/float64(b.N), "lamports/height") // a tally's rent may be in it, and one that comes back
			})
		}
	})
}

// BenchmarkRecovery is how much longer a height of 3,000 wallets takes whose settler is killed in the midst of it, and one in the
// midst of which an endpoint of three stops answering: seconds from that moment to the settlement, finalised.
func BenchmarkRecovery(b *testing.B) {
	const wallets, half = 3000, 8 // chunks: it is seen when those that were sent at once are applied
	onBoth(b, func(b *testing.B, ctx context.Context, c cluster) {
		w := bench(b, ctx, c, wallets)
		w.live(key(payerKey))
		for _, x := range []struct {
			name   string
			happen func()
		}{
			{"nothing", func() {}},
			{"settler-killed", func() { w.stop(); w.live(key(payerKey)) }},
			{"endpoint-lost", func() { w.set(rpctest.Faults{Cut: 1}, 0); w.ends[0].CutSockets() }},
			{"endpoint-hangs", func() { w.set(rpctest.Faults{Hang: 1}, 0) }},
		} {
			b.Run(x.name, func(b *testing.B) {
				var took time.Duration
				for b.Loop() {
					w.submit(wallets)
					w.await("it is half way", func() bool { st, _ := w.settle.Status(w.height); return st.Applied >= half })
					begin := time.Now()
					x.happen()
					w.await("the height is settled", w.seenSettled)
					took += time.Since(begin)
					w.set(rpctest.Faults{}, 0, 1, 2)
				}
				b.ReportMetric(took.Seconds()/float64(b.N), "s/recovery")
			})
		}
		w.stop()
	})
}
