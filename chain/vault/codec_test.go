package vault_test

import (
	"bytes"
	"crypto/sha256"
	"testing"

	"github.com/gagliardetto/solana-go"

	"github.com/phantom-paradox/paradox/chain"
	"github.com/phantom-paradox/paradox/chain/localnet"
	"github.com/phantom-paradox/paradox/chain/localnet/bank"
	"github.com/phantom-paradox/paradox/chain/vault"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/ledger"
	"github.com/phantom-paradox/paradox/network"
)

// TestTheSameBytesEverywhere: network hash, header digest and COMMIT are those of the packages that define them.
func TestTheSameBytesEverywhere(t *testing.T) {
	f := &network.File{Name: "x", ProgramID: intent.Key(localnet.DefaultVaultProgram()), WithdrawDelay: 5, DropTime: 6, FeeOwner: pub(1)}
	f.Members = []network.Member{{Key: pub(2), Weight: 3}, {Key: pub(3), Weight: 4}}
	if got := chain.Founding(f); got.Hash(localnet.DefaultVaultProgram()) != f.Hash() || !bytes.Equal(got.Encode(), f.VaultArgs()) {
		t.Error("network hash")
	}
	h := ledger.Header{Instance: ledger.Instance{Epoch: 1, Height: 2, Generation: 3}, Cut: ledger.Cut{Number: 4}, SettlementHead: intent.Hash{5}, Batch: ledger.BlockCID(nil)}
	at := vault.Attestation{Body: bodyHash(&h), Cut: 4, Head: intent.Hash{5}}
	if vault.HeaderDigest(at, 1, 2, 3) != h.Digest() {
		t.Error("header digest")
	}
	c := vault.Commit{Network: intent.Hash{1}, Epoch: 1, Height: 2, Generation: 3, View: 4, Digest: intent.Hash{9}}
	if !bytes.Equal(c.Message(), ledger.CommitMessage(c.Network, h.Instance, 4, c.Digest)) {
		t.Error("commit message")
	}
	if back, ok := vault.ParseCommit(c.Message()); !ok || back != c {
		t.Error("parsing a commit message")
	}
	chunk := &vault.Chunk{Kind: vault.ChunkDebits, Mint: pub(7), Pairs: []vault.Pair{{Entry: 3, Amount: 1}, {Entry: 1 << 31, Amount: 1<<64 - 1}}}
	theirs, err := ledger.ParseChunk(chunk.Encode())
	if err != nil || !bytes.Equal(theirs.Encode(), chunk.Encode()) {
		t.Errorf("chunk: %v", err)
	}
}

// TestSixSignaturesFit: attest with six signatures, compute limit and price is a transaction; so is the longest chunk.
func TestSixSignaturesFit(t *testing.T) {
	a := vault.NewAddresses(pub(1), intent.Hash{2})
	payer := key(5).PublicKey()
	size := func(ixs ...solana.Instruction) int {
		tx, err := solana.NewTransaction(append([]solana.Instruction{vault.ComputeLimit(1), vault.ComputePrice(1)}, ixs...), solana.Hash{}, solana.TransactionPayer(payer))
		if err != nil {
			t.Fatal(err)
		}
		tx.Signatures = make([]solana.Signature, 1)
		raw, err := tx.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		return len(raw)
	}
	if n := size(vault.Signatures(make([]byte, vault.CommitSize), make([]vault.Signed, vault.MaxSignatures)), a.Attest(payer, vault.Attestation{}, intent.Hash{}, 1)); n > 1232 {
		t.Errorf("attest has %d bytes", n)
	}
	for pages := 1; pages <= vault.MaxPages; pages++ {
		c := vault.Chunk{Mint: pub(9)}
		for i := 0; len(c.Encode()) < 910-33*pages-11; i++ {
			c.Pairs = append(c.Pairs, vault.Pair{Entry: uint32(i%60 + i/60*vault.PageEntries), Amount: 1 << 40})
			if len(c.Pages()) > pages {
				c.Pairs = c.Pairs[:len(c.Pairs)-1]
				break
			}
		}
		ix, err := a.Apply(c.Encode(), intent.Hash{})
		if err != nil {
			t.Fatal(err)
		}
		if n := size(ix) + 910 - 33*len(c.Pages()) - len(c.Encode()); n > 1232 {
			t.Errorf("a full chunk on %d pages makes %d bytes", len(c.Pages()), n)
		}
	}
}

