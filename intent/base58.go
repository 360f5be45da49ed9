package intent

import (
	"encoding/binary"
	"math/bits"

	"github.com/mr-tron/base58"
)

const (
	base58Alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

	// Ten base58 digits are the most that fit a 64-bit word, so a key is taken apart by 58^10, five times.
	base58ChunkDigits = 10
	base58ChunkBase   = 430804206899405824
	base58Chunks      = 5

	// The shortest and longest base58 text of 32 bytes.
	minKeyText, maxKeyText = 32, 44
	// The longest base58 text of 64 bytes.
	maxSignatureText = 88
)

// appendBase58 appends the base58 text of 32 bytes. Rendering an intent is mostly this, so it allocates nothing.
func appendBase58(dst []byte, b *[32]byte) []byte {
	var words [4]uint64
	for i := range words {
		words[i] = binary.BigEndian.Uint64(b[8*i:])
	}
	var digits [base58Chunks * base58ChunkDigits]byte
	pos := len(digits)
	for range base58Chunks {
		var chunk uint64
		for i := range words {
			words[i], chunk = bits.Div64(chunk, words[i], base58ChunkBase)
		}
		for range base58ChunkDigits {
			pos--
			digits[pos] = base58Alphabet[chunk%58]
			chunk /= 58
		}
	}
	first := 0
	for first < len(digits) && digits[first] == base58Alphabet[0] {
		first++
	}
	for i := 0; i < len(b) && b[i] == 0; i++ {
		dst = append(dst, base58Alphabet[0])
	}
	return append(dst, digits[first:]...)
}

// parseBase58 reads the base58 text of exactly 32 bytes.
func parseBase58(s string) ([32]byte, bool) {
	var out [32]byte
	if len(s) < minKeyText || len(s) > maxKeyText {
		return out, false
	}
	b, err := base58.Decode(s)
	if err != nil || len(b) != len(out) {
		return out, false
	}
	copy(out[:], b)
	return out, true
}
