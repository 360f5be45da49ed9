package vault_test

import (
	"testing"

	"github.com/fxamacker/cbor/v2"

	"github.com/phantom-paradox/paradox/chain/vault"
	"github.com/phantom-paradox/paradox/ledger"
)

// What an earlier release kept is followed on from; the transactions that it did not note are missing, and nothing else.
func TestFollowerStateOfAnEarlierRelease(t *testing.T) {
	w := newWalk(t, 1)
	for w.header == nil || w.header.signed == 0 {
		w.slot++
		if err := w.settleStep(); err != nil {
			t.Fatal(err)
		}
	}
	var kept map[string]any
	if err := cbor.Unmarshal(w.follow.Encode(), &kept); err != nil {
		t.Fatal(err)
	}
	kept["v"] = 1
	delete(kept, "bringing")
	for _, one := range kept["tallies"].([]any) {
		delete(one.(map[any]any), "txs")
	}
	old, err := cbor.Marshal(kept)
	if err != nil {
		t.Fatal(err)
	}
	if w.follow, err = vault.DecodeFollower(old, w.addr, w.founding); err != nil {
		t.Fatal(err)
	}
	w.brought = nil
	for w.events[ledger.EventSettled] == 0 {
		w.slot++
		if err := w.settleStep(); err != nil {
			t.Fatal(err)
		}
	}
}
