package node

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/phantom-paradox/paradox/agreement"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/ledger"
	"github.com/phantom-paradox/paradox/network"
	"github.com/phantom-paradox/paradox/p2p"
	"github.com/phantom-paradox/paradox/storage"
)

// stranger joins the network with a key of nobody and says what it likes.
func (c *cluster) stranger() *p2p.Host {
	c.t.Helper()
	h, err := p2p.New(context.Background(), p2p.Config{Key: seedKey("stranger", 0), Prefix: c.file.Prefix(), Agent: "stranger",
		Listen: []string{"/ip4/127.0.0.1/tcp/0"}, Bootstrap: c.nodes[0].host.Addrs(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() {
		if err := h.Close(); err != nil {
			c.t.Error(err)
		}
	})
	return h
}

func (c *cluster) join(h *p2p.Host, topic string) *p2p.Topic {
	c.t.Helper()
	t, err := h.Join(topic, p2p.TopicConfig{MaxBytes: intent.MaxListBytes})
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = t.Close() })
	if err := t.WaitPeers(c.t.Context(), 1); err != nil {
		c.t.Fatal(err)
	}
	return t
}

func (c *cluster) vote(key ed25519.PrivateKey, v agreement.Vote) *agreement.Message {
	v.From = publicOf(key)
	copy(v.Sig[:], ed25519.Sign(key, v.SigningBytes(c.file.Hash())))
	return &agreement.Message{Vote: v}
}

func (c *cluster) publish(t *p2p.Topic, data []byte) {
	c.t.Helper()
	if err := t.Publish(c.t.Context(), data); err != nil {
		c.t.Fatal(err)
	}
}

// bundle is a list of payments of one wallet that expire as told.
func (c *cluster) expired(w *testWallet, n int) []*intent.Signed {
	c.t.Helper()
	out := make([]*intent.Signed, n)
	for i := range out {
		w.nonce++
		var err error
		out[i], err = intent.Sign(w.key, c.net, intent.Intent{Kind: intent.Pay, From: w.pub, To: &c.file.FeeOwner, Mint: &c.file.Mints[0].Mint,
			Amount: 10, Nonce: w.nonce, Created: 1000, Expires: 1100})
		if err != nil {
			c.t.Fatal(err)
		}
	}
	return out
}

// pooled are the bundles that a node pins for its pool.
func pooledPins(t *testing.T, n *running) (out []string) {
	t.Helper()
	if err := n.ipfs.Pins(func(id cid.Cid, owner string) bool {
		if owner == poolOwner {
			out = append(out, string(id.Bytes()))
		}
		return true
	}); err != nil {
		t.Fatal(err)
	}
	return out
}

// A wallet with an entry and nothing else cannot make nodes keep, or pass on, what nobody can settle; and its padding takes
// nobody's honest intent along.
func TestBundlesOfJunkAreNotKept(t *testing.T) {
	c := newCluster(t, 4)
	for i := range 4 {
		c.start(i)
	}
	a, b, junk := c.wallet(0, 1_000_000), c.wallet(1, 0), c.wallet(2, 0)
	c.seen()
	topic := c.join(c.stranger(), topicIntents)
	for range 8 {
		c.publish(topic, intent.EncodeList(c.expired(junk, 64)))
	}
	honest := c.pay(a, b, 1000)
	c.publish(topic, intent.EncodeList(append(c.expired(junk, 64), honest)))
	id, err := honest.ID(c.net)
	if err != nil {
		t.Fatal(err)
	}
	c.settled([]intent.ID{id})
	for i, n := range c.nodes {
		c.wait(fmt.Sprintf("node %d pins no bundle of nothing", i), func() bool { // what settled this moment is being let go
			return !slices.ContainsFunc(pooledPins(t, n), func(p string) bool { return !n.pool.HasBundle(p) })
		})
		for _, p := range n.host.Peers() {
			if p.Score < 0 && p.Agent != "stranger" {
				t.Errorf("node %d punishes %s: %g", i, p.ID, p.Score)
			}
		}
	}
}

// What was pinned before a crash, and never came to carry anything, is let go at the next start.
func TestLostPinsAreLetGo(t *testing.T) {
	c := newCluster(t, 1)
	c.start(0)
	if _, err := c.nodes[0].ipfs.PutPinned(t.Context(), poolOwner, []byte("lost")); err != nil {
		t.Fatal(err)
	}
	c.halt(0)
	c.start(0)
	if got := pooledPins(t, c.nodes[0]); len(got) != 0 {
		t.Fatalf("%d bundles are pinned", len(got))
	}
}

