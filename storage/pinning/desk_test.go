package pinning

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"
)

// desktop plays a service with a desk in virtual time.
type desktop struct {
	t *testing.T
	*desk
	now time.Time
}

func newDesktop(t *testing.T) *desktop {
	return &desktop{t, newDesk(Pace{}, nil), time.UnixMilli(1_000_000)}
}

// step expects a verb, at once or when it is due, and gives the answer.
func (d *desktop) step(want verb, a answer) *row {
	d.t.Helper()
	v, r, again := d.next(d.now)
	if v == rest && !again.IsZero() {
		d.now = again
		v, r, _ = d.next(d.now)
	}
	if v != want {
		d.t.Fatalf("the next step is %d, not %d: %s", v, want, d)
	}
	if v == add {
		d.send(r, d.now)
	}
	d.answered(v, r, a, d.now)
	return r
}

func (d *desktop) String() string {
	var words []string
	for _, r := range d.rows {
		words = append(words, fmt.Sprintf("%d:%d", r.Height, r.Stage))
	}
	return strings.Join(words, " ")
}

func (d *desktop) is(want string) {
	d.t.Helper()
	if d.String() != want {
		d.t.Errorf("the desk is %q, not %q", d, want)
	}
}

func TestANewerRootTakesThePlaceOfOlderOnes(t *testing.T) {
	d := newDesktop(t)
	d.want(1, nil, d.now)
	d.step(add, answer{request: "a", stage: taken})
	for h := uint64(2); h <= 50; h++ {
		d.want(h, nil, d.now.Add(time.Duration(h)))
	}
	d.want(7, nil, d.now) // long known
	d.is("1:3 50:1")
	if d.oldest().UnixMilli() != 1_000_000 {
		t.Errorf("it waits since %v", d.oldest())
	}
	d.step(look, answer{request: "a", stage: taken})
	d.step(look, answer{request: "a", stage: pinned})
	d.step(add, answer{request: "b", stage: taken})
	d.is("1:4 50:3")
	d.step(look, answer{request: "b", stage: pinned})
	d.is("1:6 50:4")
	d.step(remove, answer{})
	d.is("50:4")
	if !d.oldest().IsZero() || d.height() != 50 {
		t.Errorf("waiting since %v, height %d", d.oldest(), d.height())
	}
	before := d.now
	d.step(look, answer{request: "b", stage: pinned})
	if d.now.Sub(before) != d.pace.Recheck {
		t.Errorf("the pin was looked at after %v", d.now.Sub(before))
	}
}

func TestAFailingServiceRests(t *testing.T) {
	d := newDesktop(t)
	d.want(1, nil, d.now)
	d.step(add, answer{blame: down, problem: "500"})
	waits := []time.Duration{}
	for range 12 {
		before := d.now
		d.step(find, answer{blame: down, problem: "500"})
		waits = append(waits, d.now.Sub(before))
	}
	if waits[0] != d.pace.Retry || waits[1] != 2*d.pace.Retry || waits[11] != d.pace.MaxWait || d.problem != "500" || d.failures != 13 {
		t.Errorf("it rested %v; %q, %d failures", waits, d.problem, d.failures)
	}
	d.step(find, answer{}) // nothing had arrived
	if d.problem != "" || d.strikes != 0 {
		t.Errorf("it is well again, and still %q", d.problem)
	}
	for _, c := range []struct {
		a    answer
		want time.Duration
	}{
		{answer{blame: busy, wait: 10 * time.Minute}, 10 * time.Minute},
		{answer{blame: busy, wait: 240 * time.Hour}, maxPatience},
		{answer{blame: refused}, d.pace.MaxWait},
	} {
		d.step(add, c.a)
		_, _, again := d.next(d.now)
		if got := again.Sub(d.now); got != c.want {
			t.Errorf("after %+v it rests %v, not %v", c.a, got, c.want)
		}
		d.is("1:1") // the service said no: it has nothing
	}
	if !d.refused {
		t.Error("the token was refused, and nobody knows")
	}
}

func TestAPinThatFailsIsRemovedAndMadeAnew(t *testing.T) {
	d := newDesktop(t)
	d.want(1, nil, d.now)
	d.step(add, answer{request: "a", stage: taken})
	d.step(look, answer{request: "a", stage: failed})
	d.step(remove, answer{})
	d.is("1:1")
	before := d.now
	d.step(add, answer{request: "b", stage: taken})
	if d.now.Sub(before) != d.pace.Retry {
		t.Errorf("the second try came after %v", d.now.Sub(before))
	}
	since := d.oldest()
	d.want(2, nil, d.now)
	d.step(look, answer{request: "b", stage: failed})
	d.step(add, answer{request: "c", stage: taken})
	d.step(remove, answer{}) // 2 holds what 1 would have: it is not tried again
	d.is("2:3")
	if !d.oldest().Equal(since) {
		t.Errorf("the waiting began at %v, not %v", d.oldest(), since)
	}
}

