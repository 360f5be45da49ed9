package localnet

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gagliardetto/solana-go"

	"github.com/phantom-paradox/paradox/chain/localnet/bank"
)

// Bounds and habits of the ledger.
const (
	hashWindow      = 150           // slots for which a blockhash is good, as on Solana
	checkpointEvery = 64            // slots after which an empty journal notes where it is
	maxHistory      = 1 << 17       // transactions that are remembered; older ones are pruned, as an RPC node prunes
	faucetLamports  = 500_000_000e9 // the whole supply
	firstSlot       = 64            // past the vault's gap of 32 slots after slot 0
)

// record is a transaction in a block.
type record struct {
	sig   solana.Signature
	raw   []byte
	tx    *solana.Transaction
	slot  uint64
	index int // in its block
	time  int64
	res   *bank.Result
}

type version struct {
	slot uint64
	acc  *bank.Account // nil: gone
}

// book is the ledger: slots, versions of accounts, transactions. The block of slot is open: what is in it is processed, and
// on disk once the slot is over.
type book struct {
	mu       sync.RWMutex
	bank     *bank.Bank
	journal  *journal
	lag      Lag
	slotTime time.Duration
	seed     [32]byte
	faucet   solana.PrivateKey
	drops    uint64 // airdrops made, to tell them apart

	slot     uint64
	noted    uint64 // newest slot in the journal
	broken   error  // the journal failed: nothing more is accepted
	versions map[solana.PublicKey][]version
	records  map[solana.Signature]*record
	order    []*record // oldest first
	byKey    map[solana.PublicKey][]*record
	bySlot   map[uint64][]*record
	hashes   map[solana.Hash]uint64
}

func openBook(cfg Config) (*book, error) {
	b := &book{
		bank: bank.New(cfg.Vault...), lag: cfg.Lag, slotTime: cfg.SlotTime, slot: firstSlot,
		versions: map[solana.PublicKey][]version{}, records: map[solana.Signature]*record{},
		byKey: map[solana.PublicKey][]*record{}, bySlot: map[uint64][]*record{}, hashes: map[solana.Hash]uint64{},
	}
	j, err := openJournal(cfg.Dir, cfg.Vault, func(seed [32]byte) func(block) error {
		b.genesis(seed)
		return b.replay
	})
	if err != nil {
		return nil, err
	}
	b.journal = j
	if b.noted > 0 {
		b.slot = b.noted + checkpointEvery + 1
	}
	for s := b.slot - min(b.slot, hashWindow); s <= b.slot; s++ {
		b.hashes[b.blockhash(s)] = s
	}
	b.noted = b.slot
	if err := j.write(block{slot: b.slot, time: time.Now().Unix()}); err != nil {
		return nil, errors.Join(err, j.close())
	}
	return b, nil
}

func (b *book) genesis(seed [32]byte) {
	b.seed = seed
	key := sha256.Sum256(append([]byte("paradox localnet faucet"), seed[:]...))
	b.faucet = solana.PrivateKey(ed25519.NewKeyFromSeed(key[:]))
	b.put(b.faucet.PublicKey(), 0, &bank.Account{Lamports: faucetLamports, Owner: solana.SystemProgramID})
}

// genesisHash identifies the cluster.
func (b *book) genesisHash() solana.Hash {
	return sha256.Sum256(append([]byte("paradox localnet genesis"), b.seed[:]...))
}

// blockhash is a function of the slot alone, so that empty slots need no record.
func (b *book) blockhash(slot uint64) solana.Hash {
	return sha256.Sum256(binary.LittleEndian.AppendUint64(append([]byte("paradox localnet slot"), b.seed[:]...), slot))
}

// replay executes a block of the journal again.
func (b *book) replay(bl block) error {
	b.slot, b.noted = max(bl.slot, b.slot), bl.slot
	for i, raw := range bl.txs {
		tx, err := decodeTx(raw)
		if err != nil {
			return fmt.Errorf("slot %d, transaction %d: %w", bl.slot, i, err)
		}
		res := b.bank.Execute(b.latest, tx, bl.slot)
		if !res.Charged {
			return fmt.Errorf("slot %d, transaction %d: it fails now: %w", bl.slot, i, res.Err)
		}
		b.add(&record{sig: tx.Signatures[0], raw: raw, tx: tx, slot: bl.slot, time: bl.time, res: res})
	}
	return nil
}

