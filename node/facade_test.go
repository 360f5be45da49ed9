package node

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ipld/go-car/v2"

	client "github.com/phantom-paradox/paradox/clients/go"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/ledger"
	"github.com/phantom-paradox/paradox/node/api"
	"github.com/phantom-paradox/paradox/node/keys"
)

// dial makes a client of a node's API.
func (c *cluster) dial(i int) *client.Client {
	c.t.Helper()
	cl, err := client.New(c.nodes[i].APIAddr().String())
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(cl.Close)
	return cl
}

// read gets a path of a node's API.
func read[T any](c *cluster, i int, path string) *T {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), http.MethodGet, "http://"+c.nodes[i].APIAddr().String()+path, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	r.Close = true
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	out := new(T)
	if err != nil || resp.StatusCode != http.StatusOK || json.Unmarshal(b, out) != nil {
		c.t.Fatalf("%s: %d %s %v", path, resp.StatusCode, b, err)
	}
	return out
}

// hand submits over HTTP and fails the test unless every intent is taken.
func (c *cluster) hand(cl *client.Client, list ...*intent.Signed) (ids []intent.ID) {
	c.t.Helper()
	got, err := cl.Submit(c.t.Context(), list)
	if err != nil {
		c.t.Fatal(err)
	}
	for i, r := range got {
		if r.State != client.Pending {
			c.t.Fatalf("intent %d: %+v", i, r)
		}
		ids = append(ids, *r.ID)
	}
	return ids
}

// sign signs an intent of a wallet with its next nonce.
func (c *cluster) sign(w *testWallet, i intent.Intent) *intent.Signed {
	c.t.Helper()
	w.nonce++
	i.From, i.Nonce, i.Created = w.pub, w.nonce, time.Now().Unix()
	i.Expires = i.Created + 600
	return c.signAs(w.key, i)
}

// verifyProof believes a node nothing: the network file alone decides.
func (c *cluster) verifyProof(p *api.Proof) {
	c.t.Helper()
	cert := &ledger.Certificate{Body: p.HeaderBody, View: p.Certificate.View}
	for _, s := range p.Certificate.Signatures {
		cert.Signatures = append(cert.Signatures, ledger.MemberSignature{Member: s.Member, Sig: s.Sig})
	}
	h, err := cert.Verify(c.file.Hash(), c.file.Members)
	if err != nil {
		c.t.Fatal(err)
	}
	proof := ledger.Proof{Leaf: p.Leaf, Index: p.Index, Size: p.Size}
	for _, d := range p.Path {
		proof.Path = append(proof.Path, intent.Hash(d))
	}
	if err := proof.Verify(h.OutcomeRoot); err != nil {
		c.t.Fatal(err)
	}
	if !bytes.Equal(p.Leaf, ledger.AcceptedLeaf(p.ID)) || h.Digest() != intent.Hash(p.Header.Digest) || h.Height != p.Height {
		c.t.Fatalf("the proof is of something else: %+v", p)
	}
}

