// Package faucet gives test funds away: lamports and tokens of a network's mints, so much to a wallet and to an address in a
// period, never twice for one request, also over a restart.
//
// It refuses a network on Solana's mainnet. It knows the chain and nothing of nodes.
package faucet

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"sync"
	"time"

	"github.com/gagliardetto/solana-go"
	"github.com/gagliardetto/solana-go/rpc/jsonrpc"

	"github.com/phantom-paradox/paradox/chain"
	"github.com/phantom-paradox/paradox/chain/explorer"
	chainrpc "github.com/phantom-paradox/paradox/chain/rpc"
	"github.com/phantom-paradox/paradox/chain/wallet"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/network"
)

// Config says what is given, of what, and how often.
type Config struct {
	Network  *network.File
	Key      solana.PrivateKey // pays fees; mints, where it is the mint's authority
	RPC      chain.Client      // for transactions, which may be sent to several endpoints
	Airdrops chain.Client      // for airdrops: one endpoint, since asking a second could give twice; nil: lamports come from Key
	Lamports uint64            // a gift; 0: none
	Units    uint64            // of each mint, in its own unit; 0: none
	Every    time.Duration     // a wallet gets one gift in it
	PerIP    int               // gifts an address asks for in Every; 0: no limit
	State    string            // the file that remembers
	Now      func() time.Time
}

// queue bounds how many wait for the gift under way: a gift takes seconds, and who waits for minutes asks again.
const queue = 16

// A Faucet may be called from many goroutines. It gives one gift at a time.
type Faucet struct {
	cfg    Config
	tokens []wallet.Tokens
	named  map[string]string // symbol -> how many in its own unit
	skips  []string

	waiting chan struct{} // a place each for those who wait
	mu      sync.Mutex
	book    *book
}

// A Gift is what a wallet got.
type Gift struct {
	Wallet       intent.Key        `json:"wallet"`
	Lamports     uint64            `json:"lamports,string"`
	Tokens       map[string]string `json:"tokens"` // by symbol, each in its own unit
	Transactions []string          `json:"transactions"`
	Again        bool              `json:"again"` // it was given before, and nothing was added now
}

// A Refusal says why nothing is given, and when to ask again.
type Refusal struct {
	Status     int // of HTTP
	Code       string
	Detail     string
	RetryAfter time.Duration
}

func (r *Refusal) Error() string { return r.Detail }

// The codes of refusals.
const (
	CodeTooSoon = "too_soon"    // this wallet had its gift
	CodeAddress = "address"     // this address had its gifts
	CodeBusy    = "busy"        // too many ask
	CodeChain   = "chain"       // the cluster does not give, or cannot be asked
	CodeFunds   = "funds"       // the faucet's key has no SOL left
	CodeUnclear = "unclear"     // something was sent, and what became of it is not known
	CodeBad     = "bad_request" // the request cannot be read
)

// ErrMainnet says that the network is on the cluster where money is real.
var ErrMainnet = errors.New("the network is on Solana's mainnet, and a faucet gives test funds only")

// ErrNothing says that the faucet would have nothing to give.
var ErrNothing = errors.New("there is nothing to give")

// Open reads what was given before, and finds out which mints can be given. Close must be called.
func Open(ctx context.Context, cfg Config) (*Faucet, error) {
	if explorer.Mainnet(cfg.Network.Cluster) {
		return nil, ErrMainnet
	}
	f := &Faucet{cfg: cfg, named: map[string]string{}, waiting: make(chan struct{}, queue)}
	if err := f.mints(ctx); err != nil {
		return nil, err
	}
	if len(f.tokens) == 0 && cfg.Lamports == 0 {
		return nil, fmt.Errorf("%w: no SOL, and of the mints: %v", ErrNothing, f.skips)
	}
	var err error
	f.book, err = openBook(cfg.State, cfg.Network.Hash())
	return f, err
}

// Close lets go of the state.
func (f *Faucet) Close() error { return f.book.close() }

// mints finds those whose authority the key is.
func (f *Faucet) mints(ctx context.Context) error {
	if f.cfg.Units == 0 {
		return nil
	}
	c := f.client(f.cfg.RPC, nil)
	for _, m := range f.cfg.Network.Mints {
		k, ok, err := c.MintAuthority(ctx, m.Mint)
		if err != nil {
			return err
		}
		base, fits := baseUnits(f.cfg.Units, m.Decimals)
		switch {
		case !ok || k != f.cfg.Key.PublicKey():
			f.skips = append(f.skips, m.Symbol+": the faucet's key is not its mint authority")
		case len(f.tokens) == wallet.MaxTokens:
			f.skips = append(f.skips, fmt.Sprintf("%s: one gift has room for %d mints", m.Symbol, wallet.MaxTokens))
		case !fits:
			f.skips = append(f.skips, m.Symbol+": so many units of it do not fit 64 bits")
		default:
			f.tokens = append(f.tokens, wallet.Tokens{Mint: m.Mint, Amount: base})
			f.named[m.Symbol] = fmt.Sprint(f.cfg.Units)
		}
	}
	return nil
}

