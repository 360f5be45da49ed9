package netting

import (
	"bytes"
	"errors"
	"math"
	"math/big"
	"strings"
	"testing"
)

func TestCaseErrorsNameThePlace(t *testing.T) {
	move := `{"id":"t","kind":"pay","from":"A","to":"B","asset":"U","amount":"1","nonce":"1"}`
	for text, want := range map[string]string{
		``:                           "ends too early",
		`[]`:                         "want a case as an object",
		`{"moves":[` + move + `]} x`: "something follows",
		`{"moves":[` + move + `]}{}`: "something follows",
		`{}`:                         `a case needs "moves"`,
		`{"Moves":[]}`:               "Moves: unknown field of a case",
		`{"moves":[],"moves":[]}`:    "moves: the field is there twice",
		`{"moves":{}}`:               "moves: want a list",
		`{"moves":[{"id":7}]}`:       "moves[0].id: want a string, have 7 without quotes",
		`{"moves":[{"id":"t"}]}`:     `moves[0]: a move needs "kind"`,
		`{"moves":[` + move + `,` + strings.Replace(move, `"1","nonce"`, `"01","nonce"`, 1) + `]}`:                                    `moves[1].amount: "01" is not a whole number`,
		`{"moves":[` + strings.Replace(move, `"1","nonce"`, `"18446744073709551616","nonce"`, 1) + `]}`:                               "is more than 18446744073709551615",
		`{"moves":[` + strings.Replace(move, `"1","nonce"`, `1,"nonce"`, 1) + `]}`:                                                    "moves[0].amount: want a string",
		`{"moves":[` + strings.Replace(move, `pay`, `gift`, 1) + `]}`:                                                                 `kind is "gift"; want "pay" or "sale"`,
		`{"moves":[` + strings.Replace(move, `"nonce"`, `"item":"X","nonce"`, 1) + `]}`:                                               `a pay has no "item"`,
		`{"moves":[` + strings.Replace(move, `pay`, `sale`, 1) + `]}`:                                                                 `a sale needs "item"`,
		`{"moves":[` + strings.Replace(move, `"nonce"`, `"fee":"1","nonce"`, 1) + `]}`:                                                "fee_account: move \"t\" has a fee",
		`{"items":[{"item":"X","owner":"A"},{"item":"X","owner":"B"}],"moves":[]}`:                                                    `items: "X" is listed twice`,
		`{"balances":[{"wallet":"A","asset":"U","amount":"1"},{"wallet":"A","asset":"U","amount":"1"}],"moves":[]}`:                   `balances: "U" of "A" is listed twice`,
		`{"moves":[{"id":"t","kind":"sale","from":"A","to":"B","asset":"U","amount":"1","nonce":"1","item":"V","seller_nonce":"1"}]}`: `its sale needs "quantity"`,
		"{\"moves\":[],\"seed\":\"\xff\"}":                                                                                            "not UTF-8",
		strings.Repeat("[", 100_000):                                                                                                  "want a case as an object",
	} {
		_, err := ParseCase([]byte(text))
		if !errors.Is(err, ErrCase) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.80s\n got %v\nwant %s", text, err, want)
		}
	}
}

func TestNegativeNumbersAreInvalidMoves(t *testing.T) {
	c, err := ParseCase([]byte(`{"moves":[{"id":"t","kind":"pay","from":"A","to":"B","asset":"U","amount":"-5","nonce":"1"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"accepted":[],"rejected":[{"id":"t","reason":"INVALID"}],"deltas":[],"owners":[],"gross":[],"net":[]}`
	if got := string(Net(c).JSON()); got != want {
		t.Fatal(got)
	}
}

func FuzzParseCase(f *testing.F) {
	for _, v := range loadVectors(f) {
		f.Add([]byte(v.Case))
	}
	f.Add([]byte(`{"moves":[{"id":"t","kind":"sale","from":"A","to":"B","asset":"U","amount":"-5","nonce":"1","item":"x","quantity":"2","seller_nonce":"0","ask":"a","signer":"k"}],"used":[{"wallet":"A","nonce":"3"}],"limits":[{"wallet":"A","signer":"k","asset":"U","max":"9"}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ParseCase(b)
		if err != nil {
			return
		}
		want := Net(c)
		if got := netReadable(c); !bytes.Equal(got.JSON(), want.JSON()) {
			t.Fatalf("engines differ: %s\n%s", want.JSON(), got.JSON())
		}
		again, err := ParseCase(c.JSON())
		if err != nil {
			t.Fatalf("written case: %v", err)
		}
		if got := Net(again); !bytes.Equal(got.JSON(), want.JSON()) {
			t.Fatalf("written and read again: %s\n%s", got.JSON(), want.JSON())
		}
	})
}

func TestInt128(t *testing.T) {
	values := []Int128{{}, Units(1), Units(math.MaxUint64), {Hi: 1}, {Hi: -1, Lo: math.MaxUint64}, {Hi: -1}, {Hi: math.MaxInt64, Lo: math.MaxUint64},
		{Hi: math.MinInt64}, {Hi: 5, Lo: 1e19}, {Hi: -7, Lo: 3}, {Hi: 542101086242752217, Lo: 68739955140067327}}
	for _, a := range values {
		if a.String() != a.Big().String() {
			t.Errorf("%+v: %s, big says %s", a, a, a.Big())
		}
		var back Int128
		if err := back.UnmarshalText([]byte(a.String())); err != nil || back != a || Int128FromLE16(a.LE16()) != a {
			t.Errorf("%s does not come back: %s, %v", a, back, err)
		}
		for _, b := range values {
			sum := new(big.Int).Add(a.Big(), b.Big())
			if got := a.Add(b); sum.BitLen() < 127 && got.String() != sum.String() || a.Sub(b).Add(b) != a {
				t.Errorf("%s + %s = %s", a, b, got)
			}
		}
	}
	for _, bad := range []string{"", "-", "-0", "+1", "01", "1.0", "170141183460469231731687303715884105728", "0x1"} {
		var x Int128
		if x.UnmarshalText([]byte(bad)) == nil {
			t.Errorf("%q was read as %s", bad, x)
		}
	}
}
