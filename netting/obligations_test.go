package netting

import (
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"
)

func TestObligations(t *testing.T) {
	text := "\xef\xbb\xbfdebtor,creditor,amount\r\nA,B,100\nB,C,80\n\n\"C, Inc\",A,5\n\"say \"\"x\"\"\",A,1\nC,A, 90 \nA,A,7"
	var rows int64
	f, err := ReadObligations(strings.NewReader(text), true, func(r, _ int64) { rows = r })
	if err != nil {
		t.Fatal(err)
	}
	// A: -100 +5 +1 +90 = -4; B: +20; C: -10; C, Inc: -5; say "x": -1
	if f.Gross != Units(283) || f.Net() != Units(20) || rows != 6 || f.Wallets() != 5 || f.Between("A", "B") != Units(100) {
		t.Fatalf("gross %s net %s rows %d wallets %d", f.Gross, f.Net(), rows, f.Wallets())
	}
	if f.Saving() != "0.929328" {
		t.Fatal(f.Saving())
	}
	loop, err := ReadObligations(strings.NewReader("A,B,9\nB,A,9\n"), false, nil)
	if err != nil || loop.Saving() != "1.000000" || loop.Net() != (Int128{}) {
		t.Fatal(loop, err)
	}
}

func TestObligationsAgreeWithNet(t *testing.T) {
	c := &Case{}
	var text strings.Builder
	for i := range 500 {
		m := Move{ID: name("t", i), From: name("w", i%17), To: name("w", i*i%19), Asset: "U", Amount: uint64(i), Nonce: uint64(i + 1)}
		c.Moves = append(c.Moves, m)
		text.WriteString(m.From + "," + m.To + "," + strconv.Itoa(i) + "\n")
	}
	for i := range 19 {
		c.Balances = append(c.Balances, Balance{name("w", i), "U", 1 << 40})
	}
	f, err := ReadObligations(strings.NewReader(text.String()), false, nil)
	if err != nil {
		t.Fatal(err)
	}
	o := Net(c)
	if o.Gross[0].Amount != f.Gross || o.Net[0].Amount != f.Net() {
		t.Fatalf("%+v %+v, flows %s %s", o.Gross, o.Net, f.Gross, f.Net())
	}
}

// endless is a file without end that says one thing over and over.
type endless struct {
	line string
	at   int
}

func (e *endless) Read(b []byte) (int, error) {
	n := copy(b, e.line[e.at:])
	e.at = (e.at + n) % len(e.line)
	return n, nil
}

func TestObligationErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                                     "no rows",
		"debtor,creditor,amount":               "no rows",
		"A,B":                                  "line 1: want three fields",
		"A,B,1\nA,B,1,2":                       "line 2: want three fields",
		"A,B,1.5":                              `line 1: amount "1.5" is not a whole number`,
		"A,B,-1":                               "is not a whole number",
		"A,B,99999999999999999999":             "is more than",
		",B,1":                                 "debtor has 0 bytes",
		"A,\"B,1":                              "a quote is not closed",
		"A,\"B\"x,1":                           "want three fields",
		"\x00\xff\xfe,,":                       "not UTF-8",
		"A," + strings.Repeat("x", 300) + ",1": "creditor has 300 bytes",
	} {
		_, err := ReadObligations(strings.NewReader(text), false, nil)
		if !errors.Is(err, ErrObligations) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: got %v, want %s", text, err, want)
		}
	}
	for what, r := range map[string]io.Reader{
		"longer than 1024 bytes": &endless{line: "x"},
		"more than 1024 MiB":     &endless{line: "somebody with a name of some length,somebody else with a name of some length,18446744073709551615" + strings.Repeat(" ", 900) + "\n"},
	} {
		if _, err := ReadObligations(r, false, nil); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("got %v, want %s", err, what)
		}
	}
}

func FuzzObligations(f *testing.F) {
	f.Add("debtor,creditor,amount\nA,B,1\n\"x\"\"y\",B,2\r\n")
	f.Add("A,\"B,1")
	f.Fuzz(func(t *testing.T, text string) {
		flows, err := ReadObligations(strings.NewReader(text), true, nil)
		if err != nil {
			return
		}
		if flows.Net().Cmp(flows.Gross) > 0 || flows.Net().Sign() < 0 {
			t.Fatalf("net %s of gross %s", flows.Net(), flows.Gross)
		}
	})
}

// BenchmarkObligations reads the 300,000 rows that must take less than two seconds.
func BenchmarkObligations(b *testing.B) {
	var text strings.Builder
	for i := range 300_000 {
		text.WriteString("wallet-" + strconv.Itoa(i*7919%5003) + ",wallet-" + strconv.Itoa(i*104729%5009) + "," + strconv.Itoa(i) + "\n")
	}
	for b.Loop() {
		if _, err := ReadObligations(strings.NewReader(text.String()), true, nil); err != nil {
			b.Fatal(err)
		}
	}
}
