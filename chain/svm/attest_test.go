package svm

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/gagliardetto/solana-go"

	"github.com/phantom-paradox/paradox/chain/vault"
	"github.com/phantom-paradox/paradox/intent"
)

// pair signs a message of one's own making for a header's attest.
func (w *world) pair(h *header, message []byte, members ...solana.PrivateKey) []solana.Instruction {
	return []solana.Instruction{vault.Signatures(message, sign(message, members...)), w.Attest(w.payer.PublicKey(), h.Attestation, h.digest(), h.view)}
}

func TestQuorum(t *testing.T) {
	w := founded(t, 21, "ann", "ben")
	w.deposit("ann", 1, 10)
	w.jump(rest)
	h := w.next(w.debits(vault.Pair{Entry: 1, Amount: 5}), w.credits(vault.Pair{Entry: 2, Amount: 5}))
	w.ok(w.attests(h, w.members[:6]...)...)
	w.ok(w.attests(h, w.members[15:]...)...)
	w.ok(w.attests(h, w.members[7:9]...)...)
	equal(t, w.vaultNow().Pending == nil, true) // 14 of 21 are two thirds, not more
	w.ok(w.attests(h, w.members[9])...)
	p := w.vaultNow().Pending
	equal(t, p.Height, 1)
	equal(t, p.Digest, h.digest())
	equal(t, p.Cut, h.Cut)
	equal(t, p.NextHead, h.heads[0])
	equal(t, p.Accumulator, intent.Hash{})
	equal(t, p.Since, w.slot)
	w.fails(vault.HeightPending, w.attests(h, w.members[10])...)
}

// Members of several views, headers, generations never add up.
func TestTalliesAreApart(t *testing.T) {
	w := founded(t, 4, "ann", "ben")
	w.jump(rest)
	for view := range uint32(6) {
		h := w.next(w.debits(vault.Pair{Entry: 1, Amount: 1 + uint64(view)}))
		h.view = view
		w.ok(w.attests(h, w.members[view%4], w.members[(view+1)%4])...)
		h = w.next()
		h.view = view
		w.ok(w.attests(h, w.members[view%4], w.members[(view+1)%4])...)
	}
	v := w.vaultNow()
	equal(t, v.Height, 0)
	equal(t, v.Pending == nil, true)

	// The tally of one view is no tally for another, nor for another header.
	h := w.next()
	h.view = 3
	other, _ := w.Tally(h.digest(), 4)
	pair := w.attests(h, w.members[0])
	w.fails(vault.BadAddress, pair[0], swap(pair[1], 2, other))
	mine, _ := w.Tally(h.digest(), 3)
	w.fails(vault.BadAddress, pair[0], swap(pair[1], 2, w.clone(mine, "tally", program(), nil)))
	h.view = 9
	pair = w.attests(h, w.members[0])
	k, _ := w.Tally(h.digest(), 9)
	w.put(k, solana.SystemProgramID, []byte{1}, sol)
	w.fails(vault.AlreadyExists, pair...)
	w.put(k, solana.TokenProgramID, make([]byte, 128), sol)
	w.fails(vault.BadTally, pair...)
	w.put(k, program(), make([]byte, 128), sol)
	w.fails(vault.BadTally, pair...)
	w.put(k, program(), w.account(mine).Data[:127], sol)
	w.fails(vault.BadTally, pair...)
	w.put(k, solana.SystemProgramID, nil, 3) // lamports sent ahead
	w.ok(pair...)
}

func TestAttestNeedsItsInstance(t *testing.T) {
	w := founded(t, 4, "ann", "ben")
	w.settle()
	floor := w.vaultNow().Floor
	w.jump(rest - 1)
	w.fails(vault.TooSoon, w.attests(w.next(), w.members...)...)
	w.jump(1)
	w.ok(w.Request(w.person("ann").PublicKey(), w.mint, 1, 5))
	for _, c := range []struct {
		code   vault.Code
		change func(*header)
	}{
		{vault.WrongEpoch, func(h *header) { h.epoch++ }},
		{vault.WrongEpoch, func(h *header) { h.epoch-- }},
		{vault.WrongGeneration, func(h *header) { h.generation++ }},
		{vault.WrongHeight, func(h *header) { h.height++ }},
		{vault.WrongHeight, func(h *header) { h.height-- }},
		{vault.BadCut, func(h *header) { h.Cut = floor - 1 }},
		{vault.BadCut, func(h *header) { h.Cut++ }},
		{vault.BadCut, func(h *header) { h.Cut = math.MaxUint64 }},
	} {
		h := w.next()
		c.change(h)
		w.fails(c.code, w.attests(h, w.members...)...)
	}
	h := w.next()
	h.Cut = floor
	w.ok(w.attests(h, w.members...)...)
	equal(t, w.vaultNow().Height, 2)
	w.patch(w.Vault, set64(112, math.MaxUint64))
	w.jump(rest)
	w.fails(vault.WrongHeight, w.attests(w.next(), w.members...)...)
}

