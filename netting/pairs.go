package netting

import "math/bits"

// A pairTable numbers pairs of numbers in order of appearance.
type pairTable struct {
	slots []pairSlot
	count uint32
}

type pairSlot struct {
	pair   uint64
	number uint32 // 1 + the number; 0: empty
}

func pairOf(a, b uint32) uint64 { return uint64(a)<<32 | uint64(b) }

func (t *pairTable) reset() {
	if t.slots == nil {
		t.slots = make([]pairSlot, firstSlots)
	}
	clear(t.slots)
	t.count = 0
}

// number returns the number of the pair; fresh says that it is new.
func (t *pairTable) number(pair uint64) (n uint32, fresh bool) {
	mask := uint64(len(t.slots) - 1)
	for at := scatter(pair) & mask; ; at = (at + 1) & mask {
		slot := &t.slots[at]
		if slot.number == 0 {
			t.count++
			*slot = pairSlot{pair, t.count}
			n = t.count - 1
			if 2*int(t.count) > len(t.slots) {
				t.grow()
			}
			return n, true
		}
		if slot.pair == pair {
			return slot.number - 1, false
		}
	}
}

func (t *pairTable) find(pair uint64) (uint32, bool) {
	mask := uint64(len(t.slots) - 1)
	for at := scatter(pair) & mask; ; at = (at + 1) & mask {
		slot := &t.slots[at]
		if slot.number == 0 {
			return 0, false
		}
		if slot.pair == pair {
			return slot.number - 1, true
		}
	}
}

func (t *pairTable) grow() {
	old := t.slots
	t.slots = make([]pairSlot, 4*len(old))
	mask := uint64(len(t.slots) - 1)
	for _, slot := range old {
		if slot.number == 0 {
			continue
		}
		at := scatter(slot.pair) & mask
		for t.slots[at].number != 0 {
			at = (at + 1) & mask
		}
		t.slots[at] = slot
	}
}

// scatter spreads numbers that count up. They are the engine's own, so no key that a stranger crafts gets here unhashed.
func scatter(x uint64) uint64 {
	const odd = 0x9e3779b97f4a7c15 // 2^64 / golden ratio
	hi, lo := bits.Mul64(x^odd, odd)
	return hi ^ lo
}
