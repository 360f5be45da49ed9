package chain

import (
	"reflect"
	"testing"

	"github.com/phantom-paradox/paradox/ledger"
)

func TestEventLogKeepsTransactions(t *testing.T) {
	for _, e := range []ledger.Event{
		{Number: 1, Tag: ledger.EventDeposit, Slot: 2, Amount: 5, Signature: "a"},
		{Number: 2, Tag: ledger.EventSettled, Slot: 3, Height: 1, Signature: "c", Signatures: []string{"a", "b", "c"}},
		{Number: 3, Tag: ledger.EventDropped, Slot: 4, Height: 2, Signature: "d", Signatures: []string{"d"}},
	} {
		if got, err := decodeEvent(e.Number, encodeEvent(&e)); err != nil || !reflect.DeepEqual(got, e) {
			t.Errorf("%+v reads as %+v, %v", e, got, err)
		}
	}
}

// A log that an earlier release wrote has one transaction for each event.
func TestEventLogOfAnEarlierRelease(t *testing.T) {
	e := ledger.Event{Number: 7, Tag: ledger.EventSettled, Slot: 3, Height: 1}
	b := e.Encode()
	got, err := decodeEvent(7, append(append([]byte{byte(len(b))}, b...), "c"...))
	e.Signature, e.Signatures = "c", []string{"c"}
	if err != nil || !reflect.DeepEqual(got, e) {
		t.Errorf("%+v, %v", got, err)
	}
}
