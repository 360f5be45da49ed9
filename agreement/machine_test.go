package agreement_test

import (
	"errors"
	"testing"
	"time"

	"github.com/phantom-paradox/paradox/agreement"
	at "github.com/phantom-paradox/paradox/agreement/agreementtest"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/ledger"
)

// four is a committee of four equal members, the driver playing one of them.
func four(t *testing.T, self int, change ...func(*agreement.Config)) (*at.Driver, []at.Signer) {
	t.Helper()
	members := at.Members(1, 1, 1, 1)
	return at.NewDriver(t, members, self, change...), at.Signers(members)
}

func accept(t *testing.T, d *at.Driver, msgs ...*agreement.Message) {
	t.Helper()
	for _, m := range msgs {
		if err := d.Receive(m); err != nil && !errors.Is(err, agreement.ErrKnown) {
			t.Fatalf("%v of view %d: %v", m.Kind, m.View, err)
		}
	}
}

func refuse(t *testing.T, d *at.Driver, why string, msgs ...*agreement.Message) {
	t.Helper()
	for _, m := range msgs {
		if err := d.Receive(m); !errors.Is(err, agreement.ErrInvalid) {
			t.Fatalf("%s: taken, or refused otherwise: %v", why, err)
		}
	}
}

func TestAllGoesWell(t *testing.T) {
	d, s := four(t, 1)
	d.Start()
	h := s[0].Fresh(0, 7)
	accept(t, d, s[0].Propose(0, h, nil))
	if m := d.Last(agreement.Prepare); m == nil || m.Digest != h.Digest() {
		t.Fatal("no prepare for a valid proposal")
	}
	accept(t, d, s[0].Vote(agreement.Prepare, 0, h.Digest()))
	if d.Last(agreement.Commit) != nil {
		t.Fatal("commit with two prepares of four")
	}
	accept(t, d, s[2].Vote(agreement.Prepare, 0, h.Digest()))
	if d.Last(agreement.Commit) == nil {
		t.Fatal("no commit with three prepares of four")
	}
	accept(t, d, s[0].Vote(agreement.Commit, 0, h.Digest()))
	if len(d.Decisions) != 0 {
		t.Fatal("decided with two commits of four")
	}
	accept(t, d, s[3].Vote(agreement.Commit, 0, h.Digest()))
	if len(d.Decisions) != 1 || d.Decisions[0].Header.Digest != h.Digest() || len(d.Decisions[0].Certificate.Signatures) != 3 {
		t.Fatalf("decisions: %+v", d.Decisions)
	}
	if len(d.Log) != 2 {
		t.Fatalf("%d votes logged, not prepare and commit", len(d.Log))
	}
}

func TestLeaderBuildsAndItsProposalIsNoPrepare(t *testing.T) {
	d, s := four(t, 0)
	d.Start()
	if len(d.Builds) != 1 || d.Builds[0].View != 0 {
		t.Fatalf("builds: %+v", d.Builds)
	}
	h := s[0].Fresh(0, 1)
	d.Built(h)
	if d.Count(agreement.Propose, 0) != 1 || d.Count(agreement.Prepare, 0) != 1 {
		t.Fatal("the leader sends a proposal and a prepare of its own")
	}
	// From another's point of view: the proposal of 0 and prepares of 2 are not enough with one's own.
	e, _ := four(t, 1)
	e.Start()
	accept(t, e, s[0].Propose(0, h, nil), s[2].Vote(agreement.Prepare, 0, h.Digest()))
	if e.Last(agreement.Commit) != nil {
		t.Fatal("the proposal was counted as a prepare")
	}
}

func TestOnlyTheLeaderProposes(t *testing.T) {
	d, s := four(t, 1)
	d.Start()
	refuse(t, d, "a proposal of another", s[2].Propose(0, s[2].Fresh(0, 1), nil))
	foreign := s[0].Fresh(0, 1)
	foreign.Leader = s[2].Key
	refuse(t, d, "a header that names another leader", s[0].Propose(0, foreign, nil))
	other := s[0].Fresh(0, 1)
	other.Instance.Generation = 1
	refuse(t, d, "a header of another instance", s[0].Propose(0, other, nil))
	big := s[0].Fresh(0, 1)
	big.Bytes = 33 << 20
	refuse(t, d, "a batch that is too large", s[0].Propose(0, big, nil))
	forged := s[0].Propose(0, s[0].Fresh(0, 1), nil)
	forged.Sig[0] ^= 1
	refuse(t, d, "a forged proposal", forged)
	if len(d.Log) != 0 {
		t.Fatal("a vote was cast")
	}
}

