package node

import (
	"context"
	"errors"
	"fmt"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/network"
	"github.com/phantom-paradox/paradox/node/api"
	"github.com/phantom-paradox/paradox/node/council"
)

// members are those of the epoch as this node sees it.
func (f *facade) members() []network.Member { return f.n.members() }

// nameOf is the name of a member of this epoch, or of an earlier one as far as this node knows; "" if it is none.
func (f *facade) nameOf(key intent.Key) string {
	for _, list := range [][]network.Member{f.members(), f.n.cfg.File.Members} {
		if i := network.Find(list, key); i >= 0 {
			return list[i].Name
		}
	}
	s := f.sight()
	epochs, err := f.epochs.until(f, s.Epoch, s.Height)
	if err != nil {
		return ""
	}
	for _, e := range epochs {
		for _, m := range e.Members {
			if m.Key == key {
				return m.Name
			}
		}
	}
	return ""
}

// removed says when this node's key was put out of the committee, "" if it is in it or never was.
func (f *facade) removed() string {
	s := f.sight()
	if s.Epoch == 0 || network.Find(f.members(), f.n.self) >= 0 {
		return ""
	}
	last, was := uint32(0), network.Find(f.n.cfg.File.Members, f.n.self) >= 0
	epochs, err := f.epochs.until(f, s.Epoch, s.Height)
	if err != nil {
		return ""
	}
	for i, e := range epochs {
		for _, m := range e.Members {
			if m.Key == f.n.self {
				last, was = uint32(i)+1, true
			}
		}
	}
	if !was {
		return ""
	}
	return fmt.Sprintf("the committee removed this node's key; that was epoch %d", last)
}

// changes are the changes of the members that operators have approved.
func (f *facade) changes() []api.Change {
	now, ok := f.n.committee.now()
	if !ok {
		return nil
	}
	var out []api.Change
	for _, m := range f.n.wishes.book.Motions(now, f.n.door.clock().Unix()) {
		c := api.Change{ID: api.Digest(m.ID), Epoch: now.Epoch, Weight: m.Weight, Threshold: network.Threshold(now.Members), Own: m.Own != nil}
		if a := m.Change.Admit; a != nil {
			c.Action, c.Member = "admit", api.Member{Name: a.Name, Key: a.Key, VRF: a.VRF[:], Weight: a.Weight}
		} else if i := network.Find(now.Members, *m.Change.Remove); i >= 0 {
			c.Action, c.Member = "remove", membersView(now.Members[i : i+1])[0]
		}
		for _, a := range m.Approved {
			c.Approved = append(c.Approved, f.nameOf(a.From))
			if c.Expires == 0 || a.Expires < c.Expires {
				c.Expires = a.Expires
			}
		}
		out = append(out, c)
	}
	return out
}

// Approve takes an operator's signed approval.
func (f *facade) Approve(_ context.Context, data []byte) (*api.Approved, error) {
	a, err := council.Parse(data)
	if err == nil {
		err = f.n.committee.take(a)
	}
	switch {
	case errors.Is(err, errNotReady):
		return nil, f.notReady(f.sight())
	case errors.Is(err, council.ErrStale):
		err = nil // known
	case errors.Is(err, council.ErrMalformed), errors.Is(err, council.ErrImpossible), errors.Is(err, council.ErrStranger),
		errors.Is(err, council.ErrEpoch), errors.Is(err, council.ErrTime), errors.Is(err, council.ErrTooMany):
		return nil, fmt.Errorf("%w: %w", api.ErrRefused, err)
	}
	if err != nil {
		return nil, err
	}
	return &api.Approved{Changes: f.changes()}, nil
}

// Evidence is what this node keeps of members that contradicted themselves.
func (f *facade) Evidence(context.Context) (*api.EvidenceList, error) {
	list, err := f.n.book.evidence()
	if err != nil {
		return nil, err
	}
	out := &api.EvidenceList{Evidence: []api.Evidence{}}
	for _, ev := range list {
		a, b := ev.A, ev.B
		out.Evidence = append(out.Evidence, api.Evidence{Member: a.From, Name: f.nameOf(a.From), Height: a.Instance.Height, Epoch: a.Instance.Epoch,
			Generation: a.Instance.Generation,
			Votes:      []api.Vote{{Kind: a.Kind.String(), View: a.View, Digest: api.Digest(a.Digest), Sig: a.Sig}, {Kind: b.Kind.String(), View: b.View, Digest: api.Digest(b.Digest), Sig: b.Sig}},
			Proof:      ev.Encode()})
	}
	return out, nil
}
