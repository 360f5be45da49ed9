package pinning

import (
	"slices"
	"time"
)

// Bounds of what one service is asked for.
const (
	// maxFlights is how many roots a service may be getting at once. One is usual: the next is asked for while the one before
	// takes suspiciously long, and the oldest is given up beyond this.
	maxFlights = 4
	// maxRows bounds the queue of a service: what is in flight, one that waits, one that is pinned, and what is being let go.
	maxRows = 16
	// maxPatience is the longest Retry-After that is kept to.
	maxPatience = time.Hour
)

// Pace is how fast a service is asked. The zero value is good.
type Pace struct {
	Answer  time.Duration // how long one answer may take
	Poll    time.Duration // from asking for a pin to the first look; doubles
	PollMax time.Duration
	Retry   time.Duration // after the first failure; doubles
	MaxWait time.Duration // the longest rest after failures
	Recheck time.Duration // between looks at a pin that stands
	Stuck   time.Duration // a service that gets one root for so long is asked for a newer one beside it
}

func (p Pace) withDefaults() Pace {
	for _, f := range []struct {
		field *time.Duration
		value time.Duration
	}{{&p.Answer, 20 * time.Second}, {&p.Poll, time.Second}, {&p.PollMax, time.Minute}, {&p.Retry, 2 * time.Second}, {&p.MaxWait, 15 * time.Minute},
		{&p.Recheck, 6 * time.Hour}, {&p.Stuck, time.Hour}} {
		if *f.field == 0 {
			*f.field = f.value
		}
	}
	return p
}

// A stage is how far a root is at a service.
type stage uint8

const (
	wanted stage = iota + 1 // not asked for
	asked                   // a request went out, and may have arrived
	taken                   // the service has the request and gets the blocks
	pinned                  // it has them
	failed                  // it gave up: its request is to be removed, and made anew
	spare                   // a newer root holds these blocks: its request is to be removed
)

// A row is a root at a service. Times are unix milliseconds of this machine.
type row struct {
	Height  uint64 `cbor:"1,keyasint"`
	CID     []byte `cbor:"2,keyasint"`
	Stage   stage  `cbor:"3,keyasint"`
	Request string `cbor:"4,keyasint"` // the service's name for it
	Since   int64  `cbor:"5,keyasint"` // since when what it adds to older pins waits
	Sent    int64  `cbor:"6,keyasint"` // when it was asked for
	Next    int64  `cbor:"7,keyasint"` // nothing is done before
	Polls   uint8  `cbor:"8,keyasint"`
	Fails   uint8  `cbor:"9,keyasint"`
}

func (r *row) inFlight() bool { return r.Stage == asked || r.Stage == taken }
func (r *row) waits() bool    { return r.Stage != pinned && r.Stage != spare }

// A verb is what to do with a row.
type verb uint8

const (
	rest   verb = iota
	find        // a request for the row may have arrived before this process began, or its answer got lost
	add         // POST /pins
	look        // GET /pins/ID
	remove      // DELETE /pins/ID
)

// A blame says whose fault a failure is, and so who rests.
type blame uint8

const (
	fine    blame = iota
	down          // the service did not answer, or not in the protocol: whether it took the request is not known
	busy          // it asked for patience
	refused       // it does not take the token
	wrong         // it takes the token, but not this request
	gone          // it does not know the request
)

// An answer is what a service said.
type answer struct {
	blame   blame
	problem string        // for people; no secret is in it
	wait    time.Duration // Retry-After
	request string        // "": it is pinned under a name that is not ours, so it is not ours to remove
	stage   stage         // taken, pinned or failed; 0 where find found nothing
}

// A desk decides what is asked of one service. It does no I/O and knows no clock; rows are ordered by height.
type desk struct {
	pace Pace
	rows []*row

	strikes  uint8     // failures of the service in a row
	until    time.Time // nothing is asked before
	problem  string    // the last, "" once an answer was fine
	refused  bool      // the token was not taken the last time
	failures uint64
	lost     uint64

	puts  map[uint64]*row // what is to be written
	drops map[uint64]bool // what is to be deleted
}

