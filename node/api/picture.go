package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/phantom-paradox/paradox/intent"
)

const typeSVG = "image/svg+xml"

type pictureIn struct {
	HeightIn
	Mint string `query:"mint" doc:"key of a mint of the network; the first of the network file if left out"`
}

// registerPicture registers the drawing of a round. It is an image of its own origin's making: no script, no reference.
func (s *Server) registerPicture(o operations) {
	op := o.operation(http.MethodGet, "/api/rounds/{height}/netting.svg", "getPicture", "rounds", "A drawing of a height: gross flows beside what netting left to pay")
	op.Responses["200"] = &huma.Response{Description: "The drawing", Content: map[string]*huma.MediaType{
		typeSVG: {Schema: &huma.Schema{Type: huma.TypeString}}}}
	huma.Register(o.api, op, func(ctx context.Context, in *pictureIn) (*huma.StreamResponse, error) {
		svg, err := s.picture(ctx, in)
		if err != nil {
			return nil, s.asProblem(err, "this node has no such round, or the network no such mint")
		}
		return &huma.StreamResponse{Body: func(hc huma.Context) {
			hc.SetHeader("Content-Type", typeSVG)
			hc.SetHeader("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
			hc.SetStatus(http.StatusOK)
			_, _ = hc.BodyWriter().Write(svg) // the client has gone if this fails
		}}, nil
	})
}

func (s *Server) picture(ctx context.Context, in *pictureIn) ([]byte, error) {
	height, err := parseHeight(in.Height)
	if err != nil {
		return nil, err
	}
	var mint intent.Key
	if in.Mint != "" {
		if mint, err = parseKey("mint", in.Mint); err != nil {
			return nil, err
		}
	} else {
		n, err := s.backend.Network(ctx)
		if err != nil {
			return nil, err
		}
		mint = n.Mints[0].Mint
	}
	return s.backend.Picture(ctx, height, mint)
}
