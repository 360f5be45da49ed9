package vault

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/gagliardetto/solana-go"

	"github.com/phantom-paradox/paradox/intent"
)

// A Tag is the first byte of an instruction's data.
type Tag uint8

// The instructions.
const (
	TagCreateVault Tag = 0
	TagAddPurse    Tag = 1
	TagOpenEntry   Tag = 2
	TagDeposit     Tag = 3
	TagRequest     Tag = 4
	TagCancel      Tag = 5
	TagWithdraw    Tag = 6
	TagAttest      Tag = 7
	TagApply       Tag = 8
	TagUnapply     Tag = 10
	TagDrop        Tag = 11
	TagCloseTally  Tag = 12
)

// A Founding is what create vault binds: the consensus fields that the program must know, and the hash of the rest.
type Founding struct {
	Members       []Member
	Threshold     uint32
	WithdrawDelay uint64
	DropTime      uint64
	FeeOwner      intent.Key
	Rest          intent.Hash
}

// Encode is create vault's arguments: everything after the tag.
func (f *Founding) Encode() []byte {
	b := []byte{byte(len(f.Members))}
	for _, m := range f.Members {
		b = append(b, m.Key[:]...)
		b = binary.LittleEndian.AppendUint16(b, m.Weight)
	}
	b = binary.LittleEndian.AppendUint32(b, f.Threshold)
	b = binary.LittleEndian.AppendUint64(b, f.WithdrawDelay)
	b = binary.LittleEndian.AppendUint64(b, f.DropTime)
	b = append(b, f.FeeOwner[:]...)
	return append(b, f.Rest[:]...)
}

// Hash is the network hash of the founding under a program.
func (f *Founding) Hash(program solana.PublicKey) intent.Hash {
	return FoundingHash(program, f.Encode())
}

// FoundingHash is the network hash of create vault's arguments.
func FoundingHash(program solana.PublicKey, args []byte) intent.Hash {
	h := sha256.New()
	h.Write([]byte("paradox/network/1"))
	h.Write(program[:])
	h.Write(args)
	return intent.Hash(h.Sum(nil))
}

// ParseFounding reads create vault's arguments; it checks the form only.
func ParseFounding(b []byte) (*Founding, error) {
	if len(b) < 1 || b[0] < 1 || b[0] > MaxMembers || len(b) != 85+34*int(b[0]) {
		return nil, errors.New("create vault: arguments of a wrong length")
	}
	f := &Founding{Members: parseMembers(b[1:], int(b[0]))}
	b = b[1+34*int(b[0]):]
	le := binary.LittleEndian
	f.Threshold, f.WithdrawDelay, f.DropTime = le.Uint32(b), le.Uint64(b[4:]), le.Uint64(b[12:])
	f.FeeOwner, f.Rest = intent.Key(b[20:52]), intent.Hash(b[52:84])
	return f, nil
}

func parseMembers(b []byte, n int) []Member {
	ms := make([]Member, n)
	for i := range ms {
		ms[i] = Member{Key: intent.Key(b[34*i : 34*i+32]), Weight: binary.LittleEndian.Uint16(b[34*i+32:])}
	}
	return ms
}

// CreateVault founds the network's vault; a.Vault must be derived from f's hash.
func (a Addresses) CreateVault(payer solana.PublicKey, f *Founding) solana.Instruction {
	return a.build(TagCreateVault, f.Encode(), signerW(payer), w(a.Vault), r(solana.SystemProgramID))
}

// AddPurse makes a mint usable.
func (a Addresses) AddPurse(payer solana.PublicKey, mint intent.Key) solana.Instruction {
	purse, _ := a.Purse(mint)
	tokens, _ := a.Tokens(purse)
	page, _ := a.Page(purse, 0)
	return a.build(TagAddPurse, nil, signerW(payer), w(a.Vault), r(solana.PublicKey(mint)), w(purse), w(tokens), w(page),
		r(solana.TokenProgramID), r(solana.SystemProgramID))
}

// OpenEntry opens an owner's entry. Page is the one that holds entry number count, the purse's entry count when the
// instruction runs.
func (a Addresses) OpenEntry(payer solana.PublicKey, mint, owner intent.Key, count uint32) solana.Instruction {
	purse, _ := a.Purse(mint)
	page, _ := a.Page(purse, count/PageEntries)
	return a.build(TagOpenEntry, owner[:], signerW(payer), w(a.Vault), w(purse), w(page), r(solana.SystemProgramID))
}

// Deposit moves amount base units from a token account into an entry.
func (a Addresses) Deposit(authority, source solana.PublicKey, mint intent.Key, entry uint32, amount uint64) solana.Instruction {
	purse, page := a.pageOf(mint, entry)
	tokens, _ := a.Tokens(purse)
	return a.build(TagDeposit, entryAmount(entry, amount), s(authority), w(a.Vault), r(purse), w(page), w(source), w(tokens),
		r(solana.PublicKey(mint)), r(solana.TokenProgramID))
}

