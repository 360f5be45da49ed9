package model

import (
	"crypto/sha256"

	"github.com/gagliardetto/solana-go"

	"github.com/phantom-paradox/paradox/chain/vault"
)

// Version names the rules that this model implements; a network file on a model pins its hash as code hash.
const Version = "paradox vault model 1"

// CodeHash is the SHA-256 of Version.
func CodeHash() [32]byte { return sha256.Sum256([]byte(Version)) }

// An Account is an account of the cluster.
type Account struct {
	Lamports   uint64
	Owner      solana.PublicKey
	Data       []byte
	Executable bool
}

// A Meta is an account as an instruction sees it. The account is shared: what a called program does to it shows here.
type Meta struct {
	Key      solana.PublicKey
	Signer   bool
	Writable bool
	*Account
}

// A Host runs the program.
type Host interface {
	Slot() uint64
	// Rent is the Rent sysvar: lamports per byte and year, and the threshold in years.
	Rent() (perByteYear uint64, threshold float64)
	// Instruction is the i-th instruction of the transaction, as the Instructions sysvar shows it.
	Instruction(i int) (program solana.PublicKey, data []byte, ok bool)
	// Index is the place of the running top-level instruction in the transaction.
	Index() int
	// Invoke runs another program's instruction, signed by the running program for the addresses of these seeds (bump
	// included). Its error is passed on as it is.
	Invoke(program solana.PublicKey, metas []*solana.AccountMeta, data []byte, seeds ...[][]byte) error
}

// maxAccounts is more than any instruction takes: vault, purse and vault.MaxPages pages.
const maxAccounts = 20

// Execute runs one instruction of the vault program at address program. On an error the host discards every change.
// Errors of the program are vault.Code.
func Execute(h Host, program solana.PublicKey, accounts []Meta, data []byte) error {
	if err := checkFirst(accounts, data); err != nil {
		return err
	}
	c := &call{Host: h, program: program, acc: accounts, args: data[1:], addr: vault.Addresses{Program: program}}
	if vault.Tag(data[0]) == vault.TagCreateVault {
		return c.createVault()
	}
	at := vaultPlace(vault.Tag(data[0]))
	if err := c.loadVault(at); err != nil {
		return err
	}
	if err := c.handler(vault.Tag(data[0]))(); err != nil {
		return err
	}
	if accounts[at].Writable {
		copy(accounts[at].Data, c.v.Encode())
	}
	return nil
}

// call is one running instruction. The vault is decoded at the start and written back at the end.
type call struct {
	Host
	program solana.PublicKey
	acc     []Meta
	args    []byte
	addr    vault.Addresses
	v       *vault.Vault
}

func (c *call) handler(t vault.Tag) func() error {
	return map[vault.Tag]func() error{
		vault.TagAddPurse: c.addPurse, vault.TagOpenEntry: c.openEntry, vault.TagDeposit: c.deposit, vault.TagRequest: c.request,
		vault.TagCancel: c.cancel, vault.TagWithdraw: c.withdraw, vault.TagAttest: c.attest, vault.TagApply: c.apply,
		vault.TagUnapply: c.unapply, vault.TagDrop: c.drop, vault.TagCloseTally: c.closeTally,
	}[t]
}

func vaultPlace(t vault.Tag) int {
	switch t {
	case vault.TagApply, vault.TagUnapply, vault.TagDrop, vault.TagCloseTally:
		return 0
	}
	return 1
}

// shape is the form of an instruction: flags of its accounts and the length of its data.
type shape struct {
	flags string // one letter an account: s signer, w writable, b both, r neither
	data  int
}

func shapes(t vault.Tag) (shape, bool) {
	s, ok := map[vault.Tag]shape{
		vault.TagCreateVault: {"bwr", 0}, vault.TagAddPurse: {"bwrwwwrr", 1}, vault.TagOpenEntry: {"bwwwr", 33},
		vault.TagDeposit: {"swrwwwrr", 13}, vault.TagRequest: {"swrw", 13}, vault.TagCancel: {"swrw", 5},
		vault.TagWithdraw: {"swrwwwrr", 5}, vault.TagAttest: {"bwwrr", 73}, vault.TagApply: {"", 0}, vault.TagUnapply: {"", 0},
		vault.TagDrop: {"w", 1}, vault.TagCloseTally: {"rww", 1},
	}[t]
	return s, ok
}

// checkFirst is "Checks that come first".
func checkFirst(accounts []Meta, data []byte) error {
	if len(accounts) > maxAccounts {
		return vault.BadAccounts
	}
	for i := range accounts {
		for j := range i {
			if accounts[i].Key == accounts[j].Key {
				return vault.DuplicateAccount
			}
		}
	}
	if len(data) == 0 {
		return vault.BadInstruction
	}
	t := vault.Tag(data[0])
	s, ok := shapes(t)
	if !ok {
		return vault.BadInstruction
	}
	if !lengthOK(t, s, data) {
		return vault.BadData
	}
	if t == vault.TagApply || t == vault.TagUnapply {
		if len(accounts) < 1 {
			return vault.BadAccounts
		}
	} else if len(accounts) != len(s.flags) {
		return vault.BadAccounts
	}
	return checkFlags(accounts, s.flags)
}

func lengthOK(t vault.Tag, s shape, data []byte) bool {
	switch t {
	case vault.TagCreateVault:
		_, err := vault.ParseFounding(data[1:])
		return err == nil
	case vault.TagApply, vault.TagUnapply:
		return len(data) >= 34
	}
	return len(data) == s.data
}

func checkFlags(accounts []Meta, flags string) error {
	for i, a := range accounts {
		f := byte('w')
		if flags != "" {
			f = flags[i]
		}
		if (f == 's' || f == 'b') && !a.Signer {
			return vault.MissingSigner
		}
		if (f == 'w' || f == 'b') && !a.Writable {
			return vault.NotWritable
		}
	}
	return nil
}
