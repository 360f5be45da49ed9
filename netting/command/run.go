// Package command is what `paradox netting run` and `paradox bench netting` do: it reads files, shows progress, writes
// pictures and tables. Flags are cmd/paradox's, rules are netting's; neither is here.
package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/phantom-paradox/paradox/netting"
	"github.com/phantom-paradox/paradox/netting/picture"
)

// ErrInput marks what is wrong with what a command was given, beside what netting finds wrong with a file's text.
var ErrInput = errors.New("bad input")

// Args are the flags of `paradox netting run`.
type Args struct {
	File        string // a case file; empty or "-": standard input
	Obligations string // a CSV of debtor,creditor,amount instead of a case; "-": standard input
	Explain     bool   // say why each move was not taken
	Wallet      string // also print this wallet's statement
	SVG         string // draw gross against net into this file
	Asset       string // the mint to draw; default: the one with the largest gross volume
	JSON        bool   // of obligations: print one JSON line
}

// Validate refuses flags that contradict each other.
func (a *Args) Validate() error {
	switch {
	case a.File != "" && a.Obligations != "":
		return errors.New("--obligations FILE takes the place of the case file; give one of the two")
	case a.Obligations != "" && (a.Explain || a.Wallet != "" || a.Asset != ""):
		return errors.New("--explain, --wallet and --asset are about a case; --obligations has nothing to refuse and one mint")
	case a.Asset != "" && a.SVG == "":
		return errors.New("--asset says what is drawn; give --svg FILE as well")
	}
	return nil
}

// Run does what the flags say. The outcome goes to stdout, all that is for people beside it to stderr.
func Run(ctx context.Context, a Args, stdin io.Reader, stdout, stderr io.Writer) error {
	if err := a.Validate(); err != nil {
		return err
	}
	if a.Obligations != "" {
		return runObligations(ctx, a, stdin, stdout, stderr)
	}
	return runCase(ctx, a, stdin, stdout, stderr)
}

func runCase(ctx context.Context, a Args, stdin io.Reader, stdout, stderr io.Writer) error {
	in, _, err := open(ctx, a.File, stdin, netting.MaxCaseBytes)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // read only
	c, err := netting.ReadCase(in)
	if err != nil {
		return fmt.Errorf("%s: %w", name(a.File), err)
	}
	o := netting.Net(c)
	out := o.JSON()
	if a.Explain {
		out = o.ExplainedJSON()
		explain(stderr, c, o)
	}
	if _, err := stdout.Write(append(out, '\n')); err != nil {
		return fmt.Errorf("print the outcome: %w", err)
	}
	if a.Wallet != "" {
		statement(stderr, c, o, a.Wallet)
	}
	if a.SVG == "" {
		return nil
	}
	asset := a.Asset
	switch {
	case asset == "":
		asset = largest(o)
	case !slices.ContainsFunc(o.Gross, func(v netting.Volume) bool { return v.Asset == asset }):
		return fmt.Errorf("%w: --asset: no move of the case pays in %q", ErrInput, asset)
	}
	return draw(a.SVG, netting.FlowsOf(c, o, asset), name(a.File))
}

// largest is the mint with the largest gross volume.
func largest(o *netting.Outcome) string {
	best := netting.Volume{}
	for _, v := range o.Gross {
		if v.Amount.Cmp(best.Amount) > 0 {
			best = v
		}
	}
	return best.Asset
}

func runObligations(ctx context.Context, a Args, stdin io.Reader, stdout, stderr io.Writer) error {
	in, size, err := open(ctx, a.Obligations, stdin, netting.MaxObligationBytes)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // read only
	var rows int64
	bar := newProgress(stderr, size)
	f, err := netting.ReadObligations(in, a.SVG != "", func(r, bytes int64) {
		rows = r
		bar.show(r, bytes)
	})
	bar.done(err == nil)
	if err != nil {
		return fmt.Errorf("%s: %w", name(a.Obligations), err)
	}
	if err := printObligations(stdout, f, rows, a.JSON); err != nil {
		return fmt.Errorf("print the result: %w", err)
	}
	if a.SVG == "" {
		return nil
	}
	return draw(a.SVG, f, name(a.Obligations))
}

