package svm

import (
	"encoding/binary"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/gagliardetto/solana-go"

	"github.com/phantom-paradox/paradox/chain/vault"
	"github.com/phantom-paradox/paradox/intent"
)

// Steps of the random test; PARADOX_SVM_STEPS and PARADOX_SVM_SEED try more, and one failure again.
const randomSteps = 4000

func setting(t *testing.T, name string, or uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return or
	}
	n, err := strconv.ParseUint(text, 10, 64)
	must(t, err)
	return n
}

// A walk is a random sequence of transactions, most of them sensible, some of them damaged.
type walk struct {
	*world
	rand    *rand.Rand
	mints   []intent.Key
	owners  []string
	wallets map[solana.PublicKey]intent.Key // token accounts that tokens come from and go to, with their mint
	headers []*header                       // of the last heights
	tallies []solana.PublicKey
	counts  map[string]int
}

var owners = []string{"ann", "ben", "cid", "dan"}

func newWalk(t *testing.T, seed uint64) *walk {
	w := founded(t, 5)
	o := &walk{world: w, rand: rand.New(rand.NewPCG(seed, 1)), owners: owners, wallets: map[solana.PublicKey]intent.Key{}, counts: map[string]int{}}
	second := intent.Key(w.newMint("second", solana.TokenProgramID))
	w.ok(w.AddPurse(w.payer.PublicKey(), second))
	o.mints = []intent.Key{w.mint, second}
	for _, m := range o.mints {
		for _, name := range o.owners {
			o.wallets[w.newTokens(name, m, 1_000_000)] = m
		}
	}
	return o
}

func (o *walk) mint() intent.Key         { return o.mints[o.rand.IntN(len(o.mints))] }
func (o *walk) owner() solana.PrivateKey { return o.person(o.owners[o.rand.IntN(len(o.owners))]) }

// vault and entries as the model has them: it was compared with the machine after the last step.
func (o *walk) vault() *vault.Vault {
	v, err := vault.DecodeVault(o.twin.read(o.Vault).Data)
	must(o, err)
	return v
}

func (o *walk) entries(mint intent.Key) []vault.Entry {
	purse, _ := o.Purse(mint)
	k, _ := o.Page(purse, 0)
	p, err := vault.DecodePage(o.twin.read(k).Data)
	must(o, err)
	return p.Entries
}

func (o *walk) amount() uint64 { return 1 + o.rand.Uint64N(1<<(1+o.rand.IntN(14))) }

// someEntry is mostly one that is there.
func (o *walk) someEntry(mint intent.Key) uint32 {
	return uint32(o.rand.IntN(len(o.entries(mint)) + 1))
}

// ownedEntry is an entry with its owner, if anybody here owns it.
func (o *walk) ownedEntry(mint intent.Key) (uint32, solana.PublicKey) {
	list := o.entries(mint)
	i := o.rand.IntN(len(list))
	return uint32(i), solana.PublicKey(list[i].Owner)
}

func (o *walk) step() (string, []solana.Instruction) {
	mint := o.mint()
	entry, owner := o.ownedEntry(mint)
	if _, known := o.keys[owner]; !known || o.rand.IntN(8) == 0 { // a damaged open gives an entry to nobody
		owner = o.owner().PublicKey()
	}
	switch n := o.rand.IntN(100); {
	case n < 4:
		count := uint32(len(o.entries(mint)))
		return "open", []solana.Instruction{o.OpenEntry(o.payer.PublicKey(), mint, intent.Key(o.owner().PublicKey()), count)}
	case n < 20:
		name := o.owners[o.rand.IntN(len(o.owners))]
		from := key("tokens", name, mint).PublicKey()
		return "deposit", []solana.Instruction{o.Deposit(o.person(name).PublicKey(), from, mint, o.someEntry(mint), o.amount())}
	case n < 30:
		return "request", []solana.Instruction{o.Request(owner, mint, entry, o.amount())}
	case n < 33:
		return "cancel", []solana.Instruction{o.Cancel(owner, mint, entry)}
	case n < 43:
		return "withdraw", []solana.Instruction{o.Withdraw(owner, o.walletOf(mint), mint, entry)}
	case n < 60:
		return "attest", o.attestSome()
	case n < 84:
		return "apply", o.chunk(vault.TagApply)
	case n < 90:
		return "unapply", o.chunk(vault.TagUnapply)
	case n < 93:
		return "drop", []solana.Instruction{o.Drop()}
	case n < 97:
		return "close", o.closeSome()
	case n < 98:
		return "again", []solana.Instruction{o.CreateVault(o.payer.PublicKey(), o.founding), o.AddPurse(o.payer.PublicKey(), mint)}
	default:
		return "again", []solana.Instruction{o.AddPurse(o.payer.PublicKey(), mint)}
	}
}

func (o *walk) walletOf(mint intent.Key) solana.PublicKey {
	return key("tokens", o.owners[o.rand.IntN(len(o.owners))], mint).PublicKey()
}

