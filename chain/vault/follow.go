package vault

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/gagliardetto/solana-go"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/ledger"
)

// ErrFollow is returned for transactions that cannot follow what was followed before: one is missing, or was invented.
var ErrFollow = errors.New("the transaction does not follow from the ones before it")

// An Instruction is one call of a program, top-level or inner.
type Instruction struct {
	Program  solana.PublicKey
	Accounts []solana.PublicKey
	Data     []byte
}

// A Transaction is what a follower needs of one that succeeded.
type Transaction struct {
	Signature solana.Signature
	Slot      uint64
	Top       []Instruction
	Inner     [][]Instruction // of each top-level instruction, in order of execution
}

type entryKey struct {
	mint  intent.Key
	entry uint32
}

type openRequest struct {
	number, unlock uint64
}

type tallyKey struct {
	digest intent.Hash
	view   uint32
}

// A tally is the members that attested, and the transactions that brought their signatures.
type tally struct {
	bitmap uint32
	txs    []solana.Signature
}

type purseState struct {
	mint    intent.Key
	entries uint32
}

// A Follower turns the transactions of one vault, in order, into its events. It holds what instructions do not carry.
// Whether the result is true is for the caller to check against the Vault account: number and hash.
type Follower struct {
	addr     Addresses
	founding *Founding

	v        Vault // members, epoch, generation, height, events, floor, pending (height, digest, cut, credits)
	founded  bool
	purses   map[solana.PublicKey]purseState
	requests map[entryKey]openRequest
	tallies  map[tallyKey]tally
	bringing []solana.Signature // the pending height's transactions so far
}

// NewFollower begins before the vault's first transaction.
func NewFollower(a Addresses, f *Founding) *Follower {
	return &Follower{
		addr: a, founding: f, purses: map[solana.PublicKey]purseState{}, requests: map[entryKey]openRequest{}, tallies: map[tallyKey]tally{},
		v: Vault{Members: f.Members, Threshold: f.Threshold, WithdrawDelay: f.WithdrawDelay},
	}
}

// Clone is an independent copy.
func (f *Follower) Clone() *Follower {
	c := *f
	c.v.Members = slices.Clone(f.v.Members)
	if f.v.Pending != nil {
		p := *f.v.Pending
		c.v.Pending = &p
	}
	c.purses, c.requests, c.tallies = maps.Clone(f.purses), maps.Clone(f.requests), maps.Clone(f.tallies)
	return &c
}

// Cut is the newest event.
func (f *Follower) Cut() ledger.Cut { return ledger.Cut{Number: f.v.EventNumber, Hash: f.v.EventHash} }

// Generation is the vault's.
func (f *Follower) Generation() uint32 { return f.v.Generation }

// Founded says whether the vault's beginning was seen.
func (f *Follower) Founded() bool { return f.founded }

// Agrees says whether an account at the same event is what the events make of it.
func (f *Follower) Agrees(v *Vault) bool {
	return v.Height == f.v.Height && v.Epoch == f.v.Epoch && v.Generation == f.v.Generation && v.Floor == f.v.Floor
}

// Learn follows an event whose transaction is not to be had. What no event says, members and what is pending or being attested,
// is for Adopt and for the transactions that follow.
func (f *Follower) Learn(e *ledger.Event) {
	f.founded = true
	k := entryKey{e.Mint, e.Entry}
	switch e.Tag {
	case ledger.EventOpen:
		purse, _ := f.addr.Purse(e.Mint)
		f.purses[purse] = purseState{mint: e.Mint, entries: e.Entry + 1}
	case ledger.EventRequest:
		f.requests[k] = openRequest{e.Number, e.Unlock}
	case ledger.EventCancel:
		delete(f.requests, k)
	case ledger.EventWithdraw:
		delete(f.requests, k)
		if e.Generation != f.v.Generation {
			f.v.Generation, f.v.Floor = e.Generation, e.Number
			clear(f.tallies)
		}
	case ledger.EventSettled, ledger.EventDropped:
		if e.Tag == ledger.EventSettled {
			f.v.Height, f.v.Epoch = e.Height, e.Epoch
		} else {
			f.v.Generation = e.Generation
		}
		f.v.Floor, f.v.Pending, f.bringing = e.Number, nil, nil
		clear(f.tallies)
	}
	f.v.EventNumber, f.v.EventHash = e.Number, e.Next(f.v.EventHash)
}

// Adopt takes from an account, which the events learned lead to, what they do not say: the members of its epoch and, where the
// follower stands at the account's own event, what is pending.
func (f *Follower) Adopt(v *Vault, pending bool) {
	if v.Epoch == f.v.Epoch {
		f.v.Members, f.v.Threshold = slices.Clone(v.Members), v.Threshold
	}
	if f.v.Pending = nil; pending && v.Pending != nil {
		p := *v.Pending
		f.v.Pending = &p
	}
}

