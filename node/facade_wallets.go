package node

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/ledger"
	"github.com/phantom-paradox/paradox/node/api"
	"github.com/phantom-paradox/paradox/storage"
)

const (
	// maxPendingShown is how many pending intents a wallet's answer names; a funded one may have 1,024.
	maxPendingShown = 200
	// historyStep and maxHistoryScan bound how many vault events one page of a history looks at: a page that finds little says
	// where to go on.
	historyStep    = 256
	maxHistoryScan = 16 * historyStep
	// maxOwnersShown is how many former owners an item's answer names.
	maxOwnersShown = 200
)

// Wallet is what the state has of a wallet.
func (f *facade) Wallet(_ context.Context, key intent.Key, p api.Page) (*api.Wallet, error) {
	return steady(f, func(v *ledger.View, s *Sight) (*api.Wallet, error) {
		out := &api.Wallet{Wallet: key, Entries: []api.Entry{}, Items: []string{}, Sessions: []api.Session{}, Pending: []intent.ID{}, Height: s.Height}
		entries, err := v.Entries(key)
		if err != nil {
			return nil, fmt.Errorf("reading the entries of %s: %w", key, err)
		}
		for _, e := range entries {
			m, _ := f.net.MintOf(e.Mint)
			out.Entries = append(out.Entries, api.Entry{Mint: e.Mint, Symbol: m.Symbol, Number: e.Number,
				Balance: api.Decimal(e.Balance), Requested: api.Decimal(e.Requested), Spendable: api.Decimal(e.Spendable())})
		}
		sessions, err := v.Sessions(key)
		if err != nil {
			return nil, fmt.Errorf("reading the sessions of %s: %w", key, err)
		}
		for _, x := range sessions {
			m, _ := f.net.MintOf(x.Mint)
			out.Sessions = append(out.Sessions, api.Session{Key: x.Key, Mint: x.Mint, Symbol: m.Symbol, MaxVolume: api.Decimal(x.Max), Used: api.Decimal(x.Used),
				Expires: x.Expires, Actions: append([]intent.Action{}, x.Actions...)})
		}
		items, err := v.ItemsOf(key, p.After, p.Limit+1)
		if err != nil {
			return nil, fmt.Errorf("reading the items of %s: %w", key, err)
		}
		if len(items) > p.Limit {
			items = items[:p.Limit]
			out.Next = items[p.Limit-1]
		}
		out.Items = append(out.Items, items...)
		for i, e := range f.n.pool.OfWallet(key) {
			if i == maxPendingShown {
				break
			}
			out.Pending = append(out.Pending, e.ID)
		}
		return out, nil
	})
}

// moment is a point of a wallet's history: an event of the vault's chain, and within a settled event the intents of its height.
// What comes next in a page is strictly before it.
type moment struct {
	event uint64
	index uint32
	whole bool // the event's own intents are before it, all of them
}

func (p moment) String() string {
	if p.whole {
		return strconv.FormatUint(p.event, 10)
	}
	return fmt.Sprintf("%d.%d", p.event, p.index)
}

// parseMoment reads "event" (everything before the event) or "event.index" (its height's intents below the index too).
func parseMoment(text string) (moment, error) {
	number, index, inside := strings.Cut(text, ".")
	n, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		return moment{}, api.ErrBadCursor
	}
	if !inside {
		if n == 0 {
			return moment{}, api.ErrBadCursor
		}
		return moment{event: n - 1, whole: true}, nil
	}
	i, err := strconv.ParseUint(index, 10, 32)
	if err != nil {
		return moment{}, api.ErrBadCursor
	}
	return moment{event: n, index: uint32(i)}, nil
}

// History walks the vault's events backwards: those of the wallet's entries, and at each settled event the intents of the
// wallet that its height took.
func (f *facade) History(ctx context.Context, key intent.Key, p api.Page) (*api.History, error) {
	v, s, err := f.view()
	if err != nil {
		return nil, err
	}
	at := moment{event: s.Events, whole: true}
	if p.After != "" {
		if at, err = parseMoment(p.After); err != nil {
			return nil, err
		}
		if at.event > s.Events {
			return nil, api.ErrBadCursor
		}
	}
	entries, err := v.Entries(key)
	if err != nil {
		return nil, fmt.Errorf("reading the entries of %s: %w", key, err)
	}
	h := &history{f: f, key: key, limit: p.Limit, mine: map[entryName]bool{}, out: &api.History{History: []api.Happening{}}}
	for _, e := range entries {
		h.mine[entryName{e.Mint, e.Number}] = true
	}
	return h.out, h.walk(ctx, at)
}

type entryName struct {
	mint   intent.Key
	number uint32
}

// history gathers one page.
type history struct {
	f     *facade
	key   intent.Key
	limit int
	mine  map[entryName]bool
	out   *api.History
}

func (h *history) walk(ctx context.Context, at moment) error {
	for scanned := 0; at.event > 0; scanned += historyStep {
		if scanned == maxHistoryScan {
			h.out.Next = strconv.FormatUint(at.event+1, 10)
			return nil
		}
		from := uint64(0)
		if at.event > historyStep {
			from = at.event - historyStep
		}
		list, err := h.f.n.vault.Events(from, at.event)
		if err != nil {
			return fmt.Errorf("reading events after %d up to %d: %w", from, at.event, err)
		}
		for i := len(list) - 1; i >= 0; i-- {
			e := &list[i]
			here := moment{event: e.Number, whole: true}
			if e.Number == at.event {
				here = at
			}
			full, err := h.take(ctx, e, here)
			if full || err != nil {
				return err
			}
		}
		at = moment{event: from, whole: true}
	}
	return nil
}

