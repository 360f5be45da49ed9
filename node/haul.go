package node

import (
	"errors"
	"fmt"
	"sync"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/ledger"
)

// A leader may name any blocks, and a member that lacks them fetches them before it can tell what they are worth. So what
// comes of first proposals is counted, bounded, and deleted with the height unless something holds it.

// haulFactor is how many times the bytes of the largest batch one leader may make this node fetch for first proposals of one
// height. Honest leaders take most of what a bundle holds, and of most bundles nothing has to be fetched.
const haulFactor = 4

// errGreedy is no proof of a fault: the node may merely lack what all others have. A quorum that prepares the proposal, or a
// certificate, lifts the bound.
var errGreedy = errors.New("the proposal needs more blocks that this node lacks than one leader may ask for")

// A haul is what fetches for one leader's proposals have brought. The nil haul has no bound and counts nothing.
type haul struct {
	mu   sync.Mutex
	left int
	got  []ledger.BatchCID
}

// add counts a block before it is kept.
func (h *haul) add(c ledger.BatchCID, size int) error {
	if h == nil {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if size > h.left {
		return fmt.Errorf("%w: block %s of %d bytes does not fit into the %d that are left", errGreedy, c, size, h.left)
	}
	h.left -= size
	h.got = append(h.got, c)
	return nil
}

// hauls are those of a height, by leader.
type hauls struct {
	mu sync.Mutex
	of map[intent.Key]*haul
}

func (h *hauls) by(leader intent.Key, most int) *haul {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.of == nil {
		h.of = map[intent.Key]*haul{}
	}
	if h.of[leader] == nil {
		h.of[leader] = &haul{left: most}
	}
	return h.of[leader]
}

// all are the blocks that were brought. No fetch runs any more.
func (h *hauls) all() (out []ledger.BatchCID) {
	for _, one := range h.of {
		out = append(out, one.got...)
	}
	return out
}

// clear deletes what was fetched for proposals of heights that are over, but for what something holds: the settled batch, and
// bundles of pooled intents. Checks and a catch-up hold nothing before they are done, so they are waited for.
func (e *engine) clear() {
	if len(e.strays) == 0 || e.syncing != nil || e.behind || e.round != nil && len(e.round.checks) > 0 {
		return
	}
	strays := e.strays
	e.strays = nil
	if err := e.blocks().Drop(e.ctx, strays...); err != nil && e.ctx.Err() == nil {
		e.log.Warn("blocks of proposals that came to nothing stay until the next collection", "blocks", len(strays), "err", err)
	}
}
