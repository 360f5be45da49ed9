package agreement

import (
	"errors"

	"github.com/phantom-paradox/paradox/intent"
)

// Evidence is two votes of one member that no honest member casts together: the same kind and view with different
// contents, or a commit and a later round change that hides the lock it made.
type Evidence struct{ A, B Vote }

// Verify says whether the two votes are signed and contradict each other.
func (e *Evidence) Verify(net intent.Hash, verify func(intent.Key, []byte, intent.Signature) bool) error {
	if !e.contradicts() {
		return errors.New("agreement: the votes do not contradict each other")
	}
	for _, v := range []*Vote{&e.A, &e.B} {
		if !verify(v.From, v.SigningBytes(net), v.Sig) {
			return errors.New("agreement: a vote in the evidence is not signed by its member")
		}
	}
	return nil
}

func (e *Evidence) contradicts() bool {
	a, b := &e.A, &e.B
	if a.From != b.From || a.Instance != b.Instance {
		return false
	}
	if a.Kind == b.Kind && a.View == b.View {
		return a.Kind >= Propose && a.Kind <= RoundChange && !sameContent(a, b)
	}
	if a.Kind == RoundChange {
		a, b = b, a
	}
	return hidesLock(a, b)
}

// hidesLock: the commit came first, since no honest member votes below its view, so the round change had to show a lock
// at least as high.
func hidesLock(commit, change *Vote) bool {
	return commit.Kind == Commit && change.Kind == RoundChange && change.View > commit.View &&
		(!change.Locked || change.LockView < commit.View || change.LockView == commit.View && change.Digest != commit.Digest)
}

func sameContent(a, b *Vote) bool {
	return a.Digest == b.Digest && a.Locked == b.Locked && a.LockView == b.LockView
}
