package ledger

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/phantom-paradox/paradox/intent"
)

var errDisk = errors.New("the disk fails")

// failing is a Store whose n-th read fails, and all after it.
type failing struct {
	Store
	left int
}

func (f *failing) spend() error {
	if f.left--; f.left < 0 {
		return errDisk
	}
	return nil
}

func (f *failing) Get(key []byte) ([]byte, error) {
	if err := f.spend(); err != nil {
		return nil, err
	}
	return f.Store.Get(key)
}

func (f *failing) Iterate(prefix []byte, fn func(key, value []byte) bool) error {
	if err := f.spend(); err != nil {
		return err
	}
	return f.Store.Iterate(prefix, fn)
}

// TestEveryReadMayFail: a Store that fails at any read gives its own error, not a refusal and not a wrong state.
func TestEveryReadMayFail(t *testing.T) {
	w, c := snapshotWorld(t)
	item := alice.String() + "/x"
	ask := w.ask(bob, item, 5)
	pool := []BatchIntent{w.pay(alice, bob, 5), w.payBy(alice, phone, bob, 3), ask, w.buy(carol, ask), w.issue(alice, bob, "y"),
		w.session(bob, phone, 5, "pay"), w.session(carol, phone, 5, "pay"), w.cancel(alice, 90), w.revoke(alice, phone)}
	run := func(s Store) (intent.Hash, error) {
		st, err := Load(w.file, s)
		if err != nil {
			return intent.Hash{}, err
		}
		if err := st.Export(io.Discard, c); err != nil {
			return intent.Hash{}, err
		}
		o, err := st.Open(w.events)
		if err != nil {
			return intent.Hash{}, err
		}
		for _, b := range pool {
			if err := o.Admit(&b.Signed.Intent, w.state.Time()+1, func(intent.ID) (*intent.Signed, bool) { return ask.Signed, true }); err != nil {
				return intent.Hash{}, err
			}
		}
		sel, err := o.Select(candidates(pool), SelectParams{Time: w.state.Time() + 1})
		if err != nil {
			return intent.Hash{}, err
		}
		r, err := o.Execute(w.input(sel.Intents...))
		if err != nil {
			return intent.Hash{}, err
		}
		return r.StateDigest, nil
	}
	want, err := run(w.store)
	w.must(err)
	for n := 0; ; n++ {
		got, err := run(&failing{Store: w.store, left: n})
		if err == nil {
			if got != want || n < 50 {
				t.Fatalf("after %d reads another state", n)
			}
			return
		}
		if !errors.Is(err, errDisk) {
			t.Fatalf("read %d fails, and the answer is %v", n, err)
		}
	}
}

// TestReadersShareAnOpening: door, leader and verifier work on one opening at once.
func TestReadersShareAnOpening(t *testing.T) {
	w, _ := snapshotWorld(t)
	o := w.opening()
	pay := w.pay(alice, bob, 5)
	in := w.input(pay)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 20 {
				if err := o.Admit(&pay.Signed.Intent, in.Time, nil); err != nil {
					t.Error(err)
				}
				r, err := o.Execute(in)
				if err != nil {
					t.Error(err)
					return
				}
				after := r.State(intent.Hash{})
				if s, err := after.Sessions(alice); err != nil || len(s) != 1 {
					t.Error(s, err)
				}
				if items, err := o.ItemsOf(bob, "", 5); err != nil || len(items) != 1 {
					t.Error(items, err)
				}
			}
		})
	}
	wg.Wait()
}

// TestLayerIsAMap holds a layer over a Store against a plain map.
func TestLayerIsAMap(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		key := rapid.SliceOfN(rapid.ByteRange(0, 2), 1, 3)
		model := make(map[string][]byte)
		var below MemStore
		n := byte(0)
		write := func(put func(k, v []byte)) {
			for range rapid.IntRange(0, 12).Draw(r, "writes") {
				k := key.Draw(r, "key")
				if rapid.Bool().Draw(r, "delete") {
					put(k, nil)
					delete(model, string(k))
					continue
				}
				n++
				put(k, []byte{n})
				model[string(k)] = []byte{n}
			}
		}
		write(func(k, v []byte) { _ = below.Apply([]Change{{Key: k, Value: v}}) })
		l := newLayer(&below)
		write(l.put)
		prefix := rapid.SliceOfN(rapid.ByteRange(0, 2), 0, 2).Draw(r, "prefix")
		limit := rapid.IntRange(1, 10).Draw(r, "limit")
		var want, got []string
		for _, k := range slices.Sorted(maps.Keys(model)) {
			if bytes.HasPrefix([]byte(k), prefix) && len(want) < limit {
				want = append(want, k+string(model[k]))
			}
		}
		err := l.Iterate(prefix, func(k, v []byte) bool {
			got = append(got, string(k)+string(v))
			return len(got) < limit
		})
		if err != nil || !slices.Equal(got, want) {
			t.Fatalf("%q, not %q (%v)", got, want, err)
		}
		for k, v := range model {
			if x, err := l.Get([]byte(k)); err != nil || !bytes.Equal(x, v) {
				t.Fatal("Get differs", err)
			}
		}
	})
}
