package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	kongcompletion "github.com/jotaen/kong-completion"
	"golang.org/x/term"

	"github.com/phantom-paradox/paradox/internal/legible"
	"github.com/phantom-paradox/paradox/node/config"
)

const description = `Paradox is a decentralised netting network on Solana: wallets sign intents, nodes gossip them, agree on one batch a
round, net it, and settle the net on chain.

  paradox testnet up                      a whole network on this machine
  paradox init --network FILE             a home for a node of a network
  paradox run                             the node
  paradox status                          what it does
  paradox doctor                          what is wrong, and what to do

  paradox wallet new                      a key of your own; deposit and withdraw move its money
  paradox intent pay 1.5 TUSD KEY         sign a payment and hand it to a node

Exit codes: 0 done; 1 tried and failed; 2 bad input: a flag, a file or a setting that you can mend, whichever command finds
it; 3 the node, or every RPC endpoint, does not answer; 4 unhealthy, or a check found a difference; 5 a home, key or port is
in use. With --json an error is one line on standard error: {"error":{"exit":2,"message":"…"}}.`

// The command line.
type cli struct {
	JSON bool `name:"json" help:"Answer as JSON, for programs."`

	Testnet   testnetCmd   `cmd:"" help:"A whole network on this machine."`
	Init      initCmd      `cmd:"" help:"Make a home for a node: keys, network file, configuration."`
	Run       runCmd       `cmd:"" help:"Run a node."`
	Resume    resumeCmd    `cmd:"" help:"Let a stopped node vote again that had stopped voting for a reason that a person must judge."`
	Status    statusCmd    `cmd:"" help:"What a node does now; the exit code says whether it is in step."`
	Health    healthCmd    `cmd:"" help:"Ask a node how it is; the exit code says so too."`
	Peers     peersCmd     `cmd:"" help:"Who is connected, and the addresses to hand to others."`
	Doctor    doctorCmd    `cmd:"" help:"Look for what is wrong, and say what to do."`
	Network   networkCmd   `cmd:"" help:"Network files, and the members: who they are, admit, remove."`
	Wallet    walletCmd    `cmd:"" help:"Your money: keys, deposits, withdrawals. It asks the chain, never a node."`
	Vault     vaultCmd     `cmd:"" help:"The network's vault on chain: found it, look at it."`
	Intent    intentCmd    `cmd:"" help:"Sign what you wish and hand it to a node."`
	Statement statementCmd `cmd:"" help:"A wallet's account of one height: opening, in, out, closing."`
	Session   sessionCmd   `cmd:"" help:"Keys that may spend for a wallet, within limits."`
	Keys      keysCmd      `cmd:"" help:"Key files: show the public halves, seal with a passphrase."`
	Evidence  evidenceCmd  `cmd:"" help:"Members that contradicted themselves, with proof."`
	Batch     batchCmd     `cmd:"" help:"Decided batches."`
	Snapshot  snapshotCmd  `cmd:"" help:"Begin new nodes from the state of another."`
	Netting   nettingCmd   `cmd:"" help:"Netting itself, without a network."`
	Bench     benchCmd     `cmd:"" help:"Measure this machine."`
	Akash     akashCmd     `cmd:"" help:"Run a node on Akash: the deployment file, its check, its cost."`
	Config    configCmd    `cmd:"" help:"Every setting, its value, and where that comes from."`
	Version   versionCmd   `cmd:"" help:"The version of this binary."`

	Completion kongcompletion.Completion `cmd:"" help:"Completion for bash, zsh and fish: prints what to put into the shell's file."`
}

// An app is what commands see of the system.
type app struct {
	in       io.Reader
	out, err io.Writer
	environ  []string
	userDir  string
	tty      bool                         // standard error is a terminal
	secret   func(string) (string, error) // asks the terminal at standard input for what it must not show; nil: it is none
	columns  func() int                   // of the terminal that answers go to; nil: fit.Columns
	self     string                       // path of this binary
	now      func() time.Time
	json     bool
	hidden   []string       // URLs of which errors show the host alone: the rest can be a provider's key
	set      map[string]any // configuration flags that were given, by config.Field.Key
}

