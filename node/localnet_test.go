package node

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/gagliardetto/solana-go"
	"github.com/gagliardetto/solana-go/rpc"

	"github.com/phantom-paradox/paradox/chain"
	"github.com/phantom-paradox/paradox/chain/localnet"
	"github.com/phantom-paradox/paradox/chain/vault"
	"github.com/phantom-paradox/paradox/chain/wallet"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/ledger"
	"github.com/phantom-paradox/paradox/node/api"
)

// onChain is a cluster that settles on a model of Solana in this process: watcher, settler and vault are the real ones.
type onChain struct {
	*cluster
	server *localnet.Server
	client *wallet.Client
	raw    *rpc.Client
	payer  solana.PrivateKey
	mint   intent.Key
	addr   vault.Addresses
	entry  map[intent.Key]uint32
	people []*testWallet
}

const (
	openingFunds = 1_000_000
	fastSlot     = 10 * time.Millisecond // a height settles 32 slots after the one before
	shortDelay   = 150                   // slots: of withdrawals, and until a height may be dropped
)

// onLocalnet founds a network of members on a fresh chain, with three funded wallets.
func onLocalnet(t *testing.T, members int, submit bool) *onChain {
	t.Helper()
	w := &onChain{cluster: newCluster(t, members), payer: solana.PrivateKey(seedKey("bank", 0))}
	var err error
	if w.server, err = localnet.Start(context.Background(), localnet.Config{SlotTime: fastSlot}); err != nil {
		t.Fatal(err)
	}
	f := w.file
	f.ProgramID, f.CodeHash, f.Cluster = intent.Key(localnet.DefaultVaultProgram()), intent.Hash(localnet.CodeHash()), intent.Hash(w.server.GenesisHash())
	f.WithdrawDelay, f.DropTime = shortDelay, shortDelay
	w.net, w.rpc, w.settles, w.mint, w.addr = f.Intents(), w.server.URL(), submit, f.Mints[0].Mint, chain.Addresses(f)
	w.raw = rpc.New(w.rpc)
	w.client = wallet.New(wallet.Config{RPC: w.raw, Addresses: w.addr})
	t.Cleanup(func() { // before the cluster's own, which would find the chain gone
		for i := range w.nodes {
			w.halt(i)
		}
		if err := errors.Join(w.raw.Close(), w.server.Close()); err != nil {
			t.Error(err)
		}
	})
	w.found()
	return w
}

func (w *onChain) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// found makes mint, vault, purse and wallets.
func (w *onChain) found() {
	w.t.Helper()
	ctx := w.t.Context()
	w.must(w.client.Airdrop(ctx, 1000*solana.LAMPORTS_PER_SOL, w.payer.PublicKey()))
	for i := range w.keys {
		w.fund(i)
	}
	w.must(w.client.CreateMint(ctx, w.payer, solana.PrivateKey(seedKey("mint", 0)), w.file.Mints[0].Decimals))
	w.must(w.client.CreateVault(ctx, w.payer, chain.Founding(w.file)))
	w.must(w.client.AddPurse(ctx, w.payer, w.mint))
	var owners []intent.Key
	var grants []wallet.Grant
	for i := range 3 {
		p := &testWallet{key: seedKey("wallet", i)}
		p.pub = publicOf(p.key)
		w.people = append(w.people, p)
		owners = append(owners, p.pub)
		grants = append(grants, wallet.Grant{Owner: solana.PublicKey(p.pub), Amount: openingFunds})
	}
	w.must(w.client.Mint(ctx, w.payer, w.mint, grants))
	var err error
	w.entry, err = w.client.OpenEntries(ctx, w.payer, w.mint, owners)
	w.must(err)
	var deposits []wallet.EntryOf
	for _, p := range w.people {
		deposits = append(deposits, wallet.EntryOf{Owner: solana.PrivateKey(p.key), Entry: w.entry[p.pub], Amount: openingFunds})
	}
	w.must(w.client.Deposit(ctx, w.payer, w.mint, deposits))
}

// fund lets a node pay for transactions.
func (w *onChain) fund(i int) {
	w.t.Helper()
	w.must(w.client.Airdrop(w.t.Context(), 100*solana.LAMPORTS_PER_SOL, solana.PrivateKey(w.keys[i].FeePayer).PublicKey()))
}

// send sends one transaction and waits until the chain has it.
func (w *onChain) send(ixs ...solana.Instruction) {
	w.t.Helper()
	ctx := w.t.Context()
	h, err := w.raw.GetLatestBlockhash(ctx, rpc.CommitmentConfirmed)
	w.must(err)
	tx, err := solana.NewTransaction(ixs, h.Value.Blockhash, solana.TransactionPayer(w.payer.PublicKey()))
	w.must(err)
	_, err = tx.Sign(func(solana.PublicKey) *solana.PrivateKey { return &w.payer })
	w.must(err)
	sig, err := w.raw.SendTransaction(ctx, tx)
	w.must(err)
	w.wait("a transaction is confirmed", func() bool {
		got, err := w.raw.GetSignatureStatuses(ctx, false, sig)
		return err == nil && got.Value[0] != nil && got.Value[0].Err == nil && got.Value[0].ConfirmationStatus != rpc.ConfirmationStatusProcessed
	})
}

