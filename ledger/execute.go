package ledger

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/netting"
	"github.com/phantom-paradox/paradox/network"
)

// ErrBatch: a batch that no honest leader proposes.
var ErrBatch = errors.New("ledger: the batch is not valid")

// A BatchIntent is an intent of a batch. Whoever executes it has checked its bytes (intent.Check), its signature
// (Verify), and that the id is its.
type BatchIntent struct {
	ID     intent.ID
	Signed *intent.Signed
}

// An Input is a height to execute.
type Input struct {
	Intents   []BatchIntent
	Time      int64            // the header's
	VRFOutput [32]byte         // the header's
	Members   []network.Member // nil: they do not change
}

// A Result is an executed height: the opening's next state, and what its header must say.
type Result struct {
	Outcome
	Tree           *Tree
	OutcomeRoot    intent.Hash
	StateDigest    intent.Hash
	SettlementHead intent.Hash
	Chunks         [][]byte
	Count          uint64 // intents

	opening *Opening
	head    head
	members []network.Member
	writes  map[string][]byte
	sum     lattice
}

// Execute computes what a batch does. The error is ErrBatch where any of it does not stand, else the Store's. It does
// not depend on the order of the intents.
func (o *Opening) Execute(in *Input) (*Result, error) {
	if err := o.checkInput(in); err != nil {
		return nil, err
	}
	ids, intents := make([]intent.ID, len(in.Intents)), make([]*intent.Intent, len(in.Intents))
	set := make([]int32, len(in.Intents))
	for k, b := range in.Intents {
		ids[k], intents[k], set[k] = b.ID, &b.Signed.Intent, int32(k)
	}
	p, fixed := newPlan(o, in.Time, nil, ids, intents)
	if p.err != nil {
		return nil, p.err
	}
	for k, e := range fixed {
		if e != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrBatch, ids[k], e)
		}
	}
	if err := p.evaluate(set); err != nil {
		return nil, err
	}
	for _, n := range set {
		if e := p.refused[n]; e != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrBatch, ids[n], e)
		}
	}
	for _, n := range set {
		if !p.stands(n) {
			return nil, fmt.Errorf("%w: nobody buys the ask %s", ErrBatch, ids[n])
		}
	}
	return p.finish(in, set)
}

// finish writes a judged set of which everything stands.
func (p *plan) finish(in *Input, set []int32) (*Result, error) {
	if limit := p.o.file.Params.MaxWallets; len(p.outcome.Deltas) > limit {
		return nil, fmt.Errorf("%w: it changes %d entries, at most %d", ErrBatch, len(p.outcome.Deltas), limit)
	}
	return p.write(in, set)
}

func (o *Opening) checkInput(in *Input) error {
	if in.Time < o.head.time {
		return fmt.Errorf("%w: its time %d is before %d, that of the height before", ErrBatch, in.Time, o.head.time)
	}
	if limit := o.file.Params.MaxIntents; len(in.Intents) > limit {
		return fmt.Errorf("%w: it has %d intents, at most %d", ErrBatch, len(in.Intents), limit)
	}
	if in.Members != nil {
		if err := network.ValidateMembers(in.Members); err != nil {
			return fmt.Errorf("%w: its members: %w", ErrBatch, err)
		}
	}
	if len(in.Intents) == 0 && in.Members == nil {
		open, err := o.OpenRequests()
		if err != nil {
			return err
		}
		if !open {
			return fmt.Errorf("%w: it is empty, and no withdrawal request waits for it", ErrBatch)
		}
	}
	return nil
}

// write lays what the batch does over the opening.
func (p *plan) write(in *Input, set []int32) (*Result, error) {
	w := newWriter(p.o.table)
	r := &Result{opening: p.o, Count: uint64(len(set)), head: p.o.head, members: p.o.members}
	steps := []func() error{
		func() error { return p.writeExpiries(w) },
		func() error { return p.writeKinds(w, set) },
		func() error { return p.writeSpending(w) },
		func() error { p.writeWindows(w); return p.err },
		func() error { return p.writeOutcome(w, r, in.Members) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return nil, err
		}
	}
	r.Accepted = make([]intent.ID, len(set))
	for k, n := range set {
		r.Accepted[k] = p.ids[n]
	}
	r.sort()
	r.head.height++
	r.head.time = in.Time
	r.head.previous = p.o.Previous()
	r.head.seed = NextSeed(p.o.head.seed, in.VRFOutput)
	w.putHead(&p.o.head, &r.head)
	if in.Members != nil {
		r.members = slices.Clone(in.Members)
		w.element([]byte{kindMembers}, encodeMembers(p.o.members), encodeMembers(r.members))
	}
	w.flush()
	r.writes = w.writes
	r.sum = p.o.sum
	r.sum.swapAll(w.swaps())
	r.StateDigest = r.sum.digest()
	r.Tree = r.Outcome.Tree()
	r.OutcomeRoot = r.Tree.Root()
	r.SettlementHead = SettlementHeads(r.Chunks)[0]
	return r, nil
}

