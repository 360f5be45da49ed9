package testnet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/gagliardetto/solana-go"

	"github.com/phantom-paradox/paradox/chain/localnet"
	"github.com/phantom-paradox/paradox/chain/wallet"
	"github.com/phantom-paradox/paradox/intent"
)

// ChainAlone runs the chain of a testnet and no node, until ctx ends: what is left when every operator has gone. The home must
// have been founded.
func ChainAlone(ctx context.Context, o Options) (err error) {
	r := &running{o: o, screen: newScreen(&o)}
	defer r.screen.close()
	if r.home, err = filepath.Abs(o.Home); err != nil {
		return fmt.Errorf("--home: %w", err)
	}
	if r.settings, err = foundedHome(r.home); err != nil {
		return err
	}
	unlock, err := lockHome(r.home)
	if err != nil {
		return err
	}
	defer unlock()
	if r.chain, err = r.startChain(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.stop()) }()
	if err := r.load(); err != nil {
		return err
	}
	r.screen.say("no node runs; network file: %s", filepath.Join(r.home, networkFile))
	<-ctx.Done()
	return nil
}

// templateFile is where BareChain says what a network on it begins with.
const templateFile = "template.json"

// BareChain runs a model of Solana on which nothing is founded, until ctx ends. Its home is no testnet's.
func BareChain(ctx context.Context, o Options, listen string) (err error) {
	home, err := filepath.Abs(o.Home)
	if err != nil {
		return fmt.Errorf("--home: %w", err)
	}
	if s, err := loadSettings(home); err != nil || s != nil {
		return errors.Join(err, &OptionError{"--listen", "is for a chain of its own, and " + home + " is a testnet's", "leave the flag out, or take another --home"})
	}
	if err := os.MkdirAll(home, 0o700); err != nil {
		return fmt.Errorf("--home: %w", err)
	}
	c, err := localnet.Start(context.WithoutCancel(ctx), localnet.Config{Dir: filepath.Join(home, chainDir), Listen: listen, SlotTime: slotTime, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return fmt.Errorf("starting the model of Solana: %w", err)
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	path := filepath.Join(home, templateFile)
	if err := os.WriteFile(path, chainTemplate(intent.Hash(c.GenesisHash()), c.URL()), 0o600); err != nil {
		return fmt.Errorf("writing the template: %w", err)
	}
	screen := newScreen(&o)
	defer screen.close()
	screen.say("a model of Solana answers at %s; networks on it begin with %s", c.URL(), path)
	<-ctx.Done()
	return nil
}

func foundedHome(home string) (*settings, error) {
	s, err := loadSettings(home)
	if err == nil && (s == nil || !s.Founded) {
		err = &OptionError{"--home", fmt.Sprintf("%s holds no testnet", home), "paradox testnet up --home DIR founds one"}
	}
	return s, err
}

// ErrNotRunning says that the chain of a testnet does not answer.
var ErrNotRunning = errors.New("the testnet does not run")

// Gift is what Fund gives.
type Gift struct {
	Wallet   intent.Key        `json:"wallet"`
	Lamports uint64            `json:"lamports,string"`
	Tokens   map[string]string `json:"tokens"` // by symbol, each in its own unit
}

// What Fund gives: enough to try everything, in each mint's own unit.
const (
	giftLamports = 5 * solana.LAMPORTS_PER_SOL
	giftUnits    = 1_000
)

// Fund gives play money of a running testnet to a wallet, outside the vault: lamports by airdrop, tokens by the mints' own key.
func Fund(ctx context.Context, home string, to intent.Key) (*Gift, error) {
	if _, err := foundedHome(home); err != nil {
		return nil, err
	}
	f, err := loadNetwork(home)
	if err != nil {
		return nil, err
	}
	keys, err := loadWallets(home)
	if err != nil {
		return nil, err
	}
	b := newBank(f, keys, nil)
	g := &Gift{Wallet: to, Lamports: giftLamports, Tokens: map[string]string{}}
	if _, _, err := b.client.Vault(ctx); err != nil {
		return nil, fmt.Errorf("%w; paradox testnet up --home %s starts it: %w", ErrNotRunning, home, err)
	}
	if err := b.client.Airdrop(ctx, giftLamports, solana.PublicKey(to)); err != nil {
		return nil, fmt.Errorf("giving lamports: %w", err)
	}
	for _, m := range f.Mints {
		units := uint64(giftUnits)
		for range m.Decimals {
			units *= 10
		}
		if err := b.client.Mint(ctx, b.payer, m.Mint, []wallet.Grant{{Owner: solana.PublicKey(to), Amount: units}}); err != nil {
			return nil, fmt.Errorf("giving %s: %w", m.Symbol, err)
		}
		g.Tokens[m.Symbol] = fmt.Sprint(giftUnits)
	}
	return g, nil
}
