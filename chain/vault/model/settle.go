package model

import (
	"bytes"
	"encoding/binary"
	"math"

	"github.com/gagliardetto/solana-go"

	"github.com/phantom-paradox/paradox/chain/vault"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/ledger"
)

// settleGap is how many slots must lie between a settle or drop and the next attest: what is settled is then finalised, or
// almost, before anything stands on it.
const settleGap = 32

func (c *call) attest() error {
	if c.acc[3].Key != vault.InstructionsSysvar() {
		return vault.BadSysvar
	}
	if c.acc[4].Key != solana.SystemProgramID {
		return vault.BadSystemProgram
	}
	program, data, ok := c.Instruction(c.Index() - 1)
	if c.Index() == 0 || !ok || program != vault.Ed25519Program() {
		return vault.NoSignatures
	}
	message, signed, err := vault.ParseSignatures(data)
	if err != nil {
		return vault.BadSignatures
	}
	said, _ := vault.ParseCommit(message)
	at := vault.Attestation{Body: intent.Hash(c.args[:32]), Cut: binary.LittleEndian.Uint64(c.args[32:]), Head: intent.Hash(c.args[40:72])}
	if err := c.attestable(said, at.Cut); err != nil {
		return err
	}
	said.Network, said.Digest = c.v.Network, vault.HeaderDigest(at, said.Epoch, said.Height, said.Generation)
	if !bytes.Equal(message, said.Message()) {
		return vault.BadMessage
	}
	t, err := c.tally(said)
	if err != nil {
		return err
	}
	if err := c.count(t, signed); err != nil {
		return err
	}
	copy(c.acc[2].Data, t.Encode())
	if c.v.Weight(t.Bitmap) <= c.v.Threshold {
		return nil
	}
	if at.Head == (intent.Hash{}) {
		return c.settle(said.Height, said.Digest)
	}
	c.v.Pending = &vault.Pending{Height: said.Height, Digest: said.Digest, Cut: at.Cut, NextHead: at.Head, Since: c.Slot()}
	return nil
}

func (c *call) attestable(said vault.Commit, cut uint64) error {
	switch {
	case said.Epoch != c.v.Epoch:
		return vault.WrongEpoch
	case said.Generation != c.v.Generation:
		return vault.WrongGeneration
	case c.v.Height == math.MaxUint64 || said.Height != c.v.Height+1:
		return vault.WrongHeight
	case c.v.Pending != nil:
		return vault.HeightPending
	case c.Slot() < addSat(c.v.LastSlot, settleGap):
		return vault.TooSoon
	case cut < c.v.Floor || cut > c.v.EventNumber:
		return vault.BadCut
	}
	return nil
}

// tally reads the tally at place 2, or makes it.
func (c *call) tally(said vault.Commit) (*vault.Tally, error) {
	a := c.acc[2]
	key, bump := c.addr.Tally(said.Digest, said.View)
	if a.Key != key {
		return nil, vault.BadAddress
	}
	if a.Owner == solana.SystemProgramID {
		view := binary.LittleEndian.AppendUint32(nil, said.View)
		seeds := [][]byte{[]byte("tally"), c.addr.Vault[:], said.Digest[:], view, {bump}}
		if err := c.make(2, vault.TallySize, c.program, key, seeds); err != nil {
			return nil, err
		}
		return &vault.Tally{
			Vault: c.addr.Vault, Payer: c.acc[0].Key, Digest: said.Digest, Height: said.Height, Epoch: said.Epoch,
			Generation: said.Generation, View: said.View,
		}, nil
	}
	if !c.ownedAs(a, "Tally", vault.TallySize) {
		return nil, vault.BadTally
	}
	t, err := vault.DecodeTally(a.Data)
	if err != nil {
		return nil, vault.BadTally
	}
	return t, nil
}

func (c *call) count(t *vault.Tally, signed []vault.Signed) error {
	for _, s := range signed {
		i := c.v.MemberIndex(s.Member)
		if i < 0 {
			return vault.UnknownMember
		}
		if t.Bitmap&(1<<i) != 0 {
			return vault.RepeatedMember
		}
		t.Bitmap |= 1 << i
	}
	return nil
}

