package svm_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"sync"
	"testing"

	"github.com/gagliardetto/solana-go"
	sol "github.com/gagliardetto/solana-go/rpc"
	"github.com/gagliardetto/solana-go/rpc/jsonrpc"

	"github.com/phantom-paradox/paradox/chain"
	"github.com/phantom-paradox/paradox/chain/localnet"
	"github.com/phantom-paradox/paradox/chain/svm"
	"github.com/phantom-paradox/paradox/chain/vault"
	"github.com/phantom-paradox/paradox/ledger"
	"github.com/phantom-paradox/paradox/storage"
)

// A process that dies at a step it is told, and the chain's clock moves by its own steps: so a settler's life is the same steps
// each time, and each can be its last.

var errDead = errors.New("the process is dead")

// process is what of a life is counted: every call to the endpoint and every write to the disk is a step, named by what it does
// and how often that was done before. What it is killed at does not happen, and nothing after it.
type process struct {
	killAt string // empty: it lives

	mu    sync.Mutex
	count map[string]int
	steps []string
	dead  chan struct{}
	over  bool
}

func newProcess(killAt string) *process {
	return &process{killAt: killAt, count: map[string]int{}, dead: make(chan struct{})}
}

func (p *process) step(what string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over {
		return errDead
	}
	p.count[what]++
	name := fmt.Sprintf("%s %d", what, p.count[what])
	if name == p.killAt {
		p.over = true
		close(p.dead)
		return errDead
	}
	p.steps = append(p.steps, name)
	return nil
}

func (p *process) killed() bool { p.mu.Lock(); defer p.mu.Unlock(); return p.over }

// endpoint is a client whose every call is a step.
type endpoint struct {
	chain.Client
	p       *process
	vault   solana.PublicKey
	program solana.PublicKey
}

func (e *endpoint) GetAccountInfoWithOpts(ctx context.Context, k solana.PublicKey, o *sol.GetAccountInfoOpts) (*sol.GetAccountInfoResult, error) {
	what := "read the tally"
	if k == e.vault {
		what = "read the vault " + string(o.Commitment)
	}
	if err := e.p.step(what); err != nil {
		return nil, err
	}
	return e.Client.GetAccountInfoWithOpts(ctx, k, o)
}

func (e *endpoint) GetMultipleAccountsWithOpts(ctx context.Context, ks []solana.PublicKey, o *sol.GetMultipleAccountsOpts) (*sol.GetMultipleAccountsResult, error) {
	if err := e.p.step("read accounts"); err != nil {
		return nil, err
	}
	return e.Client.GetMultipleAccountsWithOpts(ctx, ks, o)
}

func (e *endpoint) GetBlockHeight(ctx context.Context, c sol.CommitmentType) (uint64, error) {
	if err := e.p.step("ask for the block height"); err != nil {
		return 0, err
	}
	return e.Client.GetBlockHeight(ctx, c)
}

func (e *endpoint) GetLatestBlockhash(ctx context.Context, c sol.CommitmentType) (*sol.GetLatestBlockhashResult, error) {
	if err := e.p.step("ask for a blockhash"); err != nil {
		return nil, err
	}
	return e.Client.GetLatestBlockhash(ctx, c)
}

func (e *endpoint) GetSignatureStatuses(ctx context.Context, all bool, sigs ...solana.Signature) (*sol.GetSignatureStatusesResult, error) {
	if err := e.p.step("ask for statuses"); err != nil {
		return nil, err
	}
	return e.Client.GetSignatureStatuses(ctx, all, sigs...)
}

func (e *endpoint) SendRawTransactionWithOpts(ctx context.Context, raw []byte, o sol.TransactionOpts) (solana.Signature, error) {
	if err := e.p.step("send " + e.calls(raw)); err != nil {
		return solana.Signature{}, err
	}
	return e.Client.SendRawTransactionWithOpts(ctx, raw, o)
}

func (e *endpoint) GetSignaturesForAddressWithOpts(ctx context.Context, a solana.PublicKey, o *sol.GetSignaturesForAddressOpts) ([]*sol.TransactionSignature, error) {
	if err := e.p.step("list transactions"); err != nil {
		return nil, err
	}
	return e.Client.GetSignaturesForAddressWithOpts(ctx, a, o)
}

