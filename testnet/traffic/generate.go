package traffic

import (
	"crypto/ed25519"
	"errors"
	"math/rand/v2"
	"strconv"

	"github.com/phantom-paradox/paradox/intent"
)

// Account is a wallet's money of one mint.
type Account struct{ Wallet, Mint intent.Key }

// Signer is a wallet and the key that signs for it, each pair with nonces of its own.
type Signer struct{ From, Signer intent.Key }

// Config is what a stream follows from.
type Config struct {
	Seed    uint64
	Run     string // distinguishes item names and session keys from those of earlier runs; of a-z 0-9
	Network *intent.Network
	Cast    *Cast
	Opening map[Account]uint64 // what the traders can spend
	Nonces  map[Signer]uint64  // the next free nonce; 1 where absent
}

// The network must have two mints for prices and goods, and enough traders for a loop.
const (
	minMints   = 2
	minTraders = 6
)

// A Generator makes steps, one after the other.
type Generator struct {
	cfg      Config
	rng      *rand.Rand
	position map[Account]uint64 // as if all that must settle had settled
	nonces   map[Signer]uint64
	queue    []Step
	made     int // steps so far
	shown    int // scenarios of the opening that were played
	items    int
	sessions map[int]bool // traders that opened one in this run
	lastOf   map[intent.Key]int
	mistakes int
	expiries int
}

// NewGenerator checks the configuration.
func NewGenerator(cfg Config) (*Generator, error) {
	if len(cfg.Network.Mints) < minMints {
		return nil, errors.New("traffic: the network file has fewer than two mints")
	}
	if len(cfg.Cast.Traders) < minTraders {
		return nil, errors.New("traffic: fewer than six traders")
	}
	g := &Generator{
		cfg: cfg, rng: rand.New(rand.NewPCG(cfg.Seed, 0x70617261646f78)),
		position: map[Account]uint64{}, nonces: map[Signer]uint64{}, sessions: map[int]bool{}, lastOf: map[intent.Key]int{},
	}
	for a, v := range cfg.Opening {
		g.position[a] = v
	}
	for s, n := range cfg.Nonces {
		g.nonces[s] = n
	}
	return g, nil
}

// Next gives the next step. A story is never cut: room is how many intents may still come (negative: no end), and a story
// that does not fit gives way to single payments. Deposits take no room.
func (g *Generator) Next(room int) *Step {
	if len(g.queue) == 0 {
		g.play(room)
	}
	s := g.queue[0]
	g.queue = g.queue[1:]
	return &s
}

// Unfinished says whether a story has begun and not come to its end: a deposit may still follow the last intent.
func (g *Generator) Unfinished() bool { return len(g.queue) > 0 }

// play queues one story.
func (g *Generator) play(room int) {
	all := stories()
	if g.shown < len(all) { // each once at first, so that a short run shows all of them
		s := all[g.shown]
		g.shown++
		if room < 0 || s.most <= room {
			s.tell(g)
			if len(g.queue) > 0 {
				return
			}
		}
	}
	total := 0
	for _, s := range all {
		total += s.weight
	}
	pick := g.rng.IntN(total)
	for _, s := range all {
		if pick -= s.weight; pick < 0 {
			if room < 0 || s.most <= room {
				s.tell(g)
			}
			break
		}
	}
	if len(g.queue) == 0 {
		g.payment()
	}
}

// add queues an intent and gives its step's index.
func (g *Generator) add(s Step) int {
	s.Index = g.made
	g.made++
	if s.End == 0 {
		s.End = Settle
	}
	if s.Life == 0 {
		s.Life = lifeDefault
	}
	g.queue = append(g.queue, s)
	return s.Index
}

// lifeDefault is long enough for the slowest run on a busy machine and within every network's max_age.
const lifeDefault = 1800

// nonce takes the next of a wallet's signing key.
func (g *Generator) nonce(from, signer intent.Key) uint64 {
	k := Signer{from, signer}
	n := g.nonces[k]
	if n == 0 {
		n = 1
	}
	g.nonces[k] = n + 1
	return n
}

// pay builds a payment by the wallet itself.
func (g *Generator) pay(from *Wallet, to, mint intent.Key, amount uint64) Step {
	key := from.Public()
	return Step{AskOf: -1, Key: from.Key, Intent: intent.Intent{
		Kind: intent.Pay, From: key, To: &to, Mint: &mint, Amount: amount, Fee: g.fee(amount), Nonce: g.nonce(key, key),
	}}
}

func (g *Generator) fee(amount uint64) uint64 { return intent.Fee(amount, g.cfg.Network.FeeBps) }

// traders picks k different ones.
func (g *Generator) traders(k int) []*Wallet {
	out := make([]*Wallet, k)
	for n, at := range g.rng.Perm(len(g.cfg.Cast.Traders))[:k] {
		out[n] = &g.cfg.Cast.Traders[at]
	}
	return out
}

func (g *Generator) mint() intent.Key { return g.cfg.Network.Mints[g.rng.IntN(minMints)].Mint }

// spend takes amount and fee out of a wallet's position, if they are there.
func (g *Generator) spend(w, mint intent.Key, amount uint64) bool {
	a := Account{w, mint}
	cost := amount + g.fee(amount)
	if g.position[a] < cost {
		return false
	}
	g.position[a] -= cost
	return true
}

func (g *Generator) gain(w, mint intent.Key, amount uint64) { g.position[Account{w, mint}] += amount }

// part is a random share of what a wallet has, at most one in n, fee left aside. 0: it has nothing.
func (g *Generator) part(w, mint intent.Key, n uint64) uint64 {
	most := g.position[Account{w, mint}] / n
	most -= g.fee(most)
	if most < 2 {
		return 0
	}
	return 1 + g.rng.Uint64N(most-1)
}

func (g *Generator) sessionKey(trader int) ed25519.PrivateKey {
	w := g.cfg.Cast.Traders[trader]
	var secret [32]byte
	copy(secret[:], w.Key.Seed())
	session := derive(secret, "session "+g.cfg.Run, trader)
	return session.Key
}

func (g *Generator) itemName(issuer intent.Key) string {
	g.items++
	return issuer.String() + "/" + g.cfg.Run + "-" + strconv.Itoa(g.items)
}
