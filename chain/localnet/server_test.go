package localnet_test

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/gagliardetto/solana-go"
	"github.com/gagliardetto/solana-go/rpc"
	"github.com/gagliardetto/solana-go/rpc/ws"
	"go.uber.org/goleak"

	"github.com/phantom-paradox/paradox/chain/localnet"
)

// childDir makes the test binary a model that runs until it is killed.
const childDir = "LOCALNET_TEST_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		s, err := localnet.Start(context.Background(), localnet.Config{Dir: dir, SlotTime: 2 * time.Millisecond})
		if err != nil {
			os.Exit(3)
		}
		_, _ = os.Stdout.WriteString(s.URL() + "\n")
		select {}
	}
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreTopFunction("net/http.(*persistConn).writeLoop"))
}

func key(n uint64) solana.PrivateKey {
	var seed [32]byte
	binary.LittleEndian.PutUint64(seed[:], n)
	return solana.PrivateKey(ed25519.NewKeyFromSeed(seed[:]))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// manual is a model whose slots the test moves.
func manual(t *testing.T, dir string) (*localnet.Server, *rpc.Client) {
	t.Helper()
	s, err := localnet.Start(t.Context(), localnet.Config{Dir: dir, SlotTime: -1})
	must(t, err)
	c := rpc.New(s.URL())
	t.Cleanup(func() { c.Close(); must(t, s.Close()) })
	return s, c
}

func funded(t *testing.T, s *localnet.Server, c *rpc.Client, k solana.PrivateKey) {
	t.Helper()
	_, err := c.RequestAirdrop(t.Context(), k.PublicKey(), 10*solana.LAMPORTS_PER_SOL, rpc.CommitmentProcessed)
	must(t, err)
	must(t, s.Advance(3))
}

func hash(t *testing.T, c *rpc.Client) solana.Hash {
	t.Helper()
	h, err := c.GetLatestBlockhash(t.Context(), rpc.CommitmentFinalized)
	must(t, err)
	return h.Value.Blockhash
}

func transfer(t *testing.T, from solana.PrivateKey, to solana.PublicKey, lamports uint64, h solana.Hash) *solana.Transaction {
	t.Helper()
	data := binary.LittleEndian.AppendUint64([]byte{2, 0, 0, 0}, lamports)
	tx, err := solana.NewTransaction([]solana.Instruction{solana.NewInstruction(solana.SystemProgramID, solana.AccountMetaSlice{
		solana.Meta(from.PublicKey()).WRITE().SIGNER(), solana.Meta(to).WRITE(),
	}, data)}, h, solana.TransactionPayer(from.PublicKey()))
	must(t, err)
	_, err = tx.Sign(func(solana.PublicKey) *solana.PrivateKey { return &from })
	must(t, err)
	return tx
}

func balance(t *testing.T, c *rpc.Client, k solana.PublicKey, level rpc.CommitmentType) uint64 {
	t.Helper()
	b, err := c.GetBalance(t.Context(), k, level)
	must(t, err)
	return b.Value
}

// refusal is what a call must fail with.
func refusal(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Fatalf("got %v, want %q", err, want)
	}
}

func TestCommitments(t *testing.T) {
	s, c := manual(t, "")
	a, b := key(1), key(2).PublicKey()
	funded(t, s, c, a)
	sig, err := c.SendTransaction(t.Context(), transfer(t, a, b, 1e9, hash(t, c)))
	must(t, err)
	for i, want := range []struct {
		processed, confirmed, finalized uint64
		status                          rpc.ConfirmationStatusType
	}{
		{1e9, 0, 0, rpc.ConfirmationStatusProcessed}, {1e9, 1e9, 0, rpc.ConfirmationStatusConfirmed}, {1e9, 1e9, 1e9, rpc.ConfirmationStatusFinalized},
	} {
		p, f, z := balance(t, c, b, rpc.CommitmentProcessed), balance(t, c, b, rpc.CommitmentConfirmed), balance(t, c, b, rpc.CommitmentFinalized)
		if p != want.processed || f != want.confirmed || z != want.finalized {
			t.Fatalf("after %d slots: %d %d %d", i, p, f, z)
		}
		st, err := c.GetSignatureStatuses(t.Context(), true, sig)
		must(t, err)
		if st.Value[0].ConfirmationStatus != want.status {
			t.Fatalf("after %d slots: %s", i, st.Value[0].ConfirmationStatus)
		}
		must(t, s.Advance(1))
	}
}

