package storage

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/routing"
)

const (
	announceQueue    = 8192             // blocks that wait to be announced; the oldest are dropped, for what is pinned is announced again
	announceWorkers  = 4                // a walk through the DHT is mostly waiting
	announceTimeout  = 30 * time.Second // of one walk
	announceInterval = 6 * time.Hour    // records live for a day
)

// An announcer tells the router which blocks are here. It is a best effort: peers that are connected are asked anyway.
type announcer struct {
	router routing.ContentRouting
	pinned func(func(cid.Cid) bool) error
	log    *slog.Logger
	ctx    context.Context
	cancel context.CancelFunc
	queue  chan cid.Cid
	tasks  sync.WaitGroup
}

func newAnnouncer(parent context.Context, r routing.ContentRouting, pinned func(func(cid.Cid) bool) error, log *slog.Logger) *announcer {
	ctx, cancel := context.WithCancel(parent)
	a := &announcer{router: r, pinned: pinned, log: log, ctx: ctx, cancel: cancel, queue: make(chan cid.Cid, announceQueue)}
	if r == nil {
		return a
	}
	for range announceWorkers {
		a.tasks.Go(a.work)
	}
	a.tasks.Go(a.repeat)
	return a
}

func (a *announcer) close() {
	a.cancel()
	a.tasks.Wait()
}

// add never waits.
func (a *announcer) add(ids []cid.Cid) {
	if a.router == nil {
		return
	}
	for _, id := range ids {
		for sent := false; !sent; {
			select {
			case a.queue <- id:
				sent = true
			default:
				select {
				case <-a.queue:
				default:
				}
			}
		}
	}
}

func (a *announcer) work() {
	for {
		select {
		case <-a.ctx.Done():
			return
		case id := <-a.queue:
			ctx, cancel := context.WithTimeout(a.ctx, announceTimeout)
			if err := a.router.Provide(ctx, id, true); err != nil {
				a.log.Debug("announcing a block", "cid", id, "error", err)
			}
			cancel()
		}
	}
}

func (a *announcer) repeat() {
	tick := time.NewTicker(announceInterval)
	defer tick.Stop()
	for {
		select {
		case <-a.ctx.Done():
			return
		case <-tick.C:
			err := a.pinned(func(id cid.Cid) bool {
				select {
				case a.queue <- id:
					return true
				case <-a.ctx.Done():
					return false
				}
			})
			if err != nil {
				a.log.Warn("announcing what is pinned", "error", err)
			}
		}
	}
}
