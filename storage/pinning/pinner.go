package pinning

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/phantom-paradox/paradox/storage"
)

const (
	// MaxServices bounds the services: each has a goroutine, and gets every batch.
	MaxServices = 8
	// bucketName is where the queue lies in the store.
	bucketName  = "pinning"
	dialTimeout = 10 * time.Second // of one delegate
)

// A Dialer connects to a peer; a service names peers of its own that wait for the blocks.
type Dialer interface {
	Connect(ctx context.Context, p peer.AddrInfo) error
}

// Config is what a Pinner needs.
type Config struct {
	Store    *storage.Store
	Services []Service
	Name     string          // of this node's pins at the services, at most 255 bytes: nothing under another name is removed
	Origins  func() []string // multiaddrs, with /p2p/ID, where the blocks can be had; nil: none is told
	Dialer   Dialer          // nil: delegates are not dialled
	Pace     Pace
	HTTP     http.RoundTripper // nil: one of its own for each service
	Logger   *slog.Logger
}

// A Pinner keeps services asked for the newest root until they hold it.
type Pinner struct {
	cfg      Config
	log      *slog.Logger
	bucket   *storage.Bucket
	services []*worker
}

// worker is one service.
type worker struct {
	host   string
	client *client
	wake   chan struct{}

	mu   sync.Mutex
	desk *desk
}

// New reads the queue; Run works it off.
func New(cfg Config) (*Pinner, error) {
	if len(cfg.Services) > MaxServices {
		return nil, fmt.Errorf("%d pinning services: at most %d", len(cfg.Services), MaxServices)
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	bucket, err := cfg.Store.Bucket(bucketName)
	if err != nil {
		return nil, fmt.Errorf("open the pinning queue: %w", err)
	}
	p := &Pinner{cfg: cfg, log: cfg.Logger, bucket: bucket}
	hosts := map[string]bool{}
	for _, s := range cfg.Services {
		if err := s.Validate(); err != nil {
			return nil, err
		}
		if hosts[s.Host()] {
			return nil, fmt.Errorf("pinning service %s is named twice; one account at a host is enough", s.Host())
		}
		hosts[s.Host()] = true
		rows, err := p.load(s.Host())
		if err != nil {
			return nil, err
		}
		p.services = append(p.services, &worker{host: s.Host(), client: newClient(s, cfg.Name, cfg.HTTP, cfg.Pace.withDefaults().Answer, time.Now),
			wake: make(chan struct{}, 1), desk: newDesk(cfg.Pace, rows)})
	}
	return p, nil
}

// rowKey is service, 0, height: a host has no 0. Rows of a service that is not configured stay, in case it comes back.
func rowKey(host string, height uint64) []byte {
	return binary.BigEndian.AppendUint64(append([]byte(host), 0), height)
}

func (p *Pinner) load(host string) ([]*row, error) {
	var rows []*row
	var bad error
	prefix := append([]byte(host), 0)
	err := p.bucket.Iterate(prefix, func(_, value []byte) bool {
		r := new(row)
		if bad = cbor.Unmarshal(value, r); bad == nil {
			rows = append(rows, r)
		}
		return bad == nil
	})
	if err = errors.Join(err, bad); err != nil {
		return nil, fmt.Errorf("read the pinning queue of %s: %w", host, err)
	}
	return rows, nil
}

// save writes what changed; w.mu is held. What could not be written is written with the next change.
func (p *Pinner) save(w *worker) error {
	batch := p.cfg.Store.Batch()
	for height, r := range w.desk.puts {
		value, err := cbor.Marshal(r)
		if err != nil {
			return fmt.Errorf("write the pinning queue of %s: %w", w.host, err)
		}
		batch.Set(p.bucket, rowKey(w.host, height), value)
	}
	for height := range w.desk.drops {
		batch.Delete(p.bucket, rowKey(w.host, height))
	}
	if err := batch.Commit(storage.Buffered); err != nil {
		return fmt.Errorf("write the pinning queue of %s: %w", w.host, err)
	}
	clear(w.desk.puts)
	clear(w.desk.drops)
	return nil
}

// Want asks every service for a root; it returns when that is on disk. A root links the one of the height before.
func (p *Pinner) Want(height uint64, root cid.Cid) error {
	var errs []error
	for _, w := range p.services {
		w.mu.Lock()
		w.desk.want(height, root.Bytes(), time.Now())
		errs = append(errs, p.save(w))
		w.mu.Unlock()
		select {
		case w.wake <- struct{}{}:
		default:
		}
	}
	return errors.Join(errs...)
}

// Run works the queue off until ctx ends.
func (p *Pinner) Run(ctx context.Context) error {
	var all sync.WaitGroup
	for _, w := range p.services {
		all.Go(func() { p.serve(ctx, w) })
	}
	all.Wait()
	return nil
}

func (p *Pinner) serve(ctx context.Context, w *worker) {
	defer w.client.close()
	for ctx.Err() == nil {
		v, r, again, err := p.begin(w)
		if err != nil {
			p.log.Warn("the pinning queue rests", "service", w.host, "err", err)
			again = time.Now().Add(p.cfg.Pace.withDefaults().PollMax)
			v = rest
		}
		if v == rest {
			w.sleep(ctx, again)
			continue
		}
		var origins []string
		if v == add && p.cfg.Origins != nil {
			origins = p.cfg.Origins()
		}
		a, peers := w.client.do(ctx, v, *r, origins)
		if ctx.Err() != nil {
			return // the row says that it was asked for: the next process looks
		}
		if err := p.end(w, v, r, a); err != nil {
			p.log.Warn("the pinning queue could not be written", "service", w.host, "err", err)
		}
		p.dial(ctx, peers)
	}
}

// begin chooses a step, and writes down that a pin is about to be asked for before it is.
func (p *Pinner) begin(w *worker) (verb, *row, time.Time, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	v, r, again := w.desk.next(now)
	if v == add {
		w.desk.send(r, now)
	}
	return v, r, again, p.save(w)
}

func (p *Pinner) end(w *worker, v verb, r *row, a answer) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	before := w.desk.problem
	w.desk.answered(v, r, a, time.Now())
	switch problem := w.desk.problem; {
	case problem != "" && problem != before:
		p.log.Warn("a pinning service fails", "service", w.host, "height", r.Height, "problem", problem)
	case v != remove && r.Stage == pinned && r.Polls == 0 && a.blame == fine:
		p.log.Debug("pinned", "service", w.host, "height", r.Height)
	}
	return p.save(w)
}

