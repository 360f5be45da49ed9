// Package ledger is the replicated state: what each kind of intent does to it, the choice and the check of a batch, the
// digest over it, headers, certificates, batches, settlements and receipts with their proofs.
//
// The order in which to read it: State and Opening (state.go, opening.go) are what a height begins with; a judge looks
// intents up and a plan judges them together (judge.go, plan.go, moves.go), for the door (admit.go), the leader
// (select.go) and everybody else (execute.go); outcome, settlement, header, certificate, batch and receipt are what comes
// of it; element, writer, lthash and snapshot are how a state lies in a Store. Formats: docs/spec/ (state, events, batch,
// header, settlement).
//
// It is pure: a function of network file, vault events and settled batches. No network, no disk, no clock, no global
// state; storage is behind Store, time comes in headers. Nothing about peers, rounds or RPC belongs here.
package ledger
