package model_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/gagliardetto/solana-go"

	"github.com/phantom-paradox/paradox/chain/vault"
	"github.com/phantom-paradox/paradox/chain/vault/model"
	"github.com/phantom-paradox/paradox/intent"
)

// A tiny is a vault of one member and two wallets, in a form that can be copied: the accounts, the clock, and the committee's
// view of the same events. Entry 0 is the fee account, 1 and 2 are the wallets'.
type tiny struct {
	accounts [kept]*model.Account // as in keptKeys; shared between copies: replaced, never changed
	slot     uint64
	log      []step            // the event chain, as a follower sees it
	decided  map[place]*header // what the committee has decided, one header an instance
}

// A place is an instance but for the epoch, which never moves here.
type place struct {
	height     uint64
	generation uint32
}

// A step is an event as far as the committee's state needs it.
type step struct {
	kind   byte
	wallet int
	amount int
	header *header
	after  uint32 // generation
}

// A header moves an amount from one wallet to the other, or nothing.
type header struct {
	place
	vault.Attestation
	from, to, amount int
	chunks           [][]byte
	heads            []intent.Hash
}

func (h *header) digest() intent.Hash {
	return vault.HeaderDigest(h.Attestation, 0, h.height, h.generation)
}

const (
	wallets  = 2
	most     = 2       // base units in the vault
	long     = 1000000 // slots: longer than every delay
	delay    = 10000
	dropTime = 5000
	rest     = 32
)

func fixed(name string) solana.PublicKey {
	var k solana.PublicKey
	copy(k[:], name)
	return k
}

// The keys of the one world. The vault's address need not be derived: nothing here makes it.
var (
	program = fixed("program")
	mint    = fixed("mint")
	vaultAt = fixed("vault")
	purseAt = fixed("purse")
	pageAt  = fixed("page")
	tokens  = fixed("tokens")
	payer   = fixed("payer")
	member  = fixed("member")
	outside = fixed("outside") // where tokens come from and go to
)

func owner(wallet int) solana.PublicKey { return fixed(fmt.Sprint("wallet ", wallet)) }

// The accounts that change; the others are the same in every state.
const kept = 5

func keptKeys() [kept]solana.PublicKey {
	return [kept]solana.PublicKey{vaultAt, purseAt, pageAt, tokens, outside}
}

func (t *tiny) account(k solana.PublicKey) *model.Account {
	for i, have := range keptKeys() {
		if have == k {
			return t.accounts[i]
		}
	}
	switch k {
	case mint:
		return &model.Account{Lamports: lamports, Owner: solana.TokenProgramID, Data: make([]byte, 82)}
	case payer:
		return &model.Account{Lamports: lamports, Owner: solana.SystemProgramID}
	}
	return &model.Account{Owner: solana.SystemProgramID}
}

const lamports = 1 << 40

func newTiny() *tiny {
	t := &tiny{slot: long, decided: map[place]*header{}}
	v := &vault.Vault{Members: []vault.Member{{Key: intent.Key(member), Weight: 1}}, WithdrawDelay: delay, DropTime: dropTime}
	purse := &vault.Purse{Vault: vaultAt, Mint: intent.Key(mint), Tokens: tokens, Entries: 1 + wallets}
	page := &vault.Page{Purse: purseAt, Entries: make([]vault.Entry, 1+wallets)}
	for i := range wallets {
		page.Entries[1+i].Owner = intent.Key(owner(i))
	}
	rich := make([]byte, 165)
	binary.LittleEndian.PutUint64(rich[64:], 1<<20)
	for i, data := range [kept][]byte{v.Encode(), purse.Encode(), page.Encode(), make([]byte, 165), rich} {
		by := program
		if i > 2 {
			by = solana.TokenProgramID
		}
		t.accounts[i] = &model.Account{Lamports: lamports, Owner: by, Data: data}
	}
	return t
}

func (t *tiny) copy() *tiny {
	c := *t
	c.log = slices.Clip(t.log)
	c.decided = maps.Clone(t.decided)
	return &c
}

func (t *tiny) vault() *vault.Vault {
	v, err := vault.DecodeVault(t.accounts[0].Data)
	if err != nil {
		panic(err)
	}
	return v
}

