package netting

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// A Selector chooses what a leader takes from its pool. Whatever it takes, netting the accepted moves alone must accept
// all of them: that, and nothing else, is what the other nodes check (Verify). An outcome's rejections tell the reasons
// of the moves that stay behind.
type Selector interface {
	Select(pool *Case) *Outcome
}

// Netted is the plain selector: Net itself.
type Netted struct{}

// Select nets the pool.
func (Netted) Select(pool *Case) *Outcome { return Net(pool) }

// ErrNotNetted is wrapped where a batch holds a move that netting does not accept.
var ErrNotNetted = errors.New("netting does not accept the whole batch")

// Verify nets a batch as any node does before it votes.
func Verify(batch *Case) (*Outcome, error) {
	o := Net(batch)
	if len(o.Rejected) > 0 {
		r := &o.Rejected[0]
		return nil, fmt.Errorf("%w: %d of %d moves, first %q: %s (%s)", ErrNotNetted, len(o.Rejected), len(batch.Moves), r.ID, r.Reason,
			r.Why.Text(r.Reason))
	}
	return o, nil
}

// Readmission improves on Net: Net keeps every wallet's own order, so one payment that is not covered holds up all that
// its wallet queued behind it. Readmission takes the moves that the end balances cover after all, and nets again what
// that sets free, until nothing more comes in.
type Readmission struct{}

// maxReadmissions bounds the passes; each costs at most this many nettings of what is left.
const maxReadmissions = 8

// Select nets the pool and readmits. Ids in the pool must name one move each.
func (Readmission) Select(pool *Case) *Outcome {
	first := Net(pool)
	r := newReadmitter(pool, first)
	for range maxReadmissions {
		if !r.pass() {
			break
		}
	}
	if len(r.taken) == len(first.Accepted) {
		return first
	}
	best, err := Verify(withMoves(pool, r.taken))
	if err != nil { // cannot be by construction; the plain selection is always right
		return first
	}
	best.Rejected = r.rejections(first.Rejected)
	best.Gross = first.Gross
	return best
}

func withMoves(c *Case, moves []Move) *Case {
	d := *c
	d.Moves = moves
	return &d
}

type walletAsset struct{ wallet, asset string }

type readmitter struct {
	pool   *Case
	taken  []Move
	left   []Move                 // what may still come in, the smallest first: so that more of them do
	free   map[walletAsset]Int128 // end balances
	owner  map[string]string      // of unique items
	count  map[string]int         // taken moves of an item
	nonces map[[3]string]bool     // taken (from, signer, nonce)
	asks   map[string]bool
	volume map[[3]string]Int128 // what a session has left
}

func newReadmitter(pool *Case, o *Outcome) *readmitter {
	r := &readmitter{pool: pool, free: map[walletAsset]Int128{}, owner: map[string]string{}, count: map[string]int{},
		nonces: map[[3]string]bool{}, asks: map[string]bool{}, volume: map[[3]string]Int128{}}
	for _, b := range pool.Balances {
		a := walletAsset{b.Wallet, b.Asset}
		r.free[a] = r.free[a].AddUnits(b.Amount)
	}
	for _, w := range o.Owners {
		r.owner[w.Item] = w.Before
	}
	for _, l := range pool.Limits {
		m := Move{From: l.Wallet, Signer: l.Signer, Asset: l.Asset}
		m = m.plain()
		k := [3]string{m.From, m.Signer, m.Asset}
		if old, ok := r.volume[k]; !ok || Units(l.Max).Cmp(old) < 0 {
			r.volume[k] = Units(l.Max)
		}
	}
	for _, m := range pool.Taken(o) {
		r.take(m)
	}
	for _, w := range o.Owners {
		r.owner[w.Item] = w.Owner
	}
	for i := range pool.Moves {
		m := pool.Moves[i].plain()
		at, ok := slices.BinarySearchFunc(o.Rejected, m.ID, func(x Rejection, id string) int { return strings.Compare(x.ID, id) })
		if ok && o.Rejected[at].Reason != Invalid && o.Rejected[at].Reason != Replay {
			r.left = append(r.left, m)
		}
	}
	slices.SortFunc(r.left, func(a, b Move) int {
		return cmp.Or(cmp.Compare(a.Amount, b.Amount), cmp.Compare(a.Nonce, b.Nonce), compareMoves(&a, &b))
	})
	r.left = slices.Compact(r.left)
	return r
}

func nonceKey(m *Move) [3]string {
	return [3]string{m.From, m.Signer, units(m.Nonce)}
}

