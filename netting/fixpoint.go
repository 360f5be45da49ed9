package netting

import (
	"cmp"
	"slices"
)

// sums adds every leg of every move in the running to its accounts, and the submitted amounts to the gross volumes.
func (e *Engine) sums() {
	delta, moves, reason := e.delta, e.moves, e.reason[:len(e.moves)]
	for i := range moves {
		m := &moves[i]
		if reason[i] != collapsed {
			a := &e.asset[m.asset]
			a.gross = a.gross.AddUnits(m.amount)
		}
		if reason[i] != Taken {
			continue
		}
		d, c := &delta[m.debit], &delta[m.credit]
		*c = c.AddUnits(m.amount)
		*d = d.SubUnits(m.amount)
		if m.fee != 0 {
			*d = d.SubUnits(m.fee)
			f := &delta[e.asset[m.asset].feeAccount-1]
			*f = f.AddUnits(m.fee)
		}
		if m.sale != 0 {
			if s := &e.sales[m.sale-1]; s.item == 0 {
				delta[s.debit] = delta[s.debit].SubUnits(s.quantity)
				delta[s.credit] = delta[s.credit].AddUnits(s.quantity)
			}
		}
	}
}

// fixpoint is S2. A round is: items to their end (rules 1 and 2), then every account that would end below zero, each by
// the numbers of that moment, then the removals at once (rule 3). Only accounts that lost a credit and items of which a
// move that somebody built on went away can be worse off than before, so only those are looked at again.
func (e *Engine) fixpoint() {
	e.round++
	if len(e.items) > 0 {
		e.buildItems()
		for i := range e.items {
			e.settleItem(uint32(i))
		}
	}
	e.negative = e.negative[:0]
	for i := range e.account {
		if e.account[i].open.Add(e.delta[i]).Hi < 0 {
			e.negative = append(e.negative, uint32(i))
		}
	}
	if len(e.negative) == 0 {
		return
	}
	e.buildQueues()
	e.cutting = true
	for len(e.negative) > 0 {
		e.insolvencies()
	}
	for i := range e.debtors {
		e.delta[i] = e.debtors[i].left.Sub(e.account[i].open)
	}
}

// buildQueues gathers every account's debits by a counting sort. A queue is put into its order when it is first cut.
func (e *Engine) buildQueues() {
	next := zeroed(&e.queueEnd, len(e.account))
	for i := range e.moves {
		if e.reason[i] == Taken {
			m := &e.moves[i]
			next[m.debit]++
			if s := e.fungibleSale(m); s != nil {
				next[s.debit]++
			}
		}
	}
	sum := uint32(0)
	for i := range next {
		sum, next[i] = sum+next[i], sum
	}
	resize(&e.queue, int(sum))
	for i := range e.moves {
		if e.reason[i] != Taken {
			continue
		}
		m := &e.moves[i]
		e.queue[next[m.debit]] = e.debitOf(uint32(i) << 1)
		next[m.debit]++
		if s := e.fungibleSale(m); s != nil {
			e.queue[next[s.debit]] = e.debitOf(uint32(i)<<1 | 1)
			next[s.debit]++
		}
	}
	resize(&e.debtors, len(e.account))
	from := uint32(0)
	for i, end := range next { // which is where the next one's begins by now
		e.debtors[i] = debtor{left: e.account[i].open.Add(e.delta[i]), from: from, end: end}
		from = end
	}
}

// debitOf is the queue's entry for a reference.
func (e *Engine) debitOf(ref uint32) queued {
	m := &e.moves[ref>>1]
	switch {
	case ref&1 != 0:
		return queued{nonce: e.sales[m.sale-1].sellerNonce, ref: ref, credit: none}
	case m.fee != 0 || m.sale != 0:
		return queued{nonce: m.nonce, ref: ref, credit: none}
	}
	return queued{nonce: m.nonce, amount: m.amount, ref: ref, credit: m.credit}
}

func (e *Engine) fungibleSale(m *flatMove) *saleRecord {
	if m.sale == 0 || e.sales[m.sale-1].item != 0 {
		return nil
	}
	return &e.sales[m.sale-1]
}

