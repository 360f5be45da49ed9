package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/gagliardetto/solana-go"

	"github.com/phantom-paradox/paradox/chain"
	chainrpc "github.com/phantom-paradox/paradox/chain/rpc"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/network"
)

type networkCmd struct {
	Show   networkShowCmd   `cmd:"" help:"Say what a network file founds."`
	Verify networkVerifyCmd `cmd:"" help:"Check a network file: its hash, which founders have signed it, the program on chain."`

	Create       networkCreateCmd       `cmd:"" help:"Founding, 1: make a draft of a network file, or the file of a network of your own."`
	Card         networkCardCmd         `cmd:"" help:"Founding, 2: print a founder's card, signed by this home's key."`
	AddMember    networkAddMemberCmd    `cmd:"" help:"Founding, 3: take founders' cards into the draft."`
	Sign         networkSignCmd         `cmd:"" help:"Founding, 4: look at the draft and sign what it founds."`
	AddSignature networkAddSignatureCmd `cmd:"" help:"Founding, 5: take founders' signatures into the draft; with the last it is a network file."`

	Members networkMembersCmd `cmd:"" help:"The members now, and changes that wait for approvals."`
	Join    networkJoinCmd    `cmd:"" help:"Print a request to be admitted as a member, signed by this home's key."`
	Admit   networkAdmitCmd   `cmd:"" help:"Approve that a candidate becomes a member; it does when a quorum's operators approve."`
	Remove  networkRemoveCmd  `cmd:"" help:"Approve that a member goes; it does when a quorum's operators approve."`
}

// Help is what --help says besides.
func (networkCmd) Help() string {
	return `A network is founded by its members, and no private key leaves its home (docs/founding.md):

  one, the coordinator  paradox network create --name N … -o network.json       a draft, without members
  every founder         paradox keys new && paradox network card NAME > NAME.card
  the coordinator       paradox network add-member network.json *.card
  every founder         paradox network sign network.json > NAME.sig             after looking at all of it
  the coordinator       paradox network add-signature network.json *.sig
  everybody             paradox network verify network.json --rpc URL

After the first height, members change by approvals: join, admit, remove (docs/committee.md).`
}

func readNetwork(path string) (*network.File, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errInput, err)
	}
	f, err := network.Parse(b)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", errInput, path, err)
	}
	return f, nil
}

// readDraft reads a network file, or a draft of one that may have no members yet.
func readDraft(path string) (f *network.File, draft bool, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, false, fmt.Errorf("%w: %w", errInput, err)
	}
	f, says, err := network.ParseDraft(b)
	if err != nil {
		return nil, false, fmt.Errorf("%w: %s: %w", errInput, path, err)
	}
	return f, says != "", nil
}

type networkShowCmd struct {
	File string `arg:"" help:"The network file."`
}

func (n networkShowCmd) Run(a *app) error {
	f, _, err := readDraft(n.File)
	if err != nil {
		return err
	}
	view := struct {
		Hash      string        `json:"hash"`
		Threshold uint32        `json:"threshold"`
		File      *network.File `json:"file"`
	}{f.Hash().String(), f.Threshold(), f}
	return a.print(view, func(w io.Writer) { tellFile(w, f) })
}

// tellFile shows everything that the hash covers: who signs it signs nothing unseen.
func tellFile(w io.Writer, f *network.File) {
	fmt.Fprintf(w, "%s  %s\n\n", f.Name, f.Hash())
	fmt.Fprintf(w, "founded    %s\ncluster    %s\nprogram    %s\ncode hash  %s\n", time.Unix(f.Time, 0).UTC().Format(time.RFC3339), f.Cluster, f.ProgramID, f.CodeHash)
	fmt.Fprintf(w, "fees       %d/10000 to %s\n", f.FeeBps, f.FeeOwner)
	fmt.Fprintf(w, "delays     a withdrawal needs nobody after %d slots; a height that does not settle can be dropped after %d\n", f.WithdrawDelay, f.DropTime)
	fmt.Fprintf(w, "intents    live for at most %d s, asks %d s, sessions %d s\n", f.MaxAge.Default, f.MaxAge.Ask, f.MaxAge.Session)
	p := f.Params
	fmt.Fprintf(w, "batches    %d to %d intents, at most %d bytes, %d entries; %d items an issuer\n", p.MinIntents, p.MaxIntents, p.MaxBatchBytes, p.MaxWallets, p.MaxItems)
	fmt.Fprintf(w, "rounds     tick %d ms, longest wait %d ms, bundles held %d ms, view timeout %d to %d ms, takeover after %d ms, cut %d slots back\n\n",
		p.Tick, p.MaxWait, p.BundleAge, p.ViewTimeout, p.ViewTimeoutMax, p.TakeoverDelay, p.CutMargin)
	fmt.Fprintf(w, "%d members; a quorum weighs more than %d\n", len(f.Members), f.Threshold())
	for _, m := range f.Members {
		fmt.Fprintf(w, "  %-16s %s  weight %d\n  %-16s VRF key %s\n", m.Name, m.Key, m.Weight, "", m.VRF)
	}
	fmt.Fprintf(w, "\n%d mints\n", len(f.Mints))
	for _, m := range f.Mints {
		fmt.Fprintf(w, "  %-10s %s  %d decimals\n", m.Symbol, m.Mint, m.Decimals)
	}
}