func TestAnInvalidProposalIsNotPrepared(t *testing.T) {
	d, s := four(t, 1)
	d.AutoValid = false
	d.Start()
	h := s[0].Fresh(0, 1)
	accept(t, d, s[0].Propose(0, h, nil))
	if len(d.Questions) != 1 || !d.Questions[0].Fresh {
		t.Fatalf("questions: %+v", d.Questions)
	}
	if d.Last(agreement.Prepare) != nil {
		t.Fatal("prepared before the host has answered")
	}
	d.Answer(errors.New("wrong outcome"))
	for _, i := range []int{0, 2, 3} {
		accept(t, d, s[i].Vote(agreement.Prepare, 0, h.Digest()))
	}
	if len(d.Log) != 0 {
		t.Fatal("voted for an invalid header")
	}
}

func TestAHeldProposalIsAnsweredLater(t *testing.T) {
	d, s := four(t, 1)
	d.AutoValid = false
	d.Start()
	h := s[0].Fresh(0, 1)
	accept(t, d, s[0].Propose(0, h, nil), s[0].Vote(agreement.Prepare, 0, h.Digest()), s[2].Vote(agreement.Prepare, 0, h.Digest()))
	d.Answer(nil)
	if d.Last(agreement.Commit) == nil {
		t.Fatal("prepares that came before the answer do not count")
	}
	// An answer that comes after the view has ended casts no vote in the old view.
	e, s := four(t, 1)
	e.AutoValid = false
	e.Start()
	accept(t, e, s[0].Propose(0, h, nil))
	e.Fire()
	e.Answer(nil)
	if e.Last(agreement.Prepare) != nil {
		t.Fatal("prepared in a view that has ended")
	}
}

// Exactly two thirds are no quorum, neither of prepares nor of commits nor of round changes.
func TestExactlyTwoThirdsAreNoQuorum(t *testing.T) {
	members := at.Members(2, 1, 2, 1)
	d, s := at.NewDriver(t, members, 1), at.Signers(members)
	d.Start()
	h := s[0].Fresh(0, 1)
	accept(t, d, s[0].Propose(0, h, nil), s[0].Vote(agreement.Prepare, 0, h.Digest()))
	accept(t, d, s[3].Vote(agreement.Prepare, 0, h.Digest()))
	if d.Last(agreement.Commit) != nil {
		t.Fatal("weight 4 of 6 is taken for a quorum of prepares")
	}
	accept(t, d, s[0].Vote(agreement.Commit, 0, h.Digest()), s[2].Vote(agreement.Commit, 0, h.Digest()))
	if len(d.Decisions) != 0 {
		t.Fatal("weight 4 of 6 is taken for a quorum of commits")
	}
	cert := &ledger.Certificate{Body: h.Body()}
	for _, i := range []int{0, 2} {
		v := s[i].Vote(agreement.Commit, 0, h.Digest())
		cert.Signatures = append(cert.Signatures, ledger.MemberSignature{Member: v.From, Sig: v.Sig})
	}
	refuse(t, d, "a certificate of exactly two thirds", agreement.NewDecided(s[0].Instance, h.Digest(), cert))
}

func TestTheTimerOfALaterViewWaitsForAQuorum(t *testing.T) {
	d, s := four(t, 3)
	d.Start()
	for range 5 {
		d.Fire()
		d.Repeat()
	}
	if v := d.Machine.Status().View; v != 1 {
		t.Fatalf("a lonely member drifted to view %d", v)
	}
	if d.Count(agreement.RoundChange, 1) < 5 {
		t.Fatal("its round change is not repeated")
	}
	accept(t, d, s[0].Change(1, nil, nil))
	d.Fire()
	if v := d.Machine.Status().View; v != 1 {
		t.Fatal("two of four are no quorum, yet the timer ran")
	}
	accept(t, d, s[2].Change(1, nil, nil))
	d.Fire()
	if v := d.Machine.Status().View; v != 2 {
		t.Fatalf("view %d: the timer does not run though a quorum is at view 1", v)
	}
}

