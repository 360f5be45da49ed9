package ledger

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/phantom-paradox/paradox/intent"
)

const eventDomain = "paradox/event/1"

// Encode is the event as the vault hashes it: tag u8, slot u64, then the fields of the tag (docs/spec/events.md).
// An unknown tag encodes as its tag and slot alone, which ParseEvent refuses.
func (e *Event) Encode() []byte {
	b := make([]byte, 0, 80)
	b = append(b, byte(e.Tag))
	b = binary.LittleEndian.AppendUint64(b, e.Slot)
	if e.Tag >= EventOpen && e.Tag <= EventWithdraw {
		b = append(b, e.Mint[:]...)
		b = binary.LittleEndian.AppendUint32(b, e.Entry)
	}
	switch e.Tag {
	case EventOpen:
		b = append(b, e.Owner[:]...)
	case EventDeposit:
		b = binary.LittleEndian.AppendUint64(b, e.Amount)
	case EventRequest:
		b = binary.LittleEndian.AppendUint64(b, e.Amount)
		b = binary.LittleEndian.AppendUint64(b, e.Unlock)
	case EventWithdraw:
		b = binary.LittleEndian.AppendUint64(b, e.Amount)
		b = binary.LittleEndian.AppendUint32(b, e.Generation)
	case EventSettled, EventDropped:
		b = binary.LittleEndian.AppendUint64(b, e.Height)
		b = append(b, e.Digest[:]...)
		last := e.Epoch
		if e.Tag == EventDropped {
			last = e.Generation
		}
		b = binary.LittleEndian.AppendUint32(b, last)
	}
	return b
}

// eventBytes is the length of a tag's encoding, 0 for an unknown one.
func eventBytes(tag byte) int {
	switch EventTag(tag) {
	case EventOpen:
		return 77
	case EventRequest:
		return 61
	case EventWithdraw:
		return 57
	case EventDeposit, EventSettled, EventDropped:
		return 53
	case EventCancel:
		return 45
	}
	return 0
}

// ParseEvent reads what Encode writes. Number and Signature are not in it.
func ParseEvent(b []byte) (Event, error) {
	if len(b) == 0 || eventBytes(b[0]) == 0 {
		return Event{}, fmt.Errorf("%w: an event's tag is 1 to 7", ErrEncoding)
	}
	if len(b) != eventBytes(b[0]) {
		return Event{}, fmt.Errorf("%w: event %d has %d bytes, not %d", ErrEncoding, b[0], eventBytes(b[0]), len(b))
	}
	e := Event{Tag: EventTag(b[0]), Slot: binary.LittleEndian.Uint64(b[1:])}
	b = b[9:]
	if e.Tag == EventSettled || e.Tag == EventDropped {
		e.Height = binary.LittleEndian.Uint64(b)
		copy(e.Digest[:], b[8:])
		if last := binary.LittleEndian.Uint32(b[40:]); e.Tag == EventSettled {
			e.Epoch = last
		} else {
			e.Generation = last
		}
		return e, nil
	}
	copy(e.Mint[:], b)
	e.Entry = binary.LittleEndian.Uint32(b[32:])
	b = b[36:]
	switch e.Tag {
	case EventOpen:
		copy(e.Owner[:], b)
	case EventDeposit:
		e.Amount = binary.LittleEndian.Uint64(b)
	case EventRequest:
		e.Amount, e.Unlock = binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])
	case EventWithdraw:
		e.Amount, e.Generation = binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint32(b[8:])
	}
	return e, nil
}

// Next is the chain's hash after the event: SHA-256("paradox/event/1" || prev || event).
func (e *Event) Next(prev intent.Hash) intent.Hash {
	b := make([]byte, 0, len(eventDomain)+32+80)
	b = append(append(b, eventDomain...), prev[:]...)
	return sha256.Sum256(append(b, e.Encode()...))
}

// After is the cut behind the event, the next of the chain.
func (c Cut) After(e *Event) Cut { return Cut{Number: c.Number + 1, Hash: e.Next(c.Hash)} }
