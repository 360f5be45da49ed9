//go:build linux

package main

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mr-tron/base58"

	client "github.com/phantom-paradox/paradox/clients/go"
	"github.com/phantom-paradox/paradox/node/keys"
)

// A hunt looks for secrets in every form in which somebody could have let them slip.
type hunt struct {
	t      *testing.T
	what   map[string]string // form -> what it is of
	places int
}

// key adds a private key: its seed and its 64 bytes, as text, as Go prints them, and as a keypair file.
func (h *hunt) key(name string, k ed25519.PrivateKey) {
	for _, b := range [][]byte{k, k.Seed()} {
		h.bytes(name, b)
	}
}

func (h *hunt) bytes(name string, b []byte) {
	list := make([]string, len(b))
	for i, n := range b {
		list[i] = strconv.Itoa(int(n))
	}
	for form, text := range map[string]string{
		"raw": string(b), "base58": base58.Encode(b), "hex": hex.EncodeToString(b), "HEX": strings.ToUpper(hex.EncodeToString(b)),
		"base64": base64.StdEncoding.EncodeToString(b), "base64url": base64.RawURLEncoding.EncodeToString(b),
		"list": strings.Join(list[:16], ","), "printed": strings.Join(list[:16], " "), "spaced": strings.Join(list[:16], ", "), "quoted": fmt.Sprintf("%q", b),
	} {
		h.what[text] = name + " as " + form
	}
}

// in searches one place.
func (h *hunt) in(place string, b []byte) {
	h.t.Helper()
	h.places++
	for _, what := range h.find(b) {
		h.t.Errorf("%s holds %s", place, what)
	}
}

func (h *hunt) find(b []byte) (found []string) {
	for form, what := range h.what {
		if bytes.Contains(b, []byte(form)) {
			found = append(found, what)
		}
	}
	return found
}

// TestTheHuntFinds what is there to be found: otherwise a silent one would prove nothing.
func TestTheHuntFinds(t *testing.T) {
	k := ed25519.NewKeyFromSeed(bytes.Repeat([]byte("unlikely"), 4))
	h := &hunt{t: t, what: map[string]string{walletPass: "passphrase"}}
	h.key("key", k)
	path := filepath.Join(t.TempDir(), "k.json")
	must(t, keys.WriteSolana(path, k))
	file, err := os.ReadFile(path)
	must(t, err)
	for _, text := range []string{
		string(file), fmt.Sprintf("%d", []byte(k)), fmt.Sprintf("%x", k), fmt.Sprintf("%X", k.Seed()), fmt.Sprintf("key=%q", string(k)), base58.Encode(k), "PASS=" + walletPass, string(k),
	} {
		if len(h.find([]byte("before "+text+" after"))) == 0 {
			t.Errorf("%q is not found", text)
		}
	}
	if got := h.find([]byte(publicOf(k).String())); len(got) > 0 {
		t.Errorf("the address is no secret: %v", got)
	}
}

// process searches what every user of the machine, or a crash report, can see of a process and of its children.
func (h *hunt) process(pid int) (children int) {
	h.t.Helper()
	for _, name := range []string{"environ", "cmdline"} {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, name))
		if err != nil {
			h.t.Errorf("process %d: %v", pid, err)
		}
		h.in(fmt.Sprintf("%s of process %d", name, pid), b)
	}
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		h.t.Error(err)
	}
	for _, path := range tasks {
		b, _ := os.ReadFile(path) // a thread may have ended
		for _, text := range strings.Fields(string(b)) {
			if child, err := strconv.Atoi(text); err == nil {
				children += 1 + h.process(child)
			}
		}
	}
	return children
}

// api searches what a node says to everybody.
func (h *hunt) api(address string) {
	h.t.Helper()
	for _, path := range []string{"/metrics", "/health", "/api/status", "/api/network", "/api/peers", "/api/stats", "/api/rounds", "/api/asks", "/", "/openapi.json"} {
		req, err := http.NewRequestWithContext(h.t.Context(), http.MethodGet, address+path, nil)
		if err != nil {
			h.t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			h.t.Fatal(err)
		}
		b, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || len(b) == 0 {
			h.t.Errorf("%s: %d bytes, %v", path, len(b), err)
		}
		h.in(path, b)
	}
	http.DefaultClient.CloseIdleConnections()
}

const (
	nodePass   = "the node's own correct horse"
	walletPass = "a wallet's battery staple"
	quickWork  = 4 // of scrypt: what is tested is where secrets go, not how hard they are
)

