// Package explorer makes links that show a transaction or an account to a person. It asks nobody anything.
package explorer

import (
	"net/netip"
	"net/url"
	"strings"

	"github.com/gagliardetto/solana-go"

	"github.com/phantom-paradox/paradox/intent"
)

const site = "https://explorer.solana.com/"

// Genesis hashes of the public clusters.
const (
	mainnet = "5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d"
	devnet  = "EtWTRABZaYq6iMfeYKouRu166VU2xqa1wcaWoxPkrZBG"
	testnet = "4uhcVJyU9pJkvQyS88uRDiswHXSCkY3zQawwpjk2NsNY"
)

// A Site makes links for one cluster.
type Site struct{ query string }

// For knows the public clusters by their genesis hash. For any other it names the RPC endpoint, which the page asks from the
// reader's browser; only one on this machine or in a private network, since other addresses may hold a provider's key.
func For(cluster intent.Hash, endpoint string) Site {
	switch cluster.String() {
	case mainnet:
		return Site{}
	case devnet:
		return Site{"?cluster=devnet"}
	case testnet:
		return Site{"?cluster=testnet"}
	}
	if local(endpoint) {
		return Site{"?cluster=custom&customUrl=" + url.QueryEscape(endpoint)}
	}
	return Site{"?cluster=custom"}
}

// Public says whether the genesis hash is that of a cluster which everybody shares.
func Public(cluster intent.Hash) bool {
	h := cluster.String()
	return h == mainnet || h == devnet || h == testnet
}

// Mainnet says whether the genesis hash is that of the cluster on which money is real.
func Mainnet(cluster intent.Hash) bool { return cluster.String() == mainnet }

func local(endpoint string) bool {
	u, err := url.Parse(endpoint)
	if err != nil || u.User != nil || u.RawQuery != "" || strings.Trim(u.Path, "/") != "" {
		return false
	}
	if u.Hostname() == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(u.Hostname())
	return err == nil && (a.IsLoopback() || a.IsPrivate())
}

// Transaction is the address of a transaction's page.
func (s Site) Transaction(sig solana.Signature) string { return site + "tx/" + sig.String() + s.query }

// Address is the address of an account's page.
func (s Site) Address(k solana.PublicKey) string { return site + "address/" + k.String() + s.query }
