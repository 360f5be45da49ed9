// Package p2p is a node's place among other nodes: a libp2p host with the member's key, gossip topics, request streams, a
// DHT of the network's own, and the bounds that keep strangers harmless.
//
// What the messages mean may not enter: bytes go in, the verdict on them comes from a function that the user hands over.
// Neither may the disk, or the chain.
package p2p
