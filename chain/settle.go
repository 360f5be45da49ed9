package chain

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gagliardetto/solana-go"
	"github.com/gagliardetto/solana-go/rpc"
	"github.com/gagliardetto/solana-go/rpc/jsonrpc"

	"github.com/phantom-paradox/paradox/chain/vault"
	"github.com/phantom-paradox/paradox/ledger"
)

// Habits of sending.
const (
	settleGap   = 32              // slots that the vault wants between a settle or drop and the next attest
	resendAfter = 2 * time.Second // the same bytes are sent again, until the blockhash expires
	basePrice   = 1_000           // micro-lamports a compute unit; doubles with each expiry
	maxPrice    = 1_000_000       // at 300,000 units, 0.0003 SOL a transaction
	stepUnits   = 300_000         // compute limit: several times what attest and apply were measured to use

	// chunksAtOnce are sent together when nothing else is on its way. They come in order or not at all: what comes too soon fails,
	// pays its fee and is sent again. Eight ask for a fifth of what a block lets one account use.
	chunksAtOnce = 8

	// refusalsToUndo is how often the vault must refuse a chunk before its height is taken back once the drop time is over.
	refusalsToUndo = 3
)

// work does the next thing for the next job. again says that something is under way.
func (s *Settler) work(ctx context.Context) (again bool, err error) {
	j := s.next()
	if j == nil && len(s.tallies) == 0 {
		return false, nil
	}
	final, slot, err := s.final(ctx)
	if err != nil || final == nil {
		return false, err
	}
	if j == nil {
		return false, s.closeTallies(ctx, final)
	}
	if stage, over := s.ending(j, final); over {
		if err := s.follow(ctx, j); err != nil {
			return true, err
		}
		if err := s.finish(j, stage); err != nil {
			return true, err
		}
		return true, s.closeTallies(ctx, final)
	}
	// What is under way before the vault: else it would be asked for again what it does in between.
	if err := s.follow(ctx, j); err != nil {
		return true, err
	}
	now, nowSlot, err := ReadVault(ctx, s.cfg.RPC, s.addr.Vault, rpc.CommitmentProcessed)
	if err != nil || now == nil {
		return false, err
	}
	if nowSlot < slot {
		now, nowSlot = final, slot
	}
	step, err := s.plan(ctx, j, now, nowSlot)
	if err != nil {
		return true, err
	}
	if s.cfg.Disabled || time.Now().Before(j.from) {
		return false, nil
	}
	step = slices.DeleteFunc(step, func(b build) bool { return j.sends(b.what) })
	if len(step) == 0 {
		return len(j.sent) > 0, nil
	}
	return true, s.sendAll(ctx, j, step)
}

// sendAll sends what can go at once, on one blockhash.
func (s *Settler) sendAll(ctx context.Context, j *job, step []build) error {
	hash, err := LatestBlockhash(ctx, s.cfg.RPC)
	if err != nil {
		return err
	}
	for _, b := range step {
		switch err := s.send(ctx, j, b, hash); {
		case errors.Is(err, errOthers), errors.Is(err, errForgotten):
			return err
		case err != nil:
			s.update(j, func(st *Status) { st.LastError = err.Error() })
			return err
		}
	}
	return nil
}

// final is the vault as it is finalised: what the watcher's sources agree on, or where there is no watcher what the endpoint says.
func (s *Settler) final(ctx context.Context) (*vault.Vault, uint64, error) {
	if s.cfg.Watcher != nil {
		v, slot := s.cfg.Watcher.seen()
		return v, slot, nil
	}
	return ReadVault(ctx, s.cfg.RPC, s.addr.Vault, rpc.CommitmentFinalized)
}

// ending says whether the finalised vault shows that a job is over.
func (s *Settler) ending(j *job, v *vault.Vault) (Stage, bool) {
	h := j.header
	switch {
	case v.Height == h.Height && v.LastDigest == j.digest:
		return StageSettled, true
	case v.Height == h.Height:
		return StageDropped, true
	case v.Height > h.Height:
		return s.passed(j, v), true
	case v.Generation > h.Generation || v.Epoch > h.Epoch:
		return StageDropped, true
	}
	return "", false
}

// passed says what became of a job whose height the vault has left behind.
func (s *Settler) passed(j *job, v *vault.Vault) Stage {
	if s.cfg.Watcher != nil {
		if e, ok := s.cfg.Watcher.Settled(j.header.Height); ok && e.Digest == j.digest {
			return StageSettled
		} else if ok {
			return StageDropped
		}
	}
	if v.Generation == j.header.Generation { // no header of an instance but one can be certified
		return StageSettled
	}
	return StagePassed
}

