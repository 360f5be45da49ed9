package ledger

import (
	"bytes"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"sync"

	"github.com/fxamacker/cbor/v2"

	"github.com/phantom-paradox/paradox/intent"
)

// codec is canonical dag-cbor by way of core deterministic CBOR: the same bytes for maps with text keys shorter than 24
// bytes. It is built once and does not change.
type codec struct {
	enc cbor.EncMode
	dec cbor.DecMode
}

// loadCodec builds the codec on first use.
//
//nolint:gochecknoglobals // built once from constants; it never changes
var loadCodec = sync.OnceValue(func() codec {
	enc, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		panic("ledger: the options of the CBOR encoder are constant: " + err.Error())
	}
	dec, err := cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		IndefLength:       cbor.IndefLengthForbidden,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		MaxNestedLevels:   8,              // a header's deepest is members: 3
		MaxArrayElements:  maxRootBundles, // the longest list is a root's bundles
		MaxMapPairs:       32,             // a header has 20
	}.DecMode()
	if err != nil {
		panic("ledger: the options of the CBOR decoder are constant: " + err.Error())
	}
	return codec{enc, dec}
})

// encode gives the canonical bytes of a map of this package; they have no kind of value that can fail.
func encode(v any) []byte {
	b, err := loadCodec().enc.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("ledger: encoding %T: %v", v, err))
	}
	return b
}

// decode reads the canonical bytes of a map, and nothing else: what does not encode to the same bytes again is refused.
func decode(b []byte, most int, v any) error {
	if len(b) > most {
		return fmt.Errorf("%w: %d bytes, at most %d", ErrEncoding, len(b), most)
	}
	if err := loadCodec().dec.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%w: %w", ErrEncoding, err)
	}
	again, err := loadCodec().enc.Marshal(v)
	if err != nil || !bytes.Equal(again, b) {
		return fmt.Errorf("%w: it encodes differently", ErrEncoding)
	}
	return nil
}

// cidHead begins every CID here: CIDv1, dag-cbor, sha2-256 of 32 bytes.
const cidHead = "\x01\x71\x12\x20"

const cidBytes = len(cidHead) + 32

// linkTag is dag-cbor's tag of a link; before the CID stands a zero byte, the multibase prefix of binary.
const linkTag = "\xd8\x2a\x58\x25\x00"

// A link is a BatchCID as dag-cbor writes it.
type link BatchCID

// MarshalCBOR implements cbor.Marshaler.
func (l link) MarshalCBOR() ([]byte, error) {
	if !BatchCID(l).Valid() {
		return nil, fmt.Errorf("%w: a CID of %d bytes", ErrEncoding, len(l))
	}
	return []byte(linkTag + string(l)), nil
}

// UnmarshalCBOR implements cbor.Unmarshaler.
func (l *link) UnmarshalCBOR(b []byte) error {
	if len(b) != len(linkTag)+cidBytes || string(b[:len(linkTag)]) != linkTag || !BatchCID(b[len(linkTag):]).Valid() {
		return fmt.Errorf("%w: not a link to a dag-cbor block by its SHA-256", ErrEncoding)
	}
	*l = link(b[len(linkTag):])
	return nil
}

// Valid says whether the CID has the one form in use here.
func (c BatchCID) Valid() bool { return len(c) == cidBytes && string(c[:len(cidHead)]) == cidHead }

// Hash is the SHA-256 of the block.
func (c BatchCID) Hash() (h intent.Hash) {
	if c.Valid() {
		copy(h[:], c[len(cidHead):])
	}
	return h
}

// BlockCID is the CID of a dag-cbor block: a bundle or a batch root.
func BlockCID(block []byte) BatchCID { return HashCID(sha256.Sum256(block)) }

// HashCID is the CID of the dag-cbor block with this SHA-256.
func HashCID(h intent.Hash) BatchCID { return BatchCID(cidHead + string(h[:])) }

// base32Lower is multibase's b.
func base32Lower() *base32.Encoding {
	return base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)
}

// String is the text form: bafyrei….
func (c BatchCID) String() string { return "b" + base32Lower().EncodeToString([]byte(c)) }

// ParseBatchCID reads the text form.
func ParseBatchCID(text string) (BatchCID, error) {
	if len(text) < 1 || text[0] != 'b' {
		return "", fmt.Errorf("%w: a CID here begins with b (base32)", ErrEncoding)
	}
	b, err := base32Lower().DecodeString(text[1:])
	if err != nil {
		return "", fmt.Errorf("%w: a CID: %w", ErrEncoding, err)
	}
	c := BatchCID(b)
	if !c.Valid() || c.String() != text {
		return "", fmt.Errorf("%w: a CID of a batch or bundle is CIDv1, dag-cbor, sha2-256", ErrEncoding)
	}
	return c, nil
}
