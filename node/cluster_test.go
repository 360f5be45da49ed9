package node

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/phantom-paradox/paradox/chain"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/leader"
	"github.com/phantom-paradox/paradox/ledger"
	"github.com/phantom-paradox/paradox/network"
	"github.com/phantom-paradox/paradox/node/config"
	"github.com/phantom-paradox/paradox/node/keys"
)

// memVault is a vault in memory for tests of the engine: it accepts certificates and shows events. Its rules are few: the
// program itself is tested in package chain.
type memVault struct {
	file *network.File
	hash intent.Hash

	mu         sync.Mutex
	cut        ledger.Cut
	events     []ledger.Event
	slot       uint64
	height     uint64
	generation uint32
	epoch      uint32
	members    []network.Member
	entries    map[intent.Key]uint32 // next entry number of a mint
	views      []*memView
	refuse     bool  // settlements are ignored
	time       int64 // of new views; 0: later than any start
}

func newMemVault(f *network.File) *memVault {
	v := &memVault{file: f, hash: f.Hash(), slot: 100, members: f.Members, entries: map[intent.Key]uint32{}}
	for _, m := range f.Mints {
		v.open(m.Mint, f.FeeOwner)
	}
	return v
}

// emit appends an event; v.mu is held.
func (v *memVault) emit(e ledger.Event) {
	v.slot++
	e.Number, e.Slot = v.cut.Number+1, v.slot
	v.cut = ledger.Cut{Number: e.Number, Hash: e.Next(v.cut.Hash)}
	v.events = append(v.events, e)
	for _, view := range v.views {
		poke(view.updates)
	}
}

func (v *memVault) open(mint, owner intent.Key) uint32 {
	v.mu.Lock()
	defer v.mu.Unlock()
	n := v.entries[mint]
	v.entries[mint]++
	v.emit(ledger.Event{Tag: ledger.EventOpen, Mint: mint, Entry: n, Owner: owner})
	return n
}

func (v *memVault) deposit(mint intent.Key, entry uint32, amount uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.emit(ledger.Event{Tag: ledger.EventDeposit, Mint: mint, Entry: entry, Amount: amount})
}

// withdraw asks for an amount and takes it at once, as the vault lets a wallet after the delay.
func (v *memVault) withdraw(mint intent.Key, entry uint32, amount uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.emit(ledger.Event{Tag: ledger.EventRequest, Mint: mint, Entry: entry, Amount: amount, Unlock: v.slot})
	v.generation++
	v.emit(ledger.Event{Tag: ledger.EventWithdraw, Mint: mint, Entry: entry, Amount: amount, Generation: v.generation})
}

// tick lets slots pass, so that cuts become old enough to be proposed.
func (v *memVault) tick(ctx context.Context) {
	t := time.NewTicker(10 * time.Millisecond)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			v.mu.Lock()
			v.slot++
			v.mu.Unlock()
		}
	}
}

func (v *memVault) settle(j chain.Job) {
	v.mu.Lock()
	defer v.mu.Unlock()
	h := j.Header
	if v.refuse || h.Height != v.height+1 || h.Generation != v.generation || h.Epoch != v.epoch {
		return
	}
	if _, err := j.Certificate.Verify(v.hash, v.members); err != nil {
		panic(err)
	}
	v.height = h.Height
	if h.Members != nil {
		v.epoch++
		v.members = h.Members
	}
	v.emit(ledger.Event{Tag: ledger.EventSettled, Height: h.Height, Digest: h.Digest(), Epoch: v.epoch, Signature: "settled", Signatures: []string{"attested", "settled"}})
}

// drop moves the generation: what is in flight is undone.
func (v *memVault) drop(height uint64, digest intent.Hash) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.generation++
	v.emit(ledger.Event{Tag: ledger.EventDropped, Height: height, Digest: digest, Generation: v.generation})
}

func (v *memVault) setRefuse(on bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.refuse = on
}

type memView struct {
	*memVault
	updates chan struct{}
	frozen  *ledger.Cut // Head stands still here
	time    int64
	err     error
}

func (v *memVault) view() *memView {
	v.mu.Lock()
	defer v.mu.Unlock()
	m := &memView{memVault: v, updates: make(chan struct{}, 1), time: v.time}
	v.views = append(v.views, m)
	return m
}

func (m *memView) Head() (ledger.Cut, uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.frozen != nil {
		return *m.frozen, m.slot
	}
	return m.cut, m.slot
}

