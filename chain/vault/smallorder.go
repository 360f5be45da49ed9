package vault

import (
	"encoding/hex"

	"github.com/phantom-paradox/paradox/intent"
)

// SmallOrder says whether a key is one of the points of small order, in any encoding: a signature by such a key proves
// nothing.
func SmallOrder(k intent.Key) bool {
	k[31] &= 0x7f
	switch hex.EncodeToString(k[:]) {
	case "0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f":
		return true
	}
	return false
}
