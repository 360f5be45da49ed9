package wallet_test

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/gagliardetto/solana-go"
	"github.com/gagliardetto/solana-go/rpc"

	"github.com/phantom-paradox/paradox/chain"
	"github.com/phantom-paradox/paradox/chain/localnet"
	"github.com/phantom-paradox/paradox/chain/svm"
	"github.com/phantom-paradox/paradox/chain/vault"
	"github.com/phantom-paradox/paradox/chain/wallet"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/ledger"
	"github.com/phantom-paradox/paradox/network"
)

// alone is a vault with money of a few wallets, and a committee that the test plays. No node runs.
type alone struct {
	t     *testing.T
	ctx   context.Context
	w     *wallet.Client
	file  *network.File
	mint  intent.Key
	entry map[intent.Key]uint32
	heads []solana.Signature
}

const firstOwner, firstMember, eachHas = 1000, 100, 1000

// both runs a test on the model of Solana and on a Solana virtual machine that runs the vault program itself.
func both(t *testing.T, test func(t *testing.T, client *rpc.Client)) {
	t.Run("model", func(t *testing.T) {
		_, client := start(t)
		test(t, client)
	})
	t.Run("machine", func(t *testing.T) {
		so, err := filepath.Abs("../../program/vault.so")
		must(t, err)
		s, err := svm.Start(context.WithoutCancel(t.Context()), svm.Config{
			Dir: "../../program/svm", Programs: map[solana.PublicKey]string{localnet.DefaultVaultProgram(): so}, SlotTime: 10 * time.Millisecond,
		})
		must(t, err)
		client := rpc.New(s.URL())
		t.Cleanup(func() {
			client.Close()
			must(t, s.Close())
		})
		test(t, client)
	})
}

// begin founds the vault and gives each of n wallets eachHas units.
func begin(t *testing.T, client *rpc.Client, n uint64) *alone {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	m := key(2)
	f := &network.File{
		Version: 1, Name: "alone-1", ProgramID: intent.Key(localnet.DefaultVaultProgram()), CodeHash: intent.Hash(localnet.CodeHash()),
		WithdrawDelay: 100, DropTime: 60, FeeOwner: intent.Key(key(99).PublicKey()), Params: network.LocalParams(),
		Mints: []intent.Mint{{Mint: intent.Key(m.PublicKey()), Symbol: "TST", Decimals: 6}},
	}
	for i := range uint64(4) {
		f.Members = append(f.Members, network.Member{Name: "m", Key: intent.Key(key(firstMember + i).PublicKey()), Weight: 1})
	}
	a := &alone{t: t, ctx: ctx, file: f, mint: f.Mints[0].Mint}
	a.w = wallet.New(wallet.Config{RPC: client, Addresses: chain.Addresses(f), Landed: func(s solana.Signature) { a.heads = append(a.heads, s) }})
	must(t, a.w.Airdrop(ctx, 1000*solana.LAMPORTS_PER_SOL, key(1).PublicKey()))
	must(t, a.w.CreateMint(ctx, key(1), m, 6))
	must(t, a.w.CreateVault(ctx, key(1), chain.Founding(f)))
	must(t, a.w.AddPurse(ctx, key(1), a.mint))
	var owners []intent.Key
	var grants []wallet.Grant
	var deposits []wallet.EntryOf
	for i := range n {
		owners = append(owners, a.owner(i))
		grants = append(grants, wallet.Grant{Owner: solana.PublicKey(a.owner(i)), Amount: eachHas})
	}
	must(t, a.w.Mint(ctx, key(1), a.mint, grants))
	var err error
	a.entry, err = a.w.OpenEntries(ctx, key(1), a.mint, owners)
	must(t, err)
	for i := range n {
		deposits = append(deposits, wallet.EntryOf{Owner: key(firstOwner + i), Entry: a.entry[a.owner(i)], Amount: eachHas})
	}
	must(t, a.w.Deposit(ctx, key(1), a.mint, deposits))
	return a
}

func (a *alone) owner(i uint64) intent.Key { return intent.Key(key(firstOwner + i).PublicKey()) }

// until looks at the vault until ok.
func (a *alone) until(ok func(v *vault.Vault, slot uint64) bool) {
	a.t.Helper()
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for ; ; <-look.C {
		v, slot, err := a.w.Vault(a.ctx)
		must(a.t, err)
		if ok(v, slot) {
			return
		}
	}
}

