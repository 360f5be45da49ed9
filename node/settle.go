package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/phantom-paradox/paradox/agreement"
	"github.com/phantom-paradox/paradox/chain"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/ledger"
	"github.com/phantom-paradox/paradox/node/pool"
	"github.com/phantom-paradox/paradox/storage"
)

// From decided to settled: an outcome is laid over the state as provisional, brought on chain, and merged when the vault
// shows it settled; or it is undone when the vault's generation moves instead.

// decide takes the machine's decision.
func (e *engine) decide(d agreement.Decide) {
	r := e.round
	h, err := ledger.ParseHeader(d.Certificate.Body)
	if err != nil {
		e.fail(fmt.Errorf("a certified header of height %d does not parse: %w", r.inst.Height, err))
		return
	}
	r.decision = &decision{cert: d.Certificate, header: h, digest: d.Header.Digest, at: e.clock()}
	r.build = nil
	if c := r.checks[d.Header.Digest]; c != nil && r.held[d.Header.Digest] {
		c.validate.Fresh = false // decided it is, whatever this node's clock and view of the vault would have said of a first proposal
		delete(r.held, d.Header.Digest)
		c.views = append(c.views, d.Header.View)
		e.runCheck(r, d.Header.Digest)
		return
	}
	if p := r.proposals[d.Header.Digest]; p != nil {
		e.adopt(r, p)
		return
	}
	e.validate(agreement.Validate{View: d.Header.View, Header: d.Header, Body: d.Certificate.Body})
}

// cannotAdopt handles a certified header that this node could not execute. Blocks that are late are asked for again. A result
// that differs is for a person to judge, and ends the voting; it too is tried again, since the fault may be in what was read.
func (e *engine) cannotAdopt(r *round, err error) {
	if errors.Is(err, errInvalid) {
		e.halt(fmt.Sprintf("height %d is certified but this node computes otherwise: %v", r.inst.Height, err))
		r.stuck = err
	}
	d := r.decision
	r.checks[d.digest] = &checking{validate: agreement.Validate{View: d.header.View, Body: d.cert.Body}}
	r.held[d.digest] = true // asked again with the next sweep
}

// adopt lays a decided outcome over the state and hands it to the settler.
func (e *engine) adopt(r *round, p *proposal) {
	d := r.decision
	d.prop, r.stuck = p, nil
	height := r.inst.Height
	rec := newRound(d)
	if err := e.blocks().Pin(batchOwner(height), p.blocks()...); err != nil {
		e.fail(fmt.Errorf("pinning batch %s: %w", d.header.Batch, err))
		return
	}
	if err := e.book.putRound(height, rec); err != nil {
		e.fail(err)
		return
	}
	e.pool.Hold(p.result.Accepted, height)
	e.meter.decided.Inc()
	e.measure(p, d)
	e.log.Info("decided", "height", height, "generation", r.inst.Generation, "view", d.cert.View, "leader", d.header.Leader,
		"intents", p.result.Count, "transfers", p.result.Legs, "changes", len(p.result.Deltas), "chunks", len(p.result.Chunks))
	e.hub.publish("round", RoundNotice{Height: height, Generation: r.inst.Generation, State: "decided", Round: rec, Header: d.header})
	e.submit(r, d)
	e.follow()
}

func (e *engine) blocks() blocks { return e.x.blocks }

// batchOwner is under whose name a height's blocks are pinned.
func batchOwner(height uint64) string { return fmt.Sprintf("batch/%d", height) }

// submit hands a decision to the settler: at once where this node led the view of the certificate, later by its place.
func (e *engine) submit(r *round, d *decision) {
	if e.settler == nil || r.place == agreement.Observer {
		return
	}
	n := len(r.order)
	rank := 0
	for i := range n {
		if r.order[(int(d.cert.View)+i)%n] == r.place {
			rank = i
			break
		}
	}
	job := chain.Job{Header: d.header, Certificate: d.cert, Chunks: d.prop.result.Chunks,
		Delay: time.Duration(rank) * ms(e.file.Params.TakeoverDelay)}
	if err := e.settler.Submit(job); err != nil {
		e.fail(fmt.Errorf("journalling the settlement of height %d: %w", r.inst.Height, err))
	}
}

// newRound is the record of a decision.
func newRound(d *decision) *Round {
	res := d.prop.result
	return &Round{Certificate: *d.cert, Outcome: res.Outcome, Chunks: res.Chunks, Decided: d.at.UnixMilli()}
}

// measure notes how long intents waited for their decision.
func (e *engine) measure(p *proposal, d *decision) {
	for _, id := range p.result.Accepted {
		if entry, ok := e.pool.Get(id); ok {
			e.meter.toDecided.Observe(float64(d.at.UnixMilli()-entry.Received) / 1000)
		}
	}
}

