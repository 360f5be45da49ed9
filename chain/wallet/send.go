package wallet

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gagliardetto/solana-go"
	"github.com/gagliardetto/solana-go/rpc"
	"github.com/gagliardetto/solana-go/rpc/jsonrpc"
	"golang.org/x/sync/errgroup"

	"github.com/phantom-paradox/paradox/chain"
	"github.com/phantom-paradox/paradox/chain/vault"
)

// Bounds of sending in bulk.
const (
	window      = 256 // transactions under way: what one getSignatureStatuses can ask for
	senders     = 8   // requests at once; an RPC node takes so many from one client
	attempts    = 8   // blockhashes that a transaction may outlive
	baseUnits   = 600_000
	uniqueUnits = 100_000 // the compute limit is varied by so much to tell equal transactions apart
	firstPause  = 20 * time.Millisecond
	longPause   = 500 * time.Millisecond
)

// A unit is one transaction to be.
type unit struct {
	instructions []solana.Instruction
	payer        solana.PrivateKey
	signers      []solana.PrivateKey
}

// A FailedError is a transaction that the cluster executed, or would not execute, with an error.
type FailedError struct {
	Signature solana.Signature
	Code      vault.Code // of the vault program; 0 if it was not the vault's
	Detail    string
}

func (e *FailedError) Error() string {
	if e.Code != 0 {
		return e.Code.Error()
	}
	return e.Detail
}

// underWay is a unit that was sent.
type underWay struct {
	unit  *unit
	sig   solana.Signature
	valid uint64 // last block height of its blockhash
}

// send sends all units and waits for them; it returns the first failure. Order is not kept.
func (c *Client) send(ctx context.Context, units []unit) error {
	for len(units) > 0 {
		n := min(len(units), window)
		if err := c.sendWindow(ctx, units[:n]); err != nil {
			return err
		}
		units = units[n:]
	}
	return nil
}

func (c *Client) sendWindow(ctx context.Context, units []unit) error {
	todo := make([]*unit, len(units))
	for i := range units {
		todo[i] = &units[i]
	}
	for range attempts {
		sent, err := c.submit(ctx, todo)
		if err != nil {
			return err
		}
		if todo, err = c.await(ctx, sent); err != nil {
			return err
		}
		if len(todo) == 0 {
			return nil
		}
	}
	return fmt.Errorf("%d transactions outlived %d blockhashes", len(todo), attempts)
}

func (c *Client) submit(ctx context.Context, units []*unit) ([]underWay, error) {
	hash, err := chain.LatestBlockhash(ctx, c.cfg.RPC)
	if err != nil {
		return nil, err
	}
	out := make([]underWay, len(units))
	g, gctx := group(ctx)
	for i, u := range units {
		g.Go(func() error {
			raw, sig, err := u.sign(hash.Blockhash, i)
			if err != nil {
				return err
			}
			out[i] = underWay{unit: u, sig: sig, valid: hash.LastValidBlockHeight}
			c.cfg.Sent(sig)
			return c.sendRaw(gctx, raw, sig)
		})
	}
	return out, g.Wait()
}

// group does several requests at once, as many as an RPC node takes from one client.
func group(ctx context.Context) (*errgroup.Group, context.Context) {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(senders)
	return g, ctx
}

func (u *unit) sign(hash solana.Hash, i int) ([]byte, solana.Signature, error) {
	ixs := append([]solana.Instruction{vault.ComputeLimit(baseUnits + uint32(i)%uniqueUnits)}, u.instructions...)
	tx, err := solana.NewTransaction(ixs, hash, solana.TransactionPayer(u.payer.PublicKey()))
	if err != nil {
		return nil, solana.Signature{}, fmt.Errorf("building a transaction: %w", err)
	}
	_, err = tx.Sign(func(k solana.PublicKey) *solana.PrivateKey {
		for _, s := range append([]solana.PrivateKey{u.payer}, u.signers...) {
			if s.PublicKey() == k {
				return &s
			}
		}
		return nil
	})
	if err != nil {
		return nil, solana.Signature{}, fmt.Errorf("signing a transaction: %w", err)
	}
	raw, err := tx.MarshalBinary()
	return raw, tx.Signatures[0], err
}

// sendRaw sends bytes; what may have arrived, or may arrive with the next attempt, is no error.
func (c *Client) sendRaw(ctx context.Context, raw []byte, sig solana.Signature) error {
	_, err := c.cfg.RPC.SendRawTransactionWithOpts(ctx, raw, rpc.TransactionOpts{PreflightCommitment: rpc.CommitmentProcessed})
	var said *jsonrpc.RPCError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case !errors.As(err, &said):
		return nil // the wire failed: await finds out
	case strings.Contains(said.Message, "AlreadyProcessed") || strings.Contains(said.Message, "already been processed"),
		strings.Contains(said.Message, "BlockhashNotFound") || strings.Contains(said.Message, "Blockhash not found"):
		return nil
	}
	return failure(sig, said.Message, said.Data)
}

// failure reads an execution error as RPC gives it.
func failure(sig solana.Signature, text string, data any) error {
	if m, ok := data.(map[string]any); ok && m["err"] != nil {
		data = m["err"]
	}
	code, _ := vault.CodeOf(data)
	return &FailedError{Signature: sig, Code: code, Detail: fmt.Sprintf("%s (%v)", text, data)}
}

// await waits for transactions, and returns the units whose blockhash expired without them.
func (c *Client) await(ctx context.Context, sent []underWay) ([]*unit, error) {
	var expired []*unit
	for pause := firstPause; len(sent) > 0; pause = min(2*pause, longPause) {
		if err := wait(ctx, pause); err != nil {
			return nil, err
		}
		height, err := c.cfg.RPC.GetBlockHeight(ctx, rpc.CommitmentFinalized)
		if err != nil {
			continue // a pool is behind RPC: what it cannot get, it will
		}
		sigs := make([]solana.Signature, len(sent))
		for i, u := range sent {
			sigs[i] = u.sig
		}
		st, err := c.cfg.RPC.GetSignatureStatuses(ctx, false, sigs...)
		if err != nil || len(st.Value) != len(sent) {
			continue
		}
		var left []underWay
		for i, u := range sent {
			switch s := st.Value[i]; {
			case s == nil && height > u.valid:
				expired = append(expired, u.unit)
			case s != nil && s.Err != nil:
				return nil, failure(u.sig, "transaction failed", s.Err)
			case s == nil || !reached(s.ConfirmationStatus, c.cfg.Commitment):
				left = append(left, u)
			default:
				c.cfg.Landed(u.sig)
			}
		}
		sent = left
	}
	return expired, nil
}

func reached(is rpc.ConfirmationStatusType, want rpc.CommitmentType) bool {
	rank := map[string]int{"processed": 1, "confirmed": 2, "finalized": 3}
	return rank[string(is)] >= rank[string(want)]
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
