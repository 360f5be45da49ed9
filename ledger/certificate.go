package ledger

import (
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/network"
)

// ErrCertificate: commits that do not decide their header.
var ErrCertificate = errors.New("ledger: the certificate does not hold")

// MaxCertificateBytes bounds a certificate: a header and 21 signatures.
const MaxCertificateBytes = MaxHeaderBytes + 4<<10

type wireCertificate struct {
	V          uint64          `cbor:"v"`
	Body       []byte          `cbor:"body"`
	View       uint32          `cbor:"view"`
	Signatures []wireSignature `cbor:"signatures"`
}

type wireSignature struct {
	Member []byte `cbor:"member"`
	Sig    []byte `cbor:"sig"`
}

// Encode is the certificate's canonical dag-cbor.
func (c *Certificate) Encode() []byte {
	w := wireCertificate{V: 1, Body: c.Body, View: c.View, Signatures: make([]wireSignature, len(c.Signatures))}
	for k := range c.Signatures {
		w.Signatures[k] = wireSignature{Member: c.Signatures[k].Member[:], Sig: c.Signatures[k].Sig[:]}
	}
	return encode(&w)
}

// ParseCertificate reads what Encode writes, and its header. It checks no signature.
func ParseCertificate(b []byte) (*Certificate, error) {
	var w wireCertificate
	if err := decode(b, MaxCertificateBytes, &w); err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	if w.V != 1 || len(w.Signatures) > network.MaxMembers {
		return nil, fmt.Errorf("%w: certificate: version %d with %d signatures", ErrEncoding, w.V, len(w.Signatures))
	}
	if _, err := ParseHeader(w.Body); err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	c := &Certificate{Body: w.Body, View: w.View}
	for _, s := range w.Signatures {
		if len(s.Member) != len(intent.Key{}) || len(s.Sig) != len(intent.Signature{}) {
			return nil, fmt.Errorf("%w: certificate: a member or signature of a wrong length", ErrEncoding)
		}
		c.Signatures = append(c.Signatures, MemberSignature{Member: intent.Key(s.Member), Sig: intent.Signature(s.Sig)})
	}
	return c, nil
}

// Verify checks that members of the header's epoch, with more than two thirds of the weight, signed commits of the
// certificate's one view. Every signature must be a different member's, in the members' order, and hold.
func (c *Certificate) Verify(net intent.Hash, members []network.Member) (*Header, error) {
	h, err := ParseHeader(c.Body)
	if err != nil {
		return nil, err
	}
	if h.Network != net {
		return nil, fmt.Errorf("%w: it is of network %s", ErrCertificate, h.Network)
	}
	if c.View < h.View {
		return nil, fmt.Errorf("%w: committed at view %d, first proposed at %d", ErrCertificate, c.View, h.View)
	}
	msg := CommitMessage(net, h.Instance, c.View, h.digestOf(sha256.Sum256(c.Body)))
	var weight uint32
	last := -1
	for k := range c.Signatures {
		s := &c.Signatures[k]
		at := network.Find(members, s.Member)
		if at <= last {
			return nil, fmt.Errorf("%w: %s is no member, or not in the members' order, or signed twice", ErrCertificate, s.Member)
		}
		if !intent.VerifySignature(s.Member, msg, s.Sig) {
			return nil, fmt.Errorf("%w: the signature of %s is wrong", ErrCertificate, s.Member)
		}
		last = at
		weight += uint32(members[at].Weight)
	}
	if !network.Quorum(weight, members) {
		return nil, fmt.Errorf("%w: weight %d of %d is no quorum", ErrCertificate, weight, network.Total(members))
	}
	return h, nil
}

// Digest is the digest of the certificate's header.
func (c *Certificate) Digest() (intent.Hash, error) {
	h, err := ParseHeader(c.Body)
	if err != nil {
		return intent.Hash{}, err
	}
	return h.digestOf(sha256.Sum256(c.Body)), nil
}

// An Epochs chain are the certificates of the heights that changed the members, from the first on. Each is signed by
// the members before it.
type Epochs []Certificate

// Members follows the chain from the network file and gives the members of its last epoch, and that epoch's number. A
// chain shows that a committee has decided a change; that the vault settled it, its events show.
func (e Epochs) Members(f *network.File) ([]network.Member, uint32, error) {
	net, members := f.Hash(), f.Members
	var epoch uint32
	var height uint64
	for k := range e {
		h, err := e[k].Verify(net, members)
		switch {
		case err != nil:
			return nil, 0, fmt.Errorf("epoch %d: %w", epoch+1, err)
		case h.Members == nil:
			return nil, 0, fmt.Errorf("epoch %d: %w: its header does not change members", epoch+1, ErrCertificate)
		case h.Epoch != epoch || h.Height <= height:
			return nil, 0, fmt.Errorf("epoch %d: %w: its header is of epoch %d, height %d", epoch+1, ErrCertificate, h.Epoch, h.Height)
		}
		members, epoch, height = h.Members, epoch+1, h.Height
	}
	return members, epoch, nil
}
