package akash

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"encoding/json"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/retrypolicy"
)

// Habits of the client.
const (
	// DefaultAPI is Akash's own Console API.
	DefaultAPI = "https://console-api.akash.network"

	defaultTimeout = 90 * time.Second // of one request: the API waits for a block, sometimes for two
	defaultPause   = time.Second
	maxPause       = 15 * time.Second
	maxRetries     = 4
	minPatience    = time.Second // after a 429 without a Retry-After
	maxPatience    = time.Minute // the longest Retry-After that is kept to
	maxAnswer      = 4 << 20     // bytes; a page of 100 deployments is some 300 kB
	maxMessage     = 300         // of what the API says went wrong, shown to a person
	pageSize       = 100
	maxPages       = 50 // 5,000 deployments in one account: this is for one node
)

// What callers branch on.
var (
	ErrUnreachable = errors.New("Akash's Console API does not answer") //nolint:staticcheck // a name begins it
	ErrKey         = errors.New("Akash's Console API refuses the key") //nolint:staticcheck // a name begins it
	ErrFunds       = errors.New("the Console account cannot pay for this")
	ErrGone        = errors.New("the Console account has no such deployment")
	ErrAnswer      = errors.New("Akash's Console API answers what makes no sense") //nolint:staticcheck // a name begins it
	// ErrLost: the request may have been acted on, and the answer is lost.
	ErrLost = errors.New("the answer is lost")
)

// A Refusal is an answer that says no.
type Refusal struct {
	Status  int
	Code    string // the API's own, if it has one
	Message string

	patience time.Duration // that it asked for; 0: none
}

func (r *Refusal) Error() string {
	text := fmt.Sprintf("Akash's Console API says no (%d): %s", r.Status, r.Message)
	switch {
	case r.Is(ErrKey):
		text += "; look at the key that akash.key, akash.key_file or PARADOX_AKASH_KEY names"
	case r.Is(ErrFunds):
		text += "; add credits at https://console.akash.network"
	case r.Status == http.StatusTooManyRequests:
		text += "; wait a minute"
	}
	return text
}

// Is tells what kind of refusal it is.
func (r *Refusal) Is(target error) bool {
	switch target {
	case ErrKey:
		return r.Status == http.StatusUnauthorized || r.Status == http.StatusForbidden
	case ErrFunds:
		said := strings.ToLower(r.Message)
		return r.Status == http.StatusPaymentRequired ||
			r.Status == http.StatusBadRequest && (strings.Contains(said, "insufficient") || strings.Contains(said, "deposit too low"))
	case ErrGone:
		return r.Status == http.StatusNotFound
	case ErrUnreachable:
		return r.passes()
	}
	return false
}

// passes says whether it is worth another try.
func (r *Refusal) passes() bool {
	return r.Status == http.StatusTooManyRequests || r.Status >= 500 && r.Status != http.StatusNotImplemented
}

// ConsoleConfig says which API, and by whose key.
type ConsoleConfig struct {
	API     string        // DefaultAPI unless said otherwise
	Key     string        // never shown
	Timeout time.Duration // of one request
	Pause   time.Duration // before the first repetition; it doubles
}

// A Console talks to Akash's Console API, whose wallet pays: https://akash.network/docs/api-documentation/console-api.
type Console struct {
	base   string
	key    string
	client *http.Client
	pause  time.Duration
}

// NewConsole checks the configuration; it asks nothing yet.
func NewConsole(c ConsoleConfig) (*Console, error) {
	if c.API == "" {
		c.API = DefaultAPI
	}
	u, err := url.Parse(c.API)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Scheme != "https" && (u.Scheme != "http" || !local(u.Hostname())) {
		return nil, errors.New("akash.api: is no address that a key can be sent to; say for instance " + DefaultAPI)
	}
	if c.Key == "" || strings.ContainsFunc(c.Key, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, errors.New("akash.key: is empty or holds what no key does; make one at https://console.akash.network under Settings, API Keys")
	}
	if c.Timeout <= 0 {
		c.Timeout = defaultTimeout
	}
	if c.Pause <= 0 {
		c.Pause = defaultPause
	}
	return &Console{base: strings.TrimSuffix(c.API, "/"), key: c.Key, pause: c.Pause, client: &http.Client{
		Timeout: c.Timeout,
		// A redirect would carry the key to somebody else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, IdleConnTimeout: time.Minute},
	}}, nil
}

