package node

import (
	"testing"
	"time"

	"github.com/phantom-paradox/paradox/agreement"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/ledger"
)

// A contradiction that comes to light after its height is settled is evidence all the same.
func TestALateContradictionIsEvidence(t *testing.T) {
	c := newCluster(t, 2)
	for i := range 2 {
		c.start(i)
	}
	a, b := c.wallet(0, 1_000_000), c.wallet(1, 0)
	c.seen()
	c.settled(c.take(0, c.pay(a, b, 1000)))
	c.agreed(1)
	c.do(0, func(e *engine) {
		for n := range byte(2) {
			v := agreement.Vote{Kind: agreement.Prepare, Instance: ledger.Instance{Height: 1}, View: 7, Digest: intent.Hash{n}}
			e.receive(arrival{c.vote(c.keys[1].Member, v), time.Now().UnixMilli()})
		}
		list, err := e.book.evidence()
		if err != nil || len(list) != 1 || list[0].A.From != publicOf(c.keys[1].Member) {
			t.Errorf("the evidence is %+v, %v", list, err)
		}
	})
}
