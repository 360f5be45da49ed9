package council

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/leader"
	"github.com/phantom-paradox/paradox/network"
)

var update = flag.Bool("update", false, "write golden files anew")

var testNet = intent.Hash(sha256.Sum256([]byte("network")))

const now = 1_800_000_000

// person is a member, or one who wants to be.
type person struct {
	key    ed25519.PrivateKey
	member network.Member
}

func someone(t testing.TB, n byte) person {
	t.Helper()
	seed := sha256.Sum256([]byte{'m', n})
	vrf, err := leader.NewKey(sha256.Sum256([]byte{'v', n}))
	if err != nil {
		t.Fatal(err)
	}
	key := ed25519.NewKeyFromSeed(seed[:])
	return person{key, network.Member{Name: fmt.Sprintf("m%d", n), Key: intent.Key(key.Public().(ed25519.PublicKey)), VRF: vrf.Public(), Weight: 1}}
}

func people(t testing.TB, n int) (out []person, c Committee) {
	for i := range n {
		out = append(out, someone(t, byte(i)))
		c.Members = append(c.Members, out[i].member)
	}
	return out, c
}

func admit(p person) Change {
	m := p.member
	return Change{Admit: &m, Join: SignJoin(p.key, testNet, &m)}
}

func remove(p person) Change { return Change{Remove: &p.member.Key} }

func (p person) approves(c Change, epoch uint32, made, expires int64) *Approval {
	return Sign(p.key, testNet, Approval{Epoch: epoch, Change: c, Made: made, Expires: expires})
}

// memDisk is a disk in memory.
type memDisk struct {
	kept map[string][]byte
	fail error
}

func (d *memDisk) Save(k, v []byte) error {
	if d.fail == nil {
		d.kept[string(k)] = v
	}
	return d.fail
}
func (d *memDisk) Remove(k []byte) error { delete(d.kept, string(k)); return d.fail }
func (d *memDisk) Load(fn func(k, v []byte) bool) error {
	for k, v := range d.kept {
		if !fn([]byte(k), v) {
			break
		}
	}
	return d.fail
}

