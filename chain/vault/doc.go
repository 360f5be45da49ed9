// Package vault is the client's view of the vault program: addresses, account layouts, instructions, error codes, chunks,
// and the events that instructions make. docs/spec/vault.md is its contract.
//
// It reads and writes bytes only: no RPC, no disk, no clock. What the program does to accounts is package model; following
// a cluster is package chain.
package vault
