package figures

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gagliardetto/solana-go"
	"go.uber.org/goleak"

	"github.com/phantom-paradox/paradox/chain/svm"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// What a settlement transaction must hold, by pages; bounds of the design, below what is measured.
func leastWallets() map[int]int { return map[int]int{1: 140, 8: 100} }

func TestMeasure(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	so, err := filepath.Abs("../../../program/vault.so")
	if err != nil {
		t.Fatal(err)
	}
	if new := os.Getenv("VAULT_SO"); new != "" {
		so = new
	}
	program := newKey("program").PublicKey()
	s, err := svm.Start(ctx, svm.Config{Dir: "../../../program/svm", Programs: map[solana.PublicKey]string{program: so}, Control: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	f, err := Measure(ctx, s, program)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.MarshalIndent(f, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s", text)
	for _, p := range f.Packing {
		if p.Wallets < leastWallets()[p.Pages] || p.Bytes > 1232 {
			t.Errorf("%+v: want at least %d wallets in 1232 bytes", p, leastWallets()[p.Pages])
		}
	}
	if f.Rent.Entry != 64*6960 {
		t.Errorf("an entry's rent is %d", f.Rent.Entry)
	}
	for _, u := range f.Units {
		if u.Units == 0 || u.Units > 200_000 {
			t.Errorf("%s: %d units: want less than a default limit", u.Name, u.Units)
		}
	}
}