func (s *Settler) finish(j *job, stage Stage) error {
	s.update(j, func(st *Status) {
		st.Stage, st.LastError = stage, ""
		if stage == StageSettled {
			st.Applied = st.Chunks
		}
	})
	s.mu.Lock()
	j.sent = nil
	record := j.encode()
	s.mu.Unlock()
	s.cfg.Logger.Info("settler: height over", "height", j.header.Height, "stage", stage)
	return s.write(j, ledger.Change{Key: j.journalKey(), Value: record}, ledger.Change{Key: j.sentKey(), Value: j.encodeSent()})
}

// build is a transaction to be: what it is for, and its instructions.
type build struct {
	what   string
	ixs    []solana.Instruction
	behind bool   // another that is sent with it must come first
	first  uint64 // how many come behind it
}

// plan says what the chain lacks, and notes how far it is.
func (s *Settler) plan(ctx context.Context, j *job, v *vault.Vault, slot uint64) ([]build, error) {
	p := v.Pending
	switch {
	case v.Height+1 < j.header.Height:
		s.progress(j, StageWaiting, 0, "")
		return nil, nil
	case v.Height+1 != j.header.Height || v.Epoch != j.header.Epoch || v.Generation != j.header.Generation:
		return nil, nil // it is over, and ending says so once that is final
	case p == nil:
		return s.planAttest(ctx, j, v, slot)
	case p.Digest != j.digest:
		s.progress(j, StageWaiting, 0, "")
		return nil, nil
	case p.Reversing:
		return s.planUndo(j, p)
	}
	for i, head := range j.heads[:len(j.chunks)] {
		if head != p.NextHead {
			continue
		}
		s.progress(j, StageApplying, i, fmt.Sprintf("apply %d", i))
		if j.refused >= refusalsToUndo && slot > p.Since+s.cfg.File.DropTime {
			return s.planUndo(j, p) // it cannot be completed, or not as the vault is now: whoever holds its chunks takes it back
		}
		return s.planApply(j, i)
	}
	return nil, fmt.Errorf("%w: height %d is pending at a head that is not the job's", ErrJob, j.header.Height)
}

// planApply are the next chunk and those behind it; the next alone while it is not known what becomes of one that was sent.
func (s *Settler) planApply(j *job, next int) ([]build, error) {
	n := min(chunksAtOnce, len(j.chunks)-next)
	if slices.ContainsFunc(j.sent, func(t sent) bool { return !t.landed }) {
		n = 1
	}
	var out []build
	for i := range n {
		ix, err := s.addr.Apply(j.chunks[next+i], j.heads[next+i+1])
		if err != nil {
			return nil, err
		}
		out = append(out, build{what: fmt.Sprintf("apply %d", next+i), ixs: []solana.Instruction{ix}, behind: i > 0, first: uint64(n - 1 - i)})
	}
	return out, nil
}

// progress notes how far the chain is. When it moved by someone else's hand, the job is left to that one for another delay.
func (s *Settler) progress(j *job, stage Stage, applied int, mark string) {
	s.update(j, func(st *Status) { st.Stage, st.Applied = stage, applied })
	if mark == j.seen {
		return
	}
	if j.seen != "" && len(j.sent) == 0 && time.Now().Before(j.from) {
		j.from = time.Now().Add(j.delay)
	}
	j.seen, j.refused = mark, 0
}

// planAttest picks signatures that the tally lacks, just enough for a quorum, six a transaction.
func (s *Settler) planAttest(ctx context.Context, j *job, v *vault.Vault, slot uint64) ([]build, error) {
	if slot < v.LastSlot+settleGap || j.header.Cut.Number > v.EventNumber {
		s.progress(j, StageWaiting, 0, "")
		return nil, nil
	}
	key, _ := s.addr.Tally(j.digest, j.cert.View)
	bitmap := uint32(0)
	d, _, err := readAccount(ctx, s.cfg.RPC, key, rpc.CommitmentProcessed)
	if err != nil {
		return nil, err
	}
	if t, err := vault.DecodeTally(d); d != nil && err == nil {
		bitmap = t.Bitmap
	}
	s.progress(j, StageAttesting, 0, fmt.Sprintf("attest %x", bitmap))
	var groups [][]vault.Signed
	full := bitmap
	for _, m := range j.cert.Signatures {
		i := v.MemberIndex(m.Member)
		if i < 0 || full&(1<<i) != 0 || v.Weight(full) > v.Threshold {
			continue
		}
		full |= 1 << i
		if n := len(groups); n == 0 || len(groups[n-1]) == vault.MaxSignatures {
			groups = append(groups, nil)
		}
		groups[len(groups)-1] = append(groups[len(groups)-1], vault.Signed{Member: m.Member, Signature: m.Sig})
	}
	h := j.header
	message := vault.Commit{Network: s.hash, Epoch: h.Epoch, Height: h.Height, Generation: h.Generation, View: j.cert.View, Digest: j.digest}.Message()
	var out []build
	for _, g := range groups {
		out = append(out, build{what: fmt.Sprintf("attest %x", g[0].Member[:8]), ixs: []solana.Instruction{
			vault.Signatures(message, g), s.addr.Attest(s.cfg.payerKey(), j.at, j.digest, j.cert.View),
		}})
	}
	return out, nil
}

