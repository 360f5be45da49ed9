package ledger

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/network"
)

// Bounds of a chunk: what fits one Solana transaction of 1,232 bytes with its accounts. docs/spec/settlement.md.
const (
	// ChunkRoom is a chunk's bytes plus PageCost for each page that it touches.
	ChunkRoom = 910
	// PageCost is what one more account takes from the room.
	PageCost = 33
	// MaxPages is the most pages of a chunk.
	MaxPages = 16
	// PageEntries is how many entries a page has.
	PageEntries = 1024
)

const (
	chunkDebits  = 0x00
	chunkCredits = 0x01
	chunkMembers = 0xff

	chunkHead   = 1 + 32
	chunkDomain = "paradox/chunk/1"
)

// ErrEncoding: bytes that are not in the one form that they can have.
var ErrEncoding = errors.New("ledger: the bytes are not canonical")

// A Chunk is one step of a settlement: debits or credits of entries of one purse, or a change of members.
type Chunk struct {
	Members []network.Member // of a change of members: keys and weights; nil otherwise
	Mint    intent.Key
	Credit  bool
	Entries []ChunkEntry
}

// A ChunkEntry is the change of one entry.
type ChunkEntry struct {
	Number uint32
	Amount uint64
}

// Encode is what the vault applies.
func (c *Chunk) Encode() []byte {
	if c.Members != nil {
		b := []byte{chunkMembers, byte(len(c.Members))}
		for _, m := range c.Members {
			b = append(b, m.Key[:]...)
			b = binary.LittleEndian.AppendUint16(b, m.Weight)
		}
		return b
	}
	b := []byte{chunkDebits}
	if c.Credit {
		b[0] = chunkCredits
	}
	b = append(b, c.Mint[:]...)
	var last uint32
	for _, e := range c.Entries {
		b = binary.AppendUvarint(b, uint64(e.Number-last))
		b = binary.AppendUvarint(b, e.Amount)
		last = e.Number
	}
	return b
}

// Pages are the pages that the chunk touches, ascending.
func (c *Chunk) Pages() []uint32 {
	var out []uint32
	for _, e := range c.Entries {
		if page := e.Number / PageEntries; len(out) == 0 || out[len(out)-1] != page {
			out = append(out, page)
		}
	}
	return out
}

// ParseChunk reads one chunk and refuses what a settlement never has.
func ParseChunk(b []byte) (*Chunk, error) {
	if len(b) == 0 {
		return nil, fmt.Errorf("%w: an empty chunk", ErrEncoding)
	}
	if b[0] == chunkMembers {
		return parseMemberChunk(b[1:])
	}
	if b[0] > chunkCredits || len(b) <= chunkHead {
		return nil, fmt.Errorf("%w: a chunk with tag %d of %d bytes", ErrEncoding, b[0], len(b))
	}
	c := &Chunk{Mint: intent.Key(b[1:chunkHead]), Credit: b[0] == chunkCredits}
	rest := b[chunkHead:]
	var at uint64
	for first := true; len(rest) > 0; first = false {
		gap, n := uvarint(rest)
		amount, m := uvarint(rest[n:])
		if n == 0 || m == 0 || amount == 0 || gap == 0 && !first {
			return nil, fmt.Errorf("%w: entry %d of a chunk", ErrEncoding, len(c.Entries))
		}
		if at += gap; gap > 1<<32-1 || at > 1<<32-1 {
			return nil, fmt.Errorf("%w: a chunk's entry numbers do not fit 32 bits", ErrEncoding)
		}
		c.Entries = append(c.Entries, ChunkEntry{Number: uint32(at), Amount: amount})
		rest = rest[n+m:]
	}
	if pages := len(c.Pages()); pages > MaxPages || len(b) > ChunkRoom-PageCost*pages {
		return nil, fmt.Errorf("%w: a chunk of %d bytes on %d pages fits no transaction", ErrEncoding, len(b), pages)
	}
	return c, nil
}

func parseMemberChunk(b []byte) (*Chunk, error) {
	if len(b) == 0 || b[0] == 0 || b[0] > network.MaxMembers || len(b) != 1+34*int(b[0]) {
		return nil, fmt.Errorf("%w: a change of members", ErrEncoding)
	}
	c := &Chunk{}
	for b = b[1:]; len(b) > 0; b = b[34:] {
		c.Members = append(c.Members, network.Member{Key: intent.Key(b[:32]), Weight: binary.LittleEndian.Uint16(b[32:])})
	}
	return c, nil
}

// uvarint reads a minimal LEB128 of at most 64 bits; n is 0 if there is none.
func uvarint(b []byte) (v uint64, n int) {
	v, n = binary.Uvarint(b)
	if n <= 0 || n > 1 && b[n-1] == 0 {
		return 0, 0
	}
	return v, n
}

// chunks cut an outcome into the settlement that the vault applies. debits and credits are absolute amounts.
func chunks(debits, credits []purseChange, members []network.Member) [][]byte {
	var out [][]byte
	for k, list := range [][]purseChange{debits, credits} {
		slices.SortFunc(list, func(a, b purseChange) int {
			if c := bytes.Compare(a.mint[:], b.mint[:]); c != 0 {
				return c
			}
			return int(int64(a.Number) - int64(b.Number))
		})
		for len(list) > 0 {
			c, n := fill(list, k == 1)
			out = append(out, c.Encode())
			list = list[n:]
		}
	}
	if members != nil {
		out = append(out, (&Chunk{Members: members}).Encode())
	}
	return out
}

// purseChange is a change of one entry of a purse.
type purseChange struct {
	mint intent.Key
	ChunkEntry
}

// fill puts as many changes of one purse as fit into one chunk, from the first on.
func fill(list []purseChange, credit bool) (c *Chunk, n int) {
	c = &Chunk{Mint: list[0].mint, Credit: credit}
	size, pages := chunkHead, 0
	var last uint32
	for n < len(list) && list[n].mint == c.Mint {
		e := list[n].ChunkEntry
		if n == 0 || e.Number/PageEntries != last/PageEntries {
			pages++
		}
		size += uvarintLen(uint64(e.Number-last)) + uvarintLen(e.Amount)
		if pages > MaxPages || size > ChunkRoom-PageCost*pages {
			break
		}
		c.Entries = append(c.Entries, e)
		last = e.Number
		n++
	}
	return c, n
}

func uvarintLen(v uint64) int {
	n := 1
	for ; v >= 0x80; v >>= 7 {
		n++
	}
	return n
}

// SettlementHeads are the heads of a settlement's chain: heads[i] is what the vault expects before chunk i, the last one
// zero. heads[0] is a header's settlement head.
func SettlementHeads(chunks [][]byte) []intent.Hash {
	heads := make([]intent.Hash, len(chunks)+1)
	var b []byte
	for i := len(chunks) - 1; i >= 0; i-- {
		b = append(append(append(b[:0], chunkDomain...), chunks[i]...), heads[i+1][:]...)
		heads[i] = sha256.Sum256(b)
	}
	return heads
}
