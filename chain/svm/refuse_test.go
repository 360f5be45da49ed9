package svm

import (
	"encoding/binary"
	"encoding/hex"
	"math"
	"testing"

	"github.com/gagliardetto/solana-go"

	"github.com/phantom-paradox/paradox/chain/vault"
	"github.com/phantom-paradox/paradox/intent"
)

// patch changes an account's data in place, as no instruction could.
func (w *world) patch(k solana.PublicKey, change func([]byte)) {
	w.Helper()
	a := w.account(k)
	change(a.Data)
	w.put(k, a.Owner, a.Data, a.Lamports)
}

func set64(at int, v uint64) func([]byte) {
	return func(d []byte) { binary.LittleEndian.PutUint64(d[at:], v) }
}

func set32(at int, v uint32) func([]byte) {
	return func(d []byte) { binary.LittleEndian.PutUint32(d[at:], v) }
}

// clone puts a changed copy of an account elsewhere.
func (w *world) clone(from solana.PublicKey, name string, owner solana.PublicKey, change func([]byte)) solana.PublicKey {
	w.Helper()
	a := w.account(from)
	if change != nil {
		change(a.Data)
	}
	k := key("clone", name).PublicKey()
	w.put(k, owner, a.Data, a.Lamports)
	return k
}

func TestCreateVaultRefuses(t *testing.T) {
	w := newWorld(t, 4)
	payer := w.payer.PublicKey()
	found := func(change func(*vault.Founding)) solana.Instruction {
		f := *w.founding
		f.Members = append([]vault.Member(nil), f.Members...)
		change(&f)
		return vault.NewAddresses(intent.Key(program()), f.Hash(program())).CreateVault(payer, &f)
	}
	w.fails(vault.BadSystemProgram, swap(found(func(*vault.Founding) {}), 2, solana.TokenProgramID))
	w.fails(vault.BadMembers, found(func(f *vault.Founding) { f.Members[2].Weight = 0 }))
	w.fails(vault.BadMembers, found(func(f *vault.Founding) { f.Members[3].Key = f.Members[0].Key }))
	for _, small := range smallOrderKeys(t) {
		for _, top := range []byte{0, 0x80} {
			small[31] = small[31]&0x7f | top
			w.fails(vault.SmallOrderKey, found(func(f *vault.Founding) { f.Members[1].Key = small }))
		}
	}
	for _, threshold := range []uint32{0, 25, 27, 40, math.MaxUint32} {
		w.fails(vault.BadThreshold, found(func(f *vault.Founding) { f.Threshold = threshold }))
	}

	// Whoever comes first can make this network's vault only as the network is.
	real := w.CreateVault(payer, w.founding)
	w.fails(vault.BadAddress, edit(real, func(g *solana.GenericInstruction) { g.DataBytes[10] ^= 1 }))
	w.fails(vault.BadAddress, swap(found(func(f *vault.Founding) { f.WithdrawDelay = 1 }), 1, w.Vault))
	w.put(w.Vault, solana.SystemProgramID, nil, 5) // lamports sent ahead, less than the rent
	w.ok(real)
	w.fails(vault.AlreadyExists, real)
	equal(t, w.vaultNow().Network, w.founding.Hash(program()))
	equal(t, w.vaultNow().LastDigest, w.founding.Hash(program()))
}

func smallOrderKeys(t *testing.T) []intent.Key {
	low, high := intent.Key{1}, intent.Key{}
	for i := range high {
		high[i] = 0xff
	}
	keys := []intent.Key{{}, low}
	for _, first := range []byte{0xec, 0xed, 0xee} {
		high[0] = first
		keys = append(keys, high)
	}
	for _, orderEight := range []string{
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
	} {
		b, err := hex.DecodeString(orderEight)
		must(t, err)
		keys = append(keys, intent.Key(b))
	}
	return keys
}

func TestAddPurseRefuses(t *testing.T) {
	w := newWorld(t, 4)
	payer := w.payer.PublicKey()
	w.ok(w.CreateVault(payer, w.founding))
	add := w.AddPurse(payer, w.mint)
	w.fails(vault.BadMint, w.AddPurse(payer, intent.Key(w.newMint("2022", solana.Token2022ProgramID))))
	w.fails(vault.BadMint, w.AddPurse(payer, intent.Key(w.clone(solana.PublicKey(w.mint), "raw mint", solana.TokenProgramID, func(d []byte) { d[45] = 0 }))))
	w.fails(vault.BadMint, w.AddPurse(payer, intent.Key(w.newTokens("ann", w.mint, 1))))
	w.fails(vault.BadMint, w.AddPurse(payer, intent.Key(key("no account").PublicKey())))
	w.fails(vault.BadTokenProgram, swap(add, 6, solana.Token2022ProgramID))
	w.fails(vault.BadSystemProgram, swap(add, 7, solana.Token2022ProgramID))
	for _, i := range []int{3, 4, 5} {
		w.fails(vault.BadAddress, swap(add, i, key("elsewhere").PublicKey()))
	}
	for _, i := range []int{3, 4, 5} { // lamports sent ahead, some more than the rent
		w.put(add.Accounts()[i].PublicKey, solana.SystemProgramID, nil, uint64(i-3)*sol)
	}
	w.ok(add)
	w.fails(vault.AlreadyExists, add)
	equal(t, w.entry(0).Owner, w.founding.FeeOwner)
	equal(t, w.purseNow().Entries, 1)
	equal(t, w.vaultNow().EventNumber, 1)
}

