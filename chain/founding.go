package chain

import (
	"github.com/phantom-paradox/paradox/chain/vault"
	"github.com/phantom-paradox/paradox/network"
)

// Addresses derives the addresses of the network's vault.
func Addresses(f *network.File) vault.Addresses { return vault.NewAddresses(f.ProgramID, f.Hash()) }

// Founding is what create vault needs of the network file.
func Founding(f *network.File) *vault.Founding {
	return &vault.Founding{
		Members: members(f.Members), Threshold: f.Threshold(), WithdrawDelay: f.WithdrawDelay, DropTime: f.DropTime,
		FeeOwner: f.FeeOwner, Rest: f.RestHash(),
	}
}

func members(ms []network.Member) []vault.Member {
	out := make([]vault.Member, len(ms))
	for i, m := range ms {
		out[i] = vault.Member{Key: m.Key, Weight: m.Weight}
	}
	return out
}
