package node

import (
	"sync"

	"github.com/phantom-paradox/paradox/node/api"
)

// hubBuffer bounds what a slow listener may lag behind; then it loses events, which it can read again over HTTP.
const hubBuffer = 64

// A Notice is something that happened: kind is round, settled, pool, peer or health. The engine's Data are its own types
// (RoundNotice); those that leave the node are the API's.
type Notice = api.Event

// hub tells listeners what happens. Nobody waits for them.
type hub struct {
	mu        sync.Mutex
	listeners map[chan Notice]struct{}
}

func newHub() *hub { return &hub{listeners: map[chan Notice]struct{}{}} }

// listen returns a channel of notices and the function that ends it.
func (h *hub) listen() (<-chan Notice, func()) {
	ch := make(chan Notice, hubBuffer)
	h.mu.Lock()
	h.listeners[ch] = struct{}{}
	h.mu.Unlock()
	var once sync.Once
	return ch, func() {
		once.Do(func() {
			h.mu.Lock()
			delete(h.listeners, ch)
			h.mu.Unlock()
			close(ch)
		})
	}
}

func (h *hub) publish(kind string, data any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for ch := range h.listeners {
		select {
		case ch <- Notice{Kind: kind, Data: data}:
		default:
		}
	}
}
