package svm

import (
	"testing"

	"github.com/gagliardetto/solana-go"

	"github.com/phantom-paradox/paradox/chain/vault"
	"github.com/phantom-paradox/paradox/intent"
)

// everyInstruction is one of each, well formed, for a vault with the entries 1 of ann and 2 of ben.
func (w *world) everyInstruction() []solana.Instruction {
	w.Helper()
	ann, payer := w.person("ann").PublicKey(), w.payer.PublicKey()
	tokens := w.newTokens("ann", w.mint, 1000)
	h := w.next(w.debits(vault.Pair{Entry: 1, Amount: 5}), w.credits(vault.Pair{Entry: 2, Amount: 5}))
	tally, _ := w.Tally(h.digest(), 0)
	return []solana.Instruction{
		w.CreateVault(payer, w.founding),
		w.AddPurse(payer, w.mint),
		w.OpenEntry(payer, w.mint, intent.Key(ann), 3),
		w.Deposit(ann, tokens, w.mint, 1, 10),
		w.Request(ann, w.mint, 1, 10),
		w.Cancel(ann, w.mint, 1),
		w.Withdraw(ann, tokens, w.mint, 1),
		w.Attest(payer, h.Attestation, h.digest(), 0),
		w.apply(h, 0),
		w.unapply(h, 0),
		w.Drop(),
		w.CloseTally(tally, payer),
	}
}

func tagOf(ix solana.Instruction) vault.Tag {
	data, _ := ix.Data() // an instruction of bytes has no error
	return vault.Tag(data[0])
}

// The vault's place in the account list.
func vaultAt(ix solana.Instruction) int {
	switch tagOf(ix) {
	case vault.TagApply, vault.TagUnapply, vault.TagDrop, vault.TagCloseTally:
		return 0
	}
	return 1
}

func open(ix solana.Instruction) bool {
	return tagOf(ix) == vault.TagApply || tagOf(ix) == vault.TagUnapply
}

func TestTagAndLength(t *testing.T) {
	w := founded(t, 4, "ann", "ben")
	one := w.Drop()
	for _, data := range [][]byte{{}, {9}, {13}, {255, 1, 2, 3}} {
		w.fails(vault.BadInstruction, edit(one, func(g *solana.GenericInstruction) { g.DataBytes = data }))
	}
	for _, ix := range w.everyInstruction() {
		short := edit(ix, func(g *solana.GenericInstruction) {
			if open(ix) {
				g.DataBytes = g.DataBytes[:33]
			} else {
				g.DataBytes = append(g.DataBytes, 0)
			}
		})
		w.fails(vault.BadData, short)
		if len(short.(*solana.GenericInstruction).DataBytes) > 2 {
			w.fails(vault.BadData, edit(ix, func(g *solana.GenericInstruction) { g.DataBytes = g.DataBytes[:min(32, len(g.DataBytes)-1)] }))
		}
	}
	create := w.CreateVault(w.payer.PublicKey(), w.founding)
	for _, count := range []byte{0, 3, 5, 22, 255} {
		w.fails(vault.BadData, edit(create, func(g *solana.GenericInstruction) { g.DataBytes[1] = count }))
	}
	w.fails(vault.BadData, edit(create, func(g *solana.GenericInstruction) { g.DataBytes = g.DataBytes[:1] }))
}

func TestAccountList(t *testing.T) {
	w := founded(t, 4, "ann", "ben")
	stranger := func(i int) *solana.AccountMeta {
		return solana.NewAccountMeta(key("stranger", i).PublicKey(), true, false)
	}
	for _, ix := range w.everyInstruction() {
		longer := edit(ix, func(g *solana.GenericInstruction) {
			for i := len(g.AccountValues); i < 21; i++ {
				g.AccountValues = append(g.AccountValues, stranger(i))
			}
		})
		w.fails(vault.BadAccounts, longer)
		w.fails(vault.BadAccounts, edit(ix, func(g *solana.GenericInstruction) { g.AccountValues = g.AccountValues[:0] }))
		n := len(ix.Accounts())
		if !open(ix) {
			w.fails(vault.BadAccounts, edit(ix, func(g *solana.GenericInstruction) { g.AccountValues = append(g.AccountValues, stranger(0)) }))
			w.fails(vault.BadAccounts, edit(ix, func(g *solana.GenericInstruction) { g.AccountValues = g.AccountValues[:n-1] }))
		}
		for i := 1; i < n; i++ {
			w.fails(vault.DuplicateAccount, swap(ix, i, ix.Accounts()[0].PublicKey))
		}
	}
}

func TestSignersAndWritables(t *testing.T) {
	w := founded(t, 4, "ann", "ben")
	other := w.person("other").PublicKey()
	signers := map[vault.Tag]bool{}
	for _, ix := range w.everyInstruction() {
		for i, m := range ix.Accounts() {
			if m.IsSigner {
				signers[tagOf(ix)] = true
				w.fails(vault.MissingSigner, edit(ix, func(g *solana.GenericInstruction) {
					g.AccountValues[i] = solana.NewAccountMeta(other, m.IsWritable, false)
				}))
			}
			if m.IsWritable {
				w.fails(vault.NotWritable, edit(ix, func(g *solana.GenericInstruction) {
					g.AccountValues[i].IsWritable = false
					if m.PublicKey == w.payer.PublicKey() { // who pays the fee is always writable
						g.AccountValues[i].PublicKey = other
					}
				}))
			}
		}
	}
	equal(t, len(signers), 8)
}

func TestVaultAccount(t *testing.T) {
	w := founded(t, 4, "ann", "ben")
	real := w.account(w.Vault)
	fake := key("fake vault").PublicKey()
	try := func(owner solana.PublicKey, change func([]byte) []byte) {
		w.put(fake, owner, change(append([]byte(nil), real.Data...)), sol)
		for _, ix := range w.everyInstruction()[1:] {
			w.fails(vault.BadVault, swap(ix, vaultAt(ix), fake))
		}
	}
	try(key("another program").PublicKey(), func(d []byte) []byte { return d })
	try(program(), func(d []byte) []byte { return d[:len(d)-1] })
	try(program(), func(d []byte) []byte { return append(d, 0) })
	try(program(), func(d []byte) []byte { d[0] ^= 1; return d })
	purse, _ := w.Purse(w.mint)
	for _, ix := range w.everyInstruction()[4:8] {
		if tagOf(ix) == vault.TagAttest {
			w.fails(vault.BadVault, swap(ix, 1, purse))
		}
	}
}
