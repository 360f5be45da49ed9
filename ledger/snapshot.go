package ledger

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/phantom-paradox/paradox/network"
)

// snapshotMagic begins a snapshot. docs/spec/state.md has the rest.
const snapshotMagic = "paradox/snapshot/1\n"

const (
	// maxElementKey bounds a key with its kind: items have at most 110 bytes, sessions 97.
	maxElementKey = 256
	// importBatch is how many elements are written at once: some 500 KiB.
	importBatch = 4096
)

// ErrSnapshot: bytes that are no snapshot of the state that its certificate signs.
var ErrSnapshot = errors.New("ledger: the snapshot does not hold")

// A WritableStore is a Store that an import can fill.
type WritableStore interface {
	Store
	// Apply writes all changes or none.
	Apply([]Change) error
}

// Export writes the state of the height that the certificate decided: every element that its digest covers, in key order.
// The Store must not change meanwhile.
func (s *State) Export(w io.Writer, c *Certificate) error {
	digest, err := c.Digest()
	if err != nil {
		return err
	}
	if digest != s.tip {
		return fmt.Errorf("%w: the certificate is of header %s, the state of %s", ErrSnapshot, digest.Hex(), s.tip.Hex())
	}
	out := bufio.NewWriter(w) // its first error sticks, and Flush returns it
	body := c.Encode()
	_, _ = out.WriteString(snapshotMagic)
	_, _ = out.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(body))))
	_, _ = out.Write(body)
	var head [6]byte
	for k := kindHead; k <= kindSession; k++ {
		err := s.table.Iterate([]byte{k}, func(key, value []byte) bool {
			binary.LittleEndian.PutUint16(head[:], uint16(len(key)))
			binary.LittleEndian.PutUint32(head[2:], uint32(len(value)))
			_, _ = out.Write(head[:])
			_, _ = out.Write(key)
			_, err := out.Write(value)
			return err == nil
		})
		if err != nil {
			return fmt.Errorf("reading the state: %w", err)
		}
	}
	_, _ = out.Write([]byte{0, 0})
	if err := out.Flush(); err != nil {
		return fmt.Errorf("writing the snapshot: %w", err)
	}
	return nil
}

// Import fills an empty store from a snapshot and checks it whole against the state digest in its certificate, which
// the members of the last of epochs must have signed. After an error the store must be thrown away: Load refuses it.
// A certificate shows that a height was decided, not that it was settled: Open says so with the vault's events.
func Import(f *network.File, epochs Epochs, r io.Reader, to WritableStore) (*Certificate, error) {
	in := bufio.NewReader(r)
	c, h, err := importCertificate(f, epochs, in)
	if err != nil {
		return nil, err
	}
	im := &importer{in: in, to: to}
	if err := im.run(); err != nil {
		return nil, err
	}
	if im.sum.digest() != h.StateDigest {
		return nil, fmt.Errorf("%w: its elements do not sum to the certified state digest", ErrSnapshot)
	}
	if _, err := in.ReadByte(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: bytes follow the last element", ErrSnapshot)
	}
	digest, err := c.Digest()
	if err != nil {
		return nil, err
	}
	err = to.Apply([]Change{{Key: []byte{kindSum}, Value: im.sum.bytes()}, {Key: []byte{kindTip}, Value: digest[:]}})
	if err != nil {
		return nil, fmt.Errorf("writing the snapshot's sum: %w", err)
	}
	return c, nil
}

func importCertificate(f *network.File, epochs Epochs, in io.Reader) (*Certificate, *Header, error) {
	var head [len(snapshotMagic) + 4]byte
	if _, err := io.ReadFull(in, head[:]); err != nil || string(head[:len(snapshotMagic)]) != snapshotMagic {
		return nil, nil, fmt.Errorf("%w: it does not begin as one", ErrSnapshot)
	}
	n := binary.LittleEndian.Uint32(head[len(snapshotMagic):])
	if n > MaxCertificateBytes {
		return nil, nil, fmt.Errorf("%w: a certificate of %d bytes", ErrSnapshot, n)
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(in, body); err != nil {
		return nil, nil, fmt.Errorf("%w: it ends in its certificate", ErrSnapshot)
	}
	c, err := ParseCertificate(body)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrSnapshot, err)
	}
	members, epoch, err := epochs.Members(f)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrSnapshot, err)
	}
	h, err := c.Verify(f.Hash(), members)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrSnapshot, err)
	}
	if h.Epoch != epoch {
		return nil, nil, fmt.Errorf("%w: its certificate is of epoch %d, the members known are of %d", ErrSnapshot, h.Epoch, epoch)
	}
	return c, h, nil
}

// An importer reads elements, checks their form and order, and writes them with what is derived from them.
type importer struct {
	in   io.Reader
	to   WritableStore
	sum  lattice
	last []byte
}

func (im *importer) run() error {
	for done := false; !done; {
		w := newWriter(im.to)
		for n := 0; n < importBatch && !done; n++ {
			key, value, err := im.next()
			if err != nil {
				return err
			}
			if done = key == nil; done {
				break
			}
			if err := w.restore(key, value); err != nil {
				return fmt.Errorf("%w: %w", ErrSnapshot, err)
			}
		}
		w.flush()
		im.sum.swapAll(w.swaps())
		if err := im.to.Apply(changes(w.writes)); err != nil {
			return fmt.Errorf("writing the snapshot: %w", err)
		}
	}
	return nil
}

// next reads one element; a nil key is the end.
func (im *importer) next() (key, value []byte, err error) {
	var head [6]byte
	if _, err := io.ReadFull(im.in, head[:2]); err != nil {
		return nil, nil, fmt.Errorf("%w: it ends too early", ErrSnapshot)
	}
	n := binary.LittleEndian.Uint16(head[:])
	if n == 0 {
		return nil, nil, nil
	}
	if _, err := io.ReadFull(im.in, head[2:]); err != nil {
		return nil, nil, fmt.Errorf("%w: it ends too early", ErrSnapshot)
	}
	m := binary.LittleEndian.Uint32(head[2:])
	if n > maxElementKey || m > maxElement {
		return nil, nil, fmt.Errorf("%w: an element of %d and %d bytes", ErrSnapshot, n, m)
	}
	b := make([]byte, int(n)+int(m))
	if _, err := io.ReadFull(im.in, b); err != nil {
		return nil, nil, fmt.Errorf("%w: it ends too early", ErrSnapshot)
	}
	key, value = b[:n:n], b[n:]
	if bytes.Compare(im.last, key) >= 0 {
		return nil, nil, fmt.Errorf("%w: its elements do not ascend", ErrSnapshot)
	}
	if err := checkElement(key, value); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrSnapshot, err)
	}
	im.last = key
	return key, value, nil
}

// restore writes an element of a snapshot with what is derived from it. checkElement has passed it.
func (w *writer) restore(key, value []byte) error {
	switch key[0] {
	case kindEntry:
		e, err := parseEntry(key, value)
		if err != nil {
			return err
		}
		return w.putEntry(nil, e)
	case kindItem:
		return w.putItem(string(key[1:]), nil, [32]byte(value))
	case kindWindow:
		n, err := parseWindow(value)
		if err != nil {
			return err
		}
		w.putWindow([32]byte(key[1:33]), [32]byte(key[33:65]), nil, &n)
	case kindSession:
		s, err := parseSession(key, value)
		if err != nil {
			return err
		}
		w.putSession([32]byte(key[1:33]), nil, &s)
	default:
		w.element(key, nil, value)
	}
	return nil
}
