package node

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/netting"
	"github.com/phantom-paradox/paradox/node/api"
)

// Of real nodes, at every height and for every wallet: the statement adds up, begins where the one before ended, and the last
// ends with the balance that the wallet has.
func TestStatementsAddUp(t *testing.T) {
	c := newCluster(t, 2)
	c.start(0)
	c.start(1)
	a, b := c.wallet(0, 1_000_000), c.wallet(1, 0)
	c.seen()
	mint := c.file.Mints[0].Mint
	for k := range 3 {
		c.settled(c.take(0, c.pay(a, b, 1000), c.pay(b, a, 10)))
		c.agreed(uint64(k) + 1)
		c.vault.deposit(mint, 2, 500) // b's entry
		c.seen()
	}
	top := c.agreed(3)
	for n, node := range c.nodes {
		for _, w := range []intent.Key{a.pub, b.pub, c.file.FeeOwner} {
			last, deposited := api.Decimal(0), netting.Int128{}
			for h := uint64(1); h <= top.Height; h++ {
				s, err := node.facade.Statement(t.Context(), h, w, api.Page{Limit: 50})
				if err != nil || len(s.Balances) == 0 {
					t.Fatalf("node %d, height %d: %+v %v", n, h, s, err)
				}
				l := s.Balances[0]
				opening, closing := netting.Units(uint64(l.Opening)), netting.Units(uint64(l.Closing))
				if opening.Add(netting.Int128(l.In)).Sub(netting.Int128(l.Out)) != closing || l.Before != last ||
					netting.Units(uint64(l.Before)).Add(netting.Int128(l.Deposited)).Sub(netting.Int128(l.Withdrawn)) != opening {
					t.Fatalf("node %d, height %d after %d: %+v", n, h, last, l)
				}
				last, deposited = l.Closing, deposited.Add(netting.Int128(l.Deposited))
			}
			e, _, err := top.State.Account(w, mint)
			if err != nil || api.Decimal(e.Balance) != last {
				t.Fatalf("node %d: the statements of %s end with %d, it has %d, %v", n, w, last, e.Balance, err)
			}
			if w == a.pub && deposited != netting.Units(1_000_000) {
				t.Errorf("%s was deposited", deposited)
			}
		}
	}
	c.badStatements(t, top.Height, a.pub)
}

// badStatements asks for what has no statement.
func (c *cluster) badStatements(t *testing.T, top uint64, w intent.Key) {
	t.Helper()
	base := "http://" + c.nodes[0].APIAddr().String() + "/api/rounds/"
	for path, want := range map[string]int{"1/wallets/x": 400, "0/wallets/" + w.String(): 400, fmt.Sprintf("%d/wallets/%s", top+9, w): 404,
		"1/wallets/" + w.String() + "?after=x": 400, "1/wallets/" + w.String(): http.StatusOK} {
		if got := status(t, base+path); got != want {
			t.Errorf("%s: %d, not %d", path, got, want)
		}
	}
}

func TestAProvisionalHeightHasNoStatement(t *testing.T) {
	c := newCluster(t, 1)
	c.start(0)
	a, b := c.wallet(0, 1_000_000), c.wallet(1, 0)
	c.seen()
	c.vault.setRefuse(true)
	c.take(0, c.pay(a, b, 1000))
	c.wait("the height is decided", func() bool {
		_, err := c.nodes[0].facade.Round(t.Context(), 1)
		return err == nil
	})
	if _, err := c.nodes[0].facade.Statement(t.Context(), 1, a.pub, api.Page{Limit: 1}); !errors.Is(err, api.ErrNotSettled) {
		t.Error(err)
	}
}
