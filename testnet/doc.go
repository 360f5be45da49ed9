// Package testnet founds and runs a whole network on one machine: the model of Solana in this process, each node as a
// process of its own, wallets with real deposits, and a stream of intents that it follows to their ends.
//
// It knows nodes only by what every client knows of them, their HTTP API and their gossip topic; nothing here reaches
// into a node. What an intent stream looks like is package traffic's.
package testnet
