package localnet

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/gagliardetto/solana-go"

	"github.com/phantom-paradox/paradox/chain/vault/model"
)

// Config says how the model runs. The zero value of each field has a default.
type Config struct {
	Dir      string             // where the ledger is kept; empty: in memory only
	Listen   string             // host:port for JSON-RPC and WebSocket; default 127.0.0.1:0
	SlotTime time.Duration      // default 400 ms; negative: slots move by Advance only
	Lag      Lag                // how many slots confirmed and finalized are behind
	Vault    []solana.PublicKey // program ids at which the vault's model answers; default DefaultVaultProgram
	Logger   *slog.Logger
}

// Lag is how many slots a commitment is behind the newest one. Zero fields: confirmed 1, finalized 2.
type Lag struct {
	Confirmed, Finalized uint64
}

const (
	defaultSlotTime = 400 * time.Millisecond // Solana's
	defaultListen   = "127.0.0.1:0"
	// maxLag keeps what a commitment shows within what is kept of old account versions.
	maxLag = 64
)

// DefaultVaultProgram is where the vault's model answers unless Config says otherwise.
func DefaultVaultProgram() solana.PublicKey {
	return solana.MustPublicKeyFromBase58("ParadoxVau1t1111111111111111111111111111111")
}

// CodeHash is what a network file on the model pins as the vault's code.
func CodeHash() solana.Hash { return model.CodeHash() }

func (c Config) withDefaults() (Config, error) {
	if c.Listen == "" {
		c.Listen = defaultListen
	}
	if c.SlotTime == 0 {
		c.SlotTime = defaultSlotTime
	}
	if c.Lag.Confirmed == 0 {
		c.Lag.Confirmed = 1
	}
	if c.Lag.Finalized == 0 {
		c.Lag.Finalized = 2
	}
	if c.Lag.Confirmed > c.Lag.Finalized || c.Lag.Finalized > maxLag {
		return c, fmt.Errorf("localnet: lag %+v: want confirmed <= finalized <= %d", c.Lag, maxLag)
	}
	if len(c.Vault) == 0 {
		c.Vault = []solana.PublicKey{DefaultVaultProgram()}
	}
	if len(c.Vault) > 255 {
		return c, errors.New("localnet: more than 255 vault programs")
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c, nil
}

// Faults are what goes wrong on request, from the next request on. Shares are from 0 to 1.
type Faults struct {
	Delay     time.Duration // before each answer
	DropSends float64       // share of sendTransaction calls that are acknowledged and forgotten
	Refuse429 float64       // share of requests answered 429 with Retry-After: 1
	Drop      float64       // share of requests whose connection is closed without an answer
	Stale     uint64        // slots by which every answer is behind, at most maxStale
	Seed      uint64        // of the choice
}

// maxStale is how far back old versions of accounts are kept.
const maxStale = 150
