package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/ledger"
	"github.com/phantom-paradox/paradox/network"
	"github.com/phantom-paradox/paradox/node/pool"
	"github.com/phantom-paradox/paradox/p2p"
)

// What nodes ask each other on streams: certificates from a height on (sync/1), and which bundles carry pooled intents
// (pool/1). docs/spec/streams.md.

const (
	// maxCertificates bounds one answer: 64 certificates of a full committee are 400 KB.
	maxCertificates = 64
	// maxPoolBundles bounds the bundles named in one answer.
	maxPoolBundles = 1024
	// poolEvery is how often a random peer is asked for bundles that this node has missed.
	poolEvery = 10 * time.Second
	// poolTime and maxPoolFailures bound what one peer's answer may cost: it can name what nobody has, or what is worth
	// nothing, and the next peer must have its turn.
	poolTime        = 20 * time.Second
	maxPoolFailures = 3
	// askedPeers bounds whom one search for a certificate asks.
	askedPeers = 16
	// askPatience is how long a peer may be silent before another is asked too.
	askPatience = 500 * time.Millisecond
)

func protocolSync() p2p.Protocol {
	return p2p.Protocol{Name: "sync/1", MaxRequest: 256, MaxResponse: 1 << 20, Timeout: streamTime}
}

func protocolPool() p2p.Protocol {
	return p2p.Protocol{Name: "pool/1", MaxRequest: 64 << 10, MaxResponse: 64 << 10, Timeout: streamTime}
}

// streamTime bounds one exchange.
const streamTime = 5 * time.Second

// syncRequest asks for certificates of heights from From on or, where Events is set, for the vault's events from that number on.
type syncRequest struct {
	From   uint64 `cbor:"from"`
	Max    uint64 `cbor:"max"`
	Events bool   `cbor:"events,omitempty"`
}

type syncResponse struct {
	Certificates [][]byte    `cbor:"certificates"`
	Events       []wireEvent `cbor:"events,omitempty"`
}

type poolResponse struct {
	Bundles [][]byte `cbor:"bundles"`
}

// wire is the canonical form of what travels on streams.
type wire struct {
	enc cbor.EncMode
	dec cbor.DecMode
}

// wireModes are canonical dag-cbor within bounds: no unknown or repeated fields, shallow, nothing indefinite.
func wireModes() wire {
	enc, err := cbor.CoreDetEncOptions().EncMode()
	dec, err2 := cbor.DecOptions{DupMapKey: cbor.DupMapKeyEnforcedAPF, ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		IndefLength: cbor.IndefLengthForbidden, TagsMd: cbor.TagsForbidden, MaxNestedLevels: 4, MaxArrayElements: 2048, MaxMapPairs: 16}.DecMode()
	if err := errors.Join(err, err2); err != nil {
		panic(fmt.Sprintf("node: constant options: %v", err))
	}
	return wire{enc, dec}
}

// errWire says that bytes of a stream are not canonical.
var errWire = errors.New("the bytes are not canonical")

func encodeWire(v any) ([]byte, error) { return wireModes().enc.Marshal(v) }

// decodeWire reads canonical bytes only.
func decodeWire(data []byte, v any) error {
	m := wireModes()
	if err := m.dec.Unmarshal(data, v); err != nil {
		return fmt.Errorf("%w: %w", errWire, err)
	}
	again, err := m.enc.Marshal(v)
	if err != nil || !bytes.Equal(again, data) {
		return errWire
	}
	return nil
}

// streams serves and asks.
type streams struct {
	host    *p2p.Host
	book    *book
	pool    *pool.Pool
	blocks  blocks
	vault   vaultView
	members func() []network.Member // as far as the node knows
	gossip  *gossip
	log     *slog.Logger

	mu   sync.Mutex
	good peer.ID // whose certificates were right last
}

func (s *streams) serve() {
	s.host.Handle(protocolSync(), s.serveSync)
	s.host.Handle(protocolPool(), s.servePool)
}

