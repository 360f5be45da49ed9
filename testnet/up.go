package testnet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gagliardetto/solana-go"

	client "github.com/phantom-paradox/paradox/clients/go"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/network"
	"github.com/phantom-paradox/paradox/node/keys"
	"github.com/phantom-paradox/paradox/testnet/supervise"
	"github.com/phantom-paradox/paradox/testnet/traffic"
)

// Options say what to run.
type Options struct {
	Home        string // empty: a temporary directory
	Chain       Chain  // empty: as founded, or Model
	SVMDir      string // of the VM's server; empty: looked for
	Members     int    // 0: as founded, or the default
	Observers   int    // negative: as founded, or the default
	Intents     int    // negative: without end
	Rate        float64
	Seed        uint64
	IntentsFile string

	WithdrawDelay uint64 // slots, of a new network; 0: network.LocalWithdrawDelay
	DropTime      uint64 // slots, of a new network; 0: network.LocalDropTime

	Once bool // end when all intents have
	Wait time.Duration

	Executable string                                     // that runs a node, with the arguments run --home DIR
	InitNode   func(home string, member intent.Key) error // makes what a node's home needs besides keys and configuration
	Out        io.Writer                                  // what people see
	TTY        bool
	Columns    func() int             // the terminal's; nil: lines are as long as they are
	Notice     func(supervise.Notice) // of what happens to processes; may be nil
	Now        func() time.Time

	ended func(context.Context, *running, *driver) error // looks at the network before it is stopped
}

// What a testnet has unless somebody says otherwise, and what a network can have at most.
const (
	DefaultMembers   = 4
	DefaultObservers = 1
	maxMembers       = 21
	maxObservers     = 30
)

// nodeWait is how long one answer of a node may take: a node that hangs must not hold up what the launcher does with the others.
const nodeWait = 3 * time.Second

// readyWait is how long nodes may take until they answer: they open a database and catch up with the chain.
const readyWait = 90 * time.Second

// Rates at which a person can still see something happen, and a clock can still tell intents apart.
const (
	minRate = 0.001
	maxRate = 1_000_000
)

// agreeWait is how long the last node may take to see what the first has seen.
const agreeWait = 60 * time.Second

// An OptionError names a flag that cannot be as it is.
type OptionError struct{ Flag, Problem, Remedy string }

func (e *OptionError) Error() string { return e.Flag + ": " + e.Problem + "; " + e.Remedy }

// ErrUnexpected says that a run went to its end and something in it was not as it must.
var ErrUnexpected = errors.New("not all went as it must")

// Validate checks the flags.
func (o *Options) Validate() error {
	switch {
	case o.Members < 0 || o.Members > maxMembers:
		return &OptionError{"--members", fmt.Sprintf("%d is not 1 to %d", o.Members, maxMembers), "four is the smallest number that survives one that fails"}
	case o.Observers > maxObservers:
		return &OptionError{"--observers", fmt.Sprintf("%d is more than %d", o.Observers, maxObservers), "one machine holds no more"}
	case o.WithdrawDelay != 0 && (o.WithdrawDelay < network.MinSlots || o.WithdrawDelay > network.MaxSlots):
		return &OptionError{"--withdraw-delay", fmt.Sprintf("%d is not %d to %d slots", o.WithdrawDelay, network.MinSlots, network.MaxSlots), "a slot of a testnet is 40 ms"}
	case o.DropTime != 0 && (o.DropTime < network.MinSlots || o.DropTime > network.MaxSlots):
		return &OptionError{"--drop-time", fmt.Sprintf("%d is not %d to %d slots", o.DropTime, network.MinSlots, network.MaxSlots), "a slot of a testnet is 40 ms"}
	case o.Chain != "" && o.Chain != Model && o.Chain != SVM:
		return &OptionError{"--chain", fmt.Sprintf("%q is no chain", string(o.Chain)), "localnet is the model of Solana, svm a Solana VM with the vault program"}
	case o.Rate != 0 && !(o.Rate >= minRate && o.Rate <= maxRate): // so written, NaN is none either
		return &OptionError{"--rate", fmt.Sprintf("%g is not %g to %g", o.Rate, minRate, float64(maxRate)), "say how many intents a second; 0 is as fast as it goes"}
	case o.Once && o.Intents < 0 && o.IntentsFile == "":
		return &OptionError{"--once", "has no end without a number of intents", "say --intents N or --intents-file FILE"}
	}
	return o.checkIntents()
}

