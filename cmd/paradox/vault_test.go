package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/phantom-paradox/paradox/chain"
	"github.com/phantom-paradox/paradox/chain/rpctest"
	"github.com/phantom-paradox/paradox/intent"
)

// TestVaultCommands found a vault twice, which is once, and look at it with and without money in it.
func TestVaultCommands(t *testing.T) {
	c := newCounter(t)
	vault := func(code int, says string, args ...string) string {
		t.Helper()
		return c.expect(code, says, append([]string{"vault", args[0], "--home", c.home}, args[1:]...)...)
	}
	vault(exitFailed, "paradox vault init", "status")
	vault(exitFailed, "not enough SOL", "init", "--yes")
	c.lamports()
	vault(0, "the vault of counter-1 stands at", "init", "--yes")
	vault(0, `"transactions":[]`, "init", "--yes", "--json")
	c.tokens(7_000_000)
	c.wallet(0, "deposited", "deposit", "5", "TUSD", "--yes")
	deadline := time.After(5 * time.Minute)
	for !strings.Contains(vault(0, "committee", "status"), "owes 5000000 (5 TUSD)") { // each look takes a moment, and finality two slots
		select {
		case <-deadline:
			t.Fatalf("the deposit is not finalised: %s", vault(0, "committee", "status"))
		default:
		}
	}
	var s chain.Survey
	c.good(json.Unmarshal([]byte(vault(0, "liabilities", "status", "--json")), &s))
	if s.Vault != chain.Addresses(c.file).Vault || s.Events != 3 || len(s.Committee) != 1 || s.Committee[0].Name != "a" || s.Unknown != "" ||
		len(s.Purses) != 1 || s.Purses[0].Tokens != 5_000_000 || s.Purses[0].Available != 5_000_000 || s.Purses[0].Entries != 2 || s.Purses[0].Pages != 1 ||
		len(s.Problems) != 0 || len(s.Tallies) != 0 || s.Program.Code != c.file.CodeHash {
		t.Fatalf("%+v", s)
	}
}

// TestNetworkVerifyOnChain: the file against a cluster: another program, another cluster, and all well.
func TestNetworkVerifyOnChain(t *testing.T) {
	c := newCounter(t)
	file := filepath.Join(c.home, "network.json")
	c.expect(0, "nothing was checked", "network", "verify", file)
	c.expect(0, "nobody can replace it", "network", "verify", file, "--rpc", c.net.URL())
	c.file.CodeHash = intent.Hash{7}
	other := c.write("other.json", string(c.file.JSON()), 0o600)
	c.expect(exitUnhealthy, "has code of the hash", "network", "verify", other, "--rpc", c.net.URL())
	p, err := rpctest.Start(c.net.URL())
	c.good(err)
	t.Cleanup(func() { c.good(p.Close()) })
	genesis := c.net.GenesisHash()
	genesis[0]++
	p.Set(rpctest.Faults{Genesis: &genesis})
	c.expect(exitUsage, "genesis hash", "network", "verify", file, "--rpc", p.URL())
	c.expect(exitUsage, "founds no network yet", "network", "verify", "../../testnet/devnet.json")
}

// TestKeysNew: a founding member has keys before there is a network, once, and a line to hand in that network create takes.
func TestKeysNew(t *testing.T) {
	s := newShell(t)
	home := filepath.Join(s.home, "node")
	out := s.expect(0, "to found    NAME:", "keys", "new", "--home", home)
	_, line, _ := strings.Cut(out, "to found    ")
	line, _, _ = strings.Cut(line, "\n")
	line = strings.Replace(strings.Replace(line, "NAME", "a", 1), "WEIGHT", "1", 1)
	s.expect(exitInTheWay, "keys show", "keys", "new", "--home", home)
	key := func(b byte) string { return intent.Key{b}.String() }
	s.expect(0, "founds dev-1", "network", "create", "--name", "dev-1", "--cluster", "devnet", "--program-id", key(1), "--fee-owner", key(4),
		"--member", line, "--mint", "USD:"+key(5)+":6", "--withdraw-delay", "4500", "--out", filepath.Join(home, "network.json"))
	s.expect(0, "withdraw_delay", "network", "show", filepath.Join(home, "network.json"), "--json")
}
