package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/sync/errgroup"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/network"
	"github.com/phantom-paradox/paradox/node/council"
	"github.com/phantom-paradox/paradox/p2p"
)

// How approvals travel (members/1, docs/spec/members.md), and what a node does when its committee has become another.

const (
	// maxApprovals bounds one side of an exchange: eight of each of 21 members.
	maxApprovals = 8 * network.MaxMembers
	// exchangeEvery is how often a random peer is asked for approvals that this node has missed, in looks at the committee.
	exchangeEvery = 5
	// lookEvery is how often a node looks whether its committee is another.
	lookEvery = time.Second
	// tellAtOnce bounds the members told at the same time.
	tellAtOnce = 8
)

func protocolMembers() p2p.Protocol {
	return p2p.Protocol{Name: "members/1", MaxRequest: maxApprovals * (council.MaxBytes + 8), MaxResponse: maxApprovals * (council.MaxBytes + 8), Timeout: streamTime}
}

// approvals is what both sides of an exchange say.
type approvals struct {
	Approvals [][]byte `cbor:"approvals"`
}

// committee keeps approvals in step with the other members, and the host with the members of the epoch.
type committee struct {
	book  *council.Council
	host  *p2p.Host
	self  intent.Key
	sight func() *Sight
	first []network.Member // until the vault has been read
	news  chan struct{}    // something is new: tell the members
	poked chan struct{}    // the engine's
	clock func() time.Time
	log   *slog.Logger

	known council.Committee // of the loop: whom the host stays with
}

func (n *Node) openCommittee(context.Context) error {
	c := &committee{book: n.wishes.book, host: n.host, self: n.self, sight: n.engine.status.Load, first: n.cfg.File.Members,
		news: make(chan struct{}, 1), poked: n.engine.poked, clock: time.Now, log: n.log.With("part", "committee")}
	n.host.Handle(protocolMembers(), c.serve)
	n.committee = c
	n.task(c.run)
	return nil
}

// now is the committee of the epoch as this node sees it; ok is false before it has read the vault.
func (c *committee) now() (com council.Committee, ok bool) {
	s := c.sight()
	if s == nil || s.Opening == nil {
		return council.Committee{Members: c.first}, false
	}
	return council.Committee{Epoch: s.Opening.Instance().Epoch, Members: s.Opening.Members()}, true
}

// take keeps an approval, and spreads one that is news.
func (c *committee) take(a *council.Approval) error {
	now, ok := c.now()
	if !ok {
		return errNotReady
	}
	if err := c.book.Take(a, now, c.clock().Unix()); err != nil {
		return err
	}
	c.log.Info("an operator's word on the members", "of", a.From, "epoch", a.Epoch, "change", a.Change.ID().Hex()[:16], "expires", a.Expires)
	poke(c.news)
	poke(c.poked)
	return nil
}

func (c *committee) own() ([]byte, error) {
	now, _ := c.now()
	out := approvals{Approvals: [][]byte{}}
	for _, a := range c.book.All(now.Epoch) {
		if len(out.Approvals) < maxApprovals {
			out.Approvals = append(out.Approvals, a.Encode())
		}
	}
	return encodeWire(out)
}

// hear takes what a peer says. What does not decode is the peer's fault; what is of another epoch, or known, is nobody's.
func (c *committee) hear(data []byte) error {
	var in approvals
	if err := decodeWire(data, &in); err != nil {
		return err
	}
	if len(in.Approvals) > maxApprovals {
		return fmt.Errorf("%d approvals, at most %d are possible", len(in.Approvals), maxApprovals)
	}
	for _, b := range in.Approvals {
		a, err := council.Parse(b)
		if err != nil {
			return err
		}
		if err := c.take(a); err != nil && !errors.Is(err, council.ErrStale) {
			c.log.Debug("an approval is not kept", "of", a.From, "epoch", a.Epoch, "err", err)
		}
	}
	return nil
}

func (c *committee) serve(_ context.Context, _ peer.ID, request []byte) ([]byte, error) {
	if err := c.hear(request); err != nil {
		return nil, &p2p.Refusal{Text: "the request does not decode"}
	}
	return c.own()
}

// exchange tells one peer what this node has, and hears what the peer has.
func (c *committee) exchange(ctx context.Context, who peer.ID) {
	request, err := c.own()
	if err == nil {
		var answer []byte
		if answer, err = c.host.Request(ctx, who, protocolMembers(), request); err == nil {
			err = c.hear(answer)
		}
	}
	if err != nil {
		c.log.Debug("a peer does not exchange approvals", "peer", who, "err", err)
	}
}

// peers are the connected nodes of this network.
func (c *committee) peers() []peer.ID {
	var out []peer.ID
	for _, p := range c.host.Peers() {
		if p.Version != 0 {
			out = append(out, p.ID)
		}
	}
	return out
}

// tell exchanges with all connected members.
func (c *committee) tell(ctx context.Context) {
	now, _ := c.now()
	var g errgroup.Group
	g.SetLimit(tellAtOnce)
	for _, p := range c.peers() {
		if network.Find(now.Members, keyOfPeer(p)) >= 0 {
			g.Go(func() error { c.exchange(ctx, p); return nil })
		}
	}
	_ = g.Wait() // they fail on their own
}

func (c *committee) run(ctx context.Context) error {
	events, cancel := c.host.Events(16)
	defer cancel()
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for looks := 1; ; {
		c.follow()
		select {
		case <-ctx.Done():
			return nil
		case <-c.news:
			c.tell(ctx)
		case ev, ok := <-events:
			if !ok {
				return nil
			}
			if ev.Kind == p2p.PeerReady {
				c.exchange(ctx, ev.Peer)
			}
		case <-ticker.C:
			looks++
			if p := c.peers(); len(p) > 0 && looks%exchangeEvery == 0 {
				c.exchange(ctx, p[rand.IntN(len(p))])
			}
		}
	}
}

// follow stays connected to the members of the epoch, and lets go of what was approved for another.
func (c *committee) follow() {
	now, ok := c.now()
	if c.known.Members != nil && now.Epoch == c.known.Epoch && slices.Equal(now.Members, c.known.Members) {
		return
	}
	was := c.known
	c.known = now
	var ids []peer.ID
	for _, m := range now.Members {
		if id, err := p2p.PeerID(m.Key[:]); err == nil && m.Key != c.self {
			ids = append(ids, id)
		}
	}
	c.host.Keep(ids...)
	if !ok {
		return
	}
	if err := c.book.Forget(now.Epoch); err != nil {
		c.log.Warn("approvals of an earlier epoch stay on disk", "err", err)
	}
	before, after := network.Find(was.Members, c.self) >= 0, network.Find(now.Members, c.self) >= 0
	switch {
	case before && !after:
		c.log.Warn("the committee has removed this node's key; it goes on as an observer", "epoch", now.Epoch)
	case !before && after && was.Members != nil:
		c.log.Info("this node is a member from now on", "epoch", now.Epoch)
	}
}
