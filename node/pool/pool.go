// Package pool holds the intents a node knows that are valid and not yet settled: bounded, durable before they are
// acknowledged, indexed by wallet, nonce and ask, and tied to the bundles that carry them.
//
// What is valid is decided by package intent and by a Gate that the node supplies; what is written where is decided by
// a Disk. No peers, rounds or HTTP here.
package pool

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"sync"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/ledger"
)

// Bounds. Each is what keeps one stranger, or all of them together, from filling a node.
const (
	// MaxIntents bounds the pool: at the largest wire size it is 200 MB, at the usual one about a quarter of that.
	MaxIntents = 200_000
	// coveredFrom is the part of the pool, in quarters, above which it takes only what its wallet's balance covers: what can
	// settle in the next heights, and pays for it. Accounts with dust are cheap, so that many of them could otherwise fill the
	// pool with intents that nobody can settle, until they expire.
	coveredFrom = 3
	// MaxPerWalletFunded bounds one wallet that has a balance: a game server's burst between two rounds.
	MaxPerWalletFunded = 1_024
	// MaxPerWalletEmpty bounds one wallet without a balance: enough for an honest newcomer, useless to spam.
	MaxPerWalletEmpty = 64
	// MaxBundlesPerIntent bounds how many bundles are remembered as carrying the same intent: one serves, a second is
	// insurance against the first being withheld.
	MaxBundlesPerIntent = 4
)

// ErrDisk is in every error that says that an intent could not be made durable; the caller must not acknowledge it.
var ErrDisk = errors.New("the intent could not be stored")

// A Ref is a place in a bundle. Held is when this node had the bundle's bytes, in unix milliseconds.
type Ref struct {
	Bundle string // binary CID
	Index  int
	Held   int64
}

// An Entry is one pooled intent. Entries that a pool hands out are copies; the Signed and the slices are shared and
// must not be changed.
type Entry struct {
	ID       intent.ID
	Signed   *intent.Signed
	Size     int   // bytes on the wire
	Received int64 // unix milliseconds
	Bundles  []Ref
	Code     intent.Code // why it waits; "" when nothing is known yet
	Detail   string
	Held     uint64 // the height whose provisional outcome holds it, 0 when it is free
}

// A Gate is what the pool asks of the ledger's newest state. Balance says whether the wallet has any balance at all.
type Gate interface {
	AdmitCheap(i *intent.Intent) error
	Admit(i *intent.Intent, now int64, asks ledger.AskLookup) error
	Funded(wallet intent.Key) bool
	Spendable(wallet, mint intent.Key) uint64
}

// A Record is what is kept of an entry on disk.
type Record struct {
	ID       intent.ID
	Received int64
	Wire     []byte
	Bundles  []Ref
}

// A Disk keeps records. Put returns when they are durable.
type Disk interface {
	Put(ctx context.Context, records []Record) error
	SetBundles(records []Record) error // of known intents; their wire is not given again
	Delete(ids []intent.ID) error
	Load(fn func(Record) error) error
}

// A signing key's nonces are its own; a cancel shares the nonce of what it withdraws.
type (
	signing  struct{ from, signer intent.Key }
	nonceUse struct {
		nonce  uint64
		cancel bool
	}
	idSet map[intent.ID]struct{}
)

// Pool is safe for concurrent use.
type Pool struct {
	net  *intent.Network
	disk Disk
	most int // MaxIntents, but for tests

	mu      sync.RWMutex
	gate    Gate
	entries map[intent.ID]*Entry
	nonces  map[signing]map[nonceUse]intent.ID
	wallets map[intent.Key]idSet
	bundles map[string]int // pooled intents that a bundle carries
	bytes   int64
	pending map[intent.ID]*writing // neither pooled nor unknown
}

