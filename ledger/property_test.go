package ledger

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/netting"
	"pgregory.net/rapid"
)

// A play makes random heights of a world.
type play struct {
	*world
	r       *rapid.T
	wallets []intent.Key
	keys    []intent.Key // session keys
	items   []string
	memory  *State // the same chain, never written to a Store
	history []past
	closed  map[place]uint64 // balances after the heights so far, as their passages say
}

type past struct {
	events []Event
	in     *Input
}

func (p *play) n(label string, most int) int { return rapid.IntRange(0, most).Draw(p.r, label) }

func (p *play) wallet() intent.Key { return p.wallets[p.n("wallet", len(p.wallets)-1)] }

func newPlay(t *testing.T, r *rapid.T) *play {
	f := testFile()
	f.Params.MaxItems = 3
	p := &play{world: newWorld(t, f), r: r}
	for k := range 6 {
		p.wallets = append(p.wallets, keyOf("wallet", k))
		for m := range f.Mints {
			if k < 5 || m == 0 {
				p.fund(p.wallets[k], m, uint64(p.n("deposit", 200)))
			}
		}
	}
	p.keys = []intent.Key{keyOf("session", 0), keyOf("session", 1)}
	var err error
	p.memory, err = Genesis(f)
	p.must(err)
	return p
}

// chainEvents lets something happen on chain.
func (p *play) chainEvents() {
	for range p.n("events", 3) {
		m := p.file.Mints[p.n("mint", 1)].Mint
		n := uint32(p.n("entry", len(p.entries[m])-1))
		switch p.n("event", 5) {
		case 0:
			p.open(p.wallet(), m)
		case 1, 2:
			p.deposit(m, n, uint64(1+p.n("deposit", 100)))
		case 3:
			p.request(m, n, uint64(1+p.n("request", 150)))
		case 4:
			if p.entries[m][n].RequestNumber > 0 {
				p.cancelRequest(m, n)
			}
		case 5:
			p.withdraw(m, n)
		}
	}
}

// lateEvents let something happen behind the cut of a height that is decided and not yet settled. A withdrawal that the
// floor does not cover would undo the height.
func (p *play) lateEvents() {
	for range p.n("late events", 3) {
		m := p.file.Mints[p.n("mint", 1)].Mint
		n := uint32(p.n("entry", len(p.entries[m])-1))
		switch e := p.entries[m][n]; p.n("late event", 3) {
		case 0:
			p.open(p.wallet(), m)
		case 1:
			p.deposit(m, n, uint64(1+p.n("deposit", 100)))
		case 2:
			p.request(m, n, uint64(1+p.n("request", 150)))
		case 3:
			if e.RequestNumber > 0 && e.RequestNumber <= p.floor {
				p.withdraw(m, n)
			}
		}
	}
}

// nonce is mostly fresh, sometimes one that something else has.
func (p *play) nonce(wallet, signer intent.Key) uint64 {
	if p.n("nonce", 5) == 0 {
		return uint64(1 + p.n("old nonce", 12))
	}
	return p.next(wallet, signer)
}

// move signs for a wallet, by itself or by a session key.
func (p *play) signer() *intent.Key {
	if k := p.n("signer", 4); k < len(p.keys) {
		return &p.keys[k]
	}
	return nil
}

func (p *play) draft(k intent.Kind, from intent.Key, signer *intent.Key) intent.Intent {
	i := intent.Intent{Kind: k, From: from, Signer: signer}
	i.Nonce = p.nonce(from, i.SigningKey())
	if p.n("stale", 15) == 0 {
		i.Created, i.Expires = p.state.Time()-100, p.state.Time()+1
	}
	return i
}

