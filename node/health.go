package node

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/gagliardetto/solana-go"
	"github.com/gagliardetto/solana-go/rpc"

	"github.com/phantom-paradox/paradox/chain"
	"github.com/phantom-paradox/paradox/network"
	"github.com/phantom-paradox/paradox/node/api"
	"github.com/phantom-paradox/paradox/node/keys"
)

// What a node looks at to say how it is. Each check says what is so, and what to do where it is not well.

const (
	// healthFresh is how old an opinion may be: the page, probes and the pump all ask.
	healthFresh = time.Second
	// slotStale is how long the finalised slot may stand still: a cluster finalises several a second.
	slotStale = 60 * time.Second
	// roundSlow is how long a height may go on after its first leader failed: a silent leader or two cost less.
	roundSlow = 30 * time.Second
	// diskLow is how many times the store's own floor is little: what a day of a busy node takes.
	diskLow = 8
	// feeEvery is how often the fee payer's balance is read, and feeWait how long that may take.
	feeEvery = time.Minute
	feeWait  = 10 * time.Second
	// feeLow and feeNone are lamports: a height costs a few transactions of 5,000 to 20,000 each, and rent that comes back.
	feeLow  = 50_000_000
	feeNone = 2_000_000
)

// healthCache is the last opinion, and what takes time to know.
type healthCache struct {
	mu       sync.Mutex
	at       time.Time
	last     *api.Health
	slot     uint64 // the newest seen
	moved    time.Time
	lamports uint64 // of the fee payer
	feeKnown bool
	feeErr   error

	offset     time.Duration // of the clock
	clockKnown bool

	tries tries
}

// tries follows the height that is being decided, to see one that does not end.
type tries struct {
	height     uint64
	generation uint32
	since      time.Time // when its first leader was seen to have failed; zero: it has not
}

// last is how long the height has gone on without its first leader.
func (t *tries) last(s *Sight, now time.Time) time.Duration {
	if s.Provisional || s.View == 0 || s.Deciding != t.height || s.Generation != t.generation {
		*t = tries{height: s.Deciding, generation: s.Generation}
	}
	if s.Provisional || s.View == 0 {
		return 0
	}
	if t.since.IsZero() {
		t.since = now
	}
	return now.Sub(t.since)
}

// Health is the node's opinion of itself, at most a second old.
func (f *facade) Health(context.Context) (*api.Health, error) {
	c := &f.health
	c.mu.Lock()
	defer c.mu.Unlock()
	now := f.n.door.clock()
	if c.last == nil || now.Sub(c.at) >= healthFresh {
		s := f.sight()
		c.at = now
		c.last = api.NewHealth(f.chainCheck(s, now), f.peersCheck(), f.diskCheck(), f.votingCheck(s), f.roundsCheck(s, now), f.syncCheck(s), f.settlerCheck(s), f.clockCheck(), f.pinningCheck(now), f.evidenceCheck())
	}
	out := *c.last
	return &out, nil
}

func check(name, status, detail, remedy string) api.Check {
	return api.Check{Name: name, Status: status, Detail: detail, Remedy: remedy}
}

// chainCheck looks at the watcher and whether slots go on. c.mu is held.
func (f *facade) chainCheck(s *Sight, now time.Time) api.Check {
	const name = "chain"
	c := &f.health
	if s.Slot != c.slot || c.moved.IsZero() {
		c.slot, c.moved = s.Slot, now
	}
	if err := f.n.vault.Err(); err != nil {
		return check(name, api.Unhealthy, err.Error(), "Check the Solana RPC endpoints (chain.rpc): "+f.endpoints()+". This node does not vote until its event chain meets the vault.")
	}
	if text := f.contradicted(); text != "" {
		return check(name, api.Degraded, text, "Nothing that it shows alone is believed. Take it out of chain.rpc, and name another: two endpoints must agree on every event.")
	}
	if still := now.Sub(c.moved); still >= slotStale {
		return check(name, api.Degraded, fmt.Sprintf("the finalised slot has been %d for %s", s.Slot, still.Round(time.Second)),
			"The RPC endpoint lags or Solana stands; name another endpoint in chain.rpc: "+f.endpoints())
	}
	return check(name, api.Healthy, fmt.Sprintf("finalised slot %d, event %d", s.Slot, s.Events), "")
}

// contradicted names the RPC endpoints that others contradict, by their places; "" if there are none.
func (f *facade) contradicted() string {
	if f.n.watcher == nil {
		return ""
	}
	var words []string
	for _, d := range f.n.watcher.Dissents() {
		words = append(words, fmt.Sprintf("RPC endpoint %d contradicts the others: %s", d.Source+1, d.What))
	}
	return strings.Join(words, "; ")
}

