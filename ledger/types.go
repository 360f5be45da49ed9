package ledger

import (
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/network"
)

// A Cut is a point of the vault's event chain: up to it deposits and withdrawals are counted. The zero Cut is the point
// before event 1.
type Cut struct {
	Number uint64
	Hash   intent.Hash
}

// An Instance is one agreement: a height may be decided again in a later generation.
type Instance struct {
	Epoch      uint32
	Height     uint64
	Generation uint32
}

// EventTag says what a vault event is (DETAILS.md).
type EventTag uint8

// The events.
const (
	EventOpen     EventTag = 1 // mint, entry, owner
	EventDeposit  EventTag = 2 // mint, entry, amount (what arrived)
	EventRequest  EventTag = 3 // mint, entry, amount, unlock
	EventCancel   EventTag = 4 // mint, entry
	EventWithdraw EventTag = 5 // mint, entry, amount (paid), generation (after)
	EventSettled  EventTag = 6 // height, digest, epoch (after)
	EventDropped  EventTag = 7 // height, digest, generation (after)
)

// An Event is one link of the vault's event chain. Number counts from 1. Fields that the tag does not have are zero.
type Event struct {
	Number     uint64
	Tag        EventTag
	Slot       uint64
	Mint       intent.Key
	Entry      uint32
	Owner      intent.Key
	Amount     uint64
	Unlock     uint64 // slot
	Generation uint32
	Height     uint64
	Digest     intent.Hash
	Epoch      uint32

	// Signature is the transaction that made the event, in base58. It is for people and is not hashed.
	Signature string
	// Signatures are all transactions that brought a settled or dropped height on chain, in their order, Signature the last.
	// They are not hashed either.
	Signatures []string
}

// A Header is what the committee votes on. Its body is the canonical dag-cbor map of these fields.
type Header struct {
	Network        intent.Hash
	Instance                  // epoch, height, generation
	Time           int64      // unix seconds
	View           uint32     // of its first proposal
	Leader         intent.Key // of its first proposal
	VRFOutput      [32]byte
	VRFProof       []byte
	Previous       intent.Hash // header digest of the height before; the network hash for height 1
	Batch          BatchCID
	Count          uint64 // intents in the batch
	Bytes          uint64 // of the batch: root and the intents taken
	OutcomeRoot    intent.Hash
	StateDigest    intent.Hash
	Cut            Cut
	SettlementHead intent.Hash      // zero: no chunks
	Members        []network.Member // nil: they do not change
}

// A BatchCID is the binary CIDv1 (dag-cbor, sha2-256) of a batch's root block: 36 bytes.
type BatchCID string

// A MemberSignature is one member's COMMIT signature.
type MemberSignature struct {
	Member intent.Key
	Sig    intent.Signature
}

// A Certificate is a header body with commits of ONE view by more than two thirds of the weight of its epoch.
type Certificate struct {
	Body       []byte // header body, canonical dag-cbor
	View       uint32 // the view of the commits
	Signatures []MemberSignature
}

// A Store holds a settled state: what the ledger reads. Keys and values are the ledger's own (docs/spec/state.md).
// Get returns nil for an absent key. Iterate visits keys with the prefix in byte order until fn returns false.
type Store interface {
	Get(key []byte) ([]byte, error)
	Iterate(prefix []byte, fn func(key, value []byte) bool) error
}

// A Change is one write of a settled height: a nil Value deletes.
type Change struct {
	Key, Value []byte
}
