package chain

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/gagliardetto/solana-go"

	"github.com/phantom-paradox/paradox/chain/vault"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/ledger"
)

// job is a Job at work.
type job struct {
	cert   *ledger.Certificate
	header *ledger.Header
	digest intent.Hash
	at     vault.Attestation
	chunks [][]byte
	heads  []intent.Hash // before each chunk, zeros last
	accs   []intent.Hash // accumulator after 0, 1, … chunks

	delay  time.Duration
	from   time.Time // not before: others may do it
	seen   string    // how far the chain was when last looked at: whoever moves it, it moves
	status Status
	sent   []sent // under way
	price  uint64 // micro-lamports a unit, risen with each expiry

	refused int // how often the vault refused the step of seen, for a reason that others' work does not explain
}

// sent is a transaction that was journalled and then sent.
type sent struct {
	What  string `cbor:"what"` // the step: what it does is not built again while it is under way
	Raw   []byte `cbor:"raw"`
	Sig   []byte `cbor:"sig"`
	Valid uint64 `cbor:"valid"` // last block height of its blockhash

	Behind bool `cbor:"behind,omitempty"` // another that was sent with it must come first

	again  time.Time // when the same bytes are sent once more
	landed bool      // when last asked for, it was in a block
}

// sends says whether a step is under way.
func (j *job) sends(what string) bool {
	return slices.ContainsFunc(j.sent, func(t sent) bool { return t.What == what })
}

func (t *sent) signature() solana.Signature { return solana.Signature(t.Sig) }

// ErrJob is returned for a job whose parts do not fit together.
var ErrJob = errors.New("certificate and chunks do not fit")

func newJob(c *ledger.Certificate, chunks [][]byte) (*job, error) {
	h, err := ledger.ParseHeader(c.Body)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrJob, err)
	}
	j := &job{cert: c, header: h, digest: h.Digest(), chunks: chunks, heads: vault.Heads(chunks), accs: []intent.Hash{{}}}
	if j.heads[0] != h.SettlementHead {
		return nil, fmt.Errorf("%w: the chunks hash to another settlement head than the header's", ErrJob)
	}
	j.at = vault.Attestation{Body: sha256.Sum256(c.Body), Cut: h.Cut.Number, Head: h.SettlementHead}
	for i, b := range chunks {
		if _, err := vault.ParseChunk(b); err != nil {
			return nil, fmt.Errorf("%w: chunk %d: %w", ErrJob, i, err)
		}
		j.accs = append(j.accs, vault.Accumulate(j.accs[i], b))
	}
	j.status = Status{Stage: StageWaiting, Height: h.Height, Generation: h.Generation, Chunks: len(chunks)}
	return j, nil
}

func (j *job) key() jobKey { return jobKey{j.header.Height, j.header.Generation} }

// over says that nothing is left to do.
func (j *job) over() bool {
	return j.status.Stage == StageSettled || j.status.Stage == StageDropped || j.status.Stage == StagePassed
}

// The journal: "s/j" height generation holds a job, "s/t" height generation what it has under way (integers big-endian).
func (j *job) journalKey() []byte { return j.at2("s/j") }
func (j *job) sentKey() []byte    { return j.at2("s/t") }

func (j *job) at2(prefix string) []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint64([]byte(prefix), j.header.Height), j.header.Generation)
}

type keptJob struct {
	V           int           `cbor:"v"`
	Certificate []byte        `cbor:"certificate"`
	Chunks      [][]byte      `cbor:"chunks"`
	Delay       time.Duration `cbor:"delay"`
	Stage       Stage         `cbor:"stage"`
}

type keptSent struct {
	V     int    `cbor:"v"`
	Sent  []sent `cbor:"sent"`
	Price uint64 `cbor:"price"`
	Count int    `cbor:"count"`
	Done  int    `cbor:"done"`
}

func (j *job) encode() []byte {
	return mustEncode(keptJob{1, j.cert.Encode(), j.chunks, j.delay, j.status.Stage})
}

func (j *job) encodeSent() []byte {
	return mustEncode(keptSent{1, j.sent, j.price, j.status.Transactions, j.status.Confirmed})
}

func mustEncode(v any) []byte {
	b, err := cbor.Marshal(v)
	if err != nil {
		panic("chain: encoding a journal record: " + err.Error()) // plain structs
	}
	return b
}

// load reads the journal.
func (s *Settler) load() error {
	var bad error
	err := s.cfg.Store.Iterate([]byte("s/j"), func(k, v []byte) bool {
		var kept keptJob
		if err := cbor.Unmarshal(v, &kept); err != nil || kept.V != 1 {
			bad = fmt.Errorf("settler: journal record %x: version %d: %w", k, kept.V, err)
			return false
		}
		c, err := ledger.ParseCertificate(kept.Certificate)
		if err != nil {
			bad = fmt.Errorf("settler: journal record %x: %w", k, err)
			return false
		}
		j, err := newJob(c, kept.Chunks)
		if err != nil {
			bad = fmt.Errorf("settler: journal record %x: %w", k, err)
			return false
		}
		j.delay, j.from, j.status.Stage = kept.Delay, time.Now().Add(kept.Delay), kept.Stage
		s.jobs[j.key()] = j
		return true
	})
	if err == nil && bad == nil {
		bad = s.sweepOrphans()
	}
	for _, j := range s.jobs {
		b, gerr := s.cfg.Store.Get(j.sentKey())
		if gerr != nil || b == nil {
			err = errors.Join(err, gerr)
			continue
		}
		var kept keptSent
		if uerr := cbor.Unmarshal(b, &kept); uerr != nil {
			bad = errors.Join(bad, fmt.Errorf("settler: transactions of height %d: %w", j.header.Height, uerr))
			continue
		}
		j.sent, j.price, j.status.Transactions, j.status.Confirmed = kept.Sent, kept.Price, kept.Count, kept.Done
	}
	return errors.Join(err, bad)
}

// sweepOrphans deletes what was under way for jobs that are gone.
func (s *Settler) sweepOrphans() error {
	known := map[string]bool{}
	for _, j := range s.jobs {
		known[string(j.sentKey())] = true
	}
	var changes []ledger.Change
	err := s.cfg.Store.Iterate([]byte("s/t"), func(k, _ []byte) bool {
		if !known[string(k)] {
			changes = append(changes, ledger.Change{Key: append([]byte(nil), k...)})
		}
		return true
	})
	if err == nil && len(changes) > 0 {
		err = s.cfg.Store.Write(changes)
	}
	if err != nil {
		return fmt.Errorf("settler: clearing the journal: %w", err)
	}
	return nil
}
