package svm

import (
	"encoding/binary"
	"math"
	"slices"
	"testing"

	"github.com/gagliardetto/solana-go"

	"github.com/phantom-paradox/paradox/chain/vault"
	"github.com/phantom-paradox/paradox/intent"
)

// pending is a world in which a height with these chunks waits to be applied; ann has 100.
func pending(t *testing.T, chunks func(w *world) [][]byte) (*world, *header) {
	t.Helper()
	w := founded(t, 4, "ann", "ben")
	w.deposit("ann", 1, 100)
	w.jump(rest)
	h := w.next(chunks(w)...)
	w.decide(h)
	return w, h
}

func transfer(amount uint64) func(w *world) [][]byte {
	return func(w *world) [][]byte {
		return [][]byte{w.debits(vault.Pair{Entry: 1, Amount: amount}), w.credits(vault.Pair{Entry: 2, Amount: amount})}
	}
}

// chunkIx is apply or unapply of any bytes, with any accounts after the vault.
func (w *world) chunkIx(tag vault.Tag, hash intent.Hash, chunk []byte, accounts ...solana.PublicKey) solana.Instruction {
	metas := solana.AccountMetaSlice{solana.NewAccountMeta(w.Vault, true, false)}
	for _, k := range accounts {
		metas = append(metas, solana.NewAccountMeta(k, true, false))
	}
	return solana.NewInstruction(program(), metas, slices.Concat([]byte{byte(tag)}, hash[:], chunk))
}

func TestChunksComeInOrderOnce(t *testing.T) {
	w, h := pending(t, func(w *world) [][]byte {
		return [][]byte{w.debits(vault.Pair{Entry: 1, Amount: 5}), w.debits(vault.Pair{Entry: 1, Amount: 7}), w.credits(vault.Pair{Entry: 2, Amount: 12})}
	})
	for at := 1; at < 33; at++ {
		w.fails(vault.WrongChunk, edit(w.apply(h, 0), func(g *solana.GenericInstruction) { g.DataBytes[at] ^= 1 }))
	}
	for at := 33; at < len(w.apply(h, 0).(*solana.GenericInstruction).DataBytes); at++ {
		w.fails(vault.WrongChunk, edit(w.apply(h, 0), func(g *solana.GenericInstruction) { g.DataBytes[at] ^= 1 }))
	}
	w.fails(vault.WrongChunk, w.apply(h, 1)) // skipped
	w.fails(vault.WrongChunk, w.apply(h, 2))
	w.ok(w.apply(h, 0))
	w.fails(vault.WrongChunk, w.apply(h, 0)) // repeated
	w.fails(vault.WrongChunk, w.apply(h, 2)) // reordered
	w.ok(w.apply(h, 1))
	equal(t, w.purseNow().InFlight, 12)
	equal(t, w.vaultNow().PursesFlying, 1)
	w.ok(w.apply(h, 2))
	w.fails(vault.NothingPending, w.apply(h, 2))
	v := w.vaultNow()
	equal(t, v.Height, 1)
	equal(t, v.LastDigest, h.digest())
	equal(t, v.Floor, v.EventNumber)
	equal(t, v.PursesFlying, 0)
	equal(t, w.entry(1).Available, 88)
	equal(t, w.entry(2).Available, 12)
}

func TestPagesOfAChunk(t *testing.T) {
	w, h := pending(t, transfer(5))
	purse, _ := w.Purse(w.mint)
	page, _ := w.Page(purse, 0)
	high := w.clone(page, "page 7", program(), set32(40, 7))
	higher := w.clone(page, "page 8", program(), set32(40, 8))
	foreign := w.clone(page, "page of another", program(), set64(8, 1))
	next, chunk := h.heads[1], h.chunks[0]
	try := func(accounts ...solana.PublicKey) solana.Instruction {
		return w.chunkIx(vault.TagApply, next, chunk, accounts...)
	}
	w.fails(vault.BadAccounts, try())
	w.fails(vault.BadAccounts, try(purse))
	many := []solana.PublicKey{purse}
	for i := range 17 {
		many = append(many, key("page", i).PublicKey())
	}
	w.fails(vault.BadAccounts, try(many...))
	w.fails(vault.BadPurse, try(page, purse)) // swapped
	w.fails(vault.BadPage, try(purse, foreign))
	w.fails(vault.BadPage, try(purse, page, foreign))
	w.fails(vault.BadPage, try(purse, high, page))
	w.fails(vault.BadPage, try(purse, page, higher, high))
	w.fails(vault.BadPage, try(purse, page, w.clone(page, "index 0 again", program(), nil)))
	w.fails(vault.BadEntry, try(purse, high)) // the page that is needed is missing
	other := intent.Key(w.newMint("other", solana.TokenProgramID))
	w.ok(w.AddPurse(w.payer.PublicKey(), other))
	otherPurse, _ := w.Addresses.Purse(other)
	otherPage, _ := w.Page(otherPurse, 0)
	w.fails(vault.BadPurse, try(otherPurse, otherPage))
	w.ok(try(purse, page, high, higher)) // more than are needed do no harm
}

