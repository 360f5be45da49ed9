package netting

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"slices"
	"strings"
)

// The readable engine: the rules of docs/spec/netting.md with maps and whole passes, one step at a time. It is slow and
// says what the fast one must say.

type account struct{ wallet, asset string }
type session struct{ wallet, signer string }
type nonceOf struct {
	session
	nonce uint64
}

type readable struct {
	c       *Case
	unique  map[string]string // item -> opening owner
	opening map[account]Int128
	moves   []readableMove // after exact duplicates collapsed, in order of (from, signer, nonce, rank)
	reason  []Reason
}

type readableMove struct {
	Move
	rank []byte
}

func netReadable(c *Case) *Outcome {
	r := &readable{c: c, unique: map[string]string{}, opening: map[account]Int128{}}
	r.open()
	r.collapse()
	for i := range r.moves {
		if m := &r.moves[i]; r.invalid(m) {
			r.reason[i] = Invalid
		}
	}
	r.replays()
	r.smallestRankStays(Equivocation, 1, func(m *readableMove) any {
		return nonceOf{session{m.From, m.Signer}, m.Nonce}
	})
	r.smallestRankStays(AskTaken, 1, func(m *readableMove) any {
		if m.Ask == "" {
			return nil
		}
		return m.Ask
	})
	r.smallestRankStays(Deferred, MaxItemMoves, func(m *readableMove) any {
		if r.isItemSale(m) {
			return m.Item
		}
		return nil
	})
	r.limits()
	for r.possession() || r.conflicts() || r.insolvencies() {
	}
	return r.outcome()
}

func (r *readable) open() {
	for _, it := range r.c.Items {
		if owner, ok := r.unique[it.Item]; !ok || it.Owner < owner {
			r.unique[it.Item] = it.Owner
		}
	}
	for _, b := range r.c.Balances {
		if _, ok := r.unique[b.Asset]; !ok {
			a := account{b.Wallet, b.Asset}
			r.opening[a] = r.opening[a].AddUnits(b.Amount)
		}
	}
}

func (r *readable) collapse() {
	for _, m := range r.c.Moves {
		if m.Signer == "" {
			m.Signer = m.From
		}
		if m.Kind == Pay {
			m.Item, m.Quantity, m.SellerNonce, m.Ask = "", 0, 0, ""
		}
		if m.Negative { // of such a move no number counts
			m.Amount, m.Fee, m.Quantity = 0, 0, 0
		}
		rank := []byte(m.ID)
		if len(r.c.Seed) > 0 {
			sum := sha256.Sum256(append(slices.Clone(r.c.Seed), m.ID...))
			rank = sum[:]
		}
		r.moves = append(r.moves, readableMove{m, rank})
	}
	slices.SortFunc(r.moves, func(a, b readableMove) int {
		return cmp.Or(strings.Compare(a.From, b.From), strings.Compare(a.Signer, b.Signer), cmp.Compare(a.Nonce, b.Nonce),
			rankOrder(&a, &b))
	})
	r.moves = slices.CompactFunc(r.moves, func(a, b readableMove) bool { return a.Move == b.Move })
	r.reason = make([]Reason, len(r.moves))
}

// rankOrder is total: ids that are hashes never tie, hand-written ones may.
func rankOrder(a, b *readableMove) int {
	neg := func(m *readableMove) int {
		if m.Negative {
			return 1
		}
		return 0
	}
	return cmp.Or(bytes.Compare(a.rank, b.rank), strings.Compare(a.ID, b.ID), cmp.Compare(a.Kind, b.Kind),
		strings.Compare(a.From, b.From), strings.Compare(a.Signer, b.Signer), strings.Compare(a.To, b.To),
		strings.Compare(a.Asset, b.Asset), cmp.Compare(a.Amount, b.Amount), cmp.Compare(a.Fee, b.Fee),
		cmp.Compare(a.Nonce, b.Nonce), strings.Compare(a.Item, b.Item), cmp.Compare(a.Quantity, b.Quantity),
		cmp.Compare(a.SellerNonce, b.SellerNonce), strings.Compare(a.Ask, b.Ask), cmp.Compare(neg(a), neg(b)))
}

func (r *readable) isItemSale(m *readableMove) bool {
	_, ok := r.unique[m.Item]
	return m.Kind == Sale && ok
}

