package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/network"
	"github.com/phantom-paradox/paradox/program"
	"github.com/phantom-paradox/paradox/testnet"
)

// The environment names are those that the replaced service read.
type networkCreateCmd struct {
	From      string   `help:"Begin with the fields of this file, a template or another network's; flags win." placeholder:"FILE"`
	Name      string   `help:"3 to 32 of a-z 0-9 -."`
	ProgramID string   `env:"PROGRAM_ID" help:"Address of the vault program." placeholder:"KEY"`
	CodeHash  string   `help:"SHA-256 of its code, base58; that of the program in this release unless said otherwise." placeholder:"HASH"`
	Cluster   string   `help:"The Solana cluster: devnet, or a genesis hash in base58 (solana genesis-hash prints it)." placeholder:"HASH"`
	FeeOwner  string   `help:"Wallet that fees belong to." placeholder:"KEY"`
	FeeBps    *uint64  `help:"Fee in hundredths of a percent." placeholder:"N"`
	Member    []string `sep:"none" help:"NAME:KEY:VRF:WEIGHT, once for each: makes a network file that nobody signs, for a network of your own. Without any it is a draft." placeholder:"MEMBER"`
	Mint      []string `sep:"none" help:"SYMBOL:MINT:DECIMALS; once for each." placeholder:"MINT"`
	Bootstrap []string `help:"Multiaddrs of first peers, each with /p2p/ID; founders' cards bring their own." placeholder:"MULTIADDR"`
	RPC       []string `name:"rpc" help:"Solana RPC endpoints." placeholder:"URL"`

	WithdrawDelay uint64 `help:"Slots after which an owner takes a withdrawal without anyone's leave; 9000 are an hour." placeholder:"SLOTS"`
	DropTime      uint64 `help:"Slots after which anyone may take back a height that does not settle; 4500 are half an hour." placeholder:"SLOTS"`

	MinIntents int   `env:"MIN_INTENTS_PER_BATCH" help:"Intents that start a round once the tick has passed." placeholder:"N"`
	MaxIntents int   `env:"MAX_INTENTS_PER_BATCH" help:"Intents a batch holds at most." placeholder:"N"`
	Tick       int64 `env:"BATCH_WINDOW_SECONDS" help:"Seconds between rounds." placeholder:"SECONDS"`

	Out string `required:"" short:"o" help:"The file to write; it must not be there yet." placeholder:"FILE"`
}

// draftSays is what a node is told that is given a draft.
const draftSays = "its founders have not all signed it: paradox network verify FILE tells who has; docs/founding.md has the order"

func (n networkCreateCmd) Run(a *app) error {
	f, err := n.file(a)
	if err != nil {
		return fmt.Errorf("%w: %w", errInput, err)
	}
	text, what := f.JSON(), "founds"
	if len(f.Members) == 0 {
		text, what = f.DraftJSON(draftSays), "is a draft of"
	}
	out, err := os.OpenFile(n.Out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return fmt.Errorf("%w: --out: %w", errInput, err)
	}
	_, err = out.Write(text)
	if err = errors.Join(err, out.Close()); err != nil {
		return fmt.Errorf("writing %s: %w", n.Out, err)
	}
	return a.print(map[string]any{"name": f.Name, "hash": f.Hash().String(), "file": n.Out, "draft": len(f.Members) == 0}, func(w io.Writer) {
		fmt.Fprintf(w, "%s %s %s %s\n", n.Out, what, f.Name, f.Hash())
		if len(f.Members) == 0 {
			fmt.Fprintln(w, "The hash changes with each member. Next: paradox network add-member FILE CARD…, with the founders' cards.")
		}
	})
}

// begin is the file that the flags are laid over.
func (n networkCreateCmd) begin(a *app) (*network.File, error) {
	f := &network.File{
		WithdrawDelay: network.DefaultWithdrawDelay, DropTime: network.DefaultDropTime, Params: network.DefaultParams(),
		MaxAge: intent.MaxAge{Default: 3600, Ask: 7 * 86400, Session: 30 * 86400}, CodeHash: program.Hash(),
	}
	if n.From != "" {
		b, err := os.ReadFile(n.From)
		if err != nil {
			return nil, fmt.Errorf("--from: %w", err)
		}
		if f, err = network.ParseTemplate(b); err != nil {
			return nil, fmt.Errorf("--from: %w", err)
		}
	}
	f.Version, f.Time, f.Members, f.Signatures = network.Version, a.now().Unix(), []network.Member{}, nil
	if f.Mints == nil {
		f.Mints = []intent.Mint{}
	}
	return f, nil
}

func (n networkCreateCmd) file(a *app) (*network.File, error) {
	f, err := n.begin(a)
	if err != nil {
		return nil, err
	}
	if n.Cluster == "devnet" {
		n.Cluster = testnet.DevnetGenesis
	}
	for _, p := range []struct {
		flag, text string
		into       interface{ UnmarshalText([]byte) error }
	}{
		{"--program-id", n.ProgramID, &f.ProgramID}, {"--code-hash", n.CodeHash, &f.CodeHash},
		{"--cluster", n.Cluster, &f.Cluster}, {"--fee-owner", n.FeeOwner, &f.FeeOwner},
	} {
		if p.text == "" {
			continue
		}
		if err := p.into.UnmarshalText([]byte(p.text)); err != nil {
			return nil, fmt.Errorf("%s: %w", p.flag, err)
		}
	}
	if err := n.lists(f); err != nil {
		return nil, err
	}
	n.numbers(f)
	return f, f.ValidateDraft()
}

// lists lays members, mints and addresses over the file. Mints and addresses that are said replace those of --from.
func (n networkCreateCmd) lists(f *network.File) error {
	for _, s := range n.Member {
		m, err := network.ParseMember(s)
		if err != nil {
			return fmt.Errorf("--member: %w", err)
		}
		f.Members = append(f.Members, m)
	}
	if len(n.Mint) > 0 {
		f.Mints = nil
	}
	for _, s := range n.Mint {
		m, err := network.ParseMint(s)
		if err != nil {
			return fmt.Errorf("--mint: %w", err)
		}
		f.Mints = append(f.Mints, m)
	}
	if len(n.RPC) > 0 {
		f.RPC = n.RPC
	}
	f.Bootstrap = n.Bootstrap // those of another network's file are its own
	return nil
}

// numbers lays names and numbers over the file.
func (n networkCreateCmd) numbers(f *network.File) {
	if n.Name != "" {
		f.Name = n.Name
	}
	if n.FeeBps != nil {
		f.FeeBps = *n.FeeBps
	}
	if n.WithdrawDelay > 0 {
		f.WithdrawDelay = n.WithdrawDelay
	}
	if n.DropTime > 0 {
		f.DropTime = n.DropTime
	}
	if n.MinIntents > 0 {
		f.Params.MinIntents = n.MinIntents
	}
	if n.MaxIntents > 0 {
		f.Params.MaxIntents = n.MaxIntents
	}
	if n.Tick > 0 {
		f.Params.Tick = n.Tick * 1000
		f.Params.MaxWait = max(f.Params.MaxWait, f.Params.Tick)
	}
}
