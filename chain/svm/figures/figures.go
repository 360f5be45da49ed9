// Package figures measures what the vault program costs on a real Solana virtual machine: compute units of every
// instruction, wallets a settlement transaction moves, rent and fees. The numbers are the machine's; nothing is estimated
// but where a field says so.
package figures

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/gagliardetto/solana-go"

	"github.com/phantom-paradox/paradox/chain/svm"
	"github.com/phantom-paradox/paradox/chain/vault"
	"github.com/phantom-paradox/paradox/intent"
)

// Units is what an instruction costs.
type Units struct {
	Name  string `json:"name"`
	Units uint64 `json:"units"`
}

// A Packing is the largest settlement transaction over so many pages: compute limit and price in it, one signature, no
// lookup tables, amounts of 4 and 5 bytes.
type Packing struct {
	Pages   int    `json:"pages"`
	Wallets int    `json:"wallets"`
	Bytes   int    `json:"bytes"`
	Units   uint64 `json:"units"`
}

// Rent is what accounts lock up, in lamports.
type Rent struct {
	Vault uint64 `json:"vault"`
	Purse uint64 `json:"purse"` // with its token account and the header of its first page
	Entry uint64 `json:"entry"`
	Tally uint64 `json:"tally"` // given back when it is closed
}

// A Height is what settling one height costs, priority fees aside.
type Height struct {
	Members      int     `json:"members"`
	Wallets      int     `json:"wallets"`
	Transactions int     `json:"transactions"`
	Lamports     uint64  `json:"lamports"`
	PerWallet    float64 `json:"lamports_per_wallet"`
	OneByOne     uint64  `json:"lamports_one_transfer_a_wallet"` // for comparison: 5,000 each
}

// Figures are the results.
type Figures struct {
	Units   []Units   `json:"units"`
	Packing []Packing `json:"packing"`
	Rent    Rent      `json:"rent"`
	Heights []Height  `json:"heights"`
}

// Measure runs all measurements. The server must serve its control methods and run the vault at program.
func Measure(ctx context.Context, s *svm.Server, program solana.PublicKey) (*Figures, error) {
	f := &Figures{}
	for _, step := range []struct {
		what string
		run  func(*lab)
		size int
	}{
		{"the life of a vault", f.life, 4},
		{"votes of 21 members", f.votes, vault.MaxMembers},
		{"packing", f.pack, 5},
		{"heights of 4 members", f.heights, 7},
		{"heights of 21 members", f.heights, 20},
	} {
		l := newLab(ctx, s, program, step.size)
		step.run(l)
		if l.err != nil {
			return nil, fmt.Errorf("measuring %s: %w", step.what, l.err)
		}
	}
	return f, nil
}

func (f *Figures) add(name string, s sample) { f.Units = append(f.Units, Units{name, s.units}) }

// life goes through every instruction once.
func (f *Figures) life(l *lab) {
	payer := l.payer.PublicKey()
	me := intent.Key(payer)
	before := l.lamports()
	f.add("create vault, 4 members", l.do(l.CreateVault(payer, l.founding)))
	f.Rent.Vault = before - l.lamports() - fee
	before = l.lamports()
	f.add("add purse", l.do(l.AddPurse(payer, l.mint)))
	after := l.lamports()
	f.add("open entry", l.do(l.OpenEntry(payer, l.mint, me, 1)))
	f.Rent.Entry = after - l.lamports() - fee
	f.Rent.Purse = before - after - fee - f.Rent.Entry
	f.add("deposit", l.do(l.Deposit(payer, l.tokens(1000), l.mint, 1, 1000)))
	f.add("request withdrawal", l.do(l.Request(payer, l.mint, 1, 10)))
	f.add("cancel request", l.do(l.Cancel(payer, l.mint, 1)))

	l.do(l.Request(payer, l.mint, 1, 10))
	before = l.lamports()
	h := l.next()
	f.add("attest, 3 signatures, settles an empty height", l.attest(h, l.members[:3]...))
	f.Rent.Tally = before - l.lamports() - 4*fee
	f.add("withdraw, acknowledged", l.do(l.Withdraw(payer, l.tokens(0), l.mint, 1)))
	l.do(l.Request(payer, l.mint, 1, 10))
	l.pass(delay)
	f.add("withdraw, after the delay", l.do(l.Withdraw(payer, l.tokens(0), l.mint, 1)))
	tally, _ := l.Tally(h.Digest, 0)
	f.add("close tally", l.do(l.CloseTally(tally, payer)))

	debit := &vault.Chunk{Kind: vault.ChunkDebits, Mint: l.mint, Pairs: []vault.Pair{{Entry: 1, Amount: 5}}}
	h = l.next(debit.Encode(), debit.Encode())
	l.decide(h)
	l.chunk(l.Apply, h.chunks[0], h.heads[1])
	l.pass(2 * delay)
	f.add("unapply, 1 wallet", l.chunk(l.Unapply, h.chunks[0], intent.Hash{}))
	f.add("drop", l.do(l.Drop()))
	members := &vault.Chunk{Kind: vault.ChunkMembers}
	for i := range vault.MaxMembers {
		members.Members = append(members.Members, vault.Member{Key: intent.Key(newKey("new", i).PublicKey()), Weight: 1})
	}
	h = l.next(members.Encode())
	l.decide(h)
	f.add("apply, 21 new members", l.chunk(l.Apply, h.chunks[0], h.heads[1]))
}

