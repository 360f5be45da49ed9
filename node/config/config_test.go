package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/network"
)

func load(t *testing.T, toml string, flags map[string]any, env ...string) (*Loaded, error) {
	t.Helper()
	dir := t.TempDir()
	if toml != "" {
		if err := os.WriteFile(filepath.Join(dir, "config.toml"), []byte(toml), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return Load(Sources{Flags: flags, Environ: append([]string{"PARADOX_HOME=" + dir}, env...), UserDir: "/nowhere"})
}

func TestEachLayerOverTheOneBefore(t *testing.T) {
	toml := "[api]\nlisten = '127.0.0.1:1'\nrate = 7\n[p2p]\nlisten = ['/ip4/127.0.0.1/tcp/1']\n[chain]\nsubmit = false\n"
	c, err := load(t, toml, map[string]any{"log.level": "debug"},
		"PARADOX_API_LISTEN=127.0.0.1:2", "PARADOX_LOG_LEVEL=warn", "SOLANA_RPC_URL=http://old.example", "PARADOX_CHAIN_RPC=http://a.example, http://b.example")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]struct {
		value  any
		origin string
	}{
		"log.format": {"text", "default"},
		"api.rate":   {7, "config.toml"},
		"api.listen": {"127.0.0.1:2", "PARADOX_API_LISTEN"},
		"log.level":  {"debug", "--log-level"},
		"p2p.listen": {[]string{"/ip4/127.0.0.1/tcp/1"}, "config.toml"},
		"chain.rpc":  {[]string{"http://a.example", "http://b.example"}, "PARADOX_CHAIN_RPC"},
	}
	for _, f := range Fields() {
		w, ok := want[f.Key]
		if !ok {
			continue
		}
		if got := f.Value(&c.Config); !reflect.DeepEqual(got, w.value) || c.Origin[f.Key] != w.origin {
			t.Errorf("%s = %v from %s, want %v from %s", f.Key, got, c.Origin[f.Key], w.value, w.origin)
		}
	}
	if c.Chain.Submit {
		t.Error("config.toml turned chain.submit off, it is on")
	}
}

func TestLegacyNames(t *testing.T) {
	c, err := load(t, "", nil, "SOLANA_RPC_URL=https://rpc.example/?api-key=secret", "ENABLE_ONCHAIN_SETTLEMENT=false",
		"PROGRAM_ID="+intent.Key{1}.String(), "MIN_INTENTS_PER_BATCH=3", "MAX_INTENTS_PER_BATCH=50", "BATCH_WINDOW_SECONDS=5")
	if err != nil {
		t.Fatal(err)
	}
	if c.Chain.Submit || c.Chain.RPC[0] != "https://rpc.example/?api-key=secret" {
		t.Errorf("chain = %+v", c.Chain)
	}
	f := &network.File{ProgramID: intent.Key{1}}
	f.Params = network.Params{MinIntents: 3, MaxIntents: 50, Tick: 5000}
	if err := c.CheckNetwork(f); err != nil {
		t.Errorf("values that agree are refused: %v", err)
	}
	f.Params.Tick = 2000
	f.ProgramID = intent.Key{2}
	err = c.CheckNetwork(f)
	if err == nil {
		t.Fatal("values that contradict the network file are taken")
	}
	for _, s := range []string{"PROGRAM_ID", intent.Key{1}.String(), intent.Key{2}.String(), "BATCH_WINDOW_SECONDS", "5s", "2s"} {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("does not name %q: %v", s, err)
		}
	}
}

func TestSecretsAreNotShown(t *testing.T) {
	c, err := load(t, "", nil, "SOLANA_RPC_URL=https://user:pw@rpc.example/v2/secret?k=secret", "PARADOX_AKASH_KEY=secret")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range Fields() {
		if text, secret := f.Text(&c.Config); strings.Contains(text, "secret") && !secret {
			t.Errorf("%s is no secret: %s", f.Key, text)
		}
		if got := f.Value(&c.Config); f.Key == "akash.key" && got != "(hidden)" {
			t.Errorf("shows %v", got)
		}
		if f.Key == "chain.rpc" {
			if got := f.Value(&c.Config); !reflect.DeepEqual(got, []string{"https://rpc.example/…"}) {
				t.Errorf("shows %v", got)
			}
		}
	}
	_, err = load(t, "", nil, "SOLANA_RPC_URL=ftp://rpc.example/secret")
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("the error shows the key: %v", err)
	}
}

