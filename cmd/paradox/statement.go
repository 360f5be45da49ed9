package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
	"time"

	client "github.com/phantom-paradox/paradox/clients/go"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/internal/legible"
)

type statementCmd struct {
	Height   *uint64 `arg:"" optional:"" help:"The height, which must have settled; the newest that has, unless said otherwise. paradox intent show names that of an intent."`
	Wallet   string  `arg:"" optional:"" help:"Whose; your own unless said otherwise."`
	asking   `embed:""`
	keyFlags `embed:""`
}

// Help is what --help says besides.
func (statementCmd) Help() string {
	return `What one height did to a wallet, as a node kept it: for each mint what it had before, what the vault's events brought and took, what
the batch's intents paid to it and from it, and what it closed with; items that came and went; and the intents behind it. The node
checks each time that balances and batch agree; an auditor who trusts no node re-executes the batch: paradox batch verify.`
}

func (s statementCmd) Run(ctx context.Context, a *app) error {
	if s.Height != nil && *s.Height == 0 {
		return fmt.Errorf("%w: the height is 0; the first one is 1", errInput)
	}
	loaded, err := a.load()
	if err != nil {
		return err
	}
	who, err := s.address(a, loaded, s.Wallet)
	if err != nil {
		return err
	}
	c, err := s.client(a)
	if err != nil {
		return err
	}
	defer c.Close()
	height, err := s.height(ctx, c)
	if err != nil {
		return s.unreached(err)
	}
	st, err := c.Statement(ctx, height, who)
	if err != nil {
		return s.unreached(err)
	}
	n, err := c.Network(ctx)
	if err != nil {
		return s.unreached(err)
	}
	return a.print(st, func(w io.Writer) { statementText(w, st, n.Mints) })
}

// height is the one that was named, or the newest that has settled.
func (s statementCmd) height(ctx context.Context, c *client.Client) (uint64, error) {
	if s.Height != nil {
		return *s.Height, nil
	}
	st, err := c.Status(ctx)
	if err != nil {
		return 0, err
	}
	if st.Chain.Height == 0 {
		return 0, errors.New("no height has settled yet")
	}
	return st.Chain.Height, nil
}

func statementText(w io.Writer, s *client.Statement, mints []intent.Mint) {
	fmt.Fprintf(w, "wallet  %s\nheight  %d, %s\nbatch   %s\n", s.Wallet, s.Height, time.Unix(s.Time, 0).UTC().Format("2006-01-02 15:04:05 UTC"), legible.Line(s.Batch))
	units := inUnitsOf(mints)
	tw := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	for _, l := range s.Balances {
		fmt.Fprintf(tw, "\n%s\n", legible.Line(l.Symbol))
		dec := func(n uint64) string { return strconv.FormatUint(n, 10) }
		rows := [][2]string{{"before", dec(l.Before)}, {"deposited", l.Deposited}, {"withdrawn", l.Withdrawn}, {"opening", dec(l.Opening)}, {"in", l.In}, {"out", l.Out}, {"closing", dec(l.Closing)}}
		for _, r := range rows {
			fmt.Fprintf(tw, "  %s\t%s\n", r[0], units(&l.Mint, r[1]))
		}
	}
	tw.Flush()
	if len(s.Balances) == 0 {
		fmt.Fprintln(w, "\nThe wallet has no entry in the vault.")
	}
	for _, list := range []struct {
		what  string
		items []string
	}{{"gained", s.Gained}, {"given", s.Given}} {
		for _, item := range list.items {
			fmt.Fprintf(w, "\n%s %s", list.what, legible.Line(item))
		}
	}
	if len(s.Gained)+len(s.Given) > 0 {
		fmt.Fprintln(w)
	}
	if len(s.Intents) == 0 {
		fmt.Fprintln(w, "\nNo intent of this height concerns it.")
		return
	}
	fmt.Fprintln(w)
	tw = tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "direction\tkind\tamount\tfee\twith\titem\tintent")
	for i := range s.Intents {
		x := &s.Intents[i]
		with := ""
		if x.Counterparty != nil {
			with = x.Counterparty.String()
		}
		item := x.Item
		if x.Quantity != "" {
			item = x.Quantity + " of " + item
		}
		item = legible.Line(item)
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", legible.Line(x.Direction), legible.Line(x.Kind), units(x.Mint, x.Amount), units(x.Mint, x.Fee), cmp.Or(with, "-"), cmp.Or(item, "-"), x.ID)
	}
	tw.Flush()
}

// inUnitsOf says base units in the mint's own too, where they fit what the network counts with.
func inUnitsOf(mints []intent.Mint) func(mint *intent.Key, base string) string {
	return func(mint *intent.Key, base string) string {
		if mint == nil || base == "" {
			return "-"
		}
		n, err := strconv.ParseUint(base, 10, 64)
		for _, m := range mints {
			if m.Mint == *mint && err == nil {
				return amount(n, m)
			}
		}
		return legible.Line(base)
	}
}
