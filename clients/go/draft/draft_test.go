package draft

import (
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/phantom-paradox/paradox/intent"
)

func net() *intent.Network {
	return &intent.Network{
		Name: "draft-1", Hash: intent.Hash{1}, FeeBps: 10, MaxAge: intent.MaxAge{Default: 3600, Ask: 7 * 86400, Session: 30 * 86400},
		Mints: []intent.Mint{{Mint: intent.Key{5}, Symbol: "USD", Decimals: 6}, {Mint: intent.Key{6}, Symbol: "GEM"}},
	}
}

func frame() *Frame {
	return &Frame{From: intent.Key{9}, Signer: intent.Key{9}, Nonce: 7, Now: time.Unix(1_800_000_000, 0)}
}

func TestAmounts(t *testing.T) {
	usd, gem := net().Mints[0], net().Mints[1]
	for text, want := range map[string]uint64{"1.5": 1_500_000, "0.000001": 1, "007": 7_000_000, "2.500000000": 2_500_000, "9223372036854.775807": intent.MaxInt} {
		if got, err := Amount(text, usd); err != nil || got != want {
			t.Errorf("%s: %d %v", text, got, err)
		}
	}
	if got, err := Amount("3", gem); err != nil || got != 3 {
		t.Errorf("%d %v", got, err)
	}
	for _, text := range []string{"", ".", "1.", ".5", "-1", "+1", "1e6", "1,5", "1.2.3", "0", "0.0", "0.0000001", "9223372036854.775808", "99999999999999999999999", " 1", "٣"} {
		if got, err := Amount(text, usd); !errors.Is(err, ErrDraft) {
			t.Errorf("%q is %d, %v", text, got, err)
		}
	}
	if _, err := Amount("0.5", gem); !errors.Is(err, ErrDraft) {
		t.Error("half a gem")
	}
}

// What the text shows in brackets reads as the same amount.
func TestAmountsReadAsTheyAreShown(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := intent.Mint{Symbol: "X", Decimals: uint8(rapid.IntRange(0, 18).Draw(t, "decimals"))}
		base := rapid.Uint64Range(1, intent.MaxInt).Draw(t, "base")
		_, shown, _ := strings.Cut(intent.FormatAmount(base, m), " (")
		if got, err := Amount(strings.TrimSuffix(shown, " X)"), m); err != nil || got != base {
			t.Fatalf("%d is shown as %s and reads as %d, %v", base, shown, got, err)
		}
	})
}

func FuzzAmount(f *testing.F) {
	f.Add("1.5", uint8(6))
	f.Add("0000.10", uint8(18))
	f.Fuzz(func(t *testing.T, text string, decimals uint8) {
		m := intent.Mint{Symbol: "X", Decimals: decimals % 19}
		if got, err := Amount(text, m); err == nil && (got == 0 || got > intent.MaxInt) {
			t.Errorf("%q reads as %d", text, got)
		}
	})
}

// Every kind can be drafted, and has a text.
func TestKinds(t *testing.T) {
	n, f := net(), frame()
	to := intent.Key{8}.String()
	mint, price, err := Price(n, "90", "USD")
	if err != nil {
		t.Fatal(err)
	}
	session := *f
	session.Signer = intent.Key{3}
	for kind, make := range map[intent.Kind]func() (*intent.Intent, error){
		intent.Pay:     func() (*intent.Intent, error) { return session.Pay(n, "1.5", "USD", to) },
		intent.Ask:     func() (*intent.Intent, error) { return f.Ask(n, "sword", "", "90", "USD", to) },
		intent.Buy:     func() (*intent.Intent, error) { return f.Buy(n, intent.ID{4}, mint, price) },
		intent.Cancel:  func() (*intent.Intent, error) { return f.Cancel(n, 3) },
		intent.Session: func() (*intent.Intent, error) { return f.Session(n, to, "10", "GEM", []string{"pay", "buy", "pay"}) },
		intent.Revoke:  func() (*intent.Intent, error) { return f.Revoke(n, to) },
		intent.Issue:   func() (*intent.Intent, error) { return f.Issue(n, "sword", "") },
	} {
		i, err := make()
		if err != nil {
			t.Errorf("%s: %v", kind, err)
			continue
		}
		text, err := i.Text(n)
		if err != nil || i.Kind != kind || !strings.Contains(text, "kind: "+string(kind)+"\n") {
			t.Errorf("%s: %v\n%s", kind, err, text)
		}
	}
	goods, err := f.Ask(n, "GEM", "5", "90", "USD", "")
	if err != nil || goods.Quantity != 5 || goods.Item != n.Mints[1].Mint.String() {
		t.Errorf("%+v %v", goods, err)
	}
	if i, err := f.Pay(n, "1.5", "USD", to); err != nil || i.Fee != 1500 || i.Nonce != 7 || i.Expires != i.Created+1800 || i.Signer != nil {
		t.Errorf("%+v %v", i, err)
	}
}

func TestWhatMakesNoIntent(t *testing.T) {
	n, to := net(), intent.Key{8}.String()
	for says, make := range map[string]func(f *Frame) (*intent.Intent, error){
		"it has USD, GEM":          func(f *Frame) (*intent.Intent, error) { return f.Pay(n, "1", "EUR", to) },
		"the payee":                func(f *Frame) (*intent.Intent, error) { return f.Pay(n, "1", "USD", "bob") },
		"self_trade":               func(f *Frame) (*intent.Intent, error) { return f.Pay(n, "1", "USD", f.From.String()) },
		"--quantity":               func(f *Frame) (*intent.Intent, error) { return f.Ask(n, "GEM", "", "1", "USD", "") },
		"only goods":               func(f *Frame) (*intent.Intent, error) { return f.Ask(n, "sword", "1", "1", "USD", "") },
		"the buyer":                func(f *Frame) (*intent.Intent, error) { return f.Ask(n, "sword", "", "1", "USD", "bob") },
		"first owner":              func(f *Frame) (*intent.Intent, error) { return f.Issue(n, "sword", "bob") },
		"not_the_owner":            func(f *Frame) (*intent.Intent, error) { return f.Issue(n, to+"/sword", "") },
		"lives 1s to 1h0m0s":       func(f *Frame) (*intent.Intent, error) { f.Lifetime = 2 * time.Hour; return f.Revoke(n, to) },
		"live 1ms":                 func(f *Frame) (*intent.Intent, error) { f.Lifetime = time.Millisecond; return f.Revoke(n, to) },
		"no nonce":                 func(f *Frame) (*intent.Intent, error) { f.Nonce = 0; return f.Revoke(n, to) },
		"the session key: \"bob\"": func(f *Frame) (*intent.Intent, error) { return f.Revoke(n, "bob") },
		"actions":                  func(f *Frame) (*intent.Intent, error) { return f.Session(n, to, "1", "USD", []string{"steal"}) },
		"memo":                     func(f *Frame) (*intent.Intent, error) { f.Memo = " blank"; return f.Pay(n, "1", "USD", to) },
	} {
		if i, err := make(frame()); !errors.Is(err, ErrDraft) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %+v, %v", says, i, err)
		}
	}
}
