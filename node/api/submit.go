package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"

	"github.com/phantom-paradox/paradox/intent"
)

// Bodies of intents.
const (
	// MaxBody bounds a body: a list of intent.MaxListLen in JSON, at 4 KiB each, of which the longest canonical one takes less
	// than half. As dag-cbor it is intent.MaxListBytes.
	MaxBody = 1 << 20
	// bodyTime is how long a body may take to arrive: 1 MiB over a phone's slow line.
	bodyTime = 15 * time.Second
)

const (
	typeJSON = "application/json"
	typeCBOR = "application/cbor"
)

// parsed is one intent of a body, or why it is none that this door takes.
type parsed struct {
	signed *intent.Signed
	id     *intent.ID // of one that is refused and has a text
	err    *intent.Error
}

// parts takes a body apart without reading its intents.
func parts(contentType string, body []byte) (list [][]byte, cbor bool, problem *Problem) {
	kind := typeJSON
	if contentType != "" {
		var err error
		if kind, _, err = mime.ParseMediaType(contentType); err != nil {
			kind = contentType
		}
	}
	switch kind {
	case typeCBOR:
		if len(body) > intent.MaxListBytes {
			return nil, true, tooLarge(fmt.Sprintf("a list has at most %d bytes", intent.MaxListBytes))
		}
		list, err := intent.SplitList(body)
		return list, true, asBodyProblem(err)
	case typeJSON:
		list, err := splitJSON(body)
		return list, false, asBodyProblem(err)
	}
	p := newProblem(http.StatusBadRequest, codeBadRequest, fmt.Sprintf("%q is no type of body that this door takes", kind))
	p.Field, p.Remedy = "Content-Type", "Send application/json, or application/cbor for the dag-cbor list."
	return nil, false, p
}

func tooLarge(detail string) *Problem {
	p := newProblem(http.StatusRequestEntityTooLarge, codeTooLarge, detail)
	p.Remedy = fmt.Sprintf("Hand in at most %d intents at a time.", intent.MaxListLen)
	return p
}

// asBodyProblem says why a body as a whole cannot be read.
func asBodyProblem(err error) *Problem {
	var e *intent.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &e) && e.Code == intent.TooLarge:
		return tooLarge(e.Detail)
	case errors.As(err, &e):
		p := newProblem(http.StatusBadRequest, string(e.Code), e.Detail)
		p.Field = e.Field
		return p
	}
	p := newProblem(http.StatusBadRequest, string(intent.BadEncoding), err.Error())
	p.Remedy = `Send one intent, {"intents":[…]}, or a canonical dag-cbor list as application/cbor.`
	return p
}

var (
	errEmpty  = errors.New("the body has no intents")
	errObject = errors.New("the body is no JSON object")
	errAfter  = errors.New("something follows the JSON object")
	errWith   = errors.New(`a body with "intents" has no other member`)
)

// splitJSON takes {"intents":[…]} apart; any other object is one intent.
func splitJSON(body []byte) ([][]byte, error) {
	dec := json.NewDecoder(bytes.NewReader(body))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, errObject
	}
	members, lists := 0, 0
	var list json.RawMessage
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errObject, err)
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, fmt.Errorf("%w: %w", errObject, err)
		}
		members++
		if name == "intents" {
			lists++
			list = value
		}
	}
	if _, err := dec.Token(); err != nil {
		return nil, fmt.Errorf("%w: %w", errObject, err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errAfter
	}
	switch {
	case lists == 0:
		return [][]byte{bytes.TrimSpace(body)}, nil
	case members > 1:
		return nil, errWith
	}
	return splitArray(list)
}

// splitArray takes the list apart.
func splitArray(b json.RawMessage) ([][]byte, error) {
	var list []json.RawMessage
	if err := json.Unmarshal(b, &list); err != nil {
		return nil, &intent.Error{Code: intent.BadEncoding, Field: "intents", Detail: "intents is no list"}
	}
	if len(list) > intent.MaxListLen {
		return nil, &intent.Error{Code: intent.TooLarge, Field: "intents", Detail: fmt.Sprintf("%d intents; the most are %d", len(list), intent.MaxListLen)}
	}
	out := make([][]byte, len(list))
	for i, b := range list {
		out[i] = b
	}
	return out, nil
}

// read reads a body's intents, each for itself. only is the one kind that is taken, "" for any.
func (s *Server) read(list [][]byte, cbor bool, only intent.Kind) []parsed {
	out := make([]parsed, len(list))
	for i, b := range list {
		p := &out[i]
		var err error
		if cbor {
			p.signed, err = intent.Decode(b)
		} else {
			p.signed, err = intent.ParseJSON(b, s.net)
		}
		switch {
		case err != nil && !errors.As(err, &p.err):
			p.err = &intent.Error{Code: intent.BadEncoding, Detail: err.Error()}
		case err == nil && only != "" && p.signed.Kind != only:
			p.err = &intent.Error{Code: intent.BadEncoding, Field: "kind", Detail: fmt.Sprintf("only %s intents are taken here; /api/intents takes all", only)}
			if id, err := p.signed.ID(s.net); err == nil {
				p.id = &id
			}
		}
	}
	return out
}

// submit takes a body of intents and gives status and results.
func (s *Server) submit(ctx context.Context, r *http.Request, body []byte, only intent.Kind) (int, *Results, error) {
	list, cbor, problem := parts(r.Header.Get("Content-Type"), body)
	if problem != nil {
		return 0, nil, problem
	}
	if len(list) == 0 {
		return 0, nil, asBodyProblem(errEmpty)
	}
	if wait := s.limits.intents(r, len(list)); wait > 0 {
		return 0, nil, limited(wait)
	}
	all := s.read(list, cbor, only)
	good := make([]*intent.Signed, 0, len(all))
	for _, p := range all {
		if p.err == nil {
			good = append(good, p.signed)
		}
	}
	verdicts := []Verdict(nil)
	if len(good) > 0 {
		var err error
		if verdicts, err = s.backend.Submit(ctx, good); err == nil && len(verdicts) != len(good) {
			err = fmt.Errorf("%d verdicts on %d intents", len(verdicts), len(good))
		}
		if err != nil {
			return 0, nil, s.asProblem(err, "")
		}
	}
	status, results := answer(all, verdicts)
	return status, results, nil
}

// answer puts what was refused here and the backend's verdicts in the order of the body. The status is 202 if any was
// taken or known, else that of the first error.
func answer(all []parsed, verdicts []Verdict) (int, *Results) {
	status, taken := 0, false
	out := make([]Result, len(all))
	for i, p := range all {
		v := Verdict{ID: p.id, Err: p.err}
		if p.err == nil {
			v, verdicts = verdicts[0], verdicts[1:]
		}
		out[i] = Result{ID: v.ID, State: v.State}
		if v.Err == nil {
			taken = true
			continue
		}
		out[i] = Result{ID: v.ID, Code: v.Err.Code, Detail: v.Err.Detail, Field: v.Err.Field}
		if status == 0 {
			status = statusOf(v.Err.Code)
		}
	}
	if taken {
		status = http.StatusAccepted
	}
	return status, &Results{Results: out}
}
