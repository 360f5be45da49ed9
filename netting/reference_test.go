package netting

import (
	"math/rand/v2"
	"reflect"
	"runtime"
	"sync"
	"testing"
)

// smallCases is the number of random cases on which the engine must equal the readable one.
const smallCases = 100_000

func TestEngineEqualsReadableEngine(t *testing.T) {
	workers := runtime.GOMAXPROCS(0)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			var e Engine
			for i := w; i < smallCases && !t.Failed(); i += workers {
				rng := rand.New(rand.NewPCG(uint64(i), 7))
				c := randomShape(rng).random(rng)
				want, got := string(netReadable(c).JSON()), string(e.Net(c).JSON())
				if got != want {
					t.Errorf("case %d:\n%s\ngot  %s\nwant %s", i, c.JSON(), got, want)
				}
			}
		})
	}
	wg.Wait()
}

func TestEngineEqualsReadableEngineOnLargerCases(t *testing.T) {
	var e Engine
	for i := range 60 {
		rng := rand.New(rand.NewPCG(uint64(i), 8))
		s := randomShape(rng)
		s.wallets, s.moves, s.items = 5+rng.IntN(40), 200+rng.IntN(400), rng.IntN(3)
		c := s.random(rng)
		if want, got := string(netReadable(c).JSON()), string(e.Net(c).JSON()); got != want {
			t.Fatalf("case %d:\n%s\ngot  %s\nwant %s", i, c.JSON(), got, want)
		}
	}
}

// A reused engine, a new one, one among others at work, and any number of processors give the same bytes and the same
// explanations.
func TestNothingButTheCaseReachesTheOutcome(t *testing.T) {
	var used Engine
	for i := range 200 {
		rng := rand.New(rand.NewPCG(uint64(i), 9))
		c := randomShape(rng).random(rng)
		want := Net(c)
		for _, procs := range []int{1, 2, 5} {
			old := runtime.GOMAXPROCS(procs)
			var wg sync.WaitGroup
			for w := range uint64(procs) {
				wg.Go(func() {
					rng := rand.New(rand.NewPCG(w, 10))
					mine := *c
					mine.Moves = append([]Move(nil), c.Moves...)
					mine.Balances = append([]Balance(nil), c.Balances...)
					for range 3 {
						rng.Shuffle(len(mine.Moves), func(i, j int) { mine.Moves[i], mine.Moves[j] = mine.Moves[j], mine.Moves[i] })
						rng.Shuffle(len(mine.Balances), func(i, j int) {
							mine.Balances[i], mine.Balances[j] = mine.Balances[j], mine.Balances[i]
						})
						if got := Net(&mine); !reflect.DeepEqual(got, want) {
							t.Errorf("case %d:\ngot  %s\nwant %s", i, got.ExplainedJSON(), want.ExplainedJSON())
						}
					}
				})
			}
			wg.Wait()
			runtime.GOMAXPROCS(old)
		}
		if got := used.Net(c); string(got.ExplainedJSON()) != string(want.ExplainedJSON()) {
			t.Fatalf("case %d, reused engine:\ngot  %s\nwant %s", i, got.ExplainedJSON(), want.ExplainedJSON())
		}
	}
}