// TestSecretsStayWhereTheyAre: a node with sealed keys and debug logs runs, wallets are used and misused, and neither a key nor a
// passphrase is in any output, log, answer, metric, command line or environment.
func TestSecretsStayWhereTheyAre(t *testing.T) {
	p := &person{t: t, home: t.TempDir(), said: newSpool()}
	h := &hunt{t: t, what: map[string]string{nodePass: "the node's passphrase", walletPass: "the wallet's passphrase"}}
	up := p.up("--members", "1", "--observers", "0")
	p.wallets("bob")
	if children := h.process(up.cmd.Process.Pid); children != 1 {
		t.Errorf("the launcher has %d children", children)
	}
	up.stop()
	node := filepath.Join(p.home, "nodes", "member1")
	sealHome(t, h, node)
	pass := filepath.Join(p.home, "you", "pass")
	must(t, os.WriteFile(pass, []byte(walletPass+"\n"), 0o600))
	alice := ed25519.NewKeyFromSeed(bytes.Repeat([]byte("unlikely"), 4))
	h.key("alice's key", alice)
	must(t, keys.WriteSealed(p.key("alice"), alice, walletPass, quickWork))

	only := begin(t, paradox(t, "testnet", "chain", "--home", p.home))
	only.until("no node runs")
	n := begin(t, withPipe(t, p.cmd("run", "--home", node, "--log-level", "debug", "--passphrase-file", "/dev/fd/3"), nodePass))
	ready(t, p.node())
	use(p, pass)
	misuse(t, p, h, pass)
	h.process(n.cmd.Process.Pid)
	h.api(p.node().Address())
	n.stop()
	only.stop()
	h.in("the launcher's output", []byte(up.said.String()))
	h.in("the chain's output", []byte(only.said.String()))
	h.in("the node's output", []byte(n.said.String()))
	h.in("what commands said", []byte(p.said.String()))
	if !strings.Contains(n.said.String(), "level=DEBUG") {
		t.Error("the node logged nothing at debug, so nothing was searched")
	}
	logs, err := filepath.Glob(filepath.Join(p.home, "logs", "*"))
	must(t, err)
	for _, path := range logs {
		b, err := os.ReadFile(path)
		must(t, err)
		h.in(path, b)
	}
	if h.places < 20 {
		t.Errorf("only %d places were searched", h.places)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// sealHome seals a node's keys, and hunts for them.
func sealHome(t *testing.T, h *hunt, home string) {
	t.Helper()
	k, err := keys.Load(filepath.Join(home, "keys"), nil)
	must(t, err)
	h.key("the member key", k.Member)
	h.key("the fee payer", k.FeePayer)
	vrf, err := os.ReadFile(filepath.Join(home, "keys", keys.VRFFile))
	must(t, err)
	secret, err := hex.DecodeString(strings.TrimSpace(string(vrf)))
	must(t, err)
	h.bytes("the VRF key", secret)
	for _, name := range []string{keys.MemberFile, keys.VRFFile, keys.FeePayerFile} {
		must(t, keys.Seal(filepath.Join(home, "keys", name), nodePass, quickWork))
	}
}

// withPipe gives a command a passphrase as its file descriptor 3.
func withPipe(t *testing.T, cmd *exec.Cmd, pass string) *exec.Cmd {
	t.Helper()
	r, w, err := os.Pipe()
	must(t, err)
	_, err = io.WriteString(w, pass+"\n")
	must(t, err)
	w.Close()
	t.Cleanup(func() { r.Close() })
	cmd.ExtraFiles = []*os.File{r}
	return cmd
}

func ready(t *testing.T, c *client.Client) {
	t.Helper()
	tick, late := time.NewTicker(50*time.Millisecond), time.NewTimer(patience)
	defer tick.Stop()
	defer late.Stop()
	for {
		err := c.Ready(t.Context())
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-late.C:
			t.Fatal(err)
		}
	}
}

// use is a wallet's day.
func use(p *person, pass string) {
	p.t.Helper()
	alice := []string{"--key", p.key("alice"), "--passphrase-file", pass}
	address := strings.TrimSpace(p.does(0, "", append([]string{"wallet", "address"}, alice...)...))
	p.does(0, "TUSD", "testnet", "fund", address, "--home", p.home)
	p.does(0, "deposited", append([]string{"wallet", "deposit", "5", "TUSD", "-y"}, alice...)...)
	p.does(0, "5 TUSD", append([]string{"wallet", "balance"}, alice...)...)
	signed := p.does(0, "sig", append([]string{"intent", "pay", "1", "TUSD", p.address("bob"), "-y", "--offline", "--nonce", "5"}, alice...)...)
	file := filepath.Join(p.home, "you", "signed")
	must(p.t, os.WriteFile(file, []byte(signed), 0o600))
	p.paysTo("bob", address, "1", "settled")
	p.does(0, "requested", append([]string{"wallet", "request", "1", "TUSD", "-y"}, alice...)...)
	p.does(0, "deposit", append([]string{"wallet", "history", "--json"}, alice...)...)
}

// misuse is what goes wrong: what an error says must not be what it is about.
func misuse(t *testing.T, p *person, h *hunt, pass string) {
	t.Helper()
	alice := p.key("alice")
	wrong, open := filepath.Join(p.home, "you", "wrong"), filepath.Join(p.home, "you", "open.json")
	must(t, os.WriteFile(wrong, []byte(nodePass+"\n"), 0o600))
	p.does(2, "does not open it", "wallet", "balance", "--key", alice, "--passphrase-file", wrong)
	p.does(2, "--passphrase-file", "wallet", "balance", "--key", alice)
	p.does(2, "is no Solana keypair", "wallet", "balance", "--key", pass) // the passphrase's file in the key's place
	p.does(2, "does not open it", "wallet", "balance", "--key", alice, "--passphrase-file", alice)
	loose := ed25519.NewKeyFromSeed(bytes.Repeat([]byte("loosened"), 4))
	h.key("a loose key", loose)
	must(t, keys.WriteSolana(open, loose))
	must(t, os.Chmod(open, 0o640))
	p.does(2, "chmod 0600 "+open, "wallet", "balance", "--key", open)
	must(t, os.Chmod(open, 0o600))
	b, err := os.ReadFile(open)
	must(t, err)
	must(t, os.WriteFile(open, append(b[:len(b)-6], ']', '\n'), 0o600))
	p.does(2, "damaged", "wallet", "balance", "--key", open)
	p.does(2, "damaged", "intent", "pay", "1", "TUSD", p.address("bob"), "--key", open)
	p.does(2, "the address", "testnet", "fund", open, "--home", p.home)
}
