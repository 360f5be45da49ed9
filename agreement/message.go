package agreement

import (
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/ledger"
)

// A Kind says what a message is.
type Kind uint8

// The kinds.
const (
	Propose     Kind = 1 // the leader of a view proposes a header
	Prepare     Kind = 2 // the header is valid, and nothing else was prepared in this view
	Commit      Kind = 3 // a quorum has prepared the header: the sender is locked on it
	RoundChange Kind = 4 // the sender is at this view, and this is its lock
	Decided     Kind = 5 // a certificate, for those who lag
)

func (k Kind) String() string {
	switch k {
	case Propose:
		return "propose"
	case Prepare:
		return "prepare"
	case Commit:
		return "commit"
	case RoundChange:
		return "round-change"
	case Decided:
		return "decided"
	}
	return "unknown"
}

// A Vote is the signed part of every message but Decided.
type Vote struct {
	Kind     Kind
	Instance ledger.Instance
	View     uint32
	Digest   intent.Hash // of the header; of the lock's header in a RoundChange, zero without one
	Locked   bool        // RoundChange only
	LockView uint32      // RoundChange only: the view in which the lock was prepared
	From     intent.Key
	Sig      intent.Signature
}

// A PreparedCertificate shows that a quorum prepared one digest in one view.
type PreparedCertificate struct {
	View       uint32
	Digest     intent.Hash
	Signatures []ledger.MemberSignature
}

// A Message is what members send each other. The Vote of a Decided holds only kind, instance, view and digest: its
// certificate speaks for itself.
type Message struct {
	Vote

	// Attempt counts repetitions. It is not signed: it only makes the bytes of a repetition new to the gossip, which
	// forgets nothing for two minutes.
	Attempt uint32

	Body     []byte               // Propose: the header body; RoundChange: of its lock
	Changes  []Vote               // Propose of a view > 0: a quorum of round changes to that view
	Prepared *PreparedCertificate // RoundChange: its lock's; Propose: of the highest lock in Changes

	Certificate *ledger.Certificate // Decided
}

// NewDecided is the message that brings a certificate to those who lag.
func NewDecided(inst ledger.Instance, digest intent.Hash, cert *ledger.Certificate) *Message {
	return &Message{Vote: Vote{Kind: Decided, Instance: inst, View: cert.View, Digest: digest}, Certificate: cert}
}
