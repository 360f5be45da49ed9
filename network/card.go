package network

import (
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"strconv"

	"github.com/phantom-paradox/paradox/intent"
)

// cardDomain begins what a founder signs to hand in keys.
const cardDomain = "paradox/card/1"

// Bounds of a card.
const (
	maxCardBytes     = 8 << 10 // four addresses of 512 characters, and far less for all else
	maxCardAddresses = 4       // TCP and QUIC, over IPv4 and IPv6 or a name
)

// A Card is what a founder hands in: who it is and where its node will listen, signed by the key that will vote. Nothing in it is
// secret. It founds nothing: that takes the founder's signature of the network's hash.
type Card struct {
	Member
	Addresses []string         `json:"addresses,omitempty"` // multiaddrs with the peer's id
	Sig       intent.Signature `json:"sig"`
}

// NewCard signs a card with the voting key, which becomes m.Key.
func NewCard(key ed25519.PrivateKey, m Member, addresses []string) (*Card, error) {
	copy(m.Key[:], key.Public().(ed25519.PublicKey))
	c := &Card{Member: m, Addresses: addresses}
	if err := c.validate(); err != nil {
		return nil, err
	}
	copy(c.Sig[:], ed25519.Sign(key, c.bytes()))
	return c, nil
}

// ParseCard reads a card and checks that its own key has signed it.
func ParseCard(b []byte) (*Card, error) {
	if len(b) > maxCardBytes {
		return nil, fmt.Errorf("member card: is %d bytes; the longest has %d: is this the right file?", len(b), maxCardBytes)
	}
	c := new(Card)
	if err := decode("member card", b, c); err != nil {
		return nil, err
	}
	if err := c.validate(); err != nil {
		return nil, err
	}
	if !intent.VerifySignature(c.Key, c.bytes(), c.Sig) {
		return nil, fmt.Errorf("member card: sig of %s is not that of %s over this card: something in it was changed or damaged; ask %s for the card again",
			c.Name, c.Key, c.Name)
	}
	return c, nil
}

// JSON is the card's stable form.
func (c *Card) JSON() []byte { return pretty(c) }

// validate checks what is signed. Fields are named as in a card.
func (c *Card) validate() error {
	if e := memberFault(&c.Member); e != nil {
		return fmt.Errorf("member card: %s %s; %s", e.Field, e.Problem, e.Remedy)
	}
	if len(c.Addresses) > maxCardAddresses {
		return fmt.Errorf("member card: addresses has %s; name at most %d", strconv.Itoa(len(c.Addresses)), maxCardAddresses)
	}
	for i, a := range c.Addresses {
		if e := addressFault(fmt.Sprintf("addresses[%d]", i), a); e != nil {
			return fmt.Errorf("member card: %s %s; %s", e.Field, e.Problem, e.Remedy)
		}
	}
	return nil
}

// bytes are what the card's key signs.
func (c *Card) bytes() []byte {
	b := append([]byte(cardDomain), c.Key[:]...)
	b = append(b, c.VRF[:]...)
	b = binary.LittleEndian.AppendUint16(b, c.Weight)
	b = append(append(b, byte(len(c.Name))), c.Name...)
	b = append(b, byte(len(c.Addresses)))
	for _, a := range c.Addresses {
		b = append(binary.LittleEndian.AppendUint16(b, uint16(len(a))), a...)
	}
	return b
}

// Add takes a founder into a draft, and its addresses into the bootstrap addresses. It refuses once somebody has signed: the hash
// would be another.
func (f *File) Add(c *Card) error {
	if n := len(f.Signatures); n > 0 {
		return &Error{"signatures", "has " + strconv.Itoa(n) + " of this file without " + c.Name,
			"a new member makes another network: take the signatures out, add the member, and let everybody sign again"}
	}
	to := *f
	to.Members = append(f.Members[:len(f.Members):len(f.Members)], c.Member)
	to.Bootstrap = append(f.Bootstrap[:len(f.Bootstrap):len(f.Bootstrap)], c.Addresses...)
	if err := to.Validate(); err != nil {
		return fmt.Errorf("adding %s: %w", c.Name, err)
	}
	*f = to
	return nil
}
