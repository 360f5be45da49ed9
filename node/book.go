package node

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/fxamacker/cbor/v2"

	"github.com/phantom-paradox/paradox/agreement"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/ledger"
	"github.com/phantom-paradox/paradox/storage"
)

// The states of an intent, as the API names them.
const (
	statePending  = "pending"
	stateAccepted = "accepted"
	stateSettled  = "settled"
	stateDropped  = "dropped"
)

// A Round is what a node keeps of a decided height: enough to serve receipts and to settle it.
type Round struct {
	Certificate ledger.Certificate
	Outcome     ledger.Outcome
	Chunks      [][]byte
	Decided     int64 // unix milliseconds, this node's clock
	Settlement  Settlement
}

// Settlement is what the chain shows of a round.
type Settlement struct {
	Settled      bool
	Slot         uint64
	At           int64 // unix milliseconds, this node's clock
	Transactions []string
}

// A Status is what became of an intent that has left the pool.
type Status struct {
	State    string
	Height   uint64
	Index    uint32 // of its leaf
	Code     intent.Code
	Received int64  // unix milliseconds
	Bundle   []byte // binary CID of a bundle that carried it
	Place    uint32 // in that bundle
	Wire     []byte // kept for what was dropped: its bundle may be collected
}

// book is the node's memory of rounds and intents, beside the replicated state.
type book struct {
	store  *storage.Store
	bucket *storage.Bucket
}

const (
	bookRound       = 'r' // height, big-endian -> Round
	bookCertificate = 'c' // height, big-endian -> the round's certificate
	bookDropped     = 'd' // received, big-endian, intent id: what was dropped, the oldest first
	bookStatus      = 's' // intent id -> Status
	bookWallet      = 'w' // wallet, height, index -> intent id: a wallet's accepted intents
	bookItem        = 'o' // item, 0, height -> owner: who got an item when
	bookOrigin      = 'p' // -> height of the snapshot that the node began from, big-endian
	bookImporting   = 'i' // there while a snapshot is being imported
	bookEvidence    = 'e' // member, height, view, kind -> two votes that contradict each other

	bookPassage       = 'b' // mint, entry, height -> passageRecord: what a height did to a balance
	bookFirstPassages = 'f' // -> the first height that has them, big-endian
)

func (b *book) get(key []byte, v any) (bool, error) {
	data, err := b.bucket.Get(key)
	if err != nil || data == nil {
		return false, err
	}
	if err := cbor.Unmarshal(data, v); err != nil {
		return false, fmt.Errorf("a record of the node's own does not decode: %w", err)
	}
	return true, nil
}

func roundKey(height uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{bookRound}, height)
}

// putRound stores a decided round durably.
func (b *book) putRound(height uint64, r *Round) error {
	batch := b.store.Batch()
	err := b.setRound(batch, height, r)
	if err == nil {
		err = batch.Commit(storage.Durable)
	}
	if err != nil {
		return fmt.Errorf("storing round %d: %w", height, err)
	}
	return nil
}

// certificate is the encoded certificate of a round, nil if there is none. Peers ask for many, and a round of ten thousand
// intents is megabytes.
func (b *book) certificate(height uint64) ([]byte, error) {
	data, err := b.bucket.Get(certificateKey(height))
	if err != nil {
		return nil, fmt.Errorf("the certificate of height %d: %w", height, err)
	}
	if data == nil { // a round of before certificates were filed apart
		if rec, err := b.round(height); err != nil || rec != nil {
			return rec.certificate(), err
		}
	}
	return data, nil
}

func (r *Round) certificate() []byte {
	if r == nil {
		return nil
	}
	return r.Certificate.Encode()
}

func certificateKey(height uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{bookCertificate}, height)
}

// round returns a stored round, nil if there is none.
func (b *book) round(height uint64) (*Round, error) {
	var r Round
	ok, err := b.get(roundKey(height), &r)
	if err != nil || !ok {
		return nil, err
	}
	return &r, nil
}

// dropRound forgets a round that the chain undid.
func (b *book) dropRound(height uint64) error {
	batch := b.store.Batch()
	batch.Delete(b.bucket, roundKey(height))
	batch.Delete(b.bucket, certificateKey(height))
	return batch.Commit(storage.Durable)
}

func statusKey(id intent.ID) []byte { return append([]byte{bookStatus}, id[:]...) }

// status is what became of an intent that has left the pool.
func (b *book) status(id intent.ID) (s Status, ok bool, err error) {
	if ok, err = b.get(statusKey(id), &s); err != nil {
		return Status{}, false, fmt.Errorf("the status of %s: %w", id, err)
	}
	return s, ok, nil
}

// known says whether an intent has left the pool. A disk that fails says no: then the nonce decides.
func (b *book) known(id intent.ID) bool {
	ok, err := b.bucket.Has(statusKey(id))
	return ok && err == nil
}