func TestRefusals(t *testing.T) {
	s, c := manual(t, "")
	a, b := key(1), key(2).PublicKey()
	funded(t, s, c, a)
	ctx, h := t.Context(), hash(t, c)
	good := transfer(t, a, b, 1e9, h)
	_, err := c.SendTransaction(ctx, good)
	must(t, err)
	_, err = c.SendTransaction(ctx, good)
	refusal(t, err, "AlreadyProcessed")
	bad := transfer(t, a, b, 2e9, h)
	bad.Signatures[0][5] ^= 1
	_, err = c.SendTransaction(ctx, bad)
	refusal(t, err, "signature verification failure")
	_, err = c.SendTransaction(ctx, transfer(t, a, b, 1e12, h))
	refusal(t, err, "Transaction simulation failed")
	_, err = c.SendTransaction(ctx, transfer(t, key(9), b, 1, h))
	refusal(t, err, "AccountNotFound")
	_, err = c.SendTransaction(ctx, transfer(t, a, b, 1e9, solana.Hash{7}))
	refusal(t, err, "BlockhashNotFound")
	_, err = c.SendTransaction(ctx, transfer(t, a, key(3).PublicKey(), 5, h))
	refusal(t, err, "InsufficientFundsForRent")
	must(t, s.Advance(148))
	_, err = c.SendTransaction(ctx, transfer(t, a, b, 3e9, h))
	must(t, err)
	must(t, s.Advance(1))
	_, err = c.SendTransaction(ctx, transfer(t, a, b, 1e9+1, h))
	refusal(t, err, "BlockhashNotFound")
	_, err = c.SendEncodedTransaction(ctx, base64.StdEncoding.EncodeToString(make([]byte, 1233)))
	refusal(t, err, "too large")
	if got := balance(t, c, b, rpc.CommitmentProcessed); got != 4e9 {
		t.Fatalf("balance %d", got)
	}
}

// TestFailuresPay: without preflight a failing transaction is in a block, pays its fee and does nothing else.
func TestFailuresPay(t *testing.T) {
	s, c := manual(t, "")
	a, b := key(1), key(2).PublicKey()
	funded(t, s, c, a)
	before := balance(t, c, a.PublicKey(), rpc.CommitmentProcessed)
	sig, err := c.SendTransactionWithOpts(t.Context(), transfer(t, a, b, 1e12, hash(t, c)), rpc.TransactionOpts{SkipPreflight: true})
	must(t, err)
	if got := balance(t, c, a.PublicKey(), rpc.CommitmentProcessed); got != before-5000 {
		t.Fatalf("paid %d", before-got)
	}
	must(t, s.Advance(3))
	tx, err := c.GetTransaction(t.Context(), sig, nil)
	must(t, err)
	if tx.Meta.Err == nil || tx.Meta.Fee != 5000 {
		t.Fatalf("meta %+v", tx.Meta)
	}
	parsed, err := tx.Transaction.GetTransaction()
	must(t, err)
	if parsed.Signatures[0] != sig {
		t.Fatal("another transaction")
	}
	block, err := c.GetBlock(t.Context(), tx.Slot)
	must(t, err)
	if len(block.Transactions) != 1 {
		t.Fatalf("%d transactions in the block", len(block.Transactions))
	}
	list, err := c.GetSignaturesForAddress(t.Context(), a.PublicKey())
	must(t, err)
	if len(list) != 2 || list[0].Signature != sig || list[0].Err == nil || list[1].Err != nil {
		t.Fatalf("signatures %+v", list)
	}
}

// TestRestart: what was in an ended slot is there again, slots never go back, and a directory has one owner.
func TestRestart(t *testing.T) {
	dir := t.TempDir()
	s, err := localnet.Start(t.Context(), localnet.Config{Dir: dir, SlotTime: -1})
	must(t, err)
	_, err = localnet.Start(t.Context(), localnet.Config{Dir: dir})
	refusal(t, err, "in use by another process")
	c := rpc.New(s.URL())
	funded(t, s, c, key(1))
	must(t, s.Advance(500))
	slot, genesis := s.Slot(), s.GenesisHash()
	c.Close()
	must(t, s.Close())
	must(t, s.Close())
	f, err := os.OpenFile(dir+"/localnet.journal", os.O_APPEND|os.O_WRONLY, 0)
	must(t, err)
	_, err = f.Write([]byte("torn"))
	must(t, errors.Join(err, f.Close()))
	_, err = localnet.Start(t.Context(), localnet.Config{Dir: dir, Vault: []solana.PublicKey{{1}}})
	refusal(t, err, "other vault programs")
	again, c2 := manual(t, dir)
	if again.Slot() < slot || again.GenesisHash() != genesis {
		t.Fatalf("slot %d after %d, genesis %s", again.Slot(), slot, again.GenesisHash())
	}
	if got := balance(t, c2, key(1).PublicKey(), rpc.CommitmentFinalized); got != 10*solana.LAMPORTS_PER_SOL {
		t.Fatalf("balance %d", got)
	}
}

