package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/phantom-paradox/paradox/intent"
)

// awaitEvery is how often a node is asked about an intent that is waited for.
const awaitEvery = 250 * time.Millisecond

// Await asks a node about an intent until it is in the state, past it, or dropped; it gives the last that was heard. An
// intent that a decision took can be pending again, so accepted is not the end. A node that does not answer for a while is
// asked again; when ctx ends, the error says what was heard last.
func (c *Client) Await(ctx context.Context, id intent.ID, state string) (*IntentStatus, error) {
	t := time.NewTicker(awaitEvery)
	defer t.Stop()
	var last *IntentStatus
	for {
		s, err := c.Intent(ctx, id)
		if err == nil {
			last = s
		}
		switch {
		case err == nil && (s.State == state || s.State == Settled || s.State == Dropped):
			return s, nil
		case err != nil && !errors.Is(err, ErrUnreachable) && ctx.Err() == nil:
			return last, err
		}
		select {
		case <-ctx.Done():
			return last, fmt.Errorf("client: waiting until %s is %s: %w", id, state, errors.Join(ctx.Err(), err))
		case <-t.C:
		}
	}
}
