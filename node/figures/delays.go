package figures

import (
	"errors"
	"fmt"
	"time"

	"github.com/phantom-paradox/paradox/agreement"
	"github.com/phantom-paradox/paradox/intent"
)

// Delays are decisions counted in message delays: every message takes one, everything else takes none.
type Delays struct {
	Decision   int `json:"decision"`    // from the start to the last member's decision
	LeaderLoss int `json:"leader_loss"` // from the timeout of a view whose leader is silent to the last other member's decision
}

// mostDelays is more than any decision here takes.
const mostDelays = 16

// lockstep plays machines in rounds of one message delay.
type lockstep struct {
	machines []*agreement.Machine
	com      *committee
	sent     []*agreement.Message // by all, in this delay
	timers   [][]agreement.Timer
	decided  []bool
	failed   error
}

// CountDelays plays a committee of n.
func CountDelays(n int) (Delays, error) {
	var out Delays
	for silent, into := range map[bool]*int{false: &out.Decision, true: &out.LeaderLoss} {
		l, err := newLockstep(n, silent)
		if err != nil {
			return out, err
		}
		if *into, err = l.run(silent); err != nil {
			return out, err
		}
	}
	return out, nil
}

func newLockstep(n int, silent bool) (*lockstep, error) {
	com, err := newCommittee(n)
	if err != nil {
		return nil, err
	}
	l := &lockstep{com: com, machines: make([]*agreement.Machine, n), timers: make([][]agreement.Timer, n), decided: make([]bool, n)}
	order := com.order(1)
	for i := range n {
		if silent && i == order[0] {
			l.decided[i] = true // nobody waits for it
			continue
		}
		if l.machines[i], err = agreement.New(com.config(i, 1, order), nil); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// run counts the delays until all have decided.
func (l *lockstep) run(silent bool) (int, error) {
	l.each(func(_ int, m *agreement.Machine) []agreement.Effect { return m.Start() })
	if silent {
		for i, m := range l.machines {
			for _, t := range l.timers[i] {
				if t.Kind == agreement.ViewTimer {
					l.do(i, m, m.Fired(t))
				}
			}
		}
	}
	for delays := 1; delays <= mostDelays; delays++ {
		now := l.sent
		l.sent = nil
		for _, msg := range now {
			l.each(func(_ int, m *agreement.Machine) []agreement.Effect {
				effects, err := m.Receive(msg, 0)
				if errors.Is(err, agreement.ErrInvalid) {
					l.failed = err
				}
				return effects
			})
		}
		if l.failed != nil {
			return 0, l.failed
		}
		if l.all() {
			return delays, nil
		}
	}
	return 0, fmt.Errorf("no decision within %d message delays", mostDelays)
}

func (l *lockstep) all() bool {
	for _, d := range l.decided {
		if !d {
			return false
		}
	}
	return true
}

func (l *lockstep) each(call func(int, *agreement.Machine) []agreement.Effect) {
	for i, m := range l.machines {
		if m != nil {
			l.do(i, m, call(i, m))
		}
	}
}

func (l *lockstep) do(i int, m *agreement.Machine, effects []agreement.Effect) {
	if err := agreement.Perform(step{l, i, m}, effects); err != nil {
		l.failed = err
	}
}

// step performs the effects of one machine within a delay.
type step struct {
	l *lockstep
	i int
	m *agreement.Machine
}

func (s step) Persist([]byte) error                    { return nil }
func (s step) Broadcast(m *agreement.Message)          { s.l.sent = append(s.l.sent, m) }
func (s step) Send(_ intent.Key, m *agreement.Message) { s.l.sent = append(s.l.sent, m) }
func (s step) SetTimer(t agreement.Timer, _ time.Duration) {
	s.l.timers[s.i] = append(s.l.timers[s.i], t)
}
func (s step) EnterView(agreement.EnterView) {}
func (s step) Decide(agreement.Decide)       { s.l.decided[s.i] = true }
func (s step) Report(agreement.Evidence)     { s.l.failed = errors.New("an honest member is accused") }
func (s step) Duplicate(agreement.Vote)      { s.l.failed = errors.New("a member meets its twin") }

func (s step) Build(b agreement.Build) {
	effects, err := s.m.Built(b.View, s.l.com.header(s.i, 1, b.View).Body())
	if err != nil {
		s.l.failed = err
	}
	s.l.do(s.i, s.m, effects)
}

func (s step) Validate(v agreement.Validate) {
	s.l.do(s.i, s.m, s.m.Validated(v.View, v.Header.Digest, nil))
}
