package netting

// Unique items. What happens to one item depends on other items only through money, so rules 1 and 2 run to their end
// item by item; that is the same as all items in step.

type itemRecord struct {
	asset, owner uint32 // asset number, wallet number of the opening owner
	count        uint32 // moves that are in the running at the start
	entryFrom    uint32 // into itemEntry, count of them
	walletFrom   uint32 // into itemWallet, wallets of them; the owner is number 0
	wallets      uint32
	checkedIn    uint32 // round of the last walk, so that one round walks once
}

func (it *itemRecord) reset() { *it = itemRecord{asset: it.asset, owner: it.owner} }

// An itemEntry is one move of an item; they stand by seller, and for one seller in the order of its queue.
type itemEntry struct {
	move          uint32
	seller, buyer uint16 // numbers within the item: at most 2*MaxItemMoves + 1
}

// An itemWallet is what one wallet does with one item.
type itemWallet struct {
	wallet    uint32
	entryFrom uint32 // the wallet's sales: entries from..to, of which the ones below to are untouched by rule 2
	entryTo   uint32
	out, in   uint16 // moves in the running
}

type localNumber struct {
	item   uint32 // 1 + the item for which number holds
	number uint16
}

const maxItemWallets = 2*MaxItemMoves + 1

// buildItems lays out the moves of every item.
func (e *Engine) buildItems() {
	for i := range e.items {
		e.items[i].count = 0
	}
	for i := range e.sales {
		if s := &e.sales[i]; s.item != 0 && e.reason[s.move] == Taken {
			e.items[s.item-1].count++
		}
	}
	total := uint32(0)
	for i := range e.items {
		e.items[i].entryFrom = total
		total += e.items[i].count
	}
	resize(&e.itemEntry, int(total))
	e.itemWallet = e.itemWallet[:0]
	zeroed(&e.localOf, e.walletCount())
	resize(&e.itemTail, len(e.items))
	next := e.itemTail[:0]
	for i := range e.items {
		next = append(next, e.items[i].entryFrom)
	}
	e.itemTail = next
	for i := range e.sales {
		s := &e.sales[i]
		if s.item != 0 && e.reason[s.move] == Taken {
			e.itemEntry[next[s.item-1]].move = uint32(i) // the sale for now, so that buildItem finds it
			next[s.item-1]++
		}
	}
	for i := range e.items {
		e.buildItem(uint32(i))
	}
}

func (e *Engine) buildItem(item uint32) {
	it := &e.items[item]
	it.walletFrom = uint32(len(e.itemWallet))
	e.localNumber(item, it.owner)
	entries := e.itemEntry[it.entryFrom : it.entryFrom+it.count]
	e.orderEntries(entries)
	for i := range entries {
		s := &e.sales[entries[i].move]
		at := it.entryFrom + uint32(i)
		s.entry = at
		seller, buyer := e.localNumber(item, s.seller), e.localNumber(item, s.buyer)
		entries[i] = itemEntry{s.move, seller, buyer}
		w := &e.itemWallet[it.walletFrom+uint32(seller)]
		if w.entryTo == 0 {
			w.entryFrom = at
		}
		w.entryTo = at + 1
		w.out++
		e.itemWallet[it.walletFrom+uint32(buyer)].in++
	}
	it.wallets = uint32(len(e.itemWallet)) - it.walletFrom
}

func (e *Engine) localNumber(item, wallet uint32) uint16 {
	l := &e.localOf[wallet]
	if l.item != item+1 {
		*l = localNumber{item + 1, uint16(uint32(len(e.itemWallet)) - e.items[item].walletFrom)}
		e.itemWallet = append(e.itemWallet, itemWallet{wallet: wallet})
	}
	return l.number
}

