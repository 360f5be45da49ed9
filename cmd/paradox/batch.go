package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/phantom-paradox/paradox/ledger"
	"github.com/phantom-paradox/paradox/node"
	"github.com/phantom-paradox/paradox/node/setup"
)

type batchCmd struct {
	Show   batchShowCmd   `cmd:"" help:"Print a batch, by its CID, as JSON."`
	Export batchExportCmd `cmd:"" help:"Write a batch with its bundles as a CAR file."`
	Verify batchVerifyCmd `cmd:"" help:"Re-execute the network's history up to a batch, with no trust in anybody, and compare."`
}

// batchCID reads the argument before a node is asked for it.
func batchCID(text string) (ledger.BatchCID, error) {
	c, err := ledger.ParseBatchCID(text)
	if err != nil {
		return "", fmt.Errorf("%w: %q is not a CID of a batch: %w; `paradox status` names the height, /api/rounds/HEIGHT its batch", errInput, text, err)
	}
	return c, nil
}

type batchShowCmd struct {
	asking `embed:""`
	CID    string `arg:"" help:"The batch."`
}

func (b batchShowCmd) Run(ctx context.Context, a *app) error {
	if _, err := batchCID(b.CID); err != nil {
		return err
	}
	c, err := b.client(a)
	if err != nil {
		return err
	}
	defer c.Close()
	r, err := c.Batch(ctx, b.CID, false)
	if err != nil {
		return b.unreached(err)
	}
	_, err = io.Copy(a.out, r)
	return errors.Join(err, r.Close())
}

type batchExportCmd struct {
	asking `embed:""`
	CID    string `arg:"" help:"The batch."`
	Out    string `required:"" short:"o" help:"The CAR file to write; it must not be there yet." placeholder:"FILE"`
}

func (b batchExportCmd) Run(ctx context.Context, a *app) error {
	if _, err := batchCID(b.CID); err != nil {
		return err
	}
	c, err := b.client(a)
	if err != nil {
		return err
	}
	defer c.Close()
	r, err := c.Batch(ctx, b.CID, true)
	if err != nil {
		return b.unreached(err)
	}
	defer r.Close()
	f, err := os.OpenFile(b.Out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return fmt.Errorf("%w: --out: %w", errInput, err)
	}
	n, err := io.Copy(f, r)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("writing %s: %w", b.Out, err)
	}
	return a.print(map[string]any{"cid": b.CID, "file": b.Out, "bytes": n}, func(w io.Writer) {
		fmt.Fprintf(w, "%s: %d bytes\n", b.Out, n)
	})
}

type batchVerifyCmd struct {
	CID       string   `arg:"" help:"The batch."`
	Network   string   `required:"" help:"The network file." placeholder:"FILE"`
	Bootstrap []string `help:"Peers to ask, besides those of the network file." placeholder:"MULTIADDR"`
	RPC       []string `name:"rpc" help:"Solana endpoints to read the vault from, instead of those of the network file." placeholder:"URL"`
}

func (b batchVerifyCmd) Run(ctx context.Context, a *app) error {
	batch, err := batchCID(b.CID)
	if err != nil {
		return err
	}
	file, err := os.ReadFile(b.Network)
	if err != nil {
		return fmt.Errorf("--network: %w", err)
	}
	audit := setup.Audit{Network: file, Bootstrap: b.Bootstrap, RPC: b.RPC, Batch: batch, Version: version, Log: a.err, Progress: a.heights()}
	r, err := audit.Run(ctx)
	switch {
	case errors.Is(err, node.ErrNoSuchBatch):
		return fmt.Errorf("%w: %w", errDiffers, err)
	case err != nil:
		return err
	}
	return a.print(r, func(w io.Writer) {
		fmt.Fprintf(w, "batch         %s\nheight        %d, re-executed from 1\nheader        %s\n", r.Batch, r.Height, r.HeaderDigest.Hex())
		fmt.Fprintf(w, "outcome root  %s\nstate digest  %s\n", r.OutcomeRoot.Hex(), r.StateDigest.Hex())
		fmt.Fprintf(w, "%d intents, %d balance changes, certified by %d members: all as computed here\n", r.Intents, r.Changes, len(r.Signers))
	})
}

// heights shows on a terminal how far a re-execution is; elsewhere it says nothing.
func (a *app) heights() func(uint64) {
	if !a.tty {
		return func(uint64) {}
	}
	return func(h uint64) { fmt.Fprintf(a.err, "\rheight %d re-executed", h) }
}
