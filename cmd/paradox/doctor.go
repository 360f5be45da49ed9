package main

import (
	"context"
	"fmt"
	"io"

	"github.com/phantom-paradox/paradox/node/config"
	"github.com/phantom-paradox/paradox/node/doctor"
)

type doctorCmd struct {
	Settings config.Config `embed:""`
}

// Help is what --help says besides.
func (doctorCmd) Help() string {
	return `Looks at the home, the network file, keys, clock, disk, ports, every Solana endpoint and every bootstrap address, each
by itself, and at the node if it runs. Every line is ok, warn or fail, and says what to do. Nothing is changed.

Run it before the first start, and whenever something is odd. It exits with 4 where a line says fail.`
}

func (doctorCmd) Run(ctx context.Context, a *app) error {
	c, err := a.load()
	if err != nil {
		return err
	}
	list, err := doctor.Look(ctx, &c.Config, version, a.passphrase(c.PassphraseFile), a.now)
	if err != nil {
		return err
	}
	worst := doctor.Worst(list)
	view := struct {
		Status   string           `json:"status"`
		Findings []doctor.Finding `json:"findings"`
	}{worst, list}
	err = a.print(view, func(w io.Writer) {
		for _, f := range list {
			a.finding(w, f.Name, f.Status, f.Detail, f.Remedy)
		}
	})
	if err == nil && worst == doctor.Fail {
		err = fmt.Errorf("%w: mend what fails, from the top", errUnhealthy)
	}
	return err
}
