package api

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/ipfs/go-cid"
)

const typeCAR = "application/vnd.ipld.car"

// carTime is how long a batch may take to be sent: 32 MiB over a slow line.
const carTime = 10 * time.Minute

// maxCID is longer than any CID's text.
const maxCID = 128

type batchIn struct {
	CID    string `path:"cid" doc:"of the batch's root block" example:"bafyreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"`
	Format string `query:"format" enum:"json,car" doc:"car for the blocks themselves, bundles included"`
	Paging
}

// registerBatch registers the one path that answers either JSON or a CAR file.
func (s *Server) registerBatch(o operations) {
	op := o.operation(http.MethodGet, "/api/batches/{cid}", "getBatch", "rounds", "A batch: its root and a page of its intents, or its blocks")
	schema := o.api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[Batch](), true, "Batch")
	op.Responses["200"] = &huma.Response{Description: "The batch", Content: map[string]*huma.MediaType{
		typeJSON: {Schema: schema}, typeCAR: {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}}}
	huma.Register(o.api, op, func(ctx context.Context, in *batchIn) (*huma.StreamResponse, error) {
		if _, err := cid.Decode(in.CID); err != nil || len(in.CID) > maxCID {
			return nil, badParameter("cid", "that is no CID", "Give the CID as /api/rounds has it, for instance bafyrei….")
		}
		switch in.Format {
		case "car":
			return &huma.StreamResponse{Body: func(hc huma.Context) { s.sendCAR(hc, in.CID) }}, nil
		case "", "json":
		default:
			return nil, badParameter("format", "format is json or car", "Leave it out for JSON.")
		}
		b, err := paged(in.Paging, func(p Page) (*Batch, error) { return s.backend.Batch(ctx, in.CID, p) })
		if err != nil {
			return nil, s.asProblem(err, noBatch)
		}
		return &huma.StreamResponse{Body: func(hc huma.Context) {
			hc.SetHeader("Content-Type", typeJSON)
			hc.SetStatus(http.StatusOK)
			_ = o.api.Marshal(hc.BodyWriter(), typeJSON, b) // the client has gone if this fails
		}}, nil
	})
}

const noBatch = "this node has no such batch"

// carWriter sends headers with the first bytes, so that an error before them can still be a problem.
type carWriter struct {
	w     http.ResponseWriter
	cid   string
	begun bool
}

func (c *carWriter) Write(b []byte) (int, error) {
	if !c.begun {
		c.begun = true
		c.w.Header().Set("Content-Type", typeCAR+"; version=1")
		c.w.Header().Set("Content-Disposition", `attachment; filename="`+c.cid+`.car"`)
		c.w.WriteHeader(http.StatusOK)
	}
	return c.w.Write(b)
}

// sendCAR sends a batch's blocks. An error in the middle breaks the connection: half a file must not look whole.
func (s *Server) sendCAR(hc huma.Context, cid string) {
	r, w := humago.Unwrap(hc)
	out := http.NewResponseController(w)
	until := time.Now().Add(carTime)
	if out.SetWriteDeadline(until) != nil || out.SetReadDeadline(until) != nil {
		panic(http.ErrAbortHandler)
	}
	c := &carWriter{w: w, cid: cid}
	err := s.backend.BatchCAR(r.Context(), cid, c)
	if err == nil {
		return
	}
	if c.begun {
		s.log.Debug("a batch was not sent whole", "cid", cid, "err", err)
		panic(http.ErrAbortHandler)
	}
	var p *Problem
	if errors.As(s.asProblem(err, noBatch), &p) {
		p.write(w)
	}
}
