package localnet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/gagliardetto/solana-go"
)

// shutdownTime is how long Close waits for answers under way.
const shutdownTime = 2 * time.Second

// A Server is a running model.
type Server struct {
	book *book
	subs *subscriptions
	http *http.Server
	addr string
	log  *slog.Logger

	cancel context.CancelFunc
	wg     sync.WaitGroup

	closing sync.Once
	err     error // of Close

	mu     sync.Mutex
	faults Faults
	rng    *rand.Rand
}

// Start opens the ledger and listens. The server runs until ctx ends or Close; either way Close must be called, it waits.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	b, err := openBook(cfg)
	if err != nil {
		return nil, err
	}
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.Listen)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("localnet: listening on %s: %w", cfg.Listen, err), b.journal.close())
	}
	ctx, cancel := context.WithCancel(ctx)
	s := &Server{book: b, subs: newSubscriptions(b), addr: ln.Addr().String(), log: cfg.Logger, cancel: cancel, rng: rand.New(rand.NewPCG(0, 0))}
	s.http = &http.Server{
		Handler: s.handler(ctx), ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute,
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	s.wg.Go(func() {
		if err := s.http.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("localnet: serving stopped", "err", err)
		}
	})
	s.wg.Go(func() { s.run(ctx, cfg.SlotTime) })
	return s, nil
}

// run moves the slots, and takes the server down when ctx ends.
func (s *Server) run(ctx context.Context, slotTime time.Duration) {
	var tick <-chan time.Time
	if slotTime > 0 {
		t := time.NewTicker(slotTime)
		defer t.Stop()
		tick = t.C
	}
	for {
		select {
		case <-ctx.Done():
			s.subs.closeAll()
			s.stopServing()
			return
		case <-tick:
			if err := s.step(); err != nil {
				s.log.Error("localnet: the ledger stopped", "err", err)
				tick = nil
			}
		}
	}
}

// stopServing lets answers finish, but not for long.
func (s *Server) stopServing() {
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTime)
	defer cancel()
	if s.http.Shutdown(ctx) != nil {
		_ = s.http.Close()
	}
}

func (s *Server) step() error {
	if err := s.book.tick(); err != nil {
		return err
	}
	s.subs.notify()
	return nil
}

// Advance ends n slots at once, beside those that time ends.
func (s *Server) Advance(n uint64) error {
	for range n {
		if err := s.step(); err != nil {
			return err
		}
	}
	return nil
}

// URL is the JSON-RPC endpoint, http://….
func (s *Server) URL() string { return "http://" + s.addr }

// WebSocket is the endpoint of subscriptions, ws://…. It is the same port.
func (s *Server) WebSocket() string { return "ws://" + s.addr }

// GenesisHash identifies the cluster; it is drawn when the directory is first used.
func (s *Server) GenesisHash() solana.Hash { return s.book.genesisHash() }

// Slot is the newest slot.
func (s *Server) Slot() uint64 {
	s.book.mu.RLock()
	defer s.book.mu.RUnlock()
	return s.book.slot
}

// Close stops listening, ends the open slot and waits for all goroutines.
func (s *Server) Close() error {
	s.closing.Do(func() {
		s.cancel()
		s.wg.Wait()
		s.err = errors.Join(s.book.tick(), s.book.journal.close())
	})
	return s.err
}

// SetFaults replaces the faults.
func (s *Server) SetFaults(f Faults) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults, s.rng = f, rand.New(rand.NewPCG(f.Seed, f.Seed))
}

func (s *Server) currentFaults() Faults {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.faults
}

// happens draws whether a fault with this share happens now.
func (s *Server) happens(share float64) bool {
	if share <= 0 {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rng.Float64() < share
}
