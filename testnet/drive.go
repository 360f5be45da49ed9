package testnet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	client "github.com/phantom-paradox/paradox/clients/go"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/testnet/traffic"
)

// Bounds of what a driver has on its hands.
const (
	onTheirWay = 4_000 // intents at once: more would only wait in pools
	listSize   = 64    // intents handed in at once over HTTP
	askAtOnce  = 8     // requests under way to all nodes
	tick       = 100 * time.Millisecond
	askEvery   = 2 * time.Second  // each intent, even when its node shows nothing new
	gossipWait = 10 * time.Second // for gossip to reach the node that is asked; then the intent goes over HTTP
)

// A source gives steps: a generator, or a file.
type source interface {
	Next(room int) *traffic.Step // nil: no more
	Unfinished() bool
}

// publisher hands a bundle straight into gossip.
type publisher interface {
	Publish(ctx context.Context, list []*intent.Signed) error
}

// A driver hands in what a source gives and follows it to its end. One goroutine owns it.
type driver struct {
	net     *intent.Network
	nodes   []*client.Client
	gossip  publisher
	deposit func(ctx context.Context, d traffic.Deposit) error
	source  source
	intents int     // how many in all; negative: no end
	window  int     // how many at once are on their way
	rate    float64 // a second; 0: as fast as the window allows
	now     func() time.Time
	say     func(format string, args ...any)
	lines   *lineTeller // of an intents file's lines; nil: there is none

	jobs    map[int]*job
	waiting []*job // drawn, not handed in
	flying  []*job // handed in, not ended
	drawn   int
	began   time.Time
	dry     bool
	seen    []client.Status // of each node, when its intents were last asked about
	asked   []time.Time
	tally   tally
}

// step does one round of everything; false when nothing is left to do.
func (d *driver) step(ctx context.Context) (more bool, err error) {
	if d.jobs == nil {
		d.jobs, d.began = map[int]*job{}, d.now()
		d.seen, d.asked = make([]client.Status, len(d.nodes)), make([]time.Time, len(d.nodes))
	}
	d.draw()
	if err := d.send(ctx); err != nil {
		return false, err
	}
	d.follow(ctx)
	d.forget()
	return !d.done(), ctx.Err()
}

// shownPending is how many intents that have not ended are spelled out.
const shownPending = 8

// unfinished says of intents that have not ended what they wait for.
func (d *driver) unfinished(ctx context.Context) []string {
	var out []string
	for _, j := range d.waiting {
		out = append(out, fmt.Sprintf("intent %d (%s) was not handed in: what it follows has not come so far", j.step.Index, j.step.Story))
	}
	for _, j := range d.flying {
		line := fmt.Sprintf("intent %d (%s) %s is %s at %s", j.step.Index, j.step.Story, j.id, j.state, d.nodes[j.node].Address())
		s, err := d.nodes[j.node].Intent(ctx, j.id)
		switch {
		case err != nil:
			line += ": " + err.Error()
		case s.Pending != nil:
			line += fmt.Sprintf(": %s, %s", s.Pending.Code, s.Pending.Detail)
		}
		out = append(out, line)
	}
	return out[:min(len(out), shownPending)]
}

// forget drops what no later step of a story can need, so that an endless stream takes no endless memory.
func (d *driver) forget() {
	if len(d.jobs) < 4*d.window {
		return
	}
	newest := 0
	for index := range d.jobs {
		newest = max(newest, index)
	}
	for index, j := range d.jobs {
		if j.ended && index < newest-2*d.window {
			delete(d.jobs, index)
		}
	}
}

func (d *driver) done() bool {
	return (d.dry || d.left() == 0 && !d.source.Unfinished()) && len(d.waiting) == 0 && len(d.flying) == 0
}

// left is how many intents may still be drawn; negative: no end.
func (d *driver) left() int {
	if d.intents < 0 {
		return -1
	}
	return d.intents - d.drawn
}

