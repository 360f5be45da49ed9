package chain

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/gagliardetto/solana-go"

	"github.com/phantom-paradox/paradox/chain/vault"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/ledger"
	"github.com/phantom-paradox/paradox/network"
)

const defaultSettlerPoll = 500 * time.Millisecond

// SettlerConfig says for whom and with what to settle.
type SettlerConfig struct {
	File     *network.File
	RPC      Client
	Store    Store             // the journal; keys under "s/"
	Payer    solana.PrivateKey // pays fees and tallies; never a voting key
	Disabled bool              // ENABLE_ONCHAIN_SETTLEMENT=false: jobs are followed, nothing is sent
	Watcher  *Watcher          // optional: says which header of a past height was settled
	Wake     <-chan struct{}   // optional, as in WatcherConfig
	Poll     time.Duration     // between looks at the cluster; default 500 ms
	Logger   *slog.Logger
}

// A Job is a decided height to bring on chain.
type Job struct {
	Header      *ledger.Header
	Certificate *ledger.Certificate
	Chunks      [][]byte
	Delay       time.Duration // how long to leave it to others: place in the leader order times the takeover delay
}

// A Stage says how far a job is.
type Stage string

// The stages of a job.
const (
	StageWaiting   Stage = "waiting"   // for its turn, or for the vault to come to its height
	StageAttesting Stage = "attesting" // signatures are being attested
	StageApplying  Stage = "applying"  // the height is pending, chunks are being applied
	StageUndoing   Stage = "undoing"   // its drop time has passed and a chunk cannot be applied: chunks are taken back
	StageSettled   Stage = "settled"   // finalised
	StageDropped   Stage = "dropped"   // the vault's generation or epoch moved on without it
	StagePassed    Stage = "passed"    // the vault is past the height, and nobody here knows by which header
)

// A Status is what is known of a job.
type Status struct {
	Stage        Stage
	Height       uint64
	Generation   uint32
	Chunks       int
	Applied      int // chunks applied, as last seen
	Transactions int // sent by this node, each counted once
	Confirmed    int // of them, seen without error
	Signatures   []solana.Signature
	LastError    string
}

// A Settler brings decided heights on chain. It survives restarts at any point: what was sent is journalled before.
type Settler struct {
	cfg  SettlerConfig
	addr vault.Addresses
	hash intent.Hash
	kick chan struct{}

	// of Run's goroutine
	tallies   []openTally // that may lock up rent of this payer
	tallied   time.Time   // when the newest was noted
	tallyLook time.Time   // when they are looked after again
	closing   *closing    // what is under way

	mu   sync.Mutex
	jobs map[jobKey]*job
}

type jobKey struct {
	height     uint64
	generation uint32
}

// NewSettler loads the journal.
func NewSettler(cfg SettlerConfig) (*Settler, error) {
	if cfg.File == nil || cfg.RPC == nil || cfg.Store == nil {
		return nil, errors.New("settler: network file, RPC and store are needed")
	}
	if !cfg.Disabled && len(cfg.Payer) != 64 {
		return nil, errors.New("settler: a fee payer is needed unless settlement is disabled")
	}
	if cfg.Poll <= 0 {
		cfg.Poll = defaultSettlerPoll
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Settler{cfg: cfg, addr: Addresses(cfg.File), hash: cfg.File.Hash(), kick: make(chan struct{}, 1), jobs: map[jobKey]*job{}}
	return s, errors.Join(s.load(), s.loadTallies())
}

// Submit journals a job and wakes Run. The same job again changes nothing; a second header of an instance is refused.
func (s *Settler) Submit(j Job) error {
	if j.Header == nil || j.Certificate == nil {
		return errors.New("settler: a job needs header and certificate")
	}
	n, err := newJob(j.Certificate, j.Chunks)
	if err != nil {
		return fmt.Errorf("settler: height %d: %w", j.Header.Height, err)
	}
	n.from = time.Now().Add(j.Delay)
	n.delay = j.Delay
	s.mu.Lock()
	defer s.mu.Unlock()
	if old, ok := s.jobs[n.key()]; ok {
		if old.digest != n.digest {
			return fmt.Errorf("settler: height %d generation %d already has another header", n.header.Height, n.header.Generation)
		}
		return nil
	}
	if err := s.cfg.Store.Write([]ledger.Change{{Key: n.journalKey(), Value: n.encode()}}); err != nil {
		return fmt.Errorf("settler: journalling height %d: %w", n.header.Height, err)
	}
	s.jobs[n.key()] = n
	select {
	case s.kick <- struct{}{}:
	default:
	}
	return nil
}

// Run works on the jobs until ctx ends.
func (s *Settler) Run(ctx context.Context) error {
	t := time.NewTimer(0)
	defer t.Stop()
	said := ""
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.kick:
		case <-s.cfg.Wake:
		case <-t.C:
		}
		again, err := s.work(ctx)
		if errors.Is(err, errForgotten) {
			err = nil
		}
		if errors.Is(err, errOthers) {
			s.cfg.Logger.Debug("settler: another was quicker", "err", err)
			again, err = true, nil
		}
		said = warn(ctx, s.cfg.Logger, "settler: working failed", err, said)
		if again && err == nil {
			t.Reset(s.cfg.Poll / underWayShare)
		} else {
			t.Reset(s.cfg.Poll)
		}
	}
}

// underWayShare: while transactions are under way the settler looks so much more often.
const underWayShare = 4

// Status is what is known of the newest job of a height.
func (s *Settler) Status(height uint64) (Status, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found *job
	for k, j := range s.jobs {
		if k.height == height && (found == nil || k.generation > found.header.Generation) {
			found = j
		}
	}
	if found == nil {
		return Status{}, false
	}
	st := found.status
	st.Signatures = append([]solana.Signature(nil), st.Signatures...)
	return st, true
}

// Forget removes the jobs of heights up to this one.
func (s *Settler) Forget(height uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var changes []ledger.Change
	for k, j := range s.jobs {
		if k.height <= height {
			changes = append(changes, ledger.Change{Key: j.journalKey()}, ledger.Change{Key: j.sentKey()})
			delete(s.jobs, k)
		}
	}
	if len(changes) == 0 {
		return nil
	}
	if err := s.cfg.Store.Write(changes); err != nil {
		return fmt.Errorf("settler: forgetting heights up to %d: %w", height, err)
	}
	return nil
}

// write journals what belongs to a job, unless it was forgotten meanwhile: nobody would ever read it again.
func (s *Settler) write(j *job, changes ...ledger.Change) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.jobs[j.key()] != j {
		return errForgotten
	}
	return s.cfg.Store.Write(changes)
}

// errForgotten says that the node needs a job no more.
var errForgotten = errors.New("the job was forgotten")

// next is the job to work on: the lowest height that is not over, and of it the newest generation.
func (s *Settler) next() *job {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found *job
	for k, j := range s.jobs {
		if j.over() {
			continue
		}
		if found == nil || k.height < found.header.Height || k.height == found.header.Height && k.generation > found.header.Generation {
			found = j
		}
	}
	return found
}

// update changes a job's status under the lock.
func (s *Settler) update(j *job, change func(*Status)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&j.status)
}
