// Package wallet is what a person with keys does with the vault and around it: fund, mint on a local cluster, found, open,
// deposit, request, cancel, withdraw; one at a time or thousands fast.
//
// It holds no keys longer than a call and knows nothing of nodes.
package wallet

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/gagliardetto/solana-go"
	"github.com/gagliardetto/solana-go/rpc"

	"github.com/phantom-paradox/paradox/chain"
	"github.com/phantom-paradox/paradox/chain/vault"
	"github.com/phantom-paradox/paradox/intent"
)

// Config says which vault, over what, and how sure to be.
type Config struct {
	RPC        chain.Client
	Addresses  vault.Addresses
	Commitment rpc.CommitmentType // that a call waits for; default confirmed

	Sent   func(solana.Signature) // of each transaction before it is sent, of an airdrop when the cluster names it; from several goroutines; may be nil
	Landed func(solana.Signature) // of each that reached the commitment without error; may be nil
}

// A Client does things for wallets. Every call returns when all of its transactions have reached the commitment, or with an
// error that names the first that failed.
type Client struct {
	cfg Config
}

// New makes a client.
func New(cfg Config) *Client {
	if cfg.Commitment == "" {
		cfg.Commitment = rpc.CommitmentConfirmed
	}
	if cfg.Sent == nil {
		cfg.Sent = func(solana.Signature) {}
	}
	if cfg.Landed == nil {
		cfg.Landed = func(solana.Signature) {}
	}
	return &Client{cfg: cfg}
}

// Airdrop asks a local cluster for lamports.
func (c *Client) Airdrop(ctx context.Context, lamports uint64, keys ...solana.PublicKey) error {
	for len(keys) > 0 {
		n := min(len(keys), window)
		sent := make([]underWay, n)
		g, gctx := group(ctx)
		for i, k := range keys[:n] {
			g.Go(func() error {
				sig, err := c.cfg.RPC.RequestAirdrop(gctx, k, lamports, c.cfg.Commitment)
				sent[i] = underWay{sig: sig, valid: 1<<64 - 1}
				if err != nil {
					return fmt.Errorf("airdrop to %s: %w", k, err)
				}
				c.cfg.Sent(sig)
				return nil
			})
		}
		if err := g.Wait(); err != nil {
			return err
		}
		if _, err := c.await(ctx, sent); err != nil {
			return fmt.Errorf("airdrop: %w", err)
		}
		keys = keys[n:]
	}
	return nil
}

// CreateMint makes a classic mint with the key of mint; payer pays and is the mint authority. It is no error if the mint
// stands already.
func (c *Client) CreateMint(ctx context.Context, payer, mint solana.PrivateKey, decimals uint8) error {
	if there, err := c.exists(ctx, mint.PublicKey()); err != nil || there {
		return err
	}
	rent, err := c.cfg.RPC.GetMinimumBalanceForRentExemption(ctx, mintSize, rpc.CommitmentFinalized)
	if err != nil {
		return fmt.Errorf("asking for the rent of a mint: %w", err)
	}
	err = c.send(ctx, []unit{{payer: payer, signers: []solana.PrivateKey{mint}, instructions: newMint(payer.PublicKey(), mint.PublicKey(), decimals, rent)}})
	if err != nil {
		return fmt.Errorf("creating mint %s: %w", mint.PublicKey(), err)
	}
	return nil
}

// A Grant is an amount of a mint for a wallet.
type Grant struct {
	Owner  solana.PublicKey
	Amount uint64
}

// Mint creates associated token accounts where they are missing and mints to them.
func (c *Client) Mint(ctx context.Context, authority solana.PrivateKey, mint intent.Key, grants []Grant) error {
	var units []unit
	for len(grants) > 0 {
		n := min(len(grants), grantsPerTransaction)
		u := unit{payer: authority}
		for _, g := range grants[:n] {
			u.instructions = append(u.instructions, createAssociated(authority.PublicKey(), g.Owner, mint), mintTo(mint, Associated(g.Owner, mint), authority.PublicKey(), g.Amount))
		}
		units, grants = append(units, u), grants[n:]
	}
	if err := c.send(ctx, units); err != nil {
		return fmt.Errorf("minting %s: %w", solana.PublicKey(mint), err)
	}
	return nil
}

// CreateVault founds the network's vault; it is no error if it stands already.
func (c *Client) CreateVault(ctx context.Context, payer solana.PrivateKey, f *vault.Founding) error {
	if there, err := c.exists(ctx, c.cfg.Addresses.Vault); err != nil || there {
		return err
	}
	err := c.send(ctx, []unit{{payer: payer, instructions: []solana.Instruction{c.cfg.Addresses.CreateVault(payer.PublicKey(), f)}}})
	if err != nil && !isCode(err, vault.AlreadyExists) {
		return fmt.Errorf("creating the vault: %w", err)
	}
	return nil
}

