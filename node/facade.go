package node

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/ledger"
	"github.com/phantom-paradox/paradox/network"
	"github.com/phantom-paradox/paradox/node/api"
	"github.com/phantom-paradox/paradox/node/pool"
)

// facade is the node as package api wants it: it reads what the engine, the pool, the book and the hosts show, and changes
// nothing but through the door.
type facade struct {
	n      *Node
	net    *intent.Network
	events *hub // in the API's shapes
	rounds roundCache
	health healthCache
	epochs epochChain
}

var _ api.Backend = (*facade)(nil)

func newFacade(n *Node) *facade {
	return &facade{n: n, net: n.cfg.File.Intents(), events: newHub()}
}

// sight is what the engine shows; before the first look there is an empty one.
func (f *facade) sight() *Sight {
	if s := f.n.engine.status.Load(); s != nil {
		return s
	}
	return &Sight{Why: "starting"}
}

// view is the state that wallets are answered from: the last settled height and the vault's events since.
func (f *facade) view() (*ledger.View, *Sight, error) {
	s := f.sight()
	if s.Opening == nil {
		return nil, nil, f.notReady(s)
	}
	return &s.Opening.View, s, nil
}

func (f *facade) notReady(s *Sight) error {
	why := s.Why
	if why == "" {
		why = "the vault has not been read yet"
	}
	return fmt.Errorf("%w: %s", api.ErrNotReady, why)
}

// steady reads until no height was settled meanwhile: a state's store moves on under it.
func steady[T any](f *facade, read func(*ledger.View, *Sight) (*T, error)) (*T, error) {
	const tries = 3 // heights take far longer to settle than a read
	for i := 0; ; i++ {
		v, s, err := f.view()
		if err != nil {
			return nil, err
		}
		out, err := read(v, s)
		if i+1 == tries || f.sight().Height == s.Height {
			return out, err
		}
	}
}

// Ready says why another node is the better one to ask now: this one has not read the vault, or is catching up.
func (f *facade) Ready() error {
	if s := f.sight(); s.Opening == nil || !s.Synced {
		return f.notReady(s)
	}
	return nil
}

// Submit hands intents to the door.
func (f *facade) Submit(ctx context.Context, list []*intent.Signed) ([]api.Verdict, error) {
	verdicts, err := f.n.door.Submit(ctx, list)
	switch {
	case errors.Is(err, errNotReady):
		return nil, f.notReady(f.sight())
	case err != nil && ctx.Err() != nil:
		return nil, ctx.Err() // whoever asked has gone
	case errors.Is(err, pool.ErrDisk):
		f.n.log.Error("intents could not be stored", "err", err)
		return nil, fmt.Errorf("%w: its disk takes no writes", api.ErrNotReady)
	case err != nil:
		return nil, err
	}
	out := make([]api.Verdict, len(verdicts))
	for i, v := range verdicts {
		out[i] = api.Verdict{ID: v.ID, State: v.State, Err: v.Err}
	}
	return out, nil
}

// Nonce is the lowest nonce that neither the state nor the pool has used.
func (f *facade) Nonce(_ context.Context, wallet, signer intent.Key) (next, floor uint64, err error) {
	v, _, err := f.view()
	if err != nil {
		return 0, 0, err
	}
	w, err := v.NonceWindow(wallet, signer)
	if err != nil {
		return 0, 0, fmt.Errorf("reading the nonces of %s: %w", wallet, err)
	}
	pending := f.n.pool.WalletNonces(wallet, signer)
	return w.Next(func(n uint64) bool { return pending[n] }), w.Floor, nil
}

// Listen delivers events in the API's shapes.
func (f *facade) Listen() (<-chan api.Event, func()) { return f.events.listen() }

// Status is the node at a glance.
func (f *facade) Status(context.Context) (*api.Status, error) {
	s := f.sight()
	out := &api.Status{Version: f.n.cfg.Version, Network: f.net.Name, NetworkHash: f.net.Hash, Voting: s.Voting,
		Height: s.Height, Deciding: s.Deciding, Epoch: s.Epoch, Generation: s.Generation, View: s.View, Phase: s.Phase,
		Pool: s.Pool.Intents, Peers: len(f.n.host.Peers()), Synced: s.Synced, Why: s.Why,
		Chain:       api.StatusChain{Height: s.Height, Slot: s.Slot, Events: api.Decimal(s.Events)},
		StateDigest: api.Digest(s.StateDigest), Started: f.n.started.Unix(), Time: f.n.door.clock().Unix()}
	if s.Provisional {
		out.Height = s.Deciding
	}
	if s.Leader != (intent.Key{}) {
		out.Leader, out.LeaderName = s.Leader.String(), f.nameOf(s.Leader)
	}
	if out.Voting == "" {
		out.Voting = "observer"
	}
	if network.Find(f.members(), f.n.self) >= 0 {
		out.Member = f.nameOf(f.n.self)
	} else if was := f.removed(); was != "" && out.Why == "" {
		out.Why = was
	}
	out.Changes = f.changes()
	return out, nil
}

// epochChain are the certificates that changed the members, gathered as far as they have been asked for.
type epochChain struct {
	mu      sync.Mutex
	scanned uint64 // heights looked at
	list    []api.Epoch
}

// until gives the changes up to an epoch. Heights are looked at once.
func (c *epochChain) until(f *facade, epoch uint32, settled uint64) ([]api.Epoch, error) {
	if epoch == 0 {
		return nil, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for uint32(len(c.list)) < epoch && c.scanned < settled {
		cert, err := f.n.book.parsed(c.scanned + 1)
		if err != nil {
			return nil, err
		}
		c.scanned++
		if cert == nil {
			continue // from before a snapshot, whose certificates of changes are here
		}
		h, err := ledger.ParseHeader(cert.Body)
		if err != nil {
			return nil, fmt.Errorf("the certificate of height %d: %w", c.scanned, err)
		}
		if h.Members != nil {
			c.list = append(c.list, api.Epoch{Members: membersView(h.Members), HeaderBody: cert.Body, Certificate: certificateView(cert)})
		}
	}
	return c.list[:min(int(epoch), len(c.list)):len(c.list)], nil
}
