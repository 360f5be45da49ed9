package intent

import (
	"math"
	"math/bits"
	"strconv"
)

// basisPoints is what fee_bps counts in.
const basisPoints = 10_000

// Fee is floor(amount*bps/10000): what a payment of the amount costs on top. A rate above 10000, which no network file
// may have, saturates.
func Fee(amount, bps uint64) uint64 {
	hi, lo := bits.Mul64(amount, bps)
	if hi >= basisPoints {
		return math.MaxUint64
	}
	fee, _ := bits.Div64(hi, lo, basisPoints)
	return fee
}

// Check is what the bytes and the network file alone decide, the signature apart. The order of codes: bad_encoding,
// wrong_network, unknown_mint, too_long_lived, self_trade, bad_amount, bad_fee, not_the_owner. The error is an *Error.
func (i *Intent) Check(n *Network) error {
	if err := i.shape(); err != nil {
		return err
	}
	if _, _, err := i.mints(n); err != nil {
		return err
	}
	if age := n.MaxAge.of(i.Kind); i.Expires-i.Created > age {
		return refuse(TooLongLived, fieldExpires, "must be at most "+strconv.FormatInt(age, 10)+" s after created")
	}
	if (i.Kind == Pay || i.Kind == Ask) && i.To != nil && *i.To == i.From {
		return refuse(SelfTrade, fieldTo, "is the wallet itself")
	}
	if err := i.checkAmounts(n); err != nil {
		return err
	}
	if i.Kind == Issue {
		if issuer, _, _ := ItemIssuer(i.Item); issuer != i.From {
			return refuse(NotTheOwner, fieldItem, "must begin with from: an issuer creates items in its own namespace only")
		}
	}
	return nil
}

func (i *Intent) checkAmounts(n *Network) error {
	have := i.present()
	for _, a := range [...]struct {
		f field
		v uint64
	}{{fieldAmount, i.Amount}, {fieldQuantity, i.Quantity}, {fieldMaxVolume, i.MaxVolume}} {
		if have.has(a.f) && (a.v < 1 || a.v > MaxInt) {
			return refuse(BadAmount, a.f, "must be 1 to 2^63-1 base units")
		}
	}
	if i.Kind != Pay && i.Kind != Buy {
		return nil
	}
	if due := Fee(i.Amount, n.FeeBps); i.Fee != due {
		if due == 0 {
			return refuse(BadFee, fieldFee, "none is due; leave it out")
		}
		return refuse(BadFee, fieldFee, "must be exactly "+strconv.FormatUint(due, 10))
	}
	return nil
}

func (m MaxAge) of(k Kind) int64 {
	switch k {
	case Ask:
		return m.Ask
	case Session:
		return m.Session
	}
	return m.Default
}
