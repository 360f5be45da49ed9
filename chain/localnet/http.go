package localnet

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/gorilla/websocket"
)

// Bounds of a request: a batch of the largest calls that the clients of this repository make.
const (
	maxBody  = 1 << 20
	maxBatch = 256
)

// A rpcRequest is a JSON-RPC 2.0 request; the id is echoed as it came.
type rpcRequest struct {
	ID     json.RawMessage   `json:"id"`
	Method string            `json:"method"`
	Params []json.RawMessage `json:"params"`
}

type rpcResponse struct {
	Version string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Result  any             `json:"result,omitempty"`
	Error   *rpcError       `json:"error,omitempty"`
}

// null is a result that is null, which omitempty must not drop.
type null struct{}

func (null) MarshalJSON() ([]byte, error) { return []byte("null"), nil }

type rpcError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Data    any    `json:"data,omitempty"`
}

func (e *rpcError) Error() string { return e.Message }

// JSON-RPC's and Solana's error codes.
const (
	codeParse        = -32700
	codeInvalid      = -32600
	codeNoMethod     = -32601
	codeParams       = -32602
	codeInternal     = -32603
	codePreflight    = -32002
	codeSignature    = -32003
	codeNotAvailable = -32004
	codeMinContext   = -32016
)

func (s *Server) handler(ctx context.Context) http.Handler {
	up := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if websocket.IsWebSocketUpgrade(r) {
			conn, err := up.Upgrade(w, r, nil)
			if err == nil {
				s.serveSocket(ctx, conn)
			}
			return
		}
		if r.Method != http.MethodPost {
			_, _ = io.WriteString(w, "ok")
			return
		}
		if s.fault(w, r) {
			return
		}
		s.serveCall(w, r)
	})
}

// fault makes a request fail if that was asked for, and says whether it did.
func (s *Server) fault(w http.ResponseWriter, r *http.Request) bool {
	f := s.currentFaults()
	if f.Delay > 0 {
		t := time.NewTimer(f.Delay)
		defer t.Stop()
		select {
		case <-t.C:
		case <-r.Context().Done():
			return true
		}
	}
	if s.happens(f.Drop) {
		panic(http.ErrAbortHandler) // net/http closes the connection without an answer
	}
	if s.happens(f.Refuse429) {
		w.Header().Set("Retry-After", "1")
		http.Error(w, "Too Many Requests", http.StatusTooManyRequests)
		return true
	}
	return false
}

func (s *Server) serveCall(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, "request body too large", http.StatusRequestEntityTooLarge)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(s.answer(body))
}

// answer answers a request or a batch of requests.
func (s *Server) answer(body []byte) any {
	if b := bytes.TrimSpace(body); len(b) > 0 && b[0] == '[' {
		var qs []json.RawMessage
		if json.Unmarshal(b, &qs) != nil || len(qs) == 0 || len(qs) > maxBatch {
			return failed(nil, &rpcError{Code: codeInvalid, Message: "Invalid request"})
		}
		out := make([]*rpcResponse, len(qs))
		for i, q := range qs {
			out[i] = s.answerOne(q)
		}
		return out
	}
	return s.answerOne(body)
}

func (s *Server) answerOne(body []byte) *rpcResponse {
	var q rpcRequest
	if err := json.Unmarshal(body, &q); err != nil {
		return failed(nil, &rpcError{Code: codeParse, Message: "Parse error"})
	}
	return s.call(&q)
}

func (s *Server) call(q *rpcRequest) *rpcResponse {
	m, ok := methods()[q.Method]
	if !ok {
		return failed(q.ID, &rpcError{Code: codeNoMethod, Message: "Method not found"})
	}
	result, err := m(&query{s: s, book: s.book, params: q.Params, stale: s.currentFaults().Stale})
	if err != nil {
		return failed(q.ID, err)
	}
	if result == nil {
		result = null{}
	}
	return &rpcResponse{Version: "2.0", ID: idOf(q.ID), Result: result}
}

func failed(id json.RawMessage, err error) *rpcResponse {
	var e *rpcError
	if !errors.As(err, &e) {
		e = &rpcError{Code: codeInternal, Message: err.Error()}
	}
	return &rpcResponse{Version: "2.0", ID: idOf(id), Error: e}
}

func idOf(id json.RawMessage) json.RawMessage {
	if id == nil {
		return json.RawMessage("null")
	}
	return id
}