// Close lets go of connections.
func (c *Console) Close() { c.client.CloseIdleConnections() }

// local says whether a host is this machine, which a key may be sent to in the clear.
func local(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// A request to the API. Repeating one that is not idempotent could spend twice.
type request struct {
	method, path string
	body         any
	idempotent   bool
	open         bool // needs no key
}

// ask sends a request, repeats it as far as that is safe, and gives what was answered.
func (c *Console) ask(ctx context.Context, r request) ([]byte, error) {
	var body []byte
	if r.body != nil {
		var err error
		if body, err = json.Marshal(r.body); err != nil {
			return nil, fmt.Errorf("encoding the request: %w", err)
		}
	}
	policy := retrypolicy.NewBuilder[[]byte]().
		HandleIf(func(_ []byte, err error) bool { return again(err, r.idempotent) }).
		AbortIf(func([]byte, error) bool { return ctx.Err() != nil }).
		WithMaxRetries(maxRetries).WithBackoff(c.pause, max(maxPause, 2*c.pause)).WithJitterFactor(0.2).
		WithDelayFunc(func(e failsafe.ExecutionAttempt[[]byte]) time.Duration { return patience(e.LastError()) }).
		ReturnLastFailure().Build()
	out, err := failsafe.With(policy).WithContext(ctx).Get(func() ([]byte, error) { return c.once(ctx, r, body) })
	if err != nil && ctx.Err() != nil {
		err = errors.Join(ctx.Err(), err)
	}
	return out, err
}

// again says whether a failed request may be sent once more.
func again(err error, idempotent bool) bool {
	if no, ok := errors.AsType[*Refusal](err); ok {
		return no.Status == http.StatusTooManyRequests || idempotent && no.passes()
	}
	if dial, ok := errors.AsType[*net.OpError](err); ok && dial.Op == "dial" {
		return true // it was not sent
	}
	return idempotent && errors.Is(err, ErrUnreachable)
}

// patience is what the API asked for; -1: nothing.
func patience(err error) time.Duration {
	if no, ok := errors.AsType[*Refusal](err); ok && no.patience > 0 {
		return no.patience
	}
	return -1
}

// once sends a request one time.
func (c *Console) once(ctx context.Context, r request, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, r.method, c.base+r.path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("making the request: %w", err)
	}
	if !r.open {
		req.Header.Set("x-api-key", c.key)
	}
	req.Header.Set("Accept", "application/json")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	defer resp.Body.Close()
	out, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case resp.StatusCode < 200 || resp.StatusCode > 299: // what it says, it may say incompletely
		return nil, refusal(resp, out)
	case err != nil:
		return nil, fmt.Errorf("%w: reading the answer: %w", ErrUnreachable, err)
	case len(out) > maxAnswer:
		return nil, fmt.Errorf("%w: more than %d bytes", ErrAnswer, maxAnswer)
	}
	return out, nil
}

func refusal(resp *http.Response, body []byte) *Refusal {
	no := &Refusal{Status: resp.StatusCode}
	no.Code, no.Message = parseError(body)
	if no.Message == "" {
		no.Message = http.StatusText(resp.StatusCode)
	}
	if resp.StatusCode == http.StatusTooManyRequests || resp.Header.Get("Retry-After") != "" {
		no.patience = retryAfter(resp.Header.Get("Retry-After"), time.Now())
	}
	return no
}

// retryAfter reads the header: seconds, or a date.
func retryAfter(text string, now time.Time) time.Duration {
	d := minPatience
	if n, err := strconv.ParseUint(text, 10, 32); err == nil {
		d = time.Duration(n) * time.Second
	} else if t, err := http.ParseTime(text); err == nil {
		d = t.Sub(now)
	}
	return min(max(d, minPatience), maxPatience)
}

// Create makes a deployment of an SDL; the API's wallet signs and pays the deposit. An answer that is lost is ErrLost: there may
// be a deployment now.
func (c *Console) Create(ctx context.Context, sdl string, deposit float64) (*Created, error) {
	out, err := c.ask(ctx, request{method: http.MethodPost, path: "/v1/deployments", body: map[string]any{"data": map[string]any{"sdl": sdl, "deposit": deposit}}})
	if err == nil {
		var made *Created
		if made, err = parseCreated(out); err == nil {
			return made, nil
		}
	}
	no, refused := errors.AsType[*Refusal](err)
	dial, unsent := errors.AsType[*net.OpError](err)
	if refused && (no.Status < 500 || no.Status == http.StatusNotImplemented) || unsent && dial.Op == "dial" {
		return nil, err
	}
	return nil, fmt.Errorf("%w: %w", ErrLost, err)
}

