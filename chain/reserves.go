package chain

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/gagliardetto/solana-go"
	"github.com/gagliardetto/solana-go/rpc"

	"github.com/phantom-paradox/paradox/chain/vault"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/network"
)

// Reserves is what a purse holds and owes.
type Reserves struct {
	Mint      intent.Key
	Tokens    uint64 // in the purse's token account
	Available uint64 // sum over entries
	InFlight  uint64
	Entries   uint32
}

// A ReserveReport compares the vault with its token accounts and with a settled state.
type ReserveReport struct {
	EventNumber uint64 // the same before and after reading
	Height      uint64
	Compared    bool // with the state
	Purses      []Reserves
	Problems    []string // empty: all is well
}

// A Balance is what a state says of an entry.
type Balance struct {
	Mint   intent.Key
	Entry  uint32
	Owner  intent.Key
	Amount uint64
}

// ErrMoving is returned when the vault changed while it was read, several times over.
var ErrMoving = errors.New("the vault keeps changing while it is read")

// reserveReads is how often the vault is read before ErrMoving, and pagesARead how many pages one request asks for: full ones
// have 65 kB each.
const (
	reserveReads = 5
	pagesARead   = 32
)

// CheckReserves reads the whole vault at finalized and compares it: token balance >= available + in flight. state (may be nil)
// yields the balances of the state at the height and event number that it is given, or false if it has none.
func CheckReserves(ctx context.Context, f *network.File, c Client, state func(height, event uint64) ([]Balance, bool)) (*ReserveReport, error) {
	a := Addresses(f)
	for range reserveReads {
		before, _, err := ReadVault(ctx, c, a.Vault, rpc.CommitmentFinalized)
		if err != nil {
			return nil, err
		}
		if before == nil {
			return nil, ErrNotReady
		}
		r := &ReserveReport{EventNumber: before.EventNumber, Height: before.Height}
		entries := map[intent.Key][]vault.Entry{}
		for _, m := range f.Mints {
			es, err := r.readPurse(ctx, c, a, m.Mint)
			if err != nil {
				return nil, err
			}
			entries[m.Mint] = es
		}
		after, _, err := ReadVault(ctx, c, a.Vault, rpc.CommitmentFinalized)
		if err != nil {
			return nil, err
		}
		if after == nil || after.EventNumber != before.EventNumber || (before.Pending == nil) != (after.Pending == nil) {
			continue
		}
		if state != nil && before.Pending == nil {
			if bs, ok := state(before.Height, before.EventNumber); ok {
				r.compare(entries, bs)
			}
		}
		return r, nil
	}
	return nil, ErrMoving
}

// readPurse adds a purse to the report and returns its entries.
func (r *ReserveReport) readPurse(ctx context.Context, c Client, a vault.Addresses, mint intent.Key) ([]vault.Entry, error) {
	key, _ := a.Purse(mint)
	d, _, err := readAccount(ctx, c, key, rpc.CommitmentFinalized)
	if err != nil || d == nil {
		return nil, err // no purse: nothing held, nothing owed
	}
	p, err := vault.DecodePurse(d)
	if err != nil {
		return nil, fmt.Errorf("purse of %s: %w", solana.PublicKey(mint), err)
	}
	tokens, _, err := readAccount(ctx, c, p.Tokens, rpc.CommitmentFinalized)
	if err != nil {
		return nil, err
	}
	if len(tokens) < 72 {
		return nil, fmt.Errorf("token account of purse %s: %w", key, vault.ErrLayout)
	}
	entries, err := readEntries(ctx, c, a, key, p.Entries)
	if err != nil {
		return nil, err
	}
	out := Reserves{Mint: mint, Tokens: binary.LittleEndian.Uint64(tokens[64:]), InFlight: p.InFlight, Entries: p.Entries}
	owed, over := p.InFlight, false
	for _, e := range entries {
		out.Available += e.Available
		over = over || owed > math.MaxUint64-e.Available
		owed += e.Available
	}
	if over || out.Tokens < owed {
		r.problem("mint %s: the token account holds %d, entries and funds in flight are %d", solana.PublicKey(mint), out.Tokens, owed)
	}
	r.Purses = append(r.Purses, out)
	return entries, nil
}

func readEntries(ctx context.Context, c Client, a vault.Addresses, purse solana.PublicKey, count uint32) ([]vault.Entry, error) {
	var keys []solana.PublicKey
	for i := uint32(0); uint64(i)*vault.PageEntries < uint64(count); i++ {
		k, _ := a.Page(purse, i)
		keys = append(keys, k)
	}
	var out []vault.Entry
	for len(keys) > 0 {
		n := min(len(keys), pagesARead)
		r, err := c.GetMultipleAccountsWithOpts(ctx, keys[:n], &rpc.GetMultipleAccountsOpts{Encoding: solana.EncodingBase64, Commitment: rpc.CommitmentFinalized})
		if err != nil {
			return nil, fmt.Errorf("reading pages: %w", err)
		}
		for i, acc := range r.Value {
			if acc == nil {
				return nil, fmt.Errorf("reading pages: %s is missing", keys[i])
			}
			p, err := vault.DecodePage(acc.Data.GetBinary())
			if err != nil {
				return nil, fmt.Errorf("page %s: %w", keys[i], err)
			}
			out = append(out, p.Entries...)
		}
		keys = keys[n:]
	}
	return out, nil
}

// compare holds the state's balances against the entries.
func (r *ReserveReport) compare(entries map[intent.Key][]vault.Entry, state []Balance) {
	r.Compared = true
	counted := map[intent.Key]int{}
	for _, b := range state {
		counted[b.Mint]++
		es := entries[b.Mint]
		if int(b.Entry) >= len(es) {
			r.problem("mint %s entry %d is in the state but not in the vault", solana.PublicKey(b.Mint), b.Entry)
			continue
		}
		if e := es[b.Entry]; e.Owner != b.Owner || e.Available != b.Amount {
			r.problem("mint %s entry %d: the vault has %d of %s, the state %d of %s", solana.PublicKey(b.Mint), b.Entry,
				e.Available, solana.PublicKey(e.Owner), b.Amount, solana.PublicKey(b.Owner))
		}
	}
	for m, es := range entries {
		if counted[m] != len(es) {
			r.problem("mint %s: the vault has %d entries, the state %d", solana.PublicKey(m), len(es), counted[m])
		}
	}
}

func (r *ReserveReport) problem(format string, args ...any) {
	r.Problems = append(r.Problems, fmt.Sprintf(format, args...))
}
