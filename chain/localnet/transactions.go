package localnet

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/gagliardetto/solana-go"
	"github.com/mr-tron/base58"

	"github.com/phantom-paradox/paradox/chain/localnet/bank"
)

// maxStatuses and maxSignatures are Solana's limits.
const (
	maxStatuses   = 256
	maxSignatures = 1000
)

// commitmentOf is how sure a slot is.
func (q *query) commitmentOf(slot uint64) string {
	switch {
	case slot <= q.view("finalized"):
		return "finalized"
	case slot <= q.view("confirmed"):
		return "confirmed"
	}
	return "processed"
}

// err is the transaction's error as JSON, nil for none.
func (r *record) err() any {
	if r.res.Err == nil {
		return nil
	}
	return r.res.Err
}

func (r *record) status() any {
	if r.res.Err == nil {
		return map[string]any{"Ok": nil}
	}
	return map[string]any{"Err": r.res.Err}
}

func getSignatureStatuses(q *query) (any, error) {
	var texts []string
	if err := q.param(0, &texts); err != nil {
		return nil, err
	}
	if len(texts) > maxStatuses {
		return nil, badParams("Too many inputs provided; max 256")
	}
	now, out := q.view("processed"), []any{}
	for _, t := range texts {
		sig, err := parseSignature(t)
		if err != nil {
			return nil, err
		}
		r, ok := q.book.records[sig]
		if !ok || r.slot > now {
			out = append(out, nil)
			continue
		}
		st := map[string]any{"slot": r.slot, "confirmations": now - r.slot, "err": r.err(), "status": r.status(), "confirmationStatus": q.commitmentOf(r.slot)}
		if r.slot <= q.view("finalized") {
			st["confirmations"] = nil
		}
		out = append(out, st)
	}
	return inContext(now, out), nil
}

func getSignaturesForAddress(q *query) (any, error) {
	k, err := q.key(0)
	if err != nil {
		return nil, err
	}
	o, err := q.opts(1)
	if err != nil {
		return nil, err
	}
	limit := maxSignatures
	if o.Limit != nil {
		if *o.Limit < 1 || *o.Limit > maxSignatures {
			return nil, badParams("Invalid limit; max 1000")
		}
		limit = *o.Limit
	}
	var until solana.Signature
	if o.Until != "" {
		if until, err = parseSignature(o.Until); err != nil {
			return nil, err
		}
	}
	rs := q.book.byKey[k]
	end := len(rs)
	if o.Before != "" {
		before, err := parseSignature(o.Before)
		if err != nil {
			return nil, err
		}
		for end > 0 && rs[end-1].sig != before {
			end--
		}
		end = max(end-1, 0)
	}
	top, out := q.view(o.Commitment), []any{}
	for i := end - 1; i >= 0 && len(out) < limit && rs[i].sig != until; i-- {
		if r := rs[i]; r.slot <= top {
			out = append(out, map[string]any{
				"signature": r.sig, "slot": r.slot, "err": r.err(), "memo": nil, "blockTime": r.time, "confirmationStatus": q.commitmentOf(r.slot),
			})
		}
	}
	return out, nil
}

func getTransaction(q *query) (any, error) {
	var text string
	if err := q.param(0, &text); err != nil {
		return nil, err
	}
	sig, err := parseSignature(text)
	if err != nil {
		return nil, err
	}
	o, err := q.opts(1)
	if err != nil {
		return nil, err
	}
	r, ok := q.book.records[sig]
	if !ok || r.slot > q.view(o.Commitment) {
		return nil, nil
	}
	return map[string]any{"slot": r.slot, "blockTime": r.time, "transaction": r.encoded(o.Encoding), "meta": r.meta(), "version": r.version()}, nil
}

func (r *record) version() any {
	if r.tx.Message.IsVersioned() {
		return 0
	}
	return "legacy"
}

func (r *record) encoded(encoding string) any {
	switch encoding {
	case "base64":
		return []string{base64.StdEncoding.EncodeToString(r.raw), "base64"}
	case "base58":
		return []string{base58.Encode(r.raw), "base58"}
	}
	return r.tx
}

type innerJSON struct {
	ProgramIDIndex uint16 `json:"programIdIndex"`
	Accounts       []int  `json:"accounts"`
	Data           string `json:"data"`
	StackHeight    int    `json:"stackHeight"`
}

func (r *record) meta() map[string]any {
	inner := []any{}
	for i := range r.tx.Message.Instructions {
		l := r.res.Inner[i]
		if len(l) == 0 {
			continue
		}
		ixs := make([]innerJSON, len(l))
		for j, in := range l {
			ixs[j] = innerJSON{ProgramIDIndex: in.Program, Accounts: []int{}, Data: base58.Encode(in.Data), StackHeight: in.StackHeight}
			for _, a := range in.Accounts {
				ixs[j].Accounts = append(ixs[j].Accounts, int(a))
			}
		}
		inner = append(inner, map[string]any{"index": i, "instructions": ixs})
	}
	logs := r.res.Logs
	if logs == nil {
		logs = []string{}
	}
	return map[string]any{
		"err": r.err(), "status": r.status(), "fee": r.res.Fee, "preBalances": r.res.Pre, "postBalances": r.res.Post,
		"preTokenBalances": []any{}, "postTokenBalances": []any{}, "innerInstructions": inner, "logMessages": logs, "rewards": []any{},
		"loadedAddresses": map[string]any{"writable": []any{}, "readonly": []any{}},
	}
}

