package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"sync"
	"testing"

	"github.com/gagliardetto/solana-go"

	"github.com/phantom-paradox/paradox/chain/localnet"
	"github.com/phantom-paradox/paradox/chain/vault"
)

// A gate stands before an RPC endpoint and swallows transactions with certain instructions of the vault: it acknowledges them,
// and they never arrive.
type gate struct {
	*httptest.Server
	swallowed chan vault.Tag // of each that it swallowed; what nobody takes is dropped

	mu   sync.Mutex
	tags []vault.Tag
	keep func([]byte) bool // of an instruction's data, beside its tag; nil: all
}

func newGate(t *testing.T, target string) *gate {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{swallowed: make(chan vault.Tag, 1)}
	proxy := httputil.NewSingleHostReverseProxy(u)
	proxy.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		if answer := g.swallow(body); answer != "" {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, answer)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(g.Close)
	return g
}

// refuse swallows transactions with these instructions from now on.
func (g *gate) refuse(keep func([]byte) bool, tags ...vault.Tag) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.tags, g.keep = tags, keep
}

// swallow is the answer to a transaction that shall not pass; empty for everything else.
func (g *gate) swallow(body []byte) string {
	var call struct {
		ID     json.RawMessage
		Method string
		Params []json.RawMessage
	}
	var text string
	if json.Unmarshal(body, &call) != nil || call.Method != "sendTransaction" || len(call.Params) == 0 || json.Unmarshal(call.Params[0], &text) != nil {
		return ""
	}
	tx, err := solana.TransactionFromBase64(text)
	if err != nil {
		return ""
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, ix := range tx.Message.Instructions {
		program, err := tx.Message.Program(ix.ProgramIDIndex)
		if err != nil || program != localnet.DefaultVaultProgram() || len(ix.Data) == 0 {
			continue
		}
		tag := vault.Tag(ix.Data[0])
		if slices.Contains(g.tags, tag) && (g.keep == nil || g.keep(ix.Data)) {
			select {
			case g.swallowed <- tag:
			default:
			}
			return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":%q}`, call.ID, tx.Signatures[0])
		}
	}
	return ""
}
