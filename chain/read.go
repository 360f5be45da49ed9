package chain

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/gagliardetto/solana-go"
	"github.com/gagliardetto/solana-go/rpc"

	"github.com/phantom-paradox/paradox/chain/vault"
)

// clockUnixTime is where the Clock sysvar has the time of its slot: after slot, epoch start, epoch and leader schedule epoch.
const clockUnixTime = 32

// readSight reads the Vault account at finalized with the slot at which it was read and that slot's time in unix seconds, all of
// one moment. The vault is nil if there is none, the time 0 if the cluster shows no clock.
func readSight(ctx context.Context, c Client, key solana.PublicKey) (v *vault.Vault, slot uint64, at int64, err error) {
	r, err := c.GetMultipleAccountsWithOpts(ctx, []solana.PublicKey{key, solana.SysVarClockPubkey},
		&rpc.GetMultipleAccountsOpts{Encoding: solana.EncodingBase64, Commitment: rpc.CommitmentFinalized})
	if err != nil {
		return nil, 0, 0, fmt.Errorf("reading the vault account %s: %w", key, err)
	}
	if len(r.Value) != 2 {
		return nil, 0, 0, fmt.Errorf("reading the vault account %s: %d accounts instead of 2", key, len(r.Value))
	}
	if a := r.Value[1]; a != nil && a.Data != nil {
		if d := a.Data.GetBinary(); len(d) >= clockUnixTime+8 {
			at = int64(binary.LittleEndian.Uint64(d[clockUnixTime:]))
		}
	}
	if a := r.Value[0]; a != nil && a.Data != nil {
		if v, err = vault.DecodeVault(a.Data.GetBinary()); err != nil {
			return nil, 0, 0, fmt.Errorf("vault account %s: %w", key, err)
		}
	}
	return v, r.Context.Slot, at, nil
}

// ReadVault reads a Vault account and the slot at which it was read; nil if there is none.
func ReadVault(ctx context.Context, c Client, key solana.PublicKey, commitment rpc.CommitmentType) (*vault.Vault, uint64, error) {
	d, slot, err := readAccount(ctx, c, key, commitment)
	if err != nil || d == nil {
		return nil, slot, err
	}
	v, err := vault.DecodeVault(d)
	if err != nil {
		return nil, slot, fmt.Errorf("vault account %s: %w", key, err)
	}
	return v, slot, nil
}

func readAccount(ctx context.Context, c Client, key solana.PublicKey, commitment rpc.CommitmentType) ([]byte, uint64, error) {
	r, err := c.GetAccountInfoWithOpts(ctx, key, &rpc.GetAccountInfoOpts{Encoding: solana.EncodingBase64, Commitment: commitment})
	if errors.Is(err, rpc.ErrNotFound) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("reading account %s: %w", key, err)
	}
	return r.Value.Data.GetBinary(), r.Context.Slot, nil
}
