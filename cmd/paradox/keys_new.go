package main

import (
	"fmt"

	"github.com/phantom-paradox/paradox/node/keys"
	"github.com/phantom-paradox/paradox/node/setup"
)

type keysNewCmd struct {
	Home string `help:"The node's home." placeholder:"DIR"`
}

// Help is what --help says besides.
func (keysNewCmd) Help() string {
	return `For who is to be a founding member: a network file names its members' keys, so they are there before it. When the file is there, put it
into the home as network.json; ` + "`paradox init`" + ` does all at once where a network stands already. Keys that are there are left alone. Next:
` + "`paradox network card`" + ` prints what the coordinator of a founding needs (docs/founding.md).`
}

func (keysNewCmd) Run(a *app) error {
	c, err := a.load()
	if err != nil {
		return err
	}
	made, err := setup.Ensure(&c.Config)
	if err != nil {
		return err
	}
	if !made {
		return fmt.Errorf("%w: %s has keys; `paradox keys show` prints them", keys.ErrExists, c.KeyDir())
	}
	return keysShowCmd{}.Run(a)
}
