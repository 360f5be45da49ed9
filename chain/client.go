package chain

import (
	"context"

	"github.com/gagliardetto/solana-go"
	"github.com/gagliardetto/solana-go/rpc"

	"github.com/phantom-paradox/paradox/ledger"
)

// A Client is what this package needs of a Solana RPC endpoint, or of a pool of them. solana-go's *rpc.Client is one;
// package chain/rpc has a pool.
type Client interface {
	GetGenesisHash(ctx context.Context) (solana.Hash, error)
	GetSlot(ctx context.Context, commitment rpc.CommitmentType) (uint64, error)
	GetBlockHeight(ctx context.Context, commitment rpc.CommitmentType) (uint64, error)
	GetAccountInfoWithOpts(ctx context.Context, key solana.PublicKey, opts *rpc.GetAccountInfoOpts) (*rpc.GetAccountInfoResult, error)
	GetMultipleAccountsWithOpts(ctx context.Context, keys []solana.PublicKey, opts *rpc.GetMultipleAccountsOpts) (*rpc.GetMultipleAccountsResult, error)
	GetSignaturesForAddressWithOpts(ctx context.Context, address solana.PublicKey, opts *rpc.GetSignaturesForAddressOpts) ([]*rpc.TransactionSignature, error)
	GetTransaction(ctx context.Context, sig solana.Signature, opts *rpc.GetTransactionOpts) (*rpc.GetTransactionResult, error)
	GetLatestBlockhash(ctx context.Context, commitment rpc.CommitmentType) (*rpc.GetLatestBlockhashResult, error)
	GetSignatureStatuses(ctx context.Context, searchHistory bool, sigs ...solana.Signature) (*rpc.GetSignatureStatusesResult, error)
	SendRawTransactionWithOpts(ctx context.Context, tx []byte, opts rpc.TransactionOpts) (solana.Signature, error)
	RequestAirdrop(ctx context.Context, key solana.PublicKey, lamports uint64, commitment rpc.CommitmentType) (solana.Signature, error)
	GetMinimumBalanceForRentExemption(ctx context.Context, size uint64, commitment rpc.CommitmentType) (uint64, error)
}

// A Store keeps what must survive a restart. Get returns nil for an absent key; Iterate visits keys with the prefix in byte
// order until fn returns false; Write is atomic and on disk when it returns (a nil value deletes).
type Store interface {
	Get(key []byte) ([]byte, error)
	Iterate(prefix []byte, fn func(key, value []byte) bool) error
	Write(changes []ledger.Change) error
}
