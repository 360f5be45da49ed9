package network

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/phantom-paradox/paradox/intent"
)

// ParseMember reads NAME:KEY:VRF:WEIGHT, the form in which a founder hands in a member.
func ParseMember(s string) (Member, error) {
	parts := strings.Split(s, ":")
	if len(parts) != 4 {
		return Member{}, fmt.Errorf("%q is not NAME:KEY:VRF:WEIGHT; `paradox keys show` prints a node's keys", short(s))
	}
	m := Member{Name: parts[0]}
	if err := m.Key.UnmarshalText([]byte(parts[1])); err != nil {
		return m, fmt.Errorf("key of %q: %w", short(parts[0]), err)
	}
	if err := m.VRF.UnmarshalText([]byte(parts[2])); err != nil {
		return m, fmt.Errorf("VRF key of %q: %w", short(parts[0]), err)
	}
	w, err := strconv.ParseUint(parts[3], 10, 16)
	if err != nil {
		return m, fmt.Errorf("weight of %q: is not 1 to 65535", short(parts[0]))
	}
	m.Weight = uint16(w)
	return m, nil
}

// ParseMint reads SYMBOL:MINT:DECIMALS.
func ParseMint(s string) (intent.Mint, error) {
	parts := strings.Split(s, ":")
	if len(parts) != 3 {
		return intent.Mint{}, fmt.Errorf("%q is not SYMBOL:MINT:DECIMALS", short(s))
	}
	m := intent.Mint{Symbol: parts[0]}
	if err := m.Mint.UnmarshalText([]byte(parts[1])); err != nil {
		return m, fmt.Errorf("mint of %q: %w", short(parts[0]), err)
	}
	d, err := strconv.ParseUint(parts[2], 10, 8)
	if err != nil {
		return m, fmt.Errorf("decimals of %q: are not 0 to 18", short(parts[0]))
	}
	m.Decimals = uint8(d)
	return m, nil
}