func (r *readmitter) take(m Move) {
	r.taken = append(r.taken, m)
	r.nonces[nonceKey(&m)] = true
	if m.Ask != "" {
		r.asks[m.Ask] = true
	}
	if k := [3]string{m.From, m.Signer, m.Asset}; r.limited(k) {
		r.volume[k] = r.volume[k].SubUnits(m.Amount).SubUnits(m.Fee)
	}
	m.legs(r.pool.FeeAccount, func(from, to, asset string, amount uint64) {
		if _, item := r.owner[asset]; item {
			r.owner[asset] = to
			r.count[asset]++
			return
		}
		r.free[walletAsset{from, asset}] = r.free[walletAsset{from, asset}].SubUnits(amount)
		r.free[walletAsset{to, asset}] = r.free[walletAsset{to, asset}].AddUnits(amount)
	})
}

func (r *readmitter) limited(k [3]string) bool { _, ok := r.volume[k]; return ok }

// possible says whether S0 and S1 would let m in beside what is taken.
func (r *readmitter) possible(m *Move) bool {
	if r.nonces[nonceKey(m)] || m.Ask != "" && r.asks[m.Ask] {
		return false
	}
	k := [3]string{m.From, m.Signer, m.Asset}
	if r.limited(k) && r.volume[k].SubUnits(m.Amount).SubUnits(m.Fee).Sign() < 0 {
		return false
	}
	return m.Kind == Pay || r.count[m.Item] < MaxItemMoves
}

// pass first takes single moves that the end balances cover, then nets what is left against the end balances, which
// finds loops and chains among it; the moves that were short first in their queues are then set aside and the others
// netted again. It says whether anything came in.
func (r *readmitter) pass() bool {
	before := len(r.taken)
	var left []Move
	for _, m := range r.left {
		if r.possible(&m) && r.covers(&m) {
			r.take(m)
		} else {
			left = append(left, m)
		}
	}
	aside := map[string]bool{}
	for range maxReadmissions {
		rest := r.rest(left, aside)
		if len(rest.Moves) == 0 {
			break
		}
		o := Net(rest)
		in := map[string]bool{}
		for _, m := range rest.Taken(o) {
			in[m.ID] = true
			r.take(left[m.Nonce-1])
		}
		for _, w := range o.Owners {
			r.owner[w.Item] = w.Owner
		}
		left = slices.DeleteFunc(left, func(m Move) bool { return in[m.ID] })
		for i := range o.Rejected {
			if o.Rejected[i].Why.Behind == "" {
				aside[o.Rejected[i].ID] = true
			}
		}
	}
	r.left = left
	return len(r.taken) > before
}

// covers says whether the end balances bear m alone.
func (r *readmitter) covers(m *Move) bool {
	need := map[walletAsset]Int128{}
	ok := true
	m.legs(r.pool.FeeAccount, func(from, to, asset string, amount uint64) {
		if owner, item := r.owner[asset]; item {
			ok = ok && owner == from
			return
		}
		need[walletAsset{from, asset}] = need[walletAsset{from, asset}].AddUnits(amount)
		need[walletAsset{to, asset}] = need[walletAsset{to, asset}].SubUnits(amount)
	})
	for a, n := range need {
		ok = ok && r.free[a].Cmp(n) >= 0
	}
	return ok
}

// rest is the case of what is left: it opens with the end balances. Its nonces are places in left, so that a queue that
// is short loses its largest moves and not its latest; the true ones were judged in the first netting and by possible.
// An end balance beyond 64 bits opens with the most
// that fits, which can only take less in.
func (r *readmitter) rest(left []Move, aside map[string]bool) *Case {
	c := &Case{Seed: r.pool.Seed, FeeAccount: r.pool.FeeAccount}
	room, nonces := map[string]int{}, map[[3]string]bool{}
	for i := range left {
		m := &left[i]
		if aside[m.ID] || nonces[nonceKey(m)] || !r.possible(m) {
			continue
		}
		if _, item := r.owner[m.Item]; item && m.Kind == Sale {
			if r.count[m.Item]+room[m.Item] >= MaxItemMoves {
				continue
			}
			room[m.Item]++
		}
		nonces[nonceKey(m)] = true
		c.Moves = append(c.Moves, *m)
		c.Moves[len(c.Moves)-1].Nonce = uint64(i + 1)
	}
	for a, amount := range r.free {
		if amount.Sign() > 0 {
			u, fits := amount.Uint64()
			if !fits {
				u = ^uint64(0)
			}
			c.Balances = append(c.Balances, Balance{a.wallet, a.asset, u})
		}
	}
	for item, owner := range r.owner {
		c.Items = append(c.Items, Holding{item, owner})
	}
	for k, amount := range r.volume {
		u, _ := amount.Uint64()
		c.Limits = append(c.Limits, Limit{k[0], k[1], k[2], u})
	}
	return c
}

// rejections are those of the first netting that did not come in.
func (r *readmitter) rejections(first []Rejection) []Rejection {
	in := map[string]bool{}
	for i := range r.taken {
		in[r.taken[i].ID] = true
	}
	out := []Rejection{}
	for i := range first {
		if !in[first[i].ID] {
			out = append(out, first[i])
		}
	}
	return out
}
