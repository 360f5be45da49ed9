// Package api is a node's HTTP API and its status page: shapes, limits, errors, and what a browser is sent.
//
// What the answers say comes from a Backend, which the node implements. Keys, sockets of peers, the disk and the ledger may
// not enter here: the package knows intents and JSON. It changes no package-level state, so many nodes serve from one process.
package api
