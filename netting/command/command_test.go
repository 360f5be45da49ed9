package command

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/phantom-paradox/paradox/netting"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const overspend = `{"balances":[{"wallet":"A","asset":"U","amount":"60"}],"moves":[
 {"id":"t1","kind":"pay","from":"A","to":"B","asset":"U","amount":"60","nonce":"1"},
 {"id":"t2","kind":"pay","from":"A","to":"B","asset":"U","amount":"90","nonce":"2"},
 {"id":"t3","kind":"pay","from":"B","to":"A","asset":"U","amount":"20","nonce":"1"}]}`

func run(t *testing.T, a Args, stdin string) (stdout, stderr string, err error) {
	t.Helper()
	var out, errs bytes.Buffer
	err = Run(context.Background(), a, strings.NewReader(stdin), &out, &errs)
	return out.String(), errs.String(), err
}

func TestRunPrintsTheOutcome(t *testing.T) {
	out, _, err := run(t, Args{}, overspend)
	want := `{"accepted":["t1","t3"],"rejected":[{"id":"t2","reason":"INSOLVENT"}],"deltas":[{"wallet":"A","asset":"U","delta":"-40"},` +
		`{"wallet":"B","asset":"U","delta":"40"}],"owners":[],"gross":[{"asset":"U","volume":"170"}],"net":[{"asset":"U","volume":"40"}]}` + "\n"
	if err != nil || out != want {
		t.Fatal(out, err)
	}
}

func TestRunExplains(t *testing.T) {
	svg := filepath.Join(t.TempDir(), "x.svg")
	out, errs, err := run(t, Args{Explain: true, Wallet: "A", SVG: svg}, overspend)
	if err != nil {
		t.Fatal(err)
	}
	if !json.Valid([]byte(out)) || !strings.Contains(out, `"why":"A U: needs 90, has 20 after t1"`) {
		t.Error(out)
	}
	for _, want := range []string{"t2  INSOLVENT  A U: needs 90, has 20 after t1", "loop of 2 wallets in U: 40 of 80 cancelled", "statement of A"} {
		if !strings.Contains(errs, want) {
			t.Errorf("no %q in %s", want, errs)
		}
	}
	if b, err := os.ReadFile(svg); err != nil || !bytes.Contains(b, []byte("50.0 %")) {
		t.Errorf("%v %.200s", err, b)
	}
}

func TestRunObligations(t *testing.T) {
	file := filepath.Join(t.TempDir(), "o.csv")
	if err := os.WriteFile(file, []byte("debtor,creditor,amount\nA,B,100\nB,C,100\nC,A,50\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, _, err := run(t, Args{Obligations: file, JSON: true, SVG: file + ".svg"}, "")
	if err != nil || out != `{"rows":3,"wallets":3,"gross":"250","net":"50","saving":"0.800000"}`+"\n" {
		t.Fatal(out, err)
	}
	out, _, err = run(t, Args{Obligations: "-"}, "A,B,1\n")
	if err != nil || out != "rows     1\nwallets  2\ngross    1\nnet      1\nsaving   0.000000\n" {
		t.Fatal(out, err)
	}
}

func TestRunErrors(t *testing.T) {
	dir := t.TempDir()
	big := filepath.Join(dir, "big.csv")
	f, err := os.Create(big)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Truncate(10<<30), f.Close()); err != nil { // a hole of 10 GiB takes no disk
		t.Fatal(err)
	}
	for want, a := range map[string]Args{
		"give one of the two":                 {File: "x", Obligations: "y"},
		"--explain, --wallet and --asset":     {Obligations: "y", Explain: true},
		"no such file":                        {File: filepath.Join(dir, "none")},
		"is a directory":                      {File: dir},
		"give --svg FILE":                     {Asset: "U"},
		"10240 MiB, at most 1024":             {Obligations: big},
		"standard input: case file: byte 0":   {},
		"standard input: obligations: line 1": {Obligations: "-"},
	} {
		if _, _, err := run(t, a, "garbage"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: got %v, want %s", a, err, want)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := Run(ctx, Args{}, strings.NewReader(overspend), &bytes.Buffer{}, &bytes.Buffer{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, _, err := run(t, Args{}, "{"); !errors.Is(err, netting.ErrCase) {
		t.Error(err)
	}
}

func TestBenchPrintsALineAMeasurement(t *testing.T) {
	var out bytes.Buffer
	if err := Bench(context.Background(), BenchArgs{MaxMoves: 1000, JSON: true}, &out); err != nil {
		t.Fatal(err)
	}
	var m Measurement
	line, _, _ := strings.Cut(out.String(), "\n")
	if err := json.Unmarshal([]byte(line), &m); err != nil || m.Moves != 1000 || m.Core <= 0 || m.Times <= 0 || m.Machine == "" {
		t.Fatalf("%v %+v", err, m)
	}
}
