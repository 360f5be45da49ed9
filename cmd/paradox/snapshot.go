package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/phantom-paradox/paradox/node/setup"
)

type snapshotCmd struct {
	Export snapshotExportCmd `cmd:"" help:"Write the settled state with its certificates, for new nodes to begin from."`
	Import snapshotImportCmd `cmd:"" help:"Begin a new home's node from a snapshot."`
}

type snapshotExportCmd struct {
	Home string `help:"The node's home; the node may run if admin.listen is set." placeholder:"DIR"`
	File string `arg:"" help:"The file to write; it must not be there yet."`
}

func (s snapshotExportCmd) Run(ctx context.Context, a *app) (err error) {
	c, err := a.load()
	if err != nil {
		return err
	}
	f, err := os.OpenFile(s.File, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return fmt.Errorf("%w: %w", errInput, err)
	}
	bar := a.bytesBar("writing ", 0)
	out := bar.ProxyWriter(f)
	err = setup.ExportSnapshot(ctx, &c.Config, out)
	bar.end(err)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(s.File))
	}
	info, err := os.Stat(s.File)
	if err != nil {
		return err
	}
	return a.print(map[string]any{"file": s.File, "bytes": info.Size()}, func(w io.Writer) {
		fmt.Fprintf(w, "%s: %d bytes\n", s.File, info.Size())
	})
}

type snapshotImportCmd struct {
	Home string `help:"The new node's home, made by paradox init." placeholder:"DIR"`
	File string `arg:"" help:"The snapshot."`
}

func (s snapshotImportCmd) Run(ctx context.Context, a *app) error {
	c, err := a.load()
	if err != nil {
		return err
	}
	f, err := os.Open(s.File)
	if err != nil {
		return fmt.Errorf("%w: %w", errInput, err)
	}
	defer f.Close()
	stat, err := f.Stat()
	if err != nil {
		return err
	}
	bar := a.bytesBar("importing ", stat.Size())
	info, err := setup.ImportSnapshot(ctx, &c.Config, bar.ProxyReader(f))
	bar.end(err)
	if err != nil {
		return fmt.Errorf("%s: %w", s.File, err)
	}
	return a.print(info, func(w io.Writer) {
		fmt.Fprintf(w, "height %d of %s, signed by %d members\nstate digest %x\n", info.Height, info.Network, info.Signers, info.State)
		fmt.Fprintf(w, "paradox run checks it against the vault and catches up.\n")
	})
}

// A bytesBar shows bytes on a terminal, and nothing elsewhere.
type bytesBar struct {
	*mpb.Bar
	all  *mpb.Progress
	size int64
}

// bytesBar begins a bar; size 0: not known.
func (a *app) bytesBar(name string, size int64) *bytesBar {
	out := io.Discard
	if a.tty && !a.json {
		out = a.err
	}
	p := mpb.New(mpb.WithOutput(out))
	return &bytesBar{p.AddBar(size, mpb.PrependDecorators(decor.Name(name), decor.CurrentKibiByte("% .1f")), mpb.BarRemoveOnComplete()), p, size}
}

func (b *bytesBar) end(err error) {
	if err == nil {
		b.SetTotal(-1, true)
	} else {
		b.Abort(true)
	}
	b.all.Wait()
}