func TestMoreThanAThirdAtAHigherViewIsJoined(t *testing.T) {
	d, s := four(t, 3)
	d.Start()
	accept(t, d, s[0].Change(9, nil, nil))
	if v := d.Machine.Status().View; v != 0 {
		t.Fatal("one of four, who may lie, was followed")
	}
	accept(t, d, s[1].Change(5, nil, nil))
	if v := d.Machine.Status().View; v != 5 {
		t.Fatalf("view %d, not 5, where more than a third is", v)
	}
	if d.Count(agreement.RoundChange, 5) != 1 {
		t.Fatal("no round change to the view that was joined")
	}
}

func TestTimersGrow(t *testing.T) {
	d, s := four(t, 3)
	d.Start()
	h := s[0].Fresh(0, 1)
	h.Bytes = 2 << 20
	accept(t, d, s[0].Propose(0, h, nil))
	first := d.Timers[0].After
	if first != 6*time.Second {
		t.Fatalf("view 0 lasts %v, not 4 s and the grace of 2 s", first)
	}
	d.Fire()
	if v := d.Machine.Status().View; v != 0 || d.Timers[len(d.Timers)-1].After != 2*time.Second {
		t.Fatalf("a batch of 2 MiB does not lengthen the view by 2 s: view %d", v)
	}
	for view := uint32(1); view < 9; view++ {
		accept(t, d, s[0].Change(view, nil, nil), s[1].Change(view, nil, nil), s[2].Change(view, nil, nil))
		last := d.Timers[len(d.Timers)-1]
		if view == 1 && last.After != 6*time.Second || view == 8 && last.After != time.Minute {
			t.Fatalf("view %d lasts %v", view, last.After)
		}
		d.Fire()
	}
}

func TestNothingIsSentThatCannotBeLogged(t *testing.T) {
	d, s := four(t, 1)
	d.FailLog = true
	d.Start()
	h := s[0].Fresh(0, 1)
	accept(t, d, s[0].Propose(0, h, nil))
	if !errors.Is(d.Err, agreement.ErrLog) {
		t.Fatalf("the host was not told: %v", d.Err)
	}
	if len(d.Sent) != 0 {
		t.Fatal("a vote was sent without a record")
	}
}

func TestEveryVoteIsLoggedBeforeItIsSent(t *testing.T) {
	d, s := four(t, 1)
	seen := 0
	check := func() {
		t.Helper()
		firsts := 0
		for _, m := range d.Sent {
			if m.Attempt == 0 {
				firsts++
			}
		}
		if firsts > len(d.Log) {
			t.Fatalf("%d votes sent, %d logged", firsts, len(d.Log))
		}
		seen = firsts
	}
	d.Start()
	h := s[0].Fresh(0, 1)
	accept(t, d, s[0].Propose(0, h, nil))
	check()
	accept(t, d, s[0].Vote(agreement.Prepare, 0, h.Digest()), s[2].Vote(agreement.Prepare, 0, h.Digest()))
	check()
	d.Fire()
	check()
	if seen != 3 {
		t.Fatalf("%d votes, not prepare, commit and round change", seen)
	}
}

func TestARestartKeepsVotesAndView(t *testing.T) {
	d, s := four(t, 2)
	d.Start()
	a, b := s[0].Fresh(0, 1), s[0].Fresh(0, 2)
	accept(t, d, s[0].Propose(0, a, nil))
	d.Restart()
	accept(t, d, s[0].Propose(0, b, nil))
	for _, m := range d.Sent {
		if m.Kind == agreement.Prepare && m.Digest != a.Digest() {
			t.Fatal("prepared another header of the same view after a restart")
		}
	}
	d.Fire()
	d.Restart()
	if v := d.Machine.Status().View; v != 1 {
		t.Fatalf("after a restart at view %d, below the highest logged", v)
	}
	before := d.Count(agreement.Prepare, 0)
	accept(t, d, s[0].Propose(0, a, nil))
	if d.Count(agreement.Prepare, 0) != before {
		t.Fatal("voted below the highest logged view")
	}
}

// After a restart a member does not judge again by the clock what it has prepared.
func TestARestartDoesNotAskTheClockAgain(t *testing.T) {
	d, s := four(t, 2)
	d.AutoValid = false
	d.Start()
	h := s[0].Fresh(0, 1)
	accept(t, d, s[0].Propose(0, h, nil))
	d.Answer(nil)
	d.Restart()
	accept(t, d, s[0].Propose(0, h, nil))
	if len(d.Questions) != 1 || d.Questions[0].Fresh {
		t.Fatalf("questions: %+v", d.Questions)
	}
}