// New makes a pool and fills it with what the disk holds. A record that no longer decodes is an error: the disk is ours.
func New(n *intent.Network, disk Disk, gate Gate) (*Pool, error) {
	p := &Pool{
		net: n, disk: disk, gate: gate, most: MaxIntents,
		entries: map[intent.ID]*Entry{}, nonces: map[signing]map[nonceUse]intent.ID{}, wallets: map[intent.Key]idSet{},
		bundles: map[string]int{}, pending: map[intent.ID]*writing{},
	}
	err := disk.Load(func(r Record) error {
		s, err := intent.Decode(r.Wire)
		if err != nil {
			return fmt.Errorf("pooled intent %s: %w", r.ID, err)
		}
		p.insert(&Entry{ID: r.ID, Signed: s, Size: len(r.Wire), Received: r.Received, Bundles: r.Bundles})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("loading the pool: %w", err)
	}
	return p, nil
}

// SetGate replaces the state against which newcomers are judged.
func (p *Pool) SetGate(g Gate) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gate = g
}

// Candidate is an intent on its way in: decoded, statically checked, its id known.
type Candidate struct {
	ID     intent.ID
	Signed *intent.Signed
	Wire   []byte
	Ref    *Ref // the bundle that brought it, nil for one that came alone
}

// A writing is an intent on its way to the disk; done is closed when it is there, or could not be stored.
type writing struct {
	signed *intent.Signed
	done   chan struct{}
}

// Known says whether the pool has the intent, durably: one that is still being written is not known yet.
func (p *Pool) Known(id intent.ID) bool {
	p.mu.RLock()
	defer p.mu.RUnlock()
	_, ok := p.entries[id]
	return ok
}

// Cheap asks the cheap questions of the gate: those that come before the signature is looked at.
func (p *Pool) Cheap(s *intent.Signed) error {
	p.mu.RLock()
	g := p.gate
	p.mu.RUnlock()
	return g.AdmitCheap(&s.Intent)
}

// Add judges candidates whose signatures hold and stores those that pass. The errors stand in the candidates' order; nil
// says that the intent is durable, now or since earlier. now is unix milliseconds.
func (p *Pool) Add(ctx context.Context, list []Candidate, now int64) []error {
	errs := make([]error, len(list))
	fresh := make([]int, 0, len(list))
	records := make([]Record, 0, len(list))
	mine := map[intent.ID]int{}         // places in the list of what this call writes
	theirs := map[int]<-chan struct{}{} // what another call is writing
	var twins [][2]int
	for i, c := range list {
		if first, ok := mine[c.ID]; ok {
			twins = append(twins, [2]int{i, first})
			continue
		}
		known, other, err := p.reserve(c, now)
		errs[i] = err
		if other != nil {
			theirs[i] = other
		}
		if err != nil || known || other != nil {
			continue
		}
		r := Record{ID: c.ID, Received: now, Wire: c.Wire}
		if c.Ref != nil {
			r.Bundles = []Ref{*c.Ref}
		}
		mine[c.ID] = i
		fresh, records = append(fresh, i), append(records, r)
	}
	if len(fresh) > 0 {
		p.store(ctx, list, now, fresh, records, errs)
	}
	for _, t := range twins {
		errs[t[0]] = errs[t[1]]
	}
	for i, done := range theirs {
		errs[i] = p.follow(ctx, list[i], now, done)
	}
	return errs
}

// store makes reserved candidates durable and pools them.
func (p *Pool) store(ctx context.Context, list []Candidate, now int64, fresh []int, records []Record, errs []error) {
	err := p.disk.Put(ctx, records)
	p.mu.Lock()
	defer p.mu.Unlock()
	for k, i := range fresh {
		c := list[i]
		close(p.pending[c.ID].done)
		delete(p.pending, c.ID)
		if err != nil {
			p.release(c.Signed, c.ID)
			errs[i] = fmt.Errorf("%w: %w", ErrDisk, err)
			continue
		}
		p.link(&Entry{ID: c.ID, Signed: c.Signed, Size: len(c.Wire), Received: now, Bundles: records[k].Bundles})
	}
}

// follow waits until another call has written the intent, and tries again in its stead if it could not.
func (p *Pool) follow(ctx context.Context, c Candidate, now int64, done <-chan struct{}) error {
	select {
	case <-done:
		return p.Add(ctx, []Candidate{c}, now)[0]
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrDisk, ctx.Err())
	}
}

