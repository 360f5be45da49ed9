package localnet

import (
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/gagliardetto/solana-go"
	"github.com/mr-tron/base58"

	"github.com/phantom-paradox/paradox/chain/localnet/bank"
)

type method func(*query) (any, error)

// slotsPerEpoch is Solana's.
const slotsPerEpoch = 432_000

// methods is what the model answers. Those that read hold the book's read lock.
func methods() map[string]method {
	return map[string]method{
		"getHealth":          func(*query) (any, error) { return "ok", nil },
		"getVersion":         func(*query) (any, error) { return map[string]any{"solana-core": apiVersion, "feature-set": 0}, nil },
		"getGenesisHash":     func(q *query) (any, error) { return q.book.genesisHash(), nil },
		"getIdentity":        func(q *query) (any, error) { return map[string]any{"identity": q.book.genesisHash()}, nil },
		"getSlot":            reading(func(q *query) (any, error) { o, err := q.opts(0); return q.view(o.Commitment), err }),
		"getBlockHeight":     reading(func(q *query) (any, error) { o, err := q.opts(0); return q.view(o.Commitment), err }),
		"getEpochInfo":       reading(getEpochInfo),
		"getBlockTime":       reading(getBlockTime),
		"getBlock":           reading(getBlock),
		"getBlocks":          reading(getBlocks),
		"getLatestBlockhash": reading(getLatestBlockhash), "isBlockhashValid": reading(isBlockhashValid),
		"getFirstAvailableBlock":            reading(func(q *query) (any, error) { return q.book.firstBlock(), nil }),
		"minimumLedgerSlot":                 reading(func(q *query) (any, error) { return q.book.firstBlock(), nil }),
		"getTransactionCount":               reading(func(q *query) (any, error) { return len(q.book.order), nil }),
		"getFeeForMessage":                  reading(getFeeForMessage),
		"getRecentPrioritizationFees":       reading(getPriorityFees),
		"getMinimumBalanceForRentExemption": getMinimumBalance,
		"getBalance":                        reading(getBalance),
		"getAccountInfo":                    reading(getAccountInfo),
		"getMultipleAccounts":               reading(getMultipleAccounts),
		"getProgramAccounts":                reading(getProgramAccounts),
		"getTokenAccountBalance":            reading(getTokenAccountBalance),
		"getTokenSupply":                    reading(getTokenSupply),
		"getTokenAccountsByOwner":           reading(getTokenAccountsByOwner),
		"getSignatureStatuses":              reading(getSignatureStatuses),
		"getSignaturesForAddress":           reading(getSignaturesForAddress),
		"getTransaction":                    reading(getTransaction),
		"simulateTransaction":               reading(simulateTransaction),
		"sendTransaction":                   sendTransaction,
		"requestAirdrop":                    requestAirdrop,
	}
}

func reading(m method) method {
	return func(q *query) (any, error) {
		q.book.mu.RLock()
		defer q.book.mu.RUnlock()
		return m(q)
	}
}

func (b *book) firstBlock() uint64 {
	if len(b.order) == maxHistory {
		return b.order[0].slot + 1
	}
	return firstSlot
}

func getEpochInfo(q *query) (any, error) {
	o, err := q.opts(0)
	s := q.view(o.Commitment)
	return map[string]any{
		"absoluteSlot": s, "blockHeight": s, "epoch": s / slotsPerEpoch, "slotIndex": s % slotsPerEpoch, "slotsInEpoch": slotsPerEpoch,
		"transactionCount": len(q.book.order),
	}, err
}

// timeOf is the time of a slot: its block's, or an estimate for an empty one.
func (b *book) timeOf(slot uint64) int64 {
	if rs := b.bySlot[slot]; len(rs) > 0 {
		return rs[0].time
	}
	return time.Now().Add(-time.Duration(b.slot-min(slot, b.slot)) * max(b.slotTime, 0)).Unix()
}

func (q *query) slotParam() (uint64, error) {
	var slot uint64
	if err := q.param(0, &slot); err != nil {
		return 0, err
	}
	if slot > q.view("confirmed") || slot < q.book.firstBlock() {
		return 0, &rpcError{Code: codeNotAvailable, Message: "Block not available for slot"}
	}
	return slot, nil
}

func getBlockTime(q *query) (any, error) {
	slot, err := q.slotParam()
	if err != nil {
		return nil, err
	}
	return q.book.timeOf(slot), nil
}

func getBlocks(q *query) (any, error) {
	var from, to uint64
	if err := q.param(0, &from); err != nil {
		return nil, err
	}
	to = q.view("finalized")
	if err := q.param(1, &to); err != nil {
		return nil, err
	}
	to = min(to, q.view("finalized"), from+500_000)
	out := []uint64{}
	for s := max(from, firstSlot); s <= to; s++ {
		out = append(out, s)
	}
	return out, nil
}

func getBlock(q *query) (any, error) {
	slot, err := q.slotParam()
	if err != nil {
		return nil, err
	}
	o, err := q.opts(1)
	if err != nil {
		return nil, err
	}
	out := map[string]any{
		"blockhash": q.book.blockhash(slot), "previousBlockhash": q.book.blockhash(slot - 1), "parentSlot": slot - 1, "blockHeight": slot,
		"blockTime": q.book.timeOf(slot), "rewards": []any{},
	}
	switch o.TransactionDetails {
	case "none":
	case "signatures":
		sigs := []solana.Signature{}
		for _, r := range q.book.bySlot[slot] {
			sigs = append(sigs, r.sig)
		}
		out["signatures"] = sigs
	default:
		txs := []any{}
		for _, r := range q.book.bySlot[slot] {
			txs = append(txs, map[string]any{"transaction": r.encoded(o.Encoding), "meta": r.meta(), "version": r.version()})
		}
		out["transactions"] = txs
	}
	return out, nil
}

