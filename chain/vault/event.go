package vault

import (
	"crypto/sha256"

	"github.com/phantom-paradox/paradox/intent"
)

// NextEventHash links an event's bytes to the chain.
func NextEventHash(prev intent.Hash, event []byte) intent.Hash {
	h := sha256.New()
	h.Write([]byte("paradox/event/1"))
	h.Write(prev[:])
	h.Write(event)
	return intent.Hash(h.Sum(nil))
}