// sleep waits until then, for something new, or for the end.
func (w *worker) sleep(ctx context.Context, until time.Time) {
	var due <-chan time.Time
	if !until.IsZero() {
		t := time.NewTimer(time.Until(until))
		defer t.Stop()
		due = t.C
	}
	select {
	case <-ctx.Done():
	case <-w.wake:
	case <-due:
	}
}

// dial connects to the peers that a service named, all at once: they ask for the blocks on that connection.
func (p *Pinner) dial(ctx context.Context, peers []peer.AddrInfo) {
	if p.cfg.Dialer == nil {
		return
	}
	var all sync.WaitGroup
	for _, q := range peers {
		all.Go(func() {
			short, cancel := context.WithTimeout(ctx, dialTimeout)
			defer cancel()
			if err := p.cfg.Dialer.Connect(short, q); err != nil {
				p.log.Debug("a pinning service's peer cannot be dialled", "peer", q.ID, "err", err)
			}
		})
	}
	all.Wait()
}

// Status is how it stands with one service.
type Status struct {
	Host     string
	Height   uint64    // the newest batch that it holds, with all before it; 0: none
	Waiting  time.Time // since when a newer one waits; zero: none does
	Resting  bool      // it failed, and is left alone for now
	Refused  bool      // it does not take the token
	Problem  string    // the last, "" when its last answer was good
	Failures uint64    // since the start
	Lost     uint64    // pins that it no longer had, since the start
}

// Status of every service, in the order of the configuration.
func (p *Pinner) Status() []Status {
	now := time.Now()
	var out []Status
	for _, w := range p.services {
		w.mu.Lock()
		d := w.desk
		out = append(out, Status{Host: w.host, Height: d.height(), Waiting: d.oldest(), Resting: d.until.After(now), Refused: d.refused,
			Problem: d.problem, Failures: d.failures, Lost: d.lost})
		w.mu.Unlock()
	}
	return out
}
