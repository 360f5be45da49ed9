package node

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/ledger"
	"github.com/phantom-paradox/paradox/netting"
	"github.com/phantom-paradox/paradox/node/api"
)

// Statement is a wallet's account of a settled height: balances as they were kept when it was merged, gross sums from its batch.
// That the two agree is checked each time.
func (f *facade) Statement(ctx context.Context, height uint64, key intent.Key, p api.Page) (*api.Statement, error) {
	k, err := f.settledRound(height)
	if err != nil {
		return nil, err
	}
	from := 0
	if p.After != "" {
		if from, err = strconv.Atoi(p.After); err != nil || from < 1 {
			return nil, api.ErrBadCursor
		}
	}
	list, err := f.batchIntents(ctx, k.header)
	if err != nil {
		return nil, err
	}
	t := newTouched(list, key, f.n.cfg.File.FeeOwner)
	out := &api.Statement{Wallet: key, Height: height, Time: k.header.Time, Batch: k.header.Batch.String(), Balances: []api.StatementLine{}, Intents: []api.StatementIntent{}}
	out.Gained, out.Given = t.items()
	if out.Balances, err = f.statementLines(height, key, t.lines()); err != nil {
		return nil, err
	}
	for i := range t.intents {
		if x := &t.intents[i]; x.Mint != nil {
			m, _ := f.net.MintOf(*x.Mint)
			x.Symbol = m.Symbol
		}
	}
	from = min(from, len(t.intents))
	to := min(from+p.Limit, len(t.intents))
	out.Intents = append(out.Intents, t.intents[from:to]...)
	if to < len(t.intents) {
		out.Next = strconv.Itoa(to)
	}
	return out, nil
}

// settledRound is a round that has a statement.
func (f *facade) settledRound(height uint64) (*kept, error) {
	k, err := f.round(height)
	if err != nil {
		return nil, err
	}
	if !k.rec.Settlement.Settled {
		return nil, fmt.Errorf("height %d: %w", height, api.ErrNotSettled)
	}
	first, err := f.n.book.firstPassages()
	if err == nil && (first == 0 || height < first) {
		err = fmt.Errorf("height %d: %w %d", height, api.ErrBeforeRecords, first)
	}
	return k, err
}

// statementLines puts the kept balances beside what the batch moved.
func (f *facade) statementLines(height uint64, key intent.Key, moved map[string]netting.Line) ([]api.StatementLine, error) {
	_, s, err := f.view()
	if err != nil {
		return nil, err
	}
	entries, err := s.State.Entries(key)
	if err != nil {
		return nil, fmt.Errorf("reading the entries of %s: %w", key, err)
	}
	out := []api.StatementLine{}
	for _, e := range entries {
		rec, err := f.n.book.passage(e.Mint, e.Number, height, e.Balance)
		if err != nil {
			return nil, err
		}
		before, err := rec.before()
		if err != nil {
			return nil, err
		}
		l := moved[e.Mint.String()]
		delta := l.In.Sub(l.Out)
		if netting.Units(rec.Opening).Add(delta) != netting.Units(rec.Closing) {
			return nil, fmt.Errorf("height %d takes entry %d of %s from %d to %d, and its batch moves %s", height, e.Number, e.Mint, rec.Opening, rec.Closing, delta)
		}
		m, _ := f.net.MintOf(e.Mint)
		out = append(out, api.StatementLine{Mint: e.Mint, Symbol: m.Symbol, Before: api.Decimal(before), Deposited: api.Sum(rec.Deposited), Withdrawn: api.Sum(rec.Withdrawn),
			Opening: api.Decimal(rec.Opening), In: api.Sum(l.In), Out: api.Sum(l.Out), Delta: api.Sum(delta), Closing: api.Decimal(rec.Closing)})
	}
	return out, nil
}

// touched is what of a batch concerns a wallet.
type touched struct {
	wallet, fee intent.Key
	moves       netting.Case
	made        []string // items made for it
	intents     []api.StatementIntent
}

func newTouched(list []ledger.BatchIntent, wallet, feeOwner intent.Key) *touched {
	t := &touched{wallet: wallet, fee: feeOwner, moves: netting.Case{FeeAccount: feeOwner.String()}}
	asks := map[intent.ID]*intent.Intent{}
	for _, b := range list {
		if b.Signed.Kind == intent.Ask {
			asks[b.ID] = &b.Signed.Intent
		}
	}
	for _, b := range list {
		switch i := &b.Signed.Intent; i.Kind {
		case intent.Pay:
			t.move(b.ID, i, *i.To, nil)
		case intent.Buy:
			if ask := asks[*i.Ask]; ask != nil {
				t.move(b.ID, i, ask.From, ask)
			}
		default:
			t.other(b.ID, i)
		}
	}
	return t
}

// move takes a payment or a sale, if it is the wallet's.
func (t *touched) move(id intent.ID, i *intent.Intent, to intent.Key, ask *intent.Intent) {
	x := api.StatementIntent{ID: id, Kind: i.Kind, Mint: i.Mint, Counterparty: &i.From}
	amount, fee := api.Decimal(i.Amount), api.Decimal(i.Fee)
	switch t.wallet {
	case i.From:
		x.Direction, x.Counterparty, x.Amount, x.Fee = api.Outward, &to, &amount, &fee
	case to:
		x.Direction, x.Amount, x.Fee = api.Inward, &amount, &fee
	case t.fee:
		if i.Fee == 0 {
			return
		}
		x.Direction, x.Fee = api.FeeOnly, &fee
	default:
		return
	}
	m := netting.Move{ID: string(id[:]), From: i.From.String(), To: to.String(), Asset: i.Mint.String(), Amount: i.Amount, Fee: i.Fee}
	if ask != nil {
		m.Kind, m.Item, m.Quantity = netting.Sale, ask.Item, 1
		x.Item = ask.Item
		if goods, ok := intent.ItemMint(ask.Item); ok {
			m.Item, m.Quantity = goods.String(), ask.Quantity
			n := api.Decimal(ask.Quantity)
			x.Quantity = &n
		}
	}
	t.moves.Moves = append(t.moves.Moves, m)
	t.intents = append(t.intents, x)
}

// other takes an intent that moves no money, if it is the wallet's.
func (t *touched) other(id intent.ID, i *intent.Intent) {
	x := api.StatementIntent{ID: id, Kind: i.Kind, Direction: api.Neither, Item: i.Item}
	switch {
	case i.Kind == intent.Issue && *i.To == t.wallet:
		x.Direction, x.Counterparty = api.Inward, &i.From
		t.made = append(t.made, i.Item)
	case i.From != t.wallet:
		return
	}
	t.intents = append(t.intents, x)
}

// lines are netting's statement of the moves, by asset; what it opened with is not in it.
func (t *touched) lines() map[string]netting.Line {
	o := &netting.Outcome{}
	for i := range t.moves.Moves {
		o.Accepted = append(o.Accepted, t.moves.Moves[i].ID)
	}
	slices.Sort(o.Accepted)
	out := map[string]netting.Line{}
	for _, l := range netting.Statement(&t.moves, o, t.wallet.String()) {
		out[l.Asset] = l
	}
	return out
}

// items are those that came to the wallet and stayed, and those that left it.
func (t *touched) items() (gained, given []string) {
	gained, given = append([]string{}, t.made...), []string{}
	for asset, l := range t.lines() {
		if !strings.Contains(asset, "/") {
			continue
		}
		switch l.In.Cmp(l.Out) {
		case 1:
			gained = append(gained, asset)
		case -1:
			given = append(given, asset)
		}
	}
	slices.Sort(gained)
	slices.Sort(given)
	return gained, given
}
