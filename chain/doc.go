// Package chain follows and drives the vault on a Solana cluster: the Watcher turns finalised transactions into the vault's
// event chain and proves that there is no gap, the Settler brings decided heights on chain and never repeats or loses one, and
// proof of reserves compares accounts.
//
// It knows ledger, network and intent, and nothing of nodes, peers, pools or disks: what it needs of the outside it declares as
// interfaces here (Client, Store, Waker).
package chain
