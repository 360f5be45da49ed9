//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gagliardetto/solana-go/rpc"

	"github.com/phantom-paradox/paradox/chain"
	"github.com/phantom-paradox/paradox/chain/vault"
	client "github.com/phantom-paradox/paradox/clients/go"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/network"
)

// wallets makes keys of these names, gives them play money, and deposits 100 TUSD of each.
func (p *person) wallets(names ...string) {
	p.t.Helper()
	for _, name := range names {
		p.does(0, "", "wallet", "new", "--key", p.key(name))
		p.does(0, "1000 TUSD", "testnet", "fund", p.address(name), "--home", p.home)
		p.does(0, "deposited 100000000 (100 TUSD)", "wallet", "deposit", "100", "TUSD", "-y", "--key", p.key(name))
	}
}

func (p *person) key(name string) string { return filepath.Join(p.home, "you", name+".json") }

func (p *person) address(name string) string {
	p.t.Helper()
	return strings.TrimSpace(p.does(0, "", "wallet", "address", "--key", p.key(name)))
}

// pays pays until the network takes it: a deposit is counted some seconds after it.
func (p *person) pays(from, to, amount, wait string) handed {
	p.t.Helper()
	return p.paysTo(from, p.address(to), amount, wait)
}

func (p *person) paysTo(from, address, amount, wait string) handed {
	p.t.Helper()
	args := []string{"intent", "pay", amount, "TUSD", address, "-y", "--json", "--key", p.key(from), "--wait", wait, "--timeout", patience.String()}
	late := time.Now().Add(patience)
	for {
		cmd := p.cmd(args...)
		out, err := cmd.Output()
		var h handed
		if jerr := json.Unmarshal(out, &h); jerr != nil || time.Now().After(late) || err != nil && h.Code != intent.NoEntry {
			p.t.Fatalf("%v: %v %s", args, errors.Join(err, jerr), out)
		}
		if err == nil {
			return h
		}
	}
}

// has is what a wallet has of TUSD.
func (p *person) has(name string) holding {
	p.t.Helper()
	var b balances
	if err := json.Unmarshal([]byte(p.does(0, "", "wallet", "balance", "--json", "--key", p.key(name))), &b); err != nil {
		p.t.Fatal(err)
	}
	return b.Mints[0]
}

func (p *person) owns(name, inside, outside string) {
	p.t.Helper()
	if h := p.has(name); h.Balance != inside || h.Outside != outside {
		p.t.Errorf("%s has %s in the vault and %s outside, not %s and %s", name, h.Balance, h.Outside, inside, outside)
	}
}

// generation is that in which a height was settled.
func (p *person) generation(node *client.Client, height uint64) uint32 {
	p.t.Helper()
	r, err := node.Round(p.t.Context(), height)
	if err != nil {
		p.t.Fatal(err)
	}
	return r.Header.Generation
}

// node is a client of the node that the person's home names.
func (p *person) node() *client.Client {
	p.t.Helper()
	b, err := os.ReadFile(filepath.Join(p.home, "you", "config.toml"))
	if err != nil {
		p.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "listen = \"")
	address, _, _ := strings.Cut(rest, "\"")
	c, err := client.New(address)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(c.Close)
	return c
}

func (p *person) up(args ...string) *process {
	p.t.Helper()
	n := begin(p.t, paradox(p.t, append([]string{"testnet", "up", "--home", p.home, "--intents", "0"}, args...)...))
	n.until("nodes are ready")
	return n
}

// TestEveryNodeIsGone: all operators stop their nodes for good. Request, delay, take: the money comes out with nothing but the
// chain and the network file. When nodes come back they follow the generation that the withdrawal made, and settle again.
func TestEveryNodeIsGone(t *testing.T) {
	p := &person{t: t, home: t.TempDir()}
	nodes := p.up("--members", "4", "--observers", "0", "--withdraw-delay", "150")
	p.wallets("alice", "bob")
	first := p.pays("alice", "bob", "10", "settled")
	p.does(5, "is in use", "testnet", "chain", "--home", p.home)
	nodes.stop()
	p.does(3, "does not answer", "status")
	p.does(3, "testnet does not run", "testnet", "fund", p.address("bob"), "--home", p.home)
	p.does(3, "no RPC endpoint answers", "wallet", "balance", "--key", p.key("alice"))
	p.does(3, "does not answer", "intent", "pay", "1", "TUSD", p.address("bob"), "-y", "--nonce", "9", "--key", p.key("alice"))

	only := begin(t, paradox(t, "testnet", "chain", "--home", p.home))
	only.until("no node runs")
	p.does(1, "nothing is requested", "wallet", "withdraw", "TUSD", "-y", "--key", p.key("alice"))
	p.does(0, "requested 89990000 (89.99 TUSD)", "wallet", "request", "all", "TUSD", "-y", "--key", p.key("alice"))
	p.does(0, "withdrew 89990000 (89.99 TUSD)", "wallet", "withdraw", "TUSD", "-y", "--wait", "--timeout", patience.String(), "--key", p.key("alice"))
	p.owns("alice", "0", "989990000")
	p.does(0, "settled in height "+strconv.FormatUint(first.Height, 10), "wallet", "history", "--key", p.key("alice"))
	p.does(3, "does not answer", "status")
	only.stop()

	p.up()
	second := p.pays("bob", "alice", "5", "settled")
	if g := p.generation(p.node(), second.Height); g != 1 {
		t.Errorf("height %d was settled in generation %d", second.Height, g)
	}
	p.owns("bob", "104995000", "900000000")
	p.owns("alice", "5000000", "989990000")
}

