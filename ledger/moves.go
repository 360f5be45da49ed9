package ledger

import (
	"strconv"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/netting"
)

// net nets the moves that stand and refuses those that netting does not accept.
func (p *plan) net(set []int32) {
	p.moves = p.moves[:0]
	for _, n := range set {
		if k := p.intents[n].Kind; p.refused[n] == nil && (k == intent.Pay || k == intent.Buy) {
			p.moves = append(p.moves, n)
		}
	}
	p.outcome = p.engine.NetNumbered(p.netCase())
	if len(p.outcome.Rejected) == 0 {
		return
	}
	for k := range p.outcome.Rejected {
		r := &p.outcome.Rejected[k]
		n := p.moves[r.Move]
		p.refused[n] = p.uncovered(r)
		if a := p.facts[n].ask; a >= 0 {
			p.bought[a] = -1
		}
	}
	kept := p.moves[:0]
	for _, n := range p.moves {
		if p.refused[n] == nil {
			kept = append(kept, n)
		}
	}
	p.moves = kept
}

// netCase is the batch as netting sees it, in the judge's numbers. Nonces, equivocation and asks are judged already, as
// far as they are not between moves.
func (p *plan) netCase() *netting.Numbered {
	c := &p.numbered
	*c = netting.Numbered{Accounts: c.Accounts[:0], Items: c.Items[:0], Limits: c.Limits[:0], Moves: c.Moves[:0], Sales: c.Sales[:0]}
	if p.seed != nil {
		c.Seed = p.seed[:]
	}
	p.placed, p.itemNames = make(map[string]uint32), p.itemNames[:0]
	mints := p.netAccounts(c)
	sessions := make([]bool, len(p.sess))
	for _, n := range p.moves {
		i, f := p.intents[n], &p.facts[n]
		m := netting.NumberedMove{ID: (*netting.Key)(&p.ids[n]), Amount: i.Amount, Fee: i.Fee, Nonce: i.Nonce,
			Debit: uint32(f.payer), Stream: uint32(f.win)}
		if i.Fee > 0 {
			m.FeeTo = uint32(f.fee)
		}
		if f.session >= 0 && !sessions[f.session] {
			sessions[f.session] = true
			s := &p.sess[f.session]
			c.Limits = append(c.Limits, netting.NumberedLimit{Stream: m.Stream, Asset: c.Accounts[m.Debit].Asset, Max: s.Max - s.Used})
		}
		if i.Kind == intent.Pay {
			m.Credit = uint32(f.payee)
		} else {
			m.Credit = uint32(p.facts[f.ask].payer)
			c.Sales = append(c.Sales, p.sale(c, f))
			m.Sale = uint32(len(c.Sales))
		}
		c.Moves = append(c.Moves, m)
	}
	c.Wallets, c.Assets, c.Streams = len(p.keys), mints, len(p.wins)
	return c
}

// netAccounts lists the accounts that the judge knows and says in how many mints they are.
func (p *plan) netAccounts(c *netting.Numbered) (mints int) {
	numbers := make(map[intent.Key]uint32)
	var last intent.Key // neighbours often share it
	var number uint32
	for k := range p.accts {
		a := &p.accts[k]
		if a.Mint != last || k == 0 {
			var ok bool
			if number, ok = numbers[a.Mint]; !ok {
				number = uint32(len(numbers))
				numbers[a.Mint] = number
			}
			last = a.Mint
		}
		c.Accounts = append(c.Accounts, netting.NumberedAccount{Wallet: a.wallet, Asset: number, Open: a.Spendable()})
	}
	return len(numbers)
}

// sale is what the ask adds to a buy.
func (p *plan) sale(c *netting.Numbered, f *facts) netting.NumberedSale {
	ask, af := p.intents[f.ask], &p.facts[f.ask]
	s := netting.NumberedSale{Quantity: 1, SellerNonce: ask.Nonce, Ask: uint32(f.ask) + 1}
	if af.goods >= 0 {
		s.Quantity, s.Debit, s.Credit = ask.Quantity, uint32(af.goods), uint32(f.goods)
		return s
	}
	n, ok := p.placed[ask.Item]
	if !ok {
		n = uint32(len(c.Items))
		p.placed[ask.Item] = n
		p.itemNames = append(p.itemNames, ask.Item)
		c.Items = append(c.Items, p.number(*p.items[ask.Item]))
	}
	s.Item = n + 1
	return s
}

// codeOf is netting's reason by the name that people see.
func codeOf(r netting.Reason) intent.Code {
	switch r {
	case netting.Insolvent:
		return intent.Uncovered
	case netting.Possession, netting.ItemConflict:
		return intent.NotTheOwner
	case netting.OverLimit:
		return intent.SessionVolume
	case netting.Deferred:
		return intent.Deferred
	case netting.AskTaken:
		return intent.AskTaken
	case netting.Equivocation:
		return intent.Equivocation
	case netting.Replay:
		return intent.NonceUsed
	}
	return intent.SelfTrade // invalid: all else that netting calls so is refused before it
}

// maxAfter is how many of the intents before it a detail names: the nearest explain most.
const maxAfter = 3

// after names the intents that stand before in the same queue: " after bafk…, bafk…".
func after(w *netting.Why) string {
	list := w.After[max(len(w.After)-maxAfter, 0):]
	if len(list) == 0 {
		return ""
	}
	text := " after "
	for k, raw := range list {
		if k > 0 {
			text += ", "
		}
		var id intent.ID
		copy(id[:], raw)
		text += id.String()
	}
	if w.Earlier || len(list) < len(w.After) {
		text += " and earlier ones"
	}
	return text
}

// uncovered is a rejection of netting for people. Netting's own text has raw keys in it.
func (p *plan) uncovered(r *netting.NumberedRejection) *intent.Error {
	code := codeOf(r.Reason)
	switch r.Reason {
	case netting.Insolvent, netting.OverLimit:
		detail := "needs " + string(r.Why.Needs.Append(nil)) + ", has " + string(r.Why.Has.Append(nil))
		detail += after(r.Why)
		if r.Why.Behind != "" {
			detail = "comes after an intent of the same account, which " + detail
		}
		return &intent.Error{Code: code, Field: "amount", Detail: detail}
	case netting.Possession, netting.ItemConflict:
		return &intent.Error{Code: code, Field: "item", Detail: "the seller does not come to hold it in this batch"}
	case netting.Deferred:
		return &intent.Error{Code: code, Detail: "more than " + strconv.Itoa(netting.MaxItemMoves) + " moves of the item wait"}
	}
	return &intent.Error{Code: code, Detail: r.Reason.String()}
}
