package ledger

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"github.com/phantom-paradox/paradox/intent"
	"lukechampine.com/blake3"
	"lukechampine.com/blake3/guts"
)

// latticeBytes is the size of a lattice sum: 1,024 lanes of 16 bits, the LtHash16 of 2^-200 collision work.
const latticeBytes = 2048

// A lattice is the LtHash16 of a set: the sum, lane by lane modulo 2^16, of the BLAKE3 XOF of its elements. Adding and
// removing are each other's inverse and commute.
type lattice [latticeBytes / 2]uint16

// add puts an element (its key with the kind, and its value) into the set.
func (l *lattice) add(key string, value []byte) {
	var x [latticeBytes]byte
	expand(key, value, &x)
	for i := range l {
		l[i] += binary.LittleEndian.Uint16(x[2*i:])
	}
}

// remove takes an element out of the set.
func (l *lattice) remove(key string, value []byte) {
	var x [latticeBytes]byte
	expand(key, value, &x)
	for i := range l {
		l[i] -= binary.LittleEndian.Uint16(x[2*i:])
	}
}

// merge adds the sum of another set.
func (l *lattice) merge(m *lattice) {
	for i := range l {
		l[i] += m[i]
	}
}

// expand is the XOF of kind || length of the key u16 || key || value.
func expand(key string, value []byte, out *[latticeBytes]byte) {
	var buf [256]byte
	b := append(buf[:0], key[0])
	b = binary.LittleEndian.AppendUint16(b, uint16(len(key)-1))
	b = append(append(b, key[1:]...), value...)
	if len(b) > guts.ChunkSize { // the members of a large committee; a tree of chunks
		copy(out[:], expandLong(slices.Clone(b)))
		return
	}
	// One chunk is its own root. The library's reader starts goroutines for 2 KiB of output; this does not.
	const half = guts.MaxSIMD * guts.BlockSize
	n := guts.CompressChunk(b, &guts.IV, 0, 0)
	n.Flags |= guts.FlagRoot
	n.Counter = 0
	guts.CompressBlocks((*[half]byte)(out[:half]), n)
	n.Counter = guts.MaxSIMD
	guts.CompressBlocks((*[half]byte)(out[half:]), n)
}

// expandLong is the XOF of more than one chunk. It is apart so that what expand works on stays on its stack.
func expandLong(b []byte) []byte {
	out := make([]byte, latticeBytes)
	h := blake3.New(32, nil)
	_, _ = h.Write(b) // a hash does not fail
	_, _ = h.XOF().Read(out)
	return out
}

// bytes is the sum, lanes little-endian.
func (l *lattice) bytes() []byte {
	b := make([]byte, latticeBytes)
	for i, v := range l {
		binary.LittleEndian.PutUint16(b[2*i:], v)
	}
	return b
}

// digest is what a header carries.
func (l *lattice) digest() intent.Hash { return sha256.Sum256(l.bytes()) }

func parseLattice(b []byte) (l lattice, err error) {
	if len(b) != latticeBytes {
		return l, fmt.Errorf("%w: a lattice sum of %d bytes", ErrEncoding, len(b))
	}
	for i := range l {
		l[i] = binary.LittleEndian.Uint16(b[2*i:])
	}
	return l, nil
}

// A swap replaces one element of the set.
type swap struct {
	key      string
	old, new []byte // nil: absent
}

// latticeShare is the least work worth a goroutine: about a millisecond of hashing.
const latticeShare = 512

// swapAll replaces elements, on all cores where it is worth it. Sums commute, so the result does not depend on how many.
func (l *lattice) swapAll(swaps []swap) {
	workers := min(runtime.GOMAXPROCS(0), len(swaps)/latticeShare)
	if workers < 2 {
		l.swapEach(swaps)
		return
	}
	parts := make([]lattice, workers)
	var wg sync.WaitGroup
	for w := range workers {
		share := swaps[len(swaps)*w/workers : len(swaps)*(w+1)/workers]
		wg.Go(func() { parts[w].swapEach(share) })
	}
	wg.Wait()
	for w := range parts {
		l.merge(&parts[w])
	}
}

func (l *lattice) swapEach(swaps []swap) {
	for _, s := range swaps {
		if s.old != nil {
			l.remove(s.key, s.old)
		}
		if s.new != nil {
			l.add(s.key, s.new)
		}
	}
}
