package ledger

import (
	"encoding/binary"
	"math/bits"

	"github.com/phantom-paradox/paradox/intent"
)

// NonceWindow is how many nonces after the floor can be used: INTENT.md. It bounds what a window stores.
const NonceWindow = 1024

// Nonces is the window of one (wallet, signing key): every nonce up to Floor is used, and of the 1,024 after it those
// in a bitmap. The zero Nonces is a key that has used nothing.
type Nonces struct {
	Floor uint64
	Until int64 // a session key's window may be forgotten from this time on; 0: never
	used  [NonceWindow / 64]uint64
}

// Used says whether n is used.
func (w *Nonces) Used(n uint64) bool {
	if n <= w.Floor {
		return true
	}
	i := n - w.Floor - 1
	return i < NonceWindow && w.used[i/64]&(1<<(i%64)) != 0
}

// Check says why n cannot be used now, or nil.
func (w *Nonces) Check(n uint64) *intent.Error {
	switch {
	case w.Used(n):
		return refuse(intent.NonceUsed, "nonce", "nonce %d is used; the next free one is %d", n, w.Next(nil))
	case n-w.Floor > NonceWindow:
		return refuse(intent.NonceOutOfWindow, "nonce", "nonce %d is beyond the window %d to %d", n, w.Floor+1, w.Floor+NonceWindow)
	}
	return nil
}

// Next is the lowest free nonce that taken, which may be nil, does not claim. 0: the window is full.
func (w *Nonces) Next(taken func(uint64) bool) uint64 {
	for i := range uint64(NonceWindow) {
		n := w.Floor + 1 + i
		if w.used[i/64]&(1<<(i%64)) == 0 && (taken == nil || !taken(n)) {
			return n
		}
	}
	return 0
}

// use marks a nonce that Check lets pass. The floor stays until settle, so that a batch's order means nothing.
func (w *Nonces) use(n uint64) {
	i := n - w.Floor - 1
	w.used[i/64] |= 1 << (i % 64)
}

// settle moves the floor over the used nonces next to it.
func (w *Nonces) settle() {
	run := 0
	for run < NonceWindow {
		ones := bits.TrailingZeros64(^w.used[run/64])
		run += ones
		if ones < 64 {
			break
		}
	}
	if run == 0 {
		return
	}
	w.Floor += uint64(run)
	words, shift := run/64, run%64
	for i := range w.used {
		var lo, hi uint64
		if i+words < len(w.used) {
			lo = w.used[i+words]
		}
		if i+words+1 < len(w.used) {
			hi = w.used[i+words+1]
		}
		w.used[i] = lo>>shift | hi<<(64-shift) // shift 0: hi<<64 is 0
	}
}

// encode is floor u64, until i64, and the bitmap (bit 0 of byte 0 is floor+1) without its trailing zero bytes.
func (w *Nonces) encode() []byte {
	b := make([]byte, 16, 16+NonceWindow/8)
	binary.LittleEndian.PutUint64(b, w.Floor)
	binary.LittleEndian.PutUint64(b[8:], uint64(w.Until))
	for _, word := range w.used {
		b = binary.LittleEndian.AppendUint64(b, word)
	}
	for len(b) > 16 && b[len(b)-1] == 0 {
		b = b[:len(b)-1]
	}
	return b
}

func parseWindow(v []byte) (w Nonces, err error) {
	if len(v) < 16 || len(v) > 16+NonceWindow/8 || len(v) > 16 && (v[len(v)-1] == 0 || v[16]&1 != 0) {
		return w, corrupt("a nonce window", v)
	}
	w.Floor = binary.LittleEndian.Uint64(v)
	w.Until = int64(binary.LittleEndian.Uint64(v[8:]))
	if w.Until < 0 {
		return w, corrupt("a nonce window", v)
	}
	for i, x := range v[16:] {
		w.used[i/8] |= uint64(x) << (8 * (i % 8))
	}
	return w, nil
}
