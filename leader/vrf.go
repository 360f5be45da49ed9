package leader

import (
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/big"

	"github.com/phantom-paradox/paradox/network"
)

// ProofSize is the length of a proof: gamma 33, c 16, s 32.
const ProofSize = 81

const (
	gammaEnd = 33
	cEnd     = gammaEnd + 16
)

// RFC 9381, section 5.5: ECVRF-P256-SHA256-TAI, and the bytes that separate its hashes.
const (
	suite       = 0x01
	toCurve     = 0x01
	toChallenge = 0x02
	toOutput    = 0x03
	back        = 0x00
)

// ErrProof says that a proof does not belong to this key and input.
var ErrProof = errors.New("leader: VRF proof is invalid")

// A Prover holds a VRF key.
type Prover interface {
	Prove(alpha []byte) (output [32]byte, proof []byte, err error)
	Public() network.VRFKey
}

// Key is a P-256 VRF key in memory.
type Key struct {
	secret [32]byte
	public network.VRFKey
}

// NewKey makes a key of 32 secret big-endian bytes: not zero, and below the curve's order.
func NewKey(secret [32]byte) (*Key, error) {
	d := new(big.Int).SetBytes(secret[:])
	if d.Sign() == 0 || d.Cmp(order()) >= 0 {
		return nil, errors.New("leader: VRF secret is zero or not below the order of P-256")
	}
	k := &Key{secret: secret}
	copy(k.public[:], baseTimes(secret[:]).bytes())
	return k, nil
}

// Public is the compressed public key.
func (k *Key) Public() network.VRFKey { return k.public }

// Prove computes the output for alpha and its proof (RFC 9381, section 5.1).
func (k *Key) Prove(alpha []byte) ([32]byte, []byte, error) {
	h, err := hashToCurve(k.public, alpha)
	if err != nil {
		return [32]byte{}, nil, err
	}
	gamma := h.times(k.secret[:])
	nonce := k.nonce(h.bytes())
	u, v := baseTimes(nonce), h.times(nonce)
	c := challenge(k.public, h, gamma, u, v)
	s := new(big.Int).SetBytes(c)
	s.Mul(s, new(big.Int).SetBytes(k.secret[:]))
	s.Add(s, new(big.Int).SetBytes(nonce))
	s.Mod(s, order())
	proof := append(gamma.bytes(), c...)
	return output(gamma), append(proof, s.FillBytes(make([]byte, 32))...), nil
}

// Verify checks a proof and gives the output that it proves (RFC 9381, section 5.3).
func Verify(key network.VRFKey, alpha, proof []byte) ([32]byte, error) {
	var none [32]byte
	if len(proof) != ProofSize {
		return none, fmt.Errorf("%w: %d bytes, not %d", ErrProof, len(proof), ProofSize)
	}
	y, gamma := parsePoint(key[:]), parsePoint(proof[:gammaEnd])
	if y == nil {
		return none, errors.New("leader: VRF public key is not a compressed point of P-256")
	}
	c, s := proof[gammaEnd:cEnd], proof[cEnd:]
	// The proof's bytes go into a header, so a second spelling of the same proof must not pass.
	if gamma == nil || new(big.Int).SetBytes(s).Cmp(order()) >= 0 {
		return none, fmt.Errorf("%w: gamma or s out of range", ErrProof)
	}
	h, err := hashToCurve(key, alpha)
	if err != nil {
		return none, err
	}
	u := baseTimes(s).minus(y.times(c))
	v := h.times(s).minus(gamma.times(c))
	// A nonce of zero gives the point at infinity, which has no encoding; no honest prover has one.
	if u.infinite() || v.infinite() || !hmac.Equal(c, challenge(key, h, gamma, u, v)) {
		return none, ErrProof
	}
	return output(gamma), nil
}

// ValidKey says whether the bytes are a VRF public key; a genesis refuses others.
func ValidKey(key network.VRFKey) bool { return parsePoint(key[:]) != nil }

// hashToCurve is encode_to_curve by trial and increment, salted with the public key.
func hashToCurve(key network.VRFKey, alpha []byte) (*point, error) {
	for ctr := range 256 {
		b := append([]byte{suite, toCurve}, key[:]...)
		b = append(append(b, alpha...), byte(ctr), back)
		sum := sha256.Sum256(b)
		if p := parsePoint(append([]byte{2}, sum[:]...)); p != nil {
			return p, nil
		}
	}
	return nil, errors.New("leader: no counter gives a point") // one input in 2^256
}

func challenge(key network.VRFKey, points ...*point) []byte {
	b := append([]byte{suite, toChallenge}, key[:]...)
	for _, p := range points {
		b = append(b, p.bytes()...)
	}
	sum := sha256.Sum256(append(b, back))
	return sum[:16]
}

func output(gamma *point) [32]byte {
	b := append([]byte{suite, toOutput}, gamma.bytes()...)
	return sha256.Sum256(append(b, back))
}

// nonce is RFC 6979's, section 3.2, of the message h.
func (k *Key) nonce(h []byte) []byte {
	sum := sha256.Sum256(h)
	reduced := new(big.Int).SetBytes(sum[:])
	reduced.Mod(reduced, order())
	seed := append(append([]byte(nil), k.secret[:]...), reduced.FillBytes(make([]byte, 32))...)
	key, v := make([]byte, 32), make([]byte, 32)
	for i := range v {
		v[i] = 1
	}
	for _, sep := range []byte{0, 1} {
		key = mac(key, v, []byte{sep}, seed)
		v = mac(key, v)
	}
	for {
		v = mac(key, v)
		if n := new(big.Int).SetBytes(v); n.Sign() > 0 && n.Cmp(order()) < 0 {
			return v
		}
		key = mac(key, v, []byte{0})
		v = mac(key, v)
	}
}

func mac(key []byte, parts ...[]byte) []byte {
	h := hmac.New(sha256.New, key)
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

func order() *big.Int { return elliptic.P256().Params().N }
