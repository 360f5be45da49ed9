package testnet

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/network"
	"github.com/phantom-paradox/paradox/testnet/traffic"
)

// Names within a testnet's home.
const (
	settingsFile = "testnet.json"
	networkFile  = "network.json"
	lockFile     = "testnet.lock"
	chainDir     = "chain"
	walletDir    = "wallets"
	nodeDir      = "nodes"
	clientDir    = "you" // a home for the wallets of whoever tries the network
	logDir       = "logs"
)

// settings is what a testnet remembers between two runs. It holds the secret of its wallets, whose money is play money.
type settings struct {
	Version int          `json:"version"`
	Founded bool         `json:"founded"` // false: the founding was interrupted
	Runs    int          `json:"runs"`    // of traffic so far
	Chain   Chain        `json:"chain"`   // what it settles on
	RPC     string       `json:"rpc"`     // host:port of the chain
	Secret  intent.Hash  `json:"wallet_secret"`
	Traders int          `json:"traders"`
	Nodes   []nodeRecord `json:"nodes"`

	delay, drop uint64 // of a network that is being founded; 0: the usual
}

// settingsVersion changes when a release cannot read what an older one wrote.
const settingsVersion = 1

// A nodeRecord is one node of the testnet.
type nodeRecord struct {
	Name   string `json:"name"`
	Member bool   `json:"member"`
	API    string `json:"api"` // host:port
	P2P    int    `json:"p2p"` // port, TCP and UDP
	Peer   string `json:"peer"`
}

func (s *settings) members() int {
	n := 0
	for _, r := range s.Nodes {
		if r.Member {
			n++
		}
	}
	return n
}

// addr is the node's multiaddr with its peer id.
func (r *nodeRecord) addr() string { return fmt.Sprintf("/ip4/127.0.0.1/tcp/%d/p2p/%s", r.P2P, r.Peer) }

func (s *settings) cast() *traffic.Cast { return traffic.NewCast(s.Secret, s.Traders) }

// loadSettings reads them; nil where the home is new.
func loadSettings(home string) (*settings, error) {
	path := filepath.Join(home, settingsFile)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the testnet's settings: %w", err)
	}
	s := new(settings)
	if err := json.Unmarshal(b, s); err != nil {
		return nil, fmt.Errorf("%s: %w; take another --home, or delete this one to found anew", path, err)
	}
	if s.Version != settingsVersion {
		return nil, fmt.Errorf("%s: version %d is not %d; take another --home, or delete this one to found anew", path, s.Version, settingsVersion)
	}
	if s.Chain == "" { // an earlier release had no choice
		s.Chain = Model
	}
	return s, nil
}

// save replaces the settings in one step.
func (s *settings) save(home string) error {
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding the testnet's settings: %w", err)
	}
	path := filepath.Join(home, settingsFile)
	if err := os.WriteFile(path+".new", append(b, '\n'), 0o600); err != nil {
		return fmt.Errorf("writing the testnet's settings: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("writing the testnet's settings: %w", err)
	}
	return nil
}

func loadNetwork(home string) (*network.File, error) {
	b, err := os.ReadFile(filepath.Join(home, networkFile))
	if err != nil {
		return nil, fmt.Errorf("reading the network file: %w", err)
	}
	return network.Parse(b)
}

// checkHome refuses a directory that is full of something else.
func checkHome(home string) error {
	list, err := os.ReadDir(home)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("--home: %w", err)
	}
	for _, e := range list {
		if e.Name() == settingsFile || e.Name() == lockFile {
			return nil
		}
	}
	if len(list) > 0 {
		return fmt.Errorf("--home: %s holds other things and no testnet; take an empty directory", home)
	}
	return nil
}
