// Package bank executes transactions on accounts: the part of the localnet that is a model of Solana's runtime. It has the
// System, Token (classic), associated-account, Memo, compute-budget and Ed25519 programs as far as this repository uses them,
// and the model of the vault.
//
// It is pure: a function of accounts, a transaction and a slot. Slots, blocks, disk and RPC are package localnet.
package bank
