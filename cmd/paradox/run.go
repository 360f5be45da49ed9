package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/phantom-paradox/paradox/node"
	"github.com/phantom-paradox/paradox/node/config"
	"github.com/phantom-paradox/paradox/node/setup"
)

type runCmd struct {
	Init      bool `help:"Make keys first where the home has none: for a container with an empty volume." xor:"keys"`
	AwaitKeys bool `help:"Wait until paradox keys restore has put keys into the home: for a container that takes up another's." xor:"keys"`

	Settings config.Config `embed:""`
}

func (r runCmd) Run(ctx context.Context, a *app) error {
	c, err := a.load()
	if err != nil {
		return err
	}
	if a.json {
		c.Log.Format = "json"
	}
	made := false
	if r.Init {
		if made, err = setup.Ensure(&c.Config); err != nil {
			return err
		}
	}
	if r.AwaitKeys {
		if there, err := awaitKeys(ctx, a, c.KeyDir()); !there {
			return err
		}
	}
	parts, err := setup.Open(&c.Config, version, a.err, a.passphrase(c.PassphraseFile))
	if err != nil {
		return err
	}
	if made {
		parts.Logger.Info("made new keys; back them up", "directory", c.KeyDir())
	}
	if len(c.Unknown) > 0 {
		parts.Logger.Warn("these environment variables name no setting", "variables", c.Unknown)
	}
	n, err := node.New(ctx, parts)
	if err != nil {
		return err
	}
	defer n.Close()
	return n.Run(ctx)
}

// awaitKeys waits until there are keys, which come all at once, or ctx ends.
func awaitKeys(ctx context.Context, a *app, dir string) (there bool, err error) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for said := false; ; said = true {
		entries, err := os.ReadDir(dir)
		if err == nil && len(entries) > 0 {
			return true, nil
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return false, fmt.Errorf("waiting for keys: %w", err)
		}
		if !said {
			fmt.Fprintf(a.err, "waiting for keys in %s: paradox keys restore\n", dir)
		}
		select {
		case <-ctx.Done():
			return false, nil
		case <-tick.C:
		}
	}
}
