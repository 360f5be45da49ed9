// Package setup stands between an operator's home directory and a node: it makes a home, and opens one into what a node is
// made of. It refuses, naming field and remedy, what a node would only stumble over later.
//
// It starts nothing: no socket, no goroutine.
package setup

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/network"
	"github.com/phantom-paradox/paradox/node"
	"github.com/phantom-paradox/paradox/node/config"
	"github.com/phantom-paradox/paradox/node/keys"
)

// ErrInitialised says that a home has keys already.
var ErrInitialised = errors.New("this home is initialised already")

// ErrNetworkFile says that a network file cannot be read as one.
var ErrNetworkFile = errors.New("bad input")

// A Home is what Init made.
type Home struct {
	Dir     string      `json:"home"`
	Network string      `json:"network"`
	Hash    intent.Hash `json:"network_hash"`
	Member  bool        `json:"member"`  // whether the network file lists the key; a new one never is
	Signed  int         `json:"signed"`  // founders who have signed the network file: all of Members, or none
	Members int         `json:"members"` // founders
	keys.Public
}

// Init makes a home: keys with their vote log, the network file and a config.toml. It overwrites nothing.
func Init(c *config.Config, networkFile []byte, bootstrap []string) (*Home, error) {
	f, err := founded(networkFile)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNetworkFile, err)
	}
	if err := c.CheckNetwork(f); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(c.Home, 0o700); err != nil {
		return nil, fmt.Errorf("home: %w", err)
	}
	for _, path := range []string{c.File(), c.NetworkFile()} {
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("home: %s is there: %w; take another --home", path, ErrInitialised)
		}
	}
	k, err := keys.Create(c.KeyDir())
	if errors.Is(err, keys.ErrExists) {
		return nil, fmt.Errorf("%w: %w", ErrInitialised, err)
	}
	if err != nil {
		return nil, err
	}
	pub, err := k.Public()
	if err != nil {
		return nil, err
	}
	if err := VoteLog(c.Home, pub.Member); err != nil {
		return nil, err
	}
	if err := os.WriteFile(c.NetworkFile(), f.JSON(), 0o600); err != nil {
		return nil, fmt.Errorf("writing the network file: %w", err)
	}
	if err := os.WriteFile(c.File(), []byte(tomlOf(bootstrap)), 0o600); err != nil {
		return nil, fmt.Errorf("writing config.toml: %w", err)
	}
	return &Home{Dir: c.Home, Network: f.Name, Hash: f.Hash(), Member: network.Find(f.Members, pub.Member) >= 0,
		Signed: len(f.Signatures), Members: len(f.Members), Public: pub}, nil
}

// Ensure gives a home keys where it has none, as Init does: for a container whose volume is empty at its first start. It says
// whether it did. A key that is there is left alone, whatever is wrong with it.
func Ensure(c *config.Config) (made bool, err error) {
	entries, err := os.ReadDir(c.KeyDir())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("keys: %w", err)
	}
	if len(entries) > 0 {
		return false, nil
	}
	if err := os.MkdirAll(c.Home, 0o700); errors.Is(err, fs.ErrPermission) {
		return false, fmt.Errorf("home: %w; give the volume to the user who runs the node: chown %d %s", err, os.Getuid(), filepath.Dir(c.Home))
	} else if err != nil {
		return false, fmt.Errorf("home: %w", err)
	}
	k, err := keys.Create(c.KeyDir())
	if err != nil {
		return false, err
	}
	pub, err := k.Public()
	if err != nil {
		return false, err
	}
	return true, VoteLog(c.Home, pub.Member)
}

// VoteLog makes the vote log that belongs to a new member key.
func VoteLog(home string, member intent.Key) error {
	c := config.Config{Home: home}
	return node.InitVoteLog(c.DataDir(), member)
}

func tomlOf(bootstrap []string) string {
	var b strings.Builder
	b.WriteString("# `paradox config` prints every key with its meaning and where its value comes from.\n\n[p2p]\nbootstrap = [")
	for n, s := range bootstrap {
		if n > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%q", s)
	}
	b.WriteString("]\n")
	return b.String()
}

// Open reads what a node is made of; ask is asked for the passphrase of sealed keys.
func Open(c *config.Config, version string, log io.Writer, ask keys.Passphrase) (node.Config, error) {
	out := node.Config{Settings: c, Version: version}
	var err error
	if out.File, err = Network(c); err != nil {
		return out, err
	}
	if out.Keys, err = keys.Load(c.KeyDir(), ask); err != nil {
		return out, err
	}
	out.LogLevel = new(slog.LevelVar)
	out.Logger = Logger(c.Log, log, out.LogLevel)
	return out, nil
}

// Network reads the network file of a home.
func Network(c *config.Config) (*network.File, error) {
	b, err := os.ReadFile(c.NetworkFile())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("network: %w; `paradox init --network FILE` makes a home of a network file", err)
	}
	if err != nil {
		return nil, fmt.Errorf("network: %w", err)
	}
	f, err := founded(b)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrNetworkFile, c.NetworkFile(), err)
	}
	return f, c.CheckNetwork(f)
}

// founded reads a network file and refuses one that some of its founders have signed and others have not.
func founded(b []byte) (*network.File, error) {
	f, err := network.Parse(b)
	if err != nil {
		return nil, err
	}
	return f, f.CheckFounders()
}

// Logger is the node's log as configured. The configuration has been validated.
func Logger(c config.Log, w io.Writer, level *slog.LevelVar) *slog.Logger {
	if err := level.UnmarshalText([]byte(c.Level)); err != nil {
		level.Set(slog.LevelInfo)
	}
	opts := &slog.HandlerOptions{Level: level}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, opts))
	}
	return slog.New(slog.NewTextHandler(w, opts))
}
