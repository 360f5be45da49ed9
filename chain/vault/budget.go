package vault

import (
	"encoding/binary"
	"encoding/json"

	"github.com/gagliardetto/solana-go"
)

// ComputeLimit sets a transaction's compute limit.
func ComputeLimit(units uint32) solana.Instruction {
	return solana.NewInstruction(solana.ComputeBudget, nil, binary.LittleEndian.AppendUint32([]byte{2}, units))
}

// ComputePrice sets the priority fee, in micro-lamports a unit of the compute limit.
func ComputePrice(micro uint64) solana.Instruction {
	return solana.NewInstruction(solana.ComputeBudget, nil, binary.LittleEndian.AppendUint64([]byte{3}, micro))
}

// CodeOf finds the vault's code in a transaction error as RPC gives it: {"InstructionError":[index,{"Custom":code}]}.
func CodeOf(txError any) (Code, bool) {
	b, err := json.Marshal(txError)
	if err != nil {
		return 0, false
	}
	var e struct {
		InstructionError []json.RawMessage
	}
	if json.Unmarshal(b, &e) != nil || len(e.InstructionError) != 2 {
		return 0, false
	}
	var c struct{ Custom *uint32 }
	if json.Unmarshal(e.InstructionError[1], &c) != nil || c.Custom == nil {
		return 0, false
	}
	_, ok := codeText(Code(*c.Custom))
	return Code(*c.Custom), ok
}
