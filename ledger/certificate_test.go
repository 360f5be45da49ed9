package ledger

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"testing"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/network"
)

// certify signs a header with the members first to last of a set that begins at member number base.
func certify(h *Header, view uint32, base int, places ...int) *Certificate {
	c := &Certificate{Body: h.Body(), View: view}
	msg := CommitMessage(h.Network, h.Instance, view, h.Digest())
	for _, k := range places {
		priv := memberKey(base + k)
		s := MemberSignature{Sig: intent.Signature(ed25519.Sign(priv, msg))}
		copy(s.Member[:], priv.Public().(ed25519.PublicKey))
		c.Signatures = append(c.Signatures, s)
	}
	return c
}

func testHeader(f *network.File) *Header {
	h := &Header{
		Network: f.Hash(), Instance: Instance{Epoch: 1, Height: 7, Generation: 2}, Time: startTime + 5, View: 1,
		Leader: f.Members[1].Key, VRFOutput: [32]byte{1}, VRFProof: bytes.Repeat([]byte{9}, 81), Batch: BlockCID([]byte("root")),
		Count: 10, Bytes: 4000, Cut: Cut{Number: 33},
	}
	for k, p := range []*intent.Hash{&h.Previous, &h.OutcomeRoot, &h.StateDigest, &h.Cut.Hash, &h.SettlementHead} {
		*p = intent.Hash(keyOf("hash", k))
	}
	return h
}

func TestHeaderRoundTrip(t *testing.T) {
	h := testHeader(testFile())
	for _, members := range [][]network.Member{nil, testMembers(3, 2)} {
		h.Members = members
		got, err := ParseHeader(h.Body())
		if err != nil || !bytes.Equal(got.Body(), h.Body()) || got.Digest() != h.Digest() || len(got.Members) != len(members) {
			t.Fatal(got, err)
		}
	}
	body := h.Body()
	for k := range body {
		bad := bytes.Clone(body)
		bad[k] ^= 0x20
		if got, err := ParseHeader(bad); err == nil && !bytes.Equal(got.Body(), bad) {
			t.Fatalf("byte %d: not canonical, but read", k)
		}
	}
	for _, bad := range [][]byte{nil, {0xa0}, body[:len(body)-1], append(bytes.Clone(body), 0), bytes.Repeat([]byte{0x81}, 100), make([]byte, MaxHeaderBytes+1)} {
		if _, err := ParseHeader(bad); !errors.Is(err, ErrEncoding) {
			t.Fatalf("%x: %v", bad, err)
		}
	}
}

