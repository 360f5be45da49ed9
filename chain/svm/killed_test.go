package svm_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gagliardetto/solana-go"
	sol "github.com/gagliardetto/solana-go/rpc"

	"github.com/phantom-paradox/paradox/chain"
	"github.com/phantom-paradox/paradox/chain/rpctest"
	"github.com/phantom-paradox/paradox/chain/vault"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/ledger"
)

// mortals is a network whose settlers die.
type mortals struct {
	*weather
	t          *testing.T
	dir        string // of the settler that dies
	generation uint32
}

const (
	manyMembers = 11 // a quorum is eight signatures, which do not fit one transaction
	otherPayer  = 5
	soonDropped = 4 // slots
)

func newMortals(ctx context.Context, t *testing.T, c cluster) *mortals {
	w := newWeatherOf(ctx, t, c, weatherProgram(), manyMembers, soonDropped, 0)
	must(t, w.wallet.Airdrop(ctx, solana.LAMPORTS_PER_SOL, key(otherPayer).PublicKey()))
	return &mortals{weather: w, t: t, dir: t.TempDir()}
}

// decide is the next height: an amount goes from the first wallet to the second. One that cannot be completed credits one more
// than it debits.
func (m *mortals) decide(completes bool) chain.Job {
	m.t.Helper()
	v := m.truth()
	must(m.t, m.cluster.tick(40)) // more than must lie between two heights
	pair := func(kind uint8, who, amount uint64) []byte {
		return (&vault.Chunk{Kind: kind, Mint: pub(mintKey), Pairs: []vault.Pair{{Entry: m.entry[pub(who)], Amount: amount}}}).Encode()
	}
	credit := uint64(1)
	if !completes {
		credit++
	}
	at := ledger.Instance{Height: m.height + 1, Generation: m.generation}
	j := m.certifyAt(at, m.previous, ledger.Cut{Number: v.EventNumber, Hash: v.EventHash}, pair(vault.ChunkDebits, walletKeys, 1),
		pair(vault.ChunkCredits, walletKeys+1, credit))
	m.events++
	if completes {
		m.height, m.previous, m.balance = m.height+1, j.Header.Digest(), [2]uint64{m.balance[0] - 1, m.balance[1] + 1}
	} else {
		m.generation++
	}
	return j
}

// life is that of the settler whose journal is on disk: from a job's submission until the job is over, its tally closed and the
// job forgotten, or until it is killed.
func (m *mortals) life(j chain.Job, killAt string) *process {
	m.t.Helper()
	p := newProcess(killAt)
	d := openDisk(m.t, m.dir, p)
	defer func() { must(m.t, d.store.Close()) }()
	addr := chain.Addresses(m.file)
	m.settles(d, &endpoint{m.client, p, addr.Vault, addr.Program}, key(payerKey), j, p)
	return p
}

// settles runs a settler.
func (m *mortals) settles(d chain.Store, c chain.Client, payer solana.PrivateKey, j chain.Job, p *process) {
	m.t.Helper()
	z, err := chain.NewSettler(chain.SettlerConfig{File: m.file, RPC: c, Store: d, Payer: payer, Poll: time.Microsecond})
	must(m.t, err)
	if err := z.Submit(j); err != nil && !errors.Is(err, errDead) {
		m.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(m.ctx)
	ended := make(chan error, 1)
	go func() { ended <- z.Run(ctx) }()
	m.untilOver(z, d, p, j.Header.Height)
	cancel()
	<-ended
	if p.killed() {
		return
	}
	if err := z.Forget(j.Header.Height); err != nil && !errors.Is(err, errDead) {
		m.t.Fatal(err)
	}
	if n := records(m.t, d, "s/"); n != 0 && !p.killed() {
		m.t.Fatalf("%d records are left in a journal", n)
	}
}

func (m *mortals) untilOver(z *chain.Settler, d chain.Store, p *process, height uint64) {
	m.t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-p.dead:
			return
		case <-m.ctx.Done():
			st, _ := z.Status(height)
			m.t.Fatalf("%s: killed at %q it does not end: %+v, %q", m.cluster.name, p.killAt, st, p.steps)
		case <-tick.C:
		}
		st, _ := z.Status(height)
		if (st.Stage == chain.StageSettled || st.Stage == chain.StageDropped) && records(m.t, d, "s/c") == 0 {
			return
		}
	}
}

// await waits for what a settler comes to.
func (m *mortals) await(what string, ok func() bool) {
	m.t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-m.ctx.Done():
			m.t.Fatalf("%s: waited in vain until %s", m.cluster.name, what)
		case <-tick.C:
		}
	}
}

