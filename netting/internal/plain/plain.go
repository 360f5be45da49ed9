// Package plain nets payments the way a Go programmer would plainly write it: maps keyed by 32-byte keys, a queue of
// moves for each account, rounds over the accounts below zero, and a sort at the end. It is what the engine is measured
// against; it makes the same outcome from the same input, and it knows payments only.
package plain

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/phantom-paradox/paradox/netting"
	"github.com/phantom-paradox/paradox/netting/internal/workload"
)

type account struct{ wallet, mint workload.Key }

// A book is what an account holds and pays.
type book struct {
	open, delta netting.Int128
	debits      []*netting.KeyMove
}

func (b *book) credit(amount uint64) { b.delta = b.delta.AddUnits(amount) }
func (b *book) debit(amount uint64)  { b.delta = b.delta.SubUnits(amount) }

type nonceOf struct {
	wallet workload.Key
	nonce  uint64
}

// An Outcome is sorted as netting's is.
type Outcome struct {
	Accepted   []workload.Key
	Rejected   []Rejection
	Deltas     []Delta
	Gross, Net []Volume
}

// A Rejection is a move that was not taken.
type Rejection struct {
	ID     workload.Key
	Reason netting.Reason
}

// A Delta is what changes on one account.
type Delta struct {
	Wallet, Mint workload.Key
	Amount       netting.Int128
}

// A Volume is an amount of one mint.
type Volume struct {
	Mint   workload.Key
	Amount netting.Int128
}

// ledger is one netting on its way.
type ledger struct {
	fees  workload.Key
	books map[account]*book
	gone  map[workload.Key]netting.Reason
	moves []*netting.KeyMove // without duplicates
}

// Net nets a batch of payments: duplicates and nonces, then whole rounds over the accounts below zero, then the sorted
// outcome.
func Net(b *workload.Batch) *Outcome {
	l := &ledger{
		fees:  b.FeeOwner,
		books: make(map[account]*book, len(b.Balances)),
		gone:  map[workload.Key]netting.Reason{},
		moves: make([]*netting.KeyMove, 0, len(b.Moves)),
	}
	for i := range b.Balances {
		w := &b.Balances[i]
		x := l.book(w.Wallet, w.Asset)
		x.open = x.open.AddUnits(w.Amount)
	}
	l.load(b.Moves)
	l.solve()
	return l.outcome()
}

func (l *ledger) book(wallet, mint workload.Key) *book {
	a := account{wallet, mint}
	x := l.books[a]
	if x == nil {
		x = &book{}
		l.books[a] = x
	}
	return x
}

func (l *ledger) load(moves []netting.KeyMove) {
	seen := make(map[workload.Key]bool, len(moves))
	nonces := make(map[nonceOf]bool, len(moves))
	for i := range moves {
		m := &moves[i]
		if seen[m.ID] {
			continue
		}
		seen[m.ID] = true
		l.moves = append(l.moves, m)
		n := nonceOf{m.From, m.Nonce}
		if nonces[n] {
			l.gone[m.ID] = netting.Equivocation
			continue
		}
		nonces[n] = true
		from := l.book(m.From, m.Asset)
		from.debits = append(from.debits, m)
		from.debit(m.Amount)
		l.book(m.To, m.Asset).credit(m.Amount)
		if m.Fee > 0 {
			from.debit(m.Fee)
			l.book(l.fees, m.Asset).credit(m.Fee)
		}
	}
}

func (l *ledger) solve() {
	check := make([]*book, 0, len(l.books))
	for _, x := range l.books {
		slices.SortFunc(x.debits, func(a, b *netting.KeyMove) int { return cmp.Compare(a.Nonce, b.Nonce) })
		check = append(check, x)
	}
	for len(check) > 0 {
		again := map[*book]bool{}
		for _, m := range cut(check) {
			l.gone[m.ID] = netting.Insolvent
			to := l.book(m.To, m.Asset)
			to.debit(m.Amount)
			again[to] = true
			if m.Fee > 0 {
				fees := l.book(l.fees, m.Asset)
				fees.debit(m.Fee)
				again[fees] = true
			}
		}
		check = check[:0]
		for x := range again {
			check = append(check, x)
		}
	}
}

// cut takes from every book the last debits without which it would not end below zero.
func cut(books []*book) (out []*netting.KeyMove) {
	for _, x := range books {
		for x.open.Add(x.delta).Sign() < 0 {
			last := len(x.debits) - 1
			m := x.debits[last]
			x.debits = x.debits[:last]
			x.credit(m.Amount)
			x.credit(m.Fee)
			out = append(out, m)
		}
	}
	return out
}

func (l *ledger) outcome() *Outcome {
	o := &Outcome{}
	gross, net := map[workload.Key]netting.Int128{}, map[workload.Key]netting.Int128{}
	for _, m := range l.moves {
		gross[m.Asset] = gross[m.Asset].AddUnits(m.Amount)
		if reason, ok := l.gone[m.ID]; ok {
			o.Rejected = append(o.Rejected, Rejection{m.ID, reason})
		} else {
			o.Accepted = append(o.Accepted, m.ID)
		}
	}
	for a, x := range l.books {
		if x.delta == (netting.Int128{}) {
			continue
		}
		o.Deltas = append(o.Deltas, Delta{a.wallet, a.mint, x.delta})
		if x.delta.Sign() > 0 {
			net[a.mint] = net[a.mint].Add(x.delta)
		}
	}
	byKey := func(a, b workload.Key) int { return bytes.Compare(a[:], b[:]) }
	slices.SortFunc(o.Accepted, byKey)
	slices.SortFunc(o.Rejected, func(a, b Rejection) int { return byKey(a.ID, b.ID) })
	slices.SortFunc(o.Deltas, func(a, b Delta) int { return cmp.Or(byKey(a.Wallet, b.Wallet), byKey(a.Mint, b.Mint)) })
	o.Gross, o.Net = volumes(gross), volumes(net)
	return o
}

func volumes(of map[workload.Key]netting.Int128) (list []Volume) {
	for mint, amount := range of {
		list = append(list, Volume{mint, amount})
	}
	slices.SortFunc(list, func(a, b Volume) int { return bytes.Compare(a.Mint[:], b.Mint[:]) })
	return list
}
