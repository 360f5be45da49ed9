package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/phantom-paradox/paradox/akash"
	client "github.com/phantom-paradox/paradox/clients/go"
)

type akashStatusCmd struct {
	onAkash `embed:""`
	AKT     float64 `name:"akt-usd" help:"Price of an AKT in US dollars, for a lease that is paid in AKT." placeholder:"USD"`
}

// Help is what --help says besides.
func (akashStatusCmd) Help() string {
	return `Asks Akash for the deployment that the home remembers, and the node itself through the provider's ingress. The bootstrap lines
are what others put into p2p.bootstrap. The exit code is 4 where it is closed or does not run.`
}

// akashNode is what the node itself says.
type akashNode struct {
	Status    string   `json:"status"` // healthy, degraded, unhealthy; unreachable
	Height    uint64   `json:"height,omitempty"`
	Peers     int      `json:"peers,omitempty"`
	Bootstrap []string `json:"bootstrap"`
	Error     string   `json:"error,omitempty"`
}

func (c akashStatusCmd) Run(ctx context.Context, a *app) error {
	cfg, console, err := c.open(a)
	if err != nil {
		return err
	}
	defer console.Close()
	s, err := akash.LoadState(cfg.Home)
	if err != nil {
		return err
	}
	if s.DSeq == "" {
		return fmt.Errorf("%w: a run of deploy was interrupted before it knew whether there is one; run it again", akash.ErrNotReady)
	}
	lot, err := console.Deployment(ctx, s.DSeq)
	if err != nil {
		return err
	}
	view := struct {
		*akashView
		Node *akashNode `json:"node,omitempty"`
	}{viewOf(s, lot, worth(c.AKT)), nil}
	if len(view.URIs) > 0 {
		view.Node = askNode(ctx, view.akashView)
	}
	if err := a.print(view, func(w io.Writer) {
		view.write(w)
		if n := view.Node; n != nil {
			fmt.Fprintf(w, "%-11s %s, height %d, %d peers\n", "node", n.Status, n.Height, n.Peers)
			for _, m := range n.Bootstrap {
				fmt.Fprintf(w, "%-11s %s\n", "bootstrap", m)
			}
			if n.Error != "" {
				fmt.Fprintf(w, "%-11s %s\n", "", n.Error)
			}
		}
	}); err != nil {
		return err
	}
	switch {
	case lot.Ended() != nil:
		return lot.Ended()
	case view.Wanted == 0 || view.Running < view.Wanted:
		return akash.ErrNotReady
	}
	return nil
}

// nodeWait is how long the node may take to answer through the provider's ingress.
const nodeWait = 10 * time.Second

// askNode asks the node itself, for what Akash cannot know: whether it is well, and its peer id.
func askNode(ctx context.Context, v *akashView) *akashNode {
	n := &akashNode{Status: "unreachable", Bootstrap: []string{}}
	c, err := client.New(v.URIs[0])
	if err != nil {
		n.Error = err.Error()
		return n
	}
	defer c.Close()
	c = c.Within(nodeWait)
	health, err := c.Health(ctx)
	if err != nil {
		n.Error = err.Error()
		return n
	}
	n.Status = health.Status
	if s, err := c.Status(ctx); err == nil {
		n.Height, n.Peers = s.Height, s.Peers
	}
	peers, err := c.Peers(ctx)
	if err != nil {
		n.Error = err.Error()
		return n
	}
	id, err := peer.Decode(peers.ID)
	if err != nil {
		n.Error = "the node's peer id makes no sense"
		return n
	}
	for _, m := range v.Announce {
		n.Bootstrap = append(n.Bootstrap, m+"/p2p/"+id.String())
	}
	return n
}
