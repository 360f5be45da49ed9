package chain

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gagliardetto/solana-go"
	"github.com/gagliardetto/solana-go/rpc"

	"github.com/phantom-paradox/paradox/chain/vault"
	"github.com/phantom-paradox/paradox/ledger"
)

// A tally locks up rent of whoever opened it. The settler notes each that it may have opened before it does, and closes those
// whose height, generation or epoch is past: the journal's "s/c" and the tally's address hold height, generation and epoch.
// Closing can be done once only, so that a transaction that is sent in vain costs nothing but itself.

const (
	tallyPrefix = "s/c"
	// closings is how many tallies one transaction closes: three accounts each, the vault and payer shared.
	closings = 8
	// closeAfter is how long the newest tally may wait for others to share a transaction with.
	closeAfter = 30 * time.Second
	// tallyPause lies between two looks after tallies.
	tallyPause = 5 * time.Second
)

// openTally is a tally that this settler may have opened.
type openTally struct {
	key        solana.PublicKey
	height     uint64
	generation uint32
	epoch      uint32
}

func (o *openTally) record() ledger.Change {
	v := binary.LittleEndian.AppendUint64(nil, o.height)
	v = binary.LittleEndian.AppendUint32(v, o.generation)
	return ledger.Change{Key: append([]byte(tallyPrefix), o.key[:]...), Value: binary.LittleEndian.AppendUint32(v, o.epoch)}
}

// past says whether the program lets it be closed.
func (o *openTally) past(v *vault.Vault) bool {
	return o.height <= v.Height || o.generation < v.Generation || o.epoch < v.Epoch
}

// closing is a transaction that closes tallies, under way.
type closing struct {
	raw   []byte
	valid uint64
	again time.Time
}

// loadTallies reads what is to be closed.
func (s *Settler) loadTallies() error {
	var bad error
	err := s.cfg.Store.Iterate([]byte(tallyPrefix), func(k, v []byte) bool {
		if len(k) != len(tallyPrefix)+32 || len(v) != 16 {
			bad = fmt.Errorf("settler: journal record %x is damaged", k)
			return false
		}
		s.tallies = append(s.tallies, openTally{key: solana.PublicKey(k[len(tallyPrefix):]), height: binary.LittleEndian.Uint64(v),
			generation: binary.LittleEndian.Uint32(v[8:]), epoch: binary.LittleEndian.Uint32(v[12:])})
		return true
	})
	return errors.Join(err, bad)
}

// noteTally journals that the job's tally may be opened.
func (s *Settler) noteTally(j *job) error {
	key, _ := s.addr.Tally(j.digest, j.cert.View)
	if slices.ContainsFunc(s.tallies, func(o openTally) bool { return o.key == key }) {
		return nil
	}
	o := openTally{key: key, height: j.header.Height, generation: j.header.Generation, epoch: j.header.Epoch}
	if err := s.cfg.Store.Write([]ledger.Change{o.record()}); err != nil {
		return fmt.Errorf("journalling the tally of height %d: %w", o.height, err)
	}
	s.tallies, s.tallied = append(s.tallies, o), time.Now()
	return nil
}

// closeTallies gets rent back, now and then.
func (s *Settler) closeTallies(ctx context.Context, final *vault.Vault) error {
	if s.cfg.Disabled || len(s.tallies) == 0 || time.Now().Before(s.tallyLook) {
		return nil
	}
	s.tallyLook = time.Now().Add(s.cfg.tallyPause())
	mine, err := s.myTallies(ctx, final)
	if err != nil || len(mine) == 0 {
		return err
	}
	if s.closing != nil {
		height, err := s.cfg.RPC.GetBlockHeight(ctx, rpc.CommitmentFinalized)
		if err != nil {
			return fmt.Errorf("asking for the block height: %w", err)
		}
		if height <= s.closing.valid {
			if time.Now().After(s.closing.again) {
				s.closing.again = time.Now().Add(resendAfter)
				_ = s.deliver(ctx, s.closing.raw, false) // the tallies show what came of it
			}
			return nil
		}
		s.closing = nil
	}
	if len(mine) < closings && time.Since(s.tallied) < s.cfg.closeAfter() {
		return nil
	}
	b := build{what: "close tallies"}
	for _, o := range mine[:min(len(mine), closings)] {
		b.ixs = append(b.ixs, s.addr.CloseTally(o.key, s.cfg.payerKey()))
	}
	hash, err := LatestBlockhash(ctx, s.cfg.RPC)
	if err != nil {
		return err
	}
	t, err := s.sign(b, hash.Blockhash, basePrice)
	if err != nil {
		return err
	}
	s.closing = &closing{raw: t.Raw, valid: hash.LastValidBlockHeight, again: time.Now().Add(resendAfter)}
	if refused := refusal(s.deliver(ctx, t.Raw, false)); refused != nil {
		s.closing = nil
		return fmt.Errorf("closing tallies: %w", refused)
	}
	return nil
}

// myTallies are those that are past and that this settler's payer opened. The others, and those that are gone, it forgets.
func (s *Settler) myTallies(ctx context.Context, final *vault.Vault) ([]openTally, error) {
	var due []openTally
	for _, o := range s.tallies {
		if len(due) < pagesARead && o.past(final) {
			due = append(due, o)
		}
	}
	if len(due) == 0 {
		return nil, nil
	}
	keys := make([]solana.PublicKey, len(due))
	for i := range due {
		keys[i] = due[i].key
	}
	r, err := s.cfg.RPC.GetMultipleAccountsWithOpts(ctx, keys, &rpc.GetMultipleAccountsOpts{Encoding: solana.EncodingBase64, Commitment: rpc.CommitmentFinalized})
	if err != nil {
		return nil, fmt.Errorf("reading tallies: %w", err)
	}
	if len(r.Value) != len(keys) {
		return nil, errors.New("reading tallies: an answer of another length")
	}
	var mine []openTally
	gone := map[solana.PublicKey]bool{}
	var changes []ledger.Change
	for i, a := range r.Value {
		if a != nil && a.Data != nil {
			if t, err := vault.DecodeTally(a.Data.GetBinary()); err == nil && t.Payer == s.cfg.payerKey() {
				mine = append(mine, due[i])
				continue
			}
		}
		gone[keys[i]] = true
		changes = append(changes, ledger.Change{Key: due[i].record().Key})
	}
	if len(changes) == 0 {
		return mine, nil
	}
	if err := s.cfg.Store.Write(changes); err != nil {
		return nil, fmt.Errorf("forgetting tallies: %w", err)
	}
	s.tallies = slices.DeleteFunc(s.tallies, func(o openTally) bool { return gone[o.key] })
	s.closing = nil
	return mine, nil
}

// The pauses shrink with a poll that is quicker than the default, as tests and local networks have it.
func (c *SettlerConfig) tallyPause() time.Duration { return c.shrunk(tallyPause) }
func (c *SettlerConfig) closeAfter() time.Duration { return c.shrunk(closeAfter) }

func (c *SettlerConfig) shrunk(d time.Duration) time.Duration {
	return min(d, time.Duration(float64(d)*float64(c.Poll)/float64(defaultSettlerPoll)))
}