func (t *tiny) entry(wallet int) vault.Entry {
	return vault.ReadEntry(t.accounts[2].Data[vault.PageHeaderSize+(1+wallet)*vault.EntrySize:])
}

func (t *tiny) held() uint64 { return binary.LittleEndian.Uint64(t.accounts[3].Data[64:]) }

func (t *tiny) inFlight() uint64 {
	p, err := vault.DecodePurse(t.accounts[1].Data)
	if err != nil {
		panic(err)
	}
	return p.InFlight
}

var errToken = errors.New("insufficient tokens")

// host runs one instruction on copies of the accounts.
type host struct {
	*tiny
	work   map[solana.PublicKey]*model.Account
	before []byte // data of the Ed25519 instruction before, if there is one
}

func (h *host) Slot() uint64            { return h.slot }
func (h *host) Rent() (uint64, float64) { return 3480, 2 }
func (h *host) Index() int {
	if h.before != nil {
		return 1
	}
	return 0
}

func (h *host) Instruction(int) (solana.PublicKey, []byte, bool) {
	return vault.Ed25519Program(), h.before, h.before != nil
}

// Invoke does what the System and Token programs do, as far as it matters here.
func (h *host) Invoke(program solana.PublicKey, metas []*solana.AccountMeta, data []byte, _ ...[][]byte) error {
	le := binary.LittleEndian
	if program == solana.TokenProgramID {
		from, to, amount := h.work[metas[0].PublicKey], h.work[metas[2].PublicKey], le.Uint64(data[1:])
		have := le.Uint64(from.Data[64:])
		if have < amount {
			return errToken
		}
		le.PutUint64(from.Data[64:], have-amount)
		le.PutUint64(to.Data[64:], le.Uint64(to.Data[64:])+amount)
		return nil
	}
	a := h.work[metas[0].PublicKey]
	switch le.Uint32(data) {
	case 1:
		a.Owner = solana.PublicKey(data[4:36])
	case 2:
		h.work[metas[1].PublicKey].Lamports += le.Uint64(data[4:])
	case 8:
		a.Data = make([]byte, le.Uint64(data[4:]))
	}
	return nil
}

// do runs an instruction; a failed one changes nothing.
func (t *tiny) do(before []byte, ix solana.Instruction) error {
	h := &host{tiny: t, work: map[solana.PublicKey]*model.Account{}, before: before}
	var metas []model.Meta
	for _, m := range ix.Accounts() {
		a := t.account(m.PublicKey)
		w := &model.Account{Lamports: a.Lamports, Owner: a.Owner, Data: bytes.Clone(a.Data)}
		h.work[m.PublicKey] = w
		metas = append(metas, model.Meta{Key: m.PublicKey, Signer: m.IsSigner, Writable: m.IsWritable, Account: w})
	}
	data, err := ix.Data()
	if err != nil {
		return err
	}
	if err := model.Execute(h, program, metas, data); err != nil {
		return err
	}
	for i, k := range keptKeys() { // a tally is not kept: it decides at once here
		if a := h.work[k]; a != nil {
			t.accounts[i] = a
		}
	}
	return nil
}

func instruction(tag vault.Tag, args []byte, metas ...*solana.AccountMeta) solana.Instruction {
	return solana.NewInstruction(program, metas, append([]byte{byte(tag)}, args...))
}

func r(k solana.PublicKey) *solana.AccountMeta { return solana.NewAccountMeta(k, false, false) }
func w(k solana.PublicKey) *solana.AccountMeta { return solana.NewAccountMeta(k, true, false) }
func s(k solana.PublicKey) *solana.AccountMeta { return solana.NewAccountMeta(k, false, true) }

func entryArgs(wallet int, amount ...uint64) []byte {
	b := binary.LittleEndian.AppendUint32(nil, uint32(1+wallet))
	for _, a := range amount {
		b = binary.LittleEndian.AppendUint64(b, a)
	}
	return b
}

func (t *tiny) deposit(wallet int) error {
	err := t.do(nil, instruction(vault.TagDeposit, entryArgs(wallet, 1), s(payer), w(vaultAt), r(purseAt), w(pageAt), w(outside), w(tokens), r(mint), r(solana.TokenProgramID)))
	t.note(err, step{kind: 'd', wallet: wallet, amount: 1})
	return err
}

