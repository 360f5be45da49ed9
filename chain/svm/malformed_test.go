package svm

import (
	"encoding/base64"
	"math/rand/v2"
	"testing"

	"github.com/gagliardetto/solana-go"
)

const malformed = 3000

// The machine's binding ends its process on bytes that it cannot read: whatever is sent, the server must refuse it first.
func TestMalformedTransactions(t *testing.T) {
	w := founded(t, 4, "ann", "ben")
	w.jump(rest)
	r := rand.New(rand.NewPCG(5, 5))
	h := w.next(transfer(5)(w)...)
	good := [][]byte{w.raw(w.attests(h, w.members...)...), w.raw(w.Drop()), w.raw(w.Request(w.person("ann").PublicKey(), w.mint, 1, 5))}
	tried := 0
	for range malformed {
		b := append([]byte(nil), good[r.IntN(len(good))]...)
		for range 1 + r.IntN(3) {
			switch at := r.IntN(len(b)); r.IntN(5) {
			case 0:
				b[at] ^= 1 << r.IntN(8)
			case 1:
				b[at] = byte(r.Uint32())
			case 2:
				b = b[:max(1, at)]
			case 3:
				b = append(b[:at:at], append([]byte{byte(r.Uint32())}, b[at:]...)...)
			case 4:
				b[min(r.IntN(8)+64, len(b)-1)] = byte(r.Uint32()) // around the header
			}
		}
		text := base64.StdEncoding.EncodeToString(b)
		var answer any
		for _, method := range []string{"sendTransaction", "simulateTransaction"} {
			if w.s.call(w.ctx, &answer, method, text, map[string]any{"encoding": "base64", "skipPreflight": r.IntN(2) == 0, "replaceRecentBlockhash": true}) == nil {
				tried++
			}
		}
		if _, err := w.s.Execute(w.ctx, [][]byte{b}); err == nil {
			tried++
		}
	}
	if tried == 0 {
		t.Error("every one was refused for its form: the test tries too little")
	}
	w.alone = true
	w.ok(w.OpenEntry(w.payer.PublicKey(), w.mint, w.founding.FeeOwner, w.purseNow().Entries)) // it is still there
}

// A transaction has at most 1,232 bytes, a packet of the network, though the machine itself would take more.
func TestTooLongTransaction(t *testing.T) {
	const packet = 1232
	w := founded(t, 4, "ann")
	of := func(data int) []byte {
		return w.raw(solana.NewInstruction(solana.MemoProgramID, nil, make([]byte, data)))
	}
	most := 1000 + packet - len(of(1000))
	equal(t, len(of(most)), packet)
	_, err := w.s.Execute(w.ctx, [][]byte{of(most)})
	must(t, err)
	if _, err = w.s.Execute(w.ctx, [][]byte{of(most + 1)}); err == nil {
		t.Error("one byte more was taken")
	}
}
