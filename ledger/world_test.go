package ledger

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/network"
)

// keyOf is the n-th key of a test; no signature is ever made with it unless it is a member's.
func keyOf(kind string, n int) intent.Key {
	return sha256.Sum256(fmt.Appendf(nil, "%s %d", kind, n))
}

func memberKey(n int) ed25519.PrivateKey {
	seed := sha256.Sum256(fmt.Appendf(nil, "member %d", n))
	return ed25519.NewKeyFromSeed(seed[:])
}

func testMembers(from, n int) []network.Member {
	var out []network.Member
	for k := from; k < from+n; k++ {
		m := network.Member{Name: fmt.Sprintf("member-%d", k), Weight: uint16(1 + k%3)}
		copy(m.Key[:], memberKey(k).Public().(ed25519.PublicKey))
		m.VRF = vrfKey(k)
		out = append(out, m)
	}
	return out
}

// vrfKey is a point of P-256, compressed.
func vrfKey(n int) (k network.VRFKey) {
	seed := sha256.Sum256(fmt.Appendf(nil, "vrf %d", n))
	priv, err := ecdh.P256().NewPrivateKey(seed[:])
	if err != nil {
		panic(err)
	}
	point := priv.PublicKey().Bytes()
	k[0] = 2 + point[64]&1
	copy(k[1:], point[1:33])
	return k
}

const startTime = 1_763_800_000

func testFile() *network.File {
	f := &network.File{
		Version: 1, Name: "ledger-test", ProgramID: keyOf("program", 0), Members: testMembers(0, 4),
		WithdrawDelay: 3000, DropTime: 1500, FeeOwner: keyOf("fee", 0), FeeBps: 10,
		MaxAge: intent.MaxAge{Default: 3600, Ask: 7 * 86400, Session: 30 * 86400}, Time: startTime,
		Params: network.LocalParams(),
	}
	for k, symbol := range []string{"USD", "GEM"} {
		f.Mints = append(f.Mints, intent.Mint{Mint: keyOf("mint", k), Symbol: symbol, Decimals: uint8(6 * (1 - k))})
	}
	return f
}

// A world is a ledger with a vault beside it that does what the real one does to entries and events.
type world struct {
	t     testing.TB
	file  *network.File
	net   *intent.Network
	store *MemStore
	state *State

	entries map[intent.Key][]Entry // the vault's, by mint
	events  []Event                // behind the state's cut
	cut     Cut
	slot    uint64
	floor   uint64
	gen     uint32
	epoch   uint32
	nonces  map[[2]intent.Key]uint64
}

func newWorld(t testing.TB, f *network.File) *world {
	w := &world{t: t, file: f, net: f.Intents(), store: &MemStore{}, entries: make(map[intent.Key][]Entry), nonces: make(map[[2]intent.Key]uint64)}
	var err error
	w.state, err = Load(f, w.store)
	w.must(err)
	for _, m := range f.Mints {
		w.open(f.FeeOwner, m.Mint)
	}
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) emit(e Event) {
	w.slot++
	e.Slot, e.Number = w.slot, w.cut.Number+1
	w.cut = w.cut.After(&e)
	w.events = append(w.events, e)
}

func (w *world) open(owner, mint intent.Key) uint32 {
	n := uint32(len(w.entries[mint]))
	w.entries[mint] = append(w.entries[mint], Entry{Mint: mint, Number: n, Owner: owner})
	w.emit(Event{Tag: EventOpen, Mint: mint, Entry: n, Owner: owner})
	return n
}

func (w *world) deposit(mint intent.Key, n uint32, amount uint64) {
	w.entries[mint][n].Balance += amount
	w.emit(Event{Tag: EventDeposit, Mint: mint, Entry: n, Amount: amount})
}

func (w *world) request(mint intent.Key, n uint32, amount uint64) {
	e := &w.entries[mint][n]
	e.Requested, e.RequestNumber = amount, w.cut.Number+1
	w.emit(Event{Tag: EventRequest, Mint: mint, Entry: n, Amount: amount, Unlock: w.slot + 10})
}

