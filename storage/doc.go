// Package storage is what a node keeps: one directory, one lock, one Badger. State, pool, certificates, the vote log and
// the IPFS blocks live in it side by side, each bucket under its own prefix with its own schema version.
//
// Nothing about intents, rounds or peers may enter here: keys and values are bytes. The embedded IPFS node (type IPFS) is
// handed a libp2p host and a router by its user; this package never dials on its own account but for gateways.
package storage
