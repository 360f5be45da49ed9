package netting

import (
	"encoding/binary"
	"errors"
	"math/big"
	"math/bits"
	"strconv"
)

// An Int128 is a signed sum of base units in two's complement. Two u64 amounts already overflow 64 bits; a sum of 2^62
// of them does not overflow this. The zero value is zero.
type Int128 struct {
	Hi int64
	Lo uint64
}

// Units is an Int128 of an unsigned amount.
func Units(u uint64) Int128 { return Int128{Lo: u} }

// Add returns a + b.
func (a Int128) Add(b Int128) Int128 {
	lo, carry := bits.Add64(a.Lo, b.Lo, 0)
	hi, _ := bits.Add64(uint64(a.Hi), uint64(b.Hi), carry)
	return Int128{Hi: int64(hi), Lo: lo}
}

// Sub returns a - b.
func (a Int128) Sub(b Int128) Int128 {
	lo, borrow := bits.Sub64(a.Lo, b.Lo, 0)
	hi, _ := bits.Sub64(uint64(a.Hi), uint64(b.Hi), borrow)
	return Int128{Hi: int64(hi), Lo: lo}
}

// AddUnits returns a + u.
func (a Int128) AddUnits(u uint64) Int128 {
	lo, carry := bits.Add64(a.Lo, u, 0)
	return Int128{Hi: a.Hi + int64(carry), Lo: lo}
}

// SubUnits returns a - u.
func (a Int128) SubUnits(u uint64) Int128 {
	lo, borrow := bits.Sub64(a.Lo, u, 0)
	return Int128{Hi: a.Hi - int64(borrow), Lo: lo}
}

// Neg returns -a.
func (a Int128) Neg() Int128 { return Int128{}.Sub(a) }

// Sign is -1, 0 or 1.
func (a Int128) Sign() int {
	switch {
	case a.Hi < 0:
		return -1
	case a.Hi == 0 && a.Lo == 0:
		return 0
	}
	return 1
}

// Cmp is -1, 0 or 1 as a is less than, equal to or more than b.
func (a Int128) Cmp(b Int128) int { return a.Sub(b).Sign() }

// Uint64 is a as an amount; ok is false where a is negative or does not fit.
func (a Int128) Uint64() (u uint64, ok bool) { return a.Lo, a.Hi == 0 }

// LE16 is the encoding of a delta in a leaf: two's complement, little-endian, 16 bytes.
func (a Int128) LE16() (b [16]byte) {
	binary.LittleEndian.PutUint64(b[:8], a.Lo)
	binary.LittleEndian.PutUint64(b[8:], uint64(a.Hi))
	return b
}

// Int128FromLE16 undoes LE16.
func Int128FromLE16(b [16]byte) Int128 {
	return Int128{Lo: binary.LittleEndian.Uint64(b[:8]), Hi: int64(binary.LittleEndian.Uint64(b[8:]))}
}

// Big is a as a big integer, for ratios and reports.
func (a Int128) Big() *big.Int {
	x := new(big.Int).Lsh(big.NewInt(a.Hi), 64)
	return x.Or(x, new(big.Int).SetUint64(a.Lo)) // the low word is zero after the shift, so Or adds
}

// Float is a rounded, for pictures and percentages only: nothing that is hashed or compared may come from it.
func (a Int128) Float() float64 { return float64(a.Hi)*0x1p64 + float64(a.Lo) }

// Append appends the decimal form of a.
func (a Int128) Append(b []byte) []byte {
	if a.Hi < 0 {
		b = append(b, '-')
		a = a.Neg()
	}
	if a.Hi == 0 {
		return strconv.AppendUint(b, a.Lo, 10)
	}
	const ten19 = 10_000_000_000_000_000_000 // the largest power of ten in 64 bits
	q1, r1 := bits.Div64(0, uint64(a.Hi), ten19)
	q0, low := bits.Div64(r1, a.Lo, ten19)
	b = Int128{Hi: int64(q1), Lo: q0}.Append(b)
	var digits [19]byte
	for i := len(digits) - 1; i >= 0; i-- {
		digits[i] = byte('0' + low%10)
		low /= 10
	}
	return append(b, digits[:]...)
}

// String is the decimal form of a.
func (a Int128) String() string { return string(a.Append(nil)) }

// MarshalText is the decimal form of a.
func (a Int128) MarshalText() ([]byte, error) { return a.Append(nil), nil }

// UnmarshalText reads the decimal form: no leading zeros, no plus sign, no minus zero.
func (a *Int128) UnmarshalText(text []byte) error {
	const longest = 40 // digits and sign of the smallest
	x, ok := new(big.Int).SetString(string(text[:min(len(text), longest+1)]), 10)
	if !ok || len(text) > longest {
		return errors.New("not a decimal integer of 128 bits")
	}
	lo := new(big.Int).And(x, new(big.Int).SetUint64(^uint64(0)))
	v := Int128{Hi: new(big.Int).Rsh(x, 64).Int64(), Lo: lo.Uint64()}
	if v.String() != string(text) {
		return errors.New("not a decimal integer in its shortest form")
	}
	*a = v
	return nil
}
