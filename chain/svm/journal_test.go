package svm_test

import (
	"context"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/gagliardetto/solana-go"
	"github.com/gagliardetto/solana-go/programs/system"
	"github.com/gagliardetto/solana-go/rpc"

	"github.com/phantom-paradox/paradox/chain"
	"github.com/phantom-paradox/paradox/chain/svm"
	"github.com/phantom-paradox/paradox/chain/vault"
	"github.com/phantom-paradox/paradox/chain/wallet"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/network"
)

// kept is a machine with a journal.
type kept struct {
	*run
	cfg    svm.Config
	server *svm.Server
}

func newKept(ctx context.Context, t *testing.T) *kept {
	t.Helper()
	so, err := filepath.Abs("../../program/vault.so")
	must(t, err)
	program := key(77).PublicKey()
	k := &kept{run: &run{t: t, ctx: ctx}, cfg: svm.Config{
		Dir: "../../program/svm", Programs: map[solana.PublicKey]string{program: so}, SlotTime: slotTime, Journal: filepath.Join(t.TempDir(), "journal"),
	}}
	k.file = &network.File{
		Version: 1, Name: "kept", ProgramID: intent.Key(program), WithdrawDelay: 1000, DropTime: 4000, FeeOwner: pub(feesKey),
		Members: []network.Member{{Name: "m", Key: pub(memberKeys), Weight: 1}},
		Mints:   []intent.Mint{{Mint: pub(mintKey), Symbol: "TST", Decimals: 6}}, Params: network.LocalParams(),
	}
	k.start()
	return k
}

func (k *kept) start() {
	k.t.Helper()
	var err error
	k.server, err = svm.Start(k.ctx, k.cfg)
	must(k.t, err)
	k.t.Cleanup(func() { must(k.t, k.server.Close()) })
	k.client = rpc.New(k.server.URL())
	k.t.Cleanup(func() { k.client.Close() })
	k.wallet = wallet.New(wallet.Config{RPC: k.client, Addresses: chain.Addresses(k.file)})
}

// A memory is what a machine shows of its chain.
type memory struct {
	Genesis    solana.Hash
	Entries    []vault.Entry
	Accounts   []string
	Signatures []*rpc.TransactionSignature
	Lamports   uint64
}

func (k *kept) shows() (m memory, slot uint64) {
	k.t.Helper()
	var err error
	m.Genesis = k.server.GenesisHash()
	m.Entries, err = k.wallet.Entries(k.ctx, pub(mintKey))
	must(k.t, err)
	all, err := k.client.GetProgramAccounts(k.ctx, solana.PublicKey(k.file.ProgramID))
	must(k.t, err)
	for _, a := range all {
		m.Accounts = append(m.Accounts, a.Pubkey.String()+string(a.Account.Data.GetBinary()))
	}
	slices.Sort(m.Accounts)
	m.Signatures, err = k.client.GetSignaturesForAddress(k.ctx, key(payerKey).PublicKey())
	must(k.t, err)
	balance, err := k.client.GetBalance(k.ctx, key(payerKey).PublicKey(), rpc.CommitmentFinalized)
	must(k.t, err)
	m.Lamports = balance.Value
	slot, err = k.client.GetSlot(k.ctx, rpc.CommitmentFinalized)
	must(k.t, err)
	return m, slot
}

// A machine that is killed, or ends, comes back as it was: accounts, transactions, blockhashes, a clock that does not go back.
func TestJournal(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), clientTimeout)
	defer cancel()
	k := newKept(ctx, t)
	k.found()
	before, slot := k.shows()
	recent, err := k.client.GetLatestBlockhash(ctx, rpc.CommitmentFinalized)
	must(t, err)
	for _, end := range []func() error{k.server.Kill, func() error { return k.server.Close() }} {
		must(t, end())
		k.start()
		after, now := k.shows()
		if !reflect.DeepEqual(after, before) {
			t.Fatalf("it was %+v\nis %+v", before, after)
		}
		if now < slot {
			t.Fatalf("the clock went back from slot %d to %d", slot, now)
		}
		slot = now
	}
	// A transaction that was on its way when the machine died is still good.
	tx, err := solana.NewTransaction([]solana.Instruction{
		system.NewTransferInstruction(7, key(payerKey).PublicKey(), key(payerKey).PublicKey()).Build(),
	}, recent.Value.Blockhash)
	must(t, err)
	_, err = tx.Sign(func(solana.PublicKey) *solana.PrivateKey { k := key(payerKey); return &k })
	must(t, err)
	_, err = k.client.SendTransaction(ctx, tx)
	must(t, err)
}

func TestJournalThatIsNotOurs(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), clientTimeout)
	defer cancel()
	k := newKept(ctx, t)
	must(t, k.server.Close())
	good, err := os.ReadFile(k.cfg.Journal)
	must(t, err)
	head, _, _ := strings.Cut(string(good), "\n")
	refuses := func(says string, cfg svm.Config, journal string) {
		t.Helper()
		must(t, os.WriteFile(k.cfg.Journal, []byte(journal), 0o600))
		s, err := svm.Start(ctx, cfg)
		if err == nil {
			must(t, s.Close())
		}
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("want an error that says %q, have %v", says, err)
		}
	}
	other, fork, both := k.cfg, k.cfg, k.cfg
	other.Programs = map[solana.PublicKey]string{key(78).PublicKey(): k.cfg.Programs[key(77).PublicKey()]}
	fork.Genesis = solana.Hash{1}
	both.Control = true
	refuses("other programs", other, string(good))
	refuses("another genesis", fork, string(good))
	refuses("--control", both, string(good))
	refuses("damaged in line 2", k.cfg, head+"\n{\n")
	refuses("no journal", k.cfg, "{}\n")
	refuses("is missing", svm.Config{Dir: bareServer(t)}, "")
	refuses("not the directory", svm.Config{Dir: t.TempDir()}, "")

	must(t, os.WriteFile(k.cfg.Journal, []byte(string(good)+`{"slot":9,"ti`), 0o600)) // cut off by a crash
	k.start()
	must(t, k.server.Close())
}

// bareServer is a server whose packages are not there.
func bareServer(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "server.cjs"), nil, 0o600))
	return dir
}
