package ledger

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/network"
)

const (
	headerDomain  = "paradox/header/1"
	commitDomain  = "paradox/commit/1"
	prepareDomain = "paradox/prepare/1"

	// MaxHeaderBytes bounds a header body: about 600 bytes, and 21 members of at most 160.
	MaxHeaderBytes = 8 << 10
	// maxVRFProof bounds vrf_proof: RFC 9381's for P-256 has 81 bytes.
	maxVRFProof = 128
	// maxMemberName is what a member's name may have.
	maxMemberName = 64
)

// wireHeader is the body's map.
type wireHeader struct {
	V              uint64       `cbor:"v"`
	Network        []byte       `cbor:"network"`
	Epoch          uint32       `cbor:"epoch"`
	Height         uint64       `cbor:"height"`
	Generation     uint32       `cbor:"generation"`
	Time           int64        `cbor:"time"`
	View           uint32       `cbor:"view"`
	Leader         []byte       `cbor:"leader"`
	VRFOutput      []byte       `cbor:"vrf_output"`
	VRFProof       []byte       `cbor:"vrf_proof"`
	Previous       []byte       `cbor:"previous"`
	Batch          link         `cbor:"batch"`
	Count          uint64       `cbor:"count"`
	Bytes          uint64       `cbor:"bytes"`
	OutcomeRoot    []byte       `cbor:"outcome_root"`
	StateDigest    []byte       `cbor:"state_digest"`
	CutNumber      uint64       `cbor:"cut_number"`
	CutHash        []byte       `cbor:"cut_hash"`
	SettlementHead []byte       `cbor:"settlement_head"`
	Members        []wireMember `cbor:"members,omitempty"`
}

type wireMember struct {
	Name   string `cbor:"name"`
	Key    []byte `cbor:"key"`
	VRF    []byte `cbor:"vrf"`
	Weight uint16 `cbor:"weight"`
}

// Body is the header's canonical dag-cbor.
func (h *Header) Body() []byte {
	w := wireHeader{
		V: 1, Network: h.Network[:], Epoch: h.Epoch, Height: h.Height, Generation: h.Generation, Time: h.Time,
		View: h.View, Leader: h.Leader[:], VRFOutput: h.VRFOutput[:], VRFProof: h.VRFProof, Previous: h.Previous[:],
		Batch: link(h.Batch), Count: h.Count, Bytes: h.Bytes, OutcomeRoot: h.OutcomeRoot[:], StateDigest: h.StateDigest[:],
		CutNumber: h.Cut.Number, CutHash: h.Cut.Hash[:], SettlementHead: h.SettlementHead[:],
	}
	if w.VRFProof == nil {
		w.VRFProof = []byte{}
	}
	for _, m := range h.Members {
		w.Members = append(w.Members, wireMember{Name: m.Name, Key: m.Key[:], VRF: m.VRF[:], Weight: m.Weight})
	}
	return encode(&w)
}

// ParseHeader reads a header body and refuses any other bytes than Body writes.
func ParseHeader(body []byte) (*Header, error) {
	var w wireHeader
	if err := decode(body, MaxHeaderBytes, &w); err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	h := &Header{
		Instance: Instance{Epoch: w.Epoch, Height: w.Height, Generation: w.Generation}, Time: w.Time, View: w.View,
		VRFProof: w.VRFProof, Batch: BatchCID(w.Batch), Count: w.Count, Bytes: w.Bytes, Cut: Cut{Number: w.CutNumber},
	}
	for _, f := range []struct {
		name string
		from []byte
		to   *[32]byte
	}{
		{"network", w.Network, (*[32]byte)(&h.Network)}, {"leader", w.Leader, (*[32]byte)(&h.Leader)},
		{"vrf_output", w.VRFOutput, &h.VRFOutput}, {"previous", w.Previous, (*[32]byte)(&h.Previous)},
		{"outcome_root", w.OutcomeRoot, (*[32]byte)(&h.OutcomeRoot)}, {"state_digest", w.StateDigest, (*[32]byte)(&h.StateDigest)},
		{"cut_hash", w.CutHash, (*[32]byte)(&h.Cut.Hash)}, {"settlement_head", w.SettlementHead, (*[32]byte)(&h.SettlementHead)},
	} {
		if len(f.from) != len(f.to) {
			return nil, fmt.Errorf("%w: header: %s has %d bytes, not 32", ErrEncoding, f.name, len(f.from))
		}
		copy(f.to[:], f.from)
	}
	if w.V != 1 || h.Height == 0 || h.Time < 0 || len(h.VRFProof) > maxVRFProof ||
		max(h.Height, h.Count, h.Bytes, h.Cut.Number) > math.MaxInt64 {
		return nil, fmt.Errorf("%w: header: a number is out of its range", ErrEncoding)
	}
	var err error
	if h.Members, err = readMembers(w.Members); err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	return h, nil
}

