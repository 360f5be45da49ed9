package bank

import (
	"encoding/binary"
	"unicode/utf8"
)

// memo accepts UTF-8 text; every account that it is given must have signed.
func memo(c *Ctx, data []byte) error {
	if !utf8.Valid(data) {
		return InvalidInstructionData
	}
	for _, a := range c.acc {
		if !a.Signer {
			return MissingRequiredSignature
		}
	}
	return nil
}

// computeBudget accepts what Fee reads, and the two requests that the model does not meter.
func computeBudget(c *Ctx, data []byte) error {
	if len(data) == 0 {
		return InvalidInstructionData
	}
	want, ok := map[byte]int{1: 5, 2: 5, 3: 9, 4: 5}[data[0]]
	if !ok || len(data) != want {
		return InvalidInstructionData
	}
	return nil
}

// The Ed25519 program's errors.
const (
	edInvalidPublicKey Custom = 0
	edInvalidSignature Custom = 2
	edInvalidOffsets   Custom = 3
	edInvalidSize      Custom = 4

	edHeader  = 2
	edOffsets = 14
	edHere    = 0xffff
)

// ed25519Program verifies signatures that lie anywhere in the transaction's instructions, by the strict rule.
func ed25519Program(c *Ctx, data []byte) error {
	if len(data) < edHeader {
		return edInvalidSize
	}
	k := int(data[0])
	if k == 0 && len(data) > edHeader {
		return edInvalidSize
	}
	if len(data) < edHeader+edOffsets*k {
		return edInvalidSize
	}
	for i := range k {
		var o [7]uint16
		for j := range o {
			o[j] = binary.LittleEndian.Uint16(data[edHeader+edOffsets*i+2*j:])
		}
		sig, ok1 := c.slice(data, o[1], o[0], 64)
		key, ok2 := c.slice(data, o[3], o[2], 32)
		msg, ok3 := c.slice(data, o[6], o[4], o[5])
		if !ok1 || !ok2 || !ok3 {
			return edInvalidOffsets
		}
		if !verifyStrict(key, msg, sig) {
			return edInvalidSignature
		}
	}
	return nil
}

// slice is a piece of an instruction's data; 0xffff means the running one's.
func (c *Ctx) slice(own []byte, instruction, offset, size uint16) ([]byte, bool) {
	if instruction != edHere {
		_, d, ok := c.Instruction(int(instruction))
		if !ok {
			return nil, false
		}
		own = d
	}
	if int(offset)+int(size) > len(own) {
		return nil, false
	}
	return own[offset : int(offset)+int(size)], true
}
