package bank_test

import (
	"crypto/ed25519"
	"encoding/binary"
	"encoding/json"
	"slices"
	"testing"

	"github.com/gagliardetto/solana-go"

	"github.com/phantom-paradox/paradox/chain/localnet/bank"
	"github.com/phantom-paradox/paradox/chain/vault"
	"github.com/phantom-paradox/paradox/intent"
)

func key(n byte) solana.PrivateKey {
	return solana.PrivateKey(ed25519.NewKeyFromSeed(append(make([]byte, 31), n)))
}

// state is accounts, and runs transactions of one payer on them.
type state map[solana.PublicKey]*bank.Account

func newState() state {
	s := state{key(1).PublicKey(): {Lamports: 1e12, Owner: solana.SystemProgramID}}
	mint := make([]byte, 82)
	mint[0], mint[44], mint[45] = 1, 6, 1
	who := key(1).PublicKey()
	copy(mint[4:], who[:])
	s[key(50).PublicKey()] = &bank.Account{Lamports: 1e9, Owner: solana.TokenProgramID, Data: mint}
	for i := byte(60); i < 63; i++ {
		d := make([]byte, 165)
		m, o := key(50).PublicKey(), key(i-59).PublicKey()
		copy(d, m[:])
		copy(d[32:], o[:])
		binary.LittleEndian.PutUint64(d[64:], 100)
		d[108] = 1
		s[key(i).PublicKey()] = &bank.Account{Lamports: 1e9, Owner: solana.TokenProgramID, Data: d}
	}
	return s
}

func (s state) run(t testing.TB, ixs ...solana.Instruction) *bank.Result {
	t.Helper()
	tx, err := solana.NewTransaction(ixs, solana.Hash{}, solana.TransactionPayer(key(1).PublicKey()))
	if err != nil {
		t.Fatal(err)
	}
	tx.Signatures = make([]solana.Signature, tx.Message.Header.NumRequiredSignatures)
	if e := bank.Sanitize(tx); e != nil {
		return &bank.Result{Err: e}
	}
	return bank.New().Execute(func(k solana.PublicKey) *bank.Account { return s[k] }, tx, 5)
}