func readMembers(wire []wireMember) ([]network.Member, error) {
	if len(wire) > network.MaxMembers {
		return nil, fmt.Errorf("%w: %d members", ErrEncoding, len(wire))
	}
	var out []network.Member
	for _, m := range wire {
		if len(m.Key) != len(intent.Key{}) || len(m.VRF) != len(network.VRFKey{}) || len(m.Name) > maxMemberName {
			return nil, fmt.Errorf("%w: a member's key, VRF key or name has a wrong length", ErrEncoding)
		}
		out = append(out, network.Member{Name: m.Name, Key: intent.Key(m.Key), VRF: network.VRFKey(m.VRF), Weight: m.Weight})
	}
	return out, nil
}

// Digest is SHA-256("paradox/header/1" || SHA-256(body) || epoch || height || generation || cut number || head): what
// commits sign, and what the vault can compute from the body's hash.
func (h *Header) Digest() intent.Hash { return h.digestOf(sha256.Sum256(h.Body())) }

// digestOf is Digest where the body's hash is known.
func (h *Header) digestOf(body intent.Hash) intent.Hash {
	b := append(make([]byte, 0, 128), headerDomain...)
	b = append(b, body[:]...)
	b = binary.LittleEndian.AppendUint32(b, h.Epoch)
	b = binary.LittleEndian.AppendUint64(b, h.Height)
	b = binary.LittleEndian.AppendUint32(b, h.Generation)
	b = binary.LittleEndian.AppendUint64(b, h.Cut.Number)
	return sha256.Sum256(append(b, h.SettlementHead[:]...))
}

// CommitMessage is what a COMMIT signs.
func CommitMessage(net intent.Hash, i Instance, view uint32, digest intent.Hash) []byte {
	return voteMessage(commitDomain, net, i, view, digest)
}

// PrepareMessage is what a PREPARE signs.
func PrepareMessage(net intent.Hash, i Instance, view uint32, digest intent.Hash) []byte {
	return voteMessage(prepareDomain, net, i, view, digest)
}

func voteMessage(domain string, net intent.Hash, i Instance, view uint32, digest intent.Hash) []byte {
	b := append(make([]byte, 0, 128), domain...)
	b = append(b, net[:]...)
	b = binary.LittleEndian.AppendUint32(b, i.Epoch)
	b = binary.LittleEndian.AppendUint64(b, i.Height)
	b = binary.LittleEndian.AppendUint32(b, i.Generation)
	b = binary.LittleEndian.AppendUint32(b, view)
	return append(b, digest[:]...)
}

// A Proposal is what a header says beyond its opening and its result.
type Proposal struct {
	View     uint32 // of its first proposal
	Leader   intent.Key
	VRFProof []byte
	Batch    BatchCID
	Bytes    uint64
}

// Header is the header that says what the result is. in is what was executed.
func (r *Result) Header(in *Input, p Proposal) *Header {
	o := r.opening
	return &Header{
		Network: o.net.Hash, Instance: o.Instance(), Time: in.Time, View: p.View, Leader: p.Leader,
		VRFOutput: in.VRFOutput, VRFProof: p.VRFProof, Previous: o.Previous(), Batch: p.Batch, Count: r.Count, Bytes: p.Bytes,
		OutcomeRoot: r.OutcomeRoot, StateDigest: r.StateDigest, Cut: o.Cut(), SettlementHead: r.SettlementHead, Members: in.Members,
	}
}

// Agrees compares a header with what this node has computed, and names the first difference. View, leader, VRF proof,
// batch and bytes are not the result's to judge.
func (r *Result) Agrees(h *Header) error {
	mine := r.Header(&Input{Time: h.Time, VRFOutput: h.VRFOutput, Members: h.Members},
		Proposal{View: h.View, Leader: h.Leader, VRFProof: h.VRFProof, Batch: h.Batch, Bytes: h.Bytes})
	for _, f := range []struct {
		name string
		same bool
	}{
		{"network", mine.Network == h.Network}, {"epoch, height or generation", mine.Instance == h.Instance},
		{"time", r.head.time == h.Time}, {"previous", mine.Previous == h.Previous}, {"cut", mine.Cut == h.Cut},
		{"count", mine.Count == h.Count}, {"outcome_root", mine.OutcomeRoot == h.OutcomeRoot},
		{"settlement_head", mine.SettlementHead == h.SettlementHead}, {"state_digest", mine.StateDigest == h.StateDigest},
	} {
		if !f.same {
			return fmt.Errorf("%w: its %s is not what executing it gives", ErrBatch, f.name)
		}
	}
	return nil
}
