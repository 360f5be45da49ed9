package testnet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/testnet/traffic"
)

// work runs the traffic to its end, or until ctx ends, and sums up.
func (r *running) work(ctx context.Context) (*Summary, error) {
	began := r.o.Now()
	rounds := newRounds(ctx, r.nodes, r.o.Now, r.screen.say)
	rounds.names = map[string]string{}
	for _, m := range r.file.Members {
		rounds.names[m.Key.String()] = m.Name
	}
	d, closeGossip, err := r.driver(ctx)
	if err != nil {
		return nil, err
	}
	defer closeGossip()
	r.screen.expect(d.intents)
	err = r.drive(ctx, d, rounds)
	if errors.Is(err, context.Canceled) {
		r.screen.close()
		r.screen.say("stopping: %s", d.tally.String())
		return r.sum(d, rounds, nil, began), nil
	}
	if err != nil && !errors.Is(err, errTooLong) {
		return nil, err
	}
	for _, line := range d.unfinished(ctx) {
		r.screen.say("%s", line)
	}
	digests, disagree := r.agree(ctx, rounds)
	r.screen.close()
	r.screen.say("%s", d.tally.String())
	if r.o.ended != nil {
		err = errors.Join(err, r.o.ended(ctx, r, d))
	}
	return r.sum(d, rounds, digests, began), errors.Join(err, disagree, d.tally.verdict())
}

// errTooLong says that the run was given up with intents pending.
var errTooLong = fmt.Errorf("%w: intents are still pending", ErrUnexpected)

func (r *running) drive(ctx context.Context, d *driver, rounds *rounds) error {
	t := time.NewTicker(tick)
	defer t.Stop()
	var late <-chan time.Time
	if r.o.Once && r.o.Wait > 0 {
		late = time.After(r.o.Wait)
	}
	idle := false // all intents have ended, and the network stays up
	for {
		more, err := d.step(ctx)
		if ctx.Err() != nil {
			return context.Canceled
		}
		if err != nil {
			return err
		}
		rounds.collect(ctx)
		ended := d.tally.submitted - d.tally.pending()
		r.screen.progress(ended, fmt.Sprintf(" height %d, leader %s, pool %d", rounds.status.Height, cmp.Or(rounds.status.LeaderName, rounds.status.Leader), rounds.status.Pool))
		if !more && r.o.Once {
			return nil
		}
		if !more && !idle {
			idle = true
			r.rest(ctx, d)
		}
		select {
		case <-t.C:
		case <-late:
			return errTooLong
		case <-ctx.Done():
			return context.Canceled
		}
	}
}

// rest says that a network stays up though its traffic has ended: nothing else on the screen would.
func (r *running) rest(ctx context.Context, d *driver) {
	r.screen.close()
	r.screen.say("all intents have ended: %s", d.tally.String())
	for _, line := range d.tally.wrongOnes() {
		r.screen.say("%s", line)
	}
	r.screen.say("the network stays up for you: %s takes intents; Ctrl-C stops it (--once would have ended here)", r.nodes[0].Address())
}

// driver gathers what the traffic starts from.
func (r *running) driver(ctx context.Context) (*driver, func(), error) {
	nothing := func() {}
	n := r.file.Intents()
	d := &driver{
		net: n, nodes: r.nodes, intents: r.o.Intents, window: onTheirWay, rate: r.o.Rate, now: r.o.Now, say: r.screen.say,
		deposit: func(ctx context.Context, x traffic.Deposit) error {
			return r.bank.deposit(ctx, x.Mint, []traffic.Deposit{x})
		},
	}
	cfg, err := r.trafficConfig(ctx, n)
	if err != nil {
		return nil, nothing, err
	}
	if r.o.IntentsFile != "" {
		f, err := traffic.OpenFile(r.o.IntentsFile, cfg)
		if err != nil {
			return nil, nothing, badIntents(err)
		}
		d.source, d.intents = f, f.Len()
	} else if d.source, err = traffic.NewGenerator(cfg); err != nil {
		return nil, nothing, err
	}
	g, err := newGossipPeer(ctx, r.file)
	if err != nil {
		return nil, nothing, err
	}
	wait, cancel := context.WithTimeout(ctx, readyWait)
	defer cancel()
	if err := g.ready(wait); err != nil {
		g.Close()
		return nil, nothing, err
	}
	d.gossip = g
	if r.o.IntentsFile != "" {
		d.lines = &lineTeller{say: r.screen.say}
	}
	r.settings.Runs++
	return d, func() { g.Close() }, r.settings.save(r.home)
}

