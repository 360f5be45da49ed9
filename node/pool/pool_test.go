package pool

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/ledger"
)

// memDisk keeps records in memory and fails on request.
type memDisk struct {
	mu   sync.Mutex
	recs map[intent.ID]Record
	fail error
	gate chan struct{} // when set, Put waits for it
}

func newDisk() *memDisk { return &memDisk{recs: map[intent.ID]Record{}} }

func (d *memDisk) Put(_ context.Context, list []Record) error {
	if d.gate != nil {
		<-d.gate
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fail != nil {
		return d.fail
	}
	for _, r := range list {
		d.recs[r.ID] = r
	}
	return nil
}

func (d *memDisk) SetBundles(list []Record) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, r := range list {
		have := d.recs[r.ID]
		have.Bundles = r.Bundles
		d.recs[r.ID] = have
	}
	return nil
}

func (d *memDisk) Delete(ids []intent.ID) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, id := range ids {
		delete(d.recs, id)
	}
	return nil
}

func (d *memDisk) Load(fn func(Record) error) error {
	for _, r := range d.recs {
		if err := fn(r); err != nil {
			return err
		}
	}
	return nil
}

// openGate lets everything pass; poor are wallets without a balance.
type openGate struct{ poor map[intent.Key]bool }

func (g openGate) AdmitCheap(*intent.Intent) error                     { return nil }
func (g openGate) Admit(*intent.Intent, int64, ledger.AskLookup) error { return nil }
func (g openGate) Funded(w intent.Key) bool                            { return !g.poor[w] }
func (g openGate) Spendable(w, _ intent.Key) uint64 {
	if g.poor[w] {
		return 1 // dust
	}
	return 100
}

var testNet = &intent.Network{Name: "pool-test", Hash: intent.Hash{1},
	Mints:  []intent.Mint{{Mint: keyOf("mint", 0), Symbol: "USDC", Decimals: 6}},
	MaxAge: intent.MaxAge{Default: 3600, Ask: 3600, Session: 3600}}

func private(label string, n int) ed25519.PrivateKey {
	s := sha256.Sum256(fmt.Appendf(nil, "%s/%d", label, n))
	return ed25519.NewKeyFromSeed(s[:])
}

func keyOf(label string, n int) (k intent.Key) {
	copy(k[:], private(label, n).Public().(ed25519.PublicKey))
	return k
}

// pay is an intent of wallet w; cancel withdraws a nonce.
func pay(t testing.TB, w int, nonce, amount uint64) Candidate {
	return candidate(t, w, intent.Intent{Kind: intent.Pay, From: keyOf("w", w), To: ptr(keyOf("w", w+1)), Mint: &testNet.Mints[0].Mint,
		Amount: amount, Nonce: nonce, Created: 1000, Expires: 2000})
}

func cancel(t testing.TB, w int, nonce uint64) Candidate {
	return candidate(t, w, intent.Intent{Kind: intent.Cancel, From: keyOf("w", w), Nonce: nonce, Created: 1000, Expires: 2000})
}

func ptr[T any](v T) *T { return &v }

func candidate(t testing.TB, w int, i intent.Intent) Candidate {
	t.Helper()
	s, err := intent.Sign(private("w", w), testNet, i)
	if err != nil {
		t.Fatal(err)
	}
	id, err := s.ID(testNet)
	if err != nil {
		t.Fatal(err)
	}
	return Candidate{ID: id, Signed: s, Wire: s.Encode()}
}

