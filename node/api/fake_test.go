package api

import (
	"context"
	"crypto/ed25519"
	"flag"
	"io"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/netting"
)

var update = flag.Bool("update", false, "write golden files and docs/api.md anew")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The one network, wallet and time of these tests.
var (
	testMint = intent.Key{1, 2, 3}
	testNet  = &intent.Network{Name: "paradox-test-1", Hash: intent.Hash{7}, Mints: []intent.Mint{{Mint: testMint, Symbol: "USDC", Decimals: 6}},
		FeeBps: 10, MaxAge: intent.MaxAge{Default: 3600, Ask: 604800, Session: 2592000}}
)

// CIDs that are some.
const (
	knownCID   = "bafyreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"
	unknownCID = "bafyreiaqnmgm5d2ldzmtl4yjtbn25mtehkpd5vhekhlxlqqyddsrlgpqmy"
	brokenCID  = "bafyreie7wyyg4ctzvkgobqzpsunwk5kprmeuxumcr3hxl2ozddgr3wexte"
)

const testTime = 1_800_000_000

func testClock() time.Time { return time.Unix(testTime, 0) }

func testWallet(seed byte) (ed25519.PrivateKey, intent.Key) {
	priv := ed25519.NewKeyFromSeed(append(make([]byte, 31), seed))
	return priv, intent.Key(priv.Public().(ed25519.PublicKey))
}

