package netting

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"slices"
	"strings"
)

// Ranks decide ties only: two moves of one nonce, one ask, one hot item. So they are computed where a tie shows, not for
// every move.

type rankedMove struct {
	rank [sha256.Size]byte
	ref  uint32
}

// A queued debit stands in its account's queue.
type queued struct {
	nonce  uint64
	amount uint64
	ref    uint32 // move<<1, or move<<1|1 where the account is the seller that delivers
	credit uint32 // the account that a pay without a fee pays, so that cutting it needs no look at the move; none: look there
}

// A lostCredit is what an account no longer gets.
type lostCredit struct {
	amount  uint64
	account uint32
}

// A streamNonce places a move within a group: its stream, or its limit.
type streamNonce struct {
	nonce uint64
	group uint32
	move  uint32
}

func sortStreamNonces(list []streamNonce) {
	slices.SortFunc(list, func(a, b streamNonce) int {
		return cmp.Or(cmp.Compare(a.group, b.group), cmp.Compare(a.nonce, b.nonce))
	})
}

func (e *Engine) rankOf(move uint32) [sha256.Size]byte {
	e.rankBuf = append(append(e.rankBuf[:0], e.rankSeed()...), e.id(move)...)
	return sha256.Sum256(e.rankBuf)
}

// ranksBefore says whether a's rank is smaller than b's.
func (e *Engine) ranksBefore(a, b uint32) bool {
	if len(e.rankSeed()) > 0 {
		ra, rb := e.rankOf(a), e.rankOf(b)
		if d := bytes.Compare(ra[:], rb[:]); d != 0 {
			return d < 0
		}
	}
	return e.compare(a, b) < 0
}

// sortByRank sorts moves, or queue references of moves, by rank; shift takes a reference to its move.
func (e *Engine) sortByRank(refs []uint32, shift uint) {
	resize(&e.ranked, len(refs))
	seeded := len(e.rankSeed()) > 0
	for i, ref := range refs {
		e.ranked[i].ref = ref
		if seeded {
			e.ranked[i].rank = e.rankOf(ref >> shift)
		}
	}
	slices.SortFunc(e.ranked, func(a, b rankedMove) int {
		if seeded {
			if d := bytes.Compare(a.rank[:], b.rank[:]); d != 0 {
				return d
			}
		}
		return e.compare(a.ref>>shift, b.ref>>shift)
	})
	for i := range refs {
		refs[i] = e.ranked[i].ref
	}
}

// compareMoves orders moves of one rank: by id, and where hand-written ids tie, by all that the moves say. It is 0 only
// for exact duplicates.
func compareMoves(a, b *Move) int {
	if d := strings.Compare(a.ID, b.ID); d != 0 {
		return d
	}
	x, y := a.plain(), b.plain()
	return cmp.Or(cmp.Compare(x.Kind, y.Kind), strings.Compare(x.From, y.From), strings.Compare(x.Signer, y.Signer),
		strings.Compare(x.To, y.To), strings.Compare(x.Asset, y.Asset), cmp.Compare(x.Amount, y.Amount),
		cmp.Compare(x.Fee, y.Fee), cmp.Compare(x.Nonce, y.Nonce), strings.Compare(x.Item, y.Item),
		cmp.Compare(x.Quantity, y.Quantity), cmp.Compare(x.SellerNonce, y.SellerNonce), strings.Compare(x.Ask, y.Ask),
		cmp.Compare(number(x.Negative), number(y.Negative)))
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}

// plain is the move with what means nothing left out, so that moves that say the same are equal.
func (m *Move) plain() Move {
	p := *m
	if p.Signer == "" {
		p.Signer = p.From
	}
	if p.Kind == Pay {
		p.Item, p.Quantity, p.SellerNonce, p.Ask = "", 0, 0, ""
	}
	if p.Negative {
		p.Amount, p.Fee, p.Quantity = 0, 0, 0
	}
	return p
}
