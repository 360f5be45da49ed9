package vault_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"testing"

	"github.com/gagliardetto/solana-go"

	"github.com/phantom-paradox/paradox/chain/vault"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/ledger"
)

// golden files are written anew with -update.
func update() bool {
	f := flag.Lookup("update")
	return f != nil && f.Value.String() == "true"
}

func TestMain(m *testing.M) {
	flag.Bool("update", false, "write the golden files anew")
	flag.Parse()
	os.Exit(m.Run())
}

// fill is bytes that tell their place.
func fill(from byte) (k [32]byte) {
	for i := range k {
		k[i] = from + byte(i)
	}
	return k
}

// vectors are examples of every format of docs/spec/vault.md.
func vectors(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	put := func(name string, b []byte) { out[name] = hex.EncodeToString(b) }
	program, mint, owner := solana.PublicKey(fill(1)), intent.Key(fill(2)), intent.Key(fill(3))
	f := &vault.Founding{
		Members: []vault.Member{{Key: fill(10), Weight: 1}, {Key: fill(11), Weight: 2}, {Key: fill(12), Weight: 300}}, Threshold: 202,
		WithdrawDelay: 9000, DropTime: 4500, FeeOwner: fill(4), Rest: fill(5),
	}
	net := f.Hash(program)
	a := vault.NewAddresses(intent.Key(program), net)
	purse, pbump := a.Purse(mint)
	tokens, _ := a.Tokens(purse)
	page, _ := a.Page(purse, 1)
	tally, _ := a.Tally(fill(6), 7)
	put("network hash", net[:])
	for name, k := range map[string]solana.PublicKey{"vault": a.Vault, "purse": purse, "tokens": tokens, "page 1": page, "tally": tally} {
		put("address: "+name, k[:])
	}
	v := vault.Vault{
		Bump: a.Bump, Members: f.Members, Network: net, FeeOwner: f.FeeOwner, Threshold: 202, Epoch: 1, Generation: 2, PursesFlying: 1,
		WithdrawDelay: 9000, DropTime: 4500, Height: 8, LastDigest: fill(7), EventNumber: 99, EventHash: fill(8), Floor: 90, LastSlot: 1000,
		Pending: &vault.Pending{CreditsBegun: true, Height: 9, Digest: fill(9), Cut: 95, NextHead: fill(20), Accumulator: fill(21), Since: 1100},
	}
	put("account: vault", v.Encode())
	put("account: purse", (&vault.Purse{Vault: a.Vault, Mint: mint, Tokens: tokens, InFlight: 5, Entries: 2, Bump: pbump}).Encode())
	put("account: page", (&vault.Page{Purse: purse, Entries: []vault.Entry{{Owner: owner, Available: 10}, {Owner: owner, Available: 1, Requested: 2, Request: 3, Unlock: 4}}}).Encode())
	put("account: tally", (&vault.Tally{Vault: a.Vault, Payer: program, Digest: fill(6), Height: 9, Epoch: 1, Generation: 2, View: 7, Bitmap: 5}).Encode())
	chunk := (&vault.Chunk{Kind: vault.ChunkDebits, Mint: mint, Pairs: []vault.Pair{{Entry: 1, Amount: 300}, {Entry: 2000, Amount: 1 << 40}}}).Encode()
	put("chunk: debits", chunk)
	put("chunk: members", (&vault.Chunk{Kind: vault.ChunkMembers, Members: f.Members}).Encode())
	head, acc := vault.Head(chunk, fill(22)), vault.Accumulate(fill(23), chunk)
	put("chunk: head before it", head[:])
	put("chunk: accumulator after it", acc[:])
	vectorsOfInstructions(t, a, f, put, chunk)
	vectorsOfEvents(mint, owner, put)
	return out
}

func vectorsOfInstructions(t *testing.T, a vault.Addresses, f *vault.Founding, put func(string, []byte), chunk []byte) {
	t.Helper()
	payer, mint := solana.PublicKey(fill(30)), intent.Key(fill(2))
	at := vault.Attestation{Body: fill(24), Cut: 95, Head: fill(25)}
	digest := vault.HeaderDigest(at, 1, 9, 2)
	put("header digest", digest[:])
	message := vault.Commit{Network: fill(26), Epoch: 1, Height: 9, Generation: 2, View: 7, Digest: digest}.Message()
	put("commit message", message)
	apply, err := a.Apply(chunk, fill(22))
	if err != nil {
		t.Fatal(err)
	}
	unapply, err := a.Unapply(chunk, fill(23))
	if err != nil {
		t.Fatal(err)
	}
	for name, ix := range map[string]solana.Instruction{
		"create vault": a.CreateVault(payer, f), "add purse": a.AddPurse(payer, mint), "open entry": a.OpenEntry(payer, mint, fill(3), 1024),
		"deposit": a.Deposit(payer, fill(31), mint, 1025, 6), "request": a.Request(payer, mint, 1, 6), "cancel": a.Cancel(payer, mint, 1),
		"withdraw": a.Withdraw(payer, fill(31), mint, 1), "attest": a.Attest(payer, at, digest, 7), "apply": apply, "unapply": unapply,
		"drop": a.Drop(), "close tally": a.CloseTally(fill(32), payer),
		"Ed25519": vault.Signatures(message, []vault.Signed{{Member: fill(10)}, {Member: fill(11), Signature: intent.Signature{1}}}),
	} {
		d, err := ix.Data()
		if err != nil {
			t.Fatal(err)
		}
		put("data: "+name, d)
		var list []byte
		for _, m := range ix.Accounts() {
			flags := byte(0)
			if m.IsSigner {
				flags |= 1
			}
			if m.IsWritable {
				flags |= 2
			}
			list = append(append(list, flags), m.PublicKey[:]...)
		}
		put("accounts (flags: 1 signer, 2 writable; key): "+name, list)
	}
}

func vectorsOfEvents(mint, owner intent.Key, put func(string, []byte)) {
	var h intent.Hash
	for _, e := range []ledger.Event{
		{Tag: ledger.EventOpen, Slot: 5, Mint: mint, Entry: 1, Owner: owner}, {Tag: ledger.EventDeposit, Slot: 6, Mint: mint, Entry: 1, Amount: 7},
		{Tag: ledger.EventRequest, Slot: 7, Mint: mint, Entry: 1, Amount: 7, Unlock: 9007}, {Tag: ledger.EventCancel, Slot: 8, Mint: mint, Entry: 1},
		{Tag: ledger.EventWithdraw, Slot: 9, Mint: mint, Entry: 1, Amount: 7, Generation: 1}, {Tag: ledger.EventSettled, Slot: 10, Height: 1, Digest: fill(6), Epoch: 2},
		{Tag: ledger.EventDropped, Slot: 11, Height: 2, Digest: fill(7), Generation: 3},
	} {
		h = vault.NextEventHash(h, e.Encode())
		put("event "+string('0'+rune(e.Tag)), e.Encode())
		put("event "+string('0'+rune(e.Tag))+": chain hash", h[:])
	}
}

const goldenFile = "testdata/vault.json"

func TestGoldenVectors(t *testing.T) {
	got, err := json.MarshalIndent(vectors(t), "", " ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	if update() {
		if err := os.WriteFile(goldenFile, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(goldenFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("%s says otherwise; a format changed", goldenFile)
	}
}