// Apply follows a transaction and returns its events.
func (f *Follower) Apply(tx *Transaction) ([]ledger.Event, error) {
	var out []ledger.Event
	for i, top := range tx.Top {
		trace := []Instruction{top}
		if i < len(tx.Inner) {
			trace = append(trace, tx.Inner[i]...)
		}
		for j, ix := range trace {
			if !f.mine(ix) {
				continue
			}
			s := step{f: f, tx: tx, top: i, trace: trace, at: j, ix: ix, args: ix.Data[1:]}
			e, err := s.run()
			if err != nil {
				return nil, fmt.Errorf("transaction %s, instruction %d.%d (%s): %w", tx.Signature, i, j, Tag(ix.Data[0]), err)
			}
			if e != nil {
				out = append(out, f.push(*e, tx))
			}
		}
	}
	return out, nil
}

// mine says whether an instruction is one of this vault.
func (f *Follower) mine(ix Instruction) bool {
	if ix.Program != f.addr.Program || len(ix.Data) == 0 {
		return false
	}
	at := 1
	switch Tag(ix.Data[0]) {
	case TagApply, TagUnapply, TagDrop, TagCloseTally:
		at = 0
	}
	return at < len(ix.Accounts) && ix.Accounts[at] == f.addr.Vault
}

// push numbers an event and links it.
func (f *Follower) push(e ledger.Event, tx *Transaction) ledger.Event {
	e.Slot = tx.Slot
	e.Signature = tx.Signature.String()
	e.Number = f.v.EventNumber + 1
	f.v.EventNumber, f.v.EventHash = e.Number, e.Next(f.v.EventHash)
	switch e.Tag {
	case ledger.EventSettled, ledger.EventDropped:
		for _, sig := range f.bringing {
			e.Signatures = append(e.Signatures, sig.String())
		}
		f.v.Floor, f.bringing = e.Number, nil
		clear(f.tallies)
	case ledger.EventWithdraw:
		if e.Generation != f.v.Generation {
			f.v.Generation, f.v.Floor = e.Generation, e.Number
			clear(f.tallies)
		}
	case ledger.EventRequest:
		f.requests[entryKey{e.Mint, e.Entry}] = openRequest{e.Number, e.Unlock}
	}
	return e
}

// step is one instruction that is followed.
type step struct {
	f     *Follower
	tx    *Transaction
	top   int
	trace []Instruction
	at    int
	ix    Instruction
	args  []byte
}

func (s *step) run() (*ledger.Event, error) {
	tag := Tag(s.ix.Data[0])
	if !s.f.founded && tag != TagCreateVault {
		return nil, fmt.Errorf("%w: the vault is not founded", ErrFollow)
	}
	if want, ok := argSizes()[tag]; !ok || len(s.args) < want.size || want.accounts > len(s.ix.Accounts) {
		return nil, fmt.Errorf("%w: form", ErrFollow)
	}
	switch tag {
	case TagCreateVault:
		s.f.founded = true
		return nil, nil
	case TagAddPurse:
		mint := intent.Key(s.ix.Accounts[2])
		s.f.purses[s.ix.Accounts[3]] = purseState{mint: mint, entries: 1}
		return &ledger.Event{Tag: ledger.EventOpen, Mint: mint, Owner: s.f.founding.FeeOwner}, nil
	case TagOpenEntry:
		p := s.f.purses[s.ix.Accounts[2]]
		e := &ledger.Event{Tag: ledger.EventOpen, Mint: p.mint, Entry: p.entries, Owner: intent.Key(s.args)}
		p.entries++
		s.f.purses[s.ix.Accounts[2]] = p
		return e, s.known()
	case TagDeposit, TagRequest, TagCancel, TagWithdraw:
		return s.entry(tag)
	case TagAttest:
		return s.attest()
	case TagApply:
		return s.apply()
	case TagUnapply:
		s.f.bringing = s.with(s.f.bringing)
	case TagDrop:
		return s.drop()
	}
	return nil, nil // unapply and close tally make no event
}

type argSize struct{ size, accounts int }

// argSizes are the least sizes that reading an instruction needs; the program checked them exactly.
func argSizes() map[Tag]argSize {
	return map[Tag]argSize{
		TagCreateVault: {85, 2}, TagAddPurse: {0, 8}, TagOpenEntry: {32, 5}, TagDeposit: {12, 8}, TagRequest: {12, 4}, TagCancel: {4, 4},
		TagWithdraw: {4, 8}, TagAttest: {72, 5}, TagApply: {33, 1}, TagUnapply: {33, 1}, TagDrop: {0, 1}, TagCloseTally: {0, 3},
	}
}

// known checks that the instruction's purse was added before.
func (s *step) known() error {
	if _, ok := s.f.purses[s.ix.Accounts[2]]; !ok || s.f.purses[s.ix.Accounts[2]].mint == (intent.Key{}) {
		return fmt.Errorf("%w: unknown purse", ErrFollow)
	}
	return nil
}