func TestMalformedChunks(t *testing.T) {
	w := founded(t, 4, "ann", "ben")
	w.deposit("ann", 1, 100)
	purse, _ := w.Purse(w.mint)
	page, _ := w.Page(purse, 0)
	pairs := func(b ...byte) []byte { return slices.Concat([]byte{0}, w.mint[:], b) }
	long := binary.AppendUvarint(nil, math.MaxUint64)
	for name, c := range map[string]struct {
		code  vault.Code
		chunk []byte
	}{
		"kind":                  {vault.BadChunk, slices.Concat([]byte{2}, w.mint[:], []byte{1, 1})},
		"short":                 {vault.BadChunk, pairs()[:20]},
		"no pairs":              {vault.BadChunk, pairs()},
		"no amount":             {vault.BadChunk, pairs(1)},
		"amount 0":              {vault.BadChunk, pairs(1, 0)},
		"second amount 0":       {vault.BadChunk, pairs(1, 1, 1, 0)},
		"amount cut off":        {vault.BadChunk, pairs(1, 0x80)},
		"number not minimal":    {vault.BadChunk, pairs(0x81, 0, 1)},
		"amount not minimal":    {vault.BadChunk, pairs(1, 0x81, 0x80, 0)},
		"amount above 64 bits":  {vault.BadChunk, pairs(append([]byte{1}, append(slices.Clone(long[:9]), 2)...)...)},
		"amount of 11 bytes":    {vault.BadChunk, pairs(append([]byte{1}, append(slices.Repeat([]byte{0x80}, 10), 1)...)...)},
		"the same entry twice":  {vault.BadOrder, pairs(1, 1, 0, 1)},
		"amount 0 of the same":  {vault.BadChunk, pairs(1, 1, 0, 0)},
		"entry 3":               {vault.BadEntry, pairs(3, 1)},
		"entry 1024":            {vault.BadEntry, pairs(0x80, 8, 1)},
		"entry above 32 bits":   {vault.BadEntry, pairs(append(binary.AppendUvarint(nil, 1<<32), 1)...)},
		"entry above 64 bits":   {vault.BadEntry, pairs(append(append([]byte{1, 1}, long...), 1)...)},
		"amount of all 64 bits": {vault.Insufficient, pairs(append([]byte{1}, long...)...)},
		"too much":              {vault.Insufficient, pairs(1, 101)},
		"first of two is right": {vault.Insufficient, pairs(1, 50, 1, 1)},
	} {
		t.Run(name, func(t *testing.T) {
			w.T = t
			w.jump(rest)
			h := w.next(c.chunk)
			w.decide(h)
			w.fails(c.code, w.chunkIx(vault.TagApply, intent.Hash{}, c.chunk, purse, page))
			w.jump(dropTime + 1)
			w.ok(w.Drop())
		})
	}
}

func TestWhatMayNotMove(t *testing.T) {
	w := founded(t, 4, "ann", "ben")
	w.deposit("ann", 1, 100)
	purse, _ := w.Purse(w.mint)
	page, _ := w.Page(purse, 0)
	try := func(code vault.Code, before int, chunks ...[]byte) {
		t.Helper()
		w.jump(rest)
		h := w.next(chunks...)
		w.decide(h)
		for i := range before {
			w.ok(w.apply(h, i))
		}
		w.fails(code, w.apply(h, before))
		w.jump(dropTime + 1)
		for i := before - 1; i >= 0; i-- {
			w.ok(w.unapply(h, i))
		}
		w.ok(w.Drop())
		equal(t, w.entry(1).Available, 100)
		equal(t, w.purseNow().InFlight, 0)
	}
	pay, take := w.credits(vault.Pair{Entry: 2, Amount: 5}), w.debits(vault.Pair{Entry: 1, Amount: 5})
	try(vault.InFlight, 0, pay, take)                                                   // credits of nothing
	try(vault.InFlight, 1, take, w.credits(vault.Pair{Entry: 2, Amount: 6}))            // of too much
	try(vault.InFlight, 1, take, w.credits(vault.Pair{Entry: 2, Amount: 4}))            // and the last leaves some
	try(vault.InFlight, 0, take)                                                        // debits alone
	try(vault.BadOrder, 2, take, w.credits(vault.Pair{Entry: 2, Amount: 4}), take, pay) // debits after credits
	w.patch(page, set64(48+2*64+32, math.MaxUint64-3))
	try(vault.Overflow, 1, take, pay)
	w.patch(page, set64(48+2*64+32, 0))
	w.patch(purse, set64(104, math.MaxUint64-3))
	w.patch(w.Vault, set32(92, 1))
	w.jump(rest)
	h := w.next(take, pay)
	w.decide(h)
	w.fails(vault.Overflow, w.apply(h, 0))
}

