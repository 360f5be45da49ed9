// Package agreement is the vote of one instance: QBFT (IBFT 2.0) as a pure state machine. Messages and timer events go
// in, ordered effects come out; the node performs them, the simulator in agreement/sim performs the very same ones.
//
// No goroutine, clock, disk or network may enter, nor anything about intents, netting or Solana: a header is bytes with
// a digest and a few fields here, and whether it is valid is the host's answer. docs/spec/round.md is its specification.
package agreement
