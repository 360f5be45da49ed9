package svm

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gagliardetto/solana-go"
	"go.uber.org/goleak"

	"github.com/phantom-paradox/paradox/chain/vault"
	"github.com/phantom-paradox/paradox/intent"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	serverDir = "../../program/svm"
	sharedSO  = "../../program/vault.so"

	// deadline of a whole test: a hanging server must not hang the run.
	deadline = 5 * time.Minute
	sol      = 1_000_000_000
	rest     = 32 // slots between heights
)

// vaultSO is the program under test: VAULT_SO is how the build tries a new one.
func vaultSO() string {
	if so := os.Getenv("VAULT_SO"); so != "" {
		return so
	}
	return sharedSO
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func equal[T comparable](t testing.TB, have, want T) {
	t.Helper()
	if have != want {
		t.Fatalf("have %v, want %v", have, want)
	}
}

func key(parts ...any) solana.PrivateKey {
	seed := sha256.Sum256([]byte(fmt.Sprint(parts...)))
	return solana.PrivateKey(ed25519.NewKeyFromSeed(seed[:]))
}

func program() solana.PublicKey { return key("program").PublicKey() }

func start(t *testing.T, cfg Config) (context.Context, *Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	cfg.Dir = serverDir
	so, err := filepath.Abs(vaultSO())
	must(t, err)
	cfg.Programs = map[solana.PublicKey]string{program(): so}
	s, err := Start(ctx, cfg)
	must(t, err)
	t.Cleanup(func() {
		must(t, s.Close())
		cancel()
	})
	return ctx, s
}

// A world is a machine with one vault, and the keys of everybody in it.
type world struct {
	*testing.T
	vault.Addresses
	ctx      context.Context
	s        *Server
	payer    solana.PrivateKey
	members  []solana.PrivateKey
	founding *vault.Founding
	mint     intent.Key
	slot     uint64
	nonce    uint64
	keys     map[solana.PublicKey]solana.PrivateKey
	last     Result
	twin     *twin
	alone    bool // the machine has what the model has not
}

const (
	withdrawDelay = 100
	dropTime      = 50
	decimals      = 6
)

// newWorld has a funded payer and n members of weight 10; nothing of the vault is made yet.
func newWorld(t *testing.T, n int) *world {
	t.Helper()
	ctx, s := start(t, Config{Control: true})
	w := &world{T: t, ctx: ctx, s: s, slot: 1000, twin: newTwin(), keys: map[solana.PublicKey]solana.PrivateKey{}}
	w.payer = w.person("payer")
	f := &vault.Founding{WithdrawDelay: withdrawDelay, DropTime: dropTime, FeeOwner: intent.Key(w.person("fees").PublicKey())}
	for i := range n {
		m := key("member", i)
		w.members = append(w.members, m)
		f.Members = append(f.Members, vault.Member{Key: intent.Key(m.PublicKey()), Weight: 10})
	}
	f.Threshold = vault.Threshold(f.Members)
	w.founding = f
	w.Addresses = vault.NewAddresses(intent.Key(program()), f.Hash(program()))
	w.mint = intent.Key(w.newMint("mint", solana.TokenProgramID))
	w.jump(0)
	return w
}

// founded is newWorld with the vault, a purse, and an entry 1, 2, … of each owner.
func founded(t *testing.T, members int, owners ...string) *world {
	t.Helper()
	w := newWorld(t, members)
	w.ok(w.CreateVault(w.payer.PublicKey(), w.founding))
	w.ok(w.AddPurse(w.payer.PublicKey(), w.mint))
	for i, o := range owners {
		w.ok(w.OpenEntry(w.payer.PublicKey(), w.mint, intent.Key(w.person(o).PublicKey()), uint32(i+1)))
	}
	return w
}

// person is a funded key.
func (w *world) person(name string) solana.PrivateKey {
	k := key("person", name)
	if _, ok := w.keys[k.PublicKey()]; !ok {
		w.keys[k.PublicKey()] = k
		w.put(k.PublicKey(), solana.SystemProgramID, nil, 1000*sol)
	}
	return k
}

func (w *world) put(k, owner solana.PublicKey, data []byte, lamports uint64) {
	w.Helper()
	w.twin.put(k, owner, data, lamports)
	must(w, w.s.SetAccounts(w.ctx, Account{Key: k, Owner: owner, Data: data, Lamports: lamports}))
}

// newMint puts a mint in place.
func (w *world) newMint(name string, owner solana.PublicKey) solana.PublicKey {
	w.Helper()
	d := make([]byte, 82)
	d[44], d[45] = decimals, 1
	k := key("mint", name).PublicKey()
	w.put(k, owner, d, sol)
	return k
}

// newTokens puts a token account of the person in place.
func (w *world) newTokens(name string, mint intent.Key, amount uint64) solana.PublicKey {
	w.Helper()
	owner := w.person(name).PublicKey()
	d := make([]byte, 165)
	copy(d, mint[:])
	copy(d[32:], owner[:])
	binary.LittleEndian.PutUint64(d[64:], amount)
	d[108] = 1
	k := key("tokens", name, mint).PublicKey()
	w.put(k, solana.TokenProgramID, d, sol)
	return k
}

// jump moves the clock on.
func (w *world) jump(slots uint64) {
	w.Helper()
	w.slot += slots
	must(w, w.s.SetSlot(w.ctx, w.slot))
}

// raw builds and signs a transaction of these instructions; every one is unlike those before.
func (w *world) raw(ixs ...solana.Instruction) []byte {
	w.Helper()
	w.nonce++
	var hash solana.Hash
	binary.LittleEndian.PutUint64(hash[:], w.nonce)
	tx, err := solana.NewTransaction(ixs, hash, solana.TransactionPayer(w.payer.PublicKey()))
	must(w, err)
	_, err = tx.Sign(func(k solana.PublicKey) *solana.PrivateKey {
		if p, ok := w.keys[k]; ok {
			return &p
		}
		return nil
	})
	must(w, err)
	b, err := tx.MarshalBinary()
	must(w, err)
	return b
}

func (w *world) run(ixs ...solana.Instruction) Result {
	w.Helper()
	w.last = w.both(w.raw(ixs...))
	return w.last
}

// ok runs a transaction that must succeed.
func (w *world) ok(ixs ...solana.Instruction) {
	w.Helper()
	r := w.run(ixs...)
	if r.Failed() {
		w.Fatalf("%s\n%v", r.Err, r.Logs)
	}
}

// fails runs a transaction that must fail in its last instruction with the code, and change nothing.
func (w *world) fails(code vault.Code, ixs ...solana.Instruction) {
	w.Helper()
	r := w.run(ixs...)
	index, got, ok := r.Custom()
	if !ok || index != len(ixs)-1 || vault.Code(got) != code {
		w.Fatalf("want %d in instruction %d, have %s\n%v", code, len(ixs)-1, r.Err, r.Logs)
	}
}

func (w *world) account(k solana.PublicKey) *Account {
	w.Helper()
	out, err := w.s.Execute(w.ctx, nil, k)
	must(w, err)
	return out.Accounts[0]
}

func (w *world) vaultNow() *vault.Vault {
	w.Helper()
	v, err := vault.DecodeVault(w.account(w.Vault).Data)
	must(w, err)
	return v
}

func (w *world) purseNow() *vault.Purse {
	w.Helper()
	k, _ := w.Purse(w.mint)
	p, err := vault.DecodePurse(w.account(k).Data)
	must(w, err)
	return p
}

func (w *world) page(index uint32) *Account {
	w.Helper()
	purse, _ := w.Purse(w.mint)
	k, _ := w.Page(purse, index)
	return w.account(k)
}

func (w *world) entry(number uint32) vault.Entry {
	w.Helper()
	p, err := vault.DecodePage(w.page(number / vault.PageEntries).Data)
	must(w, err)
	return p.Entries[number%vault.PageEntries]
}

// tokens is the balance of a token account.
func (w *world) tokens(k solana.PublicKey) uint64 {
	w.Helper()
	return binary.LittleEndian.Uint64(w.account(k).Data[64:])
}

// deposit puts funds of the owner into an entry.
func (w *world) deposit(owner string, entry uint32, amount uint64) {
	w.Helper()
	from := w.newTokens(owner, w.mint, amount)
	w.ok(w.Deposit(w.person(owner).PublicKey(), from, w.mint, entry, amount))
}

// edit changes an instruction that a builder made.
func edit(ix solana.Instruction, change func(*solana.GenericInstruction)) solana.Instruction {
	g := *ix.(*solana.GenericInstruction)
	g.DataBytes = append([]byte(nil), g.DataBytes...)
	list := solana.AccountMetaSlice{}
	for _, m := range g.AccountValues {
		c := *m
		list = append(list, &c)
	}
	g.AccountValues = list
	change(&g)
	return &g
}

// swap replaces the account at i.
func swap(ix solana.Instruction, i int, k solana.PublicKey) solana.Instruction {
	return edit(ix, func(g *solana.GenericInstruction) { g.AccountValues[i].PublicKey = k })
}

// A header is what the members of a test sign.
type header struct {
	vault.Attestation
	epoch      uint32
	height     uint64
	generation uint32
	view       uint32
	chunks     [][]byte
	heads      []intent.Hash
}

// next is a header for the vault as it is.
func (w *world) next(chunks ...[]byte) *header {
	w.Helper()
	v := w.vaultNow()
	h := &header{epoch: v.Epoch, height: v.Height + 1, generation: v.Generation, chunks: chunks, heads: vault.Heads(chunks)}
	h.Attestation = vault.Attestation{Body: intent.Hash(sha256.Sum256([]byte(fmt.Sprint("body", v.Height)))), Cut: v.EventNumber, Head: h.heads[0]}
	return h
}

func (h *header) digest() intent.Hash {
	return vault.HeaderDigest(h.Attestation, h.epoch, h.height, h.generation)
}

func (w *world) message(h *header) []byte {
	return vault.Commit{
		Network: w.founding.Hash(program()), Epoch: h.epoch, Height: h.height, Generation: h.generation, View: h.view, Digest: h.digest(),
	}.Message()
}

func sign(message []byte, members ...solana.PrivateKey) []vault.Signed {
	var out []vault.Signed
	for _, m := range members {
		out = append(out, vault.Signed{
			Member:    intent.Key(m.PublicKey()),
			Signature: intent.Signature(ed25519.Sign(ed25519.PrivateKey(m), message)),
		})
	}
	return out
}

// attests is the pair of instructions with which these members attest.
func (w *world) attests(h *header, members ...solana.PrivateKey) []solana.Instruction {
	m := w.message(h)
	return []solana.Instruction{
		vault.Signatures(m, sign(m, members...)),
		w.Attest(w.payer.PublicKey(), h.Attestation, h.digest(), h.view),
	}
}

// decide brings a header to its quorum.
func (w *world) decide(h *header) {
	w.Helper()
	quorum := w.members[:len(w.members)*2/3+1]
	for len(quorum) > 0 {
		n := min(len(quorum), vault.MaxSignatures)
		w.ok(w.attests(h, quorum[:n]...)...)
		quorum = quorum[n:]
	}
}

func (w *world) apply(h *header, i int) solana.Instruction {
	w.Helper()
	ix, err := w.Apply(h.chunks[i], h.heads[i+1])
	must(w, err)
	return ix
}

// unapply is the instruction that takes chunk i back.
func (w *world) unapply(h *header, i int) solana.Instruction {
	w.Helper()
	var acc intent.Hash
	for _, c := range h.chunks[:i] {
		acc = vault.Accumulate(acc, c)
	}
	ix, err := w.Unapply(h.chunks[i], acc)
	must(w, err)
	return ix
}

func (w *world) debits(pairs ...vault.Pair) []byte {
	return (&vault.Chunk{Kind: vault.ChunkDebits, Mint: w.mint, Pairs: pairs}).Encode()
}

func (w *world) credits(pairs ...vault.Pair) []byte {
	return (&vault.Chunk{Kind: vault.ChunkCredits, Mint: w.mint, Pairs: pairs}).Encode()
}

// settle decides and applies a whole height.
func (w *world) settle(chunks ...[]byte) {
	w.Helper()
	w.jump(rest)
	h := w.next(chunks...)
	w.decide(h)
	for i := range h.chunks {
		w.ok(w.apply(h, i))
	}
	equal(w, w.vaultNow().Height, h.height)
}
