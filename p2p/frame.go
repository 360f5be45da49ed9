package p2p

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// ErrTooLarge means that a message is larger than its protocol or topic allows.
var ErrTooLarge = errors.New("the message is too large")

// ErrBadFrame means that bytes of a stream do not follow the framing.
var ErrBadFrame = errors.New("the stream is malformed")

// A frame is a minimal uvarint length and as many bytes.

func writeFrame(w io.Writer, data []byte, limit int) error {
	if len(data) > limit {
		return fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, len(data), limit)
	}
	if _, err := w.Write(binary.AppendUvarint(nil, uint64(len(data)))); err != nil {
		return err
	}
	_, err := w.Write(data)
	return err
}

// growStep bounds what a length alone can make us allocate.
const growStep = 64 << 10

func readFrame(r *bufio.Reader, limit int) ([]byte, error) {
	n, err := readLength(r)
	if err != nil {
		return nil, err
	}
	if n > uint64(limit) {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, n, limit)
	}
	out := make([]byte, 0, min(int(n), growStep))
	for len(out) < int(n) {
		step := min(int(n)-len(out), growStep)
		at := len(out)
		out = append(out, make([]byte, step)...)
		if _, err := io.ReadFull(r, out[at:]); err != nil {
			return nil, fmt.Errorf("%w: cut short: %w", ErrBadFrame, err)
		}
	}
	return out, nil
}

func readLength(r *bufio.Reader) (uint64, error) {
	var n uint64
	for i := range binary.MaxVarintLen32 {
		b, err := r.ReadByte()
		if err != nil {
			return 0, fmt.Errorf("%w: no length: %w", ErrBadFrame, err)
		}
		n |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			if b == 0 && i > 0 {
				return 0, fmt.Errorf("%w: a length with needless bytes", ErrBadFrame)
			}
			return n, nil
		}
	}
	return 0, fmt.Errorf("%w: an endless length", ErrBadFrame)
}
