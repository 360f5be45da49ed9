package intent

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// sample is a valid intent of each kind that tests bend.
func sample(kind Kind) Intent {
	n := testNetwork()
	_, from := testKey(1)
	_, to := testKey(2)
	i := Intent{Network: n.Hash, Kind: kind, From: from, Nonce: 7, Created: 1_000_000, Expires: 1_000_060}
	switch kind {
	case Pay:
		i.To, i.Mint, i.Amount, i.Fee = &to, &n.Mints[1].Mint, 4000, 10
	case Ask:
		i.Mint, i.Amount, i.Item, i.Quantity = &n.Mints[1].Mint, 4000, n.Mints[2].Mint.String(), 5
	case Buy:
		i.Mint, i.Amount, i.Fee, i.Ask = &n.Mints[1].Mint, 4000, 10, &ID{1}
	case Session:
		i.To, i.Mint, i.MaxVolume, i.Actions = &to, &n.Mints[1].Mint, 4000, []Action{"buy", "pay"}
	case Revoke:
		i.To = &to
	case Issue:
		i.To, i.Item = &to, from.String()+"/sword"
	}
	return i
}

// A bent is a sample with one fault; where two meet, the order of the codes decides.
type bent struct {
	name  string
	kind  Kind
	bend  func(i *Intent)
	code  Code
	field string
}

func bents() []bent {
	foreign := Key{9}
	return []bent{
		{"unknown kind", "swap", func(*Intent) {}, BadEncoding, "kind"},
		{"pay without mint", Pay, func(i *Intent) { i.Mint = nil }, BadEncoding, "mint"},
		{"pay with item", Pay, func(i *Intent) { i.Item = "x" }, BadEncoding, "item"},
		{"pay with quantity", Pay, func(i *Intent) { i.Quantity = 1 }, BadEncoding, "quantity"},
		{"pay with volume", Pay, func(i *Intent) { i.MaxVolume = 1 }, BadEncoding, "max_volume"},
		{"revoke with amount", Revoke, func(i *Intent) { i.Amount = 1 }, BadEncoding, "amount"},
		{"ask with fee", Ask, func(i *Intent) { i.Fee = 1 }, BadEncoding, "fee"},
		{"ask by a session", Ask, func(i *Intent) { i.Signer = &foreign }, BadEncoding, "signer"},
		{"nonce zero", Cancel, func(i *Intent) { i.Nonce = 0 }, BadEncoding, "nonce"},
		{"nonce 2^63", Cancel, func(i *Intent) { i.Nonce = 1 << 63 }, BadEncoding, "nonce"},
		{"created zero", Cancel, func(i *Intent) { i.Created = 0 }, BadEncoding, "created"},
		{"created negative", Cancel, func(i *Intent) { i.Created = -5 }, BadEncoding, "created"},
		{"session for oneself", Session, func(i *Intent) { i.To = &i.From }, BadEncoding, "to"},
		{"ask for its own mint", Ask, func(i *Intent) { i.Item = i.Mint.String() }, BadEncoding, "item"},
		{"item of no shape", Ask, func(i *Intent) { i.Item = "sword" }, BadEncoding, "item"},
		{"item without name", Issue, func(i *Intent) { i.Item = i.From.String() + "/" }, BadEncoding, "item"},
		{"item of 65", Issue, func(i *Intent) { i.Item = i.From.String() + "/" + strings.Repeat("a", 65) }, BadEncoding, "item"},
		{"item of two slashes", Issue, func(i *Intent) { i.Item = i.From.String() + "/a/b" }, BadEncoding, "item"},
		{"wrong network before unknown mint", Pay, func(i *Intent) { i.Network[0]++; i.Mint = &foreign }, WrongNetwork, "network"},
		{"unknown mint before amount", Pay, func(i *Intent) { i.Mint = &foreign; i.Amount = 0 }, UnknownMint, "mint"},
		{"unknown item mint", Ask, func(i *Intent) { i.Item = foreign.String() }, UnknownMint, "item"},
		{"too long before self trade", Pay, func(i *Intent) { i.Expires = i.Created + 3601; i.To = &i.From }, TooLongLived, "expires"},
		{"ask: seven days", Ask, func(i *Intent) { i.Expires = i.Created + 7*86400 + 1 }, TooLongLived, "expires"},
		{"self trade before amount", Pay, func(i *Intent) { i.To = &i.From; i.Amount = 0 }, SelfTrade, "to"},
		{"private sale to oneself", Ask, func(i *Intent) { i.To = &i.From }, SelfTrade, "to"},
		{"amount before fee", Pay, func(i *Intent) { i.Amount = 1 << 63 }, BadAmount, "amount"},
		{"quantity zero", Ask, func(i *Intent) { i.Quantity = 0 }, BadAmount, "quantity"},
		{"quantity 2^63", Ask, func(i *Intent) { i.Quantity = 1 << 63 }, BadAmount, "quantity"},
		{"volume zero", Session, func(i *Intent) { i.MaxVolume = 0 }, BadAmount, "max_volume"},
		{"fee one less", Buy, func(i *Intent) { i.Fee-- }, BadFee, "fee"},
		{"issue of another's", Issue, func(i *Intent) { i.Item = foreign.String() + "/sword" }, NotTheOwner, "item"},
	}
}

