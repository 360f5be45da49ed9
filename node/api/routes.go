package api

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/phantom-paradox/paradox/intent"
)

// The paths, and what is read of a request. Parameters are texts to the framework, so that what is wrong with them is said in
// the API's own words, with status 400.

// maxPage is the most entries of a page, and defaultPage how many there are where nobody says.
const (
	maxPage     = 200
	defaultPage = 50
	// maxCursor is the longest cursor: an id, or an item's name.
	maxCursor = 128
	// maxDigits is the longest number of entries that is read, to be cut to maxPage.
	maxDigits = 9
)

// body is the output of an operation that answers JSON.
type body[T any] struct{ Body *T }

// Paging is read of a request for a list.
type Paging struct {
	Limit string `query:"limit" pattern:"^([1-9][0-9]{0,8})?$" doc:"how many; at most 200, 50 unless said otherwise" example:"20"`
	After string `query:"after" maxLength:"128" doc:"the next of the page before"`
}

func (p Paging) page() (Page, *Problem) {
	out := Page{Limit: defaultPage, After: p.After}
	if p.Limit != "" {
		n, err := strconv.ParseUint(p.Limit, 10, 32)
		if err != nil || p.Limit[0] == '0' || len(p.Limit) > maxDigits {
			return Page{}, badParameter("limit", "limit is a number from 1 to 200", "Leave it out for 50.")
		}
		out.Limit = int(min(n, maxPage))
	}
	if len(p.After) > maxCursor {
		return Page{}, badParameter("after", "after is not the next of a page", "Leave it out to begin at the first page.")
	}
	return out, nil
}

// The framework reads embedded structs only where their names are exported.

// operations registers paths; each has its problems described.
type operations struct {
	s   *Server
	api huma.API
}

func (o operations) operation(method, path, id, tag, summary string) huma.Operation {
	problem := &huma.Response{Description: "A problem", Content: map[string]*huma.MediaType{
		problemType: {Schema: o.api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[Problem](), true, "Problem")}}}
	return huma.Operation{OperationID: id, Method: method, Path: path, Summary: summary, Tags: []string{tag},
		SkipValidateParams: true, SkipValidateBody: true, Responses: map[string]*huma.Response{"default": problem}}
}

// get registers a path whose answer is what fn gives; what names the thing for whoever asks in vain.
func get[I, O any](o operations, path, id, tag, summary, what string, fn func(ctx context.Context, in *I) (*O, error)) {
	huma.Register(o.api, o.operation(http.MethodGet, path, id, tag, summary), func(ctx context.Context, in *I) (*body[O], error) {
		out, err := fn(ctx, in)
		if err != nil {
			return nil, o.s.asProblem(err, what)
		}
		return &body[O]{out}, nil
	})
}

type none struct{}

func (s *Server) register(api huma.API) {
	api.UseMiddleware(withRequest)
	o := operations{s, api}
	s.registerIntents(o)
	s.registerRounds(o)
	s.registerWallets(o)
	s.registerNode(o)
	s.registerCommittee(o)
	s.registerProbes(o)
	s.registerOperator(o)
	s.doc = api.OpenAPI()
	finish(s.doc)
}

// IDIn is read of a request for an intent.
type IDIn struct {
	ID string `path:"id" doc:"CID of the signed text" example:"bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"`
}

func parseID(text string) (intent.ID, error) {
	id, err := intent.ParseID(text)
	if err != nil {
		return id, badParameter("id", err.Error(), "Give the id as a result of POST /api/intents has it.")
	}
	return id, nil
}

func parseKey(field, text string) (intent.Key, error) {
	key, err := intent.ParseKey(text)
	if err != nil {
		return key, badParameter(field, err.Error(), "Give the key as Solana wallets show it.")
	}
	return key, nil
}

func parseHeight(text string) (uint64, error) {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n == 0 {
		return 0, badParameter("height", "a height is a number from 1", "")
	}
	return n, nil
}

// paged asks for a page of anything.
func paged[O any](p Paging, fn func(Page) (*O, error)) (*O, error) {
	page, problem := p.page()
	if problem != nil {
		return nil, problem
	}
	return fn(page)
}

func (s *Server) registerIntents(o operations) {
	s.registerDoor(o, "/api/intents", "submitIntents", "Hand in signed intents", "")
	s.registerDoor(o, "/api/session-keys/create", "createSessionKey", "Hand in signed session intents", intent.Session)
	get(o, "/api/intents/{id}", "getIntent", "intents", "What became of an intent", "this node never saw that intent",
		func(ctx context.Context, in *IDIn) (*IntentStatus, error) {
			id, err := parseID(in.ID)
			if err != nil {
				return nil, err
			}
			return s.backend.Intent(ctx, id)
		})
	type nonceIn struct {
		Wallet string `query:"wallet" required:"true" doc:"the wallet's key"`
		Signer string `query:"signer" doc:"the session key that will sign; the wallet unless said otherwise"`
	}
	get(o, "/api/user/nonce", "getNonce", "intents", "What nonce a signing key may use next", "",
		func(ctx context.Context, in *nonceIn) (*Nonce, error) { return s.nonce(ctx, in.Wallet, in.Signer) })
}

