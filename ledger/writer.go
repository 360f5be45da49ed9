package ledger

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/phantom-paradox/paradox/intent"
)

// A writer puts elements into a layer and keeps what is derived from them (indexes, totals) in step. It is the only
// place that writes either.
type writer struct {
	*layer
	olds    map[string][]byte      // of the hashed elements written: what stood there before the layer, nil for nothing
	totals  map[intent.Key]*uint64 // read on first use, written by flush
	issuers map[string]*uint64
}

func newWriter(below Store) *writer {
	return &writer{layer: newLayer(below), olds: make(map[string][]byte), totals: make(map[intent.Key]*uint64), issuers: make(map[string]*uint64)}
}

// element writes a hashed element; old is what stands there now.
func (w *writer) element(key, old, now []byte) {
	if _, seen := w.olds[string(key)]; !seen {
		w.olds[string(key)] = old
	}
	w.put(key, now)
}

// swaps are the hashed elements that the layer changes.
func (w *writer) swaps() []swap {
	out := make([]swap, 0, len(w.olds))
	for k, old := range w.olds {
		if now := w.writes[k]; !bytes.Equal(old, now) {
			out = append(out, swap{key: k, old: old, new: now})
		}
	}
	return out
}

// putHead writes the head.
func (w *writer) putHead(old, now *head) { w.element([]byte{kindHead}, old.encode(), now.encode()) }

// present is the value of a key that says all by itself. It is not empty, since stores differ about empty values.
func present() []byte { return []byte{1} }

// flush writes the counters. Nothing may be put afterwards.
func (w *writer) flush() {
	for mint, n := range w.totals {
		w.put(mintKey(mint), binary.LittleEndian.AppendUint64(nil, *n))
	}
	for issuer, n := range w.issuers {
		w.put(textKey(kindIssuer, issuer), binary.LittleEndian.AppendUint64(nil, *n))
	}
}

func readCounter(s Store, key []byte) (uint64, error) {
	v, err := s.Get(key)
	if err != nil || v == nil {
		return 0, err
	}
	if len(v) != 8 {
		return 0, corrupt("a counter", v)
	}
	return binary.LittleEndian.Uint64(v), nil
}

// counter gives a counter's place in a cache.
func counter[K comparable](s Store, cache map[K]*uint64, id K, key []byte) (*uint64, error) {
	if n, ok := cache[id]; ok {
		return n, nil
	}
	n, err := readCounter(s, key)
	if err != nil {
		return nil, err
	}
	cache[id] = &n
	return &n, nil
}

// putEntry writes an entry; before is what stands there, nil for a new one.
func (w *writer) putEntry(before *Entry, e Entry) error {
	var old Entry
	var oldBytes []byte
	if before != nil {
		old, oldBytes = *before, before.encode()
	}
	if old.Balance != e.Balance {
		total, err := counter(w, w.totals, e.Mint, mintKey(e.Mint))
		if err != nil {
			return err
		}
		rest := *total - old.Balance
		if rest > math.MaxUint64-e.Balance {
			return fmt.Errorf("%w: more of mint %s than a token can have", ErrConflict, e.Mint)
		}
		*total = rest + e.Balance
	}
	if old.RequestNumber != e.RequestNumber {
		if old.RequestNumber != 0 {
			w.put(requestKey(old.RequestNumber), nil)
		}
		if e.RequestNumber != 0 {
			w.put(requestKey(e.RequestNumber), entryKey(e.Mint, e.Number)[1:])
		}
	}
	if before == nil {
		if err := w.indexAccount(e); err != nil {
			return err
		}
	}
	w.element(entryKey(e.Mint, e.Number), oldBytes, e.encode())
	return nil
}

// indexAccount keeps the lowest entry of (owner, mint): the account.
func (w *writer) indexAccount(e Entry) error {
	key := pairKey(kindAccount, e.Owner, e.Mint)
	v, err := w.Get(key)
	if err != nil {
		return err
	}
	if v == nil || e.Number < binary.BigEndian.Uint32(v) {
		w.put(key, binary.BigEndian.AppendUint32(nil, e.Number))
	}
	return nil
}

// putItem gives an item to an owner; old is nil for a new item.
func (w *writer) putItem(item string, old *intent.Key, owner intent.Key) error {
	var oldBytes []byte
	if old != nil {
		oldBytes = old[:]
		w.put(holdingKey(*old, item), nil)
	} else {
		issuer := issuerText(item)
		n, err := counter(w, w.issuers, issuer, textKey(kindIssuer, issuer))
		if err != nil {
			return err
		}
		*n++
	}
	w.put(holdingKey(owner, item), present())
	w.element(textKey(kindItem, item), oldBytes, owner[:])
	return nil
}

// putWindow writes the window of (wallet, signer); nil deletes it.
func (w *writer) putWindow(wallet, signer intent.Key, old, now *Nonces) {
	key := pairKey(kindWindow, wallet, signer)
	if old != nil && old.Until != 0 && (now == nil || now.Until != old.Until) {
		w.put(expiryKey(old.Until, key), nil)
	}
	var oldBytes []byte
	if old != nil {
		oldBytes = old.encode()
	}
	if now == nil {
		w.element(key, oldBytes, nil)
		return
	}
	if now.Until != 0 && (old == nil || old.Until != now.Until) {
		w.put(expiryKey(now.Until, key), present())
	}
	w.element(key, oldBytes, now.encode())
}

// putSession writes a session of a wallet; now nil deletes it.
func (w *writer) putSession(wallet intent.Key, old, now *Session) {
	s := now
	if s == nil {
		s = old
	}
	key := sessionKey(wallet, s.Key, s.Mint)
	if old != nil && (now == nil || now.Expires != old.Expires) {
		w.put(expiryKey(old.Expires, key), nil)
	}
	var oldBytes []byte
	if old != nil {
		oldBytes = old.encode()
	}
	if now == nil {
		w.element(key, oldBytes, nil)
		return
	}
	if old == nil || old.Expires != now.Expires {
		w.put(expiryKey(now.Expires, key), present())
	}
	w.element(key, oldBytes, now.encode())
}

// issuerText is the issuer as it stands in an item's text.
func issuerText(item string) string {
	for i := range len(item) {
		if item[i] == '/' {
			return item[:i]
		}
	}
	return item
}