// attestSome attests the newest header, an older one, or a new one.
func (o *walk) attestSome() []solana.Instruction {
	v := o.vault()
	stale := len(o.headers) == 0 || o.headers[0].height != v.Height+1 || o.headers[0].generation != v.Generation || o.headers[0].epoch != v.Epoch
	if v.Pending == nil && (stale || o.rand.IntN(20) == 0) {
		o.propose()
	}
	if len(o.headers) == 0 {
		o.propose()
	}
	h := o.headers[0]
	if o.rand.IntN(12) == 0 {
		h = o.headers[o.rand.IntN(len(o.headers))]
	}
	k, _ := o.Tally(h.digest(), h.view)
	o.tallies = append(o.tallies[max(0, len(o.tallies)-40):], k)
	members := append([]solana.PrivateKey(nil), o.members...)
	o.rand.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
	return o.attests(h, members[:1+o.rand.IntN(4)]...)
}

// propose makes a header of random chunks, in most of which nobody pays what he has not.
func (o *walk) propose() {
	v := o.vault()
	var debits, credits [][]byte
	for _, mint := range o.mints {
		if o.rand.IntN(3) != 0 {
			d, c := o.movements(mint)
			debits, credits = append(debits, d...), append(credits, c...)
		}
	}
	chunks := append(debits, credits...)
	if o.rand.IntN(6) == 0 {
		chunks = append(chunks, o.newMembers())
	}
	if o.rand.IntN(15) == 0 {
		o.rand.Shuffle(len(chunks), func(i, j int) { chunks[i], chunks[j] = chunks[j], chunks[i] })
	}
	h := &header{epoch: v.Epoch, height: v.Height + 1, generation: v.Generation, view: uint32(o.rand.IntN(3)), chunks: chunks, heads: vault.Heads(chunks)}
	var body intent.Hash
	binary.LittleEndian.PutUint64(body[:], o.rand.Uint64())
	h.Attestation = vault.Attestation{Body: body, Cut: v.EventNumber, Head: h.heads[0]}
	if v.EventNumber > v.Floor {
		h.Cut = v.Floor + o.rand.Uint64N(v.EventNumber-v.Floor+1)
	}
	o.headers = append([]*header{h}, o.headers[:min(len(o.headers), 5)]...)
}

// movements moves funds between the entries of a purse.
func (o *walk) movements(mint intent.Key) (debits, credits [][]byte) {
	list := o.entries(mint)
	d, c := &vault.Chunk{Kind: vault.ChunkDebits, Mint: mint}, &vault.Chunk{Kind: vault.ChunkCredits, Mint: mint}
	var total uint64
	for i, e := range list {
		spendable := e.Available - min(e.Available, e.Requested)
		if o.rand.IntN(10) == 0 {
			spendable = e.Available
		}
		if spendable > 0 && o.rand.IntN(2) == 0 {
			amount := 1 + o.rand.Uint64N(spendable)
			total += amount
			d.Pairs = append(d.Pairs, vault.Pair{Entry: uint32(i), Amount: amount})
		}
	}
	if total == 0 {
		return nil, nil
	}
	for i := range list {
		amount := total
		if i < len(list)-1 {
			amount = o.rand.Uint64N(total + 1)
		}
		if amount > 0 {
			total -= amount
			c.Pairs = append(c.Pairs, vault.Pair{Entry: uint32(i), Amount: amount})
		}
		if total == 0 {
			break
		}
	}
	return split(o.rand, d), split(o.rand, c)
}

// split cuts a chunk in two now and then.
func split(r *rand.Rand, c *vault.Chunk) [][]byte {
	if len(c.Pairs) < 2 || r.IntN(2) == 0 {
		return [][]byte{c.Encode()}
	}
	at := 1 + r.IntN(len(c.Pairs)-1)
	first, second := *c, *c
	first.Pairs, second.Pairs = c.Pairs[:at], c.Pairs[at:]
	return [][]byte{first.Encode(), second.Encode()}
}

// newMembers is a change of weights: the same keys go on.
func (o *walk) newMembers() []byte {
	c := &vault.Chunk{Kind: vault.ChunkMembers}
	for _, m := range o.members {
		c.Members = append(c.Members, vault.Member{Key: intent.Key(m.PublicKey()), Weight: uint16(8 + o.rand.IntN(5))})
	}
	return c.Encode()
}

// chunk applies or unapplies the chunk that is next, or sometimes another.
func (o *walk) chunk(tag vault.Tag) []solana.Instruction {
	p := o.vault().Pending
	for _, h := range o.headers {
		if len(h.chunks) == 0 || p != nil && p.Digest != h.digest() {
			continue
		}
		i := o.rand.IntN(len(h.chunks))
		var acc, before intent.Hash
		for j, c := range h.chunks {
			previous := acc
			acc = vault.Accumulate(acc, c)
			if o.rand.IntN(10) == 0 || p == nil {
				continue
			}
			if tag == vault.TagApply && p.NextHead == h.heads[j] || tag == vault.TagUnapply && p.Accumulator == acc {
				i, before = j, previous
			}
		}
		if tag == vault.TagApply {
			return []solana.Instruction{o.apply(h, i)}
		}
		ix, err := o.Unapply(h.chunks[i], before)
		must(o, err)
		return []solana.Instruction{ix}
	}
	return []solana.Instruction{o.Drop()}
}