// vault is the account as it is confirmed.
func (w *onChain) account() (*vault.Vault, uint64) {
	w.t.Helper()
	v, slot, err := w.client.Vault(w.t.Context())
	w.must(err)
	return v, slot
}

// decided waits until the nodes have decided a height that is not settled, and gives its record.
func (w *onChain) decided(height uint64) *Round {
	w.t.Helper()
	w.wait(fmt.Sprintf("height %d is decided", height), func() bool {
		for _, n := range w.nodes {
			if n == nil {
				continue
			}
			s := n.engine.status.Load()
			if s == nil || !s.Provisional || s.Deciding != height {
				return false
			}
			if rec, err := n.book.round(height); err != nil || rec == nil {
				return false
			}
		}
		return true
	})
	rec, err := w.nodes[0].book.round(height)
	w.must(err)
	return rec
}

// attest does what a submitter does first, and one chunk more; then it is not heard of again.
func (w *onChain) attest(rec *Round) {
	w.t.Helper()
	h, err := ledger.ParseHeader(rec.Certificate.Body)
	w.must(err)
	var signed []vault.Signed
	for _, s := range rec.Certificate.Signatures {
		signed = append(signed, vault.Signed{Member: s.Member, Signature: s.Sig})
	}
	message := vault.Commit{Network: w.file.Hash(), Epoch: h.Epoch, Height: h.Height, Generation: h.Generation, View: rec.Certificate.View, Digest: h.Digest()}.Message()
	at := vault.Attestation{Body: sha256.Sum256(rec.Certificate.Body), Cut: h.Cut.Number, Head: h.SettlementHead}
	w.wait("the vault takes the next height", func() bool { v, slot := w.account(); return slot >= v.LastSlot+32 })
	w.send(vault.Signatures(message, signed[:min(len(signed), vault.MaxSignatures)]), w.addr.Attest(w.payer.PublicKey(), at, h.Digest(), rec.Certificate.View))
	first, err := w.addr.Apply(rec.Chunks[0], vault.Heads(rec.Chunks)[1])
	w.must(err)
	w.send(first)
}

// state is what the API of a node says of an intent.
func (w *onChain) state(i int, id intent.ID) *api.IntentStatus {
	s, err := w.nodes[i].facade.Intent(w.t.Context(), id)
	if err != nil {
		return &api.IntentStatus{}
	}
	return s
}

// seenChain waits until the running nodes judge by the vault's newest event.
func (w *onChain) seenChain() {
	w.t.Helper()
	v, _ := w.account()
	w.wait("all nodes see the vault", func() bool {
		for _, n := range w.nodes {
			if n == nil {
				continue
			}
			if s := n.engine.status.Load(); s == nil || s.Opening == nil || s.Opening.Cut().Number < v.EventNumber {
				return false
			}
		}
		return true
	})
}

// even checks that nothing was doubled or lost: every intent is in one settled height, and the chain has to the unit what the
// nodes' state says, and all of what was paid in and not taken out.
func (w *onChain) even(ids []intent.ID, out uint64) {
	w.t.Helper()
	var last *Sight
	v, _ := w.account()
	w.wait("the nodes have what the vault has", func() bool {
		last = w.agreed(v.Height)
		v, _ = w.account()
		return last.Height == v.Height && last.Opening.Cut().Number == v.EventNumber && v.Pending == nil
	})
	times := map[intent.ID]int{}
	for h := uint64(1); h <= last.Height; h++ {
		rec, err := w.nodes[0].book.round(h)
		w.must(err)
		for _, id := range rec.Outcome.Accepted {
			times[id]++
		}
	}
	for _, id := range ids {
		if times[id] != 1 {
			w.t.Errorf("%s was settled %d times", id, times[id])
		}
	}
	entries, err := w.client.Entries(w.t.Context(), w.mint)
	w.must(err)
	sum := uint64(0)
	for _, e := range entries {
		sum += e.Available
		mine, ok, err := last.Opening.Account(e.Owner, w.mint)
		w.must(err)
		if !ok || mine.Balance != e.Available {
			w.t.Errorf("%s has %d on chain, %+v in the state", e.Owner, e.Available, mine)
		}
	}
	if want := uint64(len(w.people))*openingFunds - out; sum != want {
		w.t.Errorf("the entries hold %d, %d was paid in and not taken out", sum, want)
	}
}

