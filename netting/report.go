package netting

import (
	"cmp"
	"slices"
	"strings"
)

// Reports about an outcome, for people: nothing here is hashed or voted on. Ids must name one move each.

// Taken returns the accepted moves of a case, in the order of the case, exact duplicates once.
func (c *Case) Taken(o *Outcome) []Move {
	out := make([]Move, 0, len(o.Accepted))
	seen := make([]bool, len(o.Accepted))
	for i := range c.Moves {
		if at, ok := slices.BinarySearch(o.Accepted, c.Moves[i].ID); ok && !seen[at] {
			seen[at] = true
			out = append(out, c.Moves[i].plain())
		}
	}
	return out
}

// A Line is what a batch did to one account of a wallet. Of a unique item the amounts are 0 and 1.
type Line struct {
	Asset                     string
	Opening, In, Out, Closing Int128 // Out includes fees; Closing = Opening + In - Out
	Credits, Debits           int    // legs
}

// Statement is one wallet's account of the batch: every asset that it opened with or that moved, sorted by asset.
func Statement(c *Case, o *Outcome, wallet string) []Line {
	lines := map[string]*Line{}
	line := func(asset string) *Line {
		if lines[asset] == nil {
			lines[asset] = &Line{Asset: asset}
		}
		return lines[asset]
	}
	for _, b := range c.Balances {
		if b.Wallet == wallet {
			l := line(b.Asset)
			l.Opening = l.Opening.AddUnits(b.Amount)
		}
	}
	for _, w := range o.Owners {
		if w.Before == wallet {
			line(w.Item).Opening = Units(1)
		}
	}
	leg := func(from, to, asset string, amount uint64) {
		if amount == 0 {
			return
		}
		if from == wallet {
			l := line(asset)
			l.Out, l.Debits = l.Out.AddUnits(amount), l.Debits+1
		}
		if to == wallet {
			l := line(asset)
			l.In, l.Credits = l.In.AddUnits(amount), l.Credits+1
		}
	}
	for _, m := range c.Taken(o) {
		m.legs(c.FeeAccount, leg)
	}
	out := make([]Line, 0, len(lines))
	for _, l := range lines {
		l.Closing = l.Opening.Add(l.In).Sub(l.Out)
		out = append(out, *l)
	}
	slices.SortFunc(out, func(a, b Line) int { return strings.Compare(a.Asset, b.Asset) })
	return out
}

// legs calls leg with all that a move moves.
func (m *Move) legs(feeAccount string, leg func(from, to, asset string, amount uint64)) {
	leg(m.From, m.To, m.Asset, m.Amount)
	leg(m.From, feeAccount, m.Asset, m.Fee)
	if m.Kind == Sale {
		leg(m.To, m.From, m.Item, m.Quantity)
	}
}

// A Loop is a set of wallets each of which pays, by way of others of the set, every other one: what goes round in it
// needs no money. It is a strongly connected component of the flows of one mint.
type Loop struct {
	Asset     string
	Wallets   []string // sorted
	Flows     int      // legs within
	Gross     Int128   // of these legs
	Cancelled Int128   // Gross less the sum of what the wallets gain within
}

// Loops are the loops of an outcome, the ones that cancelled most first.
func Loops(c *Case, o *Outcome) []Loop {
	unique := map[string]bool{}
	for _, w := range o.Owners {
		unique[w.Item] = true
	}
	flows := map[string]*flowGraph{}
	for _, m := range c.Taken(o) {
		m.legs(c.FeeAccount, func(from, to, asset string, amount uint64) {
			if amount == 0 || from == to || unique[asset] {
				return
			}
			if flows[asset] == nil {
				flows[asset] = &flowGraph{asset: asset, number: map[string]int{}}
			}
			flows[asset].add(from, to, amount)
		})
	}
	loops := []Loop{}
	for _, g := range flows {
		loops = append(loops, g.loops()...)
	}
	slices.SortFunc(loops, func(a, b Loop) int {
		return cmp.Or(b.Cancelled.Cmp(a.Cancelled), strings.Compare(a.Asset, b.Asset), strings.Compare(a.Wallets[0], b.Wallets[0]))
	})
	return loops
}

type flowGraph struct {
	asset   string
	number  map[string]int
	wallets []string
	out     [][]flow
}

type flow struct {
	to     int
	amount uint64
}

func (g *flowGraph) node(wallet string) int {
	n, ok := g.number[wallet]
	if !ok {
		n = len(g.wallets)
		g.number[wallet] = n
		g.wallets, g.out = append(g.wallets, wallet), append(g.out, nil)
	}
	return n
}

func (g *flowGraph) add(from, to string, amount uint64) {
	f, t := g.node(from), g.node(to)
	g.out[f] = append(g.out[f], flow{t, amount})
}

func (g *flowGraph) loops() []Loop {
	component, count := g.components()
	size := make([]int, count)
	for _, n := range component {
		size[n]++
	}
	loops := make([]Loop, count)
	gain := make([]Int128, len(g.wallets))
	for from, flows := range g.out {
		n := component[from]
		for _, f := range flows {
			if component[f.to] != n {
				continue
			}
			loops[n].Flows++
			loops[n].Gross = loops[n].Gross.AddUnits(f.amount)
			gain[from], gain[f.to] = gain[from].SubUnits(f.amount), gain[f.to].AddUnits(f.amount)
		}
	}
	for w, n := range component {
		loops[n].Wallets = append(loops[n].Wallets, g.wallets[w])
		if gain[w].Sign() > 0 {
			loops[n].Cancelled = loops[n].Cancelled.Sub(gain[w])
		}
	}
	out := loops[:0]
	for n := range loops {
		if size[n] > 1 {
			l := loops[n]
			l.Asset, l.Cancelled = g.asset, l.Cancelled.Add(l.Gross)
			slices.Sort(l.Wallets)
			out = append(out, l)
		}
	}
	return out
}

// components is Tarjan's algorithm with a stack of its own: a chain of a hundred thousand wallets must not use the
// goroutine's.
func (g *flowGraph) components() (component []int, count int) {
	n := len(g.wallets)
	index, low, next := make([]int, n), make([]int, n), make([]int, n)
	component = make([]int, n)
	for i := range component {
		component[i] = -1
	}
	var stack, path []int
	order := 0
	for root := range n {
		if index[root] != 0 {
			continue
		}
		path = append(path, root)
		for len(path) > 0 {
			v := path[len(path)-1]
			if next[v] == 0 && index[v] == 0 {
				order++
				index[v], low[v] = order, order
				stack = append(stack, v)
			}
			if next[v] < len(g.out[v]) {
				w := g.out[v][next[v]].to
				next[v]++
				if index[w] == 0 {
					path = append(path, w)
				} else if component[w] < 0 {
					low[v] = min(low[v], index[w])
				}
				continue
			}
			path = path[:len(path)-1]
			if len(path) > 0 {
				p := path[len(path)-1]
				low[p] = min(low[p], low[v])
			}
			if low[v] == index[v] {
				stack = closeComponent(stack, v, component, count)
				count++
			}
		}
	}
	return component, count
}

func closeComponent(stack []int, v int, component []int, number int) []int {
	for {
		w := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		component[w] = number
		if w == v {
			return stack
		}
	}
}