func (s *Server) nonce(ctx context.Context, wallet, signer string) (*Nonce, error) {
	w, err := parseKey("wallet", wallet)
	if err != nil {
		return nil, err
	}
	k := w
	if signer != "" {
		if k, err = parseKey("signer", signer); err != nil {
			return nil, err
		}
	}
	next, floor, err := s.backend.Nonce(ctx, w, k)
	if err != nil {
		return nil, err
	}
	return &Nonce{Wallet: w, Signer: k, Next: Decimal(next), Floor: Decimal(floor), SignIn: s.signIns.Text(requestOf(ctx).Host, s.net.Name, k)}, nil
}

type requestKey struct{}

// withRequest lets handlers see the request, which the framework keeps from them.
func withRequest(ctx huma.Context, next func(huma.Context)) {
	r, _ := humago.Unwrap(ctx)
	next(huma.WithValue(ctx, requestKey{}, r))
}

func requestOf(ctx context.Context) *http.Request {
	r, _ := ctx.Value(requestKey{}).(*http.Request)
	return r
}

// registerDoor registers a path that takes intents.
func (s *Server) registerDoor(o operations, path, id, summary string, only intent.Kind) {
	type doorIn struct {
		RawBody []byte `contentType:"application/cbor"`
	}
	type doorOut struct {
		Status int
		Body   *Results
	}
	op := o.operation(http.MethodPost, path, id, "intents", summary)
	op.DefaultStatus = http.StatusAccepted
	op.MaxBodyBytes = MaxBody + 1 // the framework refuses what reaches its limit
	op.BodyReadTimeout = bodyTime
	op.Description = "202 if at least one is taken or known, else the status of the first error; results stand in order."
	huma.Register(o.api, op, func(ctx context.Context, in *doorIn) (*doorOut, error) {
		status, results, err := s.submit(ctx, requestOf(ctx), in.RawBody, only)
		if err != nil {
			return nil, err
		}
		return &doorOut{status, results}, nil
	})
	item := o.api.OpenAPI().Paths[path].Post
	item.RequestBody = doorBody()
	results := item.Responses["202"]
	for _, status := range []string{"400", "409", "413", "422", "429"} {
		item.Responses[status] = &huma.Response{Description: "Nothing was taken: results, or a problem where the body as a whole is at fault",
			Content: map[string]*huma.MediaType{typeJSON: results.Content[typeJSON], problemType: item.Responses["default"].Content[problemType]}}
	}
}

// HeightIn is read of a request for a round.
type HeightIn struct {
	Height string `path:"height" pattern:"^[1-9][0-9]*$" doc:"from 1"`
}

func (s *Server) registerRounds(o operations) {
	type roundsIn struct{ Paging }
	get(o, "/api/rounds", "listRounds", "rounds", "Heights, the newest first", "",
		func(ctx context.Context, in *roundsIn) (*Rounds, error) {
			return paged(in.Paging, func(p Page) (*Rounds, error) { return s.backend.Rounds(ctx, p) })
		})
	get(o, "/api/rounds/{height}", "getRound", "rounds", "A decided height", "this node has not decided that height",
		func(ctx context.Context, in *HeightIn) (*Round, error) {
			h, err := parseHeight(in.Height)
			if err != nil {
				return nil, err
			}
			return s.backend.Round(ctx, h)
		})
	type proofIn struct {
		HeightIn
		IDIn
	}
	get(o, "/api/rounds/{height}/proof/{id}", "getProof", "rounds", "Proof that a height took an intent", "that height did not take that intent, or this node has not decided it",
		func(ctx context.Context, in *proofIn) (*Proof, error) {
			h, err := parseHeight(in.Height)
			if err != nil {
				return nil, err
			}
			id, err := parseID(in.ID)
			if err != nil {
				return nil, err
			}
			return s.backend.Proof(ctx, h, id)
		})
	s.registerStatement(o)
	s.registerBatch(o)
	s.registerPicture(o)
}

func (s *Server) registerWallets(o operations) {
	type walletIn struct {
		Key string `path:"key" doc:"the wallet's key"`
		Paging
	}
	get(o, "/api/wallets/{key}", "getWallet", "wallets", "Entries, items and sessions of a wallet", "",
		func(ctx context.Context, in *walletIn) (*Wallet, error) {
			key, err := parseKey("key", in.Key)
			if err != nil {
				return nil, err
			}
			return paged(in.Paging, func(p Page) (*Wallet, error) { return s.backend.Wallet(ctx, key, p) })
		})
	get(o, "/api/wallets/{key}/history", "getHistory", "wallets", "Accepted intents and vault events of a wallet, the newest first", "",
		func(ctx context.Context, in *walletIn) (*History, error) {
			key, err := parseKey("key", in.Key)
			if err != nil {
				return nil, err
			}
			return paged(in.Paging, func(p Page) (*History, error) { return s.backend.History(ctx, key, p) })
		})
	s.registerItems(o)
}

