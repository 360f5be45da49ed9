package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"time"

	client "github.com/phantom-paradox/paradox/clients/go"
)

type statusCmd struct {
	asking `embed:""`
	With   string        `help:"Another node's address: say whether the two agree on the state, too." placeholder:"URL"`
	Wait   time.Duration `default:"30s" help:"With --with: how long the two may take to have settled the same height."`
}

func (s statusCmd) Run(ctx context.Context, a *app) error {
	c, err := s.client(a)
	if err != nil {
		return err
	}
	defer c.Close()
	st, err := c.Status(ctx)
	if err != nil {
		return s.unreached(err)
	}
	alone, err := lonely(ctx, c, st)
	if err != nil {
		return s.unreached(err)
	}
	view := struct {
		*client.Status
		Agreement *agreement `json:"agreement,omitempty"`
	}{Status: st}
	var differs error
	if s.With != "" {
		view.Agreement, differs = s.compare(ctx, c)
	}
	err = a.print(view, func(w io.Writer) {
		synced := "in step with the network"
		switch {
		case !st.Synced:
			synced = "catching up"
		case alone:
			synced = "alone: in step with the vault, and connected to nobody"
		}
		fmt.Fprintf(w, "paradox %s on %s, %s\n", st.Version, st.Network, synced)
		fmt.Fprintf(w, "height        %d (view %d, leader %s)\n", st.Height, st.View, cmp.Or(st.LeaderName, st.Leader, "none yet"))
		fmt.Fprintf(w, "settled       %d, slot %d, %d vault events\n", st.Chain.Height, st.Chain.Slot, st.Chain.Events)
		fmt.Fprintf(w, "pool          %d intents\n", st.Pool)
		fmt.Fprintf(w, "peers         %d\n", st.Peers)
		fmt.Fprintf(w, "this node     %s\n", role(st))
		tellChanges(w, st.Changes)
		fmt.Fprintf(w, "state digest  %s\n", st.StateDigest)
		if v := view.Agreement; v != nil {
			fmt.Fprintf(w, "agrees with   %s on the state at height %d: %s\n", v.With, v.Height, v.Digest)
		}
	})
	if err == nil && differs != nil {
		return differs
	}
	if err == nil && alone {
		return fmt.Errorf("%w: %s has no peers; paradox doctor dials each bootstrap address and says what is wrong", errUnhealthy, c.Address())
	}
	if err == nil && !st.Synced {
		err = fmt.Errorf("%w: %s is not in step with the network; paradox health says why", errUnhealthy, c.Address())
	}
	return err
}

// lonely says whether a node has no peers though there is somebody to have: a network of one member needs none.
func lonely(ctx context.Context, c *client.Client, st *client.Status) (bool, error) {
	if st.Peers > 0 {
		return false, nil
	}
	n, err := c.Network(ctx)
	if err != nil {
		return false, err
	}
	return len(n.Members) > 1 || st.Member == "", nil
}

// role says what the node is to the committee.
func role(st *client.Status) string {
	text := st.Voting
	if st.Member != "" {
		text = st.Member + ", " + text
	}
	if st.Why != "" {
		text += ": " + st.Why
	}
	return text
}