// writeExpiries removes the sessions and windows whose time is over.
func (p *plan) writeExpiries(w *writer) error {
	var over [][]byte
	err := p.o.table.Iterate([]byte{kindExpiry}, func(key, _ []byte) bool {
		if len(key) < 10 || int64(beUint64(key[1:])) > p.now {
			return false
		}
		over = append(over, slices.Clone(key[9:]))
		return true
	})
	if err != nil {
		return err
	}
	for _, key := range over {
		v, err := p.o.table.Get(key)
		if err != nil {
			return err
		}
		if key[0] == kindSession {
			s, err := parseSession(key, v)
			if err != nil {
				return err
			}
			w.putSession(intent.Key(key[1:33]), &s, nil)
			continue
		}
		old, err := parseWindow(v)
		if err != nil {
			return err
		}
		w.putWindow(intent.Key(key[1:33]), intent.Key(key[33:65]), &old, nil)
	}
	return nil
}

// writeKinds marks nonces and does what revokes, sessions and issues do.
func (p *plan) writeKinds(w *writer, set []int32) error {
	for _, n := range set { // ends before beginnings: a batch may revoke a key and open it again
		p.mark(n)
		if p.intents[n].Kind == intent.Revoke {
			if err := p.writeRevoke(w, p.intents[n]); err != nil {
				return err
			}
		}
	}
	for _, n := range set {
		switch i := p.intents[n]; i.Kind {
		case intent.Session:
			if err := p.writeSession(w, i); err != nil {
				return err
			}
		case intent.Issue:
			if err := w.putItem(i.Item, nil, *i.To); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *plan) mark(n int32) {
	win := &p.wins[p.facts[n].win]
	win.nonces.use(p.intents[n].Nonce)
	win.dirty = true
}

// longestAge is how long an intent that a key has signed can be good.
func (p *plan) longestAge() int64 {
	m := p.o.file.MaxAge
	return max(m.Default, m.Ask, m.Session)
}

// writeRevoke ends a key's sessions: the window stays for as long as something that the key signed may be good.
func (p *plan) writeRevoke(w *writer, i *intent.Intent) error {
	list, err := p.o.sessionsOf(i.From, *i.To)
	if err != nil {
		return err
	}
	for k := range list {
		if list[k].Expires > p.now { // the others are gone already
			w.putSession(i.From, &list[k], nil)
		}
	}
	p.keep(i, p.now+p.longestAge())
	return nil
}

// writeSession opens a session, perhaps in the place of one whose volume is used.
func (p *plan) writeSession(w *writer, i *intent.Intent) error {
	key := sessionKey(i.From, *i.To, *i.Mint)
	var old *Session
	v, err := w.Get(key)
	if err != nil {
		return err
	}
	if v != nil {
		s, err := parseSession(key, v)
		if err != nil {
			return err
		}
		old = &s
	}
	w.putSession(i.From, old, &Session{Key: *i.To, Mint: *i.Mint, Max: i.MaxVolume, Expires: i.Expires, Actions: i.Actions})
	n := p.window(p.number(i.From), p.number(*i.To))
	p.keep(i, max(p.wins[n].nonces.Until, i.Expires+p.longestAge()))
	return nil
}

// keep says until when the window of the key that a session or revoke names must stay.
func (p *plan) keep(i *intent.Intent, until int64) {
	n := p.window(p.number(i.From), p.number(*i.To))
	p.wins[n].nonces.Until, p.wins[n].dirty = until, true
}

// writeSpending counts what sessions spent.
func (p *plan) writeSpending(w *writer) error {
	for _, n := range p.moves {
		if s := p.facts[n].session; s >= 0 {
			p.sess[s].spent += p.intents[n].Amount + p.intents[n].Fee
		}
	}
	for k := range p.sess {
		s := &p.sess[k]
		if s.spent == 0 {
			continue
		}
		now := s.Session
		now.Used += s.spent
		w.putSession(p.keys[s.wallet], &s.Session, &now)
	}
	return nil
}

// writeWindows writes the windows that the batch has touched.
func (p *plan) writeWindows(w *writer) {
	for k := range p.wins {
		win := &p.wins[k]
		if !win.dirty {
			continue
		}
		win.nonces.settle()
		w.putWindow(p.keys[win.wallet], p.keys[win.signer], win.before, &win.nonces)
	}
}

// writeOutcome moves money and items, and cuts the settlement.
func (p *plan) writeOutcome(w *writer, r *Result, members []network.Member) error {
	var debits, credits []purseChange
	for k := range p.outcome.Deltas {
		d := &p.outcome.Deltas[k]
		a := &p.accts[d.Account]
		e, change := a.Entry, purseChange{mint: a.Mint, ChunkEntry: ChunkEntry{Number: a.Number}}
		if d.Amount.Sign() < 0 {
			change.Amount, _ = d.Amount.Neg().Uint64()
			e.Balance -= change.Amount
			debits = append(debits, change)
		} else {
			change.Amount, _ = d.Amount.Uint64()
			e.Balance += change.Amount
			credits = append(credits, change)
		}
		if err := w.putEntry(&a.Entry, e); err != nil {
			return err
		}
		r.Deltas = append(r.Deltas, Delta{Wallet: a.Owner, Mint: a.Mint, Entry: a.Number, Amount: d.Amount})
	}
	for k := range p.outcome.Owners {
		h := &p.outcome.Owners[k]
		if h.Owner == h.Before {
			continue
		}
		item, owner, before := p.itemNames[h.Item], p.keys[h.Owner], p.keys[h.Before]
		if err := w.putItem(item, &before, owner); err != nil {
			return err
		}
		r.Owners = append(r.Owners, Owner{Owner: owner, Item: item})
	}
	p.volumes(r)
	r.Chunks = chunks(debits, credits, members)
	return nil
}

// volumes sum up what moved, by mint in the network file's order.
func (p *plan) volumes(r *Result) {
	gross, net := make(map[intent.Key]netting.Int128), make(map[intent.Key]netting.Int128)
	for _, n := range p.moves {
		i := p.intents[n]
		gross[*i.Mint] = gross[*i.Mint].AddUnits(i.Amount)
		r.Legs++
		if i.Kind == intent.Buy {
			r.Legs++
		}
		if i.Fee > 0 {
			r.Legs++
		}
	}
	for k := range r.Deltas {
		if d := &r.Deltas[k]; d.Amount.Sign() > 0 {
			net[d.Mint] = net[d.Mint].Add(d.Amount)
		}
	}
	for k := range p.o.file.Mints {
		mint := p.o.file.Mints[k].Mint
		v := Volume{Mint: mint, Gross: gross[mint], Net: net[mint]}
		if v.Gross.Sign() != 0 || v.Net.Sign() != 0 {
			r.Volumes = append(r.Volumes, v)
		}
	}
}

// Proof proves that an intent was accepted; ok is false if it was not.
func (r *Result) Proof(id intent.ID) (p *Proof, ok bool) {
	k, ok := slices.BinarySearchFunc(r.Accepted, id, func(a, b intent.ID) int { return bytes.Compare(a[:], b[:]) })
	if !ok {
		return nil, false
	}
	return r.Tree.Proof(k), true
}

// Height is the height executed.
func (r *Result) Height() uint64 { return r.head.height }

// State is the state after the height, provisional until the vault shows it settled. headerDigest is that of the header
// that was decided: the next Open accepts no other as settled.
func (r *Result) State(headerDigest intent.Hash) *State {
	writes := make(map[string][]byte)
	for _, layer := range []map[string][]byte{r.opening.state.writes, r.opening.events.writes, r.writes} {
		for k, v := range layer {
			writes[k] = v
		}
	}
	s := &State{base: r.opening.state.base, writes: writes, sum: r.sum, digest: r.StateDigest, tip: headerDigest}
	writes[string([]byte{kindSum})] = r.sum.bytes()
	writes[string([]byte{kindTip})] = slices.Clone(headerDigest[:])
	s.View = r.opening.View
	s.head, s.members = r.head, r.members
	s.table = &layer{below: s.base, writes: writes}
	return s
}

// Changes are what a Store must write, in one step, when the vault has shown the height settled with this header digest.
// They lead from the settled state that the Store holds to this one; Load then reads it.
func (r *Result) Changes(headerDigest intent.Hash) []Change {
	return changes(r.opening.state.writes, r.opening.events.writes, r.writes, map[string][]byte{
		string([]byte{kindSum}): r.sum.bytes(),
		string([]byte{kindTip}): slices.Clone(headerDigest[:]),
	})
}
