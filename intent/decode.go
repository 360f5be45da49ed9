package intent

import (
	"encoding/binary"
	"errors"
	"strconv"
)

// Decode reads the wire form: bytes that are not the canonical dag-cbor of an intent are bad_encoding, more than
// MaxBytes too_large. It needs no network file and so checks no amount, mint or signature (Check, Verify); only a number
// that no Intent can hold (negative, or a fee of zero) is refused here with its own code. The error is an *Error.
func Decode(wire []byte) (*Signed, error) {
	if len(wire) > MaxBytes {
		return nil, tooLarge("is " + strconv.Itoa(len(wire)) + " bytes; an intent has at most 1024")
	}
	r := reader{b: wire}
	s, err := r.intent()
	if err != nil {
		return nil, err
	}
	if len(r.b) != 0 {
		return nil, unreadable("bytes follow the intent")
	}
	return s, nil
}

func tooLarge(detail string) error   { return &Error{Code: TooLarge, Detail: detail} }
func unreadable(detail string) error { return &Error{Code: BadEncoding, Detail: detail} }

// A reader takes canonical CBOR items off its bytes. It accepts one encoding of everything, so whatever it accepts
// encodes to the same bytes again.
type reader struct{ b []byte }

// head takes a major type and its argument.
func (r *reader) head() (major byte, n uint64, err error) {
	if len(r.b) == 0 {
		return 0, 0, unreadable("ends too early")
	}
	major, info := r.b[0]&cborMajor, r.b[0]&^cborMajor
	r.b = r.b[1:]
	if info < 24 {
		return major, uint64(info), nil
	}
	if info > 27 {
		return 0, 0, unreadable("has an indefinite or reserved length, which dag-cbor does not have")
	}
	size := 1 << (info - 24)
	if len(r.b) < size {
		return 0, 0, unreadable("ends too early")
	}
	var least uint64
	switch size {
	case 1:
		n, least = uint64(r.b[0]), 24
	case 2:
		n, least = uint64(binary.BigEndian.Uint16(r.b)), 1<<8
	case 4:
		n, least = uint64(binary.BigEndian.Uint32(r.b)), 1<<16
	case 8:
		n, least = binary.BigEndian.Uint64(r.b), 1<<32
	}
	if n < least {
		return 0, 0, unreadable("has a number or length that is not in the fewest bytes")
	}
	r.b = r.b[size:]
	return major, n, nil
}

// expect takes a head of one major type.
func (r *reader) expect(major byte, what string) (uint64, error) {
	got, n, err := r.head()
	if err != nil {
		return 0, err
	}
	if got != major {
		return 0, unreadable("must be " + what)
	}
	return n, nil
}

// str takes a byte or text string of at most max bytes; the result lies in the input.
func (r *reader) str(major byte, what string, max int) ([]byte, error) {
	n, err := r.expect(major, what)
	if err != nil {
		return nil, err
	}
	if n > uint64(max) {
		return nil, unreadable("is longer than " + strconv.Itoa(max) + " bytes")
	}
	if n > uint64(len(r.b)) {
		return nil, unreadable("ends too early")
	}
	s := r.b[:n]
	r.b = r.b[n:]
	return s, nil
}

// fixed takes a byte string that fills dst.
func (r *reader) fixed(dst []byte) error {
	s, err := r.str(cborBytes, "a byte string", len(dst))
	if err != nil {
		return err
	}
	if len(s) != len(dst) {
		return unreadable("must be " + strconv.Itoa(len(dst)) + " bytes")
	}
	copy(dst, s)
	return nil
}

// intent takes one intent.
func (r *reader) intent() (*Signed, error) {
	count, err := r.expect(cborMap, "a map")
	if err != nil {
		return nil, err
	}
	if count > uint64(fieldCount) {
		return nil, unreadable("has more fields than any kind")
	}
	const longestName = 10
	d := new(draft)
	next := fieldV
	for range count {
		name, err := r.str(cborText, "a field's name", longestName)
		if err != nil {
			return nil, err
		}
		f, ok := fieldNamed(name)
		if !ok {
			return nil, unreadable(strconv.Quote(string(name)) + " is no field of an intent")
		}
		if f < next {
			return nil, malformed(f, "stands twice or out of order; shorter names first, then as bytes")
		}
		next = f + 1
		d.have.put(f, true)
		if err := r.field(d, f); err != nil {
			if e, ok := errors.AsType[*Error](err); ok && e.Field == "" {
				e.Field = f.String()
			}
			return nil, err
		}
	}
	return d.finish()
}

// field takes a field's value.
func (r *reader) field(d *draft, f field) error {
	if k := d.key(f); k != nil {
		return r.fixed(k[:])
	}
	if p, code := d.number(f); p != nil {
		return r.number(d, f, p, code)
	}
	switch f {
	case fieldV:
		n, err := r.expect(cborUint, "an unsigned integer")
		if err == nil && n != 1 {
			err = unreadable("must be 1")
		}
		return err
	case fieldAsk:
		d.Ask = &d.ask
		return r.fixed(d.ask[:])
	case fieldSig:
		return r.fixed(d.Sig[:])
	case fieldNetwork:
		return r.fixed(d.Network[:])
	case fieldCreated:
		return r.seconds(&d.Created)
	case fieldExpires:
		return r.seconds(&d.Expires)
	case fieldKind:
		s, err := r.str(cborText, "text", len(Session))
		d.Kind = Kind(s)
		return err
	case fieldItem:
		s, err := r.str(cborText, "text", maxItemText)
		if err == nil && len(s) == 0 {
			err = unreadable("is empty")
		}
		d.Item = string(s)
		return err
	case fieldMemo:
		s, err := r.str(cborText, "text", MaxMemo)
		d.Memo = string(s)
		return err
	}
	return r.actions(d)
}

func (r *reader) number(d *draft, f field, p *uint64, code Code) error {
	major, n, err := r.head()
	if err != nil {
		return err
	}
	switch major {
	case cborUint:
		*p = n
	case cborNeg:
		d.outOfRange(f, code)
		*p = 1 // so that only its own code is said of it
	default:
		return unreadable("must be an integer")
	}
	return nil
}

func (r *reader) seconds(p *int64) error {
	n, err := r.expect(cborUint, "an unsigned integer")
	if err != nil {
		return err
	}
	if n > MaxInt {
		return unreadable("must be 1 to 2^63-1, in unix seconds")
	}
	*p = int64(n)
	return nil
}

func (r *reader) actions(d *draft) error {
	n, err := r.expect(cborArray, "a list")
	if err != nil {
		return err
	}
	if n > maxActions {
		return unreadable("must be of buy, cancel, pay, each once")
	}
	d.Actions = make([]Action, n)
	for k := range d.Actions {
		a, err := r.str(cborText, "a list of texts", len("cancel"))
		if err != nil {
			return err
		}
		d.Actions[k] = Action(a)
	}
	return nil
}
