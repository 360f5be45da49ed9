package chain_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
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
)

var errKilled = errors.New("killed")

// budget lets so many operations happen and then kills: every later one fails, and the context ends.
type budget struct {
	mu   sync.Mutex
	left int
	kill context.CancelFunc
}

func (b *budget) spend() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.left--; b.left < 0 {
		b.kill()
		return errKilled
	}
	return nil
}

// mortal is a client whose calls are counted. A send is killed before it is made or after it was: both happen to processes.
type mortal struct {
	chain.Client
	b *budget
}

func (m *mortal) GetAccountInfoWithOpts(ctx context.Context, k solana.PublicKey, o *rpc.GetAccountInfoOpts) (*rpc.GetAccountInfoResult, error) {
	if err := m.b.spend(); err != nil {
		return nil, err
	}
	return m.Client.GetAccountInfoWithOpts(ctx, k, o)
}

func (m *mortal) SendRawTransactionWithOpts(ctx context.Context, raw []byte, o rpc.TransactionOpts) (solana.Signature, error) {
	if err := m.b.spend(); err != nil {
		return solana.Signature{}, err
	}
	sig, err := m.Client.SendRawTransactionWithOpts(ctx, raw, o)
	return sig, errors.Join(err, m.b.spend())
}

func (m *mortal) GetSignatureStatuses(ctx context.Context, all bool, sigs ...solana.Signature) (*rpc.GetSignatureStatusesResult, error) {
	if err := m.b.spend(); err != nil {
		return nil, err
	}
	return m.Client.GetSignatureStatuses(ctx, all, sigs...)
}

type mortalStore struct {
	chain.Store
	b *budget
}

func (m *mortalStore) Write(c []ledger.Change) error {
	if err := m.b.spend(); err != nil {
		return err
	}
	return errors.Join(m.Store.Write(c), m.b.spend())
}

// TestKilledBetweenSteps kills the settler after one operation, after two, and so on, each time with the journal that it left.
func TestKilledBetweenSteps(t *testing.T) {
	w := newWorld(t, 11, 2)
	store := &memStore{}
	x := w.watcher(store)
	w.run(x.Run)
	previous, want := w.file.Hash(), uint64(1000)
	for h := uint64(1); h <= 2; h++ {
		w.until(x, "everything before is seen", func() bool { c, _ := x.Head(); return c.Number == 5+h-1 })
		cut, _ := x.Head()
		j := w.job(ledger.Instance{Height: h}, previous, cut, w.transfer(firstWallet, firstWallet+1, 7), 9)
		previous = j.Header.Digest()
		want += 7
		must(t, w.settler(store, x).Submit(j))
		for n := int(h); ; n++ {
			if _, done := x.Settled(h); done {
				break
			}
			w.live(store, x, n)
		}
		if got := w.available(firstWallet + 1); got != want {
			t.Fatalf("height %d: %d, not %d", h, got, want)
		}
	}
}

// live runs a settler until it has made n operations, or the chain has moved and it has nothing to do.
func (w *world) live(store chain.Store, x *chain.Watcher, n int) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 2*time.Second)
	defer cancel()
	b := &budget{left: n, kill: cancel}
	z, err := chain.NewSettler(chain.SettlerConfig{
		File: w.file, RPC: &mortal{w.rpc, b}, Store: &mortalStore{store, b}, Payer: key(keyPayer), Watcher: x, Poll: time.Millisecond,
	})
	must(w.t, err)
	if err := z.Run(ctx); !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		w.t.Fatal(err)
	}
}

// TestFaultsMixed settles while sends are forgotten, requests refused and connections cut.
func TestFaultsMixed(t *testing.T) {
	w := newWorld(t, 4, 2)
	store := &memStore{}
	x := w.watcher(store)
	z := w.settler(store, x)
	w.run(x.Run, z.Run)
	previous := w.file.Hash()
	for h := uint64(1); h <= 3; h++ {
		w.until(x, "everything before is seen", func() bool { c, _ := x.Head(); return c.Number == 5+h-1 })
		cut, _ := x.Head()
		w.net.SetFaults(localnet.Faults{DropSends: 0.3, Refuse429: 0.1, Drop: 0.1, Seed: h})
		j := w.job(ledger.Instance{Height: h}, previous, cut, w.transfer(firstWallet, firstWallet+1, 7), 3)
		previous = j.Header.Digest()
		must(t, z.Submit(j))
		w.until(x, fmt.Sprintf("height %d is settled", h), func() bool { _, ok := x.Settled(h); return ok })
		w.net.SetFaults(localnet.Faults{})
		if got := w.available(firstWallet + 1); got != 1000+7*h {
			t.Fatalf("height %d: %d", h, got)
		}
	}
}

