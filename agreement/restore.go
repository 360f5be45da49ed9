package agreement

import (
	"errors"
	"fmt"

	"github.com/phantom-paradox/paradox/agreement/internal/mutation"
	"github.com/phantom-paradox/paradox/ledger"
)

// ErrLogAhead says that the vote log knows a later instance than the one asked for: the node's watcher is behind its own
// votes, and it must not vote before it has caught up.
var ErrLogAhead = errors.New("agreement: the vote log is ahead of the chain as this node sees it")

// Restored is what the vote log says of an instance.
type Restored struct {
	instance ledger.Instance
	records  []record
}

// A record is one vote as the log holds it; lock is a commit's.
type record struct {
	message *Message
	lock    *lock
}

// Votes is the number of votes that the log holds of the instance.
func (r *Restored) Votes() int { return len(r.records) }

// Restore reads the records of the vote log, in the order in which they were written. Records of earlier instances are
// passed over; the host may delete those. A record that cannot be read is an error: a log is whole or it is no log.
func Restore(records [][]byte, inst ledger.Instance) (*Restored, error) {
	r := &Restored{instance: inst}
	for i, b := range records {
		rec, err := decodeRecord(b)
		if err != nil {
			return nil, fmt.Errorf("agreement: record %d of the vote log: %w", i, err)
		}
		switch order := Compare(rec.message.Instance, inst); {
		case order > 0:
			return nil, fmt.Errorf("%w: it holds a vote of %+v, not yet %+v", ErrLogAhead, rec.message.Instance, inst)
		case order == 0:
			r.records = append(r.records, rec)
		}
	}
	return r, nil
}

// RecordInstance says to which instance a record belongs, so that a host can index its log and prune it.
func RecordInstance(b []byte) (ledger.Instance, error) {
	rec, err := decodeRecord(b)
	if err != nil {
		return ledger.Instance{}, fmt.Errorf("agreement: record of the vote log: %w", err)
	}
	return rec.message.Instance, nil
}

// Compare orders instances: by height, then generation, then epoch. A network goes through them in this order.
func Compare(a, b ledger.Instance) int {
	switch {
	case a.Height != b.Height:
		return sign(a.Height < b.Height)
	case a.Generation != b.Generation:
		return sign(a.Generation < b.Generation)
	case a.Epoch != b.Epoch:
		return sign(a.Epoch < b.Epoch)
	}
	return 0
}

func sign(less bool) int {
	if less {
		return -1
	}
	return 1
}

// restore refills the equivocation filter and the lock, and goes to the highest view that was voted in.
func (m *Machine) restore(r *Restored) error {
	if r.instance != m.cfg.Instance {
		return fmt.Errorf("agreement: restored votes are of %+v", r.instance)
	}
	if len(r.records) > 0 && m.cfg.Self == Observer {
		return errors.New("agreement: an observer has a vote log with votes of this instance")
	}
	for _, rec := range r.records {
		msg := rec.message
		if msg.From != m.cfg.Members[m.cfg.Self].Key {
			return fmt.Errorf("agreement: the vote log holds a vote of another key, %x", msg.From)
		}
		m.own[voteKey{msg.Kind, msg.View}] = msg
		m.count(msg, rec.lock)
		if !m.broken(mutation.VoteBelowLog) {
			m.view = max(m.view, msg.View)
		}
		if m.broken(mutation.LockNotRestored) {
			continue
		}
		if l := rec.lock; l != nil && (m.lock == nil || l.cert.View >= m.lock.cert.View) {
			m.lock = l
			m.valid[l.cert.Digest] = true
		}
	}
	return nil
}
