package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/phantom-paradox/paradox/network"
	"github.com/phantom-paradox/paradox/node/figures"
)

type benchRoundsCmd struct {
	Members []int  `default:"4,7,10,21" help:"Sizes of the committees."`
	Heights int    `default:"200" help:"Heights to measure of each."`
	Losses  int    `default:"3" help:"Heights whose leader is silent; each takes its timer of 6 seconds."`
	Dir     string `help:"Directory for vote logs, on the disk that a node would use; a temporary one unless said." placeholder:"DIR"`
}

// Help is what --help says besides.
func (benchRoundsCmd) Help() string {
	return `Committees of real libp2p hosts on loopback decide empty heights, with vote logs on disk and synced: how long a decision takes
from the start of a round until each member has it, what is said for it, and what a silent leader costs. All members share
this machine; what a wider network adds is its delay, times the message delays, and its bytes.`
}

func (b benchRoundsCmd) Run(ctx context.Context, a *app) (err error) {
	for _, n := range b.Members {
		if n < 1 || n > network.MaxMembers {
			return fmt.Errorf("%w: --members %d: a committee has 1 to %d", errInput, n, network.MaxMembers)
		}
	}
	if len(b.Members) == 0 || b.Heights < 1 || b.Losses < 0 {
		return fmt.Errorf("%w: --members and --heights: name at least one", errInput)
	}
	dir, err := os.MkdirTemp(b.Dir, "paradox-bench-")
	if err != nil {
		return fmt.Errorf("%w: --dir: %w", errInput, err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	r, err := figures.Measure(ctx, figures.Options{Members: b.Members, Heights: b.Heights, Losses: b.Losses, Dir: dir}, func(s figures.Size) {
		if a.tty && !a.json {
			fmt.Fprintf(a.err, "%d members are measured\n", s.Members)
		}
	})
	if err != nil {
		return err
	}
	return a.print(r, func(w io.Writer) { r.Text(w) })
}
