package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

const (
	pathEvents = "/api/events"
	// maxStreams bounds event streams: each holds a connection and a goroutine for as long as somebody looks.
	maxStreams = 256
	// maxClientStreams bounds those of one address: some tabs of some people behind it.
	maxClientStreams = 16
	// heartbeat keeps proxies from closing a stream that has nothing to say.
	heartbeat = 15 * time.Second
	// streamWrite is how long a client may take to take one event.
	streamWrite = 10 * time.Second
	// retryMillis is what a browser waits before it connects again.
	retryMillis = 2000
)

// events is GET /api/events.
func (s *Server) events(ctx context.Context, _ *struct{}) (*huma.StreamResponse, error) {
	leave, ok := s.streams.enter(requestOf(ctx).RemoteAddr)
	if !ok {
		p := newProblem(http.StatusServiceUnavailable, codeBusy, fmt.Sprintf("there is no room for one more event stream: %d of this node, %d of one address", maxStreams, maxClientStreams))
		p.Remedy, p.RetryAfter = "Wait, or ask another node.", heartbeat
		return nil, p
	}
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		defer leave()
		s.meter.streams.Inc()
		defer s.meter.streams.Dec()
		r, w := humago.Unwrap(ctx)
		s.stream(r.Context(), w)
	}}, nil
}

// stream writes events until the client leaves, is too slow, or the server stops.
func (s *Server) stream(ctx context.Context, w http.ResponseWriter) {
	events, end := s.backend.Listen()
	defer end()
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // a proxy that gathers would hold events back
	w.WriteHeader(http.StatusOK)
	out := http.NewResponseController(w)
	send := func(text string) bool {
		if out.SetWriteDeadline(time.Now().Add(streamWrite)) != nil {
			return false
		}
		if _, err := w.Write([]byte(text)); err != nil {
			return false
		}
		return out.Flush() == nil
	}
	if out.SetReadDeadline(time.Time{}) != nil { // that of the request would end the stream
		return
	}
	if !send(fmt.Sprintf("retry: %d\n\n", retryMillis)) {
		return
	}
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		text := ": still here\n\n"
		select {
		case <-ctx.Done():
			return
		case <-s.closing:
			return
		case <-beat.C:
		case e, ok := <-events:
			if !ok {
				return
			}
			b, err := json.Marshal(e.Data)
			if err != nil {
				s.log.Error("an event could not be encoded", "kind", e.Kind, "err", err)
				continue
			}
			text = fmt.Sprintf("event: %s\ndata: %s\n\n", e.Kind, b)
		}
		if !send(text) {
			return
		}
	}
}