func TestSystemAccountWithDataIsRefused(t *testing.T) {
	w := newWorld(t, 4)
	w.put(w.Vault, solana.SystemProgramID, []byte{0}, sol)
	w.fails(vault.AlreadyExists, w.CreateVault(w.payer.PublicKey(), w.founding))
	w.put(w.Vault, solana.TokenProgramID, nil, sol)
	w.fails(vault.AlreadyExists, w.CreateVault(w.payer.PublicKey(), w.founding))
}

func TestOpenEntryRefuses(t *testing.T) {
	w := founded(t, 4, "ann", "ben")
	payer, owner := w.payer.PublicKey(), intent.Key(w.person("cid").PublicKey())
	purse, _ := w.Purse(w.mint)
	page, _ := w.Page(purse, 0)
	next, _ := w.Page(purse, 1)
	ix := w.OpenEntry(payer, w.mint, owner, 3)
	w.fails(vault.BadSystemProgram, swap(ix, 4, solana.TokenProgramID))
	w.fails(vault.BadAddress, swap(ix, 3, next))
	w.fails(vault.BadAddress, swap(ix, 3, w.clone(page, "page", program(), nil)))
	w.patch(page, set32(44, 2)) // a page that counts otherwise than its purse
	w.fails(vault.BadPage, ix)
	w.patch(page, set32(44, 3))
	w.ok(ix)
	w.ok(w.OpenEntry(payer, w.mint, owner, 4)) // a second one of the same wallet
	equal(t, w.entry(3).Owner, owner)
	equal(t, w.entry(4).Owner, owner)

	// The next page is made with its first entry, lamports sent ahead or not.
	w.patch(purse, set32(112, 1024))
	w.put(next, solana.SystemProgramID, nil, 1)
	w.ok(w.OpenEntry(payer, w.mint, owner, 1024))
	equal(t, w.entry(1024).Owner, owner)
	equal(t, w.purseNow().Entries, 1025)

	// The last number there is.
	w.patch(purse, set32(112, math.MaxUint32))
	last, _ := w.Page(purse, 1<<22-1)
	a := w.page(0)
	copy(a.Data[40:], []byte{0xff, 0xff, 0x3f, 0, 0xff, 3, 0, 0})
	w.put(last, program(), append(a.Data[:48], make([]byte, 64*1023)...), 10*sol)
	w.fails(vault.Overflow, w.OpenEntry(payer, w.mint, owner, math.MaxUint32))
}

func TestPurseAndPageAccounts(t *testing.T) {
	w := founded(t, 4, "ann", "ben")
	purse, _ := w.Purse(w.mint)
	page, _ := w.Page(purse, 0)
	foreign := key("another program").PublicKey()
	flip := func(at int) func([]byte) { return func(d []byte) { d[at] ^= 1 } }
	purses := []solana.PublicKey{
		w.clone(purse, "foreign purse", foreign, nil), w.clone(purse, "flipped purse", program(), flip(0)),
		w.clone(purse, "purse of another vault", program(), flip(8)), page, w.Vault,
	}
	pages := []solana.PublicKey{
		w.clone(page, "foreign page", foreign, nil), w.clone(page, "flipped page", program(), flip(0)),
		w.clone(page, "page of another purse", program(), flip(8)), purse, w.Vault,
	}
	w.put(key("short page").PublicKey(), program(), w.page(0).Data[:47], sol)
	pages = append(pages, key("short page").PublicKey())
	for _, ix := range w.everyInstruction()[2:7] {
		for _, k := range purses {
			if k != ix.Accounts()[1].PublicKey && k != ix.Accounts()[3].PublicKey {
				w.fails(vault.BadPurse, swap(ix, 2, k))
			}
		}
		for _, k := range pages {
			if tagOf(ix) != vault.TagOpenEntry && k != ix.Accounts()[1].PublicKey && k != ix.Accounts()[2].PublicKey {
				w.fails(vault.BadPage, swap(ix, 3, k))
			}
		}
	}
}

