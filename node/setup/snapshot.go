package setup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/phantom-paradox/paradox/node"
	"github.com/phantom-paradox/paradox/node/config"
	"github.com/phantom-paradox/paradox/storage"
)

// ExportSnapshot writes a snapshot of a home: from its data directory, or, while the node runs, from its operator's listener.
func ExportSnapshot(ctx context.Context, c *config.Config, w io.Writer) error {
	f, err := Network(c)
	if err != nil {
		return err
	}
	if _, err := os.Stat(c.DataDir()); err != nil {
		return fmt.Errorf("home: %w; nothing to export", err)
	}
	w = until{ctx: ctx, w: w}
	_, err = node.ExportSnapshot(c.DataDir(), f, w)
	if !errors.Is(err, storage.ErrLocked) {
		return err
	}
	if c.Admin.Listen == "" {
		return fmt.Errorf("the node runs: %w; or set admin.listen, and it writes snapshots while it runs", err)
	}
	return askSnapshot(ctx, c.Admin.Listen, w)
}

func askSnapshot(ctx context.Context, addr string, w io.Writer) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/snapshot", nil)
	if err != nil {
		return fmt.Errorf("admin.listen: %w", err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("asking the running node: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		const enough = 1 << 10 // of an error's text
		text, _ := io.ReadAll(io.LimitReader(answer.Body, enough))
		return fmt.Errorf("the running node writes no snapshot: %s", text)
	}
	if _, err := io.Copy(w, answer.Body); err != nil {
		return fmt.Errorf("reading the running node's snapshot: %w", err)
	}
	return nil
}

// ImportSnapshot begins a home's node from a snapshot.
func ImportSnapshot(ctx context.Context, c *config.Config, r io.Reader) (*node.SnapshotInfo, error) {
	f, err := Network(c)
	if err != nil {
		return nil, err
	}
	return node.ImportSnapshot(c.DataDir(), f, until{ctx: ctx, r: r})
}

// until ends reading and writing with its context.
type until struct {
	ctx context.Context
	r   io.Reader
	w   io.Writer
}

func (u until) Read(b []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.r.Read(b)
}

func (u until) Write(b []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.w.Write(b)
}
