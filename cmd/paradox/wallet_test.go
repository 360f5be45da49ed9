package main

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gagliardetto/solana-go"
	"github.com/gagliardetto/solana-go/rpc"

	"github.com/phantom-paradox/paradox/chain"
	"github.com/phantom-paradox/paradox/chain/localnet"
	"github.com/phantom-paradox/paradox/chain/vault"
	"github.com/phantom-paradox/paradox/chain/wallet"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/network"
	"github.com/phantom-paradox/paradox/node/keys"
)

// A counter is a vault on a model of Solana, with no committee anywhere, and a wallet at it.
type counter struct {
	*shell
	net    *localnet.Server
	file   *network.File
	me     intent.Key
	client *wallet.Client
	payer  solana.PrivateKey
}

func seeded(b byte) solana.PrivateKey {
	return solana.PrivateKey(ed25519.NewKeyFromSeed([]byte(strings.Repeat(string(rune(b)), ed25519.SeedSize))))
}

// newCounter founds a vault and makes a wallet without anything in it.
func newCounter(t *testing.T) *counter {
	t.Helper()
	c := &counter{shell: newShell(t), payer: seeded('p')}
	var err error
	if c.net, err = localnet.Start(t.Context(), localnet.Config{SlotTime: 5 * time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.net.Close(); err != nil {
			t.Error(err)
		}
	})
	m, err := network.ParseMember(member(t, "a"))
	if err != nil {
		t.Fatal(err)
	}
	c.file = &network.File{
		Version: 1, Name: "counter-1", ProgramID: intent.Key(localnet.DefaultVaultProgram()), CodeHash: intent.Hash(localnet.CodeHash()),
		Cluster: intent.Hash(c.net.GenesisHash()), Members: []network.Member{m}, WithdrawDelay: network.MinSlots, DropTime: network.MinSlots,
		FeeOwner: intent.Key(seeded('f').PublicKey()), Mints: []intent.Mint{{Mint: intent.Key(seeded('m').PublicKey()), Symbol: "TUSD", Decimals: 6}},
		MaxAge: intent.MaxAge{Default: 3600, Ask: 86400, Session: 86400}, Time: 1, Params: network.LocalParams(), RPC: []string{c.net.URL()},
	}
	c.write("network.json", string(c.file.JSON()), 0o600)
	c.client = wallet.New(wallet.Config{RPC: rpc.New(c.net.URL()), Addresses: chain.Addresses(c.file)})
	c.good(c.client.Airdrop(t.Context(), 100*solana.LAMPORTS_PER_SOL, c.payer.PublicKey()))
	c.good(c.client.CreateMint(t.Context(), c.payer, seeded('m'), 6))
	var made struct{ Wallet intent.Key }
	c.good(json.Unmarshal([]byte(c.expect(0, "wallet", "wallet", "new", "--home", c.home, "--json")), &made))
	c.me = made.Wallet
	return c
}

func (c *counter) good(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *counter) write(name, text string, mode os.FileMode) string {
	c.t.Helper()
	path := filepath.Join(c.home, name)
	c.good(os.WriteFile(path, []byte(text), mode))
	return path
}

// found creates the vault and its purse.
func (c *counter) found() {
	c.t.Helper()
	c.good(c.client.CreateVault(c.t.Context(), c.payer, chain.Founding(c.file)))
	c.good(c.client.AddPurse(c.t.Context(), c.payer, c.file.Mints[0].Mint))
}

// tokens gives the wallet tokens outside the vault, in base units.
func (c *counter) tokens(base uint64) {
	c.t.Helper()
	c.good(c.client.Mint(c.t.Context(), c.payer, c.file.Mints[0].Mint, []wallet.Grant{{Owner: solana.PublicKey(c.me), Amount: base}}))
}

func (c *counter) lamports() {
	c.t.Helper()
	c.good(c.client.Airdrop(c.t.Context(), solana.LAMPORTS_PER_SOL, solana.PublicKey(c.me)))
}

// wallet runs a wallet command in the home, and checks exit code and what is said.
func (c *counter) wallet(code int, says string, args ...string) string {
	c.t.Helper()
	return c.expect(code, says, append([]string{"wallet", args[0], "--home", c.home}, args[1:]...)...)
}

// types answers what a terminal is asked.
func (c *counter) types(line string) {
	c.in = line + "\n"
	c.secret = func(string) (string, error) { return "", errors.New("nobody should be asked for a passphrase") }
}