// Request asks to withdraw amount base units in all; it replaces an earlier request.
func (a Addresses) Request(owner solana.PublicKey, mint intent.Key, entry uint32, amount uint64) solana.Instruction {
	purse, page := a.pageOf(mint, entry)
	return a.build(TagRequest, entryAmount(entry, amount), s(owner), w(a.Vault), r(purse), w(page))
}

// Cancel takes a withdrawal request back.
func (a Addresses) Cancel(owner solana.PublicKey, mint intent.Key, entry uint32) solana.Instruction {
	purse, page := a.pageOf(mint, entry)
	return a.build(TagCancel, binary.LittleEndian.AppendUint32(nil, entry), s(owner), w(a.Vault), r(purse), w(page))
}

// Withdraw pays what was requested to a token account.
func (a Addresses) Withdraw(owner, destination solana.PublicKey, mint intent.Key, entry uint32) solana.Instruction {
	purse, page := a.pageOf(mint, entry)
	tokens, _ := a.Tokens(purse)
	return a.build(TagWithdraw, binary.LittleEndian.AppendUint32(nil, entry), s(owner), w(a.Vault), r(purse), w(page), w(tokens),
		w(destination), r(solana.PublicKey(mint)), r(solana.TokenProgramID))
}

// An Attestation is what attest must know of a header besides what the signed message says.
type Attestation struct {
	Body intent.Hash // SHA-256 of the header's body
	Cut  uint64
	Head intent.Hash
}

// Attest adds the weight of the signatures in the Ed25519 instruction right before it.
func (a Addresses) Attest(payer solana.PublicKey, at Attestation, digest intent.Hash, view uint32) solana.Instruction {
	tally, _ := a.Tally(digest, view)
	args := append([]byte(nil), at.Body[:]...)
	args = binary.LittleEndian.AppendUint64(args, at.Cut)
	args = append(args, at.Head[:]...)
	return a.build(TagAttest, args, signerW(payer), w(a.Vault), w(tally), r(InstructionsSysvar()), r(solana.SystemProgramID))
}

// Apply applies the next chunk of the pending height. The chunk must be well formed.
func (a Addresses) Apply(chunk []byte, next intent.Hash) (solana.Instruction, error) {
	return a.chunkInstruction(TagApply, chunk, next)
}

// Unapply takes the newest chunk of the pending height back; previous is the accumulator before it.
func (a Addresses) Unapply(chunk []byte, previous intent.Hash) (solana.Instruction, error) {
	return a.chunkInstruction(TagUnapply, chunk, previous)
}

func (a Addresses) chunkInstruction(tag Tag, chunk []byte, hash intent.Hash) (solana.Instruction, error) {
	c, err := ParseChunk(chunk)
	if err != nil {
		return nil, fmt.Errorf("building %s: %w", tag, err)
	}
	metas := []*solana.AccountMeta{w(a.Vault)}
	if c.Kind != ChunkMembers {
		purse, _ := a.Purse(c.Mint)
		metas = append(metas, w(purse))
		for _, p := range c.Pages() {
			page, _ := a.Page(purse, p)
			metas = append(metas, w(page))
		}
	}
	return a.build(tag, append(append([]byte(nil), hash[:]...), chunk...), metas...), nil
}

// Drop gives up a pending height that nobody completes.
func (a Addresses) Drop() solana.Instruction { return a.build(TagDrop, nil, w(a.Vault)) }

// CloseTally gives the rent of a tally that is past back to its payer.
func (a Addresses) CloseTally(tally, payer solana.PublicKey) solana.Instruction {
	return a.build(TagCloseTally, nil, r(a.Vault), w(tally), w(payer))
}

func (a Addresses) pageOf(mint intent.Key, entry uint32) (purse, page solana.PublicKey) {
	purse, _ = a.Purse(mint)
	page, _ = a.Page(purse, entry/PageEntries)
	return purse, page
}

func (a Addresses) build(tag Tag, args []byte, metas ...*solana.AccountMeta) solana.Instruction {
	return solana.NewInstruction(a.Program, metas, append([]byte{byte(tag)}, args...))
}

func entryAmount(entry uint32, amount uint64) []byte {
	return binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint32(nil, entry), amount)
}

func r(k solana.PublicKey) *solana.AccountMeta { return solana.NewAccountMeta(k, false, false) }
func w(k solana.PublicKey) *solana.AccountMeta { return solana.NewAccountMeta(k, true, false) }
func s(k solana.PublicKey) *solana.AccountMeta { return solana.NewAccountMeta(k, false, true) }
func signerW(k solana.PublicKey) *solana.AccountMeta {
	return solana.NewAccountMeta(k, true, true)
}

func (t Tag) String() string {
	names := map[Tag]string{
		TagCreateVault: "create vault", TagAddPurse: "add purse", TagOpenEntry: "open entry", TagDeposit: "deposit",
		TagRequest: "request withdrawal", TagCancel: "cancel request", TagWithdraw: "withdraw", TagAttest: "attest", TagApply: "apply",
		TagUnapply: "unapply", TagDrop: "drop", TagCloseTally: "close tally",
	}
	if n, ok := names[t]; ok {
		return n
	}
	return fmt.Sprintf("tag %d", uint8(t))
}
