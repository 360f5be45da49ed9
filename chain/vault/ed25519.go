package vault

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"

	"github.com/gagliardetto/solana-go"

	"github.com/phantom-paradox/paradox/intent"
)

// Bounds of the Ed25519 instruction and what is signed.
const (
	CommitSize    = 100 // bytes of the COMMIT message
	MaxSignatures = 6   // that fit a transaction beside attest, a compute limit and a price
)

// ErrSignatures is returned for Ed25519 instruction data of another layout than attest's.
var ErrSignatures = errors.New("not the Ed25519 layout of attest")

// InstructionsSysvar is the address of the sysvar that shows a transaction's instructions.
func InstructionsSysvar() solana.PublicKey { return solana.SysVarInstructionsPubkey }

// Ed25519Program is the address of the signature precompile.
func Ed25519Program() solana.PublicKey {
	return solana.MustPublicKeyFromBase58("Ed25519SigVerify111111111111111111111111111")
}

// A Signed is one member's signature over a COMMIT message.
type Signed struct {
	Member    intent.Key
	Signature intent.Signature
}

// HeaderDigest is the digest that commits sign.
func HeaderDigest(at Attestation, epoch uint32, height uint64, generation uint32) intent.Hash {
	h := sha256.New()
	h.Write([]byte("paradox/header/1"))
	h.Write(at.Body[:])
	var b [24]byte
	le := binary.LittleEndian
	le.PutUint32(b[0:], epoch)
	le.PutUint64(b[4:], height)
	le.PutUint32(b[12:], generation)
	le.PutUint64(b[16:], at.Cut)
	h.Write(b[:])
	h.Write(at.Head[:])
	return intent.Hash(h.Sum(nil))
}

// A Commit is the content of a COMMIT message.
type Commit struct {
	Network    intent.Hash
	Epoch      uint32
	Height     uint64
	Generation uint32
	View       uint32
	Digest     intent.Hash
}

// Message is the 100 bytes that are signed.
func (c Commit) Message() []byte {
	b := append([]byte("paradox/commit/1"), c.Network[:]...)
	b = binary.LittleEndian.AppendUint32(b, c.Epoch)
	b = binary.LittleEndian.AppendUint64(b, c.Height)
	b = binary.LittleEndian.AppendUint32(b, c.Generation)
	b = binary.LittleEndian.AppendUint32(b, c.View)
	return append(b, c.Digest[:]...)
}

// ParseCommit reads a COMMIT message; it does not check the domain.
func ParseCommit(b []byte) (Commit, bool) {
	if len(b) != CommitSize {
		return Commit{}, false
	}
	le := binary.LittleEndian
	return Commit{
		Network: intent.Hash(b[16:48]), Epoch: le.Uint32(b[48:]), Height: le.Uint64(b[52:]), Generation: le.Uint32(b[60:]),
		View: le.Uint32(b[64:]), Digest: intent.Hash(b[68:]),
	}, true
}

// Signatures is the Ed25519 instruction that attest reads.
func Signatures(message []byte, signed []Signed) solana.Instruction {
	k := len(signed)
	b := []byte{byte(k), 0}
	end := 2 + 110*k
	for i := range signed {
		at := 2 + 14*k + 96*i
		for _, v := range []int{at, 0xffff, at + 64, 0xffff, end, len(message), 0xffff} {
			b = binary.LittleEndian.AppendUint16(b, uint16(v))
		}
	}
	for _, x := range signed {
		b = append(b, x.Signature[:]...)
		b = append(b, x.Member[:]...)
	}
	return solana.NewInstruction(Ed25519Program(), nil, append(b, message...))
}

// ParseSignatures reads Ed25519 instruction data in attest's one layout.
func ParseSignatures(d []byte) (message []byte, signed []Signed, err error) {
	if len(d) < 1 || d[0] == 0 {
		return nil, nil, ErrSignatures
	}
	k := int(d[0])
	end := 2 + 110*k
	if len(d) != end+CommitSize || d[1] != 0 {
		return nil, nil, ErrSignatures
	}
	for i := range k {
		at := 2 + 14*k + 96*i
		for j, v := range []int{at, 0xffff, at + 64, 0xffff, end, CommitSize, 0xffff} {
			if int(binary.LittleEndian.Uint16(d[2+14*i+2*j:])) != v&0xffff {
				return nil, nil, ErrSignatures
			}
		}
		signed = append(signed, Signed{Member: intent.Key(d[at+64 : at+96]), Signature: intent.Signature(d[at : at+64])})
	}
	return d[end:], signed, nil
}
