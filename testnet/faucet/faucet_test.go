package faucet

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gagliardetto/solana-go"
	"github.com/gagliardetto/solana-go/rpc"
	"go.uber.org/goleak"

	"github.com/phantom-paradox/paradox/chain"
	"github.com/phantom-paradox/paradox/chain/localnet"
	chainrpc "github.com/phantom-paradox/paradox/chain/rpc"
	"github.com/phantom-paradox/paradox/chain/rpctest"
	"github.com/phantom-paradox/paradox/chain/wallet"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/network"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func seeded(b byte) solana.PrivateKey {
	return solana.PrivateKey(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{b}, ed25519.SeedSize)))
}

func walletOf(b byte) intent.Key { return intent.Key(seeded(b).PublicKey()) }

// A world is a model of Solana behind a proxy that can have bad days, and a faucet at it.
type world struct {
	t     *testing.T
	proxy *rpctest.Proxy
	chain *wallet.Client // without the proxy
	pool  *chainrpc.Pool
	file  *network.File
	cfg   Config

	mu  sync.Mutex
	now time.Time
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, now: time.Unix(1_800_000_000, 0)}
	net, err := localnet.Start(t.Context(), localnet.Config{SlotTime: 5 * time.Millisecond})
	w.good(err)
	t.Cleanup(func() { w.good(net.Close()) })
	w.proxy, err = rpctest.Start(net.URL())
	w.good(err)
	t.Cleanup(func() { w.good(w.proxy.Close()) })
	w.file = &network.File{Name: "faucet-1", Cluster: intent.Hash(net.GenesisHash()), ProgramID: intent.Key(localnet.DefaultVaultProgram()),
		Mints: []intent.Mint{{Mint: walletOf('m'), Symbol: "TUSD", Decimals: 6}, {Mint: walletOf('n'), Symbol: "ALIEN"}}}
	direct := rpc.New(net.URL())
	t.Cleanup(func() { w.good(direct.Close()) })
	w.chain = wallet.New(wallet.Config{RPC: direct, Addresses: chain.Addresses(w.file)})
	for _, k := range []byte{'k', 'z'} {
		w.good(w.chain.Airdrop(t.Context(), 10*solana.LAMPORTS_PER_SOL, seeded(k).PublicKey()))
	}
	w.good(w.chain.CreateMint(t.Context(), seeded('k'), seeded('m'), 6))
	w.good(w.chain.CreateMint(t.Context(), seeded('z'), seeded('n'), 0)) // of another authority
	w.pool, err = chainrpc.New(t.Context(), chainrpc.Config{Endpoints: []string{w.proxy.URL()}, Genesis: solana.Hash(w.file.Cluster), Rest: time.Millisecond})
	w.good(err)
	t.Cleanup(func() { w.good(w.pool.Close()) })
	w.cfg = Config{Network: w.file, Key: seeded('k'), RPC: w.pool, Airdrops: w.pool.Endpoints()[0], Lamports: solana.LAMPORTS_PER_SOL, Units: 100, Every: 24 * time.Hour,
		PerIP: 3, State: filepath.Join(t.TempDir(), "faucet.json"), Now: func() time.Time { w.mu.Lock(); defer w.mu.Unlock(); return w.now }}
	return w
}

