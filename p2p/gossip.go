package p2p

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"regexp"
	"runtime"
	"time"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	pb "github.com/libp2p/go-libp2p-pubsub/pb"
	"github.com/libp2p/go-libp2p/core/peer"
)

// A Verdict is what becomes of a gossip message.
type Verdict uint8

// The verdicts. Reject is for the sender's own fault only: whoever relays checks first, so it costs the relay its score.
// Ignored messages are not passed on, cost nothing, and are not delivered again for two minutes.
const (
	Accept Verdict = iota
	Ignore
	Reject
)

// A Message came over a topic. Value is what the validator left there, so that nothing is decoded twice.
type Message struct {
	From  peer.ID // who handed it over, which need not be who wrote it; the host's own id for its own messages
	Data  []byte  // do not change
	Value any
}

// TopicConfig is how a topic is read.
type TopicConfig struct {
	Validate func(ctx context.Context, m *Message) Verdict // own messages are not asked about; nil: accept all
	MaxBytes int                                           // larger ones are rejected; 0: 64 KiB
	Workers  int                                           // validations at once; 0: one a processor
	Buffer   int                                           // accepted messages that wait for Next, then they are dropped; 0: 256
	Timeout  time.Duration                                 // of a validation, then the message is ignored; 0: 5 s
}

const (
	defaultTopicBytes   = 64 << 10
	defaultTopicBuffer  = 256
	defaultTopicTimeout = 5 * time.Second

	waitPeersTick = 20 * time.Millisecond

	heartbeatDelay = 50 * time.Millisecond // the first heartbeat grafts the mesh: a network of processes starts within a second
)

// Scores. A peer loses standing for what it alone can be guilty of: messages that it should have rejected itself (P4), and
// breaking the gossip protocol (P7). Nothing is expected of a quiet peer (no P3), and sharing an address is no fault (no
// P6): both graylist honest peers in small networks. It takes 20 bad messages within ten minutes to be graylisted.
const (
	scoreGossip       = -250
	scorePublish      = -500
	scoreGraylist     = -1000
	scoreInvalid      = -2.5 // times the square of the bad messages: 10 stop gossip, 20 graylist
	scoreInvalidDecay = 10 * time.Minute
	scoreBehaviour    = -1
	scoreBehaviourMin = 20 // regrafts are normal while processes restart
	scoreRetain       = 30 * time.Minute
	scoreInspect      = 2 * time.Second
)

func (h *Host) startGossip() error {
	params := pubsub.DefaultGossipSubParams()
	params.HeartbeatInitialDelay = heartbeatDelay
	ours := regexp.MustCompile("^" + regexp.QuoteMeta(h.cfg.Prefix) + "/")
	ps, err := pubsub.NewGossipSub(h.ctx, h.host,
		pubsub.WithMessageSignaturePolicy(pubsub.StrictNoSign),
		pubsub.WithNoAuthor(),
		pubsub.WithMessageIdFn(messageID),
		pubsub.WithGossipSubParams(params),
		pubsub.WithMaxMessageSize(maxGossip),
		pubsub.WithMaxControlMessageSize(maxControl),
		pubsub.WithSeenMessagesTTL(seenTTL),
		pubsub.WithValidateQueueSize(validationQueue),
		pubsub.WithPeerOutboundQueueSize(outboundQueue),
		pubsub.WithFloodPublish(true), // a bundle of ours reaches a small network in one step
		pubsub.WithSubscriptionFilter(pubsub.WrapLimitSubscriptionFilter(pubsub.NewRegexpSubscriptionFilter(ours), maxTopics)),
		pubsub.WithAppSpecificRpcInspector(h.inspect),
		pubsub.WithPeerScore(scoreParams(), scoreThresholds()),
		pubsub.WithPeerScoreInspect(h.book.scores, scoreInspect),
		pubsub.WithLogger(h.log),
		pubsub.WithRPCLogger(h.log),
	)
	if err != nil {
		return fmt.Errorf("start gossip: %w", err)
	}
	h.pubsub = ps
	return nil
}

// messageID is also the digest in the CID of a bundle.
func messageID(m *pb.Message) string {
	sum := sha256.Sum256(m.GetData())
	return string(sum[:])
}

// inspect takes messages of a peer that sends too much out of the RPC. Subscriptions and control stay: they have bounds of
// their own, and losing one would cut the peer off for good.
func (h *Host) inspect(from peer.ID, rpc *pubsub.RPC) error {
	messages := rpc.GetPublish()
	if len(messages) == 0 {
		return nil
	}
	bytes := 0
	for _, m := range messages {
		bytes += len(m.GetData())
	}
	if !h.flood.take(from, h.book.ip(from), bytes, len(messages)) {
		rpc.Publish = nil
	}
	return nil
}

func scoreParams() *pubsub.PeerScoreParams {
	return &pubsub.PeerScoreParams{
		Topics:                    map[string]*pubsub.TopicScoreParams{},
		AppSpecificScore:          func(peer.ID) float64 { return 0 },
		BehaviourPenaltyWeight:    scoreBehaviour,
		BehaviourPenaltyThreshold: scoreBehaviourMin,
		BehaviourPenaltyDecay:     pubsub.ScoreParameterDecay(scoreInvalidDecay),
		DecayInterval:             pubsub.DefaultDecayInterval,
		DecayToZero:               pubsub.DefaultDecayToZero,
		RetainScore:               scoreRetain,
		SeenMsgTTL:                seenTTL,
	}
}

