package intent

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"testing"
)

type vector struct {
	Name string          `json:"name"`
	Text string          `json:"text"`
	ID   ID              `json:"id"`
	Sig  Signature       `json:"sig"`
	Wire string          `json:"wire"`
	JSON json.RawMessage `json:"json"`
	Code Code            `json:"code"`
	Why  string          `json:"why"`
}

func (v vector) wire(t testing.TB) []byte {
	t.Helper()
	b, err := hex.DecodeString(v.Wire)
	if err != nil {
		t.Fatalf("%s: wire: %v", v.Name, err)
	}
	return b
}

type vectors struct {
	Network Network `json:"network"`
	Keys    []struct {
		Seed   string `json:"seed"`
		Public Key    `json:"public"`
	} `json:"keys"`
	Valid   []vector `json:"valid"`
	Invalid []vector `json:"invalid"`
}

// private is the key of a public key of the vectors.
func (v *vectors) private(t testing.TB, public Key) ed25519.PrivateKey {
	t.Helper()
	for _, k := range v.Keys {
		if k.Public != public {
			continue
		}
		seed, err := hex.DecodeString(k.Seed)
		if err != nil {
			t.Fatal(err)
		}
		return ed25519.NewKeyFromSeed(seed)
	}
	t.Fatalf("no private key for %s", public)
	return nil
}

func loadVectors(t testing.TB) *vectors {
	t.Helper()
	b, err := os.ReadFile("testdata/intents.json")
	if err != nil {
		t.Fatal(err)
	}
	v := new(vectors)
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatal(err)
	}
	return v
}

// judge is everything that can be said of wire bytes without state.
func judge(wire []byte, n *Network) error {
	s, err := Decode(wire)
	if err != nil {
		return err
	}
	if err := s.Check(n); err != nil {
		return err
	}
	return s.Verify(n)
}

func TestValidVectors(t *testing.T) {
	v := loadVectors(t)
	if len(v.Valid) < 13 {
		t.Fatalf("only %d valid vectors", len(v.Valid))
	}
	for _, c := range v.Valid {
		t.Run(c.Name, func(t *testing.T) {
			wire := c.wire(t)
			s, err := Decode(wire)
			if err != nil {
				t.Fatal(err)
			}
			if err := judge(wire, &v.Network); err != nil {
				t.Fatal(err)
			}
			if got := s.Encode(); !bytes.Equal(got, wire) {
				t.Errorf("encoded\n%x\nwant\n%x", got, wire)
			}
			text, err := s.Text(&v.Network)
			if err != nil || text != c.Text {
				t.Errorf("text %q, %v\nwant %q", text, err, c.Text)
			}
			if id, err := s.ID(&v.Network); err != nil || id != c.ID {
				t.Errorf("id %s, %v; want %s", id, err, c.ID)
			}
			if s.Sig != c.Sig {
				t.Errorf("sig %s, want %s", s.Sig, c.Sig)
			}
			var want bytes.Buffer
			if err := json.Compact(&want, c.JSON); err != nil {
				t.Fatal(err)
			}
			if got, err := s.JSON(&v.Network); err != nil || string(got) != want.String() {
				t.Errorf("json %s, %v\nwant %s", got, err, want.String())
			}
			parsed, err := ParseJSON(c.JSON, &v.Network)
			if err != nil || !bytes.Equal(parsed.Encode(), wire) {
				t.Errorf("parsed JSON: %v, %v", parsed, err)
			}
			signed, err := Sign(v.private(t, s.SigningKey()), &v.Network, s.Intent)
			if err != nil || signed.Sig != c.Sig {
				t.Errorf("signed: %v, %v", signed, err)
			}
		})
	}
}

func TestInvalidVectors(t *testing.T) {
	v := loadVectors(t)
	if len(v.Invalid) < 53 {
		t.Fatalf("only %d invalid vectors", len(v.Invalid))
	}
	for _, c := range v.Invalid {
		t.Run(c.Name, func(t *testing.T) {
			err := judge(c.wire(t), &v.Network)
			var e *Error
			if !errors.As(err, &e) || e.Code != c.Code {
				t.Fatalf("%v; want %s (%s)", err, c.Code, c.Why)
			}
			if e.Detail == "" {
				t.Errorf("%v says nothing to a person", e)
			}
		})
	}
}
