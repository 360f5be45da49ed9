package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/phantom-paradox/paradox/akash"
)

// What the command prints for a node that nobody configured are the files that the repository ships, but for the version.
func TestAkashSDLIsTheFileThatShips(t *testing.T) {
	s := newShell(t)
	for file, flag := range map[string]string{"deploy.sdl.yaml": "--ip", "ops/deploy/no-ip.sdl.yaml": "--no-ip"} {
		got, err := akash.Parse([]byte(s.expect(0, "PARADOX_HOME", "akash", "sdl", flag, "--image", "ghcr.io/phantom-paradox/paradox:0.1.0")))
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join("../..", file))
		if err != nil {
			t.Fatal(err)
		}
		ships, err := akash.Parse(b)
		if err != nil {
			t.Fatal(err)
		}
		have, errHave := json.Marshal(got)
		want, errWant := json.Marshal(ships)
		if errHave != nil || errWant != nil || string(have) != string(want) {
			t.Errorf("printed\n%s\n%s\n%s", have, file, want)
		}
	}
}

func TestAkashSDLFollowsTheConfiguration(t *testing.T) {
	s := newShell(t)
	s.env = []string{"PARADOX_API_RATE=50", "PARADOX_API_LISTEN=127.0.0.1:9", "SOLANA_RPC_URL=https://rpc.example.com/?api-key=abc123", "SENTRY_DSN=https://abc123@sentry.example.com/1"}
	out := s.expect(0, "PARADOX_API_RATE=50", "akash", "sdl", "--no-ip", "--disk", "20Gi", "--log-level", "warn")
	for _, want := range []string{"PARADOX_LOG_LEVEL=warn", "PARADOX_API_LISTEN=0.0.0.0:8080", "size: 20Gi", "Left out: chain.rpc", "Left out: sentry.dsn", "PARADOX_P2P_ANNOUNCE"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	for _, not := range []string{"abc123", "kind: ip", "127.0.0.1:9", "PARADOX_HOME=/tmp"} {
		if strings.Contains(out, not) {
			t.Errorf("%q in\n%s", not, out)
		}
	}
	path := filepath.Join(s.home, "node.yaml")
	if err := os.WriteFile(path, []byte(out), 0o600); err != nil {
		t.Fatal(err)
	}
	s.expect(0, "holds what a node needs", "akash", "validate", path)
	s.expect(0, "- --await-keys", "akash", "sdl", "--await-keys")
	s.expect(2, "class", "akash", "sdl", "--class", "gold")
	s.expect(2, "no-such", "akash", "validate", "no-such")
}

func TestAkashCost(t *testing.T) {
	s := newShell(t)
	const file = "../../deploy.sdl.yaml"
	page, err := os.ReadFile("../../docs/install.md")
	if err != nil {
		t.Fatal(err)
	}
	text := s.expect(0, "own addresses", "akash", "cost", file)
	for _, figure := range []string{"$7.96 a month", "$0.26 a day", "$0.06"} {
		if !strings.Contains(text, figure) || !strings.Contains(string(page), figure) {
			t.Errorf("%s: not both what is printed and what docs/install.md says:\n%s", figure, text)
		}
	}
	var c struct {
		Month float64 `json:"usd_a_month"`
		Then  struct {
			Day float64 `json:"usd_a_day"`
		} `json:"replaced_service"`
		Planned float64 `json:"replaced_service_planned_usd_a_day"`
	}
	out := s.expect(0, "usd_a_month", "--json", "akash", "cost", file, "--usd-cpu", "2", "--usd-memory", "1", "--usd-ephemeral", "0", "--usd-nvme", "0.5", "--usd-endpoint", "0.25", "--usd-ip", "4")
	if err := json.Unmarshal([]byte(out), &c); err != nil {
		t.Fatal(err)
	}
	// 1 CPU, 1 GiB, 10 GiB of beta3, 3 ports, 1 address
	if want := 2 + 1 + 10*0.5 + 3*0.25 + 4.0; c.Month != want || c.Planned != 0.5 {
		t.Errorf("%v a month, want %v; planned %v", c.Month, want, c.Planned)
	}
	if want := (0.5*2 + 1) * 12 / 365.25; c.Then.Day < want*0.999 || c.Then.Day > want*1.001 {
		t.Errorf("the replaced service is %v a day, want %v", c.Then.Day, want)
	}
	s.expect(0, "The file pays at most $42.99 a month", "akash", "cost", file)
	bare := s.expect(0, "planned 0.5 CPU, 1 GiB and 10 GiB for $0.50 a day; at these prices they are $0.06", "akash", "cost", "../../ops/deploy/no-ip.sdl.yaml")
	uses, err := os.ReadFile("../../docs/akash.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, figure := range []string{"$2.96", "$0.10 a day"} {
		if !strings.Contains(bare, figure) || !strings.Contains(string(page), figure) || !strings.Contains(string(uses), figure) {
			t.Errorf("%s: not what is printed and both pages say:\n%s", figure, bare)
		}
	}
	akt := filepath.Join(s.home, "akt.yaml")
	if err := os.WriteFile(akt, []byte(s.expect(0, "uakt", "akash", "sdl", "--denom", "uakt")), 0o600); err != nil {
		t.Fatal(err)
	}
	s.expect(0, "The file pays at most $21.50 a month", "akash", "cost", akt, "--akt-usd", "0.5")
}
