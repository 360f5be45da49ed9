package rpctest

import (
	"encoding/base64"
	"encoding/json"
	"errors"

	"github.com/gagliardetto/solana-go"

	"github.com/phantom-paradox/paradox/chain/vault"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/ledger"
)

// An Invention is a deposit that an endpoint claims: its account has the event, with the right hash, and a transaction shows it.
type Invention struct {
	Vault  vault.Addresses
	Mint   intent.Key
	Entry  uint32
	Amount uint64
	Owner  solana.PrivateKey // signs what was never sent
}

// fake is the invention as it was last shown.
type fake struct {
	slot uint64
}

// firstSignature is the first signature of the transaction that a call sends.
func firstSignature(c *call) (solana.Signature, error) {
	var text string
	if len(c.Params) == 0 || json.Unmarshal(c.Params[0], &text) != nil {
		return solana.Signature{}, errors.New("rpctest: a send without a transaction")
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(raw) < 65 {
		return solana.Signature{}, errors.New("rpctest: a send of something else than a transaction in base64")
	}
	return solana.Signature(raw[1:65]), nil
}

// bend changes an answer as the faults ask.
func (p *Proxy) bend(c *call, result json.RawMessage, f Faults) json.RawMessage {
	switch c.Method {
	case "getGenesisHash":
		if f.Genesis != nil {
			return encode(f.Genesis)
		}
	case "getSignatureStatuses":
		if f.Unfinal {
			return unfinal(result)
		}
	case "getSignaturesForAddress":
		result = prune(result, f.Pruned)
		if f.Invent != nil && c.firstIs(f.Invent.Vault.Vault) {
			return p.listInvented(result, f.Invent)
		}
	case "getTransaction":
		if f.Invent != nil && c.firstIs(f.Invent.transaction().Signatures[0]) {
			return p.showInvented(f.Invent)
		}
		var t struct{ Slot uint64 }
		if json.Unmarshal(result, &t) == nil && t.Slot < f.Pruned {
			return json.RawMessage("null")
		}
	case "getAccountInfo", "getMultipleAccounts":
		if f.Invent != nil {
			return p.inventIn(c, result, f.Invent)
		}
	}
	return result
}

func (c *call) firstIs(v interface{ String() string }) bool {
	var text string
	return len(c.Params) > 0 && json.Unmarshal(c.Params[0], &text) == nil && text == v.String()
}

func encode(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic("rpctest: " + err.Error()) // maps, texts and numbers
	}
	return b
}

func unfinal(result json.RawMessage) json.RawMessage {
	var r struct {
		Context json.RawMessage  `json:"context"`
		Value   []map[string]any `json:"value"`
	}
	if json.Unmarshal(result, &r) != nil {
		return result
	}
	for _, v := range r.Value {
		if v != nil {
			v["confirmationStatus"], v["confirmations"] = "confirmed", 1
		}
	}
	return encode(r)
}

func prune(result json.RawMessage, before uint64) json.RawMessage {
	var list []json.RawMessage
	if before == 0 || json.Unmarshal(result, &list) != nil {
		return result
	}
	left := []json.RawMessage{}
	for _, b := range list {
		var s struct{ Slot uint64 }
		if json.Unmarshal(b, &s) == nil && s.Slot >= before {
			left = append(left, b)
		}
	}
	return encode(left)
}

// transaction is the deposit as one that was sent would look.
func (v *Invention) transaction() *solana.Transaction {
	from := v.Owner.PublicKey() // of no account, which nobody will find out
	tx, err := solana.NewTransaction([]solana.Instruction{v.Vault.Deposit(v.Owner.PublicKey(), from, v.Mint, v.Entry, v.Amount)}, solana.Hash{},
		solana.TransactionPayer(v.Owner.PublicKey()))
	if err != nil {
		panic("rpctest: " + err.Error())
	}
	if _, err := tx.Sign(func(solana.PublicKey) *solana.PrivateKey { return &v.Owner }); err != nil {
		panic("rpctest: " + err.Error())
	}
	return tx
}

func (p *Proxy) listInvented(result json.RawMessage, v *Invention) json.RawMessage {
	var list []json.RawMessage
	if json.Unmarshal(result, &list) != nil {
		return result
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	one := encode(map[string]any{"signature": v.transaction().Signatures[0], "slot": p.fake.slot, "err": nil, "memo": nil, "confirmationStatus": "finalized"})
	return encode(append([]json.RawMessage{one}, list...))
}

func (p *Proxy) showInvented(v *Invention) json.RawMessage {
	tx := v.transaction()
	raw, err := tx.MarshalBinary()
	if err != nil {
		panic("rpctest: " + err.Error())
	}
	token, transfer := 0, append([]byte{12}, le64(v.Amount)...)
	for i, k := range tx.Message.AccountKeys {
		if k == solana.TokenProgramID {
			token = i
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	inner := map[string]any{"index": 0, "instructions": []any{map[string]any{"programIdIndex": token, "accounts": []int{},
		"data": solana.Base58(append(transfer, 6))}}}
	return encode(map[string]any{"slot": p.fake.slot, "transaction": []string{base64.StdEncoding.EncodeToString(raw), "base64"}, "version": "legacy",
		"meta": map[string]any{"err": nil, "fee": 5000, "preBalances": []int{}, "postBalances": []int{}, "innerInstructions": []any{inner},
			"loadedAddresses": map[string]any{"writable": []int{}, "readonly": []int{}}}})
}

func le64(n uint64) []byte {
	out := make([]byte, 8)
	for i := range out {
		out[i] = byte(n >> (8 * i))
	}
	return out
}

// inventIn adds the event to the vault's account, wherever it is in an answer.
func (p *Proxy) inventIn(c *call, result json.RawMessage, v *Invention) json.RawMessage {
	var keys []string
	var r struct {
		Context struct {
			Slot uint64 `json:"slot"`
		} `json:"context"`
		Value json.RawMessage `json:"value"`
	}
	if json.Unmarshal(result, &r) != nil {
		return result
	}
	list := []map[string]any{nil}
	if c.Method == "getAccountInfo" {
		keys = []string{""}
		if json.Unmarshal(c.Params[0], &keys[0]) != nil || json.Unmarshal(r.Value, &list[0]) != nil {
			return result
		}
	} else if json.Unmarshal(c.Params[0], &keys) != nil || json.Unmarshal(r.Value, &list) != nil {
		return result
	}
	for i, k := range keys {
		if k == v.Vault.Vault.String() && i < len(list) && list[i] != nil {
			p.invent(list[i], v, r.Context.Slot)
		}
	}
	if c.Method == "getAccountInfo" {
		r.Value = encode(list[0])
	} else {
		r.Value = encode(list)
	}
	return encode(r)
}

func (p *Proxy) invent(account map[string]any, v *Invention, slot uint64) {
	data, _ := account["data"].([]any)
	if len(data) != 2 {
		return
	}
	text, _ := data[0].(string)
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return
	}
	a, err := vault.DecodeVault(raw)
	if err != nil {
		return
	}
	p.mu.Lock()
	p.fake.slot = slot
	p.mu.Unlock()
	e := ledger.Event{Tag: ledger.EventDeposit, Slot: slot, Mint: v.Mint, Entry: v.Entry, Amount: v.Amount}
	a.EventNumber, a.EventHash = a.EventNumber+1, e.Next(a.EventHash)
	account["data"] = []string{base64.StdEncoding.EncodeToString(a.Encode()), "base64"}
}
