package network

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/phantom-paradox/paradox/intent"
)

// Bounds of the file.
const (
	// Version is the only version of the file.
	Version = 1
	// MaxMints bounds purses, and with them what a watcher follows and a chunk list walks.
	MaxMints = 64
	// MaxFeeBps is all of an amount.
	MaxFeeBps = 10_000
	// MaxSlots bounds withdraw delay and drop time: about seven weeks.
	MaxSlots = 10_000_000
	// MinSlots is twice what the vault waits between two heights: with less nothing could settle before it is dropped.
	MinSlots = 64
	// MaxLife bounds every max_age: nonce windows outlive sessions by the longest, so it bounds the state.
	MaxLife = 90 * 24 * 3600
	// MaxTime is the end of the year 9999.
	MaxTime = 253_402_300_799

	maxDecimals  = 18
	maxAddresses = 64  // bootstrap addresses, RPC endpoints
	maxAddress   = 512 // characters of one
)

// An Error says which field of a network file is wrong, in which way, and what to do about it.
type Error struct {
	Field, Problem, Remedy string
}

func (e *Error) Error() string { return "network file: " + e.Field + " " + e.Problem + "; " + e.Remedy }

// Validate checks everything that makes the file usable, but for the founders' signatures, of which CheckFounders judges. The
// error is an *Error.
func (f *File) Validate() error {
	if err := f.ValidateDraft(); err != nil {
		return err
	}
	return ValidateMembers(f.Members)
}

// ValidateDraft is Validate of a file that may have no members yet.
func (f *File) ValidateDraft() error {
	if f.Version != Version {
		return &Error{"version", "is " + strconv.Itoa(f.Version), "this release reads version 1; use the release that made the file"}
	}
	if !word(f.Name, 3, 32, isNameOfNetwork) {
		return &Error{"name", fmt.Sprintf("is %q", short(f.Name)), "use 3-32 of a-z 0-9 -"}
	}
	for _, z := range [...]struct {
		field string
		value [32]byte
		what  string
	}{
		{"program_id", f.ProgramID, "the address of the vault program"},
		{"code_hash", f.CodeHash, "the SHA-256 of the vault program's code, in base58"},
		{"cluster", f.Cluster, "the genesis hash of the Solana cluster, in base58"},
		{"fee_owner", f.FeeOwner, "the wallet that fees belong to, also where there are none"},
	} {
		if z.value == ([32]byte{}) {
			return &Error{z.field, "is missing", "set it to " + z.what}
		}
	}
	if len(f.Members) > 0 {
		if err := ValidateMembers(f.Members); err != nil {
			return err
		}
	}
	if err := f.validateNumbers(); err != nil {
		return err
	}
	if err := validateMints(f.Mints); err != nil {
		return err
	}
	if err := f.Params.Validate(); err != nil {
		return err
	}
	if err := f.validateAddresses(); err != nil {
		return err
	}
	return f.validateSignatures()
}

func isNameOfNetwork(c byte) bool {
	return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-'
}

func (f *File) validateNumbers() error {
	for _, n := range [...]struct {
		field       string
		value       uint64
		least, most uint64
		unit        string
	}{
		{"withdraw_delay", f.WithdrawDelay, MinSlots, MaxSlots, " slots"},
		{"drop_time", f.DropTime, MinSlots, MaxSlots, " slots"},
		{"fee_bps", f.FeeBps, 0, MaxFeeBps, " hundredths of a percent"},
	} {
		if n.value < n.least || n.value > n.most {
			return &Error{n.field, fmt.Sprintf("is %d", n.value), fmt.Sprintf("set it to %d to %d%s", n.least, n.most, n.unit)}
		}
	}
	for _, n := range [...]struct {
		field string
		value int64
		most  int64
	}{
		{"max_age.default", f.MaxAge.Default, MaxLife},
		{"max_age.ask", f.MaxAge.Ask, MaxLife},
		{"max_age.session", f.MaxAge.Session, MaxLife},
		{"time", f.Time, MaxTime},
	} {
		if err := within(n.field, n.value, 1, n.most); err != nil {
			return err
		}
	}
	return nil
}

func validateMints(mints []intent.Mint) error {
	if len(mints) < 1 || len(mints) > MaxMints {
		return &Error{"mints", "has " + strconv.Itoa(len(mints)), "name 1 to 64 mints"}
	}
	for i, m := range mints {
		at := fmt.Sprintf("mints[%d].", i)
		switch {
		case m.Mint == intent.Key{}:
			return &Error{at + "mint", "is missing", "set it to the mint's address"}
		case !word(m.Symbol, 1, 10, isSymbol):
			return &Error{at + "symbol", fmt.Sprintf("is %q", short(m.Symbol)), "use 1-10 of A-Z a-z 0-9"}
		case m.Decimals > maxDecimals:
			return &Error{at + "decimals", fmt.Sprintf("is %d", m.Decimals), "set it to the mint's own, 0 to 18"}
		}
		for j, o := range mints[:i] {
			if o.Mint == m.Mint {
				return &Error{at + "mint", fmt.Sprintf("is also mints[%d]", j), "name each mint once"}
			}
			if o.Symbol == m.Symbol {
				return &Error{at + "symbol", fmt.Sprintf("is also that of mints[%d]", j),
					"give each mint its own: people read it in what they sign"}
			}
		}
	}
	return nil
}

func isSymbol(c byte) bool {
	return 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || '0' <= c && c <= '9'
}

// validateAddresses checks what is not hashed, and only its form: who dials an address parses it.
func (f *File) validateAddresses() error {
	if len(f.Bootstrap) > maxAddresses {
		return &Error{"bootstrap", "has " + strconv.Itoa(len(f.Bootstrap)), "name at most 64 addresses"}
	}
	for i, a := range f.Bootstrap {
		if e := addressFault(fmt.Sprintf("bootstrap[%d]", i), a); e != nil {
			return e
		}
	}
	if len(f.RPC) > maxAddresses {
		return &Error{"rpc", "has " + strconv.Itoa(len(f.RPC)), "name at most 64 endpoints"}
	}
	for i, a := range f.RPC {
		if !word(a, 1, maxAddress, isPrintable) || !strings.HasPrefix(a, "http://") && !strings.HasPrefix(a, "https://") {
			return &Error{fmt.Sprintf("rpc[%d]", i), fmt.Sprintf("is %q", short(a)), "use a URL: https://…"}
		}
	}
	return nil
}

// addressFault is what is wrong with the form of a peer's address; nil: nothing is.
func addressFault(field, a string) *Error {
	if !word(a, 1, maxAddress, isPrintable) || a[0] != '/' || !strings.Contains(a, "/p2p/") {
		return &Error{field, fmt.Sprintf("is %q", short(a)), "use a multiaddr with the peer's id: /ip4/…/tcp/…/p2p/…"}
	}
	return nil
}

func isPrintable(c byte) bool { return c > 0x20 && c < 0x7f }