func (c *call) apply() error {
	p := c.v.Pending
	if p == nil {
		return vault.NothingPending
	}
	if p.Reversing {
		return vault.Reversing
	}
	next, chunk := intent.Hash(c.args[:32]), c.args[32:]
	if vault.Head(chunk, next) != p.NextHead {
		return vault.WrongChunk
	}
	switch chunk[0] {
	case vault.ChunkMembers:
		return c.applyMembers(chunk, next)
	case vault.ChunkDebits, vault.ChunkCredits:
	default:
		return vault.BadChunk
	}
	if len(c.acc) < 3 || len(c.acc) > 2+vault.MaxPages {
		return vault.BadAccounts
	}
	if chunk[0] == vault.ChunkDebits && p.CreditsBegun {
		return vault.BadOrder
	}
	if err := c.run(chunk, true); err != nil {
		return err
	}
	p.Accumulator, p.NextHead = vault.Accumulate(p.Accumulator, chunk), next
	p.CreditsBegun = p.CreditsBegun || chunk[0] == vault.ChunkCredits
	if next != (intent.Hash{}) {
		return nil
	}
	if c.v.PursesFlying != 0 {
		return vault.InFlight
	}
	return c.settle(p.Height, p.Digest)
}

func (c *call) applyMembers(chunk []byte, next intent.Hash) error {
	if len(c.acc) != 1 {
		return vault.BadAccounts
	}
	if next != (intent.Hash{}) {
		return vault.BadOrder
	}
	parsed, err := vault.ParseChunk(chunk)
	if err != nil {
		return vault.BadChunk
	}
	if err := checkMembers(parsed.Members); err != nil {
		return err
	}
	if c.v.PursesFlying != 0 {
		return vault.InFlight
	}
	if c.v.Epoch == math.MaxUint32 {
		return vault.Overflow
	}
	c.v.Members, c.v.Threshold = parsed.Members, vault.Threshold(parsed.Members)
	c.v.Epoch++
	return c.settle(c.v.Pending.Height, c.v.Pending.Digest)
}

func (c *call) unapply() error {
	p := c.v.Pending
	if p == nil {
		return vault.NothingPending
	}
	if c.Slot() <= addSat(p.Since, c.v.DropTime) {
		return vault.NotYet
	}
	if p.Accumulator == (intent.Hash{}) {
		return vault.NothingApplied
	}
	previous, chunk := intent.Hash(c.args[:32]), c.args[32:]
	if vault.Accumulate(previous, chunk) != p.Accumulator {
		return vault.WrongChunk
	}
	if chunk[0] != vault.ChunkDebits && chunk[0] != vault.ChunkCredits {
		return vault.BadChunk
	}
	if len(c.acc) < 3 || len(c.acc) > 2+vault.MaxPages {
		return vault.BadAccounts
	}
	if err := c.run(chunk, false); err != nil {
		return err
	}
	p.Accumulator, p.Reversing = previous, true
	return nil
}

func (c *call) drop() error {
	p := c.v.Pending
	if p == nil {
		return vault.NothingPending
	}
	if c.Slot() <= addSat(p.Since, c.v.DropTime) {
		return vault.NotYet
	}
	if p.Accumulator != (intent.Hash{}) {
		return vault.ChunksApplied
	}
	if err := c.nextGeneration(); err != nil {
		return err
	}
	e := binary.LittleEndian.AppendUint64(c.event(ledger.EventDropped), p.Height)
	e = append(e, p.Digest[:]...)
	if err := c.push(binary.LittleEndian.AppendUint32(e, c.v.Generation)); err != nil {
		return err
	}
	c.v.Floor, c.v.LastSlot, c.v.Pending = c.v.EventNumber, c.Slot(), nil
	return nil
}

func (c *call) closeTally() error {
	a := c.acc[1]
	if !c.ownedAs(a, "Tally", vault.TallySize) {
		return vault.BadTally
	}
	t, err := vault.DecodeTally(a.Data)
	if err != nil || t.Vault != c.addr.Vault {
		return vault.BadTally
	}
	if t.Payer != c.acc[2].Key {
		return vault.BadPayer
	}
	if t.Height > c.v.Height && t.Generation >= c.v.Generation && t.Epoch >= c.v.Epoch {
		return vault.TallyCurrent
	}
	c.acc[2].Account.Lamports += a.Lamports
	*c.acc[1].Account = Account{Owner: solana.SystemProgramID}
	return nil
}
