// Package leader says who proposes at a height and view: a weighted draw without replacement from a seed that the
// settled header before fixes and a verifiable random function renews. It is pure; who is a member and what a header
// is belong to others.
package leader

import (
	"crypto/sha256"
	"encoding/binary"
	"math/big"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/network"
)

const seedDomain = "paradox/seed/1"

// A Schedule orders a height's leaders: places among the members, the leader of view v being the v-th modulo their number.
type Schedule interface {
	Order(height uint64, seed [32]byte, members []network.Member) []int
}

// FirstSeed is the seed of height 1.
func FirstSeed(net intent.Hash) [32]byte {
	return sha256.Sum256(append([]byte(seedDomain), net[:]...))
}

// NextSeed is the seed of the height after the one with this seed whose settled header has this VRF output.
func NextSeed(seed, vrfOutput [32]byte) [32]byte {
	b := append([]byte(seedDomain), seed[:]...)
	return sha256.Sum256(append(b, vrfOutput[:]...))
}

// Alpha is the VRF's input: network hash, height (u64 little-endian), seed of the height.
func Alpha(net intent.Hash, height uint64, seed [32]byte) []byte {
	b := append(make([]byte, 0, 72), net[:]...)
	b = binary.LittleEndian.AppendUint64(b, height)
	return append(b, seed[:]...)
}

// Draw is the weighted draw without replacement. It does not depend on the height (the seed does) nor on the generation.
type Draw struct{}

// Order draws all members: for each pick the first 16 bytes of SHA-256(seed || counter u32), as a little-endian u128
// modulo the remaining weight, walking the remaining members in file order.
func (Draw) Order(_ uint64, seed [32]byte, members []network.Member) []int {
	rest := make([]int, len(members))
	total := uint64(0)
	for i, m := range members {
		rest[i] = i
		total += uint64(m.Weight)
	}
	order := make([]int, 0, len(members))
	for counter := uint32(0); len(rest) > 0; counter++ {
		at := walk(members, rest, drawn(seed, counter, total))
		order = append(order, rest[at])
		total -= uint64(members[rest[at]].Weight)
		rest = append(rest[:at], rest[at+1:]...)
	}
	return order
}

// walk finds the place in rest whose members' weights cover the point.
func walk(members []network.Member, rest []int, p uint64) int {
	for i, m := range rest {
		w := uint64(members[m].Weight)
		if p < w {
			return i
		}
		p -= w
	}
	return len(rest) - 1
}

// drawn is the counter's draw below total.
func drawn(seed [32]byte, counter uint32, total uint64) uint64 {
	if total == 0 {
		return 0
	}
	sum := sha256.Sum256(binary.LittleEndian.AppendUint32(append([]byte(nil), seed[:]...), counter))
	be := make([]byte, 16)
	for i := range be {
		be[i] = sum[15-i]
	}
	return new(big.Int).Mod(new(big.Int).SetBytes(be), new(big.Int).SetUint64(total)).Uint64()
}

// RoundRobin is the plain alternative: members take turns by weight over the heights, without any randomness.
type RoundRobin struct{}

// Order begins with the member whose share of the weight the height falls into, then goes on in file order.
func (RoundRobin) Order(height uint64, _ [32]byte, members []network.Member) []int {
	total := uint64(0)
	all := make([]int, len(members))
	for i, m := range members {
		total += uint64(m.Weight)
		all[i] = i
	}
	if total == 0 {
		return all
	}
	first := walk(members, all, height%total)
	return append(append([]int(nil), all[first:]...), all[:first]...)
}

// At is the place of the view's leader.
func At(order []int, view uint32) int { return order[int(uint64(view)%uint64(len(order)))] }
