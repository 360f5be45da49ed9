package intent

import "strings"

// A field is a name of the wire map, numbered in the map's canonical order: shorter names first, then as bytes.
type field uint8

const (
	fieldV field = iota
	fieldTo
	fieldAsk
	fieldFee
	fieldSig
	fieldFrom
	fieldItem
	fieldKind
	fieldMemo
	fieldMint
	fieldNonce
	fieldAmount
	fieldSigner
	fieldActions
	fieldCreated
	fieldExpires
	fieldNetwork
	fieldQuantity
	fieldMaxVolume
	fieldCount
)

func (f field) String() string {
	names := [fieldCount]string{"v", "to", "ask", "fee", "sig", "from", "item", "kind", "memo", "mint", "nonce", "amount",
		"signer", "actions", "created", "expires", "network", "quantity", "max_volume"}
	return names[f]
}

// fieldNamed is the field of a name.
func fieldNamed(name []byte) (field, bool) {
	switch string(name) {
	case "v":
		return fieldV, true
	case "to":
		return fieldTo, true
	case "ask":
		return fieldAsk, true
	case "fee":
		return fieldFee, true
	case "sig":
		return fieldSig, true
	case "from":
		return fieldFrom, true
	case "item":
		return fieldItem, true
	case "kind":
		return fieldKind, true
	case "memo":
		return fieldMemo, true
	case "mint":
		return fieldMint, true
	case "nonce":
		return fieldNonce, true
	case "amount":
		return fieldAmount, true
	case "signer":
		return fieldSigner, true
	case "actions":
		return fieldActions, true
	case "created":
		return fieldCreated, true
	case "expires":
		return fieldExpires, true
	case "network":
		return fieldNetwork, true
	case "quantity":
		return fieldQuantity, true
	case "max_volume":
		return fieldMaxVolume, true
	}
	return 0, false
}

// A fieldSet is a set of fields, one bit each.
type fieldSet uint32

func (s fieldSet) has(f field) bool { return s>>f&1 != 0 }

func (s *fieldSet) put(f field, when bool) {
	if when {
		*s |= 1 << f
	}
}

// first is the lowest field of a set that is not empty.
func (s fieldSet) first() field {
	for f := range fieldCount {
		if s.has(f) {
			return f
		}
	}
	return fieldCount
}

// commonFields are those of every kind.
const commonFields fieldSet = 1<<fieldV | 1<<fieldSig | 1<<fieldFrom | 1<<fieldKind | 1<<fieldNonce | 1<<fieldCreated |
	1<<fieldExpires | 1<<fieldNetwork

// kindFields are the fields that a kind must and those that it may have; false for an unknown kind. That a fungible ask
// must have a quantity and an ask for an item none is for present to say.
func kindFields(k Kind) (must, may fieldSet, ok bool) {
	switch k {
	case Pay:
		return commonFields | 1<<fieldTo | 1<<fieldMint | 1<<fieldAmount, 1<<fieldSigner | 1<<fieldFee | 1<<fieldMemo, true
	case Ask:
		return commonFields | 1<<fieldMint | 1<<fieldAmount | 1<<fieldItem, 1<<fieldTo | 1<<fieldQuantity | 1<<fieldMemo, true
	case Buy:
		return commonFields | 1<<fieldMint | 1<<fieldAmount | 1<<fieldAsk, 1<<fieldSigner | 1<<fieldFee, true
	case Cancel:
		return commonFields, 1 << fieldSigner, true
	case Session:
		return commonFields | 1<<fieldTo | 1<<fieldMint | 1<<fieldMaxVolume | 1<<fieldActions, 0, true
	case Revoke:
		return commonFields | 1<<fieldTo, 0, true
	case Issue:
		return commonFields | 1<<fieldTo | 1<<fieldItem, 0, true
	}
	return commonFields, 0, false
}

// fungible says whether an ask's item is a mint: an item of an issuer has a slash in its text.
func fungible(item string) bool { return item != "" && strings.IndexByte(item, '/') < 0 }

// present is the set of fields that the intent's wire form has. An amount that its kind must have is present even when
// it is zero: zero is out of range, and that is said with a better code than that of a missing field.
func (i *Intent) present() fieldSet {
	must, _, _ := kindFields(i.Kind)
	set := must & (commonFields | 1<<fieldAmount | 1<<fieldMaxVolume)
	set.put(fieldTo, i.To != nil)
	set.put(fieldAsk, i.Ask != nil)
	set.put(fieldFee, i.Fee != 0)
	set.put(fieldItem, i.Item != "")
	set.put(fieldMemo, i.Memo != "")
	set.put(fieldMint, i.Mint != nil)
	set.put(fieldAmount, i.Amount != 0)
	set.put(fieldSigner, i.Signer != nil)
	set.put(fieldActions, len(i.Actions) > 0)
	set.put(fieldQuantity, i.Quantity != 0 || i.Kind == Ask && fungible(i.Item))
	set.put(fieldMaxVolume, i.MaxVolume != 0)
	return set
}