// orderQueue sorts the queue of an account by (the debtor's nonce, rank).
func (e *Engine) orderQueue(d *debtor) {
	d.ordered = true
	queue := e.queue[d.from:d.end]
	e.sortQueue(queue)
	var to int
	for from := 0; from < len(queue); from = to {
		for to = from + 1; to < len(queue) && queue[to].nonce == queue[from].nonce; to++ {
		}
		if to > from+1 {
			e.rankQueue(queue[from:to])
		}
	}
}

// rankQueue sorts a run of one nonce by rank.
func (e *Engine) rankQueue(run []queued) {
	resize(&e.refs, len(run))
	for i := range run {
		e.refs[i] = run[i].ref
	}
	e.sortByRank(e.refs, 1)
	for i := range run {
		run[i] = e.debitOf(e.refs[i])
	}
}

// sortQueue sorts by nonce. Most queues are short, and most long ones have nonces that lie close together: then each
// nonce's place is counted.
func (e *Engine) sortQueue(queue []queued) {
	const short = 24
	if len(queue) > short {
		low, high := queue[0].nonce, queue[0].nonce
		for i := range queue {
			low, high = min(low, queue[i].nonce), max(high, queue[i].nonce)
		}
		if high-low < 4*uint64(len(queue)) {
			e.countQueue(queue, low, int(high-low)+1)
		} else {
			slices.SortFunc(queue, func(a, b queued) int { return cmp.Compare(a.nonce, b.nonce) })
		}
		return
	}
	for i := 1; i < len(queue); i++ {
		x := queue[i]
		j := i
		for ; j > 0 && queue[j-1].nonce > x.nonce; j-- {
			queue[j] = queue[j-1]
		}
		queue[j] = x
	}
}

func (e *Engine) countQueue(queue []queued, low uint64, span int) {
	next := zeroed(&e.refs, span+1)
	for i := range queue {
		next[queue[i].nonce-low+1]++
	}
	for i := 1; i <= span; i++ {
		next[i] += next[i-1]
	}
	e.counted = append(e.counted[:0], queue...)
	for i := range e.counted {
		place := &next[e.counted[i].nonce-low]
		queue[*place] = e.counted[i]
		*place++
	}
}

// insolvencies is one round of rule 3, and of rules 1 and 2 on what it touched.
func (e *Engine) insolvencies() {
	e.round++
	e.touchRound = e.round
	e.tails, e.lost = e.tails[:0], e.lost[:0]
	for list := e.negative; len(list) > 0; {
		block := list[:min(cutBlock, len(list))]
		list = list[len(block):]
		e.fetchTails(block)
		for _, account := range block {
			e.cutTail(account)
		}
	}
	e.touched = e.touched[:0]
	e.ops += uint64(len(e.negative) + len(e.tails) + len(e.lost))
	for _, l := range e.lost {
		e.takeBack(l.account, l.amount)
	}
	removed := e.tails[:0]
	for _, move := range e.tails { // buyer and seller may have named the same one
		if e.reason[move] == Taken {
			e.remove(move, Insolvent)
			removed = append(removed, move)
		}
	}
	e.recheckItems(removed)
	e.negative = e.negative[:0]
	e.ops += uint64(len(e.touched))
	for _, account := range e.touched {
		if e.debtors[account].left.Hi < 0 {
			e.negative = append(e.negative, account)
		}
	}
}

// cutBlock is how many accounts are cut together: enough for their cache misses to overlap, few enough for what they bring
// in to stay in the first-level cache.
const cutBlock = 64

// fetchTails reads where the accounts' queues end and does nothing with it: no read waits for another, so that they are
// in the cache when cutTail, which waits for each, asks.
func (e *Engine) fetchTails(accounts []uint32) {
	for _, account := range accounts {
		if d := &e.debtors[account]; d.end > d.from {
			e.fetched ^= e.queue[d.end-1].ref
		}
	}
}

// recheckItems runs rules 1 and 2 on the items of removed moves. Where the buyer does not sell the item on, nobody
// depends on the move, and the walk is saved.
func (e *Engine) recheckItems(removed []uint32) {
	first := e.round
	for _, move := range removed {
		sale := e.moves[move].sale
		if sale == 0 || e.sales[sale-1].item == 0 {
			continue
		}
		s := &e.sales[sale-1]
		it := &e.items[s.item-1]
		buyer := e.itemEntry[s.entry].buyer
		if it.checkedIn < first && e.itemWallet[it.walletFrom+uint32(buyer)].out > 0 {
			e.settleItem(s.item - 1)
			it.checkedIn = e.round
		}
	}
}

