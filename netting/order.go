package netting

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// An ordering sorts numbered names as bytes. An entry of its list is one word: the first bits of the name, and in the
// lowest bits the name's number. Two passes by the bits of the names put nearly every entry in its place, and what is
// left is a step or two away; only names whose first bits are the same are compared as a whole. Where crafted names
// crowd a place, a comparison sort takes over there.
type ordering struct {
	list, other []uint64
	count, ends []uint32
	mask        uint64 // of the numbers
}

// take is an empty list with room for n entries, whose numbers are below limit. It is the ordering's own until the next
// take.
func (o *ordering) take(n, limit int) []uint64 {
	o.mask = 1<<bits.Len(uint(limit)) - 1
	resize(&o.list, n)
	return o.list[:0]
}

// entry is a list's entry for a name that begins with these bits.
func (o *ordering) entry(prefix uint64, number uint32) uint64 { return prefix&^o.mask | uint64(number) }

// number is the number in an entry.
func (o *ordering) number(entry uint64) uint32 { return uint32(entry & o.mask) }

// partition is about how many entries the first pass leaves together: the second one works in the first-level cache.
const partition = 4096

// sort sorts a list in place; compare is the whole order, by numbers.
func (o *ordering) sort(list []uint64, compare func(a, b uint32) int) {
	o.byPrefix(list)
	for i := 1; i < len(list); i++ {
		if (list[i]^list[i-1])&^o.mask != 0 {
			continue
		}
		from := i - 1
		for i++; i < len(list) && (list[i]^list[from])&^o.mask == 0; i++ {
		}
		slices.SortFunc(list[from:i], func(a, b uint64) int { return compare(o.number(a), o.number(b)) })
	}
}

func (o *ordering) byPrefix(list []uint64) {
	const few = 64 // scattering so few does not pay
	if len(list) <= few {
		slices.Sort(list)
		return
	}
	resize(&o.other, len(list))
	width := bits.Len(uint(len(list) / partition))
	if width == 0 {
		copy(o.other, list)
		o.spread(o.other, list, 64)
		return
	}
	shift := 64 - width
	next := zeroed(&o.count, 1<<width+1)
	for _, x := range list {
		next[x>>shift+1]++
	}
	for i := 1; i < len(next); i++ {
		next[i] += next[i-1]
	}
	for _, x := range list {
		place := &next[x>>shift]
		o.other[*place] = x
		*place++
	}
	o.ends = append(o.ends[:0], next[:1<<width]...) // a partition now ends where next says
	from := uint32(0)
	for _, to := range o.ends {
		o.spread(o.other[from:to], list[from:to], shift)
		from = to
	}
}

// spread sorts from into to. The entries differ only in their lowest `low` bits.
func (o *ordering) spread(from, to []uint64, low int) {
	const crowd = 16
	if len(from) < 2 || len(from) > 4*partition {
		copy(to, from)
		slices.Sort(to)
		return
	}
	width := bits.Len(uint(len(from)))
	shift, mask := low-width, uint64(1)<<width-1
	next := zeroed(&o.count, 1<<width+1)
	for _, x := range from {
		next[x>>shift&mask+1]++
	}
	most := uint32(0)
	for i := 1; i < len(next); i++ {
		most = max(most, next[i])
		next[i] += next[i-1]
	}
	if most > crowd {
		copy(to, from)
		slices.Sort(to)
		return
	}
	for _, x := range from {
		place := &next[x>>shift&mask]
		to[*place] = x
		*place++
	}
	for i := 1; i < len(to); i++ {
		x, j := to[i], i
		for ; j > 0 && to[j-1] > x; j-- {
			to[j] = to[j-1]
		}
		to[j] = x
	}
}

// commonPrefix is how many bytes all of n names begin with alike.
func commonPrefix(n int, name func(i int) string) int {
	if n == 0 {
		return 0
	}
	first := name(0)
	common := len(first)
	for i := 1; i < n && common > 0; i++ {
		t := name(i)
		same := 0
		for same < common && same < len(t) && t[same] == first[same] {
			same++
		}
		common = same
	}
	return common
}

// keyPrefix is the first eight bytes of a key, big-endian.
func keyPrefix(k *Key) uint64 { return binary.BigEndian.Uint64(k[:]) }

// prefixAt is the eight bytes of a name after the first skip, big-endian, zeros where it ends.
func prefixAt(name string, skip int) uint64 {
	var b [8]byte
	copy(b[:], name[skip:])
	return binary.BigEndian.Uint64(b[:])
}
