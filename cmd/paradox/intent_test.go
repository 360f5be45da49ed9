package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/phantom-paradox/paradox/intent"
)

// A desk is a node that answers as it is told, and a wallet before it.
type desk struct {
	*shell
	node   *httptest.Server
	key    string // file
	me     intent.Key
	net    *intent.Network
	submit string                   // answer to POST /api/intents; empty: pending
	status string                   // answer to GET /api/intents/ID
	answer func(taken int32) string // instead of submit; may be nil
	heard  func()                   // called when that is asked; may be nil
	taken  atomic.Int32
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{shell: newShell(t)}
	d.node = httptest.NewServer(http.HandlerFunc(d.serve))
	t.Cleanup(d.node.Close)
	file, err := readNetwork(d.networkFile())
	if err != nil {
		t.Fatal(err)
	}
	d.net = file.Intents()
	d.key = filepath.Join(d.home, "key.json")
	var made struct{ Wallet intent.Key }
	if err := json.Unmarshal([]byte(d.expect(0, "", "wallet", "new", "--key", d.key, "--json")), &made); err != nil {
		t.Fatal(err)
	}
	d.me = made.Wallet
	return d
}

func (d *desk) serve(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/api/user/nonce":
		fmt.Fprintf(w, `{"wallet":%q,"signer":%q,"next":"5","floor":"4"}`, d.me, d.me)
	case r.Method == http.MethodPost:
		b, err := io.ReadAll(r.Body)
		list, derr := intent.DecodeList(b)
		if err != nil || derr != nil {
			d.t.Errorf("handed in %q: %v %v", b, err, derr)
			return
		}
		d.taken.Add(int32(len(list)))
		id, err := list[0].ID(d.net)
		if err != nil || list[0].Verify(d.net) != nil {
			d.t.Errorf("handed in what does not hold: %v", err)
		}
		answer := d.submit
		if d.answer != nil {
			answer = d.answer(d.taken.Load())
		}
		if answer == "" {
			answer = fmt.Sprintf(`{"results":[{"id":%q,"state":"pending"}]}`, id)
		}
		fmt.Fprint(w, answer)
	case strings.HasPrefix(r.URL.Path, "/api/intents/") && d.status != "":
		if d.heard != nil {
			d.heard()
		}
		fmt.Fprint(w, strings.ReplaceAll(d.status, "ID", strings.TrimPrefix(r.URL.Path, "/api/intents/")))
	case strings.HasPrefix(r.URL.Path, "/api/wallets/"):
		fmt.Fprintf(w, `{"wallet":%q,"sessions":[{"key":%q,"mint":%q,"symbol":"USD","max_volume":"2000000","used":"500000","expires":1800000000,"actions":["pay"]}]}`, d.me, d.me, d.net.Mints[0].Mint)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// says runs a command with the desk's network, node and key.
func (d *desk) says(code int, says string, args ...string) string {
	d.t.Helper()
	network := filepath.Join(d.home, "net.json")
	return d.expect(code, says, append(args, "--network", network, "--node", d.node.URL, "--key", d.key)...)
}

func TestEveryKindIsShownAndHandedIn(t *testing.T) {
	d := newDesk(t)
	to := intent.Key{8}.String()
	for n, args := range [][]string{
		{"intent", "pay", "1.5", "USD", to, "--memo", "rent for May"},
		{"intent", "pay", "1.5", "USD", to, "--from", intent.Key{7}.String()},
		{"intent", "ask", "sword", "90", "USD", "--to", to},
		{"intent", "ask", "USD", "90", "USD", "--quantity", "5"},
		{"intent", "cancel", "--nonce", "3"},
		{"intent", "issue", "sword"},
		{"session", "open", to, "10", "USD", "--action", "pay", "--action", "buy", "--life", "24h"},
		{"session", "revoke", to},
		{"session", "close", to},
	} {
		code, says := 0, "is pending"
		if strings.Contains(strings.Join(args, " "), "--quantity") { // goods for their own mint
			code, says = 2, "it must be another"
		}
		d.says(code, says, append(args, "-y")...)
		_, _, shown := d.run(append(args, "--network", filepath.Join(d.home, "net.json"), "--node", d.node.URL, "--key", d.key, "-y")...)
		if code == 0 && !strings.Contains(shown, "Paradox intent v1\nnetwork: cli-test ") {
			t.Errorf("%d: the text is not shown: %s", n, shown)
		}
	}
	d.says(0, "500000 (0.5 USD)", "session", "list")
}

func TestNothingIsSignedWithoutAYes(t *testing.T) {
	d := newDesk(t)
	pay := []string{"intent", "pay", "1", "USD", intent.Key{8}.String()}
	d.says(2, "say --yes", pay...)
	d.secret = func(string) (string, error) { return "", nil }
	d.in = "no\n"
	d.says(1, "nothing was signed", pay...)
	if d.taken.Load() != 0 {
		t.Error("it was handed in")
	}
	d.in = "YES\n"
	d.says(0, "is pending", pay...)
	if d.taken.Load() != 1 {
		t.Error("it was not handed in")
	}
}

func TestOfflineAndLater(t *testing.T) {
	d := newDesk(t)
	pay := []string{"intent", "pay", "1", "USD", intent.Key{8}.String(), "-y", "--offline"}
	d.says(2, "--nonce", pay...)
	d.says(2, "cannot --wait", append(pay, "--nonce", "9", "--wait", "settled")...)
	signed := d.says(0, `"kind":"pay"`, append(pay, "--nonce", "9")...)
	if d.taken.Load() != 0 {
		t.Fatal("a node was asked")
	}
	file := filepath.Join(d.home, "signed.json")
	put := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put(signed)
	send := []string{"intent", "send", file, "-y", "--network", filepath.Join(d.home, "net.json"), "--node", d.node.URL}
	d.expect(0, "is pending", send...)
	d.in = signed
	send[2] = "-"
	d.expect(0, `"state":"pending"`, append(send, "--json")...)
	send[2] = file
	for says, text := range map[string]string{
		"holds 0 intents":     "",
		"is no JSON":          signed + "{",
		"intent 2":            signed + "{}",
		"intent 1":            strings.Replace(signed, `"amount":"1000000"`, `"amount":"2000000"`, 1), // another text than was signed
		"wrong_network":       strings.Replace(signed, "cli-test", "other-test", 1),
		"holds 257 intents":   strings.Repeat(signed, 257),
		"intent 1: bad input": "[]",
	} {
		put(text)
		d.expect(2, says, send...)
	}
	send[2] = filepath.Join(d.home, "nothing.json")
	d.expect(2, "no such file", send...)
}

func TestWhatANodeSaysOfAnIntent(t *testing.T) {
	d := newDesk(t)
	pay := []string{"intent", "pay", "1", "USD", intent.Key{8}.String(), "-y"}
	d.submit = `{"results":[{"id":null,"code":"no_entry","detail":"no entry","field":"from"}]}`
	d.says(1, "paradox wallet deposit", pay...)
	d.says(1, `"code":"no_entry"`, append(pay, "--json")...)
	refused := d.submit // with --wait it is handed in until the node has seen the deposit
	d.answer = func(n int32) string {
		if n < 3 {
			return refused
		}
		return ""
	}
	d.taken.Store(0)
	d.submit = ""
	d.status = `{"id":"ID","state":"settled","accepted":{"height":3,"batch":"bafy"},"settled":{"transactions":["` + strings.Repeat("1", 64) + `"],"slot":9}}`
	d.says(0, "https://explorer.solana.com/tx/", append(pay, "--wait", "settled")...)
	if d.taken.Load() != 3 {
		t.Errorf("handed in %d times", d.taken.Load())
	}
	d.answer = nil
	d.status = `{"id":"ID","state":"dropped","dropped":{"code":"expired"}}`
	d.says(4, "was dropped as expired", append(pay, "--wait", "accepted")...)
	d.status = `{"id":"ID","state":"pending","pending":{"code":"uncovered","detail":"needs 90, has 60"}}`
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var asked atomic.Int32
	d.heard = func() {
		if asked.Add(1) == 2 {
			cancel()
		}
	}
	d.ctx = ctx
	d.says(1, "needs 90, has 60", append(pay, "--wait", "settled")...)
	d.ctx = nil
	d.node.Close()
	d.says(3, "is a node running there", pay...)
	d.expect(3, "is a node running there", "intent", "show", intent.ID{1}.String(), "--network", filepath.Join(d.home, "net.json"), "--node", d.node.URL)
}

func TestWhatIsWrongWithAnIntent(t *testing.T) {
	d := newDesk(t)
	to, id := intent.Key{8}.String(), intent.ID{1}.String()
	for _, c := range []struct {
		says string
		args []string
	}{
		{"it has USD", []string{"intent", "pay", "1", "EUR", to}},
		{"the payee", []string{"intent", "pay", "1", "USD", "bob"}},
		{"such as 1.5", []string{"intent", "pay", "1,5", "USD", to}},
		{"self_trade", []string{"intent", "pay", "1", "USD", d.me.String()}},
		{"--from", []string{"intent", "pay", "1", "USD", to, "--from", "bob"}},
		{"1s to 1h0m0s", []string{"intent", "pay", "1", "USD", to, "--life", "48h"}},
		{"--wait", []string{"intent", "pay", "1", "USD", to, "--wait", "forever"}},
		{"--quantity", []string{"intent", "ask", "USD", "1", "USD"}},
		{"when somebody buys it", []string{"intent", "ask", "sword", "1", "USD", "--wait", "settled"}},
		{"not an intent id", []string{"intent", "buy", "bafy"}},
		{"--offline", []string{"intent", "buy", id, "--price", "1", "--mint", "USD"}},
		{"does not know", []string{"intent", "buy", id}},
		{"and not both", []string{"intent", "cancel", id, "--nonce", "3"}},
		{"and not both", []string{"intent", "cancel"}},
		{"not an intent id", []string{"intent", "cancel", "x"}},
		{"item", []string{"intent", "issue", "a/b/c"}},
		{"does not know", []string{"intent", "show", id}},
		{"session key", []string{"session", "open", "bob", "1", "USD", "--action", "pay"}},
		{"actions", []string{"session", "open", to, "1", "USD", "--action", "steal"}},
		{"--action", []string{"session", "open", to, "1", "USD"}},
		{"session key", []string{"session", "revoke", "bob"}},
		{"the address", []string{"session", "list", "bob"}},
	} {
		if c.args[1] != "list" && c.args[1] != "show" {
			c.args = append(c.args, "-y")
		}
		if c.args[1] == "show" {
			d.expect(2, c.says, append(c.args, "--network", filepath.Join(d.home, "net.json"), "--node", d.node.URL)...)
			continue
		}
		d.says(2, c.says, c.args...)
	}
	if d.taken.Load() != 0 {
		t.Error("something was handed in")
	}
}

// TestANodeThatLiesAboutAnAsk: the price is the ask's own, or nothing is signed.
func TestANodeThatLiesAboutAnAsk(t *testing.T) {
	d := newDesk(t)
	ask := strings.TrimSpace(d.says(0, `"kind":"ask"`, "intent", "ask", "sword", "90", "USD", "--nonce", "2", "--offline", "-y"))
	s, err := intent.ParseJSON([]byte(ask), d.net)
	if err != nil {
		t.Fatal(err)
	}
	id, err := s.ID(d.net)
	if err != nil {
		t.Fatal(err)
	}
	d.status = fmt.Sprintf(`{"id":"ID","state":"pending","intent":%s}`, ask)
	d.says(4, "another intent", "intent", "buy", intent.ID{1}.String(), "-y")
	d.says(2, "own ask", "intent", "buy", id.String(), "-y")
	d.status = fmt.Sprintf(`{"id":"ID","state":"pending","intent":%s}`, strings.Replace(ask, `"90000000"`, `"95000000"`, 1))
	d.says(2, "bad_signature", "intent", "buy", id.String(), "-y")
	d.status = fmt.Sprintf(`{"id":"ID","state":"pending","intent":%s}`, d.says(0, "pay", "intent", "pay", "1", "USD", intent.Key{8}.String(), "--nonce", "3", "--offline", "-y"))
	d.says(4, "another intent", "intent", "buy", id.String(), "-y")
	if d.taken.Load() != 0 {
		t.Error("something was handed in")
	}
}

// TestTheWaitEndsWhileANodeHangs: what the node said before is the reason, and not that it does not answer.
func TestTheWaitEndsWhileANodeHangs(t *testing.T) {
	d := newDesk(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	release := make(chan struct{})
	d.ctx = ctx
	d.answer = func(n int32) string {
		if n > 1 {
			cancel()
			<-release
		}
		return `{"results":[{"id":null,"code":"no_entry","detail":"no entry","field":"from"}]}`
	}
	d.says(1, `"code":"no_entry"`, "intent", "pay", "1", "USD", intent.Key{8}.String(), "-y", "--wait", "settled", "--json")
	close(release)
}

func TestCancellingWhatIsDecided(t *testing.T) {
	d := newDesk(t)
	pay := strings.TrimSpace(d.says(0, "pay", "intent", "pay", "1", "USD", intent.Key{8}.String(), "--nonce", "3", "--offline", "-y"))
	signed, err := intent.ParseJSON([]byte(pay), d.net)
	if err != nil {
		t.Fatal(err)
	}
	id, err := signed.ID(d.net)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		state, says string
		code        int
		handedIn    int32
	}{
		{"settled", "nothing left to withdraw", 1, 0},
		{"dropped", "nothing left to withdraw", 1, 0},
		{"accepted", "counts only if the chain undoes that height", 0, 1},
	} {
		d.taken.Store(0)
		d.status = fmt.Sprintf(`{"id":"ID","state":%q,"intent":%s}`, c.state, pay)
		d.says(c.code, c.says, "intent", "cancel", id.String(), "-y")
		if n := d.taken.Load(); n != c.handedIn {
			t.Errorf("%s: %d handed in", c.state, n)
		}
	}
}
