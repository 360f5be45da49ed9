package setup

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/network"
	"github.com/phantom-paradox/paradox/node/config"
	"github.com/phantom-paradox/paradox/node/keys"
)

func networkFile(t *testing.T) []byte {
	t.Helper()
	k, err := keys.Create(filepath.Join(t.TempDir(), "keys"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := k.Public()
	if err != nil {
		t.Fatal(err)
	}
	f := &network.File{
		Version: network.Version, Name: "setup-test", ProgramID: intent.Key{1}, CodeHash: intent.Hash{2}, Cluster: intent.Hash{3},
		Members:       []network.Member{{Name: "a", Key: p.Member, VRF: p.VRF, Weight: 1}},
		WithdrawDelay: network.DefaultWithdrawDelay, DropTime: network.DefaultDropTime, FeeOwner: intent.Key{4},
		Mints:  []intent.Mint{{Mint: intent.Key{5}, Symbol: "USD"}},
		MaxAge: intent.MaxAge{Default: 3600, Ask: 86400, Session: 86400}, Time: 1, Params: network.DefaultParams(),
	}
	if err := f.Validate(); err != nil {
		t.Fatal(err)
	}
	return f.JSON()
}

func TestInitThenOpen(t *testing.T) {
	c := &config.Config{Home: filepath.Join(t.TempDir(), "home")}
	made, err := Init(c, networkFile(t), []string{"/ip4/127.0.0.1/tcp/1/p2p/x"})
	if err != nil {
		t.Fatal(err)
	}
	if made.Network != "setup-test" || made.Member {
		t.Errorf("%+v", made)
	}
	var log bytes.Buffer
	parts, err := Open(c, "v", &log, nil)
	if err != nil {
		t.Fatal(err)
	}
	if p, err := parts.Keys.Public(); err != nil || p != made.Public || parts.File.Hash() != made.Hash {
		t.Errorf("opened %+v, made %+v, %v", p, made, err)
	}
	if _, err := Init(c, networkFile(t), nil); !errors.Is(err, ErrInitialised) {
		t.Errorf("%v", err)
	}
	if err := os.Remove(c.NetworkFile()); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(c.File()); err != nil {
		t.Fatal(err)
	}
	if _, err := Init(c, networkFile(t), nil); !errors.Is(err, ErrInitialised) {
		t.Errorf("keys were not in the way: %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	c := &config.Config{Home: t.TempDir()}
	if _, err := Open(c, "v", nil, nil); err == nil || !strings.Contains(err.Error(), "paradox init") {
		t.Errorf("%v", err)
	}
	if err := os.WriteFile(c.NetworkFile(), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(c, "v", nil, nil); err == nil || !strings.Contains(err.Error(), "version") {
		t.Errorf("%v", err)
	}
	c.Expect.ProgramID = intent.Key{9}.String()
	if _, err := Init(&config.Config{Home: c.Home, Network: filepath.Join(c.Home, "n"), Expect: c.Expect}, networkFile(t), nil); err == nil || !strings.Contains(err.Error(), "PROGRAM_ID") {
		t.Errorf("%v", err)
	}
}

func TestEnsure(t *testing.T) {
	c := &config.Config{Home: filepath.Join(t.TempDir(), "deep", "home")}
	if made, err := Ensure(c); !made || err != nil {
		t.Fatal(made, err)
	}
	before, err := keys.Load(c.KeyDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if made, err := Ensure(c); made || err != nil {
		t.Fatal(made, err)
	}
	if after, err := keys.Load(c.KeyDir(), nil); err != nil || !after.Member.Equal(before.Member) {
		t.Error("the key was replaced", err)
	}
	if err := os.Remove(filepath.Join(c.KeyDir(), keys.MemberFile)); err != nil {
		t.Fatal(err)
	}
	if made, err := Ensure(c); made || err != nil {
		t.Errorf("half of the keys are gone, and a new one was made: %v %v", made, err)
	}
}

func TestLogger(t *testing.T) {
	var out bytes.Buffer
	l := Logger(config.Log{Level: "warn", Format: "json"}, &out, new(slog.LevelVar))
	l.Info("quiet")
	l.Warn("loud")
	if s := out.String(); strings.Contains(s, "quiet") || !strings.HasPrefix(s, "{") {
		t.Errorf("%q", s)
	}
}
