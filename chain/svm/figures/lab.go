package figures

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/gagliardetto/solana-go"

	"github.com/phantom-paradox/paradox/chain/svm"
	"github.com/phantom-paradox/paradox/chain/vault"
	"github.com/phantom-paradox/paradox/intent"
)

const (
	lamportsPerSOL = 1_000_000_000
	rest           = 32 // slots between heights, the program's rule
	delay          = 10 // slots: withdraw delay and drop time of the vault that is measured
	unitLimit      = 1_400_000
	decimals       = 6
)

// lab is a machine with a vault in it. Its first failure stays: what follows does nothing, and Measure reports it.
type lab struct {
	vault.Addresses
	ctx      context.Context
	s        *svm.Server
	program  solana.PublicKey
	payer    solana.PrivateKey
	members  []solana.PrivateKey
	founding *vault.Founding
	mint     intent.Key
	slot     uint64
	nonce    uint64
	err      error
}

func newKey(parts ...any) solana.PrivateKey {
	seed := sha256.Sum256([]byte(fmt.Sprint(parts...)))
	return solana.PrivateKey(ed25519.NewKeyFromSeed(seed[:]))
}

func newLab(ctx context.Context, s *svm.Server, program solana.PublicKey, members int) *lab {
	l := &lab{ctx: ctx, s: s, program: program, payer: newKey("payer"), slot: 1000}
	l.founding = &vault.Founding{WithdrawDelay: delay, DropTime: delay, FeeOwner: intent.Key(newKey("fees").PublicKey())}
	for i := range members {
		m := newKey("member", members, i)
		l.members = append(l.members, m)
		l.founding.Members = append(l.founding.Members, vault.Member{Key: intent.Key(m.PublicKey()), Weight: 1})
	}
	l.founding.Threshold = vault.Threshold(l.founding.Members)
	l.Addresses = vault.NewAddresses(intent.Key(program), l.founding.Hash(program))
	l.put(l.payer.PublicKey(), solana.SystemProgramID, nil, 1000*lamportsPerSOL)
	mint := make([]byte, 82)
	mint[44], mint[45] = decimals, 1
	l.mint = intent.Key(newKey("mint").PublicKey())
	l.put(solana.PublicKey(l.mint), solana.TokenProgramID, mint, lamportsPerSOL)
	l.pass(0)
	return l
}

func (l *lab) put(k, owner solana.PublicKey, data []byte, lamports uint64) {
	if l.err == nil {
		l.err = l.s.SetAccounts(l.ctx, svm.Account{Key: k, Owner: owner, Data: data, Lamports: lamports})
	}
}

// tokens is a new token account of the payer with that balance.
func (l *lab) tokens(amount uint64) solana.PublicKey {
	l.nonce++
	k := newKey("tokens", l.nonce).PublicKey()
	d := make([]byte, 165)
	copy(d, l.mint[:])
	copy(d[32:], l.payer.PublicKey().Bytes())
	binary.LittleEndian.PutUint64(d[64:], amount)
	d[108] = 1
	l.put(k, solana.TokenProgramID, d, lamportsPerSOL)
	return k
}

// pass lets slots pass.
func (l *lab) pass(slots uint64) {
	l.slot += slots
	if l.err == nil {
		l.err = l.s.SetSlot(l.ctx, l.slot)
	}
}

// A sample is what one transaction cost.
type sample struct {
	units uint64
	fee   uint64
	bytes int
}

// do runs instructions in a transaction with compute limit and price, as the settler sends it.
func (l *lab) do(ixs ...solana.Instruction) sample {
	if l.err != nil {
		return sample{}
	}
	l.nonce++
	var hash solana.Hash
	binary.LittleEndian.PutUint64(hash[:], l.nonce)
	all := append([]solana.Instruction{vault.ComputeLimit(unitLimit), vault.ComputePrice(0)}, ixs...)
	tx, err := solana.NewTransaction(all, hash, solana.TransactionPayer(l.payer.PublicKey()))
	if err == nil {
		_, err = tx.Sign(func(solana.PublicKey) *solana.PrivateKey { return &l.payer })
	}
	if err != nil {
		l.err = fmt.Errorf("building a transaction: %w", err)
		return sample{}
	}
	raw, err := tx.MarshalBinary()
	if err != nil {
		l.err = fmt.Errorf("encoding a transaction: %w", err)
		return sample{}
	}
	out, err := l.s.Execute(l.ctx, [][]byte{raw})
	if err != nil {
		l.err = err
		return sample{}
	}
	r := out.Results[0]
	if r.Failed() {
		l.err = fmt.Errorf("transaction of %d bytes failed: %s: %v", len(raw), r.Err, r.Logs)
	}
	return sample{units: r.Units - computeBudgetUnits, fee: r.Fee, bytes: len(raw)}
}

// computeBudgetUnits is what the two compute-budget instructions themselves cost.
const computeBudgetUnits = 2 * 150

func (l *lab) vaultNow() *vault.Vault {
	if l.err != nil {
		return &vault.Vault{}
	}
	out, err := l.s.Execute(l.ctx, nil, l.Vault)
	if err == nil && out.Accounts[0] == nil {
		err = fmt.Errorf("there is no vault at %s", l.Vault)
	}
	if err != nil {
		l.err = err
		return &vault.Vault{}
	}
	v, err := vault.DecodeVault(out.Accounts[0].Data)
	if err != nil {
		l.err = err
		return &vault.Vault{}
	}
	return v
}

// A height is a header of chunks that the members sign.
type height struct {
	vault.Attestation
	vault.Commit
	chunks [][]byte
	heads  []intent.Hash
}

func (l *lab) next(chunks ...[]byte) *height {
	l.pass(rest)
	v := l.vaultNow()
	h := &height{chunks: chunks, heads: vault.Heads(chunks)}
	h.Attestation = vault.Attestation{Cut: v.EventNumber, Head: h.heads[0]}
	h.Commit = vault.Commit{Network: v.Network, Epoch: v.Epoch, Height: v.Height + 1, Generation: v.Generation}
	h.Digest = vault.HeaderDigest(h.Attestation, h.Epoch, h.Height, h.Generation)
	return h
}

func (l *lab) attest(h *height, members ...solana.PrivateKey) sample {
	message := h.Message()
	var signed []vault.Signed
	for _, m := range members {
		sig := ed25519.Sign(ed25519.PrivateKey(m), message)
		signed = append(signed, vault.Signed{Member: intent.Key(m.PublicKey()), Signature: intent.Signature(sig)})
	}
	return l.do(vault.Signatures(message, signed), l.Attest(l.payer.PublicKey(), h.Attestation, h.Digest, h.View))
}

// decide brings a header to its quorum, in as few transactions as possible.
func (l *lab) decide(h *height) (all []sample) {
	quorum := l.members[:len(l.members)*2/3+1]
	for len(quorum) > 0 {
		n := min(len(quorum), vault.MaxSignatures)
		all = append(all, l.attest(h, quorum[:n]...))
		quorum = quorum[n:]
	}
	return all
}

func (l *lab) chunk(build func(chunk []byte, hash intent.Hash) (solana.Instruction, error), chunk []byte, hash intent.Hash) sample {
	ix, err := build(chunk, hash)
	if err != nil && l.err == nil {
		l.err = err
	}
	if l.err != nil {
		return sample{}
	}
	return l.do(ix)
}
