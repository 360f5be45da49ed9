package p2p

import (
	"crypto/ed25519"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"
)

// Config is what a host is made of.
type Config struct {
	Key       ed25519.PrivateKey // the member's or observer's key: the peer id comes from it
	Prefix    string             // network.File.Prefix(): topics, streams and the DHT live under it
	Listen    []string           // multiaddrs; nil: none, outbound only
	Announce  []string           // multiaddrs told to others instead of those listened on (behind a load balancer or Akash)
	Bootstrap []string           // multiaddrs that end in /p2p/ID, dialled until they answer and again when they go
	Agent     string             // "paradox/1.2.3"
	Versions  Versions           // of the node protocol; the zero value is 1 to 1
	Public    bool               // use NAT port mapping, reachability checks, relays and hole punching; off for a local testnet
	TLS       *tls.Config        // for /wss listeners
	Limits    Limits
	Logger    *slog.Logger
}

// Versions is the range of node protocol versions that a node speaks.
type Versions struct {
	Min uint32 `cbor:"min"`
	Max uint32 `cbor:"max"`
}

const maxPrefix = 128 // it is part of every protocol and topic name

// A parsed configuration.
type settings struct {
	Config
	key       crypto.PrivKey
	listen    []multiaddr.Multiaddr
	announce  []multiaddr.Multiaddr
	bootstrap []peer.AddrInfo
}

// Validate says what is wrong with the configuration, and what to do.
func (c Config) Validate() error {
	_, err := c.parse()
	return err
}

func (c Config) parse() (*settings, error) {
	s := &settings{Config: c}
	s.Limits = c.Limits.withDefaults()
	if s.Logger == nil {
		s.Logger = slog.New(slog.DiscardHandler)
	}
	if s.Versions == (Versions{}) {
		s.Versions = Versions{1, 1}
	}
	if s.Versions.Min > s.Versions.Max || s.Versions.Min == 0 {
		return nil, fmt.Errorf("versions %d to %d: the range is empty or begins at 0", c.Versions.Min, c.Versions.Max)
	}
	if len(c.Key) != ed25519.PrivateKeySize {
		return nil, fmt.Errorf("key of %d bytes: an Ed25519 private key has %d; make one with paradox init", len(c.Key), ed25519.PrivateKeySize)
	}
	if !strings.HasPrefix(c.Prefix, "/") || len(c.Prefix) < 2 || len(c.Prefix) > maxPrefix || strings.HasSuffix(c.Prefix, "/") {
		return nil, fmt.Errorf("prefix %q: it begins with a slash, does not end with one, and has at most %d bytes", c.Prefix, maxPrefix)
	}
	var err error
	if s.key, err = crypto.UnmarshalEd25519PrivateKey(slices.Clone(c.Key)); err != nil {
		return nil, fmt.Errorf("key: %w", err)
	}
	if s.listen, err = addresses("listen", c.Listen); err != nil {
		return nil, err
	}
	if s.announce, err = addresses("announce", c.Announce); err != nil {
		return nil, err
	}
	if s.bootstrap, err = ParseBootstrap(c.Bootstrap); err != nil {
		return nil, err
	}
	return s, nil
}

func addresses(field string, list []string) ([]multiaddr.Multiaddr, error) {
	var out []multiaddr.Multiaddr
	for _, text := range list {
		a, err := multiaddr.NewMultiaddr(text)
		if err != nil {
			return nil, fmt.Errorf("%s address %q: %w; it looks like /ip4/0.0.0.0/tcp/4001", field, text, err)
		}
		out = append(out, a)
	}
	return out, nil
}

// ParseBootstrap reads bootstrap addresses and gathers those of one peer.
func ParseBootstrap(list []string) ([]peer.AddrInfo, error) {
	var all []multiaddr.Multiaddr
	for _, text := range list {
		a, err := multiaddr.NewMultiaddr(text)
		if err == nil {
			_, err = peer.AddrInfoFromP2pAddr(a)
		}
		if err != nil {
			return nil, fmt.Errorf("bootstrap address %q: %w; it looks like /ip4/203.0.113.7/tcp/4001/p2p/12D3Koo…", text, err)
		}
		all = append(all, a)
	}
	infos, err := peer.AddrInfosFromP2pAddrs(all...)
	if err != nil {
		return nil, fmt.Errorf("bootstrap addresses: %w", err)
	}
	return infos, nil
}

// PeerID is the peer id of an Ed25519 public key, such as a member's.
func PeerID(public []byte) (peer.ID, error) {
	if len(public) != ed25519.PublicKeySize {
		return "", fmt.Errorf("a public key of %d bytes: Ed25519 has %d", len(public), ed25519.PublicKeySize)
	}
	key, err := crypto.UnmarshalEd25519PublicKey(public)
	if err != nil {
		return "", fmt.Errorf("read a public key: %w", err)
	}
	return peer.IDFromPublicKey(key)
}

// PublicKey is the Ed25519 key in a peer id, which is there for all nodes of this project.
func PublicKey(id peer.ID) ([]byte, error) {
	key, err := id.ExtractPublicKey()
	if err != nil {
		return nil, fmt.Errorf("peer %s: %w", id, err)
	}
	if key.Type() != crypto.Ed25519 {
		return nil, errors.New("the peer's key is not an Ed25519 key")
	}
	return key.Raw()
}