// merge makes a settled height part of the state: one atomic, durable write.
func (e *engine) merge(shown ledger.Event, d *decision) {
	height := shown.Height
	spare := e.round.spare(d.prop)
	e.leave()
	e.stopCatchUp()
	rec, err := e.recordOf(height, d)
	if err != nil {
		e.fail(fmt.Errorf("the record of height %d: %w", height, err))
		return
	}
	rec.Settlement = Settlement{Settled: true, Slot: shown.Slot, At: e.clock().UnixMilli(), Transactions: shown.Signatures}
	gone, err := e.write(height, d.prop, rec)
	if err != nil {
		e.fail(fmt.Errorf("merging height %d: %w", height, err))
		return
	}
	for _, id := range d.prop.result.Accepted {
		if entry, ok := e.pool.Get(id); ok {
			e.meter.toSettled.Observe(float64(rec.Settlement.At-entry.Received) / 1000)
		}
	}
	e.forget(gone)
	if n := e.pool.Free(height); n > 0 { // an older generation's decision held them, and the settled one did not take them
		e.log.Warn("a decided height was undone by the chain", "height", height, "to generation", d.header.Generation, "intents", n)
	}
	settled, err := ledger.Load(e.file, e.states)
	if err != nil {
		e.fail(fmt.Errorf("loading the state of height %d: %w", height, err))
		return
	}
	if settled.Height() != height || settled.Digest() != d.header.StateDigest {
		e.fail(fmt.Errorf("the state on disk is not that of height %d: digest %s, not %s", height, settled.Digest().Hex(), d.header.StateDigest.Hex()))
		return
	}
	e.settled, e.lastBatch = settled, d.header.Batch
	e.letGo(height, d.prop, spare)
	e.remote(height, e.lastBatch)
	delete(e.hints, height)
	e.ahead.done(height)
	e.confirmed = true
	e.meter.height.Set(float64(height))
	e.log.Info("settled", "height", height, "slot", shown.Slot, "state", settled.Digest().Hex()[:16])
	e.hub.publish("settled", RoundNotice{Height: height, Generation: d.header.Generation, State: "settled", Round: rec, Header: d.header})
}

// recordOf is this node's record of what was settled. One of another header is of an older generation, which the vault undid
// while this node did not look; it lets go of that one's batch.
func (e *engine) recordOf(height uint64, d *decision) (*Round, error) {
	rec, err := e.book.round(height)
	if err != nil || rec == nil {
		return newRound(d), err
	}
	h, err := ledger.ParseHeader(rec.Certificate.Body)
	if err != nil {
		return nil, err
	}
	if h.Digest() == d.digest {
		return rec, nil
	}
	e.unpin(h)
	return newRound(d), nil
}

// unpin lets go of an undone header's batch.
func (e *engine) unpin(h *ledger.Header) {
	list := []ledger.BatchCID{h.Batch}
	ctx, cancel := context.WithTimeout(e.ctx, readTimeout)
	defer cancel()
	data, err := e.blocks().Get(ctx, h.Batch)
	if err == nil {
		var root *ledger.BatchRoot
		if root, err = ledger.ParseBatchRoot(data); err == nil {
			for _, b := range root.Bundles {
				list = append(list, b.Bundle)
			}
		}
	}
	if err = errors.Join(err, e.blocks().Unpin(batchOwner(h.Height), list...)); err != nil {
		e.log.Warn("an undone batch stays pinned", "height", h.Height, "err", err)
	}
}

// readTimeout bounds the read of one block of this node's own.
const readTimeout = 5 * time.Second

// write commits state, round, statuses and pool in one batch, and returns the intents that leave the pool.
func (e *engine) write(height uint64, p *proposal, rec *Round) ([]intent.ID, error) {
	batch := e.store.Batch()
	for _, c := range p.result.Changes(p.digest) {
		if c.Value == nil {
			batch.Delete(e.states, c.Key)
		} else {
			batch.Set(e.states, c.Key, c.Value)
		}
	}
	if err := e.book.setRound(batch, height, rec); err != nil {
		return nil, err
	}
	index := make(map[intent.ID]uint32, len(p.result.Accepted))
	for i, id := range p.result.Accepted {
		index[id] = uint32(i)
	}
	places := p.places()
	gone := make([]intent.ID, 0, len(p.intents))
	for i, b := range p.intents {
		s := Status{State: stateSettled, Height: height, Index: index[b.ID], Bundle: []byte(places[i].Bundle), Place: uint32(places[i].Index)}
		if entry, ok := e.pool.Get(b.ID); ok {
			s.Received = entry.Received
		}
		if err := e.book.setStatus(batch, b.ID, s); err != nil {
			return nil, err
		}
		e.book.noteWallet(batch, b.Signed.From, height, index[b.ID], b.ID)
		gone = append(gone, b.ID)
		if b.Signed.Kind == intent.Issue {
			e.book.noteItem(batch, b.Signed.Item, height, *b.Signed.To)
		}
		if b.Signed.Kind == intent.Cancel {
			more, err := e.cancelled(batch, b.Signed)
			if err != nil {
				return nil, err
			}
			gone = append(gone, more...)
		}
	}
	if err := e.book.noteResult(batch, height, p.result); err != nil {
		return nil, err
	}
	e.poolDisk.deleteIn(batch, gone)
	return gone, batch.Commit(storage.Durable)
}

