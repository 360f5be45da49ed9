package api

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/phantom-paradox/paradox/intent"
)

// What an operator may do to a node over HTTP, after signing in with a Solana wallet. Browsers of other origins may not: these
// paths allow none, and the token travels in a header that no browser adds by itself.

const (
	pathSignIn   = "/api/sign-in"
	pathOperator = "/api/operator/"
	// tokenLife is how long a sign-in is good for: a sitting.
	tokenLife = time.Hour
	// maxTokens bounds sign-ins at once; the one that ends first goes for a new one.
	maxTokens = 64
	// operatorBody bounds the body of an operator's call.
	operatorBody = 8 << 10
	bearer       = "Bearer "
	bearerScheme = "operator"
)

// An Operated is a node that its operator can change while it runs. A Backend that is none has no operator calls.
type Operated interface {
	// SetLogLevel changes what is logged until the next start: debug, info, warn, error.
	SetLogLevel(level string) error
	// Dial connects to a peer by its whole multiaddr.
	Dial(ctx context.Context, address string) error
	// Collect frees blocks that nothing pins.
	Collect(ctx context.Context) (*Collected, error)
}

// ErrBadValue: an operator's call names something that cannot be; its text says why.
var ErrBadValue = errors.New("cannot be so")

// Collected is what a collection did.
type Collected struct {
	Kept    int `json:"kept" doc:"blocks"`
	Removed int `json:"removed" doc:"blocks"`
}

// SignInText is a text to sign.
type SignInText struct {
	Text    string `json:"text" doc:"Sign-In with Solana; for one use, by this key, at this host"`
	Expires int64  `json:"expires"`
}

// SignIn is a signed text.
type SignIn struct {
	Key  intent.Key       `json:"key"`
	Text string           `json:"text" doc:"as it was handed out"`
	Sig  intent.Signature `json:"sig" doc:"base58 of the Ed25519 signature over the text"`
}

// SignedIn is what a sign-in gives.
type SignedIn struct {
	Token   string `json:"token" doc:"for Authorization: Bearer"`
	Expires int64  `json:"expires"`
}

// LogLevel is what is logged.
type LogLevel struct {
	Level string `json:"level" enum:"debug,info,warn,error" doc:"the least severe that is logged"`
}

// PeerAddress is whom to connect to.
type PeerAddress struct {
	Address string `json:"address" maxLength:"512" doc:"a multiaddr that ends in /p2p/ID"`
}

// Done says that a call was carried out.
type Done struct {
	Status string `json:"status" enum:"ok"`
}

// tokens are sign-ins that are good now. Only digests are kept.
type tokens struct {
	clock func() time.Time
	mu    sync.Mutex
	until map[[32]byte]time.Time
}

func (t *tokens) grant() (string, time.Time) {
	var raw [32]byte
	_, _ = rand.Read(raw[:]) // crypto/rand.Read never fails
	text := base64.RawURLEncoding.EncodeToString(raw[:])
	now := t.clock()
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.until) >= maxTokens {
		var first [32]byte
		for d, until := range t.until {
			if at, ok := t.until[first]; !ok || until.Before(at) {
				first = d
			}
		}
		delete(t.until, first)
	}
	t.until[sha256.Sum256([]byte(text))] = now.Add(tokenLife)
	return text, now.Add(tokenLife)
}

func (t *tokens) good(text string) bool {
	d := sha256.Sum256([]byte(text))
	t.mu.Lock()
	defer t.mu.Unlock()
	until, ok := t.until[d]
	if ok && !t.clock().Before(until) {
		delete(t.until, d)
		ok = false
	}
	return ok
}

func (t *tokens) end(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.until, sha256.Sum256([]byte(text)))
}

// operators are who may sign in, and where.
type operators struct {
	node    Operated
	keys    []intent.Key
	domains []string
	tokens  *tokens
}

// ownDomain says whether the host that a request names is this node's: the text that is signed shows it, so a site that passes
// requests on in its own name gets nothing to sign that holds here.
func (o *operators) ownDomain(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	if name == "localhost" || slices.Contains(o.domains, name) || slices.Contains(o.domains, host) {
		return true
	}
	ip := net.ParseIP(strings.Trim(name, "[]"))
	return ip != nil && ip.IsLoopback()
}

func forbidden(detail, remedy string) *Problem {
	p := newProblem(http.StatusForbidden, "forbidden", detail)
	p.Remedy = remedy
	return p
}

func unauthorised(detail string) *Problem {
	p := newProblem(http.StatusUnauthorized, "unauthorized", detail)
	p.Remedy = "Get a text at " + pathSignIn + "?key=…, sign it with an operator's wallet, and post it there."
	return p
}

// private says whether a path is the operator's alone: no other origin may ask it.
func private(path string) bool {
	return path == pathSignIn || strings.HasPrefix(path, pathOperator)
}

