package model

import (
	"encoding/binary"
	"math"

	"github.com/phantom-paradox/paradox/chain/vault"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/ledger"
)

// event begins an event's bytes: tag and slot.
func (c *call) event(tag ledger.EventTag) []byte {
	return binary.LittleEndian.AppendUint64([]byte{byte(tag)}, c.Slot())
}

// entryEvent begins an event of an entry.
func (c *call) entryEvent(tag ledger.EventTag, mint intent.Key, entry uint32) []byte {
	return binary.LittleEndian.AppendUint32(append(c.event(tag), mint[:]...), entry)
}

// push links an event to the chain.
func (c *call) push(event []byte) error {
	if c.v.EventNumber == math.MaxUint64 {
		return vault.Overflow
	}
	c.v.EventNumber++
	c.v.EventHash = vault.NextEventHash(c.v.EventHash, event)
	return nil
}

// settle makes a height the settled one.
func (c *call) settle(height uint64, digest intent.Hash) error {
	c.v.Height, c.v.LastDigest = height, digest
	e := binary.LittleEndian.AppendUint64(c.event(ledger.EventSettled), height)
	e = append(e, digest[:]...)
	e = binary.LittleEndian.AppendUint32(e, c.v.Epoch)
	if err := c.push(e); err != nil {
		return err
	}
	c.v.Floor, c.v.LastSlot, c.v.Pending = c.v.EventNumber, c.Slot(), nil
	return nil
}

func (c *call) nextGeneration() error {
	if c.v.Generation == math.MaxUint32 {
		return vault.Overflow
	}
	c.v.Generation++
	return nil
}

func addSat(a, b uint64) uint64 {
	if s := a + b; s >= a {
		return s
	}
	return math.MaxUint64
}