// cancelled drops what an accepted cancel withdraws.
func (e *engine) cancelled(batch *storage.Batch, c *intent.Signed) ([]intent.ID, error) {
	rival, ok := e.pool.Rival(c.From, c.SigningKey(), c.Nonce)
	if !ok {
		return nil, nil
	}
	s := Status{State: stateDropped, Code: intent.Cancelled, Received: rival.Received, Wire: rival.Signed.Encode()}
	return []intent.ID{rival.ID}, e.book.setStatus(batch, rival.ID, s)
}

// letGo ends what a settled height no longer needs: the settler's job. Its batch stays pinned: receipts and auditors need it.
func (e *engine) letGo(height uint64, p *proposal, spare []ledger.BatchCID) {
	if e.settler != nil {
		if err := e.settler.Forget(height); err != nil {
			e.log.Warn("the settler's journal keeps a settled height", "height", height, "err", err)
		}
	}
	if err := e.blocks().Pin(batchOwner(height), p.blocks()...); err != nil {
		e.log.Warn("the batch could not be pinned", "height", height, "err", err)
	}
	if err := e.blocks().Unpin(batchOwner(height), spare...); err != nil {
		e.log.Warn("blocks of proposals that were not taken stay pinned", "height", height, "err", err)
	}
}

// spare are the blocks that the round held for other proposals than the settled one.
func (r *round) spare(settled *proposal) []ledger.BatchCID {
	if r == nil {
		return nil
	}
	kept := map[ledger.BatchCID]bool{}
	for _, c := range settled.blocks() {
		kept[c] = true
	}
	var out []ledger.BatchCID
	for _, p := range r.proposals {
		for _, c := range p.blocks() {
			if !kept[c] {
				out = append(out, c)
			}
		}
	}
	return out
}

// undo returns what an older instance decided to the pool.
func (e *engine) undo(now ledger.Instance) {
	rec, err := e.book.round(now.Height)
	if err != nil {
		e.fail(fmt.Errorf("the record of height %d: %w", now.Height, err))
		return
	}
	if rec == nil {
		return
	}
	h, err := ledger.ParseHeader(rec.Certificate.Body)
	if err != nil {
		e.fail(fmt.Errorf("the record of height %d: %w", now.Height, err))
		return
	}
	if agreement.Compare(h.Instance, now) >= 0 {
		return // the current one's, or the vault is seen as it was before
	}
	n := e.pool.Free(now.Height)
	if err := e.book.dropRound(now.Height); err != nil {
		e.fail(fmt.Errorf("undoing height %d: %w", now.Height, err))
		return
	}
	e.unpin(h)
	if e.settler != nil {
		if err := e.settler.Forget(now.Height); err != nil {
			e.log.Warn("the settler's journal keeps an undone height", "height", now.Height, "err", err)
		}
	}
	e.meter.undone.Inc()
	e.log.Warn("a decided height was undone by the chain", "height", now.Height, "from generation", h.Generation, "to generation", now.Generation, "intents", n)
	e.hub.publish("round", RoundNotice{Height: now.Height, Generation: now.Generation, State: "undone"})
}

// resume brings back the decision of the current instance after a restart.
func (e *engine) resume() {
	r := e.round
	rec, err := e.book.round(r.inst.Height)
	if err != nil {
		e.fail(fmt.Errorf("the record of height %d: %w", r.inst.Height, err))
		return
	}
	if rec == nil {
		return
	}
	h, err := ledger.ParseHeader(rec.Certificate.Body)
	if err != nil || h.Instance != r.inst {
		return
	}
	cert := rec.Certificate
	e.pool.Hold(rec.Outcome.Accepted, r.inst.Height) // accepted they are, also until the batch is executed again
	e.feed(func(m *agreement.Machine) []agreement.Effect {
		effects, err := m.Receive(agreement.NewDecided(r.inst, h.Digest(), &cert), e.clock().UnixMilli())
		if err != nil {
			e.log.Warn("the recorded decision was not taken", "height", r.inst.Height, "err", err)
		}
		return effects
	})
}

// accuse keeps evidence of a member that contradicted itself, and tells the others.
func (e *engine) accuse(ev agreement.Evidence) {
	fresh, err := e.book.addEvidence(&ev)
	if err != nil {
		e.log.Warn("evidence could not be kept", "err", err)
		return
	}
	if fresh {
		e.meter.evidence.Inc()
		e.log.Warn("a member contradicted itself", "member", ev.A.From, "height", ev.A.Instance.Height, "view", ev.A.View, "kind", ev.A.Kind)
		e.tell(ev)
	}
}

var _ pool.Gate = gate{}