// A debit stays above a request that its header knew; one that the header did not know does not hold it up.
func TestDebitsAndRequests(t *testing.T) {
	w := founded(t, 4, "ann", "ben")
	w.deposit("ann", 1, 100)
	ann := w.person("ann").PublicKey()
	w.ok(w.Request(ann, w.mint, 1, 40))
	w.jump(rest)
	h := w.next(transfer(61)(w)...)
	w.decide(h)
	w.fails(vault.Requested, w.apply(h, 0))
	w.jump(dropTime + 1)
	w.ok(w.Drop())
	w.settle(transfer(60)(w)...) // exactly what is left
	to := w.newTokens("ann", w.mint, 0)
	w.ok(w.Withdraw(ann, to, w.mint, 1))
	equal(t, w.tokens(to), 40)
	equal(t, w.entry(1).Available, 0)

	w.deposit("ann", 1, 100)
	w.jump(rest)
	h = w.next(transfer(61)(w)...)
	w.ok(w.Request(ann, w.mint, 1, 100)) // after the header's cut
	w.decide(h)
	w.ok(w.apply(h, 0))
	w.ok(w.apply(h, 1))
	equal(t, w.entry(1).Available, 39)
	equal(t, w.entry(1).Requested, 100)
}

func TestUndoing(t *testing.T) {
	w, h := pending(t, func(w *world) [][]byte {
		return [][]byte{
			w.debits(vault.Pair{Entry: 1, Amount: 20}), w.credits(vault.Pair{Entry: 0, Amount: 1}, vault.Pair{Entry: 2, Amount: 9}),
			w.credits(vault.Pair{Entry: 2, Amount: 10}),
		}
	})
	w.fails(vault.NotYet, w.Drop())
	w.ok(w.apply(h, 0))
	w.ok(w.apply(h, 1))
	w.jump(dropTime) // not longer than the drop time yet
	w.fails(vault.NotYet, w.unapply(h, 1))
	w.jump(1)
	w.fails(vault.ChunksApplied, w.Drop())
	w.fails(vault.WrongChunk, w.unapply(h, 0)) // the newest comes first
	w.fails(vault.WrongChunk, w.unapply(h, 2))
	w.fails(vault.WrongChunk, edit(w.unapply(h, 1), func(g *solana.GenericInstruction) { g.DataBytes[1] ^= 1 }))
	w.fails(vault.BadAccounts, edit(w.unapply(h, 1), func(g *solana.GenericInstruction) { g.AccountValues = g.AccountValues[:2] }))
	purse, _ := w.Purse(w.mint)
	page, _ := w.Page(purse, 0)
	w.patch(page, set64(48+32, 0)) // as if the credited had spent it
	w.fails(vault.Insufficient, w.unapply(h, 1))
	w.patch(page, set64(48+32, 1))
	w.ok(w.unapply(h, 1))
	w.fails(vault.Reversing, w.apply(h, 1)) // no way back
	w.fails(vault.WrongChunk, w.unapply(h, 1))
	equal(t, w.vaultNow().Pending.Reversing && w.vaultNow().Pending.CreditsBegun, true)
	w.fails(vault.ChunksApplied, w.Drop())
	w.ok(w.unapply(h, 0))
	w.fails(vault.NothingApplied, w.unapply(h, 0))
	w.fails(vault.Reversing, w.apply(h, 0))
	w.ok(w.Drop())
	w.fails(vault.NothingPending, w.Drop())
	w.fails(vault.NothingPending, w.unapply(h, 0))
	v := w.vaultNow()
	equal(t, v.Height, 0)
	equal(t, v.Generation, 1)
	equal(t, v.Floor, v.EventNumber)
	equal(t, w.entry(1).Available, 100)
	equal(t, w.entry(2).Available, 0)
	w.fails(vault.TooSoon, w.attests(w.next(), w.members...)...)
	w.jump(rest)
	old := w.next()
	old.generation = 0
	w.fails(vault.WrongGeneration, w.attests(old, w.members...)...)
	w.settle()
}

