// Package node is a Paradox node assembled: the door through which intents come in, the bundles in which they travel, the
// engine that drives rounds and follows the vault, what is kept on disk, and one function that wires it all.
//
// What is replicated is decided in package ledger, what is agreed in package agreement; sockets are package p2p's, disk and
// blocks package storage's, Solana package chain's. A node has no package-level state: many run in one process.
package node
