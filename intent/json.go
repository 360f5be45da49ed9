package intent

import (
	"bytes"
	"encoding/json"
	"io"
	"strconv"
	"strings"
)

// MaxJSONBytes is the longest JSON of one intent: twice the longest text, and room for white space and escapes.
const MaxJSONBytes = 8 << 10

// JSON is the intent as the API shows it: the names of the wire, keys, ids and item in text, amounts as decimal strings.
// The error is an *Error, if the intent has no text in this network.
func (s *Signed) JSON(n *Network) ([]byte, error) {
	if err := s.shape(); err != nil {
		return nil, err
	}
	if _, _, err := s.mints(n); err != nil {
		return nil, err
	}
	have := s.present()
	b := append(make([]byte, 0, maxText), `{"v":1,"network":"`...)
	b = append(append(b, n.Name...), ' ')
	b = appendBase58(b, (*[32]byte)(&s.Network))
	b = append(append(b, `","kind":"`...), s.Kind...)
	b = append(b, '"')
	b = appendKeyJSON(b, `,"from":"`, &s.From)
	b = appendKeyJSON(b, `,"signer":"`, s.Signer)
	b = appendKeyJSON(b, `,"to":"`, s.To)
	b = appendKeyJSON(b, `,"mint":"`, s.Mint)
	b = appendNumberJSON(b, `,"amount":"`, s.Amount, have.has(fieldAmount))
	b = appendNumberJSON(b, `,"fee":"`, s.Fee, have.has(fieldFee))
	if s.Item != "" {
		b = append(append(append(b, `,"item":"`...), s.Item...), '"')
	}
	b = appendNumberJSON(b, `,"quantity":"`, s.Quantity, have.has(fieldQuantity))
	if s.Ask != nil {
		b = append(s.Ask.appendText(append(b, `,"ask":"`...)), '"')
	}
	b = appendNumberJSON(b, `,"max_volume":"`, s.MaxVolume, have.has(fieldMaxVolume))
	return s.appendRestJSON(b), nil
}

// appendRestJSON appends the members from actions on.
func (s *Signed) appendRestJSON(b []byte) []byte {
	for k, a := range s.Actions {
		if k == 0 {
			b = append(b, `,"actions":["`...)
		} else {
			b = append(b, `,"`...)
		}
		b = append(append(b, a...), '"')
	}
	if len(s.Actions) > 0 {
		b = append(b, ']')
	}
	b = appendNumberJSON(b, `,"nonce":"`, s.Nonce, true)
	b = strconv.AppendInt(append(b, `,"created":`...), s.Created, 10)
	b = strconv.AppendInt(append(b, `,"expires":`...), s.Expires, 10)
	if s.Memo != "" {
		b = append(b, `,"memo":"`...)
		for k := range len(s.Memo) { // printable ASCII: only these two need an escape
			if s.Memo[k] == '"' || s.Memo[k] == '\\' {
				b = append(b, '\\')
			}
			b = append(b, s.Memo[k])
		}
		b = append(b, '"')
	}
	b = append(append(b, `,"sig":"`...), s.Sig.String()...)
	return append(b, `"}`...)
}

func appendKeyJSON(b []byte, name string, k *Key) []byte {
	if k == nil {
		return b
	}
	return append(appendKeyLine(b, name, k), '"')
}

func appendNumberJSON(b []byte, name string, v uint64, present bool) []byte {
	if !present {
		return b
	}
	return append(strconv.AppendUint(append(b, name...), v, 10), '"')
}

// ParseJSON reads one intent's JSON. Unknown and repeated names are refused; v may be left out. It checks the form and
// the network (wrong_network: its name is in the JSON only), and nothing else of Check. The error is an *Error.
func ParseJSON(b []byte, n *Network) (*Signed, error) {
	if len(b) > MaxJSONBytes {
		return nil, tooLarge("is " + strconv.Itoa(len(b)) + " bytes; the JSON of an intent has at most 8192")
	}
	if !json.Valid(b) {
		return nil, unreadable("is not JSON")
	}
	p := jsonReader{dec: json.NewDecoder(bytes.NewReader(b))}
	p.dec.UseNumber()
	s, err := p.intent()
	if err != nil {
		return nil, err
	}
	if s.Network != n.Hash || p.network != n.Name {
		return nil, refuse(WrongNetwork, fieldNetwork,
			"is not this network, which is "+n.Name+" "+n.Hash.String())
	}
	return s, nil
}

// A jsonReader reads one flat object. (encoding/json by itself takes repeated names and names in other cases.)
type jsonReader struct {
	dec     *json.Decoder
	network string
}

