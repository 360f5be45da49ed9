package model_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/phantom-paradox/paradox/chain/vault"
	"github.com/phantom-paradox/paradox/intent"
)

// Bounds of the walk.
const (
	lastHeight     = 2
	lastGeneration = 2
	openEvents     = 2 // of owners since the floor: how much a header may not know of
)

// A view is the committee's state at a cut: what replaying the events gives.
type view struct {
	place
	balance, requested [wallets]int
}

func (v *view) step(e step) {
	switch e.kind {
	case 'd':
		v.balance[e.wallet] += e.amount
	case 'r':
		v.requested[e.wallet] = e.amount
	case 'c':
		v.requested[e.wallet] = 0
	case 'w':
		v.balance[e.wallet] -= e.amount
		v.requested[e.wallet] = 0
	case 's':
		v.height++
		if h := e.header; len(h.chunks) > 0 {
			v.balance[h.from] -= h.amount
			v.balance[h.to] += h.amount
		}
	}
	v.generation = e.after
}

// replay is the committee's state at a cut.
func (t *tiny) replay(cut uint64) (v view) {
	for _, e := range t.log[:cut] {
		v.step(e)
	}
	return v
}

// headers are those that an honest committee could decide now: one an instance, over a cut that it has not gone behind, moving
// what the state at that cut lets the sender spend.
func (t *tiny) headers() (out []*header) {
	v := t.vault()
	for cut := v.Floor; cut <= v.EventNumber; cut++ {
		at := t.replay(cut)
		p := place{at.height + 1, at.generation}
		if t.decided[p] != nil {
			continue
		}
		if at.requested != [wallets]int{} {
			out = append(out, t.header(p, cut, 0, 0))
		}
		for from := range wallets {
			for amount := 1; amount <= at.balance[from]-at.requested[from]; amount++ {
				out = append(out, t.header(p, cut, from, amount))
			}
		}
	}
	return out
}

func (t *tiny) header(p place, cut uint64, from, amount int) *header {
	h := &header{place: p, from: from, to: 1 - from, amount: amount}
	pair := func(kind uint8, wallet, amount int) []byte {
		c := vault.Chunk{Kind: kind, Mint: intent.Key(mint), Pairs: []vault.Pair{{Entry: uint32(1 + wallet), Amount: uint64(amount)}}}
		return c.Encode()
	}
	if amount > 0 {
		h.chunks = [][]byte{pair(vault.ChunkDebits, h.from, amount)}
	}
	for range amount { // unit by unit, so that there is a state with credits begun and not done
		h.chunks = append(h.chunks, pair(vault.ChunkCredits, h.to, 1))
	}
	h.heads = vault.Heads(h.chunks)
	h.Attestation = vault.Attestation{Cut: cut, Head: h.heads[0]}
	return h
}

// An action is something that somebody may do.
type action struct {
	name string
	do   func(*tiny) error
}

func (t *tiny) actions() (out []action) {
	add := func(name string, do func(*tiny) error) { out = append(out, action{name, do}) }
	v := t.vault()
	own := t.ownEvents(v.Floor) < openEvents
	for i := range wallets {
		e := t.entry(i)
		if own {
			if t.held() < most {
				add(fmt.Sprint("deposit ", i), func(t *tiny) error { return t.deposit(i) })
			}
			for amount := 1; amount <= most; amount++ {
				add(fmt.Sprintf("request %d of %d", amount, i), func(t *tiny) error { return t.request(i, amount) })
			}
		}
		if own && e.Requested > 0 {
			add(fmt.Sprint("cancel ", i), func(t *tiny) error { return t.cancel(i) })
		}
		if e.Requested > 0 && e.Available > 0 {
			add(fmt.Sprint("withdraw ", i), func(t *tiny) error { return t.withdraw(i) })
		}
	}
	for _, h := range t.headers() {
		if h.height <= lastHeight && h.generation < lastGeneration {
			add(fmt.Sprintf("decide %+v cut %d: %d to %d, %d", h.place, h.Cut, h.from, h.to, h.amount), func(t *tiny) error {
				t.decided[h.place] = h
				return nil
			})
		}
	}
	if h := t.decided[place{v.Height + 1, v.Generation}]; h != nil && v.Pending == nil { // the others are tried in checkStale
		add(fmt.Sprintf("attest %+v", h.place), func(t *tiny) error { return t.attest(h) })
	}
	if v.Pending != nil {
		add("apply", (*tiny).apply)
		add("unapply", (*tiny).unapply)
		add("drop", (*tiny).drop)
	}
	add("wait", func(t *tiny) error { t.slot += long; return nil })
	return out
}