// AddPurse makes a mint usable; it is no error if it is already.
func (c *Client) AddPurse(ctx context.Context, payer solana.PrivateKey, mint intent.Key) error {
	purse, _ := c.cfg.Addresses.Purse(mint)
	if there, err := c.exists(ctx, purse); err != nil || there {
		return err
	}
	err := c.send(ctx, []unit{{payer: payer, instructions: []solana.Instruction{c.cfg.Addresses.AddPurse(payer.PublicKey(), mint)}}})
	if err != nil && !isCode(err, vault.AlreadyExists) {
		return fmt.Errorf("adding the purse of %s: %w", solana.PublicKey(mint), err)
	}
	return nil
}

func isCode(err error, code vault.Code) bool {
	var f *FailedError
	return errors.As(err, &f) && f.Code == code
}

func (c *Client) exists(ctx context.Context, k solana.PublicKey) (bool, error) {
	d, err := c.data(ctx, k)
	return d != nil, err
}

// data is an account's data, nil if there is no account.
func (c *Client) data(ctx context.Context, k solana.PublicKey) ([]byte, error) {
	r, err := c.cfg.RPC.GetAccountInfoWithOpts(ctx, k, &rpc.GetAccountInfoOpts{Encoding: solana.EncodingBase64, Commitment: c.cfg.Commitment})
	if errors.Is(err, rpc.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading account %s: %w", k, err)
	}
	return r.Value.Data.GetBinary(), nil
}

// An EntryOf is an owner's entry and an amount.
type EntryOf struct {
	Owner  solana.PrivateKey
	Entry  uint32
	Amount uint64
}

// Deposit moves amounts from the owners' associated token accounts into entries. Payer pays the fees; without one (nil) each
// owner does.
func (c *Client) Deposit(ctx context.Context, payer solana.PrivateKey, mint intent.Key, deposits []EntryOf) error {
	err := c.forEntries(ctx, payer, deposits, func(e EntryOf) []solana.Instruction {
		k := e.Owner.PublicKey()
		return []solana.Instruction{c.cfg.Addresses.Deposit(k, Associated(k, mint), mint, e.Entry, e.Amount)}
	})
	if err != nil {
		return fmt.Errorf("depositing: %w", err)
	}
	return nil
}

// Request asks to withdraw an amount in all.
func (c *Client) Request(ctx context.Context, payer solana.PrivateKey, mint intent.Key, requests []EntryOf) error {
	err := c.forEntries(ctx, payer, requests, func(e EntryOf) []solana.Instruction {
		return []solana.Instruction{c.cfg.Addresses.Request(e.Owner.PublicKey(), mint, e.Entry, e.Amount)}
	})
	if err != nil {
		return fmt.Errorf("requesting withdrawals: %w", err)
	}
	return nil
}

// Cancel takes a request back.
func (c *Client) Cancel(ctx context.Context, payer solana.PrivateKey, mint intent.Key, owner solana.PrivateKey, entry uint32) error {
	err := c.forEntries(ctx, payer, []EntryOf{{Owner: owner, Entry: entry}}, func(e EntryOf) []solana.Instruction {
		return []solana.Instruction{c.cfg.Addresses.Cancel(owner.PublicKey(), mint, entry)}
	})
	if err != nil {
		return fmt.Errorf("cancelling a request: %w", err)
	}
	return nil
}

// Withdraw pays what was requested to the owner's associated token account, which is made if it is missing.
func (c *Client) Withdraw(ctx context.Context, payer solana.PrivateKey, mint intent.Key, owner solana.PrivateKey, entry uint32) error {
	k := owner.PublicKey()
	err := c.forEntries(ctx, payer, []EntryOf{{Owner: owner, Entry: entry}}, func(EntryOf) []solana.Instruction {
		pays := k
		if payer != nil {
			pays = payer.PublicKey()
		}
		return []solana.Instruction{createAssociated(pays, k, mint), c.cfg.Addresses.Withdraw(k, Associated(k, mint), mint, entry)}
	})
	if err != nil {
		return fmt.Errorf("withdrawing: %w", err)
	}
	return nil
}

// forEntries puts what several owners sign into as few transactions as their signatures allow.
func (c *Client) forEntries(ctx context.Context, payer solana.PrivateKey, es []EntryOf, build func(EntryOf) []solana.Instruction) error {
	var units []unit
	for len(es) > 0 {
		n := 1
		for payer != nil && n < len(es) && n < ownersPerTransaction && es[n].Entry/vault.PageEntries == es[0].Entry/vault.PageEntries {
			n++
		}
		u := unit{payer: payer}
		if payer == nil {
			u.payer = es[0].Owner
		}
		for _, e := range es[:n] {
			u.signers = append(u.signers, e.Owner)
			u.instructions = append(u.instructions, build(e)...)
		}
		units, es = append(units, u), es[n:]
	}
	return c.send(ctx, units)
}

// TokenBalance is what a wallet's associated token account of a mint holds.
func (c *Client) TokenBalance(ctx context.Context, owner solana.PublicKey, mint intent.Key) (uint64, error) {
	d, err := c.data(ctx, Associated(owner, mint))
	if err != nil || len(d) < 72 {
		return 0, err
	}
	return binary.LittleEndian.Uint64(d[64:]), nil
}
