// Package agreementtest helps to test the agreement: committees with signatures that cost next to nothing, headers that
// say themselves whether they are valid, and a driver that plays one participant message by message. Tests and the
// simulator use it; nothing here may reach a node.
package agreementtest

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/phantom-paradox/paradox/agreement"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/ledger"
	"github.com/phantom-paradox/paradox/network"
)

// Network is the network hash of the tests.
func Network() intent.Hash { return sha256.Sum256([]byte("a network of tests")) }

// Members are a committee of these weights.
func Members(weights ...uint16) []network.Member {
	out := make([]network.Member, len(weights))
	for i, w := range weights {
		out[i] = network.Member{Name: fmt.Sprint("member", i), Key: sha256.Sum256([]byte{'k', byte(i)}), Weight: w}
	}
	return out
}

// Sign signs with a member's key: a hash that whoever knows the key can make. No test forges one.
func Sign(key intent.Key, message []byte) intent.Signature {
	var sig intent.Signature
	b := append(make([]byte, 0, len(key)+len(message)), key[:]...)
	sum := sha256.Sum256(append(b, message...))
	copy(sig[:], sum[:])
	return sig
}

// Verify checks such a signature.
func Verify(key intent.Key, message []byte, sig intent.Signature) bool {
	return Sign(key, message) == sig
}

// A Header is a header of the tests.
type Header struct {
	Instance ledger.Instance
	View     uint32
	Leader   intent.Key
	Content  uint64 // what is proposed
	Bytes    uint64
	Time     int64  // milliseconds of the proposer's clock
	Cut      uint64 // the watcher must have seen so many events
	Wrong    bool   // the outcome is not what an honest member computes
	Empty    bool   // without intents
	Withheld bool   // its blocks cannot be fetched
	Change   bool   // it changes the members
}

const headerSize = 4 + 8 + 4 + 4 + 32 + 8 + 8 + 8 + 8 + 1

// Body is the header's only encoding.
func (h *Header) Body() []byte {
	b := make([]byte, 0, headerSize)
	b = binary.LittleEndian.AppendUint32(b, h.Instance.Epoch)
	b = binary.LittleEndian.AppendUint64(b, h.Instance.Height)
	b = binary.LittleEndian.AppendUint32(b, h.Instance.Generation)
	b = binary.LittleEndian.AppendUint32(b, h.View)
	b = append(b, h.Leader[:]...)
	for _, v := range []uint64{h.Content, h.Bytes, uint64(h.Time), h.Cut} {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	flags := byte(0)
	for i, f := range []bool{h.Wrong, h.Empty, h.Withheld, h.Change} {
		if f {
			flags |= 1 << i
		}
	}
	return append(b, flags)
}

// ParseHeader reads a body.
func ParseHeader(b []byte) (*Header, error) {
	if len(b) != headerSize || b[headerSize-1] > 15 {
		return nil, errors.New("not a header of the tests")
	}
	h := &Header{}
	h.Instance.Epoch = binary.LittleEndian.Uint32(b)
	h.Instance.Height = binary.LittleEndian.Uint64(b[4:])
	h.Instance.Generation = binary.LittleEndian.Uint32(b[12:])
	h.View = binary.LittleEndian.Uint32(b[16:])
	copy(h.Leader[:], b[20:])
	h.Content = binary.LittleEndian.Uint64(b[52:])
	h.Bytes = binary.LittleEndian.Uint64(b[60:])
	h.Time = int64(binary.LittleEndian.Uint64(b[68:]))
	h.Cut = binary.LittleEndian.Uint64(b[76:])
	flags := b[84]
	h.Wrong, h.Empty, h.Withheld, h.Change = flags&1 != 0, flags&2 != 0, flags&4 != 0, flags&8 != 0
	return h, nil
}

// Digest is the header's digest.
func (h *Header) Digest() intent.Hash { return sha256.Sum256(h.Body()) }

// Parse is the Config.Parse of the tests.
func Parse(body []byte) (agreement.HeaderView, error) {
	h, err := ParseHeader(body)
	if err != nil {
		return agreement.HeaderView{}, err
	}
	return agreement.HeaderView{
		Digest: h.Digest(), Network: Network(), Instance: h.Instance, View: h.View, Leader: h.Leader, Bytes: h.Bytes,
	}, nil
}

// InOrder is the leader order 0, 1, 2, ….
func InOrder(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}
