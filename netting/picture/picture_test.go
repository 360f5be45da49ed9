package picture

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/phantom-paradox/paradox/netting"
)

// texts checks that a picture is well-formed XML and returns what it says.
func texts(t *testing.T, svg []byte) string {
	t.Helper()
	var said strings.Builder
	dec := xml.NewDecoder(strings.NewReader(string(svg)))
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return said.String()
		}
		if err != nil {
			t.Fatalf("%v in %s", err, svg)
		}
		if c, ok := token.(xml.CharData); ok {
			said.Write(c)
			said.WriteByte('|')
		}
	}
}

func TestPictureOfALoopSaysThatNothingIsLeft(t *testing.T) {
	f := netting.NewFlows("USDC", true)
	f.Add("Alice", "Bob", 100)
	f.Add("Bob", "Carol", 100)
	f.Add("Carol", "Alice", 100)
	said := texts(t, SVG(f, Labels{Title: "Round <7> & more"}))
	for _, want := range []string{"Round <7> & more", "100 %", "300 USDC", "0 USDC", "Nothing", "Alice", "Alice to Bob", "3 payments between 3 wallets"} {
		if !strings.Contains(said, want) {
			t.Errorf("the picture does not say %q: %s", want, said)
		}
	}
}

func TestPictureFitsAnyNumberOfWallets(t *testing.T) {
	for _, n := range []int{0, 1, 2, 3, 11, 12, 13, 14, 300, 3000} {
		f := netting.NewFlows("", true)
		rng := rand.New(rand.NewPCG(1, uint64(n)))
		for i := range 4 * n {
			f.Add(fmt.Sprintf("wallet %d", i%n), fmt.Sprintf("\x00wallet & %d", rng.IntN(n)), rng.Uint64N(math.MaxUint64))
		}
		svg := SVG(f, Labels{})
		said := texts(t, svg)
		if strings.Contains(string(svg), "NaN") || strings.Contains(string(svg), "Inf") {
			t.Errorf("%d wallets: a number is not one", n)
		}
		if len(svg) > 100_000 {
			t.Errorf("%d wallets: %d bytes", n, len(svg))
		}
		if f.Wallets() > MaxNamed != strings.Contains(said, "others") {
			t.Errorf("%d wallets: %s", n, said)
		}
		d := &drawing{flows: f, labels: Labels{Name: shorten}}
		d.choose()
		d.measure()
		if h := d.columnHeight(d.scale, outOf); h > columnHeight+1 {
			t.Errorf("%d wallets: a column of %g", n, h)
		}
	}
}

func TestNumbers(t *testing.T) {
	for _, c := range []struct {
		v              netting.Int128
		decimals       int
		group, compact string
	}{
		{netting.Units(0), 0, "0", "0"},
		{netting.Units(1_500_000), 6, "1.5", "1.5"},
		{netting.Units(5), 6, "0.000005", "<0.01"},
		{netting.Units(99_999), 0, "99,999", "99,999"},
		{netting.Units(1_234_567), 0, "1,234,567", "1.23 m"},
		{netting.Units(999_999), 0, "999,999", "1.00 m"},
		{netting.Units(math.MaxUint64), 0, "1.844×10¹⁹", "1.84×10¹⁹"},
		{netting.Units(math.MaxUint64), 9, "18,446,744,073.709551615", "18.4 bn"},
	} {
		if g, k := Group(c.v, c.decimals), Compact(c.v, c.decimals); g != c.group || k != c.compact {
			t.Errorf("%s with %d decimals: %q and %q, want %q and %q", c.v, c.decimals, g, k, c.group, c.compact)
		}
	}
}
