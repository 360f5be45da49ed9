package netting

import (
	"cmp"
	"slices"
	"strings"
)

// Outcome is S3: it sorts and names what Solve left. It belongs to the engine and holds until the next Load or Solve.
func (e *Engine) Outcome() *Outcome {
	o := &e.out
	*o = Outcome{Accepted: o.Accepted[:0], Rejected: o.Rejected[:0], Deltas: o.Deltas[:0], Owners: o.Owners[:0],
		Gross: o.Gross[:0], Net: o.Net[:0]}
	e.after = e.after[:0]
	e.ids(o)
	e.deltas(o)
	e.owners(o)
	e.volumes(o)
	o.notNil()
	return o
}

// notNil keeps empty lists apart from absent ones, for callers that compare or print outcomes.
func (o *Outcome) notNil() {
	if o.Accepted == nil {
		o.Accepted = []string{}
	}
	if o.Rejected == nil {
		o.Rejected = []Rejection{}
	}
	if o.Deltas == nil {
		o.Deltas = []Delta{}
	}
	if o.Owners == nil {
		o.Owners = []Owner{}
	}
	if o.Gross == nil {
		o.Gross = []Volume{}
	}
	if o.Net == nil {
		o.Net = []Volume{}
	}
}

// ids lists what was taken and what was not.
func (e *Engine) ids(o *Outcome) {
	if e.keyed == nil {
		e.prefixIDs()
	}
	n := len(e.reason)
	list := e.order.take(n, n)
	for i, r := range e.reason {
		if r == Taken {
			list = append(list, e.order.entry(e.idKey[i], uint32(i)))
		}
	}
	accepted := len(list)
	for i, r := range e.reason {
		if r != Taken && r != collapsed {
			list = append(list, e.order.entry(e.idKey[i], uint32(i)))
		}
	}
	byID := func(a, b uint32) int { return strings.Compare(e.id(a), e.id(b)) }
	e.order.sort(list[:accepted], byID)
	e.order.sort(list[accepted:], func(a, b uint32) int {
		return cmp.Or(byID(a, b), cmp.Compare(e.reason[a], e.reason[b]), e.compare(a, b))
	})
	e.accepted(o, list[:accepted])
	resize(&o.Rejected, len(list)-accepted)
	e.roomForWhys(len(o.Rejected))
	for i, x := range list[accepted:] {
		move := e.order.number(x)
		o.Rejected[i] = Rejection{e.id(move), e.reason[move], e.explained(i, move)}
	}
}

// roomForWhys makes room for the explanations of n rejections.
func (e *Engine) roomForWhys(n int) {
	if !e.Bare {
		resize(&e.whys, n)
	}
}

// explained is the explanation of the i-th rejection, which is of that move.
func (e *Engine) explained(i int, move uint32) *Why {
	if e.Bare {
		return nil
	}
	w := &e.whys[i]
	*w = Why{}
	e.explain(move, w)
	return w
}

// prefixIDs does for a Case what LoadKeyed does on its way.
func (e *Engine) prefixIDs() {
	moves := e.c.Moves
	resize(&e.idKey, len(moves))
	skip := commonPrefix(len(moves), func(i int) string { return moves[i].ID })
	for i := range moves {
		e.idKey[i] = prefixAt(moves[i].ID, skip)
	}
}

func (e *Engine) accepted(o *Outcome, list []uint64) {
	resize(&o.Accepted, len(list))
	if e.keyed == nil {
		for i, x := range list {
			o.Accepted[i] = e.c.Moves[e.order.number(x)].ID
		}
		return
	}
	moves, out := e.keyed.Moves, o.Accepted[:len(list)]
	for i, x := range list {
		out[i] = View(&moves[e.order.number(x)].ID)
	}
}

// deltas lists them as they lie and sorts then: what an entry says is in one place, not in four.
func (e *Engine) deltas(o *Outcome) {
	skip := 0
	if e.keyed == nil {
		skip = commonPrefix(len(e.wallets.keys), func(i int) string { return e.wallets.keys[i] })
	}
	list := e.order.take(len(e.account), len(e.account))
	for i := range e.asset {
		e.asset[i].net = Int128{}
	}
	resize(&e.unsorted, len(e.account))
	for i, d := range e.delta {
		if d == (Int128{}) {
			continue
		}
		a := &e.account[i]
		asset := &e.asset[a.asset]
		if d.Sign() > 0 {
			asset.net = asset.net.Add(d)
		}
		n := len(list)
		list = append(list, e.order.entry(e.walletPrefix(a.wallet, skip), uint32(n)))
		e.unsorted[n] = Delta{e.wallets.keys[a.wallet], e.assets.keys[a.asset], d}
	}
	e.order.sort(list, func(a, b uint32) int {
		x, y := &e.unsorted[a], &e.unsorted[b]
		return cmp.Or(strings.Compare(x.Wallet, y.Wallet), strings.Compare(x.Asset, y.Asset))
	})
	resize(&o.Deltas, len(list))
	for i, x := range list {
		o.Deltas[i] = e.unsorted[e.order.number(x)]
	}
}

// walletPrefix reads a key where keys lie together, not where they came from.
func (e *Engine) walletPrefix(wallet uint32, skip int) uint64 {
	if name := e.wallets.keys[wallet]; skip != 0 || len(name) != len(Key{}) {
		return prefixAt(name, skip)
	}
	return keyPrefix(&e.wallets.names[wallet].key)
}