// Votes, certificates and evidence of strangers reach no engine and no disk, and do not slow the committee.
func TestAStrangerOnTheCommitteesTopic(t *testing.T) {
	c := newCluster(t, 4)
	for i := range 4 {
		c.start(i)
	}
	a, b := c.wallet(0, 1_000_000), c.wallet(1, 0)
	c.seen()
	topic := c.join(c.stranger(), topicRound)
	liar := seedKey("liar", 0)
	inst := ledger.Instance{Height: 1}
	for v := range uint32(50) {
		x := c.vote(liar, agreement.Vote{Kind: agreement.Prepare, Instance: inst, View: v, Digest: intent.Hash{1}})
		y := c.vote(liar, agreement.Vote{Kind: agreement.Prepare, Instance: inst, View: v, Digest: intent.Hash{2}})
		c.publish(topic, x.Encode())
		ev := agreement.Evidence{A: x.Vote, B: y.Vote}
		c.publish(topic, ev.Encode())
		c.publish(topic, agreement.NewDecided(inst, intent.Hash{byte(v)}, &ledger.Certificate{View: v, Body: []byte{1}}).Encode())
	}
	c.settled(c.take(0, c.pay(a, b, 1000)))
	c.agreed(1)
	for i, n := range c.nodes {
		if list, err := n.book.evidence(); err != nil || len(list) != 0 {
			t.Errorf("node %d keeps %d pieces of evidence against strangers, %v", i, len(list), err)
		}
		if s := n.engine.status.Load(); s.Voting != "voting" {
			t.Errorf("node %d is %s: %s", i, s.Voting, s.Why)
		}
	}
}

func TestTheSievePassesWhatMembersSay(t *testing.T) {
	c := newCluster(t, 4)
	c.start(0)
	c.wallet(0, 0)
	c.seen()
	v := c.nodes[0].gossip.sieve
	now := time.Unix(1_800_000_000, 0)
	v.clock = func() time.Time { return now }
	member, other := c.keys[1].Member, c.keys[2].Member
	vote := agreement.Vote{Kind: agreement.Prepare, Instance: ledger.Instance{Height: 1}, Digest: intent.Hash{1}}
	good := c.vote(member, vote)
	expect := func(what string, m *agreement.Message, want p2p.Verdict) {
		t.Helper()
		if _, got := v.judge(m.Encode()); got != want {
			t.Errorf("%s: verdict %d, not %d", what, got, want)
		}
	}
	for n := range uint32(maxRepeats) {
		good.Attempt = n
		expect("a member's vote", good, p2p.Accept)
	}
	good.Attempt = 1 << 20
	expect("one repeated too often", good, p2p.Ignore)
	now = now.Add(v.interval)
	expect("one repeated in time", good, p2p.Accept)

	expect("a stranger's", c.vote(seedKey("liar", 0), vote), p2p.Reject)
	elsewhere := vote
	elsewhere.Instance.Epoch = 7
	expect("one of an epoch that is not known here", c.vote(seedKey("liar", 0), elsewhere), p2p.Ignore)
	forged := c.vote(other, vote)
	forged.Sig[0] ^= 1
	expect("a forged one", forged, p2p.Reject)
	later := vote
	later.Instance.Height = 9
	expect("a member's of a later height", c.vote(other, later), p2p.Accept)
	proposal := c.vote(other, agreement.Vote{Kind: agreement.Propose, Instance: vote.Instance, Digest: intent.Hash{1}})
	proposal.Body = []byte{1, 2, 3}
	expect("a proposal of another body", proposal, p2p.Reject)
	c.reasons(expect, v)
	expect("a certificate of nobody", agreement.NewDecided(vote.Instance, intent.Hash{1}, &ledger.Certificate{Body: []byte{1}}), p2p.Reject)

	passed := 0
	for n := range uint32(2 * maxVotes) { // a traitor's flood
		vote.View = n
		if _, got := v.judge(c.vote(other, vote).Encode()); got == p2p.Accept {
			passed++
		}
	}
	if passed > maxVotes {
		t.Errorf("%d votes of one member pass in an interval", passed)
	}
	good.Attempt++
	expect("another member's, in the flood", good, p2p.Accept)
}