// decodeTx reads a transaction and refuses bytes that it would not make itself.
func decodeTx(raw []byte) (tx *solana.Transaction, err error) {
	defer func() {
		if r := recover(); r != nil { // the decoder's, on hostile lengths
			tx, err = nil, fmt.Errorf("failed to deserialize transaction: %v", r)
		}
	}()
	tx, err = solana.TransactionFromBytes(raw)
	if err != nil {
		return nil, fmt.Errorf("failed to deserialize transaction: %w", err)
	}
	again, err := tx.MarshalBinary()
	if err != nil || string(again) != string(raw) {
		return nil, errors.New("failed to deserialize transaction: not canonical")
	}
	return tx, nil
}

func (b *book) latest(k solana.PublicKey) *bank.Account { return b.at(k, b.slot) }

// at is an account as of a slot.
func (b *book) at(k solana.PublicKey, slot uint64) *bank.Account {
	vs := b.versions[k]
	for i := len(vs) - 1; i >= 0; i-- {
		if vs[i].slot <= slot {
			return vs[i].acc
		}
	}
	return nil
}

// put adds a version, and forgets those that no commitment can show any more.
func (b *book) put(k solana.PublicKey, slot uint64, a *bank.Account) {
	vs := b.versions[k]
	if n := len(vs); n > 0 && vs[n-1].slot == slot {
		vs[n-1].acc = a
		return
	}
	oldest := slot - min(slot, maxLag+maxStale)
	from := 0
	for from+1 < len(vs) && vs[from+1].slot <= oldest {
		from++
	}
	b.versions[k] = append(vs[from:], version{slot, a})
}

// add puts an executed transaction into the block of its slot.
func (b *book) add(r *record) {
	for k, a := range r.res.Writes {
		b.put(k, r.slot, a)
	}
	r.index = len(b.bySlot[r.slot])
	b.bySlot[r.slot] = append(b.bySlot[r.slot], r)
	b.records[r.sig] = r
	b.order = append(b.order, r)
	for _, k := range r.tx.Message.AccountKeys {
		b.byKey[k] = append(b.byKey[k], r)
	}
	if len(b.order) > maxHistory {
		b.prune(b.order[0])
		b.order = b.order[1:]
	}
}

// prune forgets the oldest transaction.
func (b *book) prune(r *record) {
	delete(b.records, r.sig)
	delete(b.bySlot, r.slot)
	for _, k := range r.tx.Message.AccountKeys {
		if l := b.byKey[k]; len(l) > 1 && l[0] == r {
			b.byKey[k] = l[1:]
		} else if len(l) == 1 {
			delete(b.byKey, k)
		}
	}
}

// errors of submit, by Solana's names.
var (
	errAlreadyProcessed = errors.New("AlreadyProcessed")
	errBlockhash        = errors.New("BlockhashNotFound")
)

// submit executes a verified transaction into the open block. With preflight one that fails is left out.
func (b *book) submit(raw []byte, tx *solana.Transaction, preflight bool) (*bank.Result, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.broken != nil {
		return nil, b.broken
	}
	if _, ok := b.records[tx.Signatures[0]]; ok {
		return nil, errAlreadyProcessed
	}
	if s, ok := b.hashes[tx.Message.RecentBlockhash]; !ok || s > b.slot {
		return nil, errBlockhash
	}
	res := b.bank.Execute(b.latest, tx, b.slot)
	if res.Charged && (res.Err == nil || !preflight) {
		b.add(&record{sig: tx.Signatures[0], raw: raw, tx: tx, slot: b.slot, time: time.Now().Unix(), res: res})
	}
	return res, nil
}

// tick ends the slot: its block goes to disk, and the next slot opens.
func (b *book) tick() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.broken != nil {
		return b.broken
	}
	rs := b.bySlot[b.slot]
	if len(rs) > 0 || b.slot-b.noted >= checkpointEvery {
		bl := block{slot: b.slot, time: time.Now().Unix()}
		for _, r := range rs {
			r.time = bl.time
			bl.txs = append(bl.txs, r.raw)
		}
		if err := b.journal.write(bl); err != nil {
			b.broken = err
			return err
		}
		b.noted = b.slot
	}
	b.slot++
	b.hashes[b.blockhash(b.slot)] = b.slot
	if b.slot > hashWindow {
		delete(b.hashes, b.blockhash(b.slot-hashWindow-1))
	}
	return nil
}

// view is the newest slot that a commitment shows.
func (b *book) view(commitment string, stale uint64) uint64 {
	back := min(stale, maxStale)
	switch commitment {
	case "processed", "recent":
	case "confirmed", "single", "singleGossip":
		back += b.lag.Confirmed
	default:
		back += b.lag.Finalized
	}
	return b.slot - min(back, b.slot)
}