// draw takes new steps, as many as rate and window allow.
func (d *driver) draw() {
	allowed := d.window
	if d.rate > 0 {
		allowed = min(allowed, int(d.now().Sub(d.began).Seconds()*d.rate)+1-d.drawn)
	}
	for ; allowed > 0 && len(d.waiting)+len(d.flying) < d.window && !d.dry; allowed-- {
		if d.left() == 0 && !d.source.Unfinished() {
			return
		}
		s := d.source.Next(d.left())
		if s == nil {
			d.dry = true
			return
		}
		j := &job{step: s, node: s.Index % len(d.nodes)}
		if len(s.After) > 0 { // a story stays with one node, which knows what went before
			if before := d.jobs[s.After[0].Step]; before != nil {
				j.node = before.node
			}
		}
		if s.Deposit == nil {
			d.drawn++
			j.gossip = d.gossip != nil && s.End == traffic.Settle && d.alone(s) && s.Index%3 == 0
		}
		d.jobs[s.Index] = j
		d.waiting = append(d.waiting, j)
	}
}

// alone says whether neither the step needs another nor can another need it: only stories of payments are such.
func (d *driver) alone(s *traffic.Step) bool {
	return len(s.After) == 0 && (s.Story == "payment" || s.Story == "loop" || s.Story == "chain")
}

// ready takes out of waiting what can be handed in now.
func (d *driver) ready() []*job {
	var out, later []*job
	now := d.now()
	for _, j := range d.waiting {
		ok := !now.Before(j.retryAt)
		for _, n := range j.step.After {
			before := d.jobs[n.Step]
			ok = ok && (before == nil || before.has(n.State))
		}
		if ok {
			out = append(out, j)
		} else {
			later = append(later, j)
		}
	}
	d.waiting = later
	return out
}

func (d *driver) send(ctx context.Context) error {
	byNode := make([][]*job, len(d.nodes))
	var gossip []*job
	for _, j := range d.ready() {
		if j.step.Deposit != nil {
			if err := d.deposit(ctx, *j.step.Deposit); err != nil {
				return err
			}
			j.ended = true
			continue
		}
		if err := d.sign(j); err != nil {
			return err
		}
		if j.gossip {
			gossip = append(gossip, j)
		} else {
			byNode[j.node] = append(byNode[j.node], j)
		}
	}
	d.publish(ctx, gossip)
	type answer struct {
		jobs    []*job
		results []client.Result
		err     error
	}
	var mu sync.Mutex
	var answers []answer
	var g errgroup.Group
	g.SetLimit(askAtOnce)
	for n, jobs := range byNode {
		for len(jobs) > 0 {
			part := jobs[:min(listSize, len(jobs))]
			jobs = jobs[len(part):]
			g.Go(func() error {
				results, err := d.submit(ctx, d.nodes[n], part)
				mu.Lock()
				defer mu.Unlock()
				answers = append(answers, answer{part, results, err})
				return nil
			})
		}
	}
	_ = g.Wait() // errors are in the answers
	for _, a := range answers {
		d.answered(a.jobs, a.results, a.err)
	}
	return nil
}

// sign signs a job the first time; a retry hands in the same bytes, so that a node that has them already says so.
func (d *driver) sign(j *job) error {
	if j.signed != nil {
		return nil
	}
	var ask intent.ID
	if j.step.AskOf >= 0 {
		ask = d.jobs[j.step.AskOf].id
	}
	var err error
	if j.signed, err = j.step.Sign(d.net, d.now().Unix(), ask); err != nil {
		return err
	}
	if id, err := j.signed.ID(d.net); err == nil { // one for another network has none here
		j.id = id
	}
	j.sent = d.now()
	d.tally.submitted++
	d.lines.signed(j)
	return nil
}

func (d *driver) publish(ctx context.Context, jobs []*job) {
	for len(jobs) > 0 {
		part := jobs[:min(intent.MaxListLen, len(jobs))]
		jobs = jobs[len(part):]
		list := make([]*intent.Signed, len(part))
		for n, j := range part {
			list[n] = j.signed
		}
		if err := d.gossip.Publish(ctx, list); err != nil {
			d.later(part, err)
			continue
		}
		d.flying = append(d.flying, part...)
	}
}

