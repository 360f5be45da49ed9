package leader

import (
	"crypto/elliptic"
	"math/big"
)

// A point of P-256. The standard library has no other arithmetic on points than crypto/elliptic's, which is deprecated
// for those who want ECDH or ECDSA; for P-256 it is the constant-time code that those use.
type point struct{ x, y *big.Int }

func parsePoint(b []byte) *point {
	x, y := elliptic.UnmarshalCompressed(elliptic.P256(), b)
	if x == nil {
		return nil
	}
	return &point{x, y}
}

// bytes is the compressed form. The point must not be at infinity.
func (p *point) bytes() []byte { return elliptic.MarshalCompressed(elliptic.P256(), p.x, p.y) }

func (p *point) infinite() bool { return p.x.Sign() == 0 && p.y.Sign() == 0 }

func (p *point) times(scalar []byte) *point {
	x, y := elliptic.P256().ScalarMult(p.x, p.y, scalar) //nolint:staticcheck // see point
	return &point{x, y}
}

func baseTimes(scalar []byte) *point {
	x, y := elliptic.P256().ScalarBaseMult(scalar) //nolint:staticcheck // see point
	return &point{x, y}
}

func (p *point) minus(q *point) *point {
	if q.infinite() {
		return p
	}
	negated := new(big.Int).Sub(elliptic.P256().Params().P, q.y)
	x, y := elliptic.P256().Add(p.x, p.y, q.x, negated) //nolint:staticcheck // see point
	return &point{x, y}
}