// freeze lets the view stand still, or move on at once.
func (m *memView) freeze(on bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.frozen = nil
	if on {
		cut := m.cut
		m.frozen = &cut
	}
	poke(m.updates)
}

func (m *memView) setErr(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err = err
	poke(m.updates)
}

func (m *memView) Time() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.time != 0 {
		return m.time
	}
	return time.Now().Add(time.Hour).Unix() // later than any start
}

// setTime says what time the view is of; 0: later than any start.
func (m *memView) setTime(unix int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.time = unix
}

func (m *memView) Events(after, to uint64) ([]ledger.Event, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]ledger.Event(nil), m.events[after:to]...), nil
}
func (m *memView) Updates() <-chan struct{} { return m.updates }
func (m *memView) Err() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.err
}
func (m *memView) Submit(j chain.Job) error           { m.settle(j); return nil }
func (m *memView) Status(uint64) (chain.Status, bool) { return chain.Status{}, false }
func (m *memView) Forget(uint64) error                { return nil }

// A cluster is a committee in this process, over real sockets and disks.
type cluster struct {
	t     testing.TB
	file  *network.File
	net   *intent.Network
	vault *memVault
	dir   string
	keys  []*keys.Keys
	nodes []*running
	peers []string    // more addresses to dial
	tap   func(*Node) // what is changed in a node before it runs

	rpc     string // of a model of Solana, instead of the vault in memory
	settles bool   // nodes on it bring settlements there
}

type running struct {
	*Node
	stop context.CancelFunc
	done chan error
}

func seedKey(label string, n int) ed25519.PrivateKey {
	s := sha256.Sum256(binary.LittleEndian.AppendUint32([]byte(label), uint32(n)))
	return ed25519.NewKeyFromSeed(s[:])
}

func publicOf(k ed25519.PrivateKey) (out intent.Key) {
	copy(out[:], k.Public().(ed25519.PublicKey))
	return out
}

func newCluster(t testing.TB, members int) *cluster {
	t.Helper()
	return newClusterWith(t, members, func(*network.Params) {})
}

// newClusterWith changes the parameters of a network on the localnet first.
func newClusterWith(t testing.TB, members int, change func(*network.Params)) *cluster {
	t.Helper()
	c := &cluster{t: t, dir: t.TempDir()}
	f := &network.File{Version: 1, Name: "cluster-test", ProgramID: publicOf(seedKey("program", 0)), CodeHash: intent.Hash{1}, Cluster: intent.Hash{2},
		WithdrawDelay: network.LocalWithdrawDelay, DropTime: network.LocalDropTime, FeeOwner: publicOf(seedKey("fee", 0)), FeeBps: 10,
		Mints:  []intent.Mint{{Mint: publicOf(seedKey("mint", 0)), Symbol: "USDC", Decimals: 6}},
		MaxAge: intent.MaxAge{Default: 3600, Ask: 604800, Session: 2592000}, Time: time.Now().Unix() - 10, Params: network.LocalParams()}
	change(&f.Params)
	for i := range members {
		k := &keys.Keys{Member: seedKey("member", i), FeePayer: seedKey("payer", i)}
		var err error
		if k.VRF, err = leader.NewKey(sha256.Sum256([]byte{byte(i), 1})); err != nil {
			t.Fatal(err)
		}
		c.keys = append(c.keys, k)
		f.Members = append(f.Members, network.Member{Name: fmt.Sprintf("m%d", i), Key: publicOf(k.Member), VRF: k.VRF.Public(), Weight: 1})
	}
	if err := f.Validate(); err != nil {
		t.Fatal(err)
	}
	c.file, c.net, c.vault = f, f.Intents(), newMemVault(f)
	c.nodes = make([]*running, members)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	vault := c.vault
	wg.Go(func() { vault.tick(ctx) })
	t.Cleanup(func() {
		for i := range c.nodes {
			c.halt(i)
		}
		cancel()
		wg.Wait()
	})
	return c
}

func (c *cluster) start(i int) { c.startWith(i, true) }

// startWith starts a node; without log its key comes without the vote log that was made with it.
func (c *cluster) startWith(i int, log bool) {
	c.t.Helper()
	if err := c.startConfig(i, c.config(i, log)); err != nil {
		c.t.Fatal(err)
	}
}

func (c *cluster) startConfig(i int, cfg Config) error {
	ctx, cancel := context.WithCancel(context.Background())
	n, err := New(ctx, cfg)
	if err != nil {
		cancel()
		return err
	}
	if c.tap != nil {
		c.tap(n)
	}
	r := &running{Node: n, stop: cancel, done: make(chan error, 1)}
	go func() { r.done <- n.Run(ctx) }()
	c.nodes[i] = r
	return nil
}

