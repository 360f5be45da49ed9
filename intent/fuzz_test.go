package intent

import (
	"bytes"
	"testing"
)

// seedWires adds every wire form of the vectors.
func seedWires(f *testing.F, wrap func([]byte) []byte) *vectors {
	v := loadVectors(f)
	for _, c := range append(append([]vector{}, v.Valid...), v.Invalid...) {
		f.Add(wrap(c.wire(f)))
	}
	return v
}

func FuzzDecode(f *testing.F) {
	v := seedWires(f, func(b []byte) []byte { return b })
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := Decode(b)
		if err != nil {
			requireCode(t, err)
			return
		}
		if got := s.Encode(); !bytes.Equal(got, b) {
			t.Fatalf("%x encodes to %x", b, got)
		}
		if again := reencode(t, b); !bytes.Equal(again, b) {
			t.Fatalf("%x is %x to go-ipld-prime", b, again)
		}
		if err := s.Check(&v.Network); err != nil {
			requireCode(t, err)
			return
		}
		js, err := s.JSON(&v.Network)
		if err != nil {
			t.Fatalf("checked, but has no JSON: %v", err)
		}
		back, err := ParseJSON(js, &v.Network)
		if err != nil || !bytes.Equal(back.Encode(), b) {
			t.Fatalf("%s: %v", js, err)
		}
	})
}

func FuzzDecodeList(f *testing.F) {
	seedWires(f, func(b []byte) []byte { return append([]byte{0x81}, b...) })
	f.Add([]byte{0x80})
	f.Add([]byte{0x81, 0x81, 0x81, 0x81, 0x81, 0x80})
	f.Fuzz(func(t *testing.T, b []byte) {
		parts, splitErr := SplitList(b)
		list, err := DecodeList(b)
		if err != nil {
			requireCode(t, err)
			return
		}
		if got := EncodeList(list); !bytes.Equal(got, b) {
			t.Fatalf("%x encodes to %x", b, got)
		}
		if splitErr != nil || len(parts) != len(list) {
			t.Fatalf("%d parts, %v; the list has %d", len(parts), splitErr, len(list))
		}
		for i, s := range list {
			if !bytes.Equal(parts[i], s.Encode()) {
				t.Fatalf("part %d is %x", i, parts[i])
			}
		}
	})
}

func FuzzParseJSON(f *testing.F) {
	v := loadVectors(f)
	for _, c := range v.Valid {
		f.Add([]byte(c.JSON))
	}
	for _, s := range []string{`{}`, `[]`, `null`, `{"v":1,"v":1}`, `{"amount":"-1"}`, `{"Amount":"1"}`, `{"actions":[["buy"]]}`, `{"v":1}{}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := ParseJSON(b, &v.Network)
		if err != nil {
			requireCode(t, err)
			return
		}
		wire := s.Encode()
		back, err := Decode(wire)
		if err != nil || !bytes.Equal(back.Encode(), wire) {
			t.Fatalf("%s is taken as JSON, not on the wire: %v", b, err)
		}
	})
}

func FuzzTexts(f *testing.F) {
	v := loadVectors(f)
	for _, c := range v.Valid {
		f.Add(c.ID.String())
		f.Add(c.Sig.String())
	}
	for _, k := range v.Keys {
		f.Add(k.Public.String())
		f.Add(k.Public.String() + "/sword-17")
		f.Add(Hash(k.Public).Hex())
	}
	f.Fuzz(func(t *testing.T, s string) {
		if k, err := ParseKey(s); err == nil && k.String() != s {
			t.Errorf("key %q is written %q", s, k)
		}
		if h, err := ParseHash(s); err == nil && h.String() != s {
			t.Errorf("hash %q is written %q", s, h)
		}
		if h, err := ParseHex(s); err == nil && h.Hex() != s {
			t.Errorf("hash %q is written %q", s, h.Hex())
		}
		if id, err := ParseID(s); err == nil && id.String() != s {
			t.Errorf("id %q is written %q", s, id)
		}
		if sig, err := ParseSignature(s); err == nil && s[len(s)-1] != '=' && sig.String() != s {
			t.Errorf("signature %q is written %q", s, sig)
		}
		if k, name, ok := ItemIssuer(s); ok && k.String()+"/"+name != s {
			t.Errorf("item %q is written %q", s, k.String()+"/"+name)
		}
	})
}
