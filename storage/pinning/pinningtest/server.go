// Package pinningtest is a service of the IPFS Pinning Service API on loopback, for tests: with a token, with requests that
// move on when they are looked at, and with the faults that real services have.
package pinningtest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"time"
)

// Token is what a Server takes.
const Token = "a-token-that-nobody-may-see"

// A Fault is one answer that goes wrong.
type Fault struct {
	Status     int    // of the answer
	RetryAfter string // its header
	Body       string
	Type       string // of the body; "" is JSON
	Hang       bool   // no answer, until the client gives up
	Late       bool   // the request is carried out first
}

// A Request is a pin at the service.
type Request struct {
	ID, CID, Name, Status string
	Origins               []string
}

// A Server is the service. New sets its fields.
type Server struct {
	*httptest.Server
	Delegates []string
	// Get fetches a root, and what it links to, from the origins; nil: requests move on by being looked at.
	Get func(ctx context.Context, cid string, origins []string) error
	// Seen is told of each request for a pin, once it is carried out and before it is answered.
	Seen func(Request)

	mu      sync.Mutex
	pins    []*Request
	faults  []Fault
	posts   int
	deleted []string
	ctx     context.Context
	cancel  context.CancelFunc
	tasks   sync.WaitGroup
}

// New starts one, as change wants it (nil: as it is). Close it with Stop.
func New(change func(*Server)) *Server {
	s := &Server{}
	if change != nil {
		change(s)
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	mux := http.NewServeMux()
	mux.HandleFunc("POST /psa/pins", s.post)
	mux.HandleFunc("GET /psa/pins", s.list)
	mux.HandleFunc("GET /psa/pins/{id}", s.look)
	mux.HandleFunc("DELETE /psa/pins/{id}", s.remove)
	s.Server = httptest.NewServer(s.guard(mux))
	return s
}

// Base is the service's address.
func (s *Server) Base() string { return s.Server.URL + "/psa" }

// Stop ends it.
func (s *Server) Stop() {
	s.cancel()
	s.CloseClientConnections()
	s.Server.Close()
	s.tasks.Wait()
}

// Fail lets the next requests go wrong, one fault each.
func (s *Server) Fail(f ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, f...)
}

// Faults is how many are left.
func (s *Server) Faults() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.faults)
}

// Pins are the requests there are.
func (s *Server) Pins() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Request, len(s.pins))
	for i, p := range s.pins {
		out[i] = *p
	}
	return out
}

// Posts is how often a pin was asked for, and done.
func (s *Server) Posts() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.posts
}

// Deleted are the CIDs whose requests were removed by the client.
func (s *Server) Deleted() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.deleted)
}

// Lose forgets all pins, as a service does that was not paid.
func (s *Server) Lose() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pins = nil
}

// Put is a pin that somebody else made with the same token.
func (s *Server) Put(cid, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pins = append(s.pins, &Request{ID: fmt.Sprintf("foreign-%d", len(s.pins)), CID: cid, Name: name, Status: "pinned"})
}

// Set moves the requests for a CID to a status; they stay there until looked at again.
func (s *Server) Set(cid, status string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.pins {
		if p.CID == cid {
			p.Status = status
		}
	}
}

func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+Token {
			fail(w, http.StatusUnauthorized, "UNAUTHORIZED", "the token "+r.Header.Get("Authorization")+" is not known")
			return
		}
		s.mu.Lock()
		var f *Fault
		if len(s.faults) > 0 {
			f = &s.faults[0]
			s.faults = s.faults[1:]
		}
		s.mu.Unlock()
		if f == nil {
			next.ServeHTTP(w, r)
			return
		}
		if f.Late {
			next.ServeHTTP(httptest.NewRecorder(), r)
		}
		if f.Hang {
			select {
			case <-r.Context().Done():
			case <-s.ctx.Done():
			}
			return
		}
		kind := f.Type
		if kind == "" {
			kind = "application/json"
		}
		w.Header().Set("Content-Type", kind)
		if f.RetryAfter != "" {
			w.Header().Set("Retry-After", f.RetryAfter)
		}
		if f.Status >= 300 && f.Status < 400 {
			w.Header().Set("Location", "http://127.0.0.1:1/elsewhere")
		}
		w.WriteHeader(f.Status)
		_, _ = w.Write([]byte(f.Body))
	})
}

func fail(w http.ResponseWriter, status int, reason, details string) {
	say(w, status, map[string]any{"error": map[string]string{"reason": reason, "details": details}})
}

func say(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

// view is a request as the protocol shows it; s.mu is held.
func (s *Server) view(p *Request) map[string]any {
	return map[string]any{"requestid": p.ID, "status": p.Status, "created": time.Unix(0, 0).UTC(),
		"pin": map[string]any{"cid": p.CID, "name": p.Name, "origins": p.Origins}, "delegates": append([]string{}, s.Delegates...)}
}

func (s *Server) post(w http.ResponseWriter, r *http.Request) {
	var in struct {
		CID     string   `json:"cid"`
		Name    string   `json:"name"`
		Origins []string `json:"origins"`
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || in.CID == "" {
		fail(w, http.StatusBadRequest, "BAD_REQUEST", "no pin")
		return
	}
	s.mu.Lock()
	s.posts++
	p := &Request{ID: fmt.Sprintf("request-%d", s.posts), CID: in.CID, Name: in.Name, Status: "queued", Origins: in.Origins}
	s.pins = append(s.pins, p)
	out, copied := s.view(p), *p
	s.mu.Unlock()
	if s.Get != nil {
		s.tasks.Go(func() { s.get(p, copied) })
	}
	if s.Seen != nil {
		s.Seen(copied)
	}
	say(w, http.StatusAccepted, out)
}

func (s *Server) get(p *Request, in Request) {
	status := "pinned"
	if err := s.Get(s.ctx, in.CID, in.Origins); err != nil {
		status = "failed"
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p.Status = status
}

func (s *Server) list(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	s.mu.Lock()
	defer s.mu.Unlock()
	found := []any{}
	for _, p := range slices.Backward(s.pins) {
		if slices.Contains(strings.Split(q.Get("cid"), ","), p.CID) && slices.Contains(strings.Split(q.Get("status"), ","), p.Status) {
			found = append(found, s.view(p))
		}
	}
	say(w, http.StatusOK, map[string]any{"count": len(found), "results": found})
}

func (s *Server) look(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.pins {
		if p.ID != r.PathValue("id") {
			continue
		}
		if s.Get == nil {
			p.Status = map[string]string{"queued": "pinning", "pinning": "pinned", "pinned": "pinned", "failed": "failed"}[p.Status]
		}
		say(w, http.StatusOK, s.view(p))
		return
	}
	fail(w, http.StatusNotFound, "NOT_FOUND", "no such request")
}

func (s *Server) remove(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, p := range s.pins {
		if p.ID == r.PathValue("id") {
			s.deleted = append(s.deleted, p.CID)
			s.pins = slices.Delete(s.pins, i, i+1)
			w.WriteHeader(http.StatusAccepted)
			return
		}
	}
	fail(w, http.StatusNotFound, "NOT_FOUND", "no such request")
}
