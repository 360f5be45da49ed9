package testnet

import (
	"context"
	"fmt"
	"time"

	client "github.com/phantom-paradox/paradox/clients/go"
)

// rounds follows the heights that settle during a run.
type rounds struct {
	nodes   []*client.Client
	names   map[string]string // of members, by key
	next    uint64            // the lowest height not seen settled
	say     func(format string, args ...any)
	since   map[uint64]time.Time // when a height was first seen decided
	now     func() time.Time
	heights int
	txs     int
	changes int
	slot    uint64
	height  uint64
	batches []string
	status  client.Status // of the node that is furthest
}

// newRounds begins after the height that the network has now.
func newRounds(ctx context.Context, nodes []*client.Client, now func() time.Time, say func(string, ...any)) *rounds {
	r := &rounds{nodes: nodes, now: now, say: say, since: map[uint64]time.Time{}}
	r.look(ctx)
	r.next, r.height = r.status.Chain.Height+1, r.status.Chain.Height
	return r
}

// look asks all nodes where they are and keeps what the furthest says.
func (r *rounds) look(ctx context.Context) []*client.Status {
	all := make([]*client.Status, len(r.nodes))
	for n, c := range r.nodes {
		s, err := c.Status(ctx)
		if err != nil {
			continue // being restarted; the supervisor says so
		}
		all[n] = s
		if s.Height > r.status.Height || s.Height == r.status.Height && s.Chain.Slot >= r.status.Chain.Slot {
			r.status = *s
		}
	}
	if h := r.status.Height; h > r.height {
		if _, ok := r.since[h]; !ok {
			r.since[h] = r.now()
		}
	}
	return all
}

// collect takes in and shows every height that has settled since.
func (r *rounds) collect(ctx context.Context) {
	r.look(ctx)
	for {
		round := r.settled(ctx, r.next)
		if round == nil {
			return
		}
		r.add(round)
		r.next++
	}
}

// settled asks one node after the other for a height, until one shows it settled. Any will do: all know the transactions that
// brought it on chain, whoever sent them.
func (r *rounds) settled(ctx context.Context, height uint64) *client.Round {
	if height > r.status.Height {
		return nil
	}
	for _, c := range r.nodes {
		if round, err := c.Round(ctx, height); err == nil && round.Settlement.State == client.Settled {
			return round
		}
	}
	return nil
}

func (r *rounds) add(round *client.Round) {
	h := round.Header.Height
	r.heights++
	r.height = h
	r.slot = max(r.slot, round.Settlement.Slot)
	r.txs += len(round.Settlement.Transactions)
	r.changes += round.Outcome.Changes
	r.batches = append(r.batches, round.Header.Batch)
	took := ""
	if t, ok := r.since[h]; ok {
		took = fmt.Sprintf(", %.1f s", r.now().Sub(t).Seconds())
		delete(r.since, h)
	}
	leader := round.Header.Leader
	if name := r.names[leader]; name != "" {
		leader = name
	}
	if round.Certificate.View > 0 {
		leader += fmt.Sprintf(" view %d", round.Certificate.View)
	}
	o := round.Outcome
	r.say("height %-3d %s, %s net %d; %s%s, %d tx",
		h, count(o.Accepted, "intent"), count(o.Legs, "transfer"), o.Changes, leader, took, len(round.Settlement.Transactions))
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// agree waits until every node shows the same settled height and state digest, and nothing decided that is not settled.
func (r *rounds) agree(ctx context.Context, wait <-chan time.Time, give <-chan struct{}) ([]string, error) {
	for {
		r.collect(ctx)
		all := r.look(ctx)
		digests, same := make([]string, len(all)), true
		for n, s := range all {
			if s == nil {
				same = false
				continue
			}
			digests[n] = s.StateDigest
			same = same && s.StateDigest == digests[0] && s.Chain.Height == r.status.Height && s.Height == r.status.Height
		}
		if same {
			return digests, nil
		}
		select {
		case <-wait:
		case <-give:
			return digests, fmt.Errorf("the nodes do not agree: state digests %v", digests)
		case <-ctx.Done():
			return digests, ctx.Err()
		}
	}
}
