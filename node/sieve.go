package node

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"sync"
	"time"

	"github.com/phantom-paradox/paradox/agreement"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/ledger"
	"github.com/phantom-paradox/paradox/network"
	"github.com/phantom-paradox/paradox/p2p"
)

const (
	// maxRepeats is how often one vote passes in one interval of rebroadcast. Repetitions differ in bytes that nobody signs,
	// so anybody can make more of them; honest members send one an interval.
	maxRepeats = 4
	// maxVotes is how many votes of one member pass in such an interval: four kinds, and a few views passed in a hurry.
	maxVotes = 64
	// maxChecked bounds the signatures of others that are remembered in an interval: those that the votes of several views show.
	maxChecked = 2048
)

// A sieve says which round messages are worth passing on and hearing: those that the members of the epoch signed, of the
// current height or later, each a few times. Strangers thus cannot use the committee's topic, and a member only for
// itself. What a vote means is the machine's to judge.
type sieve struct {
	net      intent.Hash
	sight    func() *Sight
	known    func(*agreement.Evidence) bool
	interval time.Duration
	clock    func() time.Time

	mu    sync.Mutex
	since time.Time
	heard map[intent.Key]map[intent.Hash]int // by member, the zero key for certificates: how often what passed
	// checked are the votes inside others whose signatures hold.
	checked map[agreement.Vote]bool
}

// standpoint is from where the node judges; ok is false while it has none.
func (v *sieve) standpoint() (inst ledger.Instance, members []network.Member, ok bool) {
	s := v.sight()
	if s == nil || s.Opening == nil {
		return inst, nil, false
	}
	return s.Opening.Instance(), s.Opening.Members(), true
}

// judge decodes a round message and says what becomes of it.
func (v *sieve) judge(data []byte) (value any, verdict p2p.Verdict) {
	msg, err := agreement.DecodeMessage(data)
	if err != nil {
		ev, err := agreement.DecodeEvidence(data)
		if err != nil {
			return nil, p2p.Reject
		}
		return ev, v.evidence(ev)
	}
	inst, members, ok := v.standpoint()
	if !ok || msg.Instance.Height+1 < inst.Height {
		return nil, p2p.Ignore // too old to help even those who lag; they ask for certificates
	}
	from, key := msg.From, voteID(msg)
	if msg.Kind == agreement.Decided {
		from = intent.Key{}
	} else if network.Find(members, from) < 0 {
		return nil, stranger(msg.Instance.Epoch, inst.Epoch)
	}
	if !v.room(from, key, 0) {
		return nil, p2p.Ignore
	}
	if verdict := v.signed(msg, inst, members); verdict != p2p.Accept {
		return nil, verdict
	}
	if !v.room(from, key, 1) {
		return nil, p2p.Ignore
	}
	return msg, p2p.Accept
}

// stranger is the verdict on a vote of no member: whoever knows the same epoch should have known.
func stranger(theirs, own uint32) p2p.Verdict {
	if theirs == own {
		return p2p.Reject
	}
	return p2p.Ignore
}

// voteID is the same for all repetitions of a vote, and for all certificates of a decision.
func voteID(m *agreement.Message) intent.Hash {
	if m.Kind != agreement.Decided {
		return sha256.Sum256(m.Sig[:])
	}
	b := append(m.Digest[:len(m.Digest):len(m.Digest)], byte(m.Kind))
	b = binary.LittleEndian.AppendUint32(b, m.View)
	b = binary.LittleEndian.AppendUint64(b, m.Instance.Height)
	b = binary.LittleEndian.AppendUint32(b, m.Instance.Generation)
	return sha256.Sum256(b)
}

// signed checks a vote's signature and that its body is what it names, or a certificate whole.
func (v *sieve) signed(m *agreement.Message, inst ledger.Instance, members []network.Member) p2p.Verdict {
	if m.Kind != agreement.Decided {
		if !intent.VerifySignature(m.From, m.SigningBytes(v.net), m.Sig) {
			return p2p.Reject
		}
		if m.Body != nil {
			if verdict := v.body(m, m.Body); verdict != p2p.Accept {
				return verdict
			}
		}
		return v.reasons(m, inst, members)
	}
	if m.Instance.Epoch != inst.Epoch {
		return p2p.Ignore // other members signed it
	}
	if m.Certificate == nil || m.Certificate.View != m.View {
		return p2p.Reject
	}
	if _, err := m.Certificate.Verify(v.net, members); err != nil {
		return p2p.Reject
	}
	return v.body(m, m.Certificate.Body)
}