func (s *streams) serveSync(_ context.Context, _ peer.ID, request []byte) ([]byte, error) {
	var in syncRequest
	if err := decodeWire(request, &in); err != nil {
		return nil, &p2p.Refusal{Text: "the request does not decode"}
	}
	if in.Events {
		return s.serveEvents(in)
	}
	out := syncResponse{Certificates: [][]byte{}}
	for h := in.From; uint64(len(out.Certificates)) < min(in.Max, maxCertificates); h++ {
		c, err := s.book.certificate(h)
		if err != nil {
			return nil, err
		}
		if c == nil {
			break
		}
		out.Certificates = append(out.Certificates, c)
	}
	return encodeWire(out)
}

func (s *streams) servePool(_ context.Context, _ peer.ID, _ []byte) ([]byte, error) {
	out := poolResponse{Bundles: [][]byte{}}
	for _, b := range s.pool.Bundles(maxPoolBundles) {
		out.Bundles = append(out.Bundles, []byte(b))
	}
	return encodeWire(out)
}

// Certificates asks connected peers until take is satisfied: first one whose certificates were all good, then the others in random
// order, the next when one fails, or is slow.
func (s *streams) Certificates(ctx context.Context, height uint64, take func([]*ledger.Certificate) (enough, good bool)) error {
	request, err := encodeWire(syncRequest{From: height, Max: maxCertificates})
	if err != nil {
		return fmt.Errorf("encoding a request: %w", err)
	}
	peers := membersFirst(s.shuffled(), s.members())
	if len(peers) == 0 {
		return errors.New("there are no peers")
	}
	s.mu.Lock()
	if i := slices.Index(peers, s.good); i > 0 {
		peers[0], peers[i] = peers[i], peers[0]
	}
	s.mu.Unlock()
	ask := func(ctx context.Context, who peer.ID) ([]*ledger.Certificate, error) {
		answer, err := s.host.Request(ctx, who, protocolSync(), request)
		if err != nil {
			return nil, err
		}
		return parseCertificates(answer)
	}
	good := false
	who, err := askAround(ctx, peers[:min(len(peers), askedPeers)], ask, func(a answer) (enough bool) {
		if a.err != nil {
			s.log.Debug("a peer does not answer with certificates", "peer", a.who, "err", a.err)
			return false
		}
		enough, good = take(a.list)
		return enough
	})
	if !good {
		who = ""
	}
	s.mu.Lock()
	s.good = who
	s.mu.Unlock()
	return err
}

// An answer is what a peer said.
type answer struct {
	who  peer.ID
	list []*ledger.Certificate
	err  error
}

// askAround asks peers in their order and names the one whose answer was taken. The next is asked as soon as one has failed,
// or has said nothing for a while: a slow one costs that while, and may still win.
func askAround(ctx context.Context, peers []peer.ID, ask func(context.Context, peer.ID) ([]*ledger.Certificate, error), take func(answer) bool) (peer.ID, error) {
	var asking sync.WaitGroup
	defer asking.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answers := make(chan answer, len(peers))
	patience := time.NewTicker(askPatience)
	defer patience.Stop()
	asked, heard := 0, 0
	next := func() {
		if asked == len(peers) {
			return
		}
		who := peers[asked]
		asked++
		asking.Go(func() {
			list, err := ask(ctx, who)
			answers <- answer{who, list, err}
		})
		patience.Reset(askPatience)
	}
	for next(); heard < len(peers); {
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case a := <-answers:
			heard++
			if take(a) {
				return a.who, nil
			}
			next()
		case <-patience.C:
			next()
		}
	}
	return "", errNoCertificate
}