func newDesk(p Pace, rows []*row) *desk {
	slices.SortFunc(rows, func(a, b *row) int {
		if a.Height < b.Height {
			return -1
		}
		return 1
	})
	return &desk{pace: p.withDefaults(), rows: rows, puts: map[uint64]*row{}, drops: map[uint64]bool{}}
}

func (d *desk) put(r *row) {
	d.puts[r.Height] = r
	delete(d.drops, r.Height)
}

func (d *desk) drop(r *row) {
	d.rows = slices.DeleteFunc(d.rows, func(x *row) bool { return x == r })
	d.drops[r.Height] = true
	delete(d.puts, r.Height)
}

// want puts a newer root on the desk. One that was not asked for yet makes room: the newer links it.
func (d *desk) want(height uint64, id []byte, now time.Time) {
	r := &row{Height: height, CID: id, Stage: wanted, Since: now.UnixMilli()}
	if n := len(d.rows); n > 0 {
		last := d.rows[n-1]
		if last.Height >= height {
			return
		}
		if last.Stage == wanted {
			r.Since, r.Next, r.Fails = last.Since, last.Next, last.Fails
			d.drop(last)
		}
	}
	d.rows = append(d.rows, r)
	d.put(r)
	for i := 0; len(d.rows) > maxRows && i < len(d.rows); { // only where a service lets nothing be removed for days
		if d.rows[i].Stage == pinned {
			i++
			continue
		}
		d.drop(d.rows[i])
	}
}

// next is what to do now; where that is nothing, when to ask again (zero: not before something new is wanted).
func (d *desk) next(now time.Time) (verb, *row, time.Time) {
	var best *row
	for _, r := range d.rows {
		if d.held(r, now) {
			continue
		}
		if best == nil || r.Next < best.Next {
			best = r
		}
	}
	if best == nil {
		return rest, nil, time.Time{}
	}
	due := time.UnixMilli(best.Next)
	if due.Before(d.until) {
		due = d.until
	}
	if due.After(now) {
		return rest, nil, due
	}
	switch best.Stage {
	case wanted:
		return add, best, now
	case asked:
		return find, best, now
	case taken, pinned:
		if best.Request == "" { // pinned under another's name
			return find, best, now
		}
		return look, best, now
	default:
		return remove, best, now
	}
}

// held says whether a row has to wait for another that is in flight: that one becomes due often enough to look again.
func (d *desk) held(r *row, now time.Time) bool {
	return r.Stage == wanted && slices.ContainsFunc(d.rows, func(x *row) bool {
		return x.inFlight() && now.Sub(time.UnixMilli(x.Sent)) < d.pace.Stuck
	})
}

// send notes that a row is about to be asked for: from here on the service may have it.
func (d *desk) send(r *row, now time.Time) {
	flights := 0
	for _, x := range slices.Backward(d.rows) {
		if !x.inFlight() {
			continue
		}
		if flights++; flights >= maxFlights {
			d.letGo(x, now)
		}
	}
	r.Stage, r.Sent, r.Polls = asked, now.UnixMilli(), 0
	d.put(r)
}

// letGo is for a row that nobody needs any more.
func (d *desk) letGo(r *row, now time.Time) {
	if r.Request == "" {
		d.drop(r)
		return
	}
	r.Stage, r.Next, r.Polls = spare, now.UnixMilli(), 0
	d.put(r)
}

// newest says whether no newer root is wanted, in flight or pinned.
func (d *desk) newest(r *row) bool { return d.rows[len(d.rows)-1] == r }

// answered takes what the service said to a step.
func (d *desk) answered(v verb, r *row, a answer, now time.Time) {
	if !slices.Contains(d.rows, r) {
		return // a newer one took its place while the service was asked
	}
	defer func() {
		if slices.Contains(d.rows, r) {
			d.put(r)
		}
	}()
	if a.blame == down || a.blame == busy || a.blame == refused {
		d.strike(a, now)
		if v == add && a.blame != down {
			r.Stage = wanted // it said no: nothing was taken
		}
		return
	}
	d.strikes, d.problem, d.refused = 0, "", false
	switch {
	case a.blame == wrong:
		d.balk(v, r, a, now)
	case v == remove:
		d.removed(r, now)
	case a.blame == gone:
		d.missed(r, now)
	case v == find && a.stage == 0 && r.Stage == pinned:
		d.missed(r, now)
	case v == find && a.stage == 0:
		r.Stage = wanted
	default:
		r.Request = a.request
		d.seen(r, a, now)
	}
}

