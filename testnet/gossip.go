package testnet

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"log/slog"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/network"
	"github.com/phantom-paradox/paradox/p2p"
)

// A gossipPeer is a wallet on the network itself: a light libp2p peer that publishes on the intents topic and is no node.
type gossipPeer struct {
	host  *p2p.Host
	topic *p2p.Topic
}

func newGossipPeer(ctx context.Context, f *network.File) (*gossipPeer, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making a gossip key: %w", err)
	}
	h, err := p2p.New(ctx, p2p.Config{
		Key: key, Prefix: f.Prefix(), Bootstrap: f.Bootstrap, Agent: "paradox-testnet", Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, fmt.Errorf("starting the gossip peer: %w", err)
	}
	t, err := h.Join("intents/1", p2p.TopicConfig{MaxBytes: intent.MaxListBytes, Validate: relayNothing})
	if err != nil {
		h.Close()
		return nil, fmt.Errorf("joining the intents topic: %w", err)
	}
	return &gossipPeer{h, t}, nil
}

// relayNothing is the verdict of a peer that publishes and judges nothing: what it passed on unread, nodes would hold against
// it, and then they would not listen to its own intents either.
func relayNothing(context.Context, *p2p.Message) p2p.Verdict { return p2p.Ignore }

// ready waits until a node listens.
func (g *gossipPeer) ready(ctx context.Context) error {
	if err := g.topic.WaitPeers(ctx, 1); err != nil {
		return fmt.Errorf("no node takes gossip: %w (bootstrap: %v)", err, g.host.DialResults())
	}
	return nil
}

// Publish sends one bundle.
func (g *gossipPeer) Publish(ctx context.Context, list []*intent.Signed) error {
	return g.topic.Publish(ctx, intent.EncodeList(list))
}

func (g *gossipPeer) Close() error { return g.host.Close() }
