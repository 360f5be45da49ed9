package agreement

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/fxamacker/cbor/v2"

	"github.com/phantom-paradox/paradox/ledger"
)

// ErrEncoding is wrapped by the errors of the decoders.
var ErrEncoding = errors.New("not a canonical message")

// wireVote is a vote as a dag-cbor map. Inside a proposal, kind, instance and view are the proposal's and left out.
type wireVote struct {
	Digest []byte  `cbor:"digest,omitempty"`
	From   []byte  `cbor:"from"`
	Lock   *uint32 `cbor:"lock,omitempty"`
	Sig    []byte  `cbor:"sig"`
}

type wireSignature struct {
	From []byte `cbor:"from"`
	Sig  []byte `cbor:"sig"`
}

type wirePrepared struct {
	Digest     []byte          `cbor:"digest"`
	Signatures []wireSignature `cbor:"signatures"`
	View       uint32          `cbor:"view"`
}

type wireMessage struct {
	Attempt    uint32          `cbor:"attempt,omitempty"`
	Body       []byte          `cbor:"body,omitempty"`
	Changes    []wireVote      `cbor:"changes,omitempty"`
	Digest     []byte          `cbor:"digest,omitempty"`
	Epoch      uint32          `cbor:"epoch"`
	From       []byte          `cbor:"from,omitempty"`
	Generation uint32          `cbor:"generation"`
	Height     uint64          `cbor:"height"`
	Kind       uint8           `cbor:"kind"`
	Lock       *uint32         `cbor:"lock,omitempty"`
	Prepared   *wirePrepared   `cbor:"prepared,omitempty"`
	Sig        []byte          `cbor:"sig,omitempty"`
	Signatures []wireSignature `cbor:"signatures,omitempty"`
	View       uint32          `cbor:"view"`
}

type wireEvidence struct {
	A []byte `cbor:"a"`
	B []byte `cbor:"b"`
}

type wireRecord struct {
	Body     []byte        `cbor:"body,omitempty"`
	Message  []byte        `cbor:"message"`
	Prepared *wirePrepared `cbor:"prepared,omitempty"`
}

// Encode is the canonical dag-cbor of the message.
func (m *Message) Encode() []byte {
	w := wireMessage{
		Attempt: m.Attempt, Body: m.Body, Epoch: m.Instance.Epoch, Generation: m.Instance.Generation,
		Height: m.Instance.Height, Kind: uint8(m.Kind), View: m.View, Prepared: toWirePrepared(m.Prepared),
	}
	if m.Kind != RoundChange || m.Locked {
		w.Digest = m.Digest[:]
	}
	if m.Locked {
		w.Lock = &m.LockView
	}
	if m.Kind == Decided {
		if m.Certificate != nil {
			w.Body, w.Signatures = m.Certificate.Body, toWireSignatures(m.Certificate.Signatures)
		}
		return encode(w)
	}
	w.From, w.Sig = m.From[:], m.Sig[:]
	for i := range m.Changes {
		w.Changes = append(w.Changes, toWireVote(&m.Changes[i]))
	}
	return encode(w)
}

// DecodeMessage reads a message: canonical bytes within the bounds, or an error. It checks no signature.
func DecodeMessage(b []byte) (*Message, error) {
	if len(b) > MaxMessageBytes {
		return nil, fmt.Errorf("%w: %d bytes, at most %d are possible", ErrEncoding, len(b), MaxMessageBytes)
	}
	var w wireMessage
	if err := decode(b, &w); err != nil {
		return nil, err
	}
	m, err := w.message()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrEncoding, err)
	}
	if !bytes.Equal(m.Encode(), b) {
		return nil, fmt.Errorf("%w: fields that its kind does not have", ErrEncoding)
	}
	return m, nil
}

func (w *wireMessage) message() (*Message, error) {
	m := &Message{Attempt: w.Attempt, Body: w.Body}
	m.Kind, m.View = Kind(w.Kind), w.View
	m.Instance = ledger.Instance{Epoch: w.Epoch, Height: w.Height, Generation: w.Generation}
	if m.Kind < Propose || m.Kind > Decided {
		return nil, fmt.Errorf("kind %d", w.Kind)
	}
	if w.Lock != nil {
		m.Locked, m.LockView = true, *w.Lock
	}
	if len(w.Body) > MaxBodyBytes || len(w.Changes) > MaxMembers {
		return nil, fmt.Errorf("a body of %d bytes, %d round changes", len(w.Body), len(w.Changes))
	}
	var err error
	if m.Kind != RoundChange || m.Locked {
		err = fixed(m.Digest[:], w.Digest)
	}
	if m.Kind == Decided {
		sigs, e := fromWireSignatures(w.Signatures)
		m.Certificate = &ledger.Certificate{Body: w.Body, View: w.View, Signatures: sigs}
		m.Body = nil
		return m, errors.Join(err, e)
	}
	err = errors.Join(err, fixed(m.From[:], w.From), fixed(m.Sig[:], w.Sig))
	for i := range w.Changes {
		v, e := w.Changes[i].vote(m)
		m.Changes, err = append(m.Changes, v), errors.Join(err, e)
	}
	var e error
	m.Prepared, e = w.Prepared.prepared()
	return m, errors.Join(err, e)
}