func (w *world) cancelRequest(mint intent.Key, n uint32) {
	e := &w.entries[mint][n]
	e.Requested, e.RequestNumber = 0, 0
	w.emit(Event{Tag: EventCancel, Mint: mint, Entry: n})
}

// withdraw pays; a request that the floor does not cover moves the generation.
func (w *world) withdraw(mint intent.Key, n uint32) {
	e := &w.entries[mint][n]
	paid := min(e.Requested, e.Balance)
	if paid == 0 {
		return
	}
	if e.RequestNumber > w.floor {
		w.gen++
		w.floor = w.cut.Number + 1
	}
	e.Balance -= paid
	e.Requested, e.RequestNumber = 0, 0
	w.emit(Event{Tag: EventWithdraw, Mint: mint, Entry: n, Amount: paid, Generation: w.gen})
}

// fund opens an entry for a wallet if it has none, and deposits.
func (w *world) fund(wallet intent.Key, mint int, amount uint64) {
	m := w.file.Mints[mint].Mint
	n := -1
	for k, e := range w.entries[m] {
		if e.Owner == wallet {
			n = k
			break
		}
	}
	if n < 0 {
		n = int(w.open(wallet, m))
	}
	if amount > 0 {
		w.deposit(m, uint32(n), amount)
	}
}

func (w *world) opening() *Opening {
	w.t.Helper()
	o, err := w.state.Open(w.events)
	w.must(err)
	if o.Cut() != w.cut {
		w.t.Fatalf("the opening's cut is %v, the chain's %v", o.Cut(), w.cut)
	}
	return o
}

// header is the header that says what a result is.
func (w *world) header(r *Result, in *Input) *Header {
	return r.Header(in, Proposal{Leader: w.state.Members()[0].Key, VRFProof: []byte{1}, Batch: BlockCID([]byte("root")), Bytes: 1})
}

// settle applies a result's chunks in the vault, merges it, and loads the state again.
func (w *world) settle(r *Result, in *Input) {
	w.t.Helper()
	h := w.header(r, in)
	w.applyChunks(r)
	w.state = w.merge(r, h)
	w.floor = w.cut.Number + 1
	if in.Members != nil {
		w.epoch++
	}
	w.events = slices.DeleteFunc(slices.Clone(w.events), func(e Event) bool { return e.Number <= r.head.cut.Number })
	w.emit(Event{Tag: EventSettled, Height: h.Height, Digest: h.Digest(), Epoch: w.epoch})
}

func (w *world) merge(r *Result, h *Header) *State {
	w.t.Helper()
	provisional := r.State(h.Digest())
	w.must(w.store.Apply(r.Changes(h.Digest())))
	s, err := Load(w.file, w.store)
	w.must(err)
	if s.Digest() != r.StateDigest || s.Digest() != provisional.Digest() || s.HeaderDigest() != h.Digest() || s.Height() != h.Height {
		w.t.Fatal("the state that was merged is not the one that was executed")
	}
	w.sameTables(s, provisional)
	return s
}

// sameTables compares a merged state with the overlay that it was.
func (w *world) sameTables(a, b *State) {
	w.t.Helper()
	x, y := dump(w.t, a.table), dump(w.t, b.table)
	if len(x) != len(y) {
		w.t.Fatalf("merged state has %d keys, the overlay %d", len(x), len(y))
	}
	for k, v := range x {
		if y[k] != v {
			w.t.Fatalf("key %x differs", k)
		}
	}
}

