package intent

import (
	"errors"
	"strconv"
)

// Bounds of a list of intents, which is at once a gossip message and a block.
const (
	// MaxListLen is the most intents a list has.
	MaxListLen = 256
	// MaxListBytes is the longest list: MaxListLen intents of MaxBytes, and room for the heads.
	MaxListBytes = 288 << 10
)

// EncodeList is the canonical dag-cbor list.
func EncodeList(list []*Signed) []byte {
	b := appendHead(make([]byte, 0, 16+420*len(list)), cborArray, uint64(len(list)))
	for _, s := range list {
		b = s.AppendEncode(b)
	}
	return b
}

// DecodeList reads a canonical dag-cbor list of at most MaxListLen intents and MaxListBytes, each as Decode reads it.
// One wrong intent refuses the list; the error is an *Error that says which. An empty list is one.
func DecodeList(b []byte) ([]*Signed, error) {
	r, count, err := openList(b)
	if err != nil {
		return nil, err
	}
	list := make([]*Signed, 0, min(count, MaxListLen))
	for k := range count {
		before := len(r.b)
		s, err := r.intent()
		if err == nil && before-len(r.b) > MaxBytes {
			err = tooLarge("has more than 1024 bytes")
		}
		if err != nil {
			if e, ok := errors.AsType[*Error](err); ok {
				e.Detail = "intent " + strconv.Itoa(k) + " of the list: " + e.Detail
			}
			return nil, err
		}
		list = append(list, s)
	}
	if len(r.b) != 0 {
		return nil, unreadable("bytes follow the list")
	}
	return list, nil
}

// openList takes a list's head.
func openList(b []byte) (*reader, int, error) {
	if len(b) > MaxListBytes {
		return nil, 0, tooLarge("is " + strconv.Itoa(len(b)) + " bytes; a list has at most 288 KiB")
	}
	r := &reader{b: b}
	count, err := r.expect(cborArray, "a list of intents")
	if err != nil {
		return nil, 0, err
	}
	if count > MaxListLen {
		return nil, 0, tooLarge("has more than 256 intents")
	}
	return r, int(count), nil
}

// SplitList takes a list apart without reading its intents, so that each can be answered by itself. The parts lie in b.
func SplitList(b []byte) ([][]byte, error) {
	r, count, err := openList(b)
	if err != nil {
		return nil, err
	}
	parts := make([][]byte, 0, count)
	for range count {
		start := r.b
		if err := r.skip(maxDepth); err != nil {
			return nil, err
		}
		parts = append(parts, start[:len(start)-len(r.b)])
	}
	if len(r.b) != 0 {
		return nil, unreadable("bytes follow the list")
	}
	return parts, nil
}

// maxDepth bounds what SplitList walks into: an intent is a map that holds one list.
const maxDepth = 4

// skip takes one item of any kind that dag-cbor has.
func (r *reader) skip(depth int) error {
	if depth == 0 {
		return unreadable("is nested too deep")
	}
	major, n, err := r.head()
	if err != nil {
		return err
	}
	switch major {
	case cborBytes, cborText:
		if n > uint64(len(r.b)) {
			return unreadable("ends too early")
		}
		r.b = r.b[n:]
	case cborArray, cborMap:
		if n > uint64(len(r.b)) { // each item has at least one byte
			return unreadable("ends too early")
		}
		if major == cborMap {
			n *= 2
		}
		for range n {
			if err := r.skip(depth - 1); err != nil {
				return err
			}
		}
	case cborUint, cborNeg:
	default: // a link, a float, a simple value: none is in an intent
		return unreadable("has a tag, a float or a simple value, which no intent has")
	}
	return nil
}
