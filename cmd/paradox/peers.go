package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"time"

	client "github.com/phantom-paradox/paradox/clients/go"
)

type peersCmd struct {
	asking `embed:""`
}

// Help is what --help says besides.
func (peersCmd) Help() string {
	return `Prints this node's whole addresses, which others put into p2p.bootstrap; then who is connected, how far away and who
dialled whom; then the bootstrap addresses that do not answer, with the reason.`
}

func (p peersCmd) Run(ctx context.Context, a *app) error {
	c, err := p.client(a)
	if err != nil {
		return err
	}
	defer c.Close()
	peers, err := c.Peers(ctx)
	if err != nil {
		return p.unreached(err)
	}
	return a.print(peers, func(w io.Writer) {
		fmt.Fprintln(w, "this node, for the p2p.bootstrap of others:")
		for _, address := range peers.Addresses {
			fmt.Fprintf(w, "  %s\n", address)
		}
		fmt.Fprintf(w, "\n%d connected\n", len(peers.Peers))
		for _, q := range peers.Peers {
			fmt.Fprintf(w, "  %-16s %-3s %9s  since %s  %s\n", cmp.Or(q.Member, "no member"), direction(q.Inbound), latency(q.Latency),
				time.Unix(q.Since, 0).UTC().Format("01-02 15:04"), q.Agent)
			if q.Inbound { // where it dialled from is no address to dial
				fmt.Fprintf(w, "    peer %s\n", q.ID)
				continue
			}
			fmt.Fprintf(w, "    %s\n", q.Whole())
		}
		a.unanswered(w, peers)
	})
}

// unanswered names the bootstrap addresses that lead nowhere.
func (a *app) unanswered(w io.Writer, peers *client.Peers) {
	first := true
	for _, b := range peers.Bootstrap {
		if b.Connected {
			continue
		}
		if first {
			fmt.Fprintln(w, "\nbootstrap addresses that do not answer; paradox doctor dials each by itself")
			first = false
		}
		a.finding(w, fmt.Sprintf("%d tries", b.Attempts), "warn", b.Address+" "+cmp.Or(b.Error, "not dialled yet"), "")
	}
}

func direction(inbound bool) string {
	if inbound {
		return "in"
	}
	return "out"
}

func latency(ms float64) string {
	if ms == 0 {
		return "–"
	}
	return fmt.Sprintf("%.1f ms", ms)
}