// config is the configuration of a node that bootstraps from those that run.
func (c *cluster) config(i int, log bool) Config {
	c.t.Helper()
	s := &config.Config{Home: filepath.Join(c.dir, fmt.Sprint(i))}
	s.P2P.Listen = []string{"/ip4/127.0.0.1/tcp/0"}
	s.API.Listen, s.Admin.Listen = "127.0.0.1:0", "127.0.0.1:0"
	s.P2P.Bootstrap = c.addresses()
	if log {
		if err := InitVoteLog(s.DataDir(), publicOf(c.keys[i].Member)); err != nil {
			c.t.Fatal(err)
		}
	}
	level := slog.LevelWarn
	if os.Getenv("CLUSTER_LOG") != "" {
		level = slog.LevelDebug
	}
	logger := slog.New(slog.NewTextHandler(c.t.Output(), &slog.HandlerOptions{Level: level})).With("node", i)
	if c.rpc != "" {
		s.Chain.RPC, s.Chain.Submit = []string{c.rpc}, c.settles
		return Config{Settings: s, File: c.file, Keys: c.keys[i], Version: "test", Logger: logger}
	}
	return Config{Settings: s, File: c.file, Keys: c.keys[i], Version: "test", Logger: logger, chain: func(n *Node) error {
		v := c.vault.view()
		n.vault, n.settler = v, v
		return nil
	}}
}

// addresses are those of all that run.
func (c *cluster) addresses() []string {
	out := slices.Clone(c.peers)
	for _, n := range c.nodes {
		if n != nil {
			out = append(out, n.host.Addrs()...)
		}
	}
	return out
}

// observer starts a node without a vote.
func (c *cluster) observer() {
	c.newcomer()
	c.start(len(c.nodes) - 1)
}

// newcomer makes the keys of a node without a vote.
func (c *cluster) newcomer() {
	k := &keys.Keys{Member: seedKey("observer", len(c.keys)), FeePayer: seedKey("payer", len(c.keys))}
	var err error
	if k.VRF, err = leader.NewKey(sha256.Sum256([]byte{byte(len(c.keys)), 1})); err != nil {
		c.t.Fatal(err)
	}
	c.keys, c.nodes = append(c.keys, k), append(c.nodes, nil)
}

func (c *cluster) halt(i int) {
	c.t.Helper()
	r := c.nodes[i]
	if r == nil {
		return
	}
	c.nodes[i] = nil
	r.stop()
	if err := <-r.done; err != nil {
		c.t.Errorf("node %d: %v", i, err)
	}
	if err := r.Close(); err != nil {
		c.t.Errorf("closing node %d: %v", i, err)
	}
}

// wait polls until ok; what is waited for is named in the failure.
func (c *cluster) wait(what string, ok func() bool) {
	c.t.Helper()
	deadline := time.After(3 * time.Minute)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			for i, n := range c.nodes {
				if n != nil {
					c.t.Logf("node %d: %+v", i, n.engine.status.Load())
				}
			}
			c.t.Fatalf("waited in vain: %s", what)
		}
	}
}

// A testWallet signs payments.
type testWallet struct {
	key   ed25519.PrivateKey
	pub   intent.Key
	nonce uint64
}

func (c *cluster) wallet(n int, funds uint64) *testWallet {
	w := &testWallet{key: seedKey("wallet", n)}
	w.pub = publicOf(w.key)
	m := c.file.Mints[0].Mint
	e := c.vault.open(m, w.pub)
	if funds > 0 {
		c.vault.deposit(m, e, funds)
	}
	return w
}

func (c *cluster) pay(from *testWallet, to *testWallet, amount uint64) *intent.Signed {
	c.t.Helper()
	from.nonce++
	now := time.Now().Unix()
	return c.signAs(from.key, intent.Intent{Kind: intent.Pay, From: from.pub, To: &to.pub, Mint: &c.file.Mints[0].Mint,
		Amount: amount, Fee: intent.Fee(amount, c.file.FeeBps), Nonce: from.nonce, Created: now, Expires: now + 600})
}

// seen waits until all running nodes judge by the vault's newest event.
func (c *cluster) seen() {
	c.t.Helper()
	c.wait("all nodes see the vault", func() bool {
		c.vault.mu.Lock()
		number := c.vault.cut.Number
		c.vault.mu.Unlock()
		for _, n := range c.nodes {
			if n == nil {
				continue
			}
			if s := n.engine.status.Load(); s == nil || s.Opening == nil || s.Opening.Cut().Number < number {
				return false
			}
		}
		return true
	})
}