func TestTheAPIServesReceipts(t *testing.T) {
	c := newCluster(t, 1)
	c.start(0)
	a, b := c.wallet(0, 1_000_000), c.wallet(1, 0)
	c.seen()
	cl := c.dial(0)
	ctx := t.Context()
	var ids []intent.ID
	for range 3 {
		ids = append(ids, c.hand(cl, c.pay(a, b, 1000), c.pay(b, a, 10))...)
		c.settled(ids)
	}
	c.agreed(3)
	poor := c.hand(cl, c.pay(b, a, 900_000_000))
	for _, id := range ids {
		s := read[api.IntentStatus](c, 0, "/api/intents/"+id.String())
		if s.State != api.Settled || s.ID != id || len(s.Settled.Transactions) == 0 || s.Settled.Slot == 0 || s.Received == 0 || s.Accepted.Proof == nil {
			t.Fatalf("%+v", s)
		}
		if back, err := intent.ParseJSON(s.Intent, c.net); err != nil || idIn(t, c, back) != id {
			t.Fatalf("%v: %s", err, s.Intent)
		}
		c.verifyProof(s.Accepted.Proof)
		c.verifyProof(read[api.Proof](c, 0, fmt.Sprintf("/api/rounds/%d/proof/%s", s.Accepted.Height, id)))
	}
	again, err := cl.Submit(ctx, []*intent.Signed{c.pay(&testWallet{key: a.key, pub: a.pub}, b, 1000)})
	if err != nil || again[0].State != client.Settled && again[0].Code != intent.NonceUsed {
		t.Errorf("an intent that is settled: %+v %v", again, err)
	}
	c.wait("the one without cover says why", func() bool {
		s, err := cl.Intent(ctx, poor[0])
		return err == nil && s.State == client.Pending && s.Pending != nil && s.Pending.Code == intent.Uncovered && strings.HasPrefix(s.Pending.Detail, "needs ")
	})
	if _, err := cl.Intent(ctx, intent.ID{1}); !errors.Is(err, client.ErrUnknown) {
		t.Errorf("an intent that nobody saw: %v", err)
	}
	w, err := cl.Wallet(ctx, b.pub)
	if err != nil || len(w.Entries) != 1 || w.Entries[0].Balance != 3*1000-3*10 || w.Entries[0].Symbol != "USDC" {
		t.Errorf("%+v %v", w, err)
	}
	if n, err := cl.Nonce(ctx, b.pub, b.pub); err != nil || n.Next != 5 || n.Floor != 3 {
		t.Errorf("%+v %v", n, err)
	}
	c.history(a, ids)
}

func idIn(t *testing.T, c *cluster, s *intent.Signed) intent.ID {
	t.Helper()
	id, err := s.ID(c.net)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// history reads a wallet's history in pages of two and compares with what the wallet did.
func (c *cluster) history(w *testWallet, ids []intent.ID) {
	c.t.Helper()
	var events []string
	var mine []intent.ID
	after := ""
	for range 10 {
		p := read[api.History](c, 0, "/api/wallets/"+w.pub.String()+"/history?limit=2&after="+after)
		for _, h := range p.History {
			if h.Type == "event" {
				events = append(events, h.Event)
				continue
			}
			if h.Kind != intent.Pay || h.Height == 0 {
				c.t.Errorf("%+v", h)
			}
			mine = append(mine, *h.ID)
		}
		if after = p.Next; after == "" {
			break
		}
	}
	if fmt.Sprint(events) != "[deposit open]" {
		c.t.Errorf("events %v", events)
	}
	want := []intent.ID{ids[4], ids[2], ids[0]}
	if !slices.Equal(mine, want) {
		c.t.Errorf("the intents of the wallet are %v, not %v", mine, want)
	}
}

func TestTheAPIShowsRoundsAndBatches(t *testing.T) {
	c := newCluster(t, 1)
	c.start(0)
	a, b := c.wallet(0, 1_000_000), c.wallet(1, 0)
	c.seen()
	cl := c.dial(0)
	ctx := t.Context()
	events := make(chan api.RoundEvent, 16)
	reading, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = cl.Events(reading, func(name string, data []byte) bool {
			var e api.RoundEvent
			if (name == api.EventRound || name == api.EventSettled) && json.Unmarshal(data, &e) == nil {
				events <- e
			}
			return true
		}) // it ends with reading
	}()
	defer func() { stop(); <-done }()
	c.wait("the stream is open", func() bool { return listening(c.nodes[0]) })
	for range 3 {
		c.settled(c.hand(cl, c.pay(a, b, 1000), c.pay(b, a, 10)))
	}
	top := c.agreed(3)
	if e := <-events; e.State != "decided" || e.Height != 1 || e.Round == nil || e.Round.Outcome.Accepted != 2 {
		t.Errorf("%+v", e)
	}
	if e := <-events; e.State != "settled" || e.Height != 1 || e.Round.Settlement.State != "settled" {
		t.Errorf("%+v", e)
	}
	first := read[api.Rounds](c, 0, "/api/rounds?limit=2")
	rest := read[api.Rounds](c, 0, "/api/rounds?limit=200&after="+first.Next)
	all := append(first.Rounds, rest.Rounds...)
	if len(all) != int(top.Height) || rest.Next != "" {
		t.Fatalf("%d rounds of %d", len(all), top.Height)
	}
	for i, r := range all {
		if r.Header.Height != top.Height-uint64(i) || r.Settlement.State != "settled" || r.Outcome.Accepted != 2 || r.Outcome.Legs == 0 || r.Outcome.Changes == 0 ||
			r.Settlement.Chunks == 0 || r.Outcome.Gross[c.file.Mints[0].Mint.String()] == "" {
			t.Errorf("%+v", r)
		}
	}
	if r, err := cl.Round(ctx, 1); err != nil || r.Settlement.State != client.Settled || r.Header.StateDigest == "" {
		t.Errorf("%+v %v", r, err)
	}
	if _, err := cl.Round(ctx, top.Height+5); !errors.Is(err, client.ErrUnknown) {
		t.Error(err)
	}
	s, err := cl.Status(ctx)
	if err != nil || s.Height != top.Height || s.Chain.Height != top.Height || s.StateDigest != top.StateDigest.Hex() || !s.Synced || s.Network != c.file.Name {
		t.Errorf("%+v %v", s, err)
	}
	c.batch(cl, all[0].Header.Batch)
}

