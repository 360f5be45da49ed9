package council

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"github.com/fxamacker/cbor/v2"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/network"
)

// ErrMalformed says that bytes are no change, or no approval.
var ErrMalformed = errors.New("not well formed")

// ErrImpossible says that a change does not fit the members as they are.
var ErrImpossible = errors.New("the change is not possible")

// A Change takes one member in, or puts one out: exactly one of the two is set.
type Change struct {
	Admit  *network.Member
	Join   intent.Signature // the candidate's, where one is admitted
	Remove *intent.Key
}

// ID names a change: the same for all who approve it.
func (c *Change) ID() intent.Hash { return sha256.Sum256(c.encode()) }

// Check says whether the change is well formed, and asked for by whoever is admitted.
func (c *Change) Check(net intent.Hash) error {
	switch {
	case (c.Admit == nil) == (c.Remove == nil):
		return fmt.Errorf("council: %w: a change admits one member or removes one", ErrMalformed)
	case c.Remove != nil:
		return nil
	}
	if err := network.ValidateMembers([]network.Member{*c.Admit}); err != nil {
		return fmt.Errorf("council: %w: %w", ErrMalformed, err)
	}
	if !intent.VerifySignature(c.Admit.Key, joinBytes(net, c.Admit), c.Join) {
		return fmt.Errorf("council: %w: %s has not signed the request to join under that name and with that VRF key", ErrMalformed, c.Admit.Key)
	}
	return nil
}

// Apply gives the members after the change.
func (c *Change) Apply(members []network.Member) ([]network.Member, error) {
	if c.Remove != nil {
		i := network.Find(members, *c.Remove)
		switch {
		case i < 0:
			return nil, fmt.Errorf("council: %w: %s is no member", ErrImpossible, *c.Remove)
		case len(members) == 1:
			return nil, fmt.Errorf("council: %w: %s is the only member", ErrImpossible, members[i].Name)
		}
		return slices.Delete(slices.Clone(members), i, i+1), nil
	}
	out := append(slices.Clone(members), *c.Admit)
	if err := network.ValidateMembers(out); err != nil {
		return nil, fmt.Errorf("council: %w: %w", ErrImpossible, err)
	}
	return out, nil
}

// joinBytes is what a candidate signs. The weight is for the operators to say.
func joinBytes(net intent.Hash, m *network.Member) []byte {
	b := append([]byte("paradox/join/1"), net[:]...)
	b = append(b, m.Key[:]...)
	b = append(b, m.VRF[:]...)
	b = append(b, byte(len(m.Name)))
	return append(b, m.Name...)
}

// SignJoin is a candidate's request to join; the member's weight does not matter.
func SignJoin(key ed25519.PrivateKey, net intent.Hash, m *network.Member) (sig intent.Signature) {
	copy(sig[:], ed25519.Sign(key, joinBytes(net, m)))
	return sig
}

type wireMember struct {
	Key    []byte `cbor:"key"`
	Name   string `cbor:"name"`
	VRF    []byte `cbor:"vrf"`
	Weight uint16 `cbor:"weight"`
}

type wireChange struct {
	Admit  *wireMember `cbor:"admit,omitempty"`
	Join   []byte      `cbor:"join,omitempty"`
	Remove []byte      `cbor:"remove,omitempty"`
}

func (c *Change) encode() []byte {
	var w wireChange
	if m := c.Admit; m != nil {
		w.Admit, w.Join = &wireMember{Key: m.Key[:], Name: m.Name, VRF: m.VRF[:], Weight: m.Weight}, c.Join[:]
	}
	if c.Remove != nil {
		w.Remove = c.Remove[:]
	}
	return mustEncode(w)
}

// parseChange reads the canonical encoding of what Check may judge.
func parseChange(b []byte) (*Change, error) {
	var w wireChange
	if err := decode(b, &w); err != nil {
		return nil, err
	}
	c := &Change{}
	if w.Remove != nil {
		if len(w.Remove) != len(intent.Key{}) {
			return nil, fmt.Errorf("council: %w: a key of %d bytes", ErrMalformed, len(w.Remove))
		}
		key := intent.Key(w.Remove)
		c.Remove = &key
	}
	if m := w.Admit; m != nil {
		if len(m.Key) != len(intent.Key{}) || len(m.VRF) != len(network.VRFKey{}) || len(w.Join) != len(c.Join) {
			return nil, fmt.Errorf("council: %w: a key or signature has another length", ErrMalformed)
		}
		c.Admit = &network.Member{Name: m.Name, Key: intent.Key(m.Key), VRF: network.VRFKey(m.VRF), Weight: m.Weight}
		copy(c.Join[:], w.Join)
	}
	if (c.Admit == nil) == (c.Remove == nil) || c.Admit == nil && w.Join != nil {
		return nil, fmt.Errorf("council: %w: a change admits one member or removes one", ErrMalformed)
	}
	return c, nil
}

func mustEncode(v any) []byte {
	enc, err := cbor.CoreDetEncOptions().EncMode()
	if err == nil {
		var b []byte
		if b, err = enc.Marshal(v); err == nil {
			return b
		}
	}
	panic(fmt.Sprintf("council: these always have an encoding: %v", err))
}

// decode reads canonical dag-cbor only.
func decode(b []byte, v any) error {
	dec, err := cbor.DecOptions{DupMapKey: cbor.DupMapKeyEnforcedAPF, ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		IndefLength: cbor.IndefLengthForbidden, TagsMd: cbor.TagsForbidden, MaxNestedLevels: 4}.DecMode()
	if err == nil {
		err = dec.Unmarshal(b, v)
	}
	if err != nil {
		return fmt.Errorf("council: %w: %w", ErrMalformed, err)
	}
	if !bytes.Equal(mustEncode(v), b) {
		return fmt.Errorf("council: %w: not canonical", ErrMalformed)
	}
	return nil
}