// reasons are what proposals and locks carry in others' names, in good order and not.
func (c *cluster) reasons(expect func(string, *agreement.Message, p2p.Verdict), v *sieve) {
	inst := ledger.Instance{Height: 1}
	h := ledger.Header{Network: c.file.Hash(), Instance: inst, Batch: ledger.BlockCID(nil), VRFProof: make([]byte, 81), Time: c.file.Time}
	digest, body := h.Digest(), h.Body()
	change := func(i int, locked bool) agreement.Vote {
		v := agreement.Vote{Kind: agreement.RoundChange, Instance: inst, View: 1, Locked: locked}
		if locked {
			v.Digest = digest
		}
		return c.vote(c.keys[i].Member, v).Vote
	}
	lock := func(by ...int) *agreement.PreparedCertificate {
		p := &agreement.PreparedCertificate{Digest: digest}
		for _, i := range by {
			s := c.vote(c.keys[i].Member, agreement.Vote{Kind: agreement.Prepare, Instance: inst, Digest: digest})
			p.Signatures = append(p.Signatures, ledger.MemberSignature{Member: s.From, Sig: s.Sig})
		}
		return p
	}
	say := func(kind agreement.Kind, p *agreement.PreparedCertificate, changes ...agreement.Vote) *agreement.Message {
		v := agreement.Vote{Kind: kind, Instance: inst, View: 1, Digest: digest, Locked: kind == agreement.RoundChange && p != nil}
		if kind == agreement.RoundChange && p == nil {
			v.Digest = intent.Hash{}
		}
		m := c.vote(c.keys[3].Member, v)
		m.Body, m.Changes, m.Prepared = body, changes, p
		return m
	}
	free, locked, forged := []agreement.Vote{change(0, false), change(1, false), change(2, false)}, change(2, true), change(2, false)
	forged.Sig[9] ^= 1
	bad := lock(0, 1, 2)
	bad.Signatures[1].Sig[9] ^= 1
	for _, x := range []struct {
		what string
		m    *agreement.Message
		want p2p.Verdict
	}{
		{"a justified proposal", say(agreement.Propose, nil, free...), p2p.Accept},
		{"a justified proposal of what is locked", say(agreement.Propose, lock(0, 1, 2), free[0], free[1], locked), p2p.Accept},
		{"a lock", say(agreement.RoundChange, lock(1, 2, 3)), p2p.Accept},
		{"a proposal without its reasons", say(agreement.Propose, nil), p2p.Reject},
		{"one with a forged reason", say(agreement.Propose, nil, free[0], free[1], forged), p2p.Reject},
		{"one with a reason twice", say(agreement.Propose, nil, free[0], free[1], free[1]), p2p.Reject},
		{"one with too few", say(agreement.Propose, nil, free[0], free[1]), p2p.Reject},
		{"one whose lock nobody shows", say(agreement.Propose, nil, free[0], free[1], locked), p2p.Reject},
		{"one whose lock was not prepared", say(agreement.Propose, lock(0, 1), free[0], free[1], locked), p2p.Reject},
		{"one whose lock is forged", say(agreement.Propose, bad, free[0], free[1], locked), p2p.Reject},
		{"a lock that was not prepared", say(agreement.RoundChange, lock(1, 2)), p2p.Reject},
		{"a forged lock", say(agreement.RoundChange, bad), p2p.Reject},
		{"a prepare with a burden", say(agreement.Prepare, nil), p2p.Reject},
	} {
		expect(x.what, x.m, x.want)
	}
	if n := len(v.checked); n == 0 || n > maxChecked {
		c.t.Errorf("%d signatures are remembered", n)
	}
}

// Whoever contradicts himself a thousand times does not crowd out what convicts another.
func TestEvidenceOfOneMemberIsBounded(t *testing.T) {
	c := newCluster(t, 4)
	c.start(0)
	c.wallet(0, 0)
	c.seen()
	n := c.nodes[0]
	evidence := func(member int, view uint32) *agreement.Evidence {
		v := agreement.Vote{Kind: agreement.Commit, Instance: ledger.Instance{Height: 1}, View: view, Digest: intent.Hash{1}}
		x := c.vote(c.keys[member].Member, v)
		v.Digest = intent.Hash{2}
		return &agreement.Evidence{A: x.Vote, B: c.vote(c.keys[member].Member, v).Vote}
	}
	for view := range uint32(2 * maxMemberEvidence) {
		if fresh, err := n.book.addEvidence(evidence(1, view)); err != nil || fresh != (view < maxMemberEvidence) {
			t.Fatalf("piece %d: %v, %v", view, fresh, err)
		}
	}
	if _, got := n.gossip.sieve.judge(evidence(1, 99).Encode()); got != p2p.Ignore {
		t.Errorf("more of it: verdict %d", got)
	}
	if _, got := n.gossip.sieve.judge(evidence(2, 0).Encode()); got != p2p.Accept {
		t.Errorf("that of another: verdict %d", got)
	}
}

