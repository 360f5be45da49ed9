package ledger

import (
	"fmt"
	"math"
	"math/bits"
	"strings"

	"github.com/phantom-paradox/paradox/intent"
)

// Bounds of a batch root.
const (
	// maxRootBundles is more than fit into MaxRootBytes: it bounds what a decoder allocates.
	maxRootBundles = 20_000
	// MaxRootBytes bounds a root block: blocks stay at or below 1 MiB so that every IPFS client takes them.
	MaxRootBytes = 1 << 20
	// maxBitmap is a bitmap over the longest bundle.
	maxBitmap = intent.MaxListLen / 8
)

// A Taken links a bundle and says which of its intents are taken.
type Taken struct {
	Bundle BatchCID
	Bitmap []byte // intent i is bit i%8 of byte i/8; the last byte is not zero
}

// Take sets intent i.
func (t *Taken) Take(i int) {
	for len(t.Bitmap) <= i/8 {
		t.Bitmap = append(t.Bitmap, 0)
	}
	t.Bitmap[i/8] |= 1 << (i % 8)
}

// Indexes are the intents taken, ascending.
func (t *Taken) Indexes() []int {
	var out []int
	for k, b := range t.Bitmap {
		for ; b != 0; b &= b - 1 {
			out = append(out, 8*k+bits.TrailingZeros8(b))
		}
	}
	return out
}

// A BatchRoot is the root block of a batch.
type BatchRoot struct {
	Network  intent.Hash
	Height   uint64
	Previous BatchCID // the batch before; "" for the first
	Bundles  []Taken  // strictly ascending by CID
}

type wireRoot struct {
	V        uint64       `cbor:"v"`
	Network  []byte       `cbor:"network"`
	Height   uint64       `cbor:"height"`
	Previous *link        `cbor:"previous"`
	Bundles  []wireBundle `cbor:"bundles"`
}

type wireBundle struct {
	Bundle link   `cbor:"bundle"`
	Taken  []byte `cbor:"taken"`
}

// Encode is the root block: canonical dag-cbor.
func (r *BatchRoot) Encode() []byte {
	w := wireRoot{V: 1, Network: r.Network[:], Height: r.Height, Bundles: make([]wireBundle, len(r.Bundles))}
	if r.Previous != "" {
		l := link(r.Previous)
		w.Previous = &l
	}
	for k := range r.Bundles {
		w.Bundles[k] = wireBundle{Bundle: link(r.Bundles[k].Bundle), Taken: r.Bundles[k].Bitmap}
	}
	return encode(&w)
}

// CID is the batch's address.
func (r *BatchRoot) CID() BatchCID { return BlockCID(r.Encode()) }

// ParseBatchRoot reads a root block and refuses any other bytes than Encode writes.
func ParseBatchRoot(b []byte) (*BatchRoot, error) {
	var w wireRoot
	if err := decode(b, MaxRootBytes, &w); err != nil {
		return nil, fmt.Errorf("batch root: %w", err)
	}
	if w.V != 1 || len(w.Network) != len(intent.Hash{}) || w.Height == 0 || w.Height > math.MaxInt64 || w.Bundles == nil {
		return nil, fmt.Errorf("%w: batch root: a field is out of its range", ErrEncoding)
	}
	r := &BatchRoot{Network: intent.Hash(w.Network), Height: w.Height}
	if w.Previous != nil {
		r.Previous = BatchCID(*w.Previous)
	}
	for _, t := range w.Bundles {
		last := len(t.Taken) - 1
		if last < 0 || last >= maxBitmap || t.Taken[last] == 0 {
			return nil, fmt.Errorf("%w: batch root: a bitmap takes nothing, or is longer than it must be", ErrEncoding)
		}
		if n := len(r.Bundles); n > 0 && strings.Compare(string(r.Bundles[n-1].Bundle), string(t.Bundle)) >= 0 {
			return nil, fmt.Errorf("%w: batch root: bundles do not ascend", ErrEncoding)
		}
		r.Bundles = append(r.Bundles, Taken{Bundle: BatchCID(t.Bundle), Bitmap: t.Taken})
	}
	return r, nil
}

// A BundleReader gives the intents of a bundle with their ids and sizes; the caller has checked bytes and signatures.
type BundleReader func(bundle BatchCID) ([]BundleIntent, error)

// A BundleIntent is an intent of a bundle.
type BundleIntent struct {
	BatchIntent
	Size int // of its wire form
}

// ReadBundle decodes a bundle and computes the ids of its intents. It checks no signature.
func ReadBundle(block []byte, n *intent.Network) ([]BundleIntent, error) {
	list, err := intent.DecodeList(block)
	if err != nil {
		return nil, err
	}
	parts, err := intent.SplitList(block)
	if err != nil {
		return nil, err
	}
	out := make([]BundleIntent, len(list))
	for k, s := range list {
		id, err := s.ID(n)
		if err != nil {
			return nil, fmt.Errorf("intent %d: %w", k, err)
		}
		out[k] = BundleIntent{BatchIntent: BatchIntent{ID: id, Signed: s}, Size: len(parts[k])}
	}
	return out, nil
}

// Intents are what the root takes, in batch order, and the batch's bytes: the root's and those of the intents taken.
// A batch that takes an intent that a bundle does not have, or one id twice, or more than the limits, is ErrBatch.
func (r *BatchRoot) Intents(read BundleReader, maxIntents, maxBytes int) ([]BatchIntent, uint64, error) {
	var out []BatchIntent
	size := len(r.Encode())
	seen := make(map[intent.ID]struct{})
	for k := range r.Bundles {
		t := &r.Bundles[k]
		list, err := read(t.Bundle)
		if err != nil {
			return nil, 0, fmt.Errorf("bundle %s: %w", t.Bundle, err)
		}
		for _, i := range t.Indexes() {
			if i >= len(list) {
				return nil, 0, fmt.Errorf("%w: it takes intent %d of bundle %s, which has %d", ErrBatch, i, t.Bundle, len(list))
			}
			b := &list[i]
			if _, dup := seen[b.ID]; dup {
				return nil, 0, fmt.Errorf("%w: it takes %s twice", ErrBatch, b.ID)
			}
			seen[b.ID] = struct{}{}
			out, size = append(out, b.BatchIntent), size+b.Size
			if len(out) > maxIntents || size > maxBytes {
				return nil, 0, fmt.Errorf("%w: it has more than %d intents or %d bytes", ErrBatch, maxIntents, maxBytes)
			}
		}
	}
	return out, uint64(size), nil
}
