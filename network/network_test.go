package network

import (
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/binary"
	"math/big"

	"github.com/phantom-paradox/paradox/intent"
)

// key is the public key of a seed that is one byte 32 times.
func key(seed byte) (k intent.Key) {
	var s [32]byte
	for i := range s {
		s[i] = seed
	}
	copy(k[:], ed25519.NewKeyFromSeed(s[:]).Public().(ed25519.PublicKey))
	return k
}

// vrf is the P-256 point of a small scalar.
func vrf(n int64) (k VRFKey) {
	x, y := elliptic.P256().ScalarBaseMult(big.NewInt(n).Bytes()) //nolint:staticcheck // any point will do
	copy(k[:], elliptic.MarshalCompressed(elliptic.P256(), x, y))
	return k
}

// example is a file that is valid, the same at every call.
func example() *File {
	f := &File{
		Version: Version, Name: "paradox-vectors-1",
		ProgramID: key(0x10), CodeHash: sha256.Sum256([]byte("code")), Cluster: sha256.Sum256([]byte("cluster")),
		WithdrawDelay: DefaultWithdrawDelay, DropTime: DefaultDropTime,
		FeeOwner: key(0x11), FeeBps: 10,
		Mints:  []intent.Mint{{Mint: key(0x12), Symbol: "USDC", Decimals: 6}, {Mint: key(0x13), Symbol: "GEM"}},
		MaxAge: intent.MaxAge{Default: 3600, Ask: 604800, Session: 2592000},
		Time:   1763800000,
		Params: DefaultParams(),
	}
	for i, name := range []string{"alice", "bob", "carol", "dave"} {
		f.Members = append(f.Members, Member{Name: name, Key: key(byte(i + 1)), VRF: vrf(int64(i + 1)), Weight: uint16(i + 1)})
	}
	return f
}

// layout is DETAILS' formula, written out again.
func layout(f *File, rest []byte) intent.Hash {
	h := sha256.New()
	le := func(n int, v uint64) {
		var b [8]byte
		binary.LittleEndian.PutUint64(b[:], v)
		h.Write(b[:n])
	}
	h.Write([]byte("paradox/network/1"))
	h.Write(f.ProgramID[:])
	le(1, uint64(len(f.Members)))
	var total uint64
	for _, m := range f.Members {
		h.Write(m.Key[:])
		le(2, uint64(m.Weight))
		total += uint64(m.Weight)
	}
	le(4, total*2/3)
	le(8, f.WithdrawDelay)
	le(8, f.DropTime)
	h.Write(f.FeeOwner[:])
	sum := sha256.Sum256(rest)
	h.Write(sum[:])
	return intent.Hash(h.Sum(nil))
}