// TestAWalletAtTheCounter goes through the wallet commands, with everything that can be in the way in its turn.
func TestAWalletAtTheCounter(t *testing.T) {
	c := newCounter(t)
	c.expect(5, "--key FILE makes one elsewhere", "wallet", "new", "--home", c.home)
	c.wallet(2, "the network has no such vault", "balance")
	c.wallet(2, "the network has no such vault", "deposit", "1", "TUSD")
	c.found()
	c.wallet(0, "no entry", "balance")
	c.wallet(1, "send TUSD to "+c.me.String(), "deposit", "1", "TUSD")
	c.tokens(10_000_000)
	c.wallet(1, "not enough SOL", "deposit", "1", "TUSD", "-y")
	c.lamports()
	c.wallet(2, "say --yes", "deposit", "1", "TUSD")
	c.types("n")
	c.wallet(1, "nothing was signed", "deposit", "1", "TUSD")
	c.types("")
	c.wallet(1, "nothing was signed", "deposit", "1", "TUSD")
	c.types("y")
	c.wallet(0, "deposited 7500000 (7.5 TUSD)", "deposit", "7.5", "TUSD")
	c.secret = nil
	c.wallet(0, "7500000 (7.5 TUSD)", "balance")
	c.wallet(1, "nothing is requested", "withdraw", "TUSD", "-y")
	c.wallet(1, "no withdrawal request", "cancel", "TUSD", "-y")
	c.wallet(1, "holds 7500000 (7.5 TUSD)", "request", "7.6", "TUSD", "-y")
	c.wallet(0, "requested 1000000 (1 TUSD)", "request", "1", "TUSD", "-y")
	c.wallet(0, "cancelled the request of 1000000 (1 TUSD)", "cancel", "TUSD", "-y")
	c.wallet(0, "https://explorer.solana.com/tx/", "request", "all", "TUSD", "-y")
	c.wallet(0, "withdrew 7500000 (7.5 TUSD)", "withdraw", "TUSD", "--wait", "-y")
	c.wallet(0, "10000000 (10 TUSD)", "balance", c.me.String())
	c.wallet(1, "entry 1 holds 0 (0 TUSD)", "request", "all", "TUSD", "-y")
	var told struct{ History []happening }
	c.good(json.Unmarshal([]byte(c.wallet(0, "withdraw", "history", "--json")), &told))
	var what []string
	for _, h := range told.History {
		what = append(what, h.What)
	}
	if got := strings.Join(what, " "); got != "open deposit request cancel request withdraw" {
		t.Error(got)
	}
	c.wallet(0, "Nothing ever happened", "history", intent.Key(c.payer.PublicKey()).String())
}

// TestAWalletsAnswersAsJSON: what a script parses.
func TestAWalletsAnswersAsJSON(t *testing.T) {
	c := newCounter(t)
	c.found()
	c.tokens(5_000_000)
	payer := filepath.Join(c.home, "payer.json")
	c.good(keys.WriteSolana(payer, ed25519.PrivateKey(c.payer)))
	var d moved
	c.good(json.Unmarshal([]byte(c.wallet(0, "", "deposit", "5", "TUSD", "-y", "--json", "--payer", payer)), &d)) // the wallet has no SOL
	if d.Amount != "5000000" || d.Entry != 1 || len(d.Transactions) != 2 || d.Wallet != c.me || !strings.Contains(d.Transactions[0].Explorer, "customUrl=http%3A%2F%2F127.0.0.1") {
		t.Errorf("%+v", d)
	}
	var r moved
	c.good(json.Unmarshal([]byte(c.wallet(0, "", "request", "2", "TUSD", "-y", "--json", "--payer", payer)), &r))
	if r.Amount != "2000000" || r.Slot == 0 {
		t.Errorf("%+v", r)
	}
	var b balances
	c.good(json.Unmarshal([]byte(c.wallet(0, "", "balance", "--json")), &b))
	h := b.Mints[0]
	if b.Lamports != "0" || h.Balance != "5000000" || h.Requested != "2000000" || h.Payable != "2000000" || h.Outside != "0" || *h.Entry != 1 || h.Withdrawal == "none" {
		t.Errorf("%+v", b)
	}
}

