package main

import (
	"context"
	"fmt"

	"github.com/phantom-paradox/paradox/netting/command"
)

type nettingCmd struct {
	Run nettingRunCmd `cmd:"" help:"Net a case file, or obligations from a CSV, and print the outcome."`
}

type nettingRunCmd struct {
	File        string `arg:"" optional:"" help:"A case file as in docs/spec/netting.md; standard input unless said otherwise."`
	Obligations string `help:"A CSV of debtor,creditor,amount instead of a case; - for standard input." placeholder:"FILE"`
	Explain     bool   `help:"Say why each move was not taken."`
	Wallet      string `help:"Also print the statement of this wallet." placeholder:"WALLET"`
	SVG         string `name:"svg" help:"Draw gross against net into this file." placeholder:"FILE"`
	Asset       string `help:"The mint to draw; the one with the largest gross volume unless said otherwise." placeholder:"MINT"`
}

func (n nettingRunCmd) Run(ctx context.Context, a *app) error {
	args := command.Args{
		File: n.File, Obligations: n.Obligations, Explain: n.Explain, Wallet: n.Wallet, SVG: n.SVG, Asset: n.Asset, JSON: a.json,
	}
	if err := args.Validate(); err != nil {
		return fmt.Errorf("%w: %w", errInput, err)
	}
	return command.Run(ctx, args, a.in, a.out, a.err)
}

type benchCmd struct {
	Netting    benchNettingCmd    `cmd:"" help:"Measure netting on this machine."`
	Settlement benchSettlementCmd `cmd:"" help:"What settling costs, with the arithmetic; --measure measures the program."`
	Rounds     benchRoundsCmd     `cmd:"" help:"Measure decisions: message delays, messages, bytes, time, and a silent leader."`
}

type benchNettingCmd struct {
	MaxMoves int `help:"Leave out larger batches; 0 is all, up to a million moves." placeholder:"N"`
}

func (b benchNettingCmd) Run(ctx context.Context, a *app) error {
	return command.Bench(ctx, command.BenchArgs{MaxMoves: b.MaxMoves, JSON: a.json}, a.out)
}