func parseCertificates(answer []byte) ([]*ledger.Certificate, error) {
	var out syncResponse
	if err := decodeWire(answer, &out); err != nil {
		return nil, fmt.Errorf("decoding the answer: %w", err)
	}
	if len(out.Certificates) > maxCertificates {
		return nil, fmt.Errorf("%d certificates, at most %d were asked for", len(out.Certificates), maxCertificates)
	}
	list := make([]*ledger.Certificate, len(out.Certificates))
	for i, b := range out.Certificates {
		c, err := ledger.ParseCertificate(b)
		if err != nil {
			return nil, fmt.Errorf("certificate %d: %w", i, err)
		}
		list[i] = c
	}
	return list, nil
}

func (s *streams) shuffled() []peer.ID {
	var ids []peer.ID
	for _, p := range s.host.Peers() {
		if p.Version != 0 {
			ids = append(ids, p.ID)
		}
	}
	rand.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
	return ids
}

// membersFirst puts the committee before all others: anybody may be a peer a hundred times over and know nothing, and who
// must catch up before it votes must not be kept from it by a crowd.
func membersFirst(peers []peer.ID, members []network.Member) []peer.ID {
	committee := make(map[peer.ID]bool, len(members))
	for _, m := range members {
		if id, err := p2p.PeerID(m.Key[:]); err == nil {
			committee[id] = true
		}
	}
	out := slices.DeleteFunc(slices.Clone(peers), func(p peer.ID) bool { return !committee[p] })
	return append(out, slices.DeleteFunc(peers, func(p peer.ID) bool { return committee[p] })...)
}

// runPool asks a random peer, now and then, which bundles carry pooled intents, and gets those that the gossip did not
// bring: after a partition, a restart, or for a newcomer.
func (s *streams) runPool(ctx context.Context) error {
	events, cancel := s.host.Events(16)
	defer cancel()
	ticker := time.NewTicker(poolEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case ev, ok := <-events:
			if ok && ev.Kind == p2p.PeerReady {
				s.askPool(ctx, ev.Peer)
			}
		case <-ticker.C:
			peers := s.shuffled()
			if rand.IntN(2) == 0 { // every other time a member, whatever crowd is connected
				peers = membersFirst(peers, s.members())
			}
			if len(peers) > 0 {
				s.askPool(ctx, peers[0])
			}
		}
	}
}

func (s *streams) askPool(ctx context.Context, who peer.ID) {
	answer, err := s.host.Request(ctx, who, protocolPool(), nil)
	if err != nil {
		s.log.Debug("a peer does not tell its pool", "peer", who, "err", err)
		return
	}
	var out poolResponse
	if err := decodeWire(answer, &out); err != nil || len(out.Bundles) > maxPoolBundles {
		s.log.Debug("a peer's pool does not parse", "peer", who, "err", err)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, poolTime)
	defer cancel()
	failed := 0
	for _, b := range out.Bundles {
		if ctx.Err() != nil || failed == maxPoolFailures {
			return
		}
		if s.pool.HasBundle(string(b)) {
			continue
		}
		if !s.getBundle(ctx, who, ledger.BatchCID(b)) {
			failed++
		}
	}
}

// keyOfPeer is the Ed25519 key in a peer id; all nodes of this project have one.
func keyOfPeer(who peer.ID) intent.Key {
	var k intent.Key
	if b, err := p2p.PublicKey(who); err == nil {
		copy(k[:], b)
	}
	return k
}

// getBundle brings one bundle, as if it had been gossiped. It is false where there was none to be had, or a bad one.
func (s *streams) getBundle(ctx context.Context, who peer.ID, c ledger.BatchCID) bool {
	ctx, cancel := context.WithTimeout(ctx, streamTime)
	defer cancel()
	data, err := s.blocks.Fetch(ctx, keyOfPeer(who), nil, c)
	if err != nil {
		s.log.Debug("a bundle that a peer named could not be had", "bundle", c, "err", err)
		return false
	}
	list, err := s.gossip.door.ValidateBundle(ctx, data[0])
	if err != nil {
		return !errors.Is(err, errRejected)
	}
	if err := s.gossip.takeBundle(ctx, data[0], list); err != nil {
		s.log.Warn("a bundle could not be stored", "bundle", c, "err", err)
	}
	return true
}
