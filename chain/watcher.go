package chain

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/phantom-paradox/paradox/chain/vault"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/ledger"
	"github.com/phantom-paradox/paradox/network"
)

// Errors of a watcher's state: while Err returns one, a member must not vote.
var (
	ErrNotReady = errors.New("the vault has not been read yet")
	ErrGap      = errors.New("the vault has events that the RPC endpoint does not show")
	ErrMismatch = errors.New("the event chain does not meet the vault's hash")
)

// Habits of a watcher.
const (
	defaultPoll = time.Second
	// gapLooks is how often the endpoint may show the account before the transactions: its parts need not move together.
	gapLooks = 5
	// agreeing is how many endpoints must show an event, where so many are configured.
	agreeing = 2
	// patience is how long the slower endpoints may take once enough have answered.
	patience = 250 * time.Millisecond
	// sightTime bounds the wait for accounts: longer than a pool's own patience with an endpoint.
	sightTime = 30 * time.Second
	// historyPause lies between two attempts to get events from other nodes.
	historyPause = 5 * time.Second
)

// WatcherConfig says what to watch and with what.
type WatcherConfig struct {
	File *network.File
	RPC  Client // the only one that is asked, where Sources names none
	// Sources are endpoints that are asked each by itself. Of two or more, two must agree before an event counts: one that
	// lies can stop a watcher that has but one other, and deceive none.
	Sources []Source
	History History         // optional: where events come from that no source shows any more
	Store   Store           // the event log; keys under "w/"
	Wake    <-chan struct{} // optional: something happened on chain, look now (see Waker)
	Poll    time.Duration   // between looks without a wake-up; default 1 s
	Logger  *slog.Logger
}

// A Source is one RPC endpoint.
type Source struct {
	Name string // for people
	RPC  Client
}

// A History has the vault's events from elsewhere: other nodes, which owe no proof, for the chain of hashes is one.
type History interface {
	// Events hands the events with after < number <= to to take, page by page and in order. Where take refuses a page, or a peer
	// has no more, it begins anew behind after with another peer.
	Events(ctx context.Context, after, to uint64, take func(page []ledger.Event) error) error
}

// A Watcher follows the vault at commitment finalized. Its methods can be called from any goroutine.
type Watcher struct {
	cfg     WatcherConfig
	addr    vault.Addresses
	network intent.Hash
	updates chan struct{}

	need    int // sources that must agree
	wayPage int // transactions of a long way between two writes

	// of Run's goroutine
	verified *trail      // stands at the newest verified event
	way      *trail      // a way behind it that no account has met yet; nil: none
	stored   bool        // the log has a way
	misses   int         // looks in a row that ended before what the accounts show
	doubts   map[int]int // looks in a row in which a source was contradicted
	asked    time.Time   // when history was asked for last

	mu      sync.RWMutex
	points  []mark            // points[n-1] is event n
	settled map[uint64]uint64 // height -> number of its settled event
	dissent map[int]Dissent   // by source
	slot    uint64
	time    int64 // of slot, by the cluster's clock
	account *vault.Vault
	err     error
}

// NewWatcher loads the event log. Run follows the cluster.
func NewWatcher(cfg WatcherConfig) (*Watcher, error) {
	if len(cfg.Sources) == 0 && cfg.RPC != nil {
		cfg.Sources = []Source{{Name: "endpoint", RPC: cfg.RPC}}
	}
	if cfg.File == nil || len(cfg.Sources) == 0 || cfg.Store == nil {
		return nil, errors.New("watcher: network file, RPC and store are needed")
	}
	if cfg.Poll <= 0 {
		cfg.Poll = defaultPoll
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	w := &Watcher{
		cfg: cfg, addr: Addresses(cfg.File), network: cfg.File.Hash(), updates: make(chan struct{}, 1), settled: map[uint64]uint64{},
		need: min(agreeing, len(cfg.Sources)), wayPage: wayPage, doubts: map[int]int{}, dissent: map[int]Dissent{}, err: ErrNotReady,
	}
	return w, w.load()
}

// Run follows the cluster until ctx ends.
func (w *Watcher) Run(ctx context.Context) error {
	t := time.NewTimer(0)
	defer t.Stop()
	said := ""
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-w.cfg.Wake:
		case <-t.C:
		}
		said = warn(ctx, w.cfg.Logger, "watcher: looking at the vault failed", w.look(ctx), said)
		t.Reset(w.cfg.Poll)
	}
}

