package testnet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gagliardetto/solana-go"
	"github.com/gagliardetto/solana-go/rpc"

	"github.com/phantom-paradox/paradox/chain"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/node"
	"github.com/phantom-paradox/paradox/node/config"
	"github.com/phantom-paradox/paradox/node/setup"
	"github.com/phantom-paradox/paradox/program"
)

// Bounds of the comparison: all runs together, which take 20 seconds, and minutes with the race detector in every node on a busy
// machine; and the traffic of each.
const (
	bothChains  = 10 * time.Minute
	bothIntents = 150
	againMore   = 20
)

// The same traffic ends the same on the model of Solana and on the Solana VM with the program's own bytes: the same intents
// settle, every wallet has the same money and the same items, and nothing was made or lost.
func TestTheSameOnBothChains(t *testing.T) {
	executable := asNodes(t)
	ctx, cancel := context.WithTimeout(t.Context(), bothChains)
	defer cancel()
	var ledgers []*ledgerSeen
	for _, on := range []Chain{Model, SVM} {
		o := upOptions(executable, filepath.Join(t.TempDir(), "home"), bothIntents)
		o.Chain = on
		ledgers = append(ledgers, up(ctx, t, o, nil))
		if on == SVM { // the chain is there again, and the traffic goes on
			o.Chain, o.Members, o.Observers, o.Intents = "", 0, -1, againMore
			if more := up(ctx, t, o, ledgers[1]); more.first <= ledgers[1].last || more.Signers != againMore {
				t.Errorf("the second run began with height %d after %d, and %d intents", more.first, ledgers[1].last, more.Signers)
			}
		}
	}
	model, vm := ledgers[0], ledgers[1]
	for _, l := range ledgers {
		l.first, l.last = 0, 0 // where heights end is a matter of time
	}
	for name, w := range model.Wallets {
		if !reflect.DeepEqual(w, vm.Wallets[name]) {
			t.Errorf("%s on the model %+v\non the VM %+v", name, w, vm.Wallets[name])
		}
	}
	for index, end := range model.Ends {
		if end != vm.Ends[index] {
			t.Errorf("intent %d on the model: %s; on the VM: %s", index, end, vm.Ends[index])
		}
	}
	if !reflect.DeepEqual(model, vm) {
		t.Errorf("on the model %+v\non the VM %+v", model, vm)
	}
}

// The test binary is its own node: what it does then stands in this variable.
const role = "TESTNET_TEST_ROLE"

// asNodes makes the processes that a launcher starts out of this binary nodes.
func asNodes(t *testing.T) (executable string) {
	t.Helper()
	t.Setenv(role, "node")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return self
}

// runNode is `paradox run --home DIR`.
func runNode(home string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	c, err := config.Load(config.Sources{Flags: map[string]any{"home": home}})
	if err != nil {
		return err
	}
	parts, err := setup.Open(&c.Config, "test", os.Stderr, nil)
	if err != nil {
		return err
	}
	n, err := node.New(ctx, parts)
	if err != nil {
		return err
	}
	defer n.Close()
	return n.Run(ctx)
}

func upOptions(executable, home string, intents int) Options {
	return Options{
		Home: home, Members: 4, Observers: 1, Intents: intents, Seed: 7, Once: true, Wait: bothChains,
		Executable: executable, InitNode: setup.VoteLog, Now: time.Now,
	}
}

// A ledgerSeen is what a network has come to, in words that are the same wherever it ran: names for keys.
type ledgerSeen struct {
	Signers     int            // intents signed
	Ends        map[int]string // by the intent's index
	Wallets     map[string]*walletSeen
	Deposited   map[string]uint64 // by the mint's symbol
	first, last uint64            // heights
}

type walletSeen struct {
	Balance, Requested, Spendable map[string]uint64 // by the mint's symbol
	Items                         []string
	Next, Floor                   uint64 // nonces
}

