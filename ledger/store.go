package ledger

import (
	"bytes"
	"slices"
	"strings"
	"sync"
)

// A MemStore is a Store in memory, for tests and tools. Its zero value is empty. It is safe for concurrent use.
type MemStore struct {
	mu     sync.RWMutex
	values map[string][]byte
	sorted []string // keys in order; nil after a write
}

// Get implements Store.
func (m *MemStore) Get(key []byte) ([]byte, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.values[string(key)], nil
}

// Iterate implements Store.
func (m *MemStore) Iterate(prefix []byte, fn func(key, value []byte) bool) error {
	m.mu.Lock()
	if m.sorted == nil {
		m.sorted = sortedKeys(m.values)
	}
	keys := m.sorted
	m.mu.Unlock()
	for _, k := range under(keys, string(prefix)) {
		m.mu.RLock()
		v := m.values[k]
		m.mu.RUnlock()
		if v != nil && !fn([]byte(k), v) {
			return nil
		}
	}
	return nil
}

// Apply writes changes.
func (m *MemStore) Apply(changes []Change) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.values == nil {
		m.values = make(map[string][]byte)
	}
	for _, c := range changes {
		if c.Value == nil {
			delete(m.values, string(c.Key))
		} else {
			m.values[string(c.Key)] = c.Value
		}
	}
	m.sorted = nil
	return nil
}

func sortedKeys(m map[string][]byte) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// under is the run of sorted keys that begin with prefix.
func under(sorted []string, prefix string) []string {
	from, _ := slices.BinarySearch(sorted, prefix)
	n := 0
	for from+n < len(sorted) && strings.HasPrefix(sorted[from+n], prefix) {
		n++
	}
	return sorted[from : from+n]
}

// A layer is a set of writes over a Store: itself a Store. It is written by one goroutine, then frozen, then read by many.
type layer struct {
	below  Store
	writes map[string][]byte // nil: deleted

	once   sync.Once // the first Iterate after freezing sorts
	sorted []string
}

func newLayer(below Store) *layer { return &layer{below: below, writes: make(map[string][]byte)} }

func (l *layer) Get(key []byte) ([]byte, error) {
	if v, ok := l.writes[string(key)]; ok {
		return v, nil
	}
	return l.below.Get(key)
}

// Iterate merges the writes with what lies below. Only a frozen layer may be iterated.
func (l *layer) Iterate(prefix []byte, fn func(key, value []byte) bool) error {
	l.once.Do(func() { l.sorted = sortedKeys(l.writes) })
	own := under(l.sorted, string(prefix))
	more := true
	emit := func(k string) {
		if v := l.writes[k]; v != nil {
			more = fn([]byte(k), v)
		}
	}
	err := l.below.Iterate(prefix, func(key, value []byte) bool {
		for more && len(own) > 0 && own[0] < string(key) {
			emit(own[0])
			own = own[1:]
		}
		if !more {
			return false
		}
		if len(own) > 0 && own[0] == string(key) {
			emit(own[0])
			own = own[1:]
			return more
		}
		more = fn(key, value)
		return more
	})
	for ; err == nil && more && len(own) > 0; own = own[1:] {
		emit(own[0])
	}
	return err
}

// put writes; a nil value deletes.
func (l *layer) put(key, value []byte) { l.writes[string(key)] = value }

// changes are the writes of the layers, later ones over earlier ones, in key order.
func changes(layers ...map[string][]byte) []Change {
	n := 0
	for _, w := range layers {
		n += len(w)
	}
	merged := make(map[string][]byte, n)
	for _, w := range layers {
		for k, v := range w {
			merged[k] = v
		}
	}
	out := make([]Change, 0, len(merged))
	for k, v := range merged {
		out = append(out, Change{Key: []byte(k), Value: v})
	}
	slices.SortFunc(out, func(a, b Change) int { return bytes.Compare(a.Key, b.Key) })
	return out
}
