package bank

import (
	"encoding/binary"

	"github.com/gagliardetto/solana-go"
)

// associated creates associated token accounts. Accounts: payer, the account, owner, mint, System, Token. Data: none or 0
// (create), 1 (create unless it is there).
func associated(c *Ctx, data []byte) error {
	if err := c.need(6); err != nil {
		return err
	}
	if len(data) > 1 || len(data) == 1 && data[0] > 1 {
		return InvalidInstructionData
	}
	payer, a, owner, mint := c.acc[0], c.acc[1], c.acc[2], c.acc[3]
	seeds := [][]byte{owner.Key[:], solana.TokenProgramID[:], mint.Key[:]}
	want, bump, err := solana.FindProgramAddress(seeds, solana.SPLAssociatedTokenAccountProgramID)
	if err != nil || a.Key != want {
		return InvalidSeeds
	}
	if a.Owner == solana.TokenProgramID && len(data) == 1 && data[0] == 1 {
		if len(a.Data) != accountSize || solana.PublicKey(a.Data[32:64]) != owner.Key || solana.PublicKey(a.Data[:32]) != mint.Key {
			return IllegalOwner
		}
		return nil
	}
	if a.Owner != solana.SystemProgramID {
		return IllegalOwner
	}
	sign := append(seeds, []byte{bump})
	le := binary.LittleEndian
	self := []*solana.AccountMeta{solana.NewAccountMeta(want, true, true)}
	if need := RentExempt(accountSize); a.Lamports < need {
		metas := []*solana.AccountMeta{solana.NewAccountMeta(payer.Key, true, true), solana.NewAccountMeta(want, true, false)}
		d := le.AppendUint64(le.AppendUint32(nil, sysTransfer), need-a.Lamports)
		if err := c.Invoke(solana.SystemProgramID, metas, d); err != nil {
			return err
		}
	}
	if err := c.Invoke(solana.SystemProgramID, self, le.AppendUint64(le.AppendUint32(nil, sysAllocate), accountSize), sign); err != nil {
		return err
	}
	assign := append(le.AppendUint32(nil, sysAssign), solana.TokenProgramID[:]...)
	if err := c.Invoke(solana.SystemProgramID, self, assign, sign); err != nil {
		return err
	}
	metas := []*solana.AccountMeta{solana.NewAccountMeta(want, true, false), solana.NewAccountMeta(mint.Key, false, false)}
	return c.Invoke(solana.TokenProgramID, metas, append([]byte{tokInitializeAccount3}, owner.Key[:]...))
}
