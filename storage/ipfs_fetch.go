package storage

import (
	"context"
	"errors"
	"fmt"

	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
)

// Fetch returns the block from here, else from peers, else from a gateway, always verified, and keeps it unpinned.
func (f *IPFS) Fetch(ctx context.Context, id cid.Cid, o FetchOptions) ([]byte, error) {
	list, err := f.FetchMany(ctx, []cid.Cid{id}, o)
	if err != nil {
		return nil, err
	}
	return list[0], nil
}

// FetchMany is Fetch for blocks that the same peers have: one session asks for all of them. The result has the order of
// ids. If some cannot be had the error names one of them, and those that came are kept.
func (f *IPFS) FetchMany(ctx context.Context, ids []cid.Cid, o FetchOptions) ([][]byte, error) {
	out := make([][]byte, len(ids))
	missing := make(map[cid.Cid]bool)
	for i, id := range ids {
		data, err := f.Get(ctx, id)
		switch {
		case errors.Is(err, ErrNotFound):
			missing[id] = true
		case err != nil:
			return nil, err
		}
		out[i] = data
	}
	if len(missing) > 0 {
		if err := f.fetchMissing(ctx, missing, o); err != nil {
			return nil, err
		}
	}
	for i, id := range ids {
		if out[i] != nil {
			continue
		}
		data, err := f.Get(ctx, id)
		if err != nil {
			return nil, err
		}
		out[i] = data
	}
	return out, nil
}

func (f *IPFS) fetchMissing(ctx context.Context, missing map[cid.Cid]bool, o FetchOptions) error {
	select {
	case f.slots <- struct{}{}:
		defer func() { <-f.slots }()
	case <-ctx.Done():
		return fmt.Errorf("fetch %d blocks: %w", len(missing), ctx.Err())
	case <-f.ctx.Done():
		return fmt.Errorf("fetch %d blocks: %w", len(missing), ErrClosed)
	}
	if err := f.askPeers(ctx, missing, o); err != nil {
		return err
	}
	return f.askGateways(ctx, missing, o)
}

// askPeers takes from missing what bitswap brings in time.
func (f *IPFS) askPeers(ctx context.Context, missing map[cid.Cid]bool, o FetchOptions) error {
	if o.Timeout <= 0 {
		o.Timeout = DefaultFetchTimeout
	}
	wait, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	stop := context.AfterFunc(f.ctx, cancel)
	defer stop()
	f.connect(wait, o.Peers)
	ids := make([]cid.Cid, 0, len(missing))
	for id := range missing {
		ids = append(ids, id)
	}
	got, err := f.swap.NewSession(wait).GetBlocks(wait, ids)
	if err != nil {
		return fmt.Errorf("fetch %s: %w", ids[0], err)
	}
	for b := range got {
		if err := f.accept(ctx, missing, b, o); err != nil {
			f.log.Debug("a fetched block is refused", "cid", b.Cid(), "error", err)
			if !errors.Is(err, ErrTooLarge) {
				return err
			}
		}
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("fetch %d blocks: %w", len(missing), err)
	}
	return nil
}

// accept keeps a block that bitswap has verified against its CID.
func (f *IPFS) accept(ctx context.Context, missing map[cid.Cid]bool, b blocks.Block, o FetchOptions) error {
	if len(b.RawData()) > MaxBlock {
		return fmt.Errorf("fetch %s: %w", b.Cid(), ErrTooLarge)
	}
	if o.Admit != nil {
		if err := o.Admit(b.Cid(), len(b.RawData())); err != nil {
			return fmt.Errorf("fetch %s: %w", b.Cid(), err)
		}
	}
	defer f.locker.PinLock(ctx).Unlock(ctx)
	if err := f.keep(ctx, []blocks.Block{b}); err != nil {
		return err
	}
	delete(missing, b.Cid())
	return nil
}

// connect dials hinted peers in the background: bitswap asks every peer the moment it is connected.
func (f *IPFS) connect(ctx context.Context, hints []peer.AddrInfo) {
	if len(hints) > maxHints {
		hints = hints[:maxHints]
	}
	for _, p := range hints {
		if p.ID == f.cfg.Host.ID() || f.cfg.Host.Network().Connectedness(p.ID) == network.Connected {
			continue
		}
		f.tasks.Go(func() {
			dial, cancel := context.WithTimeout(ctx, hintDialTimeout)
			defer cancel()
			if err := f.cfg.Host.Connect(dial, p); err != nil {
				f.log.Debug("a peer that should have a block cannot be reached", "peer", p.ID, "error", err)
			}
		})
	}
}

// askGateways gets what no peer had.
func (f *IPFS) askGateways(ctx context.Context, missing map[cid.Cid]bool, o FetchOptions) error {
	for id := range missing {
		data, err := f.gates.fetch(ctx, id)
		if err != nil {
			return fmt.Errorf("fetch %s: %w: no peer had it in time; %w", id, ErrNotFound, err)
		}
		b, err := blocks.NewBlockWithCid(data, id)
		if err != nil {
			return fmt.Errorf("fetch %s: %w", id, err)
		}
		if err := f.accept(ctx, missing, b, o); err != nil {
			return err
		}
	}
	return nil
}
