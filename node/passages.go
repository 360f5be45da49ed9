package node

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/fxamacker/cbor/v2"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/ledger"
	"github.com/phantom-paradox/paradox/netting"
	"github.com/phantom-paradox/paradox/storage"
)

// What a height did to a balance is kept as it is merged, one record for each entry that moved: about as much as the round's
// own list of changes. So the statement of any height is one look-up a mint, however long ago it was.

// A passageRecord is a ledger.Passage under its key.
type passageRecord struct {
	_                    struct{} `cbor:",toarray"`
	Deposited, Withdrawn netting.Int128
	Opening, Closing     uint64
}

// before is the balance that the entry closed with before.
func (p *passageRecord) before() (uint64, error) {
	n, ok := netting.Units(p.Opening).Sub(p.Deposited).Add(p.Withdrawn).Uint64()
	if !ok {
		return 0, errors.New("a record of the node's own contradicts itself")
	}
	return n, nil
}

func passageKey(mint intent.Key, entry uint32, height uint64) []byte {
	k := append([]byte{bookPassage}, mint[:]...)
	k = binary.BigEndian.AppendUint32(k, entry)
	return binary.BigEndian.AppendUint64(k, height)
}

// noteResult files who got items, and what happened to balances.
func (b *book) noteResult(batch *storage.Batch, height uint64, r *ledger.Result) error {
	for _, o := range r.Owners {
		b.noteItem(batch, o.Item, height, o.Owner)
	}
	list, err := r.Passages()
	if err != nil {
		return err
	}
	return b.notePassages(batch, height, list)
}

// notePassages files what a height did to balances, and of the first such height that it is.
func (b *book) notePassages(batch *storage.Batch, height uint64, list []ledger.Passage) error {
	for _, p := range list {
		data, err := cbor.Marshal(&passageRecord{Deposited: p.Deposited, Withdrawn: p.Withdrawn, Opening: p.Opening, Closing: p.Closing})
		if err != nil {
			return fmt.Errorf("encoding a balance of height %d: %w", height, err)
		}
		batch.Set(b.bucket, passageKey(p.Mint, p.Entry, height), data)
	}
	first, err := b.firstPassages()
	if err == nil && first == 0 {
		batch.Set(b.bucket, []byte{bookFirstPassages}, binary.BigEndian.AppendUint64(nil, height))
	}
	return err
}

// firstPassages is the first height of which passages are kept, 0 before there is one.
func (b *book) firstPassages() (uint64, error) {
	data, err := b.bucket.Get([]byte{bookFirstPassages})
	if err != nil || data == nil {
		return 0, err
	}
	if len(data) != 8 {
		return 0, errors.New("the height from which balances are kept does not decode")
	}
	return binary.BigEndian.Uint64(data), nil
}

// passage is what a height did to an entry's balance. now is the entry's settled balance, read before this is called: a height
// that is merged in between then has a record here.
func (b *book) passage(mint intent.Key, entry uint32, height, now uint64) (*passageRecord, error) {
	p, at, err := b.nearestPassage(mint, entry, height, true)
	switch {
	case err != nil:
		return nil, err
	case p != nil && at == height:
		return p, nil
	case p != nil: // nothing moved it since
		return &passageRecord{Opening: p.Closing, Closing: p.Closing}, nil
	}
	if p, _, err = b.nearestPassage(mint, entry, height, false); err != nil {
		return nil, err
	}
	if p != nil { // nothing moved it until then
		if now, err = p.before(); err != nil {
			return nil, err
		}
	}
	return &passageRecord{Opening: now, Closing: now}, nil
}

// nearestPassage is an entry's record of a height or else the next one below, or above it; nil if there is none.
func (b *book) nearestPassage(mint intent.Key, entry uint32, height uint64, below bool) (p *passageRecord, at uint64, err error) {
	key := passageKey(mint, entry, height)
	prefix := key[:len(key)-8]
	var bad error
	err = b.bucket.Scan(storage.Range{Prefix: prefix, From: key, Reverse: below}, func(k, v []byte) bool {
		p = new(passageRecord)
		if bad = cbor.Unmarshal(v, p); bad == nil && len(k) != len(key) {
			bad = errors.New("its key is another one's")
		}
		if bad == nil {
			at = binary.BigEndian.Uint64(k[len(prefix):])
		}
		return false
	})
	if err = errors.Join(err, bad); err != nil {
		return nil, 0, fmt.Errorf("the balances of entry %d of %s about height %d: %w", entry, mint, height, err)
	}
	return p, at, nil
}