// orderEntries sorts entries that still hold sales by seller, seller nonce and rank.
func (e *Engine) orderEntries(entries []itemEntry) {
	e.suspects = e.suspects[:0]
	for i := range entries {
		s := &e.sales[entries[i].move]
		e.suspects = append(e.suspects, streamNonce{s.sellerNonce, s.seller, entries[i].move})
	}
	sortStreamNonces(e.suspects)
	var to int
	for from := 0; from < len(e.suspects); from = to {
		for to = from + 1; to < len(e.suspects) && e.suspects[to].nonce == e.suspects[from].nonce &&
			e.suspects[to].group == e.suspects[from].group; to++ {
		}
		if to > from+1 {
			e.rankSales(e.suspects[from:to])
		}
	}
	for i := range entries {
		entries[i].move = e.suspects[i].move
	}
}

// rankSales sorts sales of one seller and nonce by rank.
func (e *Engine) rankSales(run []streamNonce) {
	e.tails = e.tails[:0]
	for i := range run {
		e.tails = append(e.tails, e.sales[run[i].move].move)
	}
	e.sortByRank(e.tails, 0)
	for i, move := range e.tails {
		run[i].move = e.moves[move].sale - 1
	}
}

// settleItem runs rules 1 and 2 on one item until neither removes.
func (e *Engine) settleItem(item uint32) {
	for {
		e.round++
		e.possession(item)
		if !e.conflicts(item) {
			return
		}
	}
}

// possession is rule 1: it walks from the opening owner along the moves in the running and removes those whose seller
// it did not meet. One walk is enough: what it removes led nowhere that it went.
func (e *Engine) possession(item uint32) {
	it := &e.items[item]
	var met [maxItemWallets/64 + 1]uint64
	var stack [maxItemWallets]uint16
	wallets := e.itemWallet[it.walletFrom : it.walletFrom+it.wallets]
	met[0], stack[0] = 1, 0
	for top := 1; top > 0; {
		top--
		w := &wallets[stack[top]]
		if w.out == 0 {
			continue
		}
		e.ops += uint64(w.entryTo - w.entryFrom)
		for _, entry := range e.itemEntry[w.entryFrom:w.entryTo] {
			b := entry.buyer
			if e.reason[entry.move] == Taken && met[b/64]&(1<<(b%64)) == 0 {
				met[b/64] |= 1 << (b % 64)
				stack[top] = b
				top++
			}
		}
	}
	e.ops += uint64(it.wallets)
	for i := range wallets {
		if wallets[i].out == 0 || met[i/64]&(1<<(i%64)) != 0 {
			continue
		}
		for at := wallets[i].entryFrom; at < wallets[i].entryTo; at++ {
			move := e.itemEntry[at].move
			if e.reason[move] == Taken {
				e.why[move] = removal{account: item, at: at, round: e.round, first: move}
				e.remove(move, Possession)
			}
		}
	}
}

// conflicts is rule 2: sellers that would end with less than nothing lose the tail of their queue, all of them by the
// numbers of one moment.
func (e *Engine) conflicts(item uint32) bool {
	it := &e.items[item]
	wallets := e.itemWallet[it.walletFrom : it.walletFrom+it.wallets]
	e.itemTail = e.itemTail[:0]
	e.ops += uint64(it.wallets)
	for i := range wallets {
		w := &wallets[i]
		short := int(w.out) - int(w.in)
		if i == 0 {
			short--
		}
		if short <= 0 {
			continue
		}
		for tail := len(e.itemTail); short > 0; {
			w.entryTo--
			move := e.itemEntry[w.entryTo].move
			e.ops++
			if e.reason[move] != Taken {
				continue
			}
			short--
			e.itemTail = append(e.itemTail, w.entryTo)
			if short > 0 {
				continue
			}
			for _, at := range e.itemTail[tail:] { // what comes before the first of them has used up all that comes in
				e.why[e.itemEntry[at].move] = removal{account: item, at: w.entryTo, first: move, round: e.round}
			}
		}
	}
	for _, at := range e.itemTail {
		e.remove(e.itemEntry[at].move, ItemConflict)
	}
	return len(e.itemTail) > 0
}
