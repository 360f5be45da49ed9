package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/ledger"
	"github.com/phantom-paradox/paradox/node/keys"
)

// A shell runs command lines as a user would, in a home of its own.
type shell struct {
	t    *testing.T
	home string
	env  []string
	in   string

	secret func(string) (string, error) // of the terminal; nil: there is none
	ctx    context.Context              // of the commands; nil: the test's
}

func newShell(t *testing.T) *shell { return &shell{t: t, home: t.TempDir()} }

func (s *shell) run(args ...string) (code int, out, err string) {
	s.t.Helper()
	var o, e bytes.Buffer
	a := &app{in: strings.NewReader(s.in), out: &o, err: &e, secret: s.secret, environ: s.env, userDir: s.home, self: "/nowhere/paradox", now: func() time.Time { return time.Unix(1_800_000_000, 0) }}
	ctx := s.ctx
	if ctx == nil {
		ctx = s.t.Context()
	}
	code = execute(ctx, a, args)
	return code, o.String(), e.String()
}

// expect runs and checks exit code and what is said, on whichever of the two outputs.
func (s *shell) expect(code int, says string, args ...string) string {
	s.t.Helper()
	got, out, err := s.run(args...)
	if got != code || !strings.Contains(out+err, says) {
		s.t.Errorf("paradox %s: exit %d, want %d, and %q in:\n%s%s", strings.Join(args, " "), got, code, says, out, err)
	}
	return out
}

