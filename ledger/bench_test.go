package ledger

import (
	"fmt"
	"testing"

	"github.com/phantom-paradox/paradox/intent"
)

// benchWorld has wallets, each with money, and a pool of payments among them, all covered. The ids are not the texts'
// hashes: computing 100,000 of them is the door's work.
func benchWorld(b *testing.B, wallets, intents int) (*world, []BatchIntent) {
	f := testFile()
	f.Params.MaxIntents, f.Params.MaxWallets, f.Params.MaxBatchBytes = 100_000, 1<<30, 32<<20
	w := newWorld(b, f)
	keys := make([]intent.Key, wallets)
	for k := range keys {
		keys[k] = keyOf("wallet", k)
		w.fund(keys[k], 0, 1<<40)
	}
	in := w.input()
	in.Members = testMembers(0, 4)
	r, err := w.opening().Execute(in)
	w.must(err)
	w.settle(r, in)
	list := make([]BatchIntent, intents)
	for k := range list {
		from, to := k%wallets, (k*7+1+k/wallets)%wallets
		if from == to {
			to = (to + 1) % wallets
		}
		i := intent.Intent{Network: w.net.Hash, Kind: intent.Pay, From: keys[from], To: &keys[to], Mint: &f.Mints[0].Mint, Amount: uint64(1000 + k),
			Nonce: uint64(1 + k/wallets), Created: w.state.Time(), Expires: w.state.Time() + 3000}
		i.Fee = intent.Fee(i.Amount, f.FeeBps)
		list[k] = BatchIntent{ID: intent.ID(keyOf("id", k)), Signed: &intent.Signed{Intent: i}}
	}
	return w, list
}

func BenchmarkExecute(b *testing.B) {
	for _, n := range []int{10_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			w, list := benchWorld(b, n/10, n)
			o := w.opening()
			in := w.input(list...)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := o.Execute(in); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/intent")
		})
	}
}

func BenchmarkSelect(b *testing.B) {
	for _, n := range []int{10_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			w, list := benchWorld(b, n/10, n)
			o := w.opening()
			pool := make([]Candidate, n)
			for k, x := range list {
				pool[k] = Candidate{ID: x.ID, Signed: x.Signed, Size: 300, Bundle: BlockCID(fmt.Append(nil, k/256)), Index: k % 256}
			}
			b.ReportAllocs()
			for b.Loop() {
				s, err := o.Select(pool, SelectParams{Time: w.state.Time() + 1})
				if err != nil || len(s.Taken) != n {
					b.Fatal(err, len(s.Taken))
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/intent")
		})
	}
}

// BenchmarkPropose is what a leader does: it selects and executes its own selection; judged says whether from the start.
func BenchmarkPropose(b *testing.B) {
	const n = 100_000
	w, list := benchWorld(b, n/10, n)
	o := w.opening()
	pool := candidates(list)
	for _, judged := range []string{"once", "twice"} {
		b.Run(judged, func(b *testing.B) {
			for b.Loop() {
				s, err := o.Select(pool, SelectParams{Time: w.state.Time() + 1})
				if err != nil {
					b.Fatal(err)
				}
				execute := s.Execute
				if judged == "twice" {
					execute = o.Execute
				}
				if _, err := execute(w.input(s.Intents...)); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/intent")
		})
	}
}

func BenchmarkLattice(b *testing.B) {
	var l lattice
	value := make([]byte, entryBytes)
	b.ReportAllocs()
	for b.Loop() {
		l.add("\x03aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaabbbb", value)
	}
}
