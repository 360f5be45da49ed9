package main

import (
	"cmp"
	"context"
	"fmt"
	"io"

	"github.com/phantom-paradox/paradox/akash"
)

type akashCloseCmd struct {
	onAkash `embed:""`
	Yes     bool `short:"y" help:"Do not ask."`
}

func (c akashCloseCmd) Run(ctx context.Context, a *app) error {
	cfg, console, err := c.open(a)
	if err != nil {
		return err
	}
	defer console.Close()
	s, err := akash.LoadState(cfg.Home)
	if err != nil {
		return err
	}
	if err := a.confirm(c.Yes, func(w io.Writer) {
		fmt.Fprintf(w, "Ends deployment %s. The provider deletes its volume: keys and vote log of the node are lost, unless you have them (docs/akash.md).\n", cmp.Or(s.DSeq, "that was asked for"))
	}); err != nil {
		return err
	}
	dseq, err := (&akash.Deployer{Console: console, Home: cfg.Home, Operator: &akashAsker{a: a}}).Shut(ctx)
	if err != nil {
		return err
	}
	return a.print(map[string]any{"closed": dseq}, func(w io.Writer) {
		if dseq == "" {
			fmt.Fprintln(w, "There was none, and it is forgotten.")
			return
		}
		fmt.Fprintf(w, "Deployment %s is closed; what was set aside and not spent goes back to the account.\n", dseq)
	})
}