// A leader that dies between its proposal and its prepare goes on with the same proposal.
func TestALeaderKeepsItsProposal(t *testing.T) {
	d, s := four(t, 0)
	d.Start()
	h := s[0].Fresh(0, 1)
	d.Built(h)
	d.Log = d.Log[:1] // the proposal's record is written, the prepare's is not
	d.AutoValid = false
	d.Restart()
	if len(d.Builds) != 1 {
		t.Fatal("it is asked to build again")
	}
	if len(d.Questions) != 1 || d.Questions[0].Fresh || d.Questions[0].Header.Digest != h.Digest() {
		t.Fatalf("questions: %+v", d.Questions)
	}
	d.Answer(nil)
	if m := d.Last(agreement.Prepare); m == nil || m.Digest != h.Digest() {
		t.Fatal("it does not prepare its proposal")
	}
}

// lockedIn leads the driver to commit to h in view 0.
func lockedIn(t *testing.T, d *at.Driver, s []at.Signer, h *at.Header) {
	t.Helper()
	d.Start()
	accept(t, d, s[0].Propose(0, h, nil))
	for i := range s {
		if i != d.Config.Self {
			accept(t, d, s[i].Vote(agreement.Prepare, 0, h.Digest()))
		}
	}
	if d.Last(agreement.Commit) == nil {
		t.Fatal("not locked")
	}
}

// Three members and one traitor, two views: the traitor and two members could decide again if the third forgot its lock.
func TestTheLockSurvivesARestart(t *testing.T) {
	d, s := four(t, 2)
	a := s[0].Fresh(0, 1)
	lockedIn(t, d, s, a)
	d.Restart()
	d.Fire()
	change := d.Last(agreement.RoundChange)
	if change == nil || !change.Locked || change.Digest != a.Digest() || change.Prepared == nil {
		t.Fatalf("the round change after a restart hides the lock: %+v", change)
	}
	d.Restart()
	accept(t, d, s[0].Change(2, nil, nil), s[1].Change(2, nil, nil))
	change = d.Last(agreement.RoundChange)
	if change.View != 2 || !change.Locked || change.LockView != 0 {
		t.Fatalf("the lock shown in a logged round change is lost by the next restart: %+v", change)
	}
	// And as leader of view 2 it proposes the locked header again, byte for byte.
	p := d.Last(agreement.Propose)
	if p == nil || p.Digest != a.Digest() || string(p.Body) != string(a.Body()) {
		t.Fatalf("the leader does not propose the lock: %+v", p)
	}
}

// A locked header is proposed again minutes later: the live checks are the first proposal's business only.
func TestAReproposalNeedsNoLiveChecks(t *testing.T) {
	d, s := four(t, 3)
	d.AutoValid = false
	d.Start()
	h := s[0].Fresh(0, 1)
	cert := at.Prepared(0, h.Digest(), s[0], s[1], s[2])
	accept(t, d, s[1].Propose(1, h, cert, s[0].Change(1, nil, nil), s[1].Change(1, h, cert), s[2].Change(1, nil, nil)))
	if len(d.Questions) != 1 || d.Questions[0].Fresh || d.Questions[0].View != 1 {
		t.Fatalf("questions: %+v", d.Questions)
	}
	d.Answer(nil)
	if m := d.Last(agreement.Prepare); m == nil || m.View != 1 || m.Digest != h.Digest() {
		t.Fatalf("prepare: %+v", m)
	}
}

