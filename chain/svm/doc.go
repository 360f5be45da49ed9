// Package svm runs a real Solana virtual machine with the vault program in it, for development and tests: a child process
// (program/svm, Node) that speaks Solana's JSON-RPC and WebSocket on loopback. Unlike package localnet it runs the program's
// own bytes, with the real System, Token and Ed25519 programs and their compute costs. With a journal it goes on where an earlier
// one was: every transaction is kept and runs again at the next start.
//
// It starts and stops the process and offers its control methods. What a client says to a cluster is package chain.
package svm