func system() *app {
	self, err := os.Executable()
	if err != nil {
		self = os.Args[0]
	}
	return &app{
		in: os.Stdin, out: os.Stdout, err: os.Stderr, environ: os.Environ(), userDir: config.UserDir(),
		tty: term.IsTerminal(int(os.Stderr.Fd())), columns: func() int { return columns(os.Stdout) }, secret: terminalSecret(), self: self, now: time.Now,
	}
}

// exited carries kong's wish to end, after help for instance, up to execute.
type exited int

// grammar is the command line as kong reads it.
func grammar(c *cli, options ...kong.Option) (*kong.Kong, error) {
	return kong.New(c, append([]kong.Option{kong.Name("paradox"), kong.Description(description),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true})}, options...)...)
}

// execute runs one command line and gives its exit code.
func execute(ctx context.Context, a *app, args []string) (code int) {
	defer func() {
		if r := recover(); r != nil {
			e, ok := r.(exited)
			if !ok {
				panic(r)
			}
			code = int(e)
		}
	}()
	var c cli
	parser, err := grammar(&c, kong.Writers(a.out, a.err), kong.BindTo(ctx, (*context.Context)(nil)), kong.Exit(func(n int) { panic(exited(n)) }))
	if err != nil {
		return a.fail(err)
	}
	kongcompletion.Register(parser) // answers a shell that asks, and ends there
	parsed, err := parser.Parse(args)
	if err != nil {
		return a.usage(err)
	}
	a.json = c.JSON
	a.set = given(parsed)
	if err := parsed.Run(a); err != nil {
		return a.fail(err)
	}
	return exitOK
}

// given are the configuration flags on the command line.
func given(k *kong.Context) map[string]any {
	keys := map[string]string{}
	for _, f := range config.Fields() {
		keys[f.Flag] = f.Key
	}
	set := map[string]any{}
	for _, p := range k.Path {
		if p.Flag == nil || p.Resolved {
			continue
		}
		if key := keys["--"+p.Flag.Name]; key != "" {
			set[key] = p.Flag.Target.Interface()
		}
	}
	return set
}

// load reads the configuration as the command line, the environment and config.toml say it.
func (a *app) load() (*config.Loaded, error) {
	return config.Load(config.Sources{Flags: a.set, Environ: a.environ, UserDir: a.userDir})
}

// print answers: v as one line of JSON, or what text writes.
func (a *app) print(v any, text func(w io.Writer)) error {
	if !a.json {
		var b strings.Builder
		text(&b)
		_, err := io.WriteString(a.out, legible.Text(b.String())) // much of it was said by others
		return err
	}
	e := json.NewEncoder(a.out)
	e.SetEscapeHTML(false) // links stay readable
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("encoding the answer: %w", err)
	}
	return nil
}

func (a *app) usage(err error) int {
	a.complain(exitUsage, err.Error())
	var p *kong.ParseError
	if errors.As(err, &p) && !a.json {
		command, _, _ := strings.Cut(p.Context.Command(), "<") // without its arguments
		fmt.Fprintf(a.err, "See: %s --help\n", strings.TrimSpace("paradox "+command))
	}
	return exitUsage
}

// fail says an error where people and programs look for it.
func (a *app) fail(err error) int {
	code := codeOf(err)
	a.complain(code, err.Error())
	return code
}

func (a *app) complain(code int, text string) {
	for _, url := range a.hidden {
		text = strings.ReplaceAll(text, url, config.RedactURL(url))
	}
	if !a.json {
		fmt.Fprintln(a.err, "paradox:", legible.Text(text))
		return
	}
	b, err := json.Marshal(map[string]any{"error": map[string]any{"exit": code, "message": text}})
	if err != nil {
		b = []byte(text)
	}
	fmt.Fprintf(a.err, "%s\n", b)
}
