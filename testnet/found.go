package testnet

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/phantom-paradox/paradox/chain/localnet"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/network"
	"github.com/phantom-paradox/paradox/node/keys"
)

// What every testnet of one machine is founded with.
const (
	traderCount = 20
	feeBps      = 10
	networkName = "testnet-local"
)

type coin struct {
	symbol   string
	decimals uint8
}

// coins are the two mints: one to price in, one to trade.
func coins() []coin { return []coin{{"TUSD", 6}, {"GEM", 0}} }

// maxAge is how long intents may live: an hour, asks a week, sessions a month.
func maxAge() intent.MaxAge { return intent.MaxAge{Default: 3600, Ask: 7 * 86400, Session: 30 * 86400} }

// prepare makes the directories and decides on names, keys and ports; nothing runs yet.
func prepare(ctx context.Context, home string, chain Chain, members, observers int) (*settings, error) {
	for _, dir := range []string{chainDir, walletDir, nodeDir, clientDir, networkFile, logDir} {
		if err := os.RemoveAll(filepath.Join(home, dir)); err != nil { // of a founding that was interrupted
			return nil, fmt.Errorf("clearing an unfinished founding: %w", err)
		}
	}
	ports, err := FreePorts(ctx, 1+2*(members+observers))
	if err != nil {
		return nil, err
	}
	s := &settings{Version: settingsVersion, Chain: chain, RPC: loopback(ports[0]), Traders: traderCount}
	if _, err := rand.Read(s.Secret[:]); err != nil {
		return nil, fmt.Errorf("drawing the wallets' secret: %w", err)
	}
	for n := range members + observers {
		r := nodeRecord{Name: "member" + strconv.Itoa(n+1), Member: true, API: loopback(ports[1+2*n]), P2P: ports[2+2*n]}
		if n >= members {
			r.Name, r.Member = "observer"+strconv.Itoa(n-members+1), false
		}
		s.Nodes = append(s.Nodes, r)
	}
	for _, dir := range []string{walletDir, logDir} {
		if err := os.MkdirAll(filepath.Join(home, dir), 0o700); err != nil {
			return nil, fmt.Errorf("making directories: %w", err)
		}
	}
	return s, s.save(home)
}

func loopback(port int) string { return "127.0.0.1:" + strconv.Itoa(port) }

// makeKeys gives every node its keys and the testnet the keys of its mints and purse.
func makeKeys(home string, s *settings) (members []network.Member, wallets map[string]ed25519.PrivateKey, err error) {
	for n := range s.Nodes {
		r := &s.Nodes[n]
		k, err := keys.Create(filepath.Join(home, nodeDir, r.Name, "keys"))
		if err != nil {
			return nil, nil, err
		}
		pub, err := k.Public()
		if err != nil {
			return nil, nil, err
		}
		r.Peer = pub.Peer
		if r.Member {
			members = append(members, network.Member{Name: r.Name, Key: pub.Member, VRF: pub.VRF, Weight: 1})
		}
	}
	wallets = map[string]ed25519.PrivateKey{}
	for _, name := range walletNames() {
		_, k, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			return nil, nil, fmt.Errorf("making the key of %s: %w", name, err)
		}
		if err := keys.WriteSolana(filepath.Join(home, walletDir, name+".json"), k); err != nil {
			return nil, nil, err
		}
		wallets[name] = k
	}
	return members, wallets, nil
}

// walletNames are the keys of the testnet itself: a payer, the owner of fees, and one of each mint.
func walletNames() []string {
	out := []string{"payer", "fees"}
	for _, m := range coins() {
		out = append(out, "mint-"+strings.ToLower(m.symbol))
	}
	return out
}

func loadWallets(home string) (map[string]ed25519.PrivateKey, error) {
	out := map[string]ed25519.PrivateKey{}
	for _, name := range walletNames() {
		k, err := keys.LoadSolana(filepath.Join(home, walletDir, name+".json"), nil)
		if err != nil {
			return nil, err
		}
		out[name] = k
	}
	return out, nil
}

func keyOf(k ed25519.PrivateKey) intent.Key {
	return intent.Key(k[ed25519.PrivateKeySize-ed25519.PublicKeySize:])
}

// makeNetwork writes the network file and each node's configuration.
func makeNetwork(home string, s *settings, members []network.Member, wallets map[string]ed25519.PrivateKey, cluster intent.Hash, now time.Time) (*network.File, error) {
	f := &network.File{
		Version: 1, Name: networkName,
		ProgramID: intent.Key(localnet.DefaultVaultProgram()), CodeHash: s.Chain.code(), Cluster: cluster,
		Members:       members,
		WithdrawDelay: network.LocalWithdrawDelay, DropTime: network.LocalDropTime,
		FeeOwner: keyOf(wallets["fees"]), FeeBps: feeBps,
		MaxAge: maxAge(),
		Time:   now.Unix(), Params: network.LocalParams(),
		RPC: []string{"http://" + s.RPC},
	}
	for _, m := range coins() {
		f.Mints = append(f.Mints, intent.Mint{Mint: keyOf(wallets["mint-"+strings.ToLower(m.symbol)]), Symbol: m.symbol, Decimals: m.decimals})
	}
	for n := range s.Nodes {
		if s.Nodes[n].Member {
			f.Bootstrap = append(f.Bootstrap, s.Nodes[n].addr())
		}
	}
	if s.delay > 0 {
		f.WithdrawDelay = s.delay
	}
	if s.drop > 0 {
		f.DropTime = s.drop
	}
	if err := f.Validate(); err != nil {
		return nil, fmt.Errorf("the testnet's network file: %w", err)
	}
	path := filepath.Join(home, networkFile)
	if err := os.WriteFile(path, f.JSON(), 0o600); err != nil {
		return nil, fmt.Errorf("writing the network file: %w", err)
	}
	errs := []error{writeClient(home, path, &s.Nodes[0])}
	for n := range s.Nodes {
		errs = append(errs, writeConfig(home, path, &s.Nodes[n]))
	}
	return f, errors.Join(errs...)
}

// writeConfig writes a node's config.toml: what an operator would write by hand.
func writeConfig(home, networkPath string, r *nodeRecord) error {
	text := fmt.Sprintf(`network = %q

[api]
listen = %q
rate = 100000

[p2p]
listen = ["/ip4/127.0.0.1/tcp/%d", "/ip4/127.0.0.1/udp/%d/quic-v1"]
public = false

[clock]
ntp = []
`, networkPath, r.API, r.P2P, r.P2P)
	path := filepath.Join(home, nodeDir, r.Name, "config.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return fmt.Errorf("writing the configuration of %s: %w", r.Name, err)
	}
	return nil
}

// writeClient writes a home for wallets: commands that sign find network and node in it.
func writeClient(home, networkPath string, r *nodeRecord) error {
	dir := filepath.Join(home, clientDir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("making the wallets' home: %w", err)
	}
	text := fmt.Sprintf("network = %q\n\n[api]\nlisten = %q\n", networkPath, r.API)
	if err := os.WriteFile(filepath.Join(dir, "config.toml"), []byte(text), 0o600); err != nil {
		return fmt.Errorf("writing the wallets' configuration: %w", err)
	}
	return nil
}