// take adds what an event means for the wallet; full says that the page is, and that Next is set.
func (h *history) take(ctx context.Context, e *ledger.Event, at moment) (full bool, err error) {
	if e.Tag == ledger.EventSettled {
		return h.takeHeight(ctx, e, at)
	}
	name := map[ledger.EventTag]string{ledger.EventOpen: "open", ledger.EventDeposit: "deposit", ledger.EventRequest: "request",
		ledger.EventCancel: "cancel", ledger.EventWithdraw: "withdraw"}[e.Tag]
	if name == "" || !at.whole || !h.mine[entryName{e.Mint, e.Entry}] && (e.Tag != ledger.EventOpen || e.Owner != h.key) {
		return false, nil
	}
	if len(h.out.History) == h.limit {
		h.out.Next = strconv.FormatUint(e.Number+1, 10)
		return true, nil
	}
	number, amount, mint, entry := api.Decimal(e.Number), api.Decimal(e.Amount), e.Mint, e.Entry
	x := api.Happening{Type: "event", Event: name, Number: &number, Mint: &mint, Entry: &entry, Slot: e.Slot, Transaction: e.Signature}
	if e.Tag != ledger.EventOpen && e.Tag != ledger.EventCancel {
		x.Amount = &amount
	}
	h.out.History = append(h.out.History, x)
	return false, nil
}

// takeHeight adds the wallet's intents of a settled height, those with the highest index first.
func (h *history) takeHeight(ctx context.Context, e *ledger.Event, at moment) (full bool, err error) {
	below := ^uint32(0)
	if !at.whole {
		below = at.index
	}
	last := below
	err = h.f.n.book.ofWallet(h.key, e.Height, below, func(index uint32, id intent.ID) bool {
		if len(h.out.History) == h.limit {
			h.out.Next, full = moment{event: e.Number, index: last}.String(), true
			return false
		}
		last = index
		x := api.Happening{Type: "intent", ID: &id, Height: e.Height, Slot: e.Slot, Transaction: e.Signature}
		if s, ok, err := h.f.n.book.status(id); err == nil && ok {
			if signed, err := h.f.recorded(ctx, &s); err == nil {
				x.Kind = signed.Kind
			}
		}
		h.out.History = append(h.out.History, x)
		return true
	})
	if err != nil {
		return false, fmt.Errorf("reading the intents of %s at height %d: %w", h.key, e.Height, err)
	}
	return full, nil
}

// ofWallet visits a wallet's intents of a height downwards from below an index.
func (b *book) ofWallet(w intent.Key, height uint64, below uint32, fn func(index uint32, id intent.ID) bool) error {
	if below == 0 {
		return nil
	}
	prefix := walletKey(w, height, 0)
	prefix = prefix[:len(prefix)-4]
	var bad error
	err := b.bucket.Scan(storage.Range{Prefix: prefix, From: walletKey(w, height, below-1), Reverse: true}, func(k, v []byte) bool {
		var id intent.ID
		if len(v) != len(id) || len(k) != len(prefix)+4 {
			bad = errors.New("a record of the node's own does not decode")
			return false
		}
		copy(id[:], v)
		return fn(binary.BigEndian.Uint32(k[len(prefix):]), id)
	})
	return errors.Join(err, bad)
}

// Item is an item, its owner, and those before as far as this node has seen them settle.
func (f *facade) Item(_ context.Context, item string) (*api.Item, error) {
	return steady(f, func(v *ledger.View, _ *Sight) (*api.Item, error) {
		owner, ok, err := v.Item(item)
		if err != nil {
			return nil, fmt.Errorf("reading item %s: %w", item, err)
		}
		if !ok {
			return nil, api.ErrNotFound
		}
		issuer, _, _ := intent.ItemIssuer(item)
		out := &api.Item{Item: item, Issuer: issuer, Owner: owner, History: []api.ItemOwner{}}
		err = f.n.book.owners(item, func(height uint64, owner intent.Key) bool {
			out.History = append(out.History, api.ItemOwner{Height: height, Owner: owner})
			return len(out.History) < maxOwnersShown
		})
		return out, err
	})
}

// Asks are the pool's asks that no height has taken.
func (f *facade) Asks(_ context.Context, filter api.AskFilter, p api.Page) (*api.Asks, error) {
	after := intent.ID{}
	if p.After != "" {
		var err error
		if after, err = intent.ParseID(p.After); err != nil {
			return nil, api.ErrBadCursor
		}
	}
	list := f.n.pool.Asks(func(s *intent.Signed) bool {
		if filter.Item != "" && s.Item != filter.Item || filter.Mint != nil && *s.Mint != *filter.Mint {
			return false
		}
		if filter.Issuer != nil {
			issuer, _, ok := intent.ItemIssuer(s.Item)
			return ok && issuer == *filter.Issuer
		}
		return true
	}, after, p.Limit+1)
	out := &api.Asks{Asks: []api.OpenAsk{}}
	for i, e := range list {
		if i == p.Limit {
			out.Next = list[i-1].ID.String()
			break
		}
		text, err := e.Signed.JSON(f.net)
		if err != nil {
			return nil, fmt.Errorf("pooled intent %s: %w", e.ID, err)
		}
		out.Asks = append(out.Asks, api.OpenAsk{ID: e.ID, Intent: text})
	}
	return out, nil
}
