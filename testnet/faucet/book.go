package faucet

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/phantom-paradox/paradox/intent"
)

// maxRecords bounds the wallets that had a gift in one period: the file stays below 2 MB, which is written anew for each gift.
const maxRecords = 4096

// maxBook is more than so many records take.
const maxBook = 8 << 20

// The states of a part of a gift. Between begun and sent nothing leaves this machine.
const (
	begun = ""
	none  = "none" // this gift has no such part
	sent  = "sent" // perhaps
	done  = "done"
)

// A part is a transaction of a gift.
type part struct {
	State     string `json:"state"`
	Signature string `json:"signature,omitempty"`
}

// A record is one wallet's gift.
type record struct {
	Wallet  intent.Key `json:"wallet"`
	From    string     `json:"from,omitempty"` // who asked: an address, or a network of IPv6
	Request string     `json:"request,omitempty"`
	Time    int64      `json:"time"`
	SOL     part       `json:"sol"`
	Tokens  part       `json:"tokens"`
}

func over(p part) bool { return p.State == done || p.State == none }

func (r *record) complete() bool { return over(r.SOL) && over(r.Tokens) }

// empty says that nothing of it can have left.
func (r *record) empty() bool {
	for _, p := range []part{r.SOL, r.Tokens} {
		if p.State != begun && p.State != none {
			return false
		}
	}
	return true
}

// A book remembers who got what. It is in the caller's lock.
type book struct {
	path    string
	network intent.Hash
	unlock  func() error
	list    []*record // the oldest first
}

type bookFile struct {
	Version int         `json:"version"`
	Network intent.Hash `json:"network"`
	Records []*record   `json:"records"`
}

const bookVersion = 1

// openBook locks the file, so that no second faucet gives by it, and reads it.
func openBook(path string, net intent.Hash) (*book, error) {
	unlock, err := lock(path + ".lock")
	if err != nil {
		return nil, err
	}
	b := &book{path: path, network: net, unlock: unlock}
	if err := b.load(); err != nil {
		return nil, errors.Join(err, unlock())
	}
	return b, nil
}

func (b *book) load() error {
	text, err := os.ReadFile(b.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("faucet: state: %w", err)
	}
	list, err := parseBook(text, b.network)
	if err != nil {
		return fmt.Errorf("faucet: state %s: %w; name another --state, or delete it to forget who had gifts", b.path, err)
	}
	b.list = list
	return nil
}

// parseBook reads a state file.
func parseBook(text []byte, net intent.Hash) ([]*record, error) {
	if len(text) > maxBook {
		return nil, fmt.Errorf("it has %d bytes", len(text))
	}
	var f bookFile
	if err := json.Unmarshal(text, &f); err != nil {
		return nil, err
	}
	switch {
	case f.Version != bookVersion:
		return nil, fmt.Errorf("version %d is not %d", f.Version, bookVersion)
	case f.Network != net:
		return nil, fmt.Errorf("it is of the network %s, not %s", f.Network, net)
	case len(f.Records) > maxRecords:
		return nil, fmt.Errorf("it has %d records", len(f.Records))
	}
	seen := map[intent.Key]bool{}
	for _, r := range f.Records {
		if r == nil || seen[r.Wallet] {
			return nil, errors.New("a record is empty, or stands twice")
		}
		seen[r.Wallet] = true
		for _, p := range []part{r.SOL, r.Tokens} {
			if p.State != begun && p.State != none && p.State != sent && p.State != done {
				return nil, fmt.Errorf("%q is no state", p.State)
			}
		}
	}
	return f.Records, nil
}

// save puts everything on disk before it returns.
func (b *book) save() error {
	text, err := json.Marshal(bookFile{bookVersion, b.network, b.list})
	if err != nil {
		return fmt.Errorf("faucet: encoding the state: %w", err)
	}
	f, err := os.OpenFile(b.path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err == nil {
		_, err = f.Write(text)
		err = errors.Join(err, f.Sync(), f.Close())
	}
	if err == nil {
		err = os.Rename(b.path+".new", b.path)
	}
	if err == nil {
		err = syncDir(filepath.Dir(b.path))
	}
	if err != nil {
		return fmt.Errorf("faucet: writing the state: %w", err)
	}
	return nil
}

func (b *book) close() error { return b.unlock() }

// prune forgets what is older.
func (b *book) prune(before time.Time) {
	n := 0
	for n < len(b.list) && b.list[n].Time <= before.Unix() {
		n++
	}
	b.list = b.list[n:]
}

func (b *book) of(wallet intent.Key) *record {
	for _, r := range b.list {
		if r.Wallet == wallet {
			return r
		}
	}
	return nil
}

// from counts the gifts of an address and gives the oldest.
func (b *book) from(address string) (n int, oldest *record) {
	for _, r := range b.list {
		if r.From != address {
			continue
		}
		if oldest == nil {
			oldest = r
		}
		n++
	}
	return n, oldest
}

func (b *book) add(r *record) bool {
	if len(b.list) >= maxRecords {
		return false
	}
	b.list = append(b.list, r)
	return true
}

func (b *book) forget(r *record) {
	for i := range b.list {
		if b.list[i] == r {
			b.list = append(b.list[:i:i], b.list[i+1:]...)
			return
		}
	}
}