// TestWhatIsWrongWithWhatWasTyped: bad input to each command is exit 2, and says what would be right.
func TestWhatIsWrongWithWhatWasTyped(t *testing.T) {
	c := newCounter(t)
	c.found()
	c.wallet(2, "it has TUSD", "deposit", "1", "EUR")
	c.wallet(2, "such as 1.5", "deposit", "--", "-1", "TUSD")
	c.wallet(2, "decimals", "deposit", "0.0000001", "TUSD")
	c.wallet(2, "expected", "deposit", "1")
	c.wallet(2, "the address", "balance", "bob")
	c.wallet(2, "the address", "history", "bob")
	c.wallet(2, "unknown flag", "withdraw", "TUSD", "--now")
	c.wallet(1, "paradox wallet deposit opens one", "request", "1", "TUSD")
	c.wallet(1, "paradox wallet deposit opens one", "withdraw", "TUSD")
	c.wallet(2, "paradox wallet new", "balance", "--key", filepath.Join(c.home, "nothing.json"))
	c.wallet(2, "--payer", "deposit", "1", "TUSD", "--payer", filepath.Join(c.home, "nothing.json"))
	c.wallet(2, "chmod 0600", "balance", "--key", c.write("open.json", "[]", 0o644))
	c.wallet(2, "JSON list of 64 bytes", "balance", "--key", c.write("bad.json", "[1]", 0o600))
	c.wallet(2, "--network", "balance", "--network", c.write("net.json", "{}", 0o600))
	c.wallet(2, "--network", "balance", "--network", filepath.Join(c.home, "nowhere"))
	c.wallet(3, "--rpc URL", "balance", "--rpc", "http://127.0.0.1:1")
	if _, _, said := c.run("wallet", "balance", "bob", "--home", c.home); strings.Count(said, "bob") != 1 {
		t.Errorf("what was typed is said more than once: %s", said)
	}
	other, err := localnet.Start(t.Context(), localnet.Config{})
	c.good(err)
	defer other.Close()
	c.wallet(2, "another cluster", "balance", "--rpc", other.URL())
	_, _, said := c.run("wallet", "balance", "--home", c.home, "--rpc", "http://127.0.0.1:1/my-api-key")
	if !strings.Contains(said, "http://127.0.0.1:1/…") || strings.Contains(said, "my-api-key") {
		t.Errorf("a provider's key is shown: %s", said)
	}
}

// TestWhatMayStillArriveIsSaid: a transaction is sent and the command is stopped before anybody knows what came of it.
func TestWhatMayStillArriveIsSaid(t *testing.T) {
	c := newCounter(t)
	c.found()
	c.tokens(5_000_000)
	c.lamports()
	c.wallet(0, "", "deposit", "5", "TUSD", "-y")
	g := newGate(t, c.net.URL())
	g.refuse(nil, vault.TagRequest)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		select {
		case <-g.swallowed:
			cancel()
		case <-ctx.Done():
		}
	}()
	c.ctx = ctx
	c.wallet(1, "may still arrive: look at https://explorer.solana.com/tx/", "request", "5", "TUSD", "-y", "--rpc", g.URL)
	c.ctx = nil
	c.wallet(0, "requested 5000000", "request", "5", "TUSD", "-y")
}

// TestSealedWallets: a passphrase from a file, a terminal, and nowhere.
func TestSealedWallets(t *testing.T) {
	c := newCounter(t)
	c.found()
	const quick = 4
	sealed, key := filepath.Join(c.home, "sealed.json"), seeded('s')
	c.good(keys.WriteSealed(sealed, ed25519.PrivateKey(key), "correct horse", quick))
	good, wrong := c.write("pass", "correct horse\n", 0o600), c.write("wrong", "battery staple\n", 0o600)
	address := intent.Key(key.PublicKey()).String()
	c.wallet(2, "--passphrase-file", "balance", "--key", sealed)
	c.wallet(0, address, "balance", "--key", sealed, "--passphrase-file", good)
	c.wallet(2, "does not open it", "balance", "--key", sealed, "--passphrase-file", wrong)
	c.wallet(2, "chmod 0600", "balance", "--key", sealed, "--passphrase-file", c.write("open", "correct horse\n", 0o644))
	c.secret = func(string) (string, error) { return "correct horse", nil }
	c.wallet(0, address, "balance", "--key", sealed)
	typed := []string{"one", "two", "", ""}
	c.secret = func(string) (string, error) { s := typed[0]; typed = typed[1:]; return s, nil }
	c.wallet(2, "not the same", "new", "--key", filepath.Join(c.home, "n.json"), "--seal")
	c.wallet(2, "empty passphrase", "new", "--key", filepath.Join(c.home, "n.json"), "--seal")
	c.secret = nil
	c.wallet(2, "--passphrase-file", "new", "--key", filepath.Join(c.home, "n.json"), "--seal")
	c.expect(2, "already", "keys", "seal", sealed, "--passphrase-file", good)
	c.expect(2, "nothing was changed", "keys", "seal", good, "--passphrase-file", good)
}
