package ledger

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/netting"
)

// The first byte of an outcome's leaves.
const (
	leafAccepted = 0x01
	leafDelta    = 0x02
	leafOwner    = 0x03
)

// The domain bytes of RFC 6962.
const (
	treeLeaf = 0x00
	treeNode = 0x01
)

// ErrProof: a proof does not lead to the root.
var ErrProof = errors.New("ledger: the proof does not hold")

// A Delta is a change of one account.
type Delta struct {
	Wallet, Mint intent.Key
	Entry        uint32 // number of the account's entry
	Amount       netting.Int128
}

// An Owner is an item that changed hands.
type Owner struct {
	Owner intent.Key
	Item  string
}

// A Volume is what moved in one mint.
type Volume struct {
	Mint       intent.Key
	Gross, Net netting.Int128
}

// An Outcome is what a batch does. Lists are sorted as their leaves are.
type Outcome struct {
	Accepted []intent.ID
	Deltas   []Delta
	Owners   []Owner
	Volumes  []Volume
	Legs     int // of the moves: transfers that were wished for
}

// leaves are the outcome tree's leaf data, in order: accepted ids, deltas, owners.
func (o *Outcome) leaves() [][]byte {
	const idLeaf, deltaLeaf = 1 + 32, 1 + 32 + 32 + 16
	size := idLeaf*len(o.Accepted) + deltaLeaf*len(o.Deltas)
	for k := range o.Owners {
		size += idLeaf + len(o.Owners[k].Item)
	}
	all := make([]byte, 0, size)
	out := make([][]byte, 0, len(o.Accepted)+len(o.Deltas)+len(o.Owners))
	cut := func(from int) { out = append(out, all[from:len(all):len(all)]) }
	for k := range o.Accepted {
		from := len(all)
		all = append(append(all, leafAccepted), o.Accepted[k][:]...)
		cut(from)
	}
	for k := range o.Deltas {
		d, from := &o.Deltas[k], len(all)
		amount := d.Amount.LE16()
		all = append(append(append(all, leafDelta), d.Wallet[:]...), d.Mint[:]...)
		all = append(all, amount[:]...)
		cut(from)
	}
	for k := range o.Owners {
		w, from := &o.Owners[k], len(all)
		all = append(append(append(all, leafOwner), w.Owner[:]...), w.Item...)
		cut(from)
	}
	return out
}

// sort brings the lists into the order of their leaves.
func (o *Outcome) sort() {
	slices.SortFunc(o.Accepted, func(a, b intent.ID) int { return bytes.Compare(a[:], b[:]) })
	slices.SortFunc(o.Deltas, func(a, b Delta) int {
		if c := bytes.Compare(a.Wallet[:], b.Wallet[:]); c != 0 {
			return c
		}
		return bytes.Compare(a.Mint[:], b.Mint[:])
	})
	slices.SortFunc(o.Owners, func(a, b Owner) int {
		if c := bytes.Compare(a.Owner[:], b.Owner[:]); c != 0 {
			return c
		}
		return bytes.Compare([]byte(a.Item), []byte(b.Item))
	})
}

// A Tree is the Merkle tree of an outcome, with which it proves its leaves.
type Tree struct {
	levels [][]intent.Hash // levels[0] are the leaf hashes; an odd last one rises unchanged
	leaves [][]byte
}

// Tree builds the outcome's tree.
func (o *Outcome) Tree() *Tree { return newTree(o.leaves()) }

func newTree(leaves [][]byte) *Tree {
	t := &Tree{leaves: leaves}
	level := make([]intent.Hash, len(leaves))
	var buf []byte
	for k, l := range leaves {
		buf = append(append(buf[:0], treeLeaf), l...)
		level[k] = sha256.Sum256(buf)
	}
	t.levels = append(t.levels, level)
	for len(level) > 1 {
		next := make([]intent.Hash, (len(level)+1)/2)
		for k := range next {
			if 2*k+1 < len(level) {
				next[k] = nodeHash(&level[2*k], &level[2*k+1])
			} else {
				next[k] = level[2*k]
			}
		}
		t.levels = append(t.levels, next)
		level = next
	}
	return t
}

func nodeHash(l, r *intent.Hash) intent.Hash {
	var b [65]byte
	b[0] = treeNode
	copy(b[1:], l[:])
	copy(b[33:], r[:])
	return sha256.Sum256(b[:])
}

// Root is the outcome root; of an empty tree the SHA-256 of nothing, as RFC 6962 has it.
func (t *Tree) Root() intent.Hash {
	if len(t.leaves) == 0 {
		return sha256.Sum256(nil)
	}
	return t.levels[len(t.levels)-1][0]
}

// Proof proves leaf number k.
func (t *Tree) Proof(k int) *Proof {
	p := &Proof{Leaf: t.leaves[k], Index: uint64(k), Size: uint64(len(t.leaves))}
	for _, level := range t.levels[:len(t.levels)-1] {
		if sibling := k ^ 1; sibling < len(level) {
			p.Path = append(p.Path, level[sibling])
		}
		k /= 2
	}
	return p
}

// AcceptedLeaf is the leaf data of an accepted intent.
func AcceptedLeaf(id intent.ID) []byte { return append([]byte{leafAccepted}, id[:]...) }

// A Proof is an RFC 6962 inclusion proof of a leaf.
type Proof struct {
	Leaf  []byte
	Index uint64
	Size  uint64
	Path  []intent.Hash
}

// Verify says whether the proof leads from its leaf to the root.
func (p *Proof) Verify(root intent.Hash) error {
	if p.Index >= p.Size {
		return fmt.Errorf("%w: leaf %d of %d", ErrProof, p.Index, p.Size)
	}
	h := intent.Hash(sha256.Sum256(append([]byte{treeLeaf}, p.Leaf...)))
	at, last := p.Index, p.Size-1
	path := p.Path
	for ; last > 0; at, last = at/2, last/2 {
		if at%2 == 0 && at == last {
			continue // the odd one of its level rises unchanged
		}
		if len(path) == 0 {
			return fmt.Errorf("%w: the path is too short", ErrProof)
		}
		if at%2 == 1 {
			h = nodeHash(&path[0], &h)
		} else {
			h = nodeHash(&h, &path[0])
		}
		path = path[1:]
	}
	if len(path) > 0 {
		return fmt.Errorf("%w: the path is too long", ErrProof)
	}
	if h != root {
		return fmt.Errorf("%w: it leads to %s, not %s", ErrProof, h.Hex(), root.Hex())
	}
	return nil
}
