package node

import (
	"context"
	"fmt"

	"github.com/phantom-paradox/paradox/node/api"
)

var _ api.Operated = (*facade)(nil)

// SetLogLevel changes what is logged until the next start.
func (f *facade) SetLogLevel(level string) error {
	if f.n.cfg.LogLevel == nil {
		return fmt.Errorf("%w: this node's log level is fixed", api.ErrBadValue)
	}
	if err := f.n.cfg.LogLevel.UnmarshalText([]byte(level)); err != nil {
		return fmt.Errorf("%w: %w", api.ErrBadValue, err)
	}
	f.n.log.Info("the operator changed what is logged", "level", level)
	return nil
}

// Dial connects to a peer.
func (f *facade) Dial(ctx context.Context, address string) error {
	if err := f.n.host.Dial(ctx, address); err != nil {
		return fmt.Errorf("%w: %w", api.ErrBadValue, err)
	}
	f.n.log.Info("the operator had a peer dialled", "address", address)
	return nil
}

// Collect frees what nothing pins.
func (f *facade) Collect(ctx context.Context) (*api.Collected, error) {
	got, err := f.n.ipfs.GC(ctx)
	if err != nil {
		return nil, fmt.Errorf("collecting blocks: %w", err)
	}
	return &api.Collected{Kept: got.Kept, Removed: got.Removed}, nil
}
