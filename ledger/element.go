package ledger

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/network"
)

// A kind is the first byte of every key in a Store. Kinds below firstDerived are the elements of the state, which the
// digest covers; those from it on are derived from them, or about them, and are not hashed. docs/spec/state.md.
type kind = byte

const (
	kindHead    kind = 1 // "" -> height, time, previous, seed, cut, floor, epoch, generation
	kindMembers kind = 2 // "" -> the committee
	kindEntry   kind = 3 // mint, number -> owner, balance, requested, request number
	kindItem    kind = 4 // item text -> owner
	kindWindow  kind = 5 // wallet, signing key -> floor, until, bitmap
	kindSession kind = 6 // wallet, key, mint -> limit, used, expires, actions

	firstDerived kind = 0x80
	kindSum      kind = 0x80 // "" -> the lattice sum
	kindTip      kind = 0x81 // "" -> header digest of the height
	kindAccount  kind = 0x82 // owner, mint -> number of the lowest entry
	kindHolding  kind = 0x83 // owner, item text -> nothing
	kindExpiry   kind = 0x84 // time, kind, key of a session or window -> nothing
	kindRequest  kind = 0x85 // request number -> mint, entry number
	kindIssuer   kind = 0x86 // issuer, as it stands in items -> number of its items
	kindTotal    kind = 0x87 // mint -> sum of balances
)

// maxElement bounds an element in bytes: key with its kind, and value. The largest are members (21 of at most 132) and
// windows (145).
const maxElement = 4096

// errCorrupt says that a Store gave back what this package does not write.
var errCorrupt = errors.New("ledger: the store holds bytes that are no state")

func corrupt(what string, v []byte) error {
	return fmt.Errorf("%w: %s of %d bytes", errCorrupt, what, len(v))
}

// head is what of the state is not in tables.
type head struct {
	height     uint64
	time       int64
	previous   intent.Hash // of the header of height; zero at height 0
	seed       intent.Hash // of the next height
	cut        Cut
	floor      uint64
	epoch      uint32
	generation uint32
}

const headBytes = 8 + 8 + 32 + 32 + 8 + 32 + 8 + 4 + 4

func (h *head) encode() []byte {
	b := make([]byte, 0, headBytes)
	b = binary.LittleEndian.AppendUint64(b, h.height)
	b = binary.LittleEndian.AppendUint64(b, uint64(h.time))
	b = append(append(b, h.previous[:]...), h.seed[:]...)
	b = binary.LittleEndian.AppendUint64(b, h.cut.Number)
	b = append(b, h.cut.Hash[:]...)
	b = binary.LittleEndian.AppendUint64(b, h.floor)
	b = binary.LittleEndian.AppendUint32(b, h.epoch)
	return binary.LittleEndian.AppendUint32(b, h.generation)
}

func parseHead(v []byte) (h head, err error) {
	if len(v) != headBytes {
		return h, corrupt("a head", v)
	}
	h.height = binary.LittleEndian.Uint64(v)
	h.time = int64(binary.LittleEndian.Uint64(v[8:]))
	copy(h.previous[:], v[16:])
	copy(h.seed[:], v[48:])
	h.cut.Number = binary.LittleEndian.Uint64(v[80:])
	copy(h.cut.Hash[:], v[88:])
	h.floor = binary.LittleEndian.Uint64(v[120:])
	h.epoch = binary.LittleEndian.Uint32(v[128:])
	h.generation = binary.LittleEndian.Uint32(v[132:])
	return h, nil
}

// encodeMembers is count u8, then each member as key, VRF key, weight u16, length of the name u8, name.
func encodeMembers(members []network.Member) []byte {
	b := []byte{byte(len(members))}
	for _, m := range members {
		b = append(append(b, m.Key[:]...), m.VRF[:]...)
		b = binary.LittleEndian.AppendUint16(b, m.Weight)
		b = append(append(b, byte(len(m.Name))), m.Name...)
	}
	return b
}

func parseMembers(v []byte) ([]network.Member, error) {
	if len(v) == 0 {
		return nil, corrupt("members", v)
	}
	out := make([]network.Member, 0, v[0])
	rest := v[1:]
	const fixed = 32 + 33 + 2 + 1
	for range v[0] {
		if len(rest) < fixed || len(rest) < fixed+int(rest[fixed-1]) {
			return nil, corrupt("members", v)
		}
		var m network.Member
		copy(m.Key[:], rest)
		copy(m.VRF[:], rest[32:])
		m.Weight = binary.LittleEndian.Uint16(rest[65:])
		m.Name = string(rest[fixed : fixed+int(rest[fixed-1])])
		rest = rest[fixed+len(m.Name):]
		out = append(out, m)
	}
	if len(rest) > 0 {
		return nil, corrupt("members", v)
	}
	return out, nil
}

// keys. Numbers in keys are big-endian, so that byte order is their order.