// warn logs an error once, not at every repetition; it returns what was said last.
func warn(ctx context.Context, log *slog.Logger, text string, err error, said string) string {
	if err == nil || ctx.Err() != nil {
		return ""
	}
	if err.Error() != said {
		log.Warn(text, "err", err)
	}
	return err.Error()
}

// Head is the newest verified event, and the finalised slot up to which it is known that there is none after it.
func (w *Watcher) Head() (ledger.Cut, uint64) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return w.cut(uint64(len(w.points))), w.slot
}

// Time is when the slot that Head shows was, in unix seconds by the cluster's clock; 0 before the first look since the start.
// Read before Head, it is never later than what Head then shows.
func (w *Watcher) Time() int64 {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return w.time
}

func (w *Watcher) cut(number uint64) ledger.Cut {
	if number == 0 {
		return ledger.Cut{}
	}
	return ledger.Cut{Number: number, Hash: w.points[number-1].hash}
}

// CutAt is the last event at or before a slot.
func (w *Watcher) CutAt(slot uint64) ledger.Cut {
	w.mu.RLock()
	defer w.mu.RUnlock()
	n := len(w.points)
	for n > 0 && w.points[n-1].slot > slot {
		n--
	}
	return w.cut(uint64(n))
}

// Cut is the point of the chain with this number; false if it is not known (yet).
func (w *Watcher) Cut(number uint64) (ledger.Cut, bool) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if number > uint64(len(w.points)) {
		return ledger.Cut{}, false
	}
	return w.cut(number), true
}

// Events are the events with after < number <= to, as far as they are known.
func (w *Watcher) Events(after, to uint64) ([]ledger.Event, error) {
	w.mu.RLock()
	to = min(to, uint64(len(w.points)))
	w.mu.RUnlock()
	var out []ledger.Event
	for n := after + 1; n <= to; n++ {
		b, err := w.cfg.Store.Get(eventKey(n))
		if err != nil {
			return nil, fmt.Errorf("reading event %d: %w", n, err)
		}
		e, err := decodeEvent(n, b)
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, nil
}

// Updates receives after every change of Head or Err; several changes may share one receipt.
func (w *Watcher) Updates() <-chan struct{} { return w.updates }

// Err says why this member must not vote now; nil when the event chain meets the vault.
func (w *Watcher) Err() error {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return w.err
}

// A Dissent is a source that others contradict.
type Dissent struct {
	Source int // its place among the sources
	Name   string
	What   string
	Since  time.Time

	cause cause
}

// Dissents are the sources that others contradict now, by their places. What they say counts for nothing.
func (w *Watcher) Dissents() []Dissent {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return slices.SortedFunc(maps.Values(w.dissent), func(a, b Dissent) int { return a.Source - b.Source })
}

// Vault is the vault's account as last read at finalized; nil before the first read. It is not to be changed.
func (w *Watcher) Vault() *vault.Vault {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return w.account
}

// seen is the account and the slot up to which it is known.
func (w *Watcher) seen() (*vault.Vault, uint64) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return w.account, w.slot
}

// Settled is the height's settled event, if it is known.
func (w *Watcher) Settled(height uint64) (ledger.Event, bool) {
	w.mu.RLock()
	n, ok := w.settled[height]
	w.mu.RUnlock()
	if !ok {
		return ledger.Event{}, false
	}
	es, err := w.Events(n-1, n)
	if err != nil || len(es) != 1 {
		return ledger.Event{}, false
	}
	return es[0], true
}
