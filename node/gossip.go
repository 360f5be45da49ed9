package node

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/phantom-paradox/paradox/agreement"
	"github.com/phantom-paradox/paradox/ledger"
	"github.com/phantom-paradox/paradox/p2p"
)

// The two topics: bundles of intents, and round messages.

const (
	topicIntents = "intents/1"
	topicRound   = "round/1"
	// sayQueue bounds the own round messages that wait for the network: several views' worth. One that does not fit is
	// repeated by the machine's own rebroadcast.
	sayQueue = 256
)

// gossip joins the node to its topics.
type gossip struct {
	door    *door
	keeper  *keeper
	engine  *engine
	sieve   *sieve
	intents *p2p.Topic
	round   *p2p.Topic
	out     chan []byte
	meter   *meters
	log     *slog.Logger
	clock   func() time.Time
}

// validateBundle is the gossip validator of bundles; what it found out goes along with the message.
func (g *gossip) validateBundle(ctx context.Context, m *p2p.Message) p2p.Verdict {
	list, err := g.door.ValidateBundle(ctx, m.Data)
	switch {
	case err == nil:
		m.Value = list
		return p2p.Accept
	case errors.Is(err, errRejected):
		g.meter.gossipRejected.Inc()
		g.log.Debug("a gossiped bundle is rejected", "from", m.From, "err", err)
		return p2p.Reject
	default:
		return p2p.Ignore
	}
}

// validateRound is the gossip validator of round messages.
func (g *gossip) validateRound(_ context.Context, m *p2p.Message) p2p.Verdict {
	value, verdict := g.sieve.judge(m.Data)
	if verdict != p2p.Accept {
		g.meter.roundRefused.Inc()
		return verdict
	}
	m.Value = value
	return p2p.Accept
}

// runIntents stores and pools the bundles that passed validation.
func (g *gossip) runIntents(ctx context.Context) error {
	for {
		m, err := g.intents.Next(ctx)
		if err != nil {
			return ended(ctx, err)
		}
		list, ok := m.Value.([]judged)
		if !ok {
			continue // this node's own, pooled already
		}
		if err := g.takeBundle(ctx, m.Data, list); err != nil && ctx.Err() == nil {
			g.log.Error("a gossiped bundle could not be stored", "err", err)
		}
	}
}

func (g *gossip) takeBundle(ctx context.Context, data []byte, list []judged) error {
	g.meter.gossipBytes.Add(float64(len(data)))
	_, _, err := g.keeper.keep(ctx, data, func(cid ledger.BatchCID) error { return g.door.TakeBundle(ctx, string(cid), list) })
	return err
}

// runRound hands round messages to the engine.
func (g *gossip) runRound(ctx context.Context) error {
	for {
		in, err := g.round.Next(ctx)
		if err != nil {
			return ended(ctx, err)
		}
		g.meter.roundBytes.Add(float64(len(in.Data)))
		switch m := in.Value.(type) {
		case *agreement.Evidence:
			g.engine.hearEvidence(ctx, *m)
		case *agreement.Message:
			select {
			case g.engine.inbox <- arrival{m, g.clock().UnixMilli()}:
			case <-ctx.Done():
				return nil
			}
		}
	}
}

// runSay publishes the own round messages.
func (g *gossip) runSay(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case data := <-g.out:
			if err := g.round.Publish(ctx, data); err != nil && ctx.Err() == nil {
				g.log.Debug("a round message could not be gossiped", "err", err)
			}
		}
	}
}

// say queues a round message of this node's own.
func (g *gossip) say(m *agreement.Message) { g.queue(m.Encode()) }

// tell queues evidence.
func (g *gossip) tell(e agreement.Evidence) { g.queue(e.Encode()) }

func (g *gossip) queue(data []byte) {
	select {
	case g.out <- data:
	default:
		g.meter.unsaid.Inc()
	}
}

// ended turns the end of a context into a clean end.
func ended(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	return nil
}

// hearEvidence lets the engine keep what others have found.
func (e *engine) hearEvidence(ctx context.Context, ev agreement.Evidence) {
	select {
	case e.results <- func() { e.accuse(ev) }:
	case <-ctx.Done():
	}
}