func (p *jsonReader) intent() (*Signed, error) {
	if t, err := p.dec.Token(); err != nil || t != json.Delim('{') {
		return nil, unreadable("must be a JSON object")
	}
	d := new(draft)
	for p.dec.More() {
		t, err := p.dec.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return nil, unreadable("is not JSON")
		}
		f, ok := fieldNamed([]byte(name))
		if !ok {
			return nil, unreadable(strconv.QuoteToASCII(shorten(name)) + " is no field of an intent")
		}
		if d.have.has(f) {
			return nil, malformed(f, "stands twice")
		}
		d.have.put(f, true)
		if err := p.field(d, f); err != nil {
			return nil, err
		}
	}
	if _, err := p.dec.Token(); err != nil {
		return nil, unreadable("is not JSON")
	}
	if _, err := p.dec.Token(); err != io.EOF {
		return nil, unreadable("something follows the object")
	}
	d.have.put(fieldV, true)
	return d.finish()
}

func shorten(s string) string {
	if len(s) > maxShown {
		return s[:maxShown]
	}
	return s
}

func (p *jsonReader) field(d *draft, f field) error {
	t, err := p.dec.Token()
	if err != nil {
		return unreadable("is not JSON")
	}
	switch f {
	case fieldV:
		if t != json.Number("1") {
			return malformed(f, "must be the number 1")
		}
		return nil
	case fieldCreated:
		return parseSeconds(t, f, &d.Created)
	case fieldExpires:
		return parseSeconds(t, f, &d.Expires)
	case fieldActions:
		return p.actions(d, t)
	}
	s, ok := t.(string)
	if !ok {
		return malformed(f, "must be a string")
	}
	return p.text(d, f, s)
}

// text reads a field whose JSON is a string.
func (p *jsonReader) text(d *draft, f field, s string) (err error) {
	if k := d.key(f); k != nil {
		var ok bool
		if *k, ok = parseBase58(s); !ok {
			return malformed(f, "must be a key: base58 of 32 bytes")
		}
		return nil
	}
	if n, code := d.number(f); n != nil {
		return parseDecimal(d, f, s, n, code)
	}
	switch f {
	case fieldAsk:
		d.Ask = &d.ask
		d.ask, err = ParseID(s)
	case fieldSig:
		d.Sig, err = ParseSignature(s)
	case fieldNetwork:
		name, hash, ok := strings.Cut(s, " ")
		if !ok {
			return malformed(f, "must be the network's name, one space, and the base58 of its hash")
		}
		p.network = name
		d.Network, err = ParseHash(hash)
	case fieldKind:
		d.Kind = Kind(s)
	case fieldItem:
		if s == "" {
			return malformed(f, "is empty; leave it out")
		}
		d.Item = s
	case fieldMemo:
		d.Memo = s
	}
	if err != nil {
		return malformed(f, err.Error())
	}
	return nil
}

func (p *jsonReader) actions(d *draft, t json.Token) error {
	if t != json.Delim('[') {
		return malformed(fieldActions, "must be a list of strings")
	}
	for p.dec.More() {
		t, err := p.dec.Token()
		a, ok := t.(string)
		if err != nil || !ok || !knownAction(a) || len(d.Actions) == maxActions {
			return malformed(fieldActions, "must be of buy, cancel, pay, sorted, each once")
		}
		d.Actions = append(d.Actions, Action(a))
	}
	if _, err := p.dec.Token(); err != nil {
		return malformed(fieldActions, "must be a list of strings")
	}
	return nil
}

// plainDecimal says whether s is a plain decimal without leading zeros.
func plainDecimal(s string) bool {
	for k := range len(s) {
		if s[k] < '0' || s[k] > '9' {
			return false
		}
	}
	return s == "0" || s != "" && s[0] != '0'
}

// parseDecimal reads an amount or nonce. A whole number that is negative or too large is out of range, which has a code
// of its own; anything else is no number.
func parseDecimal(d *draft, f field, s string, p *uint64, code Code) error {
	if digits, negative := strings.CutPrefix(s, "-"); negative && plainDecimal(digits) {
		d.outOfRange(f, code)
		*p = 1
		return nil
	}
	if !plainDecimal(s) {
		return malformed(f, "must be a plain decimal string without leading zeros")
	}
	v, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		d.outOfRange(f, code)
		v = 1
	}
	*p = v
	return nil
}

func parseSeconds(t json.Token, f field, p *int64) error {
	s, ok := t.(json.Number)
	if !ok || !plainDecimal(string(s)) {
		return malformed(f, "must be a plain whole number of unix seconds")
	}
	v, err := strconv.ParseInt(string(s), 10, 64)
	if err != nil {
		return malformed(f, "must be 1 to 2^63-1, in unix seconds")
	}
	*p = v
	return nil
}
