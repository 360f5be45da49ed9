package main

import (
	"cmp"
	"context"
	"fmt"
	"io"

	client "github.com/phantom-paradox/paradox/clients/go"
)

type evidenceCmd struct {
	asking `embed:""`
}

// Run lists what the node keeps; that there is some is an answer, and no failure of the command.
func (e evidenceCmd) Run(ctx context.Context, a *app) error {
	c, err := e.client(a)
	if err != nil {
		return err
	}
	defer c.Close()
	list, err := c.Evidence(ctx)
	if err != nil {
		return e.unreached(err)
	}
	if list == nil {
		list = []client.Evidence{}
	}
	return a.print(map[string]any{"evidence": list}, func(w io.Writer) {
		if len(list) == 0 {
			fmt.Fprintln(w, "no member contradicted itself, as far as this node knows")
			return
		}
		for _, v := range list {
			fmt.Fprintf(w, "%s at height %d, epoch %d, generation %d:\n", cmp.Or(v.Name, v.Member.String()), v.Height, v.Epoch, v.Generation)
			for _, x := range v.Votes {
				fmt.Fprintf(w, "  %-12s view %d  %s\n", x.Kind, x.View, x.Digest)
			}
		}
		fmt.Fprintln(w, "Two signed votes that no honest node casts: a key that runs twice, or a traitor. --json has the proofs; paradox network remove votes it out.")
	})
}