func (s *Server) registerOperator(o operations) {
	type textIn struct {
		Key string `query:"key" required:"true" doc:"the operator's wallet"`
	}
	get(o, pathSignIn, "getSignIn", "operator", "A text to sign in with", "", func(ctx context.Context, in *textIn) (*SignInText, error) {
		key, err := s.mayOperate(requestOf(ctx), in.Key)
		if err != nil {
			return nil, err
		}
		return &SignInText{s.signIns.Text(requestOf(ctx).Host, s.net.Name, key), s.clock().Add(signInLife).Unix()}, nil
	})
	type signIn struct{ Body SignIn }
	call(o, pathSignIn, "signIn", "Sign in: a signed text, once, for a token", false, func(ctx context.Context, in *signIn) (*SignedIn, error) {
		return s.signIn(ctx, &in.Body)
	})
	call(o, pathOperator+"sign-out", "signOut", "End the token", true, func(ctx context.Context, _ *none) (*Done, error) {
		s.operators.tokens.end(strings.TrimPrefix(requestOf(ctx).Header.Get("Authorization"), bearer))
		return &Done{"ok"}, nil
	})
	type levelIn struct{ Body LogLevel }
	call(o, pathOperator+"log-level", "setLogLevel", "Change what is logged, until the next start", true, func(_ context.Context, in *levelIn) (*Done, error) {
		return &Done{"ok"}, s.operators.node.SetLogLevel(in.Body.Level)
	})
	type dialIn struct{ Body PeerAddress }
	call(o, pathOperator+"dial", "dial", "Connect to a peer", true, func(ctx context.Context, in *dialIn) (*Done, error) {
		return &Done{"ok"}, s.operators.node.Dial(ctx, in.Body.Address)
	})
	call(o, pathOperator+"collect", "collect", "Free blocks that nothing pins", true, func(ctx context.Context, _ *none) (*Collected, error) {
		return s.operators.node.Collect(ctx)
	})
	o.api.OpenAPI().Components.SecuritySchemes = map[string]*huma.SecurityScheme{bearerScheme: {Type: "http", Scheme: "bearer",
		Description: "of POST " + pathSignIn}}
}

// call registers an operator's call.
func call[I, O any](o operations, path, id, summary string, signedIn bool, fn func(ctx context.Context, in *I) (*O, error)) {
	op := o.operation(http.MethodPost, path, id, "operator", summary)
	op.SkipValidateBody = false
	op.MaxBodyBytes = operatorBody
	op.BodyReadTimeout = bodyTime
	if signedIn {
		op.Security = []map[string][]string{{bearerScheme: {}}}
		op.Middlewares = huma.Middlewares{o.s.onlyOperators}
	}
	huma.Register(o.api, op, func(ctx context.Context, in *I) (*body[O], error) {
		out, err := fn(ctx, in)
		if errors.Is(err, ErrBadValue) {
			return nil, badParameter("", err.Error(), "")
		}
		if err != nil {
			return nil, o.s.asProblem(err, "")
		}
		return &body[O]{out}, nil
	})
}

// onlyOperators lets a call with a good token through, before its body is read.
func (s *Server) onlyOperators(ctx huma.Context, next func(huma.Context)) {
	text, ok := strings.CutPrefix(ctx.Header("Authorization"), bearer)
	if !ok || !s.operators.tokens.good(text) {
		p := unauthorised("this needs an operator's token")
		ctx.SetHeader("WWW-Authenticate", "Bearer")
		ctx.SetHeader("Content-Type", problemType)
		ctx.SetStatus(p.Status)
		_ = json.NewEncoder(ctx.BodyWriter()).Encode(p) // the client has gone if this fails
		return
	}
	next(ctx)
}

// mayOperate says whether a key may sign in by a request's host.
func (s *Server) mayOperate(r *http.Request, text string) (intent.Key, error) {
	key, err := parseKey("key", text)
	switch {
	case err != nil:
		return key, err
	case s.operators.node == nil || !slices.Contains(s.operators.keys, key):
		return key, forbidden("this key is no operator's", "Add it to admin.operators and start the node again.")
	case !s.operators.ownDomain(r.Host):
		return key, forbidden("operators do not sign in at "+domainOf(r.Host), "Use localhost, or add the host to admin.domains and start the node again.")
	}
	return key, nil
}

func (s *Server) signIn(ctx context.Context, in *SignIn) (*SignedIn, error) {
	r := requestOf(ctx)
	if _, err := s.mayOperate(r, in.Key.String()); err != nil {
		return nil, err
	}
	err := s.signIns.Redeem(r.Host, s.net.Name, in.Key, in.Text, in.Sig)
	switch {
	case errors.Is(err, ErrSignInBusy):
		return nil, limited(signInLife)
	case err != nil:
		return nil, unauthorised(err.Error())
	}
	token, until := s.operators.tokens.grant()
	s.log.Info("an operator signed in", "key", in.Key)
	return &SignedIn{token, until.Unix()}, nil
}
