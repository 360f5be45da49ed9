package leader

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"flag"
	"math"
	"os"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/network"
)

var update = flag.Bool("update", false, "write golden files anew")

func members(weights ...uint16) []network.Member {
	out := make([]network.Member, len(weights))
	for i, w := range weights {
		out[i].Weight = w
	}
	return out
}

func seed(i uint64) [32]byte { return sha256.Sum256(binary.LittleEndian.AppendUint64(nil, i)) }

// chiSquare compares counts with expectations; the bound is far beyond the 99.99th percentile of so few classes.
func chiSquare(t *testing.T, what string, counts, expected []float64) {
	t.Helper()
	x := 0.0
	for i := range counts {
		x += (counts[i] - expected[i]) * (counts[i] - expected[i]) / expected[i]
	}
	if df := float64(len(counts) - 1); x > df+6*math.Sqrt(2*df) {
		t.Errorf("%s: chi-square %.1f with %.0f degrees of freedom: %v, expected %v", what, x, df, counts, expected)
	}
}

// The first is drawn by weight, and so is the second among the rest: the seeds are fixed, so this is no lottery.
func TestTheDrawMatchesTheWeights(t *testing.T) {
	for _, weights := range [][]uint16{{1, 1, 1, 1}, {1, 2, 3, 4}, {100, 1, 50, 7, 7, 30, 5}, {65535, 65535, 1000}} {
		m := members(weights...)
		const draws = 40000
		total := 0.0
		for _, w := range weights {
			total += float64(w)
		}
		first, second := make([]float64, len(m)), make([]float64, len(m))
		expectFirst, expectSecond := make([]float64, len(m)), make([]float64, len(m))
		for i := range uint64(draws) {
			order := Draw{}.Order(1, seed(i), m)
			first[order[0]]++
			second[order[1]]++
		}
		for i := range m {
			expectFirst[i] = draws * float64(weights[i]) / total
			for j := range m {
				if j != i {
					expectSecond[i] += draws * float64(weights[j]) / total * float64(weights[i]) / (total - float64(weights[j]))
				}
			}
		}
		chiSquare(t, "first", first, expectFirst)
		chiSquare(t, "second", second, expectSecond)
	}
}

func TestEverybodyIsDrawnOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		weights := rapid.SliceOfN(rapid.Uint16Range(1, math.MaxUint16), 1, 21).Draw(t, "weights")
		m := members(weights...)
		height := rapid.Uint64().Draw(t, "height")
		for _, s := range []Schedule{Draw{}, RoundRobin{}} {
			order := s.Order(height, seed(rapid.Uint64().Draw(t, "seed")), m)
			sorted := slices.Clone(order)
			slices.Sort(sorted)
			for i := range m {
				if len(sorted) != len(m) || sorted[i] != i {
					t.Fatalf("%T: order %v of %d members", s, order, len(m))
				}
			}
			if At(order, uint32(len(m))) != order[0] {
				t.Fatal("views beyond the members do not begin again")
			}
		}
	})
}

func TestRoundRobinGoesByWeight(t *testing.T) {
	m := members(3, 1, 2)
	turns := make([]int, 3)
	for h := range uint64(600) {
		turns[RoundRobin{}.Order(h, [32]byte{}, m)[0]]++
	}
	if turns[0] != 300 || turns[1] != 100 || turns[2] != 200 {
		t.Fatalf("turns %v", turns)
	}
}

// A vector is what a second implementation must compute too.
type vector struct {
	Network   string   `json:"network"`
	VRFSecret string   `json:"vrf_secret"`
	VRFPublic string   `json:"vrf_public"`
	Weights   []uint16 `json:"weights"`
	Heights   []step   `json:"heights"`
}

type step struct {
	Height uint64 `json:"height"`
	Seed   string `json:"seed"`
	Order  []int  `json:"order"`
	Alpha  string `json:"alpha"`
	Output string `json:"vrf_output"`
	Proof  string `json:"vrf_proof"`
}

func TestGolden(t *testing.T) {
	net := intent.Hash(sha256.Sum256([]byte("network")))
	k := key(t, "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721")
	pub := k.Public()
	v := vector{
		Network: hex.EncodeToString(net[:]), VRFSecret: hex.EncodeToString(k.secret[:]), VRFPublic: hex.EncodeToString(pub[:]),
		Weights: []uint16{10, 20, 30, 40, 1},
	}
	s := FirstSeed(net)
	for h := uint64(1); h <= 4; h++ {
		alpha := Alpha(net, h, s)
		out, proof, err := k.Prove(alpha)
		if err != nil {
			t.Fatal(err)
		}
		v.Heights = append(v.Heights, step{
			Height: h, Seed: hex.EncodeToString(s[:]), Order: Draw{}.Order(h, s, members(v.Weights...)),
			Alpha: hex.EncodeToString(alpha), Output: hex.EncodeToString(out[:]), Proof: hex.EncodeToString(proof),
		})
		s = NextSeed(s, out)
	}
	got, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	const file = "testdata/leader.json"
	if *update {
		if err := os.WriteFile(file, append(got, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != string(got)+"\n" {
		t.Fatalf("seeds, orders or VRF differ from %s:\n%s", file, got)
	}
}
