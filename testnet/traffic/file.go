package traffic

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/phantom-paradox/paradox/intent"
)

// A line of an intents file: one intent, as JSON. Wallets are names of the cast (trader1, poor1, stuck1, clumsy1,
// stranger), mints are symbols, an ask to buy and a session key are labels of earlier lines; nonces and times come when it
// is handed in.
type line struct {
	Label     string   `json:"label,omitempty"`
	Kind      string   `json:"kind"`
	From      string   `json:"from"`
	Session   string   `json:"session,omitempty"` // label of the session whose key signs
	To        string   `json:"to,omitempty"`
	Mint      string   `json:"mint,omitempty"`
	Amount    uint64   `json:"amount,omitempty"`
	Item      string   `json:"item,omitempty"` // a name, of the issuer; or of whoever issued it: trader1/sword; or a symbol
	Quantity  uint64   `json:"quantity,omitempty"`
	Ask       string   `json:"ask,omitempty"`    // label of the ask that is bought
	Cancel    string   `json:"cancel,omitempty"` // label of the intent that is withdrawn
	MaxVolume uint64   `json:"max_volume,omitempty"`
	Actions   []string `json:"actions,omitempty"`
	Memo      string   `json:"memo,omitempty"`
	Life      int64    `json:"life,omitempty"`   // seconds
	Expect    string   `json:"expect,omitempty"` // settled (unless said otherwise), dropped:CODE, refused:CODE
}

// maxFileLine is far more than any intent takes.
const maxFileLine = 16 << 10

// File is an intents file as a source of steps.
type File struct{ steps []Step }

// Len is how many intents it has.
func (f *File) Len() int { return len(f.steps) }

// Next gives the next step, nil at the end.
func (f *File) Next(int) *Step {
	if len(f.steps) == 0 {
		return nil
	}
	s := f.steps[0]
	f.steps = f.steps[1:]
	return &s
}

// Unfinished says whether steps are left.
func (f *File) Unfinished() bool { return len(f.steps) > 0 }

// OpenFile reads an intents file. Errors name the line and the field.
func OpenFile(path string, cfg Config) (*File, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	f, err := ParseFile(b, cfg)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}

// ParseFile reads the text of an intents file.
func ParseFile(b []byte, cfg Config) (*File, error) {
	p := &fileReader{cfg: cfg, g: &Generator{cfg: cfg, nonces: map[Signer]uint64{}}, wallets: map[string]*Wallet{}, labels: map[string]int{}}
	for k, v := range cfg.Nonces {
		p.g.nonces[k] = v
	}
	p.name(cfg.Cast)
	sc := bufio.NewScanner(bytes.NewReader(b))
	sc.Buffer(nil, maxFileLine)
	for n := 1; sc.Scan(); n++ {
		text := bytes.TrimSpace(sc.Bytes())
		if len(text) == 0 || text[0] == '#' {
			continue
		}
		if err := p.line(n, text); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
	}
	if err := sc.Err(); err != nil {
		return nil, fmt.Errorf("a line is longer than %d bytes: %w", maxFileLine, err)
	}
	return &File{steps: p.g.queue}, nil
}

type fileReader struct {
	cfg     Config
	g       *Generator // for nonces, fees and indices
	wallets map[string]*Wallet
	labels  map[string]int // -> index in the queue
}

func (p *fileReader) name(c *Cast) {
	for role, list := range map[string][]Wallet{"trader": c.Traders, "poor": c.Poor, "stuck": c.Stuck, "clumsy": c.Clumsy} {
		for n := range list {
			p.wallets[role+strconv.Itoa(n+1)] = &list[n]
		}
	}
	p.wallets["stranger"] = &c.Stranger
}

func (p *fileReader) line(n int, text []byte) error {
	var l line
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&l); err != nil {
		return fmt.Errorf("is no intent: %w", err)
	}
	if dec.More() {
		return fmt.Errorf("has more than one intent; put each on a line of its own")
	}
	if _, ok := p.labels[l.Label]; ok {
		return fmt.Errorf("label: %q is taken by an earlier line; take another", l.Label)
	}
	s, err := p.step(&l)
	if err != nil {
		return err
	}
	s.Line = n
	index := p.g.add(*s)
	if l.Label != "" {
		p.labels[l.Label] = index
	}
	return nil
}

func (p *fileReader) step(l *line) (*Step, error) {
	from := p.wallets[l.From]
	if from == nil {
		return nil, unknown("from", l.From, roles)
	}
	s := &Step{Story: "file", AskOf: -1, Key: from.Key, Life: l.Life}
	s.Intent = intent.Intent{
		Kind: intent.Kind(l.Kind), From: from.Public(), Amount: l.Amount, Quantity: l.Quantity, MaxVolume: l.MaxVolume, Memo: l.Memo,
	}
	for _, a := range l.Actions {
		s.Intent.Actions = append(s.Intent.Actions, intent.Action(a))
	}
	for _, fill := range []func(*Step, *line) error{p.kind, p.to, p.mint, p.item, p.signer, p.earlier, p.expect} {
		if err := fill(s, l); err != nil {
			return nil, err
		}
	}
	if s.Intent.Kind == intent.Pay || s.Intent.Kind == intent.Buy {
		s.Intent.Fee = p.g.fee(l.Amount)
	}
	if s.Intent.Nonce == 0 {
		s.Intent.Nonce = p.g.nonce(s.Intent.From, s.Intent.SigningKey())
	}
	return s, nil
}