func TestAProposalOfALaterViewNeedsItsJustification(t *testing.T) {
	d, s := four(t, 3)
	d.Start()
	a, b := s[0].Fresh(0, 1), s[1].Fresh(1, 2)
	old := s[1].Fresh(1, 2)
	old.View, old.Leader = 0, s[0].Key
	cert := at.Prepared(0, a.Digest(), s[0], s[1], s[2])
	none := func(i int) *agreement.Message { return s[i].Change(1, nil, nil) }
	locked := s[0].Change(1, a, cert)
	refuse(t, d, "no round changes", s[1].Propose(1, b, nil))
	refuse(t, d, "two round changes", s[1].Propose(1, b, nil, none(0), none(1)))
	refuse(t, d, "one counted twice", s[1].Propose(1, b, nil, none(0), none(1), none(1)))
	refuse(t, d, "round changes of another view", s[1].Propose(1, b, nil, none(0), none(1), s[2].Change(2, nil, nil)))
	refuse(t, d, "an old header without a lock", s[1].Propose(1, old, nil, none(0), none(1), none(2)))
	refuse(t, d, "a fresh header in spite of a lock", s[1].Propose(1, b, cert, locked, none(1), none(2)))
	refuse(t, d, "a fresh header in spite of a lock, certificate left out", s[1].Propose(1, b, nil, locked, none(1), none(2)))
	refuse(t, d, "the lock without its certificate", s[1].Propose(1, a, nil, locked, none(1), none(2)))
	refuse(t, d, "a certificate of two", s[1].Propose(1, a, at.Prepared(0, a.Digest(), s[0], s[1]), locked, none(1), none(2)))
	refuse(t, d, "a certificate of another header", s[1].Propose(1, a, at.Prepared(0, old.Digest(), s[0], s[1], s[2]), locked, none(1), none(2)))
	forged := s[1].Propose(1, b, nil, none(0), none(1), none(2))
	forged.Changes[2].Sig[0] ^= 1
	refuse(t, d, "a forged round change", forged)
	if d.Last(agreement.Prepare) != nil {
		t.Fatal("voted for an unjustified proposal")
	}
	accept(t, d, s[1].Propose(1, b, nil, none(0), none(1), none(2)))
	if d.Last(agreement.Prepare) == nil {
		t.Fatal("a justified proposal is not taken")
	}
}

func TestTheHighestLockIsProposedAgain(t *testing.T) {
	members := at.Members(1, 1, 1, 1, 1, 1, 1)
	s := at.Signers(members)
	d, e := at.NewDriver(t, members, 2), at.NewDriver(t, members, 3)
	d.Start()
	e.Start()
	a, b := s[0].Fresh(0, 1), s[1].Fresh(1, 2)
	certA := at.Prepared(0, a.Digest(), s[0], s[1], s[4], s[5], s[6])
	certB := at.Prepared(1, b.Digest(), s[0], s[1], s[4], s[5], s[6])
	changes := []*agreement.Message{
		s[0].Change(2, a, certA), s[1].Change(2, b, certB), s[4].Change(2, nil, nil), s[5].Change(2, nil, nil), s[2].Change(2, nil, nil),
	}
	accept(t, d, changes[:4]...)
	p := d.Last(agreement.Propose)
	if p == nil || p.Digest != b.Digest() || p.Prepared == nil || p.Prepared.View != 1 {
		t.Fatalf("proposal: %+v", p)
	}
	refuse(t, e, "a lower lock", s[2].Propose(2, a, certA, changes...))
	accept(t, e, p)
	if m := e.Last(agreement.Prepare); m == nil || m.Digest != b.Digest() {
		t.Fatal("the highest lock is not prepared")
	}
}

func TestALockIsShownWithItsProof(t *testing.T) {
	d, s := four(t, 3)
	d.Start()
	h := s[0].Fresh(0, 1)
	cert := at.Prepared(0, h.Digest(), s[0], s[1])
	refuse(t, d, "a lock prepared by two", s[0].Change(1, h, cert))
	cert = at.Prepared(0, h.Digest(), s[0], s[1], s[2])
	cert.Signatures[1].Sig[0] ^= 1
	refuse(t, d, "a lock with a forged prepare", s[0].Change(1, h, cert))
	refuse(t, d, "a lock of a view that is yet to come", s[0].Change(1, h, at.Prepared(1, h.Digest(), s[0], s[1], s[2])))
	bare := s[0].Change(1, h, at.Prepared(0, h.Digest(), s[0], s[1], s[2]))
	bare.Prepared = nil
	refuse(t, d, "a lock without certificate", bare)
}