type networkVerifyCmd struct {
	File    string        `arg:"" help:"The network file, or a draft."`
	Hash    string        `help:"The hash that the file must have, as others told you." placeholder:"HASH"`
	Signed  bool          `help:"All founders must have signed it; otherwise all of them or none."`
	RPC     []string      `name:"rpc" help:"Solana RPC endpoints: check the cluster, the program's code and that nobody can replace it, too." placeholder:"URL"`
	Timeout time.Duration `default:"1m" help:"Give up after so long."`
}

// Help is what --help says besides.
func (networkVerifyCmd) Help() string {
	return `It says who has signed the file and who has not. Exit code 4: the hash is another, a signature is wrong, somebody has signed and not all
have, it is a draft still, or the program on chain is not as it must be. A node refuses such a file, too.`
}

// verified is the answer of network verify.
type verified struct {
	Name    string         `json:"name"`
	Hash    string         `json:"hash"`
	Draft   bool           `json:"draft"`
	Signed  []string       `json:"signed"`  // members whose founders' signatures are in the file
	Missing []string       `json:"missing"` // the others
	Program *chain.Program `json:"program,omitempty"`
}

func (n networkVerifyCmd) Run(ctx context.Context, a *app) error {
	f, draft, err := readDraft(n.File)
	if err != nil {
		return err
	}
	out := verified{Name: f.Name, Hash: f.Hash().String(), Draft: draft}
	if n.Hash != "" {
		if _, err := intent.ParseHash(n.Hash); err != nil {
			return fmt.Errorf("%w: --hash: %w", errInput, err)
		}
	}
	if n.Hash != "" && n.Hash != out.Hash {
		return fmt.Errorf("%w: %s has the hash %s, not %s: it founds another network", errDiffers, n.File, out.Hash, n.Hash)
	}
	signed, missing, wrong := f.Founders()
	if wrong != nil {
		return fmt.Errorf("%w: %s: %s", errDiffers, n.File, wrong.Error()) // not as a fault of the input
	}
	out.Signed, out.Missing = append([]string{}, signed...), append([]string{}, missing...)
	if len(n.RPC) > 0 {
		if out.Program, err = n.onChain(ctx, a, f); err != nil {
			return err
		}
	}
	if err := a.print(out, func(w io.Writer) { n.text(w, f, &out) }); err != nil {
		return err
	}
	switch {
	case len(missing) > 0 && (n.Signed || draft || len(signed) > 0):
		return fmt.Errorf("%w: %s lacks the signatures of %s; `paradox network sign` makes one, `paradox network add-signature` takes it in", errDiffers, n.File, strings.Join(missing, ", "))
	case draft:
		return fmt.Errorf("%w: %s is a draft without founders; `paradox network add-member` takes their cards in", errDiffers, n.File)
	}
	return nil
}

func (n networkVerifyCmd) text(w io.Writer, f *network.File, out *verified) {
	if n.Hash != "" {
		fmt.Fprintf(w, "%s is well formed and has that hash: %s %s\n", n.File, f.Name, out.Hash)
	} else {
		fmt.Fprintf(w, "%s is well formed: %s %s\n", n.File, f.Name, out.Hash)
		fmt.Fprintln(w, "Compare the hash with what others told you, or say it with --hash.")
	}
	for _, name := range out.Signed {
		fmt.Fprintf(w, "  %-16s has signed it\n", name)
	}
	for _, name := range out.Missing {
		fmt.Fprintf(w, "  %-16s has not signed it\n", name)
	}
	if p := out.Program; p != nil {
		fmt.Fprintf(w, "The program %s has the pinned code of %d bytes, and nobody can replace it.\n", p.ID, p.Bytes)
	} else {
		fmt.Fprintln(w, "Of the program on chain nothing was checked; --rpc URL does that.")
	}
}

// onChain holds the file against a cluster, as a node does before it starts.
func (n networkVerifyCmd) onChain(ctx context.Context, a *app, f *network.File) (*chain.Program, error) {
	a.hidden = n.RPC
	ctx, cancel := context.WithTimeout(ctx, n.Timeout)
	defer cancel()
	pool, err := chainrpc.New(ctx, chainrpc.Config{Endpoints: n.RPC, Genesis: solana.Hash(f.Cluster)})
	if errors.Is(err, chainrpc.ErrWrongCluster) {
		return nil, fmt.Errorf("%w: %w", errDiffers, err)
	}
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	var sources []chain.Source
	for _, e := range pool.Endpoints() {
		sources = append(sources, chain.Source{Name: e.Name, RPC: e})
	}
	if err := chain.CheckProgram(ctx, f, sources); err != nil {
		return nil, err
	}
	return chain.ReadProgram(ctx, pool, solana.PublicKey(f.ProgramID), f.CodeHash)
}
