package chain_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gagliardetto/solana-go"
	"github.com/gagliardetto/solana-go/rpc"

	"github.com/phantom-paradox/paradox/chain"
	"github.com/phantom-paradox/paradox/intent"
)

// deployed is a cluster that has one program.
type deployed struct {
	chain.Client
	accounts map[solana.PublicKey]*rpc.Account
}

func (d *deployed) GetAccountInfoWithOpts(_ context.Context, k solana.PublicKey, _ *rpc.GetAccountInfoOpts) (*rpc.GetAccountInfoResult, error) {
	if d.accounts == nil {
		return nil, errKilled
	}
	if a := d.accounts[k]; a != nil {
		return &rpc.GetAccountInfoResult{Value: a}, nil
	}
	return nil, rpc.ErrNotFound
}

func account(t *testing.T, owner solana.PublicKey, executable bool, data []byte) *rpc.Account {
	t.Helper()
	a := &rpc.Account{Owner: owner, Executable: executable, Data: new(rpc.DataBytesOrJSON)}
	text, err := json.Marshal([]any{data, "base64"})
	must(t, err)
	must(t, json.Unmarshal(text, a.Data))
	return a
}

// upgradeable is a program with its data, room behind the code and an authority or none.
func upgradeable(t *testing.T, code []byte, room int, authority *solana.PublicKey) *deployed {
	t.Helper()
	id, at := founded(1).ProgramID, key(9).PublicKey()
	data := binary.LittleEndian.AppendUint64([]byte{3, 0, 0, 0}, 77)
	if authority != nil {
		data = append(append(data, 1), authority[:]...)
	} else {
		data = append(data, make([]byte, 33)...)
	}
	data = append(append(data, code...), make([]byte, room)...)
	return &deployed{accounts: map[solana.PublicKey]*rpc.Account{
		solana.PublicKey(id): account(t, solana.BPFLoaderUpgradeableProgramID, true, append([]byte{2, 0, 0, 0}, at[:]...)),
		at:                   account(t, solana.BPFLoaderUpgradeableProgramID, false, data),
	}}
}

// TestCheckProgram: the pinned code and nobody who can replace it, or no start.
func TestCheckProgram(t *testing.T) {
	f := founded(1)
	code := append(bytes.Repeat([]byte{7}, 100), 0, 0, 0) // a code may end in zeros
	f.CodeHash = sha256.Sum256(code)
	someone, id := key(5).PublicKey(), solana.PublicKey(f.ProgramID)
	good, other := upgradeable(t, code, 4000, nil), upgradeable(t, []byte{8}, 0, nil)
	silent := &deployed{}
	for what, c := range map[string]struct {
		sources []*deployed
		says    string // "": it is right
	}{
		"right":                      {[]*deployed{good}, ""},
		"right, without room":        {[]*deployed{upgradeable(t, code, 0, nil)}, ""},
		"one that never changes":     {[]*deployed{{accounts: map[solana.PublicKey]*rpc.Account{id: account(t, solana.BPFLoaderProgramID, true, code)}}}, ""},
		"other code":                 {[]*deployed{other}, "has code of the hash"},
		"cut code":                   {[]*deployed{upgradeable(t, code[:99], 4000, nil)}, "has code of the hash"},
		"someone can replace it":     {[]*deployed{upgradeable(t, code, 0, &someone)}, someone.String()},
		"nothing there":              {[]*deployed{{accounts: map[solana.PublicKey]*rpc.Account{}}}, "nothing at"},
		"no program":                 {[]*deployed{{accounts: map[solana.PublicKey]*rpc.Account{id: account(t, solana.SystemProgramID, false, nil)}}}, "not a program"},
		"a loader of another kind":   {[]*deployed{{accounts: map[solana.PublicKey]*rpc.Account{id: account(t, someone, true, code)}}}, "loader"},
		"two of three":               {[]*deployed{other, good, good}, ""},
		"one of three":               {[]*deployed{other, other, good}, "has code of the hash"},
		"one of two":                 {[]*deployed{good, other}, "has code of the hash"},
		"one of two does not answer": {[]*deployed{silent, good}, ""},
		"nobody answers":             {[]*deployed{silent, silent}, "killed"},
	} {
		var sources []chain.Source
		for _, d := range c.sources {
			sources = append(sources, chain.Source{Name: "endpoint", RPC: d})
		}
		err := chain.CheckProgram(t.Context(), f, sources)
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", what, err)
		}
		if err != nil && what != "nobody answers" && !errors.Is(err, chain.ErrProgram) {
			t.Errorf("%s: %v is not ErrProgram", what, err)
		}
	}
}

// TestModelSaysSo: the program of the model is the hash of what it says of itself.
func TestModelSaysSo(t *testing.T) {
	w := newWorld(t, 1, 1)
	p, err := chain.ReadProgram(t.Context(), w.rpc, solana.PublicKey(w.file.ProgramID), w.file.CodeHash)
	must(t, err)
	if err := p.Check(w.file); err != nil || p.Authority != nil || p.Code != w.file.CodeHash {
		t.Fatalf("%+v, %v", p, err)
	}
	bad := *w.file
	bad.CodeHash = intent.Hash{1}
	if err := p.Check(&bad); !errors.Is(err, chain.ErrProgram) {
		t.Fatal(err)
	}
}

// TestNoBlockhash: an endpoint that answers without one is an error, not a crash.
func TestNoBlockhash(t *testing.T) {
	for _, result := range []string{`null`, `{}`, `{"context":{"slot":1},"value":null}`} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"jsonrpc":"2.0","id":1,"result":` + result + `}`))
		}))
		c := rpc.New(s.URL)
		if h, err := chain.LatestBlockhash(t.Context(), c); err == nil || !strings.Contains(err.Error(), "blockhash") {
			t.Errorf("%s: %+v, %v", result, h, err)
		}
		c.Close()
		s.Close()
	}
}