func TestEntryInstructionsRefuse(t *testing.T) {
	w := founded(t, 4, "ann", "ben")
	w.deposit("ann", 1, 100)
	ann, ben := w.person("ann").PublicKey(), w.person("ben").PublicKey()
	from := w.newTokens("ann", w.mint, 1000)
	deposit, withdraw := w.Deposit(ann, from, w.mint, 1, 10), w.Withdraw(ann, from, w.mint, 1)
	other := w.newMint("other", solana.TokenProgramID)
	for _, c := range []struct {
		ix                  solana.Instruction
		tokens, mint, token int
	}{{deposit, 5, 6, 7}, {withdraw, 4, 6, 7}} {
		w.fails(vault.BadTokenAccount, swap(c.ix, c.tokens, w.newTokens("ben", w.mint, 5)))
		w.fails(vault.BadMint, swap(c.ix, c.mint, other))
		w.fails(vault.BadTokenProgram, swap(c.ix, c.token, solana.Token2022ProgramID))
	}
	w.fails(vault.ZeroAmount, w.Deposit(ann, from, w.mint, 1, 0))
	w.fails(vault.ZeroAmount, w.Request(ann, w.mint, 1, 0))
	for _, number := range []uint32{3, 1023, 1024, 1025, math.MaxUint32} {
		set := func(ix solana.Instruction) solana.Instruction {
			return edit(ix, func(g *solana.GenericInstruction) { binary.LittleEndian.PutUint32(g.DataBytes[1:], number) })
		}
		for _, ix := range []solana.Instruction{deposit, w.Request(ann, w.mint, 1, 5), w.Cancel(ann, w.mint, 1), withdraw} {
			w.fails(vault.BadEntry, set(ix))
		}
	}
	w.fails(vault.NotOwner, w.Request(ben, w.mint, 1, 5))
	w.fails(vault.NotOwner, w.Cancel(ben, w.mint, 1))
	w.fails(vault.NotOwner, w.Withdraw(ben, from, w.mint, 1))
	w.fails(vault.NoRequest, w.Cancel(ann, w.mint, 1))
	w.fails(vault.NoRequest, withdraw)
	w.ok(w.Request(ben, w.mint, 2, 5))
	w.jump(withdrawDelay)
	w.fails(vault.NothingToWithdraw, w.Withdraw(ben, from, w.mint, 2))
	w.ok(w.Cancel(ben, w.mint, 2))
	w.fails(vault.NoRequest, w.Cancel(ben, w.mint, 2))
}

// A failure of the Token program is passed on as it is, and cannot be taken for ours.
func TestCalleesErrors(t *testing.T) {
	w := founded(t, 4, "ann", "ben")
	ann := w.person("ann").PublicKey()
	from := w.newTokens("ann", w.mint, 9)
	notEnough := w.run(w.Deposit(ann, from, w.mint, 1, 10))
	_, code, ok := notEnough.Custom()
	equal(t, ok && code == 1, true)
	r := w.run(w.Deposit(w.person("ben").PublicKey(), from, w.mint, 1, 5)) // not ben's
	_, code, ok = r.Custom()
	equal(t, ok && code == 4, true)
	w.put(w.payer.PublicKey(), solana.SystemProgramID, nil, 1_000_000) // less than an entry's rent, more than the fee
	r = w.run(w.OpenEntry(w.payer.PublicKey(), w.mint, intent.Key(ann), 3), w.OpenEntry(w.payer.PublicKey(), w.mint, intent.Key(ann), 4),
		w.OpenEntry(w.payer.PublicKey(), w.mint, intent.Key(ann), 5))
	_, code, ok = r.Custom()
	equal(t, ok && code == 1, true)
	equal(t, w.purseNow().Entries, 3)
}

func TestOverflows(t *testing.T) {
	w := founded(t, 4, "ann", "ben")
	purse, _ := w.Purse(w.mint)
	page, _ := w.Page(purse, 0)
	w.deposit("ann", 1, 50)
	ann := w.person("ann").PublicKey()
	from := w.newTokens("ann", w.mint, 1000)
	entry1 := 48 + 64
	w.patch(page, set64(entry1+32, math.MaxUint64-9))
	w.fails(vault.Overflow, w.Deposit(ann, from, w.mint, 1, 10))
	w.patch(page, set64(entry1+32, 50))

	w.patch(w.Vault, set64(152, math.MaxUint64)) // the event number
	for _, ix := range w.everyInstruction()[2:5] {
		w.fails(vault.Overflow, ix)
	}
	w.patch(w.Vault, set64(152, 10))
	w.patch(w.Vault, set64(96, math.MaxUint64)) // the withdraw delay
	w.fails(vault.Overflow, w.Request(ann, w.mint, 1, 5))
	w.patch(w.Vault, set64(96, 0))
	w.ok(w.Request(ann, w.mint, 1, 5))
	w.patch(w.Vault, set32(88, math.MaxUint32)) // the generation
	w.fails(vault.Overflow, w.Withdraw(ann, from, w.mint, 1))
}

func TestRentThreshold(t *testing.T) {
	w := founded(t, 4, "ann")
	ix := w.OpenEntry(w.payer.PublicKey(), w.mint, intent.Key(w.person("ann").PublicKey()), 2)
	w.alone = true
	must(t, w.s.SetRent(w.ctx, 3480, math.Float64bits(3.0)))
	w.fails(vault.BadRent, ix)
	must(t, w.s.SetRent(w.ctx, 3480, math.Float64bits(2.0)))
	w.ok(ix)
	two := w.page(0).Lamports
	equal(t, two, (128+48+3*64)*6960)
	must(t, w.s.SetRent(w.ctx, 6960, math.Float64bits(1.0)))
	w.ok(w.OpenEntry(w.payer.PublicKey(), w.mint, intent.Key(w.person("ann").PublicKey()), 3))
	equal(t, w.page(0).Lamports-two, 64*6960)
}
