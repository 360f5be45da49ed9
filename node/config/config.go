// Package config is what an operator can set of a node: one struct, each field documented once, in its tag. The command
// line, the environment, config.toml and the output of `paradox config` all come from it.
//
// What all nodes of a network must agree on stands in the network file and never here. Nothing here opens a socket or
// reads a key.
package config

import "path/filepath"

// Config is everything an operator can set. Load fills it; Check says what is wrong with it.
//
// Tags: koanf is the name in config.toml, help the one description, default the value when nobody says otherwise, legacy
// an environment name of the service that Paradox replaces, redact what `paradox config` hides.
type Config struct {
	Home    string `koanf:"home" help:"Directory of the node's keys, configuration and data; kept 0700." placeholder:"DIR"`
	Network string `koanf:"network" help:"The network file; network.json in the home directory unless said otherwise." placeholder:"FILE"`

	PassphraseFile string `koanf:"passphrase_file" help:"File whose first line opens keys that are sealed with a passphrase; /dev/fd/3 for an open descriptor. Without it a terminal is asked." placeholder:"FILE"`

	Log   Log   `koanf:"log" embed:"" prefix:"log-"`
	API   API   `koanf:"api" embed:"" prefix:"api-"`
	Admin Admin `koanf:"admin" embed:"" prefix:"admin-"`
	P2P   P2P   `koanf:"p2p" embed:"" prefix:"p2p-"`
	Chain Chain `koanf:"chain" embed:"" prefix:"chain-"`
	IPFS  IPFS  `koanf:"ipfs" embed:"" prefix:"ipfs-"`
	Clock Clock `koanf:"clock" embed:"" prefix:"clock-"`

	Sentry Sentry `koanf:"sentry" kong:"-"`

	Akash Akash `koanf:"akash" kong:"-"`

	Expect Expect `koanf:"expect" kong:"-"`
}

// Log is what the node says to its operator.
type Log struct {
	Level  string `koanf:"level" default:"info" help:"The least severe level that is logged: debug, info, warn, error."`
	Format string `koanf:"format" default:"text" help:"text for people, json for machines."`
}

// API is the HTTP server that wallets and people reach.
type API struct {
	Listen string `koanf:"listen" default:"127.0.0.1:8080" help:"Address of the HTTP API and the status page." placeholder:"HOST:PORT"`
	Rate   int    `koanf:"rate" default:"1000" help:"Intents a second that this node takes in over HTTP, all clients together."`
}

// Admin is a listener for the operator alone.
type Admin struct {
	Operators []string `koanf:"operators" help:"Solana keys that may operate this node over the HTTP API, once they have signed in; without any nobody may." placeholder:"KEY"`

	Domains []string `koanf:"domains" help:"Host names at which operators reach the HTTP API, besides localhost; a sign-in at any other is refused." placeholder:"HOST"`

	Listen string `koanf:"listen" help:"Address of profiling and metrics for the operator alone; empty: none." placeholder:"HOST:PORT"`
}

// P2P is the node among its peers.
type P2P struct {
	Listen    []string `koanf:"listen" default:"/ip4/0.0.0.0/tcp/4001,/ip4/0.0.0.0/udp/4001/quic-v1,/ip4/0.0.0.0/udp/4001/quic-v1/webtransport" help:"Multiaddrs to listen on: TCP, QUIC, WebTransport (/quic-v1/webtransport), WebSocket (/ws), and secure WebSocket (/wss), which needs p2p.tls_cert." placeholder:"MULTIADDR"`
	Announce  []string `koanf:"announce" help:"Multiaddrs to tell others instead of what the node sees of itself: behind NAT or a lease with ports of its own." placeholder:"MULTIADDR"`
	Bootstrap []string `koanf:"bootstrap" help:"Peers to dial first, besides those of the network file; each ends in /p2p/ID." placeholder:"MULTIADDR"`
	TLSCert   string   `koanf:"tls_cert" help:"File with the certificate chain, PEM, of /wss listeners, which browsers need; it is read again when it changes." placeholder:"FILE"`
	TLSKey    string   `koanf:"tls_key" help:"File with the certificate's key, PEM." placeholder:"FILE"`
	Public    bool     `koanf:"public" default:"true" negatable:"" help:"Map ports at the router, find out whether others can reach this node, and relay; off for a network on one machine."`
}