func TestEquivocationIsReported(t *testing.T) {
	d, s := four(t, 1)
	d.Start()
	a, b := s[0].Fresh(0, 1), s[0].Fresh(0, 2)
	accept(t, d, s[0].Propose(0, a, nil), s[0].Propose(0, b, nil))
	accept(t, d, s[2].Vote(agreement.Prepare, 0, a.Digest()), s[2].Vote(agreement.Prepare, 0, b.Digest()))
	accept(t, d, s[3].Vote(agreement.Commit, 2, a.Digest()), s[3].Change(3, nil, nil))
	if len(d.Evidence) != 3 {
		t.Fatalf("%d pieces of evidence, not 3", len(d.Evidence))
	}
	for _, e := range d.Evidence {
		if err := e.Verify(at.Network(), at.Verify); err != nil {
			t.Fatal(err)
		}
		back, err := agreement.DecodeEvidence(e.Encode())
		if err != nil || *back != e {
			t.Fatalf("evidence does not survive its encoding: %v", err)
		}
		forged := e
		forged.B.Sig[0] ^= 1
		if forged.Verify(at.Network(), at.Verify) == nil {
			t.Fatal("forged evidence is taken")
		}
		same := agreement.Evidence{A: e.A, B: e.A}
		if same.Verify(at.Network(), at.Verify) == nil {
			t.Fatal("a vote contradicts itself")
		}
	}
	if d.Count(agreement.Prepare, 0) != 1 {
		t.Fatal("prepared twice in a view")
	}
}

// Honest members never accuse themselves: a lock shown properly is no evidence.
func TestALockShownIsNoEvidence(t *testing.T) {
	d, s := four(t, 1)
	d.Start()
	h := s[0].Fresh(0, 1)
	cert := at.Prepared(0, h.Digest(), s[0], s[2], s[3])
	accept(t, d, s[2].Vote(agreement.Commit, 0, h.Digest()), s[2].Change(1, h, cert), s[2].Vote(agreement.Commit, 3, h.Digest()))
	if len(d.Evidence) != 0 {
		t.Fatalf("evidence: %+v", d.Evidence)
	}
}

func TestASecondProcessWithTheSameKeySilences(t *testing.T) {
	d, s := four(t, 1)
	d.Start()
	h := s[0].Fresh(0, 1)
	accept(t, d, s[0].Propose(0, h, nil))
	echo := *d.Last(agreement.Prepare)
	accept(t, d, &echo)
	if len(d.Doubles) != 0 {
		t.Fatal("an echo of one's own vote is taken for a duplicate")
	}
	accept(t, d, s[1].Vote(agreement.Commit, 0, h.Digest()))
	if len(d.Doubles) != 1 || !d.Machine.Status().Silent {
		t.Fatal("a vote that this process did not cast went unnoticed")
	}
	sent := len(d.Sent)
	accept(t, d, s[0].Vote(agreement.Prepare, 0, h.Digest()), s[2].Vote(agreement.Prepare, 0, h.Digest()))
	d.Fire()
	if len(d.Sent) != sent {
		t.Fatal("it went on voting")
	}
	// Inside somebody's certificate it is found too.
	e, s := four(t, 1)
	e.Start()
	cert := at.Prepared(0, h.Digest(), s[0], s[1], s[2])
	accept(t, e, s[0].Change(1, h, cert))
	if len(e.Doubles) != 1 {
		t.Fatal("the duplicate's vote in a certificate went unnoticed")
	}
}

func TestALostLogFollowsInSilence(t *testing.T) {
	d, s := four(t, 1, func(c *agreement.Config) { c.Silent = true })
	d.Start()
	h := s[0].Fresh(0, 1)
	accept(t, d, s[0].Propose(0, h, nil))
	for _, i := range []int{0, 2, 3} {
		accept(t, d, s[i].Vote(agreement.Prepare, 0, h.Digest()), s[i].Vote(agreement.Commit, 0, h.Digest()))
	}
	if len(d.Sent)+len(d.Log) != 0 {
		t.Fatal("it voted")
	}
	if len(d.Decisions) != 1 {
		t.Fatal("it did not learn the decision")
	}
}

func TestASilencedMachineFollows(t *testing.T) {
	d, s := four(t, 1)
	d.Start()
	d.Machine.Silence()
	h := s[0].Fresh(0, 1)
	accept(t, d, s[0].Propose(0, h, nil))
	for _, i := range []int{0, 2, 3} {
		accept(t, d, s[i].Vote(agreement.Prepare, 0, h.Digest()), s[i].Vote(agreement.Commit, 0, h.Digest()))
	}
	if len(d.Sent)+len(d.Log) != 0 || len(d.Decisions) != 1 {
		t.Fatalf("it sent %d, logged %d, decided %d", len(d.Sent), len(d.Log), len(d.Decisions))
	}
}

