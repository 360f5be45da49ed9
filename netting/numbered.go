package netting

// Numbered is a case for callers that have numbered wallets, assets and accounts by themselves, as a ledger has that
// looked every intent up: nothing is hashed and nothing is sorted for it. The rules are those of a Case, but for REPLAY:
// floors and used nonces are the caller's to check. Ids name one move each.
type Numbered struct {
	Seed     []byte
	Wallets  int // numbers in use: 0 to Wallets-1; as for the following
	Assets   int // mints
	Streams  int // (wallet, signer) pairs
	Accounts []NumberedAccount
	Items    []uint32 // unique items by number: the wallet that owns it
	Limits   []NumberedLimit
	Moves    []NumberedMove
	Sales    []NumberedSale
}

// A NumberedAccount is a fungible account; of a (wallet, asset) there is one.
type NumberedAccount struct {
	Wallet, Asset uint32
	Open          uint64
}

// A NumberedLimit is what is left of a session's volume in one mint.
type NumberedLimit struct {
	Stream, Asset uint32
	Max           uint64
}

// A NumberedMove is a Move over numbers. ID must not change as long as the case or its outcome is in use.
type NumberedMove struct {
	ID                 *Key
	Amount, Fee, Nonce uint64
	Debit, Credit      uint32 // accounts of one mint
	FeeTo              uint32 // the mint's fee account; read if there is a fee
	Stream             uint32 // who signs
	Sale               uint32 // 1 + the place in Sales; 0: a pay
}

// A NumberedSale is what makes a move a sale: the owner of Credit delivers to the owner of Debit.
type NumberedSale struct {
	Item                  uint32 // 1 + the number in Items; 0: a fungible delivery
	Debit, Credit         uint32 // accounts of a fungible delivery: the seller's, the buyer's
	Ask                   uint32 // 1 + a number of the ask; 0: none
	Quantity, SellerNonce uint64
}

// A NumberedOutcome is an Outcome in numbers. Moves, accounts and items are their places in the case, in that order; what
// is not rejected is accepted.
type NumberedOutcome struct {
	Rejected []NumberedRejection
	Deltas   []NumberedDelta // zeros left out
	Owners   []NumberedOwner // of every item
}

// A NumberedRejection is a move that was not taken. Why names moves, and leaves wallets and assets out.
type NumberedRejection struct {
	Move   uint32
	Reason Reason
	Why    *Why
}

// A NumberedDelta is what an outcome does to one account. It is never zero.
type NumberedDelta struct {
	Account uint32
	Amount  Int128
}

// A NumberedOwner is who holds an item after the batch, as a wallet's number.
type NumberedOwner struct{ Item, Owner, Before uint32 }

// NetNumbered nets a case in numbers. The outcome belongs to the engine: it holds until the next call.
func (e *Engine) NetNumbered(n *Numbered) *NumberedOutcome {
	e.LoadNumbered(n)
	e.Solve()
	return e.numberedOutcome()
}

// LoadNumbered takes a case in numbers over. The case must stay as it is until the outcome is read.
func (e *Engine) LoadNumbered(n *Numbered) {
	e.begin(nil)
	e.numbered = n
	e.sized(len(n.Moves))
	zeroed(&e.asset, n.Assets)
	zeroed(&e.stream, n.Streams)
	resize(&e.account, len(n.Accounts))
	for i := range n.Accounts {
		a := &n.Accounts[i]
		e.account[i] = accountRecord{open: Units(a.Open), wallet: a.Wallet, asset: a.Asset}
	}
	for _, owner := range n.Items {
		e.items = append(e.items, itemRecord{asset: none, owner: owner})
	}
	for i := range n.Moves {
		e.loadNumberedMove(i, &n.Moves[i])
	}
	for _, l := range n.Limits {
		e.addLimit(l.Stream, l.Asset, l.Max)
	}
}

func (e *Engine) loadNumberedMove(i int, m *NumberedMove) {
	debit, credit := &e.account[m.Debit], &e.account[m.Credit]
	f := e.flat(i, m.Amount, m.Fee, m.Nonce, debit.asset)
	f.stream = m.Stream
	var s *saleRecord
	if m.Sale != 0 {
		k := &e.numbered.Sales[m.Sale-1]
		s = &saleRecord{move: uint32(i), item: k.Item, debit: k.Debit, credit: k.Credit, seller: credit.wallet, buyer: debit.wallet,
			ask: k.Ask, quantity: k.Quantity, sellerNonce: k.SellerNonce}
	}
	e.static[i] = Taken
	if flawOf(m.Amount, m.Fee, debit.wallet == credit.wallet, false, s) != NoCause {
		e.static[i] = Invalid
		return
	}
	f.debit, f.credit = m.Debit, m.Credit
	if s != nil {
		e.askCount = max(e.askCount, s.ask)
		e.sales = append(e.sales, *s)
		f.sale = uint32(len(e.sales))
	}
	if m.Fee > 0 {
		e.asset[f.asset].feeAccount = 1 + m.FeeTo
	}
}

func (e *Engine) numberedOutcome() *NumberedOutcome {
	o := &e.outNumbers
	*o = NumberedOutcome{Rejected: o.Rejected[:0], Deltas: o.Deltas[:0], Owners: o.Owners[:0]}
	e.after = e.after[:0]
	for i, r := range e.reason {
		if r != Taken && r != collapsed {
			o.Rejected = append(o.Rejected, NumberedRejection{Move: uint32(i), Reason: r})
		}
	}
	e.roomForWhys(len(o.Rejected))
	for i := range o.Rejected {
		r := &o.Rejected[i]
		r.Why = e.explained(i, r.Move)
	}
	for i, d := range e.delta {
		if d != (Int128{}) {
			o.Deltas = append(o.Deltas, NumberedDelta{uint32(i), d})
		}
	}
	for i := range e.items {
		o.Owners = append(o.Owners, NumberedOwner{uint32(i), e.ownerOf(&e.items[i]), e.items[i].owner})
	}
	return o
}
