package p2p

import (
	"sync"

	"github.com/libp2p/go-libp2p/core/peer"
)

// An EventKind says what happened to a peer.
type EventKind uint8

// The kinds.
const (
	PeerConnected    EventKind = iota + 1 // a first connection stands
	PeerReady                             // the handshake says: same network, a version we speak
	PeerIncompatible                      // it says otherwise; Detail says why, the connection is closed
	PeerBanned                            // Detail says why
	PeerDisconnected                      // the last connection is gone
)

func (k EventKind) String() string {
	return [...]string{"unknown", "connected", "ready", "incompatible", "banned", "disconnected"}[min(int(k), 5)]
}

// An Event is something that happened to a peer.
type Event struct {
	Kind   EventKind
	Peer   peer.ID
	Detail string
}

type events struct {
	mu     sync.Mutex
	closed bool
	subs   map[chan Event]struct{}
}

func newEvents() *events { return &events{subs: map[chan Event]struct{}{}} }

// emit drops the event for those who do not keep up: events are news, Peers is the truth.
func (e *events) emit(v Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for c := range e.subs {
		select {
		case c <- v:
		default:
		}
	}
}

func (e *events) close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closed = true
	for c := range e.subs {
		close(c)
	}
	clear(e.subs)
}

// Events delivers what happens from now on, until cancel is called or the host closes, which close the channel. Events
// that find the buffer full are dropped.
func (h *Host) Events(buffer int) (ch <-chan Event, cancel func()) {
	e := h.events
	c := make(chan Event, max(buffer, 1))
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		close(c)
		return c, func() {}
	}
	e.subs[c] = struct{}{}
	return c, func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		if _, ok := e.subs[c]; ok {
			delete(e.subs, c)
			close(c)
		}
	}
}