// checkIntents reads the intents file as a run would, so that its mistakes are told before a network is founded for it.
func (o *Options) checkIntents() error {
	if o.IntentsFile == "" {
		return nil
	}
	n := &intent.Network{Name: networkName, FeeBps: feeBps, MaxAge: maxAge()}
	for i, c := range coins() {
		n.Mints = append(n.Mints, intent.Mint{Mint: intent.Key{byte(i + 1)}, Symbol: c.symbol, Decimals: c.decimals})
	}
	_, err := traffic.OpenFile(o.IntentsFile, traffic.Config{Network: n, Cast: traffic.NewCast(intent.Hash{}, traderCount)})
	return badIntents(err)
}

// badIntents says where to read about a file that cannot be read.
func badIntents(err error) error {
	if err == nil {
		return nil
	}
	return &OptionError{"--intents-file", err.Error(), "docs/testnet.md has the fields and an example"}
}

// A network that is up.
type running struct {
	o        Options
	home     string
	settings *settings
	file     *network.File
	screen   *screen
	chain    cluster
	bank     *bank
	nodes    []*client.Client
	keepers  *supervise.Supervisor
	deaths   []atomic.Int32 // of each node, so far
}

// Up founds a network or continues one, runs its traffic, and returns what came of it. It ends when all intents have
// (Once) or when ctx does, which is no error.
func Up(ctx context.Context, o Options) (sum *Summary, err error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	r := &running{o: o, home: o.Home, screen: newScreen(&o)}
	defer r.screen.close()
	temporary := o.Home == ""
	if temporary {
		if r.home, err = os.MkdirTemp("", "paradox-testnet-"); err != nil {
			return nil, fmt.Errorf("making a temporary home: %w", err)
		}
		defer func() { r.leave(err) }()
	} else if r.home, err = filepath.Abs(o.Home); err != nil {
		return nil, fmt.Errorf("--home: %w", err)
	}
	if err := checkHome(r.home); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(r.home, 0o700); err != nil {
		return nil, fmt.Errorf("--home: %w", err)
	}
	unlock, err := lockHome(r.home)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := r.open(ctx); err != nil {
		return nil, r.interrupted(ctx, err)
	}
	defer func() { err = errors.Join(err, r.stop()) }()
	sum, err = r.work(ctx)
	return sum, r.interrupted(ctx, err)
}

// ErrInterrupted says that a run that should have gone to its end was stopped before.
var ErrInterrupted = errors.New("interrupted before all intents had ended")

// interrupted tells what an error is worth once ctx has ended: to stop a network that runs without end is no failure.
func (r *running) interrupted(ctx context.Context, err error) error {
	switch {
	case ctx.Err() == nil:
		return err
	case r.o.Once:
		return ErrInterrupted
	default:
		return nil
	}
}

// leave removes a temporary home, unless something in it may be wanted.
func (r *running) leave(err error) {
	if err != nil && !errors.Is(err, ErrInterrupted) {
		r.screen.say("kept %s, with logs in it", r.home)
		return
	}
	if err := os.RemoveAll(r.home); err != nil {
		r.screen.say("cannot remove %s: %v", r.home, err)
	}
}

