package wallet

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/gagliardetto/solana-go"

	"github.com/phantom-paradox/paradox/intent"
)

// MaxTokens is how many mints one Give can mint of.
const MaxTokens = grantsPerTransaction

// Tokens are an amount of a mint, in base units.
type Tokens struct {
	Mint   intent.Key
	Amount uint64
}

// Give sends one transaction: the authority's lamports and tokens that it mints, to one wallet; all of it or nothing.
func (c *Client) Give(ctx context.Context, authority solana.PrivateKey, to solana.PublicKey, lamports uint64, tokens []Tokens) error {
	if len(tokens) > MaxTokens {
		return fmt.Errorf("giving %d mints in one transaction: it has room for %d", len(tokens), MaxTokens)
	}
	u := unit{payer: authority}
	if lamports > 0 {
		u.instructions = append(u.instructions, transfer(authority.PublicKey(), to, lamports))
	}
	for _, t := range tokens {
		u.instructions = append(u.instructions, createAssociated(authority.PublicKey(), to, t.Mint), mintTo(t.Mint, Associated(to, t.Mint), authority.PublicKey(), t.Amount))
	}
	if err := c.send(ctx, []unit{u}); err != nil {
		return fmt.Errorf("giving to %s: %w", to, err)
	}
	return nil
}

// MintAuthority is the key that may mint; false where nobody may, or there is no such mint.
func (c *Client) MintAuthority(ctx context.Context, mint intent.Key) (solana.PublicKey, bool, error) {
	d, err := c.data(ctx, solana.PublicKey(mint))
	if err != nil || len(d) != mintSize || binary.LittleEndian.Uint32(d) != 1 {
		return solana.PublicKey{}, false, err
	}
	return solana.PublicKey(d[4:36]), true, nil
}

// A Fate is what became of a transaction that was sent.
type Fate uint8

// The fates.
const (
	Unseen Fate = iota // the cluster does not show it: it may still arrive, unless it has expired
	Failed
	Landed
)

// Fate asks the cluster, its history included, for a transaction.
func (c *Client) Fate(ctx context.Context, sig solana.Signature) (Fate, error) {
	st, err := c.cfg.RPC.GetSignatureStatuses(ctx, true, sig)
	if err != nil {
		return Unseen, fmt.Errorf("asking for transaction %s: %w", sig, err)
	}
	switch {
	case len(st.Value) != 1 || st.Value[0] == nil:
		return Unseen, nil
	case st.Value[0].Err != nil:
		return Failed, nil
	case !reached(st.Value[0].ConfirmationStatus, c.cfg.Commitment):
		return Unseen, nil
	}
	return Landed, nil
}
