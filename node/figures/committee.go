package figures

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/phantom-paradox/paradox/agreement"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/ledger"
	"github.com/phantom-paradox/paradox/network"
)

// A committee is members of equal weight whose keys everybody may know.
type committee struct {
	net     intent.Hash
	keys    []ed25519.PrivateKey
	members []network.Member
}

func newCommittee(n int) (*committee, error) {
	if n < 1 || n > network.MaxMembers {
		return nil, fmt.Errorf("a committee of %d: 1 to %d are possible", n, network.MaxMembers)
	}
	c := &committee{net: sha256.Sum256([]byte("figures"))}
	for i := range n {
		seed := sha256.Sum256(binary.LittleEndian.AppendUint32([]byte("figures"), uint32(i)))
		key := ed25519.NewKeyFromSeed(seed[:])
		c.keys = append(c.keys, key)
		c.members = append(c.members, network.Member{Name: fmt.Sprintf("m%d", i), Key: intent.Key(key.Public().(ed25519.PublicKey)), Weight: 1})
	}
	return c, nil
}

// order lets everybody lead in turn.
func (c *committee) order(height uint64) []int {
	out := make([]int, len(c.members))
	for i := range out {
		out[i] = (int(height) + i) % len(out)
	}
	return out
}

func (c *committee) config(self int, height uint64, order []int) agreement.Config {
	return agreement.Config{
		Network: c.net, Instance: ledger.Instance{Height: height}, Members: c.members, Order: order, Self: self, Verify: intent.VerifySignature, Parse: parse,
		Sign: func(m []byte) (sig intent.Signature) {
			copy(sig[:], ed25519.Sign(c.keys[self], m))
			return sig
		},
		Timing: agreement.DefaultTiming(), MaxBatchBytes: uint64(network.DefaultParams().MaxBatchBytes),
	}
}

func parse(body []byte) (agreement.HeaderView, error) {
	h, err := ledger.ParseHeader(body)
	if err != nil {
		return agreement.HeaderView{}, err
	}
	return agreement.HeaderView{Digest: h.Digest(), Network: h.Network, Instance: h.Instance, View: h.View, Leader: h.Leader, Bytes: h.Bytes}, nil
}

// header is a proposal as long as real ones are.
func (c *committee) header(leader int, height uint64, view uint32) *ledger.Header {
	const proof = 81 // bytes of a VRF proof on P-256
	return &ledger.Header{Network: c.net, Instance: ledger.Instance{Height: height}, Time: int64(height), View: view, Leader: c.members[leader].Key,
		VRFProof: make([]byte, proof), Batch: ledger.BlockCID([]byte("batch"))}
}
