package node

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/phantom-paradox/paradox/ledger"
	"github.com/phantom-paradox/paradox/network"
	"github.com/phantom-paradox/paradox/node/api"
	"github.com/phantom-paradox/paradox/storage"
)

// A node's snapshot is the certificates that changed the members, then the ledger's own snapshot with the certificate of its
// height: all that a node needs to go on from there (docs/snapshots.md).

const (
	snapshotMagic = "paradox/node-snapshot/1\n"
	// maxEpochs bounds the changes of members in a snapshot: each is a decision of people.
	maxEpochs = 4096

	stateBucket = "state"
	bookBucket  = "book"
)

// What importing and exporting can find in the way.
var (
	// ErrHasState: a snapshot begins a node, it does not replace one.
	ErrHasState = errors.New("this node has a state already; a snapshot begins a new one: take another home, or move the data directory away")
	// ErrHalfImported: a crash, or a kill, ended an import.
	ErrHalfImported = errors.New("an import of a snapshot has not ended; run `paradox snapshot import` again")
	// ErrNothingSettled: there is no state but the network file's.
	ErrNothingSettled = errors.New("no height is settled here yet; a new node needs no snapshot")
)

// A SnapshotInfo says what a snapshot holds.
type SnapshotInfo struct {
	Network string     `json:"network"`
	Height  uint64     `json:"height"`
	Epoch   uint32     `json:"epoch"`
	Header  api.Digest `json:"header_digest"`
	State   api.Digest `json:"state_digest"`
	Signers int        `json:"signers"`
	Bytes   int64      `json:"bytes"`
}

