// Package client speaks a node's HTTP API.
//
// It holds no keys, retries nothing and believes nothing: what a node says of an intent is proven by the proof it serves,
// not by this package.
package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/phantom-paradox/paradox/intent"
)

// ErrUnreachable says that no answer came; ErrUnknown that the node never saw what it was asked for.
var (
	ErrUnreachable = errors.New("the node does not answer")
	ErrUnknown     = errors.New("the node does not know it")
)

// maxAnswer bounds what is read of an answer: the largest is a list of 200 rounds.
const maxAnswer = 16 << 20

// answerWait is how long a node may take to answer unless Within says otherwise. One that is stopped keeps its sockets open and
// never answers.
const answerWait = 10 * time.Second

// A Client speaks to one node.
type Client struct {
	base string
	http *http.Client
	wait time.Duration // for a whole answer; what has no end, events and batches, is bounded by its caller
}

// New makes a client of a node's address: a URL, or host:port.
func New(address string) (*Client, error) {
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, fmt.Errorf("client: %q is no address of a node; say for instance http://127.0.0.1:8080", address)
	}
	return &Client{base: strings.TrimRight(u.String(), "/"), http: &http.Client{Transport: transport()}, wait: answerWait}, nil
}

// Within is the same client with another bound on how long an answer may take.
func (c *Client) Within(wait time.Duration) *Client {
	other := *c
	other.wait = wait
	return &other
}

// transport keeps as many idle connections to the one node as a launcher asks in parallel.
func transport() *http.Transport {
	return &http.Transport{MaxIdleConns: 32, MaxIdleConnsPerHost: 32, IdleConnTimeout: time.Minute}
}

// Close gives back idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Address is where the node is.
func (c *Client) Address() string { return c.base }

func (p *Problem) Error() string {
	s := p.Title
	if p.Detail != "" {
		s = p.Detail
	}
	if s == "" {
		s = http.StatusText(p.StatusCode)
	}
	if p.Field != "" {
		s = p.Field + ": " + s
	}
	if p.Remedy != "" {
		s += "; " + p.Remedy
	}
	return fmt.Sprintf("%d: %s", p.StatusCode, s)
}

// Submit hands in a list as dag-cbor and gives the results in its order.
func (c *Client) Submit(ctx context.Context, list []*intent.Signed) ([]Result, error) {
	return c.submit(ctx, "application/cbor", intent.EncodeList(list), len(list))
}

// SubmitJSON is Submit in the form that wallets in browsers use: each intent as its JSON.
func (c *Client) SubmitJSON(ctx context.Context, intents []json.RawMessage) ([]Result, error) {
	body, err := json.Marshal(map[string]any{"intents": intents})
	if err != nil {
		return nil, fmt.Errorf("client: encoding intents: %w", err)
	}
	return c.submit(ctx, "application/json", body, len(intents))
}

func (c *Client) submit(ctx context.Context, kind string, body []byte, n int) ([]Result, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+"/api/intents", bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	req.Header.Set("Content-Type", kind)
	status, b, header, err := c.do(req)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Results []Result `json:"results"`
	}
	if json.Unmarshal(b, &answer) == nil && answer.Results != nil && len(answer.Results) == n {
		return answer.Results, nil
	}
	return nil, problem(status, b, header)
}

// Intent says what became of an intent: ErrUnknown where this node never saw it.
func (c *Client) Intent(ctx context.Context, id intent.ID) (*IntentStatus, error) {
	return get[IntentStatus](ctx, c, "/api/intents/"+id.String())
}

// Status is the node at a glance.
func (c *Client) Status(ctx context.Context) (*Status, error) {
	return get[Status](ctx, c, "/api/status")
}

// Peers are all connected peers, and what became of bootstrap addresses.
func (c *Client) Peers(ctx context.Context) (*Peers, error) {
	var all *Peers
	after := ""
	for {
		p, err := get[Peers](ctx, c, "/api/peers?limit=200&after="+url.QueryEscape(after))
		if err != nil {
			return nil, err
		}
		if all == nil {
			all = p
		} else {
			all.Peers = append(all.Peers, p.Peers...)
		}
		if p.Next == "" || p.Next <= after { // a node that leads in circles is not followed
			return all, nil
		}
		after = p.Next
	}
}

// Network is the network, its members and the changes that wait.
func (c *Client) Network(ctx context.Context) (*Network, error) {
	return get[Network](ctx, c, "/api/network")
}

// Evidence is what the node keeps of members that contradicted themselves.
func (c *Client) Evidence(ctx context.Context) ([]Evidence, error) {
	list, err := get[struct {
		Evidence []Evidence `json:"evidence"`
	}](ctx, c, "/api/evidence")
	if err != nil {
		return nil, err
	}
	return list.Evidence, nil
}

// Approve hands in an operator's signed approval and gives the changes that wait.
func (c *Client) Approve(ctx context.Context, approval []byte) ([]Change, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+"/api/members/approvals", bytes.NewReader(approval))
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	req.Header.Set("Content-Type", "application/cbor")
	status, b, header, err := c.do(req)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Changes []Change `json:"changes"`
	}
	if status != http.StatusAccepted || json.Unmarshal(b, &answer) != nil {
		return nil, problem(status, b, header)
	}
	return answer.Changes, nil
}

