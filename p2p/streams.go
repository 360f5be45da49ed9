package p2p

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
)

// A Protocol is a request and its response on one stream, with bounds. The zero value of a bound means its default.
type Protocol struct {
	Name        string        // "sync/1": the stream is Prefix/sync/1
	MaxRequest  int           // bytes
	MaxResponse int           // bytes
	Timeout     time.Duration // of the whole exchange, on either side
	PerPeer     int           // requests of one peer answered at once; more are told to come back
}

const (
	defaultMaxRequest  = 64 << 10
	defaultMaxResponse = 1 << 20
	defaultTimeout     = 10 * time.Second
	defaultPerPeer     = 4   // enough to hide latency, too few to hold the node
	maxServing         = 128 // requests answered at once, of all peers and protocols: each may hold a response in memory
	maxErrorText       = 512 // bytes of what a refusal says
)

func (p Protocol) withDefaults() Protocol {
	if p.MaxRequest == 0 {
		p.MaxRequest = defaultMaxRequest
	}
	if p.MaxResponse == 0 {
		p.MaxResponse = defaultMaxResponse
	}
	if p.Timeout == 0 {
		p.Timeout = defaultTimeout
	}
	if p.PerPeer == 0 {
		p.PerPeer = defaultPerPeer
	}
	return p
}

// A Refusal is an error that a handler wants the peer to read. Of other errors the peer learns only that there was one.
type Refusal struct{ Text string }

func (r *Refusal) Error() string { return r.Text }

// ErrBusy means that the peer has too much to do for us now.
var ErrBusy = errors.New("the peer is busy")

// ErrRemote means that the peer failed to answer.
var ErrRemote = errors.New("the peer failed to answer")

const (
	statusOK byte = iota
	statusRefused
	statusFailed
	statusBusy
)

// A Handler answers one request; ctx ends with the protocol's timeout and with the host.
type Handler func(ctx context.Context, from peer.ID, request []byte) ([]byte, error)

func (h *Host) protocolID(name string) protocol.ID { return protocol.ID(h.cfg.Prefix + "/" + name) }

// Handle answers requests of the protocol from now on.
func (h *Host) Handle(p Protocol, fn Handler) {
	p = p.withDefaults()
	h.host.SetStreamHandler(h.protocolID(p.Name), func(s network.Stream) {
		if err := h.serve(s, p, fn); err != nil {
			h.log.Debug("a request failed", "protocol", p.Name, "peer", s.Conn().RemotePeer(), "error", err)
			_ = s.Reset() // the peer sees the end of the stream either way
			return
		}
		_ = s.Close()
	})
}

func (h *Host) serve(s network.Stream, p Protocol, fn Handler) error {
	from := s.Conn().RemotePeer()
	defer context.AfterFunc(h.ctx, func() { _ = s.Reset() })()
	if err := s.SetDeadline(now().Add(p.Timeout)); err != nil {
		return fmt.Errorf("set the deadline: %w", err)
	}
	leave, err := h.serving.enter(from, p)
	if errors.Is(err, ErrBusy) {
		return answer(s, statusBusy, nil, maxErrorText)
	}
	if err != nil {
		return err
	}
	defer leave()
	request, err := readFrame(bufio.NewReader(s), p.MaxRequest)
	if err != nil {
		return fmt.Errorf("read the request: %w", err)
	}
	if !h.flood.take(from, ipOf(s.Conn().RemoteMultiaddr()), len(request), 1) {
		return answer(s, statusBusy, nil, maxErrorText)
	}
	ctx, cancel := context.WithTimeout(h.ctx, p.Timeout)
	defer cancel()
	response, err := fn(ctx, from, request)
	var refusal *Refusal
	switch {
	case errors.As(err, &refusal):
		return answer(s, statusRefused, []byte(refusal.Text[:min(len(refusal.Text), maxErrorText)]), maxErrorText)
	case err != nil:
		return errors.Join(err, answer(s, statusFailed, nil, maxErrorText))
	case len(response) > p.MaxResponse:
		return errors.Join(fmt.Errorf("a response of %d bytes: %w", len(response), ErrTooLarge), answer(s, statusFailed, nil, maxErrorText))
	}
	return answer(s, statusOK, response, p.MaxResponse)
}

