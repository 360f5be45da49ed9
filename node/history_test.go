package node

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"github.com/phantom-paradox/paradox/ledger"
)

// TestEventsFromPeers: a node gets the vault's events of another over sync/1, from any number on, and none that are not there.
func TestEventsFromPeers(t *testing.T) {
	c := newCluster(t, 2)
	for i := range 3 {
		c.wallet(i, 5)
	}
	c.start(0)
	c.start(1)
	c.seen()
	head, _ := c.nodes[0].vault.Head()
	want, err := c.nodes[0].vault.Events(2, head.Number)
	if err != nil {
		t.Fatal(err)
	}
	var got []ledger.Event
	take := func(page []ledger.Event) error { got = append(got, page...); return nil }
	ask := func(to uint64) error {
		got = nil
		return peerHistory{c.nodes[1].Node}.Events(context.Background(), 2, to, take)
	}
	c.wait("the nodes know each other", func() bool { return ask(head.Number) == nil })
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%+v, not %+v", got, want)
	}
	if err := ask(head.Number + 1); !errors.Is(err, errNoEvents) {
		t.Fatalf("an event that is not there: %v", err)
	}
	refusal := errors.New("no")
	err = peerHistory{c.nodes[1].Node}.Events(context.Background(), 2, head.Number, func([]ledger.Event) error { return refusal })
	if !errors.Is(err, errNoEvents) {
		t.Fatalf("a page that was refused: %v", err)
	}
}
