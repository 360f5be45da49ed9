package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"io"
	"time"

	"github.com/gagliardetto/solana-go"

	"github.com/phantom-paradox/paradox/chain/explorer"
	chainrpc "github.com/phantom-paradox/paradox/chain/rpc"
	"github.com/phantom-paradox/paradox/chain/wallet"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/testnet/faucet"
)

type testnetMintCmd struct {
	Home     string `help:"Directory of the key; ~/.paradox unless said otherwise." placeholder:"DIR"`
	keyFlags `embed:""`
	Decimals uint8         `default:"6" help:"The mint's, 0 to 18."`
	RPC      []string      `name:"rpc" required:"" help:"Solana RPC endpoints." placeholder:"URL"`
	Timeout  time.Duration `default:"2m" help:"Give up after so long."`
}

// Help is what --help says besides.
func (testnetMintCmd) Help() string {
	return `The key pays and is the mint's authority: with it, paradox testnet faucet gives the tokens away. A key without SOL is given some by the cluster,
where that has an airdrop. It prints the mint's address, and nothing else.`
}

// mintCost is more than fee and rent of a mint: 0.00146 SOL.
const mintCost = 3_000_000

func (m testnetMintCmd) Run(ctx context.Context, a *app) error {
	const most = 18
	if m.Decimals > most {
		return fmt.Errorf("%w: --decimals %d: a network file takes 0 to %d", errInput, m.Decimals, most)
	}
	home, err := a.load()
	if err != nil {
		return err
	}
	key, err := m.load(a, home)
	if err != nil {
		return err
	}
	a.hidden = m.RPC
	ctx, cancel := context.WithTimeout(ctx, m.Timeout)
	defer cancel()
	pool, err := chainrpc.New(ctx, chainrpc.Config{Endpoints: m.RPC})
	if err != nil {
		return err
	}
	defer pool.Close()
	if explorer.Mainnet(intent.Hash(pool.Genesis())) {
		return fmt.Errorf("%w: --rpc: %w", errInput, faucet.ErrMainnet)
	}
	payer := solana.PrivateKey(key)
	c := wallet.New(wallet.Config{RPC: pool})
	if has, err := c.Lamports(ctx, payer.PublicKey()); err != nil {
		return err
	} else if has < mintCost {
		if err := c.Airdrop(ctx, solana.LAMPORTS_PER_SOL, payer.PublicKey()); err != nil {
			return fmt.Errorf("%w: %s has %s, and the cluster gives none: send it some: %w", errNoSOL, payer.PublicKey(), sol(has), err)
		}
	}
	_, mint, err := ed25519.GenerateKey(rand.Reader) // nobody needs it again: the authority mints
	if err != nil {
		return fmt.Errorf("making the mint's key: %w", err)
	}
	if err := c.CreateMint(ctx, payer, solana.PrivateKey(mint), m.Decimals); err != nil {
		return explain(err)
	}
	view := map[string]any{"mint": publicOf(mint), "authority": publicOf(key), "decimals": m.Decimals}
	return a.print(view, func(w io.Writer) { fmt.Fprintln(w, publicOf(mint)) })
}
