package node

import (
	"context"
	"errors"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/node/pool"
)

// A Verdict is the door's answer to one intent. ID is nil where no text can be rendered.
type Verdict struct {
	ID    *intent.ID
	State string // "" when refused
	Err   *intent.Error
}

// door admits intents: each is checked once, whatever way it came.
type door struct {
	net    *intent.Network
	pool   *pool.Pool
	book   *book
	clock  func() time.Time
	admits func() error // why nothing may be admitted now, nil when it may
	added  func()       // something new is pooled
	meter  *meters
}

// textSize is room for most texts, so that rendering allocates once.
const textSize = 768

// judged is an intent whose bytes, network and signature are in order.
type judged struct {
	id     intent.ID
	signed *intent.Signed
	wire   []byte
	signs  bool  // the signature was looked at, and holds
	err    error // nil: good. An *intent.Error of state or time: ignored, not the sender's fault.
}

// errNotReady is what the door says while the node cannot judge.
var errNotReady = errors.New("the node is not ready")

// judge checks one intent up to its signature, in INTENT.md's order: bytes, network file, cheap look-ups, signature.
// known is true where the pool or the book has the intent already; then nothing is left to check.
func (d *door) judge(s *intent.Signed) (j judged, known bool) {
	j.signed = s
	text, err := s.AppendText(make([]byte, 0, textSize), d.net)
	if err != nil {
		j.err = err
		return j, false
	}
	j.id = intent.TextID(text)
	if err := s.Check(d.net); err != nil {
		j.err = err
		return j, false
	}
	if d.pool.Known(j.id) || d.book.known(j.id) {
		return j, true
	}
	if j.err = d.pool.Cheap(s); j.err != nil {
		return j, false
	}
	d.meter.verified.WithLabelValues("door").Inc()
	if !intent.VerifySignature(s.SigningKey(), text, s.Sig) {
		j.err = &intent.Error{Code: intent.BadSignature, Field: "sig", Detail: "the signature does not hold for this text and signing key; sign exactly the text, without a trailing newline"}
		return j, false
	}
	j.wire, j.signs = s.Encode(), true
	return j, false
}

// judgeAll judges a list on all cores, in order.
func (d *door) judgeAll(list []*intent.Signed) (out []judged, known []bool) {
	out, known = make([]judged, len(list)), make([]bool, len(list))
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	const stride = 16 // signatures a task: enough work to be worth a goroutine
	for from := 0; from < len(list); from += stride {
		g.Go(func() error {
			for i := from; i < min(from+stride, len(list)); i++ {
				out[i], known[i] = d.judge(list[i])
			}
			return nil
		})
	}
	_ = g.Wait() // the tasks return no errors
	return out, known
}

// Submit takes intents that came alone, over HTTP. What it answers "pending" is on disk.
func (d *door) Submit(ctx context.Context, list []*intent.Signed) ([]Verdict, error) {
	if err := d.admits(); err != nil {
		return nil, err
	}
	verdicts := make([]Verdict, len(list))
	judgedList, known := d.judgeAll(list)
	var candidates []pool.Candidate
	var at []int
	for i, j := range judgedList {
		if j.id != (intent.ID{}) {
			verdicts[i].ID = &judgedList[i].id
		}
		switch {
		case known[i]:
			verdicts[i].State = d.stateOf(j.id)
		case j.err != nil:
			verdicts[i].Err = asIntentError(j.err)
		default:
			candidates = append(candidates, pool.Candidate{ID: j.id, Signed: j.signed, Wire: j.wire})
			at = append(at, i)
		}
	}
	fresh := 0
	for k, err := range d.pool.Add(ctx, candidates, d.clock().UnixMilli()) {
		switch {
		case err == nil:
			verdicts[at[k]].State = statePending
			fresh++
		case errors.Is(err, pool.ErrDisk):
			return nil, err
		default:
			verdicts[at[k]].Err = asIntentError(err)
		}
	}
	d.count(verdicts)
	if fresh > 0 {
		d.added()
	}
	return verdicts, nil
}

func (d *door) count(verdicts []Verdict) {
	for _, v := range verdicts {
		if v.Err != nil {
			d.meter.refused.WithLabelValues(string(v.Err.Code)).Inc()
		} else {
			d.meter.admitted.WithLabelValues("http").Inc()
		}
	}
}

func asIntentError(err error) *intent.Error {
	var e *intent.Error
	if errors.As(err, &e) {
		return e
	}
	return &intent.Error{Code: intent.BadEncoding, Detail: err.Error()}
}

// stateOf names the state of a known intent.
func (d *door) stateOf(id intent.ID) string {
	if e, ok := d.pool.Get(id); ok {
		if e.Held != 0 {
			return stateAccepted
		}
		return statePending
	}
	if s, ok, err := d.book.status(id); ok && err == nil {
		return s.State
	}
	return statePending // between the two look-ups it was being written
}