func (e *endpoint) GetTransaction(ctx context.Context, sig solana.Signature, o *sol.GetTransactionOpts) (*sol.GetTransactionResult, error) {
	if err := e.p.step("read a transaction"); err != nil {
		return nil, err
	}
	return e.Client.GetTransaction(ctx, sig, o)
}

// calls is what a transaction asks of the vault.
func (e *endpoint) calls(raw []byte) string {
	tx, err := solana.TransactionFromBytes(raw)
	if err != nil {
		return err.Error()
	}
	for _, ix := range tx.Message.Instructions {
		if tx.Message.AccountKeys[ix.ProgramIDIndex] == e.program {
			return vault.Tag(ix.Data[0]).String()
		}
	}
	return "nothing"
}

// disk is a node's Badger, whose every write is a step.
type disk struct {
	*storage.Bucket
	store *storage.Store
	p     *process
}

func openDisk(t testing.TB, dir string, p *process) *disk {
	t.Helper()
	s, err := storage.Open(dir, storage.Options{})
	must(t, err)
	b, err := s.Bucket("chain")
	must(t, err)
	return &disk{Bucket: b, store: s, p: p}
}

func (d *disk) Write(changes []ledger.Change) error {
	what := "write"
	for _, c := range changes {
		verb := ""
		if c.Value == nil {
			verb = "no "
		}
		what += " " + verb + string(c.Key[:3])
	}
	if err := d.p.step(what); err != nil {
		return err
	}
	b := d.store.Batch()
	for _, c := range changes {
		if c.Value == nil {
			b.Delete(d.Bucket, c.Key)
		} else {
			b.Set(d.Bucket, c.Key, c.Value)
		}
	}
	return b.Commit(storage.Durable)
}

func records(t testing.TB, s chain.Store, prefix string) (n int) {
	t.Helper()
	must(t, s.Iterate([]byte(prefix), func(_, _ []byte) bool { n++; return true }))
	return n
}

// ticking ends a slot before every request.
type ticking struct {
	tick func(uint64) error
	next http.RoundTripper
}

func (c *ticking) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := c.tick(1); err != nil {
		return nil, err
	}
	return c.next.RoundTrip(r)
}

func (c cluster) dial() *sol.Client { return c.through(c.url) }

// through is a client of an endpoint of the cluster.
func (c cluster) through(url string) *sol.Client {
	if c.tick == nil {
		return sol.New(url)
	}
	client := &http.Client{Transport: &ticking{c.tick, &http.Transport{}}}
	return sol.NewWithCustomRPCClient(jsonrpc.NewClientWithOpts(url, &jsonrpc.RPCClientOpts{HTTPClient: client}))
}

// standing are both chains with clocks that move by ticks only.
func standing(ctx context.Context, t testing.TB, program solana.PublicKey) []cluster {
	t.Helper()
	so, err := filepath.Abs("../../program/vault.so")
	must(t, err)
	machine, err := svm.Start(ctx, svm.Config{Dir: "../../program/svm", Programs: map[solana.PublicKey]string{program: so}, LogBytes: truncated, Control: true})
	must(t, err)
	t.Cleanup(func() { must(t, machine.Close()) })
	clock := sol.New(machine.URL())
	t.Cleanup(func() { clock.Close() })
	model, err := localnet.Start(ctx, localnet.Config{SlotTime: -1, Vault: []solana.PublicKey{program}})
	must(t, err)
	t.Cleanup(func() { must(t, model.Close()) })
	return []cluster{
		{name: "machine", url: machine.URL(), tick: func(n uint64) error { return pass(ctx, machine, clock, n) }},
		{name: "model", url: model.URL(), tick: model.Advance},
	}
}

// pass ends slots on the machine: between the first and the last, in which something may wait, the clock jumps.
func pass(ctx context.Context, machine *svm.Server, clock *sol.Client, slots uint64) error {
	if err := machine.Tick(ctx); err != nil || slots == 1 {
		return err
	}
	now, err := clock.GetSlot(ctx, sol.CommitmentProcessed)
	if err != nil {
		return err
	}
	if err := machine.SetSlot(ctx, now+slots-1); err != nil {
		return err
	}
	return machine.Tick(ctx)
}