func printObligations(w io.Writer, f *netting.Flows, rows int64, asJSON bool) error {
	if asJSON {
		line, err := json.Marshal(struct {
			Rows    int64  `json:"rows"`
			Wallets int    `json:"wallets"`
			Gross   string `json:"gross"`
			Net     string `json:"net"`
			Saving  string `json:"saving"`
		}{rows, f.Wallets(), f.Gross.String(), f.Net().String(), f.Saving()})
		if err != nil {
			return err
		}
		_, err = w.Write(append(line, '\n'))
		return err
	}
	_, err := fmt.Fprintf(w, "rows     %d\nwallets  %d\ngross    %s\nnet      %s\nsaving   %s\n", rows, f.Wallets(), f.Gross, f.Net(), f.Saving())
	return err
}

func explain(w io.Writer, c *netting.Case, o *netting.Outcome) {
	say(w, "accepted %d, rejected %d\n", len(o.Accepted), len(o.Rejected))
	for i := range o.Rejected {
		r := &o.Rejected[i]
		say(w, "  %s  %s  %s\n", printable(r.ID), r.Reason, printable(r.Why.Text(r.Reason)))
	}
	for _, l := range netting.Loops(c, o) {
		if l.Cancelled.Sign() > 0 {
			say(w, "loop of %d wallets in %s: %s of %s cancelled\n", len(l.Wallets), printable(l.Asset), l.Cancelled, l.Gross)
		}
	}
}

func statement(w io.Writer, c *netting.Case, o *netting.Outcome, wallet string) {
	say(w, "statement of %s\n  %-24s %20s %20s %20s %20s\n", printable(wallet), "asset", "opening", "in", "out", "closing")
	lines := netting.Statement(c, o, wallet)
	if len(lines) == 0 {
		say(w, "  nothing: the case has no balance, item or accepted move of this wallet\n")
	}
	for _, l := range lines {
		say(w, "  %-24s %20s %20s %20s %20s\n", printable(l.Asset), l.Opening, l.In, l.Out, l.Closing)
	}
}

// say writes for people; a closed terminal is no reason to fail.
func say(w io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) }

// printable keeps what a file says from steering a terminal.
func printable(s string) string {
	q := strconv.QuoteToGraphic(s)
	if q[1:len(q)-1] == s {
		return s
	}
	return q
}

func draw(file string, f *netting.Flows, title string) error {
	if err := os.WriteFile(file, picture.SVG(f, picture.Labels{Title: title}), 0o644); err != nil {
		return fmt.Errorf("--svg: %w", err)
	}
	return nil
}

func name(file string) string {
	if file == "" || file == "-" {
		return "standard input"
	}
	return filepath.Base(file)
}

// open opens a file, or takes standard input. size is 0 where it is not known. What is too large fails before it is read.
func open(ctx context.Context, file string, stdin io.Reader, most int64) (in io.ReadCloser, size int64, err error) {
	if file == "" || file == "-" {
		return io.NopCloser(cancelled{ctx, stdin}), 0, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, 0, err // names the file
	}
	info, err := f.Stat()
	switch {
	case err != nil:
		err = fmt.Errorf("open: %w", err)
	case info.IsDir():
		err = fmt.Errorf("%w: %s is a directory; give a file", ErrInput, file)
	case info.Size() > most:
		err = fmt.Errorf("%w: %s has %d MiB, at most %d are read; split it", ErrInput, file, info.Size()>>20, most>>20)
	}
	if err != nil {
		_ = f.Close() // the error before it is the one to tell
		return nil, 0, err
	}
	return struct {
		io.Reader
		io.Closer
	}{cancelled{ctx, f}, f}, info.Size(), nil
}

// cancelled stops reading when the context ends.
type cancelled struct {
	ctx context.Context
	r   io.Reader
}

func (c cancelled) Read(b []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(b)
}
