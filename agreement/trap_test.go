package agreement_test

import (
	"testing"

	"github.com/phantom-paradox/paradox/agreement"
	at "github.com/phantom-paradox/paradox/agreement/agreementtest"
	"github.com/phantom-paradox/paradox/intent"
)

// Four honest members, messages are only lost: six views in which one member commits each, to a, b, a, b, a, b. Counted
// without their view these commits would be two certificates of one instance; of one view there is never a quorum. The
// machines must do exactly this, and must not decide.
func TestCommitsOfDifferentViewsMakeNoCertificate(t *testing.T) {
	members := at.Members(1, 1, 1, 1)
	s := at.Signers(members)
	d := make([]*at.Driver, 4)
	for i := range d {
		d[i] = at.NewDriver(t, members, i)
		d[i].Start()
	}
	// Of each view: who commits, and whose round changes the leader of the next view gets first, which are a quorum.
	type step struct {
		commits int
		quorum  [3]int
	}
	steps := []step{{0, [3]int{1, 2, 3}}, {3, [3]int{0, 1, 2}}, {2, [3]int{0, 1, 3}}, {1, [3]int{0, 2, 3}}, {3, [3]int{0, 1, 2}}, {0, [3]int{}}}
	var names []byte
	letters := map[intent.Hash]byte{}
	for view, st := range steps {
		v := uint32(view)
		leader := d[view%4]
		if len(leader.Builds) > 0 && leader.Builds[len(leader.Builds)-1].View == v {
			leader.Built(s[view%4].Fresh(v, uint64(view)))
		}
		p := leader.Last(agreement.Propose)
		if p == nil || p.View != v {
			t.Fatalf("view %d: no proposal", view)
		}
		if _, ok := letters[p.Digest]; !ok {
			letters[p.Digest] = 'a' + byte(len(letters))
		}
		names = append(names, letters[p.Digest])
		for i := range d {
			if i != view%4 {
				accept(t, d[i], p)
			}
		}
		for i := range d {
			if i != st.commits {
				accept(t, d[st.commits], d[i].Last(agreement.Prepare))
			}
		}
		if m := d[st.commits].Last(agreement.Commit); m == nil || m.View != v {
			t.Fatalf("view %d: member %d does not commit", view, st.commits)
		}
		if view == len(steps)-1 {
			break
		}
		nextView(t, d, v+1, st.quorum)
	}
	if string(names) != "ababab" {
		t.Fatalf("views proposed %s", names)
	}
	certificatesOf(t, d)
}

// nextView brings all to the view; its leader gets the round changes of the quorum only.
func nextView(t *testing.T, d []*at.Driver, view uint32, quorum [3]int) {
	t.Helper()
	for i := range d {
		d[i].Fire()
		if v := d[i].Machine.Status().View; v != view {
			t.Fatalf("member %d at view %d, not %d", i, v, view)
		}
	}
	for _, to := range d {
		for _, from := range quorum {
			if d[from] != to {
				accept(t, to, d[from].Last(agreement.RoundChange))
			}
		}
	}
}

// certificatesOf delivers every commit ever sent to everybody: without the view in them two digests have a quorum.
func certificatesOf(t *testing.T, d []*at.Driver) {
	t.Helper()
	members := map[intent.Hash]map[intent.Key]bool{}
	for _, from := range d {
		for _, m := range from.Sent {
			if m.Kind != agreement.Commit {
				continue
			}
			if members[m.Digest] == nil {
				members[m.Digest] = map[intent.Key]bool{}
			}
			members[m.Digest][m.From] = true
			for _, to := range d {
				if to != from {
					accept(t, to, m)
				}
			}
		}
	}
	for digest, by := range members {
		if len(by) < 3 {
			t.Fatalf("only %d members committed to %x: the trap was not set", len(by), digest[:4])
		}
	}
	if len(members) != 2 {
		t.Fatalf("%d headers committed, not 2", len(members))
	}
	for i := range d {
		if len(d[i].Decisions) != 0 {
			t.Fatalf("member %d decided on commits of different views", i)
		}
	}
}
