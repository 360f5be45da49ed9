package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"path/filepath"
	"slices"
	"time"

	"github.com/gagliardetto/solana-go"

	"github.com/phantom-paradox/paradox/chain/explorer"
	"github.com/phantom-paradox/paradox/clients/go/draft"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/testnet/faucet"
)

type testnetFaucetCmd struct {
	Wallets    []string `arg:"" optional:"" name:"wallet" help:"Give to these now, and end. Without any it serves --listen."`
	vaultFlags `embed:""`
	keyFlags   `embed:""`
	Listen     string        `default:"127.0.0.1:8099" help:"Address of the HTTP endpoint." placeholder:"HOST:PORT"`
	SOL        string        `name:"sol" default:"1" help:"SOL a gift; 0: none." placeholder:"N"`
	Units      uint64        `default:"1000" help:"Tokens a gift, of each mint whose authority the key is; 0: none." placeholder:"N"`
	FromKey    bool          `help:"Take the SOL from the key; otherwise it is the cluster's airdrop."`
	Every      time.Duration `default:"24h" help:"A wallet gets one gift in it."`
	PerIP      int           `name:"per-ip" default:"5" help:"Gifts that one address asks for in it; 0: no limit, for behind a proxy that has one." placeholder:"N"`
	State      string        `help:"The file that remembers who had gifts; faucet.json in the home unless said otherwise." placeholder:"FILE"`
}

// Help is what --help says besides.
func (testnetFaucetCmd) Help() string {
	return `It refuses a network on mainnet. The key is a wallet's (0600); it pays fees and the rent of token accounts, so it needs some SOL. Who asks:

  paradox wallet fund http://HOST:PORT
  curl http://HOST:PORT/ -d '{"wallet":"ADDRESS"}'

What was given is on disk before it is sent: a restart gives nothing twice. docs/testnet.md says more.`
}

func (t testnetFaucetCmd) Run(ctx context.Context, a *app) error {
	if err := t.test(a); err != nil {
		return err
	}
	limit := ctx
	if len(t.Wallets) > 0 {
		var cancel context.CancelFunc
		limit, cancel = context.WithTimeout(ctx, t.Timeout)
		defer cancel()
	}
	at, err := t.open(limit, a)
	if err != nil {
		return err
	}
	defer at.pool.Close()
	f, err := t.faucet(limit, a, at)
	if errors.Is(err, faucet.ErrNothing) {
		return fmt.Errorf("%w: %w", errInput, err)
	}
	if err != nil {
		return err
	}
	if len(t.Wallets) > 0 {
		return errors.Join(t.give(limit, a, f), f.Close())
	}
	return errors.Join(t.serve(ctx, a, f), f.Close())
}

// test refuses mainnet before anything is asked of it.
func (t testnetFaucetCmd) test(a *app) error {
	c, err := a.load()
	if err != nil {
		return err
	}
	f, err := readNetwork(c.NetworkFile())
	if err == nil && explorer.Mainnet(f.Cluster) {
		err = fmt.Errorf("%w: %s: cluster: %w", errInput, c.NetworkFile(), faucet.ErrMainnet)
	}
	return err
}

func (t testnetFaucetCmd) faucet(ctx context.Context, a *app, at *teller) (*faucet.Faucet, error) {
	if t.Every < time.Second {
		return nil, fmt.Errorf("%w: --every %s: say a second at least", errInput, t.Every)
	}
	key, err := t.load(a, at.config)
	if err != nil {
		return nil, err
	}
	lamports := uint64(0)
	if t.SOL != "0" {
		if lamports, err = draft.Amount(t.SOL, intent.Mint{Symbol: "SOL", Decimals: 9}); err != nil {
			return nil, fmt.Errorf("%w: --sol: %w", errInput, err)
		}
	}
	state := t.State
	if state == "" {
		state = filepath.Join(at.config.Home, "faucet.json")
	}
	c := faucet.Config{Network: at.file, Key: solana.PrivateKey(key), RPC: at.pool, Lamports: lamports, Units: t.Units, Every: t.Every, PerIP: t.PerIP, State: state, Now: a.now}
	if !t.FromKey {
		c.Airdrops = at.pool.Endpoints()[0]
	}
	return faucet.Open(ctx, c)
}

