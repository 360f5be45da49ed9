package intent

import (
	"math"
	"strings"
)

// Bounds of INTENT's table of fields.
const (
	// MaxInt is the largest integer of an intent, 2^63-1: what every IPFS client can read.
	MaxInt = math.MaxInt64
	// MaxMemo is the longest memo, so that it fits a wallet's window.
	MaxMemo = 64
	// MaxItemName is the longest name of an item.
	MaxItemName = 64

	maxItemText = maxKeyText + 1 + MaxItemName
	maxActions  = 3
)

func refuse(code Code, f field, detail string) error {
	return &Error{Code: code, Field: f.String(), Detail: detail}
}

func malformed(f field, detail string) error { return refuse(BadEncoding, f, detail) }

// fits checks that the fields are those of the kind.
func fits(kind Kind, have fieldSet, item string) error {
	must, may, ok := kindFields(kind)
	if !ok {
		return malformed(fieldKind, "is none of pay, ask, buy, cancel, session, revoke, issue")
	}
	if missing := must &^ have; missing != 0 {
		return malformed(missing.first(), "is missing; a "+string(kind)+" must have it")
	}
	if foreign := have &^ (must | may); foreign != 0 {
		return malformed(foreign.first(), "is no field of a "+string(kind)+"; leave it out")
	}
	if kind == Ask {
		switch {
		case fungible(item) && !have.has(fieldQuantity):
			return malformed(fieldQuantity, "is missing; an ask for a mint must have it")
		case !fungible(item) && have.has(fieldQuantity):
			return malformed(fieldQuantity, "is no field of an ask for an item; leave it out")
		}
	}
	return nil
}

// shape checks all of the table that needs neither the network file nor state and that no code names but bad_encoding.
func (i *Intent) shape() error {
	if err := fits(i.Kind, i.present(), i.Item); err != nil {
		return err
	}
	if i.Signer != nil && *i.Signer == i.From {
		return malformed(fieldSigner, "is the same key as from; leave it out when from signs itself")
	}
	if (i.Kind == Session || i.Kind == Revoke) && *i.To == i.From {
		return malformed(fieldTo, "is the wallet's own key; a session needs a key of its own")
	}
	if err := i.shapeItem(); err != nil {
		return err
	}
	if err := shapeActions(i.Actions); err != nil {
		return err
	}
	if i.Nonce < 1 || i.Nonce > MaxInt {
		return malformed(fieldNonce, "must be 1 to 2^63-1")
	}
	if i.Created < 1 {
		return malformed(fieldCreated, "must be 1 to 2^63-1, in unix seconds")
	}
	if i.Expires <= i.Created {
		return malformed(fieldExpires, "must be after created")
	}
	return shapeMemo(i.Memo)
}

func (i *Intent) shapeItem() error {
	if i.Item == "" {
		return nil
	}
	if i.Kind == Ask && fungible(i.Item) {
		mint, ok := ItemMint(i.Item)
		if !ok {
			return malformed(fieldItem, "must be <issuer key>/<name> or a mint in base58")
		}
		if mint == *i.Mint {
			return malformed(fieldItem, "is the mint of the price; it must be another")
		}
		return nil
	}
	if _, _, ok := ItemIssuer(i.Item); !ok {
		return malformed(fieldItem, "must be <issuer key>/<name>, the name 1-64 of a-z A-Z 0-9 - _ .")
	}
	return nil
}

// shapeActions wants them sorted, each once, of those that a session may do.
func shapeActions(actions []Action) error {
	for n, a := range actions {
		if !knownAction(string(a)) {
			return malformed(fieldActions, "must be of buy, cancel, pay")
		}
		if n > 0 && actions[n-1] >= a {
			return malformed(fieldActions, "must be sorted, each once")
		}
	}
	return nil
}

func knownAction(a string) bool { return a == "buy" || a == "cancel" || a == "pay" }

func shapeMemo(memo string) error {
	if memo == "" {
		return nil
	}
	if len(memo) > MaxMemo {
		return malformed(fieldMemo, "must be at most 64 characters")
	}
	for n := range len(memo) {
		if memo[n] < 0x20 || memo[n] > 0x7e { // a newline would forge a line of the text
			return malformed(fieldMemo, "must be of the ASCII characters 0x20 to 0x7e")
		}
	}
	if memo[0] == ' ' || memo[len(memo)-1] == ' ' {
		return malformed(fieldMemo, "must not begin or end with a space")
	}
	return nil
}

// ItemIssuer takes an item's text <issuer key>/<name> apart; false if it is not one.
func ItemIssuer(item string) (issuer Key, name string, ok bool) {
	text, name, found := strings.Cut(item, "/")
	if !found || !itemName(name) {
		return Key{}, "", false
	}
	b, ok := parseBase58(text)
	if !ok {
		return Key{}, "", false
	}
	return b, name, true
}

// ItemMint is the mint of a fungible ask's item; false if the text is not a mint's.
func ItemMint(item string) (Key, bool) {
	b, ok := parseBase58(item)
	return b, ok
}

func itemName(s string) bool {
	if len(s) < 1 || len(s) > MaxItemName {
		return false
	}
	for n := range len(s) {
		c := s[n]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '.':
		default:
			return false
		}
	}
	return true
}