func (t *tiny) ownEvents(floor uint64) (n int) {
	for _, e := range t.log[floor:] {
		if strings.IndexByte("drc", e.kind) >= 0 {
			n++
		}
	}
	return n
}

// key names all states from which the same can follow: numbers from the floor on, times as passed or not, and the wallets in
// either order, for nothing tells them apart.
func (t *tiny) key() [16]byte {
	a, b := t.keyOf(0), t.keyOf(1)
	if bytes.Compare(a[:], b[:]) < 0 {
		return a
	}
	return b
}

// keyOf is the key with this wallet first.
func (t *tiny) keyOf(first int) [16]byte {
	v := t.vault()
	var b []byte
	n := func(x uint64) { b = binary.AppendUvarint(b, x) }
	flag := func(x bool) {
		if x {
			n(1)
		} else {
			n(0)
		}
	}
	n(v.Height)
	n(uint64(v.Generation))
	n(t.inFlight())
	flag(v.Pending != nil)
	if p := v.Pending; p != nil {
		h := t.pendingHeader(p)
		n(uint64(t.applied(h, p)))
		n(uint64(h.from ^ first))
		n(uint64(h.amount))
		flag(p.Reversing)
		flag(p.CreditsBegun)
		flag(t.slot > p.Since+dropTime)
	}
	for i := range wallets {
		e := t.entry(i ^ first)
		n(e.Available)
		n(e.Requested)
		n(max(e.Request, v.Floor) - v.Floor)
		flag(t.slot >= e.Unlock)
	}
	for cut := v.Floor; cut <= v.EventNumber; cut++ {
		at := t.replay(cut)
		for i := range wallets {
			n(uint64(at.balance[i^first]))
			n(uint64(at.requested[i^first]))
		}
		n(at.height)
		n(uint64(at.generation))
		if h := t.decided[place{at.height + 1, at.generation}]; h != nil {
			n(uint64(h.from ^ first))
			n(uint64(h.amount))
			n(h.Cut + 1 - min(h.Cut+1, v.Floor))
		} else {
			n(9) // no wallet
		}
	}
	sum := sha256.Sum256(b)
	return [16]byte(sum[:16])
}

// check holds in every state.
func (t *tiny) check() error {
	v := t.vault()
	sum := t.inFlight()
	for i := range wallets {
		sum += t.entry(i).Available
	}
	if t.held() != sum {
		return fmt.Errorf("%d tokens for %d", t.held(), sum)
	}
	if uint64(len(t.log)) != v.EventNumber {
		return fmt.Errorf("%d events, the vault says %d", len(t.log), v.EventNumber)
	}
	if v.Pending != nil {
		return t.checkPending()
	}
	// With nothing pending, chain and replayed state are equal: nobody has more than he is owed, and nobody less.
	now := t.replay(v.EventNumber)
	if now.height != v.Height || now.generation != v.Generation {
		return fmt.Errorf("replayed %+v, the vault is at height %d, generation %d", now.place, v.Height, v.Generation)
	}
	for i := range wallets {
		if e := t.entry(i); int(e.Available) != now.balance[i] || int(e.Requested) != now.requested[i] {
			return fmt.Errorf("wallet %d: replayed %d, requested %d; the vault has %d, %d", i, now.balance[i], now.requested[i], e.Available, e.Requested)
		}
	}
	// What is decided in the instance that runs can be attested: else the committee, which decides once an instance, were stuck.
	if h := t.decided[place{v.Height + 1, v.Generation}]; h != nil {
		if err := t.copy().attest(h); err != nil {
			return fmt.Errorf("what was decided cannot be attested: %w", err)
		}
	}
	return t.checkWithdrawals()
}