func (t testnetFaucetCmd) give(ctx context.Context, a *app, f *faucet.Faucet) error {
	for _, text := range t.Wallets {
		to, err := intent.ParseKey(text)
		if err != nil {
			return fmt.Errorf("%w: the address %q: %w", errInput, text, err)
		}
		g, err := f.Give(ctx, to, "", "")
		if err != nil {
			return fmt.Errorf("%s: %w", to, err)
		}
		if err := a.print(g, func(w io.Writer) { tellGift(w, g) }); err != nil {
			return err
		}
	}
	return nil
}

func tellGift(w io.Writer, g *faucet.Gift) {
	had := "has"
	if g.Again {
		had = "had"
	}
	fmt.Fprintf(w, "%s %s %s more", g.Wallet, had, sol(g.Lamports))
	for _, symbol := range slices.Sorted(maps.Keys(g.Tokens)) {
		fmt.Fprintf(w, ", %s %s", g.Tokens[symbol], symbol)
	}
	fmt.Fprintln(w)
}

func (t testnetFaucetCmd) serve(ctx context.Context, a *app, f *faucet.Faucet) error {
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", t.Listen)
	if err != nil {
		return fmt.Errorf("--listen: %w", err)
	}
	o := f.Offer()
	view := struct {
		Faucet string `json:"faucet"`
		faucet.Offer
	}{"http://" + ln.Addr().String(), o}
	err = a.print(view, func(w io.Writer) {
		fmt.Fprintf(w, "the faucet of %s gives at %s: %s", o.Network, view.Faucet, sol(o.Lamports))
		for _, symbol := range slices.Sorted(maps.Keys(o.Tokens)) {
			fmt.Fprintf(w, ", %s %s", o.Tokens[symbol], symbol)
		}
		fmt.Fprintf(w, "; once in %s to a wallet\n", t.Every)
		for _, s := range o.Skipped {
			fmt.Fprintf(w, "not given: %s\n", s)
		}
	})
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	return f.Serve(ctx, ln)
}

type walletFundCmd struct {
	Faucet   string `arg:"" help:"The faucet's address: http://HOST:PORT"`
	Home     string `help:"Directory of the key; ~/.paradox unless said otherwise." placeholder:"DIR"`
	keyFlags `embed:""`
	Timeout  time.Duration `default:"5m" help:"Give up after so long."`
}

// Help is what --help says besides.
func (walletFundCmd) Help() string {
	return `Test funds only; whoever runs a test network says where its faucet is. The address alone is told, and nothing is signed.`
}

func (w walletFundCmd) Run(ctx context.Context, a *app) error {
	c, err := a.load()
	if err != nil {
		return err
	}
	to, err := w.address(a, c, "")
	if err != nil {
		return err
	}
	var id [16]byte
	if _, err := rand.Read(id[:]); err != nil {
		return fmt.Errorf("drawing an id: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, w.Timeout)
	defer cancel()
	g, err := faucet.Ask(ctx, w.Faucet, to, hex.EncodeToString(id[:]))
	var no *faucet.Refusal
	switch {
	case errors.As(err, &no) && no.RetryAfter > 0:
		return fmt.Errorf("the faucet gives nothing now (%s): %w; ask again in %s", no.Code, err, no.RetryAfter)
	case errors.As(err, &no):
		return fmt.Errorf("the faucet gives nothing (%s): %w", no.Code, err)
	case err != nil:
		return fmt.Errorf("%w; is it http://HOST:PORT of a paradox testnet faucet that runs?", err)
	}
	return a.print(g, func(out io.Writer) { tellGift(out, g) })
}
