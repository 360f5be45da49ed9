package bank

import (
	"slices"

	"github.com/gagliardetto/solana-go"

	"github.com/phantom-paradox/paradox/chain/vault"
	"github.com/phantom-paradox/paradox/chain/vault/model"
)

// A Ctx is what a running program sees. It is the vault model's Host.
type Ctx struct {
	exec    *exec
	program solana.PublicKey
	acc     []model.Meta
	height  int // 1 at the top
}

// a program of the model.
type program func(c *Ctx, data []byte) error

// program is the model's program at a key, nil if there is none.
func (b *Bank) program(k solana.PublicKey) program {
	switch k {
	case solana.SystemProgramID:
		return system
	case solana.TokenProgramID:
		return token
	case solana.SPLAssociatedTokenAccountProgramID:
		return associated
	case solana.MemoProgramID:
		return memo
	case solana.ComputeBudget:
		return computeBudget
	case vault.Ed25519Program():
		return ed25519Program
	}
	if b.vaults[k] {
		return func(c *Ctx, data []byte) error { return model.Execute(c, c.program, c.acc, data) }
	}
	return nil
}

// Slot is the Clock sysvar's.
func (c *Ctx) Slot() uint64 { return c.exec.slot }

// Rent is the Rent sysvar.
func (c *Ctx) Rent() (uint64, float64) { return rentPerByteYear, rentYears }

// Index is the place of the running top-level instruction.
func (c *Ctx) Index() int { return c.exec.current }

// Instruction is a top-level instruction of the transaction.
func (c *Ctx) Instruction(i int) (solana.PublicKey, []byte, bool) {
	ixs := c.exec.tx.Message.Instructions
	if i < 0 || i >= len(ixs) {
		return solana.PublicKey{}, nil, false
	}
	return c.exec.keys[ixs[i].ProgramIDIndex], ixs[i].Data, true
}

// Invoke runs another program, signed for the addresses of these seeds.
func (c *Ctx) Invoke(program solana.PublicKey, metas []*solana.AccountMeta, data []byte, seeds ...[][]byte) error {
	if c.height >= maxCallDepth {
		return CallDepth
	}
	var signers []solana.PublicKey
	for _, s := range seeds {
		k, err := solana.CreateProgramAddress(s, c.program)
		if err != nil {
			return InvalidSeeds
		}
		signers = append(signers, k)
	}
	in := Inner{Data: slices.Clone(data), StackHeight: c.height + 1}
	at := c.exec.find(program)
	if at < 0 {
		return MissingAccount
	}
	in.Program = uint16(at)
	callee := &Ctx{exec: c.exec, program: program, height: c.height + 1}
	for _, m := range metas {
		i := c.exec.find(m.PublicKey)
		mine := c.own(m.PublicKey)
		if i < 0 || mine == nil {
			return MissingAccount
		}
		if m.IsSigner && !mine.Signer && !slices.Contains(signers, m.PublicKey) || m.IsWritable && !mine.Writable {
			return PrivilegeEscalation
		}
		in.Accounts = append(in.Accounts, uint16(i))
		callee.acc = append(callee.acc, c.exec.meta(i, m.IsSigner, m.IsWritable))
	}
	c.exec.inner[c.exec.current] = append(c.exec.inner[c.exec.current], in)
	return c.exec.invoke(callee, data)
}

// own is an account of the running instruction.
func (c *Ctx) own(k solana.PublicKey) *model.Meta {
	for i := range c.acc {
		if c.acc[i].Key == k {
			return &c.acc[i]
		}
	}
	return nil
}

// find is the place of a key in the transaction, -1 if it is not in it.
func (e *exec) find(k solana.PublicKey) int { return slices.Index(e.keys, k) }

// need checks that there are at least n accounts.
func (c *Ctx) need(n int) error {
	if len(c.acc) < n {
		return NotEnoughAccountKeys
	}
	return nil
}
