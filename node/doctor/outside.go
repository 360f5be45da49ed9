package doctor

import (
	"context"
	"encoding/binary"
	"net/url"
	"time"

	"github.com/gagliardetto/solana-go"
	"github.com/gagliardetto/solana-go/rpc"

	"github.com/phantom-paradox/paradox/chain"
	endpoints "github.com/phantom-paradox/paradox/chain/rpc"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/network"
	"github.com/phantom-paradox/paradox/p2p"
)

// endpoints are those that the node would ask.
func (v *visit) endpoints() []string {
	if len(v.c.Chain.RPC) > 0 || v.file == nil {
		return v.c.Chain.RPC
	}
	return v.file.RPC
}

// hostOf shows an endpoint without its path and query, which may hold a key.
func hostOf(text string) string {
	if u, err := url.Parse(text); err == nil && u.Host != "" {
		return u.Host
	}
	return "endpoint"
}

// rpc asks each endpoint whether it is of the network's cluster, and how fast it answers.
func (v *visit) rpc(ctx context.Context) []Finding {
	const name = "rpc"
	var out []Finding
	for _, text := range v.endpoints() {
		short, cancel := context.WithTimeout(ctx, rpcWait)
		began := time.Now()
		c := rpc.New(text)
		genesis, err := c.GetGenesisHash(short)
		took := time.Since(began).Round(time.Millisecond)
		switch {
		case err != nil:
			out = append(out, fail(name, "Check chain.rpc, the provider's key, and that outbound HTTPS is allowed.", "%s: %v", hostOf(text), endpoints.Conceal(err, text)))
		case v.file != nil && intent.Hash(genesis) != v.file.Cluster:
			out = append(out, fail(name, "Name an endpoint of the network's own cluster in chain.rpc.", "%s belongs to the cluster %s, the network to %s", hostOf(text), genesis, v.file.Cluster))
		default:
			slot, err := c.GetSlot(short, rpc.CommitmentFinalized)
			if err != nil {
				out = append(out, warn(name, "Name another endpoint besides it in chain.rpc.", "%s: %v", hostOf(text), endpoints.Conceal(err, text)))
				break
			}
			out = append(out, ok(name, "%s answers in %s, finalised slot %d", hostOf(text), took, slot))
		}
		cancel()
	}
	switch len(out) {
	case 0:
		out = append(out, fail(name, "Set chain.rpc, for instance to https://api.devnet.solana.com.", "no Solana endpoint is named"))
	case 1:
		if out[0].Status == OK {
			out[0].Detail += "; it is the only one"
		}
	}
	return out
}

// chain looks at the vault, the fee payer and the mints.
func (v *visit) chain(ctx context.Context) []Finding {
	const name = "chain"
	list := v.endpoints()
	if v.file == nil || len(list) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, rpcWait)
	defer cancel()
	for _, text := range list {
		c := rpc.New(text)
		got, _, err := chain.ReadVault(ctx, c, chain.Addresses(v.file).Vault, rpc.CommitmentFinalized)
		if err != nil {
			continue // said by the finding of the endpoint
		}
		if got == nil {
			return []Finding{fail(name, "Wait until the founders have opened it; or chain.rpc names another cluster than they use.", "the network has no vault on this cluster yet")}
		}
		out := []Finding{ok(name, "vault at height %d, event %d", got.Height, got.EventNumber)}
		return append(append(out, v.feePayer(ctx, c)...), v.freezable(ctx, c)...)
	}
	return []Finding{fail(name, "Look at the endpoints above.", "no endpoint shows the vault")}
}

// Lamports below which a fee payer is low, or as good as empty: a height costs a few transactions of 5,000 to 20,000 each.
const (
	feeLow  = 50_000_000
	feeNone = 2_000_000
)

func (v *visit) feePayer(ctx context.Context, c *rpc.Client) []Finding {
	const name = "fee payer"
	if v.keys == nil || !v.c.Chain.Submit {
		return nil
	}
	p, err := v.keys.Public()
	if err != nil || network.Find(v.file.Members, p.Member) < 0 {
		return nil // an observer submits nothing
	}
	got, err := c.GetBalance(ctx, solana.PublicKey(p.FeePayer), rpc.CommitmentConfirmed)
	remedy := "Send SOL to " + p.FeePayer.String() + "."
	switch {
	case err != nil:
		return []Finding{warn(name, "Look at the endpoints above.", "its balance cannot be read")}
	case got.Value < feeNone:
		return []Finding{fail(name, remedy, "has %.9g SOL: it can submit nothing", float64(got.Value)/1e9)}
	case got.Value < feeLow:
		return []Finding{warn(name, remedy, "has %.9g SOL left", float64(got.Value)/1e9)}
	}
	return []Finding{ok(name, "has %.9g SOL", float64(got.Value)/1e9)}
}