func (c *SettlerConfig) payerKey() solana.PublicKey {
	if len(c.Payer) != 64 {
		return solana.PublicKey{}
	}
	return c.Payer.PublicKey()
}

// planUndo takes the newest chunk back, or drops the height when none is applied.
func (s *Settler) planUndo(j *job, p *vault.Pending) ([]build, error) {
	for i, acc := range j.accs {
		if acc != p.Accumulator {
			continue
		}
		if p.Reversing {
			s.progress(j, StageUndoing, i, fmt.Sprintf("undo %d", i))
		}
		if i == 0 {
			return []build{{what: "drop", ixs: []solana.Instruction{s.addr.Drop()}}}, nil
		}
		ix, err := s.addr.Unapply(j.chunks[i-1], j.accs[i-1])
		if err != nil {
			return nil, err
		}
		return []build{{what: fmt.Sprintf("unapply %d", i), ixs: []solana.Instruction{ix}}}, nil
	}
	return nil, fmt.Errorf("%w: height %d is being undone from chunks that are not the job's", ErrJob, j.header.Height)
}

// follow looks after what is under way: done, failed, expired, or to be sent again.
func (s *Settler) follow(ctx context.Context, j *job) error {
	if len(j.sent) == 0 {
		return nil
	}
	sigs := make([]solana.Signature, len(j.sent))
	for i := range j.sent {
		sigs[i] = j.sent[i].signature()
	}
	// Height before statuses: a transaction not shown after its last height was finalised can never be.
	height, err := s.cfg.RPC.GetBlockHeight(ctx, rpc.CommitmentFinalized)
	if err != nil {
		return fmt.Errorf("asking for the block height: %w", err)
	}
	st, err := s.cfg.RPC.GetSignatureStatuses(ctx, true, sigs...)
	if err != nil {
		return fmt.Errorf("asking for transactions under way: %w", err)
	}
	if len(st.Value) != len(sigs) {
		return errors.New("asking for transactions under way: an answer of another length")
	}
	var left []sent
	for i := range j.sent {
		t := j.sent[i]
		t.landed = st.Value[i] != nil
		switch v := st.Value[i]; {
		case v == nil && height > t.Valid:
			j.price = min(max(2*j.price, basePrice), maxPrice)
			s.cfg.Logger.Info("settler: a transaction expired", "height", j.header.Height, "step", t.What, "price", j.price)
		case v == nil:
			if time.Now().After(t.again) {
				t.again = time.Now().Add(resendAfter)
				_ = s.deliver(ctx, t.Raw, t.Behind) // what the cluster thinks of it shows in its status
			}
			left = append(left, t)
		case v.Err != nil:
			code, known := vault.CodeOf(v.Err)
			if known && othersCode(code) {
				s.cfg.Logger.Debug("settler: another was quicker", "height", j.header.Height, "step", t.What, "code", uint32(code))
				continue
			}
			if known {
				j.refused++
			}
			s.update(j, func(st *Status) { st.LastError = fmt.Sprintf("%s: %v (%v)", t.What, v.Err, code) })
		case v.ConfirmationStatus == rpc.ConfirmationStatusProcessed:
			left = append(left, t)
		default:
			s.update(j, func(st *Status) { st.Confirmed++ })
		}
	}
	if len(left) == len(j.sent) {
		j.sent = left
		return nil
	}
	j.sent = left
	return s.write(j, ledger.Change{Key: j.sentKey(), Value: j.encodeSent()})
}

