package wallet

import (
	"context"
	"errors"
	"fmt"

	"github.com/gagliardetto/solana-go"
	"github.com/gagliardetto/solana-go/rpc"

	"github.com/phantom-paradox/paradox/chain"
	"github.com/phantom-paradox/paradox/chain/vault"
	"github.com/phantom-paradox/paradox/intent"
)

// ErrNoVault says that the network has no vault on the cluster, or no purse of the mint.
var ErrNoVault = errors.New("the network has no such vault on this cluster")

// An Account is what one wallet has of one mint.
type Account struct {
	Mint   intent.Key
	Tokens uint64  // outside the vault, in the wallet's associated token account
	Open   bool    // whether it has an entry in the vault
	Number uint32  // of the entry
	Entry  Entry   // as the vault has it
	Others []Entry // entries of the same wallet with higher numbers: their funds can only be withdrawn
}

// An Entry is a vault entry and its number.
type Entry struct {
	vault.Entry
	Number uint32
}

// Account looks up what a wallet has of a mint.
func (c *Client) Account(ctx context.Context, owner, mint intent.Key) (*Account, error) {
	purse, _ := c.cfg.Addresses.Purse(mint)
	if there, err := c.exists(ctx, purse); err != nil {
		return nil, err
	} else if !there {
		return nil, fmt.Errorf("%w: there is no purse of mint %s", ErrNoVault, mint)
	}
	entries, err := c.Entries(ctx, mint)
	if err != nil {
		return nil, err
	}
	a := &Account{Mint: mint}
	for n, e := range entries {
		switch {
		case e.Owner != owner:
		case !a.Open:
			a.Open, a.Number, a.Entry = true, uint32(n), Entry{e, uint32(n)}
		default:
			a.Others = append(a.Others, Entry{e, uint32(n)})
		}
	}
	a.Tokens, err = c.TokenBalance(ctx, solana.PublicKey(owner), mint)
	return a, err
}

// Lamports are what a wallet has to pay fees and rent with.
func (c *Client) Lamports(ctx context.Context, owner solana.PublicKey) (uint64, error) {
	r, err := c.cfg.RPC.GetAccountInfoWithOpts(ctx, owner, &rpc.GetAccountInfoOpts{Encoding: solana.EncodingBase64, Commitment: c.cfg.Commitment})
	if errors.Is(err, rpc.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("reading account %s: %w", owner, err)
	}
	return r.Value.Lamports, nil
}

// Vault is the network's vault and the slot at which it was read.
func (c *Client) Vault(ctx context.Context) (*vault.Vault, uint64, error) {
	v, slot, err := chain.ReadVault(ctx, c.cfg.RPC, c.cfg.Addresses.Vault, c.cfg.Commitment)
	if err == nil && v == nil {
		err = fmt.Errorf("%w: there is nothing at %s", ErrNoVault, c.cfg.Addresses.Vault)
	}
	return v, slot, err
}

// What a new account costs its payer for as long as it lives.
const (
	tokenAccountSize = 165
	signatureFee     = 5_000 // lamports; a transaction of a wallet has at most two
	feeReserve       = 2 * signatureFee
)

// DepositCost is what a deposit takes of its payer: fees, and the rent of an entry where the wallet has none yet.
func (c *Client) DepositCost(ctx context.Context, open bool) (uint64, error) {
	if open {
		return feeReserve, nil
	}
	// A page grows by one entry. The first entry of a page pays its header as well, which is what an account costs anyway.
	rent, err := c.cfg.RPC.GetMinimumBalanceForRentExemption(ctx, vault.PageHeaderSize+vault.EntrySize, rpc.CommitmentFinalized)
	if err != nil {
		return 0, fmt.Errorf("asking for the rent of an entry: %w", err)
	}
	return 2*feeReserve + rent, nil
}

// WithdrawCost is what a withdrawal takes of its payer: fees, and the rent of a token account where the wallet has none.
func (c *Client) WithdrawCost(ctx context.Context, owner solana.PublicKey, mint intent.Key) (uint64, error) {
	there, err := c.exists(ctx, Associated(owner, mint))
	if err != nil || there {
		return feeReserve, err
	}
	rent, err := c.cfg.RPC.GetMinimumBalanceForRentExemption(ctx, tokenAccountSize, rpc.CommitmentFinalized)
	if err != nil {
		return 0, fmt.Errorf("asking for the rent of a token account: %w", err)
	}
	return feeReserve + rent, nil
}

// Fees is what any other transaction of a wallet takes.
func Fees() uint64 { return feeReserve }