func entryKey(mint intent.Key, number uint32) []byte {
	b := make([]byte, 0, 37)
	b = append(append(b, kindEntry), mint[:]...)
	return binary.BigEndian.AppendUint32(b, number)
}

func pairKey(k kind, a, b intent.Key) []byte {
	out := make([]byte, 0, 65)
	return append(append(append(out, k), a[:]...), b[:]...)
}

func sessionKey(wallet, key, mint intent.Key) []byte {
	return append(pairKey(kindSession, wallet, key), mint[:]...)
}

func textKey(k kind, text string) []byte { return append([]byte{k}, text...) }

func holdingKey(owner intent.Key, item string) []byte {
	return append(append([]byte{kindHolding}, owner[:]...), item...)
}

func expiryKey(at int64, key []byte) []byte {
	return append(binary.BigEndian.AppendUint64([]byte{kindExpiry}, uint64(at)), key...)
}

func requestKey(number uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{kindRequest}, number)
}

func mintKey(mint intent.Key) []byte { return append([]byte{kindTotal}, mint[:]...) }

const entryBytes = 32 + 8 + 8 + 8

func (e *Entry) encode() []byte {
	b := make([]byte, 0, entryBytes)
	b = append(b, e.Owner[:]...)
	b = binary.LittleEndian.AppendUint64(b, e.Balance)
	b = binary.LittleEndian.AppendUint64(b, e.Requested)
	return binary.LittleEndian.AppendUint64(b, e.RequestNumber)
}

func parseEntry(key, v []byte) (e Entry, err error) {
	if len(key) != 37 || len(v) != entryBytes {
		return e, corrupt("an entry", v)
	}
	copy(e.Mint[:], key[1:])
	e.Number = binary.BigEndian.Uint32(key[33:])
	copy(e.Owner[:], v)
	e.Balance = binary.LittleEndian.Uint64(v[32:])
	e.Requested = binary.LittleEndian.Uint64(v[40:])
	e.RequestNumber = binary.LittleEndian.Uint64(v[48:])
	if (e.Requested == 0) != (e.RequestNumber == 0) {
		return e, corrupt("an entry", v)
	}
	return e, nil
}

const actionCount = 3

// actionBits are the actions of a session by their bits.
func actionBits() [actionCount]intent.Action { return [...]intent.Action{"buy", "cancel", "pay"} }

const sessionBytes = 8 + 8 + 8 + 1

func (s *Session) encode() []byte {
	b := make([]byte, 0, sessionBytes)
	b = binary.LittleEndian.AppendUint64(b, s.Max)
	b = binary.LittleEndian.AppendUint64(b, s.Used)
	b = binary.LittleEndian.AppendUint64(b, uint64(s.Expires))
	var set byte
	for i, a := range actionBits() {
		if s.May(a) {
			set |= 1 << i
		}
	}
	return append(b, set)
}

func parseSession(key, v []byte) (s Session, err error) {
	if len(key) != 97 || len(v) != sessionBytes {
		return s, corrupt("a session", v)
	}
	copy(s.Key[:], key[33:])
	copy(s.Mint[:], key[65:])
	s.Max = binary.LittleEndian.Uint64(v)
	s.Used = binary.LittleEndian.Uint64(v[8:])
	s.Expires = int64(binary.LittleEndian.Uint64(v[16:]))
	for i, a := range actionBits() {
		if v[24]&(1<<i) != 0 {
			s.Actions = append(s.Actions, a)
		}
	}
	if s.Used > s.Max || s.Expires <= 0 || v[24] >= 1<<actionCount {
		return s, corrupt("a session", v)
	}
	return s, nil
}

// checkElement refuses a key and value that are no element in the one form that this package writes.
func checkElement(key, v []byte) error {
	var again []byte
	switch key[0] {
	case kindHead:
		h, err := parseHead(v)
		if err != nil || len(key) != 1 {
			return corrupt("a head", v)
		}
		again = h.encode()
	case kindMembers:
		m, err := parseMembers(v)
		if err != nil || len(key) != 1 {
			return corrupt("members", v)
		}
		again = encodeMembers(m)
	case kindEntry:
		e, err := parseEntry(key, v)
		if err != nil {
			return err
		}
		again = e.encode()
	case kindItem:
		if _, _, ok := intent.ItemIssuer(string(key[1:])); !ok || len(v) != 32 {
			return corrupt("an item", v)
		}
		return nil
	case kindWindow:
		w, err := parseWindow(v)
		if err != nil || len(key) != 65 {
			return corrupt("a nonce window", v)
		}
		again = w.encode()
	case kindSession:
		s, err := parseSession(key, v)
		if err != nil {
			return err
		}
		again = s.encode()
	default:
		return fmt.Errorf("%w: kind %d", errCorrupt, key[0])
	}
	if !bytes.Equal(again, v) {
		return corrupt("an element in another form", v)
	}
	return nil
}