func TestLaggardsGetTheDecision(t *testing.T) {
	d, s := four(t, 1)
	h := s[0].Fresh(0, 1)
	lockedIn(t, d, s, h)
	accept(t, d, s[0].Vote(agreement.Commit, 0, h.Digest()), s[2].Vote(agreement.Commit, 0, h.Digest()))
	accept(t, d, s[3].Change(1, nil, nil))
	if len(d.Replies) != 1 || d.Replies[0].To != s[3].Key || d.Replies[0].Message.Kind != agreement.Decided {
		t.Fatalf("replies: %+v", d.Replies)
	}
	again := s[3].Change(1, nil, nil)
	again.Attempt = 1
	accept(t, d, again)
	if len(d.Replies) != 1 {
		t.Fatal("answered twice between two repeats")
	}
	d.Repeat()
	accept(t, d, again)
	if len(d.Replies) != 2 {
		t.Fatal("not answered after the repeat timer")
	}
	late, _ := four(t, 3)
	late.Start()
	accept(t, late, d.Replies[0].Message)
	if len(late.Decisions) != 1 || late.Decisions[0].Header.Digest != h.Digest() {
		t.Fatal("the laggard does not decide")
	}
	// A certificate with commits of two views is none.
	mixed := *d.Machine.Certificate()
	v := s[0].Vote(agreement.Commit, 4, h.Digest())
	mixed.Signatures = append([]ledger.MemberSignature{{Member: v.From, Sig: v.Sig}}, mixed.Signatures[1:]...)
	other, _ := four(t, 3)
	other.Start()
	refuse(t, other, "commits of two views", agreement.NewDecided(s[0].Instance, h.Digest(), &mixed))
}

func TestMessagesOfOtherInstancesAreNotTaken(t *testing.T) {
	d, s := four(t, 1)
	other := s[0]
	other.Instance.Generation++
	if err := d.Receive(other.Vote(agreement.Prepare, 0, intent.Hash{1})); !errors.Is(err, agreement.ErrOtherInstance) {
		t.Fatal(err)
	}
}

func TestLaterKeepsTheNewest(t *testing.T) {
	members := at.Members(1, 1, 1, 1)
	s := at.Signers(members)
	l := agreement.NewLater(at.Network(), at.Verify)
	now := s[0].Instance
	next := s[0]
	next.Instance.Height++
	if err := l.Add(members, now, s[0].Vote(agreement.Commit, 0, intent.Hash{1}), 1); !errors.Is(err, agreement.ErrOtherInstance) {
		t.Fatal("kept a message of the present", err)
	}
	forged := next.Vote(agreement.Commit, 0, intent.Hash{1})
	forged.Sig[0] ^= 1
	if err := l.Add(members, now, forged, 1); !errors.Is(err, agreement.ErrInvalid) {
		t.Fatal("kept a forged message", err)
	}
	for view := range uint32(5) {
		if err := l.Add(members, now, next.Vote(agreement.Commit, view, intent.Hash{1}), int64(view)); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Add(members, now, next.Change(1, nil, nil), 9); err != nil {
		t.Fatal(err)
	}
	got := l.Take(next.Instance)
	if len(got) != 2 || got[0].Message.View != 4 || got[0].Arrived != 4 || got[1].Arrived != 9 {
		t.Fatalf("took %+v", got)
	}
	if len(l.Take(next.Instance)) != 0 {
		t.Fatal("taken twice")
	}
}

func TestTheLogMayBeAheadOfTheChain(t *testing.T) {
	d, s := four(t, 1)
	d.Start()
	accept(t, d, s[0].Propose(0, s[0].Fresh(0, 1), nil))
	before := d.Config.Instance
	before.Height = 0
	if _, err := agreement.Restore(d.Log, before); !errors.Is(err, agreement.ErrLogAhead) {
		t.Fatal(err)
	}
	after := d.Config.Instance
	after.Generation++
	if r, err := agreement.Restore(d.Log, after); err != nil || r.Votes() != 0 {
		t.Fatal("votes of an earlier instance matter", err)
	}
	if _, err := agreement.Restore([][]byte{d.Log[0][1:]}, after); err == nil {
		t.Fatal("a broken log is read")
	}
}
