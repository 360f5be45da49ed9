package ledger

import (
	"cmp"
	"slices"
	"strings"

	"github.com/phantom-paradox/paradox/intent"
)

// A Candidate is a pooled intent, verified, and where its bytes are.
type Candidate struct {
	ID     intent.ID
	Signed *intent.Signed
	Size   int      // of its wire form
	Bundle BatchCID // that holds it
	Index  int      // its place there
}

// SelectParams bound a selection. The network file's limits hold besides; 0 means those.
type SelectParams struct {
	Time          int64       // the header's
	Seed          intent.Hash // the VRF output of the height: ranks what conflicts
	PreviousBatch BatchCID    // "" for height 1
	MaxIntents    int
	MaxBatchBytes int
	MaxWallets    int
}

// A Pending says why a candidate was not taken. Code is "" for an ask that rests until somebody buys it.
type Pending struct {
	Place  int // among the candidates
	ID     intent.ID
	Code   intent.Code
	Detail string
	Final  bool // it can never be taken any more: the pool may drop it
}

// A Selection is a batch that Execute takes.
type Selection struct {
	Taken   []int // places of the candidates taken, in batch order
	Intents []BatchIntent
	Pending []Pending // the other candidates, in their order
	Root    *BatchRoot
	Bytes   uint64 // of the batch: root and intents

	opening  *Opening
	plan     *plan // as it judged what stands; nil: used up
	standing []int32
}

// Execute is Opening.Execute of the intents taken, which it sets in in. Where the header has the time of the selection,
// what the selection found is not found out again: both judge by the same plan, and what stands in a set stands alone.
// The leader's header is held to that by every other member, who knows nothing of the selection. Writing uses the plan
// up: it serves once, and the next call executes from the start.
func (s *Selection) Execute(in *Input) (*Result, error) {
	in.Intents = s.Intents
	p := s.plan
	if p == nil || in.Time != p.now {
		return s.opening.Execute(in)
	}
	s.plan = nil
	if err := s.opening.checkInput(in); err != nil {
		return nil, err
	}
	return p.finish(in, s.standing)
}

// Select chooses from the pool what the next batch takes: everything that stands together, as far as it fits. The order
// of the candidates is the order in which they get room; what conflicts is decided by rank, which nobody can grind.
// Candidates are distinct, and a buy's ask must be among them.
func (o *Opening) Select(pool []Candidate, sp SelectParams) (*Selection, error) {
	o.bound(&sp)
	ids, intents := make([]intent.ID, len(pool)), make([]*intent.Intent, len(pool))
	for k := range pool {
		ids[k], intents[k] = pool[k].ID, &pool[k].Signed.Intent
	}
	p, fixed := newPlan(o, sp.Time, &sp.Seed, ids, intents)
	if p.err != nil {
		return nil, p.err
	}
	set := make([]int32, 0, len(pool))
	for k := range pool {
		if fixed[k] == nil {
			set = append(set, int32(k))
		}
	}
	if err := p.evaluate(set); err != nil {
		return nil, err
	}
	s := &selector{plan: p, pool: pool, params: sp, fixed: fixed, first: slices.Clone(p.refused)}
	standing := s.standing(set)
	if s.over(standing) {
		var err error
		if standing, err = s.shrink(standing); err != nil {
			return nil, err
		}
	}
	return s.selection(standing), nil
}

// bound brings the parameters within the network file's.
func (o *Opening) bound(sp *SelectParams) {
	limit := func(v *int, most int) {
		if *v <= 0 || *v > most {
			*v = most
		}
	}
	limit(&sp.MaxIntents, o.file.Params.MaxIntents)
	limit(&sp.MaxBatchBytes, o.file.Params.MaxBatchBytes)
	limit(&sp.MaxWallets, o.file.Params.MaxWallets)
}

// A selector fits what stands into the bounds.
type selector struct {
	*plan
	pool   []Candidate
	params SelectParams
	fixed  []*intent.Error
	first  []*intent.Error // refusals when the whole pool was judged
}

// standing are the candidates of a judged set that stand, asks with their buys, in the pool's order.
func (s *selector) standing(set []int32) []int32 {
	var out []int32
	for _, n := range set {
		if s.stands(n) {
			out = append(out, n)
		}
	}
	return out
}

// What a root takes, at most: its fixed fields, and one bundle's entry.
const (
	rootBase   = 256
	rootBundle = 96
)

// over says whether a judged set breaks a bound.
func (s *selector) over(standing []int32) bool {
	size, bundles := rootBase, make(map[BatchCID]struct{})
	for _, n := range standing {
		size += s.pool[n].Size
		bundles[s.pool[n].Bundle] = struct{}{}
	}
	root := rootBase + rootBundle*len(bundles)
	return len(standing) > s.params.MaxIntents || size+rootBundle*len(bundles) > s.params.MaxBatchBytes ||
		root > MaxRootBytes || len(s.outcome.Deltas) > s.params.MaxWallets
}

// shrinkSteps is how often a budget of changing accounts is tried before the safe count: each try nets once more.
const shrinkSteps = 3

// shrink takes as many candidates as fit, in the pool's order, and judges them again: what depended on those left out
// falls away too. Accounts whose changes cancel out need no room on chain, so at first only those count that change
// when everything is taken; where leaving some out makes others change, fewer are tried, and at last all count.
func (s *selector) shrink(standing []int32) ([]int32, error) {
	got, excess, err := s.try(standing, nil, len(s.accts))
	if err != nil || excess <= 0 {
		return got, err
	}
	changing := make([]bool, len(s.accts))
	for k := range s.outcome.Deltas {
		changing[s.outcome.Deltas[k].Account] = true
	}
	budget := s.params.MaxWallets
	for range shrinkSteps {
		if got, excess, err = s.try(standing, changing, budget); err != nil || excess <= 0 {
			return got, err
		}
		if budget -= excess; budget <= 0 {
			break
		}
	}
	got, _, err = s.try(standing, nil, s.params.MaxWallets)
	return got, err
}

