package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	client "github.com/phantom-paradox/paradox/clients/go"
	"github.com/phantom-paradox/paradox/network"
	"github.com/phantom-paradox/paradox/node/council"
	"github.com/phantom-paradox/paradox/node/keys"
)

// memberHome makes a home of a network whose only member, m1, it is, and a node's API for it; what is handed in there comes out.
func memberHome(t *testing.T, s *shell) (home, api string, handed chan []byte) {
	t.Helper()
	file := s.networkFile()
	home = filepath.Join(s.home, "home")
	s.expect(0, "", "init", "--home", home, "--network", file)
	f, err := readNetwork(file)
	if err != nil {
		t.Fatal(err)
	}
	k, err := keys.Load(filepath.Join(home, "keys"), nil)
	if err != nil {
		t.Fatal(err)
	}
	p, err := k.Public()
	if err != nil {
		t.Fatal(err)
	}
	mine := client.Member{Name: "mine", Key: p.Member, VRF: p.VRF, Weight: 1}
	net := client.Network{Name: f.Name, Hash: f.Hash(), Epoch: 3, Members: []client.Member{mine, client.Member(f.Members[0])}, Threshold: 1}
	handed = make(chan []byte, 8)
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var v any = net
		if r.Method == http.MethodPost {
			b, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			handed <- b
			w.WriteHeader(http.StatusAccepted)
			v = map[string]any{"changes": []client.Change{{Action: "admit", Member: mine, Approved: []string{"mine"}, Weight: 1, Threshold: 2, Own: true, Expires: 1}}}
		}
		if err := json.NewEncoder(w).Encode(v); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(h.Close)
	return home, h.URL, handed
}

func TestOperatorsApproveChanges(t *testing.T) {
	s := newShell(t)
	home, api, handed := memberHome(t, s)
	candidate := filepath.Join(s.home, "candidate")
	s.expect(0, "", "init", "--home", candidate, "--network", filepath.Join(home, "network.json"))
	request := s.expect(0, `"name":"m9"`, "network", "join", "--home", candidate, "--name", "m9")
	file := filepath.Join(s.home, "request.json")
	if err := os.WriteFile(file, []byte(request), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := readNetwork(filepath.Join(home, "network.json"))
	if err != nil {
		t.Fatal(err)
	}
	s.expect(0, "approved by mine, weight 1 of more than 2", "network", "admit", file, "--home", home, "--node", api, "--weight", "2")
	a, err := council.Parse(<-handed)
	if err != nil || a.Verify(f.Hash()) != nil || a.Epoch != 3 || a.Change.Admit.Name != "m9" || a.Change.Admit.Weight != 2 || a.Expires-a.Made != 7*86400 {
		t.Fatalf("%+v, %v", a, err)
	}
	s.in = request
	s.expect(0, "taken back", "network", "admit", "-", "--undo", "--home", home, "--node", api, "--weight", "2")
	if a, err = council.Parse(<-handed); err != nil || a.Expires != a.Made {
		t.Fatalf("%+v, %v", a, err)
	}
	s.expect(0, "approval is on the node's disk", "network", "remove", f.Members[0].Name, "--home", home, "--node", api, "--for", "1h")
	if a, err = council.Parse(<-handed); err != nil || *a.Change.Remove != f.Members[0].Key {
		t.Fatalf("%+v, %v", a, err)
	}
	s.expect(0, "epoch 3: 2 members", "network", "members", "--node", api)
	s.expect(2, "is no member", "network", "remove", "nobody", "--home", home, "--node", api)
	s.expect(2, "at most", "network", "remove", "mine", "--home", home, "--node", api, "--for", "9999h")
	s.in = strings.Replace(request, "m9", "m8", 1)
	s.expect(2, "has not signed", "network", "admit", "-", "--home", home, "--node", api)
	s.expect(2, "1 to 21", "bench", "rounds", "--members", "22")
	s.expect(2, "1-32 of", "network", "join", "--home", candidate, "--name", "a b")
	if len(handed) != 0 {
		t.Error("what is refused was handed in")
	}
	if network.Find(f.Members, a.From) >= 0 {
		t.Error("signed by another key than the home's")
	}
}

func TestEvidenceIsListed(t *testing.T) {
	s := newShell(t)
	answer := `{"evidence":[]}`
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if _, err := io.WriteString(w, answer); err != nil {
			t.Error(err)
		}
	}))
	defer h.Close()
	s.expect(0, "no member contradicted itself", "evidence", "--node", h.URL)
	answer = `{"evidence":[{"member":"11111111111111111111111111111112","name":"m2","height":7,"epoch":0,"generation":1,"votes":[{"kind":"commit","view":1,"digest":"aa"},{"kind":"commit","view":1,"digest":"bb"}],"proof":"a2"}]}`
	s.expect(0, "m2 at height 7", "evidence", "--node", h.URL)
	s.expect(0, `"proof":"a2"`, "evidence", "--json", "--node", h.URL)
}