// endpoints says how the RPC endpoints are; their URLs may hold secrets, so only their number is told.
func (f *facade) endpoints() string {
	if f.n.rpc == nil {
		return "none"
	}
	var words []string
	for i, h := range f.n.rpc.Health() {
		state := "answers"
		switch {
		case h.Open:
			state = "is left alone for now"
		case h.Lagging:
			state = "lags"
		case h.Error != "":
			state = "fails"
		}
		words = append(words, fmt.Sprintf("endpoint %d %s", i+1, state))
	}
	return strings.Join(words, ", ")
}

// peersCheck counts peers and members among them, and says why there are none.
func (f *facade) peersCheck() api.Check {
	const name = "peers"
	peers, members, committee := f.n.host.Peers(), 0, f.members()
	weight, others := uint32(0), len(committee)
	if i := network.Find(committee, f.n.self); i >= 0 {
		weight += uint32(committee[i].Weight)
		others--
	}
	for _, p := range peers {
		if i := network.Find(committee, keyOfPeer(p.ID)); i >= 0 {
			members++
			weight += uint32(committee[i].Weight)
		}
	}
	detail := fmt.Sprintf("%d peers, %d of %d other members", len(peers), members, others)
	switch {
	case others == 0:
		return check(name, api.Healthy, detail, "")
	case len(peers) == 0:
		return check(name, api.Unhealthy, "no peers; "+f.dials(), "Check p2p.bootstrap, the network file's addresses and the firewall; outbound TCP and UDP must be allowed.")
	case members == 0:
		return check(name, api.Degraded, detail, "No member is connected, so rounds arrive late; name a member's address in p2p.bootstrap.")
	case others < len(committee) && !network.Quorum(weight, committee):
		return check(name, api.Degraded, detail+"; those and this node are no quorum", "Wait for the other members, or dial them by p2p.bootstrap; "+f.dials())
	}
	return check(name, api.Healthy, detail, "")
}

// dials says what became of each bootstrap address.
func (f *facade) dials() string {
	const most = 5 // a line, not a log
	var words []string
	for _, d := range f.n.host.DialResults() {
		switch {
		case len(words) == most:
			return strings.Join(words, "; ") + "; …"
		case d.Connected:
			continue
		case d.Attempts == 0:
			words = append(words, d.Address+": not dialled yet")
		default:
			words = append(words, fmt.Sprintf("%s: dialled %d times, %s", d.Address, d.Attempts, cmp.Or(d.Error, "not connected now")))
		}
	}
	if len(words) == 0 {
		return "no bootstrap address is left to dial"
	}
	return strings.Join(words, "; ")
}

func (f *facade) diskCheck() api.Check {
	const name, remedy = "disk", "Make room on the volume of the home directory, or move it to a larger one."
	u, err := f.n.store.Usage()
	switch {
	case err != nil:
		return check(name, api.Unhealthy, err.Error(), remedy)
	case u.Free < u.Min:
		return check(name, api.Unhealthy, fmt.Sprintf("%d MB free; below %d MB nothing is written", u.Free>>20, u.Min>>20), remedy)
	case u.Free < diskLow*u.Min:
		return check(name, api.Degraded, fmt.Sprintf("%d MB free; below %d MB nothing will be written", u.Free>>20, u.Min>>20), remedy)
	}
	return check(name, api.Healthy, fmt.Sprintf("%d MB used, %d MB free", (u.Tree+u.Values)>>20, u.Free>>20), "")
}

func (f *facade) votingCheck(s *Sight) api.Check {
	const name = "voting"
	switch {
	case s.Halted != "":
		return check(name, api.Unhealthy, "this node stopped voting: "+s.Halted,
			"Nothing unsafe happens while it is silent. Mend the reason (stop the other process with this key; upgrade), stop the node, run `paradox resume`, and start it.")
	case s.Voting == "silent" && s.Why != "":
		return check(name, api.Unhealthy, "this member does not vote: "+s.Why, "Read the reason and the log; nothing unsafe happens while it is silent.")
	case s.Voting == "silent":
		return check(name, api.Degraded, "this member is silent until a height settles that began after its start: its vote log is new", "Wait; it votes by itself then.")
	case s.Member && !f.ownDraw():
		return check(name, api.Unhealthy, "the VRF key of this home is not the one that the committee knows of this member: whatever it proposes is refused",
			"Stop the node, and restore "+keys.VRFFile+" from the backup of this member's home.")
	case s.Member:
		return check(name, api.Healthy, fmt.Sprintf("height %d, view %d", s.Deciding, s.View), "")
	}
	if was := f.removed(); was != "" {
		return check(name, api.Healthy, "an observer: "+was, "")
	}
	return check(name, api.Healthy, "an observer: it has no vote", "")
}

// roundsCheck looks whether the committee decides. Members that hang keep their connections: peers alone do not show it. c.mu
// is held.
func (f *facade) roundsCheck(s *Sight, now time.Time) api.Check {
	const name = "rounds"
	if lasts := f.health.tries.last(s, now); lasts >= roundSlow {
		return check(name, api.Degraded, fmt.Sprintf("height %d has not been decided for %s since its first leader failed; it is at view %d", s.Deciding, lasts.Round(time.Second), s.View),
			"More than two thirds of the weight must take part: ask the other members' operators whether their nodes hang or cannot reach each other (paradox status on each). It goes on by itself.")
	}
	return check(name, api.Healthy, fmt.Sprintf("height %d is at view %d", s.Deciding, s.View), "")
}