// holds compares the chain with what must be.
func (m *mortals) holds(how string) {
	m.t.Helper()
	es, err := m.wallet.Entries(m.ctx, pub(mintKey))
	must(m.t, err)
	for i := range uint64(2) {
		if got := es[m.entry[pub(walletKeys+i)]].Available; got != m.balance[i] {
			m.t.Fatalf("%s, %s: wallet %d has %d, not %d", m.cluster.name, how, i, got, m.balance[i])
		}
	}
	v := m.truth()
	if v.Height != m.height || v.Generation != m.generation || v.EventNumber != m.events || v.Pending != nil {
		m.t.Fatalf("%s, %s: the vault is at height %d, generation %d, event %d, pending %+v; not at %d, %d, %d", m.cluster.name, how, v.Height, v.Generation,
			v.EventNumber, v.Pending, m.height, m.generation, m.events)
	}
}

// noTallies: whoever opened a tally has its rent again.
func (m *mortals) noTallies(how string, jobs ...chain.Job) {
	m.t.Helper()
	for _, j := range jobs {
		k, _ := chain.Addresses(m.file).Tally(j.Header.Digest(), j.Certificate.View)
		r, err := m.client.GetBalance(m.ctx, k, sol.CommitmentFinalized)
		must(m.t, err)
		if r.Value != 0 {
			m.t.Fatalf("%s, %s: the tally of height %d is open", m.cluster.name, how, j.Header.Height)
		}
	}
}

// steps are those of a life that nobody disturbs; twice, for what is not always a step is none of them.
func (m *mortals) steps(completes bool) []string {
	m.t.Helper()
	var lives [2][]string
	for i := range lives {
		j := m.decide(completes)
		lives[i] = m.life(j, "").steps
		m.holds("a life without a death")
		m.noTallies("a life without a death", j)
	}
	return slices.DeleteFunc(lives[0], func(s string) bool { return !slices.Contains(lives[1], s) })
}

// What happens behind a death: the node comes back at once; it comes back when every blockhash of its journal has expired; or
// another has finished the height by then.
const (
	restart     = "a restart"
	lateRestart = "a late restart"
	colleague   = "a colleague"
)

// killAtEach kills a settler at each of the steps, in a height of its own, and lets the height be finished. Of reads in a row it
// is killed at the first: by the next, nothing has changed.
func (m *mortals) killAtEach(steps []string, completes bool, after ...string) (deaths int) {
	m.t.Helper()
	for i, s := range steps {
		if i > 0 && !changes(s) && !changes(steps[i-1]) {
			continue
		}
		for _, then := range after {
			how := fmt.Sprintf("killed at %q, then %s", s, then)
			j := m.decide(completes)
			if p := m.life(j, s); !p.killed() {
				m.t.Fatalf("%s: %q was no step of its life: %q", m.cluster.name, s, p.steps)
			}
			switch then {
			case lateRestart:
				must(m.t, m.cluster.tick(200))
			case colleague:
				m.settles(&memStore{}, m.client, key(otherPayer), j, newProcess(""))
				m.holds(how)
			}
			m.life(j, "")
			m.holds(how)
			m.noTallies(how, j)
			deaths++
		}
	}
	return deaths
}

func changes(step string) bool {
	return strings.HasPrefix(step, "write") || strings.HasPrefix(step, "send")
}

// TestKilledAtEveryStep: a settler is killed at every step of a height's settlement, and of one that must be taken back and
// dropped, on both chains, with its journal on disk; then it comes back, early or late, or finds that a colleague was there.
// Every height settles, or is dropped, once; no journal keeps anything, no tally stays open.
func TestKilledAtEveryStep(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*faultTime)
	defer cancel()
	for _, c := range standing(ctx, t, weatherProgram()) {
		t.Run(c.name, func(t *testing.T) {
			m := newMortals(ctx, t, c)
			steps := m.steps(true)
			found(t, steps, "write s/j 1", "write s/c 1", "write s/t 1", "send attest 1", "send attest 2", "ask for statuses 1", "send apply 1", "send apply 2",
				"write s/j s/t 1", "send close tally 1", "write no s/c 1", "write no s/j no s/t 1")
			t.Logf("settled: %d deaths in %q", m.killAtEach(steps, true, restart, lateRestart, colleague), steps)
			steps = m.steps(false)
			found(t, steps, "send apply 4", "send unapply 1", "send drop 1", "write s/j s/t 1", "send close tally 1", "write no s/c 1")
			steps = steps[slices.Index(steps, "send apply 2"):] // up to here it is a life like the others
			t.Logf("dropped: %d deaths in %q", m.killAtEach(steps, false, restart, colleague), steps)
		})
	}
}

// found fails where a step that must be is not among those that were found.
func found(t *testing.T, steps []string, must ...string) {
	t.Helper()
	for _, s := range must {
		if !slices.Contains(steps, s) {
			t.Fatalf("%q is no step of %q", s, steps)
		}
	}
}