func (t *tiny) request(wallet, amount int) error {
	err := t.do(nil, instruction(vault.TagRequest, entryArgs(wallet, uint64(amount)), s(owner(wallet)), w(vaultAt), r(purseAt), w(pageAt)))
	t.note(err, step{kind: 'r', wallet: wallet, amount: amount})
	return err
}

func (t *tiny) cancel(wallet int) error {
	err := t.do(nil, instruction(vault.TagCancel, entryArgs(wallet), s(owner(wallet)), w(vaultAt), r(purseAt), w(pageAt)))
	t.note(err, step{kind: 'c', wallet: wallet})
	return err
}

func (t *tiny) withdraw(wallet int) error {
	had := t.held()
	err := t.do(nil, instruction(vault.TagWithdraw, entryArgs(wallet), s(owner(wallet)), w(vaultAt), r(purseAt), w(pageAt), w(tokens), w(outside), r(mint), r(solana.TokenProgramID)))
	t.note(err, step{kind: 'w', wallet: wallet, amount: int(had - t.held())})
	return err
}

func (t *tiny) attest(h *header) error {
	at := vault.Addresses{Program: program, Vault: vaultAt}
	message := vault.Commit{Network: t.vault().Network, Height: h.height, Generation: h.generation, Digest: h.digest()}.Message()
	before, err := vault.Signatures(message, []vault.Signed{{Member: intent.Key(member)}}).Data() // the model's host has verified them
	if err != nil {
		return err
	}
	err = t.do(before, at.Attest(payer, h.Attestation, h.digest(), 0))
	if err == nil && len(h.chunks) == 0 {
		t.note(nil, step{kind: 's', header: h})
	}
	return err
}

func (t *tiny) chunk(tag vault.Tag, chunk []byte, hash intent.Hash) error {
	return t.do(nil, instruction(tag, slices.Concat(hash[:], chunk), w(vaultAt), w(purseAt), w(pageAt)))
}

// applied is how many chunks of the pending header are applied.
func (t *tiny) applied(h *header, p *vault.Pending) int {
	var acc intent.Hash
	for i, c := range h.chunks {
		if acc == p.Accumulator {
			return i
		}
		acc = vault.Accumulate(acc, c)
	}
	return len(h.chunks)
}

// pendingHeader is the header that is pending.
func (t *tiny) pendingHeader(p *vault.Pending) *header {
	for _, h := range t.decided {
		if h.digest() == p.Digest {
			return h
		}
	}
	panic("a height is pending that nobody decided")
}

func (t *tiny) apply() error {
	p := t.vault().Pending
	if p == nil {
		return vault.NothingPending
	}
	h := t.pendingHeader(p)
	i := t.applied(h, p)
	if i == len(h.chunks) {
		return vault.WrongChunk
	}
	err := t.chunk(vault.TagApply, h.chunks[i], h.heads[i+1])
	if err == nil && i == len(h.chunks)-1 {
		t.note(nil, step{kind: 's', header: h})
	}
	return err
}

func (t *tiny) unapply() error {
	p := t.vault().Pending
	if p == nil {
		return vault.NothingPending
	}
	h := t.pendingHeader(p)
	i := t.applied(h, p)
	if i == 0 {
		return vault.NothingApplied
	}
	var before intent.Hash
	for _, c := range h.chunks[:i-1] {
		before = vault.Accumulate(before, c)
	}
	return t.chunk(vault.TagUnapply, h.chunks[i-1], before)
}

func (t *tiny) drop() error {
	err := t.do(nil, instruction(vault.TagDrop, nil, w(vaultAt)))
	t.note(err, step{kind: 'x'})
	return err
}

// note keeps the event that a successful instruction made.
func (t *tiny) note(err error, e step) {
	if err != nil {
		return
	}
	e.after = t.vault().Generation
	t.log = append(slices.Clip(t.log), e)
	if e.kind == 's' || e.kind == 'x' {
		t.slot += rest // that the program waits so long is tried elsewhere
	}
}
