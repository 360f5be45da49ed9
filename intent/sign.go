package intent

import (
	"crypto/ed25519"
	"errors"

	voi "github.com/oasisprotocol/curve25519-voi/primitives/ed25519"

	"github.com/oasisprotocol/curve25519-voi/curve"
)

// VerifySignature is the one signature rule of the network, for intents and votes: that of ed25519-dalek's verify_strict,
// which Solana uses. S is canonical, A and R are decodable and not of small order, and there is no cofactor. Single and
// batch verification part on crafted input, so nothing else may decide validity.
func VerifySignature(key Key, msg []byte, sig Signature) bool {
	opts := voi.Options{Verify: &voi.VerifyOptions{AllowNonCanonicalA: true, CofactorlessVerify: true}}
	return voi.VerifyWithOptions(key[:], msg, sig[:], &opts)
}

// SmallOrder says whether a key is a point of small order: for such a key anybody can sign anything under a lax rule.
func SmallOrder(k Key) bool {
	p, ok := decodePoint(k)
	return ok && p.IsSmallOrder()
}

// OnCurve says whether a key is the encoding of a point, so that it can sign at all.
func OnCurve(k Key) bool {
	_, ok := decodePoint(k)
	return ok
}

func decodePoint(k Key) (*curve.EdwardsPoint, bool) {
	var c curve.CompressedEdwardsY
	copy(c[:], k[:])
	p, err := curve.NewEdwardsPoint().SetCompressedY(&c)
	return p, err == nil
}

// Verify checks the signature over the text: bad_signature, or why there is no text. The error is an *Error.
func (s *Signed) Verify(n *Network) error {
	text, err := s.AppendText(make([]byte, 0, maxText), n)
	if err != nil {
		return err
	}
	return s.VerifyText(text)
}

// VerifyText is Verify for callers that have rendered the text already.
func (s *Signed) VerifyText(text []byte) error {
	if !VerifySignature(s.SigningKey(), text, s.Sig) {
		return refuse(BadSignature, fieldSig, "is not "+s.SigningKey().String()+"'s over the text of this intent")
	}
	return nil
}

// ErrWrongSigner is returned by Sign for a private key that is not the intent's signing key.
var ErrWrongSigner = errors.New("the private key is not that of the intent's signer (or of its from, where it has none)")

// Sign signs an intent's text. A zero Network is filled in. It does not Check: what has a text can be signed.
func Sign(priv ed25519.PrivateKey, n *Network, i Intent) (*Signed, error) {
	if i.Network == (Hash{}) {
		i.Network = n.Hash
	}
	text, err := i.AppendText(make([]byte, 0, maxText), n)
	if err != nil {
		return nil, err
	}
	if len(priv) != ed25519.PrivateKeySize || Key(priv[ed25519.PrivateKeySize-ed25519.PublicKeySize:]) != i.SigningKey() {
		return nil, ErrWrongSigner
	}
	s := &Signed{Intent: i}
	copy(s.Sig[:], ed25519.Sign(priv, text))
	return s, nil
}