// watched is a watcher's life with what a directory has, until it knows every event, or is killed.
func (m *mortals) watched(dir, killAt string) *process {
	m.t.Helper()
	p := newProcess(killAt)
	d := openDisk(m.t, dir, p)
	defer func() { must(m.t, d.store.Close()) }()
	addr := chain.Addresses(m.file)
	x, err := chain.NewWatcher(chain.WatcherConfig{File: m.file, RPC: &endpoint{m.client, p, addr.Vault, addr.Program}, Store: d, Poll: time.Millisecond})
	must(m.t, err)
	ctx, cancel := context.WithCancel(m.ctx)
	ended := make(chan error, 1)
	go func() { ended <- x.Run(ctx) }()
	for over := false; !over; {
		select {
		case <-p.dead:
			over = true
		case <-m.ctx.Done():
			head, _ := x.Head()
			m.t.Fatalf("%s: killed at %q the watcher does not see all: event %d of %d, %v", m.cluster.name, killAt, head.Number, m.events, x.Err())
		case <-x.Updates():
			head, _ := x.Head()
			over = head.Number == m.events && x.Err() == nil
		}
	}
	cancel()
	<-ended
	if p.killed() {
		return p
	}
	list, err := x.Events(0, m.events)
	must(m.t, err)
	var hash intent.Hash
	settled := map[uint64]int{}
	for i := range list {
		hash = list[i].Next(hash)
		if list[i].Tag == ledger.EventSettled {
			settled[list[i].Height]++
		}
	}
	if v := m.truth(); hash != v.EventHash || uint64(len(list)) != v.EventNumber || uint64(len(settled)) != m.height || settled[m.height] != 1 {
		m.t.Fatalf("%s: killed at %q the watcher knows %d events and %d heights, the vault has %d and %d", m.cluster.name, killAt, len(list), len(settled),
			v.EventNumber, m.height)
	}
	return p
}

// TestWatcherKilledAtEveryStep: a watcher is killed at every step of its first look and of a later one, with its log on disk; when
// it comes back no event is missed and none counted twice.
func TestWatcherKilledAtEveryStep(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), faultTime)
	defer cancel()
	for _, c := range standing(ctx, t, weatherProgram()) {
		t.Run(c.name, func(t *testing.T) {
			m := newMortals(ctx, t, c)
			settle := func() { m.life(m.decide(true), "") }
			settle()
			dir := t.TempDir()
			steps := m.watched(dir, "").steps
			found(t, steps, "read accounts 1", "list transactions 1", "read a transaction 1", "read a transaction 9", "write w/s w/e w/e w/e w/e w/e w/e 1")
			for _, s := range steps {
				fresh := t.TempDir()
				if p := m.watched(fresh, s); !p.killed() {
					t.Fatalf("%q was no step of its life: %q", s, p.steps)
				}
				m.watched(fresh, "")
			}
			settle()
			later := m.watched(dir, "").steps
			found(t, later, "read accounts 1", "list transactions 1", "read a transaction 1", "write w/s w/e 1")
			for _, s := range later {
				settle()
				if p := m.watched(dir, s); !p.killed() {
					t.Fatalf("%q was no step of its life: %q", s, p.steps)
				}
				m.watched(dir, "")
			}
			t.Logf("deaths at %q and %q", steps, later)
		})
	}
}

// TestFinalityLagsForTenMinutes of the cluster's slots, through which every blockhash expires ten times: nothing is sent twice, no
// job is called settled before it is final, and then it is.
func TestFinalityLagsForTenMinutes(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), faultTime)
	defer cancel()
	for _, c := range standing(ctx, t, weatherProgram()) {
		t.Run(c.name, func(t *testing.T) {
			m := newMortals(ctx, t, c)
			j := m.decide(true)
			p, err := rpctest.Start(c.url)
			must(t, err)
			defer func() { must(t, p.Close()) }()
			client := c.through(p.URL())
			defer client.Close()
			p.Set(rpctest.Faults{Unfinal: true})
			z, err := chain.NewSettler(chain.SettlerConfig{File: m.file, RPC: client, Store: &memStore{}, Payer: key(payerKey), Poll: time.Microsecond})
			must(t, err)
			must(t, z.Submit(j))
			running, stop := context.WithCancel(ctx)
			ended := make(chan error, 1)
			go func() { ended <- z.Run(running) }()
			defer func() { stop(); <-ended }()
			status := func() chain.Status { st, _ := z.Status(j.Header.Height); return st }
			m.await("everything is confirmed", func() bool { return status().Confirmed == 4 })
			for range 10 {
				must(t, c.tick(150))
				looked := p.Calls("getAccountInfo")
				m.await("it has looked again", func() bool { return p.Calls("getAccountInfo") > looked+3 })
			}
			if st := status(); st.Transactions != 4 || st.Stage == chain.StageSettled {
				t.Fatalf("%+v", st)
			}
			p.Set(rpctest.Faults{})
			m.await("it is settled", func() bool { return status().Stage == chain.StageSettled })
			if st := status(); st.Transactions != 4 {
				t.Fatalf("%+v", st)
			}
			m.holds("a lag")
		})
	}
}