// TestDropAndNextGeneration: a height whose last chunk cannot be applied is taken back, once its drop time is over, by whoever
// holds its chunks, dropped, and decided again in the next generation; the old job is over.
func TestDropAndNextGeneration(t *testing.T) {
	w := newWorld(t, 4, 2)
	store := &memStore{}
	x := w.watcher(store)
	w.run(x.Run)
	w.until(x, "deposits are seen", func() bool { c, _ := x.Head(); return c.Number == 5 })
	cut, _ := x.Head()
	good := w.transfer(firstWallet, firstWallet+1, 7)
	bad := w.job(ledger.Instance{Height: 1}, w.file.Hash(), cut, append(good[:1:1], (&vault.Chunk{
		Kind: vault.ChunkCredits, Mint: w.mint, Pairs: []vault.Pair{{Entry: 2, Amount: 8}}, // one more than is in flight
	}).Encode()), 3)
	z := w.settler(store, x)
	must(t, z.Submit(bad))
	w.run(z.Run)
	w.until(x, "the first chunk is applied", func() bool { v := x.Vault(); return v != nil && v.Pending != nil && v.PursesFlying == 1 })
	w.until(x, "it is dropped", func() bool { c, _ := x.Head(); return c.Number == 6 })
	w.until(x, "the settler knows", func() bool { st, _ := z.Status(1); return st.Stage == chain.StageDropped })
	cut, _ = x.Head()
	must(t, z.Submit(w.job(ledger.Instance{Height: 1, Generation: 1}, w.file.Hash(), cut, good, 3)))
	w.until(x, "height 1 is settled", func() bool { _, ok := x.Settled(1); return ok })
	if got := w.available(firstWallet + 1); got != 1007 {
		t.Fatalf("balance %d", got)
	}
}

// liar shows transactions of the vault as it likes.
type liar struct {
	chain.Client
	hide bool // the newest transaction
	bend bool // the amount of every deposit
}

func (l *liar) GetSignaturesForAddressWithOpts(ctx context.Context, a solana.PublicKey, o *rpc.GetSignaturesForAddressOpts) ([]*rpc.TransactionSignature, error) {
	s, err := l.Client.GetSignaturesForAddressWithOpts(ctx, a, o)
	if l.hide && len(s) > 0 {
		s = s[1:]
	}
	return s, err
}

func (l *liar) GetTransaction(ctx context.Context, sig solana.Signature, o *rpc.GetTransactionOpts) (*rpc.GetTransactionResult, error) {
	r, err := l.Client.GetTransaction(ctx, sig, o)
	if err == nil && l.bend {
		for _, g := range r.Meta.InnerInstructions {
			for _, ix := range g.Instructions {
				if len(ix.Data) == 10 && ix.Data[0] == 12 {
					ix.Data[1]++
				}
			}
		}
	}
	return r, err
}

// TestLiesStopTheWatcher: hidden and invented events are an error state, in which nothing new is known; the truth heals it.
func TestLiesStopTheWatcher(t *testing.T) {
	for _, c := range []struct {
		lie  *liar
		want error
	}{{&liar{hide: true}, chain.ErrGap}, {&liar{bend: true}, chain.ErrMismatch}} {
		w := newWorld(t, 4, 1)
		c.lie.Client = w.rpc
		w.poll("all that is hidden or bent is finalised", func() bool { v, err := w.vaultNow(); return err == nil && v != nil && v.EventNumber == 3 })
		store := &memStore{}
		x, err := chain.NewWatcher(chain.WatcherConfig{File: w.file, RPC: c.lie, Store: store, Poll: time.Millisecond})
		must(t, err)
		stop := w.run(x.Run)
		w.until(x, "it stops", func() bool { return errors.Is(x.Err(), c.want) })
		if head, _ := x.Head(); head.Number != 0 {
			t.Fatalf("%v: events up to %d are believed", c.want, head.Number)
		}
		stop()
		x = w.watcher(store)
		w.run(x.Run)
		w.until(x, "the truth is seen", func() bool { head, _ := x.Head(); return head.Number == 3 && x.Err() == nil })
	}
}