func TestCodeOf(t *testing.T) {
	if c, ok := vault.CodeOf(map[string]any{"InstructionError": []any{3, map[string]any{"Custom": 6044}}}); !ok || c != vault.WrongChunk {
		t.Error(c, ok)
	}
	for _, e := range []any{nil, "BlockhashNotFound", map[string]any{"InstructionError": []any{3, "GenericError"}}, map[string]any{"InstructionError": []any{0, map[string]any{"Custom": 1}}}} {
		if c, ok := vault.CodeOf(e); ok {
			t.Error(e, c)
		}
	}
}

// FuzzAccounts: accounts decode to what encodes to them, and nothing panics.
func FuzzAccounts(f *testing.F) {
	v := vault.Vault{Members: []vault.Member{{Weight: 1}}, Pending: &vault.Pending{CreditsBegun: true}}
	f.Add(v.Encode())
	f.Add((&vault.Purse{Entries: 7}).Encode())
	f.Add((&vault.Page{Entries: make([]vault.Entry, 2)}).Encode())
	f.Add((&vault.Tally{View: 1}).Encode())
	f.Fuzz(func(t *testing.T, d []byte) {
		if v, err := vault.DecodeVault(d); err == nil {
			if _, err := vault.DecodeVault(v.Encode()); err != nil {
				t.Fatal(err)
			}
		}
		if p, err := vault.DecodePage(d); err == nil && !bytes.Equal(p.Encode(), d) {
			t.Fatal("page")
		}
		if x, err := vault.DecodeTally(d); err == nil && !bytes.Equal(x.Encode(), d) {
			t.Fatal("tally")
		}
		if p, err := vault.DecodePurse(d); err == nil && !bytes.Equal(p.Encode()[:117], d[:117]) {
			t.Fatal("purse")
		}
	})
}

// FuzzChunk: one encoding of a chunk, the same as the ledger's.
func FuzzChunk(f *testing.F) {
	f.Add((&vault.Chunk{Mint: pub(1), Pairs: []vault.Pair{{Entry: 5, Amount: 6}, {Entry: 2000, Amount: 1}}}).Encode())
	f.Add((&vault.Chunk{Kind: vault.ChunkMembers, Members: []vault.Member{{Key: pub(1), Weight: 2}}}).Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := vault.ParseChunk(b)
		if err == nil && !bytes.Equal(c.Encode(), b) {
			t.Fatal("not canonical")
		}
	})
}

// FuzzInstruction: no instruction data, and no Ed25519 data before it, makes program or follower panic.
func FuzzInstruction(f *testing.F) {
	message := vault.Commit{}.Message()
	sigs, _ := vault.Signatures(message, make([]vault.Signed, 2)).Data()
	f.Add(byte(vault.TagAttest), make([]byte, 72), sigs)
	f.Add(byte(vault.TagApply), append(make([]byte, 32), (&vault.Chunk{Pairs: []vault.Pair{{Amount: 1}}}).Encode()...), []byte{})
	f.Add(byte(vault.TagDeposit), make([]byte, 12), []byte{})
	f.Add(byte(vault.TagCreateVault), (&vault.Founding{Members: make([]vault.Member, 1)}).Encode(), []byte{})
	w := newWalk(&testing.T{}, 1)
	v := w.acc[w.addr.Vault]
	f.Fuzz(func(t *testing.T, tag byte, args, before []byte) {
		purse, _ := w.addr.Purse(w.mints[0])
		page, _ := w.addr.Page(purse, 0)
		tokens, _ := w.addr.Tokens(purse)
		keys := []solana.PublicKey{key(1).PublicKey(), w.addr.Vault, purse, page, w.tokens(0, w.mints[0]), tokens, solana.PublicKey(w.mints[0]), solana.TokenProgramID}
		metas := solana.AccountMetaSlice{}
		for i, k := range keys[:2+int(tag)%7] {
			metas = append(metas, solana.NewAccountMeta(k, true, i == 0))
		}
		tx, err := solana.NewTransaction([]solana.Instruction{
			solana.NewInstruction(solana.MemoProgramID, nil, nil), solana.NewInstruction(w.addr.Program, metas, append([]byte{tag % 16}, args...)),
		}, solana.Hash{}, solana.TransactionPayer(key(1).PublicKey()))
		if err != nil {
			return
		}
		tx.Signatures = make([]solana.Signature, 1)
		r := w.bank.Execute(func(k solana.PublicKey) *bankAccount { return w.acc[k] }, tx, 200)
		x := followed(tx, r, 200)
		x.Top[0] = vault.Instruction{Program: vault.Ed25519Program(), Data: before}
		_, _ = w.follow.Clone().Apply(x)
		if w.acc[w.addr.Vault] != v {
			t.Fatal("a committed account was changed")
		}
	})
}

type bankAccount = bank.Account

func bodyHash(h *ledger.Header) intent.Hash { return sha256.Sum256(h.Body()) }
