package testnet

import (
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/testnet/traffic"

	client "github.com/phantom-paradox/paradox/clients/go"
)

// A lineTeller tells of each line of an intents file by its number: its id when it is signed, and how it ended. A nil one
// tells nothing.
type lineTeller struct {
	say  func(format string, args ...any)
	jobs []*job
}

func (t *lineTeller) signed(j *job) {
	if t == nil {
		return
	}
	t.jobs = append(t.jobs, j)
	t.say("line %d: %s %s", j.step.Line, j.signed.Kind, j.name())
}

func (t *lineTeller) ended(j *job, detail string) {
	if t == nil {
		return
	}
	switch {
	case j.end == traffic.Settle:
		t.say("line %d: settled at height %d", j.step.Line, j.height)
	case detail != "":
		t.say("line %d: %s, %s", j.step.Line, describe(j.end, j.code), detail)
	default:
		t.say("line %d: %s", j.step.Line, describe(j.end, j.code))
	}
}

// all is what became of every line that was handed in.
func (t *lineTeller) all() []Line {
	if t == nil {
		return nil
	}
	out := make([]Line, len(t.jobs))
	for n, j := range t.jobs {
		out[n] = Line{Line: j.step.Line, Kind: j.signed.Kind, State: client.Pending, Code: j.code, Height: j.height}
		if j.id != (intent.ID{}) {
			out[n].ID = j.id.String()
		}
		switch {
		case !j.ended:
		case j.end == traffic.Refuse:
			out[n].State = "refused"
		default:
			out[n].State = j.state
		}
	}
	return out
}

// name is the id, where the intent has one.
func (j *job) name() string {
	if j.id == (intent.ID{}) {
		return "without an id"
	}
	return j.id.String()
}
