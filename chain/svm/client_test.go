package svm_test

import (
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"path/filepath"
	"reflect"
	"sync"
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

const (
	clientTimeout = 10 * time.Minute // only a stall takes so long
	slotTime      = 20 * time.Millisecond
	walletsInRun  = 20
	truncated     = 100 // bytes of log: next to nothing is left, and nothing may depend on it
)

// cluster is where the client's run takes place: the machine or the model.
type cluster struct {
	name, url, socket string
	close             func() error
	tick              func(slots uint64) error // of a chain whose clock does not move by itself
}

func clusters(t testing.TB, ctx context.Context, program solana.PublicKey) []cluster {
	return clustersAt(t, ctx, program, slotTime)
}

func clustersAt(t testing.TB, ctx context.Context, program solana.PublicKey, slotTime time.Duration) []cluster {
	t.Helper()
	so, err := filepath.Abs("../../program/vault.so")
	must(t, err)
	machine, err := svm.Start(ctx, svm.Config{Dir: "../../program/svm", Programs: map[solana.PublicKey]string{program: so}, SlotTime: slotTime, LogBytes: truncated})
	must(t, err)
	model, err := localnet.Start(ctx, localnet.Config{SlotTime: slotTime, Vault: []solana.PublicKey{program}})
	must(t, err)
	return []cluster{
		{name: "machine", url: machine.URL(), socket: machine.WebSocket(), close: machine.Close},
		{name: "model", url: model.URL(), socket: model.WebSocket(), close: model.Close},
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func key(n uint64) solana.PrivateKey {
	var seed [32]byte
	binary.LittleEndian.PutUint64(seed[:], n)
	return solana.PrivateKey(ed25519.NewKeyFromSeed(seed[:]))
}

func pub(n uint64) intent.Key { return intent.Key(key(n).PublicKey()) }

type memStore struct {
	ledger.MemStore
	mu sync.Mutex
}

func (m *memStore) Write(c []ledger.Change) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.Apply(c)
	return nil
}

// An outcome is what must be the same wherever the run took place: slots and hashes over them are not.
type outcome struct {
	Events   []ledger.Event
	Entries  []vault.Entry
	Height   uint64
	Epoch    uint32
	Withdrew uint64
	Reserves chain.ReserveReport
}

const (
	payerKey, mintKey, feesKey = 1, 2, 3
	memberKeys, walletKeys     = 100, 1000
)

// run is the client's side of a network: found, fund, watch, settle, withdraw, prove.
type run struct {
	t      testing.TB
	ctx    context.Context
	file   *network.File
	client *rpc.Client
	wallet *wallet.Client
	watch  *chain.Watcher
	settle *chain.Settler
	begin  int64 // unix seconds
	entry  map[intent.Key]uint32
}

// The same client does the same on the machine and on the model, with the same result.
func TestClientOnMachineAndModel(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), clientTimeout)
	defer cancel()
	program := key(77).PublicKey()
	var outcomes []outcome
	for _, c := range clusters(t, ctx, program) {
		outcomes = append(outcomes, through(ctx, t, c, program))
		must(t, c.close())
	}
	if !reflect.DeepEqual(outcomes[0], outcomes[1]) {
		t.Fatalf("machine %+v\nmodel %+v", outcomes[0], outcomes[1])
	}
}

func through(ctx context.Context, t *testing.T, c cluster, program solana.PublicKey) outcome {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r := &run{t: t, ctx: ctx, client: rpc.New(c.url), begin: time.Now().Unix()}
	defer r.client.Close()
	r.file = &network.File{
		Version: 1, Name: "both", ProgramID: intent.Key(program), WithdrawDelay: 1000, DropTime: 4000, FeeOwner: pub(feesKey),
		Mints: []intent.Mint{{Mint: pub(mintKey), Symbol: "TST", Decimals: 6}}, Params: network.LocalParams(),
	}
	for i := range uint64(7) {
		r.file.Members = append(r.file.Members, network.Member{Name: "m", Key: pub(memberKeys + i), Weight: 1})
	}
	r.wallet = wallet.New(wallet.Config{RPC: r.client, Addresses: chain.Addresses(r.file)})
	r.found()
	store, wake := &memStore{}, make(chan struct{}, 1)
	waker := &chain.Waker{URL: c.socket, Account: chain.Addresses(r.file).Vault}
	var err error
	// The socket wakes the watcher; polling is for what happens before it listens.
	r.watch, err = chain.NewWatcher(chain.WatcherConfig{File: r.file, RPC: r.client, Store: store, Wake: wake, Poll: time.Second})
	must(t, err)
	r.settle, err = chain.NewSettler(chain.SettlerConfig{File: r.file, RPC: r.client, Store: store, Payer: key(payerKey), Watcher: r.watch, Poll: slotTime})
	must(t, err)
	var services sync.WaitGroup
	for _, f := range []func(context.Context) error{r.watch.Run, r.settle.Run, func(ctx context.Context) error { return waker.Run(ctx, wake) }} {
		services.Go(func() {
			if err := f(ctx); !errors.Is(err, context.Canceled) {
				t.Errorf("%s: a service ended: %v", c.name, err)
			}
		})
	}
	defer services.Wait()
	defer cancel()
	return r.live()
}

