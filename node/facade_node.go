package node

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/libp2p/go-libp2p/core/peer"
	dto "github.com/prometheus/client_model/go"

	"github.com/phantom-paradox/paradox/chain"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/network"
	"github.com/phantom-paradox/paradox/node/api"
	"github.com/phantom-paradox/paradox/node/pool"
	"github.com/phantom-paradox/paradox/p2p"
)

// Network is the network file, and the committee as it is now.
func (f *facade) Network(context.Context) (*api.Network, error) {
	file, p := f.n.cfg.File, f.n.cfg.File.Params
	members, s := f.members(), f.sight()
	return &api.Network{Name: file.Name, Hash: f.net.Hash, Mints: append([]intent.Mint{}, file.Mints...), FeeBps: file.FeeBps, FeeOwner: file.FeeOwner,
		MaxAge: file.MaxAge, Members: membersView(members), Threshold: network.Threshold(members), Epoch: s.Epoch, Changes: f.changes(), Time: file.Time,
		Parameters: api.Parameters{MinIntents: p.MinIntents, MaxIntents: p.MaxIntents, MaxBatchBytes: p.MaxBatchBytes, Tick: p.Tick, MaxWait: p.MaxWait,
			BundleAge: p.BundleAge, ViewTimeout: p.ViewTimeout, ViewTimeoutMax: p.ViewTimeoutMax, TakeoverDelay: p.TakeoverDelay, CutMargin: p.CutMargin,
			MaxWallets: p.MaxWallets, MaxItems: p.MaxItems},
		Chain: api.NetworkChain{Cluster: file.Cluster, ProgramID: file.ProgramID, CodeHash: file.CodeHash, Vault: intent.Key(chain.Addresses(file).Vault),
			WithdrawDelay: file.WithdrawDelay, DropTime: file.DropTime},
		Bootstrap: append(slices.Clone(file.Bootstrap), f.n.host.Addrs()...)}, nil
}

// memberOf is the name of the member behind a peer id, "" if it is none.
func (f *facade) memberOf(id peer.ID) string {
	raw, err := p2p.PublicKey(id)
	if err != nil || len(raw) != len(intent.Key{}) {
		return ""
	}
	if network.Find(f.members(), intent.Key(raw)) < 0 {
		return ""
	}
	return f.nameOf(intent.Key(raw))
}

// Peers are the connected peers by id, and what became of bootstrap addresses.
func (f *facade) Peers(_ context.Context, p api.Page) (*api.Peers, error) {
	host := f.n.host
	out := &api.Peers{ID: host.ID().String(), Addresses: append([]string{}, host.Addrs()...), Peers: []api.Peer{}, Bootstrap: []api.Bootstrap{}}
	list := host.Peers()
	slices.SortFunc(list, func(a, b p2p.PeerInfo) int { return strings.Compare(a.ID.String(), b.ID.String()) })
	for _, q := range list {
		id := q.ID.String()
		if p.After != "" && id <= p.After {
			continue
		}
		if len(out.Peers) == p.Limit {
			out.Next = out.Peers[p.Limit-1].ID
			break
		}
		out.Peers = append(out.Peers, api.Peer{ID: id, Address: q.Addr, Inbound: q.Inbound, Agent: q.Agent, Version: q.Version,
			Latency: float64(q.Latency.Microseconds()) / 1000, Score: q.Score, Since: q.Since.Unix(), Member: f.memberOf(q.ID)})
	}
	for _, d := range host.DialResults() {
		b := api.Bootstrap{Address: d.Address, Connected: d.Connected, Attempts: d.Attempts, Error: d.Error}
		if !d.Last.IsZero() {
			b.Last = d.Last.Unix()
		}
		out.Bootstrap = append(out.Bootstrap, b)
	}
	return out, nil
}

func poolView(s pool.Stats) api.PoolStats {
	return api.PoolStats{Intents: s.Intents, Free: s.Free, Asks: s.Asks, Bytes: s.Bytes, Oldest: s.Oldest / 1000}
}

// Stats are the node's numbers.
func (f *facade) Stats(context.Context) (*api.Stats, error) {
	traffic := f.n.host.Traffic()
	blocks, err := f.n.ipfs.Stats()
	if err != nil {
		return nil, fmt.Errorf("reading bitswap's counts: %w", err)
	}
	disk, err := f.n.store.Usage()
	if err != nil {
		return nil, fmt.Errorf("measuring the disk: %w", err)
	}
	families, err := f.n.meter.registry.Gather()
	if err != nil {
		return nil, fmt.Errorf("reading the counters: %w", err)
	}
	totals := map[string]float64{}
	for _, m := range families {
		if m.GetType() != dto.MetricType_COUNTER || !strings.HasPrefix(m.GetName(), "paradox_") {
			continue
		}
		for _, c := range m.GetMetric() {
			totals[m.GetName()] += c.GetCounter().GetValue()
		}
	}
	return &api.Stats{Pool: poolView(f.sight().Pool), Totals: totals,
		Traffic: api.Traffic{BytesIn: api.Decimal(traffic.TotalIn), BytesOut: api.Decimal(traffic.TotalOut), BlocksIn: api.Decimal(blocks.BlocksReceived),
			BlocksOut: api.Decimal(blocks.BlocksSent), Duplicates: api.Decimal(blocks.Duplicates)},
		Disk: api.Disk{Used: api.Decimal(disk.Tree + disk.Values), Free: api.Decimal(disk.Free)}}, nil
}
