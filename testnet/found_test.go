package testnet

import (
	"bytes"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/phantom-paradox/paradox/chain/localnet"
	client "github.com/phantom-paradox/paradox/clients/go"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/internal/fit"
	"github.com/phantom-paradox/paradox/node/config"
	"github.com/phantom-paradox/paradox/node/keys"
	"github.com/phantom-paradox/paradox/testnet/traffic"
)

func TestFounding(t *testing.T) {
	home := t.TempDir()
	var out bytes.Buffer
	initialised := map[string]intent.Key{}
	r := &running{home: home, screen: newScreen(&Options{Out: &out, Now: time.Now}), o: Options{Now: time.Now, InitNode: func(home string, k intent.Key) error {
		initialised[filepath.Base(home)] = k
		return nil
	}}}
	var err error
	if r.settings, err = prepare(t.Context(), home, Model, 2, 1); err != nil {
		t.Fatal(err)
	}
	r.chain, err = localnet.Start(t.Context(), localnet.Config{Dir: filepath.Join(home, chainDir), Listen: r.settings.RPC, SlotTime: 5 * time.Millisecond, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer r.chain.Close()
	if err := r.found(t.Context()); err != nil {
		t.Fatal(err)
	}
	again := &running{home: home, screen: r.screen}
	if again.settings, err = loadSettings(home); err != nil || again.settings.members() != 2 || len(again.settings.Nodes) != 3 {
		t.Fatalf("%+v, %v", again.settings, err)
	}
	if err := again.load(); err != nil {
		t.Fatal(err)
	}
	if again.file.Hash() != r.file.Hash() {
		t.Error("the network file read again founds another network")
	}
	checkEntries(t, again)
	checkNodes(t, again, initialised)
}

// checkEntries looks at the chain, which alone counts.
func checkEntries(t *testing.T, r *running) {
	t.Helper()
	cast := r.settings.cast()
	for _, m := range r.file.Mints {
		list, err := r.bank.client.Entries(t.Context(), m.Mint)
		if err != nil {
			t.Fatal(err)
		}
		has := map[intent.Key]uint64{}
		for _, e := range list {
			has[e.Owner] += e.Available
		}
		for _, w := range cast.Entries() {
			if _, ok := has[w.Public()]; !ok {
				t.Errorf("%s has no entry of %s", w.Name, m.Symbol)
			}
		}
		if got := has[cast.Traders[3].Public()]; got != openingUnits {
			t.Errorf("a trader has %d of %s", got, m.Symbol)
		}
		poor := cast.Poor[0].Public()
		if has[poor] != 0 {
			t.Errorf("a poor wallet has %d", has[poor])
		}
		if err := r.bank.deposit(t.Context(), m.Mint, []traffic.Deposit{{Wallet: poor, Mint: m.Mint, Amount: 7}}); err != nil {
			t.Fatal(err)
		}
	}
}

func checkNodes(t *testing.T, r *running, initialised map[string]intent.Key) {
	t.Helper()
	for n := range r.settings.Nodes {
		node := &r.settings.Nodes[n]
		c, err := config.Load(config.Sources{Flags: map[string]any{"home": r.nodeHome(node)}})
		if err != nil {
			t.Fatal(err)
		}
		if c.API.Listen != node.API || c.NetworkFile() != filepath.Join(r.home, networkFile) || c.P2P.Public {
			t.Errorf("%s is configured as %+v", node.Name, c.Config)
		}
		k, err := keys.Load(c.KeyDir(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if initialised[node.Name] != keyOf(k.Member) {
			t.Errorf("%s has no vote log", node.Name)
		}
	}
	err := filepath.WalkDir(r.home, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 && path != r.home {
			t.Errorf("%s is open to others: %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestAnUnfinishedFoundingStartsAnew(t *testing.T) {
	home := t.TempDir()
	first, err := prepare(t.Context(), home, Model, 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := makeKeys(home, first); err != nil {
		t.Fatal(err)
	}
	r := &running{home: home, o: Options{Observers: -1}}
	if r.settings, err = loadSettings(home); err != nil || r.settings.Founded {
		t.Fatalf("%+v %v", r.settings, err)
	}
	if err := r.plan(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r.settings.Secret == first.Secret || len(r.settings.Nodes) != DefaultMembers+DefaultObservers {
		t.Errorf("%+v", r.settings)
	}
	if _, err := os.Stat(filepath.Join(home, nodeDir)); !errors.Is(err, fs.ErrNotExist) {
		t.Error("old keys are left")
	}
}

func TestUpRefuses(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	full, founded, used, damaged, taken := t.TempDir(), t.TempDir(), t.TempDir(), t.TempDir(), t.TempDir()
	write := func(dir, name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(full, "letters.txt", "dear")
	write(damaged, settingsFile, "{")
	s := &settings{Version: 1, Founded: true, RPC: "127.0.0.1:0", Nodes: []nodeRecord{{Name: "member1", Member: true, API: "127.0.0.1:0"}}}
	if err := s.save(founded); err != nil {
		t.Fatal(err)
	}
	s.Nodes[0].API = busy.Addr().String()
	if err := s.save(taken); err != nil {
		t.Fatal(err)
	}
	unlock, err := lockHome(used)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	for name, c := range map[string]struct {
		o    Options
		says string
	}{
		"too many members":   {Options{Members: 22}, "--members"},
		"too many observers": {Options{Observers: 99}, "--observers"},
		"negative rate":      {Options{Rate: -1}, "--rate"},
		"no end":             {Options{Once: true, Intents: -1}, "--intents"},
		"a full home":        {Options{Home: full, Observers: -1}, "empty directory"},
		"other members":      {Options{Home: founded, Members: 7, Observers: -1}, "founded with 1"},
		"other observers":    {Options{Home: founded, Observers: 3}, "founded with 0"},
		"home in use":        {Options{Home: used, Observers: -1}, "in use by another launcher (process"},
		"damaged settings":   {Options{Home: damaged, Observers: -1}, "found anew"},
		"a port is taken":    {Options{Home: taken, Observers: -1}, "the API of member1"},
	} {
		c.o.Out, c.o.Now = new(bytes.Buffer), time.Now
		if _, err := Up(t.Context(), c.o); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: want an error that says %q, got %v", name, c.says, err)
		}
	}
}

func TestScreenWithoutATerminalWritesPlainLines(t *testing.T) {
	var out bytes.Buffer
	now := time.Unix(100, 0)
	s := newScreen(&Options{Out: &out, Now: func() time.Time { return now }})
	s.expect(10)
	now = now.Add(1500 * time.Millisecond)
	s.say("height %d", 3)
	s.progress(4, "x")
	s.close()
	if got := out.String(); got != "   1.5s  height 3\n" {
		t.Errorf("%q", got)
	}
}

// A line is never longer than the terminal, and goes on under itself.
func TestScreenFitsATerminal(t *testing.T) {
	var out bytes.Buffer
	s := newScreen(&Options{Out: &out, Now: time.Now, Columns: func() int { return 40 }})
	s.say("height 12 %s", strings.Repeat("words ", 20))
	for n, line := range strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n") {
		if len(line) > 40 || n > 0 && !strings.HasPrefix(line, strings.Repeat(" ", stampWidth)+"words") {
			t.Errorf("%q", line)
		}
	}
}

// A height takes one line of a common terminal.
func TestAHeightFitsOneLine(t *testing.T) {
	var out bytes.Buffer
	s := newScreen(&Options{Out: &out, Now: time.Now, Columns: func() int { return fit.Columns }})
	now := time.Unix(1_000, 0)
	r := &rounds{say: s.say, names: map[string]string{"key": "member1"}, since: map[uint64]time.Time{123: now.Add(-1234 * time.Millisecond)}, now: func() time.Time { return now }}
	round := &client.Round{}
	round.Header.Height, round.Header.Leader = 123, "key"
	round.Outcome.Accepted, round.Outcome.Legs, round.Outcome.Changes = 1000, 1234, 100
	round.Settlement.Transactions = make([]string, 12)
	r.add(round)
	if got := out.String(); !strings.Contains(got, "1234 transfers net 100; member1") || strings.Count(got, "\n") != 1 {
		t.Errorf("%q", got)
	}
}

// Mistakes in an intents file are told before anything is founded for it, with the line.
func TestABadIntentsFileFoundsNothing(t *testing.T) {
	file, home := filepath.Join(t.TempDir(), "mine.jsonl"), filepath.Join(t.TempDir(), "home")
	good := `{"kind":"pay","from":"trader1","to":"trader2","mint":"TUSD","amount":250}`
	for text, says := range map[string]string{good + "\n{\"kind\":": "line 2", good + "\n\n" + `{"kind":"pay","from":"nobody"}`: "line 3: from", `{"kind":"pay","from":"trader1","to":"trader2","mint":"NOPE"}`: "mint"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Up(t.Context(), Options{Home: home, Observers: -1, Intents: -1, IntentsFile: file, Out: new(bytes.Buffer), Now: time.Now})
		if _, ok := errors.AsType[*OptionError](err); !ok || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", says, err)
		}
		if _, err := os.Stat(home); err == nil {
			t.Error("a home was made")
		}
	}
}

func TestNodesAreNotConfiguredByTheLaunchersEnvironment(t *testing.T) {
	got := environment([]string{"PATH=/bin", "PARADOX_API_LISTEN=x", "SOLANA_RPC_URL=y", "PROGRAM_ID=z", "HOME=/root"})
	if strings.Join(got, " ") != "PATH=/bin HOME=/root" {
		t.Errorf("%q", got)
	}
}
