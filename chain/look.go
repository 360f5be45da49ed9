package chain

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/phantom-paradox/paradox/chain/vault"
	"github.com/phantom-paradox/paradox/ledger"
)

// A sight is what one source shows of the vault at finalized, all of one moment.
type sight struct {
	source int
	vault  *vault.Vault // nil: there is none
	cut    ledger.Cut
	slot   uint64
	time   int64
}

// look reads the account from every source, then what led to it; what it finds counts only if enough sources agree on it.
func (w *Watcher) look(ctx context.Context) error {
	sights, err := w.sights(ctx)
	if len(sights) < w.need {
		return err
	}
	good, conflict := w.judge(sights)
	if len(good) < w.need {
		return w.fail(ErrMismatch, conflict)
	}
	known := w.verified.follower.Cut()
	if w.agreed(numbers(good)) > known.Number {
		return w.catchUp(ctx, good, conflict)
	}
	w.misses = 0
	if !w.show(good, nil) && conflict != "" {
		return w.fail(ErrMismatch, conflict)
	}
	return nil
}

// sights asks all sources at once. It does not wait long for slow ones when it has enough.
func (w *Watcher) sights(ctx context.Context) ([]sight, error) {
	ctx, cancel := context.WithTimeout(ctx, sightTime)
	defer cancel()
	type answer struct {
		sight
		err error
	}
	answers := make(chan answer, len(w.cfg.Sources))
	for i, s := range w.cfg.Sources {
		go func() {
			v, slot, at, err := readSight(ctx, s.RPC, w.addr.Vault)
			a := answer{sight{source: i, vault: v, slot: slot, time: at}, err}
			if v != nil {
				a.cut = ledger.Cut{Number: v.EventNumber, Hash: v.EventHash}
			}
			answers <- a
		}()
	}
	var out []sight
	var errs []error
	for range w.cfg.Sources {
		a := <-answers
		if a.err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", w.cfg.Sources[a.source].Name, a.err))
			continue
		}
		if out = append(out, a.sight); len(out) == w.need {
			defer time.AfterFunc(patience, cancel).Stop()
		}
	}
	slices.SortFunc(out, func(a, b sight) int { return a.source - b.source })
	return out, errors.Join(errs...)
}

func numbers(sights []sight) []uint64 {
	out := make([]uint64, len(sights))
	for i := range sights {
		out[i] = sights[i].cut.Number
	}
	return out
}

// agreed is the highest of these values that enough sources reach; 0 where there are too few.
func (w *Watcher) agreed(values []uint64) uint64 {
	if len(values) < w.need {
		return 0
	}
	values = slices.Clone(values)
	slices.Sort(values)
	return values[len(values)-w.need]
}

// judge leaves out who contradicts what is verified, and whom enough others contradict. conflict says what is wrong, once it has
// lasted: where two contradict each other and there is no third, neither is believed.
func (w *Watcher) judge(sights []sight) (good []sight, conflict string) {
	var wrong []string
	known := w.verified.follower.Cut().Number
	for _, s := range sights {
		if n := s.cut.Number; n <= known && s.cut != w.cut(n) {
			wrong = append(wrong, w.contradict(s.source, byAccount, fmt.Sprintf("event %d has another hash in its account", n)))
			continue
		}
		good = append(good, s)
	}
	against := conflicts(good)
	outvoted := func(s sight) bool { return against[s.source] >= agreeing }
	for _, s := range good {
		if outvoted(s) {
			wrong = append(wrong, w.doubt(s))
		}
	}
	good = slices.DeleteFunc(good, outvoted)
	against = conflicts(good)
	for _, s := range good {
		switch {
		case against[s.source] > 0:
			wrong = append(wrong, w.doubt(s))
		case s.cut.Number <= known:
			w.agrees(s.source, byAccount)
			fallthrough
		default:
			delete(w.doubts, s.source)
		}
	}
	return good, strings.Join(slices.DeleteFunc(wrong, func(s string) bool { return s == "" }), "; ")
}

// doubt counts the looks in which others contradicted a source; the words come when it has lasted.
func (w *Watcher) doubt(s sight) string {
	if w.doubts[s.source]++; w.doubts[s.source] < gapLooks {
		return ""
	}
	return w.contradict(s.source, byAccount, fmt.Sprintf("at slot %d its account is at event %d, which others contradict", s.slot, s.cut.Number))
}

