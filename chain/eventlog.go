package chain

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/gagliardetto/solana-go"

	"github.com/phantom-paradox/paradox/chain/vault"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/ledger"
)

// The log: "w/e" and the number (u64, big-endian) holds an event, "w/s" the follower's state after the newest verified event
// and where it stands, "w/p" the same of a long way that is not verified yet. Events behind the verified one count for nothing.
const (
	stateKey    = "w/s"
	trailKey    = "w/p"
	eventPrefix = "w/e"
)

func eventKey(n uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte(eventPrefix), n)
}

// encodeEvent is an event as it is kept: length u8, its bytes, the texts of its transactions' signatures with blanks between
// them; the last is the one that made it. Older logs have that one alone.
func encodeEvent(e *ledger.Event) []byte {
	b := e.Encode()
	text := e.Signature
	if len(e.Signatures) > 0 {
		text = strings.Join(e.Signatures, " ")
	}
	return append(append([]byte{byte(len(b))}, b...), text...)
}

func decodeEvent(n uint64, b []byte) (ledger.Event, error) {
	if len(b) < 1 || len(b) < 1+int(b[0]) {
		return ledger.Event{}, fmt.Errorf("event %d in the log is damaged: remove the chain log and start again", n)
	}
	e, err := ledger.ParseEvent(b[1 : 1+int(b[0])])
	if err != nil {
		return ledger.Event{}, fmt.Errorf("event %d in the log: %w", n, err)
	}
	e.Number = n
	if list := strings.Fields(string(b[1+int(b[0]):])); len(list) > 0 {
		e.Signature = list[len(list)-1]
		if e.Tag == ledger.EventSettled || e.Tag == ledger.EventDropped {
			e.Signatures = list
		}
	}
	return e, nil
}

// load reads the log, checks its chain, and takes a long way up where it stopped.
func (w *Watcher) load() error {
	founding := Founding(w.cfg.File)
	w.verified = &trail{source: nobody, follower: vault.NewFollower(w.addr, founding)}
	state, err := w.cfg.Store.Get([]byte(stateKey))
	if err != nil {
		return fmt.Errorf("watcher: reading the log: %w", err)
	}
	if state != nil {
		if w.verified, err = w.loadTrail(state, founding); err != nil {
			return err
		}
	}
	way, err := w.loadWay(founding)
	if err != nil {
		return err
	}
	upTo := w.verified.follower.Cut().Number
	if way != nil {
		upTo = way.follower.Cut().Number
	}
	read, err := w.loadPoints(upTo, way)
	if err != nil {
		return err
	}
	if got := w.cut(uint64(len(w.points))); got != w.verified.follower.Cut() {
		return fmt.Errorf("watcher: the log ends at event %d, its state at %d: %w", got.Number, w.verified.follower.Cut().Number, ErrMismatch)
	}
	if w.stored = way != nil; w.stored && read == upTo && way.hashAt(upTo) == way.follower.Cut().Hash {
		w.way = way
	}
	return nil
}

// loadWay reads the way that was not verified yet; one that cannot be used is begun anew.
func (w *Watcher) loadWay(founding *vault.Founding) (*trail, error) {
	b, err := w.cfg.Store.Get([]byte(trailKey))
	if err != nil {
		return nil, fmt.Errorf("watcher: reading the log: %w", err)
	}
	if b == nil {
		return nil, nil
	}
	way, err := w.loadTrail(b, founding)
	if err != nil || way.follower.Cut().Number <= w.verified.follower.Cut().Number {
		w.cfg.Logger.Info("watcher: what was followed and not verified is followed again", "err", err)
		return nil, nil
	}
	way.base, way.stops = w.verified.number(), map[uint64]*stop{}
	return way, nil
}

func (w *Watcher) loadTrail(b []byte, founding *vault.Founding) (*trail, error) {
	if len(b) < 72 {
		return nil, errors.New("watcher: the log is damaged")
	}
	f, err := vault.DecodeFollower(b[72:], w.addr, founding)
	if err != nil {
		return nil, fmt.Errorf("watcher: %w", err)
	}
	return &trail{source: nobody, follower: f, last: solana.Signature(b[:64]), slot: binary.LittleEndian.Uint64(b[64:])}, nil
}

// loadPoints reads the chain of events up to a number: the verified ones into the watcher, the others into way. It returns how
// far the log goes.
func (w *Watcher) loadPoints(upTo uint64, way *trail) (read uint64, err error) {
	verified, bad := w.verified.follower.Cut().Number, error(nil)
	err = w.cfg.Store.Iterate([]byte(eventPrefix), func(k, v []byte) bool {
		n := read + 1
		if n > upTo {
			return false
		}
		e, err := decodeEvent(n, v)
		if err != nil || len(k) != len(eventPrefix)+8 || binary.BigEndian.Uint64(k[len(eventPrefix):]) != n {
			bad = errors.Join(fmt.Errorf("watcher: event %d is missing in the log", n), err)
			return false
		}
		if read = n; n <= verified {
			w.note([]mark{markOf(&e, w.cut(n-1).Hash)})
		} else {
			way.note(&e, w.cut(verified).Hash)
		}
		return true
	})
	if read >= verified { // what is missing behind the verified events is followed again
		bad = nil
	}
	return read, errors.Join(err, bad)
}

// A mark is what the watcher remembers of an event.
type mark struct {
	hash    intent.Hash
	slot    uint64
	settled uint64 // the height that it settled, or 0
}

func markOf(e *ledger.Event, previous intent.Hash) mark {
	m := mark{hash: e.Next(previous), slot: e.Slot}
	if e.Tag == ledger.EventSettled {
		m.settled = e.Height
	}
	return m
}

// note adds events to what is known. mu is held, or nobody else knows the watcher yet.
func (w *Watcher) note(marks []mark) {
	for _, m := range marks {
		w.points = append(w.points, m)
		if m.settled != 0 {
			w.settled[m.settled] = uint64(len(w.points))
		}
	}
}

// encodeTrail is a follower's state and where it stands.
func encodeTrail(t *trail) []byte {
	b := append([]byte(nil), t.last[:]...)
	return append(binary.LittleEndian.AppendUint64(b, t.slot), t.follower.Encode()...)
}
