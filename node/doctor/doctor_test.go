package doctor

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gagliardetto/solana-go"
	"github.com/gagliardetto/solana-go/rpc"

	"github.com/phantom-paradox/paradox/chain"
	"github.com/phantom-paradox/paradox/chain/localnet"
	"github.com/phantom-paradox/paradox/chain/wallet"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/network"
	"github.com/phantom-paradox/paradox/node/config"
	"github.com/phantom-paradox/paradox/node/keys"
	"github.com/phantom-paradox/paradox/p2p"
)

// A patient is a member's home of a network whose chain runs, with another member that answers.
type patient struct {
	t     *testing.T
	c     *config.Config
	file  *network.File
	self  keys.Public
	chain *localnet.Server
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func newPatient(t *testing.T) *patient {
	t.Helper()
	p := &patient{t: t, c: &config.Config{Home: t.TempDir()}}
	if err := os.Chmod(p.c.Home, 0o700); err != nil {
		t.Fatal(err)
	}
	p.chain = must(localnet.Start(context.Background(), localnet.Config{Dir: t.TempDir(), SlotTime: 10 * time.Millisecond}))
	t.Cleanup(func() { p.chain.Close() })
	mine := must(keys.Create(p.c.KeyDir()))
	other := must(keys.Create(filepath.Join(t.TempDir(), "keys")))
	p.self = must(mine.Public())
	pub := must(other.Public())
	p.file = &network.File{
		Version: network.Version, Name: "doctor-test", ProgramID: intent.Key(localnet.DefaultVaultProgram()), CodeHash: intent.Hash(localnet.CodeHash()),
		Cluster: intent.Hash(p.chain.GenesisHash()), Members: []network.Member{{Name: "mine", Key: p.self.Member, VRF: p.self.VRF, Weight: 1}, {Name: "other", Key: pub.Member, VRF: pub.VRF, Weight: 1}},
		WithdrawDelay: network.DefaultWithdrawDelay, DropTime: network.DefaultDropTime, FeeOwner: intent.Key{4},
		Mints:  []intent.Mint{{Mint: intent.Key{5}, Symbol: "USD"}},
		MaxAge: intent.MaxAge{Default: 3600, Ask: 86400, Session: 86400}, Time: 1, Params: network.DefaultParams(), RPC: []string{p.chain.URL()},
	}
	host := must(p2p.New(context.Background(), p2p.Config{Key: other.Member, Prefix: p.file.Prefix(), Listen: []string{"/ip4/127.0.0.1/tcp/0"}, Agent: "paradox/other"}))
	t.Cleanup(func() { host.Close() })
	p.file.Bootstrap = host.Addrs()
	p.c.API.Listen, p.c.P2P.Listen, p.c.Chain.Submit = "127.0.0.1:0", []string{"/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/udp/0/quic-v1"}, true
	if err := os.WriteFile(p.c.NetworkFile(), p.file.JSON(), 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

// look gives the findings by name, and the worst of each.
func (p *patient) look() map[string]Finding {
	p.t.Helper()
	list := must(Look(p.t.Context(), p.c, "v1", nil, time.Now))
	out := map[string]Finding{}
	for _, f := range list {
		if was, seen := out[f.Name]; !seen || Worst([]Finding{was, f}) != was.Status {
			out[f.Name] = f
		}
		if f.Status != OK && f.Remedy == "" && f.Name != "keys" { // an error of a key says itself what to run
			p.t.Errorf("no remedy: %+v", f)
		}
	}
	return out
}

func (p *patient) expect(got map[string]Finding, name, status, says string) {
	p.t.Helper()
	if f := got[name]; f.Status != status || !strings.Contains(f.Detail+" "+f.Remedy, says) {
		p.t.Errorf("%s: want %s and %q, got %+v", name, status, says, f)
	}
}

// found makes the vault, and gives the node's fee payer so much.
func (p *patient) found(lamports uint64) {
	p.t.Helper()
	w := wallet.New(wallet.Config{RPC: rpc.New(p.chain.URL()), Addresses: chain.Addresses(p.file)})
	payer := solana.NewWallet().PrivateKey
	for to, n := range map[solana.PublicKey]uint64{payer.PublicKey(): 10 * solana.LAMPORTS_PER_SOL, solana.PublicKey(p.self.FeePayer): lamports} {
		if err := w.Airdrop(p.t.Context(), n, to); err != nil {
			p.t.Fatal(err)
		}
	}
	if err := w.CreateVault(p.t.Context(), payer, chain.Founding(p.file)); err != nil {
		p.t.Fatal(err)
	}
}

func TestAHomeThatIsWell(t *testing.T) {
	p := newPatient(t)
	p.found(solana.LAMPORTS_PER_SOL)
	got := p.look()
	for name, says := range map[string]string{"home": p.c.Home, "network": "doctor-test", "keys": "of member mine", "version": "v1", "node": "does not run",
		"ports": "all free", "rpc": "answers in", "chain": "vault at height 0", "fee payer": "has 1 SOL", "peers": "paradox/other answers"} {
		p.expect(got, name, OK, says)
	}
	p.expect(got, "mints", Warn, "USD cannot be read")
}

func TestWhatIsWrongIsSaid(t *testing.T) {
	p := newPatient(t)
	taken := must(net.Listen("tcp", "127.0.0.1:0"))
	defer taken.Close()
	p.c.API.Listen = taken.Addr().String()
	p.c.P2P.Bootstrap = []string{"/ip4/127.0.0.1/tcp/1/p2p/" + p.self.Peer, "/ip4/127.0.0.1/tcp/1/p2p/12D3KooWGRUacfLoHEFyWjzyK6ohjXa6WwGZBGyZ9nqWFKK4yxcY"}
	p.c.Clock.NTP = []string{"127.0.0.1:1"}
	quiet := &http.Server{ReadHeaderTimeout: time.Second} // it holds the port, and is no node
	go quiet.Serve(taken)
	defer quiet.Close()
	got := p.look()
	p.expect(got, "ports", Fail, "api.listen")
	p.expect(got, "peers", Warn, "refused")
	p.expect(got, "clock", Warn, "clock.ntp")
	p.expect(got, "chain", Fail, "no vault")

	p.c.Chain.RPC = []string{"http://127.0.0.1:1/secret-key"}
	p.c.API.Listen, p.c.P2P.Listen = "127.0.0.1:0", []string{fmt.Sprintf("/ip4/127.0.0.1/tcp/%d/tls/ws", taken.Addr().(*net.TCPAddr).Port)}
	got = p.look()
	p.expect(got, "ports", Fail, "p2p.listen")
	p.expect(got, "rpc", Fail, "chain.rpc")
	if f := got["rpc"]; strings.Contains(f.Detail, "secret") {
		t.Errorf("a secret is shown: %s", f.Detail)
	}
	foreign := must(localnet.Start(context.Background(), localnet.Config{Dir: t.TempDir(), SlotTime: 10 * time.Millisecond}))
	defer foreign.Close()
	p.c.Chain.RPC = []string{foreign.URL()}
	p.expect(p.look(), "rpc", Fail, "belongs to the cluster")

	if err := os.Chmod(p.c.KeyDir(), 0o755); err != nil {
		t.Fatal(err)
	}
	p.expect(p.look(), "keys", Fail, "chmod 0700")
	if err := os.WriteFile(p.c.NetworkFile(), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.expect(p.look(), "network", Fail, "network file")
	p.c.Home = filepath.Join(t.TempDir(), "nothing")
	p.expect(p.look(), "home", Fail, "paradox init")
}

// Of a node that runs, its own complaints are passed on, and its release is compared.
func TestANodeThatRuns(t *testing.T) {
	p := newPatient(t)
	id := p.self.Peer
	node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/peers" {
			_, _ = fmt.Fprintf(w, `{"id":%q}`, id)
			return
		}
		if r.URL.Path == "/health" {
			_, _ = w.Write([]byte(`{"status":"degraded","checks":[{"name":"sync","status":"degraded","detail":"behind","remedy":"wait"},{"name":"disk","status":"healthy"}]}`))
			return
		}
		_, _ = w.Write([]byte(`{"version":"v0","network":"doctor-test","chain":{"events":"1"}}`))
	}))
	defer node.Close()
	p.c.API.Listen = strings.TrimPrefix(node.URL, "http://")
	got := p.look()
	p.expect(got, "version", Warn, "the node runs v0")
	p.expect(got, "node: sync", Warn, "behind")
	p.expect(got, "ports", OK, "held by the node")
	id = "12D3KooWGRUacfLoHEFyWjzyK6ohjXa6WwGZBGyZ9nqWFKK4yxcY"
	got = p.look()
	p.expect(got, "node", Fail, "of another home: its peer is "+id)
	p.expect(got, "ports", Fail, "is taken")
	if _, seen := got["node: sync"]; seen {
		t.Error("what ails another home's node is told as this one's")
	}
	p.file.Name = "other-test"
	if err := os.WriteFile(p.c.NetworkFile(), p.file.JSON(), 0o600); err != nil {
		t.Fatal(err)
	}
	p.expect(p.look(), "node", Fail, "of another network")
}

