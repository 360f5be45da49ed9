package testnet

import (
	"fmt"

	"github.com/phantom-paradox/paradox/chain/localnet"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/network"
	"github.com/phantom-paradox/paradox/program"
)

// The network files that ship, local.json and devnet.json, are templates: a network is founded by its members' keys, which no
// release can know. A node refuses them, with what to do instead.

// DevnetGenesis is the genesis hash of Solana's devnet.
const DevnetGenesis = "EtWTRABZaYq6iMfeYKouRu166VU2xqa1wcaWoxPkrZBG"

const (
	devnetProgram = "deploy program/vault.so, make it final, let members hand in their keys, and found the network with `paradox network create`; docs/devnet.md has the commands"
	localProgram  = "run `paradox testnet up`: it founds a network like this on this machine, with keys that it draws, and prints where its own network file is"

	devnetUSDC = "4zMMC9srt5Ri5X14GAgXhaHii3GnPAEERYPJgZJDncDU" // Circle's
	devnetRPC  = "https://api.devnet.solana.com"
)

// template is a network file without members.
func template(say string, f *network.File) []byte {
	f.Version, f.MaxAge = network.Version, intent.MaxAge{Default: 3600, Ask: 7 * 86400, Session: 30 * 86400}
	f.FeeBps, f.Members = feeBps, []network.Member{}
	return f.TemplateJSON(say)
}

// DevnetTemplate is devnet.json.
func DevnetTemplate() ([]byte, error) {
	f := &network.File{Name: "paradox-devnet", CodeHash: program.Hash(), WithdrawDelay: network.DefaultWithdrawDelay, DropTime: network.DefaultDropTime,
		Params: network.DefaultParams(), RPC: []string{devnetRPC}}
	if err := f.Cluster.UnmarshalText([]byte(DevnetGenesis)); err != nil {
		return nil, fmt.Errorf("devnet's genesis hash: %w", err)
	}
	usdc := intent.Mint{Symbol: "USDC", Decimals: 6}
	if err := usdc.Mint.UnmarshalText([]byte(devnetUSDC)); err != nil {
		return nil, fmt.Errorf("devnet's USDC: %w", err)
	}
	f.Mints = []intent.Mint{usdc}
	return template("this network is not founded: "+devnetProgram, f), nil
}

// LocalTemplate is local.json.
func LocalTemplate() []byte { return template(localProgram, localFile()) }

func localFile() *network.File {
	return &network.File{Name: networkName, ProgramID: intent.Key(localnet.DefaultVaultProgram()), CodeHash: intent.Hash(localnet.CodeHash()),
		WithdrawDelay: network.LocalWithdrawDelay, DropTime: network.LocalDropTime, Mints: []intent.Mint{}, Params: network.LocalParams()}
}

// chainTemplate is what networks on a bare chain begin with.
func chainTemplate(cluster intent.Hash, url string) []byte {
	f := localFile()
	f.Cluster, f.RPC = cluster, []string{url}
	return template("paradox network create --from makes a draft of it; docs/founding.md has the order", f)
}
