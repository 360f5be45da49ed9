package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/phantom-paradox/paradox/akash/akashtest"
)

// nodePeer is a peer id as nodes have them.
const nodePeer = "12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA"

// onAkashTest is Akash with a node behind its provider's ingress that answers what `akash status` asks.
func onAkashTest(t *testing.T) *akashtest.Console {
	t.Helper()
	node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/health":
			fmt.Fprint(w, `{"status":"healthy","checks":[]}`)
		case "/api/status":
			fmt.Fprint(w, `{"height":7,"peers":4}`)
		case "/api/peers":
			fmt.Fprintf(w, `{"id":%q,"addresses":[],"peers":[],"bootstrap":[]}`, nodePeer)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(node.Close)
	s := akashtest.New()
	t.Cleanup(s.Close)
	s.Running(akashtest.Status("198.51.100.7", 4001, 4001, strings.TrimPrefix(node.URL, "http://")))
	return s
}

// A tenant is a shell of somebody with a Console account.
func tenant(t *testing.T) (*shell, *akashtest.Console) {
	t.Helper()
	server := onAkashTest(t)
	s := newShell(t)
	s.env = []string{"PARADOX_AKASH_API=" + server.URL, "PARADOX_AKASH_KEY=" + akashtest.Key}
	return s, server
}

const deployFile = "../../deploy.sdl.yaml"

func deployArgs(more ...string) []string {
	return append([]string{"akash", "deploy", deployFile, "--window", "1ns", "--wait", "1ns"}, more...)
}

func TestAkashFromDeployToClose(t *testing.T) {
	s, server := tenant(t)
	s.expect(2, "paradox akash deploy", "akash", "status")
	s.expect(2, "say --yes", deployArgs()...) // nobody can be asked
	if server.Calls("POST") != 0 {
		t.Fatal("it did not ask")
	}
	s.expect(0, "Deployment 1001 runs.", deployArgs("--yes")...)
	_, _, told := s.run(deployArgs("--yes")...)
	if strings.Contains(told, "Leases from") {
		t.Errorf("it asks again for what is there: %s", told)
	}
	out := s.expect(0, "1001, active", "akash", "status")
	for _, want := range []string{"18.5 uact a block, $7.95 a month", "$5.00, which is 19.1 days", "1 of 1", "healthy, height 7, 4 peers", "/ip4/198.51.100.7/udp/4001/quic-v1/p2p/" + nodePeer} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	var v struct {
		DSeq, Provider string
		Month          float64 `json:"usd_a_month"`
		Announce       []string
		Node           struct{ Bootstrap []string }
	}
	if err := json.Unmarshal([]byte(s.expect(0, "dseq", "--json", "akash", "status")), &v); err != nil || v.DSeq != "1001" || v.Provider != akashtest.Cheap ||
		len(v.Announce) != 2 || len(v.Node.Bootstrap) != 2 || v.Month < 7.9 || v.Month > 8 {
		t.Errorf("%+v %v", v, err)
	}
	server.Saying(`{"name":"node-0","message":"a line \u001b[2Jof the node"}`)
	s.expect(0, "a line [2Jof the node", "akash", "logs")
	s.expect(0, `{"line":"a line [2Jof the node","service":"node-0"}`, "--json", "akash", "logs", "--tail", "1")
	s.expect(2, "less than none", "akash", "logs", "--tail=-1")
	s.expect(2, "say --yes", "akash", "close")
	s.expect(0, "is closed", "akash", "close", "--yes")
	s.expect(2, "paradox akash deploy", "akash", "logs")
	if all := server.Deployments(); len(all) != 1 || all[0].State != "closed" {
		t.Errorf("%+v", all)
	}
}

// The bids are shown, and taking one can be declined.
func TestAkashAsksBeforeItSpends(t *testing.T) {
	s, server := tenant(t)
	s.secret = func(string) (string, error) { return "", nil } // there is a terminal
	s.in = "n\n"
	s.expect(1, "not confirmed", deployArgs()...)
	if server.Calls("POST") != 0 {
		t.Error("a deployment without leave")
	}
	s.in = "y\n" // and nothing to the second question
	_, _, told := s.run(deployArgs()...)
	for _, want := range []string{"sets aside $5.00", "some $7.96 a month", "at most $42.", akashtest.Dear, "$13.1", "Leases from " + akashtest.Cheap + " for $7.95 a month"} {
		if !strings.Contains(told, want) {
			t.Errorf("no %q in\n%s", want, told)
		}
	}
	if all := server.Deployments(); len(all) != 1 || all[0].Lease != "" {
		t.Errorf("%+v", all)
	}
	s.in = "y\n"
	s.expect(0, "runs", deployArgs("--provider", akashtest.Dear)...)
	if all := server.Deployments(); len(all) != 1 || all[0].Lease != akashtest.Dear {
		t.Errorf("%+v", all)
	}
}

func TestAkashExitCodes(t *testing.T) {
	s, server := tenant(t)
	s.expect(2, "no-such", "akash", "deploy", "no-such")
	server.On(http.MethodPost, "/v1/deployments", akashtest.Says(http.StatusPaymentRequired, `{"error":"PaymentRequiredError","message":"Insufficient balance"}`))
	s.expect(1, "Insufficient balance", deployArgs("--yes")...)
	server.Bidding()
	s.expect(1, "no provider offers", deployArgs("--yes")...)
	server.Bidding(akashtest.Bid{Provider: akashtest.Cheap, State: "open", Denom: "uact", Amount: "1"})
	server.Running(nil)
	s.expect(4, "has not started", deployArgs("--yes")...)
	s.expect(4, "has not started", "akash", "status")
	server.Change(func(all []*akashtest.Deployment) { all[0].LeaseState = "closed" })
	s.expect(4, "lease_closed_provider", "akash", "status")
	s.env = []string{"PARADOX_AKASH_API=" + server.URL, "PARADOX_AKASH_KEY=another"}
	s.expect(2, "look at the key", "akash", "status")
	s.env = []string{"PARADOX_AKASH_API=" + server.URL}
	s.expect(2, "PARADOX_AKASH_KEY", "akash", "status")
	s.env = []string{"PARADOX_AKASH_API=http://example.com", "PARADOX_AKASH_KEY=secret-123"}
	s.expect(2, "akash.api", "akash", "status")
}

// The key comes from a file that is its owner's alone, and is nowhere in what is said or kept.
func TestAkashKey(t *testing.T) {
	s, server := tenant(t)
	path := filepath.Join(s.home, "akash.key")
	if err := os.WriteFile(path, []byte(akashtest.Key+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	s.env = []string{"PARADOX_AKASH_API=" + server.URL, "PARADOX_AKASH_KEY_FILE=" + path}
	s.expect(2, "chmod 600", deployArgs("--yes")...)
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, args := range [][]string{deployArgs("--yes"), {"akash", "status"}, {"akash", "logs"}, {"config"}, {"akash", "sdl"}} {
		code, out, err := s.run(args...)
		if code != 0 {
			t.Errorf("%v: %d\n%s%s", args, code, out, err)
		}
		all.WriteString(out + err)
	}
	state, err := os.ReadFile(filepath.Join(s.home, ".paradox", "akash.json"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(all.String()+string(state), akashtest.Key) {
		t.Error("the key is shown or kept")
	}
	if strings.Contains(all.String(), "Left out: akash") {
		t.Error("the account's settings are taken for the node's")
	}
}
