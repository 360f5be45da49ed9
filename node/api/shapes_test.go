package api

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// paths are one request of each operation that answers JSON.
func paths(t testing.TB) map[string]string {
	_, wallet := testWallet(1)
	id := idOf(t, pay(t, 7)).String()
	return map[string]string{
		"intent": "/api/intents/" + id, "round": "/api/rounds/7", "rounds": "/api/rounds", "proof": "/api/rounds/7/proof/" + id,
		"statement": "/api/rounds/7/wallets/" + wallet.String(),
		"nonce":     "/api/user/nonce?wallet=" + wallet.String(), "wallet": "/api/wallets/" + wallet.String(),
		"history": "/api/wallets/" + wallet.String() + "/history", "item": "/api/items/" + wallet.String() + "%2Fsword",
		"item_of": "/api/items/" + wallet.String() + "/sword", "asks": "/api/asks", "network": "/api/network", "peers": "/api/peers",
		"status": "/api/status", "evidence": "/api/evidence", "stats": "/api/stats", "health": "/health", "livez": "/livez", "readyz": "/readyz", "batch": "/api/batches/" + knownCID,
		"problem": "/api/rounds/0", "missing": "/api/nothing",
	}
}

func fetch(t testing.TB, url string) (*http.Response, []byte) {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r, b
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs; if that is meant, run with -update:\n%s", file, got)
	}
}

// TestShapes holds every answer against its golden file and against the schema that /openapi.json gives for it.
func TestShapes(t *testing.T) {
	s, h := serve(t, newFake(t), 0)
	_, doc := fetch(t, h.URL+"/openapi.json")
	for name, path := range paths(t) {
		r, b := fetch(t, h.URL+path)
		if name == "nonce" {
			b = withoutSignIn(t, b)
		}
		var pretty bytes.Buffer
		if err := json.Indent(&pretty, b, "", "  "); err != nil {
			t.Fatalf("%s: %v: %s", name, err, b)
		}
		golden(t, name+".json", pretty.Bytes())
		if r.Header.Get("Access-Control-Allow-Origin") != "*" || r.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: headers %v", name, r.Header)
		}
		request, err := http.NewRequest(http.MethodGet, h.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, pattern := s.mux.Handler(request); pattern != "" {
			checkSchema(t, doc, http.MethodGet, strings.TrimPrefix(pattern, "GET "), r, b)
		}
	}
}

func withoutSignIn(t *testing.T, b []byte) []byte {
	t.Helper()
	var n Nonce
	if err := json.Unmarshal(b, &n); err != nil || !strings.Contains(n.SignIn, "wants you to sign in with your Solana account") {
		t.Fatalf("%v: %q", err, n.SignIn)
	}
	n.SignIn = "…"
	out, err := json.Marshal(n)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// checkSchema holds an answer against the document's schema of its path and status.
func checkSchema(t *testing.T, doc []byte, method, path string, r *http.Response, answer []byte) {
	t.Helper()
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(doc))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	if err := c.AddResource("http://test/openapi.json", parsed); err != nil {
		t.Fatal(err)
	}
	status, kind := strconv.Itoa(r.StatusCode), strings.ReplaceAll(r.Header.Get("Content-Type"), "/", "~1")
	if method == http.MethodGet && r.StatusCode != http.StatusOK {
		status = "default"
	}
	escaped := strings.NewReplacer("/", "~1", "{", "%7B", "}", "%7D").Replace(path)
	at := "http://test/openapi.json#/paths/" + escaped + "/" + strings.ToLower(method) + "/responses/" + status + "/content/" + kind + "/schema"
	schema, err := c.Compile(at)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(answer))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(v); err != nil {
		t.Errorf("%s does not answer what /openapi.json says: %v", path, err)
	}
}
