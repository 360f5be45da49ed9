package main

import (
	"context"
	"fmt"
	"io"

	"github.com/gagliardetto/solana-go"

	"github.com/phantom-paradox/paradox/chain/wallet"
	"github.com/phantom-paradox/paradox/clients/go/draft"
	"github.com/phantom-paradox/paradox/intent"
)

type walletDepositCmd struct {
	Amount    string `arg:"" help:"How much, in the mint's own unit: 1.5."`
	Mint      string `arg:"" help:"Its symbol, or its key."`
	moveFlags `embed:""`
}

// Help is what --help says besides.
func (walletDepositCmd) Help() string {
	return `The tokens come from the wallet's associated token account. A wallet's first deposit of a mint opens its entry in the vault, whose
rent stays there. The network counts a deposit some seconds after the cluster has finalised it.`
}

func (d walletDepositCmd) Run(ctx context.Context, a *app) error {
	return d.do(ctx, a, func(ctx context.Context, t *teller) error {
		m, acc, err := t.account(ctx, d.Mint)
		if err != nil {
			return err
		}
		base, err := draft.Amount(d.Amount, m)
		if err != nil {
			return err
		}
		ata := wallet.Associated(solana.PublicKey(t.me()), m.Mint)
		if acc.Tokens < base {
			return fmt.Errorf("%w: %s has %s outside the vault, not %s; send %s to %s (token account %s)%s", errShort, t.me(), amount(acc.Tokens, m), amount(base, m), m.Symbol, t.me(), ata, t.faucet(t.me()))
		}
		cost, err := t.client.DepositCost(ctx, acc.Open)
		if err != nil {
			return err
		}
		if err := t.canPay(ctx, cost); err != nil {
			return err
		}
		if err := a.confirm(d.Yes, func(w io.Writer) { t.showDeposit(w, m, base, acc, cost) }); err != nil {
			return err
		}
		entry, err := t.deposit(ctx, m, base, acc)
		if err != nil {
			return explain(err)
		}
		return a.print(t.moved(m, base, entry), func(w io.Writer) {
			fmt.Fprintf(w, "deposited %s into entry %d\n", amount(base, m), entry)
			t.done(w)
		})
	})
}

func (t *teller) showDeposit(w io.Writer, m intent.Mint, base uint64, acc *wallet.Account, cost uint64) {
	fmt.Fprintf(w, "deposit  %s\nfrom     %s, which has %s\n", amount(base, m), t.me(), amount(acc.Tokens, m))
	if acc.Open {
		fmt.Fprintf(w, "into     entry %d of the vault of %s, which holds %s\n", acc.Number, t.net.Name, amount(acc.Entry.Available, m))
	} else {
		fmt.Fprintf(w, "into     a new entry of the vault of %s\n", t.net.Name)
	}
	fmt.Fprintf(w, "costs    at most %s, paid by %s\n", sol(cost), publicOf(t.payer))
}

func (t *teller) deposit(ctx context.Context, m intent.Mint, base uint64, acc *wallet.Account) (uint32, error) {
	entry := acc.Number
	if !acc.Open {
		of, err := t.client.OpenEntries(ctx, solana.PrivateKey(t.payer), m.Mint, []intent.Key{t.me()})
		if err != nil {
			return 0, err
		}
		entry = of[t.me()]
	}
	return entry, t.client.Deposit(ctx, solana.PrivateKey(t.payer), m.Mint, []wallet.EntryOf{{Owner: solana.PrivateKey(t.key), Entry: entry, Amount: base}})
}