// open brings chain and nodes up, founding them first where there are none. What it started before an error it stops.
func (r *running) open(ctx context.Context) (err error) {
	if r.settings, err = loadSettings(r.home); err != nil {
		return err
	}
	if err := r.plan(ctx); err != nil {
		return err
	}
	if err := r.settings.checkPorts(ctx, r.home); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.stop())
		}
	}()
	// The chain must outlive ctx: nodes that are asked to stop still write to it.
	if r.chain, err = r.startChain(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	if r.settings.Founded {
		if err := r.load(); err != nil {
			return err
		}
	} else if err := r.found(ctx); err != nil {
		return err
	}
	return r.startNodes(ctx)
}

// plan decides on members and observers, and prepares a new home.
func (r *running) plan(ctx context.Context) (err error) {
	members, observers, chain := r.o.Members, r.o.Observers, r.o.Chain
	if s := r.settings; s != nil && s.Founded {
		if chain != "" && chain != s.Chain {
			return &OptionError{"--chain", fmt.Sprintf("%s, but this testnet was founded on %s", string(chain), string(s.Chain)), "leave the flag out, or take another --home"}
		}
		if members != 0 && members != s.members() {
			return &OptionError{"--members", fmt.Sprintf("%d, but this testnet was founded with %d", members, s.members()), "leave the flag out, or take another --home"}
		}
		if has := len(s.Nodes) - s.members(); observers >= 0 && observers != has {
			return &OptionError{"--observers", fmt.Sprintf("%d, but this testnet was founded with %d", observers, has), "leave the flag out, or take another --home"}
		}
		return nil
	}
	if members == 0 {
		members = DefaultMembers
	}
	if observers < 0 {
		observers = DefaultObservers
	}
	if chain == "" {
		chain = Model
	}
	if chain == SVM { // before a home is made that cannot be used
		if _, err := svmServer(r.o.SVMDir); err != nil {
			return err
		}
	}
	if r.settings, err = prepare(ctx, r.home, chain, members, observers); err != nil {
		return err
	}
	r.settings.delay, r.settings.drop = r.o.WithdrawDelay, r.o.DropTime
	return nil
}

func (r *running) load() (err error) {
	if r.file, err = loadNetwork(r.home); err != nil {
		return err
	}
	if err := r.checkCode(); err != nil {
		return err
	}
	wallets, err := loadWallets(r.home)
	if err != nil {
		return err
	}
	r.bank = newBank(r.file, wallets, r.settings.cast())
	return nil
}

// found makes keys, network file and vault, and funds everybody.
func (r *running) found(ctx context.Context) error {
	members, wallets, err := makeKeys(r.home, r.settings)
	if err != nil {
		return err
	}
	r.file, err = makeNetwork(r.home, r.settings, members, wallets, intent.Hash(r.chain.GenesisHash()), r.o.Now())
	if err != nil {
		return err
	}
	r.bank = newBank(r.file, wallets, r.settings.cast())
	var payers []solana.PublicKey
	for n := range r.settings.Nodes {
		home := r.nodeHome(&r.settings.Nodes[n])
		k, err := keys.Load(filepath.Join(home, "keys"), nil)
		if err != nil {
			return err
		}
		if err := r.o.InitNode(home, keyOf(k.Member)); err != nil {
			return fmt.Errorf("preparing %s: %w", r.settings.Nodes[n].Name, err)
		}
		payers = append(payers, solana.PublicKey(keyOf(k.FeePayer)))
	}
	if err := r.bank.found(ctx, r.settings.cast(), payers, r.screen.say); err != nil {
		return err
	}
	r.settings.Founded = true
	return r.settings.save(r.home)
}

func (r *running) nodeHome(n *nodeRecord) string { return filepath.Join(r.home, nodeDir, n.Name) }

func (r *running) logFile(n *nodeRecord) string {
	return filepath.Join(r.home, logDir, n.Name+".log")
}