// attest brings the vault's next height to pending: it moves amount from the first wallet to the second.
func (a *alone) attest(amount, cut uint64) (chunks [][]byte) {
	a.t.Helper()
	pair := func(kind uint8, who uint64) []byte {
		return (&vault.Chunk{Kind: kind, Mint: a.mint, Pairs: []vault.Pair{{Entry: a.entry[a.owner(who)], Amount: amount}}}).Encode()
	}
	chunks = [][]byte{pair(vault.ChunkDebits, 0), pair(vault.ChunkCredits, 1)}
	var v *vault.Vault
	a.until(func(now *vault.Vault, slot uint64) bool { v = now; return slot > now.LastSlot+33 })
	at := ledger.Instance{Epoch: v.Epoch, Generation: v.Generation, Height: v.Height + 1}
	hd := &ledger.Header{
		Network: a.file.Hash(), Instance: at, Time: 1, Leader: a.file.Members[0].Key, Previous: v.LastDigest, Batch: ledger.BlockCID([]byte("b")),
		Cut: ledger.Cut{Number: cut}, SettlementHead: vault.Heads(chunks)[0],
	}
	message := ledger.CommitMessage(hd.Network, at, 0, hd.Digest())
	var signed []vault.Signed
	for i := range uint64(3) {
		k := key(firstMember + i)
		signed = append(signed, vault.Signed{Member: intent.Key(k.PublicKey()), Signature: intent.Signature(ed25519.Sign(ed25519.PrivateKey(k), message))})
	}
	body := vault.Attestation{Body: sha256.Sum256(hd.Body()), Cut: cut, Head: hd.SettlementHead}
	must(a.t, a.w.Send(a.ctx, key(1), vault.Signatures(message, signed), chain.Addresses(a.file).Attest(key(1).PublicKey(), body, hd.Digest(), 0)))
	return chunks
}

func (a *alone) apply(chunks [][]byte, n int) {
	a.t.Helper()
	ix, err := chain.Addresses(a.file).Apply(chunks[n], vault.Heads(chunks)[n+1])
	must(a.t, err)
	must(a.t, a.w.Send(a.ctx, key(1), ix))
}

func (a *alone) events() uint64 {
	a.t.Helper()
	v, _, err := a.w.Vault(a.ctx)
	must(a.t, err)
	return v.EventNumber
}

// ready is how far the withdrawal of a wallet is.
func (a *alone) ready(i uint64) wallet.Readiness {
	a.t.Helper()
	acc, err := a.w.Account(a.ctx, a.owner(i), a.mint)
	must(a.t, err)
	v, slot, err := a.w.Vault(a.ctx)
	must(a.t, err)
	return wallet.Ready(v, acc.Entry.Entry, slot)
}

func (a *alone) take(i uint64) error {
	return a.w.Withdraw(a.ctx, nil, a.mint, key(firstOwner+i), a.entry[a.owner(i)])
}

func (a *alone) request(i, amount uint64) {
	a.t.Helper()
	must(a.t, a.w.Request(a.ctx, key(1), a.mint, []wallet.EntryOf{{Owner: key(firstOwner + i), Entry: a.entry[a.owner(i)], Amount: amount}}))
}

func (a *alone) tokens(i uint64) uint64 {
	a.t.Helper()
	n, err := a.w.TokenBalance(a.ctx, solana.PublicKey(a.owner(i)), a.mint)
	must(a.t, err)
	return n
}

// TestAHalfAppliedHeightIsDroppedByAnybody: a committee debits and is never seen again. A wallet that wants its money waits for
// the drop time, takes the chunks back, drops the height, and withdraws; nothing is lost.
func TestAHalfAppliedHeightIsDroppedByAnybody(t *testing.T) {
	both(t, aHalfAppliedHeightIsDroppedByAnybody)
}

func aHalfAppliedHeightIsDroppedByAnybody(t *testing.T, client *rpc.Client) {
	a := begin(t, client, 3)
	must(t, a.w.Airdrop(a.ctx, solana.LAMPORTS_PER_SOL, solana.PublicKey(a.owner(0)), solana.PublicKey(a.owner(2))))
	if r := a.ready(2); r.Step != wallet.StepRequest {
		t.Fatalf("%+v", r)
	}
	cut := a.events()
	a.request(0, 700)
	a.request(2, eachHas)
	a.apply(a.attest(400, cut), 0)
	r := a.ready(0) // 600 are left of the first wallet's thousand
	if r.Step != wallet.StepPending && r.Step != wallet.StepDrop || r.Amount != 600 || r.Height != 1 || r.Knows {
		t.Fatalf("%+v", r)
	}
	fe := new(wallet.FailedError)
	if err := a.take(2); !errors.As(err, &fe) || fe.Code != vault.HeightPending {
		t.Fatalf("taken while a height is pending that does not know it: %v", err)
	}
	a.until(func(*vault.Vault, uint64) bool { return a.ready(2).Step == wallet.StepDrop })
	must(t, a.w.DropPending(a.ctx, key(firstOwner+2)))
	must(t, a.w.DropPending(a.ctx, key(firstOwner+2))) // nothing is pending: no error
	v, _, err := a.w.Vault(a.ctx)
	must(t, err)
	if v.Generation != 1 || v.Height != 0 || v.Pending != nil {
		t.Fatalf("%+v", v)
	}
	if r := a.ready(0); r.Step != wallet.StepTake || r.Amount != 700 || !r.Knows {
		t.Fatalf("the drop made the floor pass the request, and gave the debit back: %+v", r)
	}
	must(t, a.take(0))
	must(t, a.take(2))
	if a.tokens(0) != 700 || a.tokens(2) != eachHas {
		t.Fatalf("withdrew %d and %d", a.tokens(0), a.tokens(2))
	}
}

