package main

import (
	"errors"
	"io/fs"
	"syscall"

	"github.com/phantom-paradox/paradox/akash"
	"github.com/phantom-paradox/paradox/chain"
	chainrpc "github.com/phantom-paradox/paradox/chain/rpc"
	"github.com/phantom-paradox/paradox/chain/wallet"
	client "github.com/phantom-paradox/paradox/clients/go"
	"github.com/phantom-paradox/paradox/clients/go/draft"
	"github.com/phantom-paradox/paradox/ledger"
	"github.com/phantom-paradox/paradox/netting"
	"github.com/phantom-paradox/paradox/netting/command"
	"github.com/phantom-paradox/paradox/network"
	"github.com/phantom-paradox/paradox/node"
	"github.com/phantom-paradox/paradox/node/config"
	"github.com/phantom-paradox/paradox/node/keys"
	"github.com/phantom-paradox/paradox/node/setup"
	"github.com/phantom-paradox/paradox/storage"
	"github.com/phantom-paradox/paradox/testnet"
	"github.com/phantom-paradox/paradox/testnet/faucet"
)

// The exit codes. Scripts branch on them, so they never change their meaning; docs/cli.md says them to people.
const (
	exitOK          = 0
	exitFailed      = 1 // it was tried and did not work
	exitUsage       = 2 // bad input: a flag, a file, the configuration
	exitUnreachable = 3 // the node, or every RPC endpoint, does not answer
	exitUnhealthy   = 4 // it answers that something is wrong, or a check found a difference
	exitInTheWay    = 5 // a home, key or port is taken
)

// errInput marks what a command finds wrong with what it was given.
var errInput = errors.New("bad input")

// errUnhealthy marks an answer that says something is wrong.
var errUnhealthy = errors.New("not healthy")

// errDiffers marks a check that found something else than it was told.
var errDiffers = errors.New("not as it should be")

// codeOf maps an error to its exit code. One rule: what the operator gave, a flag, a file or a setting, and can mend, is bad
// input, whichever command finds it.
func codeOf(err error) int {
	switch {
	case is[*config.Error](err), is[*network.Error](err), is[*testnet.OptionError](err), errors.Is(err, errInput),
		errors.Is(err, draft.ErrDraft), errors.Is(err, chainrpc.ErrWrongCluster), errors.Is(err, wallet.ErrNoVault),
		errors.Is(err, akash.ErrKey), errors.Is(err, akash.ErrNoDeployment),
		errors.Is(err, setup.ErrNetworkFile), errors.Is(err, command.ErrInput), errors.Is(err, netting.ErrCase), errors.Is(err, netting.ErrObligations):
		return exitUsage
	case errors.Is(err, akash.ErrClosed), errors.Is(err, akash.ErrNotReady):
		return exitUnhealthy
	case errors.Is(err, client.ErrUnreachable), errors.Is(err, akash.ErrUnreachable), errors.Is(err, faucet.ErrUnreachable), errors.Is(err, chainrpc.ErrNoEndpoint), errors.Is(err, testnet.ErrNotRunning):
		return exitUnreachable
	case errors.Is(err, errUnhealthy), errors.Is(err, errDiffers), errors.Is(err, chain.ErrProgram), errors.Is(err, testnet.ErrUnexpected), errors.Is(err, ledger.ErrSnapshot):
		return exitUnhealthy
	case is[*testnet.InUseError](err), is[*testnet.PortError](err), errors.Is(err, setup.ErrInitialised), errors.Is(err, akash.ErrBusy), errors.Is(err, keys.ErrExists),
		errors.Is(err, storage.ErrLocked), errors.Is(err, node.ErrHasState), errors.Is(err, faucet.ErrInUse), errors.Is(err, syscall.EADDRINUSE):
		return exitInTheWay
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, keys.ErrMissing), errors.Is(err, keys.ErrOpen), errors.Is(err, keys.ErrDamaged),
		errors.Is(err, keys.ErrSealed), errors.Is(err, keys.ErrPassphrase), errors.Is(err, client.ErrUnknown):
		return exitUsage
	default:
		return exitFailed
	}
}

func is[T error](err error) bool {
	_, ok := errors.AsType[T](err)
	return ok
}