// submit sends what JSON can say as JSON, as browsers do, and a list with anything else as dag-cbor.
func (d *driver) submit(ctx context.Context, node *client.Client, jobs []*job) ([]client.Result, error) {
	var texts []json.RawMessage
	list := make([]*intent.Signed, len(jobs))
	for n, j := range jobs {
		list[n] = j.signed
		if b, err := j.signed.JSON(d.net); err == nil {
			texts = append(texts, b)
		}
	}
	if len(texts) == len(jobs) {
		return node.SubmitJSON(ctx, texts)
	}
	return node.Submit(ctx, list)
}

func (d *driver) answered(jobs []*job, results []client.Result, err error) {
	if err != nil {
		d.later(jobs, err)
		return
	}
	now := d.now()
	for n, j := range jobs {
		r := results[n]
		expected := j.step.End == traffic.Refuse && r.Code == j.step.Code
		switch {
		case r.Code == "":
			j.state = r.State
			d.flying = append(d.flying, j)
		case !expected && transient(r.Code) && j.tries < maxTries:
			d.later([]*job{j}, nil)
		default:
			d.tally.end(j, traffic.Refuse, r.Code, now)
			d.lines.ended(j, r.Detail)
		}
	}
}

// later puts jobs back. While a node does not answer they go to it again: it is being restarted, and knows their story.
func (d *driver) later(jobs []*job, err error) {
	wait := retryAfter
	if p, ok := errors.AsType[*client.Problem](err); ok && p.RetryAfter > 0 {
		wait = time.Duration(p.RetryAfter) * time.Second
	}
	for _, j := range jobs {
		if err == nil {
			j.tries++
		}
		j.gossip = false
		j.retryAt = d.now().Add(wait)
		d.waiting = append(d.waiting, j)
	}
}

// follow asks after the flying intents of each node that shows something new, and of the others now and then.
func (d *driver) follow(ctx context.Context) {
	if len(d.flying) == 0 {
		return
	}
	ask := make([]bool, len(d.nodes))
	for n, c := range d.nodes {
		s, err := c.Status(ctx)
		if err != nil {
			continue // it is being restarted; the screen says so
		}
		moved := s.Height != d.seen[n].Height || s.Chain.Height != d.seen[n].Chain.Height || s.View != d.seen[n].View
		if moved || d.now().Sub(d.asked[n]) > askEvery {
			ask[n], d.asked[n], d.seen[n] = true, d.now(), *s
		}
	}
	statuses := make([]*client.IntentStatus, len(d.flying))
	var g errgroup.Group
	g.SetLimit(askAtOnce)
	for n, j := range d.flying {
		if !ask[j.node] && (j.step.End != traffic.Drop || j.state == "") {
			continue
		}
		g.Go(func() error {
			if s, err := d.nodes[j.node].Intent(ctx, j.id); err == nil {
				statuses[n] = s
			}
			return nil // a node that does not answer is asked again
		})
	}
	_ = g.Wait()
	d.learn(statuses)
}

func (d *driver) learn(statuses []*client.IntentStatus) {
	now := d.now()
	var still []*job
	var lost []*job
	for n, j := range d.flying {
		s := statuses[n]
		switch {
		case s == nil && j.gossip && j.state == "" && now.Sub(j.sent) > gossipWait:
			lost = append(lost, j)
			continue
		case s == nil:
		case s.State == client.Settled:
			j.state = s.State
			if s.Accepted != nil {
				j.height = s.Accepted.Height
			}
			d.tally.end(j, traffic.Settle, "", now)
			d.lines.ended(j, "")
		case s.State == client.Dropped:
			j.state = s.State
			var code intent.Code
			if s.Dropped != nil {
				code = s.Dropped.Code
			}
			d.tally.end(j, traffic.Drop, code, now)
			d.lines.ended(j, "")
		default:
			j.state = s.State
		}
		if !j.ended {
			still = append(still, j)
		}
	}
	d.flying = still
	if len(lost) > 0 {
		d.say("gossip did not bring %d intents in %s; they go over HTTP", len(lost), gossipWait)
		d.later(lost, nil)
	}
}
