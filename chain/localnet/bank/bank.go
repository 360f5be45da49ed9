package bank

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/gagliardetto/solana-go"
	"github.com/oasisprotocol/curve25519-voi/primitives/ed25519"

	"github.com/phantom-paradox/paradox/chain/vault"
	"github.com/phantom-paradox/paradox/chain/vault/model"
)

// Solana's limits and prices.
const (
	MaxTransaction       = 1232 // bytes, one UDP packet
	maxLocks             = 64   // accounts a transaction
	LamportsPerSignature = 5000
	maxCallDepth         = 5
	rentPerByteYear      = 3480
	rentYears            = 2.0
	accountOverhead      = 128
	defaultUnits         = 200_000 // compute limit an instruction without a request
	maxUnits             = 1_400_000
)

// RentExempt is the least balance of an account of n bytes.
func RentExempt(n uint64) uint64 { return (accountOverhead + n) * rentPerByteYear * 2 }

// Account is an account of the model. Accounts that are given out are never changed; changes are made to copies.
type Account = model.Account

// Accounts reads committed accounts; nil means that there is none.
type Accounts func(solana.PublicKey) *Account

// An Inner is an instruction that a program called. Indexes are into the transaction's keys.
type Inner struct {
	Program     uint16
	Accounts    []uint16
	Data        []byte
	StackHeight int
}

// A Result is what a transaction did. A transaction that is not Charged leaves no trace.
type Result struct {
	Err     *TxError // nil: it succeeded
	Charged bool
	Fee     uint64
	Logs    []string
	Inner   map[int][]Inner               // by top-level instruction
	Pre     []uint64                      // lamports of the keys before
	Post    []uint64                      // and after
	Writes  map[solana.PublicKey]*Account // accounts as they are now; nil: gone
}

// A Bank is the programs of the model.
type Bank struct {
	vaults map[solana.PublicKey]bool
}

// New makes a bank whose vault model answers at these program ids.
func New(vaults ...solana.PublicKey) *Bank {
	b := &Bank{vaults: map[solana.PublicKey]bool{}}
	for _, k := range vaults {
		b.vaults[k] = true
	}
	return b
}

// Builtin is the account of a program of the model, nil for other keys.
func (b *Bank) Builtin(k solana.PublicKey) *Account {
	if b.program(k) == nil {
		return nil
	}
	a := &Account{Lamports: 1, Owner: solana.BPFLoaderProgramID, Executable: true}
	if b.vaults[k] { // its code is what it says of itself: a model
		a.Data = []byte(model.Version)
	}
	return a
}

// exec is one running transaction.
type exec struct {
	bank    *Bank
	tx      *solana.Transaction
	keys    solana.PublicKeySlice
	work    []*Account // of the keys, copies
	slot    uint64
	current int
	logs    []string
	inner   map[int][]Inner
}

// VerifySignatures checks every signature by Solana's strict rule.
func VerifySignatures(tx *solana.Transaction) bool {
	n := int(tx.Message.Header.NumRequiredSignatures)
	if n == 0 || len(tx.Signatures) != n || len(tx.Message.AccountKeys) < n {
		return false
	}
	msg, err := tx.Message.MarshalBinary()
	if err != nil {
		return false
	}
	for i := range n {
		if !verifyStrict(tx.Message.AccountKeys[i][:], msg, tx.Signatures[i][:]) {
			return false
		}
	}
	return true
}

// verifyStrict is ed25519-dalek's verify_strict.
func verifyStrict(key, msg, sig []byte) bool {
	return ed25519.VerifyWithOptions(key, msg, sig, &ed25519.Options{
		Verify: &ed25519.VerifyOptions{AllowNonCanonicalA: true, CofactorlessVerify: true},
	})
}

// Sanitize checks the form of a decoded transaction.
func Sanitize(tx *solana.Transaction) *TxError {
	m := &tx.Message
	h := m.Header
	n := len(m.AccountKeys)
	if m.IsVersioned() && m.NumLookups() > 0 {
		return txError("AddressLookupTableNotFound")
	}
	signed := int(h.NumRequiredSignatures)
	if signed == 0 || len(tx.Signatures) != signed || signed+int(h.NumReadonlyUnsignedAccounts) > n || int(h.NumReadonlySignedAccounts) >= signed {
		return txError("SanitizeFailure")
	}
	for _, ix := range m.Instructions {
		if int(ix.ProgramIDIndex) >= n || ix.ProgramIDIndex == 0 {
			return txError("SanitizeFailure")
		}
		for _, a := range ix.Accounts {
			if int(a) >= n {
				return txError("SanitizeFailure")
			}
		}
	}
	seen := map[solana.PublicKey]bool{}
	for _, k := range m.AccountKeys {
		if seen[k] {
			return txError("AccountLoadedTwice")
		}
		seen[k] = true
	}
	if n > maxLocks {
		return txError("TooManyAccountLocks")
	}
	return nil
}

