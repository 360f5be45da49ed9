package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/ledger"
)

// An AuditReport says what re-execution found of a batch.
type AuditReport struct {
	Batch        ledger.BatchCID
	Height       uint64
	HeaderDigest intent.Hash
	OutcomeRoot  intent.Hash
	StateDigest  intent.Hash // after the height, as computed here
	Intents      uint64
	Changes      int // of balances
	Signers      []intent.Key
}

// MarshalJSON writes digests as lower-case hex and the CID as text, as the API does.
func (r *AuditReport) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]any{"batch": r.Batch.String(), "height": r.Height, "header": r.HeaderDigest.Hex(),
		"outcome_root": r.OutcomeRoot.Hex(), "state_digest": r.StateDigest.Hex(), "intents": r.Intents, "changes": r.Changes, "signers": r.Signers})
}

// ErrNoSuchBatch says that no settled height has the batch.
var ErrNoSuchBatch = errors.New("no settled height has this batch")

// auditPoll is how often an audit looks how far re-execution is.
const auditPoll = 100 * time.Millisecond

// Audit re-executes the network's history with no trust in anybody: the vault's events come from the cluster, certificates
// and batches from any peer, and every height up to the batch's is executed here and compared with what the committee
// signed and the vault shows settled. cfg is a node of its own, in an empty home with keys that nobody knows. progress
// hears of every height reached.
func Audit(ctx context.Context, cfg Config, batch ledger.BatchCID, progress func(height uint64)) (report *AuditReport, err error) {
	n, err := New(ctx, cfg)
	if err != nil {
		return nil, err
	}
	run, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- n.Run(run) }()
	defer func() {
		stop()
		err = errors.Join(err, <-done, n.Close())
	}()
	ticker := time.NewTicker(auditPoll)
	defer ticker.Stop()
	for seen := uint64(0); ; {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case err := <-done:
			done <- nil
			return nil, errors.Join(errors.New("the auditing node stopped"), err)
		case <-ticker.C:
		}
		s := n.engine.status.Load()
		if s == nil {
			continue
		}
		for seen < s.Height {
			seen++
			progress(seen)
			if report, err = n.audited(seen, batch); report != nil || err != nil {
				return report, err
			}
		}
		if s.Synced && s.Height == seen && s.Opening.Cut().Number == s.Events {
			return nil, fmt.Errorf("%w: %s is not among the %d that the vault shows", ErrNoSuchBatch, batch, seen)
		}
	}
}

// audited is the report on a height if it has the batch.
func (n *Node) audited(height uint64, batch ledger.BatchCID) (*AuditReport, error) {
	rec, err := n.book.round(height)
	if err != nil {
		return nil, err
	}
	if rec == nil {
		return nil, fmt.Errorf("height %d was executed but is not recorded", height)
	}
	h, err := ledger.ParseHeader(rec.Certificate.Body)
	if err != nil {
		return nil, fmt.Errorf("the header of height %d: %w", height, err)
	}
	if h.Batch != batch {
		return nil, nil
	}
	r := &AuditReport{Batch: batch, Height: height, HeaderDigest: h.Digest(), OutcomeRoot: h.OutcomeRoot, StateDigest: h.StateDigest,
		Intents: h.Count, Changes: len(rec.Outcome.Deltas)}
	for _, s := range rec.Certificate.Signatures {
		r.Signers = append(r.Signers, s.Member)
	}
	return r, nil
}
