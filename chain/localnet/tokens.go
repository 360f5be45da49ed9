package localnet

import (
	"encoding/binary"
	"math/big"
	"strconv"

	"github.com/gagliardetto/solana-go"
	"github.com/mr-tron/base58"
)

// The Token program's layouts, as far as RPC shows them.
const (
	mintSize    = 82
	accountSize = 165
)

func uiAmount(amount uint64, decimals uint8) map[string]any {
	scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(decimals)), nil)
	text := new(big.Rat).SetFrac(new(big.Int).SetUint64(amount), scale).FloatString(int(decimals))
	f, _ := strconv.ParseFloat(text, 64)
	return map[string]any{"amount": strconv.FormatUint(amount, 10), "decimals": decimals, "uiAmount": f, "uiAmountString": text}
}

func getTokenAccountBalance(q *query) (any, error) {
	k, err := q.key(0)
	if err != nil {
		return nil, err
	}
	o, err := q.opts(1)
	slot := q.view(o.Commitment)
	a := q.at(k, slot)
	if a == nil || a.Owner != solana.TokenProgramID || len(a.Data) != accountSize {
		return nil, badParams("could not find account")
	}
	decimals := uint8(0)
	if m := q.at(solana.PublicKey(a.Data[:32]), slot); m != nil && len(m.Data) == mintSize {
		decimals = m.Data[44]
	}
	return inContext(slot, uiAmount(binary.LittleEndian.Uint64(a.Data[64:]), decimals)), err
}

func getTokenSupply(q *query) (any, error) {
	k, err := q.key(0)
	if err != nil {
		return nil, err
	}
	o, err := q.opts(1)
	slot := q.view(o.Commitment)
	m := q.at(k, slot)
	if m == nil || m.Owner != solana.TokenProgramID || len(m.Data) != mintSize {
		return nil, badParams("could not find mint")
	}
	return inContext(slot, uiAmount(binary.LittleEndian.Uint64(m.Data[36:]), m.Data[44])), err
}

func getTokenAccountsByOwner(q *query) (any, error) {
	owner, err := q.key(0)
	if err != nil {
		return nil, err
	}
	var by options
	if err := q.param(1, &by); err != nil {
		return nil, err
	}
	o, err := q.opts(2)
	if err != nil {
		return nil, err
	}
	size := uint64(accountSize)
	o.Filters = []filter{{DataSize: &size}, memcmp(32, owner)}
	if by.Mint != "" {
		mint, err := parseKey(by.Mint)
		if err != nil {
			return nil, err
		}
		o.Filters = append(o.Filters, memcmp(0, mint))
	}
	out, err := q.owned(solana.TokenProgramID, o)
	return inContext(q.view(o.Commitment), out), err
}

func memcmp(offset uint64, k solana.PublicKey) filter {
	var f filter
	f.Memcmp = &struct {
		Offset   uint64 `json:"offset"`
		Bytes    string `json:"bytes"`
		Encoding string `json:"encoding"`
	}{Offset: offset, Bytes: base58.Encode(k[:])}
	return f
}