// Fee is what a transaction pays: signatures, those of Ed25519 instructions included, and the compute price.
func Fee(m *solana.Message) uint64 {
	signatures := uint64(m.Header.NumRequiredSignatures)
	units, price, other := uint64(0), uint64(0), uint64(0)
	for _, ix := range m.Instructions {
		if int(ix.ProgramIDIndex) >= len(m.AccountKeys) {
			continue
		}
		switch d := []byte(ix.Data); m.AccountKeys[ix.ProgramIDIndex] {
		case vault.Ed25519Program():
			if len(d) > 0 {
				signatures += uint64(d[0])
			}
		case solana.ComputeBudget:
			if len(d) == 5 && d[0] == 2 {
				units = uint64(binary.LittleEndian.Uint32(d[1:]))
			}
			if len(d) == 9 && d[0] == 3 {
				price = binary.LittleEndian.Uint64(d[1:])
			}
		default:
			other++
		}
	}
	if units == 0 {
		units = other * defaultUnits
	}
	units = min(units, maxUnits)
	micro := units * min(price, 1<<62/maxUnits)
	return signatures*LamportsPerSignature + (micro+999_999)/1_000_000
}

// Execute runs a sanitized, verified transaction at a slot. It changes nothing: what is new is in the result.
func (b *Bank) Execute(read Accounts, tx *solana.Transaction, slot uint64) *Result {
	e := &exec{bank: b, tx: tx, keys: tx.Message.AccountKeys, slot: slot, inner: map[int][]Inner{}}
	r := &Result{Fee: Fee(&tx.Message), Writes: map[solana.PublicKey]*Account{}}
	before := make([]*Account, len(e.keys))
	for i, k := range e.keys {
		before[i] = b.load(read, k)
		r.Pre = append(r.Pre, before[i].Lamports)
	}
	if r.Err = e.payable(before, r.Fee); r.Err != nil {
		r.Post = r.Pre
		return r
	}
	r.Charged = true
	before[0] = clone(before[0])
	before[0].Lamports -= r.Fee
	e.work = make([]*Account, len(before))
	for i, a := range before {
		e.work[i] = clone(a)
	}
	r.Err = e.run(before)
	after := e.work
	if r.Err != nil {
		after = before
	}
	for i, k := range e.keys {
		r.Post = append(r.Post, after[i].Lamports)
		if e.writable(i) && b.program(k) == nil {
			r.Writes[k] = stored(after[i])
		}
	}
	r.Logs, r.Inner = e.logs, e.inner
	return r
}

func (b *Bank) load(read Accounts, k solana.PublicKey) *Account {
	if a := b.Builtin(k); a != nil {
		return a
	}
	if a := read(k); a != nil {
		return a
	}
	return &Account{Owner: solana.SystemProgramID}
}

func clone(a *Account) *Account {
	c := *a
	c.Data = slices.Clone(a.Data)
	return &c
}

// stored is how an account is kept: nothing without lamports.
func stored(a *Account) *Account {
	if a.Lamports == 0 {
		return nil
	}
	return a
}

// payable checks the fee payer and the programs, before anything is charged.
func (e *exec) payable(before []*Account, fee uint64) *TxError {
	for _, ix := range e.tx.Message.Instructions {
		if e.bank.program(e.keys[ix.ProgramIDIndex]) == nil {
			return txError("ProgramAccountNotFound")
		}
	}
	payer := before[0]
	switch {
	case payer.Lamports == 0:
		return txError("AccountNotFound")
	case payer.Owner != solana.SystemProgramID || len(payer.Data) != 0:
		return txError("InvalidAccountForFee")
	case payer.Lamports < fee:
		return txError("InsufficientFundsForFee")
	case payer.Lamports != fee && payer.Lamports-fee < RentExempt(0):
		return &TxError{Name: "InsufficientFundsForRent", Index: -1}
	}
	return nil
}

