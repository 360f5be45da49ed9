package ledger

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/netting"
)

// A Passage is what a height means for the balance of one entry: what the vault's events up to its cut brought, what it
// opened with, and what its batch left. Before all of it stood Opening - Deposited + Withdrawn, which is the Closing of the
// entry's passage before.
type Passage struct {
	Mint                 intent.Key
	Entry                uint32
	Deposited, Withdrawn netting.Int128 // by events behind the cut before, up to the height's
	Opening, Closing     uint64
}

// place is an entry by where it stands.
type place struct {
	mint  intent.Key
	entry uint32
}

// vaulted is what the vault's events put into an entry and took out of it.
type vaulted struct{ in, out netting.Int128 }

// count notes a deposit or a withdrawal of an opening.
func (o *Opening) count(e *Event) {
	if o.vaulted == nil {
		o.vaulted = make(map[place]vaulted)
	}
	at := place{e.Mint, e.Entry}
	v := o.vaulted[at]
	if e.Tag == EventDeposit {
		v.in = v.in.AddUnits(e.Amount)
	} else {
		v.out = v.out.AddUnits(e.Amount)
	}
	o.vaulted[at] = v
}

// Passages are those of the entries that the vault's events or the batch moved, by mint and number. An entry that has none
// closes as it closed before.
func (r *Result) Passages() ([]Passage, error) {
	out := make([]Passage, 0, len(r.Deltas)+len(r.opening.vaulted))
	for k := range r.Deltas {
		d := &r.Deltas[k]
		e, err := written(r.writes, d.Mint, d.Entry)
		if err != nil {
			return nil, err
		}
		opening, ok := netting.Units(e.Balance).Sub(d.Amount).Uint64()
		if !ok {
			return nil, fmt.Errorf("ledger: entry %d of %s closes with %d after a change of %s", d.Entry, d.Mint, e.Balance, d.Amount)
		}
		v := r.opening.vaulted[place{d.Mint, d.Entry}]
		out = append(out, Passage{Mint: d.Mint, Entry: d.Entry, Deposited: v.in, Withdrawn: v.out, Opening: opening, Closing: e.Balance})
	}
	changed := make(map[place]bool, len(out))
	for k := range out {
		changed[place{out[k].Mint, out[k].Entry}] = true
	}
	for at, v := range r.opening.vaulted {
		if changed[at] {
			continue
		}
		e, err := written(r.opening.events.writes, at.mint, at.entry)
		if err != nil {
			return nil, err
		}
		out = append(out, Passage{Mint: at.mint, Entry: at.entry, Deposited: v.in, Withdrawn: v.out, Opening: e.Balance, Closing: e.Balance})
	}
	slices.SortFunc(out, func(a, b Passage) int {
		return cmp.Or(bytes.Compare(a.Mint[:], b.Mint[:]), cmp.Compare(a.Entry, b.Entry))
	})
	return out, nil
}

// written reads an entry that was written.
func written(writes map[string][]byte, mint intent.Key, number uint32) (Entry, error) {
	key := entryKey(mint, number)
	v := writes[string(key)]
	if v == nil {
		return Entry{}, fmt.Errorf("ledger: entry %d of %s moved and was not written", number, mint)
	}
	return parseEntry(key, v)
}