// try judges what fits with a budget of accounts. excess is by how many too many of them change.
func (s *selector) try(standing []int32, changing []bool, budget int) (got []int32, excess int, err error) {
	set := s.fit(standing, changing, budget)
	if err := s.evaluate(set); err != nil {
		return nil, 0, err
	}
	return s.standing(set), len(s.outcome.Deltas) - s.params.MaxWallets, nil
}

// fit takes candidates in order as far as intents, bytes and a budget of accounts allow. Bytes are counted on the safe
// side; of the accounts those marked count, all where nothing is marked.
func (s *selector) fit(standing []int32, counts []bool, budget int) []int32 {
	var set []int32
	size, root := rootBase, rootBase
	touched, bundles := make(map[int32]bool), make(map[BatchCID]bool)
	for _, n := range standing {
		if s.intents[n].Kind == intent.Ask {
			continue // comes with its buy
		}
		unit := []int32{n}
		if a := s.facts[n].ask; a >= 0 {
			unit = append(unit, a)
		}
		accounts := s.touches(n)
		if counts != nil {
			accounts = slices.DeleteFunc(accounts, func(a int32) bool { return !counts[a] })
		}
		fresh, bytes, links := 0, 0, 0
		for k, a := range accounts {
			if !touched[a] && !slices.Contains(accounts[:k], a) {
				fresh++
			}
		}
		for k, u := range unit {
			bytes += s.pool[u].Size
			if !bundles[s.pool[u].Bundle] && (k == 0 || s.pool[u].Bundle != s.pool[n].Bundle) {
				links++
			}
		}
		bytes += links * rootBundle
		if len(set)+len(unit) > s.params.MaxIntents || size+bytes > s.params.MaxBatchBytes ||
			root+links*rootBundle > MaxRootBytes || len(touched)+fresh > budget {
			continue // a smaller one may still fit
		}
		size, root = size+bytes, root+links*rootBundle
		for _, a := range accounts {
			touched[a] = true
		}
		for _, u := range unit {
			bundles[s.pool[u].Bundle] = true
		}
		set = append(set, unit...)
	}
	return set
}

// touches are the accounts whose balances a move may change.
func (s *selector) touches(n int32) []int32 {
	if k := s.intents[n].Kind; k != intent.Pay && k != intent.Buy {
		return nil
	}
	f := &s.facts[n]
	out := make([]int32, 0, 5)
	for _, a := range []int32{f.payer, f.payee, f.fee, f.goods} {
		if a >= 0 {
			out = append(out, a)
		}
	}
	if f.ask >= 0 {
		ask := &s.facts[f.ask]
		out = append(out, ask.payer)
		if ask.goods >= 0 {
			out = append(out, ask.goods)
		}
	}
	return out
}

// selection builds the root over what is taken, and the reasons of the rest.
func (s *selector) selection(standing []int32) *Selection {
	out := &Selection{opening: s.o, plan: s.plan, standing: standing, Root: &BatchRoot{Network: s.o.net.Hash, Height: s.o.head.height + 1, Previous: s.params.PreviousBatch, Bundles: []Taken{}}}
	taken := make([]bool, len(s.pool))
	for _, n := range standing {
		taken[n] = true
		out.Taken = append(out.Taken, int(n))
	}
	slices.SortFunc(out.Taken, func(a, b int) int {
		if c := strings.Compare(string(s.pool[a].Bundle), string(s.pool[b].Bundle)); c != 0 {
			return c
		}
		return cmp.Compare(s.pool[a].Index, s.pool[b].Index)
	})
	for _, n := range out.Taken {
		c := &s.pool[n]
		bundles := &out.Root.Bundles
		if k := len(*bundles); k == 0 || (*bundles)[k-1].Bundle != c.Bundle {
			*bundles = append(*bundles, Taken{Bundle: c.Bundle})
		}
		(*bundles)[len(*bundles)-1].Take(c.Index)
		out.Intents = append(out.Intents, BatchIntent{ID: c.ID, Signed: c.Signed})
		out.Bytes += uint64(c.Size)
	}
	out.Bytes += uint64(len(out.Root.Encode()))
	for n := range s.pool {
		if !taken[n] {
			out.Pending = append(out.Pending, s.pending(n))
		}
	}
	return out
}

// pending is the reason of one candidate.
func (s *selector) pending(n int) Pending {
	p := Pending{Place: n, ID: s.ids[n]}
	e := s.fixed[n]
	p.Final = e != nil && final(e.Code)
	if e == nil {
		e = s.first[n]
	}
	if e == nil {
		e = s.refused[n] // when it was judged among those that fit
	}
	switch {
	case e != nil:
		p.Code, p.Detail = e.Code, e.Detail
	case s.intents[n].Kind != intent.Ask:
		p.Code, p.Detail = intent.Deferred, "the batch is full; it waits for the next"
	}
	return p
}

// final says whether a refusal by the opening state can never turn into anything else.
func final(c intent.Code) bool {
	switch c {
	case intent.Expired, intent.NonceUsed, intent.AskTaken, intent.UnknownSession, intent.SessionExpired, intent.ItemExists:
		return true
	}
	return false
}
