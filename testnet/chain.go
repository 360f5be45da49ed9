package testnet

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/gagliardetto/solana-go"

	"github.com/phantom-paradox/paradox/chain/localnet"
	"github.com/phantom-paradox/paradox/chain/svm"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/program"
)

// A Chain names what a testnet settles on.
type Chain string

// The chains: the model of Solana in this process, or a Solana virtual machine that runs the vault program itself.
const (
	Model Chain = "localnet"
	SVM   Chain = "svm"
)

// what it is, for people.
func (c Chain) String() string {
	if c == SVM {
		return "the Solana VM"
	}
	return "the model of Solana"
}

// code is what the network file pins as the vault's code.
func (c Chain) code() intent.Hash {
	if c == SVM {
		return program.Hash()
	}
	return intent.Hash(localnet.CodeHash())
}

// A cluster is a running chain: JSON-RPC at its URL, WebSocket at the same port.
type cluster interface {
	URL() string
	GenesisHash() solana.Hash
	Close() error
}

// slotTime makes the 32 slots between two heights short: Solana's are 400 ms.
const slotTime = 40 * time.Millisecond

// Files of the Solana VM in a home's chain directory.
const (
	vaultFile   = "vault.so"
	journalFile = "journal"
)

// startChain starts the chain that the home was founded on, or is to be.
func (r *running) startChain(ctx context.Context) (cluster, error) {
	dir := filepath.Join(r.home, chainDir)
	if r.settings.Chain == SVM {
		return r.startSVM(ctx, dir)
	}
	s, err := localnet.Start(ctx, localnet.Config{Dir: dir, Listen: r.settings.RPC, SlotTime: slotTime, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, fmt.Errorf("starting the model of Solana: %w", err)
	}
	r.screen.say("a model of Solana answers at %s", s.URL())
	return s, nil
}

func (r *running) startSVM(ctx context.Context, dir string) (cluster, error) {
	so, hash, err := keepVault(dir)
	if err != nil {
		return nil, err
	}
	server, err := svmServer(r.o.SVMDir)
	if err != nil {
		return nil, err
	}
	k, err := keepSVM(ctx, svm.Config{
		Dir: server, Programs: map[solana.PublicKey]string{localnet.DefaultVaultProgram(): so},
		Listen: r.settings.RPC, SlotTime: slotTime, Journal: filepath.Join(dir, journalFile),
	}, r.screen.say)
	if err != nil {
		return nil, fmt.Errorf("starting the Solana VM: %w", err)
	}
	r.screen.say("a Solana VM with the vault program %x… answers at %s", hash[:8], k.URL())
	return k, nil
}

// keepVault writes the program into a new home. An old one keeps the program that it was founded with.
func keepVault(dir string) (path string, hash intent.Hash, err error) {
	path = filepath.Join(dir, vaultFile)
	code, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		code = program.Code()
		if err = os.MkdirAll(dir, 0o700); err == nil {
			err = os.WriteFile(path, code, 0o600)
		}
	}
	if err != nil {
		return "", hash, fmt.Errorf("the vault program of the testnet: %w", err)
	}
	return path, sha256.Sum256(code), nil
}

// checkCode refuses a chain with another program than the network was founded with.
func (r *running) checkCode() error {
	code := r.settings.Chain.code()
	if r.settings.Chain == SVM {
		var err error
		if _, code, err = keepVault(filepath.Join(r.home, chainDir)); err != nil {
			return err
		}
	}
	if code != r.file.CodeHash {
		return fmt.Errorf("--home: %s was founded with the vault's code %s, and %s has %s; take another --home", r.home, r.file.CodeHash, r.settings.Chain, code)
	}
	return nil
}

// svmServer finds the directory of the VM's server and says what to do where it cannot run.
func svmServer(dir string) (string, error) {
	if dir == "" {
		var err error
		if dir, err = findSVM(); err != nil {
			return "", err
		}
	}
	if err := svm.Installed(dir); err != nil {
		return "", &OptionError{"--chain", "svm cannot run here: " + err.Error(), "or take --chain localnet, which needs nothing but this program"}
	}
	return dir, nil
}

// findSVM looks for program/svm in the working directory, where this program lies, and above both.
func findSVM() (string, error) {
	var from []string
	if dir, err := os.Getwd(); err == nil {
		from = append(from, dir)
	}
	if self, err := os.Executable(); err == nil {
		from = append(from, filepath.Dir(self))
	}
	for _, dir := range from {
		for {
			at := filepath.Join(dir, "program", "svm")
			if _, err := os.Stat(filepath.Join(at, "server.cjs")); err == nil {
				return at, nil
			}
			up := filepath.Dir(dir)
			if up == dir {
				break
			}
			dir = up
		}
	}
	return "", &OptionError{"--chain", "svm needs program/svm of the source, which is neither here nor where this program lies",
		"run it in a clone of the repository after `make svm-deps`, say --svm-dir DIR, or take --chain localnet"}
}
