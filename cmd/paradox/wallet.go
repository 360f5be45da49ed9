package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/gagliardetto/solana-go"

	"github.com/phantom-paradox/paradox/chain"
	"github.com/phantom-paradox/paradox/chain/explorer"
	chainrpc "github.com/phantom-paradox/paradox/chain/rpc"
	"github.com/phantom-paradox/paradox/chain/wallet"
	"github.com/phantom-paradox/paradox/clients/go/draft"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/network"
	"github.com/phantom-paradox/paradox/node/config"
)

type walletCmd struct {
	New      walletNewCmd      `cmd:"" help:"Make a wallet: a key of your own."`
	Address  walletAddressCmd  `cmd:"" help:"A key's address, and nothing else."`
	Fund     walletFundCmd     `cmd:"" help:"Ask a test network's faucet for SOL and tokens."`
	Balance  walletBalanceCmd  `cmd:"" help:"What a wallet has, in the vault and outside."`
	Deposit  walletDepositCmd  `cmd:"" help:"Move tokens into the vault."`
	Request  walletRequestCmd  `cmd:"" help:"Ask for money back; withdraw takes it."`
	Cancel   walletCancelCmd   `cmd:"" help:"Take a request back."`
	Withdraw walletWithdrawCmd `cmd:"" help:"Take what was requested. It needs no node and nobody's leave."`
	History  walletHistoryCmd  `cmd:"" help:"Deposits, withdrawals and settlements of a wallet."`
}

// vaultFlags are what commands that speak with the vault have in common: a network file and an RPC endpoint, never a node.
type vaultFlags struct {
	Home    string        `help:"Directory of the key, the network file and the configuration; ~/.paradox unless said otherwise." placeholder:"DIR"`
	Network string        `help:"The network file; network.json in the home unless said otherwise." placeholder:"FILE"`
	RPC     []string      `name:"rpc" help:"Solana RPC endpoints instead of those of the configuration or the network file." placeholder:"URL"`
	Timeout time.Duration `default:"2m" help:"Give up after so long."`
}

// moveFlags are those of commands that sign a transaction.
type moveFlags struct {
	vaultFlags `embed:""`
	keyFlags   `embed:""`
	Payer      string `help:"Key that pays the fees and rents instead of the wallet." placeholder:"FILE"`
	Yes        bool   `short:"y" help:"Do not ask."`
}

// A teller is at work between a wallet and the vault.
type teller struct {
	a      *app
	config *config.Loaded
	file   *network.File
	net    *intent.Network
	pool   *chainrpc.Pool
	client *wallet.Client
	site   explorer.Site

	key, payer ed25519.PrivateKey // of commands that sign
	landed     []transactionView
	last       solana.Signature // that was sent
}

// A transactionView is a transaction and where a person can look at it.
type transactionView struct {
	Signature string `json:"signature"`
	Explorer  string `json:"explorer"`
}

// errNoSOL says that nobody can pay the fees.
var errNoSOL = errors.New("not enough SOL for fees and rent")

// errShort says that less is there than is wanted.
var errShort = errors.New("not enough")

// open reads the network file and finds an RPC endpoint. The caller closes it.
func (v vaultFlags) open(ctx context.Context, a *app) (*teller, error) {
	c, err := a.load()
	if err != nil {
		return nil, err
	}
	t := &teller{a: a, config: c}
	if t.file, err = readNetwork(c.NetworkFile()); err != nil {
		return nil, fmt.Errorf("%w; --network names the network file", err)
	}
	t.net = t.file.Intents()
	endpoints := t.file.RPC
	if len(c.Chain.RPC) > 0 {
		endpoints = c.Chain.RPC
	}
	if len(v.RPC) > 0 {
		endpoints = v.RPC
	}
	if len(endpoints) == 0 {
		return nil, fmt.Errorf("%w: %s names no RPC endpoint; say --rpc URL", errInput, c.NetworkFile())
	}
	a.hidden = endpoints
	t.site = explorer.For(t.file.Cluster, endpoints[0])
	t.pool, err = chainrpc.New(ctx, chainrpc.Config{Endpoints: endpoints, Genesis: solana.Hash(t.file.Cluster)})
	switch {
	case errors.Is(err, context.Canceled):
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("%w; --rpc URL names another endpoint of the cluster of %s", err, t.file.Name)
	}
	t.client = wallet.New(wallet.Config{
		RPC: t.pool, Addresses: chain.Addresses(t.file), Sent: func(s solana.Signature) { t.last = s }, // one at a time: no command sends two
		Landed: func(s solana.Signature) {
			t.landed = append(t.landed, transactionView{s.String(), t.site.Transaction(s)})
		},
	})
	return t, nil
}

