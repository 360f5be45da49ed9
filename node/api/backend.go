package api

import (
	"context"
	"errors"
	"io"

	"github.com/phantom-paradox/paradox/intent"
)

// What a Backend says besides an answer.
var (
	// ErrNotFound: this node has no such thing.
	ErrNotFound = errors.New("this node does not know it")
	// ErrBeforeSnapshot: it is of a height before those that this node has.
	ErrBeforeSnapshot = errors.New("this node began from the snapshot")
	// ErrBeforeRecords: it is of a settled height of before this node kept what is asked for.
	ErrBeforeRecords = errors.New("this node keeps no statements of heights before")
	// ErrNotSettled: the height is decided, and the chain may still undo it.
	ErrNotSettled = errors.New("it is decided and not settled yet")
	// ErrRefused: what was handed in is not acceptable, whoever asks and when.
	ErrRefused = errors.New("it is not acceptable")
	// ErrNotReady: the node cannot judge or answer now; asking again later helps.
	ErrNotReady = errors.New("the node is not ready")
	// ErrBadCursor: an `after` that no page gave as its `next`.
	ErrBadCursor = errors.New("not the next of a page")
)

// A Backend is what the API asks of a node. Answers belong to the caller. Methods are called from many goroutines.
type Backend interface {
	// Submit judges intents and takes the good ones; what it calls pending is on disk. The verdicts stand in the list's order.
	Submit(ctx context.Context, list []*intent.Signed) ([]Verdict, error)
	Intent(ctx context.Context, id intent.ID) (*IntentStatus, error)
	Proof(ctx context.Context, height uint64, id intent.ID) (*Proof, error)
	Nonce(ctx context.Context, wallet, signer intent.Key) (next, floor uint64, err error)

	Rounds(ctx context.Context, p Page) (*Rounds, error)
	Round(ctx context.Context, height uint64) (*Round, error)
	Batch(ctx context.Context, cid string, p Page) (*Batch, error)
	// BatchCAR writes root and bundles as a CAR file. It writes nothing before it knows that it can.
	BatchCAR(ctx context.Context, cid string, w io.Writer) error

	// Picture is an SVG drawing of what netting saved in a round, in one mint.
	Picture(ctx context.Context, height uint64, mint intent.Key) ([]byte, error)

	Wallet(ctx context.Context, key intent.Key, p Page) (*Wallet, error)
	History(ctx context.Context, key intent.Key, p Page) (*History, error)
	// Statement is a wallet's account of a settled height; the page is of its intents.
	Statement(ctx context.Context, height uint64, key intent.Key, p Page) (*Statement, error)
	Item(ctx context.Context, item string) (*Item, error)
	Asks(ctx context.Context, f AskFilter, p Page) (*Asks, error)

	// Approve takes an operator's approval of a change of the members, which signs itself. ErrRefused says what is wrong with it.
	Approve(ctx context.Context, approval []byte) (*Approved, error)
	Evidence(ctx context.Context) (*EvidenceList, error)
	Network(ctx context.Context) (*Network, error)
	Peers(ctx context.Context, p Page) (*Peers, error)
	Status(ctx context.Context) (*Status, error)
	Stats(ctx context.Context) (*Stats, error)
	Health(ctx context.Context) (*Health, error)
	// Ready says why the node takes no intents now, nil when it does.
	Ready() error
	// Listen delivers what happens from now on until the function that it returns is called, which closes the channel. A
	// listener that is slow loses events.
	Listen() (<-chan Event, func())
}

// A Verdict is the answer to one intent. ID is nil where no text can be rendered; Err is nil where it is taken or known.
type Verdict struct {
	ID    *intent.ID
	State string
	Err   *intent.Error
}

// A Page says which part of a list is wanted: at most Limit, after what the page before called its next.
type Page struct {
	Limit int
	After string
}

// An AskFilter leaves out asks. Zero fields leave out nothing.
type AskFilter struct {
	Item   string
	Issuer *intent.Key
	Mint   *intent.Key
}

// The kinds of events.
const (
	EventRound   = "round"   // RoundEvent: decided or undone
	EventSettled = "settled" // RoundEvent
	EventPool    = "pool"    // PoolStats
	EventPeer    = "peer"    // PeerEvent
	EventHealth  = "health"  // Health
)

// An Event is something that happened; Data is of the type that its kind names.
type Event struct {
	Kind string
	Data any
}
