package node

import (
	"time"

	"github.com/phantom-paradox/paradox/agreement"
	"github.com/phantom-paradox/paradox/intent"
)

// A height is often over within milliseconds, and a member that told one half of the committee this and the other that is
// found out only when the halves' words meet. So the machine of the last decided height goes on hearing, while the next is
// decided: it votes no more, and what it finds is kept.

// hearFormer gives a message to the machine of the height before, if it is of that.
func (e *engine) hearFormer(a arrival) {
	if e.former == nil || a.message.Instance != e.former.Status().Instance {
		return
	}
	effects, err := e.former.Receive(a.message, a.at)
	if err != nil {
		e.log.Debug("a late message", "from", a.message.From, "kind", a.message.Kind, "err", err)
	}
	if err := agreement.Perform(witness{e}, effects); err != nil {
		e.fail(err)
	}
}

// retire keeps the machine of a round that ends decided.
func (e *engine) retire(r *round) {
	if r.machine != nil && r.machine.Status().Phase == "decided" {
		e.former = r.machine
	}
}

// A witness performs what a machine finds out, and nothing else: its height is over.
type witness struct{ e *engine }

func (w witness) Report(ev agreement.Evidence)          { w.e.accuse(ev) }
func (w witness) Duplicate(v agreement.Vote)            { host{e: w.e}.Duplicate(v) }
func (witness) Persist([]byte) error                    { return nil }
func (witness) Broadcast(*agreement.Message)            {}
func (witness) Send(intent.Key, *agreement.Message)     {}
func (witness) Build(agreement.Build)                   {}
func (witness) Validate(agreement.Validate)             {}
func (witness) EnterView(agreement.EnterView)           {}
func (witness) Decide(agreement.Decide)                 {}
func (witness) SetTimer(agreement.Timer, time.Duration) {}
