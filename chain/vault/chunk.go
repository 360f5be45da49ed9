package vault

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/phantom-paradox/paradox/intent"
)

// The kinds of a chunk.
const (
	ChunkDebits  uint8 = 0
	ChunkCredits uint8 = 1
	ChunkMembers uint8 = 0xff
)

// ErrChunk is returned for bytes that are no chunk.
var ErrChunk = errors.New("not a well-formed chunk")

// A Pair is one change of an entry: by how much is debited or credited.
type Pair struct {
	Entry  uint32
	Amount uint64
}

// A Chunk is one step of a settlement.
type Chunk struct {
	Kind    uint8
	Mint    intent.Key // of debits and credits
	Pairs   []Pair     // of debits and credits, entries ascending
	Members []Member   // of a member chunk
}

// Pages are the pages that the chunk touches, ascending.
func (c *Chunk) Pages() []uint32 {
	var out []uint32
	for _, p := range c.Pairs {
		if i := p.Entry / PageEntries; len(out) == 0 || out[len(out)-1] != i {
			out = append(out, i)
		}
	}
	return out
}

// Encode is the chunk's bytes.
func (c *Chunk) Encode() []byte {
	b := []byte{c.Kind}
	if c.Kind == ChunkMembers {
		b = append(b, byte(len(c.Members)))
		for _, m := range c.Members {
			b = append(b, m.Key[:]...)
			b = binary.LittleEndian.AppendUint16(b, m.Weight)
		}
		return b
	}
	b = append(b, c.Mint[:]...)
	before := uint32(0)
	for _, p := range c.Pairs {
		b = binary.AppendUvarint(b, uint64(p.Entry-before))
		b = binary.AppendUvarint(b, p.Amount)
		before = p.Entry
	}
	return b
}

// ParseChunk reads a chunk and refuses what the program would refuse in its form.
func ParseChunk(b []byte) (*Chunk, error) {
	if len(b) == 0 {
		return nil, fmt.Errorf("%w: empty", ErrChunk)
	}
	c := &Chunk{Kind: b[0]}
	switch c.Kind {
	case ChunkMembers:
		if len(b) < 2 || b[1] < 1 || b[1] > MaxMembers || len(b) != 2+34*int(b[1]) {
			return nil, fmt.Errorf("%w: member list of %d bytes", ErrChunk, len(b))
		}
		c.Members = parseMembers(b[2:], int(b[1]))
		return c, nil
	case ChunkDebits, ChunkCredits:
		if len(b) < 33 {
			return nil, fmt.Errorf("%w: %d bytes", ErrChunk, len(b))
		}
		c.Mint = intent.Key(b[1:33])
		return c, c.parsePairs(b[33:])
	}
	return nil, fmt.Errorf("%w: kind %d", ErrChunk, c.Kind)
}

func (c *Chunk) parsePairs(b []byte) error {
	entry := uint64(0)
	for len(b) > 0 {
		gap, n := Uvarint(b)
		if n == 0 {
			return fmt.Errorf("%w: entry", ErrChunk)
		}
		amount, m := Uvarint(b[n:])
		if m == 0 || amount == 0 {
			return fmt.Errorf("%w: amount", ErrChunk)
		}
		b = b[n+m:]
		if len(c.Pairs) > 0 && gap == 0 || gap > 1<<32-1-entry {
			return fmt.Errorf("%w: entries do not ascend within 32 bits", ErrChunk)
		}
		entry += gap
		c.Pairs = append(c.Pairs, Pair{Entry: uint32(entry), Amount: amount})
	}
	if len(c.Pairs) == 0 {
		return fmt.Errorf("%w: no pairs", ErrChunk)
	}
	return nil
}

// Uvarint reads a minimal LEB128 of at most 64 bits; n = 0 means that there is none.
func Uvarint(b []byte) (v uint64, n int) {
	v, n = binary.Uvarint(b)
	if n <= 0 || n > 1 && b[n-1] == 0 {
		return 0, 0
	}
	return v, n
}

// Head is the settlement head before a chunk: what the vault must hold for the chunk to be applied.
func Head(chunk []byte, next intent.Hash) intent.Hash {
	h := sha256.New()
	h.Write([]byte("paradox/chunk/1"))
	h.Write(chunk)
	h.Write(next[:])
	return intent.Hash(h.Sum(nil))
}

// Heads are the heads before each chunk and, last, the zero head after all of them.
func Heads(chunks [][]byte) []intent.Hash {
	heads := make([]intent.Hash, len(chunks)+1)
	for i := len(chunks) - 1; i >= 0; i-- {
		heads[i] = Head(chunks[i], heads[i+1])
	}
	return heads
}

// Accumulate is the forward accumulator after a chunk.
func Accumulate(acc intent.Hash, chunk []byte) intent.Hash {
	h := sha256.New()
	h.Write(acc[:])
	h.Write(chunk)
	return intent.Hash(h.Sum(nil))
}
