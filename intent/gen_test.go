package intent

import (
	"crypto/ed25519"
	"crypto/sha256"

	"pgregory.net/rapid"
)

// testNetwork is a network with mints of all sorts of decimals.
func testNetwork() *Network {
	n := &Network{Name: "paradox-test-1", Hash: sha256.Sum256([]byte("test")), FeeBps: 25,
		MaxAge: MaxAge{Default: 3600, Ask: 7 * 86400, Session: 30 * 86400}}
	for i, d := range []uint8{0, 6, 9, 18} {
		n.Mints = append(n.Mints, Mint{Mint: sha256.Sum256([]byte{'m', byte(i)}), Symbol: string(rune('A' + i)), Decimals: d})
	}
	return n
}

func testKey(seed uint64) (ed25519.PrivateKey, Key) {
	s := sha256.Sum256([]byte{byte(seed), byte(seed >> 8), byte(seed >> 16)})
	priv := ed25519.NewKeyFromSeed(s[:])
	return priv, Key(priv.Public().(ed25519.PublicKey))
}

// genKind draws any kind.
func genKind() *rapid.Generator[Kind] {
	return rapid.SampledFrom([]Kind{Pay, Ask, Buy, Cancel, Session, Revoke, Issue})
}

// draw draws a valid intent of a kind, and the key that signs it.
func draw(t *rapid.T, n *Network, kind Kind) (Intent, ed25519.PrivateKey) {
	var d drawn
	d.Network, d.Kind = n.Hash, kind
	priv, from := testKey(rapid.Uint64Range(0, 49).Draw(t, "from"))
	_, other := testKey(rapid.Uint64Range(50, 99).Draw(t, "to"))
	d.From = from
	d.Nonce = rapid.Uint64Range(1, MaxInt).Draw(t, "nonce")
	d.Created = rapid.Int64Range(1, MaxInt-n.MaxAge.Session).Draw(t, "created")
	d.Expires = d.Created + rapid.Int64Range(1, n.MaxAge.of(kind)).Draw(t, "age")
	if (kind == Pay || kind == Buy || kind == Cancel) && rapid.Bool().Draw(t, "by session") {
		var session Key
		priv, session = testKey(rapid.Uint64Range(100, 149).Draw(t, "signer"))
		d.Signer = &session
	}
	if kind != Buy && kind != Cancel && (kind != Ask || rapid.Bool().Draw(t, "private")) {
		d.To = &other
	}
	d.money(t, n)
	d.things(t, n)
	if (kind == Pay || kind == Ask) && rapid.Bool().Draw(t, "with memo") {
		d.Memo = rapid.StringMatching(`[!-~]|[!-~][ -~]{0,62}[!-~]`).Draw(t, "memo")
	}
	return d.Intent, priv
}

type drawn struct{ Intent }

// money draws mint, amount and fee where the kind has them.
func (d *drawn) money(t *rapid.T, n *Network) {
	if d.Kind == Cancel || d.Kind == Revoke || d.Kind == Issue {
		return
	}
	mint := n.Mints[rapid.IntRange(0, len(n.Mints)-1).Draw(t, "mint")].Mint
	d.Mint = &mint
	amount := rapid.Uint64Range(1, MaxInt).Draw(t, "amount")
	switch d.Kind {
	case Session:
		d.MaxVolume = amount
		d.Actions = rapid.SampledFrom([][]Action{{"buy"}, {"cancel"}, {"pay"}, {"buy", "cancel"}, {"buy", "pay"},
			{"cancel", "pay"}, {"buy", "cancel", "pay"}}).Draw(t, "actions")
	case Ask:
		d.Amount = amount
	default:
		d.Amount, d.Fee = amount, Fee(amount, n.FeeBps)
	}
}

// things draws item, quantity and ask where the kind has them.
func (d *drawn) things(t *rapid.T, n *Network) {
	switch d.Kind {
	case Buy:
		id := ID(sha256.Sum256([]byte{rapid.Byte().Draw(t, "ask")}))
		d.Ask = &id
	case Issue:
		d.Item = d.From.String() + "/" + rapid.StringMatching(`[a-zA-Z0-9._-]{1,64}`).Draw(t, "item")
	case Ask:
		if rapid.Bool().Draw(t, "fungible") {
			k := rapid.IntRange(0, len(n.Mints)-1).Filter(func(k int) bool { return n.Mints[k].Mint != *d.Mint }).Draw(t, "unit")
			d.Item = n.Mints[k].Mint.String()
			d.Quantity = rapid.Uint64Range(1, MaxInt).Draw(t, "quantity")
			return
		}
		_, issuer := testKey(rapid.Uint64Range(150, 160).Draw(t, "issuer"))
		d.Item = issuer.String() + "/" + rapid.StringMatching(`[a-zA-Z0-9._-]{1,64}`).Draw(t, "item")
	}
}

func drawSigned(t *rapid.T, n *Network) *Signed {
	i, priv := draw(t, n, genKind().Draw(t, "kind"))
	s, err := Sign(priv, n, i)
	if err != nil {
		t.Fatalf("%+v: %v", i, err)
	}
	return s
}
