package main

import (
	"context"
	"fmt"
	"io"

	"github.com/gagliardetto/solana-go"

	"github.com/phantom-paradox/paradox/chain/explorer"
	"github.com/phantom-paradox/paradox/chain/vault"
	"github.com/phantom-paradox/paradox/chain/wallet"
	"github.com/phantom-paradox/paradox/clients/go/draft"
	"github.com/phantom-paradox/paradox/intent"
)

type walletRequestCmd struct {
	Amount    string  `arg:"" help:"How much in all, in the mint's own unit, or all. It replaces an earlier request."`
	Mint      string  `arg:"" help:"Its symbol, or its key."`
	Entry     *uint32 `help:"Another entry than the wallet's first." placeholder:"N"`
	moveFlags `embed:""`
}

// Help is what --help says besides.
func (walletRequestCmd) Help() string {
	return `What is requested can no longer be spent once the network knows it. It can be taken as soon as the network has settled a height
that knows the request, which takes seconds while it runs; and after the network's withdraw delay at the latest, whatever the
nodes do. This command needs an RPC endpoint and the network file, and no node.`
}

func (r walletRequestCmd) Run(ctx context.Context, a *app) error {
	return r.do(ctx, a, func(ctx context.Context, t *teller) error {
		m, e, err := t.entry(ctx, r.Mint, r.Entry)
		if err != nil {
			return err
		}
		base := e.Available
		if r.Amount != "all" {
			if base, err = draft.Amount(r.Amount, m); err != nil {
				return err
			}
		}
		if base == 0 || base > e.Available {
			return fmt.Errorf("%w: entry %d holds %s; request at most that, or all", errShort, e.Number, amount(e.Available, m))
		}
		if err := t.canPay(ctx, wallet.Fees()); err != nil {
			return err
		}
		if err := a.confirm(r.Yes, func(w io.Writer) { t.showRequest(w, m, base, e) }); err != nil {
			return err
		}
		err = t.client.Request(ctx, solana.PrivateKey(t.payer), m.Mint, []wallet.EntryOf{{Owner: solana.PrivateKey(t.key), Entry: e.Number, Amount: base}})
		if err != nil {
			return explain(err)
		}
		return r.answer(ctx, t, m, e.Number)
	})
}

func (t *teller) showRequest(w io.Writer, m intent.Mint, base uint64, e *wallet.Entry) {
	fmt.Fprintf(w, "request  %s of the %s in entry %d of the vault of %s\n", amount(base, m), amount(e.Available, m), e.Number, t.net.Name)
	if e.Requested > 0 {
		fmt.Fprintf(w, "instead  of %s requested before; the delay begins anew\n", amount(e.Requested, m))
	}
	fmt.Fprintf(w, "costs    at most %s, paid by %s\n", sol(wallet.Fees()), publicOf(t.payer))
}

// answer says from when on the money can be taken.
func (r walletRequestCmd) answer(ctx context.Context, t *teller, m intent.Mint, entry uint32) error {
	_, e, err := t.entry(ctx, r.Mint, &entry)
	if err != nil {
		return err
	}
	v, slot, err := t.client.Vault(ctx)
	if err != nil {
		return err
	}
	view := t.moved(m, e.Requested, entry)
	view.Slot = e.Unlock
	return t.a.print(view, func(w io.Writer) {
		fmt.Fprintf(w, "requested %s\n", amount(e.Requested, m))
		t.done(w)
		fmt.Fprintf(w, "It can be taken %s\nNext: paradox wallet withdraw %s --wait\n", t.waiting(wallet.Ready(v, e.Entry, slot), slot), m.Symbol)
	})
}

// entry is one of the wallet's entries of a mint: the first, or the one that was named.
func (t *teller) entry(ctx context.Context, mint string, number *uint32) (intent.Mint, *wallet.Entry, error) {
	m, acc, err := t.account(ctx, mint)
	switch {
	case err != nil:
		return m, nil, err
	case !acc.Open:
		return m, nil, fmt.Errorf("%w: %s has no entry of %s in the vault of %s; paradox wallet deposit opens one", errShort, t.me(), m.Symbol, t.net.Name)
	case number == nil || *number == acc.Number:
		return m, &acc.Entry, nil
	}
	for i := range acc.Others {
		if acc.Others[i].Number == *number {
			return m, &acc.Others[i], nil
		}
	}
	return m, nil, fmt.Errorf("%w: --entry: entry %d of %s is not %s's", errInput, *number, m.Symbol, t.me())
}

// slotMillis is a slot of the public clusters.
const slotMillis = 400

// waiting says until when a withdrawal waits, and for what.
func (t *teller) waiting(r wallet.Readiness, slot uint64) string {
	left := ""
	if r.Slot > slot {
		left = fmt.Sprintf(" (in %d", r.Slot-slot)
		if explorer.Public(t.file.Cluster) {
			left += fmt.Sprintf(", about %d minutes", ((r.Slot-slot)*slotMillis+59_999)/60_000)
		}
		left += ")"
	}
	switch r.Step {
	case wallet.StepUnlock:
		return fmt.Sprintf("from slot %d%s whatever the nodes do, and before that as soon as the network settles a height that knows the request", r.Slot, left)
	case wallet.StepPending:
		return fmt.Sprintf("once height %d is settled; if nobody completes it, it can be dropped from slot %d%s", r.Height, r.Slot, left)
	case wallet.StepDrop:
		return fmt.Sprintf("now, after height %d, which nobody completes, is dropped", r.Height)
	default:
		return "now"
	}
}

type walletCancelCmd struct {
	Mint      string  `arg:"" help:"Its symbol, or its key."`
	Entry     *uint32 `help:"Another entry than the wallet's first." placeholder:"N"`
	moveFlags `embed:""`
}

func (c walletCancelCmd) Run(ctx context.Context, a *app) error {
	return c.do(ctx, a, func(ctx context.Context, t *teller) error {
		m, e, err := t.entry(ctx, c.Mint, c.Entry)
		if err != nil {
			return err
		}
		if e.Requested == 0 {
			return fmt.Errorf("entry %d of %s: %w", e.Number, m.Symbol, vault.NoRequest)
		}
		if err := t.canPay(ctx, wallet.Fees()); err != nil {
			return err
		}
		show := func(w io.Writer) { fmt.Fprintf(w, "cancel   the request of %s\n", amount(e.Requested, m)) }
		if err := a.confirm(c.Yes, show); err != nil {
			return err
		}
		if err := t.client.Cancel(ctx, solana.PrivateKey(t.payer), m.Mint, solana.PrivateKey(t.key), e.Number); err != nil {
			return explain(err)
		}
		return a.print(t.moved(m, e.Requested, e.Number), func(w io.Writer) {
			fmt.Fprintf(w, "cancelled the request of %s\n", amount(e.Requested, m))
			t.done(w)
		})
	})
}
