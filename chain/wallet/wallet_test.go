package wallet_test

import (
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"github.com/gagliardetto/solana-go"
	"github.com/gagliardetto/solana-go/rpc"

	"github.com/phantom-paradox/paradox/chain/localnet"
	"github.com/phantom-paradox/paradox/chain/vault"
	"github.com/phantom-paradox/paradox/chain/wallet"
	"github.com/phantom-paradox/paradox/intent"
)

func key(n uint64) solana.PrivateKey {
	var seed [32]byte
	binary.LittleEndian.PutUint64(seed[:], n)
	return solana.PrivateKey(ed25519.NewKeyFromSeed(seed[:]))
}

func start(t *testing.T) (*localnet.Server, *rpc.Client) {
	t.Helper()
	s, err := localnet.Start(t.Context(), localnet.Config{Dir: t.TempDir(), SlotTime: 5 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	c := rpc.New(s.URL())
	t.Cleanup(func() {
		c.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, c
}

func founding() *vault.Founding {
	f := &vault.Founding{WithdrawDelay: 10, DropTime: 100, FeeOwner: intent.Key(key(99).PublicKey())}
	for i := range uint64(4) {
		f.Members = append(f.Members, vault.Member{Key: intent.Key(key(100 + i).PublicKey()), Weight: 1})
	}
	f.Threshold = vault.Threshold(f.Members)
	return f
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestAWalletsLife goes from nothing to money in the vault and back, for many wallets at once.
func TestAWalletsLife(t *testing.T) {
	_, client := start(t)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	program := localnet.DefaultVaultProgram()
	f := founding()
	a := vault.NewAddresses(intent.Key(program), f.Hash(program))
	w := wallet.New(wallet.Config{RPC: client, Addresses: a})
	payer, mint := key(1), key(2)
	m := intent.Key(mint.PublicKey())
	must(t, w.Airdrop(ctx, 1000*solana.LAMPORTS_PER_SOL, payer.PublicKey()))
	must(t, w.CreateMint(ctx, payer, mint, 6))
	must(t, w.CreateMint(ctx, payer, mint, 6))
	must(t, w.CreateVault(ctx, payer, f))
	must(t, w.CreateVault(ctx, payer, f))
	must(t, w.AddPurse(ctx, payer, m))
	const n = 1100
	var owners []intent.Key
	var grants []wallet.Grant
	for i := range uint64(n) {
		k := key(1000 + i).PublicKey()
		owners, grants = append(owners, intent.Key(k)), append(grants, wallet.Grant{Owner: k, Amount: 100 + i})
	}
	must(t, w.Mint(ctx, payer, m, grants))
	of, err := w.OpenEntries(ctx, payer, m, owners)
	must(t, err)
	if len(of) != n {
		t.Fatalf("%d entries for %d owners", len(of), n)
	}
	var deposits []wallet.EntryOf
	for i := range uint64(n) {
		deposits = append(deposits, wallet.EntryOf{Owner: key(1000 + i), Entry: of[owners[i]], Amount: 100 + i})
	}
	must(t, w.Deposit(ctx, payer, m, deposits))
	entries, err := w.Entries(ctx, m)
	must(t, err)
	for i, k := range owners {
		if e := entries[of[k]]; e.Owner != k || e.Available != 100+uint64(i) {
			t.Fatalf("entry %d: %+v", of[k], e)
		}
	}
	must(t, w.Request(ctx, payer, m, []wallet.EntryOf{{Owner: key(1000), Entry: of[owners[0]], Amount: 60}}))
	for err = w.Withdraw(ctx, payer, m, key(1000), of[owners[0]]); err != nil; err = w.Withdraw(ctx, payer, m, key(1000), of[owners[0]]) {
		if fe := new(wallet.FailedError); !errors.As(err, &fe) || fe.Code != vault.Locked {
			t.Fatal(err)
		}
	}
	got, err := w.TokenBalance(ctx, key(1000).PublicKey(), m)
	must(t, err)
	if got != 60 {
		t.Fatalf("withdrew %d", got)
	}
}
