package agreement_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"testing"

	"github.com/ipld/go-ipld-prime/codec/dagcbor"
	"github.com/ipld/go-ipld-prime/node/basicnode"

	"github.com/phantom-paradox/paradox/agreement"
	at "github.com/phantom-paradox/paradox/agreement/agreementtest"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/ledger"
)

var update = flag.Bool("update", false, "write golden files anew")

// samples are messages of every shape.
func samples() map[string]*agreement.Message {
	s := at.Signers(at.Members(1, 1, 1, 1))
	h := s[0].Fresh(0, 1)
	cert := at.Prepared(0, h.Digest(), s[0], s[1], s[2])
	locked, none := s[0].Change(1, h, cert), s[1].Change(1, nil, nil)
	again := *s[2].Vote(agreement.Commit, 3, h.Digest())
	again.Attempt = 7
	decision := &ledger.Certificate{Body: h.Body(), View: 3, Signatures: at.Prepared(3, h.Digest(), s[1:]...).Signatures}
	return map[string]*agreement.Message{
		"propose":              s[0].Propose(0, h, nil),
		"propose again":        s[1].Propose(1, h, cert, locked, none, s[2].Change(1, nil, nil)),
		"prepare":              s[2].Vote(agreement.Prepare, 0, h.Digest()),
		"commit, repeated":     &again,
		"round change":         none,
		"round change, locked": locked,
		"decided":              agreement.NewDecided(s[0].Instance, h.Digest(), decision),
		"prepare of zero":      s[2].Vote(agreement.Prepare, 0, intent.Hash{}),
	}
}

func TestMessagesSurviveTheirEncoding(t *testing.T) {
	for name, m := range samples() {
		b := m.Encode()
		back, err := agreement.DecodeMessage(b)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !bytes.Equal(back.Encode(), b) || back.Vote != m.Vote {
			t.Errorf("%s: comes back as %+v", name, back)
		}
		if len(b) > agreement.MaxMessageBytes {
			t.Errorf("%s: %d bytes", name, len(b))
		}
	}
}

// The bytes are dag-cbor as another library writes it.
func TestTheEncodingIsDagCBOR(t *testing.T) {
	for name, m := range samples() {
		nb := basicnode.Prototype.Any.NewBuilder()
		if err := dagcbor.Decode(nb, bytes.NewReader(m.Encode())); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var out bytes.Buffer
		if err := dagcbor.Encode(nb.Build(), &out); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !bytes.Equal(out.Bytes(), m.Encode()) {
			t.Errorf("%s: %x, by ipld %x", name, m.Encode(), out.Bytes())
		}
	}
}

func TestOtherBytesAreRefused(t *testing.T) {
	good := samples()["prepare"].Encode()
	for name, b := range map[string][]byte{
		"nothing":        {},
		"more":           append(bytes.Clone(good), 0),
		"less":           good[:len(good)-1],
		"a list":         {0x80},
		"an empty map":   {0xa0},
		"too long":       make([]byte, agreement.MaxMessageBytes+1),
		"long integer":   bytes.Replace(good, []byte("dkind\x02"), []byte("dkind\x18\x02"), 1),
		"unknown kind":   bytes.Replace(good, []byte("dkind\x02"), []byte("dkind\x09"), 1),
		"unknown field":  bytes.Replace(good, []byte("dkind\x02"), []byte("dkinx\x02"), 1),
		"a float":        bytes.Replace(good, []byte("dkind\x02"), []byte("dkind\xf9\x40\x00"), 1),
		"indefinite map": append(append([]byte{0xbf}, good[1:]...), 0xff),
	} {
		if _, err := agreement.DecodeMessage(b); !errors.Is(err, agreement.ErrEncoding) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The largest honest message fits: 21 members, a full header body, every one of them locked.
func TestTheLargestMessageFits(t *testing.T) {
	weights := make([]uint16, agreement.MaxMembers)
	for i := range weights {
		weights[i] = 1
	}
	s := at.Signers(at.Members(weights...))
	h := s[0].Fresh(0, 1)
	var changes []*agreement.Message
	for i := range s {
		changes = append(changes, s[i].Change(1<<31-1, h, at.Prepared(1<<31-2, h.Digest(), s...)))
	}
	m := s[0].Propose(1<<31-1, h, at.Prepared(1<<31-2, h.Digest(), s...), changes...)
	m.Body = make([]byte, agreement.MaxBodyBytes)
	m.Attempt = 1<<32 - 1
	b := m.Encode()
	t.Logf("%d bytes", len(b))
	if _, err := agreement.DecodeMessage(b); err != nil {
		t.Fatal(err)
	}
}

func FuzzDecodeMessage(f *testing.F) {
	for _, m := range samples() {
		f.Add(m.Encode())
	}
	members := at.Members(1, 1, 1, 1)
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := agreement.DecodeMessage(b)
		if err != nil {
			return
		}
		if !bytes.Equal(m.Encode(), b) {
			t.Fatal("two encodings of one message")
		}
		c := at.Config(members, 1)
		machine, err := agreement.New(c, nil)
		if err != nil {
			t.Fatal(err)
		}
		machine.Start()
		if _, err := machine.Receive(m, 0); err != nil {
			return
		}
		machine.Status()
	})
}

