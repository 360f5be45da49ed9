package leader

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"math/big"
	"testing"

	"github.com/phantom-paradox/paradox/network"
)

// The examples 10, 11 and 12 of RFC 9381, appendix B.1.
func TestRFC9381(t *testing.T) {
	for _, v := range []struct{ secret, public, alpha, proof, output string }{
		{
			"c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721",
			"0360fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6", "sample",
			"035b5c726e8c0e2c488a107c600578ee75cb702343c153cb1eb8dec77f4b5071b4a53f0a46f018bc2c56e58d383f2305e0975972c26feea0eb122fe7893c15af376b33edf7de17c6ea056d4d82de6bc02f",
			"a3ad7b0ef73d8fc6655053ea22f9bede8c743f08bbed3d38821f0e16474b505e",
		},
		{
			"c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721",
			"0360fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6", "test",
			"034dac60aba508ba0c01aa9be80377ebd7562c4a52d74722e0abae7dc3080ddb56c19e067b15a8a8174905b13617804534214f935b94c2287f797e393eb0816969d864f37625b443f30f1a5a33f2b3c854",
			"a284f94ceec2ff4b3794629da7cbafa49121972671b466cab4ce170aa365f26d",
		},
		{
			"2ca1411a41b17b24cc8c3b089cfd033f1920202a6c0de8abb97df1498d50d2c8",
			"03596375e6ce57e0f20294fc46bdfcfd19a39f8161b58695b3ec5b3d16427c274d",
			"Example using ECDSA key from Appendix L.4.2 of ANSI.X9-62-2005",
			"03d03398bf53aa23831d7d1b2937e005fb0062cbefa06796579f2a1fc7e7b8c667d091c00b0f5c3619d10ecea44363b5a599cadc5b2957e223fec62e81f7b4825fc799a771a3d7334b9186bdbee87316b1",
			"90871e06da5caa39a3c61578ebb844de8635e27ac0b13e829997d0d95dd98c19",
		},
	} {
		k := key(t, v.secret)
		if got := k.Public(); hex.EncodeToString(got[:]) != v.public {
			t.Fatalf("public key %x", got)
		}
		out, proof, err := k.Prove([]byte(v.alpha))
		if err != nil || hex.EncodeToString(proof) != v.proof || hex.EncodeToString(out[:]) != v.output {
			t.Fatalf("prove %q: %x, %x, %v", v.alpha, out, proof, err)
		}
		if back, err := Verify(k.Public(), []byte(v.alpha), proof); err != nil || back != out {
			t.Fatalf("verify %q: %x, %v", v.alpha, back, err)
		}
	}
}

func TestProofsOfOthersAreRefused(t *testing.T) {
	k := key(t, "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721")
	other := key(t, "2ca1411a41b17b24cc8c3b089cfd033f1920202a6c0de8abb97df1498d50d2c8")
	_, proof, err := k.Prove([]byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range proof {
		bad := append([]byte(nil), proof...)
		bad[i] ^= 1
		if _, err := Verify(k.Public(), []byte("x"), bad); err == nil {
			t.Fatalf("byte %d may be changed", i)
		}
	}
	for name, err := range map[string]error{
		"another key":   verifyError(other.Public(), "x", proof),
		"another input": verifyError(k.Public(), "y", proof),
		"short":         verifyError(k.Public(), "x", proof[1:]),
		"s + order":     verifyError(k.Public(), "x", unreduced(proof)),
		"nonce zero":    verifyError(k.Public(), "x", nonceZero(k, proof)),
	} {
		if !errors.Is(err, ErrProof) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Verify(network.VRFKey{}, []byte("x"), proof); err == nil || ValidKey(network.VRFKey{}) {
		t.Error("a key of zeros is taken")
	}
	if _, err := NewKey([32]byte{}); err == nil {
		t.Error("a secret of zeros is taken")
	}
}

func verifyError(k network.VRFKey, alpha string, proof []byte) error {
	_, err := Verify(k, []byte(alpha), proof)
	return err
}

// unreduced spells s as s + order, which fits into 32 bytes for few s only; all bits set is beyond the order in any case.
func unreduced(proof []byte) []byte {
	bad := append([]byte(nil), proof...)
	s := new(big.Int).Add(new(big.Int).SetBytes(proof[cEnd:]), order())
	if s.BitLen() > 256 {
		for i := cEnd; i < len(bad); i++ {
			bad[i] = 0xff
		}
		return bad
	}
	s.FillBytes(bad[cEnd:])
	return bad
}

// nonceZero is s = c·x, so that the points of the challenge are at infinity: it must not crash the verifier.
func nonceZero(k *Key, proof []byte) []byte {
	bad := append([]byte(nil), proof...)
	s := new(big.Int).Mul(new(big.Int).SetBytes(proof[gammaEnd:cEnd]), new(big.Int).SetBytes(k.secret[:]))
	s.Mod(s, order()).FillBytes(bad[cEnd:])
	return bad
}

func key(t testing.TB, secret string) *Key {
	t.Helper()
	var s [32]byte
	if _, err := hex.Decode(s[:], []byte(secret)); err != nil {
		t.Fatal(err)
	}
	k, err := NewKey(s)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func FuzzVerify(f *testing.F) {
	k := key(f, "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721")
	_, proof, err := k.Prove([]byte("x"))
	if err != nil {
		f.Fatal(err)
	}
	pub := k.Public()
	f.Add(pub[:], proof)
	f.Add(pub[:], nonceZero(k, proof))
	f.Fuzz(func(t *testing.T, pub, p []byte) {
		var vk network.VRFKey
		copy(vk[:], pub)
		if _, err := Verify(vk, []byte("x"), p); err == nil && vk == k.Public() && string(p) != string(proof) {
			t.Fatal("a second proof of one input")
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	k := key(b, "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721")
	alpha := sha256.Sum256(nil)
	_, proof, err := k.Prove(alpha[:])
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := Verify(k.Public(), alpha[:], proof); err != nil {
			b.Fatal(err)
		}
	}
}