// pay is a signed payment.
func pay(t testing.TB, nonce uint64) *intent.Signed {
	t.Helper()
	priv, from := testWallet(1)
	_, to := testWallet(2)
	s, err := intent.Sign(priv, testNet, intent.Intent{Kind: intent.Pay, From: from, To: &to, Mint: &testMint, Amount: 2_000_000,
		Fee: 2_000, Nonce: nonce, Created: testTime, Expires: testTime + 600, Memo: "rent <b>for</b> May"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func idOf(t testing.TB, s *intent.Signed) intent.ID {
	t.Helper()
	id, err := s.ID(testNet)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func jsonOf(t testing.TB, s *intent.Signed) []byte {
	t.Helper()
	b, err := s.JSON(testNet)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// fake is a backend that knows one of everything.
type fake struct {
	t testing.TB

	mu        sync.Mutex
	ready     error
	fail      error // what every reader says
	health    *Health
	submitted [][]*intent.Signed
	judge     func(*intent.Signed) *intent.Error
	listeners map[chan Event]struct{}
	listening chan struct{} // ticks when a listener comes or goes
	pages     []Page
	asks      AskFilter
}

func newFake(t testing.TB) *fake {
	return &fake{t: t, listeners: map[chan Event]struct{}{}, listening: make(chan struct{}, 1024)}
}

// serve serves a backend as a listener on loopback.
func serve(t testing.TB, b Backend, rate int) (*Server, *httptest.Server) {
	t.Helper()
	s, err := New(Config{Backend: b, Network: testNet, Version: "1.2.3", Rate: rate, Clock: testClock})
	if err != nil {
		t.Fatal(err)
	}
	h := httptest.NewServer(s)
	t.Cleanup(func() { s.Close(); h.Close() })
	return s, h
}

func answerOf[T any](f *fake, v *T) (*T, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail != nil {
		return nil, f.fail
	}
	return v, nil
}

func (f *fake) Submit(_ context.Context, list []*intent.Signed) ([]Verdict, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ready != nil {
		return nil, f.ready
	}
	f.submitted = append(f.submitted, list)
	out := make([]Verdict, len(list))
	for i, s := range list {
		if id, err := s.ID(testNet); err == nil {
			out[i].ID = &id
		}
		if f.judge != nil {
			out[i].Err = f.judge(s)
		}
		if out[i].Err == nil {
			out[i].State = Pending
		}
	}
	return out, nil
}

func (f *fake) Intent(context.Context, intent.ID) (*IntentStatus, error) {
	s := pay(f.t, 7)
	return answerOf(f, &IntentStatus{ID: idOf(f.t, s), State: Settled, Intent: IntentJSON(jsonOf(f.t, s)), Received: testTime + 1,
		Accepted: &Acceptance{Height: 7, View: 1, Time: testTime + 2, Batch: "bafyreibatch", Proof: sampleProof(f.t)},
		Settled:  &Transactions{Transactions: []string{"5sig"}, Slot: 99}})
}

func (f *fake) Proof(context.Context, uint64, intent.ID) (*Proof, error) {
	return answerOf(f, sampleProof(f.t))
}

func (f *fake) Nonce(context.Context, intent.Key, intent.Key) (next, floor uint64, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return 8, 5, f.fail
}

func (f *fake) page(p Page) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pages = append(f.pages, p)
}

func (f *fake) Rounds(_ context.Context, p Page) (*Rounds, error) {
	f.page(p)
	return answerOf(f, &Rounds{Rounds: []Round{*sampleRound()}, Next: "7"})
}

func (f *fake) Round(context.Context, uint64) (*Round, error) { return answerOf(f, sampleRound()) }

func (f *fake) Batch(_ context.Context, cid string, p Page) (*Batch, error) {
	f.page(p)
	s := pay(f.t, 7)
	before := "bafyreibefore"
	return answerOf(f, &Batch{CID: cid, Network: testNet.Hash, Height: 7, Previous: &before, Count: 1,
		Bundles: []Bundle{{CID: "bafyreibundle", Taken: []int{0}}}, Intents: []BatchIntent{{idOf(f.t, s), IntentJSON(jsonOf(f.t, s))}}, Next: "50"})
}

func (f *fake) BatchCAR(_ context.Context, cid string, w io.Writer) error {
	if cid == unknownCID {
		return ErrNotFound
	}
	if _, err := w.Write([]byte("blocks of " + cid)); err != nil {
		return err
	}
	if cid == brokenCID {
		return io.ErrUnexpectedEOF
	}
	return nil
}

func (f *fake) Wallet(_ context.Context, key intent.Key, p Page) (*Wallet, error) {
	f.page(p)
	_, other := testWallet(3)
	return answerOf(f, &Wallet{Wallet: key, Entries: []Entry{{testMint, "USDC", 3, 1<<64 - 1, 2, 1<<64 - 3}}, Items: []string{key.String() + "/sword"},
		Sessions: []Session{{other, testMint, "USDC", 100, 10, testTime + 60, []intent.Action{"buy", "pay"}}},
		Pending:  []intent.ID{idOf(f.t, pay(f.t, 7))}, Height: 7, Next: "sword"})
}

func (f *fake) History(_ context.Context, _ intent.Key, p Page) (*History, error) {
	f.page(p)
	id, n, entry, amount := idOf(f.t, pay(f.t, 7)), Decimal(12), uint32(3), Decimal(500)
	return answerOf(f, &History{History: []Happening{
		{Type: "intent", ID: &id, Kind: intent.Pay, Height: 7, Slot: 99},
		{Type: "event", Event: "deposit", Number: &n, Mint: &testMint, Entry: &entry, Amount: &amount, Slot: 50, Transaction: "5sig"},
	}, Next: "12"})
}

func (f *fake) Item(_ context.Context, item string) (*Item, error) {
	issuer, _, _ := intent.ItemIssuer(item)
	_, owner := testWallet(2)
	return answerOf(f, &Item{Item: item, Issuer: issuer, Owner: owner, History: []ItemOwner{{7, owner}, {3, issuer}}})
}

func (f *fake) Asks(_ context.Context, a AskFilter, p Page) (*Asks, error) {
	f.page(p)
	f.mu.Lock()
	f.asks = a
	f.mu.Unlock()
	s := pay(f.t, 7)
	return answerOf(f, &Asks{Asks: []OpenAsk{{idOf(f.t, s), IntentJSON(jsonOf(f.t, s))}}, Next: "x"})
}

func (f *fake) Network(context.Context) (*Network, error) {
	return answerOf(f, &Network{Name: testNet.Name, Hash: testNet.Hash, Mints: testNet.Mints, FeeBps: testNet.FeeBps, FeeOwner: testMint, MaxAge: testNet.MaxAge,
		Members: []Member{sampleMember()}, Threshold: 2, Time: testTime, Parameters: Parameters{MinIntents: 1, MaxIntents: 10000},
		Chain:     NetworkChain{Cluster: intent.Hash{1}, ProgramID: testMint, Vault: testMint, WithdrawDelay: 9000, DropTime: 4500},
		Bootstrap: []string{"/ip4/192.0.2.1/tcp/4001/p2p/12D3KooW"}})
}

func (f *fake) Peers(_ context.Context, p Page) (*Peers, error) {
	f.page(p)
	return answerOf(f, &Peers{ID: "12D3me", Addresses: []string{"/ip4/192.0.2.1/tcp/4001/p2p/12D3me"},
		Peers:     []Peer{{ID: "12D3you", Address: "/ip4/192.0.2.2/tcp/4001", Agent: "paradox/1 <script>alert(1)</script>", Version: 1, Latency: 1.5, Score: 2, Since: testTime, Member: "bob"}},
		Bootstrap: []Bootstrap{{Address: "/ip4/192.0.2.3/tcp/4001/p2p/12D3him", Attempts: 3, Last: testTime, Error: "connection refused"}}})
}

func (f *fake) Status(context.Context) (*Status, error) {
	_, leader := testWallet(4)
	return answerOf(f, &Status{Version: "1.2.3", Network: testNet.Name, NetworkHash: testNet.Hash, Member: "alice", Voting: "voting", Height: 7, Deciding: 8, View: 1,
		Leader: leader.String(), LeaderName: "<img src=x onerror=alert(1)>", Phase: "prepare", Pool: 3, Peers: 1, Synced: true, Why: "", Chain: StatusChain{6, 99, 12},
		StateDigest: Digest{1}, Started: testTime - 60, Time: testTime})
}

func (f *fake) Stats(context.Context) (*Stats, error) {
	return answerOf(f, &Stats{Pool: PoolStats{3, 2, 1, 900, testTime}, Traffic: Traffic{1, 2, 3, 4, 5}, Disk: Disk{6, 7},
		Totals: map[string]float64{"paradox_heights_decided_total": 7}})
}

func (f *fake) Health(context.Context) (*Health, error) {
	f.mu.Lock()
	h := f.health
	f.mu.Unlock()
	if h == nil {
		h = NewHealth(Check{Name: "chain", Status: Healthy, Detail: "slot 99"},
			Check{Name: "peers", Status: Degraded, Detail: "one peer <script>", Remedy: "Name more bootstrap peers."})
	}
	return answerOf(f, h)
}

func (f *fake) Ready() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ready
}

func (f *fake) Listen() (<-chan Event, func()) {
	ch := make(chan Event, 16)
	f.mu.Lock()
	f.listeners[ch] = struct{}{}
	f.mu.Unlock()
	f.listening <- struct{}{}
	return ch, func() {
		f.mu.Lock()
		delete(f.listeners, ch)
		f.mu.Unlock()
		close(ch)
		f.listening <- struct{}{}
	}
}

func (f *fake) publish(e Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for ch := range f.listeners {
		ch <- e
	}
}

func sampleMember() Member {
	_, key := testWallet(4)
	return Member{Name: "alice", Key: key, VRF: Hex{2, 3}, Weight: 1}
}

func sampleHeader() Header {
	_, leader := testWallet(4)
	return Header{Network: testNet.Hash, Epoch: 0, Height: 7, Generation: 1, Time: testTime + 2, View: 0, Leader: leader, VRFOutput: Digest{2}, VRFProof: Hex{3, 4},
		Previous: Digest{5}, Batch: "bafyreibatch", Count: 17, Bytes: 4000, OutcomeRoot: Digest{6}, StateDigest: Digest{7}, CutNumber: 12, CutHash: Digest{8},
		SettlementHead: Digest{9}, Digest: Digest{10}}
}

func sampleCertificate() Certificate {
	_, member := testWallet(4)
	return Certificate{View: 1, Signatures: []Signature{{member, intent.Signature{1}}}}
}

func sampleRound() *Round {
	return &Round{Header: sampleHeader(), Certificate: sampleCertificate(),
		Outcome:    Outcome{Accepted: 17, Legs: 20, Changes: 5, Items: 1, Gross: map[string]string{testMint.String(): "170"}, Net: map[string]string{testMint.String(): "40"}},
		Settlement: Settlement{State: "settled", Transactions: []string{"5sig"}, Slot: 99, Chunks: 2, Applied: 2, Milliseconds: 900}, Decided: testTime + 3}
}

func sampleProof(t testing.TB) *Proof {
	return &Proof{ID: idOf(t, pay(t, 7)), Height: 7, Leaf: Hex{1, 2}, Index: 3, Size: 17, Path: []Digest{{1}, {2}}, OutcomeRoot: Digest{6},
		Header: sampleHeader(), HeaderBody: Hex{0xa1}, Certificate: sampleCertificate(),
		Epochs: []Epoch{{[]Member{sampleMember()}, Hex{0xa2}, sampleCertificate()}}}
}

func signText(priv ed25519.PrivateKey, text string) intent.Signature {
	return intent.Signature(ed25519.Sign(priv, []byte(text)))
}

func (f *fake) Picture(context.Context, uint64, intent.Key) ([]byte, error) {
	return []byte("<svg xmlns=\"http://www.w3.org/2000/svg\"></svg>\n"), nil
}

func (f *fake) Approve(_ context.Context, approval []byte) (*Approved, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(approval) == 0 {
		return nil, ErrRefused
	}
	return &Approved{Changes: sampleChanges()}, f.fail
}

func sampleChanges() []Change {
	_, key := testWallet(5)
	return []Change{{ID: Digest{4}, Action: "admit", Member: Member{Name: "m5", Key: key, VRF: Hex{2, 3}, Weight: 1}, Epoch: 1,
		Approved: []string{"m1"}, Weight: 1, Threshold: 2, Own: true, Expires: testTime + 60}}
}

func (f *fake) Evidence(context.Context) (*EvidenceList, error) {
	_, key := testWallet(5)
	return answerOf(f, &EvidenceList{Evidence: []Evidence{{Member: key, Name: "m5", Height: 7, Votes: []Vote{{Kind: "commit", View: 1, Digest: Digest{1}},
		{Kind: "commit", View: 1, Digest: Digest{2}}}, Proof: Hex{0xa2}}}})
}

func (f *fake) Statement(_ context.Context, height uint64, key intent.Key, p Page) (*Statement, error) {
	f.page(p)
	_, other := testWallet(2)
	amount, fee := Decimal(2_000_000), Decimal(2_000)
	return answerOf(f, &Statement{Wallet: key, Height: height, Time: testTime + 2, Batch: "bafyreibatch",
		Balances: []StatementLine{{Mint: testMint, Symbol: "USDC", Before: 10_000_000, Deposited: Sum(netting.Units(5)), Withdrawn: Sum(netting.Units(3)), Opening: 10_000_002,
			In: Sum{}, Out: Sum(netting.Units(2_002_000)), Delta: Sum(netting.Units(2_002_000).Neg()), Closing: 7_998_002}},
		Gained: []string{key.String() + "/sword"}, Given: []string{},
		Intents: []StatementIntent{{ID: idOf(f.t, pay(f.t, 7)), Kind: intent.Pay, Direction: Outward, Mint: &testMint, Symbol: "USDC", Amount: &amount, Fee: &fee, Counterparty: &other}}, Next: "50"})
}
