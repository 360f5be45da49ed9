package bank

import (
	"encoding/binary"

	"github.com/gagliardetto/solana-go"

	"github.com/phantom-paradox/paradox/chain/vault/model"
)

// The System program's instructions and errors.
const (
	sysCreate   = 0
	sysAssign   = 1
	sysTransfer = 2
	sysAllocate = 8

	sysAlreadyInUse  Custom = 0
	sysNegative      Custom = 1
	sysInvalidLength Custom = 3

	maxAccountData = 10 << 20
)

func system(c *Ctx, data []byte) error {
	if len(data) < 4 {
		return InvalidInstructionData
	}
	le := binary.LittleEndian
	args := data[4:]
	switch tag := le.Uint32(data); {
	case tag == sysCreate && len(args) == 48:
		return sysCreateAccount(c, le.Uint64(args), le.Uint64(args[8:]), solana.PublicKey(args[16:]))
	case tag == sysAssign && len(args) == 32:
		if err := c.need(1); err != nil {
			return err
		}
		return sysAssignTo(&c.acc[0], solana.PublicKey(args))
	case tag == sysTransfer && len(args) == 8:
		return sysMove(c, le.Uint64(args))
	case tag == sysAllocate && len(args) == 8:
		if err := c.need(1); err != nil {
			return err
		}
		return sysAllocateTo(&c.acc[0], le.Uint64(args))
	}
	return InvalidInstructionData
}

func sysCreateAccount(c *Ctx, lamports, space uint64, owner solana.PublicKey) error {
	if err := c.need(2); err != nil {
		return err
	}
	if c.acc[1].Lamports > 0 {
		return sysAlreadyInUse
	}
	if err := sysAllocateTo(&c.acc[1], space); err != nil {
		return err
	}
	if err := sysAssignTo(&c.acc[1], owner); err != nil {
		return err
	}
	return sysMove(c, lamports)
}

func sysAllocateTo(a *model.Meta, space uint64) error {
	if !a.Signer {
		return MissingRequiredSignature
	}
	if len(a.Data) != 0 || a.Owner != solana.SystemProgramID {
		return sysAlreadyInUse
	}
	if space > maxAccountData {
		return sysInvalidLength
	}
	if !a.Writable {
		return ReadonlyDataModified
	}
	a.Account.Data = make([]byte, space)
	return nil
}

func sysAssignTo(a *model.Meta, owner solana.PublicKey) error {
	if a.Owner == owner {
		return nil
	}
	if !a.Signer {
		return MissingRequiredSignature
	}
	if a.Owner != solana.SystemProgramID {
		return ModifiedProgramID
	}
	if !a.Writable {
		return ReadonlyDataModified
	}
	a.Account.Owner = owner
	return nil
}

// sysMove transfers from account 0 to account 1.
func sysMove(c *Ctx, lamports uint64) error {
	if err := c.need(2); err != nil {
		return err
	}
	from, to := c.acc[0], c.acc[1]
	if !from.Signer {
		return MissingRequiredSignature
	}
	if len(from.Data) != 0 {
		return InvalidArgument
	}
	if lamports > from.Lamports {
		return sysNegative
	}
	if from.Owner != solana.SystemProgramID {
		return ExternalLamportSpend
	}
	if lamports != 0 && (!from.Writable || !to.Writable) {
		return ReadonlyLamportChange
	}
	from.Account.Lamports -= lamports
	to.Account.Lamports += lamports
	return nil
}