func dump(t testing.TB, s Store) map[string]string {
	out := make(map[string]string)
	last := ""
	err := s.Iterate(nil, func(key, value []byte) bool {
		if string(key) <= last && last != "" {
			t.Fatalf("Iterate does not ascend at %x", key)
		}
		last = string(key)
		out[last] = string(value)
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// recompute sums the state's elements from nothing.
func recompute(t testing.TB, s Store) intent.Hash {
	var sum lattice
	for k, v := range dump(t, s) {
		if k[0] < firstDerived {
			if err := checkElement([]byte(k), []byte(v)); err != nil {
				t.Fatalf("element %x: %v", k, err)
			}
			sum.add(k, []byte(v))
		}
	}
	return sum.digest()
}

// applyChunks does to the vault's entries what its program does.
func (w *world) applyChunks(r *Result) {
	w.t.Helper()
	flight := make(map[intent.Key]uint64)
	heads := SettlementHeads(r.Chunks)
	if heads[0] != r.SettlementHead {
		w.t.Fatal("the settlement head is not that of the chunks")
	}
	credits := false
	for _, raw := range r.Chunks {
		c, err := ParseChunk(raw)
		w.must(err)
		if string(c.Encode()) != string(raw) {
			w.t.Fatal("a chunk encodes differently")
		}
		if c.Members != nil {
			continue
		}
		if credits && !c.Credit {
			w.t.Fatal("debits after credits")
		}
		credits = c.Credit
		for _, x := range c.Entries {
			e := &w.entries[c.Mint][x.Number]
			if c.Credit {
				e.Balance += x.Amount
				flight[c.Mint] -= x.Amount
				continue
			}
			if x.Amount > e.Balance || e.Requested > 0 && e.RequestNumber <= r.head.cut.Number && e.Balance-x.Amount < e.Requested {
				w.t.Fatalf("a debit of %d from %d, %d requested", x.Amount, e.Balance, e.Requested)
			}
			e.Balance -= x.Amount
			flight[c.Mint] += x.Amount
		}
	}
	for m, n := range flight {
		if n != 0 {
			w.t.Fatalf("%d of %s stay in flight", n, m)
		}
	}
}

// sameEntries compares the ledger's entries with the vault's.
func (w *world) sameEntries(v *View) {
	w.t.Helper()
	for _, m := range w.file.Mints {
		n, total := 0, uint64(0)
		w.must(v.EntriesOf(m.Mint, func(e Entry) bool {
			if e != w.entries[m.Mint][n] {
				w.t.Fatalf("entry %d: the ledger has %+v, the vault %+v", n, e, w.entries[m.Mint][n])
			}
			n++
			total += e.Balance
			return true
		}))
		if n != len(w.entries[m.Mint]) {
			w.t.Fatalf("%d entries of %d", n, len(w.entries[m.Mint]))
		}
		if got, err := v.Total(m.Mint); err != nil || got != total {
			w.t.Fatalf("total %d, the entries sum to %d (%v)", got, total, err)
		}
	}
}

// next is a nonce that was not handed out.
func (w *world) next(wallet, signer intent.Key) uint64 {
	k := [2]intent.Key{wallet, signer}
	w.nonces[k]++
	return w.nonces[k]
}

// intent fills in what every intent has.
func (w *world) intent(i intent.Intent) BatchIntent {
	w.t.Helper()
	i.Network = w.net.Hash
	if i.Nonce == 0 {
		i.Nonce = w.next(i.From, i.SigningKey())
	}
	if i.Created == 0 {
		i.Created = w.state.Time()
	}
	if i.Expires == 0 {
		i.Expires = i.Created + 3000
	}
	if i.Kind == intent.Pay || i.Kind == intent.Buy {
		i.Fee = intent.Fee(i.Amount, w.file.FeeBps)
	}
	w.must(i.Check(w.net))
	id, err := i.ID(w.net)
	w.must(err)
	return BatchIntent{ID: id, Signed: &intent.Signed{Intent: i}}
}

func (w *world) pay(from, to intent.Key, amount uint64) BatchIntent {
	return w.intent(intent.Intent{Kind: intent.Pay, From: from, To: &to, Mint: &w.file.Mints[0].Mint, Amount: amount})
}

func (w *world) payBy(from, signer, to intent.Key, amount uint64) BatchIntent {
	return w.intent(intent.Intent{Kind: intent.Pay, From: from, Signer: &signer, To: &to, Mint: &w.file.Mints[0].Mint, Amount: amount})
}

func (w *world) issue(from, to intent.Key, name string) BatchIntent {
	return w.intent(intent.Intent{Kind: intent.Issue, From: from, To: &to, Item: from.String() + "/" + name})
}

func (w *world) ask(from intent.Key, item string, price uint64) BatchIntent {
	return w.intent(intent.Intent{Kind: intent.Ask, From: from, Mint: &w.file.Mints[0].Mint, Item: item, Amount: price})
}

func (w *world) buy(from intent.Key, ask BatchIntent) BatchIntent {
	return w.intent(intent.Intent{Kind: intent.Buy, From: from, Mint: ask.Signed.Mint, Amount: ask.Signed.Amount, Ask: &ask.ID})
}

func (w *world) cancel(from intent.Key, nonce uint64) BatchIntent {
	return w.intent(intent.Intent{Kind: intent.Cancel, From: from, Nonce: nonce})
}

func (w *world) session(from, key intent.Key, volume uint64, actions ...intent.Action) BatchIntent {
	return w.intent(intent.Intent{Kind: intent.Session, From: from, To: &key, Mint: &w.file.Mints[0].Mint, MaxVolume: volume,
		Actions: actions, Expires: w.state.Time() + 86400})
}

func (w *world) revoke(from, key intent.Key) BatchIntent {
	return w.intent(intent.Intent{Kind: intent.Revoke, From: from, To: &key})
}

func (w *world) input(list ...BatchIntent) *Input {
	in := &Input{Intents: list, Time: w.state.Time() + 1}
	binary.LittleEndian.PutUint64(in.VRFOutput[:], w.state.Height()+77)
	return in
}

// run executes and settles a height.
func (w *world) run(list ...BatchIntent) *Result {
	w.t.Helper()
	in := w.input(list...)
	r, err := w.opening().Execute(in)
	w.must(err)
	w.settle(r, in)
	return r
}

// refuses wants a batch to be refused with a code.
func (w *world) refuses(code intent.Code, list ...BatchIntent) {
	w.t.Helper()
	_, err := w.opening().Execute(w.input(list...))
	var e *intent.Error
	if !errors.Is(err, ErrBatch) || !errors.As(err, &e) || e.Code != code {
		w.t.Fatalf("the batch gives %v, wanted %s", err, code)
	}
}

// admits wants the door to answer with a code, "" for taken.
func (w *world) admits(code intent.Code, b BatchIntent, asks ...BatchIntent) {
	w.t.Helper()
	err := w.opening().Admit(&b.Signed.Intent, w.state.Time()+1, func(id intent.ID) (*intent.Signed, bool) {
		for _, a := range asks {
			if a.ID == id {
				return a.Signed, true
			}
		}
		return nil, false
	})
	var e *intent.Error
	switch {
	case code == "" && err == nil:
	case code != "" && errors.As(err, &e) && e.Code == code:
	default:
		w.t.Fatalf("the door says %v, wanted %q", err, code)
	}
}

func candidates(list []BatchIntent) []Candidate {
	out := make([]Candidate, len(list))
	for k, b := range list {
		out[k] = Candidate{ID: b.ID, Signed: b.Signed, Size: len(b.Signed.Encode()), Bundle: BlockCID(fmt.Append(nil, "bundle ", k/7)), Index: k % 7}
	}
	return out
}

func (w *world) choose(pool []BatchIntent, sp SelectParams) *Selection {
	w.t.Helper()
	if sp.Time == 0 {
		sp.Time = w.state.Time() + 1
	}
	s, err := w.opening().Select(candidates(pool), sp)
	w.must(err)
	if len(s.Taken)+len(s.Pending) != len(pool) {
		w.t.Fatalf("%d taken and %d pending of %d", len(s.Taken), len(s.Pending), len(pool))
	}
	return s
}
