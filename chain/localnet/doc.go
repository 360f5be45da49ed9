// Package localnet is a model of Solana inside the process, for development and tests: JSON-RPC and WebSocket on a loopback
// socket, really signed and verified transactions, the System, Token, associated-account, Memo, compute-budget and Ed25519
// programs as far as this repository uses them, and the Go model of the vault. It keeps its ledger in a directory and
// survives kill -9.
//
// It is a model, not a validator: one node, no stake, no votes, no rent collection, no compute metering, no lookup tables.
package localnet
