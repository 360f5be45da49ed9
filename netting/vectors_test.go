package netting

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"testing"
)

type vector struct {
	Name    string          `json:"name"`
	Case    json.RawMessage `json:"case"`
	Outcome json.RawMessage `json:"outcome"`
}

func loadVectors(t testing.TB) []vector {
	t.Helper()
	b, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var vs []vector
	if err := json.Unmarshal(b, &vs); err != nil {
		t.Fatal(err)
	}
	return vs
}

func (v *vector) want(t testing.TB) string {
	t.Helper()
	var o struct { // in the order that outcomes print
		Accepted []string `json:"accepted"`
		Rejected []struct {
			ID     string `json:"id"`
			Reason string `json:"reason"`
		} `json:"rejected"`
		Deltas []struct {
			Wallet string `json:"wallet"`
			Asset  string `json:"asset"`
			Delta  string `json:"delta"`
		} `json:"deltas"`
		Owners []struct {
			Item  string `json:"item"`
			Owner string `json:"owner"`
		} `json:"owners"`
		Gross []struct {
			Asset  string `json:"asset"`
			Volume string `json:"volume"`
		} `json:"gross"`
		Net []struct {
			Asset  string `json:"asset"`
			Volume string `json:"volume"`
		} `json:"net"`
	}
	if err := json.Unmarshal(v.Outcome, &o); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestVectorsUnderShuffles(t *testing.T) {
	for _, v := range loadVectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			c, err := ParseCase(v.Case)
			if err != nil {
				t.Fatal(err)
			}
			want := v.want(t)
			rng := rand.New(rand.NewPCG(1, 2))
			for range 200 {
				if got := string(Net(c).JSON()); got != want {
					t.Fatalf("got  %s\nwant %s", got, want)
				}
				rng.Shuffle(len(c.Moves), func(i, j int) { c.Moves[i], c.Moves[j] = c.Moves[j], c.Moves[i] })
			}
			again, err := ParseCase(c.JSON())
			if err != nil {
				t.Fatal(err)
			}
			if got := string(Net(again).JSON()); got != want {
				t.Fatalf("written and read again: got %s", got)
			}
		})
	}
}