// ExportSnapshot writes the settled state of a stopped node's data directory.
func ExportSnapshot(dir string, f *network.File, w io.Writer) (info *SnapshotInfo, err error) {
	store, err := storage.Open(dir, storage.Options{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	return exportSnapshot(store, f, w)
}

// exportSnapshot writes the state of one moment; the node may run on.
func exportSnapshot(store *storage.Store, f *network.File, w io.Writer) (*SnapshotInfo, error) {
	states, book, err := openForSnapshot(store)
	if err != nil {
		return nil, err
	}
	moment, err := store.Snapshot()
	if err != nil {
		return nil, err
	}
	defer moment.Close()
	state, err := ledger.Load(f, frozen{moment, states})
	if err != nil {
		return nil, fmt.Errorf("loading the settled state: %w", err)
	}
	if state.Height() == 0 {
		return nil, ErrNothingSettled
	}
	cert, err := book.parsed(state.Height())
	if err == nil && cert == nil {
		err = fmt.Errorf("the certificate of height %d is not here", state.Height())
	}
	if err != nil {
		return nil, err
	}
	h, err := ledger.ParseHeader(cert.Body)
	if err != nil {
		return nil, fmt.Errorf("the certificate of height %d: %w", state.Height(), err)
	}
	epochs, err := book.epochs(h.Epoch, state.Height())
	if err != nil {
		return nil, err
	}
	out := &counter{w: w}
	if _, err := out.Write(encodeEpochs(epochs)); err != nil {
		return nil, fmt.Errorf("writing the snapshot: %w", err)
	}
	if err := state.Export(out, cert); err != nil {
		return nil, err
	}
	return snapshotInfo(f, h, cert, out.n), nil
}

func snapshotInfo(f *network.File, h *ledger.Header, c *ledger.Certificate, n int64) *SnapshotInfo {
	return &SnapshotInfo{Network: f.Name, Height: h.Height, Epoch: h.Epoch, Header: api.Digest(h.Digest()), State: api.Digest(h.StateDigest), Signers: len(c.Signatures), Bytes: n}
}

func openForSnapshot(store *storage.Store) (*storage.Bucket, *book, error) {
	states, err := store.Bucket(stateBucket)
	if err != nil {
		return nil, nil, err
	}
	bucket, err := store.Bucket(bookBucket)
	if err != nil {
		return nil, nil, err
	}
	b := &book{store: store, bucket: bucket}
	if half, err := bucket.Has([]byte{bookImporting}); err != nil || half {
		return states, b, errors.Join(err, ErrHalfImported)
	}
	return states, b, nil
}

// ImportSnapshot fills the data directory of a new node. What the certificates and the digest in them do not bear out is
// refused, and nothing of it stays. That the vault settled this height, the node finds out itself before it votes or serves.
func ImportSnapshot(dir string, f *network.File, r io.Reader) (info *SnapshotInfo, err error) {
	store, err := storage.Open(dir, storage.Options{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	states, book, err := openForSnapshot(store)
	switch half := errors.Is(err, ErrHalfImported); {
	case half:
		if err := clearState(store, states); err != nil {
			return nil, err
		}
	case err != nil:
		return nil, err
	}
	empty := true
	if err := states.Iterate(nil, func(_, _ []byte) bool { empty = false; return false }); err != nil {
		return nil, err
	}
	if !empty {
		return nil, ErrHasState
	}
	if err := book.bucket.Set([]byte{bookImporting}, nil, storage.Durable); err != nil {
		return nil, err
	}
	info, err = book.fill(states, f, r)
	if err == nil {
		return info, nil
	}
	if clean := clearState(store, states); clean != nil {
		return nil, errors.Join(err, clean)
	}
	return nil, errors.Join(err, book.bucket.Delete([]byte{bookImporting}, storage.Durable))
}

// fill imports into empty buckets; its last write makes the import whole.
func (b *book) fill(states *storage.Bucket, f *network.File, r io.Reader) (*SnapshotInfo, error) {
	count := &counter{r: r}
	in := bufio.NewReader(count)
	epochs, err := readEpochs(in)
	if err != nil {
		return nil, err
	}
	cert, err := ledger.Import(f, epochs, in, filling{b.store, states})
	if err != nil {
		return nil, err
	}
	h, err := ledger.ParseHeader(cert.Body)
	if err != nil {
		return nil, err
	}
	batch := b.store.Batch()
	for i := range epochs {
		e, err := ledger.ParseHeader(epochs[i].Body)
		if err != nil {
			return nil, err
		}
		batch.Set(b.bucket, certificateKey(e.Height), epochs[i].Encode())
	}
	batch.Set(b.bucket, certificateKey(h.Height), cert.Encode())
	batch.Set(b.bucket, []byte{bookOrigin}, binary.BigEndian.AppendUint64(nil, h.Height))
	batch.Delete(b.bucket, []byte{bookImporting})
	if err := batch.Commit(storage.Durable); err != nil {
		return nil, err
	}
	return snapshotInfo(f, h, cert, count.n), nil
}

// clearState empties the state.
func clearState(store *storage.Store, states *storage.Bucket) error {
	batch := store.Batch()
	if err := states.Scan(storage.Range{KeysOnly: true}, func(key, _ []byte) bool { batch.Delete(states, key); return true }); err != nil {
		return err
	}
	return batch.Commit(storage.Durable)
}

func encodeEpochs(list ledger.Epochs) []byte {
	out := binary.LittleEndian.AppendUint32([]byte(snapshotMagic), uint32(len(list)))
	for i := range list {
		c := list[i].Encode()
		out = append(binary.LittleEndian.AppendUint32(out, uint32(len(c))), c...)
	}
	return out
}

// readEpochs reads what encodeEpochs wrote. It checks no signature: the import does.
func readEpochs(in io.Reader) (ledger.Epochs, error) {
	head := make([]byte, len(snapshotMagic)+4)
	if _, err := io.ReadFull(in, head); err != nil || !bytes.HasPrefix(head, []byte(snapshotMagic)) {
		return nil, fmt.Errorf("%w: it does not begin as a node's snapshot", ledger.ErrSnapshot)
	}
	count := binary.LittleEndian.Uint32(head[len(snapshotMagic):])
	if count > maxEpochs {
		return nil, fmt.Errorf("%w: %d changes of members", ledger.ErrSnapshot, count)
	}
	var list ledger.Epochs
	for i := range count {
		var size [4]byte
		if _, err := io.ReadFull(in, size[:]); err != nil {
			return nil, fmt.Errorf("%w: it ends too early", ledger.ErrSnapshot)
		}
		n := binary.LittleEndian.Uint32(size[:])
		if n > ledger.MaxCertificateBytes {
			return nil, fmt.Errorf("%w: a certificate of %d bytes", ledger.ErrSnapshot, n)
		}
		body := make([]byte, n)
		if _, err := io.ReadFull(in, body); err != nil {
			return nil, fmt.Errorf("%w: it ends too early", ledger.ErrSnapshot)
		}
		c, err := ledger.ParseCertificate(body)
		if err != nil {
			return nil, fmt.Errorf("%w: change %d of the members: %w", ledger.ErrSnapshot, i+1, err)
		}
		list = append(list, *c)
	}
	return list, nil
}

// frozen is a bucket at one moment, as a ledger's store.
type frozen struct {
	moment *storage.Snapshot
	bucket *storage.Bucket
}

func (z frozen) Get(key []byte) ([]byte, error) { return z.moment.Get(z.bucket, key) }

func (z frozen) Iterate(prefix []byte, fn func(key, value []byte) bool) error {
	return z.moment.Scan(z.bucket, storage.Range{Prefix: prefix}, fn)
}

// filling is a bucket that an import writes; what it has written counts with the last write.
type filling struct {
	store *storage.Store
	*storage.Bucket
}

func (z filling) Apply(list []ledger.Change) error {
	batch := z.store.Batch()
	for _, c := range list {
		if c.Value == nil {
			batch.Delete(z.Bucket, c.Key)
		} else {
			batch.Set(z.Bucket, c.Key, c.Value)
		}
	}
	return batch.Commit(storage.Buffered)
}

// counter counts what passes.
type counter struct {
	r io.Reader
	w io.Writer
	n int64
}

func (c *counter) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n += int64(n)
	return n, err
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}

// origin is the height of the snapshot that this node began from, 0 if it began from the network file.
func (b *book) origin() (uint64, error) {
	v, err := b.bucket.Get([]byte{bookOrigin})
	if err != nil || len(v) != 8 {
		return 0, err
	}
	return binary.BigEndian.Uint64(v), nil
}

// parsed is the certificate of a height, nil if there is none.
func (b *book) parsed(height uint64) (*ledger.Certificate, error) {
	v, err := b.certificate(height)
	if err != nil || v == nil {
		return nil, err
	}
	c, err := ledger.ParseCertificate(v)
	if err != nil {
		return nil, fmt.Errorf("the certificate of height %d: %w", height, err)
	}
	return c, nil
}

// epochs are the certificates that changed the members, up to an epoch.
func (b *book) epochs(epoch uint32, settled uint64) (ledger.Epochs, error) {
	var list ledger.Epochs
	for height := uint64(1); uint32(len(list)) < epoch && height <= settled; height++ {
		c, err := b.parsed(height)
		if err != nil {
			return nil, err
		}
		if c == nil {
			continue // from before a snapshot
		}
		h, err := ledger.ParseHeader(c.Body)
		if err != nil {
			return nil, fmt.Errorf("the certificate of height %d: %w", height, err)
		}
		if h.Members != nil {
			list = append(list, *c)
		}
	}
	if uint32(len(list)) != epoch || epoch > maxEpochs {
		return nil, fmt.Errorf("%d certificates of changes of members are here, the state is of epoch %d", len(list), epoch)
	}
	return list, nil
}
