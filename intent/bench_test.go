package intent

import "testing"

// benchIntent is the first vector: a pay with fee and memo.
func benchIntent(b *testing.B) (*Signed, *Network, []byte) {
	v := loadVectors(b)
	wire := v.Valid[0].wire(b)
	s, err := Decode(wire)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	return s, &v.Network, wire
}

func BenchmarkDecode(b *testing.B) {
	_, _, wire := benchIntent(b)
	for b.Loop() {
		if _, err := Decode(wire); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	s, _, _ := benchIntent(b)
	buf := make([]byte, 0, MaxBytes)
	for b.Loop() {
		buf = s.AppendEncode(buf[:0])
	}
}

func BenchmarkText(b *testing.B) {
	s, n, _ := benchIntent(b)
	buf := make([]byte, 0, maxText)
	for b.Loop() {
		if _, err := s.AppendText(buf[:0], n); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkID(b *testing.B) {
	s, n, _ := benchIntent(b)
	for b.Loop() {
		if _, err := s.ID(n); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCheck(b *testing.B) {
	s, n, _ := benchIntent(b)
	for b.Loop() {
		if err := s.Check(n); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	s, n, _ := benchIntent(b)
	for b.Loop() {
		if err := s.Verify(n); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseJSON(b *testing.B) {
	s, n, _ := benchIntent(b)
	js, err := s.JSON(n)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := ParseJSON(js, n); err != nil {
			b.Fatal(err)
		}
	}
}
