package council

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/network"
)

// maxOfMember bounds the changes that one member's operator approves in one epoch: only one can be the next, and a member that
// signs thousands must not fill a disk.
const maxOfMember = 8

// margin is how long an approval must still hold for a leader to build on it, in seconds: others' clocks differ.
const margin = 30

// Why an approval is not taken.
var (
	ErrStranger = errors.New("it is of no member")
	ErrEpoch    = errors.New("it is of another epoch")
	ErrStale    = errors.New("there is a newer one, or the same")
	ErrTime     = errors.New("its time is ahead of this node's clock")
	ErrTooMany  = errors.New("there are too many of this member")
)

// A Disk keeps approvals over restarts.
type Disk interface {
	Save(key, value []byte) error
	Remove(key []byte) error
	Load(fn func(key, value []byte) bool) error
}

// A Committee is who may approve: the members of an epoch.
type Committee struct {
	Epoch   uint32
	Members []network.Member
}

// A Council holds the approvals of the current epoch. It may be called from many goroutines.
type Council struct {
	net  intent.Hash
	self intent.Key
	disk Disk

	mu   sync.Mutex
	held map[string]*Approval
}

// Open reads what the disk has.
func Open(net intent.Hash, self intent.Key, disk Disk) (*Council, error) {
	c := &Council{net: net, self: self, disk: disk, held: map[string]*Approval{}}
	var bad error
	err := disk.Load(func(k, v []byte) bool {
		a, err := Parse(v)
		if err != nil {
			bad = err
			return false
		}
		c.held[string(k)] = a
		return true
	})
	if err := errors.Join(err, bad); err != nil {
		return nil, fmt.Errorf("reading the approvals of members: %w", err)
	}
	return c, nil
}

func keyOf(a *Approval) []byte {
	id := a.Change.ID()
	return append(a.From[:len(a.From):len(a.From)], id[:]...)
}

// Take keeps an approval, durably, if a member of this epoch has signed it and it is news. Whoever hands it in proves nothing
// by that: an approval speaks for itself.
func (c *Council) Take(a *Approval, now Committee, clock int64) error {
	switch {
	case a.Epoch != now.Epoch:
		return fmt.Errorf("council: %w: %d, this is %d", ErrEpoch, a.Epoch, now.Epoch)
	case network.Find(now.Members, a.From) < 0:
		return fmt.Errorf("council: %w: %s", ErrStranger, a.From)
	case a.Made > clock+maxAhead:
		return fmt.Errorf("council: %w by %d s", ErrTime, a.Made-clock)
	}
	if _, err := a.Change.Apply(now.Members); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	key := keyOf(a)
	old := c.held[string(key)]
	if old != nil && old.Epoch == a.Epoch && old.Made >= a.Made {
		return fmt.Errorf("council: %w", ErrStale)
	}
	if err := a.Verify(c.net); err != nil {
		return err
	}
	if old == nil && c.count(a.From, a.Epoch) >= maxOfMember {
		return fmt.Errorf("council: %w: %d in this epoch; the next begins with the next change", ErrTooMany, maxOfMember)
	}
	if err := c.disk.Save(key, a.Encode()); err != nil {
		return fmt.Errorf("keeping an approval: %w", err)
	}
	c.held[string(key)] = a
	return nil
}

// count is how many a member has of an epoch, those taken back included: they must be remembered. c.mu is held.
func (c *Council) count(from intent.Key, epoch uint32) int {
	n := 0
	for _, a := range c.held {
		if a.From == from && a.Epoch == epoch {
			n++
		}
	}
	return n
}

// Forget lets go of approvals of earlier epochs: they lapse with the change that ends their epoch.
func (c *Council) Forget(epoch uint32) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for k, a := range c.held {
		if a.Epoch >= epoch {
			continue
		}
		if err := c.disk.Remove([]byte(k)); err != nil {
			return fmt.Errorf("forgetting an approval: %w", err)
		}
		delete(c.held, k)
	}
	return nil
}

// All are the approvals of an epoch, those taken back and expired among them, to be told to others.
func (c *Council) All(epoch uint32) []*Approval {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []*Approval
	for _, a := range c.held {
		if a.Epoch == epoch {
			out = append(out, a)
		}
	}
	slices.SortFunc(out, func(a, b *Approval) int { return bytes.Compare(keyOf(a), keyOf(b)) })
	return out
}

// A Motion is a change and who has approved it.
type Motion struct {
	ID       intent.Hash
	Change   Change
	Members  []network.Member // after it
	Approved []*Approval      // that hold, the oldest first
	Weight   uint32           // of those
	Own      *Approval        // this node's operator's, if it holds
}

// Motions are the changes that somebody's approval holds for, in the order of their ids.
func (c *Council) Motions(now Committee, clock int64) []Motion {
	found := map[intent.Hash]*Motion{}
	for _, a := range c.All(now.Epoch) {
		place := network.Find(now.Members, a.From)
		if !a.open(clock) || place < 0 {
			continue
		}
		id := a.Change.ID()
		m := found[id]
		if m == nil {
			after, err := a.Change.Apply(now.Members)
			if err != nil {
				continue
			}
			m = &Motion{ID: id, Change: a.Change, Members: after}
			found[id] = m
		}
		m.Approved = append(m.Approved, a)
		m.Weight += uint32(now.Members[place].Weight)
		if a.From == c.self {
			m.Own = a
		}
	}
	out := make([]Motion, 0, len(found))
	for _, m := range found {
		slices.SortFunc(m.Approved, func(a, b *Approval) int {
			return cmp.Or(cmp.Compare(a.Made, b.Made), bytes.Compare(a.From[:], b.From[:]))
		})
		out = append(out, *m)
	}
	slices.SortFunc(out, func(a, b Motion) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	return out
}

// Next are the members that this node would propose now, nil if they stay: its own operator and a quorum have approved the
// change, and will for a while. waits says that a quorum wants some change, whatever this node's operator says.
func (c *Council) Next(now Committee, clock int64) (members []network.Member, waits bool) {
	for _, m := range c.Motions(now, clock+margin) {
		if !network.Quorum(m.Weight, now.Members) {
			continue
		}
		waits = true
		if m.Own != nil {
			return m.Members, true
		}
	}
	return nil, waits
}

// Approves says whether this node's own operator wants exactly these members to be the next.
func (c *Council) Approves(now Committee, next []network.Member, clock int64) bool {
	for _, m := range c.Motions(now, clock) {
		if m.Own != nil && slices.Equal(m.Members, next) {
			return true
		}
	}
	return false
}
