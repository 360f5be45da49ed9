package p2p

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	msmux "github.com/multiformats/go-multistream"
)

// Two processes with one key are one peer to everybody, and know nothing of each other: they cannot even connect. So each has a
// nonce of its own, says it in every handshake, signed with the time, and whoever meets two nonces of one key tells both.

const (
	nonceSize = 16
	// twinRetry is how long a peer with two processes is left alone after it was told.
	twinRetry = 30 * time.Second
	// TwinMemory is for how long a proof that another process has this node's key is worth a warning: those who meet both
	// repeat it more often.
	TwinMemory = 3 * time.Minute
)

// process is one process's word that it runs with a key at a time. A third party can hand it on: nobody but the key's holder makes it.
type process struct {
	Nonce []byte `cbor:"nonce"`
	Sig   []byte `cbor:"sig"`
	Time  uint64 `cbor:"time"` // unix milliseconds, of the process's clock
}

func (p *process) signed() []byte {
	b := append([]byte("paradox/process/1"), p.Nonce...)
	return binary.LittleEndian.AppendUint64(b, p.Time)
}

// check says whether the statement is well formed and of that peer.
func (p *process) check(id peer.ID) error {
	key, err := PublicKey(id)
	if err != nil {
		return err
	}
	if len(p.Nonce) != nonceSize || len(p.Sig) != ed25519.SignatureSize || !ed25519.Verify(key, p.signed(), p.Sig) {
		return fmt.Errorf("%w: hello: the process is not signed by its peer", ErrBadFrame)
	}
	return nil
}

// self is this process among those with its key.
type self struct {
	nonce   [nonceSize]byte
	started time.Time

	mu   sync.Mutex
	twin time.Time // when another was last proven; zero: never
	via  peer.ID   // who showed it
}

func newSelf() (*self, error) {
	s := &self{started: now()}
	if _, err := rand.Read(s.nonce[:]); err != nil {
		return nil, fmt.Errorf("drawing the process's nonce: %w", err)
	}
	return s, nil
}

// statement is this process's word, as of now.
func (h *Host) statement() *process { return h.statementAt(uint64(now().UnixMilli())) }

func (h *Host) statementAt(at uint64) *process {
	p := &process{Nonce: h.self.nonce[:], Time: at}
	p.Sig = ed25519.Sign(h.cfg.Key, p.signed())
	return p
}

// accused looks at what a peer shows of another process with this node's key. Its word counts for nothing: what is shown must be
// signed by the key, with another nonce, after this process began. A predecessor's last words are older.
func (h *Host) accused(p *process, by peer.ID) {
	if p == nil || string(p.Nonce) == string(h.self.nonce[:]) || p.check(h.ID()) != nil || int64(p.Time) <= h.self.started.UnixMilli() {
		return
	}
	h.self.mu.Lock()
	first := h.self.twin.IsZero() || now().Sub(h.self.twin) > TwinMemory
	h.self.twin, h.self.via = now(), by
	h.self.mu.Unlock()
	if first {
		h.log.Error("another process runs with this node's key; stop one of the two", "shown by", by)
	}
}

// Twin says whether another process runs with this node's key, as was proven a short while ago, and who has shown it.
func (h *Host) Twin() (via peer.ID, running bool) {
	h.self.mu.Lock()
	defer h.self.mu.Unlock()
	return h.self.via, !h.self.twin.IsZero() && now().Sub(h.self.twin) <= TwinMemory
}

// Doubles are connected peers that two processes at once are.
func (h *Host) Doubles() []peer.ID {
	h.book.mu.Lock()
	defer h.book.mu.Unlock()
	var out []peer.ID
	for id, e := range h.book.peers {
		if e.double() {
			out = append(out, id)
		}
	}
	return out
}

func (e *entry) double() bool {
	var first *process
	for _, p := range e.processes {
		if first != nil && string(p.Nonce) != string(first.Nonce) {
			return true
		}
		first = p
	}
	return false
}

// other is the newest statement of another process of the peer than the one that a connection leads to; the newest of all where
// that is not known yet.
func (b *book) other(c network.Conn) *process {
	b.mu.Lock()
	defer b.mu.Unlock()
	e, ok := b.peers[c.RemotePeer()]
	if !ok {
		return nil
	}
	mine := e.processes[c.ID()]
	var out *process
	for _, p := range e.processes {
		if (mine == nil || string(p.Nonce) != string(mine.Nonce)) && (out == nil || p.Time > out.Time) {
			out = p
		}
	}
	return out
}

// leads notes which process a connection leads to, and says whether the peer is another one too.
func (b *book) leads(c network.Conn, p *process) (double bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e, ok := b.peers[c.RemotePeer()]
	if !ok || c.IsClosed() {
		return false
	}
	if e.processes == nil {
		e.processes = map[string]*process{}
	}
	e.processes[c.ID()] = p
	return e.double()
}

// closed forgets a connection.
func (b *book) closed(c network.Conn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.introduced, c.ID())
	if e, ok := b.peers[c.RemotePeer()]; ok {
		delete(e.processes, c.ID())
	}
}

// tells says whether a peer that is double should be told now, and notes that it is.
func (b *book) tells(id peer.ID) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	e, ok := b.peers[id]
	if !ok || !e.double() || now().Sub(e.told) < twinRetry {
		return false
	}
	e.told = now()
	return true
}

// tellDouble greets a peer on all its connections, twice: the first time each process says that it lives, so that the second time
// each is shown what the other has just said.
func (h *Host) tellDouble(id peer.ID) {
	if !h.book.tells(id) {
		return
	}
	h.log.Warn("two processes run with one key", "peer", id)
	h.tasks.Go(func() {
		for range 2 {
			for _, c := range h.host.Network().ConnsToPeer(id) {
				if err := h.greet(c); err != nil {
					h.log.Debug("a peer of two processes was not told on a connection", "peer", id, "error", err)
				}
			}
		}
	})
}

// tellDoubles reminds peers that are two processes still.
func (h *Host) tellDoubles() {
	for _, id := range h.Doubles() {
		h.tellDouble(id)
	}
}

// helloStream opens a handshake on this very connection: a peer may be two processes.
func helloStream(c network.Conn, s network.Stream) error {
	if err := msmux.SelectProtoOrFail(protocol.ID(HelloProtocol), s); err != nil {
		return errors.Join(fmt.Errorf("choose the protocol with %s: %w", c.RemotePeer(), err), s.Reset())
	}
	if err := s.SetProtocol(HelloProtocol); err != nil {
		return errors.Join(fmt.Errorf("set the protocol: %w", err), s.Reset())
	}
	return nil
}
