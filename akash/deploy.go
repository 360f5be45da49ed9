package akash

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Habits of a deployment; a Deployer may say otherwise.
const (
	defaultPoll   = 3 * time.Second
	defaultWindow = 30 * time.Second // bids come within a minute, the cheap ones not always first
	defaultWait   = 5 * time.Minute
	defaultLost   = 2 * time.Minute // within which a creation whose answer was lost shows itself
	maxLeaseTries = 5               // bids that disappear between being shown and being taken
)

// ErrClosed: the deployment or its lease has ended.
var ErrClosed = errors.New("the deployment is closed")

// ErrNotReady: the provider has not started the node yet.
var ErrNotReady = errors.New("the provider has not started the node yet")

// An Operator is asked before money moves, and told what happens. An error of theirs ends the run, with everything as it is.
type Operator interface {
	Create(s *SDL, deposit float64) error
	Lease(offers []Offer, chosen *Offer) error
	Update(dseq string) error
	Note(text string)
}

// A Deployer brings a home's deployment to where its file wants it: it makes it, leases, tells the node its addresses, and takes
// up what an earlier run left.
type Deployer struct {
	Console  *Console
	Home     string
	SDL      string // as the operator wants it
	Deposit  float64
	Provider string             // whose bid is taken; the cheapest unless said otherwise
	Adopt    string             // a deployment of the account that is this home's, where it cannot tell by itself
	USD      map[string]float64 // what a millionth of each money is worth
	Operator Operator

	Poll   time.Duration // between two looks
	Window time.Duration // in which bids are gathered before one is taken
	Wait   time.Duration // for the first bid, and for the container
	Lost   time.Duration // see ErrLost
	Now    func() time.Time
}

func (d *Deployer) defaults() {
	for _, v := range []struct {
		to  *time.Duration
		def time.Duration
	}{{&d.Poll, defaultPoll}, {&d.Window, defaultWindow}, {&d.Wait, defaultWait}, {&d.Lost, defaultLost}} {
		if *v.to <= 0 {
			*v.to = v.def
		}
	}
	if d.Now == nil {
		d.Now = time.Now
	}
}

// Run goes on from wherever the home's deployment is, and gives it when the node runs under addresses that it announces.
func (d *Deployer) Run(ctx context.Context) (*State, *Lot, error) {
	d.defaults()
	sdl, err := Parse([]byte(d.SDL))
	if err == nil {
		err = sdl.Validate()
	}
	if err != nil {
		return nil, nil, err
	}
	release, err := hold(d.Home)
	if err != nil {
		return nil, nil, err
	}
	defer release()
	s, err := LoadState(d.Home)
	if errors.Is(err, ErrNoDeployment) {
		s, err = &State{API: d.Console.base}, nil
	}
	if err != nil {
		return nil, nil, err
	}
	if s.API != d.Console.base {
		return nil, nil, fmt.Errorf("the home's deployment was made at %s, and akash.api is %s now", printable(s.API), d.Console.base)
	}
	for _, step := range []func(context.Context, *State) error{d.create, d.lease} {
		if err := step(ctx, s); err != nil {
			return s, nil, err
		}
	}
	lot, err := d.settle(ctx, s)
	return s, lot, err
}

// create makes the deployment, unless there is one.
func (d *Deployer) create(ctx context.Context, s *State) error {
	if s.Stage == stageCreating {
		if err := d.find(ctx, s); err != nil || s.Stage == stageCreated {
			return err
		}
	}
	if s.Stage != "" && s.Stage != stageCreating {
		return nil
	}
	sdl, err := Parse([]byte(d.SDL))
	if err != nil {
		return err
	}
	if err := d.Operator.Create(sdl, d.Deposit); err != nil {
		return err
	}
	others, err := d.Console.Deployments(ctx)
	if err != nil {
		return err
	}
	s.Stage, s.SDL, s.Sent, s.Asked, s.Before = stageCreating, d.SDL, d.SDL, d.Now().Unix(), nil
	for _, l := range others {
		if l.Deployment.State == stateActive {
			s.Before = append(s.Before, l.Deployment.ID.DSeq)
		}
	}
	if err := s.save(d.Home); err != nil {
		return err
	}
	made, err := d.Console.Create(ctx, s.SDL, d.Deposit)
	switch {
	case errors.Is(err, ErrLost) && ctx.Err() == nil:
		d.Operator.Note("The answer to the creation is lost; looking whether there is a new deployment in the account.")
		if err := d.find(ctx, s); err != nil || s.Stage == stageCreated {
			return err
		}
		return errors.Join(err, forget(d.Home))
	case errors.Is(err, ErrLost):
		return err // the next run looks
	case err != nil:
		return errors.Join(err, forget(d.Home)) // nothing was made
	}
	d.Operator.Note("Deployment " + made.DSeq + " is made.")
	s.Stage, s.DSeq, s.Manifest, s.Before, s.Asked = stageCreated, made.DSeq, made.Manifest, nil, 0
	return s.save(d.Home)
}

