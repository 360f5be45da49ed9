package agreement

import (
	"encoding/binary"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/ledger"
)

// Signing domains; those of prepare and commit are the ledger's. docs/spec/round.md.
const (
	domainPropose     = "paradox/propose/1"
	domainRoundChange = "paradox/round-change/1"
)

// SigningBytes are the bytes that a vote signs: domain, network, epoch, height, generation, view, then the digest; a round
// change has its lock (u8 0 or 1, view u32) before the digest. Integers are little-endian.
func (v *Vote) SigningBytes(net intent.Hash) []byte {
	b := make([]byte, 0, 128)
	switch v.Kind {
	case Prepare:
		return ledger.PrepareMessage(net, v.Instance, v.View, v.Digest)
	case Commit:
		return ledger.CommitMessage(net, v.Instance, v.View, v.Digest)
	case Propose:
		b = append(b, domainPropose...)
	case RoundChange:
		b = append(b, domainRoundChange...)
	}
	b = appendPlace(b, net, v.Instance, v.View)
	if v.Kind == RoundChange {
		locked := byte(0)
		if v.Locked {
			locked = 1
		}
		b = append(b, locked)
		b = binary.LittleEndian.AppendUint32(b, v.LockView)
	}
	return append(b, v.Digest[:]...)
}

func appendPlace(b []byte, net intent.Hash, inst ledger.Instance, view uint32) []byte {
	b = append(b, net[:]...)
	b = binary.LittleEndian.AppendUint32(b, inst.Epoch)
	b = binary.LittleEndian.AppendUint64(b, inst.Height)
	b = binary.LittleEndian.AppendUint32(b, inst.Generation)
	return binary.LittleEndian.AppendUint32(b, view)
}
