package testnet

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"strings"

	"github.com/gagliardetto/solana-go"
	"github.com/gagliardetto/solana-go/rpc"

	"github.com/phantom-paradox/paradox/chain"
	"github.com/phantom-paradox/paradox/chain/wallet"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/network"
	"github.com/phantom-paradox/paradox/testnet/traffic"
)

// How much everybody starts with.
const (
	lamportsPayer = 1_000_000_000_000 // a thousand SOL: rent of all entries and fees of all deposits
	lamportsNode  = 100_000_000_000
	openingUnits  = 1_000_000_000 // of each mint, for a trader
)

// A bank does on chain what people around a network would do: found the vault, mint, open entries, deposit. Everything is
// a really signed transaction.
type bank struct {
	client  *wallet.Client
	file    *network.File
	payer   solana.PrivateKey
	mints   map[intent.Key]solana.PrivateKey
	wallets map[intent.Key]ed25519.PrivateKey
	numbers map[intent.Key]map[intent.Key]uint32 // mint -> wallet -> entry
}

func newBank(f *network.File, keys map[string]ed25519.PrivateKey, cast *traffic.Cast) *bank {
	b := &bank{
		client: wallet.New(wallet.Config{RPC: rpc.New(f.RPC[0]), Addresses: chain.Addresses(f)}),
		file:   f, payer: solana.PrivateKey(keys["payer"]),
		mints: map[intent.Key]solana.PrivateKey{}, wallets: map[intent.Key]ed25519.PrivateKey{}, numbers: map[intent.Key]map[intent.Key]uint32{},
	}
	for _, m := range f.Mints {
		b.mints[m.Mint] = solana.PrivateKey(keys["mint-"+strings.ToLower(m.Symbol)])
	}
	if cast != nil {
		for _, w := range cast.Entries() {
			b.wallets[w.Public()] = w.Key
		}
	}
	return b
}

// found makes mints, vault, purses and entries, and deposits what everybody starts with.
func (b *bank) found(ctx context.Context, cast *traffic.Cast, feePayers []solana.PublicKey, say func(string, ...any)) error {
	if err := b.client.Airdrop(ctx, lamportsPayer, b.payer.PublicKey()); err != nil {
		return fmt.Errorf("funding the payer: %w", err)
	}
	if err := b.client.Airdrop(ctx, lamportsNode, feePayers...); err != nil {
		return fmt.Errorf("funding the nodes' fee payers: %w", err)
	}
	for _, m := range b.file.Mints {
		if err := b.client.CreateMint(ctx, b.payer, b.mints[m.Mint], m.Decimals); err != nil {
			return fmt.Errorf("making the mint %s: %w", m.Symbol, err)
		}
	}
	if err := b.client.CreateVault(ctx, b.payer, chain.Founding(b.file)); err != nil {
		return fmt.Errorf("creating the vault: %w", err)
	}
	say("vault founded, %d mints", len(b.file.Mints))
	var owners []intent.Key
	for _, w := range cast.Entries() {
		owners = append(owners, w.Public())
	}
	for _, m := range b.file.Mints {
		if err := b.client.AddPurse(ctx, b.payer, m.Mint); err != nil {
			return fmt.Errorf("adding the purse of %s: %w", m.Symbol, err)
		}
		numbers, err := b.client.OpenEntries(ctx, b.payer, m.Mint, owners)
		if err != nil {
			return fmt.Errorf("opening entries of %s: %w", m.Symbol, err)
		}
		b.numbers[m.Mint] = numbers
		var deposits []traffic.Deposit
		for _, w := range cast.Funded() {
			deposits = append(deposits, traffic.Deposit{Wallet: w.Public(), Mint: m.Mint, Amount: openingUnits})
		}
		if err := b.deposit(ctx, m.Mint, deposits); err != nil {
			return err
		}
	}
	say("%d wallets funded by deposits", len(owners))
	return nil
}

// deposit mints to the wallets and deposits into their entries; all of one mint.
func (b *bank) deposit(ctx context.Context, mint intent.Key, list []traffic.Deposit) error {
	numbers, err := b.entries(ctx, mint)
	if err != nil {
		return err
	}
	var grants []wallet.Grant
	var into []wallet.EntryOf
	for _, d := range list {
		number, ok := numbers[d.Wallet]
		if !ok {
			return fmt.Errorf("depositing: %s has no entry of %s", d.Wallet, mint)
		}
		grants = append(grants, wallet.Grant{Owner: solana.PublicKey(d.Wallet), Amount: d.Amount})
		into = append(into, wallet.EntryOf{Owner: solana.PrivateKey(b.wallets[d.Wallet]), Entry: number, Amount: d.Amount})
	}
	if err := b.client.Mint(ctx, b.payer, mint, grants); err != nil {
		return fmt.Errorf("minting: %w", err)
	}
	if err := b.client.Deposit(ctx, b.payer, mint, into); err != nil {
		return fmt.Errorf("depositing: %w", err)
	}
	return nil
}

// entries are the numbers of the wallets' entries: the lowest of each.
func (b *bank) entries(ctx context.Context, mint intent.Key) (map[intent.Key]uint32, error) {
	if numbers := b.numbers[mint]; numbers != nil {
		return numbers, nil
	}
	list, err := b.client.Entries(ctx, mint)
	if err != nil {
		return nil, fmt.Errorf("reading entries: %w", err)
	}
	numbers := map[intent.Key]uint32{}
	for n, e := range list {
		if _, ok := numbers[e.Owner]; !ok {
			numbers[e.Owner] = uint32(n)
		}
	}
	b.numbers[mint] = numbers
	return numbers, nil
}
