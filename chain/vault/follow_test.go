package vault_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gagliardetto/solana-go"

	"github.com/phantom-paradox/paradox/chain/localnet/bank"
	"github.com/phantom-paradox/paradox/chain/vault"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/ledger"
)

func key(n uint64) solana.PrivateKey {
	var seed [32]byte
	binary.LittleEndian.PutUint64(seed[:], n)
	return solana.PrivateKey(ed25519.NewKeyFromSeed(seed[:]))
}

func pub(n uint64) intent.Key { return intent.Key(key(n).PublicKey()) }

// walk is a vault in a bank that random steps are made on, with a follower that sees only transactions.
type walk struct {
	t        *testing.T
	rng      *rand.Rand
	bank     *bank.Bank
	acc      map[solana.PublicKey]*bank.Account
	slot     uint64
	addr     vault.Addresses
	founding *vault.Founding
	follow   *vault.Follower
	mints    []intent.Key
	header   *header // the one that is being settled
	events   map[ledger.EventTag]int
	nonce    uint64
	brought  []string // transactions that brought the header as far as it is
}

// header is a settlement under way.
type header struct {
	commit vault.Commit
	at     vault.Attestation
	chunks [][]byte
	accs   []intent.Hash
	signed int
}

const members, owners = 5, 4

func newWalk(t *testing.T, seed uint64) *walk {
	program := solana.PublicKey{9, 9, 9}
	w := &walk{
		t: t, rng: rand.New(rand.NewPCG(seed, 2)), bank: bank.New(program), acc: map[solana.PublicKey]*bank.Account{}, slot: 100,
		mints: []intent.Key{pub(50), pub(51)}, events: map[ledger.EventTag]int{},
		founding: &vault.Founding{WithdrawDelay: 20, DropTime: 10, FeeOwner: pub(3)},
	}
	for i := range uint64(members) {
		w.founding.Members = append(w.founding.Members, vault.Member{Key: pub(100 + i), Weight: uint16(1 + i)})
	}
	w.founding.Threshold = vault.Threshold(w.founding.Members)
	w.addr = vault.NewAddresses(intent.Key(program), w.founding.Hash(program))
	w.follow = vault.NewFollower(w.addr, w.founding)
	w.acc[key(1).PublicKey()] = &bank.Account{Lamports: 1e12, Owner: solana.SystemProgramID}
	for _, m := range w.mints {
		d := make([]byte, 82)
		d[44], d[45] = 6, 1
		w.acc[solana.PublicKey(m)] = &bank.Account{Lamports: 1e9, Owner: solana.TokenProgramID, Data: d}
		for o := range uint64(owners) {
			w.putTokens(w.tokens(o, m), m, pub(200+o), 1_000_000)
		}
	}
	w.ok(w.addr.CreateVault(key(1).PublicKey(), w.founding))
	for _, m := range w.mints {
		w.ok(w.addr.AddPurse(key(1).PublicKey(), m))
		for o := range uint64(owners) {
			w.ok(w.addr.OpenEntry(key(1).PublicKey(), m, pub(200+o), uint32(o)+1))
		}
	}
	return w
}

func (w *walk) tokens(owner uint64, m intent.Key) solana.PublicKey {
	return solana.PublicKey{1, byte(owner), m[0], m[1]}
}

func (w *walk) putTokens(at solana.PublicKey, m, owner intent.Key, amount uint64) {
	d := make([]byte, 165)
	copy(d, m[:])
	copy(d[32:], owner[:])
	binary.LittleEndian.PutUint64(d[64:], amount)
	d[108] = 1
	w.acc[at] = &bank.Account{Lamports: 1e9, Owner: solana.TokenProgramID, Data: d}
}

// do runs instructions in one transaction, shows it to the follower if it succeeds, and compares.
func (w *walk) do(ixs ...solana.Instruction) error {
	w.t.Helper()
	w.nonce++
	tx, err := solana.NewTransaction(append(ixs, vault.ComputePrice(w.nonce%7)), solana.Hash{1}, solana.TransactionPayer(key(1).PublicKey()))
	if err != nil {
		w.t.Fatal(err)
	}
	tx.Signatures = make([]solana.Signature, tx.Message.Header.NumRequiredSignatures)
	binary.LittleEndian.PutUint64(tx.Signatures[0][:], w.nonce)
	r := w.bank.Execute(func(k solana.PublicKey) *bank.Account { return w.acc[k] }, tx, w.slot)
	for k, a := range r.Writes {
		w.acc[k] = a
	}
	if r.Err != nil {
		return r.Err
	}
	events, err := w.follow.Apply(followed(tx, r, w.slot))
	if err != nil {
		w.t.Fatal(err)
	}
	w.noteBringing(ixs, tx.Signatures[0].String())
	for _, e := range events {
		w.events[e.Tag]++
		if e.Tag != ledger.EventSettled && e.Tag != ledger.EventDropped {
			continue
		}
		if e.Signature != tx.Signatures[0].String() || !slices.Equal(e.Signatures, w.brought) {
			w.t.Fatalf("event %d lists %d transactions, the header had %d", e.Number, len(e.Signatures), len(w.brought))
		}
	}
	w.compare()
	return nil
}