func (r *readable) invalid(m *readableMove) bool {
	_, moneyIsItem := r.unique[m.Asset]
	nothing := m.Amount == 0 && m.Fee == 0 && m.Quantity == 0
	return m.Negative || nothing || m.From == m.To || moneyIsItem || r.isItemSale(m) && m.Quantity != 1
}

func (r *readable) replays() {
	floor, used := map[session]uint64{}, map[nonceOf]bool{}
	key := func(m Mark) session {
		if m.Signer == "" {
			m.Signer = m.Wallet
		}
		return session{m.Wallet, m.Signer}
	}
	for _, f := range r.c.Floors {
		floor[key(f)] = max(floor[key(f)], f.Nonce)
	}
	for _, u := range r.c.Used {
		used[nonceOf{key(u), u.Nonce}] = true
	}
	for i := range r.moves {
		m := &r.moves[i]
		s := session{m.From, m.Signer}
		if r.reason[i] == Taken && (m.Nonce <= floor[s] || used[nonceOf{s, m.Nonce}]) {
			r.reason[i] = Replay
		}
	}
}

// smallestRankStays keeps the first n by rank of each group; a nil key is in no group.
func (r *readable) smallestRankStays(why Reason, n int, key func(*readableMove) any) {
	groups := map[any][]int{}
	for i := range r.moves {
		if k := key(&r.moves[i]); r.reason[i] == Taken && k != nil {
			groups[k] = append(groups[k], i)
		}
	}
	for _, g := range groups {
		slices.SortFunc(g, func(a, b int) int { return rankOrder(&r.moves[a], &r.moves[b]) })
		for _, i := range g[min(n, len(g)):] {
			r.reason[i] = why
		}
	}
}

func (r *readable) limits() {
	type meter struct {
		session
		asset string
	}
	limit := map[meter]uint64{}
	for _, l := range r.c.Limits {
		if l.Signer == "" {
			l.Signer = l.Wallet
		}
		k := meter{session{l.Wallet, l.Signer}, l.Asset}
		if old, ok := limit[k]; !ok || l.Max < old {
			limit[k] = l.Max
		}
	}
	sum, over := map[meter]Int128{}, map[meter]bool{}
	for i := range r.moves { // they stand in nonce order
		m := &r.moves[i]
		k := meter{session{m.From, m.Signer}, m.Asset}
		most, ok := limit[k]
		if r.reason[i] != Taken || !ok {
			continue
		}
		sum[k] = sum[k].AddUnits(m.Amount).AddUnits(m.Fee)
		if over[k] = over[k] || sum[k].Cmp(Units(most)) > 0; over[k] {
			r.reason[i] = OverLimit
		}
	}
}

// possession is rule 1: moves of an item whose seller cannot be reached from its opening owner.
func (r *readable) possession() bool {
	holds := map[account]bool{}
	for item, owner := range r.unique {
		holds[account{owner, item}] = true
	}
	for grown := true; grown; {
		grown = false
		for i := range r.moves {
			m := &r.moves[i]
			if r.reason[i] == Taken && r.isItemSale(m) && holds[account{m.To, m.Item}] && !holds[account{m.From, m.Item}] {
				holds[account{m.From, m.Item}], grown = true, true
			}
		}
	}
	removed := false
	for i := range r.moves {
		m := &r.moves[i]
		if r.reason[i] == Taken && r.isItemSale(m) && !holds[account{m.To, m.Item}] {
			r.reason[i], removed = Possession, true
		}
	}
	return removed
}

// conflicts is rule 2 and insolvencies rule 3: accounts that would end negative, all of them at once.
func (r *readable) conflicts() bool    { return r.cut(ItemConflict, true) }
func (r *readable) insolvencies() bool { return r.cut(Insolvent, false) }