func (w *world) good(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) later(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func (w *world) open() *Faucet {
	w.t.Helper()
	f, err := Open(w.t.Context(), w.cfg)
	w.good(err)
	return f
}

// has checks what a wallet has on chain.
func (w *world) has(who byte, lamports, tokens uint64) {
	w.t.Helper()
	l, err := w.chain.Lamports(w.t.Context(), seeded(who).PublicKey())
	w.good(err)
	n, err := w.chain.TokenBalance(w.t.Context(), seeded(who).PublicKey(), walletOf('m'))
	w.good(err)
	if l != lamports || n != tokens {
		w.t.Errorf("%c has %d lamports and %d tokens; want %d and %d", who, l, n, lamports, tokens)
	}
}

// no checks that a gift is refused with a code.
func (w *world) no(f *Faucet, who byte, from, code string) *Refusal {
	w.t.Helper()
	g, err := f.Give(w.t.Context(), walletOf(who), from, "")
	var no *Refusal
	if !errors.As(err, &no) || no.Code != code || no.Detail == "" {
		w.t.Fatalf("%+v, %v; want %s", g, err, code)
	}
	return no
}

const oneSOL, hundred = solana.LAMPORTS_PER_SOL, 100_000_000

// TestGiftsAreLimited by wallet and by address, also over a restart, and end with the period.
func TestGiftsAreLimited(t *testing.T) {
	w := newWorld(t)
	f := w.open()
	if o := f.Offer(); o.Tokens["TUSD"] != "100" || len(o.Tokens) != 1 || len(o.Skipped) != 1 || !strings.Contains(o.Skipped[0], "ALIEN") {
		t.Errorf("%+v", o)
	}
	first, err := f.Give(t.Context(), walletOf('a'), "192.0.2.1/32", "one")
	w.good(err)
	if first.Again || len(first.Transactions) != 2 || first.Lamports != oneSOL {
		t.Errorf("%+v", first)
	}
	w.has('a', oneSOL, hundred)
	again, err := f.Give(t.Context(), walletOf('a'), "192.0.2.1/32", "one")
	w.good(err)
	if !again.Again || again.Transactions[0] != first.Transactions[0] {
		t.Errorf("%+v", again)
	}
	w.later(time.Hour)
	if no := w.no(f, 'a', "198.51.100.9/32", CodeTooSoon); no.RetryAfter != 23*time.Hour || no.Status != 429 {
		t.Errorf("%+v", no)
	}
	if _, err := Open(t.Context(), w.cfg); !errors.Is(err, ErrInUse) {
		t.Errorf("a second faucet: %v", err)
	}
	w.good(f.Close())
	f = w.open()
	defer func() { w.good(f.Close()) }()
	w.no(f, 'a', "", CodeTooSoon)
	for _, who := range []byte{'b', 'c'} {
		_, err := f.Give(t.Context(), walletOf(who), "192.0.2.1/32", "")
		w.good(err)
	}
	if no := w.no(f, 'd', "192.0.2.1/32", CodeAddress); no.RetryAfter != 23*time.Hour {
		t.Errorf("%+v", no)
	}
	w.has('d', 0, 0)
	_, err = f.Give(t.Context(), walletOf('d'), "", "") // the operator's own
	w.good(err)
	w.later(23 * time.Hour)
	_, err = f.Give(t.Context(), walletOf('a'), "192.0.2.1/32", "two")
	w.good(err)
	w.has('a', 2*oneSOL, 2*hundred)
}

// TestFromTheKey: lamports of the faucet's own, in one transaction with the tokens, until there are none.
func TestFromTheKey(t *testing.T) {
	w := newWorld(t)
	w.cfg.Airdrops, w.cfg.Lamports = nil, 6*solana.LAMPORTS_PER_SOL
	f := w.open()
	defer func() { w.good(f.Close()) }()
	g, err := f.Give(t.Context(), walletOf('a'), "", "")
	w.good(err)
	if len(g.Transactions) != 1 {
		t.Errorf("%+v", g)
	}
	w.has('a', 6*oneSOL, hundred)
	no := w.no(f, 'b', "192.0.2.1/32", CodeFunds)
	if !strings.Contains(no.Detail, seeded('k').PublicKey().String()) {
		t.Error(no)
	}
	w.has('b', 0, 0)
	w.good(w.chain.Airdrop(t.Context(), 10*oneSOL, seeded('k').PublicKey()))
	_, err = f.Give(t.Context(), walletOf('b'), "192.0.2.1/32", "") // what was refused does not count
	w.good(err)
	w.has('b', 6*oneSOL, hundred)
}

// TestTheClusterRefuses an airdrop: nothing counts, and when it gives again only what is missing is given.
func TestTheClusterRefuses(t *testing.T) {
	w := newWorld(t)
	f := w.open()
	defer func() { w.good(f.Close()) }()
	w.proxy.Set(rpctest.Faults{Refuse: 1, Methods: []string{"requestAirdrop"}})
	w.no(f, 'a', "192.0.2.1/32", CodeChain)
	if b, err := os.ReadFile(w.cfg.State); err != nil || !bytes.Contains(b, []byte(`"records":[]`)) {
		t.Errorf("it counts: %s, %v", b, err)
	}
	w.proxy.Set(rpctest.Faults{})
	w.until(func() error { _, err := f.Give(t.Context(), walletOf('a'), "", ""); return err })
	w.has('a', oneSOL, hundred)

	w.proxy.Set(rpctest.Faults{Refuse: 1, Methods: []string{"getLatestBlockhash"}}) // the airdrop passes, the tokens do not
	w.until(func() error {
		_, err := f.Give(t.Context(), walletOf('b'), "", "")
		var no *Refusal
		if f.book.of(walletOf('b')) == nil || !errors.As(err, &no) || no.Code != CodeUnclear && no.Code != CodeChain {
			return errors.New(fmt.Sprint(err))
		}
		return nil
	})
	w.has('b', oneSOL, 0)
}

// until tries until there is no error; a pool leaves an endpoint alone for a moment after a 429.
func (w *world) until(try func() error) {
	w.t.Helper()
	late := time.NewTimer(time.Minute)
	defer late.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		err := try()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-late.C:
			w.t.Fatal(err)
		}
	}
}