// TestWithoutACommittee: nobody settles anything ever; after the delay the money comes out, and with it the generation rises.
func TestWithoutACommittee(t *testing.T) { both(t, withoutACommittee) }

func withoutACommittee(t *testing.T, client *rpc.Client) {
	a := begin(t, client, 1)
	must(t, a.w.Airdrop(a.ctx, solana.LAMPORTS_PER_SOL, solana.PublicKey(a.owner(0))))
	a.request(0, 2*eachHas) // more than there is: what is there is paid
	if r := a.ready(0); r.Step == wallet.StepUnlock && (r.Slot == 0 || r.Amount != eachHas) {
		t.Fatalf("%+v", r)
	}
	a.until(func(*vault.Vault, uint64) bool { return a.ready(0).Step == wallet.StepTake })
	must(t, a.take(0))
	v, _, err := a.w.Vault(a.ctx)
	must(t, err)
	if a.tokens(0) != eachHas || v.Generation != 1 {
		t.Fatalf("%d, generation %d", a.tokens(0), v.Generation)
	}
}

// TestHistory: what happened to a wallet is told whole, with settlements, and by an endpoint that shows less not at all.
func TestHistory(t *testing.T) { both(t, history) }

func history(t *testing.T, client *rpc.Client) {
	a := begin(t, client, 2)
	must(t, a.w.Airdrop(a.ctx, solana.LAMPORTS_PER_SOL, solana.PublicKey(a.owner(1))))
	chunks := a.attest(400, a.events())
	a.apply(chunks, 0)
	a.apply(chunks, 1)
	a.request(1, 100)
	must(t, a.w.Cancel(a.ctx, key(1), a.mint, key(firstOwner+1), a.entry[a.owner(1)]))
	a.request(1, 100)
	a.until(func(*vault.Vault, uint64) bool { return a.ready(1).Step == wallet.StepTake })
	must(t, a.take(1))
	end := a.events()
	var got []wallet.Happening
	for { // finalized follows confirmed
		var err error
		if got, err = a.w.History(a.ctx, chain.Founding(a.file), a.owner(1)); err == nil {
			break
		}
		if !errors.Is(err, wallet.ErrPruned) {
			t.Fatal(err)
		}
	}
	var what []string
	for _, h := range got {
		what = append(what, h.What)
		if h.Mint != a.mint || h.Entry != a.entry[a.owner(1)] || h.Slot == 0 || h.Time == 0 || len(h.Signatures) == 0 {
			t.Errorf("%+v", h)
		}
	}
	want := []string{wallet.DidOpen, wallet.DidDeposit, wallet.DidSettle, wallet.DidRequest, wallet.DidCancel, wallet.DidRequest, wallet.DidWithdraw}
	if !slices.Equal(what, want) {
		t.Fatalf("%v", what)
	}
	if s := got[2]; s.Amount != 400 || s.Minus || s.Height != 1 || len(s.Signatures) != 3 {
		t.Errorf("%+v", s)
	}
	if last := got[len(got)-1]; last.Number != end || last.Amount != 100 {
		t.Errorf("%+v at event %d", last, end)
	}
	first, err := a.w.History(a.ctx, chain.Founding(a.file), a.owner(0))
	must(t, err)
	if len(first) != 3 || !first[2].Minus || first[2].Amount != 400 {
		t.Errorf("%+v", first)
	}
	none, err := a.w.History(a.ctx, chain.Founding(a.file), intent.Key(key(5).PublicKey()))
	must(t, err)
	if len(none) != 0 || len(a.heads) == 0 {
		t.Errorf("%+v, %d transactions landed", none, len(a.heads))
	}
}