func TestSignedMessage(t *testing.T) {
	w := founded(t, 4, "ann", "ben")
	w.jump(rest)
	h := w.next()
	good := w.message(h)
	flip := func(at int) []byte {
		m := append([]byte(nil), good...)
		m[at] ^= 1
		return m
	}
	for at, code := range map[int]vault.Code{
		0: vault.BadMessage, 15: vault.BadMessage, 16: vault.BadMessage, 47: vault.BadMessage, // domain, network
		48: vault.WrongEpoch, 52: vault.WrongHeight, 60: vault.WrongGeneration,
		64: vault.BadAddress, // another view: another tally
		68: vault.BadMessage, 99: vault.BadMessage,
	} {
		w.fails(code, w.pair(h, flip(at), w.members...)...)
	}
	prepare := append([]byte("paradox/prepare/"), good[16:]...)
	w.fails(vault.BadMessage, w.pair(h, prepare, w.members...)...)
	// What the arguments say and the digest in the message must be one.
	for at := 1; at < 73; at++ {
		pair := w.attests(h, w.members...)
		changed := edit(pair[1], func(g *solana.GenericInstruction) { g.DataBytes[at] ^= 1 })
		code := vault.BadMessage
		if at > 32 && at <= 40 {
			code = vault.BadCut
			if at == 33 { // a cut of one less is possible, but was not signed
				code = vault.BadMessage
			}
		}
		w.fails(code, pair[0], changed)
	}
	w.ok(w.attests(h, w.members...)...)
}

func TestSigners(t *testing.T) {
	w := founded(t, 4, "ann", "ben")
	w.jump(rest)
	h := w.next()
	m := w.members
	w.fails(vault.UnknownMember, w.attests(h, key("stranger"))...)
	w.fails(vault.UnknownMember, w.attests(h, m[0], m[1], key("stranger"))...)
	w.fails(vault.RepeatedMember, w.attests(h, m[0], m[0])...)
	w.fails(vault.RepeatedMember, w.attests(h, m[0], m[1], m[0])...)
	w.ok(w.attests(h, m[0], m[1])...)
	w.fails(vault.RepeatedMember, w.attests(h, m[1], m[2])...)
	w.ok(w.attests(h, m[2])...)
	equal(t, w.vaultNow().Height, 1)
}

// The precompile itself refuses what does not hold: bad signatures, keys of small order, a signature's other form.
func TestSignaturesThatDoNotHold(t *testing.T) {
	w := founded(t, 4, "ann", "ben")
	w.jump(rest)
	h := w.next()
	refused := func(change func([]byte)) {
		t.Helper()
		pair := w.attests(h, w.members...)
		r := w.run(edit(pair[0], func(g *solana.GenericInstruction) { change(g.DataBytes) }), pair[1])
		if index, _, ok := r.Custom(); !r.Failed() || (ok && index != 0) {
			t.Fatalf("want the Ed25519 instruction to fail, have %s", r.Err)
		}
	}
	first := 2 + 14*4
	refused(func(d []byte) { d[first] ^= 1 })
	refused(func(d []byte) { d[first+40] ^= 1 })
	refused(func(d []byte) { d[first+64] ^= 1 })
	refused(func(d []byte) { d[len(d)-1] ^= 1 })
	refused(func(d []byte) { addOrder(d[first+32 : first+64]) })
	for _, small := range smallOrderKeys(t) {
		refused(func(d []byte) {
			clear(d[first : first+64])
			d[first] = 1
			copy(d[first+64:], small[:])
		})
	}
	equal(t, w.vaultNow().Height, 0)
}