// An intent is known by its text. A bundle that repeats a known one under a forged signature must not pass: whoever does not
// know the intent would hold it against the relay, and a leader who took it from there would propose what nobody prepares.
func TestAForgedSignatureOfAKnownIntentIsRejected(t *testing.T) {
	c := newCluster(t, 1)
	c.start(0)
	a, b, nobody := c.wallet(0, 1_000_000), c.wallet(1, 0), &testWallet{key: seedKey("wallet", 9)}
	nobody.pub = publicOf(nobody.key)
	c.seen()
	door := c.nodes[0].door
	known := c.pay(a, b, 1000)
	c.take(0, known)
	forged := func(s *intent.Signed) *intent.Signed {
		f := *s
		f.Sig[3] ^= 1
		return &f
	}
	list := []*intent.Signed{c.pay(a, b, 1), c.pay(a, b, 2)}
	for what, x := range map[string]struct {
		last *intent.Signed
		want error
	}{
		"known":             {known, nil},
		"known, forged":     {forged(known), errRejected},
		"no entry":          {c.pay(nobody, b, 1), nil},
		"no entry, forged":  {forged(c.pay(nobody, b, 1)), errRejected},
		"expired":           {c.expired(a, 1)[0], nil},
		"expired and wrong": {forged(c.expired(a, 1)[0]), errRejected},
	} {
		if _, err := door.ValidateBundle(t.Context(), intent.EncodeList(append(list[:2:2], x.last))); !errors.Is(err, x.want) {
			t.Errorf("%s: got %v", what, err)
		}
	}
}

// What is dropped costs its wallet nothing, so a node remembers so much of it and no more; what was settled stays.
func TestTheOldestDroppedIntentsAreForgotten(t *testing.T) {
	c := newCluster(t, 1)
	c.start(0)
	b := c.nodes[0].book
	id := func(n int) (id intent.ID) { id[0] = byte(n); return id }
	batch := b.store.Batch()
	for n := range 10 {
		if err := b.setStatus(batch, id(n), Status{State: stateDropped, Code: intent.Expired, Received: int64(1000 - n)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := batch.Commit(storage.Durable); err != nil {
		t.Fatal(err)
	}
	batch = b.store.Batch()
	if err := errors.Join(b.setStatus(batch, id(9), Status{State: stateSettled, Height: 1}), batch.Commit(storage.Durable)); err != nil {
		t.Fatal(err)
	}
	if gone, err := b.forgetDropped(6); err != nil || gone != 4 {
		t.Fatalf("forgot %d, %v", gone, err)
	}
	for n := range 10 {
		if got, want := b.known(id(n)), n < 6 || n == 9; got != want {
			t.Errorf("intent %d: known %v", n, got)
		}
	}
	if gone, err := b.forgetDropped(6); err != nil || gone != 0 {
		t.Fatalf("then forgot %d, %v", gone, err)
	}
}

func TestACertificateIsServedWithoutItsRound(t *testing.T) {
	c := newCluster(t, 1)
	c.start(0)
	b := c.nodes[0].book
	rec := &Round{Certificate: ledger.Certificate{View: 3, Body: []byte{1}}}
	want := string(rec.Certificate.Encode())
	if err := b.putRound(7, rec); err != nil {
		t.Fatal(err)
	}
	check := func(what, want string) {
		t.Helper()
		if got, err := b.certificate(7); err != nil || string(got) != want {
			t.Errorf("%s: got %x, %v", what, got, err)
		}
	}
	check("filed apart", want)
	if err := b.bucket.Delete(certificateKey(7), storage.Durable); err != nil {
		t.Fatal(err)
	}
	check("of before", want)
	if err := b.dropRound(7); err != nil {
		t.Fatal(err)
	}
	check("undone", "")
}

func TestMembersAreAskedBeforeACrowd(t *testing.T) {
	var crowd, want []peer.ID
	var members []network.Member
	for i := range 40 {
		key := publicOf(seedKey("peer", i))
		id, err := p2p.PeerID(key[:])
		if err != nil {
			t.Fatal(err)
		}
		if crowd = append(crowd, id); i%13 == 12 {
			members, want = append(members, network.Member{Key: key}), append(want, id)
		}
	}
	got := membersFirst(slices.Clone(crowd), members)
	if !slices.Equal(got[:len(want)], want) || len(got) != len(crowd) {
		t.Errorf("%d peers, first %v", len(got), got[:len(want)])
	}
	slices.Sort(got)
	slices.Sort(crowd)
	if !slices.Equal(got, crowd) {
		t.Error("some peers are lost")
	}
}