func (s *step) entry(tag Tag) (*ledger.Event, error) {
	if err := s.known(); err != nil {
		return nil, err
	}
	le := binary.LittleEndian
	e := &ledger.Event{Mint: s.f.purses[s.ix.Accounts[2]].mint, Entry: le.Uint32(s.args)}
	k := entryKey{e.Mint, e.Entry}
	var err error
	switch tag {
	case TagDeposit:
		e.Tag = ledger.EventDeposit
		e.Amount, err = s.moved()
	case TagRequest:
		e.Tag, e.Amount, e.Unlock = ledger.EventRequest, le.Uint64(s.args[4:]), s.tx.Slot+s.f.v.WithdrawDelay
	case TagCancel:
		e.Tag = ledger.EventCancel
		delete(s.f.requests, k)
	case TagWithdraw:
		e.Tag, e.Generation = ledger.EventWithdraw, s.f.v.Generation
		r, ok := s.f.requests[k]
		if !ok {
			return nil, fmt.Errorf("%w: a withdrawal without a request", ErrFollow)
		}
		delete(s.f.requests, k)
		if !s.f.acknowledged(r) {
			e.Generation++
		}
		e.Amount, err = s.moved()
	}
	return e, err
}

// acknowledged is path 1 of withdraw: a header in flight, if there is one, knows the request.
func (f *Follower) acknowledged(r openRequest) bool {
	if p := f.v.Pending; p != nil {
		return r.number <= p.Cut && !p.CreditsBegun
	}
	return r.number <= f.v.Floor
}

// moved is the amount of the TransferChecked that follows.
func (s *step) moved() (uint64, error) {
	if s.at+1 < len(s.trace) {
		if in := s.trace[s.at+1]; in.Program == solana.TokenProgramID && len(in.Data) == 10 && in.Data[0] == 12 {
			return binary.LittleEndian.Uint64(in.Data[1:]), nil
		}
	}
	return 0, fmt.Errorf("%w: its token transfer is not shown", ErrFollow)
}

func (s *step) attest() (*ledger.Event, error) {
	if s.top == 0 {
		return nil, fmt.Errorf("%w: no signatures before it", ErrFollow)
	}
	message, signed, err := ParseSignatures(s.tx.Top[s.top-1].Data)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFollow, err)
	}
	said, _ := ParseCommit(message)
	k := tallyKey{said.Digest, said.View}
	t := s.f.tallies[k]
	for _, x := range signed {
		i := s.f.v.MemberIndex(x.Member)
		if i < 0 {
			return nil, fmt.Errorf("%w: a signature that is no member's", ErrFollow)
		}
		t.bitmap |= 1 << i
	}
	t.txs = s.with(t.txs)
	s.f.tallies[k] = t
	if s.f.v.Weight(t.bitmap) <= s.f.v.Threshold {
		return nil, nil
	}
	s.f.bringing = t.txs
	if head := intent.Hash(s.args[40:72]); head == (intent.Hash{}) {
		return s.f.settle(said.Height, said.Digest), nil
	}
	s.f.v.Pending = &Pending{Height: said.Height, Digest: said.Digest, Cut: binary.LittleEndian.Uint64(s.args[32:])}
	return nil, nil
}

// with adds the running transaction to those that brought a height as far as it is. The program takes no member twice and no
// chunk twice, so that there are few. Clones share the list: it is not changed in place.
func (s *step) with(txs []solana.Signature) []solana.Signature {
	if n := len(txs); n > 0 && txs[n-1] == s.tx.Signature {
		return txs
	}
	return append(slices.Clip(txs), s.tx.Signature)
}

func (f *Follower) settle(height uint64, digest intent.Hash) *ledger.Event {
	f.v.Height, f.v.Pending = height, nil
	return &ledger.Event{Tag: ledger.EventSettled, Height: height, Digest: digest, Epoch: f.v.Epoch}
}

func (s *step) apply() (*ledger.Event, error) {
	p := s.f.v.Pending
	if p == nil {
		return nil, fmt.Errorf("%w: nothing is pending", ErrFollow)
	}
	s.f.bringing = s.with(s.f.bringing)
	chunk := s.args[32:]
	switch chunk[0] {
	case ChunkCredits:
		p.CreditsBegun = true
	case ChunkMembers:
		c, err := ParseChunk(chunk)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrFollow, err)
		}
		s.f.v.Members, s.f.v.Threshold = c.Members, Threshold(c.Members)
		s.f.v.Epoch++
	}
	if intent.Hash(s.args[:32]) != (intent.Hash{}) {
		return nil, nil
	}
	return s.f.settle(p.Height, p.Digest), nil
}

func (s *step) drop() (*ledger.Event, error) {
	p := s.f.v.Pending
	if p == nil {
		return nil, fmt.Errorf("%w: nothing is pending", ErrFollow)
	}
	s.f.bringing = s.with(s.f.bringing)
	s.f.v.Generation++
	s.f.v.Pending = nil
	return &ledger.Event{Tag: ledger.EventDropped, Height: p.Height, Digest: p.Digest, Generation: s.f.v.Generation}, nil
}