func open(t testing.TB, d Disk, g Gate) *Pool {
	t.Helper()
	p, err := New(testNet, d, g)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func add(t testing.TB, p *Pool, list ...Candidate) []error {
	t.Helper()
	return p.Add(context.Background(), list, 1_500_000)
}

func code(err error) intent.Code {
	var e *intent.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

func TestANonceIsOneIntentsUntilItLeaves(t *testing.T) {
	p := open(t, newDisk(), openGate{})
	first, second := pay(t, 0, 7, 1), pay(t, 0, 7, 2)
	errs := add(t, p, first, first, second, cancel(t, 0, 7))
	if errs[0] != nil || errs[1] != nil || code(errs[2]) != intent.Equivocation || errs[3] != nil {
		t.Fatalf("got %v", errs)
	}
	if r, ok := p.Rival(first.Signed.From, first.Signed.From, 7); !ok || r.ID != first.ID {
		t.Fatalf("the cancel's rival is %v", r.ID)
	}
	if err := p.Remove([]intent.ID{first.ID}); err != nil {
		t.Fatal(err)
	}
	if errs := add(t, p, second); errs[0] != nil {
		t.Fatalf("the nonce is free again, but: %v", errs[0])
	}
}

func TestWhatCannotBeStoredIsNotPooled(t *testing.T) {
	d := newDisk()
	d.fail = errors.New("no space left")
	p := open(t, d, openGate{})
	c := pay(t, 0, 1, 1)
	if errs := add(t, p, c); !errors.Is(errs[0], ErrDisk) {
		t.Fatalf("got %v", errs[0])
	}
	if p.Known(c.ID) {
		t.Fatal("it is known all the same")
	}
	d.fail = nil
	if errs := add(t, p, c); errs[0] != nil {
		t.Fatalf("the second try: %v", errs[0])
	}
}

// TestNobodyAcknowledgesBeforeTheWrite has two doors take one intent at once: neither answers before it is on disk, and where
// the first could not write it, the second does.
func TestNobodyAcknowledgesBeforeTheWrite(t *testing.T) {
	for _, firstFails := range []bool{false, true} {
		d := newDisk()
		d.gate = make(chan struct{})
		p := open(t, d, openGate{})
		c := pay(t, 0, 1, 1)
		first, second := make(chan error, 1), make(chan error, 1)
		if firstFails {
			d.fail = errors.New("no space left")
		}
		go func() { first <- p.Add(context.Background(), []Candidate{c}, 1_500_000)[0] }()
		for !p.writing(c.ID) {
			runtime.Gosched()
		}
		go func() { second <- p.Add(context.Background(), []Candidate{c, c}, 1_500_000)[1] }()
		if p.Known(c.ID) {
			t.Fatal("it is known before it is durable")
		}
		select {
		case <-first:
			t.Fatal("the first answers before the write")
		case <-second:
			t.Fatal("the second answers before the write")
		default:
		}
		d.gate <- struct{}{}
		if err := <-first; (err != nil) != firstFails {
			t.Fatalf("the first: %v", err)
		}
		if firstFails {
			d.mu.Lock()
			d.fail = nil
			d.mu.Unlock()
			d.gate <- struct{}{}
		}
		if err := <-second; err != nil {
			t.Fatalf("the second: %v", err)
		}
		if _, ok := p.Get(c.ID); !ok {
			t.Fatal("it is not there after the write")
		}
	}
}

// writing says whether the pool is writing an intent.
func (p *Pool) writing(id intent.ID) bool {
	p.mu.RLock()
	defer p.mu.RUnlock()
	_, ok := p.pending[id]
	return ok
}

func TestBoundsOfAWallet(t *testing.T) {
	p := open(t, newDisk(), openGate{poor: map[intent.Key]bool{keyOf("w", 0): true}})
	fill := func(w, n int) (last error) {
		for k := range n {
			last = add(t, p, pay(t, w, uint64(k+1), 1))[0]
		}
		return last
	}
	if err := fill(0, MaxPerWalletEmpty); err != nil {
		t.Fatal(err)
	}
	if err := add(t, p, pay(t, 0, 9999, 1))[0]; code(err) != intent.PoolFull {
		t.Fatalf("a poor wallet's intent beyond its bound: %v", err)
	}
	if err := fill(1, MaxPerWalletFunded); err != nil {
		t.Fatal(err)
	}
	if err := add(t, p, pay(t, 1, 9999, 1))[0]; code(err) != intent.PoolFull {
		t.Fatalf("a funded wallet's intent beyond its bound: %v", err)
	}
}

// Wallets with dust cannot keep those out who can pay.
func TestThePoolsLastQuarterIsForWhatIsCovered(t *testing.T) {
	p := open(t, newDisk(), openGate{poor: map[intent.Key]bool{keyOf("w", 0): true}})
	p.most = 8
	for n := range uint64(6) {
		if err := add(t, p, pay(t, 0, n+1, 50))[0]; err != nil {
			t.Fatal(err)
		}
	}
	if err := add(t, p, pay(t, 0, 7, 50))[0]; code(err) != intent.PoolFull {
		t.Fatalf("what dust cannot cover takes the last quarter: %v", err)
	}
	rich := pay(t, 1, 1, 60)
	if err := add(t, p, rich)[0]; err != nil {
		t.Fatalf("what is covered finds no room: %v", err)
	}
	second := pay(t, 1, 2, 60)
	if err := add(t, p, second)[0]; code(err) != intent.PoolFull {
		t.Fatalf("its balance covers one of them: %v", err)
	}
	small := []Candidate{pay(t, 1, 3, 20), pay(t, 1, 4, 30)}
	if errs := p.Judge(small, 1_500_000); errs[0] != nil || code(errs[1]) != intent.PoolFull {
		t.Fatalf("in a list that is judged: %v", errs)
	}
	if err := add(t, p, small[0])[0]; err != nil {
		t.Fatal(err)
	}
	if err := add(t, p, pay(t, 2, 1, 1))[0]; code(err) != intent.PoolFull {
		t.Fatalf("the pool has more than its most: %v", err)
	}
}

func TestOnlyWhatABundleHasCarriedLongEnoughIsProposable(t *testing.T) {
	p := open(t, newDisk(), openGate{})
	a, b := pay(t, 0, 1, 1), pay(t, 0, 2, 1)
	add(t, p, a, b)
	if got := p.Unbundled(); len(got) != 2 {
		t.Fatalf("%d unbundled", len(got))
	}
	if err := p.SetBundle("x", []intent.ID{a.ID}, 100); err != nil {
		t.Fatal(err)
	}
	if got := p.Proposable(99); len(got) != 0 {
		t.Fatalf("too early: %v", got)
	}
	got := p.Proposable(100)
	if len(got) != 1 || got[0].ID != a.ID || got[0].Bundles[0].Bundle != "x" {
		t.Fatalf("got %+v", got)
	}
	p.Hold([]intent.ID{a.ID}, 5)
	if got := p.Proposable(100); len(got) != 0 {
		t.Fatal("a held intent is proposed again")
	}
	if n := p.Free(5); n != 1 || len(p.Proposable(100)) != 1 {
		t.Fatal("an undone intent is not proposable again")
	}
	if e, _ := p.Get(a.ID); e.Code != intent.Undone {
		t.Fatalf("it waits with code %q", e.Code)
	}
	if _, empty := p.Forget([]intent.ID{a.ID}); !slices.Equal(empty, []string{"x"}) {
		t.Fatalf("the bundle carries nothing more, but %v", empty)
	}
}

// TestAgainstAModel plays random additions and removals and holds the pool, and a pool loaded from its disk, against sets.
func TestAgainstAModel(t *testing.T) {
	const wallets, nonces = 3, 4
	var all []Candidate
	for w := range wallets {
		for n := range nonces {
			all = append(all, pay(t, w, uint64(n+1), 1), pay(t, w, uint64(n+1), 2), cancel(t, w, uint64(n+1)))
		}
	}
	rapid.Check(t, func(r *rapid.T) {
		d := newDisk()
		p := open(t, d, openGate{})
		have := map[intent.ID]Candidate{}
		for range rapid.IntRange(1, 30).Draw(r, "steps") {
			c := all[rapid.IntRange(0, len(all)-1).Draw(r, "candidate")]
			if rapid.Bool().Draw(r, "remove") {
				if err := p.Remove([]intent.ID{c.ID}); err != nil {
					r.Fatal(err)
				}
				delete(have, c.ID)
				continue
			}
			clash := false
			for id, o := range have {
				clash = clash || id != c.ID && o.Signed.From == c.Signed.From && o.Signed.Nonce == c.Signed.Nonce && o.Signed.Kind == c.Signed.Kind
			}
			if err := add(t, p, c)[0]; (err != nil) != clash {
				r.Fatalf("clash %v, got %v", clash, err)
			}
			if !clash {
				have[c.ID] = c
			}
		}
		for _, q := range []*Pool{p, open(t, d, openGate{})} {
			if s := q.Stats(); s.Intents != len(have) {
				r.Fatalf("%d intents, want %d", s.Intents, len(have))
			}
			for id := range have {
				if !q.Known(id) {
					r.Fatalf("%s is lost", id)
				}
			}
		}
	})
}

// askGate lets a buy pass only where its ask rests.
type askGate struct{ openGate }

func (g askGate) Admit(i *intent.Intent, _ int64, asks ledger.AskLookup) error {
	if i.Kind != intent.Buy {
		return nil
	}
	if _, ok := asks(*i.Ask); !ok {
		return &intent.Error{Code: intent.UnknownAsk}
	}
	return nil
}

func askAndBuy(t *testing.T) (ask, buy Candidate) {
	t.Helper()
	mint := &testNet.Mints[0].Mint
	item := keyOf("w", 0).String() + "/sword"
	ask = candidate(t, 0, intent.Intent{Kind: intent.Ask, From: keyOf("w", 0), Mint: mint, Amount: 5, Item: item, Nonce: 1, Created: 1000, Expires: 2000})
	buy = candidate(t, 1, intent.Intent{Kind: intent.Buy, From: keyOf("w", 1), Mint: mint, Amount: 5, Ask: &ask.ID, Nonce: 1, Created: 1000, Expires: 2000})
	return ask, buy
}

func TestAnAskAndItsBuyMayComeInOneList(t *testing.T) {
	ask, buy := askAndBuy(t)
	p := open(t, newDisk(), askGate{})
	if errs := p.Judge([]Candidate{buy, ask}, 1_500_000); code(errs[0]) != intent.UnknownAsk || errs[1] != nil {
		t.Fatalf("the buy first: %v", errs)
	}
	for _, errs := range [][]error{p.Judge([]Candidate{ask, buy}, 1_500_000), add(t, p, ask, buy)} {
		if errs[0] != nil || errs[1] != nil {
			t.Fatalf("got %v", errs)
		}
	}
}

func TestWhatIsJudgedIsWhatIsTaken(t *testing.T) {
	poor := map[intent.Key]bool{keyOf("w", 0): true}
	p := open(t, newDisk(), openGate{poor})
	var list []Candidate
	for n := range uint64(MaxPerWalletEmpty + 8) {
		list = append(list, pay(t, 0, n+1, 1))
	}
	list = append(list, pay(t, 1, 3, 1), pay(t, 1, 3, 2))
	judged := p.Judge(list, 1_500_000)
	if p.Stats().Intents != 0 {
		t.Fatal("to judge is not to take")
	}
	for i, err := range add(t, p, list...) {
		if code(err) != code(judged[i]) {
			t.Errorf("candidate %d: judged %v, then %v", i, judged[i], err)
		}
	}
}
