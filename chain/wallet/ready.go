package wallet

import (
	"github.com/phantom-paradox/paradox/chain/vault"
)

// A Step is what comes next on a withdrawal's way.
type Step uint8

// The steps.
const (
	StepRequest Step = iota + 1 // nothing is requested
	StepEmpty                   // something is requested, and nothing is there to pay
	StepUnlock                  // wait: for the unlock slot, or for the network to settle a height that knows the request
	StepPending                 // wait: a height that does not know the request is being settled; it settles, or can be dropped
	StepDrop                    // nobody completes that height: drop it
	StepTake                    // take it
)

// A Readiness says how far a withdrawal is. It follows the vault program's rule, and nothing but the vault is asked.
type Readiness struct {
	Step   Step
	Amount uint64 // what would be paid now
	Slot   uint64 // from which it goes on whatever the network does; of StepUnlock and StepPending
	Knows  bool   // the network has acknowledged the request: no header can take from it any more
	Height uint64 // that is pending; of StepPending and StepDrop
}

// Ready says how far a withdrawal from an entry is at a slot.
func Ready(v *vault.Vault, e vault.Entry, slot uint64) Readiness {
	known, begun := v.Floor, false
	if p := v.Pending; p != nil {
		known, begun = p.Cut, p.CreditsBegun
	}
	r := Readiness{Amount: min(e.Requested, e.Available), Knows: e.Request <= known}
	switch {
	case e.Requested == 0:
		return Readiness{Step: StepRequest}
	case r.Amount == 0:
		r.Step = StepEmpty
	case r.Knows && !begun:
		r.Step = StepTake
	case v.Pending != nil:
		r.Height, r.Slot = v.Pending.Height, v.Pending.Since+v.DropTime+1
		if r.Step = StepPending; slot >= r.Slot {
			r.Step = StepDrop
		}
	case slot < e.Unlock:
		r.Step, r.Slot = StepUnlock, e.Unlock
	default:
		r.Step = StepTake
	}
	return r
}