func TestCertificateIsAQuorumOfOneView(t *testing.T) {
	f := testFile() // weights 1, 2, 3, 1: a quorum weighs 5 of 7
	h := testHeader(f)
	good := certify(h, 3, 0, 0, 1, 2)
	if got, err := good.Verify(f.Hash(), f.Members); err != nil || got.Height != 7 {
		t.Fatal(err)
	}
	again, err := ParseCertificate(good.Encode())
	if err != nil || !bytes.Equal(again.Encode(), good.Encode()) {
		t.Fatal(err)
	}
	if d, err := again.Digest(); err != nil || d != h.Digest() {
		t.Fatal(err)
	}
	mixed := certify(h, 3, 0, 0, 1, 2)
	mixed.Signatures[2] = certify(h, 4, 0, 2).Signatures[0]
	other := certify(h, 3, 0, 0, 1, 2)
	other.View = 4
	flipped := certify(h, 3, 0, 0, 1, 2, 3)
	flipped.Signatures[3].Sig[5] ^= 1
	for name, c := range map[string]*Certificate{
		"two thirds and no more": certify(h, 3, 0, 1, 0, 3),
		"too light":              certify(h, 3, 0, 0, 2),
		"nobody":                 certify(h, 3, 0),
		"one twice":              certify(h, 3, 0, 1, 1, 2),
		"out of order":           certify(h, 3, 0, 2, 1, 0),
		"a stranger":             certify(h, 3, 0, 0, 1, 2, 9),
		"commits of two views":   mixed,
		"another view":           other,
		"before its proposal":    certify(h, 0, 0, 0, 1, 2),
		"one wrong signature":    flipped,
	} {
		if _, err := c.Verify(f.Hash(), f.Members); !errors.Is(err, ErrCertificate) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := good.Verify(intent.Hash{1}, f.Members); !errors.Is(err, ErrCertificate) {
		t.Error("another network", err)
	}
}

func TestEpochs(t *testing.T) {
	f := testFile()
	first, second := testHeader(f), testHeader(f)
	first.Epoch, first.Height, first.Members = 0, 3, testMembers(10, 4)
	second.Epoch, second.Height, second.Members = 1, 9, testMembers(20, 5)
	chain := Epochs{*certify(first, 1, 0, 0, 1, 2), *certify(second, 1, 10, 0, 1, 2, 3)}
	members, epoch, err := chain.Members(f)
	if err != nil || epoch != 2 || len(members) != 5 || members[0].Key != second.Members[0].Key {
		t.Fatal(err)
	}
	if members, epoch, err = (Epochs{}).Members(f); err != nil || epoch != 0 || len(members) != 4 {
		t.Fatal(err)
	}
	for name, bad := range map[string]Epochs{
		"the second alone": chain[1:], "twice": {chain[0], chain[0]}, "out of order": {chain[1], chain[0]},
		"the old members sign": {chain[0], *certify(second, 1, 0, 0, 1, 2, 3)},
	} {
		if _, _, err := bad.Members(f); !errors.Is(err, ErrCertificate) {
			t.Errorf("%s: %v", name, err)
		}
	}
	first.Members = nil
	if _, _, err := (Epochs{*certify(first, 1, 0, 0, 1, 2)}).Members(f); !errors.Is(err, ErrCertificate) {
		t.Error("a header without members", err)
	}
}

// snapshotWorld is a world with something of every kind, and the certificate of its last height.
func snapshotWorld(t testing.TB) (*world, *Certificate) {
	w := funded(t)
	w.request(w.file.Mints[0].Mint, 2, 77)
	w.open(alice, w.file.Mints[0].Mint)
	w.run(w.issue(alice, bob, "x"), w.session(alice, phone, 100, "pay"))
	in := w.input(w.payBy(alice, phone, bob, 3), w.pay(bob, carol, 9))
	r, err := w.opening().Execute(in)
	w.must(err)
	h := w.header(r, in)
	w.settle(r, in)
	return w, certify(h, 0, 0, 0, 1, 2)
}

func TestSnapshotRoundTrip(t *testing.T) {
	w, c := snapshotWorld(t)
	var b bytes.Buffer
	if err := w.state.Export(&b, c); err != nil {
		t.Fatal(err)
	}
	var to MemStore
	got, err := Import(w.file, nil, bytes.NewReader(b.Bytes()), &to)
	if err != nil || !bytes.Equal(got.Encode(), c.Encode()) {
		t.Fatal(err)
	}
	s, err := Load(w.file, &to)
	if err != nil {
		t.Fatal(err)
	}
	if s.Digest() != w.state.Digest() || s.HeaderDigest() != w.state.HeaderDigest() {
		t.Fatal("another state")
	}
	w.sameTables(w.state, s) // the derived keys too
	for k := range b.Len() {
		bad := bytes.Clone(b.Bytes())
		bad[k] ^= 1
		if _, err := Import(w.file, nil, bytes.NewReader(bad), &MemStore{}); !errors.Is(err, ErrSnapshot) {
			t.Fatalf("byte %d changed: %v", k, err)
		}
	}
	for _, bad := range [][]byte{b.Bytes()[:b.Len()-1], b.Bytes()[:b.Len()/2], append(bytes.Clone(b.Bytes()), 0), nil} {
		half := &MemStore{}
		if _, err := Import(w.file, nil, bytes.NewReader(bad), half); !errors.Is(err, ErrSnapshot) {
			t.Fatal(err)
		}
	}
	if err := w.state.Export(&b, certify(testHeader(w.file), 1, 0, 0, 1, 2)); !errors.Is(err, ErrSnapshot) {
		t.Fatal("another header's certificate", err)
	}
}

func TestHalfASnapshotDoesNotLoad(t *testing.T) {
	w, c := snapshotWorld(t)
	var b bytes.Buffer
	w.must(w.state.Export(&b, c))
	var half MemStore
	if _, err := Import(w.file, nil, bytes.NewReader(b.Bytes()[:b.Len()-1]), &half); err == nil {
		t.Fatal("half a snapshot")
	}
	w.must(half.Apply([]Change{{Key: []byte{kindHead}, Value: w.state.head.encode()}, {Key: []byte{kindMembers}, Value: encodeMembers(w.state.members)}}))
	if _, err := Load(w.file, &half); !errors.Is(err, errCorrupt) {
		t.Fatal(err)
	}
}
