package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/gagliardetto/solana-go"

	"github.com/phantom-paradox/paradox/chain/vault"
	"github.com/phantom-paradox/paradox/chain/wallet"
	"github.com/phantom-paradox/paradox/intent"
)

type walletWithdrawCmd struct {
	Mint      string  `arg:"" help:"Its symbol, or its key."`
	Entry     *uint32 `help:"Another entry than the wallet's first." placeholder:"N"`
	Wait      bool    `help:"Wait until it can be taken; --timeout says how long."`
	moveFlags `embed:""`
}

// Help is what --help says besides.
func (walletWithdrawCmd) Help() string {
	return `Pays what was requested, or what is there of it, to the wallet's associated token account. It needs an RPC endpoint and the network
file, and no node: what the committee does or leaves undone can delay it by the withdraw delay and the drop time, and no longer.
A settlement that was begun and that nobody completes is taken back and dropped on the way, once its drop time has passed.`
}

// errNotYet says that a withdrawal must wait.
var errNotYet = errors.New("it cannot be taken yet")

// withdrawEvery is how often the vault is looked at while a withdrawal waits.
const withdrawEvery = time.Second

func (c walletWithdrawCmd) Run(ctx context.Context, a *app) error {
	return c.do(ctx, a, func(ctx context.Context, t *teller) error {
		m, e, err := t.entry(ctx, c.Mint, c.Entry)
		if err != nil {
			return err
		}
		r, slot, err := t.ready(ctx, e)
		if err != nil {
			return err
		}
		if err := t.refuse(m, e, r, slot, c.Wait); err != nil {
			return err
		}
		cost, err := t.client.WithdrawCost(ctx, solana.PublicKey(t.me()), m.Mint)
		if err != nil {
			return err
		}
		if err := t.canPay(ctx, cost); err != nil {
			return err
		}
		if err := a.confirm(c.Yes, func(w io.Writer) { t.showWithdraw(w, m, e, r, slot, cost) }); err != nil {
			return err
		}
		paid, err := t.withdraw(ctx, m, e.Number, c.Wait)
		if err != nil {
			return err
		}
		return a.print(t.moved(m, paid, e.Number), func(w io.Writer) {
			fmt.Fprintf(w, "withdrew %s to token account %s\n", amount(paid, m), wallet.Associated(solana.PublicKey(t.me()), m.Mint))
			t.done(w)
		})
	})
}

func (t *teller) ready(ctx context.Context, e *wallet.Entry) (wallet.Readiness, uint64, error) {
	v, slot, err := t.client.Vault(ctx)
	if err != nil {
		return wallet.Readiness{}, 0, err
	}
	return wallet.Ready(v, e.Entry, slot), slot, nil
}

// refuse says what is in the way of a withdrawal, if nothing but waiting or asking helps.
func (t *teller) refuse(m intent.Mint, e *wallet.Entry, r wallet.Readiness, slot uint64, wait bool) error {
	switch r.Step {
	case wallet.StepRequest:
		return fmt.Errorf("%w: nothing is requested; paradox wallet request AMOUNT %s does, and %s is there", errNotYet, m.Symbol, amount(e.Available, m))
	case wallet.StepEmpty:
		return fmt.Errorf("%w: %s is requested, and nothing is there: it was spent before the network knew the request", errShort, amount(e.Requested, m))
	case wallet.StepUnlock, wallet.StepPending:
		if !wait {
			return fmt.Errorf("%w, but %s; --wait waits for it", errNotYet, t.waiting(r, slot))
		}
	}
	return nil
}

func (t *teller) showWithdraw(w io.Writer, m intent.Mint, e *wallet.Entry, r wallet.Readiness, slot uint64, cost uint64) {
	fmt.Fprintf(w, "withdraw %s from entry %d of the vault of %s\n", amount(r.Amount, m), e.Number, t.net.Name)
	fmt.Fprintf(w, "to       %s, token account %s\n", t.me(), wallet.Associated(solana.PublicKey(t.me()), m.Mint))
	if r.Step != wallet.StepTake {
		fmt.Fprintf(w, "when     %s\n", t.waiting(r, slot))
	}
	fmt.Fprintf(w, "costs    about %s, paid by %s; dropping a height that is in the way costs a fee for each of its chunks\n", sol(cost), publicOf(t.payer))
}

// withdraw goes on until the money is out. What it was told a moment ago may have changed: then it looks again.
func (t *teller) withdraw(ctx context.Context, m intent.Mint, entry uint32, wait bool) (uint64, error) {
	tick := time.NewTicker(withdrawEvery)
	defer tick.Stop()
	for {
		_, e, err := t.entry(ctx, m.Symbol, &entry)
		if err != nil {
			return 0, err
		}
		r, slot, err := t.ready(ctx, e)
		if err != nil {
			return 0, err
		}
		if err := t.refuse(m, e, r, slot, wait); err != nil {
			return 0, err
		}
		switch r.Step {
		case wallet.StepDrop:
			if err := t.client.DropPending(ctx, solana.PrivateKey(t.payer)); err != nil {
				return 0, err
			}
			continue
		case wallet.StepTake:
			paid, err := t.take(ctx, m, entry)
			if !raced(err) {
				return paid, explain(err)
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return 0, fmt.Errorf("%w, but %s: %w", errNotYet, t.waiting(r, slot), ctx.Err())
		}
	}
}

// raced says whether the vault moved between looking and taking, so that the withdrawal must wait again.
func raced(err error) bool {
	var f *wallet.FailedError
	return errors.As(err, &f) && (f.Code == vault.Locked || f.Code == vault.HeightPending)
}

// take withdraws and says what came: a settlement may have taken from the entry since it was looked at.
func (t *teller) take(ctx context.Context, m intent.Mint, entry uint32) (uint64, error) {
	before, err := t.client.TokenBalance(ctx, solana.PublicKey(t.me()), m.Mint)
	if err != nil {
		return 0, err
	}
	if err := t.client.Withdraw(ctx, solana.PrivateKey(t.payer), m.Mint, solana.PrivateKey(t.key), entry); err != nil {
		return 0, err
	}
	after, err := t.client.TokenBalance(ctx, solana.PublicKey(t.me()), m.Mint)
	return after - before, err
}
