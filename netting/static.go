package netting

import "slices"

// collapsed marks an exact duplicate of another move: it is not there.
const collapsed Reason = 255

// replays is the rule REPLAY. On the way it marks the streams in which two moves may share a nonce.
func (e *Engine) replays() (suspects bool) {
	for i := range e.stream {
		e.stream[i].seen = [nonceWindow / 64]uint64{}
	}
	for i := range e.streamRest {
		e.streamRest[i].suspect = false
	}
	e.far = e.far[:0]
	for i := range e.moves {
		m := &e.moves[i]
		s := &e.stream[m.stream]
		if place := m.nonce - s.floor - 1; place < nonceWindow { // at or below the floor wraps round to far
			word, bit := &s.seen[place/64], uint64(1)<<(place%64)
			if *word&bit != 0 {
				e.restOf(m.stream).suspect, suspects = true, true
			}
			*word |= bit
		} else {
			e.far = append(e.far, uint32(i))
		}
		if e.reason[i] == Taken && (m.nonce <= s.floor || len(e.usedNonces) > 0 && e.isUsed(e.restOf(m.stream), m.nonce)) {
			e.reason[i] = Replay
		}
	}
	return e.findSuspects() || suspects
}

func (e *Engine) isUsed(s *streamRest, nonce uint64) bool {
	_, found := slices.BinarySearchFunc(e.usedNonces[s.usedFrom:s.usedTo], nonce, func(u streamNonce, n uint64) int {
		switch {
		case u.nonce < n:
			return -1
		case u.nonce > n:
			return 1
		}
		return 0
	})
	return found
}

// collapse drops exact duplicates and is the rule EQUIVOCATION, within the streams that are suspect.
func (e *Engine) collapse() {
	e.suspects = e.suspects[:0]
	for i := range e.moves {
		if m := &e.moves[i]; e.streamRest[m.stream].suspect {
			e.suspects = append(e.suspects, streamNonce{m.nonce, m.stream, uint32(i)})
		}
	}
	sortStreamNonces(e.suspects)
	var to int
	for from := 0; from < len(e.suspects); from = to {
		for to = from + 1; to < len(e.suspects) && e.suspects[to].nonce == e.suspects[from].nonce &&
			e.suspects[to].group == e.suspects[from].group; to++ {
		}
		if to > from+1 {
			e.collapseRun(e.suspects[from:to])
		}
	}
}

// findSuspects marks the streams in which two far moves may share a nonce. A fingerprint that two share by chance only
// costs a sort.
func (e *Engine) findSuspects() bool {
	if len(e.far) < 2 {
		return false
	}
	size := firstSlots
	for size < 2*len(e.far) {
		size *= 2
	}
	set := zeroed(&e.nonceSet, size)
	mask := uint64(size - 1)
	found := false
	for _, move := range e.far {
		m := &e.moves[move]
		h := e.nonceHash(m)
		print := uint32(h>>32) | 1 // 0 is an empty slot
		at := h & mask
		for set[at] != 0 && set[at] != print {
			at = (at + 1) & mask
		}
		if set[at] == print {
			e.restOf(m.stream).suspect, found = true, true
		}
		set[at] = print
	}
	return found
}

// nonceHash mixes the secret in before nonces, which strangers choose, reach a multiplication.
func (e *Engine) nonceHash(m *flatMove) uint64 {
	return scatter(scatter(m.nonce^e.hasher.secret[0]) + uint64(m.stream))
}

// collapseRun handles moves of one stream and nonce.
func (e *Engine) collapseRun(run []streamNonce) {
	resize(&e.tails, len(run))
	for i := range run {
		e.tails[i] = run[i].move
	}
	e.sortByRank(e.tails, 0)
	stays := none
	for i, move := range e.tails {
		if i > 0 && e.compare(e.tails[i-1], move) == 0 {
			e.reason[move] = collapsed
			continue
		}
		if e.reason[move] != Taken {
			continue
		}
		if stays == none {
			stays = move
			continue
		}
		e.reason[move] = Equivocation
		e.why[move] = removal{first: stays}
	}
}

// askTakers is the rule ASK_TAKEN.
func (e *Engine) askTakers() {
	if e.askCount == 0 {
		return
	}
	taker := zeroed(&e.askTaker, int(e.askCount))
	for i := range e.sales {
		s := &e.sales[i]
		if s.ask == 0 || e.reason[s.move] != Taken {
			continue
		}
		best := &taker[s.ask-1]
		switch {
		case *best == 0:
			*best = s.move + 1
		case e.ranksBefore(s.move, *best-1):
			e.reason[*best-1] = AskTaken
			*best = s.move + 1
		default:
			e.reason[s.move] = AskTaken
		}
	}
}

// deferHot is the rule DEFERRED.
func (e *Engine) deferHot() {
	if len(e.items) == 0 {
		return
	}
	hot := false
	for i := range e.sales {
		s := &e.sales[i]
		if s.item != 0 && e.reason[s.move] == Taken {
			it := &e.items[s.item-1]
			it.count++
			hot = hot || it.count > MaxItemMoves
		}
	}
	if !hot {
		return
	}
	e.suspects = e.suspects[:0]
	for i := range e.sales {
		s := &e.sales[i]
		if s.item != 0 && e.reason[s.move] == Taken && e.items[s.item-1].count > MaxItemMoves {
			e.suspects = append(e.suspects, streamNonce{group: s.item - 1, move: s.move})
		}
	}
	sortStreamNonces(e.suspects)
	var to int
	for from := 0; from < len(e.suspects); from = to {
		item := e.suspects[from].group
		e.tails = e.tails[:0]
		for to = from; to < len(e.suspects) && e.suspects[to].group == item; to++ {
			e.tails = append(e.tails, e.suspects[to].move)
		}
		e.sortByRank(e.tails, 0)
		for _, move := range e.tails[MaxItemMoves:] {
			e.reason[move] = Deferred
		}
		e.items[item].count = MaxItemMoves
	}
}

// overLimits is S1.
func (e *Engine) overLimits() {
	if len(e.limitMax) == 0 {
		return
	}
	e.limited = e.limited[:0]
	for i := range e.moves {
		m := &e.moves[i]
		if e.reason[i] != Taken || !e.streamRest[m.stream].hasLimit {
			continue
		}
		if limit, ok := e.limits.find(pairOf(m.stream, m.asset)); ok {
			e.limited = append(e.limited, streamNonce{m.nonce, limit, uint32(i)})
		}
	}
	sortStreamNonces(e.limited) // nonces are unique within a stream by now
	var to int
	for from := 0; from < len(e.limited); from = to {
		limit := e.limited[from].group
		left, first := Units(e.limitMax[limit]), none
		for to = from; to < len(e.limited) && e.limited[to].group == limit; to++ {
			move := e.limited[to].move
			m := &e.moves[move]
			if first == none {
				rest := left.SubUnits(m.amount).SubUnits(m.fee)
				if rest.Sign() >= 0 {
					left = rest
					continue
				}
				first = move
			}
			e.reason[move] = OverLimit
			e.why[move] = removal{has: left, at: uint32(to), first: first}
		}
	}
}