// vote is a round change inside a proposal.
func (w *wireVote) vote(m *Message) (Vote, error) {
	v := Vote{Kind: RoundChange, Instance: m.Instance, View: m.View}
	var err error
	if w.Lock != nil {
		v.Locked, v.LockView = true, *w.Lock
		err = fixed(v.Digest[:], w.Digest)
	}
	return v, errors.Join(err, fixed(v.From[:], w.From), fixed(v.Sig[:], w.Sig))
}

func toWireVote(v *Vote) wireVote {
	w := wireVote{From: v.From[:], Sig: v.Sig[:]}
	if v.Locked {
		w.Lock, w.Digest = &v.LockView, v.Digest[:]
	}
	return w
}

func toWirePrepared(c *PreparedCertificate) *wirePrepared {
	if c == nil {
		return nil
	}
	return &wirePrepared{Digest: c.Digest[:], View: c.View, Signatures: toWireSignatures(c.Signatures)}
}

func (w *wirePrepared) prepared() (*PreparedCertificate, error) {
	if w == nil {
		return nil, nil
	}
	c := &PreparedCertificate{View: w.View}
	sigs, err := fromWireSignatures(w.Signatures)
	c.Signatures = sigs
	return c, errors.Join(err, fixed(c.Digest[:], w.Digest))
}

func toWireSignatures(sigs []ledger.MemberSignature) []wireSignature {
	out := make([]wireSignature, len(sigs))
	for i := range sigs {
		out[i] = wireSignature{From: sigs[i].Member[:], Sig: sigs[i].Sig[:]}
	}
	return out
}

func fromWireSignatures(w []wireSignature) ([]ledger.MemberSignature, error) {
	if len(w) > MaxMembers {
		return nil, fmt.Errorf("%d signatures, at most %d are possible", len(w), MaxMembers)
	}
	out := make([]ledger.MemberSignature, len(w))
	for i := range w {
		if err := errors.Join(fixed(out[i].Member[:], w[i].From), fixed(out[i].Sig[:], w[i].Sig)); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Encode is the canonical dag-cbor of the evidence.
func (e *Evidence) Encode() []byte {
	a, b := Message{Vote: e.A}, Message{Vote: e.B}
	return encode(wireEvidence{A: a.Encode(), B: b.Encode()})
}

// DecodeEvidence reads evidence; Verify checks it.
func DecodeEvidence(b []byte) (*Evidence, error) {
	var w wireEvidence
	if err := decode(b, &w); err != nil {
		return nil, err
	}
	x, errA := DecodeMessage(w.A)
	y, errB := DecodeMessage(w.B)
	if err := errors.Join(errA, errB); err != nil {
		return nil, err
	}
	e := &Evidence{A: x.Vote, B: y.Vote}
	if !bytes.Equal(e.Encode(), b) {
		return nil, fmt.Errorf("%w: evidence is votes only", ErrEncoding)
	}
	return e, nil
}

func encodeRecord(msg *Message, kept *lock) []byte {
	w := wireRecord{Message: msg.Encode()}
	if kept != nil {
		w.Body, w.Prepared = kept.body, toWirePrepared(&kept.cert)
	}
	return encode(w)
}

// decodeRecord reads a record; the lock is the commit's, or the one that a round change shows.
func decodeRecord(b []byte) (record, error) {
	var w wireRecord
	if err := decode(b, &w); err != nil {
		return record{}, err
	}
	msg, err := DecodeMessage(w.Message)
	if err != nil {
		return record{}, err
	}
	cert, err := w.Prepared.prepared()
	if err != nil {
		return record{}, fmt.Errorf("%w: %w", ErrEncoding, err)
	}
	switch {
	case msg.Kind == Decided, (msg.Kind == Commit) != (cert != nil && w.Body != nil):
		return record{}, fmt.Errorf("%w: a record of a %v with a lock, or of a commit without", ErrEncoding, msg.Kind)
	case msg.Kind == Commit:
		return record{msg, &lock{body: w.Body, cert: *cert}}, nil
	case msg.Kind == RoundChange && msg.Locked && msg.Prepared != nil:
		return record{msg, &lock{body: msg.Body, cert: *msg.Prepared}}, nil
	}
	return record{message: msg}, nil
}

// The modes never change after they are made.
//
//nolint:gochecknoglobals // as constant as Go allows
var (
	encoding = must(cbor.CoreDetEncOptions().EncMode())
	decoding = must(cbor.DecOptions{
		DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden, TagsMd: cbor.TagsForbidden,
		MaxNestedLevels: 6, MaxArrayElements: 32, MaxMapPairs: 16, ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
	}.DecMode())
)

func must[T any](v T, err error) T {
	if err != nil {
		panic("agreement: " + err.Error()) // options are constants, and every encoded type is plain
	}
	return v
}

func encode(v any) []byte { return must(encoding.Marshal(v)) }

// decode reads canonical bytes only: what is encoded again must be the same.
func decode(b []byte, v any) error {
	if err := decoding.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%w: %w", ErrEncoding, err)
	}
	if !bytes.Equal(encode(v), b) {
		return fmt.Errorf("%w: other bytes would say the same", ErrEncoding)
	}
	return nil
}

// fixed copies bytes that must have exactly this length.
func fixed(dst, src []byte) error {
	if len(src) != len(dst) {
		return fmt.Errorf("%d bytes where %d belong", len(src), len(dst))
	}
	copy(dst, src)
	return nil
}