func scoreThresholds() *pubsub.PeerScoreThresholds {
	return &pubsub.PeerScoreThresholds{
		GossipThreshold: scoreGossip, PublishThreshold: scorePublish, GraylistThreshold: scoreGraylist,
		AcceptPXThreshold: 1, OpportunisticGraftThreshold: 1,
	}
}

func topicScore() *pubsub.TopicScoreParams {
	return &pubsub.TopicScoreParams{
		SkipAtomicValidation:           true,
		TopicWeight:                    1,
		TimeInMeshWeight:               0.01,
		TimeInMeshQuantum:              time.Minute,
		TimeInMeshCap:                  100,
		FirstMessageDeliveriesWeight:   0.1,
		FirstMessageDeliveriesDecay:    pubsub.ScoreParameterDecay(scoreInvalidDecay),
		FirstMessageDeliveriesCap:      100,
		InvalidMessageDeliveriesWeight: scoreInvalid,
		InvalidMessageDeliveriesDecay:  pubsub.ScoreParameterDecay(scoreInvalidDecay),
	}
}

// A Topic is joined and subscribed.
type Topic struct {
	host  *Host
	name  string
	cfg   TopicConfig
	topic *pubsub.Topic
	sub   *pubsub.Subscription
	slots chan struct{}
}

// Join subscribes to Prefix/name, for example "intents/1".
func (h *Host) Join(name string, c TopicConfig) (*Topic, error) {
	if c.MaxBytes == 0 {
		c.MaxBytes = defaultTopicBytes
	}
	if c.MaxBytes > maxGossip/2 {
		return nil, fmt.Errorf("join %s: messages of %d bytes; gossip carries at most %d", name, c.MaxBytes, maxGossip/2)
	}
	if c.Workers == 0 {
		c.Workers = runtime.GOMAXPROCS(0)
	}
	if c.Buffer == 0 {
		c.Buffer = defaultTopicBuffer
	}
	if c.Timeout == 0 {
		c.Timeout = defaultTopicTimeout
	}
	t := &Topic{host: h, name: h.cfg.Prefix + "/" + name, cfg: c, slots: make(chan struct{}, c.Workers)}
	if err := t.join(); err != nil {
		return nil, fmt.Errorf("join %s: %w", name, err)
	}
	return t, nil
}

func (t *Topic) join() (err error) {
	ps := t.host.pubsub
	err = ps.RegisterTopicValidator(t.name, t.validate,
		pubsub.WithValidatorConcurrency(validationQueue), pubsub.WithValidatorTimeout(t.cfg.Timeout))
	if err != nil {
		return err
	}
	if t.topic, err = ps.Join(t.name); err != nil {
		return errors.Join(err, ps.UnregisterTopicValidator(t.name))
	}
	err = t.topic.SetScoreParams(topicScore())
	if err == nil {
		t.sub, err = t.topic.Subscribe(pubsub.WithBufferSize(t.cfg.Buffer))
	}
	if err != nil {
		return errors.Join(err, t.topic.Close(), ps.UnregisterTopicValidator(t.name))
	}
	return nil
}

func (t *Topic) validate(ctx context.Context, from peer.ID, m *pubsub.Message) pubsub.ValidationResult {
	if len(m.GetData()) > t.cfg.MaxBytes {
		return pubsub.ValidationReject
	}
	if from == t.host.ID() || t.cfg.Validate == nil {
		return pubsub.ValidationAccept
	}
	select {
	case t.slots <- struct{}{}:
		defer func() { <-t.slots }()
	case <-ctx.Done():
		return pubsub.ValidationIgnore
	}
	msg := &Message{From: from, Data: m.GetData()}
	switch t.cfg.Validate(ctx, msg) {
	case Accept:
		m.ValidatorData = msg.Value
		return pubsub.ValidationAccept
	case Reject:
		return pubsub.ValidationReject
	case Ignore:
	}
	return pubsub.ValidationIgnore
}

// Publish sends a message to the topic, and to this host's own Next. A message that was seen in the last two minutes is
// not sent again; that is no error.
func (t *Topic) Publish(ctx context.Context, data []byte) error {
	if len(data) > t.cfg.MaxBytes {
		return fmt.Errorf("publish on %s: %w: %d bytes, at most %d", t.name, ErrTooLarge, len(data), t.cfg.MaxBytes)
	}
	if err := t.topic.Publish(ctx, data); err != nil {
		return fmt.Errorf("publish on %s: %w", t.name, err)
	}
	return nil
}

// Next waits for the next accepted message.
func (t *Topic) Next(ctx context.Context) (Message, error) {
	m, err := t.sub.Next(ctx)
	if err != nil {
		if ctx.Err() == nil {
			err = ErrClosed
		}
		return Message{}, fmt.Errorf("read %s: %w", t.name, err)
	}
	return Message{From: m.ReceivedFrom, Data: m.GetData(), Value: m.ValidatorData}, nil
}

// Peers are the connected peers that are subscribed.
func (t *Topic) Peers() []peer.ID { return t.topic.ListPeers() }

// WaitPeers waits until so many peers are subscribed and can be written to. The library tells of the first only, so this
// looks again and again.
func (t *Topic) WaitPeers(ctx context.Context, n int) error {
	tick := time.NewTicker(waitPeersTick)
	defer tick.Stop()
	for {
		have := len(t.Peers())
		if have >= n {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("wait for %d peers of %s, %d are there: %w", n, t.name, have, ctx.Err())
		}
	}
}

// Close leaves the topic.
func (t *Topic) Close() error {
	t.sub.Cancel()
	if err := errors.Join(t.topic.Close(), t.host.pubsub.UnregisterTopicValidator(t.name)); err != nil {
		return fmt.Errorf("leave %s: %w", t.name, err)
	}
	return nil
}
