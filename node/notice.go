package node

import (
	"crypto/ed25519"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/ledger"
)

// A RoundNotice tells of a height that was decided, settled or undone.
type RoundNotice struct {
	Height     uint64
	Generation uint32
	State      string // decided, settled or undone
	Round      *Round // nil when undone
	Header     *ledger.Header
}

// sign signs a vote's bytes with the member key.
func (e *engine) sign(message []byte) intent.Signature {
	var sig intent.Signature
	copy(sig[:], ed25519.Sign(e.key, message))
	return sig
}