// reasons checks what a vote carries in others' names: the round changes of a proposal, and the certificate of a lock. Its own
// signature does not cover them, so that whoever passes it on could have put anything there.
func (v *sieve) reasons(m *agreement.Message, inst ledger.Instance, members []network.Member) p2p.Verdict {
	if !complete(m) {
		return p2p.Reject
	}
	if m.Changes == nil && m.Prepared == nil {
		return p2p.Accept
	}
	if m.Instance.Epoch != inst.Epoch {
		return p2p.Ignore // of members who are not known here; it is said again
	}
	if !v.quorum(m.Changes, members) {
		return p2p.Reject
	}
	if c := m.Prepared; c != nil {
		votes := make([]agreement.Vote, len(c.Signatures))
		for i, s := range c.Signatures {
			votes[i] = agreement.Vote{Kind: agreement.Prepare, Instance: m.Instance, View: c.View, Digest: c.Digest, From: s.Member, Sig: s.Sig}
		}
		if c.View >= m.View || c.Digest != m.Digest || len(votes) == 0 || !v.quorum(votes, members) {
			return p2p.Reject
		}
	}
	return p2p.Accept
}

// complete says whether a vote carries what its kind needs, and nothing else. No signature says so.
func complete(m *agreement.Message) bool {
	switch m.Kind {
	case agreement.Propose:
		locked := slices.ContainsFunc(m.Changes, func(c agreement.Vote) bool { return c.Locked })
		return m.Body != nil && (len(m.Changes) > 0) == (m.View > 0) && locked == (m.Prepared != nil)
	case agreement.RoundChange:
		return m.Changes == nil && (m.Body != nil) == m.Locked && (m.Prepared != nil) == m.Locked
	default:
		return m.Changes == nil && m.Body == nil && m.Prepared == nil
	}
}

// quorum says whether votes are of distinct members, signed, and a quorum; none at all are fine too.
func (v *sieve) quorum(votes []agreement.Vote, members []network.Member) bool {
	seen, weight := map[intent.Key]bool{}, uint32(0)
	for i := range votes {
		place := network.Find(members, votes[i].From)
		if place < 0 || seen[votes[i].From] || !v.holds(&votes[i]) {
			return false
		}
		seen[votes[i].From] = true
		weight += uint32(members[place].Weight)
	}
	return len(votes) == 0 || network.Quorum(weight, members)
}

// holds checks a signature that others pass on, once an interval: repetitions of a proposal carry the same.
func (v *sieve) holds(vote *agreement.Vote) bool {
	v.mu.Lock()
	seen := v.checked[*vote]
	v.mu.Unlock()
	if seen {
		return true
	}
	if !intent.VerifySignature(vote.From, vote.SigningBytes(v.net), vote.Sig) {
		return false
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.checked) < maxChecked {
		v.checked[*vote] = true
	}
	return true
}

// body says whether a header is the one that the message is about.
func (v *sieve) body(m *agreement.Message, body []byte) p2p.Verdict {
	h, err := ledger.ParseHeader(body)
	if err != nil || h.Network != v.net || h.Instance != m.Instance || h.Digest() != m.Digest {
		return p2p.Reject
	}
	return p2p.Accept
}

// room says whether one more of this may pass, and counts n.
func (v *sieve) room(from intent.Key, key intent.Hash, n int) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := v.clock()
	if v.heard == nil || now.Sub(v.since) >= v.interval || now.Before(v.since) {
		v.since, v.heard, v.checked = now, map[intent.Key]map[intent.Hash]int{}, map[agreement.Vote]bool{}
	}
	votes := v.heard[from]
	count, known := votes[key]
	if count >= maxRepeats || !known && len(votes) >= maxVotes {
		return false
	}
	if n > 0 {
		if votes == nil {
			votes = map[intent.Hash]int{}
			v.heard[from] = votes
		}
		votes[key] = count + n
	}
	return true
}

// evidence is passed on once, of members alone: anybody can contradict himself under a key of his own.
func (v *sieve) evidence(ev *agreement.Evidence) p2p.Verdict {
	inst, members, ok := v.standpoint()
	if !ok {
		return p2p.Ignore
	}
	if network.Find(members, ev.A.From) < 0 {
		return stranger(ev.A.Instance.Epoch, inst.Epoch)
	}
	if v.known(ev) {
		return p2p.Ignore
	}
	if ev.Verify(v.net, intent.VerifySignature) != nil {
		return p2p.Reject
	}
	return p2p.Accept
}
