package localnet

import (
	"bufio"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"

	"github.com/gagliardetto/solana-go"
)

// The journal is an append-only file: a header, then records {length u32, CRC-32 u32, payload}, each synced before what it
// holds can be confirmed. A record is a block: {slot u64, unix time u64, count u32, count × {length u16, transaction}}. A
// record with count 0 says only that the slot was reached. A torn record at the end is cut off.
const (
	journalName  = "localnet.journal"
	journalMagic = "paradox localnet 1\n"
	maxRecord    = 64 << 20 // more than a block can hold
)

type journal struct {
	f *os.File // nil: in memory
}

type block struct {
	slot uint64
	time int64
	txs  [][]byte
}

// openJournal opens or begins the journal in dir and hands each block to replay.
func openJournal(dir string, vaults []solana.PublicKey, replay func(seed [32]byte) func(block) error) (*journal, error) {
	if dir == "" {
		var seed [32]byte
		_, _ = rand.Read(seed[:])
		replay(seed)
		return &journal{}, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("localnet: making the ledger's directory: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, journalName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("localnet: opening the journal: %w", err)
	}
	j := &journal{f: f}
	if err := lock(f); err != nil {
		f.Close()
		return nil, fmt.Errorf("localnet: %s is in use by another process: %w", dir, err)
	}
	if err := j.load(vaults, replay); err != nil {
		f.Close()
		return nil, fmt.Errorf("localnet: reading %s: %w", f.Name(), err)
	}
	return j, nil
}

func (j *journal) load(vaults []solana.PublicKey, replay func(seed [32]byte) func(block) error) error {
	info, err := j.f.Stat()
	if err != nil {
		return err
	}
	headerSize := int64(len(journalMagic) + 32 + 1 + 32*len(vaults))
	if info.Size() < headerSize {
		return j.begin(vaults, replay)
	}
	r := bufio.NewReaderSize(j.f, 1<<20)
	h := make([]byte, headerSize)
	if _, err := io.ReadFull(r, h); err != nil {
		return err
	}
	if string(h[:len(journalMagic)]) != journalMagic {
		return errors.New("not a localnet journal")
	}
	h = h[len(journalMagic):]
	if string(h[32:]) != string(programs(vaults)) {
		return errors.New("it was made with other vault programs")
	}
	next := replay([32]byte(h[:32]))
	end := headerSize
	for {
		b, n, err := readRecord(r)
		if err != nil {
			break // torn, or the end
		}
		if err := next(b); err != nil {
			return err
		}
		end += n
	}
	if err := j.f.Truncate(end); err != nil {
		return err
	}
	_, err = j.f.Seek(end, io.SeekStart)
	return err
}

func (j *journal) begin(vaults []solana.PublicKey, replay func(seed [32]byte) func(block) error) error {
	var seed [32]byte
	_, _ = rand.Read(seed[:])
	h := append([]byte(journalMagic), seed[:]...)
	if err := j.f.Truncate(0); err != nil {
		return err
	}
	if _, err := j.f.WriteAt(append(h, programs(vaults)...), 0); err != nil {
		return err
	}
	if _, err := j.f.Seek(0, io.SeekEnd); err != nil {
		return err
	}
	replay(seed)
	return j.f.Sync()
}

func programs(vaults []solana.PublicKey) []byte {
	b := []byte{byte(len(vaults))}
	for _, k := range vaults {
		b = append(b, k[:]...)
	}
	return b
}

func readRecord(r io.Reader) (block, int64, error) {
	var h [8]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return block{}, 0, err
	}
	n := binary.LittleEndian.Uint32(h[:])
	if n > maxRecord {
		return block{}, 0, errors.New("record too long")
	}
	p := make([]byte, n)
	if _, err := io.ReadFull(r, p); err != nil {
		return block{}, 0, err
	}
	if crc32.ChecksumIEEE(p) != binary.LittleEndian.Uint32(h[4:]) {
		return block{}, 0, errors.New("checksum")
	}
	b, err := decodeBlock(p)
	return b, int64(8 + n), err
}

func decodeBlock(p []byte) (block, error) {
	short := errors.New("short record")
	if len(p) < 20 {
		return block{}, short
	}
	le := binary.LittleEndian
	b := block{slot: le.Uint64(p), time: int64(le.Uint64(p[8:]))}
	count := le.Uint32(p[16:])
	p = p[20:]
	for range count {
		if len(p) < 2 || len(p) < 2+int(le.Uint16(p)) {
			return block{}, short
		}
		n := int(le.Uint16(p))
		b.txs = append(b.txs, p[2:2+n])
		p = p[2+n:]
	}
	if len(p) != 0 {
		return block{}, errors.New("long record")
	}
	return b, nil
}

func encodeBlock(b block) []byte {
	le := binary.LittleEndian
	p := le.AppendUint64(nil, b.slot)
	p = le.AppendUint64(p, uint64(b.time))
	p = le.AppendUint32(p, uint32(len(b.txs)))
	for _, t := range b.txs {
		p = append(le.AppendUint16(p, uint16(len(t))), t...)
	}
	return p
}

// write appends a block; it is on disk when write returns.
func (j *journal) write(b block) error {
	if j.f == nil {
		return nil
	}
	p := encodeBlock(b)
	h := binary.LittleEndian.AppendUint32(nil, uint32(len(p)))
	h = binary.LittleEndian.AppendUint32(h, crc32.ChecksumIEEE(p))
	if _, err := j.f.Write(append(h, p...)); err != nil {
		return fmt.Errorf("localnet: writing the journal: %w", err)
	}
	if err := j.f.Sync(); err != nil {
		return fmt.Errorf("localnet: syncing the journal: %w", err)
	}
	return nil
}

func (j *journal) close() error {
	if j.f == nil {
		return nil
	}
	return j.f.Close()
}
