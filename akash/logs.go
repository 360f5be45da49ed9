package akash

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/gorilla/websocket"
)

// Bounds of a stream of logs.
const (
	tokenLife    = time.Hour // a stream ends with it
	logHandshake = 20 * time.Second
	maxLogFrame  = 1 << 20 // bytes; a line is one frame
)

// ErrStream: the provider ended the stream of logs, or never began it.
var ErrStream = errors.New("the provider does not give the logs")

// A LogOptions says what of the logs is wanted.
type LogOptions struct {
	Follow bool
	Tail   int // lines of the past
}

// Logs gives the lines of a lease's containers to each, until they end, each errs, or ctx ends. The Console API has no logs: the
// provider streams them to who bears a token that the API signs.
//
// Providers sign their certificates themselves, and the chain's record of them cannot be read here, so the connection is
// encrypted and not authenticated: whoever stands in between can read the logs, and with the token go on reading this account's
// logs at that provider for an hour. The token is for nothing else.
func (c *Console) Logs(ctx context.Context, of LeaseID, o LogOptions, each func(service, line string) error) error {
	host, err := c.hostOf(ctx, of.Provider)
	if err != nil {
		return err
	}
	token, err := c.token(ctx, of, tokenLife)
	if err != nil {
		return err
	}
	conn, err := dialLogs(ctx, host, of, o, token)
	if err != nil {
		return err
	}
	conn.SetReadLimit(maxLogFrame)
	done := make(chan struct{})
	stop := context.AfterFunc(ctx, func() { conn.Close(); close(done) })
	defer func() {
		if !stop() {
			<-done
		}
		conn.Close()
	}()
	for {
		_, frame, err := conn.ReadMessage()
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case websocket.IsCloseError(err, websocket.CloseNormalClosure, websocket.CloseGoingAway), errors.Is(err, io.EOF) && !o.Follow:
			return nil
		case err != nil:
			return fmt.Errorf("%w any more: %s; run it again", ErrStream, printable(err.Error()))
		}
		service, lines := parseLog(frame)
		for _, line := range lines {
			if err := each(service, line); err != nil {
				return err
			}
		}
	}
}

func dialLogs(ctx context.Context, host *url.URL, of LeaseID, o LogOptions, token string) (*websocket.Conn, error) {
	u := url.URL{Scheme: "wss", Host: host.Host, Path: fmt.Sprintf("/lease/%s/%d/%d/logs", of.DSeq, of.GSeq, of.OSeq), RawQuery: url.Values{
		"follow": {strconv.FormatBool(o.Follow)}, "tail": {strconv.Itoa(o.Tail)},
	}.Encode()}
	d := websocket.Dialer{
		Proxy: http.ProxyFromEnvironment, HandshakeTimeout: logHandshake,
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, // Logs says why, and what that gives away
	}
	conn, resp, err := d.DialContext(ctx, u.String(), http.Header{"Authorization": {"Bearer " + token}}) //nolint:bodyclose // the dialer has read what there is
	if err == nil {
		return conn, nil
	}
	if resp != nil {
		return nil, fmt.Errorf("%w: %s says %d %s; is the node started? `paradox akash status`", ErrStream, host.Host, resp.StatusCode, http.StatusText(resp.StatusCode))
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return nil, fmt.Errorf("%w: %s", ErrStream, printable(err.Error()))
}

// parseLog reads one frame: an object with name and message, as providers write it, or bare text.
func parseLog(frame []byte) (service string, lines []string) {
	var m struct {
		Name    string  `json:"name"`
		Message *string `json:"message"`
	}
	text := string(frame)
	if json.Unmarshal(frame, &m) == nil && m.Message != nil {
		service, text = printable(m.Name), *m.Message
	}
	for line := range strings.SplitSeq(strings.TrimRight(text, "\r\n"), "\n") {
		lines = append(lines, harmless(line))
	}
	return service, lines
}

// harmless is a line that a terminal shows and does not obey, at its whole length.
func harmless(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\t' && (unicode.IsControl(r) || unicode.In(r, unicode.Cf)) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}