// roles are the wallets that a line may name.
const roles = "a wallet: trader1, poor1, stuck1, clumsy1 and so on, or stranger"

func unknown(field, value, want string) error {
	return fmt.Errorf("%s: %q is unknown; say %s", field, value, want)
}

func (p *fileReader) kind(_ *Step, l *line) error {
	if !slices.Contains([]string{"pay", "ask", "buy", "cancel", "session", "revoke", "issue"}, l.Kind) {
		return unknown("kind", l.Kind, "pay, ask, buy, cancel, session, revoke or issue")
	}
	return nil
}

// to is a wallet's name; of a session and its revocation it is the session's label, whose key is derived from it.
func (p *fileReader) to(s *Step, l *line) error {
	var to intent.Key
	switch {
	case s.Intent.Kind == intent.Session:
		if l.Label == "" {
			return fmt.Errorf("label: is missing; a session needs one, by which later lines name its key")
		}
		to = public(p.sessionKey(l.Label))
	case s.Intent.Kind == intent.Revoke:
		to = public(p.sessionKey(l.Session))
	case l.To == "":
		return nil
	default:
		w := p.wallets[l.To]
		if w == nil {
			return unknown("to", l.To, roles)
		}
		to = w.Public()
	}
	s.Intent.To = &to
	return nil
}

func (p *fileReader) sessionKey(label string) []byte {
	k := derive(p.cfg.Network.Hash, "session "+p.cfg.Run+" "+label, 0)
	return k.Key
}

func (p *fileReader) symbol(s string) (intent.Key, bool) {
	for _, m := range p.cfg.Network.Mints {
		if m.Symbol == s {
			return m.Mint, true
		}
	}
	return intent.Key{}, false
}

func (p *fileReader) mint(s *Step, l *line) error {
	if l.Mint == "" {
		return nil
	}
	k, ok := p.symbol(l.Mint)
	if !ok {
		return unknown("mint", l.Mint, "a symbol of the network file")
	}
	s.Intent.Mint = &k
	return nil
}

// item: a symbol, WALLET/NAME, or a NAME of the wallet itself. Names are made of this run, so that a file can be run again.
func (p *fileReader) item(s *Step, l *line) error {
	if l.Item == "" {
		return nil
	}
	if k, ok := p.symbol(l.Item); ok {
		s.Intent.Item = k.String()
		return nil
	}
	issuer, name, found := strings.Cut(l.Item, "/")
	if !found {
		issuer, name = l.From, l.Item
	}
	w := p.wallets[issuer]
	if w == nil {
		return unknown("item", l.Item, "WALLET/NAME, a NAME, or a symbol")
	}
	s.Intent.Item = w.Public().String() + "/" + p.cfg.Run + "-" + name
	return nil
}

func (p *fileReader) signer(s *Step, l *line) error {
	if l.Session == "" || s.Intent.Kind == intent.Revoke {
		return nil
	}
	opened, ok := p.labels[l.Session]
	if !ok {
		return unknown("session", l.Session, "the label of an earlier session")
	}
	s.Key = p.sessionKey(l.Session)
	key := public(s.Key)
	s.Intent.Signer = &key
	s.After = append(s.After, Need{opened, Settled})
	return nil
}

// earlier resolves what names an earlier line: the ask of a buy, the intent that a cancel withdraws.
func (p *fileReader) earlier(s *Step, l *line) error {
	if l.Ask != "" {
		index, ok := p.labels[l.Ask]
		if !ok || p.g.queue[index].Intent.Kind != intent.Ask {
			return unknown("ask", l.Ask, "the label of an earlier ask")
		}
		ask := &p.g.queue[index].Intent
		s.AskOf, s.After = index, append(s.After, Need{index, Known})
		s.Intent.Mint, s.Intent.Amount = ask.Mint, ask.Amount
		l.Amount = ask.Amount
	}
	if l.Cancel != "" {
		index, ok := p.labels[l.Cancel]
		if !ok {
			return unknown("cancel", l.Cancel, "the label of an earlier line")
		}
		s.Intent.Nonce = p.g.queue[index].Intent.Nonce
		s.After = append(s.After, Need{index, Known})
	}
	if s.Intent.Kind == intent.Ask && s.Intent.Item != "" {
		for n := range p.g.queue { // an item can be asked for once it has been issued
			if b := &p.g.queue[n].Intent; b.Kind == intent.Issue && b.Item == s.Intent.Item {
				s.After = append(s.After, Need{n, Settled})
			}
		}
	}
	return nil
}

func (p *fileReader) expect(s *Step, l *line) error {
	end, code, _ := strings.Cut(l.Expect, ":")
	switch {
	case l.Expect == "" || l.Expect == "settled":
		s.End = Settle
	case end == "dropped" && code != "":
		s.End, s.Code = Drop, intent.Code(code)
	case end == "refused" && code != "":
		s.End, s.Code = Refuse, intent.Code(code)
	default:
		return unknown("expect", l.Expect, "settled, dropped:CODE or refused:CODE")
	}
	return nil
}
