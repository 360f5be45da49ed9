package pinning

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/ipfs/boxo/pinning/remote/client/openapi"
	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"
)

// Bounds of what a service may say.
const (
	maxAnswer    = 1 << 20 // bytes; a list of ten pins is a few KB
	maxRequestID = 255     // bytes; it is kept on disk and goes into a path
	maxProblem   = 200     // bytes of a service's words
	maxDelegates = 8       // peers to dial
	maxOrigins   = 20      // the protocol's
)

// A Service is a remote one.
type Service struct {
	URL   string // without /pins: https://api.pinata.cloud/psa
	Token string // the secret; never shown
}

// Host names the service: URLs may hold secrets in their path.
func (s Service) Host() string {
	u, err := url.Parse(s.URL)
	if err != nil {
		return ""
	}
	return u.Host
}

// Validate says what is wrong with it, without a word of the token.
func (s Service) Validate() error {
	u, err := url.Parse(s.URL)
	switch {
	case err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http"):
		return errors.New("the address of a pinning service is not an https URL such as https://api.pinata.cloud/psa")
	case u.Scheme == "http" && u.Hostname() != "localhost" && u.Hostname() != "127.0.0.1" && u.Hostname() != "::1":
		return fmt.Errorf("pinning service %s: http would show its token to everybody on the way; say https", u.Host)
	case u.RawQuery != "" || u.Fragment != "" || u.User != nil:
		return fmt.Errorf("pinning service %s: the address has more than scheme, host and path; leave the rest away, tokens are given apart", u.Host)
	case s.Token == "":
		return fmt.Errorf("pinning service %s: no token; give one to each service, in the order of the services", u.Host)
	case strings.IndexFunc(s.Token, func(r rune) bool { return r <= ' ' || r > '~' }) >= 0:
		return fmt.Errorf("pinning service %s: its token has a character that no token has; copy it anew, without quotes and line ends", u.Host)
	}
	return nil
}

// client speaks the protocol with one service.
type client struct {
	service Service
	name    string // of this node's pins
	pins    *openapi.PinsApiService
	now     func() time.Time
	close   func()
}

// newClient wires boxo's generated client, with bounds around it: it reads any length and follows redirects by itself.
func newClient(s Service, name string, inner http.RoundTripper, timeout time.Duration, now func() time.Time) *client {
	own := &http.Transport{Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: 1, ForceAttemptHTTP2: true}
	if inner == nil {
		inner = own
	}
	cfg := openapi.NewConfiguration()
	cfg.UserAgent = "paradox"
	cfg.Servers = openapi.ServerConfigurations{{URL: strings.TrimRight(s.URL, "/")}}
	cfg.AddDefaultHeader("Authorization", "Bearer "+s.Token)
	cfg.HTTPClient = &http.Client{Transport: bounded{inner}, Timeout: timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }} // the token stays with who it is for
	return &client{service: s, name: name, pins: openapi.NewAPIClient(cfg).PinsApi, now: now, close: own.CloseIdleConnections}
}

type bounded struct{ inner http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := b.inner.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	res.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(res.Body, maxAnswer), res.Body}
	return res, nil
}

// do takes one step with the service, and returns whom it wants to be dialled.
func (c *client) do(ctx context.Context, v verb, r row, origins []string) (answer, []peer.AddrInfo) {
	id, err := cid.Cast(r.CID)
	if err != nil {
		return answer{blame: wrong, problem: "the row on disk has no CID"}, nil
	}
	switch v {
	case find:
		return c.find(ctx, id)
	case add:
		pin := openapi.Pin{Cid: id.String()}
		pin.SetName(c.name)
		if len(origins) > 0 {
			pin.SetOrigins(origins[:min(len(origins), maxOrigins)])
		}
		got, res, err := c.pins.PinsPost(ctx).Pin(pin).Execute() //nolint:bodyclose // boxo reads and closes it
		return c.read(id, got, res, err)
	case look:
		got, res, err := c.pins.PinsRequestidGet(ctx, r.Request).Execute() //nolint:bodyclose // boxo reads and closes it
		return c.read(id, got, res, err)
	default:
		res, err := c.pins.PinsRequestidDelete(ctx, r.Request).Execute() //nolint:bodyclose // boxo reads and closes it
		a := c.judge(res, err)
		if a.blame == gone {
			return answer{}, nil // nothing is left to remove
		}
		return a, nil
	}
}

