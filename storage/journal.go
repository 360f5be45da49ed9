package storage

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/dgraph-io/badger/v4"
)

// A batch that does not fit into one transaction of Badger (about 1.2 MB or 13,000 keys here) is first written whole to a
// journal, in parts, then its commit record, then its keys, then the journal is removed. A crash before the record leaves
// nothing of it, a crash after it is repaired by the next Open.
const (
	journalPrefix = "!journal" + separator
	journalPart   = 256 << 10           // bytes of operations a part; the value log holds them
	journalCommit = uint32(0xFFFF_FFFF) // the commit record's number: it sorts after all parts
	applyBytes    = 256 << 10           // of one transaction while the journal is applied
	applyOps      = 1000
)

func journalKey(part uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte(journalPrefix), part)
}

// commitLarge writes ops through the journal. Readers see all of it or nothing.
func (s *Store) commitLarge(ops []op) error {
	s.journal.Lock()
	defer s.journal.Unlock()
	parts := splitOps(ops)
	digest := sha256.New()
	for i, part := range parts {
		digest.Write(part)
		if err := s.commitSmall([]op{{journalKey(uint32(i)), part}}); err != nil {
			return errors.Join(err, s.dropJournal(len(parts)))
		}
	}
	if err := s.flush(); err != nil {
		return err
	}
	record := binary.BigEndian.AppendUint32(digest.Sum(nil), uint32(len(parts)))
	if err := s.commitSmall([]op{{journalKey(journalCommit), record}}); err != nil {
		return errors.Join(err, s.dropJournal(len(parts)))
	}
	if err := s.flush(); err != nil {
		return err
	}
	s.view.Lock()
	err := s.apply(ops)
	s.view.Unlock()
	if err != nil {
		return s.fail(err)
	}
	if err := s.dropJournal(len(parts)); err != nil {
		return s.fail(err)
	}
	return nil
}

// apply writes ops in as many transactions as they need, and flushes them.
func (s *Store) apply(ops []op) error {
	for len(ops) > 0 {
		n, bytes := 0, 0
		for n < len(ops) && n < applyOps && (n == 0 || bytes+len(ops[n].key)+len(ops[n].value) <= applyBytes) {
			bytes += len(ops[n].key) + len(ops[n].value)
			n++
		}
		if err := s.commit(ops[:n]); err != nil {
			return err
		}
		ops = ops[n:]
	}
	return s.flush()
}

// dropJournal removes the commit record first: parts without it mean nothing.
func (s *Store) dropJournal(parts int) error {
	ops := []op{{journalKey(journalCommit), nil}}
	for i := range parts {
		ops = append(ops, op{journalKey(uint32(i)), nil})
	}
	return s.apply(ops)
}

// replay finishes or forgets the batch that a crash interrupted.
func (s *Store) replay() error {
	var parts [][]byte
	var record []byte
	err := s.db.View(func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.IteratorOptions{Prefix: []byte(journalPrefix)})
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			value, err := it.Item().ValueCopy([]byte{})
			if err != nil {
				return err
			}
			if binary.BigEndian.Uint32(it.Item().Key()[len(journalPrefix):]) == journalCommit {
				record = value
			} else {
				parts = append(parts, value)
			}
		}
		return nil
	})
	if err != nil || (record == nil && parts == nil) {
		return err
	}
	if record == nil {
		return s.dropJournal(len(parts))
	}
	ops, err := joinOps(parts, record)
	if err != nil {
		return err
	}
	if err := s.apply(ops); err != nil {
		return err
	}
	return s.dropJournal(len(parts))
}

// splitOps encodes ops as parts: each op is uvarint(key length), key, uvarint(0: delete, else value length + 1), value.
func splitOps(ops []op) [][]byte {
	var parts [][]byte
	var part []byte
	for _, o := range ops {
		part = binary.AppendUvarint(part, uint64(len(o.key)))
		part = append(part, o.key...)
		if o.value == nil {
			part = binary.AppendUvarint(part, 0)
		} else {
			part = binary.AppendUvarint(part, uint64(len(o.value))+1)
			part = append(part, o.value...)
		}
		if len(part) >= journalPart {
			parts, part = append(parts, part), nil
		}
	}
	if len(part) > 0 {
		parts = append(parts, part)
	}
	return parts
}

// joinOps reads back what splitOps wrote, held against the commit record.
func joinOps(parts [][]byte, record []byte) ([]op, error) {
	digest := sha256.New()
	for _, part := range parts {
		digest.Write(part)
	}
	want := binary.BigEndian.AppendUint32(digest.Sum(nil), uint32(len(parts)))
	if string(want) != string(record) {
		return nil, fmt.Errorf("%w: the journal of a committed batch is incomplete", ErrCorrupted)
	}
	var ops []op
	for _, part := range parts {
		for len(part) > 0 {
			o, rest, err := readOp(part)
			if err != nil {
				return nil, err
			}
			ops, part = append(ops, o), rest
		}
	}
	return ops, nil
}

func readOp(b []byte) (op, []byte, error) {
	key, b, err := readField(b, 0)
	if err != nil {
		return op{}, nil, err
	}
	if len(b) > 0 && b[0] == 0 {
		return op{key, nil}, b[1:], nil
	}
	value, b, err := readField(b, 1)
	if err != nil {
		return op{}, nil, err
	}
	return op{key, value}, b, nil
}

// readField reads a length, less shift, and as many bytes.
func readField(b []byte, shift uint64) (field, rest []byte, err error) {
	n, w := binary.Uvarint(b)
	if w <= 0 || n < shift || n-shift > uint64(len(b)-w) {
		return nil, nil, fmt.Errorf("%w: a journal part is cut short", ErrCorrupted)
	}
	end := w + int(n-shift)
	return b[w:end:end], b[end:], nil
}