func (s *Server) registerItems(o operations) {
	item := func(ctx context.Context, item string) (*Item, error) {
		if _, _, ok := intent.ItemIssuer(item); !ok {
			return nil, badParameter("item", "an item is <issuer key>/<name>", "")
		}
		return s.backend.Item(ctx, item)
	}
	type itemIn struct {
		Item string `path:"item" doc:"issuer key and name; the slash between them as %2F"`
	}
	type nameIn struct {
		Issuer string `path:"issuer" doc:"the issuer's key"`
		Name   string `path:"name"`
	}
	const noItem = "there is no such item"
	get(o, "/api/items/{item}", "getItem", "items", "An item and its owner", noItem,
		func(ctx context.Context, in *itemIn) (*Item, error) { return item(ctx, in.Item) })
	get(o, "/api/items/{issuer}/{name}", "getItemOf", "items", "An item and its owner, by issuer and name", noItem,
		func(ctx context.Context, in *nameIn) (*Item, error) { return item(ctx, in.Issuer+"/"+in.Name) })
	type asksIn struct {
		Item   string `query:"item" maxLength:"128"`
		Issuer string `query:"issuer" doc:"key of the items' issuer"`
		Mint   string `query:"mint" doc:"key of the mint of the price"`
		Paging
	}
	get(o, "/api/asks", "listAsks", "items", "Open asks", "",
		func(ctx context.Context, in *asksIn) (*Asks, error) {
			f := AskFilter{Item: in.Item}
			for _, k := range []struct {
				name, text string
				into       **intent.Key
			}{{"issuer", in.Issuer, &f.Issuer}, {"mint", in.Mint, &f.Mint}} {
				if k.text == "" {
					continue
				}
				key, err := parseKey(k.name, k.text)
				if err != nil {
					return nil, err
				}
				*k.into = &key
			}
			return paged(in.Paging, func(p Page) (*Asks, error) { return s.backend.Asks(ctx, f, p) })
		})
}

func (s *Server) registerNode(o operations) {
	get(o, "/api/network", "getNetwork", "node", "The network", "", func(ctx context.Context, _ *none) (*Network, error) { return s.backend.Network(ctx) })
	type peersIn struct{ Paging }
	get(o, "/api/peers", "listPeers", "node", "Connected peers, and what became of bootstrap addresses", "",
		func(ctx context.Context, in *peersIn) (*Peers, error) {
			return paged(in.Paging, func(p Page) (*Peers, error) { return s.backend.Peers(ctx, p) })
		})
	get(o, "/api/status", "getStatus", "node", "The node at a glance", "", func(ctx context.Context, _ *none) (*Status, error) { return s.backend.Status(ctx) })
	get(o, "/api/stats", "getStats", "node", "The node's numbers", "", func(ctx context.Context, _ *none) (*Stats, error) { return s.backend.Stats(ctx) })
	op := o.operation(http.MethodGet, pathEvents, "streamEvents", "node", "What happens, as server-sent events")
	op.Description = "Events: round and settled (RoundEvent), pool (PoolStats), peer (PeerEvent), health (Health). A client that is slow loses some."
	op.Responses["200"] = &huma.Response{Description: "A stream", Content: map[string]*huma.MediaType{"text/event-stream": {Schema: &huma.Schema{Type: huma.TypeString}}}}
	huma.Register(o.api, op, s.events)
	for _, t := range []reflect.Type{reflect.TypeFor[RoundEvent](), reflect.TypeFor[PeerEvent]()} {
		o.api.OpenAPI().Components.Schemas.Schema(t, true, t.Name())
	}
}

func (s *Server) registerProbes(o operations) {
	get(o, "/livez", "live", "probes", "The process is alive", "", func(context.Context, *none) (*Live, error) { return &Live{"ok"}, nil })
	get(o, "/readyz", "ready", "probes", "The node takes intents now", "", func(context.Context, *none) (*Live, error) {
		if err := s.backend.Ready(); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrNotReady, err)
		}
		return &Live{"ok"}, nil
	})
	type healthOut struct {
		Status int
		Body   *Health
	}
	op := o.operation(http.MethodGet, "/health", "health", "probes", "What is well, what is not, and what to do")
	op.Description = "503 where it is unhealthy, with the same body."
	huma.Register(o.api, op, func(ctx context.Context, _ *none) (*healthOut, error) {
		h, err := s.backend.Health(ctx)
		if err != nil {
			return nil, s.asProblem(err, "")
		}
		status := http.StatusOK
		if h.Status == Unhealthy {
			status = http.StatusServiceUnavailable
		}
		return &healthOut{status, h}, nil
	})
	doc := o.api.OpenAPI().Paths["/health"].Get
	doc.Responses["503"] = &huma.Response{Description: http.StatusText(http.StatusServiceUnavailable), Content: doc.Responses["200"].Content}
}