// Keys that do not belong together, are missing, or run elsewhere already.
func TestKeysThatDoNotDo(t *testing.T) {
	p := newPatient(t)
	vrf := filepath.Join(p.c.KeyDir(), keys.VRFFile)
	right := must(os.ReadFile(vrf))
	if err := os.Remove(vrf); err != nil {
		t.Fatal(err)
	}
	p.expect(p.look(), "keys", Fail, "restore it from your backup")
	other := filepath.Join(t.TempDir(), "keys")
	must(keys.Create(other))
	if err := os.WriteFile(vrf, must(os.ReadFile(filepath.Join(other, keys.VRFFile))), 0o600); err != nil {
		t.Fatal(err)
	}
	p.expect(p.look(), "keys", Fail, "not that of member mine")
	if err := os.WriteFile(vrf, right, 0o600); err != nil {
		t.Fatal(err)
	}
	p.expect(p.look(), "keys", OK, "of member mine")
	if err := os.Chmod(vrf, 0o644); err != nil {
		t.Fatal(err)
	}
	p.expect(p.look(), "keys", Fail, "chmod 0600 "+vrf)
	if err := os.Chmod(vrf, 0o600); err != nil {
		t.Fatal(err)
	}
	mine := must(keys.Load(p.c.KeyDir(), nil))
	twin := must(p2p.New(context.Background(), p2p.Config{Key: mine.Member, Prefix: p.file.Prefix(), Listen: []string{"/ip4/127.0.0.1/tcp/0"}, Agent: "paradox/twin"}))
	p.c.P2P.Bootstrap = twin.Addrs()
	p.expect(p.look(), "twin", Fail, twin.Addrs()[0])
	if err := twin.Close(); err != nil {
		t.Fatal(err)
	}
	if f, seen := p.look()["twin"]; seen {
		t.Errorf("nobody answers there any more: %+v", f)
	}
}

