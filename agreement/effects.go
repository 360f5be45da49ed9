package agreement

import (
	"errors"
	"fmt"
	"time"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/ledger"
)

// An Effect is something that the host does. Effects are performed in the order given; Perform does it.
type Effect interface{ effect() }

// Persist: append the record to the vote log and fsync it before any later effect. If that fails, perform nothing more,
// neither of this list nor of later ones: the machine's memory is ahead of the log and must be thrown away.
type Persist struct{ Record []byte }

// Broadcast: send the message to everybody. The machine has counted its own vote already.
type Broadcast struct{ Message *Message }

// Send: send the message to one member.
type Send struct {
	To      intent.Key
	Message *Message
}

// Build: this node leads the view and may propose freely. Answer with Machine.Built, or not at all.
type Build struct{ View uint32 }

// Validate: answer with Machine.Validated, when that is possible: a member that is behind holds the question until it
// has caught up or EnterView says that the view has ended. Clock and watcher checks apply only when Fresh, the clock's
// against Arrived, which is what the host gave to Receive with the proposal.
type Validate struct {
	View    uint32
	Header  HeaderView
	Body    []byte
	Fresh   bool
	Arrived int64
}

// SetTimer: call Machine.Fired with this Timer after so long.
type SetTimer struct {
	Timer Timer
	After time.Duration
}

// EnterView: the machine is at this view now; questions of older ones are void. It is for people and metrics too.
type EnterView struct {
	View   uint32
	Leader intent.Key
}

// Decide: the instance is decided. It comes once.
type Decide struct {
	Certificate *ledger.Certificate
	Header      HeaderView
}

// Report: a member has contradicted itself. Keep it, gossip it, show it.
type Report struct{ Evidence Evidence }

// Duplicate: somebody votes with this node's key. The machine is silent from now on, and the host must be, until a
// person has looked.
type Duplicate struct{ Vote Vote }

func (Persist) effect()   {}
func (Broadcast) effect() {}
func (Send) effect()      {}
func (Build) effect()     {}
func (Validate) effect()  {}
func (SetTimer) effect()  {}
func (EnterView) effect() {}
func (Decide) effect()    {}
func (Report) effect()    {}
func (Duplicate) effect() {}

// A Timer names a timer that the machine has set. One that is out of date does nothing when it fires.
type Timer struct {
	Kind TimerKind
	View uint32
	Seq  uint64
}

// TimerKind says what a timer is for.
type TimerKind uint8

// The timers.
const (
	ViewTimer   TimerKind = 1 // the view has lasted long enough
	RepeatTimer TimerKind = 2 // own messages are sent again
)

// A Host performs effects.
type Host interface {
	Persist(record []byte) error
	Broadcast(m *Message)
	Send(to intent.Key, m *Message)
	Build(e Build)
	Validate(e Validate)
	SetTimer(t Timer, after time.Duration)
	EnterView(e EnterView)
	Decide(e Decide)
	Report(e Evidence)
	Duplicate(v Vote)
}

// ErrLog is wrapped by the error of a Perform that could not write the vote log. The machine must not be used again.
var ErrLog = errors.New("the vote log cannot be written; nothing is sent")

// Perform does the effects in order. It stops at the first record that cannot be written: what was not logged is not said.
func Perform(h Host, effects []Effect) error {
	for _, e := range effects {
		switch e := e.(type) {
		case Persist:
			if err := h.Persist(e.Record); err != nil {
				return fmt.Errorf("agreement: %w: %w", ErrLog, err)
			}
		case Broadcast:
			h.Broadcast(e.Message)
		case Send:
			h.Send(e.To, e.Message)
		case Build:
			h.Build(e)
		case Validate:
			h.Validate(e)
		case SetTimer:
			h.SetTimer(e.Timer, e.After)
		case EnterView:
			h.EnterView(e)
		case Decide:
			h.Decide(e)
		case Report:
			h.Report(e.Evidence)
		case Duplicate:
			h.Duplicate(e.Vote)
		}
	}
	return nil
}