// votes measures attest where the scan for a key is longest.
func (f *Figures) votes(l *lab) {
	f.add("create vault, 21 members", l.do(l.CreateVault(l.payer.PublicKey(), l.founding)))
	h := l.next([]byte{0xff}) // never applied
	n := len(l.members)
	f.add("attest, 6 signatures, new tally", l.attest(h, l.members[n-6:]...))
	f.add("attest, 6 signatures", l.attest(h, l.members[n-12:n-6]...))
	f.add("attest, 1 signature", l.attest(h, l.members[0]))
	f.add("attest, 2 signatures, quorum", l.attest(h, l.members[1:3]...))
}

// fee is one signature's.
const fee = 5000

func (l *lab) lamports() uint64 {
	if l.err != nil {
		return 0
	}
	out, err := l.s.Execute(l.ctx, nil, l.payer.PublicKey())
	if err != nil {
		l.err = err
		return 0
	}
	return out.Accounts[0].Lamports
}

// pageCounts are those that the settlement format was designed against.
func pageCounts() []int { return []int{1, 2, 4, 8, 15, 16} }

// pack measures full chunks over dense pages.
func (f *Figures) pack(l *lab) {
	l.fill(16)
	for _, pages := range pageCounts() {
		debits := dense(l.mint, vault.ChunkDebits, pages, 0)
		h := l.next(debits.Encode(), []byte{0xff}) // the second is never applied
		l.decide(h)
		s := l.chunk(l.Apply, h.chunks[0], h.heads[1])
		f.Packing = append(f.Packing, Packing{Pages: pages, Wallets: len(debits.Pairs), Bytes: s.bytes, Units: s.units})
		f.add(fmt.Sprintf("apply, %d wallets on %d pages", len(debits.Pairs), pages), s)
		l.pass(2 * delay)
		undo := l.chunk(l.Unapply, h.chunks[0], intent.Hash{})
		f.add(fmt.Sprintf("unapply, %d wallets on %d pages", len(debits.Pairs), pages), undo)
		l.do(l.Drop())
	}
}

// fill founds the vault and puts full pages in place, every entry with funds.
func (l *lab) fill(pages int) {
	payer := l.payer.PublicKey()
	l.do(l.CreateVault(payer, l.founding))
	l.do(l.AddPurse(payer, l.mint))
	purse, _ := l.Purse(l.mint)
	for i := range pages {
		p := &vault.Page{Purse: purse, Index: uint32(i), Entries: make([]vault.Entry, vault.PageEntries)}
		for j := range p.Entries {
			p.Entries[j] = vault.Entry{Owner: intent.Key(payer), Available: 1 << 50}
		}
		k, _ := l.Page(purse, uint32(i))
		l.put(k, l.program, p.Encode(), lamportsPerSOL)
	}
}

// maxChunk is the settlement format's bound on a chunk's bytes.
func maxChunk(pages int) int { return 910 - 33*pages }

// dense is the fullest chunk over so many pages that fits: entries one to five apart, as on pages where most settle, and
// amounts of 4 and 5 bytes in equal parts.
func dense(mint intent.Key, kind uint8, pages int, skip uint32) *vault.Chunk {
	best := &vault.Chunk{}
	for share := 1; ; share++ {
		r := rand.New(rand.NewPCG(uint64(pages), 7))
		c := &vault.Chunk{Kind: kind, Mint: mint}
		for p := range pages {
			entry := uint32(p)*vault.PageEntries + skip
			for range share {
				amount := uint64(1)<<21 + r.Uint64N(1<<27)
				if r.IntN(2) == 0 {
					amount = 1<<28 + r.Uint64N(1<<34)
				}
				c.Pairs = append(c.Pairs, vault.Pair{Entry: entry, Amount: amount})
				if len(c.Encode()) > maxChunk(pages) { // the last page holds what is left
					if full := c.Pairs[:len(c.Pairs)-1]; len(full) > len(best.Pairs) {
						best = &vault.Chunk{Kind: kind, Mint: mint, Pairs: full}
					}
					if p == pages-1 {
						return best
					}
				}
				entry += 1 + uint32(r.IntN(5))
			}
		}
		if len(c.Encode()) <= maxChunk(pages) {
			best = c
		}
	}
}

// heights measures whole heights on one dense page after another.
func (f *Figures) heights(l *lab) {
	l.fill(4)
	for _, wallets := range []int{20, 300, 1000, 3000} {
		chunks := settlement(l.mint, wallets)
		h := l.next(chunks...)
		all := l.decide(h)
		for i := range chunks {
			all = append(all, l.chunk(l.Apply, h.chunks[i], h.heads[i+1]))
		}
		out := Height{Members: len(l.members), Wallets: wallets, Transactions: len(all), OneByOne: uint64(wallets) * fee}
		for _, s := range all {
			out.Lamports += s.fee
		}
		out.PerWallet = float64(out.Lamports) / float64(wallets)
		f.Heights = append(f.Heights, out)
	}
}

// settlement moves funds from the first half of so many wallets to the second, the same amount each.
func settlement(mint intent.Key, wallets int) (chunks [][]byte) {
	const amount = 1 << 30 // 5 bytes
	c := &vault.Chunk{Kind: vault.ChunkDebits, Mint: mint}
	flush := func() {
		if len(c.Pairs) > 0 {
			chunks = append(chunks, c.Encode())
		}
	}
	for i := range wallets {
		kind := vault.ChunkDebits
		if i >= wallets/2 {
			kind = vault.ChunkCredits
		}
		pair := vault.Pair{Entry: uint32(i), Amount: amount}
		grown := &vault.Chunk{Kind: kind, Mint: mint, Pairs: append(append([]vault.Pair(nil), c.Pairs...), pair)}
		if kind != c.Kind || len(grown.Encode()) > maxChunk(len(grown.Pages())) {
			flush()
			grown = &vault.Chunk{Kind: kind, Mint: mint, Pairs: []vault.Pair{pair}}
		}
		c = grown
	}
	flush()
	return chunks
}
