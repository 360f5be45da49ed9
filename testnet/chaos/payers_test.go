//go:build linux

package chaos

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/gagliardetto/solana-go"
	"github.com/gagliardetto/solana-go/rpc"

	"github.com/phantom-paradox/paradox/chain"
	"github.com/phantom-paradox/paradox/chain/wallet"
	client "github.com/phantom-paradox/paradox/clients/go"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/node/keys"
)

const (
	payerCount = 6
	// payerMoney is more than a payer can spend in a test.
	payerMoney = 1_000_000
	// intentLife is longer than any test: no intent may end by its age.
	intentLife = 1800
	// payEvery keeps a payer's pending intents far below the bound of a wallet.
	payEvery = 40 * time.Millisecond
)

// An acknowledgement is a node's word that it has an intent.
type acknowledgement struct {
	id   intent.ID
	node int
}

// payers are funded wallets that pay each other through random nodes, one intent after the other, and remember every
// acknowledgement. An intent that a node did not acknowledge is handed in again, the same bytes, to another.
type payers struct {
	w    *world
	keys []ed25519.PrivateKey
	mint intent.Mint

	mu   sync.Mutex
	acks []acknowledgement
	odd  []string // refusals; there is no reason for any
	last string   // of what was not settled when kept looked
}

func public(k ed25519.PrivateKey) intent.Key {
	return intent.Key(k[ed25519.PrivateKeySize-ed25519.PublicKeySize:])
}

// newPayers makes wallets and funds them as anybody would: entries and deposits by signed transactions.
func newPayers(t *testing.T, w *world, r *rand.Rand) *payers {
	t.Helper()
	p := &payers{w: w, mint: w.file.Mints[0]}
	var owners []intent.Key
	for range payerCount {
		var seed [ed25519.SeedSize]byte
		for i := range seed {
			seed[i] = byte(r.Uint32())
		}
		k := ed25519.NewKeyFromSeed(seed[:])
		p.keys = append(p.keys, k)
		owners = append(owners, public(k))
	}
	payer, err := keys.LoadSolana(filepath.Join(w.home, "wallets", "payer.json"), nil)
	if err != nil {
		t.Fatal(err)
	}
	conn := rpc.New(w.file.RPC[0])
	defer conn.Close()
	bank := wallet.New(wallet.Config{RPC: conn, Addresses: chain.Addresses(w.file), Commitment: rpc.CommitmentFinalized})
	numbers, err := bank.OpenEntries(t.Context(), solana.PrivateKey(payer), p.mint.Mint, owners)
	if err != nil {
		t.Fatal(err)
	}
	var grants []wallet.Grant
	var deposits []wallet.EntryOf
	for n, o := range owners {
		grants = append(grants, wallet.Grant{Owner: solana.PublicKey(o), Amount: payerMoney})
		deposits = append(deposits, wallet.EntryOf{Owner: solana.PrivateKey(p.keys[n]), Entry: numbers[o], Amount: payerMoney})
	}
	if err := bank.Mint(t.Context(), solana.PrivateKey(payer), p.mint.Mint, grants); err != nil {
		t.Fatal(err)
	}
	if err := bank.Deposit(t.Context(), solana.PrivateKey(payer), p.mint.Mint, deposits); err != nil {
		t.Fatal(err)
	}
	return p
}

// run lets every payer pay until the function that it returns is called.
func (p *payers) run(t *testing.T, r *rand.Rand) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for n := range p.keys {
		own := rand.New(rand.NewPCG(r.Uint64(), uint64(n)))
		wg.Go(func() { p.pay(ctx, n, own) })
	}
	stop = func() { cancel(); wg.Wait() }
	t.Cleanup(stop)
	return stop
}

// pay is one payer.
func (p *payers) pay(ctx context.Context, n int, r *rand.Rand) {
	ticker := time.NewTicker(payEvery)
	defer ticker.Stop()
	var next *intent.Signed
	for nonce := uint64(1); ; {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if next == nil {
			next = p.sign(n, nonce, r)
		}
		if p.submit(ctx, next, r.IntN(len(p.w.clients))) {
			next, nonce = nil, nonce+1
		}
	}
}

func (p *payers) sign(n int, nonce uint64, r *rand.Rand) *intent.Signed {
	net := p.w.file.Intents()
	to := public(p.keys[(n+1+r.IntN(len(p.keys)-1))%len(p.keys)])
	amount := 100 + r.Uint64N(1000)
	now := time.Now().Unix()
	s, err := intent.Sign(p.keys[n], net, intent.Intent{
		Network: net.Hash, Kind: intent.Pay, From: public(p.keys[n]), To: &to, Mint: &p.mint.Mint, Amount: amount,
		Fee: intent.Fee(amount, net.FeeBps), Nonce: nonce, Created: now, Expires: now + intentLife,
	})
	if err != nil {
		panic(err) // a mistake of this file
	}
	return s
}

// submit hands an intent to a node; true if that node has acknowledged it.
func (p *payers) submit(ctx context.Context, s *intent.Signed, node int) bool {
	ctx, cancel := context.WithTimeout(ctx, askWait)
	defer cancel()
	results, err := p.w.clients[node].Submit(ctx, []*intent.Signed{s})
	if err != nil {
		return false // killed, stopped, or not ready yet
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch r := results[0]; r.Code {
	case "":
	case intent.NoEntry:
		return false // the node has not seen the deposit yet
	default:
		p.odd = append(p.odd, fmt.Sprintf("%s refuses nonce %d of %s: %s: %s", p.w.nodes[node].Name, s.Nonce, s.From, r.Code, r.Detail))
		return false
	}
	id, err := s.ID(p.w.file.Intents())
	if err != nil {
		panic(err)
	}
	p.acks = append(p.acks, acknowledgement{id, node})
	return true
}

func (p *payers) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.acks)
}

// kept asks every node that acknowledged an intent what became of it, and gives how many are not settled yet.
func (p *payers) kept(ctx context.Context, t *testing.T) (pending int) {
	t.Helper()
	for _, a := range p.acks {
		ask, cancel := context.WithTimeout(ctx, askWait)
		s, err := p.w.clients[a.node].Intent(ask, a.id)
		cancel()
		switch {
		case errors.Is(err, client.ErrUnknown):
			t.Errorf("%s acknowledged %s and knows nothing of it", p.w.nodes[a.node].Name, a.id)
		case err != nil:
			pending++ // it does not answer this moment
		case s.State == client.Dropped:
			t.Errorf("%s was dropped: %+v", a.id, s.Dropped)
		case s.State != client.Settled:
			pending++
			p.last = fmt.Sprintf("%s is %s at %s: %+v", a.id, s.State, p.w.nodes[a.node].Name, s.Pending)
		}
	}
	return pending
}
