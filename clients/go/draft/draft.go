// Package draft makes intents of what people type: amounts in a mint's own unit, mints by their symbols, items by their names.
//
// It asks nobody, knows no time of its own, signs nothing and sends nothing. Whether a network takes the intent is for the
// network to say.
package draft

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/phantom-paradox/paradox/intent"
)

// ErrDraft says that what was typed makes no intent.
var ErrDraft = errors.New("not an intent")

func bad(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrDraft, fmt.Sprintf(format, args...))
}

// Mint finds a mint of the network by its symbol or its key.
func Mint(n *intent.Network, text string) (intent.Mint, error) {
	var symbols []string
	for _, m := range n.Mints {
		if m.Symbol == text || m.Mint.String() == text {
			return m, nil
		}
		symbols = append(symbols, m.Symbol)
	}
	return intent.Mint{}, bad("%q is no mint of %s; it has %s", text, n.Name, strings.Join(symbols, ", "))
}

// Amount reads an amount in a mint's own unit, such as 1.5, as base units. It rounds nothing.
func Amount(text string, m intent.Mint) (uint64, error) {
	whole, fraction, point := strings.Cut(text, ".")
	if whole == "" || point && fraction == "" || strings.Trim(whole+fraction, "0123456789") != "" {
		return 0, bad("%q is no amount; say it in %s with digits and at most one point, such as 1.5", text, m.Symbol)
	}
	fraction = strings.TrimRight(fraction, "0")
	if len(fraction) > int(m.Decimals) {
		return 0, bad("%q has more than the %d decimals of %s", text, m.Decimals, m.Symbol)
	}
	digits := strings.TrimLeft(whole+fraction+strings.Repeat("0", int(m.Decimals)-len(fraction)), "0")
	base, err := strconv.ParseUint(digits, 10, 63)
	switch {
	case digits == "":
		return 0, bad("an amount of zero moves nothing")
	case err != nil:
		return 0, bad("%q %s is more than an intent can hold, %s", text, m.Symbol, intent.FormatAmount(intent.MaxInt, m))
	}
	return base, nil
}

// A Frame is what every intent needs besides its wish.
type Frame struct {
	From     intent.Key
	Signer   intent.Key // that signs: From itself, or a session key
	Nonce    uint64
	Now      time.Time
	Lifetime time.Duration // zero: Lifetime's
	Memo     string
}

// Lifetimes unless said otherwise. What may not live as long lives as long as it may.
const (
	shortLife   = 30 * time.Minute
	askLife     = 24 * time.Hour
	sessionLife = 7 * 24 * time.Hour
)

// lifetime is how long an intent of a kind lives when nobody says, and may live at most.
func lifetime(n *intent.Network, kind intent.Kind) (usual, longest time.Duration) {
	usual, limit := shortLife, n.MaxAge.Default
	switch kind {
	case intent.Ask:
		usual, limit = askLife, n.MaxAge.Ask
	case intent.Session:
		usual, limit = sessionLife, n.MaxAge.Session
	}
	longest = time.Duration(limit) * time.Second
	return min(usual, longest), longest
}

// finish fills in network, times, keys and the nonce, and checks the whole.
func (f *Frame) finish(n *intent.Network, i intent.Intent) (*intent.Intent, error) {
	usual, longest := lifetime(n, i.Kind)
	if f.Lifetime != 0 {
		usual = f.Lifetime
	}
	if usual < time.Second || usual > longest {
		return nil, bad("it would live %s; a %s of %s lives 1s to %s", usual, i.Kind, n.Name, longest)
	}
	if f.Nonce == 0 && i.Nonce == 0 {
		return nil, bad("no nonce; 1 is a key's first")
	}
	i.Network, i.From, i.Memo = n.Hash, f.From, f.Memo
	if i.Nonce == 0 {
		i.Nonce = f.Nonce
	}
	if f.Signer != f.From {
		signer := f.Signer
		i.Signer = &signer
	}
	i.Created = f.Now.Unix()
	i.Expires = i.Created + int64(usual/time.Second)
	if err := i.Check(n); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDraft, err)
	}
	return &i, nil
}

