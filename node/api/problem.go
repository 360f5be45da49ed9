package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/phantom-paradox/paradox/intent"
)

// A Problem is an error as RFC 9457 has it, with a stable code and what to do about it.
type Problem struct {
	Type       string        `json:"type" doc:"about:blank: title and code say it all"`
	Title      string        `json:"title"`
	Status     int           `json:"status"`
	Code       string        `json:"code" doc:"stable"`
	Detail     string        `json:"detail"`
	Field      string        `json:"field,omitempty" doc:"the parameter or field at fault"`
	Remedy     string        `json:"remedy,omitempty" doc:"what to do"`
	RetryAfter time.Duration `json:"-"`
}

const problemType = "application/problem+json"

// The codes of problems that are no intent's.
const (
	codeBadRequest  = "bad_request"
	codeNotFound    = "not_found"
	codeMethod      = "method_not_allowed"
	codeTimeout     = "timeout"
	codeNotReady    = "not_ready"
	codeBusy        = "busy"
	codeInternal    = "internal"
	codeRefused     = "refused"
	codeNotSettled  = "not_settled"
	codeRateLimited = string(intent.RateLimited)
	codeTooLarge    = string(intent.TooLarge)
)

// retryNotReady is what a client is told to wait for a node that is starting or catching up.
const retryNotReady = 2 * time.Second

func newProblem(status int, code, detail string) *Problem {
	return &Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Code: code, Detail: detail}
}

func badParameter(field, detail, remedy string) *Problem {
	p := newProblem(http.StatusBadRequest, codeBadRequest, detail)
	p.Field, p.Remedy = field, remedy
	return p
}

func notFound(what string) *Problem {
	return newProblem(http.StatusNotFound, codeNotFound, what)
}

func (p *Problem) Error() string { return p.Detail }

// GetStatus implements huma.StatusError.
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders implements huma.HeadersError.
func (p *Problem) GetHeaders() http.Header {
	h := http.Header{}
	if p.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(p.RetryAfter.Seconds()))))
	}
	return h
}

// ContentType implements huma.ContentTypeFilter.
func (p *Problem) ContentType(string) string { return problemType }

// write answers a request that never reached a handler.
func (p *Problem) write(w http.ResponseWriter) {
	for k, v := range p.GetHeaders() {
		w.Header()[k] = v
	}
	w.Header().Set("Content-Type", problemType)
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the client has gone if this fails
}

// asProblem says an error of the backend in the API's words. What is not the client's to know is logged, not told.
func (s *Server) asProblem(err error, what string) error {
	var p *Problem
	switch {
	case err == nil:
		return nil
	case errors.As(err, &p):
		return p
	case errors.Is(err, ErrNotFound):
		p = notFound(what)
	case errors.Is(err, ErrBeforeSnapshot):
		p = notFound(err.Error() + " and has none of the rounds up to it")
		p.Remedy = "Ask another node: /api/peers names some."
	case errors.Is(err, ErrBeforeRecords):
		p = notFound(err.Error())
		p.Remedy = "Ask another node: /api/peers names some."
	case errors.Is(err, ErrNotSettled):
		p = newProblem(http.StatusConflict, codeNotSettled, err.Error())
		p.Remedy = "Ask again when the round's settlement says settled; until then the chain may undo it."
	case errors.Is(err, ErrBadCursor):
		p = badParameter("after", "after is not the next of a page", "Leave it out to begin at the first page.")
	case errors.Is(err, ErrRefused):
		p = newProblem(http.StatusUnprocessableEntity, codeRefused, err.Error())
	case errors.Is(err, ErrNotReady):
		p = newProblem(http.StatusServiceUnavailable, codeNotReady, err.Error())
		p.Remedy, p.RetryAfter = "Wait a moment, or ask another node; /health says what this one waits for.", retryNotReady
	case errors.Is(err, context.Canceled):
		s.log.Debug("whoever asked has gone", "err", err)
		p = newProblem(http.StatusServiceUnavailable, codeNotReady, "the request was given up")
		p.RetryAfter = retryNotReady
	default:
		s.log.Error("a request failed", "err", err)
		p = newProblem(http.StatusInternalServerError, codeInternal, "the node could not answer; its log says why")
	}
	return p
}

// reword turns the framework's own errors into problems.
func reword(_ huma.Context, _ string, v any) (any, error) {
	m, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	code := codeBadRequest
	switch m.Status {
	case http.StatusRequestEntityTooLarge: // of the doors to intents: the others close on it themselves
		p := newProblem(m.Status, codeTooLarge, fmt.Sprintf("a body has at most %d bytes", MaxBody))
		p.Remedy = fmt.Sprintf("Hand in fewer at a time: at most %d intents, and as a dag-cbor list at most %d bytes.", intent.MaxListLen, intent.MaxListBytes)
		return p, nil
	case http.StatusRequestTimeout:
		code = codeTimeout
	case http.StatusInternalServerError:
		code = codeInternal
	}
	p := newProblem(m.Status, code, m.Detail)
	for _, e := range m.Errors {
		p.Detail += "; " + e.Message
		p.Field = e.Location
	}
	return p, nil
}

// statusOf is the status that a refused intent has where it is the first error of a request.
func statusOf(c intent.Code) int {
	switch c {
	case intent.BadEncoding:
		return http.StatusBadRequest
	case intent.TooLarge:
		return http.StatusRequestEntityTooLarge
	case intent.RateLimited, intent.PoolFull:
		return http.StatusTooManyRequests
	case intent.NonceUsed, intent.Equivocation, intent.SessionExists, intent.ItemExists, intent.AskTaken:
		return http.StatusConflict
	default:
		return http.StatusUnprocessableEntity
	}
}
