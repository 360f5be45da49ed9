package bank

import (
	"encoding/binary"
	"errors"

	"github.com/gagliardetto/solana-go"

	"github.com/phantom-paradox/paradox/chain/vault/model"
)

// The classic Token program's instructions, layouts and errors, as far as the model has them.
const (
	tokInitializeMint     = 0
	tokInitializeAccount  = 1
	tokTransfer           = 3
	tokMintTo             = 7
	tokBurn               = 8
	tokClose              = 9
	tokFreeze             = 10
	tokThaw               = 11
	tokTransferChecked    = 12
	tokMintToChecked      = 14
	tokInitializeAccount2 = 16
	tokInitializeAccount3 = 18
	tokInitializeMint2    = 20
	tokAccountDataSize    = 21
	tokImmutableOwner     = 22

	mintSize    = 82
	accountSize = 165

	tokNotRentExempt    Custom = 0
	tokInsufficient     Custom = 1
	tokInvalidMint      Custom = 2
	tokMintMismatch     Custom = 3
	tokOwnerMismatch    Custom = 4
	tokFixedSupply      Custom = 5
	tokAlreadyInUse     Custom = 6
	tokNotNative        Custom = 11
	tokInvalid          Custom = 12
	tokOverflow         Custom = 14
	tokCannotFreeze     Custom = 16
	tokFrozen           Custom = 17
	tokDecimalsMismatch Custom = 18
)

// token runs the classic Token program.
func token(c *Ctx, d []byte) error {
	if len(d) == 0 {
		return tokInvalid
	}
	le := binary.LittleEndian
	args := d[1:]
	switch d[0] {
	case tokInitializeMint, tokInitializeMint2:
		return tokNewMint(c, args)
	case tokInitializeAccount:
		if err := c.need(3); err != nil {
			return err
		}
		return tokNewAccount(c, c.acc[2].Key)
	case tokInitializeAccount2, tokInitializeAccount3:
		if len(args) != 32 {
			return tokInvalid
		}
		return tokNewAccount(c, solana.PublicKey(args))
	case tokTransfer, tokMintTo, tokBurn:
		if len(args) != 8 {
			return tokInvalid
		}
		return tokAmount(c, d[0], le.Uint64(args), -1)
	case tokTransferChecked, tokMintToChecked:
		if len(args) != 9 {
			return tokInvalid
		}
		return tokAmount(c, d[0], le.Uint64(args), int(args[8]))
	case tokClose:
		return tokCloseAccount(c)
	case tokFreeze, tokThaw:
		return tokSetFrozen(c, d[0] == tokFreeze)
	case tokAccountDataSize:
		return nil
	case tokImmutableOwner:
		return tokSetImmutable(c)
	}
	return tokInvalid
}

func tokAmount(c *Ctx, tag byte, amount uint64, decimals int) error {
	switch tag {
	case tokMintTo, tokMintToChecked:
		return tokMint(c, amount, decimals)
	case tokBurn:
		return tokBurnFrom(c, amount)
	}
	return tokMove(c, amount, decimals)
}

// tokNewMint: args are decimals u8, authority 32, option u8, freeze authority 32 if the option is set.
func tokNewMint(c *Ctx, args []byte) error {
	if err := c.need(1); err != nil {
		return err
	}
	if len(args) != 34 && len(args) != 66 || args[33] > 1 || args[33] == 1 && len(args) != 66 {
		return tokInvalid
	}
	m := c.acc[0]
	if m.Owner != solana.TokenProgramID {
		return IncorrectProgramID
	}
	if len(m.Data) != mintSize {
		return InvalidAccountData
	}
	if m.Data[45] != 0 {
		return tokAlreadyInUse
	}
	if m.Lamports < RentExempt(mintSize) {
		return tokNotRentExempt
	}
	le := binary.LittleEndian
	le.PutUint32(m.Data, 1)
	copy(m.Data[4:], args[1:33])
	m.Data[44], m.Data[45] = args[0], 1
	if args[33] == 1 {
		le.PutUint32(m.Data[46:], 1)
		copy(m.Data[50:], args[34:66])
	}
	return nil
}

func tokNewAccount(c *Ctx, owner solana.PublicKey) error {
	if err := c.need(2); err != nil {
		return err
	}
	a, m := c.acc[0], c.acc[1]
	if a.Owner != solana.TokenProgramID {
		return IncorrectProgramID
	}
	if len(a.Data) != accountSize {
		return InvalidAccountData
	}
	if a.Data[108] != 0 {
		return tokAlreadyInUse
	}
	if a.Lamports < RentExempt(accountSize) {
		return tokNotRentExempt
	}
	if !isMint(m) {
		return tokInvalidMint
	}
	copy(a.Data, m.Key[:])
	copy(a.Data[32:], owner[:])
	a.Data[108] = 1
	return nil
}

func isMint(m model.Meta) bool {
	return m.Owner == solana.TokenProgramID && len(m.Data) == mintSize && m.Data[45] == 1
}

// checkAccount says whether an account is an initialized token account that is not frozen.
func checkAccount(a model.Meta) error {
	if a.Owner != solana.TokenProgramID {
		return IncorrectProgramID
	}
	if len(a.Data) != accountSize || a.Data[108] == 0 {
		return InvalidAccountData
	}
	if a.Data[108] == 2 {
		return tokFrozen
	}
	return nil
}

