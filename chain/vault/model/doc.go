// Package model is the vault program in Go: the same checks in the same order, the same error codes and the same bytes of
// accounts as docs/spec/vault.md. The localnet runs it, and it is held against the real program on a Solana VM.
//
// It is pure: accounts, slot, rent, the transaction's instructions and called programs come through Host.
package model