// Round is a height: ErrUnknown where the node has not decided it.
func (c *Client) Round(ctx context.Context, height uint64) (*Round, error) {
	return get[Round](ctx, c, "/api/rounds/"+strconv.FormatUint(height, 10))
}

// Wallet is what the node knows of a wallet.
func (c *Client) Wallet(ctx context.Context, key intent.Key) (*Wallet, error) {
	return get[Wallet](ctx, c, "/api/wallets/"+key.String())
}

// Nonce is what a wallet's signing key may use next.
func (c *Client) Nonce(ctx context.Context, wallet, signer intent.Key) (*Nonce, error) {
	q := url.Values{"wallet": {wallet.String()}}
	if signer != wallet {
		q.Set("signer", signer.String())
	}
	return get[Nonce](ctx, c, "/api/user/nonce?"+q.Encode())
}

// Batch fetches a batch: as the node's JSON, or with car as a CAR file, which the caller closes.
func (c *Client) Batch(ctx context.Context, cid string, car bool) (io.ReadCloser, error) {
	path := "/api/batches/" + url.PathEscape(cid)
	if car {
		path += "?format=car"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+path, nil)
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("client: %w: %w", ErrUnreachable, err)
	}
	if resp.StatusCode == http.StatusOK {
		return resp.Body, nil
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("client: reading an answer: %w", err)
	}
	return nil, problem(resp.StatusCode, b, resp.Header)
}

// Health is the node's own opinion; a node that is unhealthy still answers.
func (c *Client) Health(ctx context.Context) (*Health, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+"/health", nil)
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	status, b, header, err := c.do(req)
	if err != nil {
		return nil, err
	}
	h := new(Health)
	if json.Unmarshal(b, h) != nil || h.Status == "" {
		return nil, problem(status, b, header)
	}
	return h, nil
}

// Ready asks whether the node takes intents now.
func (c *Client) Ready(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+"/readyz", nil)
	if err != nil {
		return fmt.Errorf("client: %w", err)
	}
	status, b, header, err := c.do(req)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return problem(status, b, header)
	}
	return nil
}

// Events calls take with each server-sent event until ctx ends, the node hangs up, or take says false.
func (c *Client) Events(ctx context.Context, take func(name string, data []byte) bool) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+"/api/events", nil)
	if err != nil {
		return fmt.Errorf("client: %w", err)
	}
	req.Header.Set("Accept", "text/event-stream")
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("client: %w: %w", ErrUnreachable, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return problem(resp.StatusCode, nil, resp.Header)
	}
	return readEvents(resp.Body, take)
}

// maxEvent is the longest line of an event stream: an event names a height, not its intents.
const maxEvent = 1 << 20

func readEvents(r io.Reader, take func(name string, data []byte) bool) error {
	sc := bufio.NewScanner(r)
	sc.Buffer(make([]byte, 4<<10), maxEvent)
	name, data := "message", []byte(nil)
	for sc.Scan() {
		line := sc.Text()
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "":
			if data != nil && !take(name, data) {
				return nil
			}
			name, data = "message", nil
		case field == "event":
			name = value
		case field == "data":
			if data != nil {
				data = append(data, '\n')
			}
			data = append(data, value...)
			if data == nil {
				data = []byte{}
			}
		}
	}
	return sc.Err()
}

func get[T any](ctx context.Context, c *Client, path string) (*T, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+path, nil)
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	status, b, header, err := c.do(req)
	if err != nil {
		return nil, err
	}
	if status != http.StatusOK {
		return nil, problem(status, b, header)
	}
	v := new(T)
	if err := json.Unmarshal(b, v); err != nil {
		return nil, fmt.Errorf("client: %s answered what is not its shape: %w", path, err)
	}
	return v, nil
}

func (c *Client) do(req *http.Request) (int, []byte, http.Header, error) {
	ctx, cancel := context.WithTimeout(req.Context(), c.wait)
	defer cancel()
	resp, err := c.http.Do(req.WithContext(ctx))
	if err != nil {
		return 0, nil, nil, fmt.Errorf("client: %w: %w", ErrUnreachable, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return 0, nil, nil, fmt.Errorf("client: %w: reading an answer: %w", ErrUnreachable, err)
	}
	return resp.StatusCode, b, resp.Header, nil
}

func problem(status int, b []byte, h http.Header) error {
	p := &Problem{}
	if json.Unmarshal(b, p) != nil {
		p.Detail = strings.TrimSpace(string(b[:min(len(b), 200)]))
	}
	p.StatusCode = status
	p.RetryAfter, _ = strconv.Atoi(h.Get("Retry-After"))
	if status == http.StatusNotFound {
		return fmt.Errorf("client: %w: %w", ErrUnknown, p)
	}
	return fmt.Errorf("client: %w", p)
}