// Where a mint's account says whether it has a freeze authority: an option of a key, after mint authority (4 + 32), supply (8),
// decimals (1) and initialised (1).
const (
	freezeAt  = 46
	freezeEnd = freezeAt + 4 + 32
)

// freezable warns of mints whose issuer can stop a purse.
func (v *visit) freezable(ctx context.Context, c *rpc.Client) []Finding {
	const name = "mints"
	var out []Finding
	for _, m := range v.file.Mints {
		got, err := c.GetAccountInfo(ctx, solana.PublicKey(m.Mint))
		if err != nil || got.Value == nil {
			out = append(out, warn(name, "Compare the network file with the cluster.", "%s cannot be read", m.Symbol))
			continue
		}
		if d := got.Value.Data.GetBinary(); len(d) >= freezeEnd && binary.LittleEndian.Uint32(d[freezeAt:]) != 0 {
			holder := solana.PublicKeyFromBytes(d[freezeAt+4 : freezeEnd])
			out = append(out, warn(name, "Know whom you trust with it; the network cannot change it.", "%s has a freeze authority, %s: it can stop the vault's purse", m.Symbol, holder))
		}
	}
	if len(out) == 0 {
		out = append(out, ok(name, "%d, none with a freeze authority", len(v.file.Mints)))
	}
	return out
}

// peers dials each bootstrap address by itself.
func (v *visit) peers(ctx context.Context) []Finding {
	const name = "peers"
	if v.file == nil {
		return nil
	}
	list := append(append([]string{}, v.c.P2P.Bootstrap...), v.file.Bootstrap...)
	var own []string
	if v.keys != nil {
		list, own = v.others(list)
	}
	out := v.twins(ctx, own)
	if len(list) == 0 {
		return append(out, warn(name, "Ask somebody in the network for an address (paradox peers prints them) and set p2p.bootstrap.", "no bootstrap address is named"))
	}
	all, err := p2p.Probe(ctx, v.file.Prefix(), "paradox/"+v.version+" doctor", list)
	if err != nil {
		return append(out, fail(name, "Mend p2p.bootstrap.", "%v", err))
	}
	answered := 0
	for _, r := range all {
		if r.Err != nil {
			out = append(out, warn(name, r.Remedy(), "%s: %v", r.Address, r.Err))
			continue
		}
		answered++
		out = append(out, ok(name, "%s: %s answers in %s", r.Address, r.Agent, r.Took.Round(time.Millisecond)))
	}
	if answered == 0 {
		for i := range out {
			out[i].Status = Fail
		}
		out[len(out)-1].Remedy += " None answers: allow outbound TCP and UDP, check the addresses, and ask others in the network for one that works (paradox peers prints them)."
	}
	return out
}

// others sorts the node's own addresses out.
func (v *visit) others(list []string) (others, own []string) {
	p, err := v.keys.Public()
	if err != nil {
		return list, nil
	}
	for _, text := range list {
		infos, err := p2p.ParseBootstrap([]string{text})
		if err == nil && infos[0].ID.String() == p.Peer {
			own = append(own, text)
		} else {
			others = append(others, text)
		}
	}
	return others, own
}

// twins looks whether the node answers at an address of its own although it does not run here.
func (v *visit) twins(ctx context.Context, own []string) []Finding {
	if v.status != nil || len(own) == 0 {
		return nil
	}
	all, err := p2p.Probe(ctx, v.file.Prefix(), "paradox/"+v.version+" doctor", own)
	if err != nil {
		return nil // said by the finding of the peers
	}
	var out []Finding
	for _, r := range all {
		if r.Err == nil {
			out = append(out, fail("twin", "Stop that node before this one starts: two processes with one key contradict each other, and the committee holds it against the member.",
				"a node with this home's keys runs elsewhere: it answers at %s", r.Address))
		}
	}
	return out
}