// do opens a teller, with keys, and gives it to fn. It ends when the time is over, and says then what may still happen.
func (m moveFlags) do(ctx context.Context, a *app, fn func(ctx context.Context, t *teller) error) error {
	return m.vaultFlags.do(ctx, a, func(ctx context.Context, t *teller) error {
		ask := a.passphrase(t.config.PassphraseFile)
		var err error
		if t.key, err = loadWallet(m.path(t.config), ask); err != nil {
			return err
		}
		t.payer = t.key
		if m.Payer != "" {
			if t.payer, err = loadWallet(m.Payer, ask); err != nil {
				return fmt.Errorf("--payer: %w", err)
			}
		}
		return fn(ctx, t)
	})
}

func (v vaultFlags) do(ctx context.Context, a *app, fn func(ctx context.Context, t *teller) error) error {
	ctx, cancel := context.WithTimeout(ctx, v.Timeout)
	defer cancel()
	t, err := v.open(ctx, a)
	if err != nil {
		return err
	}
	defer t.pool.Close()
	err = fn(ctx, t)
	if err != nil && ctx.Err() != nil && t.last != (solana.Signature{}) && !t.has(t.last) {
		return fmt.Errorf("%w; a transaction was sent and may still arrive: look at %s before you try again", err, t.site.Transaction(t.last))
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("gave up after %s (--timeout): %w", v.Timeout, err)
	}
	return err
}

func (t *teller) has(sig solana.Signature) bool {
	for _, s := range t.landed {
		if s.Signature == sig.String() {
			return true
		}
	}
	return false
}

// me is the wallet's address.
func (t *teller) me() intent.Key { return publicOf(t.key) }

// account looks a wallet's account of a mint up.
func (t *teller) account(ctx context.Context, mint string) (intent.Mint, *wallet.Account, error) {
	m, err := draft.Mint(t.net, mint)
	if err != nil {
		return m, nil, err
	}
	acc, err := t.client.Account(ctx, t.me(), m.Mint)
	return m, acc, err
}

// canPay refuses what the payer has no lamports for.
func (t *teller) canPay(ctx context.Context, cost uint64) error {
	payer := publicOf(t.payer)
	has, err := t.client.Lamports(ctx, solana.PublicKey(payer))
	if err != nil {
		return err
	}
	if has < cost {
		return fmt.Errorf("%w: %s has %s and needs about %s; send it some%s", errNoSOL, payer, sol(has), sol(cost), t.faucet(payer))
	}
	return nil
}

// faucet says where play money comes from.
func (t *teller) faucet(to intent.Key) string {
	switch {
	case explorer.Mainnet(t.file.Cluster):
		return ""
	case explorer.Public(t.file.Cluster):
		return fmt.Sprintf(" (SOL: https://faucet.solana.com; both, where %s has a faucet: paradox wallet fund URL)", t.file.Name)
	}
	return fmt.Sprintf(" (of a testnet up: paradox testnet fund %s --home DIR, with its home; where %s has a faucet: paradox wallet fund URL)", to, t.file.Name)
}

// sol is an amount of lamports as people read it.
func sol(lamports uint64) string {
	m := intent.Mint{Symbol: "SOL", Decimals: 9}
	return strings.Replace(intent.FormatAmount(lamports, m), " (", " lamports (", 1)
}

// amount is base units, and the mint's own unit beside them.
func amount(base uint64, m intent.Mint) string { return intent.FormatAmount(base, m) }

// done prints what landed.
func (t *teller) done(w io.Writer) {
	for _, s := range t.landed {
		fmt.Fprintf(w, "transaction %s\n  %s\n", s.Signature, s.Explorer)
	}
}

// explain adds to what the chain said which transaction it said it of.
func explain(err error) error {
	var f *wallet.FailedError
	if !errors.As(err, &f) {
		return err
	}
	return fmt.Errorf("%w (transaction %s)", err, f.Signature)
}

// moved is the answer of a command that moved something.
type moved struct {
	Wallet       intent.Key        `json:"wallet"`
	Mint         intent.Key        `json:"mint"`
	Symbol       string            `json:"symbol"`
	Amount       string            `json:"amount,omitempty"`
	Entry        uint32            `json:"entry"`
	Slot         uint64            `json:"slot,omitempty"` // from which it can be taken at the latest
	Transactions []transactionView `json:"transactions"`
}

func (t *teller) moved(m intent.Mint, base uint64, entry uint32) moved {
	v := moved{Wallet: t.me(), Mint: m.Mint, Symbol: m.Symbol, Entry: entry, Transactions: t.landed}
	if base > 0 {
		v.Amount = strconv.FormatUint(base, 10)
	}
	return v
}