// conflicts counts for each source how many others contradict it.
func conflicts(sights []sight) map[int]int {
	out := map[int]int{}
	for i, a := range sights {
		for _, b := range sights[i+1:] {
			if contradict(a, b) || contradict(b, a) {
				out[a.source]++
				out[b.source]++
			}
		}
	}
	return out
}

// contradict says that a shows events that b, at the same finalised slot or a later one, does not, or another event of the number.
func contradict(a, b sight) bool {
	return a.cut.Number > b.cut.Number && b.slot >= a.slot || a.cut.Number == b.cut.Number && a.cut.Hash != b.cut.Hash
}

// show publishes what enough sources that stand at the newest verified event, or behind it on way, agree on; false where too few
// do. What the others, ahead of it, show has to be followed first.
func (w *Watcher) show(good []sight, way *trail) bool {
	f := w.verified.follower
	known := f.Cut()
	var slots, times []uint64
	var newest *sight
	missing := 0
	for i := range good {
		s := &good[i]
		switch {
		case s.cut != known && (way == nil || s.cut.Number <= known.Number || way.hashAt(s.cut.Number) != s.cut.Hash):
			continue
		case s.vault == nil:
			missing++
			continue
		case s.cut != known: // ahead: what it shows of the slots before the next event
			slots = append(slots, min(s.slot, way.marks[known.Number-way.base].slot-1))
		case !f.Agrees(s.vault):
			w.contradict(s.source, byAccount, fmt.Sprintf("its account at event %d is not what the events make", known.Number))
			continue
		default:
			slots = append(slots, s.slot)
			if newest == nil || s.slot > newest.slot {
				newest = s
			}
		}
		times = append(times, uint64(max(s.time, 0)))
	}
	if missing >= w.need && known.Number == 0 {
		w.publish(nil, 0, 0, fmt.Errorf("%w: network %s has no vault on this cluster yet", ErrNotReady, w.cfg.File.Name))
		return true
	}
	if len(slots) < w.need || newest == nil {
		return false
	}
	if slot := w.agreed(slots); slot >= w.slotNow() {
		w.publish(newest.vault, slot, int64(w.agreed(times)), nil)
	}
	return true // a stale source: what is known stays
}

func (w *Watcher) slotNow() uint64 {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return w.slot
}

// fail puts the watcher into an error state.
func (w *Watcher) fail(state error, text string) error {
	err := fmt.Errorf("%w: %s", state, text)
	w.publish(nil, 0, 0, err)
	return err
}

// publish makes a result visible. v nil leaves account, slot and time.
func (w *Watcher) publish(v *vault.Vault, slot uint64, at int64, err error) {
	w.mu.Lock()
	if v != nil {
		w.account, w.slot, w.time = v, slot, at
	}
	w.err = err
	w.mu.Unlock()
	w.tell()
}

func (w *Watcher) tell() {
	select {
	case w.updates <- struct{}{}:
	default:
	}
}

// A cause is what a source is contradicted for.
type cause string

const (
	byAccount      cause = "account"
	byTransactions cause = "transactions"
)

// contradict notes that others contradict a source, says so once, and returns the words.
func (w *Watcher) contradict(source int, why cause, what string) string {
	name := w.cfg.Sources[source].Name
	if len(w.cfg.Sources) == 1 { // nobody else is there to be believed
		return fmt.Sprintf("%s: %s", name, what)
	}
	w.mu.Lock()
	old, known := w.dissent[source]
	if !known || old.cause != why {
		w.dissent[source] = Dissent{Source: source, Name: name, What: what, Since: time.Now(), cause: why}
	}
	w.mu.Unlock()
	if !known {
		w.cfg.Logger.Warn("watcher: an RPC endpoint contradicts the others and is not believed", "endpoint", source+1, "name", name, "what", what)
	}
	return fmt.Sprintf("%s: %s", name, what)
}

// agrees takes a contradiction back.
func (w *Watcher) agrees(source int, why cause) {
	w.mu.Lock()
	old, known := w.dissent[source]
	if known = known && old.cause == why; known {
		delete(w.dissent, source)
	}
	w.mu.Unlock()
	if known {
		w.cfg.Logger.Info("watcher: an RPC endpoint agrees with the others again", "endpoint", source+1, "name", old.Name)
	}
}
