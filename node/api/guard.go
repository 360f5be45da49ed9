package api

import (
	"errors"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// What stands around every handler: recovery, limits, headers, metrics, and problems for what no handler takes.

// recover answers where a handler panics. The connection is dropped if the answer has begun.
func (s *Server) recover(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := &recorder{ResponseWriter: w}
		defer func() {
			v := recover()
			if v == nil {
				return
			}
			if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(v)
			}
			s.log.Error("a handler panicked", "path", r.URL.Path, "panic", v, "stack", string(debug.Stack()))
			if rec.status != 0 {
				panic(http.ErrAbortHandler)
			}
			newProblem(http.StatusInternalServerError, codeInternal, "the node could not answer; its log says why").write(rec)
		}()
		next.ServeHTTP(rec, r)
	})
}

// guard sets headers, answers preflights and takes a token for the request.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		if !private(r.URL.Path) {
			h.Set("Access-Control-Allow-Origin", "*")
			h.Set("Access-Control-Expose-Headers", "Retry-After")
		}
		h.Set("Cache-Control", "no-store")
		if wait := s.limits.request(r); wait > 0 && !probe(r.URL.Path) {
			limited(wait).write(w)
			return
		}
		if r.Method == http.MethodOptions && private(r.URL.Path) {
			w.WriteHeader(http.StatusNoContent) // and no word of allowing
			return
		}
		if r.Method == http.MethodOptions {
			h.Set("Access-Control-Allow-Methods", "GET, HEAD, POST")
			h.Set("Access-Control-Allow-Headers", "Content-Type, Last-Event-ID")
			h.Set("Access-Control-Max-Age", "86400")
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// probe says whether a path is asked by whoever keeps the process alive: it is never refused.
func probe(path string) bool { return path == "/livez" || path == "/readyz" }

// route hands a request to its handler and measures it. What has no handler gets a problem.
func (s *Server) route(w http.ResponseWriter, r *http.Request) {
	begun := s.clock()
	rec := &recorder{ResponseWriter: w}
	handler, pattern := s.mux.Handler(r)
	if pattern == "" {
		lost(rec, r, handler)
		pattern = "none"
	} else {
		s.mux.ServeHTTP(rec, r)
	}
	if rec.status == 0 {
		rec.status = http.StatusOK
	}
	s.meter.requests.WithLabelValues(pattern, strconv.Itoa(rec.status)).Inc()
	if !strings.HasSuffix(pattern, pathEvents) {
		s.meter.seconds.WithLabelValues(pattern).Observe(s.clock().Sub(begun).Seconds())
	}
}

// lost answers what no pattern takes: the mux knows whether another method would be taken.
func lost(w http.ResponseWriter, r *http.Request, handler http.Handler) {
	probe := &header{h: http.Header{}}
	handler.ServeHTTP(probe, r)
	if probe.status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", probe.h.Get("Allow"))
		p := newProblem(http.StatusMethodNotAllowed, codeMethod, r.Method+" is not taken here")
		p.Remedy = "Use " + probe.h.Get("Allow") + "."
		p.write(w)
		return
	}
	p := notFound("there is nothing at this path")
	p.Remedy = "/openapi.json lists the paths."
	p.write(w)
}

// header takes a status and headers, and no body.
type header struct {
	h      http.Header
	status int
}

func (p *header) Header() http.Header         { return p.h }
func (p *header) WriteHeader(status int)      { p.status = status }
func (p *header) Write(b []byte) (int, error) { return len(b), nil }

// recorder notes the status of an answer.
type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController through.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// meter are the server's own metrics.
type meter struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	streams  prometheus.Gauge
}

func newMeter(reg *prometheus.Registry) (*meter, error) {
	m := &meter{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "paradox", Name: "http_requests_total",
			Help: "HTTP requests answered, by route and status."}, []string{"route", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: "paradox", Name: "http_request_seconds",
			Help: "How long HTTP requests took, event streams apart.", Buckets: []float64{.001, .005, .025, .1, .5, 2, 10}}, []string{"route"}),
		streams: prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "paradox", Name: "http_event_streams",
			Help: "Event streams that are open."}),
	}
	return m, errors.Join(reg.Register(m.requests), reg.Register(m.seconds), reg.Register(m.streams))
}
