package node

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/phantom-paradox/paradox/ledger"
	"github.com/phantom-paradox/paradox/node/api"
	"github.com/phantom-paradox/paradox/storage/pinning"
)

// Batches at remote pinning services: a node asks them for each root that is settled. What is settled is never let go, here or
// there; a header that the chain undid was never asked for.

// pinLate is how long a service may take before the node thinks that something is wrong: one that walks a long history, or is
// paid for little, takes minutes.
const pinLate = 30 * time.Minute

func (n *Node) openPinning(context.Context) error {
	list, err := n.cfg.Settings.IPFS.PinningServices()
	if err != nil {
		return err
	}
	cfg := pinning.Config{Store: n.store, Name: fmt.Sprintf("paradox %s %s", n.cfg.File.Name, n.host.ID()), Origins: n.origins, Dialer: n.host,
		Logger: n.log.With("part", "pinning")}
	for _, s := range list {
		cfg.Services = append(cfg.Services, pinning.Service{URL: s.URL, Token: s.Token})
	}
	if n.pinner, err = pinning.New(cfg); err != nil {
		return err
	}
	n.task(n.pinner.Run)
	return nil
}

// origins are the addresses at which others can get blocks of this node: what it announces, or on the internet what is public.
func (n *Node) origins() []string {
	s := n.cfg.Settings.P2P
	all := n.host.Addrs()
	if len(s.Announce) > 0 || !s.Public {
		return all
	}
	var out []string
	for _, text := range all {
		if a, err := multiaddr.NewMultiaddr(text); err == nil && manet.IsPublicAddr(a) {
			out = append(out, text)
		}
	}
	return out
}

// pinRemotely asks the services for a settled root. That they lag is no reason to stop: pinningCheck tells.
func (n *Node) pinRemotely(height uint64, batch ledger.BatchCID) {
	id, err := toCID(batch)
	if err == nil {
		err = n.pinner.Want(height, id)
	}
	if err != nil {
		n.log.Warn("a settled batch is not queued for the pinning services; the next will be", "height", height, "err", err)
	}
}

// pinningCheck looks at the remote services.
func (f *facade) pinningCheck(now time.Time) api.Check {
	const name = "pinning"
	list := f.n.pinner.Status()
	if len(list) == 0 {
		return check(name, api.Healthy, "no remote service is asked", "")
	}
	var good, bad []string
	remedy := "Batches are safe on the members; docs/runbooks/pinning.md says what services need."
	for _, s := range list {
		switch late := !s.Waiting.IsZero() && now.Sub(s.Waiting) >= pinLate; {
		case s.Refused:
			bad = append(bad, s.Host+" does not take the token: "+s.Problem)
			remedy = "Give " + s.Host + " a new token (ipfs.pinning_tokens, PINATA_JWT) that may pin by CID, and restart the node."
		case late:
			bad = append(bad, fmt.Sprintf("%s is at height %d, and behind for %s: %s", s.Host, s.Height, now.Sub(s.Waiting).Round(time.Minute), cmp.Or(s.Problem, "it is getting the blocks")))
		default:
			good = append(good, fmt.Sprintf("%s is at height %d", s.Host, s.Height))
		}
	}
	if len(bad) > 0 {
		return check(name, api.Degraded, strings.Join(bad, "; "), remedy)
	}
	return check(name, api.Healthy, strings.Join(good, "; "), "")
}

// pinSamples are metrics of the remote services.
type pinSamples struct{ height, waiting, failures, lost *prometheus.Desc }

func newPinSamples(desc func(name, help string, labels ...string) *prometheus.Desc) pinSamples {
	return pinSamples{
		height:   desc("pinning_height", "The newest batch that a remote pinning service holds, with all before it.", "service"),
		waiting:  desc("pinning_waiting_seconds", "How long a settled batch has waited to be held by a remote pinning service; 0 where none waits.", "service"),
		failures: desc("pinning_failures_total", "Answers of a remote pinning service that were none, or a no, and batches that it could not get.", "service"),
		lost:     desc("pinning_lost_total", "Pins that a remote pinning service no longer had; they are asked for again.", "service"),
	}
}

func (p pinSamples) all() []*prometheus.Desc {
	return []*prometheus.Desc{p.height, p.waiting, p.failures, p.lost}
}

func (p pinSamples) collect(n *Node, ch chan<- prometheus.Metric) {
	for _, s := range n.pinner.Status() {
		waiting := 0.0
		if !s.Waiting.IsZero() {
			waiting = max(0, time.Since(s.Waiting).Seconds())
		}
		ch <- prometheus.MustNewConstMetric(p.height, prometheus.GaugeValue, float64(s.Height), s.Host)
		ch <- prometheus.MustNewConstMetric(p.waiting, prometheus.GaugeValue, waiting, s.Host)
		ch <- prometheus.MustNewConstMetric(p.failures, prometheus.CounterValue, float64(s.Failures), s.Host)
		ch <- prometheus.MustNewConstMetric(p.lost, prometheus.CounterValue, float64(s.Lost), s.Host)
	}
}
