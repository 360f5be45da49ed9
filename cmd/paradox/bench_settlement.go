package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/gagliardetto/solana-go"

	"github.com/phantom-paradox/paradox/chain/localnet"
	"github.com/phantom-paradox/paradox/chain/svm"
	"github.com/phantom-paradox/paradox/chain/svm/figures"
	"github.com/phantom-paradox/paradox/program"
)

type benchSettlementCmd struct {
	figures.Rates `embed:""`

	Measure bool   `help:"Instead measure the vault program's own bytes in a Solana virtual machine: compute units, wallets a transaction, rents, fees."`
	SVMDir  string `name:"svm-dir" type:"path" default:"program/svm" help:"Where the SVM server lies in the repository, for --measure." placeholder:"DIR"`
}

// Help is what --help says besides.
func (benchSettlementCmd) Help() string {
	return `What settling costs a wallet, a height and a day, at given rates and rents, with the arithmetic; beside it one transfer a wallet, and the
program that this one replaces. The README's table is this command's. Nothing is asked or sent.`
}

func (b benchSettlementCmd) Run(ctx context.Context, a *app) error {
	if b.Measure {
		return b.measure(ctx, a)
	}
	c, err := b.Compute()
	if err != nil {
		return fmt.Errorf("%w: %w", errInput, err)
	}
	return a.print(c, c.Text)
}

// measure measures in a virtual machine.
func (b benchSettlementCmd) measure(ctx context.Context, a *app) error {
	dir, err := os.MkdirTemp("", "paradox-bench-")
	if err != nil {
		return fmt.Errorf("making a temporary directory: %w", err)
	}
	defer os.RemoveAll(dir)
	so := filepath.Join(dir, "vault.so")
	if err := os.WriteFile(so, program.Code(), 0o600); err != nil {
		return fmt.Errorf("writing the vault program: %w", err)
	}
	at := localnet.DefaultVaultProgram()
	s, err := svm.Start(ctx, svm.Config{Dir: b.SVMDir, Programs: map[solana.PublicKey]string{at: so}, Control: true})
	if err != nil {
		return err
	}
	defer s.Close()
	f, err := figures.Measure(ctx, s, at)
	if err != nil {
		return err
	}
	return a.print(f, func(w io.Writer) { f.Text(w) })
}
