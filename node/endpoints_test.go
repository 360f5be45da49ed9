package node

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gagliardetto/solana-go"
	solanarpc "github.com/gagliardetto/solana-go/rpc"

	"github.com/phantom-paradox/paradox/chain"
	"github.com/phantom-paradox/paradox/chain/localnet"
	"github.com/phantom-paradox/paradox/chain/rpctest"
	"github.com/phantom-paradox/paradox/chain/wallet"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/node/api"
)

// onModel is a cluster of one member whose vault is on a model of Solana behind so many endpoints.
func onModel(t *testing.T, endpoints int) (*cluster, *wallet.Client, []*rpctest.Proxy) {
	t.Helper()
	net, err := localnet.Start(t.Context(), localnet.Config{SlotTime: 4 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = net.Close() })
	c := newCluster(t, 1)
	c.file.ProgramID, c.file.CodeHash = intent.Key(localnet.DefaultVaultProgram()), intent.Hash(localnet.CodeHash())
	c.file.Cluster = intent.Hash(net.GenesisHash())
	c.net = c.file.Intents()
	client := solanarpc.New(net.URL())
	t.Cleanup(func() { _ = client.Close() })
	w := wallet.New(wallet.Config{RPC: client, Addresses: chain.Addresses(c.file)})
	var ps []*rpctest.Proxy
	for range endpoints {
		p, err := rpctest.Start(net.URL())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = p.Close() })
		ps = append(ps, p)
	}
	payer := solana.PrivateKey(seedKey("payer", 0))
	for _, step := range []func() error{
		func() error { return w.Airdrop(t.Context(), 100*solana.LAMPORTS_PER_SOL, payer.PublicKey()) },
		func() error {
			return w.CreateMint(t.Context(), payer, solana.PrivateKey(seedKey("mint", 0)), c.file.Mints[0].Decimals)
		},
		func() error { return w.CreateVault(t.Context(), payer, chain.Founding(c.file)) },
		func() error { return w.AddPurse(t.Context(), payer, c.file.Mints[0].Mint) },
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	return c, w, ps
}

// startOnModel starts the member with its own way to the chain.
func (c *cluster) startOnModel(ps []*rpctest.Proxy) error {
	cfg := c.config(0, true)
	cfg.chain = nil
	for _, p := range ps {
		cfg.Settings.Chain.RPC = append(cfg.Settings.Chain.RPC, p.URL())
	}
	return c.startConfig(0, cfg)
}

// TestALyingEndpoint: of three endpoints one invents a deposit. The node goes on, knows nothing of the deposit, and names the
// endpoint in its health and metrics.
func TestALyingEndpoint(t *testing.T) {
	c, w, ps := onModel(t, 3)
	payer, owner := solana.PrivateKey(seedKey("payer", 0)), seedKey("wallet", 0)
	entries, err := w.OpenEntries(t.Context(), payer, c.file.Mints[0].Mint, []intent.Key{publicOf(owner)})
	if err != nil {
		t.Fatal(err)
	}
	const invented = 1_000_000
	ps[0].Set(rpctest.Faults{Invent: &rpctest.Invention{Vault: chain.Addresses(c.file), Mint: c.file.Mints[0].Mint, Entry: entries[publicOf(owner)],
		Amount: invented, Owner: solana.PrivateKey(owner)}})
	if err := c.startOnModel(ps); err != nil {
		t.Fatal(err)
	}
	n := c.nodes[0]
	c.wait("the node sees the vault", func() bool {
		s := n.engine.status.Load()
		return s != nil && s.Opening != nil && s.Opening.Cut().Number == 2
	})
	c.wait("the liar is named", func() bool {
		health, err := n.facade.Health(t.Context())
		if err != nil {
			return false
		}
		for _, x := range health.Checks {
			if x.Name == "chain" && x.Status == api.Degraded && strings.Contains(x.Detail, "RPC endpoint 1 contradicts the others") {
				return true
			}
		}
		return false
	})
	if !strings.Contains(metricsOf(t, n), `paradox_rpc_endpoint_contradicted{endpoint="1"} 1`) {
		t.Error("the metrics do not name it")
	}
	if head, _ := n.vault.Head(); head.Number != 2 || n.vault.Err() != nil {
		t.Fatalf("the node is at event %d, %v", head.Number, n.vault.Err())
	}
}

func metricsOf(t *testing.T, n *running) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+n.AdminAddr().String()+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestStartRefusesAnotherProgram: a node does not start where the program is not the one that its network file pins.
func TestStartRefusesAnotherProgram(t *testing.T) {
	c, _, ps := onModel(t, 1)
	c.file.CodeHash = intent.Hash{9}
	if err := c.startOnModel(ps); !errors.Is(err, chain.ErrProgram) || !strings.Contains(err.Error(), c.file.CodeHash.String()) {
		t.Fatalf("it started, or said only: %v", err)
	}
}