// Why a bundle is not taken.
var (
	errRejected = errors.New("rejected")
	errIgnored  = errors.New("ignored")
)

// ValidateBundle judges a gossiped bundle: errRejected is the sender's fault, errIgnored nobody's, nil means that it is worth
// keeping and passing on: at least half of it is new and can be pooled here. What few new intents another bundle has are
// pooled as if they had come alone, so that padding makes nobody carry it and silences nobody's intents.
func (d *door) ValidateBundle(ctx context.Context, data []byte) ([]judged, error) {
	list, err := intent.DecodeList(data)
	if err != nil {
		return nil, errors.Join(errRejected, err)
	}
	if err := d.admits(); err != nil {
		return nil, errors.Join(errIgnored, err)
	}
	fresh, err := d.countFresh(list)
	if err != nil {
		return nil, errors.Join(errRejected, err)
	}
	if fresh == 0 {
		return nil, errIgnored
	}
	out, known := d.judgeAll(list)
	var good []pool.Candidate
	var at []int
	for i, j := range out {
		switch {
		case known[i]:
			out[i].wire = list[i].Encode()
		case j.err == nil:
			good, at = append(good, pool.Candidate{ID: j.id, Signed: j.signed, Wire: j.wire}), append(at, i)
		case asIntentError(j.err).Code == intent.BadSignature:
			return nil, errors.Join(errRejected, j.err)
		}
	}
	pooled := good[:0]
	for k, err := range d.pool.Judge(good, d.clock().UnixMilli()) {
		if out[at[k]].err = err; err == nil {
			pooled = append(pooled, good[k])
		}
	}
	if 2*len(pooled) < len(list) {
		return nil, errors.Join(errIgnored, d.takeGossiped(ctx, pooled))
	}
	if err := d.verifyRest(out); err != nil {
		return nil, errors.Join(errRejected, err)
	}
	return out, nil
}

// verifyRest looks at the signatures that judging could do without: of intents that are known, under their text alone, and of
// those that state refused. Who passes a bundle on answers for all of it; others may know less, or more, and a batch that
// takes an intent from this bundle takes the signature that stands there.
func (d *door) verifyRest(list []judged) error {
	for _, j := range list {
		if j.signs {
			continue
		}
		if e, ok := d.pool.Get(j.id); ok && e.Signed.Sig == j.signed.Sig {
			continue
		}
		if err := j.signed.Verify(d.net); err != nil {
			return err
		}
	}
	return nil
}

// countFresh checks bytes and network file for all of a list, which is cheap: one fault condemns it before a signature is
// looked at. It counts what this node does not know.
func (d *door) countFresh(list []*intent.Signed) (int, error) {
	fresh, buf := 0, make([]byte, 0, textSize)
	for _, s := range list {
		text, err := s.AppendText(buf[:0], d.net)
		if err == nil {
			err = s.Check(d.net)
		}
		if err != nil {
			return 0, err
		}
		if id := intent.TextID(text); !d.pool.Known(id) && !d.book.known(id) {
			fresh++
		}
	}
	return fresh, nil
}

// TakeBundle pools what a validated bundle carries. Its block is stored already.
func (d *door) TakeBundle(ctx context.Context, cid string, list []judged) error {
	now := d.clock().UnixMilli()
	candidates := make([]pool.Candidate, 0, len(list))
	for i, j := range list {
		if j.err == nil {
			candidates = append(candidates, pool.Candidate{ID: j.id, Signed: j.signed, Wire: j.wire, Ref: &pool.Ref{Bundle: cid, Index: i, Held: now}})
		}
	}
	return d.takeGossiped(ctx, candidates)
}

// takeGossiped pools candidates that came by gossip; those without a bundle get one of this node's own.
func (d *door) takeGossiped(ctx context.Context, candidates []pool.Candidate) error {
	fresh := 0
	for _, err := range d.pool.Add(ctx, d.unknown(candidates), d.clock().UnixMilli()) {
		switch {
		case err == nil:
			fresh++
		case errors.Is(err, pool.ErrDisk):
			return err
		}
	}
	d.meter.admitted.WithLabelValues("gossip").Add(float64(fresh))
	if fresh > 0 {
		d.added()
	}
	return nil
}

// unknown leaves out what the book says is settled or dropped already.
func (d *door) unknown(list []pool.Candidate) []pool.Candidate {
	kept := list[:0]
	for _, c := range list {
		if !d.book.known(c.ID) || d.pool.Known(c.ID) {
			kept = append(kept, c)
		}
	}
	return kept
}