func (e *Engine) owners(o *Outcome) {
	for i := range e.items {
		it := &e.items[i]
		o.Owners = append(o.Owners, Owner{e.assets.keys[it.asset], e.wallets.keys[e.ownerOf(it)], e.wallets.keys[it.owner]})
	}
	slices.SortFunc(o.Owners, func(a, b Owner) int { return strings.Compare(a.Item, b.Item) })
}

// ownerOf is the wallet that holds an item after all.
func (e *Engine) ownerOf(it *itemRecord) uint32 {
	owner := it.owner
	for n, w := range e.itemWallet[it.walletFrom : it.walletFrom+it.wallets] {
		held := int(w.in) - int(w.out)
		if n == 0 {
			held++
		}
		if held == 1 {
			owner = w.wallet
		}
	}
	return owner
}

func (e *Engine) volumes(o *Outcome) {
	for i := range e.asset {
		a := &e.asset[i]
		if a.item == 0 && a.gross != (Int128{}) {
			o.Gross = append(o.Gross, Volume{e.assets.keys[i], a.gross})
		}
		if a.net != (Int128{}) {
			o.Net = append(o.Net, Volume{e.assets.keys[i], a.net})
		}
	}
	byAsset := func(a, b Volume) int { return strings.Compare(a.Asset, b.Asset) }
	slices.SortFunc(o.Gross, byAsset)
	slices.SortFunc(o.Net, byAsset)
}

// explain fills the account and the numbers that kept a move out.
func (e *Engine) explain(move uint32, w *Why) {
	if e.numbered != nil {
		e.explainNumbers(move, w)
		return
	}
	m, f := e.said(move), &e.moves[move]
	switch e.reason[move] {
	case Invalid:
		w.Cause = e.invalidCause(&m)
	case Replay:
		w.Wallet, w.Nonce, w.Floor, w.Cause = m.From, f.nonce, e.stream[f.stream].floor, BelowFloor
		if f.nonce > w.Floor {
			w.Cause = NonceUsed
		}
	case Equivocation:
		w.Wallet, w.Nonce, w.Other = m.From, f.nonce, e.id(e.why[move].first)
	case AskTaken:
		w.Wallet, w.Other = m.From, e.id(e.askTaker[e.sales[f.sale-1].ask-1]-1)
	case Deferred:
		w.Wallet, w.Asset = m.To, m.Item
	case Possession:
		w.Wallet, w.Asset = m.To, m.Item
		w.Other = e.wallets.keys[e.items[e.why[move].account].owner]
	case OverLimit:
		w.Wallet, w.Asset = m.From, m.Asset
		e.explainShort(move, w)
	case ItemConflict:
		w.Wallet, w.Asset = m.To, m.Item
		e.explainShort(move, w)
	case Insolvent:
		a := &e.account[e.why[move].account]
		w.Wallet, w.Asset = e.wallets.keys[a.wallet], e.assets.keys[a.asset]
		e.explainShort(move, w)
	}
}

// explainNumbers leaves out what only the caller can name.
func (e *Engine) explainNumbers(move uint32, w *Why) {
	switch e.reason[move] {
	case Equivocation:
		w.Other = e.id(e.why[move].first)
	case AskTaken:
		w.Other = e.id(e.askTaker[e.sales[e.moves[move].sale-1].ask-1] - 1)
	case OverLimit, ItemConflict, Insolvent:
		e.explainShort(move, w)
	}
}

func (e *Engine) invalidCause(m *Move) Cause {
	if m.Negative {
		return NegativeNumber
	}
	unique := func(asset string) uint32 {
		if a, ok := e.assets.find(&e.hasher, asset); ok {
			return e.asset[a].item
		}
		return 0
	}
	var s *saleRecord
	if m.Kind == Sale {
		s = &saleRecord{item: unique(m.Item), quantity: m.Quantity}
	}
	return flawOf(m.Amount, m.Fee, m.From == m.To, unique(m.Asset) != 0, s)
}

func (e *Engine) explainShort(move uint32, w *Why) {
	r := &e.why[move]
	if r.first != move {
		w.Behind = e.id(r.first)
	}
	w.Has = r.has
	first := &e.moves[r.first]
	var from uint32
	var at func(i uint32) uint32
	switch e.reason[move] {
	case OverLimit:
		w.Needs = Units(first.amount).AddUnits(first.fee)
		return
	case ItemConflict:
		w.Needs = Units(1)
		it := &e.items[r.account]
		from = e.itemWallet[it.walletFrom+uint32(e.itemEntry[r.at].seller)].entryFrom
		at = func(i uint32) uint32 { return e.itemEntry[i].move }
	default:
		w.Needs = e.needs(r.first, r.account)
		from = e.debtors[r.account].from
		at = func(i uint32) uint32 { return e.queue[i].ref >> 1 }
	}
	if w.Behind == "" {
		e.nameEarlier(w, from, r.at, r.round, at)
	}
}

// nameEarlier names the moves that stood before place `to` of a queue in that round. It looks back a bounded way: a
// queue of a hundred thousand must not cost a walk an explanation.
func (e *Engine) nameEarlier(w *Why, from, to, round uint32, at func(uint32) uint32) {
	const lookBack = 4 * MaxAfter
	start := len(e.after)
	for seen := 0; to > from && len(e.after)-start < MaxAfter && seen < lookBack; seen++ {
		to--
		if move := at(to); e.reason[move] == Taken || e.why[move].round >= round && e.reason[move] >= Possession {
			e.after = append(e.after, e.id(move))
		}
	}
	w.Earlier = to > from
	w.After = e.after[start:len(e.after):len(e.after)]
	slices.Reverse(w.After)
}
