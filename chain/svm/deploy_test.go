package svm

import (
	"bytes"
	"encoding/binary"
	"os"
	"testing"

	"github.com/gagliardetto/solana-go"

	"github.com/phantom-paradox/paradox/chain/vault"
)

// The loader's instructions.
const (
	loaderInitializeBuffer = 0
	loaderWrite            = 1
	loaderDeploy           = 2
	loaderSetAuthority     = 4

	bufferHeader  = 37
	dataHeader    = 45
	programSize   = 36
	writeAtOnce   = 900 // bytes of code in a transaction
	loaderAddress = "BPFLoaderUpgradeab1e11111111111111111111111"
)

func u32(b []byte, v uint32) []byte { return binary.LittleEndian.AppendUint32(b, v) }
func u64(b []byte, v uint64) []byte { return binary.LittleEndian.AppendUint64(b, v) }

// The real loader verifies the committed bytes and deploys them; then nobody can change them any more.
func TestDeployAndMakeImmutable(t *testing.T) {
	w := newWorld(t, 4)
	w.alone = true // the model has no loader
	code, err := os.ReadFile(vaultSO())
	must(t, err)
	loader := solana.MustPublicKeyFromBase58(loaderAddress)
	payer, buffer, at := w.payer.PublicKey(), w.person("buffer").PublicKey(), w.person("new program").PublicKey()
	data, _, err := solana.FindProgramAddress([][]byte{at[:]}, loader)
	must(t, err)
	load := func(d []byte, metas ...*solana.AccountMeta) solana.Instruction {
		return solana.NewInstruction(loader, metas, d)
	}
	meta := solana.NewAccountMeta
	w.put(buffer, loader, make([]byte, bufferHeader+len(code)), 10*sol) // as System's create account leaves it
	w.ok(load(u32(nil, loaderInitializeBuffer), meta(buffer, true, false), meta(payer, false, false)))
	for o := 0; o < len(code); o += writeAtOnce {
		part := code[o:min(o+writeAtOnce, len(code))]
		d := u64(u32(u32(nil, loaderWrite), uint32(o)), uint64(len(part)))
		w.ok(load(append(d, part...), meta(buffer, true, false), meta(payer, false, true)))
	}
	w.put(at, loader, make([]byte, programSize), sol)
	w.ok(load(u64(u32(nil, loaderDeploy), uint64(len(code))), meta(payer, true, true), meta(data, true, false), meta(at, true, false), meta(buffer, true, false),
		meta(solana.SysVarRentPubkey, false, false), meta(solana.SysVarClockPubkey, false, false), meta(solana.SystemProgramID, false, false), meta(payer, false, true)))
	w.jump(2)
	w.ok(load(u32(nil, loaderSetAuthority), meta(data, true, false), meta(payer, false, true)))
	deployed := w.account(data).Data
	if deployed[12] != 0 || !bytes.Equal(deployed[dataHeader:dataHeader+len(code)], code) {
		t.Fatal("the program is not what was deployed, or somebody may still change it")
	}
	w.fails(vault.BadInstruction, solana.NewInstruction(at, nil, nil))
}
