package model

import (
	"encoding/binary"
	"math"

	"github.com/gagliardetto/solana-go"

	"github.com/phantom-paradox/paradox/chain/vault"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/ledger"
)

func (c *call) createVault() error {
	if c.acc[2].Key != solana.SystemProgramID {
		return vault.BadSystemProgram
	}
	f, err := vault.ParseFounding(c.args)
	if err != nil {
		return vault.BadData
	}
	if err := checkMembers(f.Members); err != nil {
		return err
	}
	if f.Threshold != vault.Threshold(f.Members) {
		return vault.BadThreshold
	}
	hash := vault.FoundingHash(c.program, c.args)
	a := vault.NewAddresses(intent.Key(c.program), hash)
	seeds := [][]byte{[]byte("vault"), hash[:], {a.Bump}}
	if err := c.make(1, vault.VaultSize, c.program, a.Vault, seeds); err != nil {
		return err
	}
	v := vault.Vault{
		Bump: a.Bump, Members: f.Members, Network: hash, FeeOwner: f.FeeOwner, Threshold: f.Threshold,
		WithdrawDelay: f.WithdrawDelay, DropTime: f.DropTime, LastDigest: hash,
	}
	copy(c.acc[1].Data, v.Encode())
	return nil
}

// checkMembers is "Members" of the specification.
func checkMembers(ms []vault.Member) error {
	for i, m := range ms {
		if m.Weight == 0 {
			return vault.BadMembers
		}
		if vault.SmallOrder(m.Key) {
			return vault.SmallOrderKey
		}
		for _, b := range ms[:i] {
			if b.Key == m.Key {
				return vault.BadMembers
			}
		}
	}
	return nil
}

// The Token program's bytes that the vault reads or writes.
const (
	mintSize            = 82
	mintDecimals        = 44
	mintInitialized     = 45
	tokenAccountSize    = 165
	tokenAmount         = 64
	initializeAccount3  = 18
	transferChecked     = 12
	transferCheckedSize = 10
)

func (c *call) addPurse() error {
	mint := c.acc[2]
	if mint.Owner != solana.TokenProgramID || len(mint.Data) != mintSize || mint.Data[mintInitialized] != 1 {
		return vault.BadMint
	}
	if c.acc[6].Key != solana.TokenProgramID {
		return vault.BadTokenProgram
	}
	if c.acc[7].Key != solana.SystemProgramID {
		return vault.BadSystemProgram
	}
	key, bump := c.addr.Purse(intent.Key(mint.Key))
	seeds := [][]byte{[]byte("purse"), c.addr.Vault[:], mint.Key[:], {bump}}
	if err := c.make(3, vault.PurseSize, c.program, key, seeds); err != nil {
		return err
	}
	tokens, tbump := c.addr.Tokens(key)
	p := vault.Purse{Vault: c.addr.Vault, Mint: intent.Key(mint.Key), Tokens: tokens, Bump: bump}
	copy(c.acc[3].Data, p.Encode())
	if err := c.make(4, tokenAccountSize, solana.TokenProgramID, tokens, [][]byte{[]byte("tokens"), key[:], {tbump}}); err != nil {
		return err
	}
	metas := []*solana.AccountMeta{solana.NewAccountMeta(tokens, true, false), solana.NewAccountMeta(mint.Key, false, false)}
	if err := c.Invoke(solana.TokenProgramID, metas, append([]byte{initializeAccount3}, key[:]...)); err != nil {
		return err
	}
	if err := c.makePage(5, key, 0); err != nil {
		return err
	}
	return c.open(&p, 3, 5, c.v.FeeOwner)
}

func (c *call) makePage(at int, purse solana.PublicKey, index uint32) error {
	key, bump := c.addr.Page(purse, index)
	seeds := [][]byte{[]byte("page"), purse[:], binary.LittleEndian.AppendUint32(nil, index), {bump}}
	if err := c.make(at, vault.PageHeaderSize, c.program, key, seeds); err != nil {
		return err
	}
	c.writePageHeader(at, purse, index)
	return nil
}

