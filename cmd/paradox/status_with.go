package main

import (
	"context"
	"fmt"
	"time"

	client "github.com/phantom-paradox/paradox/clients/go"
)

// compareEvery is how often two nodes are asked until they have settled the same height.
const compareEvery = 250 * time.Millisecond

// An agreement is what two nodes say of the same height.
type agreement struct {
	With   string `json:"with"`
	Height uint64 `json:"height"` // settled by both
	Digest string `json:"state_digest"`
}

// compare asks two nodes until both say the same of the same height. A difference may pass, since a node learns of a settlement
// before it has merged it; only one that stays counts.
func (s statusCmd) compare(ctx context.Context, mine *client.Client) (*agreement, error) {
	other, err := client.New(s.With)
	if err != nil {
		return nil, fmt.Errorf("%w: --with: %w", errInput, err)
	}
	defer other.Close()
	ctx, cancel := context.WithTimeout(ctx, s.Wait)
	defer cancel()
	tick := time.NewTicker(compareEvery)
	defer tick.Stop()
	for {
		x, err := mine.Status(ctx)
		if err != nil {
			return nil, s.unreached(err)
		}
		y, err := other.Status(ctx)
		if err != nil {
			return nil, fmt.Errorf("--with: %w", err)
		}
		if x.Network != y.Network {
			return nil, fmt.Errorf("%w: --with: %s is on %s, not on %s", errInput, other.Address(), y.Network, x.Network)
		}
		if x.Synced && y.Synced && x.Chain.Height == y.Chain.Height && x.StateDigest == y.StateDigest {
			return &agreement{other.Address(), x.Chain.Height, x.StateDigest}, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: after %s this node is at height %d with the state %s, and %s at height %d with %s; paradox health of both says why", errDiffers, s.Wait,
				x.Chain.Height, x.StateDigest, other.Address(), y.Chain.Height, y.StateDigest)
		}
	}
}