// strike lets the whole service rest.
func (d *desk) strike(a answer, now time.Time) {
	wait := grow(d.pace.Retry, d.strikes, d.pace.MaxWait)
	if a.blame == refused {
		wait = d.pace.MaxWait // a person has to mend that
	}
	d.until = now.Add(max(wait, min(a.wait, maxPatience)))
	d.strikes = more(d.strikes)
	d.problem, d.refused = a.problem, a.blame == refused
	d.failures++
}

// balk lets one row rest: the service is well, but does not take the request. One that is not added is looked for before the
// next try, for some services refuse what they already have.
func (d *desk) balk(v verb, r *row, a answer, now time.Time) {
	d.problem = a.problem
	d.failures++
	if v == add && !d.newest(r) {
		d.giveWay(r)
		return
	}
	if v == find && r.Stage != pinned {
		r.Stage = wanted
	}
	r.Next, r.Fails = now.Add(grow(d.pace.Retry, r.Fails, d.pace.MaxWait)).UnixMilli(), more(r.Fails)
}

// removed is what follows when a service has let go: nothing, or another try where it had given up.
func (d *desk) removed(r *row, now time.Time) {
	if r.Stage == spare {
		d.drop(r)
		return
	}
	if !d.newest(r) {
		d.giveWay(r)
		return
	}
	r.Stage, r.Request = wanted, ""
	r.Next, r.Fails = now.Add(grow(d.pace.Retry, r.Fails, d.pace.MaxWait)).UnixMilli(), more(r.Fails)
}

// giveWay leaves the waiting to the next newer root.
func (d *desk) giveWay(r *row) {
	if i := slices.Index(d.rows, r); r.waits() && i+1 < len(d.rows) {
		heir := d.rows[i+1]
		heir.Since = min(heir.Since, r.Since)
		d.put(heir)
	}
	d.drop(r)
}

// missed is for a request that the service no longer knows.
func (d *desk) missed(r *row, now time.Time) {
	d.lost++
	if !d.newest(r) {
		d.giveWay(r)
		return
	}
	if r.Stage == pinned {
		r.Since = now.UnixMilli()
	}
	d.problem = "it lost a pin; it is asked for again"
	r.Stage, r.Request = wanted, ""
	r.Next, r.Fails = now.Add(grow(d.pace.Retry, r.Fails, d.pace.MaxWait)).UnixMilli(), more(r.Fails)
}

// seen takes the state of a request.
func (d *desk) seen(r *row, a answer, now time.Time) {
	switch {
	case r.Stage == spare:
	case a.stage == pinned:
		r.Stage, r.Polls, r.Fails, r.Next = pinned, 0, 0, now.Add(d.pace.Recheck).UnixMilli()
		for _, older := range slices.Clone(d.rows) {
			if older.Height < r.Height && older.Stage != spare {
				d.letGo(older, now)
			}
		}
	case a.stage == failed:
		d.failures++
		if d.problem = "it could not get a batch's blocks"; r.Stage == pinned {
			d.lost++
			r.Since = now.UnixMilli()
		}
		r.Stage, r.Next = failed, now.UnixMilli()
	default:
		if r.Stage == pinned {
			r.Since, r.Sent = now.UnixMilli(), now.UnixMilli()
		}
		r.Stage, r.Next, r.Polls = taken, now.Add(grow(d.pace.Poll, r.Polls, d.pace.PollMax)).UnixMilli(), more(r.Polls)
	}
}

// grow doubles first, n times over.
func grow(first time.Duration, n uint8, most time.Duration) time.Duration {
	return min(first<<min(n, 20), most)
}

func more(n uint8) uint8 { return min(n, 254) + 1 }

// oldest is since when something waits at this service; zero where nothing does.
func (d *desk) oldest() time.Time {
	var at time.Time
	for _, r := range d.rows {
		if t := time.UnixMilli(r.Since); r.waits() && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	return at
}

// height is the newest height that the service holds, 0 for none.
func (d *desk) height() uint64 {
	for _, r := range slices.Backward(d.rows) {
		if r.Stage == pinned {
			return r.Height
		}
	}
	return 0
}
