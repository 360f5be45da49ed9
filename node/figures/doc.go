// Package figures measures rounds on this machine: what a decision takes in message delays, messages, bytes and time, and how long
// a committee takes to go on without its leader. The machines are those of package agreement, the hosts real libp2p on loopback,
// the vote logs on disk and synced; batches are empty, since what they cost is the ledger's and the network's to measure.
package figures