func (r *readable) cut(why Reason, items bool) bool {
	end := r.ending()
	queues := map[account][]int{}
	for i := range r.moves {
		if r.reason[i] != Taken {
			continue
		}
		m := &r.moves[i]
		if !items {
			queues[account{m.From, m.Asset}] = append(queues[account{m.From, m.Asset}], i)
		}
		if m.Kind == Sale && r.isItemSale(m) == items {
			queues[account{m.To, m.Item}] = append(queues[account{m.To, m.Item}], i)
		}
	}
	var tails []int
	for a, q := range queues {
		slices.SortFunc(q, func(x, y int) int {
			mx, my := &r.moves[x], &r.moves[y]
			return cmp.Or(cmp.Compare(nonceFor(mx, a.wallet), nonceFor(my, a.wallet)), rankOrder(mx, my))
		})
		for left := end[a]; left.Sign() < 0; q = q[:len(q)-1] {
			last := q[len(q)-1]
			left = left.Sub(r.effect(&r.moves[last])[a])
			tails = append(tails, last)
		}
	}
	for _, i := range tails {
		r.reason[i] = why
	}
	return len(tails) > 0
}

// nonceFor is the nonce that places a move in a debtor's queue.
func nonceFor(m *readableMove, debtor string) uint64 {
	if m.From == debtor {
		return m.Nonce
	}
	return m.SellerNonce
}

// effect is what all legs of a move do to each account.
func (r *readable) effect(m *readableMove) map[account]Int128 {
	e := map[account]Int128{}
	leg := func(from, to, asset string, amount uint64) {
		e[account{from, asset}] = e[account{from, asset}].SubUnits(amount)
		e[account{to, asset}] = e[account{to, asset}].AddUnits(amount)
	}
	leg(m.From, m.To, m.Asset, m.Amount)
	leg(m.From, r.c.FeeAccount, m.Asset, m.Fee)
	if m.Kind == Sale {
		leg(m.To, m.From, m.Item, m.Quantity)
	}
	return e
}

func (r *readable) ending() map[account]Int128 {
	end := map[account]Int128{}
	for a, amount := range r.opening {
		end[a] = amount
	}
	for item, owner := range r.unique {
		end[account{owner, item}] = Units(1)
	}
	for i := range r.moves {
		if r.reason[i] == Taken {
			for a, d := range r.effect(&r.moves[i]) {
				end[a] = end[a].Add(d)
			}
		}
	}
	return end
}

func (r *readable) outcome() *Outcome {
	o := &Outcome{Accepted: []string{}, Rejected: []Rejection{}, Deltas: []Delta{}, Owners: []Owner{}}
	gross, net, deltas := map[string]Int128{}, map[string]Int128{}, map[account]Int128{}
	for i := range r.moves {
		m := &r.moves[i]
		if _, item := r.unique[m.Asset]; !item {
			gross[m.Asset] = gross[m.Asset].AddUnits(m.Amount)
		}
		if r.reason[i] != Taken {
			o.Rejected = append(o.Rejected, Rejection{ID: m.ID, Reason: r.reason[i]})
			continue
		}
		o.Accepted = append(o.Accepted, m.ID)
		for a, d := range r.effect(m) {
			deltas[a] = deltas[a].Add(d)
		}
	}
	for a, d := range deltas {
		if _, item := r.unique[a.asset]; item || d == (Int128{}) {
			continue
		}
		o.Deltas = append(o.Deltas, Delta{a.wallet, a.asset, d})
		if d.Sign() > 0 {
			net[a.asset] = net[a.asset].Add(d)
		}
	}
	for a, held := range r.ending() {
		if before, item := r.unique[a.asset]; item && held == Units(1) {
			o.Owners = append(o.Owners, Owner{Item: a.asset, Owner: a.wallet, Before: before})
		}
	}
	o.Gross, o.Net = volumes(gross), volumes(net)
	slices.Sort(o.Accepted)
	slices.SortFunc(o.Rejected, func(a, b Rejection) int {
		return cmp.Or(strings.Compare(a.ID, b.ID), cmp.Compare(a.Reason, b.Reason))
	})
	slices.SortFunc(o.Deltas, func(a, b Delta) int {
		return cmp.Or(strings.Compare(a.Wallet, b.Wallet), strings.Compare(a.Asset, b.Asset))
	})
	slices.SortFunc(o.Owners, func(a, b Owner) int { return strings.Compare(a.Item, b.Item) })
	return o
}

func volumes(m map[string]Int128) []Volume {
	v := []Volume{}
	for asset, amount := range m {
		if amount != (Int128{}) {
			v = append(v, Volume{asset, amount})
		}
	}
	slices.SortFunc(v, func(a, b Volume) int { return strings.Compare(a.Asset, b.Asset) })
	return v
}