func getLatestBlockhash(q *query) (any, error) {
	o, err := q.opts(0)
	s := q.view(o.Commitment)
	return inContext(s, map[string]any{"blockhash": q.book.blockhash(s), "lastValidBlockHeight": s + hashWindow}), err
}

func isBlockhashValid(q *query) (any, error) {
	h, err := q.key(0)
	if err != nil {
		return nil, err
	}
	o, err := q.opts(1)
	s, ok := q.book.hashes[solana.Hash(h)]
	return inContext(q.view(o.Commitment), ok && s <= q.book.slot), err
}

func getFeeForMessage(q *query) (any, error) {
	var text string
	if err := q.param(0, &text); err != nil {
		return nil, err
	}
	m, err := decodeMessage(text)
	if err != nil {
		return nil, badParams(err.Error())
	}
	o, err := q.opts(1)
	slot := q.view(o.Commitment)
	if _, ok := q.book.hashes[m.RecentBlockhash]; !ok {
		return inContext(slot, null{}), err
	}
	return inContext(slot, bank.Fee(m)), err
}

func decodeMessage(text string) (m *solana.Message, err error) {
	defer func() {
		if recover() != nil { // the decoder's, on hostile lengths
			m, err = nil, errors.New("failed to deserialize message")
		}
	}()
	m = new(solana.Message)
	if err := m.UnmarshalBase64(text); err != nil {
		return nil, errors.New("failed to deserialize message")
	}
	return m, nil
}

func getPriorityFees(q *query) (any, error) {
	return []any{map[string]uint64{"slot": q.view("finalized"), "prioritizationFee": 0}}, nil
}

func getMinimumBalance(q *query) (any, error) {
	var n uint64
	if err := q.param(0, &n); err != nil {
		return nil, err
	}
	if n > 10<<20 {
		return nil, badParams("account data is at most 10 MiB")
	}
	return bank.RentExempt(n), nil
}

func getBalance(q *query) (any, error) {
	k, err := q.key(0)
	if err != nil {
		return nil, err
	}
	o, err := q.opts(1)
	slot, lamports := q.view(o.Commitment), uint64(0)
	if a := q.at(k, slot); a != nil {
		lamports = a.Lamports
	}
	return inContext(slot, lamports), err
}

func getAccountInfo(q *query) (any, error) {
	k, err := q.key(0)
	if err != nil {
		return nil, err
	}
	o, err := q.opts(1)
	slot := q.view(o.Commitment)
	return inContext(slot, accountOf(q.at(k, slot), o)), err
}

// maxMultiple is Solana's limit on getMultipleAccounts.
const maxMultiple = 100

func getMultipleAccounts(q *query) (any, error) {
	var texts []string
	if err := q.param(0, &texts); err != nil {
		return nil, err
	}
	if len(texts) > maxMultiple {
		return nil, badParams("Too many inputs provided; max 100")
	}
	o, err := q.opts(1)
	if err != nil {
		return nil, err
	}
	if o.Encoding == "" {
		o.Encoding = "base64"
	}
	slot, out := q.view(o.Commitment), []*accountJSON{}
	for _, t := range texts {
		k, err := parseKey(t)
		if err != nil {
			return nil, err
		}
		out = append(out, accountOf(q.at(k, slot), o))
	}
	return inContext(slot, out), nil
}

type keyedAccount struct {
	Pubkey  solana.PublicKey `json:"pubkey"`
	Account *accountJSON     `json:"account"`
}

func getProgramAccounts(q *query) (any, error) {
	program, err := q.key(0)
	if err != nil {
		return nil, err
	}
	o, err := q.opts(1)
	if err != nil {
		return nil, err
	}
	out, err := q.owned(program, o)
	if o.WithContext {
		return inContext(q.view(o.Commitment), out), err
	}
	return out, err
}

func (q *query) owned(program solana.PublicKey, o options) ([]keyedAccount, error) {
	slot, out := q.view(o.Commitment), []keyedAccount{}
	for k := range q.book.versions {
		a := q.book.at(k, slot)
		if a == nil || a.Owner != program {
			continue
		}
		ok, err := matches(a.Data, o.Filters)
		if err != nil {
			return nil, err
		}
		if ok {
			out = append(out, keyedAccount{k, accountOf(a, o)})
		}
	}
	slices.SortFunc(out, func(a, b keyedAccount) int { return strings.Compare(string(a.Pubkey[:]), string(b.Pubkey[:])) })
	return out, nil
}

func matches(data []byte, filters []filter) (bool, error) {
	for _, f := range filters {
		if f.DataSize != nil && *f.DataSize != uint64(len(data)) {
			return false, nil
		}
		if f.Memcmp == nil {
			continue
		}
		want, err := base58.Decode(f.Memcmp.Bytes)
		if f.Memcmp.Encoding == "base64" {
			want, err = base64.StdEncoding.DecodeString(f.Memcmp.Bytes)
		}
		if err != nil {
			return false, badParams("memcmp bytes")
		}
		at := f.Memcmp.Offset
		if at > uint64(len(data)) || !strings.HasPrefix(string(data[at:]), string(want)) {
			return false, nil
		}
	}
	return true, nil
}