// find looks for a request of this node for id. What others pinned there counts once it stands.
func (c *client) find(ctx context.Context, id cid.Cid) (answer, []peer.AddrInfo) {
	all := []openapi.Status{openapi.QUEUED, openapi.PINNING, openapi.PINNED, openapi.FAILED}
	got, res, err := c.pins.PinsGet(ctx).Cid([]string{id.String()}).Status(all).Limit(10).Execute() //nolint:bodyclose // boxo reads and closes it
	a := c.judge(res, err)
	if a.blame == gone { // no list at all: the address is wrong
		a.blame = down
	}
	if a.blame != fine {
		return a, nil
	}
	for _, p := range got.Results {
		if p.Pin.GetName() == c.name && same(id, p.Pin.Cid) {
			return c.read(id, p, res, nil)
		}
	}
	for _, p := range got.Results {
		if p.Status == openapi.PINNED && same(id, p.Pin.Cid) {
			return answer{stage: pinned}, nil
		}
	}
	return answer{}, nil
}

// read takes the state of one request.
func (c *client) read(id cid.Cid, p openapi.PinStatus, res *http.Response, err error) (answer, []peer.AddrInfo) {
	a := c.judge(res, err)
	if a.blame != fine {
		return a, nil
	}
	a.stage = map[openapi.Status]stage{openapi.QUEUED: taken, openapi.PINNING: taken, openapi.PINNED: pinned, openapi.FAILED: failed}[p.Status]
	if a.stage == 0 || !goodRequest(p.Requestid) {
		return answer{blame: down, problem: "it answers without a status or a request id"}, nil
	}
	if !same(id, p.Pin.Cid) {
		return answer{blame: down, problem: "it answers about another CID than it was asked for"}, nil
	}
	a.request = p.Requestid
	if a.stage != taken {
		return a, nil
	}
	return a, delegates(p.Delegates)
}

func same(id cid.Cid, text string) bool {
	other, err := cid.Decode(text)
	return err == nil && other.Equals(id)
}

// goodRequest refuses ids that would lead a path astray.
func goodRequest(s string) bool {
	return s != "" && len(s) <= maxRequestID && s != "." && s != ".." && strings.IndexFunc(s, unicode.IsControl) < 0
}

// delegates are the peers that wait for the blocks; what is no address is left out.
func delegates(list []string) []peer.AddrInfo {
	var all []multiaddr.Multiaddr
	for _, text := range list[:min(len(list), 2*maxDelegates)] {
		if a, err := multiaddr.NewMultiaddr(text); err == nil {
			if _, err := peer.AddrInfoFromP2pAddr(a); err == nil {
				all = append(all, a)
			}
		}
	}
	infos, err := peer.AddrInfosFromP2pAddrs(all...)
	if err != nil {
		return nil // each was read by itself
	}
	return infos[:min(len(infos), maxDelegates)]
}

// judge says whose fault an answer is.
func (c *client) judge(res *http.Response, err error) answer {
	if err == nil {
		return answer{}
	}
	if res == nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // without the address
		}
		return answer{blame: down, problem: c.words("it does not answer: " + err.Error())}
	}
	// the code is said in our words: what the service writes beside it may be anything, or nothing
	status := strings.TrimSpace(fmt.Sprintf("%d %s", res.StatusCode, http.StatusText(res.StatusCode)))
	a := answer{problem: c.words(status + why(err)), wait: c.patience(res.Header.Get("Retry-After"))}
	switch code := res.StatusCode; {
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		a.blame = refused
	case code == http.StatusTooManyRequests:
		a.blame = busy
	case code == http.StatusNotFound:
		a.blame = gone
	case code >= 400 && code < 500 && code != http.StatusRequestTimeout:
		a.blame = wrong
	case code < 300:
		a.blame, a.problem = down, c.words("its answer is not of the protocol: "+err.Error())
	default:
		a.blame = down
	}
	return a
}

// why is the reason in a failure of the protocol.
func why(err error) string {
	var g openapi.GenericOpenAPIError
	if !errors.As(err, &g) {
		return ""
	}
	f, ok := g.Model().(openapi.Failure)
	if !ok {
		return ""
	}
	return ": " + f.Error.Reason + " " + f.Error.GetDetails()
}

// words makes what others say fit for a log: short, printable, and without the token, should a service repeat it.
func (c *client) words(s string) string {
	s = strings.ReplaceAll(s, c.service.Token, "…")
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > maxProblem {
		s = strings.ToValidUTF8(s[:maxProblem], "") + "…"
	}
	return s
}

// patience reads Retry-After: seconds, or a date.
func (c *client) patience(text string) time.Duration {
	if n, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	if t, err := http.ParseTime(text); err == nil {
		return max(0, t.Sub(c.now()))
	}
	return 0
}
