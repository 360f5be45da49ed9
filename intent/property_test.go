package intent

import (
	"bytes"
	"errors"
	"math/big"
	"reflect"
	"strings"
	"testing"

	"github.com/ipld/go-ipld-prime/codec/dagcbor"
	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/ipld/go-ipld-prime/node/basicnode"
	"github.com/mr-tron/base58"
	"pgregory.net/rapid"
)

func TestRoundTrips(t *testing.T) {
	n := testNetwork()
	rapid.Check(t, func(r *rapid.T) {
		s := drawSigned(r, n)
		if err := s.Check(n); err != nil {
			r.Fatal(err)
		}
		if err := s.Verify(n); err != nil {
			r.Fatal(err)
		}
		wire := s.Encode()
		if len(wire) > MaxBytes {
			r.Fatalf("%d bytes", len(wire))
		}
		back, err := Decode(wire)
		if err != nil || !reflect.DeepEqual(back, s) {
			r.Fatalf("%+v, %v\nwant %+v", back, err, s)
		}
		js, err := s.JSON(n)
		if err != nil {
			r.Fatal(err)
		}
		back, err = ParseJSON(js, n)
		if err != nil || !reflect.DeepEqual(back, s) {
			r.Fatalf("%s: %+v, %v\nwant %+v", js, back, err, s)
		}
	})
}

// TestDagCBOROracle holds the encoding against go-ipld-prime's, which knows nothing of intents.
func TestDagCBOROracle(t *testing.T) {
	n := testNetwork()
	rapid.Check(t, func(r *rapid.T) {
		s := drawSigned(r, n)
		for _, b := range [][]byte{s.Encode(), EncodeList([]*Signed{s, s})} {
			if again := reencode(r, b); !bytes.Equal(again, b) {
				r.Fatalf("go-ipld-prime encodes\n%x\nwe\n%x", again, b)
			}
		}
	})
}

type fataler interface{ Fatal(args ...any) }

func reencode(t fataler, b []byte) []byte {
	node, err := readDagCBOR(b)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := dagcbor.Encode(node, &out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func readDagCBOR(b []byte) (datamodel.Node, error) {
	nb := basicnode.Prototype.Any.NewBuilder()
	if err := (dagcbor.DecodeOptions{AllowLinks: true}).Decode(nb, bytes.NewReader(b)); err != nil {
		return nil, err
	}
	return nb.Build(), nil
}

// TestMutations changes, drops or adds a byte anywhere: the result is refused or is the one encoding of what it says.
func TestMutations(t *testing.T) {
	n := testNetwork()
	rapid.Check(t, func(r *rapid.T) {
		s := drawSigned(r, n)
		wire := s.Encode()
		at := rapid.IntRange(0, len(wire)-1).Draw(r, "at")
		switch rapid.IntRange(0, 2).Draw(r, "how") {
		case 0:
			wire[at] ^= rapid.ByteRange(1, 255).Draw(r, "with")
		case 1:
			wire = append(wire[:at], wire[at+1:]...)
		default:
			wire = append(wire[:at], append([]byte{rapid.Byte().Draw(r, "byte")}, wire[at:]...)...)
		}
		got, err := Decode(wire)
		if err != nil {
			requireCode(r, err)
			return
		}
		if !bytes.Equal(got.Encode(), wire) {
			r.Fatalf("%x decodes, but encodes to %x", wire, got.Encode())
		}
		if got.Check(n) == nil && got.Verify(n) == nil {
			r.Fatalf("%x is valid and not what was signed: %x", wire, s.Encode())
		}
	})
}

func requireCode(t interface{ Fatalf(string, ...any) }, err error) {
	if e, ok := errors.AsType[*Error](err); !ok || e.Code == "" {
		t.Fatalf("%v has no code", err)
	}
}

// TestTextNamesEverything: two intents with one text are one intent.
func TestTextNamesEverything(t *testing.T) {
	n := testNetwork()
	rapid.Check(t, func(r *rapid.T) {
		kind := genKind().Draw(r, "kind")
		a, _ := draw(r, n, kind)
		b, _ := draw(r, n, kind)
		ta, err := a.Text(n)
		if err != nil {
			r.Fatal(err)
		}
		tb, err := b.Text(n)
		if err != nil {
			r.Fatal(err)
		}
		if (ta == tb) != reflect.DeepEqual(a, b) {
			r.Fatalf("%+v\n%+v\n%s", a, b, ta)
		}
		for _, line := range strings.Split(ta, "\n")[1:] {
			if name, value, ok := strings.Cut(line, ": "); !ok || name == "" || value == "" {
				r.Fatalf("line %q", line)
			}
		}
	})
}

func TestBase58Oracle(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		var k Key
		zeros := rapid.IntRange(0, len(k)).Draw(r, "zeros")
		copy(k[zeros:], rapid.SliceOfN(rapid.Byte(), len(k), len(k)).Draw(r, "bytes"))
		if got, want := k.String(), base58.Encode(k[:]); got != want {
			r.Fatalf("%x is %s, want %s", k, got, want)
		}
		if back, err := ParseKey(k.String()); err != nil || back != k {
			r.Fatalf("%s: %x, %v", k, back, err)
		}
	})
}

func TestFormatAmountOracle(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		base := rapid.Uint64().Draw(r, "base")
		m := Mint{Symbol: "X", Decimals: uint8(rapid.IntRange(0, 18).Draw(r, "decimals"))}
		text := FormatAmount(base, m)
		whole, rest, ok := strings.Cut(text, " (")
		decimal, unit, ok2 := strings.Cut(rest, " ")
		if !ok || !ok2 || unit != "X)" || whole != new(big.Int).SetUint64(base).String() {
			r.Fatal(text)
		}
		want := new(big.Rat).SetFrac(new(big.Int).SetUint64(base), new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(m.Decimals)), nil))
		got, ok := new(big.Rat).SetString(decimal)
		if !ok || got.Cmp(want) != 0 || strings.Contains(decimal, ".") && (decimal[len(decimal)-1] == '0' || decimal[len(decimal)-1] == '.') {
			r.Fatalf("%d with %d decimals is %s", base, m.Decimals, text)
		}
	})
}

func TestFeeOracle(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		amount, bps := rapid.Uint64().Draw(r, "amount"), rapid.Uint64Range(0, 10_000).Draw(r, "bps")
		want := new(big.Int).Mul(new(big.Int).SetUint64(amount), new(big.Int).SetUint64(bps))
		want.Div(want, big.NewInt(10_000))
		if got := Fee(amount, bps); !want.IsUint64() || got != want.Uint64() {
			r.Fatalf("Fee(%d, %d) = %d, want %s", amount, bps, got, want)
		}
	})
	if got := Fee(1<<63, 1<<40); got != 1<<64-1 {
		t.Errorf("a rate beyond all reason gives %d", got)
	}
}

func TestLists(t *testing.T) {
	n := testNetwork()
	rapid.Check(t, func(r *rapid.T) {
		list := make([]*Signed, rapid.IntRange(0, 5).Draw(r, "n"))
		for i := range list {
			list[i] = drawSigned(r, n)
		}
		b := EncodeList(list)
		back, err := DecodeList(b)
		if err != nil || len(back) != len(list) {
			r.Fatal(err)
		}
		parts, err := SplitList(b)
		if err != nil || len(parts) != len(list) {
			r.Fatal(err)
		}
		for i, s := range list {
			if !reflect.DeepEqual(back[i], s) || !bytes.Equal(parts[i], s.Encode()) {
				r.Fatalf("intent %d came back otherwise", i)
			}
		}
	})
}
