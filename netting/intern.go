package netting

import (
	"encoding/binary"
	"hash/maphash"
	"math/bits"
	"unsafe"
)

// A hasher hashes by secrets that are drawn once, against crafted names: strangers choose them.
type hasher struct {
	seed   maphash.Seed
	secret [6]uint64
	drawn  bool
}

func (h *hasher) draw() {
	if h.drawn {
		return
	}
	h.seed, h.drawn = maphash.MakeSeed(), true
	for i := range h.secret {
		h.secret[i] = maphash.String(h.seed, string(rune('a'+i)))
	}
}

// key hashes a key: the sum of two products of its words, each word plus a secret, collides for any two keys with
// probability 2^-64 over the secrets (the hash NH); one more product folds its 128 bits into 64.
func (h *hasher) key(k *Key) uint64 {
	le, s := binary.LittleEndian, &h.secret
	hi, lo := bits.Mul64(le.Uint64(k[0:])+s[0], le.Uint64(k[8:])+s[1])
	hi2, lo2 := bits.Mul64(le.Uint64(k[16:])+s[2], le.Uint64(k[24:])+s[3])
	lo, carry := bits.Add64(lo, lo2, 0)
	hi, _ = bits.Add64(hi, hi2, carry)
	hi, lo = bits.Mul64(hi^s[4], lo^s[5])
	return hi ^ lo
}

func (h *hasher) text(s string) uint64 {
	if len(s) == len(Key{}) {
		return h.key(bytesOf(s))
	}
	return maphash.String(h.seed, s)
}

// An interner numbers strings in order of appearance: open addressing, at most half full, four bytes a slot.
type interner struct {
	slots []uint32
	keys  []string
	names []internName
}

// A slot is 1 + the number of a string in the bits that index the slots, which do for twice the numbers, and in the bits
// above them the hash's upper ones, its tag: a slot that differs there is skipped without looking at the string.
// An empty slot is 0.

// An internName is one line of the cache: a string of 32 bytes, as keys are, lies beside what is read as soon as it is
// found, so that a look-up misses the cache twice, in slots and here.
type internName struct {
	key    Key // if the string is one; else nothing
	wallet walletRecord
}

const firstSlots = 64 // small cases stay small

func (t *interner) reset() {
	if t.slots == nil {
		t.slots = make([]uint32, firstSlots)
	}
	clear(t.slots)
	t.keys, t.names = t.keys[:0], t.names[:0]
}

// place splits a hash into where to look first and the tag to look for there.
func (t *interner) place(hash uint64) (at, tag, mask uint32) {
	mask = uint32(len(t.slots) - 1)
	return uint32(hash) & mask, uint32(hash>>32) &^ mask, mask
}

func (t *interner) same(number uint32, s string) bool {
	if len(s) == len(Key{}) {
		return t.names[number].is(bytesOf(s))
	}
	return t.keys[number] == s
}

func (n *internName) is(k *Key) bool { return sameKey(&n.key, k) && n.wallet.isKey }

// sameKey compares without a call: it is what loading does most.
func sameKey(a, b *Key) bool {
	le := binary.LittleEndian
	return (le.Uint64(a[:])^le.Uint64(b[:]))|(le.Uint64(a[8:])^le.Uint64(b[8:]))|
		(le.Uint64(a[16:])^le.Uint64(b[16:]))|(le.Uint64(a[24:])^le.Uint64(b[24:])) == 0
}

// bytesOf is the memory of a string of 32 bytes.
func bytesOf(s string) *Key {
	return (*Key)(unsafe.Pointer(unsafe.StringData(s)))
}

// guess looks keys up together, each at its first two slots only: number[i] is 1 + the number that keys[i] has if it
// has one there, else 0. No step waits for the one before, so the cache misses of a whole block overlap.
func (t *interner) guess(h *hasher, keys []*Key, number []uint32, hash *[keyBlock]uint64) {
	hashes, number := hash[:len(keys)], number[:len(keys)]
	for i, k := range keys {
		hashes[i] = h.key(k)
	}
	slots, mask := t.slots, uint32(len(t.slots)-1)
	for i, x := range hashes {
		tag, at := uint32(x>>32), uint32(x)&mask
		first, second := slots[at], slots[(at+1)&mask]
		var n uint32
		if (second^tag)&^mask == 0 {
			n = second & mask
		}
		if (first^tag)&^mask == 0 {
			n = first & mask
		}
		number[i] = n
	}
	for i, n := range number {
		if n != 0 && !t.names[n-1].is(keys[i]) {
			number[i] = 0
		}
	}
}

// numbers is number for a block of keys.
func (t *interner) numbers(h *hasher, keys []*Key, number []uint32) {
	var hash [keyBlock]uint64
	t.guess(h, keys, number, &hash)
	for i, n := range number {
		if n != 0 {
			number[i] = n - 1
		} else {
			number[i] = t.hashed(h, hash[i], View(keys[i]))
		}
	}
}

// known is find for a block of keys: none where a key has no number.
func (t *interner) known(h *hasher, keys []*Key, number []uint32) {
	var hash [keyBlock]uint64
	t.guess(h, keys, number, &hash)
	for i, n := range number {
		if n != 0 {
			number[i] = n - 1
		} else if x, ok := t.lookup(hash[i], View(keys[i])); ok {
			number[i] = x
		} else {
			number[i] = none
		}
	}
}

// number returns the number of s, which it gives it if it is new.
func (t *interner) number(h *hasher, s string) uint32 { return t.hashed(h, h.text(s), s) }

// hashed is number of a string whose hash is known.
func (t *interner) hashed(h *hasher, hash uint64, s string) uint32 {
	at, tag, mask := t.place(hash)
	for ; ; at = (at + 1) & mask {
		slot := t.slots[at]
		if slot == 0 {
			t.slots[at] = tag | uint32(len(t.keys)) + 1
			t.add(h, s)
			return uint32(len(t.keys) - 1)
		}
		if (slot^tag)&^mask == 0 && t.same(slot&mask-1, s) {
			return slot&mask - 1
		}
	}
}

func (t *interner) add(h *hasher, s string) {
	t.keys = append(t.keys, s)
	t.names = append(t.names, internName{})
	if len(s) == len(Key{}) {
		n := &t.names[len(t.names)-1]
		n.key, n.wallet.isKey = *bytesOf(s), true
	}
	if 2*len(t.keys) > len(t.slots) {
		t.grow(h)
	}
}

// find returns the number of s, if it has one.
func (t *interner) find(h *hasher, s string) (uint32, bool) { return t.lookup(h.text(s), s) }

// lookup is find of a string whose hash is known.
func (t *interner) lookup(hash uint64, s string) (uint32, bool) {
	at, tag, mask := t.place(hash)
	for ; ; at = (at + 1) & mask {
		slot := t.slots[at]
		if slot == 0 {
			return 0, false
		}
		if (slot^tag)&^mask == 0 && t.same(slot&mask-1, s) {
			return slot&mask - 1, true
		}
	}
}

func (t *interner) grow(h *hasher) {
	t.slots = make([]uint32, 4*len(t.slots))
	for i, s := range t.keys {
		at, tag, mask := t.place(h.text(s))
		for t.slots[at] != 0 {
			at = (at + 1) & mask
		}
		t.slots[at] = tag | uint32(i+1)
	}
}
