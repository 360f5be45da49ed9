package main

import (
	"fmt"
	"io"

	"github.com/phantom-paradox/paradox/intent"
)

type walletAddressCmd struct {
	Home     string `help:"Directory of the key; ~/.paradox unless said otherwise." placeholder:"DIR"`
	keyFlags `embed:""`
}

func (w walletAddressCmd) Run(a *app) error {
	c, err := a.load()
	if err != nil {
		return err
	}
	key, err := w.load(a, c)
	if err != nil {
		return err
	}
	return a.print(map[string]intent.Key{"wallet": publicOf(key)}, func(out io.Writer) { fmt.Fprintln(out, publicOf(key)) })
}