// signedBy says whether an authority is the key wanted and has signed.
func signedBy(authority model.Meta, want []byte) error {
	if solana.PublicKey(want) != authority.Key {
		return tokOwnerMismatch
	}
	if !authority.Signer {
		return MissingRequiredSignature
	}
	return nil
}

func tokMove(c *Ctx, amount uint64, decimals int) error {
	n := 3
	if decimals >= 0 {
		n = 4
	}
	if err := c.need(n); err != nil {
		return err
	}
	from, to, authority := c.acc[0], c.acc[n-2], c.acc[n-1]
	for _, a := range []model.Meta{from, to} {
		if err := checkAccount(a); err != nil {
			return err
		}
	}
	le := binary.LittleEndian
	have := le.Uint64(from.Data[64:])
	if have < amount {
		return tokInsufficient
	}
	if [32]byte(from.Data[:32]) != [32]byte(to.Data[:32]) {
		return tokMintMismatch
	}
	if decimals >= 0 {
		if err := checkDecimals(c.acc[1], from, decimals); err != nil {
			return err
		}
	}
	if err := signedBy(authority, from.Data[32:64]); err != nil {
		return err
	}
	if from.Key == to.Key || amount == 0 {
		return nil
	}
	sum := le.Uint64(to.Data[64:]) + amount
	if sum < amount {
		return tokOverflow
	}
	if !from.Writable || !to.Writable {
		return ReadonlyDataModified
	}
	le.PutUint64(from.Data[64:], have-amount)
	le.PutUint64(to.Data[64:], sum)
	return nil
}

func checkDecimals(mint, account model.Meta, decimals int) error {
	if mint.Key != solana.PublicKey(account.Data[:32]) {
		return tokMintMismatch
	}
	if !isMint(mint) {
		return tokInvalidMint
	}
	if int(mint.Data[44]) != decimals {
		return tokDecimalsMismatch
	}
	return nil
}

func tokMint(c *Ctx, amount uint64, decimals int) error {
	if err := c.need(3); err != nil {
		return err
	}
	m, to, authority := c.acc[0], c.acc[1], c.acc[2]
	if err := checkAccount(to); err != nil {
		return err
	}
	if solana.PublicKey(to.Data[:32]) != m.Key {
		return tokMintMismatch
	}
	if !isMint(m) {
		return tokInvalidMint
	}
	le := binary.LittleEndian
	if decimals >= 0 && int(m.Data[44]) != decimals {
		return tokDecimalsMismatch
	}
	if le.Uint32(m.Data) != 1 {
		return tokFixedSupply
	}
	if err := signedBy(authority, m.Data[4:36]); err != nil {
		return err
	}
	supply, sum := le.Uint64(m.Data[36:])+amount, le.Uint64(to.Data[64:])+amount
	if supply < amount || sum < amount {
		return tokOverflow
	}
	le.PutUint64(m.Data[36:], supply)
	le.PutUint64(to.Data[64:], sum)
	return nil
}

func tokBurnFrom(c *Ctx, amount uint64) error {
	if err := c.need(3); err != nil {
		return err
	}
	a, m, authority := c.acc[0], c.acc[1], c.acc[2]
	if err := checkAccount(a); err != nil {
		return err
	}
	if !isMint(m) {
		return tokInvalidMint
	}
	le := binary.LittleEndian
	have := le.Uint64(a.Data[64:])
	if have < amount {
		return tokInsufficient
	}
	if solana.PublicKey(a.Data[:32]) != m.Key {
		return tokMintMismatch
	}
	if err := signedBy(authority, a.Data[32:64]); err != nil {
		return err
	}
	le.PutUint64(a.Data[64:], have-amount)
	le.PutUint64(m.Data[36:], le.Uint64(m.Data[36:])-amount)
	return nil
}

func tokCloseAccount(c *Ctx) error {
	if err := c.need(3); err != nil {
		return err
	}
	a, to, authority := c.acc[0], c.acc[1], c.acc[2]
	if a.Key == to.Key {
		return InvalidAccountData
	}
	if err := checkAccount(a); err != nil && !errors.Is(err, tokFrozen) {
		return err
	}
	if binary.LittleEndian.Uint64(a.Data[64:]) != 0 {
		return tokNotNative
	}
	if err := signedBy(authority, a.Data[32:64]); err != nil {
		return err
	}
	to.Account.Lamports += a.Lamports
	*a.Account = Account{Owner: solana.SystemProgramID}
	return nil
}

func tokSetFrozen(c *Ctx, frozen bool) error {
	if err := c.need(3); err != nil {
		return err
	}
	a, m, authority := c.acc[0], c.acc[1], c.acc[2]
	if err := checkAccount(a); err != nil && (frozen || !errors.Is(err, tokFrozen)) {
		return err
	}
	if !isMint(m) || solana.PublicKey(a.Data[:32]) != m.Key {
		return tokMintMismatch
	}
	if binary.LittleEndian.Uint32(m.Data[46:]) != 1 {
		return tokCannotFreeze
	}
	if err := signedBy(authority, m.Data[50:82]); err != nil {
		return err
	}
	a.Data[108] = 1
	if frozen {
		a.Data[108] = 2
	}
	return nil
}

// tokSetImmutable accepts the mark that the associated-account program sets; classic accounts do not keep it.
func tokSetImmutable(c *Ctx) error {
	if err := c.need(1); err != nil {
		return err
	}
	if a := c.acc[0]; len(a.Data) != accountSize || a.Owner != solana.TokenProgramID {
		return InvalidAccountData
	} else if a.Data[108] != 0 {
		return tokAlreadyInUse
	}
	return nil
}
