package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/phantom-paradox/paradox/ledger"
)

// A node that is behind gets certificates from peers, batches by CID, and re-executes: what a liar sends fails its check
// and costs time only. While a height is executed, the batches of the next are fetched.

const (
	// maxHints bounds the certificates kept ahead of need: at 3 KB each, 3 MB.
	maxHints = 1024
	// retryCatchUp is the pause after a failed attempt.
	retryCatchUp = time.Second
	// siftEvents bounds the events that are read to judge one answer: 64 heights have far fewer.
	siftEvents = 64 * pageEvents
)

var errNoCertificate = errors.New("no peer has the certificate")

// catchUp gets and replays a height that the vault shows settled and this node did not decide itself.
func (e *engine) catchUp(shown ledger.Event) {
	if e.syncing != nil || e.clock().Before(e.syncAfter) {
		return
	}
	ctx, cancel := context.WithCancel(e.ctx)
	e.syncing = cancel
	base, previous := e.settled, e.lastBatch
	known := []*ledger.Certificate{e.hints[shown.Height], e.recorded(shown.Height)}
	e.prefetch(shown.Height + 1)
	e.work(ctx, &e.syncs, func(ctx context.Context) func() {
		var d *decision
		q, found, err := e.certified(ctx, base, shown, known)
		if err == nil {
			q.previous = previous
			d, err = e.replay(ctx, q)
		}
		return func() { e.caughtUp(base, shown, d, found, err) }
	})
}

// certified gets the certificate of the header that the vault shows settled: one that is known, or else a peer's, and with it
// those that the peer has of the next heights.
func (e *engine) certified(ctx context.Context, base *ledger.State, shown ledger.Event, known []*ledger.Certificate) (*question, []*ledger.Certificate, error) {
	for _, c := range known {
		if q, err := e.certify(base, shown, c); err == nil {
			return q, nil, nil
		}
	}
	var q *question
	var found []*ledger.Certificate
	err := e.source.Certificates(ctx, shown.Height, func(list []*ledger.Certificate) (enough, good bool) {
		if len(list) == 0 {
			return false, false
		}
		var err error
		if q, err = e.certify(base, shown, list[0]); err != nil {
			e.log.Debug("a peer's certificate is not of what the vault shows", "height", shown.Height, "err", err)
			return false, false
		}
		found = e.sift(base, shown.Height, list)
		return true, len(found) == len(list) && len(list) > 1
	})
	if err == nil && q == nil {
		err = errNoCertificate
	}
	return q, found, err
}

// certify checks a certificate against what the vault shows.
func (e *engine) certify(base *ledger.State, shown ledger.Event, c *ledger.Certificate) (*question, error) {
	if c == nil {
		return nil, errNoCertificate
	}
	h, err := ledger.ParseHeader(c.Body)
	if err != nil {
		return nil, fmt.Errorf("parsing the header: %w", err)
	}
	if h.Digest() != shown.Digest {
		return nil, fmt.Errorf("it certifies %s, the vault has %s", h.Digest().Hex(), shown.Digest.Hex())
	}
	op, err := e.openAt(base, h.Cut)
	if err != nil {
		return nil, err
	}
	members := op.Members()
	if _, err := c.Verify(e.x.hash, members); err != nil {
		return nil, fmt.Errorf("verifying the certificate: %w", err)
	}
	return &question{header: h, body: c.Body, cert: c, opening: op, members: members, order: e.schedule.Order(h.Height, op.Seed(), members)}, nil
}

// sift keeps the certificates whose headers the vault shows settled, from the height on, up to the first that is another:
// what lies ahead is fetched on the vault's word, not on a peer's.
func (e *engine) sift(base *ledger.State, height uint64, list []*ledger.Certificate) []*ledger.Certificate {
	head, _ := e.chain.Head()
	good := 0
	for after := base.Cut().Number; after < head.Number && after < base.Cut().Number+siftEvents; {
		to := min(after+pageEvents, head.Number)
		page, err := e.chain.Events(after, to)
		if err != nil {
			break
		}
		for i := range page {
			if page[i].Tag != ledger.EventSettled || page[i].Height != height+uint64(good) {
				continue
			}
			if digest, err := list[good].Digest(); err != nil || digest != page[i].Digest {
				return list[:good]
			}
			if good++; good == len(list) {
				return list
			}
		}
		after = to
	}
	return list[:good]
}

// stopCatchUp ends a running catch-up: the state under it is about to change.
func (e *engine) stopCatchUp() {
	if e.syncing == nil {
		return
	}
	e.syncing()
	e.syncs.Wait()
	e.syncing = nil
}

// recorded is the certificate of this node's own record.
func (e *engine) recorded(height uint64) *ledger.Certificate {
	c, err := e.book.parsed(height)
	if err != nil {
		e.log.Warn("the own record of a height cannot be read; peers are asked", "height", height, "err", err)
		return nil
	}
	return c
}

func (e *engine) caughtUp(base *ledger.State, shown ledger.Event, d *decision, found []*ledger.Certificate, err error) {
	if e.syncing != nil {
		e.syncing()
		e.syncing = nil
	}
	if e.settled != base {
		return
	}
	for i, c := range found {
		if len(e.hints) >= maxHints {
			break
		}
		e.hints[shown.Height+uint64(i)] = c
	}
	if err != nil {
		e.syncAfter = e.clock().Add(retryCatchUp)
		e.log.Warn("cannot catch up yet", "height", shown.Height, "err", err)
		if errors.Is(err, errInvalid) {
			e.halt(fmt.Sprintf("height %d is settled but this node computes otherwise: %v", shown.Height, err))
		}
		return
	}
	e.merge(shown, d)
	e.follow()
}

// replay re-executes the batch of a certified header.
func (e *engine) replay(ctx context.Context, q *question) (*decision, error) {
	p, err := e.x.check(ctx, q)
	if err != nil {
		return nil, err
	}
	return &decision{cert: q.cert, header: q.header, digest: p.digest, at: e.clock(), prop: p}, nil
}
