package node

import (
	"bytes"
	"encoding/hex"
	"reflect"
	"testing"

	"github.com/mr-tron/base58"

	"github.com/phantom-paradox/paradox/ledger"
)

// TestStreamsGolden pins the bodies of docs/spec/streams.md.
func TestStreamsGolden(t *testing.T) {
	for name, c := range map[string]struct {
		body any
		want string
	}{
		"sync request":  {syncRequest{From: 7, Max: 64}, "a2636d617818406466726f6d07"},
		"event request": {syncRequest{From: 7, Max: 2, Events: true}, "a3636d6178026466726f6d07666576656e7473f5"},
		"event answer": {syncResponse{Certificates: [][]byte{}, Events: []wireEvent{{Event: []byte{1}, Transactions: [][]byte{{2}}}}},
			"a2666576656e747381a2656576656e7441016c7472616e73616374696f6e7381410" + "26c63657274696669636174657380"},
		"sync answer":       {syncResponse{Certificates: [][]byte{{1, 2}, {3}}}, "a16c6365727469666963617465738242010241" + "03"},
		"empty sync answer": {syncResponse{Certificates: [][]byte{}}, "a16c63657274696669636174657380"},
		"pool answer":       {poolResponse{Bundles: [][]byte{{1, 0x71}}}, "a16762756e646c657381420171"},
	} {
		got, err := encodeWire(c.body)
		if err != nil || hex.EncodeToString(got) != c.want {
			t.Errorf("%s: %x, %v; want %s", name, got, err, c.want)
		}
	}
}

func FuzzStreamBodies(f *testing.F) {
	for _, s := range []string{"a2636d617818406466726f6d07", "a16c6365727469666963617465738242010241" + "03", "a16762756e646c657381420171", "a0", "80",
		"a2666576656e747381a2656576656e7441016c7472616e73616374696f6e7381410" + "26c63657274696669636174657380"} {
		b, err := hex.DecodeString(s)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if list, err := parseCertificates(b); err == nil && len(list) > maxCertificates {
			t.Fatal("more certificates than the bound")
		}
		if list, err := parseEvents(b, 1); err == nil && len(list) > maxEvents {
			t.Fatal("more events than the bound")
		}
		var request syncRequest
		var pool poolResponse
		for _, v := range []any{&request, &pool} {
			if err := decodeWire(b, v); err != nil {
				continue
			}
			if again, err := encodeWire(v); err != nil || string(again) != string(b) {
				t.Fatalf("%x was taken and is %x, %v", b, again, err)
			}
		}
	})
}

// TestEventsOnTheWire: what a node serves another reads as it was, and not by another number's name.
func TestEventsOnTheWire(t *testing.T) {
	sig := func(b byte) string { return base58.Encode(bytes.Repeat([]byte{b}, signatureBytes)) }
	list := []ledger.Event{
		{Number: 5, Tag: ledger.EventDeposit, Slot: 2, Entry: 1, Amount: 5, Signature: sig(1)},
		{Number: 6, Tag: ledger.EventSettled, Slot: 3, Height: 1, Signature: sig(3), Signatures: []string{sig(2), sig(3)}},
	}
	out := syncResponse{Certificates: [][]byte{}}
	for i := range list {
		out.Events = append(out.Events, eventToWire(&list[i]))
	}
	b, err := encodeWire(out)
	if err != nil {
		t.Fatal(err)
	}
	got, err := parseEvents(b, 5)
	if err != nil || !reflect.DeepEqual(got, list) {
		t.Fatalf("%+v, %v", got, err)
	}
	out.Events[0].Transactions[0] = []byte{1}
	if b, err = encodeWire(out); err != nil {
		t.Fatal(err)
	}
	if _, err := parseEvents(b, 5); err == nil {
		t.Error("a signature of one byte was taken")
	}
}