func (r *run) found() {
	payer, mint := key(payerKey), pub(mintKey)
	must(r.t, r.wallet.Airdrop(r.ctx, 1000*solana.LAMPORTS_PER_SOL, payer.PublicKey()))
	must(r.t, r.wallet.CreateMint(r.ctx, payer, key(mintKey), 6))
	must(r.t, r.wallet.CreateVault(r.ctx, payer, chain.Founding(r.file)))
	must(r.t, r.wallet.AddPurse(r.ctx, payer, mint))
	var grants []wallet.Grant
	for i := range uint64(walletsInRun) {
		grants = append(grants, wallet.Grant{Owner: key(walletKeys + i).PublicKey(), Amount: 1000 + i})
	}
	must(r.t, r.wallet.Mint(r.ctx, payer, mint, grants))
	r.entry = map[intent.Key]uint32{}
	for i := range uint64(walletsInRun) { // one by one: the order of events must be the same in both runs
		owner := pub(walletKeys + i)
		of, err := r.wallet.OpenEntries(r.ctx, payer, mint, []intent.Key{owner})
		must(r.t, err)
		r.entry[owner] = of[owner]
		deposit := []wallet.EntryOf{{Owner: key(walletKeys + i), Entry: of[owner], Amount: 1000 + i}}
		must(r.t, r.wallet.Deposit(r.ctx, payer, mint, deposit))
	}
}

func (r *run) until(what string, ok func() bool) {
	r.t.Helper()
	for !ok() {
		select {
		case <-r.ctx.Done():
			head, slot := r.watch.Head()
			r.t.Fatalf("waiting until %s: head %d at slot %d, err %v", what, head.Number, slot, r.watch.Err())
		case <-r.watch.Updates():
		}
	}
}

func (r *run) seen(events uint64) ledger.Cut {
	r.t.Helper()
	r.until("events are seen", func() bool { c, _ := r.watch.Head(); return c.Number == events && r.watch.Err() == nil })
	if at := r.watch.Time(); at < r.begin || at > time.Now().Unix() {
		r.t.Fatalf("the view of the vault is of %d, not between %d and now", at, r.begin)
	}
	cut, _ := r.watch.Head()
	return cut
}

// live settles a height that moves funds between all wallets, and withdraws.
func (r *run) live() outcome {
	first := uint64(1 + 2*walletsInRun)
	mint := pub(mintKey)
	debits, credits := &vault.Chunk{Kind: vault.ChunkDebits, Mint: mint}, &vault.Chunk{Kind: vault.ChunkCredits, Mint: mint}
	for i := range uint32(walletsInRun / 2) {
		debits.Pairs = append(debits.Pairs, vault.Pair{Entry: 1 + i, Amount: uint64(i) + 1})
		credits.Pairs = append(credits.Pairs, vault.Pair{Entry: 1 + i + walletsInRun/2, Amount: uint64(i) + 1})
	}
	one := r.certify(1, r.file.Hash(), r.seen(first), debits.Encode(), credits.Encode())
	must(r.t, r.settle.Submit(one))
	r.until("height 1 is settled", func() bool { _, ok := r.watch.Settled(1); return ok })
	last := uint64(walletKeys + walletsInRun - 1)
	ask := wallet.EntryOf{Owner: key(last), Entry: r.entry[pub(last)], Amount: 500}
	must(r.t, r.wallet.Request(r.ctx, key(payerKey), mint, []wallet.EntryOf{ask}))
	must(r.t, r.settle.Submit(r.certify(2, one.Header.Digest(), r.seen(first+2))))
	r.until("height 2 is settled", func() bool { _, ok := r.watch.Settled(2); return ok })
	must(r.t, r.wallet.Withdraw(r.ctx, key(payerKey), mint, key(last), r.entry[pub(last)]))
	r.seen(first + 4)
	return r.outcome(last)
}

func (r *run) certify(height uint64, previous intent.Hash, cut ledger.Cut, chunks ...[]byte) chain.Job {
	return r.certifyAt(ledger.Instance{Height: height}, previous, cut, chunks...)
}

// certifyAt is a header and what a quorum signs.
func (r *run) certifyAt(at ledger.Instance, previous intent.Hash, cut ledger.Cut, chunks ...[]byte) chain.Job {
	h := &ledger.Header{
		Network: r.file.Hash(), Instance: at, Time: 1, Leader: pub(memberKeys), Previous: previous, Batch: ledger.BlockCID([]byte("batch")), Cut: cut,
		SettlementHead: vault.Heads(chunks)[0],
	}
	c := &ledger.Certificate{Body: h.Body()}
	message := ledger.CommitMessage(h.Network, at, c.View, h.Digest())
	for i := range uint64(2*len(r.file.Members)/3 + 1) {
		sig := ed25519.Sign(ed25519.PrivateKey(key(memberKeys+i)), message)
		c.Signatures = append(c.Signatures, ledger.MemberSignature{Member: pub(memberKeys + i), Sig: intent.Signature(sig)})
	}
	return chain.Job{Header: h, Certificate: c, Chunks: chunks}
}

func (r *run) outcome(who uint64) (o outcome) {
	head, _ := r.watch.Head()
	var err error
	o.Events, err = r.watch.Events(0, head.Number)
	must(r.t, err)
	for i := range o.Events {
		o.Events[i].Slot, o.Events[i].Unlock, o.Events[i].Signature = 0, 0, ""
		clear(o.Events[i].Signatures)      // as many
		o.Events[i].Digest = intent.Hash{} // the header names its cut, whose hash is over slots
	}
	o.Entries, err = r.wallet.Entries(r.ctx, pub(mintKey))
	must(r.t, err)
	v := r.watch.Vault()
	o.Height, o.Epoch = v.Height, v.Epoch
	o.Withdrew, err = r.wallet.TokenBalance(r.ctx, key(who).PublicKey(), pub(mintKey))
	must(r.t, err)
	report, err := chain.CheckReserves(r.ctx, r.file, r.client, nil)
	must(r.t, err)
	if len(report.Problems) != 0 || o.Withdrew != 500 || o.Height != 2 {
		r.t.Errorf("withdrew %d at height %d: %+v", o.Withdrew, o.Height, report)
	}
	o.Reserves = *report
	return o
}
