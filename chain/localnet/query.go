package localnet

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"

	"github.com/gagliardetto/solana-go"
	"github.com/mr-tron/base58"

	"github.com/phantom-paradox/paradox/chain/localnet/bank"
)

// query is one call.
type query struct {
	s      *Server
	book   *book
	params []json.RawMessage
	stale  uint64
}

// options is the configuration object of every method.
type options struct {
	Commitment                 string   `json:"commitment"`
	PreflightCommitment        string   `json:"preflightCommitment"`
	Encoding                   string   `json:"encoding"`
	DataSlice                  *slice   `json:"dataSlice"`
	Limit                      *int     `json:"limit"`
	Before                     string   `json:"before"`
	Until                      string   `json:"until"`
	MinContextSlot             *uint64  `json:"minContextSlot"`
	SkipPreflight              bool     `json:"skipPreflight"`
	SigVerify                  bool     `json:"sigVerify"`
	ReplaceRecentBlockhash     bool     `json:"replaceRecentBlockhash"`
	Filters                    []filter `json:"filters"`
	WithContext                bool     `json:"withContext"`
	MaxSupportedTransactionVer *int     `json:"maxSupportedTransactionVersion"`
	TransactionDetails         string   `json:"transactionDetails"`
	Mint                       string   `json:"mint"`
	ProgramID                  string   `json:"programId"`
	Accounts                   *struct {
		Addresses []string `json:"addresses"`
	} `json:"accounts"`
}

type slice struct {
	Offset uint64 `json:"offset"`
	Length uint64 `json:"length"`
}

type filter struct {
	DataSize *uint64 `json:"dataSize"`
	Memcmp   *struct {
		Offset   uint64 `json:"offset"`
		Bytes    string `json:"bytes"`
		Encoding string `json:"encoding"`
	} `json:"memcmp"`
}

func badParams(text string) error {
	return &rpcError{Code: codeParams, Message: "Invalid params: " + text}
}

// param reads the i-th parameter; an absent one leaves v alone.
func (q *query) param(i int, v any) error {
	if i >= len(q.params) || string(q.params[i]) == "null" {
		return nil
	}
	if err := json.Unmarshal(q.params[i], v); err != nil {
		return badParams(err.Error())
	}
	return nil
}

// opts reads the configuration object at place i, which may also be just an encoding.
func (q *query) opts(i int) (options, error) {
	var o options
	if i < len(q.params) && len(q.params[i]) > 0 && q.params[i][0] == '"' {
		return o, q.param(i, &o.Encoding)
	}
	if err := q.param(i, &o); err != nil {
		return o, err
	}
	if o.MinContextSlot != nil && q.view(o.Commitment) < *o.MinContextSlot {
		return o, &rpcError{Code: codeMinContext, Message: "Minimum context slot has not been reached", Data: map[string]uint64{"contextSlot": q.view(o.Commitment)}}
	}
	return o, nil
}

func (q *query) view(commitment string) uint64 { return q.book.view(commitment, q.stale) }

func (q *query) key(i int) (solana.PublicKey, error) {
	var text string
	if err := q.param(i, &text); err != nil {
		return solana.PublicKey{}, err
	}
	return parseKey(text)
}

func parseKey(text string) (solana.PublicKey, error) {
	b, err := base58.Decode(text)
	if err != nil || len(b) != 32 {
		return solana.PublicKey{}, badParams("not a public key: " + clip(text))
	}
	return solana.PublicKey(b), nil
}

func parseSignature(text string) (solana.Signature, error) {
	b, err := base58.Decode(text)
	if err != nil || len(b) != 64 {
		return solana.Signature{}, badParams("not a signature: " + clip(text))
	}
	return solana.Signature(b), nil
}

// clip keeps what a client sent from filling an error.
func clip(s string) string { return s[:min(len(s), 100)] }

type rpcContext struct {
	APIVersion string `json:"apiVersion"`
	Slot       uint64 `json:"slot"`
}

type withContext struct {
	Context rpcContext `json:"context"`
	Value   any        `json:"value"`
}

const apiVersion = "2.3.0"

func inContext(slot uint64, v any) withContext {
	return withContext{rpcContext{apiVersion, slot}, v}
}

type accountJSON struct {
	Data       any              `json:"data"`
	Executable bool             `json:"executable"`
	Lamports   uint64           `json:"lamports"`
	Owner      solana.PublicKey `json:"owner"`
	RentEpoch  uint64           `json:"rentEpoch"`
	Space      int              `json:"space"`
}

// account is an account as JSON; nil for none.
func accountOf(a *bank.Account, o options) *accountJSON {
	if a == nil {
		return nil
	}
	d := a.Data
	if s := o.DataSlice; s != nil {
		from := min(s.Offset, uint64(len(d)))
		d = d[from:min(from+min(s.Length, uint64(len(d))), uint64(len(d)))]
	}
	out := &accountJSON{Executable: a.Executable, Lamports: a.Lamports, Owner: a.Owner, Space: len(a.Data)}
	switch o.Encoding {
	case "", "binary":
		out.Data = base58.Encode(d)
	case "base58":
		out.Data = []string{base58.Encode(d), "base58"}
	default: // what has no parser is given as base64
		out.Data = []string{base64.StdEncoding.EncodeToString(d), "base64"}
	}
	return out
}

// at is an account as of a slot, programs of the model included.
func (q *query) at(k solana.PublicKey, slot uint64) *bank.Account {
	if a := q.book.bank.Builtin(k); a != nil {
		return a
	}
	if k == solana.SysVarClockPubkey {
		return q.book.clockAt(slot)
	}
	return q.book.at(k, slot)
}

// sysvarProgram owns the sysvars.
const sysvarProgram = "Sysvar1111111111111111111111111111111111111"

// clockAt is the Clock sysvar as of a slot.
func (b *book) clockAt(slot uint64) *bank.Account {
	le := binary.LittleEndian
	d := le.AppendUint64(nil, slot)
	d = le.AppendUint64(d, 0)                      // when the epoch began
	d = le.AppendUint64(d, slot/slotsPerEpoch)     // the epoch
	d = le.AppendUint64(d, slot/slotsPerEpoch+1)   // that of which the leaders are known
	d = le.AppendUint64(d, uint64(b.timeOf(slot))) // unix time
	return &bank.Account{Lamports: bank.RentExempt(uint64(len(d))), Owner: solana.MustPublicKeyFromBase58(sysvarProgram), Data: d}
}