// addOrder adds the group's order to a signature's scalar: the same equation, other bytes.
func addOrder(s []byte) {
	order := [32]byte{0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 31: 0x10}
	carry := 0
	for i := range s {
		carry += int(s[i]) + int(order[i])
		s[i] = byte(carry)
		carry >>= 8
	}
}

// Only the one layout counts, whatever else the precompile accepts.
func TestSignaturesThatLieElsewhere(t *testing.T) {
	w := founded(t, 4, "ann", "ben")
	w.jump(rest)
	h := w.next()
	pair := w.attests(h, w.members...)
	refused := func(change func(d []byte) []byte) {
		t.Helper()
		w.fails(vault.BadSignatures, edit(pair[0], func(g *solana.GenericInstruction) { g.DataBytes = change(g.DataBytes) }), pair[1])
	}
	for i := range 4 {
		for _, field := range []int{1, 3, 6} { // "this instruction" by its number
			refused(func(d []byte) []byte {
				binary.LittleEndian.PutUint16(d[2+14*i+2*field:], 0)
				return d
			})
		}
		refused(func(d []byte) []byte { // one member's signature stands for another's, by its place
			copy(d[2+14*i:][:14], d[2+14*((i+1)%4):])
			return d
		})
	}
	refused(func([]byte) []byte { return []byte{0, 0} }) // no signature at all
	refused(func(d []byte) []byte { return append(d, 0) })
	refused(func(d []byte) []byte { d[1] = 1; return d })
	refused(func(d []byte) []byte { // a count that is less than what is there
		d[0] = 3
		return d
	})

	// Somebody's valid signature in an instruction of its own, and one that points to it but shows members and header.
	stranger := sign([]byte("anything"), key("stranger"))
	valid := vault.Signatures([]byte("anything"), stranger)
	forged := edit(pair[0], func(g *solana.GenericInstruction) {
		for i := range 4 {
			o := g.DataBytes[2+14*i:]
			for field, v := range []uint16{16, 0, 80, 0, 112, 8, 0} {
				binary.LittleEndian.PutUint16(o[2*field:], v)
			}
		}
	})
	if r := w.run(valid, forged); r.Failed() {
		t.Fatalf("the precompile takes it: %s", r.Err)
	}
	w.fails(vault.BadSignatures, valid, forged, pair[1])
	equal(t, w.vaultNow().Height, 0)
}

func TestEd25519StandsRightBefore(t *testing.T) {
	w := founded(t, 4, "ann", "ben")
	w.jump(rest)
	h := w.next()
	pair := w.attests(h, w.members...)
	noop := solana.NewInstruction(solana.MustPublicKeyFromBase58("ComputeBudget111111111111111111111111111111"), nil, []byte{2, 0x40, 0x0d, 3, 0})
	w.fails(vault.NoSignatures, pair[1])
	w.fails(vault.NoSignatures, noop, pair[1])
	w.fails(vault.NoSignatures, pair[0], noop, pair[1])
	r := w.run(pair[1], pair[0])
	index, code, _ := r.Custom()
	equal(t, index, 0)
	equal(t, vault.Code(code), vault.NoSignatures)
	w.fails(vault.BadSysvar, pair[0], swap(pair[1], 3, solana.SysVarClockPubkey))
	w.fails(vault.BadSysvar, pair[0], swap(pair[1], 3, w.fakeSysvar(pair[0])))
	w.fails(vault.BadSystemProgram, pair[0], swap(pair[1], 4, solana.TokenProgramID))
	w.ok(noop, pair[0], pair[1])
}

// fakeSysvar is an account that says what the Instructions sysvar would.
func (w *world) fakeSysvar(ix solana.Instruction) solana.PublicKey {
	w.Helper()
	data, err := ix.Data()
	must(w, err)
	ed := vault.Ed25519Program()
	d := []byte{2, 0, 6, 0, 0, 0}
	d = append(append(d, 0, 0), ed[:]...)
	d = append(binary.LittleEndian.AppendUint16(d, uint16(len(data))), data...)
	k := key("fake sysvar").PublicKey()
	w.put(k, program(), append(d, 1, 0), sol)
	return k
}
