package testnet

import (
	"fmt"
	"slices"
	"time"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/testnet/traffic"

	client "github.com/phantom-paradox/paradox/clients/go"
)

// A job is one step on its way.
type job struct {
	step   *traffic.Step
	node   int // that gets it, and is asked about it
	gossip bool
	signed *intent.Signed
	id     intent.ID

	sent    time.Time // first; zero: not yet
	retryAt time.Time
	tries   int
	state   string // of client's, "" while no node knows it
	height  uint64 // that accepted it
	end     traffic.End
	code    intent.Code
	ended   bool
}

// has says whether the job is in the state that another needs.
func (j *job) has(s traffic.State) bool {
	switch s {
	case traffic.Known:
		return j.state != "" || j.ended
	case traffic.Settled:
		return j.state == client.Settled
	default:
		return j.ended
	}
}

// transient says whether a refusal may be gone in a moment: the node is full, or has not seen yet what another has.
func transient(code intent.Code) bool {
	switch code {
	case intent.RateLimited, intent.PoolFull, intent.NoEntry, intent.UnknownAsk, intent.UnknownSession, intent.UnknownItem, intent.NotYetValid:
		return true
	default:
		return false
	}
}

// How often a job is tried again, and after how long each time.
const (
	maxTries   = 20
	retryAfter = 500 * time.Millisecond
)

// A mismatch is an intent that ended otherwise than it must.
type mismatch struct {
	index     int
	story     string
	want, got string
}

func (m mismatch) String() string {
	return fmt.Sprintf("intent %d (%s): %s instead of %s", m.index, m.story, m.got, m.want)
}

func describe(end traffic.End, code intent.Code) string {
	switch end {
	case traffic.Settle:
		return "settled"
	case traffic.Drop:
		return "dropped as " + string(code)
	case traffic.Refuse:
		return "refused as " + string(code)
	default:
		return "pending"
	}
}

// maxLatencies bounds what an endless stream remembers for its percentiles.
const maxLatencies = 20_000

// tally counts ends.
type tally struct {
	submitted, settled, refused, dropped int
	legs                                 int
	wrong                                []mismatch
	latency                              []time.Duration // from handing in to seeing it settled
}

func (t *tally) pending() int { return t.submitted - t.settled - t.refused - t.dropped }

func (t *tally) end(j *job, end traffic.End, code intent.Code, now time.Time) {
	j.ended, j.end, j.code = true, end, code
	switch end {
	case traffic.Settle:
		t.settled++
		t.legs += traffic.Legs(&j.signed.Intent)
		if len(t.latency) == maxLatencies {
			t.latency = t.latency[maxLatencies/2:]
		}
		t.latency = append(t.latency, now.Sub(j.sent))
	case traffic.Drop:
		t.dropped++
	case traffic.Refuse:
		t.refused++
	}
	want := j.step
	late := want.End == traffic.Drop && end == traffic.Refuse && code == want.Code // it expired while its node was away
	if !late && (end != want.End || end != traffic.Settle && code != want.Code) {
		t.wrong = append(t.wrong, mismatch{want.Index, want.Story, describe(want.End, want.Code), describe(end, code)})
	}
}

// percentile is the p-th (0 to 1) of the latencies seen lately.
func (t *tally) percentile(p float64) time.Duration {
	if len(t.latency) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(t.latency))
	return sorted[int(p*float64(len(sorted)-1))]
}