func listening(n *running) bool {
	n.facade.events.mu.Lock()
	defer n.facade.events.mu.Unlock()
	return len(n.facade.events.listeners) > 0
}

// batch reads a batch both ways.
func (c *cluster) batch(cl *client.Client, cid string) {
	c.t.Helper()
	one := read[api.Batch](c, 0, "/api/batches/"+cid+"?limit=1")
	two := read[api.Batch](c, 0, "/api/batches/"+cid+"?limit=1&after="+one.Next)
	if one.CID != cid || one.Count != 2 || len(one.Intents) != 1 || len(two.Intents) != 1 || two.Next != "" || one.Intents[0].ID == two.Intents[0].ID || one.Previous == nil {
		c.t.Errorf("%+v %+v", one, two)
	}
	body, err := cl.Batch(c.t.Context(), cid, true)
	if err != nil {
		c.t.Fatal(err)
	}
	defer body.Close()
	r, err := car.NewBlockReader(body)
	if err != nil || len(r.Roots) != 1 || r.Roots[0].String() != cid {
		c.t.Fatalf("%v %v", r, err)
	}
	blocks := 0
	for {
		b, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil || ledger.BlockCID(b.RawData()).String() != b.Cid().String() {
			c.t.Fatalf("%v", err)
		}
		blocks++
	}
	if blocks != 1+len(one.Bundles) {
		c.t.Errorf("%d blocks", blocks)
	}
	if _, err := cl.Batch(c.t.Context(), one.Bundles[0].CID, false); !errors.Is(err, client.ErrUnknown) {
		c.t.Errorf("a bundle is no batch: %v", err)
	}
}

func TestTheAPIShowsItemsAndAsks(t *testing.T) {
	c := newCluster(t, 1)
	c.start(0)
	maker, buyer := c.wallet(0, 1_000_000), c.wallet(1, 1_000_000)
	c.seen()
	cl := c.dial(0)
	mint := c.file.Mints[0].Mint
	item := maker.pub.String() + "/sword"
	c.settled(c.hand(cl, c.sign(maker, intent.Intent{Kind: intent.Issue, To: &maker.pub, Item: item})))
	ask := c.sign(maker, intent.Intent{Kind: intent.Ask, Mint: &mint, Amount: 5000, Item: item})
	askID := c.hand(cl, ask)[0]
	for path, want := range map[string]int{"": 1, "?item=" + item: 1, "?issuer=" + maker.pub.String(): 1, "?mint=" + mint.String(): 1, "?issuer=" + buyer.pub.String(): 0,
		"?item=x": 0, "?after=" + askID.String(): 0} {
		if got := read[api.Asks](c, 0, "/api/asks"+path); len(got.Asks) != want {
			t.Errorf("%s: %+v", path, got)
		}
	}
	c.settled(c.hand(cl, c.sign(buyer, intent.Intent{Kind: intent.Buy, Mint: &mint, Amount: 5000, Fee: intent.Fee(5000, c.file.FeeBps), Ask: &askID})))
	c.agreed(2)
	for _, path := range []string{maker.pub.String() + "%2Fsword", item} {
		got := read[api.Item](c, 0, "/api/items/"+path)
		if got.Owner != buyer.pub || got.Issuer != maker.pub || len(got.History) != 2 || got.History[0].Owner != buyer.pub || got.History[1].Owner != maker.pub {
			t.Errorf("%+v", got)
		}
	}
	if w := read[api.Wallet](c, 0, "/api/wallets/"+buyer.pub.String()); len(w.Items) != 1 || w.Items[0] != item || len(w.Pending) != 0 {
		t.Errorf("%+v", w)
	}
	if got := read[api.Asks](c, 0, "/api/asks"); len(got.Asks) != 0 {
		t.Errorf("%+v", got)
	}
}

