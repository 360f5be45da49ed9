package figures

import (
	"os"
	"strings"
	"testing"
)

// defaults are those of the command's flags.
func defaults() Rates {
	return Rates{Signature: 5000, Price: 1000, Units: 300_000, RentPerByte: 6960, Members: 7, Interval: 30, Wallets: []int{10, 100, 1000, 3000}}
}

// TestReadmeComparison: the README's figures are those that the command prints.
func TestReadmeComparison(t *testing.T) {
	c, err := defaults().Compute()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile("../../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(b), c.Table()) {
		t.Fatalf("README.md does not have the table that `paradox bench settlement` prints:\n%s", c.Table())
	}
}

// TestCostArithmetic holds a height against the sum done by hand.
func TestCostArithmetic(t *testing.T) {
	c, err := defaults().Compute()
	if err != nil {
		t.Fatal(err)
	}
	x := c.Lines[0] // 5 of 7 attest in one transaction; a chunk of debits, one of credits; one closes the tally
	if x.Attests != 1 || x.Applies != 2 || x.Signatures != 4+5 || x.Height != 9*5000+4*300 || x.Replaced != 5300 || x.OneTransfer != 53_000 {
		t.Fatalf("%+v", x)
	}
	if c.Rents.Entry != 445_440 || c.Rents.Tally != 256*6960 {
		t.Fatalf("%+v", c.Rents)
	}
	for _, bad := range []Rates{{Members: 22, Interval: 1}, {Members: 7}, {Members: 7, Interval: 1, Wallets: []int{3001}}} {
		if _, err := bad.Compute(); err == nil {
			t.Errorf("%+v was computed", bad)
		}
	}
}
