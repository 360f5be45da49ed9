package netting

import (
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestReadmissionOnlyMakesBatchesThatVerify(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawCase(t)
		if !uniqueIDs(c) {
			return
		}
		plain, better := (Netted{}).Select(c), (Readmission{}).Select(c)
		if len(better.Accepted) < len(plain.Accepted) {
			t.Fatalf("readmission lost moves: %s\n%s", plain.JSON(), better.JSON())
		}
		if len(better.Accepted)+len(better.Rejected) != len(plain.Accepted)+len(plain.Rejected) {
			t.Fatalf("moves went missing: %s\n%s", plain.JSON(), better.JSON())
		}
		o, err := Verify(c.withMoves(taken(c, better)))
		if err != nil {
			t.Fatalf("%v\n%s\n%s", err, c.JSON(), better.JSON())
		}
		better.Rejected, better.Gross = o.Rejected, o.Gross
		if string(o.JSON()) != string(better.JSON()) {
			t.Fatalf("verifying gives %s, selecting %s", o.JSON(), better.JSON())
		}
	})
}

// scarceCases is how many scarce pools are compared with the optimum.
const scarceCases = 400

// The optimum is the most moves that any batch that verifies can hold, by brute force over all subsets.
func TestReadmissionAgainstTheOptimum(t *testing.T) {
	plain, better, keeping, best := 0, 0, 0, 0
	for i := range scarceCases {
		rng := rand.New(rand.NewPCG(uint64(i), 15))
		c := shape{wallets: 4, assets: 1, moves: 10}.random(rng)
		for j := range c.Balances {
			c.Balances[j].Amount /= 3
		}
		var valid []Move
		for _, m := range c.Moves {
			if m.Amount > 0 {
				valid = append(valid, m)
			}
		}
		c.Moves = valid
		net := Net(c)
		p, b, k, o := len(net.Accepted), len((Readmission{}).Select(c).Accepted), optimum(c, net.Accepted), optimum(c, nil)
		if p > b || b > k || k > o {
			t.Fatalf("case %d: %d plain, %d with readmission, optimum %d, %d if nothing is evicted", i, p, b, o, k)
		}
		plain, better, keeping, best = plain+p, better+b, keeping+k, best+o
	}
	if better <= plain {
		t.Fatalf("readmission gains nothing: %d, %d", plain, better)
	}
	t.Logf("%d scarce pools of 10: plain %d moves, with readmission %d, optimum that evicts nothing %d, optimum %d", scarceCases, plain, better, keeping, best)
}

// optimum is over the sets that hold all of keep.
func optimum(c *Case, keep []string) int {
	kept := 0
	for i := range c.Moves {
		if slices.Contains(keep, c.Moves[i].ID) {
			kept |= 1 << i
		}
	}
	best := 0
	for set := range 1 << len(c.Moves) {
		if set&kept != kept {
			continue
		}
		var in []Move
		for i := range c.Moves {
			if set&(1<<i) != 0 {
				in = append(in, c.Moves[i])
			}
		}
		if len(in) > best && endsCovered(c, in) {
			best = len(in)
		}
	}
	return best
}

func endsCovered(c *Case, in []Move) bool {
	left := map[account]int64{}
	for _, b := range c.Balances {
		left[account{b.Wallet, b.Asset}] += int64(b.Amount)
	}
	for i := range in {
		left[account{in[i].From, in[i].Asset}] -= int64(in[i].Amount)
		left[account{in[i].To, in[i].Asset}] += int64(in[i].Amount)
	}
	for _, l := range left {
		if l < 0 {
			return false
		}
	}
	return true
}

func TestVerifyNamesTheFirstMove(t *testing.T) {
	c := &Case{Moves: []Move{{ID: "t", From: "A", To: "B", Asset: "U", Amount: 90, Nonce: 1}}, Balances: []Balance{{"A", "U", 60}}}
	if _, err := Verify(c); err == nil || err.Error() != `netting does not accept the whole batch: 1 of 1 moves, first "t": INSOLVENT (A U: needs 90, has 60)` {
		t.Fatal(err)
	}
}

func TestStatementAddsUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawCase(t)
		if !uniqueIDs(c) {
			return
		}
		o := Net(c)
		for _, w := range []string{"w0", "w1", "FEE"} {
			delta := map[string]Int128{}
			for _, d := range o.Deltas {
				if d.Wallet == w {
					delta[d.Asset] = d.Amount
				}
			}
			for _, l := range Statement(c, o, w) {
				if l.Asset[0] == 'u' && l.Closing.Sub(l.Opening) != delta[l.Asset] || l.Closing != l.Opening.Add(l.In).Sub(l.Out) || l.Closing.Sign() < 0 {
					t.Fatalf("%s: %+v, delta %s", w, l, delta[l.Asset])
				}
			}
		}
	})
}

func TestLoops(t *testing.T) {
	c, err := ParseCase(loadVectors(t)[0].Case)
	if err != nil {
		t.Fatal(err)
	}
	loops := Loops(c, Net(c))
	if len(loops) != 1 || loops[0].Gross != Units(300) || loops[0].Cancelled != Units(300) || len(loops[0].Wallets) != 3 || loops[0].Flows != 3 {
		t.Fatalf("%+v", loops)
	}
	c.Moves = append(c.Moves, Move{ID: "t4", From: "A", To: "D", Asset: "U", Amount: 7, Nonce: 2},
		Move{ID: "t5", From: "B", To: "C", Asset: "U", Amount: 5, Nonce: 2})
	for i := range c.Balances {
		c.Balances[i].Amount = 50
	}
	loops = Loops(c, Net(c))
	if len(loops) != 1 || loops[0].Gross != Units(305) || loops[0].Cancelled != Units(300) || loops[0].Flows != 4 {
		t.Fatalf("%+v", loops)
	}
	chain := &Case{Balances: []Balance{{"w", "U", 1}}}
	from := "w"
	for i := range 100_000 { // no recursion over a chain
		to := name("w", i)
		chain.Moves = append(chain.Moves, Move{ID: name("t", i), From: from, To: to, Asset: "U", Amount: 1, Nonce: 1})
		from = to
	}
	if loops := Loops(chain, Net(chain)); len(loops) != 0 {
		t.Fatalf("%+v", loops)
	}
}
