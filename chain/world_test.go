package chain_test

import (
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/gagliardetto/solana-go"
	"github.com/gagliardetto/solana-go/rpc"
	"go.uber.org/goleak"

	"github.com/phantom-paradox/paradox/chain"
	"github.com/phantom-paradox/paradox/chain/localnet"
	"github.com/phantom-paradox/paradox/chain/vault"
	"github.com/phantom-paradox/paradox/chain/wallet"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/ledger"
	"github.com/phantom-paradox/paradox/network"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreTopFunction("net/http.(*persistConn).writeLoop"))
}

// memStore is a chain.Store in memory.
type memStore struct {
	ledger.MemStore
	mu   sync.Mutex
	fail error
}

func (m *memStore) Write(c []ledger.Change) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return m.fail
	}
	m.Apply(c)
	return nil
}

func key(n uint64) solana.PrivateKey {
	var seed [32]byte
	binary.LittleEndian.PutUint64(seed[:], n)
	return solana.PrivateKey(ed25519.NewKeyFromSeed(seed[:]))
}

func pub(n uint64) intent.Key { return intent.Key(key(n).PublicKey()) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

const (
	keyPayer, keyMint, keyFees = 1, 2, 3
	firstMember, firstWallet   = 100, 1000
)

// world is a founded network on a model of Solana, with money in the vault.
type world struct {
	t      *testing.T
	dir    string
	net    *localnet.Server
	rpc    *rpc.Client
	file   *network.File
	addr   vault.Addresses
	wallet *wallet.Client
	mint   intent.Key
	entry  map[intent.Key]uint32
}

func founded(members int) *network.File {
	f := &network.File{
		Version: 1, Name: "test-1", ProgramID: intent.Key(localnet.DefaultVaultProgram()), CodeHash: intent.Hash(localnet.CodeHash()),
		WithdrawDelay: 1000, DropTime: 40, FeeOwner: pub(keyFees), Mints: []intent.Mint{{Mint: pub(keyMint), Symbol: "TST", Decimals: 6}},
		Params: network.LocalParams(),
	}
	for i := range uint64(members) {
		f.Members = append(f.Members, network.Member{Name: "m", Key: pub(firstMember + i), Weight: 1})
	}
	return f
}

func newWorld(t *testing.T, members, wallets int) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), file: founded(members), mint: pub(keyMint)}
	w.addr = chain.Addresses(w.file)
	w.start()
	t.Cleanup(func() { w.rpc.Close(); must(t, w.net.Close()) })
	ctx := t.Context()
	payer := key(keyPayer)
	must(t, w.wallet.Airdrop(ctx, 1000*solana.LAMPORTS_PER_SOL, payer.PublicKey()))
	must(t, w.wallet.CreateMint(ctx, payer, key(keyMint), 6))
	must(t, w.wallet.CreateVault(ctx, payer, chain.Founding(w.file)))
	must(t, w.wallet.AddPurse(ctx, payer, w.mint))
	var owners []intent.Key
	var grants []wallet.Grant
	for i := range uint64(wallets) {
		owners = append(owners, pub(firstWallet+i))
		grants = append(grants, wallet.Grant{Owner: key(firstWallet + i).PublicKey(), Amount: 1000})
	}
	must(t, w.wallet.Mint(ctx, payer, w.mint, grants))
	var err error
	w.entry, err = w.wallet.OpenEntries(ctx, payer, w.mint, owners)
	must(t, err)
	var deposits []wallet.EntryOf
	for i, o := range owners {
		deposits = append(deposits, wallet.EntryOf{Owner: key(firstWallet + uint64(i)), Entry: w.entry[o], Amount: 1000})
	}
	must(t, w.wallet.Deposit(ctx, payer, w.mint, deposits))
	return w
}

// start starts the model, again after a stop.
func (w *world) start() {
	w.t.Helper()
	var err error
	w.net, err = localnet.Start(context.Background(), localnet.Config{Dir: w.dir, SlotTime: 4 * time.Millisecond})
	must(w.t, err)
	w.rpc = rpc.New(w.net.URL())
	w.wallet = wallet.New(wallet.Config{RPC: w.rpc, Addresses: w.addr})
}

func (w *world) watcher(s chain.Store) *chain.Watcher {
	w.t.Helper()
	x, err := chain.NewWatcher(chain.WatcherConfig{File: w.file, RPC: w.rpc, Store: s, Poll: 10 * time.Millisecond})
	must(w.t, err)
	return x
}

func (w *world) settler(s chain.Store, x *chain.Watcher) *chain.Settler {
	w.t.Helper()
	z, err := chain.NewSettler(chain.SettlerConfig{File: w.file, RPC: w.rpc, Store: s, Payer: key(keyPayer), Watcher: x, Poll: 10 * time.Millisecond})
	must(w.t, err)
	return z
}

// run runs services until the returned function is called, which waits for them.
func (w *world) run(fs ...func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(w.t.Context())
	var wg sync.WaitGroup
	for _, f := range fs {
		wg.Go(func() {
			if err := f(ctx); !errors.Is(err, context.Canceled) {
				w.t.Errorf("a service ended: %v", err)
			}
		})
	}
	var once sync.Once
	stop = func() { once.Do(func() { cancel(); wg.Wait() }) }
	w.t.Cleanup(stop)
	return stop
}

// stall is how long nothing takes that goes on.
const stall = 5 * time.Minute

// until waits for a condition, looking again at each update.
func (w *world) until(x *chain.Watcher, what string, ok func() bool) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), stall)
	defer cancel()
	for !ok() {
		select {
		case <-ctx.Done():
			head, slot := x.Head()
			w.t.Fatalf("waiting until %s: head %d at slot %d, err %v", what, head.Number, slot, x.Err())
		case <-x.Updates():
		}
	}
}

// job is a certified height that moves amount from the first wallet's entry to the last's, per pair.
func (w *world) job(h ledger.Instance, previous intent.Hash, cut ledger.Cut, chunks [][]byte, signers int) chain.Job {
	hd := &ledger.Header{
		Network: w.file.Hash(), Instance: h, Time: 1, Leader: pub(firstMember), Previous: previous, Batch: ledger.BlockCID([]byte("batch")), Cut: cut,
		SettlementHead: vault.Heads(chunks)[0],
	}
	c := &ledger.Certificate{Body: hd.Body(), View: 2}
	message := ledger.CommitMessage(hd.Network, h, c.View, hd.Digest())
	for i := range uint64(signers) {
		sig := ed25519.Sign(ed25519.PrivateKey(key(firstMember+i)), message)
		c.Signatures = append(c.Signatures, ledger.MemberSignature{Member: pub(firstMember + i), Sig: intent.Signature(sig)})
	}
	return chain.Job{Header: hd, Certificate: c, Chunks: chunks}
}

// transfer is the chunks of one payment: a debit and a credit.
func (w *world) transfer(from, to uint64, amount uint64) [][]byte {
	pair := func(kind uint8, who uint64) []byte {
		return (&vault.Chunk{Kind: kind, Mint: w.mint, Pairs: []vault.Pair{{Entry: w.entry[pub(who)], Amount: amount}}}).Encode()
	}
	return [][]byte{pair(vault.ChunkDebits, from), pair(vault.ChunkCredits, to)}
}

func (w *world) available(who uint64) uint64 {
	w.t.Helper()
	es, err := w.wallet.Entries(w.t.Context(), w.mint)
	must(w.t, err)
	return es[w.entry[pub(who)]].Available
}
