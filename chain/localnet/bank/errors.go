package bank

import (
	"encoding/json"
	"errors"

	"github.com/phantom-paradox/paradox/chain/vault"
)

// An InstructionError is a failure of a program, by Solana's name for it.
type InstructionError string

func (e InstructionError) Error() string { return string(e) }

// The instruction errors that the model makes.
const (
	InvalidArgument          InstructionError = "InvalidArgument"
	InvalidInstructionData   InstructionError = "InvalidInstructionData"
	InvalidAccountData       InstructionError = "InvalidAccountData"
	IncorrectProgramID       InstructionError = "IncorrectProgramId"
	MissingRequiredSignature InstructionError = "MissingRequiredSignature"
	ExternalLamportSpend     InstructionError = "ExternalAccountLamportSpend"
	ReadonlyLamportChange    InstructionError = "ReadonlyLamportChange"
	ReadonlyDataModified     InstructionError = "ReadonlyDataModified"
	NotEnoughAccountKeys     InstructionError = "NotEnoughAccountKeys"
	MissingAccount           InstructionError = "MissingAccount"
	InvalidSeeds             InstructionError = "InvalidSeeds"
	InvalidAccountOwner      InstructionError = "InvalidAccountOwner"
	IllegalOwner             InstructionError = "IllegalOwner"
	PrivilegeEscalation      InstructionError = "PrivilegeEscalation"
	CallDepth                InstructionError = "CallDepth"
	UnsupportedProgramID     InstructionError = "UnsupportedProgramId"
	UnbalancedInstruction    InstructionError = "UnbalancedInstruction"
	ModifiedProgramID        InstructionError = "ModifiedProgramId"
)

// Custom is a program's own error code.
type Custom uint32

func (e Custom) Error() string { return vault.Code(e).Error() }

// A TxError is why a transaction failed. Index is -1 unless an instruction failed.
type TxError struct {
	Name  string // Solana's name: InstructionError, BlockhashNotFound, …
	Index int
	Err   error // of the instruction
	// Account is the account at fault of InsufficientFundsForRent.
	Account int
}

func (e *TxError) Error() string {
	if e.Index < 0 {
		return e.Name
	}
	return e.Name + ": " + e.Err.Error()
}

// MarshalJSON is the shape that Solana's RPC gives it.
func (e *TxError) MarshalJSON() ([]byte, error) {
	if e.Name == "InsufficientFundsForRent" {
		return json.Marshal(map[string]any{e.Name: map[string]int{"account_index": e.Account}})
	}
	if e.Index < 0 {
		return json.Marshal(e.Name)
	}
	var inner any = "GenericError"
	var custom Custom
	var code vault.Code
	var plain InstructionError
	switch {
	case errors.As(e.Err, &custom):
		inner = map[string]uint32{"Custom": uint32(custom)}
	case errors.As(e.Err, &code):
		inner = map[string]uint32{"Custom": uint32(code)}
	case errors.As(e.Err, &plain):
		inner = string(plain)
	}
	return json.Marshal(map[string]any{e.Name: []any{e.Index, inner}})
}

func txError(name string) *TxError { return &TxError{Name: name, Index: -1} }
