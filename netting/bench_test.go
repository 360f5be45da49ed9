package netting_test

import (
	"fmt"
	"testing"

	"github.com/phantom-paradox/paradox/netting"
	"github.com/phantom-paradox/paradox/netting/internal/plain"
	"github.com/phantom-paradox/paradox/netting/internal/workload"
)

// Wallets a batch size is measured with, beside the mixes that bring their own.
var benchSizes = []struct{ moves, wallets int }{
	{1_000, 1_000}, {10_000, 1_000}, {10_000, 10_000}, {100_000, 1_000}, {100_000, 10_000}, {100_000, 100_000},
	{1_000_000, 10_000}, {1_000_000, 100_000},
}

// No signature is in any of these figures.

// BenchmarkNetCore is from interned moves to the deltas of accounts.
func BenchmarkNetCore(b *testing.B) {
	each(b, func(b *testing.B, batch *workload.Batch) {
		var e netting.Engine
		e.LoadKeyed(&batch.Keyed)
		e.Solve()
		perMove(b, batch, e.Solve)
	})
}

// BenchmarkNetKeys is from 32-byte keys to the sorted outcome, without explanations.
func BenchmarkNetKeys(b *testing.B) {
	each(b, func(b *testing.B, batch *workload.Batch) {
		e := netting.Engine{Bare: true}
		e.NetKeyed(&batch.Keyed)
		perMove(b, batch, func() { e.NetKeyed(&batch.Keyed) })
	})
}

// BenchmarkNetPlain is the map-based version, from 32-byte keys to the sorted outcome.
func BenchmarkNetPlain(b *testing.B) {
	each(b, func(b *testing.B, batch *workload.Batch) {
		if len(batch.Sales) > 0 {
			return // it knows payments only
		}
		perMove(b, batch, func() { plain.Net(batch) })
	})
}

func each(b *testing.B, run func(*testing.B, *workload.Batch)) {
	for _, mix := range []workload.Mix{workload.Solvent, workload.Scarce} {
		for _, s := range benchSizes {
			b.Run(fmt.Sprintf("%s/moves=%d/wallets=%d", mix, s.moves, s.wallets), func(b *testing.B) {
				run(b, workload.Make(mix, s.moves, s.wallets, 1))
			})
		}
	}
	for _, mix := range []workload.Mix{workload.Domino, workload.HotItem, workload.Loops} {
		b.Run(fmt.Sprintf("%s/moves=%d", mix, 100_000), func(b *testing.B) { run(b, workload.Make(mix, 100_000, 0, 1)) })
	}
}

func perMove(b *testing.B, batch *workload.Batch, op func()) {
	b.ReportAllocs()
	for b.Loop() {
		op()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(batch.Moves)), "ns/move")
}