func TestALostPinIsAskedForAgain(t *testing.T) {
	d := newDesktop(t)
	d.want(1, nil, d.now)
	d.step(add, answer{request: "a", stage: pinned})
	d.step(look, answer{blame: gone})
	d.is("1:1")
	if d.lost != 1 || d.oldest() != time.UnixMilli(d.now.UnixMilli()) || d.problem == "" {
		t.Errorf("lost %d, waiting since %v, problem %q", d.lost, d.oldest(), d.problem)
	}
	d.step(add, answer{request: "b", stage: pinned})
	d.want(2, nil, d.now)
	d.step(add, answer{request: "c", stage: taken})
	d.now = d.now.Add(d.pace.Recheck)
	d.step(look, answer{request: "c", stage: taken})
	d.step(look, answer{blame: gone}) // 1 is lost while 2 is on its way
	d.is("2:3")
}

func TestWhatOthersPinnedCountsAndIsNotRemoved(t *testing.T) {
	d := newDesktop(t)
	d.want(1, nil, d.now)
	d.step(add, answer{blame: wrong, problem: "409 duplicate"})
	d.step(find, answer{stage: pinned})
	d.is("1:4")
	d.step(find, answer{stage: pinned}) // the look at it, later
	d.want(2, nil, d.now)
	d.step(add, answer{request: "b", stage: pinned})
	d.is("2:4")
	d.step(look, answer{request: "b", stage: pinned})
}

func TestARootThatIsRefusedGivesWay(t *testing.T) {
	d := newDesktop(t)
	d.want(1, nil, d.now)
	v, r, _ := d.next(d.now)
	if v != add {
		t.Fatal(v)
	}
	d.send(r, d.now)
	d.want(2, nil, d.now.Add(time.Minute))
	d.answered(v, r, answer{blame: wrong, problem: "too large"}, d.now)
	d.is("2:1")
	if d.oldest().UnixMilli() != 1_000_000 {
		t.Errorf("it waits since %v", d.oldest())
	}
	d.step(add, answer{blame: wrong, problem: "too large"})
	d.step(find, answer{blame: wrong, problem: "no lists here"})
	d.step(add, answer{request: "b", stage: pinned})
	d.is("2:4")
}

func TestARootThatNeverComesHoldsUpNoOther(t *testing.T) {
	d := newDesktop(t)
	for h := uint64(1); h <= 7; h++ {
		d.want(h, nil, d.now)
		d.step(add, answer{request: fmt.Sprint(h), stage: taken})
		d.now = d.now.Add(d.pace.Stuck)
	}
	flights := 0
	for _, r := range d.rows {
		if r.inFlight() {
			flights++
		}
	}
	if flights != maxFlights {
		t.Errorf("%d in flight: %s", flights, d)
	}
	d.is("1:6 2:6 3:6 4:3 5:3 6:3 7:3")
}

// Whatever a service answers, the desk stays bounded, ordered, equal to what it writes down, and comes to its end when the
// service is well.
func TestAnyAnswersLeadToTheEnd(t *testing.T) {
	for seed := range uint64(300) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		d, disk := newDesktop(t), map[uint64]row{}
		height := uint64(0)
		flush := func() {
			for h, r := range d.puts {
				disk[h] = *r
			}
			for h := range d.drops {
				delete(disk, h)
			}
			clear(d.puts)
			clear(d.drops)
			if len(disk) != len(d.rows) || len(d.rows) > maxRows {
				t.Fatalf("seed %d: %d rows on disk, %s", seed, len(disk), d)
			}
			for i, r := range d.rows {
				if !reflect.DeepEqual(disk[r.Height], *r) || (i > 0 && d.rows[i-1].Height >= r.Height) {
					t.Fatalf("seed %d: %s; on disk %+v", seed, d, disk)
				}
			}
		}
		for i := range 400 {
			if rnd.IntN(3) == 0 && i < 200 {
				height += 1 + rnd.Uint64N(3)
				d.want(height, nil, d.now)
			}
			v, r, again := d.next(d.now)
			if v == rest {
				if !again.IsZero() {
					d.now = again
				}
				continue
			}
			if v == add {
				d.send(r, d.now)
			}
			flush()
			a := answer{request: "x", stage: []stage{taken, pinned, failed}[rnd.IntN(3)]}
			if i < 200 {
				a.blame = blame(rnd.IntN(6))
			} else {
				a.stage = pinned
			}
			d.answered(v, r, a, d.now)
			flush()
		}
		if height > 0 && (d.String() != fmt.Sprintf("%d:4", height) || !d.oldest().IsZero()) {
			t.Fatalf("seed %d: it ends with %s, wanted %d", seed, d, height)
		}
	}
}
