package netting

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
)

// The fields of a case file, one function an object.

func (p *caseParser) run() error {
	known := map[string]func() error{
		"seed": p.seed,
		"fee_account": func() error {
			return p.text(&p.c.FeeAccount)
		},
		"limits":   func() error { return p.list(p.limit) },
		"balances": func() error { return p.list(p.balance) },
		"items":    func() error { return p.list(p.item) },
		"floors":   func() error { return p.list(p.mark(&p.c.Floors)) },
		"used":     func() error { return p.list(p.mark(&p.c.Used)) },
		"moves":    func() error { return p.list(p.move) },
	}
	var seen fields
	if err := p.object("a case", seen.of(known)); err != nil {
		return err
	}
	if _, err := p.dec.Token(); err == nil || p.dec.More() {
		return p.fail("something follows the case")
	}
	p.at = ""
	if !seen.has("moves") {
		return p.fail("a case needs \"moves\"")
	}
	return p.check()
}

// fields remembers which names an object had.
type fields struct{ names []string }

func (f *fields) of(known map[string]func() error) func(string) (bool, error) {
	return func(name string) (bool, error) {
		read, ok := known[name]
		if !ok {
			return false, nil
		}
		f.names = append(f.names, name)
		return true, read()
	}
}

func (f *fields) has(name string) bool {
	for _, n := range f.names {
		if n == name {
			return true
		}
	}
	return false
}

func (f *fields) need(p *caseParser, what string, names ...string) error {
	for _, n := range names {
		if !f.has(n) {
			return p.fail("%s needs %q", what, n)
		}
	}
	return nil
}

// seed is text that counts as its bytes; 64 hex digits are the 32 bytes they spell, as a VRF output is written.
func (p *caseParser) seed() error {
	var s string
	if err := p.text(&s); err != nil {
		return err
	}
	p.c.Seed = []byte(s)
	if b, err := hex.DecodeString(s); err == nil && len(b) == seedBytes {
		p.c.Seed = b
	}
	if s == "" {
		p.c.Seed = nil
	}
	return nil
}

const seedBytes = 32 // of a VRF output as the network uses it

func (p *caseParser) limit(int) error {
	var l Limit
	var seen fields
	err := p.object("a limit", seen.of(map[string]func() error{
		"wallet": func() error { return p.text(&l.Wallet) },
		"signer": func() error { return p.text(&l.Signer) },
		"asset":  func() error { return p.text(&l.Asset) },
		"max":    func() error { return p.units(&l.Max, nil) },
	}))
	if err != nil {
		return err
	}
	p.c.Limits = append(p.c.Limits, l)
	return seen.need(p, "a limit", "wallet", "asset", "max")
}

func (p *caseParser) balance(int) error {
	var b Balance
	var seen fields
	err := p.object("a balance", seen.of(map[string]func() error{
		"wallet": func() error { return p.text(&b.Wallet) },
		"asset":  func() error { return p.text(&b.Asset) },
		"amount": func() error { return p.units(&b.Amount, nil) },
	}))
	if err != nil {
		return err
	}
	p.c.Balances = append(p.c.Balances, b)
	return seen.need(p, "a balance", "wallet", "asset", "amount")
}

func (p *caseParser) item(int) error {
	var h Holding
	var seen fields
	err := p.object("an item", seen.of(map[string]func() error{
		"item":  func() error { return p.text(&h.Item) },
		"owner": func() error { return p.text(&h.Owner) },
	}))
	if err != nil {
		return err
	}
	p.c.Items = append(p.c.Items, h)
	return seen.need(p, "an item", "item", "owner")
}

func (p *caseParser) mark(into *[]Mark) func(int) error {
	return func(int) error {
		var m Mark
		var seen fields
		err := p.object("a nonce", seen.of(map[string]func() error{
			"wallet": func() error { return p.text(&m.Wallet) },
			"signer": func() error { return p.text(&m.Signer) },
			"nonce":  func() error { return p.units(&m.Nonce, nil) },
		}))
		if err != nil {
			return err
		}
		*into = append(*into, m)
		return seen.need(p, "a nonce", "wallet", "nonce")
	}
}

func (p *caseParser) move(int) error {
	var m Move
	var kind string
	var seen fields
	err := p.object("a move", seen.of(map[string]func() error{
		"id":           func() error { return p.text(&m.ID) },
		"kind":         func() error { return p.text(&kind) },
		"from":         func() error { return p.text(&m.From) },
		"signer":       func() error { return p.text(&m.Signer) },
		"to":           func() error { return p.text(&m.To) },
		"asset":        func() error { return p.text(&m.Asset) },
		"amount":       func() error { return p.units(&m.Amount, &m.Negative) },
		"fee":          func() error { return p.units(&m.Fee, &m.Negative) },
		"nonce":        func() error { return p.units(&m.Nonce, nil) },
		"item":         func() error { return p.text(&m.Item) },
		"quantity":     func() error { return p.units(&m.Quantity, &m.Negative) },
		"seller_nonce": func() error { return p.units(&m.SellerNonce, nil) },
		"ask":          func() error { return p.text(&m.Ask) },
	}))
	if err != nil {
		return err
	}
	if err := seen.need(p, "a move", "id", "kind", "from", "to", "asset", "amount", "nonce"); err != nil {
		return err
	}
	switch kind {
	case "pay":
		for _, f := range []string{"item", "quantity", "seller_nonce", "ask"} {
			if seen.has(f) {
				return p.fail("a pay has no %q", f)
			}
		}
	case "sale":
		m.Kind = Sale
		if err := seen.need(p, "a sale", "item", "seller_nonce"); err != nil {
			return err
		}
		if !seen.has("quantity") {
			p.unsaid = append(p.unsaid, len(p.c.Moves))
		}
	default:
		return p.fail("kind is %.40q; want \"pay\" or \"sale\"", kind)
	}
	p.c.Moves = append(p.c.Moves, m)
	return nil
}