// send builds, journals and sends a transaction.
func (s *Settler) send(ctx context.Context, j *job, b build, hash *rpc.LatestBlockhashResult) error {
	// A leader takes the dearest first: a third of a lamport keeps what is sent together in order.
	t, err := s.sign(b, hash.Blockhash, max(j.price, basePrice)+b.first)
	if err != nil {
		return err
	}
	t.Valid, t.again = hash.LastValidBlockHeight, time.Now().Add(resendAfter)
	if strings.HasPrefix(b.what, "attest") {
		if err := s.noteTally(j); err != nil {
			return err
		}
	}
	j.sent = append(j.sent, *t)
	if err := s.write(j, ledger.Change{Key: j.sentKey(), Value: j.encodeSent()}); err != nil {
		j.sent = j.sent[:len(j.sent)-1]
		return fmt.Errorf("journalling %s of height %d: %w", b.what, j.header.Height, err)
	}
	err = s.deliver(ctx, t.Raw, t.Behind)
	if refused := refusal(err); refused != nil { // it was not taken: what the chain lacks is looked at anew
		j.sent = j.sent[:len(j.sent)-1]
		if _, ok := errors.AsType[vault.Code](refused); ok && !errors.Is(refused, errOthers) {
			j.refused++
		}
		err = errors.Join(refused, s.write(j, ledger.Change{Key: j.sentKey(), Value: j.encodeSent()}))
		return fmt.Errorf("sending %s of height %d: %w", b.what, j.header.Height, err)
	}
	s.update(j, func(st *Status) {
		st.Transactions++
		st.Signatures = append(st.Signatures, t.signature())
		st.Signatures = st.Signatures[max(0, len(st.Signatures)-maxSignatures):]
	})
	if err != nil {
		return fmt.Errorf("sending %s of height %d: %w", b.what, j.header.Height, err)
	}
	return nil
}

func (s *Settler) sign(b build, hash solana.Hash, price uint64) (*sent, error) {
	ixs := append([]solana.Instruction{vault.ComputeLimit(stepUnits), vault.ComputePrice(price)}, b.ixs...)
	tx, err := solana.NewTransaction(ixs, hash, solana.TransactionPayer(s.cfg.payerKey()))
	if err != nil {
		return nil, fmt.Errorf("building %s: %w", b.what, err)
	}
	if _, err := tx.Sign(func(solana.PublicKey) *solana.PrivateKey { return &s.cfg.Payer }); err != nil {
		return nil, fmt.Errorf("signing %s: %w", b.what, err)
	}
	raw, err := tx.MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("building %s: %w", b.what, err)
	}
	return &sent{What: b.what, Raw: raw, Sig: tx.Signatures[0][:], Behind: b.behind}, nil
}

// deliver sends. What is behind another cannot be simulated before that one is processed.
func (s *Settler) deliver(ctx context.Context, raw []byte, behind bool) error {
	_, err := s.cfg.RPC.SendRawTransactionWithOpts(ctx, raw, rpc.TransactionOpts{PreflightCommitment: rpc.CommitmentProcessed, SkipPreflight: behind})
	if err != nil && strings.Contains(err.Error(), "AlreadyProcessed") {
		return nil
	}
	return err
}

// refusal is not nil if the cluster simulated a transaction and would not take it. Other errors leave open whether it arrived.
func refusal(err error) error {
	var said *jsonrpc.RPCError
	if !errors.As(err, &said) || said.Code != preflightFailed {
		return nil
	}
	var data struct {
		Err any `json:"err"`
	}
	if b, err := json.Marshal(said.Data); err == nil && json.Unmarshal(b, &data) == nil {
		switch code, ok := vault.CodeOf(data.Err); {
		case ok && othersCode(code):
			return fmt.Errorf("%w: %w", errOthers, code)
		case ok:
			return fmt.Errorf("%w: %s", code, said.Message)
		}
	}
	return errors.New(said.Message)
}

// errOthers says that the vault is further than it was when a transaction was built: someone else did the step.
var errOthers = errors.New("the vault has gone on meanwhile")

// othersCode says whether a code is what two who submit the same get.
func othersCode(c vault.Code) bool {
	switch c {
	case vault.WrongChunk, vault.RepeatedMember, vault.HeightPending, vault.NothingPending, vault.Reversing, vault.WrongEpoch, vault.WrongHeight,
		vault.WrongGeneration, vault.NothingApplied:
		return true
	}
	return false
}

// preflightFailed is Solana's code for a simulation that failed.
const preflightFailed = -32002

// maxSignatures bounds what a status lists: the newest transactions of a job.
const maxSignatures = 128
