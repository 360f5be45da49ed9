package netting

import (
	"bytes"
	"cmp"
)

// What a case calls things, whichever kind of case it is. Only ties, explanations and outcomes ask.

func (e *Engine) rankSeed() []byte {
	if e.numbered != nil {
		return e.numbered.Seed
	}
	return e.c.Seed
}

func (e *Engine) id(move uint32) string {
	switch {
	case e.keyed != nil:
		return View(&e.keyed.Moves[move].ID)
	case e.numbered != nil:
		return View(e.numbered.Moves[move].ID)
	}
	return e.c.Moves[move].ID
}

func (e *Engine) walletCount() int {
	if e.numbered != nil {
		return e.numbered.Wallets
	}
	return len(e.wallets.keys)
}

// said is what a move of a Case or a Keyed says.
func (e *Engine) said(move uint32) Move {
	if e.keyed != nil {
		return e.keyed.said(move)
	}
	return e.c.Moves[move]
}

// compare orders moves of one rank: by id, and where ids tie, by all that the moves say. It is 0 only for exact
// duplicates.
func (e *Engine) compare(a, b uint32) int {
	if e.numbered != nil {
		return e.numbered.compare(a, b)
	}
	x, y := e.said(a), e.said(b)
	return compareMoves(&x, &y)
}

// compare orders by ids, which differ unless the caller lists a move twice, and else by what the numbers are.
func (n *Numbered) compare(a, b uint32) int {
	x, y := &n.Moves[a], &n.Moves[b]
	if d := bytes.Compare(x.ID[:], y.ID[:]); d != 0 {
		return d
	}
	var s, t NumberedSale
	if x.Sale != 0 {
		s = n.Sales[x.Sale-1]
	}
	if y.Sale != 0 {
		t = n.Sales[y.Sale-1]
	}
	return cmp.Or(cmp.Compare(x.Debit, y.Debit), cmp.Compare(x.Credit, y.Credit), cmp.Compare(x.Stream, y.Stream),
		cmp.Compare(x.Amount, y.Amount), cmp.Compare(x.Fee, y.Fee), cmp.Compare(x.FeeTo, y.FeeTo), cmp.Compare(x.Nonce, y.Nonce),
		cmp.Compare(min(x.Sale, 1), min(y.Sale, 1)), cmp.Compare(s.Item, t.Item), cmp.Compare(s.Debit, t.Debit),
		cmp.Compare(s.Credit, t.Credit), cmp.Compare(s.Quantity, t.Quantity), cmp.Compare(s.SellerNonce, t.SellerNonce),
		cmp.Compare(s.Ask, t.Ask))
}