// member makes a member's keys and gives them as network create wants them.
func member(t *testing.T, name string) string {
	t.Helper()
	k, err := keys.Create(filepath.Join(t.TempDir(), "keys"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := k.Public()
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%s:%s:%s:1", name, p.Member, p.VRF)
}

// networkFile founds a network through the command itself.
func (s *shell) networkFile() string {
	s.t.Helper()
	path := filepath.Join(s.home, "net.json")
	s.expect(0, "founds cli-test", s.createArgs(path)...)
	return path
}

func (s *shell) createArgs(path string) []string {
	key := func(b byte) string { return intent.Key{b}.String() }
	return []string{
		"network", "create", "--name", "cli-test", "--program-id", key(1), "--code-hash", key(2), "--cluster", key(3), "--fee-owner", key(4),
		"--member", member(s.t, "a"), "--member", member(s.t, "b"), "--mint", "USD:" + key(5) + ":6", "--rpc", "http://127.0.0.1:1", "--out", path,
	}
}

func TestHelpAndVersion(t *testing.T) {
	s := newShell(t)
	s.expect(0, "Exit codes", "--help")
	s.expect(0, "--p2p-bootstrap", "run", "--help")
	s.expect(0, "paradox 0", "version")
	var v map[string]string
	if err := json.Unmarshal([]byte(s.expect(0, "go1", "version", "--json")), &v); err != nil {
		t.Error(err)
	}
}

func TestBadInputIsExitTwo(t *testing.T) {
	s := newShell(t)
	s.expect(2, "unexpected argument", "dance")
	s.expect(2, "See: paradox --help", "dance")
	s.expect(2, "See: paradox batch export --help", "batch", "export", "bafy")
	s.expect(2, "unknown flag --loud", "version", "--loud")
	s.expect(2, "network", "init", "--home", s.home)
	s.expect(2, "log.level", "config", "--log-level", "loud")
	s.expect(2, "net.json", "network", "show", filepath.Join(s.home, "net.json"))
	s.expect(2, "--intents", "testnet", "up", "--once")
	s.expect(2, "64 to 10000000 slots", "testnet", "up", "--withdraw-delay", "3")
	s.expect(2, "64 to 10000000 slots", "testnet", "up", "--drop-time", "3")
	s.expect(2, "testnet up --home DIR founds one", "testnet", "chain", "--home", s.home)
	s.expect(2, "testnet up --home DIR founds one", "testnet", "fund", intent.Key{1}.String(), "--home", s.home)
	s.expect(2, "the address", "testnet", "fund", "bob", "--home", s.home)
	s.expect(2, "no address of a node", "status", "--node", "ftp://x")
	s.expect(2, "paradox init", "keys", "show", "--home", s.home)
	s.expect(2, "api.rate", "config", "--api-rate", "0")
	bad := filepath.Join(s.home, "bad.json")
	if err := os.WriteFile(bad, []byte(`{"version":1,"name":"X"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	s.expect(2, "name", "network", "verify", bad)
}

func TestErrorsAsJSON(t *testing.T) {
	s := newShell(t)
	_, out, text := s.run("status", "--node", "127.0.0.1:1", "--json")
	var e struct {
		Error struct {
			Exit    int
			Message string
		}
	}
	if err := json.Unmarshal([]byte(text), &e); err != nil || e.Error.Exit != exitUnreachable || e.Error.Message == "" || out != "" {
		t.Errorf("%q %q %v", out, text, err)
	}
}

func TestNetworkFiles(t *testing.T) {
	s := newShell(t)
	path := s.networkFile()
	var made struct{ Name, Hash string }
	if err := json.Unmarshal([]byte(s.expect(0, "cli-test", "network", "verify", path, "--json")), &made); err != nil {
		t.Fatal(err)
	}
	s.expect(0, made.Hash, "network", "show", path)
	s.expect(0, "well formed", "network", "verify", path, "--hash", made.Hash)
	s.expect(4, "founds another network", "network", "verify", path, "--hash", intent.Hash{1}.String())
	s.expect(2, "--hash", "network", "verify", path, "--hash", "no digest")
	s.expect(2, "exists", s.createArgs(path)...)
	args := s.createArgs(filepath.Join(s.home, "other.json"))
	args[5] = "not-a-key"
	s.expect(2, "--program-id", args...)
	s.expect(2, "NAME:KEY:VRF:WEIGHT", append(s.createArgs(filepath.Join(s.home, "third.json")), "--member", "x")...)
}

func TestInitMakesAHomeOnce(t *testing.T) {
	s := newShell(t)
	file, home := s.networkFile(), filepath.Join(s.home, "node")
	peer := "/ip4/127.0.0.1/tcp/4001/p2p/12D3KooWGRUacfLoHEFyWjzyK6ohjXa6WwGZBGyZ9nqWFKK4yxcY"
	s.expect(2, "/p2p/ID", "init", "--home", home, "--network", file, "--bootstrap", "/ip4/127.0.0.1/tcp/4001")
	var made map[string]any
	if err := json.Unmarshal([]byte(s.expect(0, "", "init", "--home", home, "--network", file, "--bootstrap", peer, "--json")), &made); err != nil {
		t.Fatal(err)
	}
	if made["member"] == nil || made["peer"] == nil || made["network"] != "cli-test" {
		t.Errorf("%v", made)
	}
	s.expect(5, "initialised", "init", "--home", home, "--network", file)
	s.expect(0, fmt.Sprint(made["peer"]), "keys", "show", "--home", home)
	s.expect(0, peer, "config", "--home", home)
	if err := os.Chmod(filepath.Join(home, "keys"), 0o755); err != nil {
		t.Fatal(err)
	}
	s.expect(2, "chmod 0700", "run", "--home", home)
	s.expect(2, "chmod 0700", "keys", "show", "--home", home)
}

func TestRunSaysWhatIsMissing(t *testing.T) {
	s := newShell(t)
	s.expect(2, "paradox init", "run", "--home", filepath.Join(s.home, "nothing"))
	file, home := s.networkFile(), filepath.Join(s.home, "node")
	s.expect(0, "", "init", "--home", home, "--network", file)
	broken := filepath.Join(s.home, "broken.json")
	if err := os.WriteFile(broken, []byte(`{"version":1`), 0o600); err != nil {
		t.Fatal(err)
	}
	s.expect(2, "network file", "run", "--home", home, "--network", broken)
	s.expect(2, "network file", "network", "verify", broken)
	s.expect(2, "network file", "init", "--home", home+"2", "--network", broken)
	s.env = []string{"MIN_INTENTS_PER_BATCH=77"}
	s.expect(2, "MIN_INTENTS_PER_BATCH", "run", "--home", home)
}

func TestConfigShowsOriginAndNoSecret(t *testing.T) {
	s := newShell(t)
	s.env = []string{"SOLANA_RPC_URL=https://rpc.example/secret", "PARADOX_LOG_LEVEL=warn"}
	_, out, _ := s.run("config", "--api-listen", "127.0.0.1:9", "--no-chain-submit")
	for _, want := range []string{`log.level = "warn"  # PARADOX_LOG_LEVEL`, `api.listen = "127.0.0.1:9"  # --api-listen`, "chain.submit = false  # --chain-submit", "https://rpc.example/…"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
	if strings.Contains(out, "secret") {
		t.Error("a secret is shown")
	}
}

func TestAskingANode(t *testing.T) {
	health, synced, peers := "healthy", true, 7
	known, other := ledger.BlockCID([]byte("known")).String(), ledger.BlockCID([]byte("other")).String()
	node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/api/status":
			fmt.Fprintf(w, `{"version":"v","network":"n","height":3,"leader":"9xQe","leader_name":"alice","peers":%d,"voting":"silent","member":"bob","why":"its log was lost","synced":%v,"chain":{"events":"5"},"state_digest":"abc"}`, peers, synced)
		case "/api/network":
			fmt.Fprint(w, `{"name":"n","members":[{"name":"alice"},{"name":"bob"}]}`)
		case "/health":
			fmt.Fprintf(w, `{"status":%q,"checks":[{"name":"peers","status":%q,"remedy":"open the port"}]}`, health, health)
		case "/api/batches/" + known:
			fmt.Fprint(w, r.URL.RawQuery+"-bytes")
		case "/api/peers":
			fmt.Fprint(w, `{"id":"me","addresses":["/ip4/1.2.3.4/tcp/4001/p2p/me"],"peers":[{"id":"you","address":"/ip4/5.6.7.8/tcp/4001","agent":"a","latency_ms":12.5,"member":"alice"},
				{"id":"caller","address":"/ip4/9.9.9.9/tcp/55555","inbound":true,"agent":"b"}],"bootstrap":[{"address":"/ip4/7.7.7.7/tcp/1/p2p/gone","attempts":3,"error":"refused"}]}`)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	defer node.Close()
	s := newShell(t)
	out := s.expect(0, "abc", "status", "--node", node.URL)
	for _, want := range []string{"leader alice)", "peers         7\n", "bob, silent: its log was lost\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
	s.expect(0, `"state_digest":"abc"`, "status", "--node", node.URL, "--json")
	synced = false
	s.expect(4, "not in step", "status", "--node", node.URL)
	synced, peers = true, 0
	s.expect(4, "alone", "status", "--node", node.URL)
	s.expect(4, "paradox doctor", "status", "--node", node.URL)
	out = s.expect(0, "/ip4/1.2.3.4/tcp/4001/p2p/me", "peers", "--node", node.URL)
	for _, want := range []string{"/ip4/5.6.7.8/tcp/4001/p2p/you", "12.5 ms", "alice            out", "7.7.7.7", "refused", "peer caller"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
	s.expect(0, `"latency_ms":12.5`, "peers", "--json", "--node", node.URL)
	s.expect(0, "open the port", "health", "--node", node.URL)
	health = "unhealthy"
	s.expect(4, "unhealthy", "health", "--node", node.URL)
	s.expect(0, "-bytes", "batch", "show", known, "--node", node.URL)
	s.expect(2, "does not know", "batch", "show", other, "--node", node.URL)
	s.expect(2, "is not a CID", "batch", "show", "zzz", "--node", node.URL)
	s.expect(2, "is not a CID", "batch", "export", "zzz", "--out", "x.car", "--node", node.URL)
	car := filepath.Join(s.home, "b.car")
	s.expect(0, "bytes", "batch", "export", known, "--out", car, "--node", node.URL)
	if b, err := os.ReadFile(car); err != nil || string(b) != "format=car-bytes" {
		t.Errorf("%q %v", b, err)
	}
	s.expect(2, "exists", "batch", "export", known, "--out", car, "--node", node.URL)
	node.Close()
	s.expect(3, "does not answer", "health", "--node", node.URL)
	s.expect(3, "is a node running there", "status", "--node", node.URL)
}

// A home that somebody names and that is none is bad input; the node that does not answer is another matter.
func TestAHomeThatIsNone(t *testing.T) {
	s := newShell(t)
	s.expect(2, "paradox init", "status", "--home", filepath.Join(s.home, "nothing"))
	s.expect(2, "is no node's home", "peers", "--home", s.home)
	home := filepath.Join(s.home, "node")
	s.expect(0, "", "init", "--home", home, "--network", s.networkFile())
	if err := os.WriteFile(filepath.Join(home, "config.toml"), []byte("[api]\nlisten = \"127.0.0.1:1\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.expect(3, "paradox run", "status", "--home", home)
}

func TestDoctor(t *testing.T) {
	s := newShell(t)
	home := filepath.Join(s.home, "node")
	s.expect(0, "", "init", "--home", home, "--network", s.networkFile())
	args := []string{"doctor", "--home", home, "--api-listen", "127.0.0.1:0", "--p2p-listen", "/ip4/127.0.0.1/tcp/0", "--clock-ntp", "127.0.0.1:1"}
	out := s.expect(4, "chain.rpc", args...)
	for line := range strings.SplitSeq(out, "\n") {
		if len([]rune(line)) > 80 {
			t.Errorf("%q is longer than a terminal is wide", line)
		}
	}
	var view struct {
		Status   string
		Findings []struct{ Name, Status, Detail, Remedy string }
	}
	if err := json.Unmarshal([]byte(s.expect(4, "", append(args, "--json")...)), &view); err != nil || view.Status != "fail" || len(view.Findings) < 8 {
		t.Errorf("%v %+v", err, view)
	}
}

func TestCompletion(t *testing.T) {
	s := newShell(t)
	for _, sh := range []string{"bash", "zsh", "fish"} {
		s.expect(0, "complete", "completion", "-c", sh)
	}
	s.expect(2, "csh", "completion", "-c", "csh")
	t.Setenv("COMP_LINE", "paradox testnet up --int")
	s.expect(0, "--intents-file")
	t.Setenv("COMP_LINE", "paradox do")
	s.expect(0, "doctor")
}

func TestNettingRun(t *testing.T) {
	s := newShell(t)
	s.in = `{"moves":[{"id":"a","kind":"pay","from":"x"`
	s.expect(2, "case", "netting", "run")
	s.expect(2, "is a directory", "netting", "run", s.home)
	s.in = `{"balances":[{"wallet":"x","asset":"U","amount":"5"}],"moves":[{"id":"a","kind":"pay","from":"x","to":"y","asset":"U","amount":"5","nonce":"1"}]}`
	svg := filepath.Join(s.home, "drawn.svg")
	s.expect(2, "pays in \"V\"", "netting", "run", "--svg", svg, "--asset", "V")
	s.expect(0, "accepted", "netting", "run", "--svg", svg, "--asset", "U")
	s.in = "alice,bob,100\nbob,carol,100\ncarol,alice,90\n"
	s.expect(0, "", "netting", "run", "--obligations", "-")
	s.expect(2, "", "netting", "run", "--obligations", "-", "some.json")
}

func TestSnapshotSaysWhatIsInTheWay(t *testing.T) {
	s := newShell(t)
	home, file := filepath.Join(s.home, "node"), filepath.Join(s.home, "state.snap")
	s.expect(2, "paradox init", "snapshot", "export", file, "--home", home)
	s.expect(0, "is a home for", "init", "--home", home, "--network", s.networkFile())
	s.expect(1, "no height is settled", "snapshot", "export", file, "--home", home)
	if _, err := os.Stat(file); err == nil {
		t.Error("what failed left a file")
	}
	s.expect(2, "no such file", "snapshot", "import", file, "--home", home)
	if err := os.WriteFile(file, []byte("paradox/node-snapshot/1\n\x00\x00\x00\x00"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.expect(4, "does not begin as one", "snapshot", "import", file, "--home", home)
	s.expect(2, "exists", "snapshot", "export", file, "--home", home)
	s.expect(4, `"exit":4`, "--json", "snapshot", "import", file, "--home", home)
}

// TestNoMembers: no number is the usual one, and zero is none.
func TestNoMembers(t *testing.T) {
	s := newShell(t)
	s.expect(2, "--members 0", "testnet", "up", "--members", "0")
	s.expect(2, "--members", "testnet", "up", "--members", "22")
}
