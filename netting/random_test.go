package netting

import (
	"math"
	"math/rand/v2"
	"strconv"
)

// A shape says what random cases look like.
type shape struct {
	wallets, assets, items, moves int
	sales, sessions, asks         bool
	dirty                         bool // duplicates, equivocations, replays, invalid moves, crafted ids
	huge                          bool // amounts around the ends of u64
	fees                          bool
}

func randomShape(rng *rand.Rand) shape {
	yes := func() bool { return rng.IntN(2) == 0 }
	return shape{wallets: 2 + rng.IntN(6), assets: 1 + rng.IntN(3), items: rng.IntN(4), moves: 1 + rng.IntN(24),
		sales: yes(), sessions: yes(), asks: yes(), dirty: yes(), huge: rng.IntN(4) == 0, fees: yes()}
}

func name(prefix string, i int) string { return prefix + strconv.Itoa(i) }

func (s shape) random(rng *rand.Rand) *Case {
	c := &Case{FeeAccount: "FEE"}
	if rng.IntN(4) == 0 {
		c.FeeAccount = "w0"
	}
	if rng.IntN(2) == 0 {
		c.Seed = []byte(strconv.Itoa(rng.Int()))
	}
	for w := range s.wallets {
		for a := range s.assets {
			if rng.IntN(3) > 0 {
				c.Balances = append(c.Balances, Balance{name("w", w), name("u", a), s.amount(rng, 20)})
			}
		}
	}
	for i := range s.items {
		c.Items = append(c.Items, Holding{name("i", i), name("w", rng.IntN(s.wallets))})
	}
	nonces := map[string]uint64{}
	for i := range s.moves {
		c.Moves = append(c.Moves, s.move(rng, i, nonces))
	}
	if s.dirty {
		s.soil(rng, c)
	}
	if s.sessions {
		for w := range s.wallets {
			c.Limits = append(c.Limits, Limit{name("w", w), "k", "u0", s.amount(rng, 25)})
		}
	}
	rng.Shuffle(len(c.Moves), func(i, j int) { c.Moves[i], c.Moves[j] = c.Moves[j], c.Moves[i] })
	return c
}

func (s shape) amount(rng *rand.Rand, most uint64) uint64 {
	if s.huge && rng.IntN(2) == 0 {
		return math.MaxUint64 - rng.Uint64N(3)
	}
	return rng.Uint64N(most)
}

func (s shape) move(rng *rand.Rand, i int, nonces map[string]uint64) Move {
	m := Move{ID: name("t", i), From: name("w", rng.IntN(s.wallets)), To: name("w", rng.IntN(s.wallets)),
		Asset: name("u", rng.IntN(s.assets)), Amount: s.amount(rng, 15)}
	for m.From == m.To && !s.dirty {
		m.To = name("w", rng.IntN(s.wallets))
	}
	if s.sessions && rng.IntN(3) == 0 {
		m.Signer = "k"
	}
	if s.fees && rng.IntN(2) == 0 {
		m.Fee = s.amount(rng, 3)
	}
	if s.sales && rng.IntN(2) == 0 {
		m.Kind = Sale
		m.SellerNonce = 1 + rng.Uint64N(6)
		if s.items > 0 && rng.IntN(4) > 0 {
			m.Item, m.Quantity = name("i", rng.IntN(s.items)), 1
		} else {
			m.Item, m.Quantity = name("u", rng.IntN(s.assets)), s.amount(rng, 8)
		}
		if s.asks && rng.IntN(3) == 0 {
			m.Ask = name("a", rng.IntN(4))
		}
	}
	stream := m.From + m.Signer
	nonces[stream] += 1 + rng.Uint64N(2)
	m.Nonce = nonces[stream]
	return m
}

// soil adds what a careless or hostile pool may hold.
func (s shape) soil(rng *rand.Rand, c *Case) {
	for range 1 + rng.IntN(6) {
		m := c.Moves[rng.IntN(len(c.Moves))]
		switch rng.IntN(9) {
		case 0: // an exact duplicate
		case 1: // the same, said otherwise
			if m.Signer == "" {
				m.Signer = m.From
			}
		case 2:
			m.ID += "x"
		case 3:
			m.Amount++ // a crafted id
		case 4:
			m.Asset = "i0"
		case 5:
			m.Negative = true
		case 6:
			m.ID, m.Nonce = m.ID+"z", 0
		case 7:
			m.ID, m.Quantity, m.Amount = m.ID+"q", rng.Uint64N(3), 0
		case 8:
			m.ID, m.To = m.ID+"s", m.From
		}
		c.Moves = append(c.Moves, m)
	}
	for w := range s.wallets {
		signer := ""
		if rng.IntN(2) == 0 {
			signer = "k"
		}
		if rng.IntN(3) == 0 {
			c.Floors = append(c.Floors, Mark{name("w", w), signer, rng.Uint64N(4)})
		}
		if rng.IntN(3) == 0 {
			c.Used = append(c.Used, Mark{name("w", w), signer, rng.Uint64N(9)})
		}
	}
	if rng.IntN(3) == 0 { // lists that say a thing twice
		c.Balances = append(c.Balances, Balance{"w0", "u0", s.amount(rng, 9)}, Balance{"w0", "u0", s.amount(rng, 9)})
		c.Items = append(c.Items, Holding{"i0", "w1"}, Holding{"i0", "w0"})
	}
}
