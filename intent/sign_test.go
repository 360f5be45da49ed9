package intent

import (
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"testing"
)

// TestSpeccheck: of the twelve crafted cases on which implementations part, verify_strict takes one.
func TestSpeccheck(t *testing.T) {
	b, err := os.ReadFile("testdata/speccheck.json")
	if err != nil {
		t.Fatal(err)
	}
	var set struct {
		Cases []struct {
			Name, Message, Public, Sig string
			Strict                     bool
		}
	}
	if err := json.Unmarshal(b, &set); err != nil || len(set.Cases) != 12 {
		t.Fatalf("%d cases, %v", len(set.Cases), err)
	}
	for _, c := range set.Cases {
		msg, key, sig := unhex(t, c.Message), Key(unhex(t, c.Public)), Signature(unhex(t, c.Sig))
		if got := VerifySignature(key, msg, sig); got != c.Strict {
			t.Errorf("%s: %v", c.Name, got)
		}
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// smallOrder are the eight points of small order, and encodings of them that are not canonical.
func smallOrder() []string {
	return []string{
		"0100000000000000000000000000000000000000000000000000000000000000",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0000000000000000000000000000000000000000000000000000000000000080",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	}
}

// TestSmallOrderKeys: such a key signs nothing, whatever the signature.
func TestSmallOrderKeys(t *testing.T) {
	for _, s := range smallOrder() {
		k := Key(unhex(t, s))
		if !SmallOrder(k) {
			t.Errorf("%s is not seen", s)
		}
		for _, r := range smallOrder() {
			var sig Signature
			copy(sig[:], unhex(t, r))
			if VerifySignature(k, []byte("anything"), sig) {
				t.Errorf("A = %s, R = %s, S = 0 is taken", s, r)
			}
		}
	}
	_, k := testKey(1)
	if SmallOrder(k) || !OnCurve(k) {
		t.Error("an ordinary key is refused")
	}
	var off Key
	off[0] = 2 // y = 2 is on no point
	if OnCurve(off) || SmallOrder(off) {
		t.Error("2 is taken for a point")
	}
}

// TestOneText: a signature holds for no other text, key or network.
func TestOneText(t *testing.T) {
	n := testNetwork()
	priv, from := testKey(1)
	_, to := testKey(2)
	i := Intent{Kind: Revoke, From: from, To: &to, Nonce: 1, Created: 100, Expires: 200}
	s, err := Sign(priv, n, i)
	if err != nil {
		t.Fatal(err)
	}
	if s.Network != n.Hash || s.Verify(n) != nil {
		t.Fatalf("%+v", s)
	}
	other := testNetwork()
	other.Name = "paradox-test-2"
	requireError(t, s.Verify(other), BadSignature, "sig")
	other.Hash[0] ^= 1
	requireError(t, s.Verify(other), WrongNetwork, "network")
	s.Nonce++
	requireError(t, s.Verify(n), BadSignature, "sig")
}

func requireError(t *testing.T, err error, code Code, field string) {
	t.Helper()
	if e, ok := errors.AsType[*Error](err); !ok || e.Code != code || e.Field != field {
		t.Errorf("%v; want %s: %s", err, code, field)
	}
}

func TestSignRefuses(t *testing.T) {
	n := testNetwork()
	priv, from := testKey(1)
	wrongKey, to := testKey(2)
	good := Intent{Kind: Revoke, From: from, To: &to, Nonce: 1, Created: 100, Expires: 200}
	for _, k := range []ed25519.PrivateKey{wrongKey, nil, priv[:10]} {
		if _, err := Sign(k, n, good); !errors.Is(err, ErrWrongSigner) {
			t.Errorf("a key of %d bytes: %v", len(k), err)
		}
	}
	bad := good
	bad.To = nil
	_, err := Sign(priv, n, bad)
	requireError(t, err, BadEncoding, "to")
}
