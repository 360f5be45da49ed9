package council

import (
	"crypto/ed25519"
	"encoding/binary"
	"fmt"

	"github.com/phantom-paradox/paradox/intent"
)

// An Approval is one operator's word for one change of one epoch's members. A later one of the same member for the same change
// replaces it: with Expires = Made it is taken back.
type Approval struct {
	Epoch   uint32
	Change  Change
	Made    int64 // unix seconds, of the operator's clock
	Expires int64 // likewise
	From    intent.Key
	Sig     intent.Signature
}

const (
	// MaxBytes bounds an encoded approval: the longest has about 400 bytes.
	MaxBytes = 512
	// MaxLife is the longest that an approval holds, in seconds: what was right a month ago is asked again.
	MaxLife = 30 * 24 * 3600
	// maxAhead is how far an operator's clock may be ahead of a node's, in seconds.
	maxAhead = 60
)

type wireApproval struct {
	Change  []byte `cbor:"change"`
	Epoch   uint32 `cbor:"epoch"`
	Expires uint64 `cbor:"expires"`
	From    []byte `cbor:"from"`
	Made    uint64 `cbor:"made"`
	Sig     []byte `cbor:"sig"`
}

// Sign signs an approval by an operator's member key.
func Sign(key ed25519.PrivateKey, net intent.Hash, a Approval) *Approval {
	copy(a.From[:], key.Public().(ed25519.PublicKey))
	copy(a.Sig[:], ed25519.Sign(key, a.signed(net)))
	return &a
}

func (a *Approval) signed(net intent.Hash) []byte {
	b := append([]byte("paradox/approval/1"), net[:]...)
	b = binary.LittleEndian.AppendUint32(b, a.Epoch)
	b = binary.LittleEndian.AppendUint64(b, uint64(a.Made))
	b = binary.LittleEndian.AppendUint64(b, uint64(a.Expires))
	id := a.Change.ID()
	return append(b, id[:]...)
}

// Encode is canonical dag-cbor.
func (a *Approval) Encode() []byte {
	return mustEncode(wireApproval{Change: a.Change.encode(), Epoch: a.Epoch, Expires: uint64(a.Expires), From: a.From[:], Made: uint64(a.Made), Sig: a.Sig[:]})
}

// Parse reads what Encode writes. Verify says whether to believe it.
func Parse(b []byte) (*Approval, error) {
	if len(b) > MaxBytes {
		return nil, fmt.Errorf("council: %w: %d bytes, an approval has at most %d", ErrMalformed, len(b), MaxBytes)
	}
	var w wireApproval
	if err := decode(b, &w); err != nil {
		return nil, err
	}
	const latest = 1 << 40 // a time that no clock shows, and no sum overflows
	if len(w.From) != len(intent.Key{}) || len(w.Sig) != len(intent.Signature{}) || w.Made > w.Expires || w.Expires > latest || w.Expires-w.Made > MaxLife {
		return nil, fmt.Errorf("council: %w: a field is out of bounds", ErrMalformed)
	}
	c, err := parseChange(w.Change)
	if err != nil {
		return nil, err
	}
	a := &Approval{Epoch: w.Epoch, Change: *c, Made: int64(w.Made), Expires: int64(w.Expires), From: intent.Key(w.From)}
	copy(a.Sig[:], w.Sig)
	return a, nil
}

// Verify checks the signatures: the operator's and, where somebody is admitted, the candidate's.
func (a *Approval) Verify(net intent.Hash) error {
	if err := a.Change.Check(net); err != nil {
		return err
	}
	if !intent.VerifySignature(a.From, a.signed(net), a.Sig) {
		return fmt.Errorf("council: %w: %s has not signed it", ErrMalformed, a.From)
	}
	return nil
}

// open says whether the approval holds at a time; one that was taken back never does, whatever the clocks say.
func (a *Approval) open(now int64) bool { return a.Made < a.Expires && now < a.Expires }
