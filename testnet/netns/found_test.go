//go:build linux

package netns

import (
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/gagliardetto/solana-go"
	"github.com/gagliardetto/solana-go/rpc"

	"github.com/phantom-paradox/paradox/chain"
	"github.com/phantom-paradox/paradox/chain/localnet"
	"github.com/phantom-paradox/paradox/chain/wallet"
	client "github.com/phantom-paradox/paradox/clients/go"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/network"
	"github.com/phantom-paradox/paradox/node"
	"github.com/phantom-paradox/paradox/node/keys"
)

const (
	slotTime    = 40 * time.Millisecond
	chainListen = hubAddr + ":8899" // the hub is this test's own: no port of it is taken
	nodePort    = 4001
	apiPort     = 8080
	lamports    = 1_000_000_000_000
	money       = 1_000_000 // of a payer: more than it can spend in a test
	payerCount  = 4
)

// A world is a committee, one member a host, and a chain in the hub that all of them reach whatever is cut.
type world struct {
	home    string
	hosts   []*host
	file    *network.File
	clients []*client.Client
	payers  []ed25519.PrivateKey
	chain   *localnet.Server
}

func public(k ed25519.PrivateKey) intent.Key {
	return intent.Key(k[ed25519.PrivateKeySize-ed25519.PublicKeySize:])
}

func seeded(name string, n int) ed25519.PrivateKey {
	seed := intent.Hash{byte(n + 1)}
	copy(seed[1:], name)
	return ed25519.NewKeyFromSeed(seed[:])
}

// found makes hosts, keys, chain, vault and funded wallets, and starts the nodes. announce says where others find a node;
// nil: at its host's own address.
func found(t *testing.T, members int, announce func(w *world, node int) []string) *world {
	t.Helper()
	w := &world{home: t.TempDir(), hosts: newHosts(t, members)}
	var err error
	w.chain, err = localnet.Start(t.Context(), localnet.Config{Listen: chainListen, SlotTime: slotTime, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.chain.Close(); err != nil {
			t.Error(err)
		}
	})
	f := &network.File{Version: 1, Name: "hosts", ProgramID: intent.Key(localnet.DefaultVaultProgram()), CodeHash: intent.Hash(localnet.CodeHash()),
		Cluster: intent.Hash(w.chain.GenesisHash()), WithdrawDelay: network.LocalWithdrawDelay, DropTime: network.LocalDropTime,
		FeeOwner: public(seeded("fees", 0)), FeeBps: 10, MaxAge: intent.MaxAge{Default: 3600, Ask: 7 * 86400, Session: 30 * 86400},
		Mints: []intent.Mint{{Mint: public(seeded("mint", 0)), Symbol: "TUSD", Decimals: 6}},
		Time:  time.Now().Unix(), Params: network.LocalParams(), RPC: []string{w.chain.URL()}}
	w.file = f
	var feePayers []solana.PublicKey
	for i, h := range w.hosts {
		k, err := keys.Create(filepath.Join(w.node(i), "keys"))
		if err != nil {
			t.Fatal(err)
		}
		pub, err := k.Public()
		if err != nil {
			t.Fatal(err)
		}
		if err := node.InitVoteLog(filepath.Join(w.node(i), "data"), public(k.Member)); err != nil {
			t.Fatal(err)
		}
		f.Members = append(f.Members, network.Member{Name: h.name, Key: pub.Member, VRF: pub.VRF, Weight: 1})
		f.Bootstrap = append(f.Bootstrap, fmt.Sprintf("/ip4/%s/tcp/%d/p2p/%s", h.addr, nodePort, pub.Peer))
		feePayers = append(feePayers, solana.PublicKey(public(k.FeePayer)))
	}
	if announce != nil {
		f.Bootstrap = nil
		for i := range w.hosts {
			for _, a := range announce(w, i) {
				f.Bootstrap = append(f.Bootstrap, a+"/p2p/"+w.peer(t, i))
			}
		}
	}
	if err := f.Validate(); err != nil {
		t.Fatal(err)
	}
	w.fund(t, feePayers)
	w.up(t, announce)
	return w
}

func (w *world) node(i int) string { return filepath.Join(w.home, w.hosts[i].name) }

func (w *world) peer(t *testing.T, i int) string {
	t.Helper()
	k, err := keys.Load(filepath.Join(w.node(i), "keys"), nil)
	if err != nil {
		t.Fatal(err)
	}
	pub, err := k.Public()
	if err != nil {
		t.Fatal(err)
	}
	return pub.Peer
}

// fund founds the vault and gives every payer an entry with money in it, by signed transactions as anybody would.
func (w *world) fund(t *testing.T, feePayers []solana.PublicKey) {
	t.Helper()
	ctx, payer, mint := t.Context(), solana.PrivateKey(seeded("payer", 0)), solana.PrivateKey(seeded("mint", 0))
	conn := rpc.New(w.file.RPC[0])
	defer conn.Close()
	bank := wallet.New(wallet.Config{RPC: conn, Addresses: chain.Addresses(w.file)})
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(bank.Airdrop(ctx, lamports, append(slices.Clone(feePayers), payer.PublicKey())...))
	must(bank.CreateMint(ctx, payer, mint, w.file.Mints[0].Decimals))
	must(bank.CreateVault(ctx, payer, chain.Founding(w.file)))
	must(bank.AddPurse(ctx, payer, w.file.Mints[0].Mint))
	owners := []intent.Key{w.file.FeeOwner}
	for n := range payerCount {
		w.payers = append(w.payers, seeded("wallet", n))
		owners = append(owners, public(w.payers[n]))
	}
	numbers, err := bank.OpenEntries(ctx, payer, w.file.Mints[0].Mint, owners)
	must(err)
	var grants []wallet.Grant
	var deposits []wallet.EntryOf
	for _, k := range w.payers {
		grants = append(grants, wallet.Grant{Owner: solana.PublicKey(public(k)), Amount: money})
		deposits = append(deposits, wallet.EntryOf{Owner: solana.PrivateKey(k), Entry: numbers[public(k)], Amount: money})
	}
	must(bank.Mint(ctx, payer, w.file.Mints[0].Mint, grants))
	must(bank.Deposit(ctx, payer, w.file.Mints[0].Mint, deposits))
}

// up writes what an operator would, and starts the nodes.
func (w *world) up(t *testing.T, announce func(*world, int) []string) {
	t.Helper()
	path := filepath.Join(w.home, "network.json")
	if err := os.WriteFile(path, w.file.JSON(), 0o600); err != nil {
		t.Fatal(err)
	}
	for i, h := range w.hosts {
		told := []byte("[]")
		if announce != nil {
			var err error
			if told, err = json.Marshal(announce(w, i)); err != nil { // a list of strings looks the same in TOML
				t.Fatal(err)
			}
		}
		text := fmt.Sprintf("network = %q\n\n[api]\nlisten = \"%s:%d\"\n\n[p2p]\nlisten = [\"/ip4/%s/tcp/%d\", \"/ip4/%s/udp/%d/quic-v1\"]\nannounce = %s\npublic = false\n",
			path, h.addr, apiPort, h.addr, nodePort, h.addr, nodePort, told)
		if err := os.WriteFile(filepath.Join(w.node(i), "config.toml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		log := w.node(i) + ".log"
		h.start(t, log, "run", "--home", w.node(i))
		t.Cleanup(func() { showTail(t, log) })
		c, err := client.New(fmt.Sprintf("http://%s:%d", h.addr, apiPort))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		w.clients = append(w.clients, c)
	}
}
