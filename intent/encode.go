package intent

import "encoding/binary"

// CBOR's major types, as far as an intent uses them.
const (
	cborUint  = 0 << 5
	cborNeg   = 1 << 5
	cborBytes = 2 << 5
	cborText  = 3 << 5
	cborArray = 4 << 5
	cborMap   = 5 << 5
	cborMajor = 7 << 5 // mask
)

// MaxBytes is the longest wire form of an intent.
const MaxBytes = 1024

// Encode is the canonical dag-cbor map of a signed intent.
func (s *Signed) Encode() []byte { return s.AppendEncode(make([]byte, 0, 512)) }

// AppendEncode appends the canonical dag-cbor map to b.
func (s *Signed) AppendEncode(b []byte) []byte {
	have := s.present()
	count := 0
	for set := have; set != 0; set &= set - 1 {
		count++
	}
	b = appendHead(b, cborMap, uint64(count))
	for f := range fieldCount {
		if have.has(f) {
			b = appendText(b, f.String())
			b = s.appendField(b, f)
		}
	}
	return b
}

func (s *Signed) appendField(b []byte, f field) []byte {
	switch f {
	case fieldV:
		return appendHead(b, cborUint, 1)
	case fieldTo:
		return appendBytes(b, s.To[:])
	case fieldAsk:
		return appendBytes(b, s.Ask[:])
	case fieldFee:
		return appendHead(b, cborUint, s.Fee)
	case fieldSig:
		return appendBytes(b, s.Sig[:])
	case fieldFrom:
		return appendBytes(b, s.From[:])
	case fieldItem:
		return appendText(b, s.Item)
	case fieldKind:
		return appendText(b, string(s.Kind))
	case fieldMemo:
		return appendText(b, s.Memo)
	case fieldMint:
		return appendBytes(b, s.Mint[:])
	case fieldNonce:
		return appendHead(b, cborUint, s.Nonce)
	case fieldAmount:
		return appendHead(b, cborUint, s.Amount)
	case fieldSigner:
		return appendBytes(b, s.Signer[:])
	case fieldActions:
		b = appendHead(b, cborArray, uint64(len(s.Actions)))
		for _, a := range s.Actions {
			b = appendText(b, string(a))
		}
		return b
	case fieldCreated:
		return appendHead(b, cborUint, uint64(s.Created))
	case fieldExpires:
		return appendHead(b, cborUint, uint64(s.Expires))
	case fieldNetwork:
		return appendBytes(b, s.Network[:])
	case fieldQuantity:
		return appendHead(b, cborUint, s.Quantity)
	}
	return appendHead(b, cborUint, s.MaxVolume)
}

// appendHead appends a major type and its argument in the fewest bytes.
func appendHead(b []byte, major byte, n uint64) []byte {
	switch {
	case n < 24:
		return append(b, major|byte(n))
	case n < 1<<8:
		return append(b, major|24, byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(b, major|25), uint16(n))
	case n < 1<<32:
		return binary.BigEndian.AppendUint32(append(b, major|26), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(b, major|27), n)
}

func appendBytes(b, v []byte) []byte { return append(appendHead(b, cborBytes, uint64(len(v))), v...) }

func appendText(b []byte, v string) []byte {
	return append(appendHead(b, cborText, uint64(len(v))), v...)
}