// noteBringing remembers a transaction that was one of those that bring a header on chain.
func (w *walk) noteBringing(ixs []solana.Instruction, signature string) {
	data, err := ixs[len(ixs)-1].Data()
	if err != nil {
		w.t.Fatal(err)
	}
	switch vault.Tag(data[0]) {
	case vault.TagAttest, vault.TagApply, vault.TagUnapply, vault.TagDrop:
		w.brought = append(w.brought, signature)
	}
}

func (w *walk) ok(ixs ...solana.Instruction) {
	w.t.Helper()
	if err := w.do(ixs...); err != nil {
		w.t.Fatal(err)
	}
}

func followed(tx *solana.Transaction, r *bank.Result, slot uint64) *vault.Transaction {
	keys := tx.Message.AccountKeys
	list := func(is []uint16) (out []solana.PublicKey) {
		for _, i := range is {
			out = append(out, keys[i])
		}
		return out
	}
	out := &vault.Transaction{Signature: tx.Signatures[0], Slot: slot}
	for i, ix := range tx.Message.Instructions {
		out.Top = append(out.Top, vault.Instruction{Program: keys[ix.ProgramIDIndex], Accounts: list(ix.Accounts), Data: ix.Data})
		var inner []vault.Instruction
		for _, in := range r.Inner[i] {
			inner = append(inner, vault.Instruction{Program: keys[in.Program], Accounts: list(in.Accounts), Data: in.Data})
		}
		out.Inner = append(out.Inner, inner)
	}
	return out
}

func (w *walk) vault() *vault.Vault {
	v, err := vault.DecodeVault(w.acc[w.addr.Vault].Data)
	if err != nil {
		w.t.Fatal(err)
	}
	if !bytes.Equal(v.Encode(), w.acc[w.addr.Vault].Data) {
		w.t.Fatal("the vault does not encode to itself")
	}
	return v
}

// compare holds the follower against the account, the purses against their tokens, and the follower's own bytes.
func (w *walk) compare() {
	w.t.Helper()
	v := w.vault()
	if c := w.follow.Cut(); c.Number != v.EventNumber || c.Hash != v.EventHash {
		w.t.Fatalf("followed to %d, the vault is at %d", c.Number, v.EventNumber)
	}
	kept := w.follow.Encode()
	again, err := vault.DecodeFollower(kept, w.addr, w.founding)
	if err != nil || !bytes.Equal(again.Encode(), kept) {
		w.t.Fatalf("a follower does not survive a restart: %v", err)
	}
	w.follow = again.Clone()
	for _, m := range w.mints {
		key, _ := w.addr.Purse(m)
		if w.acc[key] == nil {
			continue
		}
		purse, _ := vault.DecodePurse(w.acc[key].Data)
		sum := purse.InFlight
		for _, e := range w.entries(m) {
			sum += e.Available
		}
		if held := binary.LittleEndian.Uint64(w.acc[purse.Tokens].Data[64:]); held != sum {
			w.t.Fatalf("the purse holds %d and owes %d", held, sum)
		}
	}
}

func (w *walk) entries(m intent.Key) []vault.Entry {
	purse, _ := w.addr.Purse(m)
	at, _ := w.addr.Page(purse, 0)
	p, err := vault.DecodePage(w.acc[at].Data)
	if err != nil {
		w.t.Fatal(err)
	}
	return p.Entries
}