// startNodes starts every node as a process of its own and waits until all answer.
func (r *running) startNodes(ctx context.Context) error {
	var commands []supervise.Command
	for n := range r.settings.Nodes {
		node := &r.settings.Nodes[n]
		c, err := client.New(node.API)
		if err != nil {
			return err
		}
		r.nodes = append(r.nodes, c.Within(nodeWait))
		commands = append(commands, supervise.Command{
			Name: node.Name, Path: r.o.Executable, Args: []string{"run", "--home", r.nodeHome(node)},
			Env: environment(os.Environ()), Log: r.logFile(node),
		})
	}
	r.deaths = make([]atomic.Int32, len(commands))
	r.keepers = supervise.Start(context.WithoutCancel(ctx), supervise.DefaultTiming(), commands, r.notice)
	ctx, cancel := context.WithTimeout(ctx, readyWait)
	defer cancel()
	for n, c := range r.nodes {
		if err := r.ready(ctx, n, c); err != nil {
			return err
		}
	}
	r.screen.say("%d nodes are ready (%d members); status page: %s", len(r.nodes), r.settings.members(), r.nodes[0].Address())
	r.screen.say("home: %s; a node of yours joins with its %s", r.home, networkFile)
	return nil
}

// environment leaves out what would configure a node: each has its own config.toml.
func environment(env []string) []string {
	var out []string
	for _, s := range env {
		name, _, _ := strings.Cut(s, "=")
		switch {
		case strings.HasPrefix(name, "PARADOX_"):
		case name == "SOLANA_RPC_URL", name == "ENABLE_ONCHAIN_SETTLEMENT", name == "PROGRAM_ID":
		case name == "MIN_INTENTS_PER_BATCH", name == "MAX_INTENTS_PER_BATCH", name == "BATCH_WINDOW_SECONDS":
		default:
			out = append(out, s)
		}
	}
	return out
}

// ready waits for one node.
func (r *running) ready(ctx context.Context, n int, c *client.Client) error {
	t := time.NewTicker(tick)
	defer t.Stop()
	for {
		last := c.Ready(ctx)
		if last == nil {
			return nil
		}
		if r.deaths[n].Load() >= maxDeaths {
			return r.notReady(n, "died again and again", last)
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return ctx.Err()
			}
			return r.notReady(n, "is not ready after "+readyWait.String(), last)
		}
	}
}

// maxDeaths is how often a node may die before it was ready: more will not help.
const maxDeaths = 4

// notReady says what the node said last.
func (r *running) notReady(n int, what string, last error) error {
	name, log := r.settings.Nodes[n].Name, r.logFile(&r.settings.Nodes[n])
	tail, _ := supervise.Tail(log) // what cannot be read is not shown
	return fmt.Errorf("%s %s: %w; the end of %s:\n%s", name, what, last, log, tail)
}

// notice shows what happens to the processes; that they start and stop as they should is no news.
func (r *running) notice(n supervise.Notice) {
	if r.o.Notice != nil {
		r.o.Notice(n)
	}
	switch n.Event {
	case supervise.Died:
		for i := range r.settings.Nodes {
			if r.settings.Nodes[i].Name == n.Name {
				r.deaths[i].Add(1)
			}
		}
		r.screen.say("%s died (%v); starting it again in %s", n.Name, n.Err, n.Wait)
	case supervise.Failed:
		r.screen.say("%s cannot be started (%v); trying again in %s", n.Name, n.Err, n.Wait)
	case supervise.Started, supervise.Stopped:
	}
}

// stop ends nodes first, then the chain.
func (r *running) stop() error {
	if r.keepers != nil {
		r.keepers.Stop()
		r.keepers = nil
	}
	for _, c := range r.nodes {
		c.Close()
	}
	r.nodes = nil
	if r.chain == nil {
		return nil
	}
	err := r.chain.Close()
	r.chain = nil
	if err != nil {
		return fmt.Errorf("stopping the chain: %w", err)
	}
	return nil
}