func TestCheckCodes(t *testing.T) {
	n := testNetwork()
	for _, c := range bents() {
		i := sample(c.kind)
		c.bend(&i)
		t.Run(c.name, func(t *testing.T) { requireError(t, i.Check(n), c.code, c.field) })
	}
	for _, kind := range []Kind{Pay, Ask, Buy, Cancel, Session, Revoke, Issue} {
		i := sample(kind)
		if err := i.Check(n); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

// TestZeroStaysOnTheWire: a zero amount is a fault of its own, not a missing field.
func TestZeroStaysOnTheWire(t *testing.T) {
	n := testNetwork()
	for _, kind := range []Kind{Pay, Ask, Session} {
		s := &Signed{Intent: sample(kind)}
		s.Amount, s.Quantity, s.MaxVolume, s.Fee = 0, 0, 0, 0
		back, err := Decode(s.Encode())
		if err != nil {
			t.Errorf("%s: %v", kind, err)
			continue
		}
		if err := back.Check(n); err == nil || !strings.HasPrefix(err.Error(), string(BadAmount)) {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

// A number is a wire form with a number that no Intent can hold: refused at once, and with its own code.
type number struct {
	name  string
	wire  []byte
	code  Code
	field string
}

func numbers(t *testing.T) []number {
	t.Helper()
	wire := (&Signed{Intent: sample(Pay)}).Encode()
	with := func(field string, old, now []byte) []byte {
		old = append(appendText(nil, field), old...)
		if !bytes.Contains(wire, old) {
			t.Fatalf("%x is not in %x", old, wire)
		}
		return bytes.Replace(wire, old, append(appendText(nil, field), now...), 1)
	}
	amount, expires := []byte{0x19, 0x0f, 0xa0}, []byte{0x1a, 0, 0x0f, 0x42, 0x7c}
	return []number{
		{"negative amount", with("amount", amount, []byte{0x39, 0x0f, 0xa0}), BadAmount, "amount"},
		{"negative fee", with("fee", []byte{10}, []byte{0x29}), BadFee, "fee"},
		{"fee zero", with("fee", []byte{10}, []byte{0}), BadFee, "fee"},
		{"negative nonce", with("nonce", []byte{7}, []byte{0x26}), BadEncoding, "nonce"},
		{"amount true", with("amount", amount, []byte{0xf5}), BadEncoding, "amount"},
		{"amount bignum", with("amount", amount, []byte{0xc2, 0x41, 0x01}), BadEncoding, "amount"},
		{"expires 2^63", with("expires", expires, []byte{0x1b, 0x80, 0, 0, 0, 0, 0, 0, 0}), BadEncoding, "expires"},
	}
}

func TestWireNumbers(t *testing.T) {
	for _, c := range numbers(t) {
		_, err := Decode(c.wire)
		t.Run(c.name, func(t *testing.T) { requireError(t, err, c.code, c.field) })
	}
	if _, err := Decode(make([]byte, MaxBytes+1)); !strings.HasPrefix(err.Error(), string(TooLarge)) {
		t.Error(err)
	}
}

func TestListBounds(t *testing.T) {
	s := &Signed{Intent: sample(Cancel)}
	list := make([]*Signed, MaxListLen+1)
	for i := range list {
		list[i] = s
	}
	if _, err := DecodeList(EncodeList(list[1:])); err != nil {
		t.Error(err)
	}
	_, err := DecodeList(EncodeList(list))
	requireError(t, err, TooLarge, "")
	_, err = DecodeList(make([]byte, MaxListBytes+1))
	requireError(t, err, TooLarge, "")
	_, err = DecodeList([]byte{0x98, 0x01, 0xa0}) // one in two bytes
	requireError(t, err, BadEncoding, "")
	_, err = DecodeList([]byte{0x82, 0xa0})
	requireError(t, err, BadEncoding, "kind")
	_, err = SplitList([]byte{0x9a, 0xff, 0xff, 0xff, 0xff})
	requireError(t, err, TooLarge, "")
	_, err = SplitList([]byte{0x81, 0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	requireError(t, err, BadEncoding, "")
}

// A door is the JSON of the first vector with one member changed or added.
type door struct {
	name, member, value string
	code                Code
	field               string
}

func doors() []door {
	return []door{
		{"amount as a number", "amount", `1500000`, BadEncoding, "amount"},
		{"amount with a zero ahead", "amount", `"01500000"`, BadEncoding, "amount"},
		{"amount with a point", "amount", `"1.5"`, BadEncoding, "amount"},
		{"amount empty", "amount", `""`, BadEncoding, "amount"},
		{"amount with a sign", "amount", `"+5"`, BadEncoding, "amount"},
		{"amount negative", "amount", `"-5"`, BadAmount, "amount"},
		{"amount of 2^64", "amount", `"18446744073709551616"`, BadAmount, "amount"},
		{"fee zero", "fee", `"0"`, BadFee, "fee"},
		{"nonce of 2^64", "nonce", `"18446744073709551616"`, BadEncoding, "nonce"},
		{"created as text", "created", `"1763800000"`, BadEncoding, "created"},
		{"created with an exponent", "created", `1e9`, BadEncoding, "created"},
		{"created with a point", "created", `1763800000.0`, BadEncoding, "created"},
		{"version 2", "v", `2`, BadEncoding, "v"},
		{"version null", "v", `null`, BadEncoding, "v"},
		{"another network's name", "network", `"paradox-other-1 DccZx6v1nm73R82jrYXktE284eYp4jfNWnPHGWTrkftU"`, WrongNetwork, "network"},
		{"another network's hash", "network", `"paradox-vectors-1 AKnL4NNf3DGWZJS6cPknBuEGnVsV4A4m5tgebLHaRSZ9"`, WrongNetwork, "network"},
		{"network without name", "network", `"DccZx6v1nm73R82jrYXktE284eYp4jfNWnPHGWTrkftU"`, BadEncoding, "network"},
		{"key too short", "to", `"abc"`, BadEncoding, "to"},
		{"key null", "to", `null`, BadEncoding, "to"},
		{"memo empty", "memo", `""`, BadEncoding, "memo"},
		{"memo not ASCII", "memo", `"é"`, BadEncoding, "memo"},
		{"sig too short", "sig", `"1111"`, BadEncoding, "sig"},
		{"actions of a pay", "actions", `["pay"]`, BadEncoding, "actions"},
		{"actions as text", "actions", `"pay"`, BadEncoding, "actions"},
		{"unknown member", "agent", `"x"`, BadEncoding, ""},
		{"name in another case", "Amount", `"1500000"`, BadEncoding, ""},
	}
}

func (c door) json(t *testing.T, good json.RawMessage) []byte {
	t.Helper()
	members := map[string]json.RawMessage{}
	if err := json.Unmarshal(good, &members); err != nil {
		t.Fatal(err)
	}
	members[c.member] = json.RawMessage(c.value)
	b, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestJSONDoors(t *testing.T) {
	v := loadVectors(t)
	good := v.Valid[0].JSON
	for _, c := range doors() {
		_, err := ParseJSON(c.json(t, good), &v.Network)
		t.Run(c.name, func(t *testing.T) { requireError(t, err, c.code, c.field) })
	}
	for _, s := range []string{"", "{", "[]", "null", string(good) + "{}", strings.Replace(string(good), "{", `{"nonce":"7",`, 1)} {
		if _, err := ParseJSON([]byte(s), &v.Network); err == nil || !strings.HasPrefix(err.Error(), string(BadEncoding)) {
			t.Errorf("%.40q: %v", s, err)
		}
	}
	_, err := ParseJSON(bytes.Repeat([]byte(" "), MaxJSONBytes+1), &v.Network)
	requireError(t, err, TooLarge, "")
}

func TestJSONTakesBase64AndNoVersion(t *testing.T) {
	v := loadVectors(t)
	s, err := ParseJSON(v.Valid[0].JSON, &v.Network)
	if err != nil {
		t.Fatal(err)
	}
	var members map[string]any
	if err := json.Unmarshal(v.Valid[0].JSON, &members); err != nil {
		t.Fatal(err)
	}
	delete(members, "v")
	members["sig"] = s.Sig[:] // encoding/json writes bytes as padded base64
	b, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	back, err := ParseJSON(b, &v.Network)
	if err != nil || back.Sig != s.Sig {
		t.Errorf("%v, %v", back, err)
	}
}

func TestTextMarshalers(t *testing.T) {
	v := loadVectors(t)
	type all struct {
		Key  Key
		Hash Hash
		ID   ID
		Sig  Signature
	}
	want := all{v.Keys[0].Public, v.Network.Hash, v.Valid[0].ID, v.Valid[0].Sig}
	b, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got all
	if err := json.Unmarshal(b, &got); err != nil || got != want {
		t.Errorf("%s: %+v, %v", b, got, err)
	}
	for _, s := range []string{`{"Key":"x"}`, `{"Hash":""}`, `{"ID":"bafy"}`, `{"Sig":"1"}`} {
		if err := json.Unmarshal([]byte(s), &got); err == nil {
			t.Errorf("%s is taken", s)
		}
	}
}