// open adds the purse's next entry, in the page at a place.
func (c *call) open(p *vault.Purse, purseAt, pageAt int, owner intent.Key) error {
	if err := c.growPage(pageAt, owner); err != nil {
		return err
	}
	entry := p.Entries
	if entry == math.MaxUint32 {
		return vault.Overflow
	}
	p.Entries++
	copy(c.acc[purseAt].Data, p.Encode())
	return c.push(append(c.entryEvent(ledger.EventOpen, p.Mint, entry), owner[:]...))
}

func (c *call) openEntry() error {
	p, err := c.loadPurse(2)
	if err != nil {
		return err
	}
	if c.acc[4].Key != solana.SystemProgramID {
		return vault.BadSystemProgram
	}
	purse := c.acc[2].Key
	index, place := p.Entries/vault.PageEntries, p.Entries%vault.PageEntries
	if key, _ := c.addr.Page(purse, index); c.acc[3].Key != key {
		return vault.BadAddress
	}
	if place == 0 && c.acc[3].Owner != c.program {
		if err := c.makePage(3, purse, index); err != nil {
			return err
		}
	}
	if err := c.checkPage(3, purse); err != nil {
		return err
	}
	if pageCount(c.acc[3]) != place {
		return vault.BadPage
	}
	return c.open(p, 2, 3, intent.Key(c.args))
}

// pageEntry checks purse (place 2) and page (place 3).
func (c *call) pageEntry() (*vault.Purse, error) {
	p, err := c.loadPurse(2)
	if err != nil {
		return nil, err
	}
	return p, c.checkPage(3, c.acc[2].Key)
}

// tokenSide checks tokens (5 or 4), mint (6) and the Token program (7).
func (c *call) tokenSide(p *vault.Purse, tokensAt int) error {
	if c.acc[tokensAt].Key != p.Tokens {
		return vault.BadTokenAccount
	}
	if intent.Key(c.acc[6].Key) != p.Mint {
		return vault.BadMint
	}
	if c.acc[7].Key != solana.TokenProgramID {
		return vault.BadTokenProgram
	}
	return nil
}

func (c *call) transfer(from, to, authority solana.PublicKey, amount uint64, seeds ...[][]byte) error {
	data := binary.LittleEndian.AppendUint64([]byte{transferChecked}, amount)
	data = append(data, c.acc[6].Data[mintDecimals])
	metas := []*solana.AccountMeta{
		solana.NewAccountMeta(from, true, false), solana.NewAccountMeta(c.acc[6].Key, false, false),
		solana.NewAccountMeta(to, true, false), solana.NewAccountMeta(authority, false, true),
	}
	return c.Invoke(solana.TokenProgramID, metas, data, seeds...)
}

func (c *call) deposit() error {
	p, err := c.pageEntry()
	if err != nil {
		return err
	}
	if err := c.tokenSide(p, 5); err != nil {
		return err
	}
	entry, amount := binary.LittleEndian.Uint32(c.args), binary.LittleEndian.Uint64(c.args[4:])
	if amount == 0 {
		return vault.ZeroAmount
	}
	d, err := entryIn(c.acc[3], entry)
	if err != nil {
		return err
	}
	before := binary.LittleEndian.Uint64(c.acc[5].Data[tokenAmount:])
	if err := c.transfer(c.acc[4].Key, c.acc[5].Key, c.acc[0].Key, amount); err != nil {
		return err
	}
	after := binary.LittleEndian.Uint64(c.acc[5].Data[tokenAmount:])
	if after < before {
		return vault.Overflow
	}
	if after == before {
		return vault.ZeroAmount
	}
	e := vault.ReadEntry(d)
	arrived := after - before
	if e.Available+arrived < arrived {
		return vault.Overflow
	}
	e.Available += arrived
	e.Put(d)
	return c.push(binary.LittleEndian.AppendUint64(c.entryEvent(ledger.EventDeposit, p.Mint, entry), arrived))
}

