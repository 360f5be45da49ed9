// Package workload makes the batches that netting is measured on: random keys, many wallets, mixes that are solvent,
// short of money, or built to hurt. Everything follows from a seed. Nothing here is used by a node.
package workload

import (
	"math/rand/v2"

	"github.com/phantom-paradox/paradox/netting"
)

// A Key is a wallet, a mint or an id.
type Key = netting.Key

// A Batch is a case over keys, as a node has it that was handed intents.
type Batch struct {
	Name     string
	FeeOwner Key
	Mint     Key
	netting.Keyed
	items, owners []Key
}

// A Mix names a way to fill a batch.
type Mix string

// The mixes.
const (
	Solvent Mix = "solvent" // everybody has enough
	Scarce  Mix = "scarce"  // about one move in eight is not covered, and some fall because of others
	Domino  Mix = "domino"  // chains in which every payment hangs on the one before, and the first is not covered
	HotItem Mix = "items"   // 250 moves an item: chains of sales that unwind one by one from the end
	Loops   Mix = "loops"   // 250 moves an item: sold around in circles that break
)

// Mixes are all of them.
func Mixes() []Mix { return []Mix{Solvent, Scarce, Domino, HotItem, Loops} }

// Make makes a batch of n moves among wallets, in random order.
func Make(mix Mix, n, wallets int, seed uint64) *Batch {
	rng := rand.New(rand.NewPCG(seed, 11))
	b := &Batch{Name: string(mix), FeeOwner: key(rng), Mint: key(rng)}
	switch mix {
	case Solvent:
		b.market(rng, n, wallets, 1<<40)
	case Scarce:
		b.market(rng, n, wallets, uint64(max(1, 300*n/wallets/10)))
	case Domino:
		b.domino(rng, n)
	case HotItem:
		b.hotItems(rng, n, false)
	case Loops:
		b.hotItems(rng, n, true)
	}
	rng.Shuffle(len(b.Moves), func(i, j int) { b.Moves[i], b.Moves[j] = b.Moves[j], b.Moves[i] })
	b.Rest.FeeAccount = netting.View(&b.FeeOwner)
	for i := range b.items {
		b.Rest.Items = append(b.Rest.Items, netting.Holding{Item: netting.View(&b.items[i]), Owner: netting.View(&b.owners[i])})
	}
	return b
}

func key(rng *rand.Rand) (k Key) {
	for i := 0; i < len(k); i += 8 {
		x := rng.Uint64()
		for j := range 8 {
			k[i+j] = byte(x >> (8 * j))
		}
	}
	return k
}

func (b *Batch) wallet(rng *rand.Rand, balance uint64) Key {
	w := key(rng)
	b.Balances = append(b.Balances, netting.KeyBalance{Wallet: w, Asset: b.Mint, Amount: balance})
	return w
}

func (b *Batch) market(rng *rand.Rand, n, wallets int, balance uint64) {
	for range wallets {
		b.wallet(rng, rng.Uint64N(2*balance))
	}
	nonce := make([]uint64, wallets)
	for range n {
		from, to := rng.IntN(wallets), rng.IntN(wallets-1)
		if to >= from {
			to++
		}
		nonce[from]++
		b.Moves = append(b.Moves, netting.KeyMove{ID: key(rng), From: b.Balances[from].Wallet, To: b.Balances[to].Wallet, Asset: b.Mint,
			Amount: 1 + rng.Uint64N(1000), Nonce: nonce[from]})
	}
}

const chainLength = 1000

func (b *Batch) domino(rng *rand.Rand, n int) {
	for len(b.Moves) < n {
		from := b.wallet(rng, 99) // one short of what it pays
		for range min(chainLength, n-len(b.Moves)) {
			to := b.wallet(rng, 0)
			b.Moves = append(b.Moves, netting.KeyMove{ID: key(rng), From: from, To: to, Asset: b.Mint, Amount: 100, Nonce: 1})
			from = to
		}
	}
}

const movesAnItem = 250

// hotItems sells every item along a chain of buyers without money, whose last buyer has none either. With loops, every
// tenth sale goes back to the owner, who sells again.
func (b *Batch) hotItems(rng *rand.Rand, n int, loops bool) {
	for len(b.Moves) < n {
		item, owner := key(rng), b.wallet(rng, 0)
		b.items, b.owners = append(b.items, item), append(b.owners, owner)
		seller, ownerNonce := owner, uint64(0)
		for i := range min(movesAnItem, n-len(b.Moves)) {
			buyer := owner
			if !loops || i%10 != 9 {
				buyer = b.wallet(rng, 0)
			}
			m := netting.KeyMove{ID: key(rng), From: buyer, To: seller, Asset: b.Mint, Amount: 1000 + uint64(i), Nonce: 1}
			sale := netting.KeySale{Item: item, Quantity: 1, SellerNonce: 1}
			if buyer == owner {
				ownerNonce++
				m.Nonce = ownerNonce
			}
			if seller == owner {
				sale.SellerNonce = uint64(i + 1)
			}
			b.Sales = append(b.Sales, sale)
			m.Sale = uint32(len(b.Sales))
			b.Moves = append(b.Moves, m)
			seller = buyer
		}
	}
}

// Fill lays the batch out as a case of strings, which are views of the batch's keys. It reuses the case's memory.
func (b *Batch) Fill(c *netting.Case) {
	c.FeeAccount, c.Items = b.Rest.FeeAccount, b.Rest.Items
	c.Balances, c.Moves = c.Balances[:0], c.Moves[:0]
	for i := range b.Moves {
		m := &b.Moves[i]
		v := netting.Move{ID: netting.View(&m.ID), From: netting.View(&m.From), To: netting.View(&m.To), Asset: netting.View(&b.Mint),
			Amount: m.Amount, Fee: m.Fee, Nonce: m.Nonce}
		if m.Sale != 0 {
			s := &b.Sales[m.Sale-1]
			v.Kind, v.Item, v.Quantity, v.SellerNonce = netting.Sale, netting.View(&s.Item), s.Quantity, s.SellerNonce
		}
		c.Moves = append(c.Moves, v)
	}
	for i := range b.Balances {
		w := &b.Balances[i]
		c.Balances = append(c.Balances, netting.Balance{Wallet: netting.View(&w.Wallet), Asset: netting.View(&b.Mint), Amount: w.Amount})
	}
}