// decide makes a header over the vault as it is: some debits, some credits of the same sum, sometimes members, sometimes nothing.
func (w *walk) decide() {
	v := w.vault()
	h := &header{commit: vault.Commit{Network: v.Network, Epoch: v.Epoch, Height: v.Height + 1, Generation: v.Generation, View: w.rng.Uint32N(3)}}
	h.at = vault.Attestation{Body: intent.Hash{byte(w.nonce), byte(w.nonce >> 8)}, Cut: v.EventNumber}
	var credits [][]byte
	for _, m := range w.mints {
		var debit, credit []vault.Pair
		sum := uint64(0)
		for i, e := range w.entries(m)[1:] {
			if free := e.Available - min(e.Available, e.Requested); free > 0 && w.rng.IntN(2) == 0 {
				n := 1 + w.rng.Uint64N(free)
				sum += n
				debit = append(debit, vault.Pair{Entry: uint32(i + 1), Amount: n})
			}
		}
		if sum == 0 {
			continue
		}
		credit = append(credit, vault.Pair{Entry: uint32(w.rng.IntN(owners + 1)), Amount: sum})
		h.chunks = append(h.chunks, (&vault.Chunk{Kind: vault.ChunkDebits, Mint: m, Pairs: debit}).Encode())
		credits = append(credits, (&vault.Chunk{Kind: vault.ChunkCredits, Mint: m, Pairs: credit}).Encode())
	}
	h.chunks = append(h.chunks, credits...)
	if w.rng.IntN(5) == 0 {
		ms := append([]vault.Member(nil), v.Members...)
		w.rng.Shuffle(len(ms), func(i, j int) { ms[i], ms[j] = ms[j], ms[i] })
		h.chunks = append(h.chunks, (&vault.Chunk{Kind: vault.ChunkMembers, Members: ms}).Encode())
	}
	h.accs = []intent.Hash{{}}
	for i, c := range h.chunks {
		h.accs = append(h.accs, vault.Accumulate(h.accs[i], c))
	}
	h.at.Head = vault.Heads(h.chunks)[0]
	h.commit.Digest = vault.HeaderDigest(h.at, h.commit.Epoch, h.commit.Height, h.commit.Generation)
	w.header, w.brought = h, nil
}

func (w *walk) attest() error {
	h, v := w.header, w.vault()
	m := v.Members[h.signed%len(v.Members)]
	h.signed++
	for i := range uint64(members) {
		if pub(100+i) != m.Key {
			continue
		}
		sig := ed25519.Sign(ed25519.PrivateKey(key(100+i)), h.commit.Message())
		signed := []vault.Signed{{Member: m.Key, Signature: intent.Signature(sig)}}
		return w.do(vault.Signatures(h.commit.Message(), signed), w.addr.Attest(key(1).PublicKey(), h.at, h.commit.Digest, h.commit.View))
	}
	return nil
}

func (w *walk) settleStep() error {
	v, h := w.vault(), w.header
	switch {
	case h == nil || h.commit.Height != v.Height+1 || h.commit.Generation != v.Generation:
		w.decide()
		return nil
	case v.Pending == nil:
		return w.attest()
	case w.rng.IntN(6) == 0 || v.Pending.Reversing: // undo
		for i, a := range h.accs {
			if a != v.Pending.Accumulator {
				continue
			}
			if i == 0 {
				return w.do(w.addr.Drop())
			}
			ix, err := w.addr.Unapply(h.chunks[i-1], h.accs[i-1])
			if err != nil {
				w.t.Fatal(err)
			}
			return w.do(ix)
		}
		return nil
	}
	heads := vault.Heads(h.chunks)
	for i, c := range h.chunks {
		if heads[i] == v.Pending.NextHead {
			ix, err := w.addr.Apply(c, heads[i+1])
			if err != nil {
				w.t.Fatal(err)
			}
			return w.do(ix)
		}
	}
	return nil
}

func (w *walk) fundsStep() error {
	o, m := w.rng.Uint64N(owners), w.mints[w.rng.IntN(len(w.mints))]
	owner, entry, amount := key(200+o).PublicKey(), uint32(o)+1, 1+w.rng.Uint64N(1000)
	switch w.rng.IntN(8) {
	case 0, 1, 2:
		return w.do(w.addr.Deposit(owner, w.tokens(o, m), m, entry, amount))
	case 3, 4:
		return w.do(w.addr.Request(owner, m, entry, amount))
	case 5:
		return w.do(w.addr.Cancel(owner, m, entry))
	}
	return w.do(w.addr.Withdraw(owner, w.tokens(o, m), m, entry))
}

// TestFollowerMeetsTheVault makes random steps; after each the follower, which sees transactions only, is where the account is.
func TestFollowerMeetsTheVault(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w := newWalk(t, seed)
			failed := 0
			for range 1500 {
				w.slot += w.rng.Uint64N(4)
				step := w.settleStep
				if w.rng.IntN(3) == 0 {
					step = w.fundsStep
				}
				if step() != nil {
					failed++
				}
			}
			for tag := ledger.EventOpen; tag <= ledger.EventDropped; tag++ {
				if w.events[tag] == 0 {
					t.Errorf("no event %d in 1,500 steps, %d of which failed: %v", tag, failed, w.events)
				}
			}
			if v := w.vault(); v.Generation == 0 || v.Epoch == 0 || v.Height < 5 {
				t.Errorf("generation %d, epoch %d, height %d", v.Generation, v.Epoch, v.Height)
			}
		})
	}
}