// up runs a network to its end and returns its ledger. Earlier is that of the run before in the same home.
func up(ctx context.Context, t *testing.T, o Options, earlier *ledgerSeen) *ledgerSeen {
	t.Helper()
	var out bytes.Buffer
	var seen *ledgerSeen
	var txs int
	o.Out = &out
	o.ended = func(ctx context.Context, r *running, d *driver) (err error) {
		seen, txs, err = look(ctx, r, d, earlier)
		return err
	}
	sum, err := Up(ctx, o)
	if err != nil {
		t.Fatalf("%q: %v\n%s", string(o.Chain), err, &out)
	}
	if sum.Intents.Settled+sum.Intents.Dropped+sum.Intents.Refused != o.Intents || len(sum.StateDigests) != 5 {
		t.Errorf("%q: %+v", string(o.Chain), sum)
	}
	seen.last, seen.first = sum.Chain.Height, sum.Chain.Height-uint64(sum.Heights)+1
	if o.Chain != "" && sum.Chain.Transactions != txs {
		t.Errorf("%s: the summary has %d transactions, the nodes show %d", o.Chain, sum.Chain.Transactions, txs)
	}
	return seen
}

// look reads what the network has come to, and checks what must hold on any chain.
func look(ctx context.Context, r *running, d *driver, earlier *ledgerSeen) (*ledgerSeen, int, error) {
	l := &ledgerSeen{Ends: map[int]string{}, Wallets: map[string]*walletSeen{}, Deposited: map[string]uint64{}}
	n := newNames(r)
	for _, m := range r.file.Mints {
		l.Deposited[m.Symbol] = openingUnits * uint64(len(r.settings.cast().Funded()))
		if earlier != nil {
			l.Deposited[m.Symbol] = earlier.Deposited[m.Symbol]
		}
	}
	for index, j := range d.jobs {
		if x := j.step.Deposit; x != nil {
			l.Deposited[n.of[x.Mint]] += x.Amount
			continue
		}
		l.Signers++
		end := describe(j.end, j.code)
		if j.code == intent.Expired { // before it was handed in or after is a matter of time
			end = "expired"
		}
		l.Ends[index] = j.step.Story + " " + string(j.signed.Kind) + " " + end
	}
	for key, name := range n.wallets {
		w, err := n.wallet(ctx, r, key)
		if err != nil {
			return nil, 0, fmt.Errorf("%s: %w", name, err)
		}
		l.Wallets[name] = w
	}
	txs, err := checkTransactions(ctx, r)
	return l, txs, errors.Join(err, checkCode(r), checkMoney(ctx, r, n, l))
}

// names turns keys, which are drawn for each network, into roles.
type names struct {
	of      map[intent.Key]string
	wallets map[intent.Key]string
}

func newNames(r *running) *names {
	n := &names{of: map[intent.Key]string{}, wallets: map[intent.Key]string{}}
	count := map[string]int{}
	for _, w := range r.settings.cast().Entries() {
		count[w.Name]++
		n.wallets[w.Public()] = w.Name + strconv.Itoa(count[w.Name])
	}
	n.wallets[r.file.FeeOwner] = "fees"
	for _, m := range r.file.Mints {
		n.of[m.Mint] = m.Symbol
	}
	return n
}

func (n *names) wallet(ctx context.Context, r *running, key intent.Key) (*walletSeen, error) {
	observer := r.nodes[len(r.nodes)-1]
	has, err := observer.Wallet(ctx, key)
	if err != nil {
		return nil, err
	}
	nonce, err := observer.Nonce(ctx, key, key)
	if err != nil {
		return nil, err
	}
	w := &walletSeen{Balance: map[string]uint64{}, Requested: map[string]uint64{}, Spendable: map[string]uint64{}, Next: nonce.Next, Floor: nonce.Floor}
	for _, e := range has.Entries {
		w.Balance[e.Symbol] += e.Balance
		w.Requested[e.Symbol] += e.Requested
		w.Spendable[e.Symbol] += e.Spendable
	}
	for _, item := range has.Items {
		issuer, name, ok := intent.ItemIssuer(item)
		if !ok {
			return nil, fmt.Errorf("the item %s has no issuer", item)
		}
		w.Items = append(w.Items, n.wallets[issuer]+"/"+name)
	}
	slices.Sort(w.Items)
	return w, nil
}