// wire reads the transaction that a call carries.
func (q *query) wire(encoding string) ([]byte, *solana.Transaction, error) {
	var text string
	if err := q.param(0, &text); err != nil {
		return nil, nil, err
	}
	var b []byte
	var err error
	switch encoding {
	case "base64":
		b, err = base64.StdEncoding.DecodeString(text)
	case "", "base58":
		b, err = base58.Decode(text)
	default:
		return nil, nil, badParams("unsupported encoding: " + clip(encoding))
	}
	if err != nil {
		return nil, nil, badParams("invalid " + encoding + " encoding")
	}
	if len(b) > bank.MaxTransaction {
		return nil, nil, badParams(fmt.Sprintf("transaction too large: %d bytes (max: %d)", len(b), bank.MaxTransaction))
	}
	tx, err := decodeTx(b)
	if err != nil {
		return nil, nil, badParams(err.Error())
	}
	return b, tx, nil
}

func sendTransaction(q *query) (any, error) {
	o, err := q.opts(1)
	if err != nil {
		return nil, err
	}
	raw, tx, err := q.wire(o.Encoding)
	if err != nil {
		return nil, err
	}
	if e := bank.Sanitize(tx); e != nil {
		return nil, badParams("invalid transaction: " + e.Name)
	}
	if !bank.VerifySignatures(tx) {
		return nil, &rpcError{Code: codeSignature, Message: "Transaction signature verification failure"}
	}
	if q.s.happens(q.s.currentFaults().DropSends) {
		return tx.Signatures[0], nil
	}
	res, err := q.book.submit(raw, tx, !o.SkipPreflight)
	if err != nil {
		if o.SkipPreflight && (errors.Is(err, errAlreadyProcessed) || errors.Is(err, errBlockhash)) {
			return tx.Signatures[0], nil
		}
		return nil, preflight(err.Error(), err.Error(), nil)
	}
	if res.Err != nil && !o.SkipPreflight {
		return nil, preflight(res.Err.Error(), res.Err, res.Logs)
	}
	return tx.Signatures[0], nil
}

func preflight(text string, err any, logs []string) error {
	if logs == nil {
		logs = []string{}
	}
	return &rpcError{
		Code: codePreflight, Message: "Transaction simulation failed: " + text,
		Data: map[string]any{"err": err, "logs": logs, "accounts": nil, "unitsConsumed": 0},
	}
}

func simulateTransaction(q *query) (any, error) {
	o, err := q.opts(1)
	if err != nil {
		return nil, err
	}
	_, tx, err := q.wire(o.Encoding)
	if err != nil {
		return nil, err
	}
	if e := bank.Sanitize(tx); e != nil {
		return nil, badParams("invalid transaction: " + e.Name)
	}
	if o.SigVerify && !bank.VerifySignatures(tx) {
		return nil, &rpcError{Code: codeSignature, Message: "Transaction signature verification failure"}
	}
	slot := q.book.slot
	value := map[string]any{"err": nil, "logs": []string{}, "accounts": nil, "unitsConsumed": 0, "returnData": nil, "innerInstructions": nil}
	if _, ok := q.book.hashes[tx.Message.RecentBlockhash]; !ok && !o.ReplaceRecentBlockhash {
		value["err"] = "BlockhashNotFound"
		return inContext(slot, value), nil
	}
	res := q.book.bank.Execute(q.book.latest, tx, slot)
	if res.Err != nil {
		value["err"] = res.Err
	}
	if res.Logs != nil {
		value["logs"] = res.Logs
	}
	if o.Accounts != nil {
		out := []*accountJSON{}
		for _, t := range o.Accounts.Addresses {
			k, err := parseKey(t)
			if err != nil {
				return nil, err
			}
			a, ok := res.Writes[k]
			if !ok {
				a = q.at(k, slot)
			}
			out = append(out, accountOf(a, options{Encoding: "base64"}))
		}
		value["accounts"] = out
	}
	return inContext(slot, value), nil
}

// requestAirdrop is a transfer that the faucet signs, with a memo that makes it unique.
func requestAirdrop(q *query) (any, error) {
	k, err := q.key(0)
	if err != nil {
		return nil, err
	}
	var lamports uint64
	if err := q.param(1, &lamports); err != nil {
		return nil, err
	}
	raw, tx, err := q.book.airdrop(k, lamports)
	if err != nil {
		return nil, err
	}
	res, err := q.book.submit(raw, tx, true)
	if err != nil {
		return nil, err
	}
	if res.Err != nil {
		return nil, &rpcError{Code: codeInternal, Message: "airdrop failed: " + res.Err.Error()}
	}
	return tx.Signatures[0], nil
}

func (b *book) airdrop(to solana.PublicKey, lamports uint64) ([]byte, *solana.Transaction, error) {
	b.mu.Lock()
	b.drops++
	n, hash := b.drops, b.blockhash(b.slot)
	b.mu.Unlock()
	from := b.faucet.PublicKey()
	data := binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint32(nil, 2), lamports)
	tx, err := solana.NewTransaction([]solana.Instruction{
		solana.NewInstruction(solana.SystemProgramID, solana.AccountMetaSlice{solana.Meta(from).SIGNER().WRITE(), solana.Meta(to).WRITE()}, data),
		solana.NewInstruction(solana.MemoProgramID, nil, fmt.Appendf(nil, "airdrop %d", n)),
	}, hash, solana.TransactionPayer(from))
	if err != nil {
		return nil, nil, fmt.Errorf("building an airdrop: %w", err)
	}
	if _, err := tx.Sign(func(solana.PublicKey) *solana.PrivateKey { return &b.faucet }); err != nil {
		return nil, nil, fmt.Errorf("signing an airdrop: %w", err)
	}
	raw, err := tx.MarshalBinary()
	return raw, tx, err
}
