package model

import (
	"encoding/binary"

	"github.com/gagliardetto/solana-go"

	"github.com/phantom-paradox/paradox/chain/vault"
	"github.com/phantom-paradox/paradox/intent"
)

// ownedAs says whether an account is the program's, of that kind, and of that size (0: any).
func (c *call) ownedAs(a Meta, kind string, size int) bool {
	d := vault.Discriminator(kind)
	return a.Owner == c.program && len(a.Data) >= 8 && [8]byte(a.Data[:8]) == d && (size == 0 || len(a.Data) == size)
}

func (c *call) loadVault(at int) error {
	a := c.acc[at]
	if !c.ownedAs(a, "Vault", vault.VaultSize) {
		return vault.BadVault
	}
	v, err := vault.DecodeVault(a.Data)
	if err != nil {
		return vault.BadVault
	}
	c.v, c.addr.Vault = v, a.Key
	return nil
}

func (c *call) loadPurse(at int) (*vault.Purse, error) {
	a := c.acc[at]
	if !c.ownedAs(a, "Purse", vault.PurseSize) {
		return nil, vault.BadPurse
	}
	p, err := vault.DecodePurse(a.Data)
	if err != nil || p.Vault != c.addr.Vault {
		return nil, vault.BadPurse
	}
	return p, nil
}

// checkPage is "page" of the specification.
func (c *call) checkPage(at int, purse solana.PublicKey) error {
	a := c.acc[at]
	if !c.ownedAs(a, "Page", 0) || len(a.Data) < vault.PageHeaderSize || solana.PublicKey(a.Data[8:40]) != purse {
		return vault.BadPage
	}
	return nil
}

func pageIndex(a Meta) uint32 { return binary.LittleEndian.Uint32(a.Data[40:]) }
func pageCount(a Meta) uint32 { return binary.LittleEndian.Uint32(a.Data[44:]) }

// entryIn is the bytes of an entry in a page.
func entryIn(page Meta, entry uint32) ([]byte, error) {
	at := int(entry % vault.PageEntries)
	if entry/vault.PageEntries != pageIndex(page) || uint32(at) >= pageCount(page) {
		return nil, vault.BadEntry
	}
	o := vault.PageHeaderSize + vault.EntrySize*at
	if o+vault.EntrySize > len(page.Data) {
		return nil, vault.BadEntry
	}
	return page.Data[o : o+vault.EntrySize], nil
}

// rent is the minimum balance of an account of n bytes.
func (c *call) rent(n int) (uint64, error) {
	per, threshold := c.Rent()
	switch threshold {
	case 2:
		return uint64(128+n) * per * 2, nil
	case 1:
		return uint64(128+n) * per, nil
	}
	return 0, vault.BadRent
}

// make makes the account at a place, payer being at place 0.
func (c *call) make(at, size int, owner, want solana.PublicKey, seeds [][]byte) error {
	a := c.acc[at]
	if a.Key != want {
		return vault.BadAddress
	}
	if a.Owner != solana.SystemProgramID || len(a.Data) != 0 {
		return vault.AlreadyExists
	}
	if err := c.topUp(at, size); err != nil {
		return err
	}
	le := binary.LittleEndian
	self := []*solana.AccountMeta{solana.NewAccountMeta(a.Key, true, true)}
	allocate := le.AppendUint64(le.AppendUint32(nil, systemAllocate), uint64(size))
	if err := c.Invoke(solana.SystemProgramID, self, allocate, seeds); err != nil {
		return err
	}
	assign := append(le.AppendUint32(nil, systemAssign), owner[:]...)
	return c.Invoke(solana.SystemProgramID, self, assign, seeds)
}

// The System program's instructions.
const (
	systemAssign   = 1
	systemTransfer = 2
	systemAllocate = 8
)

// topUp transfers from payer what the minimum of an account of that size lacks.
func (c *call) topUp(at, size int) error {
	need, err := c.rent(size)
	if err != nil {
		return err
	}
	have := c.acc[at].Lamports
	if have >= need {
		return nil
	}
	data := binary.LittleEndian.AppendUint32(nil, systemTransfer)
	data = binary.LittleEndian.AppendUint64(data, need-have)
	metas := []*solana.AccountMeta{
		solana.NewAccountMeta(c.acc[0].Key, true, true), solana.NewAccountMeta(c.acc[at].Key, true, false),
	}
	return c.Invoke(solana.SystemProgramID, metas, data)
}

// growPage adds an owner's entry at the end of a page.
func (c *call) growPage(at int, owner intent.Key) error {
	a := c.acc[at]
	if err := c.topUp(at, len(a.Data)+vault.EntrySize); err != nil {
		return err
	}
	e := make([]byte, vault.EntrySize)
	copy(e, owner[:])
	a.Data = append(a.Data[:len(a.Data):len(a.Data)], e...)
	c.acc[at].Account.Data = a.Data
	binary.LittleEndian.PutUint32(a.Data[44:], pageCount(a)+1)
	return nil
}

// writePageHeader writes the header of a page that was just made.
func (c *call) writePageHeader(at int, purse solana.PublicKey, index uint32) {
	copy(c.acc[at].Data, (&vault.Page{Purse: purse, Index: index}).Encode())
}