func text(t testing.TB, r *bank.Result) string {
	t.Helper()
	b, err := json.Marshal(r.Err)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func metas(flags string, keys ...solana.PublicKey) (out solana.AccountMetaSlice) {
	for i, k := range keys {
		out = append(out, solana.NewAccountMeta(k, flags[i] == 'w' || flags[i] == 'b', flags[i] == 's' || flags[i] == 'b'))
	}
	return out
}

// TestToken: the error codes of the classic Token program, where the vault or a wallet can meet them.
func TestToken(t *testing.T) {
	mine, theirs, mint, me, other := key(60).PublicKey(), key(61).PublicKey(), key(50).PublicKey(), key(1).PublicKey(), key(2).PublicKey()
	le := binary.LittleEndian
	move := func(n uint64) []byte { return le.AppendUint64([]byte{3}, n) }
	checked := func(n uint64, decimals byte) []byte { return append(le.AppendUint64([]byte{12}, n), decimals) }
	for _, c := range []struct {
		name, want string
		list       solana.AccountMetaSlice
		data       []byte
	}{
		{"moves", `null`, metas("wws", mine, theirs, me), move(100)},
		{"too much", `{"InstructionError":[0,{"Custom":1}]}`, metas("wws", mine, theirs, me), move(101)},
		{"another's", `{"InstructionError":[0,{"Custom":4}]}`, metas("wws", theirs, mine, me), move(1)},
		{"unsigned", `{"InstructionError":[0,"MissingRequiredSignature"]}`, metas("wwr", theirs, mine, other), move(1)},
		{"wrong decimals", `{"InstructionError":[0,{"Custom":18}]}`, metas("wrws", mine, mint, theirs, me), checked(1, 7)},
		{"right decimals", `null`, metas("wrws", mine, mint, theirs, me), checked(1, 6)},
		{"no such instruction", `{"InstructionError":[0,{"Custom":12}]}`, metas("w", mine), []byte{99}},
		{"close with tokens in it", `{"InstructionError":[0,{"Custom":11}]}`, metas("wws", mine, me, me), []byte{9}},
		{"not a token account", `{"InstructionError":[0,"IncorrectProgramId"]}`, metas("wws", mine, other, me), move(1)},
		{"frozen authority of none", `{"InstructionError":[0,{"Custom":16}]}`, metas("wrs", mine, mint, me), []byte{10}},
		{"mint", `null`, metas("wws", mint, mine, me), le.AppendUint64([]byte{7}, 5)},
		{"mint too much", `{"InstructionError":[0,{"Custom":14}]}`, metas("wws", mint, mine, me), le.AppendUint64([]byte{7}, 1<<64-1)},
		{"initialize twice", `{"InstructionError":[0,{"Custom":6}]}`, metas("wr", mine, mint), append([]byte{18}, me[:]...)},
	} {
		if got := text(t, newState().run(t, solana.NewInstruction(solana.TokenProgramID, c.list, c.data))); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// TestSystem: accounts are created once, by their own signature, and never below the rent.
func TestSystem(t *testing.T) {
	me, fresh := key(1).PublicKey(), key(9).PublicKey()
	le := binary.LittleEndian
	create := func(lamports, size uint64) []byte {
		b := le.AppendUint64(le.AppendUint64(le.AppendUint32(nil, 0), lamports), size)
		return append(b, solana.TokenProgramID[:]...)
	}
	for _, c := range []struct {
		name, want string
		list       solana.AccountMetaSlice
		data       []byte
	}{
		{"create", `null`, metas("bb", me, fresh), create(bank.RentExempt(10), 10)},
		{"unsigned", `{"InstructionError":[0,"MissingRequiredSignature"]}`, metas("bw", me, fresh), create(bank.RentExempt(10), 10)},
		{"below the rent", `{"InsufficientFundsForRent":{"account_index":1}}`, metas("bb", me, fresh), create(bank.RentExempt(10)-1, 10)},
		{"too large", `{"InstructionError":[0,{"Custom":3}]}`, metas("bb", me, fresh), create(1e9, 10<<20+1)},
		{"too poor", `{"InstructionError":[0,{"Custom":1}]}`, metas("bb", me, fresh), create(1e13, 1)},
		{"in use", `{"InstructionError":[0,{"Custom":0}]}`, metas("bb", me, key(60).PublicKey()), create(1e9, 1)},
		{"another's lamports", `{"InstructionError":[0,"InvalidArgument"]}`, metas("bw", key(60).PublicKey(), me), le.AppendUint64(le.AppendUint32(nil, 2), 1)},
		{"read-only", `{"InstructionError":[0,"ReadonlyLamportChange"]}`, metas("br", me, fresh), le.AppendUint64(le.AppendUint32(nil, 2), 1e9)},
		{"nonsense", `{"InstructionError":[0,"InvalidInstructionData"]}`, metas("b", me), []byte{7, 7}},
	} {
		if got := text(t, newState().run(t, solana.NewInstruction(solana.SystemProgramID, c.list, c.data))); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// TestEd25519: the precompile takes what Solana's takes, and no signature of a key of small order.
func TestEd25519(t *testing.T) {
	message := []byte("a message of the size of a COMMIT, or any other size for that matter; the vault checks the layout ..")[:vault.CommitSize]
	signed := vault.Signed{Member: intent.Key(key(5).PublicKey()), Signature: intent.Signature(ed25519.Sign(ed25519.PrivateKey(key(5)), message))}
	good, err := vault.Signatures(message, []vault.Signed{signed, signed}).Data()
	if err != nil {
		t.Fatal(err)
	}
	change := func(at int, to byte) []byte { d := slices.Clone(good); d[at] = to; return d }
	identity := vault.Signed{Member: intent.Key{1}, Signature: intent.Signature{1}} // R = identity, S = 0: crypto/ed25519 takes it
	forged, err := vault.Signatures(message, []vault.Signed{identity}).Data()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, want string
		data       []byte
	}{
		{"two signatures", `null`, good},
		{"none", `null`, []byte{0, 0}},
		{"none with a rest", `{"InstructionError":[0,{"Custom":4}]}`, []byte{0, 0, 1}},
		{"another message", `{"InstructionError":[0,{"Custom":2}]}`, change(len(good)-1, 'x')},
		{"out of the data", `{"InstructionError":[0,{"Custom":3}]}`, change(3, 0xff)},
		{"no such instruction", `{"InstructionError":[0,{"Custom":3}]}`, change(5, 0)},
		{"too short", `{"InstructionError":[0,{"Custom":4}]}`, good[:20]},
		{"small order", `{"InstructionError":[0,{"Custom":2}]}`, forged},
	} {
		if got := text(t, newState().run(t, solana.NewInstruction(vault.Ed25519Program(), nil, c.data))); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// TestAtomicity: one failing instruction undoes those before it; the fee is paid.
func TestAtomicity(t *testing.T) {
	me, fresh := key(1).PublicKey(), key(9).PublicKey()
	le := binary.LittleEndian
	pay := solana.NewInstruction(solana.SystemProgramID, metas("bw", me, fresh), le.AppendUint64(le.AppendUint32(nil, 2), 1e9))
	r := newState().run(t, vault.ComputeLimit(1000), vault.ComputePrice(3_000_000), pay, solana.NewInstruction(solana.MemoProgramID, nil, []byte{0xff}))
	if got := text(t, r); got != `{"InstructionError":[3,"InvalidInstructionData"]}` {
		t.Fatal(got)
	}
	if r.Writes[fresh] != nil || r.Writes[me].Lamports != 1e12-8000 || r.Fee != 8000 || !r.Charged {
		t.Fatalf("fee %d, payer %d", r.Fee, r.Writes[me].Lamports)
	}
}

// FuzzPrograms: no instruction data makes a program of the model panic, makes lamports, or changes a committed account.
func FuzzPrograms(f *testing.F) {
	f.Add(byte(0), "bw", []byte{2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0})
	f.Add(byte(1), "wwsw", []byte{3, 1, 0, 0, 0, 0, 0, 0, 0})
	f.Add(byte(2), "bwrrrr", []byte{1})
	f.Add(byte(3), "", []byte{1, 0, 16, 0, 255, 255, 80, 0, 255, 255, 112, 0, 0, 0, 255, 255})
	programs := []solana.PublicKey{
		solana.SystemProgramID, solana.TokenProgramID, solana.SPLAssociatedTokenAccountProgramID, vault.Ed25519Program(), solana.MemoProgramID, solana.ComputeBudget,
	}
	keys := []solana.PublicKey{key(1).PublicKey(), key(60).PublicKey(), key(61).PublicKey(), key(50).PublicKey(), solana.SystemProgramID, solana.TokenProgramID, key(9).PublicKey()}
	f.Fuzz(func(t *testing.T, which byte, flags string, data []byte) {
		s, was := newState(), newState()
		if len(flags) > len(keys) {
			flags = flags[:len(keys)]
		}
		r := s.run(t, solana.NewInstruction(programs[int(which)%len(programs)], metas(flags, keys[:len(flags)]...), data))
		var before, after uint64
		for i := range r.Pre {
			before, after = before+r.Pre[i], after+r.Post[i]
		}
		if r.Charged && after+r.Fee != before {
			t.Fatalf("%d lamports before, %d after, fee %d", before, after, r.Fee)
		}
		for k, a := range was {
			if s[k].Lamports != a.Lamports || !slices.Equal(s[k].Data, a.Data) {
				t.Fatal("a committed account was changed")
			}
		}
	})
}
