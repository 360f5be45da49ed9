package vault

import (
	"encoding/binary"

	"github.com/gagliardetto/solana-go"

	"github.com/phantom-paradox/paradox/intent"
)

// Addresses derives the addresses of one network's vault.
type Addresses struct {
	Program solana.PublicKey
	Vault   solana.PublicKey
	Bump    uint8
}

// NewAddresses derives the vault of the network with this hash.
func NewAddresses(program intent.Key, network intent.Hash) Addresses {
	a := Addresses{Program: solana.PublicKey(program)}
	a.Vault, a.Bump = a.find([]byte("vault"), network[:])
	return a
}

// Purse is the account that counts the funds of a mint, and its bump.
func (a Addresses) Purse(mint intent.Key) (solana.PublicKey, uint8) {
	return a.find([]byte("purse"), a.Vault[:], mint[:])
}

// Tokens is the token account that holds the funds of a purse, and its bump.
func (a Addresses) Tokens(purse solana.PublicKey) (solana.PublicKey, uint8) {
	return a.find([]byte("tokens"), purse[:])
}

// Page is the index-th page of entries of a purse, and its bump.
func (a Addresses) Page(purse solana.PublicKey, index uint32) (solana.PublicKey, uint8) {
	return a.find([]byte("page"), purse[:], binary.LittleEndian.AppendUint32(nil, index))
}

// Tally counts the attestations of a header in one view.
func (a Addresses) Tally(digest intent.Hash, view uint32) (solana.PublicKey, uint8) {
	return a.find([]byte("tally"), a.Vault[:], digest[:], binary.LittleEndian.AppendUint32(nil, view))
}

// find cannot fail: of 256 bumps about half are off the curve.
func (a Addresses) find(seeds ...[]byte) (solana.PublicKey, uint8) {
	key, bump, err := solana.FindProgramAddress(seeds, a.Program)
	if err != nil {
		panic("vault: no program address: " + err.Error())
	}
	return key, bump
}