func TestPinningTokens(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("from-a-file\r\nmore\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := load(t, "[ipfs]\npinning = ['https://a.example/psa', 'https://b.example']\n", nil,
		"PARADOX_IPFS_PINNING_TOKENS=hush-a,file:"+file, "PINATA_JWT=hush-jwt")
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.IPFS.PinningServices()
	want := []PinningService{{"https://a.example/psa", "hush-a"}, {"https://b.example", "from-a-file"}, {"https://api.pinata.cloud/psa", "hush-jwt"}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("services %v, %v", got, err)
	}
	for _, f := range Fields() {
		text := fmt.Sprint(f.Value(&c.Config))
		if _, secret := f.Text(&c.Config); strings.Contains(text, "hush") || strings.HasPrefix(f.Key, "ipfs.pin") && f.Key != "ipfs.pinning" && (!secret || f.Flag != "") {
			t.Errorf("%s shows %s, has the flag %q, secret: %v", f.Key, text, f.Flag, secret)
		}
	}
	for _, env := range [][]string{
		{"PARADOX_IPFS_PINNING=https://a.example"},
		{"PARADOX_IPFS_PINNING=https://a.example/?key=hush", "PARADOX_IPFS_PINNING_TOKENS=hush"},
		{"PARADOX_IPFS_PINNING=http://a.example/hush", "PARADOX_IPFS_PINNING_TOKENS=hush"},
		{"PARADOX_IPFS_PINNING=https://a.example,https://a.example/hush", "PARADOX_IPFS_PINNING_TOKENS=hush,hush"},
		{"PARADOX_IPFS_PINNING=https://api.pinata.cloud/psa", "PARADOX_IPFS_PINNING_TOKENS=hush", "PINATA_JWT=hush"},
	} {
		if _, err := load(t, "", nil, env...); err == nil || strings.Contains(err.Error(), "hush") || !strings.Contains(err.Error(), "ipfs.pinning") {
			t.Errorf("%v: %v", env, err)
		}
	}
	for _, path := range []string{file + "-none", os.DevNull} {
		c.IPFS.PinataJWT = "file:" + path
		if _, err := c.IPFS.PinningServices(); err == nil || !strings.Contains(err.Error(), "ipfs.pinata_jwt") {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestSecureWebSocketsNeedACertificate(t *testing.T) {
	for _, env := range [][]string{{"PARADOX_P2P_LISTEN=/ip4/0.0.0.0/tcp/4002/wss"}, {"PARADOX_P2P_LISTEN=/ip4/0.0.0.0/tcp/4002/tls/ws"}, {"PARADOX_P2P_TLS_CERT=/x"}} {
		if _, err := load(t, "", nil, env...); err == nil || !strings.Contains(err.Error(), "p2p.tls_cert") {
			t.Errorf("%v: %v", env, err)
		}
	}
	if _, err := load(t, "", nil, "PARADOX_P2P_LISTEN=/ip4/0.0.0.0/tcp/4002/wss", "PARADOX_P2P_TLS_CERT=/x", "PARADOX_P2P_TLS_KEY=/y"); err != nil {
		t.Error(err)
	}
}

func TestRefusals(t *testing.T) {
	cases := []struct {
		name, toml string
		env        []string
		flags      map[string]any
		says       []string
	}{
		{"unknown key", "[p2p]\nlissen = ['/ip4/127.0.0.1/tcp/1']\n", nil, nil, []string{`"p2p.lissen"`, "paradox config"}},
		{"home in the file", "home = '/x'\n", nil, nil, []string{"--home"}},
		{"no TOML", "api = = 3\n", nil, nil, []string{"config.toml", "cannot be read"}},
		{"no number", "", []string{"PARADOX_API_RATE=many"}, nil, []string{"api.rate", `"many"`, "PARADOX_API_RATE"}},
		{"no yes or no", "", []string{"ENABLE_ONCHAIN_SETTLEMENT=maybe"}, nil, []string{"chain.submit", `"maybe"`, "ENABLE_ONCHAIN_SETTLEMENT"}},
		{"negative rate", "", nil, map[string]any{"api.rate": -1}, []string{"api.rate", "less than 1"}},
		{"level", "", []string{"PARADOX_LOG_LEVEL=loud"}, nil, []string{"log.level", "debug, info, warn or error"}},
		{"address", "", []string{"PARADOX_API_LISTEN=8080"}, nil, []string{"api.listen", "HOST:PORT"}},
		{"port", "", []string{"PARADOX_API_LISTEN=:99999"}, nil, []string{"api.listen", "65535"}},
		{"multiaddr", "", []string{"PARADOX_P2P_LISTEN=0.0.0.0:4001"}, nil, []string{"p2p.listen", "/ip4/203.0.113.7/tcp/4001"}},
		{"bootstrap without a peer", "", []string{"PARADOX_P2P_BOOTSTRAP=/ip4/1.2.3.4/tcp/4001"}, nil, []string{"p2p.bootstrap", "/p2p/ID"}},
		{"nothing to listen on", "[p2p]\nlisten = []\n", nil, nil, []string{"p2p.listen", "empty"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := load(t, c.toml, c.flags, c.env...)
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("want *Error, got %v", err)
			}
			if e.Remedy == "" {
				t.Error("says no remedy")
			}
			for _, s := range c.says {
				if !strings.Contains(err.Error(), s) {
					t.Errorf("does not say %q: %v", s, err)
				}
			}
		})
	}
}

func TestUnknownVariablesAreToldNotRefused(t *testing.T) {
	c, err := load(t, "", nil, "PARADOX_SERVICE_HOST=10.0.0.1")
	if err != nil || !reflect.DeepEqual(c.Unknown, []string{"PARADOX_SERVICE_HOST"}) {
		t.Errorf("%v, %v", c.Unknown, err)
	}
}

func TestEveryFieldIsDocumentedOnce(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range Fields() {
		if f.Help == "" || f.Key == "" || strings.HasSuffix(f.Key, ".") {
			t.Errorf("%q has no name or no description", f.Key)
		}
		for _, name := range []string{f.Key, f.Env} {
			if seen[name] {
				t.Errorf("%q twice", name)
			}
			seen[name] = true
		}
	}
}

func FuzzConfigFile(f *testing.F) {
	f.Add("[api]\nlisten = '127.0.0.1:1'\n")
	f.Add("p2p.listen = 3")
	f.Add("[chain]\nrpc = [['x']]\nsubmit = 'x'")
	f.Fuzz(func(t *testing.T, s string) {
		if c, err := load(t, s, nil); err == nil && c.Check() != nil {
			t.Errorf("Load takes what Check refuses: %q", s)
		}
	})
}