// find looks for a deployment that was asked for and whose answer was lost. When none has shown itself in time, the stage is as
// it was, and it can be asked for again.
func (d *Deployer) find(ctx context.Context, s *State) error {
	until := time.Unix(s.Asked, 0).Add(d.Lost)
	for {
		lots, err := d.Console.Deployments(ctx)
		if err != nil {
			return err
		}
		var found []string
		for _, l := range lots {
			seq := l.Deployment.ID.DSeq
			if l.Deployment.State == stateActive && len(l.Leases) == 0 && !slices.Contains(s.Before, seq) && (d.Adopt == "" || d.Adopt == seq) {
				found = append(found, seq)
			}
		}
		if len(found) > 1 {
			return fmt.Errorf("an earlier run asked for a deployment and lost the answer, and the account has several that it could be: %s; name it with --dseq", strings.Join(found, ", "))
		}
		if len(found) == 1 {
			d.Operator.Note("Deployment " + found[0] + " is the one that was asked for; going on with it.")
			s.Stage, s.DSeq, s.Before, s.Asked = stageCreated, found[0], nil, 0
			return s.save(d.Home)
		}
		if !d.Now().Before(until) {
			return nil
		}
		if err := d.pause(ctx); err != nil {
			return err
		}
	}
}

func (d *Deployer) pause(ctx context.Context) error {
	t := time.NewTimer(d.Poll)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// lease takes a bid, unless there is a lease.
func (d *Deployer) lease(ctx context.Context, s *State) error {
	if s.Stage == stageLeased {
		return nil
	}
	if s.Stage == stageLeasing {
		if done, err := d.resumeLease(ctx, s); done || err != nil {
			return err
		}
	}
	for range maxLeaseTries {
		o, err := d.offer(ctx, s)
		if err != nil {
			return err
		}
		s.Stage, s.Lease = stageLeasing, &o.ID
		if err := s.save(d.Home); err != nil {
			return err
		}
		again, err := d.take(ctx, s)
		if err != nil || !again {
			return err
		}
		d.Operator.Note("The bid of " + o.ID.Provider + " is gone; looking at the others.")
	}
	return fmt.Errorf("%w: %d bids disappeared as they were taken; try again later", ErrNoOffer, maxLeaseTries)
}

// resumeLease finishes what an earlier run began: where the chain has a lease, the manifest is sent once more.
func (d *Deployer) resumeLease(ctx context.Context, s *State) (done bool, err error) {
	lot, err := d.look(ctx, s)
	if err != nil {
		return false, err
	}
	active := lot.Active()
	if active == nil {
		return false, nil
	}
	s.Lease = &active.ID
	again, err := d.take(ctx, s)
	return !again, err
}

// take accepts the bid of the state's lease. When the bid is gone meanwhile, another may be looked for.
func (d *Deployer) take(ctx context.Context, s *State) (again bool, err error) {
	_, err = d.Console.Lease(ctx, s.Manifest, *s.Lease)
	if err == nil {
		d.Operator.Note("Leased from " + s.Lease.Provider + ".")
		s.Stage = stageLeased
		return false, s.save(d.Home)
	}
	if _, refused := errors.AsType[*Refusal](err); !refused || errors.Is(err, ErrKey) || errors.Is(err, ErrFunds) || ctx.Err() != nil {
		return false, err
	}
	lot, lookErr := d.look(ctx, s)
	switch {
	case lookErr != nil:
		return false, errors.Join(err, lookErr)
	case lot.Active() != nil:
		return false, fmt.Errorf("the lease exists and is paid for, but the provider has not taken the manifest: %w; deploy again tries it once more, `paradox akash close` ends it", err)
	case s.Manifest == "" && !errors.Is(err, ErrUnreachable):
		return false, fmt.Errorf("no lease, perhaps since the answer with the manifest was lost: %w; `paradox akash close`, then deploy again", err)
	}
	bids, lookErr := d.Console.Bids(ctx, s.DSeq)
	if lookErr != nil {
		return false, errors.Join(err, lookErr)
	}
	for _, b := range bids {
		if b.ID == *s.Lease && b.State == stateOpen {
			return false, err // it was not the bid
		}
	}
	s.Stage, s.Lease = stageCreated, nil
	return true, s.save(d.Home)
}

// look asks for the deployment, and says ErrClosed where it has ended.
func (d *Deployer) look(ctx context.Context, s *State) (*Lot, error) {
	lot, err := d.Console.Deployment(ctx, s.DSeq)
	if errors.Is(err, ErrGone) {
		return nil, fmt.Errorf("%w: %s: %w; `paradox akash close` forgets it here", ErrClosed, s.DSeq, err)
	}
	if err != nil {
		return nil, err
	}
	return lot, lot.Ended()
}

// Active is the lease that is paid for; nil: none.
func (l *Lot) Active() *Lease {
	for i := range l.Leases {
		if l.Leases[i].State == stateActive {
			return &l.Leases[i]
		}
	}
	return nil
}

// Ended says ErrClosed where the deployment, or every lease it had, has ended.
func (l *Lot) Ended() error {
	if l.Deployment.State != stateActive {
		return fmt.Errorf("%w: %s is %s; `paradox akash close` forgets it here", ErrClosed, l.Deployment.ID.DSeq, l.Deployment.State)
	}
	if len(l.Leases) > 0 && l.Active() == nil {
		last := l.Leases[len(l.Leases)-1]
		why := "its lease at " + last.ID.Provider + " is " + last.State
		if last.Reason != "" {
			why += " (" + last.Reason + ")"
		}
		return fmt.Errorf("%w: %s; `paradox akash close`, then deploy again; the volume is gone with the lease", ErrClosed, why)
	}
	return nil
}

// offer gathers bids, has one chosen, and the operator asked.
func (d *Deployer) offer(ctx context.Context, s *State) (*Offer, error) {
	sdl, err := Parse([]byte(s.SDL))
	if err != nil {
		return nil, err
	}
	begin := d.Now()
	d.Operator.Note("Waiting for bids.")
	for {
		bids, err := d.Console.Bids(ctx, s.DSeq)
		if err != nil {
			return nil, err
		}
		offers, err := judge(sdl, bids, d.USD)
		if err != nil {
			return nil, err
		}
		chosen, err := choose(offers, d.Provider)
		waited := d.Now().Sub(begin)
		if err == nil && (waited >= d.Window || d.Provider != "") {
			return chosen, d.Operator.Lease(offers, chosen)
		}
		if err != nil && waited >= d.Wait {
			if _, ended := d.look(ctx, s); ended != nil {
				return nil, ended
			}
			return nil, errors.Join(fmt.Errorf("%w; raise the price in the file, ask for less, or wait: deploy again goes on, `paradox akash close` gives the deposit back", err), d.Operator.Lease(offers, nil))
		}
		if err := d.pause(ctx); err != nil {
			return nil, err
		}
	}
}

// settle waits until the provider runs the container, and gives the node the addresses under which it is reached.
func (d *Deployer) settle(ctx context.Context, s *State) (*Lot, error) {
	begin := d.Now()
	d.Operator.Note("Waiting for the provider to start the node.")
	for {
		lot, err := d.look(ctx, s)
		if err != nil {
			return lot, err
		}
		lease := lot.Active()
		if lease != nil && lease.Status != nil && lease.Status.runs() {
			updated, err := d.follow(ctx, s, lease.Status)
			if updated != nil {
				lot = updated
			}
			return lot, err
		}
		if d.Now().Sub(begin) >= d.Wait {
			return lot, fmt.Errorf("%w: `paradox akash status` and `paradox akash logs` tell more, deploy again goes on", ErrNotReady)
		}
		if err := d.pause(ctx); err != nil {
			return lot, err
		}
	}
}

// runs says whether a provider runs all that it should.
func (l *LeaseStatus) runs() bool {
	for _, s := range l.Services {
		if s.Available < max(s.Total, 1) {
			return false
		}
	}
	return len(l.Services) > 0
}

// follow makes the node announce the lease's addresses, and gives the provider the operator's file where that has changed. What
// the file itself says of addresses is the operator's.
func (d *Deployer) follow(ctx context.Context, s *State, at *LeaseStatus) (*Lot, error) {
	sdl, err := Parse([]byte(d.SDL))
	if err != nil {
		return nil, err
	}
	addresses := Announce(sdl, at)
	want := d.SDL
	if sdl.announced() == "" {
		if want, err = withAnnounce(d.SDL, addresses); err != nil {
			return nil, err
		}
	} else {
		addresses = strings.Split(sdl.announced(), ",")
	}
	if want == s.Sent && d.SDL == s.SDL {
		return nil, nil
	}
	if d.SDL != s.SDL {
		if err := d.Operator.Update(s.DSeq); err != nil {
			return nil, err
		}
	}
	d.Operator.Note("Telling the node its addresses, and starting it anew: " + strings.Join(addresses, " "))
	lot, err := d.Console.Update(ctx, s.DSeq, want)
	if err != nil {
		return nil, fmt.Errorf("the node runs, and does not know its addresses or its new file yet: %w; deploy again tries it once more", err)
	}
	s.SDL, s.Sent, s.Announce = d.SDL, want, addresses
	return lot, s.save(d.Home)
}

// Shut closes the home's deployment and forgets it. One that is closed already, or was never made, is forgotten.
func (d *Deployer) Shut(ctx context.Context) (dseq string, err error) {
	d.defaults()
	release, err := hold(d.Home)
	if err != nil {
		return "", err
	}
	defer release()
	s, err := LoadState(d.Home)
	if err != nil {
		return "", err
	}
	if s.Stage == stageCreating {
		if err := d.find(ctx, s); err != nil {
			return "", err
		}
	}
	if s.DSeq == "" {
		return "", forget(d.Home)
	}
	lot, err := d.Console.Deployment(ctx, s.DSeq)
	switch {
	case errors.Is(err, ErrGone):
	case err != nil:
		return s.DSeq, err
	case lot.Deployment.State == stateActive:
		if err := d.Console.Remove(ctx, s.DSeq); err != nil && !errors.Is(err, ErrGone) {
			return s.DSeq, err
		}
	}
	return s.DSeq, forget(d.Home)
}