// reserve judges one candidate and takes its place, so that two of one nonce cannot both be on their way to the disk.
// other is the channel of another call that is writing the same intent: it is known when that is done, and not before, since
// "known" acknowledges.
func (p *Pool) reserve(c Candidate, now int64) (known bool, other <-chan struct{}, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e, ok := p.entries[c.ID]; ok {
		if c.Ref != nil {
			p.addRef(e, *c.Ref)
		}
		return true, nil, nil
	}
	if w, ok := p.pending[c.ID]; ok {
		return false, w.done, nil
	}
	if err := p.refuse(c, now, nil); err != nil {
		return false, nil, err
	}
	p.pending[c.ID] = &writing{c.Signed, make(chan struct{})}
	p.take(c.Signed, c.ID)
	return false, nil, nil
}

// A tally is what a list that is judged would take before the candidate in question.
type tally struct {
	nonces  map[signing]map[nonceUse]intent.ID
	wallets map[intent.Key]int
	asks    map[intent.ID]*intent.Signed

	intents  int
	spending map[intent.Key][]*intent.Signed
}

func (t *tally) take(c Candidate) {
	key, use := nonceOf(c.Signed)
	if t.nonces[key] == nil {
		t.nonces[key] = map[nonceUse]intent.ID{}
	}
	t.nonces[key][use] = c.ID
	t.wallets[c.Signed.From]++
	t.intents++
	if spends(c.Signed) {
		t.spending[c.Signed.From] = append(t.spending[c.Signed.From], c.Signed)
	}
	if c.Signed.Kind == intent.Ask {
		t.asks[c.ID] = c.Signed
	}
}

// Judge says what Add would answer to candidates that are not pooled, and takes nothing.
func (p *Pool) Judge(list []Candidate, now int64) []error {
	t := &tally{nonces: map[signing]map[nonceUse]intent.ID{}, wallets: map[intent.Key]int{}, asks: map[intent.ID]*intent.Signed{},
		spending: map[intent.Key][]*intent.Signed{}}
	errs := make([]error, len(list))
	p.mu.RLock()
	defer p.mu.RUnlock()
	for i, c := range list {
		if errs[i] = p.refuse(c, now, t); errs[i] == nil {
			t.take(c)
		}
	}
	return errs
}

// refuse says why a candidate cannot be pooled now, after what t would take; p.mu is held.
func (p *Pool) refuse(c Candidate, now int64, t *tally) error {
	if t == nil {
		t = &tally{}
	}
	asks := func(id intent.ID) (*intent.Signed, bool) {
		if a, ok := t.asks[id]; ok {
			return a, true
		}
		return p.askLocked(id)
	}
	if err := p.gate.Admit(&c.Signed.Intent, now/1000, asks); err != nil {
		return err
	}
	key, use := nonceOf(c.Signed)
	other, ok := p.nonces[key][use]
	if !ok {
		other, ok = t.nonces[key][use]
	}
	if ok {
		return &intent.Error{Code: intent.Equivocation, Field: "nonce",
			Detail: fmt.Sprintf("nonce %d of this signing key is already used by the pending intent %s; cancel that one or take another nonce", c.Signed.Nonce, other)}
	}
	if err := p.full(c.Signed, t); err != nil {
		return err
	}
	limit, has := MaxPerWalletEmpty, len(p.wallets[c.Signed.From])+t.wallets[c.Signed.From]
	if has >= limit && p.gate.Funded(c.Signed.From) {
		limit = MaxPerWalletFunded
	}
	if has >= limit {
		return &intent.Error{Code: intent.PoolFull, Field: "from", Detail: fmt.Sprintf("this wallet has its most pending intents, %d; wait until some settle, or cancel some", limit)}
	}
	return nil
}

