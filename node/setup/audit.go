package setup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/phantom-paradox/paradox/ledger"
	"github.com/phantom-paradox/paradox/node"
	"github.com/phantom-paradox/paradox/node/config"
)

// An Audit says what to re-execute, and with whose help.
type Audit struct {
	Network   []byte          // the network file
	Bootstrap []string        // peers besides those of the network file
	RPC       []string        // Solana endpoints instead of those of the network file
	Batch     ledger.BatchCID // up to and with this one
	Version   string          // of this program
	Log       io.Writer       // warnings
	Progress  func(uint64)    // hears of every height reached
}

// Run re-executes a network's history in a temporary home, with keys that nobody knows and nothing listening, and removes it.
func (a *Audit) Run(ctx context.Context) (report *node.AuditReport, err error) {
	home, err := os.MkdirTemp("", "paradox-audit-")
	if err != nil {
		return nil, fmt.Errorf("making a temporary home: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(home)) }()
	c := &config.Config{Home: home, Log: config.Log{Level: "warn"}, P2P: config.P2P{Bootstrap: a.Bootstrap}, Chain: config.Chain{RPC: a.RPC}}
	if _, err := Init(c, a.Network, nil); err != nil {
		return nil, err
	}
	parts, err := Open(c, a.Version, a.Log, nil)
	if err != nil {
		return nil, err
	}
	return node.Audit(ctx, parts, a.Batch, a.Progress)
}
