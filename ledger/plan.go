package ledger

import (
	"bytes"
	"crypto/sha256"
	"slices"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/netting"
)

// A plan judges a set of intents as one batch. Execute wants all of it to stand; Select keeps what stands and says why
// the rest does not. Both run the same steps, and running them again over what stands changes nothing, so what Select
// keeps, Execute takes.
type plan struct {
	*judge
	seed    *intent.Hash // ranks what conflicts; nil: by id
	ids     []intent.ID
	intents []*intent.Intent
	facts   []facts
	asks    map[intent.ID]int32

	// Of the set judged last.
	refused []*intent.Error          // nil: it stands (an ask also when nobody buys it: see bought)
	bought  []int32                  // an ask's: the buy that stands, or -1
	moves   []int32                  // the pays and buys that stand
	outcome *netting.NumberedOutcome // the engine's
	ranks   map[int32]intent.Hash
	once    []uint64 // by window, the nonces that something wants: bit i is floor+1+i
	twice   []uint64 // and those that more than one wants

	engine    netting.Engine
	numbered  netting.Numbered
	placed    map[string]uint32 // unique items by their numbers in numbered
	itemNames []string
}

// newPlan looks each intent up by itself: what depends on the opening and the time alone. The verdicts are in fixed.
func newPlan(o *Opening, now int64, seed *intent.Hash, ids []intent.ID, intents []*intent.Intent) (p *plan, fixed []*intent.Error) {
	p = &plan{
		judge: newJudge(o, now), seed: seed, ids: ids, intents: intents,
		facts: make([]facts, len(ids)), asks: make(map[intent.ID]int32), ranks: make(map[int32]intent.Hash),
		refused: make([]*intent.Error, len(ids)), bought: make([]int32, len(ids)),
	}
	fixed = make([]*intent.Error, len(ids))
	for n, i := range intents {
		f := &p.facts[n]
		if fixed[n] = p.cheap(i, f); fixed[n] == nil {
			fixed[n] = p.state(i, f, 0)
		}
		if i.Kind == intent.Ask {
			p.asks[ids[n]] = int32(n)
		}
	}
	for n, i := range intents {
		if i.Kind == intent.Buy && fixed[n] == nil {
			fixed[n] = p.fixedBuy(int32(n), fixed)
		}
	}
	return p, fixed
}

// fixedBuy finds a buy's ask among the intents and checks the pair.
func (p *plan) fixedBuy(n int32, fixed []*intent.Error) *intent.Error {
	buy, f := p.intents[n], &p.facts[n]
	a, ok := p.asks[*buy.Ask]
	if !ok {
		return refuse(intent.UnknownAsk, "ask", "no ask %s is here", *buy.Ask)
	}
	if fixed[a] != nil {
		return askRefusal(fixed[a])
	}
	f.ask = a
	return p.pair(buy, f, p.intents[a])
}

// slot is a nonce of a window: whatever takes it takes it alone.
type slot struct {
	win   int32
	nonce uint64
}

func (p *plan) slotOf(n int32) slot { return slot{p.facts[n].win, p.intents[n].Nonce} }

// evaluate judges the candidates of set (places, without those refused by themselves) as one batch.
func (p *plan) evaluate(set []int32) error {
	for _, n := range set {
		p.refused[n], p.bought[n] = nil, -1
	}
	p.count(set)
	taken := make(map[slot]int32) // of the slots that more than one wants
	rest := p.claimFirst(set, taken)
	p.claimRest(rest, taken)
	p.judgeSessions(set)
	p.judgeIssues(set)
	if p.err != nil {
		return p.err
	}
	p.net(set)
	return nil
}

// stands says whether a candidate of the set judged last is part of the batch.
func (p *plan) stands(n int32) bool {
	return p.refused[n] == nil && (p.intents[n].Kind != intent.Ask || p.bought[n] >= 0)
}

// claimFirst gives cancels, then revokes their nonces, and refuses what a revoked key signs. It returns the others.
func (p *plan) claimFirst(set []int32, taken map[slot]int32) []int32 {
	var cancels, revokes []int32
	rest := make([]int32, 0, len(set))
	for _, n := range set {
		switch p.intents[n].Kind {
		case intent.Cancel:
			cancels = append(cancels, n)
		case intent.Revoke:
			revokes = append(revokes, n)
		default:
			rest = append(rest, n)
		}
	}
	for _, group := range [][]int32{cancels, revokes} {
		p.byRank(group)
		for _, n := range group {
			p.claim(n, taken)
		}
	}
	revoked := make(map[windowKey]bool)
	for _, n := range revokes {
		if p.refused[n] == nil {
			revoked[windowKey{p.facts[n].from, p.number(*p.intents[n].To)}] = true
		}
	}
	if len(revoked) == 0 {
		return rest
	}
	return slices.DeleteFunc(rest, func(n int32) bool {
		f := &p.facts[n]
		if f.from == f.signer || !revoked[windowKey{f.from, f.signer}] {
			return false
		}
		p.refused[n] = refuse(intent.UnknownSession, "signer", "the key is revoked in this batch")
		return true
	})
}

// count finds the nonces that more than one candidate wants. Nearly all have one: they need no ranks and no maps.
func (p *plan) count(set []int32) {
	size := len(p.wins) * len(Nonces{}.used)
	p.once, p.twice = make([]uint64, size), make([]uint64, size)
	for _, n := range set {
		if p.intents[n].Kind == intent.Ask {
			continue // its buys want its nonce
		}
		p.want(p.slotOf(n))
		if a := p.facts[n].ask; a >= 0 {
			p.want(p.slotOf(a))
		}
	}
}