func TestTheAPIShowsWhatIsRevocable(t *testing.T) {
	c := newCluster(t, 1)
	c.start(0)
	a, b := c.wallet(0, 1_000_000), c.wallet(1, 0)
	c.seen()
	cl := c.dial(0)
	c.vault.setRefuse(true)
	id := c.hand(cl, c.pay(a, b, 1000))[0]
	var got *api.IntentStatus
	c.wait("the intent is accepted", func() bool {
		got = read[api.IntentStatus](c, 0, "/api/intents/"+id.String())
		return got.State == api.Accepted
	})
	c.verifyProof(got.Accepted.Proof)
	s := read[api.Status](c, 0, "/api/status")
	if s.Height != 1 || s.Chain.Height != 0 {
		t.Errorf("%+v", s)
	}
	if r := read[api.Round](c, 0, "/api/rounds/1"); r.Settlement.State != "waiting" {
		t.Errorf("%+v", r)
	}
	before := got.Accepted.Proof.Header
	c.vault.setRefuse(false)
	c.vault.drop(1, intent.Hash(before.Digest))
	c.settled([]intent.ID{id})
	got = read[api.IntentStatus](c, 0, "/api/intents/"+id.String())
	if h := got.Accepted.Proof.Header; got.State != api.Settled || h.Generation != 1 || before.Generation != 0 {
		t.Errorf("%+v", got)
	}
	c.verifyProof(got.Accepted.Proof)
}

func TestHealthSaysWhatIsWrong(t *testing.T) {
	c := newCluster(t, 2)
	c.start(0)
	c.wait("the node is ready", func() bool { return c.nodes[0].facade.Ready() == nil })
	cl := c.dial(0)
	h, err := cl.Health(t.Context())
	if err != nil || h.Status != api.Unhealthy {
		t.Fatalf("%+v %v", h, err)
	}
	for _, k := range h.Checks {
		if k.Status == api.Unhealthy && (k.Name != "peers" || k.Remedy == "" || !strings.Contains(k.Detail, "no peers")) {
			t.Errorf("%+v", k)
		}
	}
	events, end := c.nodes[0].facade.Listen()
	defer end()
	c.start(1)
	told := map[string]bool{}
	c.wait("a peer and a better health are told", func() bool {
		for {
			select {
			case e := <-events:
				told[e.Kind] = true
			default:
				return told[api.EventPeer] && told[api.EventHealth]
			}
		}
	})
	c.wait("both are well", func() bool {
		h, err := cl.Health(t.Context())
		return err == nil && h.Status == api.Healthy
	})
	p := read[api.Peers](c, 0, "/api/peers")
	if len(p.Peers) != 1 || p.Peers[0].Member != "m1" || len(p.Addresses) == 0 {
		t.Errorf("%+v", p)
	}
	n := read[api.Network](c, 0, "/api/network")
	if n.Hash != c.file.Hash() || len(n.Members) != 2 || len(n.Bootstrap) == 0 || n.Chain.WithdrawDelay == 0 {
		t.Errorf("%+v", n)
	}
	if st := read[api.Stats](c, 0, "/api/stats"); st.Disk.Used == 0 || st.Totals["paradox_http_requests_total"] == 0 {
		t.Errorf("%+v", st)
	}
	for addr, paths := range map[string][]string{c.nodes[0].AdminAddr().String(): {"/debug/pprof/", "/metrics"}, c.nodes[0].APIAddr().String(): {"/", "/metrics", "/readyz"}} {
		for _, path := range paths {
			if status(t, "http://"+addr+path) != http.StatusOK {
				t.Errorf("%s%s", addr, path)
			}
		}
	}
	if got := status(t, "http://"+c.nodes[0].APIAddr().String()+"/debug/pprof/"); got != http.StatusNotFound {
		t.Errorf("profiles are public: %d", got)
	}
}

