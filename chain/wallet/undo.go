package wallet

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/gagliardetto/solana-go"
	"github.com/gagliardetto/solana-go/rpc"

	"github.com/phantom-paradox/paradox/chain"
	"github.com/phantom-paradox/paradox/chain/vault"
	"github.com/phantom-paradox/paradox/intent"
)

// ErrChunks says that the endpoint does not show what was applied of the pending height, so that it cannot be taken back.
var ErrChunks = errors.New("the RPC endpoint does not show the chunks of the pending height")

// dropAttempts is how often DropPending looks again after others moved the vault between its reading and its sending. A height
// of 3,000 wallets has fewer chunks.
const dropAttempts = 64

// DropPending gives up the vault's pending height, which its drop time must have passed: what was applied is taken back, the
// newest chunk first, then the height is dropped. Anybody may; payer pays. It is no error if others do it, or complete the
// height, meanwhile.
func (c *Client) DropPending(ctx context.Context, payer solana.PrivateKey) error {
	v, _, err := c.Vault(ctx)
	if err != nil || v.Pending == nil {
		return err
	}
	digest, since := v.Pending.Digest, v.Pending.Since
	var steps []applied
	for range dropAttempts {
		ix, err := c.dropStep(ctx, v, since, &steps)
		if err != nil {
			return fmt.Errorf("dropping height %d: %w", v.Pending.Height, err)
		}
		err = c.send(ctx, []unit{{payer: payer, instructions: []solana.Instruction{ix}}})
		if err != nil && !overtaken(err) {
			return fmt.Errorf("dropping height %d: %w", v.Pending.Height, err)
		}
		if v, _, err = c.Vault(ctx); err != nil {
			return err
		}
		if v.Pending == nil || v.Pending.Digest != digest || v.Pending.Since != since {
			return nil
		}
	}
	return fmt.Errorf("dropping height %d: others move the vault all the time; try again", v.Pending.Height)
}

// overtaken says whether a step failed because somebody else took one.
func overtaken(err error) bool {
	return isCode(err, vault.WrongChunk) || isCode(err, vault.NothingPending) || isCode(err, vault.NothingApplied) || isCode(err, vault.ChunksApplied)
}

// applied is a chunk of the pending height and the accumulator before it.
type applied struct {
	chunk  []byte
	before intent.Hash
}

// dropStep is the next instruction: unapply while something is applied, then drop.
func (c *Client) dropStep(ctx context.Context, v *vault.Vault, since uint64, steps *[]applied) (solana.Instruction, error) {
	acc := v.Pending.Accumulator
	if acc == (intent.Hash{}) {
		return c.cfg.Addresses.Drop(), nil
	}
	meets := func(a applied) bool { return vault.Accumulate(a.before, a.chunk) == acc }
	i := slices.IndexFunc(*steps, meets)
	if i < 0 {
		var err error
		if *steps, err = c.applied(ctx, since); err != nil {
			return nil, err
		}
		if i = slices.IndexFunc(*steps, meets); i < 0 {
			return nil, fmt.Errorf("%w; name another with --rpc, or wait for its history", ErrChunks)
		}
	}
	return c.cfg.Addresses.Unapply((*steps)[i].chunk, (*steps)[i].before)
}

// applied reads from the vault's transactions what was applied since a slot.
func (c *Client) applied(ctx context.Context, since uint64) ([]applied, error) {
	var out []applied
	var acc intent.Hash
	err := c.eachTransaction(ctx, since, func(tx *vault.Transaction, _ int64) error {
		for i, top := range tx.Top {
			for _, ix := range append([]vault.Instruction{top}, tx.Inner[i]...) {
				tag, args, mine := c.own(ix)
				if !mine || len(args) <= len(acc) {
					continue
				}
				switch tag {
				case vault.TagApply:
					out = append(out, applied{chunk: args[len(acc):], before: acc})
					acc = vault.Accumulate(acc, args[len(acc):])
				case vault.TagUnapply:
					acc = intent.Hash(args[:len(acc)])
				}
			}
		}
		return nil
	})
	return out, err
}

// own says whether an instruction is apply or unapply of this vault.
func (c *Client) own(ix vault.Instruction) (tag vault.Tag, args []byte, mine bool) {
	if ix.Program != c.cfg.Addresses.Program || len(ix.Data) == 0 || len(ix.Accounts) == 0 || ix.Accounts[0] != c.cfg.Addresses.Vault {
		return 0, nil, false
	}
	return vault.Tag(ix.Data[0]), ix.Data[1:], true
}

// signaturePage is Solana's limit.
const signaturePage = 1000

// A dated transaction has the unix time of its block, zero where the endpoint does not know it.
type dated struct {
	sig  solana.Signature
	time int64
}

// eachTransaction gives the vault's successful transactions from a slot on to fn, with their time, the oldest first.
func (c *Client) eachTransaction(ctx context.Context, since uint64, fn func(*vault.Transaction, int64) error) error {
	var sigs []dated
	limit := signaturePage
	opts := &rpc.GetSignaturesForAddressOpts{Limit: &limit, Commitment: rpc.CommitmentFinalized}
	for more := true; more; {
		page, err := c.cfg.RPC.GetSignaturesForAddressWithOpts(ctx, c.cfg.Addresses.Vault, opts)
		if err != nil {
			return fmt.Errorf("asking for the vault's transactions: %w", err)
		}
		more = len(page) == limit
		for _, s := range page {
			if s.Slot < since {
				more = false
				break
			}
			if s.Err == nil {
				d := dated{sig: s.Signature}
				if s.BlockTime != nil {
					d.time = int64(*s.BlockTime)
				}
				sigs = append(sigs, d)
			}
			opts.Before = s.Signature
		}
	}
	slices.Reverse(sigs)
	return c.fetchAll(ctx, sigs, fn)
}

// fetchAll reads transactions, some at once, and gives them to fn in order.
func (c *Client) fetchAll(ctx context.Context, sigs []dated, fn func(*vault.Transaction, int64) error) error {
	for len(sigs) > 0 {
		n := min(len(sigs), senders)
		txs := make([]*vault.Transaction, n)
		g, gctx := group(ctx)
		for i, s := range sigs[:n] {
			g.Go(func() (err error) {
				txs[i], err = chain.FetchTransaction(gctx, c.cfg.RPC, s.sig)
				return err
			})
		}
		if err := g.Wait(); err != nil {
			return err
		}
		for i, tx := range txs {
			if err := fn(tx, sigs[i].time); err != nil {
				return err
			}
		}
		sigs = sigs[n:]
	}
	return nil
}
