// Package netting is the function every node computes: (opening, moves) -> outcome.
//
// It is pure: a function of sets. No clock, no arrival order, no map iteration that reaches the output, no floating
// point in an outcome, no network, no disk, no global state; budgets count operations, never milliseconds. Any order of
// the same input, on any machine, gives the same bytes. What an intent is, whether it is signed, and what an outcome
// does to the state belong to packages intent and ledger; terminals and files belong to netting/command.
//
// Strings here are raw bytes (wallets, assets, ids, signers) and are ordered as bytes. The rules are written down in
// docs/spec/netting.md, the shape of the engine in docs/decisions/.
package netting
