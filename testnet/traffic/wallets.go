package traffic

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"

	"github.com/phantom-paradox/paradox/intent"
)

// A Wallet is a key of the traffic.
type Wallet struct {
	Name string
	Key  ed25519.PrivateKey
}

// Public is the wallet's address.
func (w *Wallet) Public() intent.Key { return public(w.Key) }

func public(k ed25519.PrivateKey) intent.Key {
	return intent.Key(k[ed25519.PrivateKeySize-ed25519.PublicKeySize:])
}

// Cast is who takes part.
type Cast struct {
	Traders  []Wallet // have entries and money in every mint
	Poor     []Wallet // have entries and nothing in them; money comes to them later
	Stuck    []Wallet // have entries and never any money
	Clumsy   []Wallet // have entries and money, and get everything wrong
	Stranger Wallet   // has no entry anywhere
}

// How many wallets a cast has besides its traders.
const (
	poor   = 4
	stuck  = 16 // one has one intent at a time
	clumsy = 2
)

// NewCast derives a cast from a secret. The same secret gives the same keys.
func NewCast(secret [32]byte, traders int) *Cast {
	c := &Cast{Stranger: derive(secret, "stranger", 0)}
	for n := range traders {
		c.Traders = append(c.Traders, derive(secret, "trader", n))
	}
	for n := range poor {
		c.Poor = append(c.Poor, derive(secret, "poor", n))
	}
	for n := range stuck {
		c.Stuck = append(c.Stuck, derive(secret, "stuck", n))
	}
	for n := range clumsy {
		c.Clumsy = append(c.Clumsy, derive(secret, "clumsy", n))
	}
	return c
}

// Entries lists the wallets that have entries.
func (c *Cast) Entries() []Wallet {
	out := append([]Wallet{}, c.Traders...)
	out = append(out, c.Poor...)
	out = append(out, c.Stuck...)
	return append(out, c.Clumsy...)
}

// Funded says whether a wallet gets money at the start.
func (c *Cast) Funded() []Wallet { return append(append([]Wallet{}, c.Traders...), c.Clumsy...) }

func derive(secret [32]byte, role string, n int) Wallet {
	b := append([]byte("paradox/testnet/wallet/1"), secret[:]...)
	b = binary.LittleEndian.AppendUint64(append(b, role...), uint64(n))
	seed := sha256.Sum256(b)
	return Wallet{Name: role, Key: ed25519.NewKeyFromSeed(seed[:])}
}