// Readiness turns false again when the node can no longer judge intents, with the reason, and true when it can.
func TestReadinessTurnsFalseAgain(t *testing.T) {
	c := newCluster(t, 1)
	c.start(0)
	ready := func(want int) {
		t.Helper()
		c.wait(fmt.Sprintf("/readyz answers %d", want), func() bool {
			return status(t, "http://"+c.nodes[0].APIAddr().String()+"/readyz") == want
		})
	}
	ready(http.StatusOK)
	view := c.nodes[0].vault.(*memView)
	view.setErr(errors.New("the endpoint lies"))
	ready(http.StatusServiceUnavailable)
	h, err := c.dial(0).Health(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range h.Checks {
		if k.Name == "chain" && (k.Status != api.Unhealthy || !strings.Contains(k.Detail, "the endpoint lies") || k.Remedy == "") {
			t.Errorf("%+v", k)
		}
	}
	view.setErr(nil)
	ready(http.StatusOK)
}

func status(t *testing.T, url string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Close = true
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

func TestMoments(t *testing.T) {
	for text, want := range map[string]moment{"7": {event: 6, whole: true}, "7.3": {event: 7, index: 3}} {
		if got, err := parseMoment(text); err != nil || got != want {
			t.Errorf("%q: %+v %v", text, got, err)
		}
	}
	for _, text := range []string{"0", "", "x", "7.", "7.x", "-1", ".1"} {
		if _, err := parseMoment(text); !errors.Is(err, api.ErrBadCursor) {
			t.Errorf("takes %q", text)
		}
	}
}

// A height that goes on and on without its first leader is told; one that is decided, or waits for its first, is not.
func TestAHeightThatDoesNotEndIsTold(t *testing.T) {
	began := time.Unix(1_700_000_000, 0)
	f := &facade{}
	for _, step := range []struct {
		after  time.Duration
		s      Sight
		status string
	}{
		{0, Sight{Deciding: 7}, api.Healthy},
		{time.Hour, Sight{Deciding: 7}, api.Healthy}, // nothing to decide
		{time.Hour, Sight{Deciding: 7, View: 1}, api.Healthy},
		{time.Hour + roundSlow - 1, Sight{Deciding: 7, View: 2}, api.Healthy},
		{time.Hour + roundSlow, Sight{Deciding: 7, View: 2}, api.Degraded},
		{time.Hour + roundSlow, Sight{Deciding: 7, View: 2, Provisional: true}, api.Healthy},
		{2 * time.Hour, Sight{Deciding: 8, View: 1}, api.Healthy},
		{2*time.Hour + roundSlow, Sight{Deciding: 8, View: 1, Generation: 1}, api.Healthy}, // it began anew
		{2*time.Hour + 2*roundSlow, Sight{Deciding: 8, View: 1, Generation: 1}, api.Degraded},
		{2*time.Hour + 2*roundSlow, Sight{Deciding: 9}, api.Healthy},
	} {
		if got := f.roundsCheck(&step.s, began.Add(step.after)); got.Status != step.status || (got.Status != api.Healthy) != (got.Remedy != "") {
			t.Errorf("%s, %+v: %+v", step.after, step.s, got)
		}
	}
}

// A member whose home has somebody else's VRF key can vote, and never lead: its health says so.
func TestAVRFKeyOfSomebodyElse(t *testing.T) {
	c := newCluster(t, 2)
	c.keys[0].VRF = c.keys[1].VRF
	c.start(0)
	c.start(1)
	for i, want := range []string{api.Unhealthy, api.Healthy} {
		cl := c.dial(i)
		c.wait("the check says it", func() bool {
			h, err := cl.Health(t.Context())
			return err == nil && slices.ContainsFunc(h.Checks, func(k client.Check) bool {
				return k.Name == "voting" && k.Status == want && strings.Contains(k.Remedy, keys.VRFFile) == (want == api.Unhealthy)
			})
		})
	}
}