func open(t testing.TB, self person, d *memDisk) *Council {
	t.Helper()
	if d.kept == nil {
		d.kept = map[string][]byte{}
	}
	c, err := Open(testNet, self.member.Key, d)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func take(t testing.TB, c *Council, com Committee, list ...*Approval) {
	t.Helper()
	for _, a := range list {
		if err := c.Take(a, com, now); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAQuorumThatTheOwnOperatorIsOf(t *testing.T) {
	all, com := people(t, 4)
	change := admit(someone(t, 9))
	d := &memDisk{}
	c := open(t, all[3], d)
	want, err := change.Apply(com.Members)
	if err != nil || len(want) != 5 {
		t.Fatal(want, err)
	}
	for i := range 2 {
		take(t, c, com, all[i].approves(change, 0, now, now+100))
		if next, waits := c.Next(com, now); next != nil || waits {
			t.Fatalf("%d approvals of 4 are enough", i+1)
		}
	}
	take(t, c, com, all[2].approves(change, 0, now, now+100))
	if next, waits := c.Next(com, now); next != nil || !waits {
		t.Fatal("a quorum of others: a change waits, and this node does not propose it")
	}
	if c.Approves(com, want, now) {
		t.Fatal("its own operator has not approved it")
	}
	take(t, c, com, all[3].approves(change, 0, now, now+100))
	c = open(t, all[3], d) // again, from disk
	if next, waits := c.Next(com, now); !slices.Equal(next, want) || !waits {
		t.Fatalf("next %+v", next)
	}
	if !c.Approves(com, want, now) || c.Approves(com, want[:4], now) || c.Approves(com, com.Members[:3], now) {
		t.Fatal("exactly what was approved, and nothing else")
	}
	if next, _ := c.Next(com, now+100-margin); next != nil {
		t.Fatal("nothing is built on an approval that lapses at once")
	}
	if !c.Approves(com, want, now+99) || c.Approves(com, want, now+100) {
		t.Fatal("an approval holds until it expires")
	}
	m := c.Motions(com, now)
	if len(m) != 1 || m[0].Weight != 4 || len(m[0].Approved) != 4 || m[0].Own == nil {
		t.Fatalf("%+v", m)
	}
}

func TestWeightsCount(t *testing.T) {
	all, com := people(t, 4)
	com.Members[0].Weight = 7 // of 10: more than two thirds
	c := open(t, all[0], &memDisk{})
	take(t, c, com, all[0].approves(remove(all[1]), 0, now, now+100))
	if next, _ := c.Next(com, now); len(next) != 3 {
		t.Fatalf("next %+v", next)
	}
}

func TestAnApprovalIsTakenBack(t *testing.T) {
	all, com := people(t, 4)
	c := open(t, all[0], &memDisk{})
	change := remove(all[3])
	old := all[0].approves(change, 0, now, now+100)
	take(t, c, com, old, all[0].approves(change, 0, now+1, now+1))
	if len(c.Motions(com, now)) != 0 {
		t.Fatal("it was taken back")
	}
	if err := c.Take(old, com, now); !errors.Is(err, ErrStale) {
		t.Fatalf("the old one comes back: %v", err)
	}
}

func TestApprovalsLapseWithTheEpoch(t *testing.T) {
	all, com := people(t, 4)
	d := &memDisk{}
	c := open(t, all[0], d)
	take(t, c, com, all[0].approves(remove(all[3]), 0, now, now+100))
	next := Committee{Epoch: 1, Members: com.Members}
	if len(c.Motions(next, now)) != 0 {
		t.Fatal("of another epoch")
	}
	if err := c.Forget(1); err != nil || len(d.kept) != 0 || len(c.All(0)) != 0 {
		t.Fatal(err, d.kept)
	}
}

func TestWhatIsNotTaken(t *testing.T) {
	all, com := people(t, 4)
	stranger := someone(t, 9)
	change := admit(stranger)
	good := func() *Approval { return all[0].approves(change, 0, now, now+100) }
	forged, unasked, renamed := good(), good(), good()
	forged.Sig[3] ^= 1
	unasked.Change.Join = intent.Signature{}
	m := *change.Admit
	m.Name = "m8"
	renamed.Change.Admit = &m
	taken := admit(stranger)
	taken.Admit.Name = "m1"
	cases := map[string]struct {
		a    *Approval
		want error
	}{
		"a signature that does not hold": {forged, ErrMalformed},
		"a candidate who has not asked":  {all[0].approves(unasked.Change, 0, now, now+100), ErrMalformed},
		"under another name":             {all[0].approves(renamed.Change, 0, now, now+100), ErrMalformed},
		"of a stranger":                  {stranger.approves(change, 0, now, now+100), ErrStranger},
		"of another epoch":               {all[0].approves(change, 1, now, now+100), ErrEpoch},
		"from the future":                {all[0].approves(change, 0, now+maxAhead+1, now+2*maxAhead), ErrTime},
		"of a member that is one":        {all[0].approves(admit(all[1]), 0, now, now+100), ErrImpossible},
		"of a name that is taken":        {all[0].approves(taken, 0, now, now+100), ErrImpossible},
		"of one who is no member":        {all[0].approves(remove(stranger), 0, now, now+100), ErrImpossible},
	}
	for what, x := range cases {
		if err := open(t, all[0], &memDisk{}).Take(x.a, com, now); !errors.Is(err, x.want) {
			t.Errorf("%s: %v", what, err)
		}
	}
	one := Committee{Members: com.Members[:1]}
	if err := open(t, all[0], &memDisk{}).Take(all[0].approves(remove(all[0]), 0, now, now+100), one, now); !errors.Is(err, ErrImpossible) {
		t.Errorf("the last member: %v", err)
	}
	full := errors.New("full")
	broken := &memDisk{fail: full, kept: map[string][]byte{}}
	c := &Council{net: testNet, disk: broken, held: map[string]*Approval{}}
	if err := c.Take(good(), com, now); !errors.Is(err, full) || len(c.held) != 0 {
		t.Errorf("a disk that fails: %v, %d held", err, len(c.held))
	}
}

func TestAMemberFillsNoDisk(t *testing.T) {
	all, com := people(t, 4)
	c := open(t, all[0], &memDisk{})
	for i := range maxOfMember {
		take(t, c, com, all[1].approves(admit(someone(t, byte(10+i))), 0, now, now+100))
	}
	if err := c.Take(all[1].approves(admit(someone(t, 99)), 0, now, now+100), com, now); !errors.Is(err, ErrTooMany) {
		t.Fatal(err)
	}
	take(t, c, com, all[1].approves(admit(someone(t, 10)), 0, now+1, now+1), all[2].approves(admit(someone(t, 99)), 0, now, now+100))
}

type vector struct {
	Name     string `json:"name"`
	Change   string `json:"change"`    // hex of its encoding
	ChangeID string `json:"change_id"` // SHA-256 of that
	Join     string `json:"join,omitempty"`
	Approval string `json:"approval"`
	Signed   string `json:"signed"` // what the operator signs
}

func vectors(t testing.TB) []vector {
	all, _ := people(t, 2)
	out := []vector{}
	for name, c := range map[string]Change{"admit": admit(someone(t, 9)), "remove": remove(all[1])} {
		a := all[0].approves(c, 3, now, now+604800)
		id := c.ID()
		v := vector{Name: name, Change: hex.EncodeToString(c.encode()), ChangeID: id.Hex(), Approval: hex.EncodeToString(a.Encode()), Signed: hex.EncodeToString(a.signed(testNet))}
		if c.Admit != nil {
			v.Join = hex.EncodeToString(joinBytes(testNet, c.Admit))
		}
		out = append(out, v)
	}
	slices.SortFunc(out, func(a, b vector) int { return bytes.Compare([]byte(a.Name), []byte(b.Name)) })
	return out
}

func TestGoldenVectors(t *testing.T) {
	file := filepath.Join("testdata", "approvals.json")
	got, err := json.MarshalIndent(vectors(t), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	if *update {
		if err := errors.Join(os.MkdirAll("testdata", 0o755), os.WriteFile(file, got, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%v; if it is meant, run with -update:\n%s", err, got)
	}
	for _, v := range vectors(t) {
		b, err := hex.DecodeString(v.Approval)
		if err != nil {
			t.Fatal(err)
		}
		a, err := Parse(b)
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Verify(testNet); err != nil || !bytes.Equal(a.Encode(), b) || len(b) > MaxBytes {
			t.Fatal(v.Name, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, v := range vectors(f) {
		b, err := hex.DecodeString(v.Approval)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := Parse(b)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatal(err)
			}
			return
		}
		if !bytes.Equal(a.Encode(), b) {
			t.Fatalf("%x comes back as %x", b, a.Encode())
		}
		_ = a.Verify(testNet) // whatever it holds, it is judged
		if _, err := a.Change.Apply(nil); err == nil && a.Change.Remove != nil {
			t.Fatal("nobody was removed from nothing")
		}
	})
}