// checkMoney holds the nodes' ledger against the chain's accounts, and both against what was deposited.
func checkMoney(ctx context.Context, r *running, n *names, l *ledgerSeen) error {
	client := rpc.New(r.chain.URL())
	defer client.Close()
	report, err := chain.CheckReserves(ctx, r.file, client, nil)
	if err != nil {
		return err
	}
	errs := []error{}
	for _, p := range report.Problems {
		errs = append(errs, fmt.Errorf("reserves: %s", p))
	}
	for _, p := range report.Purses {
		if want := l.Deposited[n.of[p.Mint]]; p.Tokens != want || p.Available != want || p.InFlight != 0 {
			errs = append(errs, fmt.Errorf("%s: %d were deposited, the vault holds %+v", n.of[p.Mint], want, p))
		}
	}
	for _, m := range r.file.Mints {
		list, err := r.bank.client.Entries(ctx, m.Mint)
		if err != nil {
			return err
		}
		onChain := map[string]uint64{}
		for _, e := range list {
			onChain[n.wallets[e.Owner]] += e.Available
		}
		for name, w := range l.Wallets {
			if w.Balance[m.Symbol] != onChain[name] {
				errs = append(errs, fmt.Errorf("%s has %d %s on chain, %d in the nodes' state", name, onChain[name], m.Symbol, w.Balance[m.Symbol]))
			}
		}
	}
	return errors.Join(errs...)
}

// checkTransactions: every node shows the same transactions for every height, and the chain knows them all.
func checkTransactions(ctx context.Context, r *running) (total int, err error) {
	client := rpc.New(r.chain.URL())
	defer client.Close()
	status, err := r.nodes[0].Status(ctx)
	if err != nil {
		return 0, err
	}
	for h := uint64(1); h <= status.Height; h++ {
		var first []string
		for at, one := range r.nodes {
			round, err := one.Round(ctx, h)
			if err != nil {
				return 0, err
			}
			if at == 0 {
				first = round.Settlement.Transactions
			}
			if got := round.Settlement.Transactions; !slices.Equal(got, first) || len(got) <= round.Settlement.Chunks {
				return 0, fmt.Errorf("height %d with %d chunks: node %d shows the transactions %q, the first %q", h, round.Settlement.Chunks, at, got, first)
			}
		}
		total += len(first)
		var sigs []solana.Signature
		for _, text := range first {
			sig, err := solana.SignatureFromBase58(text)
			if err != nil {
				return 0, fmt.Errorf("height %d: %w", h, err)
			}
			sigs = append(sigs, sig)
		}
		known, err := client.GetSignatureStatuses(ctx, true, sigs...)
		if err != nil {
			return 0, err
		}
		for i, s := range known.Value {
			if s == nil || s.Err != nil {
				return 0, fmt.Errorf("height %d: the chain has no successful transaction %s", h, sigs[i])
			}
		}
	}
	return total, nil
}

// checkCode: the network file pins what runs.
func checkCode(r *running) error {
	if r.settings.Chain == SVM && r.file.CodeHash != program.Hash() {
		return fmt.Errorf("the network file pins %s", r.file.CodeHash)
	}
	return r.checkCode()
}

func TestSVMIsNotThere(t *testing.T) {
	empty, half := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(half, "server.cjs"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for dir, says := range map[string]string{empty: "program/svm", half: "make svm-deps"} {
		home := filepath.Join(t.TempDir(), "home")
		o := upOptions("/nowhere", home, 1)
		o.Chain, o.SVMDir, o.Out = SVM, dir, new(bytes.Buffer)
		_, err := Up(t.Context(), o)
		if _, ok := errors.AsType[*OptionError](err); !ok || !strings.Contains(err.Error(), says) {
			t.Errorf("want an error that says %q, have %v", says, err)
		}
		if _, err := os.Stat(filepath.Join(home, settingsFile)); err == nil {
			t.Error("a home was made that cannot be used")
		}
	}
}