func FuzzDecodeEvidence(f *testing.F) {
	s := at.Signers(at.Members(1, 1, 1, 1))
	e := agreement.Evidence{A: s[0].Vote(agreement.Commit, 0, intent.Hash{1}).Vote, B: s[0].Vote(agreement.Commit, 0, intent.Hash{2}).Vote}
	f.Add(e.Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := agreement.DecodeEvidence(b)
		if err == nil && !bytes.Equal(e.Encode(), b) {
			t.Fatal("two encodings of one piece of evidence")
		}
	})
}

func FuzzRestore(f *testing.F) {
	d := at.NewDriver(f, at.Members(1, 1, 1, 1), 1)
	s := at.Signers(d.Config.Members)
	h := s[0].Fresh(0, 1)
	d.Start()
	for _, m := range []*agreement.Message{s[0].Propose(0, h, nil), s[0].Vote(agreement.Prepare, 0, h.Digest()), s[2].Vote(agreement.Prepare, 0, h.Digest())} {
		if err := d.Receive(m); err != nil {
			f.Fatal(err)
		}
	}
	d.Fire()
	for _, r := range d.Log {
		f.Add(r)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := agreement.Restore([][]byte{b}, d.Config.Instance)
		if err != nil {
			return
		}
		if m, err := agreement.New(d.Config, r); err == nil {
			m.Start()
		}
	})
}

// A golden vote: what a second implementation must sign and send, with real keys.
type goldenVote struct {
	Name    string `json:"name"`
	Key     string `json:"key"`
	Signing string `json:"signing_bytes"`
	Sig     string `json:"signature"`
	Message string `json:"message"`
}

func TestGolden(t *testing.T) {
	seed := sha256.Sum256([]byte("round vectors"))
	priv := ed25519.NewKeyFromSeed(seed[:])
	var key intent.Key
	copy(key[:], priv.Public().(ed25519.PublicKey))
	net := intent.Hash(sha256.Sum256([]byte("network")))
	digest := intent.Hash(sha256.Sum256([]byte("header")))
	inst := ledger.Instance{Epoch: 1, Height: 2, Generation: 3}
	sign := func(v agreement.Vote) agreement.Vote {
		v.Instance, v.From = inst, key
		copy(v.Sig[:], ed25519.Sign(priv, v.SigningBytes(net)))
		return v
	}
	prepare := sign(agreement.Vote{Kind: agreement.Prepare, View: 4, Digest: digest})
	cert := &agreement.PreparedCertificate{View: 4, Digest: digest, Signatures: []ledger.MemberSignature{{Member: key, Sig: prepare.Sig}}}
	locked := sign(agreement.Vote{Kind: agreement.RoundChange, View: 5, Locked: true, LockView: 4, Digest: digest})
	commit := sign(agreement.Vote{Kind: agreement.Commit, View: 5, Digest: digest})
	decided := agreement.NewDecided(inst, digest, &ledger.Certificate{
		Body: []byte("body"), View: 5, Signatures: []ledger.MemberSignature{{Member: key, Sig: commit.Sig}},
	})
	var out []goldenVote
	for _, g := range []struct {
		name string
		m    *agreement.Message
	}{
		{"propose", &agreement.Message{Vote: sign(agreement.Vote{Kind: agreement.Propose, View: 0, Digest: digest}), Body: []byte("body")}},
		{"propose again", &agreement.Message{
			Vote: sign(agreement.Vote{Kind: agreement.Propose, View: 5, Digest: digest}), Body: []byte("body"), Changes: []agreement.Vote{locked}, Prepared: cert,
		}},
		{"prepare", &agreement.Message{Vote: prepare}},
		{"commit, sent a second time", &agreement.Message{Vote: commit, Attempt: 1}},
		{"round change", &agreement.Message{Vote: sign(agreement.Vote{Kind: agreement.RoundChange, View: 5})}},
		{"round change with a lock", &agreement.Message{Vote: locked, Body: []byte("body"), Prepared: cert}},
		{"decided", decided},
	} {
		v := goldenVote{Name: g.name, Message: hex.EncodeToString(g.m.Encode())}
		if g.m.Kind != agreement.Decided {
			v.Key, v.Sig = hex.EncodeToString(key[:]), hex.EncodeToString(g.m.Sig[:])
			v.Signing = hex.EncodeToString(g.m.SigningBytes(net))
		}
		if g.m.Kind == agreement.Commit && !bytes.Equal(g.m.SigningBytes(net), ledger.CommitMessage(net, inst, g.m.View, digest)) {
			t.Error("agreement and ledger sign different commits")
		}
		out = append(out, v)
	}
	got, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	const file = "testdata/messages.json"
	if *update {
		if err := os.WriteFile(file, append(got, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != string(got)+"\n" {
		t.Fatalf("messages differ from %s", file)
	}
}