func (e *exec) run(before []*Account) *TxError {
	for i, ix := range e.tx.Message.Instructions {
		e.current = i
		c := &Ctx{exec: e, program: e.keys[ix.ProgramIDIndex], height: 1}
		for _, a := range ix.Accounts {
			c.acc = append(c.acc, e.meta(int(a), e.signer(int(a)), e.writable(int(a))))
		}
		if err := e.invoke(c, ix.Data); err != nil {
			return &TxError{Name: "InstructionError", Index: i, Err: err}
		}
		if err := e.checkReadonly(before); err != nil {
			return &TxError{Name: "InstructionError", Index: i, Err: err}
		}
	}
	return e.checkRent(before)
}

func (e *exec) meta(i int, signer, writable bool) model.Meta {
	return model.Meta{Key: e.keys[i], Signer: signer, Writable: writable, Account: e.work[i]}
}

func (e *exec) signer(i int) bool { return i < int(e.tx.Message.Header.NumRequiredSignatures) }

func (e *exec) writable(i int) bool {
	h := e.tx.Message.Header
	signed := int(h.NumRequiredSignatures)
	if i < signed {
		return i < signed-int(h.NumReadonlySignedAccounts)
	}
	return i < len(e.keys)-int(h.NumReadonlyUnsignedAccounts) && !reserved(e.keys[i]) && !e.called(i)
}

// called says whether the transaction runs the key as a program: then it cannot write it.
func (e *exec) called(i int) bool {
	return slices.ContainsFunc(e.tx.Message.Instructions, func(ix solana.CompiledInstruction) bool { return int(ix.ProgramIDIndex) == i })
}

// reserved says whether a key is a native program's or a sysvar's: no transaction can write one, whatever it asks for.
func reserved(k solana.PublicKey) bool {
	switch k {
	case solana.SystemProgramID, solana.ComputeBudget, vault.Ed25519Program(),
		solana.SysVarClockPubkey, solana.SysVarEpochSchedulePubkey, solana.SysVarFeesPubkey, solana.SysVarInstructionsPubkey,
		solana.SysVarRecentBlockHashesPubkey, solana.SysVarRentPubkey, solana.SysVarRewardsPubkey, solana.SysVarSlotHashesPubkey,
		solana.SysVarSlotHistoryPubkey, solana.SysVarStakeHistoryPubkey:
		return true
	}
	return false
}

// checkReadonly finds what a program changed without leave, and lamports made or lost.
func (e *exec) checkReadonly(before []*Account) error {
	var sum, was uint64
	for i, a := range e.work {
		sum, was = sum+a.Lamports, was+before[i].Lamports
		if e.writable(i) {
			continue
		}
		if a.Lamports != before[i].Lamports {
			return ReadonlyLamportChange
		}
		if a.Owner != before[i].Owner || !slices.Equal(a.Data, before[i].Data) {
			return ReadonlyDataModified
		}
	}
	if sum != was {
		return UnbalancedInstruction
	}
	return nil
}

// checkRent refuses accounts that are left with less than the minimum, unless they already were and did not sink.
func (e *exec) checkRent(before []*Account) *TxError {
	for i, a := range e.work {
		need := RentExempt(uint64(len(a.Data)))
		if !e.writable(i) || a.Lamports == 0 || a.Lamports >= need {
			continue
		}
		b := before[i]
		if b.Lamports > 0 && b.Lamports < RentExempt(uint64(len(b.Data))) && len(b.Data) == len(a.Data) && a.Lamports <= b.Lamports {
			continue
		}
		return &TxError{Name: "InsufficientFundsForRent", Index: -1, Account: i}
	}
	return nil
}

// invoke runs a program and logs it.
func (e *exec) invoke(c *Ctx, data []byte) error {
	run := e.bank.program(c.program)
	if run == nil {
		return UnsupportedProgramID
	}
	e.logs = append(e.logs, fmt.Sprintf("Program %s invoke [%d]", c.program, c.height))
	if err := run(c, data); err != nil {
		e.logs = append(e.logs, fmt.Sprintf("Program %s failed: %v", c.program, err))
		return err
	}
	e.logs = append(e.logs, fmt.Sprintf("Program %s success", c.program))
	return nil
}
