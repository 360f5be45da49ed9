// Package intent is what a wallet signs: the fields of an intent, the text a person reads in the wallet's window, the
// canonical dag-cbor that travels, the JSON of the API, ids, and the one signature rule of the network.
//
// It is pure: no network, no disk, no clock, no global state. What depends on the state of the ledger or on the time
// of day (nonces, balances, sessions, expiry against a clock) belongs to package ledger or to the node.
package intent