// full says why the pool as a whole has no room for an intent.
func (p *Pool) full(s *intent.Signed, t *tally) error {
	switch n := len(p.entries) + len(p.pending) + t.intents; {
	case n >= p.most:
		return &intent.Error{Code: intent.PoolFull, Detail: fmt.Sprintf("the pool holds its most, %d intents; try again after the next rounds or another node", p.most)}
	case n >= p.most*coveredFrom/4 && !p.covered(s, t):
		return &intent.Error{Code: intent.PoolFull, Detail: fmt.Sprintf("the pool holds %d intents and takes only what the wallet's balance covers beside its other pending intents; try again after the next rounds", n)}
	}
	return nil
}

// covered says whether the wallet's balance is enough for an intent and for what else it has pending. An ask costs nothing and
// may rest for days, so none counts as covered.
func (p *Pool) covered(s *intent.Signed, t *tally) bool {
	if s.Kind == intent.Ask {
		return false
	}
	if !spends(s) {
		return true
	}
	left := p.gate.Spendable(s.From, *s.Mint)
	take := func(other *intent.Signed) bool {
		if !spends(other) || *other.Mint != *s.Mint {
			return true
		}
		if other.Amount > left || other.Fee > left-other.Amount {
			return false
		}
		left -= other.Amount + other.Fee
		return true
	}
	for id := range p.wallets[s.From] {
		if e, ok := p.entries[id]; ok && !take(e.Signed) {
			return false
		}
		if w, ok := p.pending[id]; ok && !take(w.signed) {
			return false
		}
	}
	for _, other := range t.spending[s.From] {
		if !take(other) {
			return false
		}
	}
	return take(s)
}

// spends says whether an intent takes something from its wallet's balance.
func spends(s *intent.Signed) bool { return s.Kind == intent.Pay || s.Kind == intent.Buy }

func nonceOf(s *intent.Signed) (signing, nonceUse) {
	return signing{s.From, s.SigningKey()}, nonceUse{s.Nonce, s.Kind == intent.Cancel}
}

func (p *Pool) take(s *intent.Signed, id intent.ID) {
	key, use := nonceOf(s)
	if p.nonces[key] == nil {
		p.nonces[key] = map[nonceUse]intent.ID{}
	}
	p.nonces[key][use] = id
	if p.wallets[s.From] == nil {
		p.wallets[s.From] = idSet{}
	}
	p.wallets[s.From][id] = struct{}{}
}

func (p *Pool) release(s *intent.Signed, id intent.ID) {
	key, use := nonceOf(s)
	if p.nonces[key][use] == id {
		delete(p.nonces[key], use)
	}
	if len(p.nonces[key]) == 0 {
		delete(p.nonces, key)
	}
	delete(p.wallets[s.From], id)
	if len(p.wallets[s.From]) == 0 {
		delete(p.wallets, s.From)
	}
}

func (p *Pool) link(e *Entry) {
	for _, r := range e.Bundles {
		p.bundles[r.Bundle]++
	}
	p.entries[e.ID] = e
	p.bytes += int64(e.Size)
}

func (p *Pool) insert(e *Entry) {
	p.take(e.Signed, e.ID)
	p.link(e)
}

func (p *Pool) addRef(e *Entry, r Ref) bool {
	if len(e.Bundles) >= MaxBundlesPerIntent {
		return false
	}
	for _, have := range e.Bundles {
		if have.Bundle == r.Bundle {
			return false
		}
	}
	e.Bundles = append(e.Bundles[:len(e.Bundles):len(e.Bundles)], r)
	p.bundles[r.Bundle]++
	return true
}

// SetBundle notes that a bundle carries the intents, in the order of ids.
func (p *Pool) SetBundle(bundle string, ids []intent.ID, held int64) error {
	var writes []Record
	p.mu.Lock()
	for i, id := range ids {
		if e, ok := p.entries[id]; ok && p.addRef(e, Ref{Bundle: bundle, Index: i, Held: held}) {
			writes = append(writes, Record{ID: id, Bundles: e.Bundles})
		}
	}
	p.mu.Unlock()
	if err := p.disk.SetBundles(writes); err != nil {
		return fmt.Errorf("noting the bundle of %d intents: %w", len(writes), err)
	}
	return nil
}

