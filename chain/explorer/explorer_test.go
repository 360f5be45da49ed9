package explorer

import (
	"testing"

	"github.com/gagliardetto/solana-go"

	"github.com/phantom-paradox/paradox/intent"
)

func TestLinks(t *testing.T) {
	hash := func(s string) intent.Hash {
		h, err := intent.ParseHash(s)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	sig := solana.Signature{1}
	tx := site + "tx/" + sig.String()
	for _, c := range []struct {
		cluster  intent.Hash
		endpoint string
		want     string
	}{
		{hash(mainnet), "https://rpc.example/key", tx},
		{hash(devnet), "http://127.0.0.1:8899", tx + "?cluster=devnet"},
		{hash(testnet), "", tx + "?cluster=testnet"},
		{intent.Hash{9}, "http://127.0.0.1:8899", tx + "?cluster=custom&customUrl=http%3A%2F%2F127.0.0.1%3A8899"},
		{intent.Hash{9}, "http://localhost:8899/", tx + "?cluster=custom&customUrl=http%3A%2F%2Flocalhost%3A8899%2F"},
		{intent.Hash{9}, "http://127.0.0.1:8899/secret", tx + "?cluster=custom"},
		{intent.Hash{9}, "http://user:secret@127.0.0.1:8899", tx + "?cluster=custom"},
		{intent.Hash{9}, "https://rpc.example?key=secret", tx + "?cluster=custom"},
		{intent.Hash{9}, "https://8.8.8.8", tx + "?cluster=custom"},
		{intent.Hash{9}, "::", tx + "?cluster=custom"},
	} {
		if got := For(c.cluster, c.endpoint).Transaction(sig); got != c.want {
			t.Errorf("%s %q: %s, want %s", c.cluster, c.endpoint, got, c.want)
		}
	}
	if !Public(hash(devnet)) || Public(intent.Hash{9}) {
		t.Error("public")
	}
	k := solana.PublicKey{7}
	if got := For(hash(devnet), "").Address(k); got != site+"address/"+k.String()+"?cluster=devnet" {
		t.Error(got)
	}
}
