package chain

import (
	"context"
	"errors"
	"fmt"

	"github.com/gagliardetto/solana-go"
	"github.com/gagliardetto/solana-go/rpc"

	"github.com/phantom-paradox/paradox/chain/vault"
)

// ErrTransaction is returned for a transaction whose parts do not fit together.
var ErrTransaction = errors.New("the endpoint shows a transaction that cannot be")

// FetchTransaction reads a finalised transaction that succeeded.
func FetchTransaction(ctx context.Context, c Client, sig solana.Signature) (*vault.Transaction, error) {
	version := uint64(0)
	r, err := c.GetTransaction(ctx, sig, &rpc.GetTransactionOpts{
		Encoding: solana.EncodingBase64, Commitment: rpc.CommitmentFinalized, MaxSupportedTransactionVersion: &version,
	})
	if err != nil {
		return nil, fmt.Errorf("reading transaction %s: %w", sig, err)
	}
	if r.Transaction == nil || r.Meta == nil {
		return nil, fmt.Errorf("%w: %s has no content", ErrTransaction, sig)
	}
	tx, err := ParseTransaction(r.Transaction.GetBinary(), r.Meta, r.Slot)
	if err != nil {
		return nil, fmt.Errorf("transaction %s: %w", sig, err)
	}
	if tx.Signature != sig {
		return nil, fmt.Errorf("%w: asked for %s, got %s", ErrTransaction, sig, tx.Signature)
	}
	return tx, nil
}

// LatestBlockhash is what a transaction is built on now, and the last block height at which it can be in a block.
func LatestBlockhash(ctx context.Context, c Client) (*rpc.LatestBlockhashResult, error) {
	r, err := c.GetLatestBlockhash(ctx, rpc.CommitmentConfirmed)
	if err == nil && (r == nil || r.Value == nil) {
		err = errors.New("an answer without one")
	}
	if err != nil {
		return nil, fmt.Errorf("asking for a blockhash: %w", err)
	}
	return r.Value, nil
}

// ParseTransaction resolves a transaction's bytes and metadata to instructions with their accounts.
func ParseTransaction(raw []byte, meta *rpc.TransactionMeta, slot uint64) (out *vault.Transaction, err error) {
	defer func() {
		if r := recover(); r != nil { // the decoder's, on hostile lengths
			out, err = nil, fmt.Errorf("%w: %v", ErrTransaction, r)
		}
	}()
	tx, err := solana.TransactionFromBytes(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTransaction, err)
	}
	if len(tx.Signatures) == 0 || meta.Err != nil {
		return nil, fmt.Errorf("%w: unsigned or failed", ErrTransaction)
	}
	keys := append(append(append(solana.PublicKeySlice{}, tx.Message.AccountKeys...), meta.LoadedAddresses.Writable...), meta.LoadedAddresses.ReadOnly...)
	out = &vault.Transaction{Signature: tx.Signatures[0], Slot: slot, Inner: make([][]vault.Instruction, len(tx.Message.Instructions))}
	for _, ix := range tx.Message.Instructions {
		in, err := resolve(keys, ix.ProgramIDIndex, ix.Accounts, ix.Data)
		if err != nil {
			return nil, err
		}
		out.Top = append(out.Top, in)
	}
	for _, group := range meta.InnerInstructions {
		if int(group.Index) >= len(out.Inner) {
			return nil, fmt.Errorf("%w: inner instructions of instruction %d", ErrTransaction, group.Index)
		}
		for _, ix := range group.Instructions {
			in, err := resolve(keys, ix.ProgramIDIndex, ix.Accounts, ix.Data)
			if err != nil {
				return nil, err
			}
			out.Inner[group.Index] = append(out.Inner[group.Index], in)
		}
	}
	return out, nil
}

func resolve(keys solana.PublicKeySlice, program uint16, accounts []uint16, data []byte) (vault.Instruction, error) {
	in := vault.Instruction{Data: data}
	if int(program) >= len(keys) {
		return in, fmt.Errorf("%w: program index %d of %d keys", ErrTransaction, program, len(keys))
	}
	in.Program = keys[program]
	for _, a := range accounts {
		if int(a) >= len(keys) {
			return in, fmt.Errorf("%w: account index %d of %d keys", ErrTransaction, a, len(keys))
		}
		in.Accounts = append(in.Accounts, keys[a])
	}
	return in, nil
}
