package svm

import (
	"bytes"
	"encoding/json"
	"reflect"

	"github.com/gagliardetto/solana-go"

	"github.com/phantom-paradox/paradox/chain/localnet/bank"
	"github.com/phantom-paradox/paradox/chain/vault"
)

// A twin is the Go model of the programs with the same accounts: every transaction of a world runs on both.
type twin struct {
	bank     *bank.Bank
	accounts map[solana.PublicKey]*bank.Account
}

func newTwin() *twin {
	return &twin{bank: bank.New(program()), accounts: map[solana.PublicKey]*bank.Account{}}
}

func (m *twin) read(k solana.PublicKey) *bank.Account { return m.accounts[k] }

func (m *twin) put(k, owner solana.PublicKey, data []byte, lamports uint64) {
	m.accounts[k] = &bank.Account{Owner: owner, Data: bytes.Clone(data), Lamports: lamports}
}

// execute runs the transaction on the model and keeps what it wrote.
func (m *twin) execute(w *world, tx *solana.Transaction) *bank.Result {
	w.Helper()
	if err := bank.Sanitize(tx); err != nil {
		w.Fatalf("the model refuses the transaction: %v", err)
	}
	r := m.bank.Execute(m.read, tx, w.slot)
	if !r.Charged {
		return r
	}
	for k, a := range r.Writes {
		if a == nil {
			delete(m.accounts, k)
		} else {
			m.accounts[k] = a
		}
	}
	return r
}

// both runs a transaction on the machine and on the model and compares error, fee, called instructions and accounts.
func (w *world) both(raw []byte) Result {
	w.Helper()
	tx, err := solana.TransactionFromBytes(raw)
	must(w, err)
	keys := tx.Message.AccountKeys
	out, err := w.s.Execute(w.ctx, [][]byte{raw}, keys...)
	must(w, err)
	r := out.Results[0]
	if w.alone {
		return r
	}
	m := w.twin.execute(w, tx)
	w.sameError(r, m)
	w.sameInner(r, m)
	for i, a := range out.Accounts {
		w.sameAccount(r, keys[i], a)
	}
	return r
}

func (w *world) sameError(r Result, m *bank.Result) {
	w.Helper()
	var have, want any
	must(w, json.Unmarshal(r.Err, &have))
	if m.Err != nil {
		b, err := json.Marshal(m.Err)
		must(w, err)
		must(w, json.Unmarshal(b, &want))
	}
	if !reflect.DeepEqual(have, want) && !calleesOwn(have, want) {
		w.Fatalf("machine: %v, model: %v\n%v\n%v", have, want, r.Logs, m.Logs)
	}
	if r.Fee != m.Fee {
		w.Fatalf("machine: fee %d, model %d", r.Fee, m.Fee)
	}
}

// calleesOwn says whether both failed in the same instruction by a called program's refusal. Which of its refusals comes
// first differs even between releases of the Token program.
func calleesOwn(have, want any) bool {
	foreign := func(err any) (index any, ok bool) {
		m, _ := err.(map[string]any)
		pair, _ := m["InstructionError"].([]any)
		if len(pair) != 2 {
			return nil, false
		}
		custom, _ := pair[1].(map[string]any)
		code, _ := custom["Custom"].(float64)
		return pair[0], code < float64(vault.BadInstruction)
	}
	h, hok := foreign(have)
	n, nok := foreign(want)
	return hok && nok && h == n
}

func (w *world) sameAccount(r Result, k solana.PublicKey, a *Account) {
	w.Helper()
	if w.twin.bank.Builtin(k) != nil || isSysvar(k) || k == solana.Token2022ProgramID {
		return
	}
	have, want := bank.Account{Owner: solana.SystemProgramID}, bank.Account{Owner: solana.SystemProgramID}
	if a != nil {
		have = bank.Account{Lamports: a.Lamports, Owner: a.Owner, Data: a.Data}
	}
	if m := w.twin.read(k); m != nil {
		want = *m
	}
	if have.Lamports != want.Lamports || have.Owner != want.Owner || !bytes.Equal(have.Data, want.Data) {
		w.Fatalf("account %s\nmachine: %d %s %x\nmodel:   %d %s %x\n%v", k, have.Lamports, have.Owner, have.Data, want.Lamports, want.Owner, want.Data, r.Logs)
	}
}

func isSysvar(k solana.PublicKey) bool {
	return k == solana.SysVarInstructionsPubkey || k == solana.SysVarClockPubkey || k == solana.SysVarRentPubkey
}

// sameInner compares the instructions that were called, from which a follower reads what was paid. Of a failed
// transaction they do not count.
func (w *world) sameInner(r Result, m *bank.Result) {
	w.Helper()
	type call struct {
		ProgramIDIndex uint16
		Accounts       []uint16
		Data           solana.Base58
		StackHeight    int
	}
	var list []struct {
		Index        int
		Instructions []call
	}
	must(w, json.Unmarshal(r.Inner, &list))
	if r.Failed() {
		return
	}
	have, want := map[int][]call{}, map[int][]call{}
	for _, x := range list {
		have[x.Index] = x.Instructions
	}
	for i, calls := range m.Inner {
		for _, c := range calls {
			want[i] = append(want[i], call{c.Program, c.Accounts, c.Data, c.StackHeight})
		}
	}
	if !reflect.DeepEqual(have, want) {
		w.Fatalf("called on the machine: %+v\non the model: %+v", have, want)
	}
}
