package sim

import (
	"time"

	at "github.com/phantom-paradox/paradox/agreement/agreementtest"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/ledger"
)

// A vault is the on-chain program as far as the agreement sees it: it takes a certificate of the next height and its own
// generation, settles the height a while later or drops it, and moves the generation when it drops or when somebody
// withdraws on the second path. It checks certificates with code of its own.
type vault struct {
	w          *world
	height     uint64
	generation uint32
	epoch      uint32
	floor      uint64
	events     []vaultEvent
	pending    *at.Header
}

type eventKind uint8

const (
	settled eventKind = iota
	moved             // the generation: dropped, or withdrawn on the second path
	request
)

type vaultEvent struct {
	kind       eventKind
	at         time.Duration
	height     uint64 // settled
	digest     intent.Hash
	generation uint32 // after
	epoch      uint32 // after
}

func newVault(w *world) *vault { return &vault{w: w} }

const finality = 400 * time.Millisecond

// emit adds an event to the chain; watchers see it when it is final, and later if they lag.
func (v *vault) emit(e vaultEvent) {
	e.at, e.generation, e.epoch = v.w.now, v.generation, v.epoch
	v.events = append(v.events, e)
	if e.kind != request {
		v.floor = uint64(len(v.events))
	}
	for i, n := range v.w.nodes {
		wait := finality + time.Duration(v.w.r.IntN(800))*time.Millisecond
		if !v.w.healed() {
			wait += v.w.s.Lag[i]
		}
		v.w.after(wait, n.watchChain)
	}
}

// schedule plans withdrawals and requests.
func (v *vault) schedule() {
	if v.w.s.Withdraws > 0 {
		v.w.every(v.w.s.Withdraws, func() {
			if v.pending == nil {
				v.generation++
				v.emit(vaultEvent{kind: moved})
			}
		})
	}
	v.maybeRequest()
}

func (v *vault) maybeRequest() {
	if v.w.r.Float64() < v.w.s.Requests {
		v.emit(vaultEvent{kind: request})
	}
}

// openRequest says whether the cut holds a request above the floor at the cut, that is, whether its last event is one:
// only then a height may be empty.
func (v *vault) openRequest(cut uint64) bool {
	last := min(cut, uint64(len(v.events)))
	return last > 0 && v.events[last-1].kind == request
}

// attest takes a certificate.
func (v *vault) attest(c *ledger.Certificate) {
	h, err := at.ParseHeader(c.Body)
	if err != nil || v.pending != nil || h.Instance.Generation != v.generation || h.Instance.Epoch != v.epoch || h.Instance.Height != v.height+1 {
		return
	}
	if h.Cut < v.floor || h.Cut > uint64(len(v.events)) || !v.w.watch.certifies(c, h) {
		return
	}
	v.pending = h
	if !v.w.healed() && v.w.r.Float64() < v.w.s.Drops {
		v.w.after(time.Duration(1+v.w.r.IntN(6))*time.Second, v.drop)
		return
	}
	v.w.after(time.Duration(200+v.w.r.IntN(1500))*time.Millisecond, v.settle)
}

func (v *vault) drop() {
	v.pending = nil
	v.generation++
	v.w.res.Discarded++
	v.emit(vaultEvent{kind: moved})
}

func (v *vault) settle() {
	h := v.pending
	v.pending = nil
	v.w.watch.settles(h)
	v.height++
	if h.Change {
		v.epoch++
	}
	v.emit(vaultEvent{kind: settled, height: v.height, digest: h.Digest()})
	v.w.note('s', 0, h.Digest())
	v.maybeRequest()
}
