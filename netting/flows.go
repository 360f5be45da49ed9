package netting

import (
	"cmp"
	"math/big"
	"slices"
	"strings"
)

// MaxPairs is how many (from, to) pairs Flows tells apart, for the picture. What comes after counts in every sum, and is
// drawn as flows between unnamed wallets.
const MaxPairs = 1 << 20

// Flows are who pays whom how much in one mint: what a picture draws and what a list of obligations adds up to.
type Flows struct {
	Asset    string
	Payments int // those between different wallets
	Gross    Int128
	number   map[string]uint32
	names    []string
	out, in  []Int128
	pairs    map[uint64]Int128 // nil: not kept
}

// NewFlows makes empty flows; pairs says whether to keep who paid whom.
func NewFlows(asset string, pairs bool) *Flows {
	f := &Flows{Asset: asset, number: map[string]uint32{}}
	if pairs {
		f.pairs = map[uint64]Int128{}
	}
	return f
}

func (f *Flows) wallet(name []byte) uint32 {
	if n, ok := f.number[string(name)]; ok { // this look-up copies nothing
		return n
	}
	s := string(name)
	n := uint32(len(f.names))
	f.number[s] = n
	f.names = append(f.names, s)
	f.out, f.in = append(f.out, Int128{}), append(f.in, Int128{})
	return n
}

// Add adds one payment. One that a wallet makes to itself is submitted volume and moves nothing.
func (f *Flows) Add(from, to string, amount uint64) { f.add([]byte(from), []byte(to), amount) }

func (f *Flows) add(from, to []byte, amount uint64) {
	a, b := f.wallet(from), f.wallet(to)
	f.Gross = f.Gross.AddUnits(amount)
	f.out[a] = f.out[a].AddUnits(amount)
	f.in[b] = f.in[b].AddUnits(amount)
	if a != b {
		f.Payments++
	}
	if f.pairs != nil {
		pair := pairOf(a, b)
		if sum, ok := f.pairs[pair]; ok || len(f.pairs) < MaxPairs {
			f.pairs[pair] = sum.AddUnits(amount)
		}
	}
}

// FlowsOf are the flows of an outcome in one mint: prices and fungible deliveries, fees too. Gross is the sum of these
// legs, of accepted moves only.
func FlowsOf(c *Case, o *Outcome, asset string) *Flows {
	f := NewFlows(asset, true)
	for _, m := range c.Taken(o) {
		m.legs(c.FeeAccount, func(from, to, a string, amount uint64) {
			if a == asset && amount > 0 {
				f.Add(from, to, amount)
			}
		})
	}
	return f
}

// Wallets is the number of wallets that pay or are paid.
func (f *Flows) Wallets() int { return len(f.names) }

// A Position is what one wallet pays and gets, gross.
type Position struct {
	Wallet  string
	Out, In Int128
}

// Net is what the wallet gains in the end; below zero it pays.
func (p Position) Net() Int128 { return p.In.Sub(p.Out) }

// Positions are all wallets, those with the largest turnover first.
func (f *Flows) Positions() []Position {
	out := make([]Position, len(f.names))
	for i, name := range f.names {
		out[i] = Position{name, f.out[i], f.in[i]}
	}
	slices.SortFunc(out, func(a, b Position) int {
		return cmp.Or(b.Out.Add(b.In).Cmp(a.Out.Add(a.In)), strings.Compare(a.Wallet, b.Wallet))
	})
	return out
}

// Between is what from paid to, if pairs are kept.
func (f *Flows) Between(from, to string) Int128 {
	a, ok := f.number[from]
	b, ok2 := f.number[to]
	if !ok || !ok2 {
		return Int128{}
	}
	return f.pairs[pairOf(a, b)]
}

// Net is the internal debt that is left: the sum of the positive net positions.
func (f *Flows) Net() Int128 {
	var sum Int128
	for i := range f.names {
		if net := f.in[i].Sub(f.out[i]); net.Sign() > 0 {
			sum = sum.Add(net)
		}
	}
	return sum
}

// Saving is 1 - net/gross with six decimals, rounded down; 0 of nothing.
func (f *Flows) Saving() string {
	const million = 1_000_000
	if f.Gross == (Int128{}) {
		return "0.000000"
	}
	saved := f.Gross.Sub(f.Net()).Big()
	saved.Mul(saved, big.NewInt(million)).Quo(saved, f.Gross.Big())
	digits := saved.Int64() + million // 1 in front keeps the zeros
	text := Units(uint64(digits)).String()
	if digits >= 2*million {
		return "1." + text[1:]
	}
	return "0." + text[1:]
}