// TestALostAnswerGivesOnce: the cluster gave, and the answer never came. It counts as given, over a restart, and is found later.
func TestALostAnswerGivesOnce(t *testing.T) {
	w := newWorld(t)
	f := w.open()
	w.proxy.Set(rpctest.Faults{Cut: 1, Methods: []string{"requestAirdrop"}})
	w.no(f, 'a', "", CodeUnclear)
	w.proxy.Set(rpctest.Faults{})
	w.no(f, 'a', "", CodeUnclear)
	w.good(f.Close())
	f = w.open()
	w.no(f, 'a', "", CodeUnclear)
	w.has('a', 0, 0)

	w.cfg.Airdrops = nil // now in one transaction, which arrives though its statuses are not told in time
	w.good(f.Close())
	f = w.open()
	defer func() { w.good(f.Close()) }()
	w.proxy.Set(rpctest.Faults{Refuse: 1, Methods: []string{"getSignatureStatuses"}})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { _, err := f.Give(ctx, walletOf('b'), "", ""); ended <- err }()
	w.until(func() error {
		n, err := w.chain.TokenBalance(t.Context(), seeded('b').PublicKey(), walletOf('m'))
		if err == nil && n == 0 {
			err = errors.New("not arrived")
		}
		return err
	})
	cancel()
	var no *Refusal
	if err := <-ended; !errors.As(err, &no) || no.Code != CodeUnclear || !strings.Contains(no.Detail, "transaction ") {
		t.Fatalf("%v", err)
	}
	w.proxy.Set(rpctest.Faults{})
	w.until(func() error { _, err := f.Give(t.Context(), walletOf('b'), "", ""); return err })
	w.has('b', oneSOL, hundred)
}

func TestWhereNothingIsGiven(t *testing.T) {
	w := newWorld(t)
	cfg := w.cfg
	cfg.Units, cfg.Lamports = 0, 0
	if _, err := Open(t.Context(), cfg); !errors.Is(err, ErrNothing) {
		t.Errorf("%v", err)
	}
	real := *w.file
	w.good(real.Cluster.UnmarshalText([]byte("5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d")))
	cfg = w.cfg
	cfg.Network, cfg.RPC = &real, nil
	if _, err := Open(t.Context(), cfg); !errors.Is(err, ErrMainnet) {
		t.Errorf("%v", err)
	}
	w.good(os.WriteFile(w.cfg.State, []byte(`{"version":1}`), 0o600))
	if _, err := Open(t.Context(), w.cfg); err == nil || !strings.Contains(err.Error(), "--state") {
		t.Errorf("another network's state: %v", err)
	}
}

func TestTheFaucetRemembersNoMore(t *testing.T) {
	w := newWorld(t)
	f := w.open()
	defer func() { w.good(f.Close()) }()
	for n := range maxRecords {
		f.book.add(&record{Wallet: intent.Key{1, byte(n), byte(n >> 8)}, Time: w.now.Unix(), SOL: part{State: done}, Tokens: part{State: done}})
	}
	w.good(f.book.save())
	if b, err := os.ReadFile(w.cfg.State); err != nil || len(b) > maxBook {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	w.no(f, 'a', "", CodeBusy)
	w.later(24 * time.Hour)
	_, err := f.Give(t.Context(), walletOf('a'), "", "")
	w.good(err)
}

// TestOverHTTP: gifts, refusals and junk, and who asks again after a lost answer.
func TestOverHTTP(t *testing.T) {
	w := newWorld(t)
	w.cfg.PerIP = 1
	f := w.open()
	defer func() { w.good(f.Close()) }()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	w.good(err)
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- f.Serve(ctx, ln) }()
	url := "http://" + ln.Addr().String() + "/"
	for _, c := range []struct {
		method, path, body string
		status             int
	}{
		{"GET", "", "", 200}, {"GET", "x", "", 404}, {"PUT", "", "", 405}, {"POST", "", "", 400}, {"POST", "", "{}", 400},
		{"POST", "", `{"wallet":"x"}`, 400}, {"POST", "", strings.Repeat(" ", maxAsk+1), 413},
		{"POST", "", fmt.Sprintf(`{"wallet":%q,"request":%q}`, walletOf('a'), strings.Repeat("x", maxRequest+1)), 400},
	} {
		r, err := http.NewRequestWithContext(t.Context(), c.method, url+c.path, strings.NewReader(c.body))
		w.good(err)
		resp, err := http.DefaultClient.Do(r)
		w.good(err)
		b, err := io.ReadAll(resp.Body)
		w.good(errors.Join(err, resp.Body.Close()))
		if resp.StatusCode != c.status || !json.Valid(b) || c.status != 200 && resp.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s %s %q: %d %s", c.method, c.path, c.body, resp.StatusCode, b)
		}
	}
	g, err := Ask(t.Context(), url, walletOf('a'), "one")
	if err != nil || g.Again || g.Wallet != walletOf('a') {
		t.Fatalf("%+v, %v", g, err)
	}
	if g, err = Ask(t.Context(), url, walletOf('a'), "one"); err != nil || !g.Again {
		t.Errorf("%+v, %v", g, err)
	}
	w.has('a', oneSOL, hundred)
	var no *Refusal
	if _, err = Ask(t.Context(), url, walletOf('b'), "two"); !errors.As(err, &no) || no.Status != 429 || no.Code != CodeAddress || no.RetryAfter != 24*time.Hour {
		t.Errorf("%+v, %v", no, err)
	}
	http.DefaultClient.CloseIdleConnections()
	stop()
	w.good(<-served)
	if _, err = Ask(t.Context(), url, walletOf('a'), "one"); !errors.Is(err, ErrUnreachable) {
		t.Errorf("%v", err)
	}
}

