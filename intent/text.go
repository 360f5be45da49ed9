package intent

import (
	"crypto/sha256"
	"strconv"
)

// maxText is room for the longest text, so that rendering one allocates at most once.
const maxText = 1024

// MintOf is the mint of a key, if the network has it.
func (n *Network) MintOf(k Key) (Mint, bool) {
	for _, m := range n.Mints {
		if m.Mint == k {
			return m, true
		}
	}
	return Mint{}, false
}

// Text is what the wallet signs. It exists only for an intent whose fields are those of its kind, of this network
// (wrong_network) and of known mints (unknown_mint); the error is an *Error.
func (i *Intent) Text(n *Network) (string, error) {
	b, err := i.AppendText(make([]byte, 0, maxText), n)
	if err != nil {
		return "", err
	}
	return string(b), nil
}

// ID is the SHA-256 of the text.
func (i *Intent) ID(n *Network) (ID, error) {
	b, err := i.AppendText(make([]byte, 0, maxText), n)
	if err != nil {
		return ID{}, err
	}
	return TextID(b), nil
}

// TextID is the id of a rendered text, for callers that render once and use the text twice.
func TextID(text []byte) ID { return sha256.Sum256(text) }

// AppendText appends the text to dst.
func (i *Intent) AppendText(dst []byte, n *Network) ([]byte, error) {
	if err := i.shape(); err != nil {
		return nil, err
	}
	mint, unit, err := i.mints(n)
	if err != nil {
		return nil, err
	}
	return i.render(dst, n, mint, unit), nil
}

// mints checks the network and finds the intent's mint, and that of its item if it is fungible.
func (i *Intent) mints(n *Network) (mint, unit Mint, err error) {
	if i.Network != n.Hash {
		return mint, unit, refuse(WrongNetwork, fieldNetwork,
			"is "+i.Network.String()+"; this network is "+n.Name+" "+n.Hash.String())
	}
	var ok bool
	if i.Mint != nil {
		if mint, ok = n.MintOf(*i.Mint); !ok {
			return mint, unit, refuse(UnknownMint, fieldMint, i.Mint.String()+" is not in the network file")
		}
	}
	if i.Kind == Ask && fungible(i.Item) {
		k, _ := ItemMint(i.Item)
		if unit, ok = n.MintOf(k); !ok {
			return mint, unit, refuse(UnknownMint, fieldItem, i.Item+" is not in the network file")
		}
	}
	return mint, unit, nil
}

// render writes the lines in the order of the table; the shape has been checked.
func (i *Intent) render(b []byte, n *Network, mint, unit Mint) []byte {
	b = append(b, "Paradox intent v1\nnetwork: "...)
	b = append(b, n.Name...)
	b = append(b, ' ')
	b = appendBase58(b, (*[32]byte)(&i.Network))
	b = append(b, "\nkind: "...)
	b = append(b, i.Kind...)
	b = appendKeyLine(b, "\nfrom: ", &i.From)
	b = appendKeyLine(b, "\nsigner: ", i.Signer)
	b = appendKeyLine(b, "\nto: ", i.To)
	b = appendKeyLine(b, "\nmint: ", i.Mint)
	have := i.present()
	if have.has(fieldAmount) {
		b = appendAmount(append(b, "\namount: "...), i.Amount, mint)
	}
	if have.has(fieldFee) {
		b = appendAmount(append(b, "\nfee: "...), i.Fee, mint)
	}
	if i.Item != "" {
		b = append(append(b, "\nitem: "...), i.Item...)
	}
	if have.has(fieldQuantity) {
		b = appendAmount(append(b, "\nquantity: "...), i.Quantity, unit)
	}
	if i.Ask != nil {
		b = i.Ask.appendText(append(b, "\nask: "...))
	}
	if have.has(fieldMaxVolume) {
		b = appendAmount(append(b, "\nmax_volume: "...), i.MaxVolume, mint)
	}
	return i.renderRest(b)
}

// renderRest writes the lines from actions on.
func (i *Intent) renderRest(b []byte) []byte {
	for k, a := range i.Actions {
		if k == 0 {
			b = append(b, "\nactions: "...)
		} else {
			b = append(b, ' ')
		}
		b = append(b, a...)
	}
	b = strconv.AppendUint(append(b, "\nnonce: "...), i.Nonce, 10)
	b = strconv.AppendInt(append(b, "\ncreated: "...), i.Created, 10)
	b = strconv.AppendInt(append(b, "\nexpires: "...), i.Expires, 10)
	if i.Memo != "" {
		b = append(append(b, "\nmemo: "...), i.Memo...)
	}
	return b
}

func appendKeyLine(b []byte, name string, k *Key) []byte {
	if k == nil {
		return b
	}
	return appendBase58(append(b, name...), (*[32]byte)(k))
}

// FormatAmount is an amount as the text shows it: base units, and in brackets the same in the mint's decimals and
// symbol, in the shortest form: "1500000 (1.5 USDC)".
func FormatAmount(base uint64, m Mint) string { return string(appendAmount(nil, base, m)) }

func appendAmount(b []byte, base uint64, m Mint) []byte {
	b = strconv.AppendUint(b, base, 10)
	b = append(b, " ("...)
	b = appendDecimal(b, base, m.Decimals)
	b = append(b, ' ')
	b = append(b, m.Symbol...)
	return append(b, ')')
}

// appendDecimal appends base / 10^decimals without trailing zeros.
func appendDecimal(b []byte, base uint64, decimals uint8) []byte {
	scale := uint64(1)
	for range decimals { // at most 18, so this cannot overflow
		scale *= 10
	}
	b = strconv.AppendUint(b, base/scale, 10)
	rest := base % scale
	if rest == 0 {
		return b
	}
	b = append(b, '.')
	for rest > 0 {
		scale /= 10
		b = append(b, byte('0'+rest/scale))
		rest %= scale
	}
	return b
}
