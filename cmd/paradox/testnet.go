package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/node/setup"
	"github.com/phantom-paradox/paradox/testnet"
)

type testnetCmd struct {
	Up    testnetUpCmd    `cmd:"" help:"Found a network on this machine, or continue one, and run traffic through it."`
	Chain testnetChainCmd `cmd:"" help:"Run the chain of a testnet and none of its nodes."`
	Fund  testnetFundCmd  `cmd:"" help:"Give play money of a running testnet to a wallet."`

	Mint   testnetMintCmd   `cmd:"" help:"Make a mint of test tokens, on any cluster but mainnet."`
	Faucet testnetFaucetCmd `cmd:"" help:"Give test funds of a network: to wallets now, or over HTTP to who asks."`
}

type testnetUpCmd struct {
	Home        string  `help:"Where it lives; a second up continues it. A temporary directory unless said otherwise." placeholder:"DIR"`
	Chain       string  `enum:",localnet,svm" default:"" help:"What it settles on: localnet, a model of Solana in this process, or svm, a real Solana virtual machine (Node; run in the repository). The model unless said otherwise." placeholder:"CHAIN"`
	SVMDir      string  `name:"svm-dir" type:"path" help:"Where the SVM server lies, for --chain svm; program/svm here, beside this program, or above, unless said otherwise." placeholder:"DIR"`
	Members     *int    `help:"Nodes with a vote; 4 unless said otherwise." placeholder:"N"`
	Observers   int     `default:"-1" help:"Nodes without a vote; 1 unless said otherwise." placeholder:"N"`
	Intents     int     `default:"-1" help:"How many intents; without end unless said otherwise." placeholder:"N"`
	Rate        float64 `default:"100" help:"Intents a second; 0 is as fast as it goes."`
	Seed        uint64  `default:"1" help:"Of the traffic: the same seed, the same intents."`
	IntentsFile string  `type:"path" help:"Intents of your own, one JSON object a line, instead of made ones; docs/testnet.md says how." placeholder:"FILE"`

	WithdrawDelay uint64 `help:"Slots of 40 ms after which a withdrawal needs nobody, of a new network; 3000 unless said otherwise." placeholder:"SLOTS"`
	DropTime      uint64 `help:"Slots of 40 ms after which anybody may drop a settlement that nobody completes, of a new network; 1500 unless said otherwise." placeholder:"SLOTS"`

	Once bool          `help:"End when all intents have ended."`
	Wait time.Duration `default:"10m" help:"With --once: give up after so long, with intents pending."`
}

func (t testnetUpCmd) Run(ctx context.Context, a *app) error {
	members, err := t.members()
	if err != nil {
		return err
	}
	var wide func() int // a log that no terminal shows keeps its lines whole
	if a.tty {
		wide = func() int { return columns(os.Stderr) }
	}
	sum, err := testnet.Up(ctx, testnet.Options{
		Home: t.Home, Chain: testnet.Chain(t.Chain), SVMDir: t.SVMDir, Members: members, Observers: t.Observers, Intents: t.Intents, Rate: t.Rate, Seed: t.Seed,
		IntentsFile: t.IntentsFile, WithdrawDelay: t.WithdrawDelay, DropTime: t.DropTime, Once: t.Once, Wait: t.Wait,
		Executable: a.self, InitNode: setup.VoteLog, Out: a.err, TTY: a.tty, Columns: wide, Now: a.now,
	})
	if sum == nil || !a.json {
		return err
	}
	if perr := a.print(sum, nil); perr != nil {
		return fmt.Errorf("printing the summary: %w", perr)
	}
	return err
}

// members are those asked for; 0 where nobody said, which leaves it to the launcher.
func (t testnetUpCmd) members() (int, error) {
	if t.Members == nil {
		return 0, nil
	}
	if *t.Members == 0 {
		return 0, fmt.Errorf("%w: --members 0: a network needs somebody who votes; 1 or more, or leave the flag out for the usual number", errInput)
	}
	return *t.Members, nil
}

type testnetChainCmd struct {
	Home   string `required:"" help:"Where the testnet lives." placeholder:"DIR"`
	SVMDir string `name:"svm-dir" type:"path" help:"Where the SVM server lies, as of testnet up." placeholder:"DIR"`
	Listen string `help:"Run a model of Solana with nothing on it yet at this address instead, to found a network of your own on it." placeholder:"HOST:PORT"`
}

// Help is what --help says besides.
func (testnetChainCmd) Help() string {
	return `For the day on which every node is gone: the chain is all that a withdrawal needs. Ctrl-C ends it.

With --listen it is a chain for a founding ceremony on one machine (docs/founding.md): HOME/template.json is what
` + "`paradox network create --from`" + ` begins with.`
}

func (t testnetChainCmd) Run(ctx context.Context, a *app) error {
	o := testnet.Options{Home: t.Home, SVMDir: t.SVMDir, Out: a.err, TTY: a.tty, Now: a.now}
	if t.Listen != "" {
		return testnet.BareChain(ctx, o, t.Listen)
	}
	return testnet.ChainAlone(ctx, o)
}

type testnetFundCmd struct {
	Address string        `arg:"" help:"The wallet's."`
	Home    string        `required:"" help:"Where the testnet lives." placeholder:"DIR"`
	Timeout time.Duration `default:"1m" help:"Give up after so long."`
}

func (t testnetFundCmd) Run(ctx context.Context, a *app) error {
	to, err := intent.ParseKey(t.Address)
	if err != nil {
		return fmt.Errorf("%w: the address: %w", errInput, err)
	}
	ctx, cancel := context.WithTimeout(ctx, t.Timeout)
	defer cancel()
	g, err := testnet.Fund(ctx, t.Home, to)
	if err != nil {
		return err
	}
	return a.print(g, func(w io.Writer) {
		fmt.Fprintf(w, "%s has %s more", g.Wallet, sol(g.Lamports))
		for _, symbol := range slices.Sorted(maps.Keys(g.Tokens)) {
			fmt.Fprintf(w, ", %s %s", g.Tokens[symbol], symbol)
		}
		fmt.Fprintln(w)
	})
}
