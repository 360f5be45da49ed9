package main

import (
	"fmt"
	"io"
	"os"

	"github.com/phantom-paradox/paradox/node"
)

type resumeCmd struct {
	Home string `help:"The home of the node, which must not run." placeholder:"DIR"`
}

// Help is what --help says besides.
func (resumeCmd) Help() string {
	return `A node stops voting, and stays silent over restarts, where going on could do harm: another process votes with its key,
it computes another result than the committee certified, or the vault's events contradict its state. It goes on to follow
and to serve; paradox health says why it is silent.

Mend the reason first: stop the other process, or upgrade. Then stop the node, run this, and start it again.`
}

func (resumeCmd) Run(a *app) error {
	c, err := a.load()
	if err != nil {
		return err
	}
	if _, err := os.Stat(c.DataDir()); err != nil {
		return fmt.Errorf("%w: home: %w", errInput, err)
	}
	why, err := node.Resume(c.DataDir())
	if err != nil {
		return err
	}
	return a.print(map[string]string{"reason": why}, func(w io.Writer) {
		if why == "" {
			fmt.Fprintln(w, "this node had not stopped voting")
			return
		}
		fmt.Fprintf(w, "it had stopped voting: %s\nit votes again when it starts\n", why)
	})
}
