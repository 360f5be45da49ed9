package node

import (
	"context"

	"github.com/phantom-paradox/paradox/chain"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/ledger"
)

// What the node needs of the packages below it; each is a port with a real implementation and, in tests, a small one.

// vaultView is the node's own sight of the vault: finalised events only, checked for gaps.
type vaultView interface {
	// Head is the newest finalised cut, and the finalised slot up to which it is known to be complete.
	Head() (cut ledger.Cut, slot uint64)
	// Time is when Head's slot was, in unix seconds by the cluster's clock, 0 before the first look: never later than what a
	// Head read afterwards shows.
	Time() int64
	// Events are those with after < number <= to.
	Events(after, to uint64) ([]ledger.Event, error)
	// Updates ticks after Head has changed; ticks coalesce.
	Updates() <-chan struct{}
	// Err is why the view cannot be trusted, nil when it can: while it is set, the node proposes nothing and
	// prepares no first proposal.
	Err() error
}

// blocks is the embedded IPFS. CIDs are binary.
type blocks interface {
	// Put stores a block, pinned by owner.
	Put(ctx context.Context, owner string, data []byte) (ledger.BatchCID, error)
	Get(ctx context.Context, c ledger.BatchCID) ([]byte, error)
	// Fetch gets blocks from the local store or else over bitswap, asking the hinted member first. What comes from others is
	// counted against the haul; nil has no bound.
	Fetch(ctx context.Context, hint intent.Key, h *haul, list ...ledger.BatchCID) ([][]byte, error)
	// Drop deletes blocks that nobody has pinned.
	Drop(ctx context.Context, list ...ledger.BatchCID) error
	// Pin keeps blocks until every owner that pinned them has let go.
	Pin(owner string, list ...ledger.BatchCID) error
	Unpin(owner string, list ...ledger.BatchCID) error
}

// settling hands decided heights to the chain; *chain.Settler is one.
type settling interface {
	Submit(j chain.Job) error
	Status(height uint64) (chain.Status, bool)
	Forget(height uint64) error
}

// certificateSource gets certificates of settled heights from peers.
type certificateSource interface {
	// Certificates asks one peer after the other for those from height on, and stops when take has what it needs. A peer all
	// of whose certificates were good is asked first the next time.
	Certificates(ctx context.Context, height uint64, take func([]*ledger.Certificate) (enough, good bool)) error
}
