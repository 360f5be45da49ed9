package ledger

import (
	"encoding/json"
	"errors"
	"testing"
)

// testReceipt is the receipt of a payment, one change of members after the founding.
func testReceipt(t testing.TB) (*world, *Receipt) {
	w := funded(t)
	in := w.input(w.pay(alice, bob, 5))
	in.Members = testMembers(10, 4)
	r, err := w.opening().Execute(in)
	w.must(err)
	first := certify(w.header(r, in), 0, 0, 0, 1, 2)
	w.settle(r, in)
	in = w.input(w.pay(alice, bob, 6), w.pay(bob, carol, 7), w.pay(carol, bob, 8))
	r, err = w.opening().Execute(in)
	w.must(err)
	id := in.Intents[1].ID
	proof, ok := r.Proof(id)
	if !ok {
		t.Fatal("no proof")
	}
	return w, &Receipt{ID: id, Proof: *proof, Certificate: *certify(w.header(r, in), 2, 10, 0, 1, 2, 3), Epochs: Epochs{*first}}
}

func TestReceipt(t *testing.T) {
	w, r := testReceipt(t)
	text, err := json.Marshal(r)
	w.must(err)
	var again Receipt
	w.must(json.Unmarshal(text, &again))
	h, err := again.Verify(w.file)
	if err != nil || h.Height != 2 {
		t.Fatal(h, err)
	}
	if twice, err := json.Marshal(&again); err != nil || string(twice) != string(text) {
		t.Fatal("another JSON", err)
	}
	again.ID[0] ^= 1
	if _, err := again.Verify(w.file); !errors.Is(err, ErrProof) {
		t.Error("another id", err)
	}
	again.ID[0] ^= 1
	again.Proof.Path[0][0] ^= 1
	if _, err := again.Verify(w.file); !errors.Is(err, ErrProof) {
		t.Error("another path", err)
	}
	again.Proof.Path[0][0] ^= 1
	again.Epochs = nil
	if _, err := again.Verify(w.file); !errors.Is(err, ErrCertificate) {
		t.Error("without the change of members", err)
	}
}

func FuzzReceipt(f *testing.F) {
	w, r := testReceipt(f)
	text, err := json.Marshal(r)
	w.must(err)
	f.Add(text)
	f.Fuzz(func(t *testing.T, b []byte) {
		var got Receipt
		if json.Unmarshal(b, &got) != nil {
			return
		}
		if h, err := got.Verify(w.file); err == nil && h.Height != 2 {
			t.Fatal("a receipt of another height")
		}
	})
}
