package main

import (
	"context"
	"fmt"
	"io"

	"github.com/gagliardetto/solana-go"

	"github.com/phantom-paradox/paradox/chain"
)

type vaultInitCmd struct {
	moveFlags `embed:""`
}

// Help is what --help says besides.
func (vaultInitCmd) Help() string {
	return `Anyone may found a network's vault, once: its address follows from the network file, so nobody can found another in its place. Whoever
does pays rent for the vault and for each mint's purse, and gets no right by it. What stands already is left alone, so that the command
can be repeated. It refuses where the program on chain is not the one that the network file pins, or can still be replaced.`
}

func (v vaultInitCmd) Run(ctx context.Context, a *app) error {
	return v.do(ctx, a, func(ctx context.Context, t *teller) error {
		if err := t.file.CheckFounders(); err != nil {
			return err
		}
		p, err := chain.ReadProgram(ctx, t.pool, solana.PublicKey(t.file.ProgramID), t.file.CodeHash)
		if err == nil {
			err = p.Check(t.file)
		}
		if err != nil {
			return err
		}
		at := chain.Addresses(t.file).Vault
		if err := t.canPay(ctx, vaultInitCost); err != nil {
			return err
		}
		if err := a.confirm(v.Yes, func(w io.Writer) {
			fmt.Fprintf(w, "found    the vault of %s, %s\nat       %s\nmints    %d\ncosts    less than %s, paid by %s\n", t.file.Name, t.file.Hash(), at,
				len(t.file.Mints), sol(vaultInitCost), publicOf(t.payer))
		}); err != nil {
			return err
		}
		payer := solana.PrivateKey(t.payer)
		if err := t.client.CreateVault(ctx, payer, chain.Founding(t.file)); err != nil {
			return explain(err)
		}
		for _, m := range t.file.Mints {
			if err := t.client.AddPurse(ctx, payer, m.Mint); err != nil {
				return explain(fmt.Errorf("%s: %w", m.Symbol, err))
			}
		}
		out := struct {
			Network      string            `json:"network"`
			Vault        string            `json:"vault"`
			Transactions []transactionView `json:"transactions"`
		}{t.file.Hash().String(), at.String(), append([]transactionView{}, t.landed...)}
		return a.print(out, func(w io.Writer) {
			fmt.Fprintf(w, "the vault of %s stands at %s\n", t.file.Name, at)
			t.done(w)
		})
	})
}

// vaultInitCost is more than rent and fees of a vault with some purses: the vault takes 0.008 SOL, a purse 0.004.
const vaultInitCost = 50_000_000