// checkPending: an attested height can be finished unless it is being undone, and can be dropped after its time.
func (t *tiny) checkPending() error {
	if !t.vault().Pending.Reversing {
		c := t.copy()
		for c.vault().Pending != nil {
			if err := c.apply(); err != nil {
				return fmt.Errorf("an honest height cannot be finished: %w", err)
			}
		}
	}
	c := t.copy()
	if err := c.giveUp(); err != nil {
		return err
	}
	return c.checkWithdrawals()
}

// giveUp undoes and drops what is pending.
func (t *tiny) giveUp() error {
	t.slot += long
	for t.unapply() == nil {
	}
	if err := t.drop(); err != nil {
		return fmt.Errorf("a height that nobody finishes cannot be dropped: %w", err)
	}
	return nil
}

// checkWithdrawals: whoever has asked for funds that he has gets them when his delay is over and nothing is pending.
func (t *tiny) checkWithdrawals() error {
	for i := range wallets {
		e := t.entry(i)
		if e.Requested == 0 || e.Available == 0 {
			continue
		}
		c := t.copy()
		c.slot += long
		had := c.held()
		if err := c.withdraw(i); err != nil {
			return fmt.Errorf("wallet %d cannot withdraw: %w", i, err)
		}
		if paid := had - c.held(); paid != min(e.Requested, e.Available) {
			return fmt.Errorf("wallet %d was paid %d of %d", i, paid, e.Requested)
		}
	}
	return nil
}

// checkStale: no header of an instance that is over can be attested.
func (t *tiny) checkStale() error {
	v := t.vault()
	for p, h := range t.decided {
		if p.height != v.Height+1 || p.generation != v.Generation {
			if err := t.copy().attest(h); err == nil {
				return fmt.Errorf("a header of %+v was attested at height %d, generation %d", p, v.Height, v.Generation)
			}
		}
	}
	return nil
}

// TestEveryStateOfATinyVault walks all states of a vault of two wallets with up to two base units each, over two heights and two
// generations, with every interleaving of owners, an honest committee, appliers, droppers and the clock.
func TestEveryStateOfATinyVault(t *testing.T) {
	type trail struct {
		by   string
		from *trail
	}
	type node struct {
		*tiny
		*trail
	}
	seen := map[[16]byte]bool{}
	start := node{tiny: newTiny()}
	frontier := []node{start}
	seen[start.key()] = true
	steps := 0
	for len(frontier) > 0 {
		var next []node
		for _, n := range frontier {
			for _, a := range n.actions() {
				c := n.copy()
				steps++
				if a.do(c) != nil {
					continue
				}
				v := c.vault()
				if v.Generation >= lastGeneration || v.Height > lastHeight {
					continue
				}
				k := c.key()
				if seen[k] {
					continue
				}
				seen[k] = true
				m := node{c, &trail{a.name, n.trail}}
				err := c.check()
				if err == nil {
					err = c.checkStale()
				}
				if err != nil {
					var path []string
					for x := m.trail; x != nil; x = x.from {
						path = append([]string{x.by}, path...)
					}
					t.Fatalf("%v\nafter: %s", err, strings.Join(path, "; "))
				}
				next = append(next, m)
			}
		}
		frontier = next
	}
	t.Logf("%d states, %d steps", len(seen), steps)
	if len(seen) < 1000 {
		t.Error("the walk ended too early to say anything")
	}
}
