// Package report sends what is logged as an error to a Sentry project, where the operator has one: a few a minute, and without
// keys, signatures, addresses and what stands in URLs.
//
// It is a slog handler around another, which logs everything as before. Without a DSN there is none of it.
package report

import (
	"context"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/getsentry/sentry-go"
)

const (
	// perMinute bounds what a broken node sends: the first of a kind tell what there is to know.
	perMinute = 10
	// flushTime is how long a node that stops waits for its last report.
	flushTime = 2 * time.Second
	// maxText bounds a text that is sent.
	maxText = 2 << 10
)

// Config says where to and as what.
type Config struct {
	DSN     string
	Release string
	Network string
	Clock   func() time.Time // nil: time.Now
}

// A Reporter is a way to a Sentry project.
type Reporter struct {
	client *sentry.Client
	clock  func() time.Time

	mu    sync.Mutex
	since time.Time // of the running minute
	sent  int
}

// New makes a reporter. It uses nothing global, so many nodes in a process report for themselves.
func New(c Config) (*Reporter, error) {
	client, err := sentry.NewClient(sentry.ClientOptions{Dsn: c.DSN, Release: "paradox@" + c.Release, Environment: c.Network, AttachStacktrace: true,
		ServerName: "node", Integrations: func([]sentry.Integration) []sentry.Integration { return nil },
		BeforeSend: func(e *sentry.Event, _ *sentry.EventHint) *sentry.Event { return scrubEvent(e) }})
	if err != nil {
		return nil, fmt.Errorf("sentry.dsn: %w; copy it from the project's settings, or leave it out", scrubError(err))
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	return &Reporter{client: client, clock: c.Clock}, nil
}

// Handler logs to inner, and reports errors.
func (r *Reporter) Handler(inner slog.Handler) slog.Handler { return &handler{inner: inner, r: r} }

// Panic reports a panic, and panics on.
func (r *Reporter) Panic() {
	if v := recover(); v != nil {
		r.send(sentry.LevelFatal, fmt.Sprint("panic: ", v), nil)
		r.client.Flush(flushTime)
		panic(v)
	}
}

// Close waits a moment for what is on its way.
func (r *Reporter) Close() error {
	r.client.Flush(flushTime)
	r.client.Close()
	return nil
}

func (r *Reporter) allowed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := r.clock(); now.Sub(r.since) >= time.Minute {
		r.since, r.sent = now, 0
	}
	r.sent++
	return r.sent <= perMinute
}

func (r *Reporter) send(level sentry.Level, message string, attrs map[string]string) {
	if !r.allowed() {
		return
	}
	e := sentry.NewEvent()
	e.Level, e.Message, e.Logger = level, message, "paradox"
	e.Contexts["log"] = sentry.Context{}
	for k, v := range attrs {
		e.Contexts["log"][k] = v
	}
	e.Fingerprint = []string{message} // one problem a message, whatever its numbers
	r.client.CaptureEvent(e, nil, nil)
}

type handler struct {
	inner slog.Handler
	r     *Reporter
	group string
	attrs []slog.Attr
}

func (h *handler) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelError || h.inner.Enabled(ctx, l)
}

func (h *handler) Handle(ctx context.Context, rec slog.Record) error {
	if rec.Level >= slog.LevelError {
		attrs := map[string]string{}
		for _, a := range h.attrs {
			attrs[a.Key] = a.Value.String()
		}
		rec.Attrs(func(a slog.Attr) bool {
			attrs[h.group+a.Key] = a.Value.String()
			return true
		})
		h.r.send(sentry.LevelError, rec.Message, attrs)
	}
	if !h.inner.Enabled(ctx, rec.Level) {
		return nil
	}
	return h.inner.Handle(ctx, rec)
}

func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	out := *h
	out.inner = h.inner.WithAttrs(attrs)
	out.attrs = append([]slog.Attr{}, h.attrs...)
	for _, a := range attrs {
		out.attrs = append(out.attrs, slog.Attr{Key: h.group + a.Key, Value: a.Value})
	}
	return &out
}

func (h *handler) WithGroup(name string) slog.Handler {
	out := *h
	out.inner, out.group = h.inner.WithGroup(name), h.group+name+"."
	return &out
}

func scrubEvent(e *sentry.Event) *sentry.Event {
	e.Message = Scrub(e.Message)
	for i := range e.Fingerprint {
		e.Fingerprint[i] = Scrub(e.Fingerprint[i])
	}
	for _, c := range e.Contexts {
		for k, v := range c {
			if s, ok := v.(string); ok {
				c[k] = Scrub(s)
			}
		}
	}
	delete(e.Contexts, "device") // the machine's own name and such are nobody's business
	e.ServerName, e.User, e.Request = "", sentry.User{}, nil
	return e
}

func scrubError(err error) error { return fmt.Errorf("%s", Scrub(err.Error())) }

// Scrub takes out of a text what may be a secret, or say where somebody is: key files, seeds and signatures, in base58, hex and
// as lists of bytes; sealed keys and tokens; all of a URL but scheme and host; addresses of peers.
func Scrub(s string) string {
	for _, p := range []struct{ what, with string }{
		{`(?i)(https?|wss?)://([^\s/@"]*@)?([^\s/"?#]+)[^\s"]*`, "$1://$3/…"},
		{`/(ip4|ip6|dns|dns4|dns6|dnsaddr)/[^\s",;]+`, "/$1/…"},
		{`\[\s*\d{1,3}(\s*[,\s]\s*\d{1,3}){15,}\s*\]?`, "[bytes]"},
		{`AGE-SECRET-KEY-[A-Z0-9]+`, "[key]"},
		{`eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_.-]+`, "[token]"},
		{`\b[0-9a-fA-F]{64,}\b`, "[hex]"},
		{`\b[1-9A-HJ-NP-Za-km-z]{43,}\b`, "[base58]"},
		{`[A-Za-z0-9+/_-]{43,}={0,2}`, "[base64]"},
		{`\b\d{1,3}(\.\d{1,3}){3}(:\d+)?\b`, "[address]"},
	} {
		s = regexp.MustCompile(p.what).ReplaceAllString(s, p.with)
	}
	if len(s) > maxText {
		s = strings.ToValidUTF8(s[:maxText], "") + "…"
	}
	return s
}
