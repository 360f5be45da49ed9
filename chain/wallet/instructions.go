package wallet

import (
	"encoding/binary"

	"github.com/gagliardetto/solana-go"

	"github.com/phantom-paradox/paradox/intent"
)

// What fits a transaction's 1,232 bytes.
const (
	mintSize              = 82
	grantsPerTransaction  = 8  // an account, its creation and a mint-to: 89 bytes each
	ownersPerTransaction  = 4  // a signature, a key, a token account and a deposit: 152 bytes each
	entriesPerTransaction = 16 // 41 bytes each
)

// Associated is a wallet's associated token account of a classic mint.
func Associated(owner solana.PublicKey, mint intent.Key) solana.PublicKey {
	k, _, err := solana.FindProgramAddress([][]byte{owner[:], solana.TokenProgramID[:], mint[:]}, solana.SPLAssociatedTokenAccountProgramID)
	if err != nil {
		panic("wallet: no associated address: " + err.Error()) // of 256 bumps about half are off the curve
	}
	return k
}

func newMint(payer, mint solana.PublicKey, decimals uint8, rent uint64) []solana.Instruction {
	le := binary.LittleEndian
	create := le.AppendUint64(le.AppendUint64(le.AppendUint32(nil, 0), rent), mintSize)
	create = append(create, solana.TokenProgramID[:]...)
	initialize := append([]byte{20, decimals}, payer[:]...)
	return []solana.Instruction{
		solana.NewInstruction(solana.SystemProgramID, solana.AccountMetaSlice{solana.Meta(payer).WRITE().SIGNER(), solana.Meta(mint).WRITE().SIGNER()}, create),
		solana.NewInstruction(solana.TokenProgramID, solana.AccountMetaSlice{solana.Meta(mint).WRITE()}, append(initialize, 0)),
	}
}

// createAssociated makes an owner's token account unless it is there.
func createAssociated(payer, owner solana.PublicKey, mint intent.Key) solana.Instruction {
	return solana.NewInstruction(solana.SPLAssociatedTokenAccountProgramID, solana.AccountMetaSlice{
		solana.Meta(payer).WRITE().SIGNER(), solana.Meta(Associated(owner, mint)).WRITE(), solana.Meta(owner), solana.Meta(solana.PublicKey(mint)),
		solana.Meta(solana.SystemProgramID), solana.Meta(solana.TokenProgramID),
	}, []byte{1})
}

// transfer moves lamports.
func transfer(from, to solana.PublicKey, lamports uint64) solana.Instruction {
	return solana.NewInstruction(solana.SystemProgramID, solana.AccountMetaSlice{solana.Meta(from).WRITE().SIGNER(), solana.Meta(to).WRITE()},
		binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint32(nil, 2), lamports))
}

func mintTo(mint intent.Key, to, authority solana.PublicKey, amount uint64) solana.Instruction {
	return solana.NewInstruction(solana.TokenProgramID, solana.AccountMetaSlice{
		solana.Meta(solana.PublicKey(mint)).WRITE(), solana.Meta(to).WRITE(), solana.Meta(authority).SIGNER(),
	}, binary.LittleEndian.AppendUint64([]byte{7}, amount))
}