func baseUnits(units uint64, decimals uint8) (uint64, bool) {
	for range decimals {
		if units > math.MaxUint64/10 {
			return 0, false
		}
		units *= 10
	}
	return units, true
}

// Offer is what a gift is.
type Offer struct {
	Network      string            `json:"network"`
	Hash         intent.Hash       `json:"network_hash"`
	Lamports     uint64            `json:"lamports,string"`
	Tokens       map[string]string `json:"tokens"`
	EverySeconds int64             `json:"every_seconds"`
	Skipped      []string          `json:"skipped,omitempty"` // mints that are not given, and why
}

// Offer is what a gift is.
func (f *Faucet) Offer() Offer {
	return Offer{f.cfg.Network.Name, f.cfg.Network.Hash(), f.cfg.Lamports, f.named, int64(f.cfg.Every / time.Second), f.skips}
}

func (f *Faucet) client(over chain.Client, sent func(solana.Signature)) *wallet.Client {
	return wallet.New(wallet.Config{RPC: over, Addresses: chain.Addresses(f.cfg.Network), Sent: sent})
}

// Give gives to a wallet, asked for from an address (empty: by the operator). The same request of the same wallet gets the
// same gift; the error is a *Refusal wherever somebody else than the operator can do something about it.
func (f *Faucet) Give(ctx context.Context, to intent.Key, from, request string) (*Gift, error) {
	select {
	case f.waiting <- struct{}{}:
		defer func() { <-f.waiting }()
	default:
		return nil, &Refusal{http.StatusServiceUnavailable, CodeBusy, "too many ask at once", 10 * time.Second}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	now := f.cfg.Now()
	r, err := f.admit(to, from, request, now)
	if err != nil {
		return nil, err
	}
	if r.complete() {
		g := f.gift(r)
		g.Again = true
		return g, nil
	}
	err = f.pay(ctx, r)
	if err != nil && r.empty() { // nothing was given: it does not count
		f.book.forget(r)
		err = errors.Join(err, f.book.save())
	}
	if err != nil {
		return nil, err
	}
	return f.gift(r), nil
}

// admit finds the record of a gift that was begun, or begins one where the limits allow.
func (f *Faucet) admit(to intent.Key, from, request string, now time.Time) (*record, error) {
	f.book.prune(now.Add(-f.cfg.Every))
	if r := f.book.of(to); r != nil {
		if !r.complete() || request != "" && r.Request == request {
			return r, nil
		}
		return nil, &Refusal{http.StatusTooManyRequests, CodeTooSoon, fmt.Sprintf("%s had its gift; the next is in %s", to, f.left(r, now).Round(time.Second)), f.left(r, now)}
	}
	if n, oldest := f.book.from(from); from != "" && f.cfg.PerIP > 0 && n >= f.cfg.PerIP {
		return nil, &Refusal{http.StatusTooManyRequests, CodeAddress, fmt.Sprintf("%d gifts were asked for from this address, which is all it gets in %s", n, f.cfg.Every), f.left(oldest, now)}
	}
	r := &record{Wallet: to, From: from, Request: request, Time: now.Unix()}
	if !f.book.add(r) {
		return nil, &Refusal{http.StatusServiceUnavailable, CodeBusy, fmt.Sprintf("%d wallets had gifts in %s, and the faucet remembers no more", maxRecords, f.cfg.Every), time.Hour}
	}
	if f.cfg.Airdrops == nil || f.cfg.Lamports == 0 {
		r.SOL.State = none
	}
	if len(f.tokens) == 0 && (f.cfg.Airdrops != nil || f.cfg.Lamports == 0) {
		r.Tokens.State = none
	}
	return r, nil
}

func (f *Faucet) left(r *record, now time.Time) time.Duration {
	return max(time.Second, time.Unix(r.Time, 0).Add(f.cfg.Every).Sub(now))
}

func (f *Faucet) gift(r *record) *Gift {
	g := &Gift{Wallet: r.Wallet, Lamports: f.cfg.Lamports, Tokens: f.named, Transactions: []string{}}
	for _, p := range []*part{&r.SOL, &r.Tokens} {
		if p.State == done && p.Signature != "" {
			g.Transactions = append(g.Transactions, p.Signature)
		}
	}
	return g
}

// pay does what is still to be done of a gift.
func (f *Faucet) pay(ctx context.Context, r *record) error {
	if err := f.part(ctx, &r.SOL, f.cfg.Airdrops, func(c *wallet.Client) error {
		return c.Airdrop(ctx, f.cfg.Lamports, solana.PublicKey(r.Wallet))
	}); err != nil {
		return err
	}
	own := f.cfg.Lamports
	if f.cfg.Airdrops != nil {
		own = 0
	}
	return f.part(ctx, &r.Tokens, f.cfg.RPC, func(c *wallet.Client) error {
		return c.Give(ctx, f.cfg.Key, solana.PublicKey(r.Wallet), own, f.tokens)
	})
}

// part does one part of a gift, which is on disk as sent before anything is: a crash between the two gives nothing, never twice.
func (f *Faucet) part(ctx context.Context, p *part, over chain.Client, send func(*wallet.Client) error) error {
	if p.State == done || p.State == none {
		return nil
	}
	if p.State == sent {
		if err := f.settle(ctx, p); err != nil || p.State == done {
			return err
		}
	}
	p.State = sent
	if err := f.book.save(); err != nil {
		return err
	}
	var unsaved error
	known := false
	err := send(f.client(over, func(s solana.Signature) {
		known, p.Signature = true, s.String()
		unsaved = errors.Join(unsaved, f.book.save()) // one transaction at a time: no other goroutine is here
	}))
	switch {
	case err == nil:
		p.State = done
		return errors.Join(unsaved, f.book.save())
	case refused(err, known):
		*p = part{}
		return errors.Join(f.refuse(ctx, err), f.book.save())
	}
	return unclear(p, err)
}

// settle finds out what became of a part that was sent before.
func (f *Faucet) settle(ctx context.Context, p *part) error {
	if p.Signature == "" {
		return unclear(p, errors.New("the faucet was stopped while it sent"))
	}
	s, err := solana.SignatureFromBase58(p.Signature)
	if err != nil {
		return fmt.Errorf("faucet: %s: %w", f.cfg.State, err)
	}
	fate, err := f.client(f.cfg.RPC, nil).Fate(ctx, s)
	switch {
	case err != nil:
		return &Refusal{http.StatusBadGateway, CodeChain, err.Error(), 10 * time.Second}
	case fate == wallet.Landed:
		p.State = done
	case fate == wallet.Failed:
		*p = part{}
	default:
		return unclear(p, errors.New("the cluster does not show it"))
	}
	return f.book.save()
}

// refused says whether a failure is certain to have given nothing.
func refused(err error, sent bool) bool {
	var failed *wallet.FailedError
	var said *jsonrpc.RPCError
	var answer *jsonrpc.HTTPError
	switch {
	case errors.As(err, &failed):
		return true // executed, and nothing of it holds; or never executed
	case sent:
		return false
	case errors.As(err, &said), errors.Is(err, chainrpc.ErrResting), errors.Is(err, chainrpc.ErrWrongCluster):
		return true
	case errors.As(err, &answer):
		return answer.Code < http.StatusInternalServerError
	}
	return false
}

func unclear(p *part, err error) error {
	text := "something was sent and it is not known whether it arrived, so that it counts as given"
	if p.Signature != "" {
		text += "; transaction " + p.Signature
	}
	return &Refusal{http.StatusBadGateway, CodeUnclear, fmt.Sprintf("%s (%v)", text, err), time.Minute}
}

// refuse says why the chain did not do it.
func (f *Faucet) refuse(ctx context.Context, err error) error {
	has, lookErr := f.client(f.cfg.RPC, nil).Lamports(ctx, f.cfg.Key.PublicKey())
	if lookErr == nil && has < f.need() {
		return &Refusal{http.StatusServiceUnavailable, CodeFunds, fmt.Sprintf("the faucet's key %s has %d lamports and a gift takes about %d: its operator must send it some",
			f.cfg.Key.PublicKey(), has, f.need()), time.Hour}
	}
	return &Refusal{http.StatusBadGateway, CodeChain, "the cluster did not give: " + err.Error(), time.Minute}
}

// need is what a gift takes of the key at most: a token account each, a fee, and the lamports where they are its own.
func (f *Faucet) need() uint64 {
	const tokenAccount, fee = 2_039_280, 5_000
	n := uint64(len(f.tokens))*tokenAccount + fee
	if f.cfg.Airdrops == nil {
		n += f.cfg.Lamports
	}
	return n
}
