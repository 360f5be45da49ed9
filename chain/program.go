package chain

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/gagliardetto/solana-go"
	"github.com/gagliardetto/solana-go/rpc"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/network"
)

// ErrProgram says that the program at the network's address is not the one that the network file pins.
var ErrProgram = errors.New("the vault program is not the one that the network file pins")

// Layout of the upgradeable loader's accounts: a program names its data, which begins with a slot and the upgrade authority.
const (
	loaderProgram     = 2
	loaderProgramData = 3
	programSize       = 4 + 32
	programDataHeader = 4 + 8 + 1 + 32
)

// A Program is what a cluster says of a program.
type Program struct {
	ID        solana.PublicKey  `json:"program"`
	Loader    solana.PublicKey  `json:"loader"`
	Code      intent.Hash       `json:"code_hash"` // SHA-256 of the code; of its pinned length where that is pinned
	Bytes     int               `json:"bytes"`
	Authority *solana.PublicKey `json:"upgrade_authority"` // nil: nobody can replace the code
}

// ReadProgram reads a program's code and who may replace it. Loaders reserve room behind the code, in zeros: code of so many of
// them as give the pinned hash is the pinned code.
func ReadProgram(ctx context.Context, c Client, id solana.PublicKey, pinned intent.Hash) (*Program, error) {
	opts := &rpc.GetAccountInfoOpts{Encoding: solana.EncodingBase64, Commitment: rpc.CommitmentFinalized}
	r, err := c.GetAccountInfoWithOpts(ctx, id, opts)
	switch {
	case errors.Is(err, rpc.ErrNotFound):
		return nil, fmt.Errorf("%w: there is nothing at %s on this cluster; deploy the program first", ErrProgram, id)
	case err != nil:
		return nil, fmt.Errorf("reading the vault program: %w", err)
	case !r.Value.Executable:
		return nil, fmt.Errorf("%w: %s is not a program", ErrProgram, id)
	}
	p := &Program{ID: id, Loader: r.Value.Owner}
	code := r.Value.Data.GetBinary()
	switch p.Loader {
	case solana.BPFLoaderProgramID: // cannot be replaced
	case solana.BPFLoaderUpgradeableProgramID:
		if len(code) < programSize || binary.LittleEndian.Uint32(code) != loaderProgram {
			return nil, fmt.Errorf("%w: the account of %s names no program data", ErrProgram, id)
		}
		if code, err = p.readData(ctx, c, solana.PublicKey(code[4:programSize])); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("%w: %s belongs to the loader %s, which this release does not know", ErrProgram, id, p.Loader)
	}
	p.Code, p.Bytes = hashCode(code, pinned)
	return p, nil
}

func (p *Program) readData(ctx context.Context, c Client, key solana.PublicKey) ([]byte, error) {
	d, _, err := readAccount(ctx, c, key, rpc.CommitmentFinalized)
	if err != nil {
		return nil, fmt.Errorf("reading the vault program's data: %w", err)
	}
	if len(d) < programDataHeader || binary.LittleEndian.Uint32(d) != loaderProgramData {
		return nil, fmt.Errorf("%w: %s, its data, is closed or of another form", ErrProgram, key)
	}
	if d[12] != 0 {
		k := solana.PublicKey(d[13:programDataHeader])
		p.Authority = &k
	}
	return d[programDataHeader:], nil
}

// maxPadding bounds the zeros that may belong to the code itself: a linker aligns its end to a page at most.
const maxPadding = 64 << 10

// hashCode is the hash of code without the zeros behind it, or with as many as the pinned hash wants.
func hashCode(code []byte, pinned intent.Hash) (intent.Hash, int) {
	trimmed := bytes.TrimRight(code, "\x00")
	h := sha256.New()
	h.Write(trimmed)
	bare := intent.Hash(h.Sum(nil))
	for n := len(trimmed); n <= min(len(code), len(trimmed)+maxPadding); n++ {
		if got := intent.Hash(h.Sum(nil)); got == pinned {
			return got, n
		}
		h.Write([]byte{0})
	}
	return bare, len(trimmed)
}

// Check compares a program with what the network file pins.
func (p *Program) Check(f *network.File) error {
	switch {
	case p.Code != f.CodeHash:
		return fmt.Errorf("%w: %s has code of the hash %s, the network file pins %s", ErrProgram, p.ID, p.Code, f.CodeHash)
	case p.Authority != nil:
		return fmt.Errorf("%w: %s can still replace the code of %s, and with it take all funds; the deployer makes it final with `solana program set-upgrade-authority %s --final`",
			ErrProgram, p.Authority, p.ID, p.ID)
	}
	return nil
}

// programTime bounds one endpoint's answers about the program.
const programTime = 15 * time.Second

// CheckProgram asks every source for the program. With two or more, two must show it as pinned; those that cannot be asked now
// are left out where none contradicts.
func CheckProgram(ctx context.Context, f *network.File, sources []Source) error {
	right, silent := 0, []error(nil)
	var wrong []error
	for _, s := range sources {
		short, cancel := context.WithTimeout(ctx, programTime)
		p, err := ReadProgram(short, s.RPC, solana.PublicKey(f.ProgramID), f.CodeHash)
		cancel()
		if err == nil {
			err = p.Check(f)
		}
		switch {
		case err == nil:
			right++
		case errors.Is(err, ErrProgram):
			wrong = append(wrong, fmt.Errorf("%s: %w", s.Name, err))
		default:
			silent = append(silent, fmt.Errorf("%s: %w", s.Name, err))
		}
	}
	switch {
	case right >= min(agreeing, len(sources)), right > 0 && len(wrong) == 0:
		return nil
	case len(wrong) > 0:
		return errors.Join(wrong...)
	}
	return fmt.Errorf("checking the vault program: %w", errors.Join(silent...))
}