// The clock is compared with a time server, and a wrong one is judged by how wrong it is.
func TestAWrongClock(t *testing.T) {
	p := newPatient(t)
	var off atomic.Int64
	server := must(net.ListenPacket("udp", "127.0.0.1:0"))
	done := make(chan struct{})
	go func() { defer close(done); tellTime(server, &off) }()
	t.Cleanup(func() { server.Close(); <-done })
	p.c.Clock.NTP = []string{server.LocalAddr().String()}
	for by, status := range map[time.Duration]string{0: OK, 3 * time.Second: Warn, -3 * time.Second: Warn, time.Hour: Fail} {
		off.Store(int64(by))
		says := "off by"
		if status != OK {
			says = "timedatectl set-ntp true"
		}
		p.expect(p.look(), "clock", status, says)
	}
}

// tellTime is a time server (RFC 5905) whose clock is off.
func tellTime(server net.PacketConn, off *atomic.Int64) {
	const epoch, stamp = 2_208_988_800, 40 // 1970 in NTP's seconds; where a request says when it was sent
	ask := make([]byte, 512)
	for {
		n, from, err := server.ReadFrom(ask)
		if err != nil {
			return
		}
		if n < stamp+8 {
			continue
		}
		now := time.Now().Add(time.Duration(off.Load()))
		when := uint64(now.Unix()+epoch)<<32 | uint64(now.Nanosecond())<<32/uint64(time.Second)
		answer := make([]byte, 48)
		answer[0], answer[1], answer[3] = 0x24, 1, 0xec // version 4, a server; first stratum; its precision
		copy(answer[24:], ask[stamp:stamp+8])
		for _, at := range []int{16, 32, 40} {
			binary.BigEndian.PutUint64(answer[at:], when)
		}
		_, _ = server.WriteTo(answer, from)
	}
}
