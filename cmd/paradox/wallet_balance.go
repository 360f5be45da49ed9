package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"

	"github.com/gagliardetto/solana-go"

	"github.com/phantom-paradox/paradox/chain/vault"
	"github.com/phantom-paradox/paradox/chain/wallet"
	"github.com/phantom-paradox/paradox/intent"
)

type walletBalanceCmd struct {
	Address    string `arg:"" optional:"" help:"Whose; your own unless said otherwise."`
	vaultFlags `embed:""`
	keyFlags   `embed:""`
}

// holding is what a wallet has of one mint.
type holding struct {
	Mint       intent.Key `json:"mint"`
	Symbol     string     `json:"symbol"`
	Decimals   uint8      `json:"decimals"`
	Outside    string     `json:"outside"`         // in its token account
	Entry      *uint32    `json:"entry,omitempty"` // in the vault; null: it has none
	Balance    string     `json:"balance"`
	Requested  string     `json:"requested"`
	Payable    string     `json:"payable"`     // a withdraw would pay so much, now or later
	Withdrawal string     `json:"withdrawal"`  // none, empty, waiting, ready
	Slot       uint64     `json:"slot,string"` // from which a waiting withdrawal goes on at the latest

	mint    intent.Mint
	account *wallet.Account
	ready   wallet.Readiness
}

type balances struct {
	Wallet   intent.Key `json:"wallet"`
	Lamports string     `json:"lamports"`
	Mints    []holding  `json:"mints"`
	Slot     uint64     `json:"slot"`
	Height   uint64     `json:"height"` // of the vault

	lamports uint64
}

func (b walletBalanceCmd) Run(ctx context.Context, a *app) error {
	return b.vaultFlags.do(ctx, a, func(ctx context.Context, t *teller) error {
		who, err := b.address(a, t.config, b.Address)
		if err != nil {
			return err
		}
		has, err := t.balances(ctx, who)
		if err != nil {
			return err
		}
		return a.print(has, func(w io.Writer) { has.text(w, t) })
	})
}

func (t *teller) balances(ctx context.Context, who intent.Key) (*balances, error) {
	v, slot, err := t.client.Vault(ctx)
	if err != nil {
		return nil, err
	}
	out := &balances{Wallet: who, Slot: slot, Height: v.Height}
	if out.lamports, err = t.client.Lamports(ctx, solana.PublicKey(who)); err != nil {
		return nil, err
	}
	out.Lamports = strconv.FormatUint(out.lamports, 10)
	for _, m := range t.net.Mints {
		h, err := t.holding(ctx, who, m, v, slot)
		if err != nil {
			return nil, err
		}
		out.Mints = append(out.Mints, *h)
	}
	return out, nil
}

func (t *teller) holding(ctx context.Context, who intent.Key, m intent.Mint, v *vault.Vault, slot uint64) (*holding, error) {
	acc, err := t.client.Account(ctx, who, m.Mint)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", m.Symbol, err)
	}
	dec := func(n uint64) string { return strconv.FormatUint(n, 10) }
	h := &holding{
		Mint: m.Mint, Symbol: m.Symbol, Decimals: m.Decimals, Outside: dec(acc.Tokens), Balance: dec(acc.Entry.Available), Requested: dec(acc.Entry.Requested),
		mint: m, account: acc, ready: wallet.Ready(v, acc.Entry.Entry, slot),
	}
	if acc.Open {
		h.Entry = &acc.Number
	}
	h.Payable, h.Slot = dec(h.ready.Amount), h.ready.Slot
	switch h.ready.Step {
	case wallet.StepRequest:
		h.Withdrawal = "none"
	case wallet.StepEmpty:
		h.Withdrawal = "empty"
	case wallet.StepTake, wallet.StepDrop:
		h.Withdrawal = "ready"
	default:
		h.Withdrawal = "waiting"
	}
	return h, nil
}

func (b *balances) text(w io.Writer, t *teller) {
	fmt.Fprintf(w, "%s at slot %d, height %d\n\n", b.Wallet, b.Slot, b.Height)
	tw := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintln(tw, "\tin the vault\trequested\toutside")
	for _, h := range b.Mints {
		inside := amount(h.account.Entry.Available, h.mint)
		if !h.account.Open {
			inside = "no entry"
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\n", h.Symbol, inside, amount(h.account.Entry.Requested, h.mint), amount(h.account.Tokens, h.mint))
	}
	fmt.Fprintf(tw, "SOL\t\t\t%s\n", sol(b.lamports))
	tw.Flush()
	for _, h := range b.Mints {
		switch h.Withdrawal {
		case "ready":
			fmt.Fprintf(w, "\n%s can be taken now: paradox wallet withdraw %s\n", amount(h.ready.Amount, h.mint), h.Symbol)
		case "waiting":
			fmt.Fprintf(w, "\n%s can be taken later: %s\n", amount(h.ready.Amount, h.mint), t.waiting(h.ready, b.Slot))
		}
		for _, o := range h.account.Others {
			fmt.Fprintf(w, "\nentry %d holds %s that the network does not count, since it is not the wallet's first; --entry %d of request and withdraw takes it out\n",
				o.Number, amount(o.Available, h.mint), o.Number)
		}
	}
}