// Get returns a pooled intent.
func (p *Pool) Get(id intent.ID) (Entry, bool) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	e, ok := p.entries[id]
	if !ok {
		return Entry{}, false
	}
	return *e, true
}

// FindAsk looks up a pooled ask.
func (p *Pool) FindAsk(id intent.ID) (*intent.Signed, bool) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.askLocked(id)
}

func (p *Pool) askLocked(id intent.ID) (*intent.Signed, bool) {
	var s *intent.Signed
	if e, ok := p.entries[id]; ok {
		s = e.Signed
	} else if w, ok := p.pending[id]; ok {
		s = w.signed // an ask and its buy may come in one list
	}
	if s == nil || s.Kind != intent.Ask {
		return nil, false
	}
	return s, true
}

// Stats is what the pool holds.
type Stats struct {
	Intents int
	Free    int // not held by a provisional outcome
	Asks    int
	Bytes   int64
	Oldest  int64 // unix milliseconds, of the free ones that are not resting asks; 0 if none
}

// Stats counts.
func (p *Pool) Stats() Stats {
	p.mu.RLock()
	defer p.mu.RUnlock()
	s := Stats{Intents: len(p.entries), Bytes: p.bytes}
	for _, e := range p.entries {
		if e.Held != 0 {
			continue
		}
		s.Free++
		if e.Signed.Kind == intent.Ask {
			s.Asks++
			continue
		}
		if s.Oldest == 0 || e.Received < s.Oldest {
			s.Oldest = e.Received
		}
	}
	return s
}

// All returns copies of all entries, sorted by id.
func (p *Pool) All() []Entry {
	p.mu.RLock()
	out := make([]Entry, 0, len(p.entries))
	for _, e := range p.entries {
		out = append(out, *e)
	}
	p.mu.RUnlock()
	sort.Slice(out, func(i, j int) bool { return string(out[i].ID[:]) < string(out[j].ID[:]) })
	return out
}

// Proposable returns the free entries that some bundle has carried since heldBefore (unix milliseconds), each with that
// bundle first: those that the other members have had the time to receive.
func (p *Pool) Proposable(heldBefore int64) []Entry {
	p.mu.RLock()
	defer p.mu.RUnlock()
	out := make([]Entry, 0, len(p.entries))
	for _, e := range p.entries {
		if e.Held != 0 {
			continue
		}
		for _, r := range e.Bundles {
			if r.Held <= heldBefore {
				c := *e
				c.Bundles = []Ref{r}
				out = append(out, c)
				break
			}
		}
	}
	sort.Slice(out, func(i, j int) bool { return string(out[i].ID[:]) < string(out[j].ID[:]) })
	return out
}

// Unbundled returns the intents that no bundle carries, oldest first: those of a node that stopped before it bundled them.
func (p *Pool) Unbundled() []Entry {
	var out []Entry
	p.mu.RLock()
	for _, e := range p.entries {
		if len(e.Bundles) == 0 {
			out = append(out, *e)
		}
	}
	p.mu.RUnlock()
	sort.Slice(out, func(i, j int) bool { return out[i].Received < out[j].Received })
	return out
}

// Explain notes why intents wait.
func (p *Pool) Explain(reasons map[intent.ID]*intent.Error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, why := range reasons {
		if e, ok := p.entries[id]; ok && e.Held == 0 {
			e.Code, e.Detail = why.Code, why.Detail
		}
	}
}

// Hold marks intents as taken by the provisional outcome of a height.
func (p *Pool) Hold(ids []intent.ID, height uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, id := range ids {
		if e, ok := p.entries[id]; ok {
			e.Held, e.Code, e.Detail = height, "", ""
		}
	}
}

// Free returns the intents held by a height's outcome to the pool: the chain undid it.
func (p *Pool) Free(height uint64) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, e := range p.entries {
		if e.Held == height {
			e.Held, n = 0, n+1
			e.Code, e.Detail = intent.Undone, fmt.Sprintf("height %d was decided but not settled; it is decided again", height)
		}
	}
	return n
}