// TestAskingSomethingElse: a server that is no faucet, and one that loses an answer.
func TestAskingSomethingElse(t *testing.T) {
	asked := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		switch {
		case r.URL.Path == "/lost" && asked == 1:
			panic(http.ErrAbortHandler)
		case r.URL.Path == "/lost":
			fmt.Fprintf(w, `{"wallet":%q,"lamports":"1","tokens":{},"transactions":[],"again":true}`, walletOf('a'))
		case r.URL.Path == "/bad":
			w.WriteHeader(http.StatusBadGateway)
			fmt.Fprint(w, "<html>")
		default:
			fmt.Fprint(w, "<html>hello")
		}
	}))
	defer s.Close()
	defer http.DefaultClient.CloseIdleConnections()
	if g, err := Ask(t.Context(), s.URL+"/lost", walletOf('a'), "x"); err != nil || !g.Again || asked != 2 {
		t.Errorf("%+v, %v, %d", g, err, asked)
	}
	for _, path := range []string{"/", "/bad"} {
		var no *Refusal
		if _, err := Ask(t.Context(), s.URL+path, walletOf('a'), "x"); !errors.As(err, &no) || !strings.Contains(no.Detail, "no faucet") {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestWhoAnAddressIs(t *testing.T) {
	for remote, want := range map[string]string{
		"192.0.2.1:1": "192.0.2.1/32", "[2001:db8:1:2:3::4]:1": "2001:db8:1:2::/64", "[::ffff:192.0.2.1]:9": "192.0.2.1/32", "junk": "unknown", "[fe80::1%eth0]:1": "fe80::/64",
	} {
		if got := clientOf(remote); got != want {
			t.Errorf("%s: %s", remote, got)
		}
	}
}

func FuzzParseAsk(f *testing.F) {
	f.Add([]byte(fmt.Sprintf(`{"wallet":%q,"request":"x"}`, walletOf('a'))))
	f.Fuzz(func(t *testing.T, b []byte) {
		if a, err := parseAsk(b); err == nil && (a.Wallet == intent.Key{} || len(a.Request) > maxRequest) {
			t.Fatal(a)
		}
	})
}

func FuzzParseAnswer(f *testing.F) {
	f.Add(200, "", []byte(`{"wallet":"11111111111111111111111111111112","lamports":"1"}`))
	f.Add(429, "60", []byte(`{"code":"too_soon","detail":"x"}`))
	f.Fuzz(func(t *testing.T, status int, retry string, b []byte) {
		g, err := parseAnswer(status, retry, b)
		var no *Refusal
		if (g == nil) == (err == nil) || err != nil && (!errors.As(err, &no) || no.Detail == "" || no.RetryAfter < 0) {
			t.Fatal(g, err)
		}
	})
}

func FuzzParseBook(f *testing.F) {
	f.Add([]byte(`{"version":1,"network":"11111111111111111111111111111111","records":[{"wallet":"11111111111111111111111111111112","time":1,"sol":{"state":"sent"},"tokens":{"state":""}}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := parseBook(b, intent.Hash{})
		if err == nil && len(list) > maxRecords {
			t.Fatal(len(list))
		}
	})
}
