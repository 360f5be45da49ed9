package council

import (
	"crypto/ed25519"
	"encoding/json"
	"fmt"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/network"
)

// A Request is what a candidate hands to operators, as JSON: who asks to be admitted, signed by the key that will vote.
type Request struct {
	Network intent.Hash      `json:"network"`
	Name    string           `json:"name"`
	Key     intent.Key       `json:"key"`
	VRF     network.VRFKey   `json:"vrf"`
	Sig     intent.Signature `json:"sig"`
}

// maxRequest bounds a request's JSON: it has about 400 bytes.
const maxRequest = 4 << 10

// NewRequest signs a request to join a network.
func NewRequest(key ed25519.PrivateKey, vrf network.VRFKey, net intent.Hash, name string) (*Request, error) {
	m := &network.Member{Name: name, VRF: vrf, Weight: 1}
	copy(m.Key[:], key.Public().(ed25519.PublicKey))
	if err := network.ValidateMembers([]network.Member{*m}); err != nil {
		return nil, fmt.Errorf("council: %w: %w", ErrMalformed, err)
	}
	return &Request{Network: net, Name: name, Key: m.Key, VRF: vrf, Sig: SignJoin(key, net, m)}, nil
}

// ParseRequest reads a request.
func ParseRequest(b []byte) (*Request, error) {
	if len(b) > maxRequest {
		return nil, fmt.Errorf("council: %w: a request has at most %d bytes", ErrMalformed, maxRequest)
	}
	var r Request
	if err := json.Unmarshal(b, &r); err != nil {
		return nil, fmt.Errorf("council: %w: the request to join: %w", ErrMalformed, err)
	}
	return &r, nil
}

// Admits is the change that admits the candidate with a weight.
func (r *Request) Admits(net intent.Hash, weight uint16) (*Change, error) {
	if r.Network != net {
		return nil, fmt.Errorf("council: %w: the request is to join the network %s, this is %s", ErrMalformed, r.Network, net)
	}
	c := &Change{Admit: &network.Member{Name: r.Name, Key: r.Key, VRF: r.VRF, Weight: weight}, Join: r.Sig}
	return c, c.Check(net)
}