// cutTail takes the minimal tail of an account's queue without which it would not end below zero. All accounts of a round
// are cut by the same numbers, so it changes no other account: credits that pays of one leg leave behind go to lost, and
// other moves are only named, in tails.
func (e *Engine) cutTail(account uint32) {
	d := &e.debtors[account]
	if !d.ordered {
		e.orderQueue(d)
	}
	left := d.left
	from, at := len(e.tails), d.end
	e.cut = e.cut[:0]
	for left.Hi < 0 {
		at--
		e.ops++
		q := &e.queue[at]
		move := q.ref >> 1
		if e.reason[move] != Taken {
			continue
		}
		if q.credit == none {
			left = left.Add(e.needs(move, account))
			e.tails = append(e.tails, move)
			continue
		}
		left = left.AddUnits(q.amount)
		d.left = d.left.AddUnits(q.amount)
		e.reason[move] = Insolvent
		e.lost = append(e.lost, lostCredit{q.amount, q.credit})
		if !e.Bare {
			e.cut = append(e.cut, move)
		}
	}
	d.end = at
	if !e.Bare {
		e.cut = append(e.cut, e.tails[from:]...)
		e.noteCut(removal{has: left, account: account, at: at, first: e.queue[at].ref >> 1, round: e.round})
	}
}

// noteCut keeps what explains the moves of e.cut.
func (e *Engine) noteCut(r removal) {
	for _, move := range e.cut {
		// Both parties of a sale may cut it in one round: the buyer explains it, whoever came first in the list.
		if why := &e.why[move]; why.round != e.round || e.moves[move].debit == r.account {
			*why = r
		}
	}
}

// needs is what a move takes from an account, all of its legs together: below zero if it brings more than it takes.
func (e *Engine) needs(move, account uint32) Int128 {
	m := &e.moves[move]
	var n Int128
	if m.debit == account {
		n = n.AddUnits(m.amount).AddUnits(m.fee)
	}
	if m.credit == account {
		n = n.SubUnits(m.amount)
	}
	if m.fee != 0 && e.asset[m.asset].feeAccount-1 == account {
		n = n.SubUnits(m.fee)
	}
	if s := e.fungibleSale(m); s != nil {
		if s.debit == account {
			n = n.AddUnits(s.quantity)
		}
		if s.credit == account {
			n = n.SubUnits(s.quantity)
		}
	}
	return n
}

// remove takes a move out of the running and every leg of it back.
func (e *Engine) remove(move uint32, reason Reason) {
	e.reason[move] = reason
	m := &e.moves[move]
	e.giveBack(m.debit, m.amount)
	e.takeBack(m.credit, m.amount)
	if m.fee != 0 {
		e.giveBack(m.debit, m.fee)
		e.takeBack(e.asset[m.asset].feeAccount-1, m.fee)
	}
	if m.sale == 0 {
		return
	}
	s := &e.sales[m.sale-1]
	if s.item == 0 {
		e.giveBack(s.debit, s.quantity)
		e.takeBack(s.credit, s.quantity)
		return
	}
	wallets := e.itemWallet[e.items[s.item-1].walletFrom:]
	entry := &e.itemEntry[s.entry]
	wallets[entry.seller].out--
	wallets[entry.buyer].in--
}

func (e *Engine) giveBack(account uint32, amount uint64) {
	if e.cutting {
		e.debtors[account].left = e.debtors[account].left.AddUnits(amount)
		return
	}
	e.delta[account] = e.delta[account].AddUnits(amount)
}

// takeBack undoes a credit, after which the account may be short.
func (e *Engine) takeBack(account uint32, amount uint64) {
	if !e.cutting {
		e.delta[account] = e.delta[account].SubUnits(amount)
		return
	}
	d := &e.debtors[account]
	d.left = d.left.SubUnits(amount)
	if d.touchedIn != e.touchRound {
		d.touchedIn = e.touchRound
		e.touched = append(e.touched, account)
	}
}