// bit is a slot's place in once and twice.
func (p *plan) bit(s slot) (word int, mask uint64) {
	i := s.nonce - p.wins[s.win].nonces.Floor - 1 // within the window: Check has passed it
	return int(s.win)*len(Nonces{}.used) + int(i/64), 1 << (i % 64)
}

func (p *plan) want(s slot) {
	word, mask := p.bit(s)
	p.twice[word] |= p.once[word] & mask
	p.once[word] |= mask
}

// alone says whether only one candidate wants the nonce.
func (p *plan) alone(s slot) bool {
	word, mask := p.bit(s)
	return p.twice[word]&mask == 0
}

// claim takes a candidate's own nonce or refuses the candidate.
func (p *plan) claim(n int32, taken map[slot]int32) {
	s := p.slotOf(n)
	if p.alone(s) {
		return
	}
	if by, ok := taken[s]; ok {
		p.refused[n] = p.beaten(n, by)
		return
	}
	taken[s] = n
}

// beaten is the refusal of n, whose nonce has gone to another.
func (p *plan) beaten(n, by int32) *intent.Error {
	if p.intents[by].Kind == intent.Cancel && p.intents[n].Kind != intent.Cancel {
		return refuse(intent.Cancelled, "nonce", "cancelled by %s", p.ids[by])
	}
	return refuse(intent.Equivocation, "nonce", "%s has the same nonce and goes first", p.ids[by])
}

// claimRest gives the nonces to everything but cancels and revokes: to whoever has the smallest rank, a sale both or
// none. What shares no nonce with another is not ranked.
func (p *plan) claimRest(rest []int32, taken map[slot]int32) {
	var contested []int32
	for _, n := range rest {
		if p.intents[n].Kind == intent.Ask {
			continue
		}
		a := p.facts[n].ask
		if !p.alone(p.slotOf(n)) || a >= 0 && !p.alone(p.slotOf(a)) {
			contested = append(contested, n)
		} else if a >= 0 {
			p.bought[a] = n
		}
	}
	p.byRank(contested)
	for _, n := range contested {
		p.take(n, p.facts[n].ask, taken)
	}
}

// take claims a contested candidate's nonce, and its ask's.
func (p *plan) take(n, ask int32, taken map[slot]int32) {
	own := p.slotOf(n)
	if by, ok := taken[own]; ok {
		p.refused[n] = p.beaten(n, by)
		return
	}
	if ask < 0 {
		taken[own] = n
		return
	}
	sells := p.slotOf(ask)
	if by, ok := taken[sells]; ok {
		switch {
		case p.intents[by].Kind == intent.Cancel:
			p.refused[n] = refuse(intent.AskTaken, "ask", "the ask is cancelled by %s", p.ids[by])
		case p.facts[by].ask == ask:
			p.refused[n] = refuse(intent.AskTaken, "ask", "%s buys it first", p.ids[by])
		default:
			p.refused[n] = refuse(intent.Equivocation, "ask", "%s has the ask's nonce and goes first", p.ids[by])
		}
		return
	}
	taken[own], taken[sells] = n, n
	p.bought[ask] = n
}

// rank is SHA-256(seed || id), or the id itself: NETTING.md's.
func (p *plan) rank(n int32) intent.Hash {
	if p.seed == nil {
		return intent.Hash(p.ids[n])
	}
	r, ok := p.ranks[n]
	if !ok {
		var b [64]byte
		copy(b[:], p.seed[:])
		copy(b[32:], p.ids[n][:])
		r = sha256.Sum256(b[:])
		p.ranks[n] = r
	}
	return r
}

func (p *plan) byRank(list []int32) {
	slices.SortFunc(list, func(a, b int32) int {
		x, y := p.rank(a), p.rank(b)
		return bytes.Compare(x[:], y[:])
	})
}

// ofKind are the candidates of a kind that still stand, by rank.
func (p *plan) ofKind(set []int32, k intent.Kind) []int32 {
	var out []int32
	for _, n := range set {
		if p.refused[n] == nil && p.intents[n].Kind == k {
			out = append(out, n)
		}
	}
	p.byRank(out)
	return out
}

// judgeSessions opens sessions as far as each wallet has room, after the batch's revokes.
func (p *plan) judgeSessions(set []int32) {
	opens := p.ofKind(set, intent.Session)
	if len(opens) == 0 {
		return
	}
	books := make(map[uint32]*sessionBook)
	for _, n := range opens {
		if from := p.facts[n].from; books[from] == nil {
			book, err := p.sessionBook(p.keys[from])
			if p.fail(err); err != nil {
				return
			}
			books[from] = book
		}
	}
	for _, n := range p.ofKind(set, intent.Revoke) {
		if book := books[p.facts[n].from]; book != nil {
			book.revoke(*p.intents[n].To)
		}
	}
	for _, n := range opens {
		if e := books[p.facts[n].from].open(p.intents[n]); e != nil {
			p.refused[n] = e
		}
	}
}

// judgeIssues creates items as far as each issuer has room; of two of one name the smaller rank stands.
func (p *plan) judgeIssues(set []int32) {
	issues := p.ofKind(set, intent.Issue)
	counts := make(map[uint32]uint64)
	names := make(map[string]int32)
	for _, n := range issues {
		i, from := p.intents[n], p.facts[n].from
		if by, ok := names[i.Item]; ok {
			p.refused[n] = refuse(intent.ItemExists, "item", "%s creates it", p.ids[by])
			continue
		}
		have, ok := counts[from]
		if !ok {
			var err error
			have, err = p.o.IssuedBy(i.From)
			p.fail(err)
		}
		if p.refused[n] = p.issueCap(have); p.refused[n] == nil {
			names[i.Item] = n
			have++
		}
		counts[from] = have
	}
}
