package agreement

import (
	"fmt"
	"slices"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/ledger"
	"github.com/phantom-paradox/paradox/network"
)

// Later holds messages of instances that the own watcher does not show yet: for each member the newest of each kind, so
// that a liar displaces only its own.
type Later struct {
	net    intent.Hash
	verify func(intent.Key, []byte, intent.Signature) bool
	kept   map[laterKey]Arrival
	count  uint64
}

type laterKey struct {
	from intent.Key
	kind Kind
}

// An Arrival is a message with the time at which the host got it.
type Arrival struct {
	Message *Message
	Arrived int64
	order   uint64
}

// NewLater makes an empty buffer.
func NewLater(net intent.Hash, verify func(intent.Key, []byte, intent.Signature) bool) *Later {
	return &Later{net: net, verify: verify, kept: map[laterKey]Arrival{}}
}

// Add keeps a message of an instance later than the current one. members are those of the current epoch: messages of
// others, newcomers of a later epoch among them, and certificates are not kept. Their senders repeat them.
func (l *Later) Add(members []network.Member, current ledger.Instance, m *Message, arrived int64) error {
	if Compare(m.Instance, current) <= 0 || m.Kind == Decided {
		return ErrOtherInstance
	}
	if !slices.ContainsFunc(members, func(k network.Member) bool { return k.Key == m.From }) {
		return ErrOtherInstance
	}
	key := laterKey{m.From, m.Kind}
	if old, ok := l.kept[key]; ok {
		order := Compare(m.Instance, old.Message.Instance)
		if order < 0 || order == 0 && m.View <= old.Message.View {
			return ErrKnown
		}
	}
	if !l.verify(m.From, m.SigningBytes(l.net), m.Sig) {
		return fmt.Errorf("agreement: %w: signature of a %v", ErrInvalid, m.Kind)
	}
	l.count++
	l.kept[key] = Arrival{Message: m, Arrived: arrived, order: l.count}
	return nil
}

// Take gives the messages of the instance, in order of arrival, and forgets those of older ones.
func (l *Later) Take(inst ledger.Instance) []Arrival {
	var out []Arrival
	for k, a := range l.kept {
		order := Compare(a.Message.Instance, inst)
		if order <= 0 {
			delete(l.kept, k)
		}
		if order == 0 {
			out = append(out, a)
		}
	}
	slices.SortFunc(out, func(a, b Arrival) int { return sign(a.order < b.order) })
	return out
}
