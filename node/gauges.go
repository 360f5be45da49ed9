package node

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/phantom-paradox/paradox/chain"
	"github.com/phantom-paradox/paradox/ledger"
	"github.com/phantom-paradox/paradox/node/api"
	"github.com/phantom-paradox/paradox/node/clock"
)

// Metrics that are read when somebody asks for them. What cannot be read has no sample: an alert on it stays silent, and the
// alert on the node's own opinion (paradox_health) speaks.

// watch adds them.
func (m *meters) watch(n *Node) {
	f := n.facade
	gauge := func(name, help string, read func() float64) {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "paradox", Name: name, Help: help}, read))
	}
	total := func(name, help string, read func() uint64) {
		m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: "paradox", Name: name, Help: help}, func() float64 { return float64(read()) }))
	}
	gauge("pool_intents", "Intents pooled.", func() float64 { return float64(f.sight().Pool.Intents) })
	gauge("pool_free_intents", "Intents pooled that no height has taken.", func() float64 { return float64(f.sight().Pool.Free) })
	gauge("peers", "Peers connected.", func() float64 { return float64(len(n.host.Peers())) })
	gauge("chain_slot", "The finalised slot up to which the vault's events are known.", func() float64 { return float64(f.sight().Slot) })
	gauge("synced", "1 where the node follows the vault and has every settled height.", func() float64 { return yes(f.sight().Synced) })
	gauge("member", "1 where the node is a member now.", func() float64 { return yes(f.sight().Member) })
	gauge("voting", "1 where the node is a member and votes.", func() float64 { return yes(f.sight().Voting == "voting") })
	gauge("settlement_waiting_seconds", "How long the decided height has waited to be settled; 0 where none waits.", f.waiting)
	took := time.Since(n.started).Seconds()
	gauge("start_seconds", "How long the node took from its start until it served.", func() float64 { return took })
	total("storage_failures_total", "Writes that the disk did not take.", n.store.Failures)
	total("ipfs_gateway_failures_total", "Blocks that an IPFS gateway did not give: no answer in time, not there, or another block.", n.ipfs.GatewayFailures)
	total("rpc_failovers_total", "Requests that another Solana endpoint answered because one before it failed.", func() uint64 {
		if n.rpc == nil {
			return 0
		}
		return n.rpc.Failovers()
	})
	m.registry.MustRegister(newSamples(n), collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
}

func yes(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// waiting is how long the decided height has not been settled.
func (f *facade) waiting() float64 {
	s := f.sight()
	if !s.Provisional {
		return 0
	}
	r, err := f.n.book.round(s.Deciding)
	if err != nil || r == nil {
		return 0
	}
	return max(0, f.n.door.clock().Sub(time.UnixMilli(r.Decided)).Seconds())
}

// signedOrNot counts whether this member's signature is in a settled height's certificate.
func (f *facade) signedOrNot(r RoundNotice) {
	if r.State != "settled" || r.Round == nil || !f.sight().Member {
		return
	}
	if slices.ContainsFunc(r.Round.Certificate.Signatures, func(s ledger.MemberSignature) bool { return s.Member == f.n.self }) {
		f.n.meter.signed.Inc()
	} else {
		f.n.meter.unsigned.Inc()
	}
}

// samples are metrics that may be missing, or have labels.
type samples struct {
	n                                                     *Node
	health, endpoint, liar, free, least, used, fee, drift *prometheus.Desc
	pins                                                  pinSamples
}

func newSamples(n *Node) *samples {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("paradox_"+name, help, labels, nil)
	}
	return &samples{n: n, pins: newPinSamples(desc),
		health:   desc("health", "What the node thinks of itself, by check: 0 healthy, 1 degraded, 2 unhealthy.", "check"),
		endpoint: desc("rpc_endpoint_usable", "1 where a Solana endpoint answers and does not lag; 1 is the first of chain.rpc.", "endpoint"),
		liar:     desc("rpc_endpoint_contradicted", "1 while other Solana endpoints contradict this one, and it is not believed; 1 is the first of chain.rpc.", "endpoint"),
		free:     desc("disk_free_bytes", "Free bytes of the volume of the home directory."),
		least:    desc("disk_least_bytes", "Free bytes below which the node writes nothing."),
		used:     desc("disk_used_bytes", "Bytes of the node's database."),
		fee:      desc("fee_payer_lamports", "What the fee payer has, in lamports; left out where the node submits nothing."),
		drift:    desc("clock_offset_seconds", "How far the true time is ahead of this machine's; left out where no time server answers."),
	}
}

// Describe implements prometheus.Collector.
func (s *samples) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range append([]*prometheus.Desc{s.health, s.endpoint, s.liar, s.free, s.least, s.used, s.fee, s.drift}, s.pins.all()...) {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (s *samples) Collect(ch chan<- prometheus.Metric) {
	put := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	f := s.n.facade
	if h, err := f.Health(context.Background()); err == nil {
		for _, c := range h.Checks {
			put(s.health, map[string]float64{api.Healthy: 0, api.Degraded: 1}[c.Status]+2*yes(c.Status == api.Unhealthy), c.Name)
		}
	}
	if s.n.rpc != nil {
		for i, e := range s.n.rpc.Health() {
			put(s.endpoint, yes(!e.Open && !e.Lagging && e.Error == ""), strconv.Itoa(i+1))
			put(s.liar, yes(slices.ContainsFunc(s.n.watcher.Dissents(), func(d chain.Dissent) bool { return d.Source == i })), strconv.Itoa(i+1))
		}
	}
	s.pins.collect(s.n, ch)
	if u, err := s.n.store.Usage(); err == nil {
		put(s.free, float64(u.Free))
		put(s.least, float64(u.Min))
		put(s.used, float64(u.Tree+u.Values))
	}
	f.health.mu.Lock()
	defer f.health.mu.Unlock()
	if f.health.feeKnown {
		put(s.fee, float64(f.health.lamports))
	}
	if f.health.clockKnown {
		put(s.drift, f.health.offset.Seconds())
	}
}

// clockEvery is how often time servers are asked: clocks drift by seconds a week.
const clockEvery = 15 * time.Minute

// watchClock asks time servers now and then how far the clock is off.
func (f *facade) watchClock(ctx context.Context) error {
	servers := f.n.cfg.Settings.Clock.NTP
	if len(servers) == 0 {
		return nil
	}
	ticker := time.NewTicker(clockEvery)
	defer ticker.Stop()
	for {
		offset, err := clock.Offset(ctx, servers)
		if err != nil && ctx.Err() == nil {
			f.n.log.Debug("no time server answers", "err", err)
		}
		f.health.mu.Lock()
		f.health.offset, f.health.clockKnown = offset, err == nil
		f.health.mu.Unlock()
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// clockCheck judges the clock. health.mu is held.
func (f *facade) clockCheck() api.Check {
	const name, remedy = "clock", "Let the machine set its clock by itself: timedatectl set-ntp true, or chrony; see docs/runbooks/clock-drift.md."
	off := f.health.offset.Abs().Round(time.Millisecond)
	switch {
	case !f.health.clockKnown:
		return check(name, api.Healthy, "not compared with a time server", "")
	case off >= clock.Broken:
		return check(name, api.Unhealthy, "off by "+off.String()+": this node disagrees with others on what has expired", remedy)
	case off >= clock.Drift:
		return check(name, api.Degraded, "off by "+off.String(), remedy)
	}
	return check(name, api.Healthy, "off by "+off.String(), "")
}