// Remove forgets intents, on disk too.
func (p *Pool) Remove(ids []intent.ID) error {
	if len(ids) == 0 {
		return nil
	}
	gone, _ := p.Forget(ids)
	if err := p.disk.Delete(gone); err != nil {
		return fmt.Errorf("removing %d intents from the pool: %w", len(gone), err)
	}
	return nil
}

// Forget takes intents out of the pool whose records the caller deletes itself, in a write of its own. It returns those
// that were there, and the bundles that carry no pooled intent any more.
func (p *Pool) Forget(ids []intent.ID) (gone []intent.ID, empty []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	gone = make([]intent.ID, 0, len(ids))
	for _, id := range ids {
		e, ok := p.entries[id]
		if !ok {
			continue
		}
		p.release(e.Signed, id)
		p.bytes -= int64(e.Size)
		delete(p.entries, id)
		gone = append(gone, id)
		for _, r := range e.Bundles {
			if p.bundles[r.Bundle]--; p.bundles[r.Bundle] <= 0 {
				delete(p.bundles, r.Bundle)
				empty = append(empty, r.Bundle)
			}
		}
	}
	return gone, empty
}

// Bundles lists the bundles that carry pooled intents, at most limit, in no particular order.
func (p *Pool) Bundles(limit int) []string {
	p.mu.RLock()
	defer p.mu.RUnlock()
	out := make([]string, 0, min(limit, len(p.bundles)))
	for b := range p.bundles {
		if len(out) == limit {
			break
		}
		out = append(out, b)
	}
	return out
}

// HasBundle says whether a bundle carries a pooled intent.
func (p *Pool) HasBundle(cid string) bool {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.bundles[cid] > 0
}

// Expired returns the free intents that expired before now (unix seconds), sorted by id.
func (p *Pool) Expired(now int64) []Entry {
	var out []Entry
	p.mu.RLock()
	for _, e := range p.entries {
		if e.Held == 0 && e.Signed.Expires < now {
			out = append(out, *e)
		}
	}
	p.mu.RUnlock()
	sort.Slice(out, func(i, j int) bool { return string(out[i].ID[:]) < string(out[j].ID[:]) })
	return out
}

// Rival returns the pooled intent that uses a nonce of a signing key and is not a cancel.
func (p *Pool) Rival(from, signer intent.Key, nonce uint64) (Entry, bool) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	id, ok := p.nonces[signing{from, signer}][nonceUse{nonce: nonce}]
	if e := p.entries[id]; ok && e != nil {
		return *e, true
	}
	return Entry{}, false
}

// Asks returns the asks that no outcome holds and that keep wants, sorted by id, after the given one, at most limit.
func (p *Pool) Asks(keep func(*intent.Signed) bool, after intent.ID, limit int) []Entry {
	var out []Entry
	p.mu.RLock()
	for id, e := range p.entries {
		if e.Signed.Kind == intent.Ask && e.Held == 0 && string(id[:]) > string(after[:]) && keep(e.Signed) {
			out = append(out, *e)
		}
	}
	p.mu.RUnlock()
	sort.Slice(out, func(i, j int) bool { return string(out[i].ID[:]) < string(out[j].ID[:]) })
	return out[:min(limit, len(out))]
}

// WalletNonces returns the nonces that the pool's intents of a signing key use.
func (p *Pool) WalletNonces(from, signer intent.Key) map[uint64]bool {
	out := map[uint64]bool{}
	p.mu.RLock()
	defer p.mu.RUnlock()
	for use := range p.nonces[signing{from, signer}] {
		out[use.nonce] = true
	}
	return out
}

// OfWallet returns the pooled intents whose funds or items are the wallet's, sorted by id.
func (p *Pool) OfWallet(w intent.Key) []Entry {
	p.mu.RLock()
	out := make([]Entry, 0, len(p.wallets[w]))
	for id := range p.wallets[w] {
		if e, ok := p.entries[id]; ok {
			out = append(out, *e)
		}
	}
	p.mu.RUnlock()
	sort.Slice(out, func(i, j int) bool { return string(out[i].ID[:]) < string(out[j].ID[:]) })
	return out
}