// trafficConfig reads from a node what earlier runs left; a first run starts from what was deposited.
func (r *running) trafficConfig(ctx context.Context, n *intent.Network) (traffic.Config, error) {
	cfg := traffic.Config{
		Seed: r.o.Seed, Run: "r" + strconv.Itoa(r.settings.Runs+1), Network: n, Cast: r.settings.cast(),
		Opening: map[traffic.Account]uint64{}, Nonces: map[traffic.Signer]uint64{},
	}
	if r.settings.Runs == 0 {
		for _, w := range cfg.Cast.Traders {
			for _, m := range n.Mints {
				cfg.Opening[traffic.Account{Wallet: w.Public(), Mint: m.Mint}] = openingUnits
			}
		}
		return cfg, nil
	}
	for _, w := range cfg.Cast.Entries() {
		key := w.Public()
		nonce, err := r.nodes[0].Nonce(ctx, key, key)
		if err != nil {
			return cfg, fmt.Errorf("asking for the nonce of %s: %w", key, err)
		}
		cfg.Nonces[traffic.Signer{From: key, Signer: key}] = nonce.Next
	}
	for _, w := range cfg.Cast.Traders {
		has, err := r.nodes[0].Wallet(ctx, w.Public())
		if err != nil {
			return cfg, fmt.Errorf("asking for the balance of %s: %w", w.Public(), err)
		}
		for _, e := range has.Entries {
			a := traffic.Account{Wallet: w.Public(), Mint: e.Mint}
			cfg.Opening[a] = max(cfg.Opening[a], e.Spendable)
		}
	}
	return cfg, nil
}

func (r *running) agree(ctx context.Context, rounds *rounds) ([]string, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	give := make(chan struct{})
	timer := time.AfterFunc(agreeWait, func() { close(give) })
	defer timer.Stop()
	t := time.NewTicker(tick)
	defer t.Stop()
	return rounds.agree(ctx, t.C, give)
}

func (r *running) sum(d *driver, rounds *rounds, digests []string, began time.Time) *Summary {
	s := &Summary{Nodes: len(r.nodes), Members: r.settings.members(), Heights: rounds.heights, StateDigests: digests, Batches: rounds.batches}
	s.Intents.Submitted, s.Intents.Settled = d.tally.submitted, d.tally.settled
	s.Intents.Refused, s.Intents.Dropped, s.Intents.Pending = d.tally.refused, d.tally.dropped, d.tally.pending()
	s.Transfers.Gross, s.Transfers.Net = d.tally.legs, rounds.changes
	s.Chain.Transactions, s.Chain.Height, s.Chain.Slot = rounds.txs, rounds.height, rounds.slot
	s.Lines = d.lines.all()
	s.ElapsedMS = r.o.Now().Sub(began).Milliseconds()
	return s
}

func (t *tally) String() string {
	s := fmt.Sprintf("%d intents: %d settled, %d refused, %d dropped, %d pending", t.submitted, t.settled, t.refused, t.dropped, t.pending())
	if len(t.latency) > 0 {
		s += fmt.Sprintf("; settled %.1f s after they were handed in (p50), %.1f s (p99)", t.percentile(0.5).Seconds(), t.percentile(0.99).Seconds())
	}
	return s
}

// shownWrong is how many surprises are spelled out.
const shownWrong = 5

// wrongOnes spells out the first surprises.
func (t *tally) wrongOnes() []string {
	var out []string
	for _, m := range t.wrong[:min(shownWrong, len(t.wrong))] {
		out = append(out, m.String())
	}
	return out
}

// verdict is an error where an intent ended otherwise than it must.
func (t *tally) verdict() error {
	if len(t.wrong) == 0 {
		return nil
	}
	errs := []error{fmt.Errorf("%w: %d intents ended otherwise", ErrUnexpected, len(t.wrong))}
	for _, s := range t.wrongOnes() {
		errs = append(errs, errors.New(s))
	}
	return errors.Join(errs...)
}