// ownEntry is the entry's bytes if the signer at place 0 owns it.
func (c *call) ownEntry(entry uint32) ([]byte, vault.Entry, error) {
	d, err := entryIn(c.acc[3], entry)
	if err != nil {
		return nil, vault.Entry{}, err
	}
	e := vault.ReadEntry(d)
	if e.Owner != intent.Key(c.acc[0].Key) {
		return nil, e, vault.NotOwner
	}
	return d, e, nil
}

func (c *call) request() error {
	p, err := c.pageEntry()
	if err != nil {
		return err
	}
	entry, amount := binary.LittleEndian.Uint32(c.args), binary.LittleEndian.Uint64(c.args[4:])
	if amount == 0 {
		return vault.ZeroAmount
	}
	d, e, err := c.ownEntry(entry)
	if err != nil {
		return err
	}
	unlock := c.Slot() + c.v.WithdrawDelay
	if unlock < c.Slot() {
		return vault.Overflow
	}
	ev := binary.LittleEndian.AppendUint64(c.entryEvent(ledger.EventRequest, p.Mint, entry), amount)
	if err := c.push(binary.LittleEndian.AppendUint64(ev, unlock)); err != nil {
		return err
	}
	e.Requested, e.Request, e.Unlock = amount, c.v.EventNumber, unlock
	e.Put(d)
	return nil
}

func (c *call) cancel() error {
	p, err := c.pageEntry()
	if err != nil {
		return err
	}
	entry := binary.LittleEndian.Uint32(c.args)
	d, e, err := c.ownEntry(entry)
	if err != nil {
		return err
	}
	if e.Requested == 0 {
		return vault.NoRequest
	}
	e.Requested, e.Request, e.Unlock = 0, 0, 0
	e.Put(d)
	return c.push(c.entryEvent(ledger.EventCancel, p.Mint, entry))
}

func (c *call) withdraw() error {
	p, err := c.pageEntry()
	if err != nil {
		return err
	}
	if err := c.tokenSide(p, 4); err != nil {
		return err
	}
	entry := binary.LittleEndian.Uint32(c.args)
	d, e, err := c.ownEntry(entry)
	if err != nil {
		return err
	}
	if e.Requested == 0 {
		return vault.NoRequest
	}
	early, err := c.withdrawPath(e)
	if err != nil {
		return err
	}
	paid := min(e.Requested, e.Available)
	if paid == 0 {
		return vault.NothingToWithdraw
	}
	purse := c.acc[2].Key
	seeds := [][]byte{[]byte("purse"), c.addr.Vault[:], p.Mint[:], {p.Bump}}
	if err := c.transfer(c.acc[4].Key, c.acc[5].Key, purse, paid, seeds); err != nil {
		return err
	}
	e.Available -= paid
	e.Requested, e.Request, e.Unlock = 0, 0, 0
	e.Put(d)
	return c.withdrawn(p, entry, paid, early)
}

// withdrawPath says whether the withdrawal is one that a header in flight may not know (path 2).
func (c *call) withdrawPath(e vault.Entry) (second bool, err error) {
	known, begun := c.v.Floor, false
	if c.v.Pending != nil {
		known, begun = c.v.Pending.Cut, c.v.Pending.CreditsBegun
	}
	if e.Request <= known && !begun {
		return false, nil
	}
	if c.v.Pending != nil {
		return true, vault.HeightPending
	}
	if c.Slot() < e.Unlock {
		return true, vault.Locked
	}
	return true, nil
}

func (c *call) withdrawn(p *vault.Purse, entry uint32, paid uint64, second bool) error {
	if second {
		if err := c.nextGeneration(); err != nil {
			return err
		}
	}
	ev := binary.LittleEndian.AppendUint64(c.entryEvent(ledger.EventWithdraw, p.Mint, entry), paid)
	if err := c.push(binary.LittleEndian.AppendUint32(ev, c.v.Generation)); err != nil {
		return err
	}
	if second {
		c.v.Floor = c.v.EventNumber
	}
	return nil
}