// What a height without accumulator says to unapply, and what a first byte may be there.
func TestUnapplyOfOtherBytes(t *testing.T) {
	w, _ := pending(t, transfer(5))
	junk := slices.Concat([]byte{7}, w.mint[:], []byte{1, 1})
	acc := vault.Accumulate(intent.Hash{}, junk)
	w.jump(dropTime + 1)
	purse, _ := w.Purse(w.mint)
	page, _ := w.Page(purse, 0)
	w.fails(vault.NothingApplied, w.chunkIx(vault.TagUnapply, intent.Hash{}, junk, purse, page))
	w.patch(w.Vault, func(d []byte) { copy(d[288:], acc[:]) })
	w.fails(vault.BadChunk, w.chunkIx(vault.TagUnapply, intent.Hash{}, junk, purse, page))
	w.patch(w.Vault, set32(88, math.MaxUint32))
	w.patch(w.Vault, func(d []byte) { clear(d[288:320]) })
	w.fails(vault.Overflow, w.Drop())
}

func TestMembersChange(t *testing.T) {
	w := founded(t, 4, "ann", "ben")
	w.deposit("ann", 1, 100)
	members := []vault.Member{{Key: intent.Key(key("new", 0).PublicKey()), Weight: 3}, {Key: intent.Key(w.members[1].PublicKey()), Weight: 7}}
	list := func(m ...vault.Member) []byte { return (&vault.Chunk{Kind: vault.ChunkMembers, Members: m}).Encode() }
	raw := func(next intent.Hash, chunk []byte) solana.Instruction { return w.chunkIx(vault.TagApply, next, chunk) }
	purse, _ := w.Purse(w.mint)
	for _, c := range []struct {
		code  vault.Code
		chunk []byte
	}{
		{vault.BadChunk, []byte{0xff}},
		{vault.BadChunk, []byte{0xff, 0}},
		{vault.BadChunk, append(list(members...), 0)},
		{vault.BadChunk, list(members...)[:69]},
		{vault.BadChunk, append([]byte{0xff, 22}, make([]byte, 22*34)...)},
		{vault.BadMembers, list(members[0], members[0])},
		{vault.BadMembers, list(vault.Member{Key: members[0].Key})},
		{vault.SmallOrderKey, list(vault.Member{Weight: 1})},
	} {
		w.jump(rest)
		w.decide(w.next(c.chunk))
		w.fails(c.code, raw(intent.Hash{}, c.chunk))
		w.fails(vault.BadAccounts, w.chunkIx(vault.TagApply, intent.Hash{}, c.chunk, purse))
		w.jump(dropTime + 1)
		w.ok(w.Drop())
	}
	// Not as the last chunk, and not with funds in flight.
	w.jump(rest)
	h := w.next(w.debits(vault.Pair{Entry: 1, Amount: 5}), list(members...), w.credits(vault.Pair{Entry: 2, Amount: 5}))
	w.decide(h)
	w.ok(w.apply(h, 0))
	w.fails(vault.BadOrder, w.apply(h, 1))
	w.jump(dropTime + 1)
	w.ok(w.unapply(h, 0))
	w.ok(w.Drop())
	w.jump(rest)
	h = w.next(w.debits(vault.Pair{Entry: 1, Amount: 5}), list(members...))
	w.decide(h)
	w.ok(w.apply(h, 0))
	w.fails(vault.InFlight, w.apply(h, 1))
	w.jump(dropTime + 1)
	w.ok(w.unapply(h, 0))
	w.ok(w.Drop())

	w.settle(w.debits(vault.Pair{Entry: 1, Amount: 5}), w.credits(vault.Pair{Entry: 2, Amount: 5}), list(members...))
	v := w.vaultNow()
	equal(t, v.Epoch, 1)
	equal(t, len(v.Members), 2)
	equal(t, v.Members[1], members[1])
	equal(t, v.Threshold, 6)
	w.jump(rest)
	h = w.next()
	w.fails(vault.UnknownMember, w.attests(h, w.members[0])...)
	old := w.next()
	old.epoch = 0
	w.fails(vault.WrongEpoch, w.attests(old, w.members...)...)
	w.ok(w.attests(h, w.members[1])...) // 7 of 10
	equal(t, w.vaultNow().Height, 2)
	w.patch(w.Vault, set32(84, math.MaxUint32))
	w.jump(rest)
	h = w.next(list(members...))
	w.ok(w.attests(h, w.members[1])...)
	w.fails(vault.Overflow, w.apply(h, 0))
}
