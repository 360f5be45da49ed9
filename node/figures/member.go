package figures

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/phantom-paradox/paradox/agreement"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/p2p"
	"github.com/phantom-paradox/paradox/storage"
)

const (
	inboxSize = 1024 // round messages that wait for the machine, as in a node
	outSize   = 256  // own ones that wait for the network
)

// A member is one machine with a host and a disk.
type member struct {
	place  int
	com    *committee
	host   *p2p.Host
	topic  *p2p.Topic
	store  *storage.Store
	log    *storage.Bucket
	inbox  chan *agreement.Message
	orders chan func()
	out    chan []byte
	done   chan<- decision

	said, bytes atomic.Uint64 // messages of its own, and their bytes

	// Below: the loop's own.
	machine *agreement.Machine
	height  uint64
	began   time.Time
	timers  []timer
	records uint64
	failed  error
}

type timer struct {
	at    time.Time
	timer agreement.Timer
}

// A decision is one member's, and how long it took.
type decision struct {
	height uint64
	took   time.Duration
}

func newMember(ctx context.Context, dir string, com *committee, place int, done chan<- decision) (m *member, err error) {
	m = &member{place: place, com: com, inbox: make(chan *agreement.Message, inboxSize), orders: make(chan func()), out: make(chan []byte, outSize), done: done}
	defer func() {
		if err != nil {
			err = errors.Join(err, m.close())
		}
	}()
	quiet := slog.New(slog.DiscardHandler)
	if m.store, err = storage.Open(filepath.Join(dir, fmt.Sprint(place)), storage.Options{Logger: quiet}); err != nil {
		return m, err
	}
	if m.log, err = m.store.Bucket("votes"); err != nil {
		return m, err
	}
	m.host, err = p2p.New(ctx, p2p.Config{Key: com.keys[place], Prefix: "/paradox/figures", Listen: []string{"/ip4/127.0.0.1/tcp/0"}, Agent: "paradox/figures", Logger: quiet})
	if err != nil {
		return m, err
	}
	m.topic, err = m.host.Join("round/1", p2p.TopicConfig{Validate: m.judge, MaxBytes: agreement.MaxMessageBytes, Buffer: inboxSize})
	return m, err
}

func (m *member) close() error {
	var errs []error
	if m.topic != nil {
		errs = append(errs, m.topic.Close())
	}
	if m.host != nil {
		errs = append(errs, m.host.Close())
	}
	if m.store != nil {
		errs = append(errs, m.store.Close())
	}
	return errors.Join(errs...)
}

// judge checks a message once before it is passed on, as a node does.
func (m *member) judge(_ context.Context, in *p2p.Message) p2p.Verdict {
	msg, err := agreement.DecodeMessage(in.Data)
	if err != nil || msg.Kind != agreement.Decided && !intent.VerifySignature(msg.From, msg.SigningBytes(m.com.net), msg.Sig) {
		return p2p.Reject
	}
	in.Value = msg
	return p2p.Accept
}

// read hands what comes to the loop.
func (m *member) read(ctx context.Context) error {
	for {
		in, err := m.topic.Next(ctx)
		if err != nil {
			return ended(ctx, err)
		}
		msg, ok := in.Value.(*agreement.Message)
		if !ok {
			continue // its own
		}
		select {
		case m.inbox <- msg:
		case <-ctx.Done():
			return nil
		}
	}
}

// write publishes.
func (m *member) write(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case data := <-m.out:
			if err := m.topic.Publish(ctx, data); err != nil {
				return ended(ctx, err)
			}
		}
	}
}

func ended(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	return nil
}

// run is the loop that owns the machine.
func (m *member) run(ctx context.Context) error {
	wake := time.NewTimer(time.Hour)
	defer wake.Stop()
	for m.failed == nil {
		wake.Reset(m.fire(time.Now()))
		select {
		case <-ctx.Done():
			return nil
		case do := <-m.orders:
			do()
		case msg := <-m.inbox:
			if m.machine == nil || msg.Instance.Height != m.height {
				continue
			}
			effects, err := m.machine.Receive(msg, time.Now().UnixMilli())
			if errors.Is(err, agreement.ErrInvalid) {
				m.failed = err
			}
			m.do(effects)
		case <-wake.C:
		}
	}
	return fmt.Errorf("member %d: %w", m.place, m.failed)
}

// fire runs the timers that are due, and says when the next is.
func (m *member) fire(now time.Time) time.Duration {
	next := time.Hour
	due := m.timers
	m.timers = nil
	for _, t := range due {
		if wait := t.at.Sub(now); wait > 0 {
			m.timers = append(m.timers, t)
		} else {
			m.do(m.machine.Fired(t.timer))
		}
	}
	for _, t := range m.timers {
		next = min(next, max(t.at.Sub(now), 0))
	}
	return next
}

// order runs something in the loop.
func (m *member) order(ctx context.Context, do func()) {
	select {
	case m.orders <- do:
	case <-ctx.Done():
	}
}

// enter makes the machine of a height; deaf members have none.
func (m *member) enter(height uint64, deaf bool) {
	m.height, m.machine, m.timers = height, nil, nil
	if deaf {
		return
	}
	machine, err := agreement.New(m.com.config(m.place, height, m.com.order(height)), nil)
	if err != nil {
		m.failed = err
		return
	}
	m.machine = machine
}

func (m *member) start(at time.Time) {
	if m.machine != nil {
		m.began = at
		m.do(m.machine.Start())
	}
}

func (m *member) do(effects []agreement.Effect) {
	if err := agreement.Perform(m, effects); err != nil {
		m.failed = err
	}
}

// Persist implements agreement.Host: the record is on disk before anything is said.
func (m *member) Persist(record []byte) error {
	m.records++
	return m.log.Set(binary.BigEndian.AppendUint64(nil, m.records), record, storage.Durable)
}

// Broadcast implements agreement.Host.
func (m *member) Broadcast(msg *agreement.Message) {
	data := msg.Encode()
	m.said.Add(1)
	m.bytes.Add(uint64(len(data)))
	select {
	case m.out <- data:
	default: // it is repeated
	}
}

// Send implements agreement.Host: gossip reaches everybody.
func (m *member) Send(_ intent.Key, msg *agreement.Message) { m.Broadcast(msg) }

// Build implements agreement.Host.
func (m *member) Build(b agreement.Build) {
	effects, err := m.machine.Built(b.View, m.com.header(m.place, m.height, b.View).Body())
	if err != nil {
		m.failed = err
	}
	m.do(effects)
}

// Validate implements agreement.Host.
func (m *member) Validate(v agreement.Validate) {
	m.do(m.machine.Validated(v.View, v.Header.Digest, nil))
}

// SetTimer implements agreement.Host.
func (m *member) SetTimer(t agreement.Timer, after time.Duration) {
	m.timers = append(m.timers, timer{time.Now().Add(after), t})
}

// EnterView implements agreement.Host.
func (m *member) EnterView(agreement.EnterView) {}

// Decide implements agreement.Host.
func (m *member) Decide(agreement.Decide) { m.done <- decision{m.height, time.Since(m.began)} }

// Report implements agreement.Host.
func (m *member) Report(agreement.Evidence) { m.failed = errors.New("an honest member is accused") }

// Duplicate implements agreement.Host.
func (m *member) Duplicate(agreement.Vote) { m.failed = errors.New("it meets its twin") }
