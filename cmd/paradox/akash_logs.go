package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/phantom-paradox/paradox/akash"
)

type akashLogsCmd struct {
	onAkash `embed:""`
	Follow  bool `short:"f" help:"Go on until interrupted; an hour at most."`
	Tail    int  `default:"100" help:"Lines of the past." placeholder:"N"`
}

func (c akashLogsCmd) Run(ctx context.Context, a *app) error {
	if c.Tail < 0 {
		return fmt.Errorf("%w: --tail %d is less than none", errInput, c.Tail)
	}
	cfg, console, err := c.open(a)
	if err != nil {
		return err
	}
	defer console.Close()
	s, err := akash.LoadState(cfg.Home)
	if err != nil {
		return err
	}
	if s.Lease == nil {
		return fmt.Errorf("%w: there is no lease yet; `paradox akash deploy` goes on", akash.ErrNotReady)
	}
	err = console.Logs(ctx, *s.Lease, akash.LogOptions{Follow: c.Follow, Tail: c.Tail}, func(service, line string) error {
		return a.print(map[string]string{"service": service, "line": line}, func(w io.Writer) { fmt.Fprintln(w, line) })
	})
	if c.Follow && errors.Is(err, context.Canceled) {
		return nil // it was interrupted, as it says it goes on until
	}
	return err
}
