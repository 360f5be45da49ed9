package storage

import (
	"encoding/binary"
	"fmt"
)

// layoutVersion is the store's own: what the keys of buckets look like and which Badger options are part of the format.
const (
	schemaPrefix  = "!schema" + separator
	layoutName    = "!layout" // no bucket can have this name
	layoutVersion = 1
)

// A Migration brings a bucket from one schema version to the next: it reads the bucket as it is and gathers the writes,
// which are committed together with the new version.
type Migration func(old *Bucket, batch *Batch) error

// Bucket opens a part of the store. Its schema version is 1 + len(migrations): migration i leads from version i+1 to i+2,
// so the list only ever grows at its end. A bucket that is older is brought up to date, each step at once or not at all.
func (s *Store) Bucket(name string, migrations ...Migration) (*Bucket, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	b := &Bucket{store: s, name: name, prefix: []byte(name + separator)}
	want := uint32(len(migrations)) + 1
	have, err := s.version(name)
	if err != nil {
		return nil, fmt.Errorf("open bucket %s: %w", name, err)
	}
	switch {
	case have == want:
		return b, nil
	case have == 0:
		batch := s.Batch()
		batch.put(schemaKey(name), binary.BigEndian.AppendUint32(nil, want))
		return b, batch.Commit(Durable)
	case have > want:
		return nil, fmt.Errorf("open bucket %s: %w: its schema is %d, this program knows up to %d; run the newer version", name, ErrNewer, have, want)
	}
	for v := have; v < want; v++ {
		batch := s.Batch()
		if err := migrations[v-1](b, batch); err != nil {
			return nil, fmt.Errorf("migrate bucket %s from %d to %d: %w", name, v, v+1, err)
		}
		batch.put(schemaKey(name), binary.BigEndian.AppendUint32(nil, v+1))
		if err := batch.Commit(Durable); err != nil {
			return nil, fmt.Errorf("migrate bucket %s from %d to %d: %w", name, v, v+1, err)
		}
		s.log.Info("migrated", "bucket", name, "from", v, "to", v+1)
	}
	return b, nil
}

func checkName(name string) error {
	if len(name) == 0 || len(name) > maxBucketName {
		return fmt.Errorf("bucket name %q: 1 to %d characters", name, maxBucketName)
	}
	for _, c := range name {
		if c < 'a' || c > 'z' {
			return fmt.Errorf("bucket name %q: only letters a to z", name)
		}
	}
	return nil
}

func schemaKey(name string) []byte { return []byte(schemaPrefix + name) }

// version is a bucket's schema version, 0 if it was never opened.
func (s *Store) version(name string) (uint32, error) {
	snap, err := s.Snapshot()
	if err != nil {
		return 0, err
	}
	defer snap.Close()
	raw, err := get(snap.txn, schemaKey(name))
	if err != nil || raw == nil {
		return 0, err
	}
	if len(raw) != 4 {
		return 0, fmt.Errorf("%w: the schema version of %s has %d bytes", ErrCorrupted, name, len(raw))
	}
	return binary.BigEndian.Uint32(raw), nil
}

func (s *Store) checkLayout() error {
	have, err := s.version(layoutName)
	if err != nil {
		return err
	}
	if have > layoutVersion {
		return fmt.Errorf("%w: its layout is %d, this program knows up to %d; run the newer version", ErrNewer, have, layoutVersion)
	}
	if have == layoutVersion {
		return nil
	}
	batch := s.Batch()
	batch.put(schemaKey(layoutName), binary.BigEndian.AppendUint32(nil, layoutVersion))
	return batch.Commit(Durable)
}