// check refuses what a file must not leave open: an account, item or limit that is listed twice, money of an item,
// fees that go nowhere.
func (p *caseParser) check() error {
	c := p.c
	items := make(map[string]bool, len(c.Items))
	for _, h := range c.Items {
		if items[h.Item] {
			return p.fail("items: %.80q is listed twice", h.Item)
		}
		items[h.Item] = true
	}
	balances := make(map[[2]string]bool, len(c.Balances))
	for _, b := range c.Balances {
		if items[b.Asset] {
			return p.fail("balances: %.80q is a unique item; its owner stands in items", b.Asset)
		}
		if balances[[2]string{b.Wallet, b.Asset}] {
			return p.fail("balances: %.80q of %.80q is listed twice", b.Asset, b.Wallet)
		}
		balances[[2]string{b.Wallet, b.Asset}] = true
	}
	limits := make(map[[3]string]bool, len(c.Limits))
	for _, l := range c.Limits {
		key := [3]string{l.Wallet, l.Signer, l.Asset}
		if l.Signer == "" {
			key[1] = l.Wallet
		}
		if limits[key] {
			return p.fail("limits: %.80q of %.80q and %.80q is listed twice", key[2], key[0], key[1])
		}
		limits[key] = true
	}
	for _, i := range p.unsaid {
		if !items[c.Moves[i].Item] {
			return p.fail("moves[%d]: %.80q is not listed in items, so its sale needs \"quantity\"", i, c.Moves[i].Item)
		}
		c.Moves[i].Quantity = 1
	}
	for i := range c.Moves {
		if c.Moves[i].Fee > 0 && c.FeeAccount == "" {
			return p.fail("fee_account: move %.80q has a fee; say who gets it", c.Moves[i].ID)
		}
	}
	return nil
}

// JSON is the case as a file that ParseCase reads. All strings must be UTF-8.
func (c *Case) JSON() []byte {
	type kv = map[string]string
	seed := string(c.Seed)
	if len(c.Seed) == seedBytes {
		seed = hex.EncodeToString(c.Seed)
	}
	doc := struct {
		Seed       string `json:"seed"`
		FeeAccount string `json:"fee_account"`
		Limits     []kv   `json:"limits"`
		Balances   []kv   `json:"balances"`
		Items      []kv   `json:"items"`
		Floors     []kv   `json:"floors"`
		Used       []kv   `json:"used"`
		Moves      []kv   `json:"moves"`
	}{seed, c.FeeAccount, []kv{}, []kv{}, []kv{}, []kv{}, []kv{}, []kv{}}
	for _, l := range c.Limits {
		doc.Limits = append(doc.Limits, kv{"wallet": l.Wallet, "signer": l.Signer, "asset": l.Asset, "max": units(l.Max)})
	}
	for _, b := range c.Balances {
		doc.Balances = append(doc.Balances, kv{"wallet": b.Wallet, "asset": b.Asset, "amount": units(b.Amount)})
	}
	for _, h := range c.Items {
		doc.Items = append(doc.Items, kv{"item": h.Item, "owner": h.Owner})
	}
	for _, m := range c.Floors {
		doc.Floors = append(doc.Floors, kv{"wallet": m.Wallet, "signer": m.Signer, "nonce": units(m.Nonce)})
	}
	for _, m := range c.Used {
		doc.Used = append(doc.Used, kv{"wallet": m.Wallet, "signer": m.Signer, "nonce": units(m.Nonce)})
	}
	for i := range c.Moves {
		doc.Moves = append(doc.Moves, c.Moves[i].fields())
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(doc) // strings only, into memory: it cannot fail
	return out.Bytes()
}

func units(u uint64) string { return Units(u).String() }

func (m *Move) fields() map[string]string {
	f := map[string]string{"id": m.ID, "kind": "pay", "from": m.From, "to": m.To, "asset": m.Asset,
		"amount": units(m.Amount), "nonce": units(m.Nonce)}
	if m.Negative {
		f["amount"] = "-1"
	}
	if m.Signer != "" {
		f["signer"] = m.Signer
	}
	if m.Fee > 0 {
		f["fee"] = units(m.Fee)
	}
	if m.Kind == Sale {
		f["kind"], f["item"], f["quantity"], f["seller_nonce"] = "sale", m.Item, units(m.Quantity), units(m.SellerNonce)
		if m.Ask != "" {
			f["ask"] = m.Ask
		}
	}
	return f
}