// Pay is a payment.
func (f *Frame) Pay(n *intent.Network, amount, mint, to string) (*intent.Intent, error) {
	m, base, err := priced(n, amount, mint)
	if err != nil {
		return nil, err
	}
	payee, err := intent.ParseKey(to)
	if err != nil {
		return nil, bad("the payee: %v", err)
	}
	return f.finish(n, intent.Intent{Kind: intent.Pay, To: &payee, Mint: &m.Mint, Amount: base, Fee: intent.Fee(base, n.FeeBps)})
}

func priced(n *intent.Network, amount, mint string) (intent.Mint, uint64, error) {
	m, err := Mint(n, mint)
	if err != nil {
		return m, 0, err
	}
	base, err := Amount(amount, m)
	return m, base, err
}

// Ask offers an item (name, or issuer/name) or, with a quantity, goods of a mint, for a whole price. To, if any, is the only one
// who may buy.
func (f *Frame) Ask(n *intent.Network, item, quantity, price, mint, to string) (*intent.Intent, error) {
	m, base, err := priced(n, price, mint)
	if err != nil {
		return nil, err
	}
	i := intent.Intent{Kind: intent.Ask, Mint: &m.Mint, Amount: base}
	if to != "" {
		buyer, err := intent.ParseKey(to)
		if err != nil {
			return nil, bad("the buyer: %v", err)
		}
		i.To = &buyer
	}
	goods, notGoods := Mint(n, item)
	switch {
	case quantity == "" && notGoods == nil:
		return nil, bad("%s is a mint: say with --quantity how much of it is offered", item)
	case quantity != "" && notGoods != nil:
		return nil, bad("only goods of a mint have a quantity: %v", notGoods)
	case quantity != "":
		i.Item = goods.Mint.String()
		if i.Quantity, err = Amount(quantity, goods); err != nil {
			return nil, err
		}
	default:
		i.Item = ItemOf(f.From, item)
	}
	return f.finish(n, i)
}

// ItemOf is an item's whole name: a bare one is the wallet's own.
func ItemOf(issuer intent.Key, name string) string {
	if strings.Contains(name, "/") {
		return name
	}
	return issuer.String() + "/" + name
}

// Buy takes an ask as it stands.
func (f *Frame) Buy(n *intent.Network, ask intent.ID, mint intent.Key, price uint64) (*intent.Intent, error) {
	return f.finish(n, intent.Intent{Kind: intent.Buy, Ask: &ask, Mint: &mint, Amount: price, Fee: intent.Fee(price, n.FeeBps)})
}

// Price reads the price of an ask that no node is asked for.
func Price(n *intent.Network, price, mint string) (intent.Key, uint64, error) {
	m, base, err := priced(n, price, mint)
	return m.Mint, base, err
}

// Cancel withdraws the intent of a nonce.
func (f *Frame) Cancel(n *intent.Network, nonce uint64) (*intent.Intent, error) {
	return f.finish(n, intent.Intent{Kind: intent.Cancel, Nonce: nonce})
}

// Issue makes an item in the wallet's own namespace; to is its first owner.
func (f *Frame) Issue(n *intent.Network, name, to string) (*intent.Intent, error) {
	owner := f.From
	if to != "" {
		var err error
		if owner, err = intent.ParseKey(to); err != nil {
			return nil, bad("the first owner: %v", err)
		}
	}
	return f.finish(n, intent.Intent{Kind: intent.Issue, To: &owner, Item: ItemOf(f.From, name)})
}

// Session lets a key spend up to a volume of a mint.
func (f *Frame) Session(n *intent.Network, key, volume, mint string, actions []string) (*intent.Intent, error) {
	m, base, err := priced(n, volume, mint)
	if err != nil {
		return nil, err
	}
	k, err := intent.ParseKey(key)
	if err != nil {
		return nil, bad("the session key: %v", err)
	}
	i := intent.Intent{Kind: intent.Session, To: &k, Mint: &m.Mint, MaxVolume: base}
	slices.Sort(actions)
	for _, a := range slices.Compact(actions) {
		i.Actions = append(i.Actions, intent.Action(a))
	}
	return f.finish(n, i)
}

// Revoke ends all sessions of a key.
func (f *Frame) Revoke(n *intent.Network, key string) (*intent.Intent, error) {
	k, err := intent.ParseKey(key)
	if err != nil {
		return nil, bad("the session key: %v", err)
	}
	return f.finish(n, intent.Intent{Kind: intent.Revoke, To: &k})
}