// Deployments are the account's, closed ones too.
func (c *Console) Deployments(ctx context.Context) ([]Lot, error) {
	var all []Lot
	for page := range maxPages {
		out, err := c.ask(ctx, request{method: http.MethodGet, path: fmt.Sprintf("/v1/deployments?skip=%d&limit=%d", page*pageSize, pageSize), idempotent: true})
		if err != nil {
			return nil, err
		}
		lots, more, err := parseLots(out)
		if err != nil {
			return nil, err
		}
		if all = append(all, lots...); !more || len(lots) == 0 {
			return all, nil
		}
	}
	return nil, fmt.Errorf("%w: more than %d deployments in one account", ErrAnswer, maxPages*pageSize)
}

// Deployment is one of the account's, with what the provider says of its lease.
func (c *Console) Deployment(ctx context.Context, dseq string) (*Lot, error) {
	return c.lot(ctx, dseq, request{method: http.MethodGet, path: "/v1/deployments/" + url.PathEscape(dseq), idempotent: true})
}

// Bids are the providers' for a deployment.
func (c *Console) Bids(ctx context.Context, dseq string) ([]Bid, error) {
	out, err := c.ask(ctx, request{method: http.MethodGet, path: "/v1/bids?dseq=" + url.QueryEscape(dseq), idempotent: true})
	if err != nil {
		return nil, err
	}
	return parseBids(out, dseq)
}

// Lease accepts a bid and hands the manifest to the provider. It is idempotent: where there is a lease, only the manifest is sent.
func (c *Console) Lease(ctx context.Context, manifest string, of LeaseID) (*Lot, error) {
	return c.lot(ctx, of.DSeq, request{method: http.MethodPost, path: "/v1/leases", idempotent: true, body: map[string]any{
		"manifest": manifest, "leases": []any{map[string]any{"dseq": of.DSeq, "gseq": of.GSeq, "oseq": of.OSeq, "provider": of.Provider}},
	}})
}

// Update gives a deployment another SDL of the same resources: the provider starts the container anew, on its volume.
func (c *Console) Update(ctx context.Context, dseq, sdl string) (*Lot, error) {
	return c.lot(ctx, dseq, request{method: http.MethodPut, path: "/v1/deployments/" + url.PathEscape(dseq), idempotent: true,
		body: map[string]any{"data": map[string]any{"sdl": sdl}}})
}

// Remove closes a deployment and its lease. The volume is lost with them.
func (c *Console) Remove(ctx context.Context, dseq string) error {
	out, err := c.ask(ctx, request{method: http.MethodDelete, path: "/v1/deployments/" + url.PathEscape(dseq), idempotent: true})
	if err != nil {
		return err
	}
	return parseRemoved(out)
}

func (c *Console) lot(ctx context.Context, dseq string, r request) (*Lot, error) {
	out, err := c.ask(ctx, r)
	if err != nil {
		return nil, err
	}
	return parseLot(out, dseq)
}

// hostOf is where a provider answers: the chain's word for it.
func (c *Console) hostOf(ctx context.Context, provider string) (*url.URL, error) {
	out, err := c.ask(ctx, request{method: http.MethodGet, path: "/v1/providers/" + url.PathEscape(provider), idempotent: true, open: true})
	if err != nil {
		return nil, err
	}
	return parseProvider(out)
}

// token lets its bearer read one lease's logs at its provider, for a while.
func (c *Console) token(ctx context.Context, of LeaseID, life time.Duration) (string, error) {
	out, err := c.ask(ctx, request{method: http.MethodPost, path: "/v1/create-jwt-token", idempotent: true, body: map[string]any{"data": map[string]any{
		"ttl": int(life / time.Second), "leases": map[string]any{"access": "granular", "permissions": []any{map[string]any{
			"provider": of.Provider, "access": "scoped", "scope": []string{"logs"},
		}}},
	}}})
	if err != nil {
		return "", err
	}
	return parseToken(out)
}
