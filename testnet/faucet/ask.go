package faucet

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/phantom-paradox/paradox/intent"
)

// ErrUnreachable says that no faucet answers.
var ErrUnreachable = errors.New("the faucet does not answer")

// maxAnswer bounds what is read of an answer: a gift has about 500 bytes.
const maxAnswer = 64 << 10

// tries is how often a request is sent whose answer was lost: it has an id, so that it gives once.
const tries = 3

// Ask asks a faucet for a gift. The error is a *Refusal where the faucet said no.
func Ask(ctx context.Context, url string, wallet intent.Key, request string) (*Gift, error) {
	body, err := json.Marshal(ask{wallet, request})
	if err != nil {
		return nil, fmt.Errorf("faucet: encoding a request: %w", err)
	}
	var last error
	for range tries {
		g, err := askOnce(ctx, url, body)
		if err == nil || !errors.Is(err, ErrUnreachable) || ctx.Err() != nil {
			return g, err
		}
		last = err
	}
	return nil, last
}

func askOnce(ctx context.Context, url string, body []byte) (*Gift, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	return parseAnswer(resp.StatusCode, resp.Header.Get("Retry-After"), b)
}

// parseAnswer reads what a faucet, or whatever else listens there, says.
func parseAnswer(status int, retry string, b []byte) (*Gift, error) {
	if status != http.StatusOK {
		no := Refusal{Status: status}
		var p struct{ Code, Detail string }
		if json.Unmarshal(b, &p) == nil && p.Detail != "" {
			no.Code, no.Detail = p.Code, p.Detail
		} else {
			no.Code, no.Detail = "unknown", fmt.Sprintf("it answers %d %s, and is perhaps no faucet", status, http.StatusText(status))
		}
		if n, err := strconv.ParseUint(retry, 10, 31); err == nil {
			no.RetryAfter = time.Duration(n) * time.Second
		}
		return nil, &no
	}
	g := new(Gift)
	if err := json.Unmarshal(b, g); err != nil || g.Wallet == (intent.Key{}) {
		return nil, &Refusal{Status: status, Code: "unknown", Detail: "what it answers is no gift: it is perhaps no faucet"}
	}
	return g, nil
}