// ownDraw says whether the committee knows this member by the VRF key that it has.
func (f *facade) ownDraw() bool {
	committee := f.members()
	i := network.Find(committee, f.n.self)
	return i < 0 || committee[i].VRF == f.n.cfg.Keys.VRF.Public()
}

func (f *facade) syncCheck(s *Sight) api.Check {
	const name = "sync"
	if s.Synced {
		return check(name, api.Healthy, fmt.Sprintf("settled height %d", s.Height), "")
	}
	return check(name, api.Degraded, s.Why, "Wait; if it lasts, look at the checks chain and peers.")
}

// settlerCheck looks at the height that waits to be settled, and at the fee payer. c.mu is held.
func (f *facade) settlerCheck(s *Sight) api.Check {
	const name = "settler"
	c := &f.health
	if !s.Member || !f.n.cfg.Settings.Chain.Submit {
		return check(name, api.Healthy, "this node leaves submitting to others", "")
	}
	remedy := "Send SOL to " + solana.PrivateKey(f.n.cfg.Keys.FeePayer).PublicKey().String() + ", the fee payer."
	if c.feeKnown && c.lamports < feeNone {
		return check(name, api.Unhealthy, "the fee payer has "+sol(c.lamports)+" SOL: it can submit nothing", remedy)
	}
	if s.Provisional && f.n.settler != nil {
		if t, ok := f.n.settler.Status(s.Deciding); ok && t.LastError != "" && t.Stage != chain.StageSettled {
			return check(name, api.Degraded, fmt.Sprintf("height %d, %s: %s", s.Deciding, t.Stage, t.LastError), "It is tried again; if it lasts, look at the RPC endpoints and the fee payer.")
		}
	}
	switch {
	case c.feeKnown && c.lamports < feeLow:
		return check(name, api.Degraded, "the fee payer has "+sol(c.lamports)+" SOL left", remedy)
	case c.feeErr != nil:
		return check(name, api.Degraded, "the fee payer's balance cannot be read", "Check the RPC endpoints: "+f.endpoints())
	case c.feeKnown:
		return check(name, api.Healthy, "the fee payer has "+sol(c.lamports)+" SOL", "")
	}
	return check(name, api.Healthy, "ready", "")
}

func sol(lamports uint64) string {
	return strings.TrimRight(strings.TrimRight(fmt.Sprintf("%d.%09d", lamports/1e9, lamports%1e9), "0"), ".")
}

// evidenceCheck names members that contradicted themselves.
func (f *facade) evidenceCheck() api.Check {
	const name = "evidence"
	if via, twin := f.n.host.Twin(); twin {
		return check(name, api.Unhealthy, fmt.Sprintf("another process runs with this node's key; peer %s showed what it signed", via),
			"Stop one of the two at once: two processes with one key contradict each other sooner or later, and the committee holds that against the member. To move a node, stop it first.")
	}
	list, err := f.n.book.evidence()
	if err != nil {
		return check(name, api.Degraded, err.Error(), "Look at the log.")
	}
	if len(list) == 0 {
		for _, id := range f.n.host.Doubles() {
			if who := f.memberOf(id); who != "" {
				return check(name, api.Degraded, "two processes run with the key of "+who, "Tell that member's operator, whose own node says so too.")
			}
		}
		return check(name, api.Healthy, "no member contradicted itself", "")
	}
	last := list[len(list)-1].A
	who := cmp.Or(f.nameOf(last.From), last.From.String())
	return check(name, api.Degraded, fmt.Sprintf("%d proofs of votes that contradict each other, one of %s at height %d", len(list), who, last.Instance.Height),
		"Ask that member whether its key runs twice; the committee may vote it out.")
}

// watchFees reads the fee payer's balance now and then.
func (f *facade) watchFees(ctx context.Context) error {
	if f.n.rpc == nil || !f.n.cfg.Settings.Chain.Submit {
		return nil
	}
	payer := solana.PrivateKey(f.n.cfg.Keys.FeePayer).PublicKey()
	ticker := time.NewTicker(feeEvery)
	defer ticker.Stop()
	for {
		if network.Find(f.members(), f.n.self) >= 0 { // only members submit
			f.readFees(ctx, payer)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// readFees reads the fee payer's balance.
func (f *facade) readFees(ctx context.Context, payer solana.PublicKey) {
	short, cancel := context.WithTimeout(ctx, feeWait)
	defer cancel()
	got, err := f.n.rpc.GetBalance(short, payer, rpc.CommitmentConfirmed)
	f.health.mu.Lock()
	defer f.health.mu.Unlock()
	if f.health.feeErr = err; err == nil && got != nil {
		f.health.lamports, f.health.feeKnown = got.Value, true
	}
}
