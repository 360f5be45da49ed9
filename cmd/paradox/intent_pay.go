package main

import (
	"context"

	"github.com/phantom-paradox/paradox/intent"
)

type intentPayCmd struct {
	Amount       string `arg:"" help:"How much, in the mint's own unit: 1.5."`
	Mint         string `arg:"" help:"Its symbol, or its key."`
	To           string `arg:"" help:"Whom: a wallet's key."`
	Memo         string `help:"Up to 64 characters that everybody can read." placeholder:"TEXT"`
	signingFlags `embed:""`
}

// Help is what --help says besides.
func (intentPayCmd) Help() string {
	return `The text that is shown is what is signed, byte by byte. The network's fee comes on top. A payment that is not covered waits until it
is, or until it expires.`
}

func (p intentPayCmd) Run(ctx context.Context, a *app) error {
	return p.do(ctx, a, p.Memo, func(ctx context.Context, k *clerk) (*intent.Intent, error) {
		f, err := k.drawing(ctx)
		if err != nil {
			return nil, err
		}
		return f.Pay(k.net, p.Amount, p.Mint, p.To)
	})
}