func answer(s network.Stream, status byte, data []byte, limit int) error {
	if _, err := s.Write([]byte{status}); err != nil {
		return fmt.Errorf("write the status: %w", err)
	}
	if err := writeFrame(s, data, limit); err != nil {
		return fmt.Errorf("write the response: %w", err)
	}
	return s.CloseWrite()
}

// Request asks one peer. It dials if it must. Errors: *Refusal with the peer's words, ErrBusy, ErrRemote, ErrTooLarge,
// ErrBadFrame, a context's, or libp2p's when the peer cannot be reached or does not speak the protocol.
func (h *Host) Request(ctx context.Context, to peer.ID, p Protocol, request []byte) ([]byte, error) {
	p = p.withDefaults()
	if h.ctx.Err() != nil {
		return nil, fmt.Errorf("ask %s for %s: %w", to, p.Name, ErrClosed)
	}
	ctx, cancel := context.WithTimeout(ctx, p.Timeout)
	defer cancel()
	stop := context.AfterFunc(h.ctx, cancel)
	defer stop()
	s, err := h.host.NewStream(ctx, to, h.protocolID(p.Name))
	if err != nil {
		return nil, fmt.Errorf("ask %s for %s: %w", to, p.Name, err)
	}
	end := context.AfterFunc(ctx, func() { _ = s.Reset() })
	defer end()
	response, err := exchange(s, p, request)
	if err != nil {
		_ = s.Reset()
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, fmt.Errorf("ask %s for %s: %w", to, p.Name, err)
	}
	_ = s.Close()
	return response, nil
}

func exchange(s network.Stream, p Protocol, request []byte) ([]byte, error) {
	if err := writeFrame(s, request, p.MaxRequest); err != nil {
		return nil, err
	}
	if err := s.CloseWrite(); err != nil {
		return nil, err
	}
	return readResponse(bufio.NewReader(s), p)
}

func readResponse(r *bufio.Reader, p Protocol) ([]byte, error) {
	status, err := r.ReadByte()
	if err != nil {
		return nil, fmt.Errorf("%w: no status: %w", ErrBadFrame, err)
	}
	limit := maxErrorText
	if status == statusOK {
		limit = p.MaxResponse
	}
	data, err := readFrame(r, limit)
	if err != nil {
		return nil, err
	}
	switch status {
	case statusOK:
		return data, nil
	case statusRefused:
		return nil, &Refusal{string(data)}
	case statusFailed:
		return nil, ErrRemote
	case statusBusy:
		return nil, ErrBusy
	}
	return nil, fmt.Errorf("%w: status %d", ErrBadFrame, status)
}

// serving counts the requests being answered, and lets Close wait for them.
type serving struct {
	mu     sync.Mutex
	closed bool
	total  int
	each   map[servingKey]int
	all    sync.WaitGroup
}

type servingKey struct {
	peer peer.ID
	name string
}

func newServing() *serving { return &serving{each: map[servingKey]int{}} }

func (v *serving) enter(from peer.ID, p Protocol) (leave func(), err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	key := servingKey{from, p.Name}
	switch {
	case v.closed:
		return nil, ErrClosed
	case v.total >= maxServing || v.each[key] >= p.PerPeer:
		return nil, ErrBusy
	}
	v.total++
	v.each[key]++
	v.all.Add(1)
	return func() {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.total--
		if v.each[key]--; v.each[key] == 0 {
			delete(v.each, key)
		}
		v.all.Done()
	}, nil
}

func (v *serving) close() {
	v.mu.Lock()
	v.closed = true
	v.mu.Unlock()
	v.all.Wait()
}