// TestKilled kills a process of its own with SIGKILL again and again: what it showed as finalized stays.
func TestKilled(t *testing.T) {
	dir, me, want, last := t.TempDir(), key(7).PublicKey(), uint64(0), uint64(0)
	for range 5 {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), childDir+"="+dir)
		out, err := cmd.StdoutPipe()
		must(t, err)
		must(t, cmd.Start())
		line := make([]byte, 64)
		n, err := out.Read(line)
		must(t, err)
		c := rpc.New(strings.TrimSpace(string(line[:n])))
		if got := balance(t, c, me, rpc.CommitmentFinalized); got < want {
			t.Fatalf("%d lamports were final, %d are there", want, got)
		}
		want = balance(t, c, me, rpc.CommitmentFinalized)
		for range 3 {
			_, err := c.RequestAirdrop(t.Context(), me, 1e9, rpc.CommitmentFinalized)
			must(t, err)
		}
		for goal := want + 1e9; want < goal; want = balance(t, c, me, rpc.CommitmentFinalized) {
			continue
		}
		slot, err := c.GetSlot(t.Context(), rpc.CommitmentProcessed)
		must(t, err)
		if slot < last {
			t.Fatalf("slot %d after %d", slot, last)
		}
		last = slot
		must(t, cmd.Process.Kill())
		_ = cmd.Wait()
		c.Close()
	}
}

func TestSubscriptions(t *testing.T) {
	s, c := manual(t, "")
	a, b := key(1), key(2).PublicKey()
	funded(t, s, c, a)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	w, err := ws.Connect(ctx, s.WebSocket())
	must(t, err)
	defer w.Close()
	slots, err := w.SlotSubscribe()
	must(t, err)
	logs, err := w.LogsSubscribeMentions(b, rpc.CommitmentConfirmed)
	must(t, err)
	accounts, err := w.AccountSubscribe(b, rpc.CommitmentFinalized)
	must(t, err)
	tx := transfer(t, a, b, 1e9, hash(t, c))
	sigs, err := w.SignatureSubscribe(tx.Signatures[0], rpc.CommitmentFinalized)
	must(t, err)
	subscribed(ctx, t, s, 4)
	_, err = c.SendTransaction(ctx, tx)
	must(t, err)
	must(t, s.Advance(4))
	if r, err := slots.Recv(ctx); err != nil || r.Slot == 0 {
		t.Fatal(r, err)
	}
	if r, err := logs.Recv(ctx); err != nil || r.Value.Signature != tx.Signatures[0] {
		t.Fatal(r, err)
	}
	if r, err := accounts.Recv(ctx); err != nil || r.Value.Lamports != 1e9 {
		t.Fatal(r, err)
	}
	if r, err := sigs.Recv(ctx); err != nil || r.Value.Err != nil {
		t.Fatal(r, err)
	}
}

// subscribed waits until the server has n subscriptions: the client does not wait for the answer to what it asks on its WebSocket,
// and what is sent over HTTP afterwards may be served before it.
func subscribed(ctx context.Context, t *testing.T, s *localnet.Server, n int) {
	t.Helper()
	poll := time.NewTicker(time.Millisecond)
	defer poll.Stop()
	for s.Subscriptions() < n {
		select {
		case <-poll.C:
		case <-ctx.Done():
			t.Fatalf("%d subscriptions of %d", s.Subscriptions(), n)
		}
	}
}

func TestFaults(t *testing.T) {
	s, c := manual(t, "")
	a, b := key(1), key(2).PublicKey()
	funded(t, s, c, a)
	s.SetFaults(localnet.Faults{DropSends: 1})
	_, err := c.SendTransaction(t.Context(), transfer(t, a, b, 1e9, hash(t, c)))
	must(t, err)
	if balance(t, c, b, rpc.CommitmentProcessed) != 0 {
		t.Fatal("a dropped transaction arrived")
	}
	s.SetFaults(localnet.Faults{Refuse429: 1})
	resp, err := http.Post(s.URL(), "application/json", strings.NewReader(`{"id":1,"method":"getSlot"}`))
	must(t, err)
	resp.Body.Close()
	if resp.StatusCode != http.StatusTooManyRequests || resp.Header.Get("Retry-After") != "1" {
		t.Fatal(resp.Status)
	}
	s.SetFaults(localnet.Faults{Drop: 1})
	if _, err := c.GetSlot(t.Context(), rpc.CommitmentFinalized); err == nil {
		t.Fatal("an answer over a dropped connection")
	}
	s.SetFaults(localnet.Faults{Delay: time.Hour})
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := c.GetSlot(ctx, rpc.CommitmentFinalized); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	s.SetFaults(localnet.Faults{Stale: 2})
	if slot, err := c.GetSlot(t.Context(), rpc.CommitmentProcessed); err != nil || slot != s.Slot()-2 {
		t.Fatal(slot, err)
	}
}
