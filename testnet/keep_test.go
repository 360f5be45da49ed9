package testnet

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gagliardetto/solana-go"
	"github.com/gagliardetto/solana-go/rpc"

	"github.com/phantom-paradox/paradox/chain/localnet"
	"github.com/phantom-paradox/paradox/chain/svm"
)

// A VM that is killed is started again at the same place, with the chain that it had, and a line says so.
func TestTheVMComesBack(t *testing.T) {
	dir := t.TempDir()
	so, _, err := keepVault(dir)
	if err != nil {
		t.Fatal(err)
	}
	server, err := svmServer("")
	if err != nil {
		t.Fatal(err)
	}
	ports, err := FreePorts(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var said []string
	k, err := keepSVM(context.WithoutCancel(t.Context()), svm.Config{
		Dir: server, Programs: map[solana.PublicKey]string{localnet.DefaultVaultProgram(): so},
		Listen: loopback(ports[0]), SlotTime: 5 * time.Millisecond, Journal: filepath.Join(dir, journalFile),
	}, func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		said = append(said, fmt.Sprintf(format, args...))
	})
	if err != nil {
		t.Fatal(err)
	}
	client := rpc.New(k.URL())
	defer client.Close()
	who := solana.PublicKey{7}
	if _, err := client.RequestAirdrop(t.Context(), who, 1_000_000_000, rpc.CommitmentFinalized); err != nil {
		t.Fatal(err)
	}
	until := func() {
		t.Helper()
		poll := time.NewTicker(5 * time.Millisecond)
		defer poll.Stop()
		for {
			if b, err := client.GetBalance(t.Context(), who, rpc.CommitmentFinalized); err == nil && b.Value == 1_000_000_000 {
				return
			}
			select {
			case <-poll.C:
			case <-t.Context().Done():
				t.Fatal(t.Context().Err())
			}
		}
	}
	until()
	first := k.server.Load()
	p, err := os.FindProcess(first.PID())
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	<-first.Done()
	until()
	if g, err := client.GetGenesisHash(t.Context()); err != nil || g != k.GenesisHash() {
		t.Errorf("genesis %s, %v", g, err)
	}
	if err := k.Close(); err != nil {
		t.Error(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if !slices.ContainsFunc(said, func(s string) bool { return strings.Contains(s, "died") }) {
		t.Errorf("nobody was told: %q", said)
	}
}