func TestWhatALocalnetUndoesIsDecidedAgain(t *testing.T) {
	const taken = 500
	for name, undo := range map[string]struct {
		before, act func(w *onChain, rec *Round)
		out         uint64
	}{
		"a drop of a height that nobody completes": {
			before: func(w *onChain, rec *Round) { w.attest(rec) },
			act: func(w *onChain, _ *Round) {
				v, _ := w.account()
				w.wait("the drop time is over", func() bool { _, slot := w.account(); return slot > v.Pending.Since+shortDelay+1 })
				w.must(w.client.DropPending(w.t.Context(), w.payer))
			},
		},
		"a withdrawal on the second path": {
			before: func(w *onChain, _ *Round) {
				p := w.people[2]
				w.must(w.client.Request(w.t.Context(), w.payer, w.mint, []wallet.EntryOf{{Owner: solana.PrivateKey(p.key), Entry: w.entry[p.pub], Amount: taken}}))
			},
			act: func(w *onChain, _ *Round) {
				p := w.people[2]
				_, since := w.account()
				w.wait("the delay is over", func() bool { _, slot := w.account(); return slot > since+shortDelay+1 })
				w.must(w.client.Withdraw(w.t.Context(), w.payer, w.mint, solana.PrivateKey(p.key), w.entry[p.pub]))
			},
			out: taken,
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := onLocalnet(t, 4, false)
			for i := range 4 {
				w.start(i)
			}
			w.seenChain()
			a, b := w.people[0], w.people[1]
			ids := w.take(0, w.pay(a, b, 1000), w.pay(b, a, 10), w.pay(a, b, 7))
			rec := w.decided(1)
			if !slices.Contains(rec.Outcome.Accepted, ids[0]) {
				t.Fatal("height 1 has another intent")
			}
			if s := w.state(0, ids[0]); s.State != stateAccepted || s.Accepted == nil || s.Accepted.Height != 1 {
				t.Fatalf("the API says %+v", s)
			}
			undo.before(w, rec)
			w.halt(2) // two are no quorum: what is undone stays so, and can be looked at
			w.halt(3)
			undo.act(w, rec)
			for i := range 2 {
				w.wait("what was accepted is pending, and undone", func() bool {
					for _, id := range rec.Outcome.Accepted {
						if s := w.state(i, id); s.State != statePending || s.Pending == nil || s.Pending.Code != intent.Undone || s.Accepted != nil {
							return false
						}
					}
					return true
				})
			}
			w.settles = true
			w.start(2)
			w.start(3)
			w.settled(ids)
			ids = append(ids, w.take(2, w.pay(a, b, 3))...)
			w.settled(ids)
			if s := w.state(1, ids[0]); s.State != stateSettled || s.Settled == nil || len(s.Settled.Transactions) == 0 {
				t.Errorf("the API says %+v", s)
			}
			w.even(ids, undo.out)
			if v, _ := w.account(); v.Generation != 1 {
				t.Errorf("generation %d", v.Generation)
			}
		})
	}
}

// The vault itself moves its epoch in the step in which the height settles: a fifth member comes, the leader goes, and every
// certificate after that is by the members of its time, or the vault would not have taken it.
func TestMembersChangeOnALocalnet(t *testing.T) {
	w := onLocalnet(t, 4, true)
	for i := range 4 {
		w.start(i)
	}
	w.newcomer()
	w.fund(4)
	w.start(4)
	w.seenChain()
	a, b := w.people[0], w.people[1]
	ids := w.take(0, w.pay(a, b, 1000))
	w.settled(ids)
	for i := range 4 {
		w.approve(i, 0, w.admitting(4))
	}
	w.epoch(1)
	if v, _ := w.account(); v.Epoch != 1 || len(v.Members) != 5 || v.Members[4].Key != publicOf(w.keys[4].Member) {
		t.Fatalf("the vault has %+v", v)
	}
	ids = append(ids, w.take(4, w.pay(a, b, 20))...)
	w.settled(ids)
	goes := slices.IndexFunc(w.nodes, func(n *running) bool { return n.self == w.nodes[0].engine.status.Load().Leader })
	for i := range 5 {
		w.approve(i, 1, w.removing(goes))
	}
	w.epoch(2)
	v, _ := w.account()
	if v.Epoch != 2 || len(v.Members) != 4 || v.MemberIndex(publicOf(w.keys[goes].Member)) >= 0 {
		t.Fatalf("the vault has %+v", v)
	}
	w.wait("the removed says so", func() bool {
		s, err := w.nodes[goes].facade.Status(t.Context())
		return err == nil && s.Voting == "observer" && s.Why == "the committee removed this node's key; that was epoch 1"
	})
	w.halt(goes)
	ids = append(ids, w.take((goes+1)%5, w.pay(a, b, 30))...)
	w.settled(ids)
	if goes == 0 {
		w.start(0) // even looks at its book
	}
	w.even(ids, 0)
}
