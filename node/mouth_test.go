package node

import (
	"context"
	"errors"
	"testing"

	"github.com/libp2p/go-libp2p"
	pubsub "github.com/libp2p/go-libp2p-pubsub"
	pb "github.com/libp2p/go-libp2p-pubsub/pb"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	"github.com/multiformats/go-multiaddr"
)

// A mouth whispers round messages to one node alone, from an address and a key that nobody knows: what a Byzantine member says
// to some and not to others goes this way. It answers nothing and listens to nothing. Honest nodes pass on what they accept.
type mouth struct {
	topic *pubsub.Topic
}

func (c *cluster) mouth(to int) *mouth {
	c.t.Helper()
	h, err := libp2p.New(libp2p.NoListenAddrs, libp2p.Transport(tcp.NewTCPTransport), libp2p.DisableRelay(), libp2p.DisableMetrics())
	if err != nil {
		c.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	c.t.Cleanup(func() {
		cancel()
		if err := h.Close(); err != nil {
			c.t.Error(err)
		}
	})
	ps, err := pubsub.NewGossipSub(ctx, h, pubsub.WithMessageSignaturePolicy(pubsub.StrictNoSign), pubsub.WithNoAuthor(), pubsub.WithFloodPublish(true),
		pubsub.WithMessageIdFn(func(m *pb.Message) string { return string(m.GetData()) })) // or else unsigned messages would all be one
	if err != nil {
		c.t.Fatal(err)
	}
	var all []multiaddr.Multiaddr
	for _, a := range c.nodes[to].host.Addrs() {
		all = append(all, multiaddr.StringCast(a))
	}
	infos, err := peer.AddrInfosFromP2pAddrs(all...)
	if err != nil {
		c.t.Fatal(err)
	}
	m := &mouth{}
	if m.topic, err = ps.Join(c.file.Prefix() + "/" + topicRound); err != nil {
		c.t.Fatal(err)
	}
	if err := h.Connect(ctx, infos[0]); err != nil {
		c.t.Fatal(err)
	}
	c.wait("the node listens to the mouth", func() bool { return len(m.topic.ListPeers()) == 1 })
	return m
}

// say whispers; a node that has heard enough of it does not listen any more, which is its right.
func (m *mouth) say(t testing.TB, data []byte) {
	if err := m.topic.Publish(t.Context(), data); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("whispering: %v", err)
	}
}