// setStatus writes a status with a batch.
func (b *book) setStatus(batch *storage.Batch, id intent.ID, s Status) error {
	data, err := cbor.Marshal(&s)
	if err != nil {
		return fmt.Errorf("encoding the status of %s: %w", id, err)
	}
	batch.Set(b.bucket, statusKey(id), data)
	if s.State == stateDropped {
		batch.Set(b.bucket, droppedKey(s.Received, id), nil)
	}
	return nil
}

// setRound writes a round with a batch.
func (b *book) setRound(batch *storage.Batch, height uint64, r *Round) error {
	data, err := cbor.Marshal(r)
	if err != nil {
		return fmt.Errorf("encoding round %d: %w", height, err)
	}
	batch.Set(b.bucket, roundKey(height), data)
	batch.Set(b.bucket, certificateKey(height), r.Certificate.Encode())
	return nil
}

func walletKey(w intent.Key, height uint64, index uint32) []byte {
	k := append([]byte{bookWallet}, w[:]...)
	k = binary.BigEndian.AppendUint64(k, height)
	return binary.BigEndian.AppendUint32(k, index)
}

// noteWallet files an accepted intent under its wallet.
func (b *book) noteWallet(batch *storage.Batch, w intent.Key, height uint64, index uint32, id intent.ID) {
	batch.Set(b.bucket, walletKey(w, height, index), append([]byte(nil), id[:]...))
}

// itemKey has a zero after the item, which no item has in it.
func itemKey(item string, height uint64) []byte {
	return binary.BigEndian.AppendUint64(append(append([]byte{bookItem}, item...), 0), height)
}

// noteItem files an item's new owner.
func (b *book) noteItem(batch *storage.Batch, item string, height uint64, owner intent.Key) {
	batch.Set(b.bucket, itemKey(item, height), append([]byte(nil), owner[:]...))
}

// owners visits the owners of an item, the newest first.
func (b *book) owners(item string, fn func(height uint64, owner intent.Key) bool) error {
	prefix := itemKey(item, 0)
	prefix = prefix[:len(prefix)-8]
	var bad error
	err := b.bucket.Scan(storage.Range{Prefix: prefix, Reverse: true}, func(k, v []byte) bool {
		var owner intent.Key
		if len(v) != len(owner) || len(k) != len(prefix)+8 {
			bad = errors.New("a record of the node's own does not decode")
			return false
		}
		copy(owner[:], v)
		return fn(binary.BigEndian.Uint64(k[len(prefix):]), owner)
	})
	return errors.Join(err, bad)
}

const (
	// maxEvidence bounds the evidence that is kept: a committee has 21 members.
	maxEvidence = 256
	// maxMemberEvidence bounds that of one member, so that a traitor cannot crowd out what convicts another.
	maxMemberEvidence = 8
)

func evidenceKey(ev *agreement.Evidence) []byte {
	key := append([]byte{bookEvidence}, ev.A.From[:]...)
	key = binary.BigEndian.AppendUint64(key, ev.A.Instance.Height)
	key = binary.BigEndian.AppendUint32(key, ev.A.View)
	return append(key, byte(ev.A.Kind))
}

// knowsEvidence says that nothing is won by this evidence: that member's at that place is known, or there is enough. A disk
// that fails says so too.
func (b *book) knowsEvidence(ev *agreement.Evidence) bool {
	fresh, err := b.wantsEvidence(ev)
	return err != nil || !fresh
}

func (b *book) wantsEvidence(ev *agreement.Evidence) (bool, error) {
	if have, err := b.bucket.Has(evidenceKey(ev)); err != nil || have {
		return false, err
	}
	all, own := 0, 0
	err := b.bucket.Iterate([]byte{bookEvidence}, func(k, _ []byte) bool {
		if all++; bytes.HasPrefix(k[1:], ev.A.From[:]) {
			own++
		}
		return all < maxEvidence
	})
	return all < maxEvidence && own < maxMemberEvidence, err
}

// addEvidence keeps a contradiction, if it is wanted.
func (b *book) addEvidence(ev *agreement.Evidence) (fresh bool, err error) {
	if want, err := b.wantsEvidence(ev); err != nil || !want {
		return false, err
	}
	return true, b.bucket.Set(evidenceKey(ev), ev.Encode(), storage.Durable)
}

// evidence lists what is kept.
func (b *book) evidence() ([]*agreement.Evidence, error) {
	var out []*agreement.Evidence
	var bad error
	err := b.bucket.Iterate([]byte{bookEvidence}, func(_, v []byte) bool {
		ev, err := agreement.DecodeEvidence(v)
		if err != nil {
			bad = fmt.Errorf("kept evidence: %w", err)
			return false
		}
		out = append(out, ev)
		return true
	})
	return out, errors.Join(err, bad)
}