// TestSecondPath: a withdrawal that no header acknowledged, after its delay, raises the generation; a job of the old one is over.
func TestSecondPath(t *testing.T) {
	w := newWorld(t, 4, 2)
	store := &memStore{}
	x := w.watcher(store)
	z := w.settler(store, x)
	w.run(x.Run)
	who := key(firstWallet)
	e := wallet.EntryOf{Owner: who, Entry: w.entry[pub(firstWallet)], Amount: 999}
	must(t, w.wallet.Request(t.Context(), key(keyPayer), w.mint, []wallet.EntryOf{e}))
	must(t, w.net.Advance(w.file.WithdrawDelay))
	w.until(x, "the request is seen", func() bool { c, _ := x.Head(); return c.Number == 6 })
	cut, _ := x.Cut(5)
	must(t, z.Submit(w.job(ledger.Instance{Height: 1}, w.file.Hash(), cut, w.transfer(firstWallet, firstWallet+1, 500), 3)))
	must(t, w.wallet.Withdraw(t.Context(), key(keyPayer), w.mint, who, e.Entry))
	w.until(x, "the withdrawal is seen", func() bool { c, _ := x.Head(); return c.Number == 7 && x.Err() == nil && x.Vault().Generation == 1 })
	w.run(z.Run)
	w.until(x, "the old job is over", func() bool { st, _ := z.Status(1); return st.Stage == chain.StageDropped })
	if st, _ := z.Status(1); st.Transactions != 0 {
		t.Fatalf("%+v", st)
	}
}

// TestWaker wakes a watcher that would poll once an hour.
func TestWaker(t *testing.T) {
	w := newWorld(t, 4, 1)
	wake := make(chan struct{}, 1)
	x, err := chain.NewWatcher(chain.WatcherConfig{File: w.file, RPC: w.rpc, Store: &memStore{}, Poll: time.Hour, Wake: wake})
	must(t, err)
	k := &chain.Waker{URL: w.net.WebSocket(), Account: w.addr.Vault}
	w.run(x.Run, func(ctx context.Context) error { return k.Run(ctx, wake) })
	w.until(x, "the first look", func() bool { return x.Err() == nil })
	seen, _ := x.Head()
	for n := uint64(1); ; n++ { // the subscription may begin after the first of these
		must(t, w.wallet.Request(t.Context(), key(keyPayer), w.mint, []wallet.EntryOf{{Owner: key(firstWallet), Entry: 1, Amount: n}}))
		select {
		case <-x.Updates():
		default:
		}
		if c, _ := x.Head(); c.Number > seen.Number {
			return
		}
	}
}

// TestJobsThatDoNotFit are refused before anything is written.
func TestJobsThatDoNotFit(t *testing.T) {
	f := founded(4)
	w := &world{t: t, file: f, mint: pub(keyMint)}
	store := &memStore{}
	z, err := chain.NewSettler(chain.SettlerConfig{File: f, RPC: rpc.New("http://127.0.0.1:1"), Store: store, Payer: key(1)})
	must(t, err)
	good := w.job(ledger.Instance{Height: 1}, f.Hash(), ledger.Cut{}, w.transfer(1, 2, 3), 3)
	for what, j := range map[string]chain.Job{
		"no header":       {Certificate: good.Certificate},
		"other chunks":    {Header: good.Header, Certificate: good.Certificate, Chunks: good.Chunks[:1]},
		"not a header":    {Header: good.Header, Certificate: &ledger.Certificate{Body: []byte{1}}, Chunks: good.Chunks},
		"malformed chunk": w.job(ledger.Instance{Height: 1}, f.Hash(), ledger.Cut{}, [][]byte{{7}}, 3),
	} {
		if err := z.Submit(j); err == nil {
			t.Errorf("%s: accepted", what)
		}
	}
	store.fail = errors.New("disk full")
	if err := z.Submit(good); err == nil || !strings.Contains(err.Error(), "disk full") {
		t.Error(err)
	}
	if _, ok := z.Status(1); ok {
		t.Error("a job that was not journalled is known")
	}
	store.fail = nil
	must(t, z.Submit(good))
	if err := z.Submit(w.job(ledger.Instance{Height: 1}, f.Hash(), ledger.Cut{Number: 1}, nil, 3)); err == nil {
		t.Error("a second header of an instance")
	}
	must(t, z.Forget(1))
	if _, ok := z.Status(1); ok {
		t.Error("forgotten, and still known")
	}
}

// FuzzParseTransaction: no bytes that an endpoint shows make the client panic.
func FuzzParseTransaction(f *testing.F) {
	tx, err := solana.NewTransaction([]solana.Instruction{vault.NewAddresses(pub(1), intent.Hash{}).Drop()}, solana.Hash{}, solana.TransactionPayer(key(1).PublicKey()))
	if err != nil {
		f.Fatal(err)
	}
	tx.Signatures = make([]solana.Signature, 1)
	raw, err := tx.MarshalBinary()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw, uint16(0), uint16(1), []byte{1})
	f.Fuzz(func(t *testing.T, raw []byte, group, program uint16, accounts []byte) {
		ix := rpc.CompiledInstruction{ProgramIDIndex: program, Data: accounts}
		for _, a := range accounts {
			ix.Accounts = append(ix.Accounts, uint16(a))
		}
		_, _ = chain.ParseTransaction(raw, &rpc.TransactionMeta{InnerInstructions: []rpc.InnerInstruction{{Index: group, Instructions: []rpc.CompiledInstruction{ix}}}}, 5)
	})
}