// gated founds a network whose nodes reach the chain through a gate; wallets go past it.
func gated(t *testing.T) (p *person, g *gate, c *rpc.Client, file *network.File) {
	t.Helper()
	p = &person{t: t, home: t.TempDir()}
	p.up("--members", "4", "--observers", "0", "--withdraw-delay", "150", "--drop-time", "400").stop()
	file, err := readNetwork(filepath.Join(p.home, "network.json"))
	if err != nil {
		t.Fatal(err)
	}
	g = newGate(t, file.RPC[0])
	homes, err := filepath.Glob(filepath.Join(p.home, "nodes", "*", "config.toml"))
	if err != nil || len(homes) != 4 {
		t.Fatal(homes, err)
	}
	for _, path := range homes {
		f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.WriteString("\n[chain]\nrpc = [\"" + g.URL + "\"]\n")
		if err = errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	p.up()
	c = rpc.New(file.RPC[0])
	t.Cleanup(func() { c.Close() })
	return p, g, c, file
}

// TestAWithdrawalRacesASettlement: the network decides a payment, and the vault never hears of it; meanwhile the payer's delay
// passes and the money is taken. The decision is void, the payment waits uncovered, and the network goes on in the next
// generation. Then a height is attested and half applied, and nobody completes it: whoever wants to withdraw takes it back and
// drops it, and the network decides its payment anew.
func TestAWithdrawalRacesASettlement(t *testing.T) {
	p, g, c, file := gated(t)
	p.wallets("alice", "bob", "carol")

	g.refuse(nil, vault.TagAttest)
	void := p.pays("alice", "bob", "60", "accepted")
	p.does(0, "", "wallet", "request", "all", "TUSD", "-y", "--key", p.key("alice"))
	p.does(0, "withdrew 100000000 (100 TUSD)", "wallet", "withdraw", "TUSD", "-y", "--wait", "--timeout", patience.String(), "--key", p.key("alice"))
	g.refuse(nil)
	settled := p.pays("carol", "bob", "10", "settled")
	node := p.node()
	first := p.generation(node, settled.Height)
	if first < 1 || settled.Height != void.Height {
		t.Errorf("height %d, which was void at %d, was settled in generation %d", settled.Height, void.Height, first)
	}
	if s, err := node.Intent(t.Context(), void.ID); err != nil || s.State != client.Pending || s.Pending == nil {
		t.Errorf("%+v %v", s, err)
	}
	p.owns("alice", "0", "1000000000")
	p.owns("bob", "110000000", "900000000")

	credits := func(data []byte) bool { return len(data) > 33 && data[33] == vault.ChunkCredits }
	g.refuse(credits, vault.TagApply)
	half := p.pays("carol", "bob", "20", "accepted")
	waitHalf(t, c, file)
	p.does(0, "requested 50000000", "wallet", "request", "50", "TUSD", "-y", "--key", p.key("bob"))
	p.does(0, "withdrew 50000000 (50 TUSD)", "wallet", "withdraw", "TUSD", "-y", "--wait", "--timeout", patience.String(), "--key", p.key("bob"))
	p.owns("bob", "60000000", "950000000")
	g.refuse(nil)
	p.does(0, "is settled", "intent", "show", half.ID.String(), "--wait", "settled", "--timeout", patience.String())
	p.owns("bob", "80000000", "950000000")
	p.owns("carol", "69970000", "900000000")
	again, err := node.Intent(t.Context(), half.ID)
	if err != nil || again.Accepted == nil {
		t.Fatalf("%+v %v", again, err)
	}
	if second := p.generation(node, again.Accepted.Height); second <= first || again.Accepted.Height != half.Height {
		t.Errorf("height %d, which was dropped at %d, was settled in generation %d after %d", again.Accepted.Height, half.Height, second, first)
	}
}

// waitHalf waits until a chunk of the pending height is applied.
func waitHalf(t *testing.T, c *rpc.Client, file *network.File) {
	t.Helper()
	tick, late := time.NewTicker(50*time.Millisecond), time.NewTimer(patience)
	defer tick.Stop()
	defer late.Stop()
	for {
		v, _, err := chain.ReadVault(t.Context(), c, chain.Addresses(file).Vault, rpc.CommitmentConfirmed)
		if err == nil && v != nil && v.Pending != nil && v.Pending.Accumulator != (intent.Hash{}) {
			return
		}
		select {
		case <-tick.C:
		case <-late.C:
			t.Fatalf("no chunk was applied: %+v, %v", v, err)
		}
	}
}