// Chain is the way to Solana.
type Chain struct {
	RPC    []string `koanf:"rpc" legacy:"SOLANA_RPC_URL" redact:"url" help:"Solana JSON-RPC endpoints, the preferred one first, instead of those of the network file. With two or more an event counts when two agree." placeholder:"URL"`
	Submit bool     `koanf:"submit" default:"true" negatable:"" legacy:"ENABLE_ONCHAIN_SETTLEMENT" help:"Submit settlements; without it a member votes and leaves submitting, and its fees, to the others."`
}

// IPFS is the way to blocks that no peer has, and to others that keep them.
type IPFS struct {
	Gateways []string `koanf:"gateways" redact:"url" help:"Trustless IPFS gateways to ask, in this order, for blocks that no peer has; every block is checked against its CID." placeholder:"URL"`

	Pinning       []string `koanf:"pinning" redact:"url" help:"Services of the IPFS Pinning Service API that are asked to keep the settled batches, for instance https://api.filebase.io/v1/ipfs; see docs/ipfs.md." placeholder:"URL"`
	PinningTokens []string `koanf:"pinning_tokens" kong:"-" redact:"secret" help:"Access tokens of the services of ipfs.pinning, in their order; each may be file:PATH, whose first line is the token."`
	PinataJWT     string   `koanf:"pinata_jwt" kong:"-" legacy:"PINATA_JWT" redact:"secret" help:"Token of a Pinata account, which adds https://api.pinata.cloud/psa to the services; file:PATH reads it from a file."`
}

// Clock is how the node learns that its clock is off.
type Clock struct {
	NTP []string `koanf:"ntp" default:"time.cloudflare.com,pool.ntp.org" help:"Time servers that are asked how far this machine's clock is off; it is never set. Empty: none is asked." placeholder:"HOST"`
}

// Sentry is where errors are reported; its address is a secret, so it is no flag.
type Sentry struct {
	DSN string `koanf:"dsn" legacy:"SENTRY_DSN" redact:"url" help:"Sentry project that errors and panics are reported to, without keys and addresses; empty: none."`
}

// Akash is the account that `paradox akash deploy` acts for. A node needs none of it.
type Akash struct {
	API     string `koanf:"api" default:"https://console-api.akash.network" help:"Akash's Console API, for paradox akash deploy, status, logs and close."`
	Key     string `koanf:"key" redact:"secret" help:"The Console account's API key. It spends the account's money: keep it where the node is not."`
	KeyFile string `koanf:"key_file" help:"File whose first line is the Console account's API key, where akash.key is not set."`
}

// Expect holds consensus values that the replaced service read from its environment. The network file decides them here;
// a node refuses to start where one of these contradicts it. Zero means not set.
type Expect struct {
	ProgramID   string `koanf:"program_id" legacy:"PROGRAM_ID" help:"The vault program the operator expects the network to name."`
	MinIntents  int    `koanf:"min_intents" legacy:"MIN_INTENTS_PER_BATCH" help:"The min_intents the operator expects the network to have."`
	MaxIntents  int    `koanf:"max_intents" legacy:"MAX_INTENTS_PER_BATCH" help:"The max_intents the operator expects the network to have."`
	BatchWindow int    `koanf:"batch_window" legacy:"BATCH_WINDOW_SECONDS" help:"The tick, in seconds, the operator expects the network to have."`
}

// NetworkFile is the path of the network file.
func (c *Config) NetworkFile() string {
	if c.Network != "" {
		return c.Network
	}
	return filepath.Join(c.Home, "network.json")
}

// KeyDir is the directory of the node's keys.
func (c *Config) KeyDir() string { return filepath.Join(c.Home, "keys") }

// DataDir is the directory of the node's database.
func (c *Config) DataDir() string { return filepath.Join(c.Home, "data") }

// File is the path of config.toml.
func (c *Config) File() string { return filepath.Join(c.Home, "config.toml") }
