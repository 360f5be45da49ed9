package model

import (
	"encoding/binary"
	"math"

	"github.com/phantom-paradox/paradox/chain/vault"
	"github.com/phantom-paradox/paradox/intent"
)

// run is "run" of the specification: a chunk of debits or credits, forwards or backwards. Accounts: vault, purse, pages.
func (c *call) run(chunk []byte, forwards bool) error {
	if len(chunk) < 33 {
		return vault.BadChunk
	}
	p, err := c.loadPurse(1)
	if err != nil {
		return err
	}
	if p.Mint != intent.Key(chunk[1:33]) {
		return vault.BadPurse
	}
	if err := c.checkPages(); err != nil {
		return err
	}
	before := p.InFlight
	if err := c.runPairs(p, chunk[33:], chunk[0] == vault.ChunkCredits, forwards); err != nil {
		return err
	}
	binary.LittleEndian.PutUint64(c.acc[1].Data[104:], p.InFlight)
	switch {
	case before == 0 && p.InFlight != 0:
		c.v.PursesFlying++
	case before != 0 && p.InFlight == 0:
		c.v.PursesFlying--
	}
	return nil
}

func (c *call) checkPages() error {
	last := int64(-1)
	for i := 2; i < len(c.acc); i++ {
		if err := c.checkPage(i, c.acc[1].Key); err != nil {
			return err
		}
		if index := int64(pageIndex(c.acc[i])); index <= last {
			return vault.BadPage
		} else {
			last = index
		}
	}
	return nil
}

func (c *call) runPairs(p *vault.Purse, b []byte, credit, forwards bool) error {
	if len(b) == 0 {
		return vault.BadChunk
	}
	entry, page := uint64(0), 2
	for first := true; len(b) > 0; first = false {
		gap, n := vault.Uvarint(b)
		if n == 0 {
			return vault.BadChunk
		}
		amount, m := vault.Uvarint(b[n:])
		if m == 0 || amount == 0 {
			return vault.BadChunk
		}
		b = b[n+m:]
		if !first && gap == 0 {
			return vault.BadOrder
		}
		if gap > math.MaxUint32-entry {
			return vault.BadEntry
		}
		entry += gap
		for page < len(c.acc) && uint64(pageIndex(c.acc[page])) < entry/vault.PageEntries {
			page++
		}
		if page == len(c.acc) {
			return vault.BadEntry
		}
		d, err := entryIn(c.acc[page], uint32(entry))
		if err != nil {
			return err
		}
		if err := c.change(p, d, amount, credit, forwards); err != nil {
			return err
		}
	}
	return nil
}

// change debits or credits one entry.
func (c *call) change(p *vault.Purse, d []byte, amount uint64, credit, forwards bool) error {
	e := vault.ReadEntry(d)
	if credit == forwards { // out of flight
		if p.InFlight < amount {
			return vault.InFlight
		}
		if e.Available+amount < amount {
			return vault.Overflow
		}
		p.InFlight -= amount
		e.Available += amount
		e.Put(d)
		return nil
	}
	if e.Available < amount {
		return vault.Insufficient
	}
	if forwards && e.Requested > 0 && e.Request <= c.v.Pending.Cut && e.Available-amount < e.Requested {
		return vault.Requested
	}
	if p.InFlight+amount < amount {
		return vault.Overflow
	}
	p.InFlight += amount
	e.Available -= amount
	e.Put(d)
	return nil
}