func (c *cluster) submit(i int, list ...*intent.Signed) []Verdict {
	c.t.Helper()
	var out []Verdict
	c.wait("the node is ready", func() bool {
		var err error
		out, err = c.nodes[i].door.Submit(context.Background(), list)
		return err == nil
	})
	return out
}

// agreed waits until the running nodes stand at one height, at least min, with one state.
func (c *cluster) agreed(least uint64) *Sight {
	c.t.Helper()
	var first *Sight
	c.wait(fmt.Sprintf("the nodes agree at height %d or above", least), func() bool {
		first = nil
		for _, n := range c.nodes {
			if n == nil {
				continue
			}
			s := n.engine.status.Load()
			if s == nil || s.Height < least {
				return false
			}
			if first == nil {
				first = s
			}
			if s.Height != first.Height || s.StateDigest != first.StateDigest {
				return false
			}
		}
		return first != nil
	})
	return first
}

// settled waits until all running nodes know the intents as settled.
func (c *cluster) settled(ids []intent.ID) {
	c.t.Helper()
	c.wait("all intents are settled on all nodes", func() bool {
		for _, n := range c.nodes {
			if n == nil {
				continue
			}
			for _, id := range ids {
				if s, ok, err := n.book.status(id); err != nil || !ok || s.State != stateSettled {
					return false
				}
			}
		}
		return true
	})
}

// take submits and fails the test unless every intent is pooled.
func (c *cluster) take(i int, list ...*intent.Signed) (ids []intent.ID) {
	c.t.Helper()
	for k, v := range c.submit(i, list...) {
		if v.Err != nil {
			c.t.Fatalf("intent %d: %v", k, v.Err)
		}
		ids = append(ids, *v.ID)
	}
	return ids
}

func TestMain(m *testing.M) {
	// One sweeper a process, of the library that measures bandwidth.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/libp2p/go-flow-metrics.(*sweeper).run"))
}

func TestFourMembersSettlePayments(t *testing.T) {
	c := newCluster(t, 4)
	for i := range 4 {
		c.start(i)
	}
	a, b := c.wallet(0, 1_000_000), c.wallet(1, 0)
	c.seen()
	var ids []intent.ID
	for k := range 20 {
		ids = append(ids, c.take(k%4, c.pay(a, b, 1000), c.pay(b, a, 10))...)
	}
	c.settled(ids)
	last := c.agreed(1)
	entry, ok, err := last.State.Account(b.pub, c.file.Mints[0].Mint)
	if err != nil || !ok || entry.Balance != 20*1000-20*10 {
		t.Fatalf("b has %+v, %v, %v", entry, ok, err)
	}
}

func TestASilentMemberIsOutvoted(t *testing.T) {
	c := newCluster(t, 4)
	for i := range 4 {
		c.start(i)
	}
	a, b := c.wallet(0, 1_000_000), c.wallet(1, 0)
	c.seen()
	c.halt(2)
	var ids []intent.ID
	for h := range 4 { // it leads one of these heights, or another would do as well
		ids = append(ids, c.take(0, c.pay(a, b, 1000))...)
		c.settled(ids)
		c.agreed(uint64(h) + 1)
	}
	c.start(2)
	c.settled(ids)
	c.agreed(4)
}

func TestARestartOfAllLosesNothing(t *testing.T) {
	c := newCluster(t, 4)
	for i := range 4 {
		c.start(i)
	}
	a, b := c.wallet(0, 1_000_000), c.wallet(1, 0)
	c.seen()
	ids := c.take(0, c.pay(a, b, 1000))
	c.settled(ids)
	for range 3 {
		ids = append(ids, c.take(1, c.pay(a, b, 1000))...) // acknowledged, perhaps not even gossiped
		for i := range 4 {
			c.halt(i)
		}
		for i := range 4 {
			c.start(i)
		}
	}
	c.settled(ids)
	c.agreed(1)
}

