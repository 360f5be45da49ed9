package node

import (
	"context"
	"errors"
	"fmt"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/mr-tron/base58"

	"github.com/phantom-paradox/paradox/ledger"
)

// The vault's events, which RPC endpoints prune, are kept by every node and served to others by sync/1. Who gets them holds
// their chain of hashes against the vault's account, so that nobody needs to be trusted.

const (
	// maxEvents bounds one answer in number, maxEventBytes in size: half of what an answer may have.
	maxEvents     = 1024
	maxEventBytes = 512 << 10
	// maxEventTransactions bounds the transactions of one event: a height of 3,000 wallets takes some forty.
	maxEventTransactions = 256
)

// A wireEvent is an event as it is hashed, and the signatures of the transactions that made it, the last of which completed it.
type wireEvent struct {
	Event        []byte   `cbor:"event"`
	Transactions [][]byte `cbor:"transactions"`
}

func (s *streams) serveEvents(in syncRequest) ([]byte, error) {
	out := syncResponse{Certificates: [][]byte{}}
	if in.From == 0 {
		return encodeWire(out)
	}
	head, _ := s.vault.Head()
	last := min(head.Number, in.From-1+min(in.Max, maxEvents))
	if last < in.From {
		return encodeWire(out)
	}
	list, err := s.vault.Events(in.From-1, last)
	if err != nil {
		return nil, err
	}
	size := 0
	for i := range list {
		e := eventToWire(&list[i])
		if size += len(e.Event) + 70*len(e.Transactions) + 40; size > maxEventBytes { // with room for what frames them
			break
		}
		out.Events = append(out.Events, e)
	}
	return encodeWire(out)
}

func eventToWire(e *ledger.Event) wireEvent {
	texts := e.Signatures
	if len(texts) == 0 && e.Signature != "" {
		texts = []string{e.Signature}
	}
	w := wireEvent{Event: e.Encode(), Transactions: [][]byte{}}
	for _, t := range texts[max(0, len(texts)-maxEventTransactions):] {
		if b, err := base58.Decode(t); err == nil {
			w.Transactions = append(w.Transactions, b)
		}
	}
	return w
}

// parseEvents reads an answer: events from a number on, without a gap.
func parseEvents(answer []byte, from uint64) ([]ledger.Event, error) {
	var out syncResponse
	if err := decodeWire(answer, &out); err != nil {
		return nil, fmt.Errorf("decoding the answer: %w", err)
	}
	if len(out.Events) > maxEvents {
		return nil, fmt.Errorf("%d events, at most %d were asked for", len(out.Events), maxEvents)
	}
	list := make([]ledger.Event, len(out.Events))
	for i, w := range out.Events {
		e, err := ledger.ParseEvent(w.Event)
		if err != nil {
			return nil, fmt.Errorf("event %d: %w", from+uint64(i), err)
		}
		if len(w.Transactions) > maxEventTransactions {
			return nil, fmt.Errorf("event %d: %d transactions", from+uint64(i), len(w.Transactions))
		}
		e.Number = from + uint64(i)
		for _, b := range w.Transactions {
			if len(b) != signatureBytes {
				return nil, fmt.Errorf("event %d: a signature of %d bytes", e.Number, len(b))
			}
			e.Signatures = append(e.Signatures, base58.Encode(b))
			e.Signature = base58.Encode(b)
		}
		if e.Tag != ledger.EventSettled && e.Tag != ledger.EventDropped {
			e.Signatures = nil
		}
		list[i] = e
	}
	return list, nil
}

// signatureBytes is the length of a transaction's signature.
const signatureBytes = 64

// errNoEvents says that no peer has the events.
var errNoEvents = errors.New("no peer has these events of the vault")

// Events hands events of the vault to take, of one peer after the other until one's are right up to the last.
func (s *streams) Events(ctx context.Context, after, to uint64, take func([]ledger.Event) error) error {
	peers := membersFirst(s.shuffled(), s.members())
	if len(peers) == 0 {
		return errors.New("there are no peers")
	}
	for _, who := range peers[:min(len(peers), askedPeers)] {
		err := s.eventsOf(ctx, who, after, to, take)
		if err == nil || ctx.Err() != nil {
			return err
		}
		s.log.Debug("a peer's events of the vault do not serve", "peer", who, "err", err)
	}
	return errNoEvents
}

func (s *streams) eventsOf(ctx context.Context, who peer.ID, after, to uint64, take func([]ledger.Event) error) error {
	for after < to {
		request, err := encodeWire(syncRequest{From: after + 1, Max: min(to-after, maxEvents), Events: true})
		if err != nil {
			return fmt.Errorf("encoding a request: %w", err)
		}
		answer, err := s.host.Request(ctx, who, protocolSync(), request)
		if err != nil {
			return err
		}
		page, err := parseEvents(answer, after+1)
		if err != nil {
			return err
		}
		if len(page) == 0 {
			return fmt.Errorf("it has none after %d", after)
		}
		if err := take(page); err != nil {
			return err
		}
		after += uint64(len(page))
	}
	return nil
}

// peerHistory is what the watcher asks; it is built before the streams are.
type peerHistory struct{ n *Node }

func (h peerHistory) Events(ctx context.Context, after, to uint64, take func([]ledger.Event) error) error {
	return h.n.streams.Events(ctx, after, to, take)
}