func (p *play) pool() []BatchIntent {
	var out []BatchIntent
	for range p.n("pool", 40) {
		from := p.wallet()
		mint := &p.file.Mints[min(1, p.n("mint", 5)/5)].Mint
		switch p.n("kind", 11) {
		case 0:
			i := p.draft(intent.Issue, from, nil)
			i.Item, i.To = from.String()+"/"+string(rune('a'+p.n("name", 3))), &p.wallets[p.n("to", 5)]
			p.items = append(p.items, i.Item)
			out = append(out, p.intent(i))
		case 1:
			i := p.draft(intent.Session, from, nil)
			i.To, i.Mint, i.MaxVolume, i.Expires = &p.keys[p.n("key", 1)], mint, uint64(1+p.n("volume", 60)), p.state.Time()+int64(2+p.n("life", 9))
			i.Created = p.state.Time()
			i.Actions = [][]intent.Action{{"pay"}, {"buy", "pay"}, {"buy", "cancel", "pay"}}[p.n("actions", 2)]
			out = append(out, p.intent(i))
		case 2:
			i := p.draft(intent.Revoke, from, nil)
			i.To = &p.keys[p.n("key", 1)]
			out = append(out, p.intent(i))
		case 3:
			out = append(out, p.intent(p.draft(intent.Cancel, from, p.signer())))
		case 4, 5, 6:
			out = append(out, p.sale(from, mint)...)
		default:
			i := p.draft(intent.Pay, from, p.signer())
			i.To, i.Mint, i.Amount = &p.wallets[p.n("to", 5)], mint, uint64(1+p.n("amount", 80))
			if *i.To != from {
				out = append(out, p.intent(i))
			}
		}
	}
	slices.SortFunc(out, func(a, b BatchIntent) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	return slices.CompactFunc(out, func(a, b BatchIntent) bool { return a.ID == b.ID })
}

// sale is an ask and up to two buys of it.
func (p *play) sale(from intent.Key, mint *intent.Key) []BatchIntent {
	i := p.draft(intent.Ask, from, nil)
	i.Mint, i.Amount = mint, uint64(1+p.n("price", 50))
	if len(p.items) > 0 && p.n("unique", 2) > 0 {
		i.Item = p.items[p.n("item", len(p.items)-1)]
	} else {
		other := p.file.Mints[0].Mint
		if *mint == other {
			other = p.file.Mints[1].Mint
		}
		i.Item, i.Quantity = other.String(), uint64(1+p.n("quantity", 30))
	}
	ask := p.intent(i)
	out := []BatchIntent{ask}
	for range p.n("buys", 2) {
		b := p.draft(intent.Buy, p.wallet(), p.signer())
		b.Mint, b.Amount, b.Ask = mint, i.Amount, &ask.ID
		out = append(out, p.intent(b))
	}
	return out
}

// height selects, executes in several orders, settles and compares everything.
func (p *play) height() {
	p.chainEvents()
	pool := p.pool()
	sp := SelectParams{Time: p.state.Time() + int64(p.n("time", 4)), Seed: intent.Hash{byte(p.n("seed", 255))}}
	if p.n("bounded", 1) == 1 {
		sp.MaxIntents, sp.MaxWallets, sp.MaxBatchBytes = 1+p.n("max intents", 12), 1+p.n("max wallets", 6), 600+p.n("max bytes", 6000)
	}
	sel := p.choose(pool, sp)
	p.checkSelection(pool, sel, sp)
	o := p.opening()
	open, err := o.OpenRequests()
	p.must(err)
	in := &Input{Intents: sel.Intents, Time: sp.Time, VRFOutput: [32]byte{byte(p.state.Height())}}
	if len(in.Intents) == 0 && !open {
		in.Members = testMembers(p.n("member", 5), 4)
	}
	res, err := o.Execute(in)
	if err != nil {
		p.t.Fatalf("Select's choice does not execute: %v", err)
	}
	if len(res.Deltas) > p.file.Params.MaxWallets || sp.MaxWallets > 0 && len(res.Deltas) > sp.MaxWallets {
		p.t.Fatalf("%d entries change", len(res.Deltas))
	}
	p.shuffled(o, in, res)
	p.unjudged(sel, in, res)
	p.modelled(o, in, res)
	p.passed(o, res)
	for k, id := range res.Accepted {
		proof, ok := res.Proof(id)
		if !ok || int(proof.Index) != k || !bytes.Equal(proof.Leaf, AcceptedLeaf(id)) {
			p.t.Fatal("no proof of an accepted intent")
		}
		p.must(proof.Verify(res.OutcomeRoot))
	}
	p.inMemory(in, res)
	p.history = append(p.history, past{slices.Clone(p.events), in})
	p.lateEvents()
	p.settle(res, in)
	if got := recompute(p.t, p.store); got != p.state.Digest() {
		p.t.Fatal("the digest is not that of the elements")
	}
	after := p.opening()
	p.sameEntries(&after.View)
}

// unjudged executes the selection itself: once as it was judged, then again from the start, then for a later header.
func (p *play) unjudged(sel *Selection, in *Input, want *Result) {
	for _, time := range []int64{in.Time, in.Time, in.Time + 1} {
		mine := &Input{Time: time, VRFOutput: in.VRFOutput, Members: in.Members}
		got, err := sel.Execute(mine)
		if time != in.Time {
			if again, e := p.opening().Execute(&Input{Intents: in.Intents, Time: time, VRFOutput: in.VRFOutput, Members: in.Members}); (err == nil) != (e == nil) {
				p.t.Fatalf("a second later the selection executes to %v, its intents to %v", err, e)
			} else if err == nil && got.StateDigest != again.StateDigest {
				p.t.Fatal("a second later the selection leads to another state than its intents")
			}
			continue
		}
		p.must(err)
		if err := got.Agrees(p.header(want, in)); err != nil {
			p.t.Fatalf("the selection executes otherwise than its intents: %v", err)
		}
		if !reflect.DeepEqual(got.Outcome, want.Outcome) || !reflect.DeepEqual(got.writes, want.writes) || !reflect.DeepEqual(got.Chunks, want.Chunks) {
			p.t.Fatal("the selection writes something else than its intents")
		}
	}
}

func (p *play) checkSelection(pool []BatchIntent, sel *Selection, sp SelectParams) {
	byCID := make(map[BatchCID][]BundleIntent)
	for k, c := range candidates(pool) {
		byCID[c.Bundle] = append(byCID[c.Bundle], BundleIntent{BatchIntent: pool[k], Size: c.Size})
	}
	root, err := ParseBatchRoot(sel.Root.Encode())
	p.must(err)
	limits := p.file.Params
	if sp.MaxIntents > 0 {
		limits.MaxIntents, limits.MaxBatchBytes = sp.MaxIntents, sp.MaxBatchBytes
	}
	list, size, err := root.Intents(func(c BatchCID) ([]BundleIntent, error) { return byCID[c], nil }, limits.MaxIntents, limits.MaxBatchBytes)
	p.must(err)
	if size != sel.Bytes || !slices.Equal(list, sel.Intents) {
		p.t.Fatal("the root does not say what was taken")
	}
	for _, x := range sel.Pending {
		if x.Code == "" && pool[x.Place].Signed.Kind != intent.Ask {
			p.t.Fatalf("no reason for %s", x.ID)
		}
	}
}

func (p *play) shuffled(o *Opening, in *Input, want *Result) {
	order := slices.Clone(in.Intents)
	rand.New(rand.NewPCG(uint64(p.n("shuffle", 1<<20)), 1)).Shuffle(len(order), func(a, b int) { order[a], order[b] = order[b], order[a] })
	again := *in
	again.Intents = order
	res, err := o.Execute(&again)
	p.must(err)
	if res.StateDigest != want.StateDigest || res.OutcomeRoot != want.OutcomeRoot || res.SettlementHead != want.SettlementHead {
		p.t.Fatal("the order of the batch shows")
	}
	if err := res.Agrees(p.header(want, in)); err != nil {
		p.t.Fatal(err)
	}
}

// modelled plays the batch on plain maps: what everybody holds after it, and that nobody spends what is requested.
func (p *play) modelled(o *Opening, in *Input, res *Result) {
	type place struct{ wallet, mint intent.Key }
	change := make(map[place]int64)
	asks := make(map[intent.ID]*intent.Signed)
	owners := make(map[string]intent.Key)
	for _, b := range in.Intents {
		asks[b.ID] = b.Signed
	}
	move := func(from, to, mint intent.Key, n uint64) {
		change[place{from, mint}] -= int64(n)
		change[place{to, mint}] += int64(n)
	}
	for _, b := range in.Intents {
		i := b.Signed
		if i.Kind != intent.Pay && i.Kind != intent.Buy {
			continue
		}
		move(i.From, p.file.FeeOwner, *i.Mint, i.Fee)
		if i.Kind == intent.Pay {
			move(i.From, *i.To, *i.Mint, i.Amount)
			continue
		}
		ask := asks[*i.Ask]
		move(i.From, ask.From, *i.Mint, i.Amount)
		if mint, ok := intent.ItemMint(ask.Item); ok {
			move(ask.From, i.From, mint, ask.Quantity)
		} else {
			owners[ask.Item] = i.From
		}
	}
	after := res.State(intent.Hash{})
	for a, d := range change {
		was, ok, err := o.Account(a.wallet, a.mint)
		if !ok || err != nil {
			p.t.Fatal("an account without an entry", err)
		}
		now, _, _ := after.Account(a.wallet, a.mint)
		if now.Balance != was.Balance+uint64(d) || d < 0 && now.Balance < was.Requested {
			p.t.Fatalf("%+v, then %d, is %+v", was, d, now)
		}
	}
	for item := range owners { // the owner is one of the buyers; chains decide which
		now, ok, _ := after.Item(item)
		if !ok || !slices.ContainsFunc(in.Intents, func(b BatchIntent) bool { return b.Signed.Kind == intent.Buy && b.Signed.From == now }) {
			p.t.Fatal("an item of nobody")
		}
	}
}

// passed holds the passages of a height against its opening, its deltas and the events, and against the heights before: each
// entry opens with what it closed with and the vault brought since, and its passages lead to what the state has.
func (p *play) passed(o *Opening, res *Result) {
	list, err := res.Passages()
	p.must(err)
	if p.closed == nil {
		p.closed = make(map[place]uint64)
	}
	seen := make(map[place]Passage)
	for k, x := range list {
		at := place{x.Mint, x.Entry}
		seen[at] = x
		if k > 0 && bytes.Compare(entryKey(list[k-1].Mint, list[k-1].Entry), entryKey(x.Mint, x.Entry)) >= 0 {
			p.t.Fatal("passages are not in order")
		}
		if was := netting.Units(x.Opening).Sub(x.Deposited).Add(x.Withdrawn); was != netting.Units(p.closed[at]) {
			p.t.Fatalf("%+v after a closing of %d", x, p.closed[at])
		}
		p.closed[at] = x.Closing
	}
	deposits, withdrawals := make(map[place]uint64), make(map[place]uint64)
	for _, e := range p.events {
		switch e.Tag {
		case EventDeposit:
			deposits[place{e.Mint, e.Entry}] += e.Amount
		case EventWithdraw:
			withdrawals[place{e.Mint, e.Entry}] += e.Amount
		}
	}
	deltas := make(map[place]netting.Int128)
	for _, d := range res.Deltas {
		deltas[place{d.Mint, d.Entry}] = d.Amount
	}
	after := res.State(intent.Hash{})
	for _, m := range p.file.Mints {
		p.must(after.EntriesOf(m.Mint, func(e Entry) bool {
			at := place{m.Mint, e.Number}
			was, _, err := o.Entry(m.Mint, e.Number)
			p.must(err)
			x, ok := seen[at]
			if e.Balance != p.closed[at] || ok && (x.Opening != was.Balance || x.Closing != e.Balance) {
				p.t.Fatalf("an entry goes from %d to %d; its passage says %+v, its passages lead to %d", was.Balance, e.Balance, x, p.closed[at])
			}
			if x.Deposited != netting.Units(deposits[at]) || x.Withdrawn != netting.Units(withdrawals[at]) ||
				netting.Units(x.Closing).Sub(netting.Units(x.Opening)) != deltas[at] {
				p.t.Fatalf("%+v, where %d were deposited, %d withdrawn, and the batch changes %s", x, deposits[at], withdrawals[at], deltas[at])
			}
			return true
		}))
	}
}

// inMemory runs the same height on the chain of overlays.
func (p *play) inMemory(in *Input, want *Result) {
	o, err := p.memory.Open(p.events)
	p.must(err)
	res, err := o.Execute(in)
	p.must(err)
	if res.StateDigest != want.StateDigest {
		p.t.Fatal("a state in memory and one in a Store differ")
	}
	p.memory = res.State(p.header(res, in).Digest())
}

// replay runs the whole history again through another Store.
func (p *play) replay() {
	again := &world{t: p.t, file: p.file, net: p.net, store: &MemStore{}}
	var err error
	again.state, err = Load(p.file, again.store)
	p.must(err)
	for _, h := range p.history {
		o, err := again.state.Open(h.events)
		p.must(err)
		res, err := o.Execute(h.in)
		p.must(err)
		again.state = again.merge(res, again.header(res, h.in))
	}
	if again.state.Digest() != p.state.Digest() {
		p.t.Fatal("a replay ends elsewhere")
	}
}

func TestRandomHeights(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		p := newPlay(t, r)
		for range 1 + p.n("heights", 6) {
			p.height()
		}
		p.replay()
	})
}

func TestWindowIsASetOfNonces(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		var w Nonces
		used := make(map[uint64]bool)
		for range rapid.IntRange(1, 60).Draw(r, "batches") {
			for range rapid.IntRange(1, 40).Draw(r, "nonces") {
				n := w.Floor + uint64(rapid.OneOf(rapid.IntRange(1, 8), rapid.IntRange(1, 1030)).Draw(r, "nonce"))
				free := !used[n] && n <= w.Floor+NonceWindow
				if (w.Check(n) == nil) != free || w.Used(n) != used[n] {
					t.Fatalf("nonce %d over %d", n, w.Floor)
				}
				if free {
					w.use(n)
					used[n] = true
				}
			}
			w.settle()
			floor := uint64(0)
			for used[floor+1] {
				floor++
			}
			if w.Floor != floor {
				t.Fatalf("floor %d, not %d", w.Floor, floor)
			}
			again, err := parseWindow(w.encode())
			if err != nil || again != w {
				t.Fatal("a window encodes and parses", err)
			}
		}
	})
}