func TestWhatTheChainUndoesIsDecidedAgain(t *testing.T) {
	c := newCluster(t, 4)
	for i := range 4 {
		c.start(i)
	}
	a, b := c.wallet(0, 1_000_000), c.wallet(1, 0)
	c.seen()
	c.vault.setRefuse(true)
	ids := c.take(0, c.pay(a, b, 1000))
	c.wait("height 1 is decided", func() bool {
		for _, n := range c.nodes {
			if s := n.engine.status.Load(); s == nil || !s.Provisional {
				return false
			}
		}
		return true
	})
	rec, err := c.nodes[0].book.round(1)
	if err != nil || rec == nil {
		t.Fatal(err)
	}
	digest, err := rec.Certificate.Digest()
	if err != nil {
		t.Fatal(err)
	}
	if e, ok := c.nodes[0].pool.Get(ids[0]); !ok || e.Held != 1 {
		t.Fatalf("the decided intent is not held: %+v", e)
	}
	c.vault.drop(1, digest)
	c.wait("the intent is pending again", func() bool {
		e, ok := c.nodes[0].pool.Get(ids[0])
		return ok && (e.Held == 0 && e.Code == intent.Undone || c.nodes[0].engine.status.Load().Generation == 1)
	})
	c.vault.setRefuse(false)
	c.settled(ids)
	if last := c.agreed(1); last.Generation != 1 {
		t.Fatalf("settled in generation %d", last.Generation)
	}
}

func TestAnObserverCatchesUp(t *testing.T) {
	c := newCluster(t, 4)
	for i := range 4 {
		c.start(i)
	}
	a, b := c.wallet(0, 1_000_000), c.wallet(1, 0)
	c.seen()
	var ids []intent.ID
	for h := range 5 {
		ids = append(ids, c.take(0, c.pay(a, b, 1000))...)
		c.settled(ids)
		c.agreed(uint64(h) + 1)
	}
	c.observer()
	c.settled(ids)
	ids = append(ids, c.take(4, c.pay(a, b, 1000))...) // an observer's door is as good
	c.settled(ids)
	c.agreed(6)
}

func TestAKeyWithoutItsLogIsSilentForAHeight(t *testing.T) {
	c := newCluster(t, 4)
	for i := range 3 {
		c.start(i)
	}
	// Its endpoint shows the vault as it was about the time of the start: what is settled there may have been settled long ago.
	c.vault.time = time.Now().Unix()
	c.startWith(3, false)
	a, b := c.wallet(0, 1_000_000), c.wallet(1, 0)
	c.seen()
	c.wait("it is silent", func() bool { return c.nodes[3].engine.status.Load().Voting == "silent" })
	for h := range uint64(2) {
		c.settled(c.take(0, c.pay(a, b, 1000)))
		c.agreed(h + 1)
	}
	silent := func() bool { return c.nodes[3].engine.status.Load().Voting == "silent" }
	c.do(3, func(*engine) {})
	if !silent() {
		t.Fatal("it votes by a view of the vault that may be older than its start")
	}
	c.nodes[3].vault.(*memView).setTime(0)
	c.wait("it knows until when to be silent", func() (ok bool) {
		c.do(3, func(e *engine) { ok = e.silentTo == 3 })
		return ok
	})
	if !silent() {
		t.Fatal("it votes on a height that may have begun before its start")
	}
	c.settled(c.take(0, c.pay(a, b, 1000)))
	c.wait("it votes", func() bool { return !silent() })
	c.halt(0) // now its vote is needed
	c.settled(c.take(1, c.pay(a, b, 1000)))
	c.agreed(4)
}

func TestAnAuditReExecutesEverything(t *testing.T) {
	c := newCluster(t, 4)
	for i := range 4 {
		c.start(i)
	}
	a, b := c.wallet(0, 1_000_000), c.wallet(1, 0)
	c.seen()
	for h := range 3 {
		c.settled(c.take(0, c.pay(a, b, 1000)))
		c.agreed(uint64(h) + 1)
	}
	want, err := c.nodes[1].book.round(2)
	if err != nil {
		t.Fatal(err)
	}
	h, err := ledger.ParseHeader(want.Certificate.Body)
	if err != nil {
		t.Fatal(err)
	}
	audit := func(batch ledger.BatchCID) (*AuditReport, error) {
		c.newcomer()
		i := len(c.nodes) - 1
		return Audit(t.Context(), c.config(i, true), batch, func(uint64) {})
	}
	got, err := audit(h.Batch)
	if err != nil || got.Height != 2 || got.StateDigest != h.StateDigest || len(got.Signers) < 3 {
		t.Fatalf("got %+v, %v", got, err)
	}
	if _, err := audit(ledger.BlockCID([]byte("no batch"))); !errors.Is(err, ErrNoSuchBatch) {
		t.Fatalf("got %v", err)
	}
}