func (o *walk) closeSome() []solana.Instruction {
	if len(o.tallies) == 0 {
		return []solana.Instruction{o.Drop()}
	}
	return []solana.Instruction{o.CloseTally(o.tallies[o.rand.IntN(len(o.tallies))], o.payer.PublicKey())}
}

// damage changes the last instruction in one way or another.
func (o *walk) damage(ixs []solana.Instruction) []solana.Instruction {
	at := o.rand.IntN(len(ixs))
	ixs[at] = edit(ixs[at], func(g *solana.GenericInstruction) {
		n := len(g.AccountValues)
		switch o.rand.IntN(6) {
		case 0:
			g.DataBytes[o.rand.IntN(len(g.DataBytes))] ^= 1 << o.rand.IntN(8)
		case 1:
			g.DataBytes = g.DataBytes[:o.rand.IntN(len(g.DataBytes))]
		case 2:
			g.DataBytes = append(g.DataBytes, byte(o.rand.Uint32()))
		case 3:
			if n > 0 {
				g.AccountValues = g.AccountValues[:n-1]
			}
		case 4:
			if n > 1 {
				i, j := o.rand.IntN(n), o.rand.IntN(n)
				g.AccountValues[i].PublicKey, g.AccountValues[j].PublicKey = g.AccountValues[j].PublicKey, g.AccountValues[i].PublicKey
			}
		case 5:
			if n > 0 {
				i := o.rand.IntN(n)
				g.AccountValues[i].PublicKey = o.anyKey()
			}
		}
		for _, m := range g.AccountValues { // nobody here can sign for an account of a program
			_, person := o.keys[m.PublicKey]
			m.IsSigner = m.IsSigner && person
		}
	})
	return ixs
}

// anyKey is one of the keys that occur here.
func (o *walk) anyKey() solana.PublicKey {
	purse, _ := o.Purse(o.mint())
	page, _ := o.Page(purse, uint32(o.rand.IntN(2)))
	tokens, _ := o.Tokens(purse)
	list := []solana.PublicKey{o.Vault, purse, page, tokens, o.walletOf(o.mint()), o.owner().PublicKey(), solana.PublicKey(o.mint()), solana.SystemProgramID}
	return list[o.rand.IntN(len(list))]
}

// time passes in small steps, and sometimes in one that ends a delay.
func (o *walk) time() {
	switch o.rand.IntN(12) {
	case 0:
		o.jump(rest)
	case 1, 2:
		o.jump(1 + o.rand.Uint64N(10))
	case 3:
		if o.rand.IntN(4) == 0 {
			o.jump(dropTime + o.rand.Uint64N(withdrawDelay))
		}
	}
}

// conserved checks that every purse holds what its entries and its flight add up to: no unit made, none lost.
func (o *walk) conserved() {
	o.Helper()
	for _, mint := range o.mints {
		k, _ := o.Purse(mint)
		p, err := vault.DecodePurse(o.twin.read(k).Data)
		must(o, err)
		sum := p.InFlight
		for _, e := range o.entries(mint) {
			sum += e.Available
		}
		tokens, _ := o.Tokens(k)
		if held := binary.LittleEndian.Uint64(o.twin.read(tokens).Data[64:]); held != sum {
			o.Fatalf("%d tokens for %d", held, sum)
		}
	}
}

// Machine and model agree after every step of a random sequence, and no unit is made or lost.
func TestMachineAndModelAgree(t *testing.T) {
	seed, steps := setting(t, "PARADOX_SVM_SEED", 1), setting(t, "PARADOX_SVM_STEPS", randomSteps)
	o := newWalk(t, seed)
	for i := range steps {
		name, ixs := o.step()
		if o.rand.IntN(7) == 0 {
			ixs = o.damage(ixs)
		}
		r := o.run(ixs...)
		if !r.Failed() {
			o.counts[name]++
		}
		o.conserved()
		o.time()
		if t.Failed() {
			t.Fatalf("seed %d, step %d", seed, i)
		}
	}
	v := o.vault()
	t.Logf("seed %d, %d steps: height %d, generation %d, epoch %d, %d events, done: %v", seed, steps, v.Height, v.Generation, v.Epoch, v.EventNumber, o.counts)
	for _, name := range []string{"open", "deposit", "request", "cancel", "withdraw", "attest", "apply", "unapply", "drop", "close"} {
		if o.counts[name] == 0 && steps >= randomSteps {
			t.Errorf("no %s succeeded: the sequence tries too little", name)
		}
	}
}
