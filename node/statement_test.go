package node

import (
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"testing"

	client "github.com/phantom-paradox/paradox/clients/go"
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

// A sale, an item and a withdrawal, read page by page through the client, by the buyer, the seller and who gets the fees.
func TestStatementsOfATrade(t *testing.T) {
	c := newCluster(t, 1)
	c.start(0)
	buyer, maker := c.wallet(0, 1_000_000), c.wallet(1, 0)
	c.seen()
	cl, mint := c.dial(0), c.file.Mints[0].Mint
	item := maker.pub.String() + "/sword"
	c.settled(c.hand(cl, c.sign(maker, intent.Intent{Kind: intent.Issue, To: &maker.pub, Item: item})))
	ask := c.sign(maker, intent.Intent{Kind: intent.Ask, Mint: &mint, Amount: 5000, Item: item})
	askID := c.hand(cl, ask)[0]
	fee := intent.Fee(5000, c.file.FeeBps)
	bought := c.hand(cl, c.sign(buyer, intent.Intent{Kind: intent.Buy, Mint: &mint, Amount: 5000, Fee: fee, Ask: &askID}))
	c.settled(bought)
	height := func(id intent.ID) uint64 {
		s, err := cl.Intent(t.Context(), id)
		if err != nil || s.Accepted == nil {
			t.Fatalf("%+v, %v", s, err)
		}
		return s.Accepted.Height
	}
	statement := func(h uint64, w intent.Key) (*client.Statement, client.StatementLine) {
		s, err := cl.Statement(t.Context(), h, w)
		if err != nil || len(s.Balances) != 1 {
			t.Fatalf("height %d: %+v, %v", h, s, err)
		}
		return s, s.Balances[0]
	}
	sale := height(bought[0])
	s, l := statement(sale, buyer.pub)
	if l.Out != fmt.Sprint(5000+fee) || l.In != "0" || l.Closing != 1_000_000-5000-fee || !slices.Equal(s.Gained, []string{item}) || len(s.Given) > 0 {
		t.Errorf("the buyer: %+v", s)
	}
	if x := s.Intents[len(s.Intents)-1]; x.Direction != api.Outward || x.Item != item || x.ID != bought[0] || *x.Counterparty != maker.pub {
		t.Errorf("the buyer's intent: %+v", x)
	}
	s, l = statement(sale, maker.pub)
	if l.In != "5000" || l.Out != "0" || l.Opening != 0 || l.Closing != 5000 || !slices.Equal(s.Given, []string{item}) || len(s.Gained) > 0 {
		t.Errorf("the seller: %+v", s)
	}
	s, l = statement(sale, c.file.FeeOwner)
	if l.In != fmt.Sprint(fee) || s.Intents[0].Direction != api.FeeOnly {
		t.Errorf("who gets the fees: %+v", s)
	}
	c.vault.withdraw(mint, 1, 250) // the buyer's entry
	c.seen()
	var many []*intent.Signed
	for range 5 {
		many = append(many, c.pay(buyer, maker, 10))
	}
	paid := c.hand(cl, many...)
	c.settled(paid)
	first := height(paid[0])
	_, l = statement(first, buyer.pub)
	if l.Withdrawn != "250" || l.Before != 1_000_000-5000-fee || l.Opening != l.Before-250 {
		t.Errorf("after a withdrawal: %+v", l)
	}
	c.statementPages(t, first, buyer.pub)
}

// statementPages reads a statement's intents by one, two and all, and expects the same each time.
func (c *cluster) statementPages(t *testing.T, height uint64, w intent.Key) {
	t.Helper()
	whole := read[client.Statement](c, 0, fmt.Sprintf("/api/rounds/%d/wallets/%s?limit=200", height, w))
	for _, limit := range []int{1, 2} {
		var got []client.StatementIntent
		after := ""
		for range len(whole.Intents) + 1 {
			page := read[client.Statement](c, 0, fmt.Sprintf("/api/rounds/%d/wallets/%s?limit=%d&after=%s", height, w, limit, after))
			if len(page.Intents) > limit {
				t.Errorf("%d intents in a page of %d", len(page.Intents), limit)
			}
			got = append(got, page.Intents...)
			if after = page.Next; after == "" {
				break
			}
		}
		if after != "" || len(got) == 0 || !reflect.DeepEqual(got, whole.Intents) {
			t.Errorf("by %d: %d intents, %q behind them, of %d", limit, len(got), after, len(whole.Intents))
		}
	}
}
