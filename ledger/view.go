package ledger

import (
	"encoding/binary"
	"slices"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/network"
)

// A View reads a state. Its methods are safe for concurrent use where the Store is, and fail only as the Store fails.
type View struct {
	file    *network.File
	net     *intent.Network
	table   Store
	head    head
	members []network.Member
}

// An Entry is a place in a purse of the vault: what one owner holds of one mint.
type Entry struct {
	Mint          intent.Key
	Number        uint32
	Owner         intent.Key
	Balance       uint64
	Requested     uint64 // the withdrawal asked for on chain; 0: none
	RequestNumber uint64 // of the event that asked for it; 0: none
}

// Spendable is what moves may take: max(0, balance - requested).
func (e Entry) Spendable() uint64 { return e.Balance - min(e.Balance, e.Requested) }

// A Session is what a wallet lets another key do in one mint.
type Session struct {
	Key     intent.Key
	Mint    intent.Key
	Max     uint64 // limit of the volume, gross, fees included
	Used    uint64
	Expires int64
	Actions []intent.Action // sorted
}

// May says whether the session allows an action.
func (s *Session) May(a intent.Action) bool { return slices.Contains(s.Actions, a) }

// File is the network file.
func (v *View) File() *network.File { return v.file }

// Cut is the point of the event chain up to which the state counts.
func (v *View) Cut() Cut { return v.head.cut }

// Floor is the vault's floor at the cut.
func (v *View) Floor() uint64 { return v.head.floor }

// Epoch is the vault's epoch at the cut.
func (v *View) Epoch() uint32 { return v.head.epoch }

// Generation is the vault's generation at the cut.
func (v *View) Generation() uint32 { return v.head.generation }

// Members is the committee of the height after this state. Callers do not change it.
func (v *View) Members() []network.Member { return v.members }

// Account is the account of (wallet, mint): the wallet's lowest-numbered entry of the purse. ok is false without one.
func (v *View) Account(wallet, mint intent.Key) (e Entry, ok bool, err error) {
	n, err := v.table.Get(pairKey(kindAccount, wallet, mint))
	if err != nil || n == nil {
		return Entry{}, false, err
	}
	if len(n) != 4 {
		return Entry{}, false, corrupt("an account", n)
	}
	return v.Entry(mint, binary.BigEndian.Uint32(n))
}

// Entry is an entry by number.
func (v *View) Entry(mint intent.Key, number uint32) (e Entry, ok bool, err error) {
	return getEntry(v.table, mint, number)
}

func getEntry(s Store, mint intent.Key, number uint32) (e Entry, ok bool, err error) {
	key := entryKey(mint, number)
	b, err := s.Get(key)
	if err != nil || b == nil {
		return Entry{}, false, err
	}
	e, err = parseEntry(key, b)
	return e, err == nil, err
}

// Entries are the accounts of a wallet, in the network file's order of mints.
func (v *View) Entries(wallet intent.Key) ([]Entry, error) {
	var out []Entry
	for _, m := range v.file.Mints {
		e, ok, err := v.Account(wallet, m.Mint)
		if err != nil {
			return nil, err
		}
		if ok {
			out = append(out, e)
		}
	}
	return out, nil
}

// HasEntry says whether the wallet has an account in any mint.
func (v *View) HasEntry(wallet intent.Key) (bool, error) {
	for _, m := range v.file.Mints {
		n, err := v.table.Get(pairKey(kindAccount, wallet, m.Mint))
		if err != nil || n != nil {
			return n != nil, err
		}
	}
	return false, nil
}

// EntriesOf visits every entry of a purse by number until fn returns false.
func (v *View) EntriesOf(mint intent.Key, fn func(Entry) bool) error {
	var bad error
	err := v.table.Iterate(append([]byte{kindEntry}, mint[:]...), func(key, value []byte) bool {
		e, err := parseEntry(key, value)
		bad = err
		return err == nil && fn(e)
	})
	if err != nil {
		return err
	}
	return bad
}

// Total is the sum of balances of a mint.
func (v *View) Total(mint intent.Key) (uint64, error) { return readCounter(v.table, mintKey(mint)) }

// Item is the owner of an item; ok is false if it does not exist.
func (v *View) Item(item string) (owner intent.Key, ok bool, err error) {
	b, err := v.table.Get(textKey(kindItem, item))
	if err != nil || b == nil {
		return owner, false, err
	}
	if len(b) != len(owner) {
		return owner, false, corrupt("an item", b)
	}
	return intent.Key(b), true, nil
}

// ItemsOf are the items of a wallet in byte order, after the given one ("" for the first), at most limit.
func (v *View) ItemsOf(wallet intent.Key, after string, limit int) ([]string, error) {
	prefix := holdingKey(wallet, "")
	var out []string
	err := v.table.Iterate(prefix, func(key, _ []byte) bool {
		if item := string(key[len(prefix):]); item > after && len(out) < limit {
			out = append(out, item)
		}
		return len(out) < limit
	})
	return out, err
}

// IssuedBy is how many items an issuer has created.
func (v *View) IssuedBy(issuer intent.Key) (uint64, error) {
	return readCounter(v.table, textKey(kindIssuer, issuer.String()))
}

// Sessions are the sessions of a wallet by key and mint. Those that have expired since the height are still among them.
func (v *View) Sessions(wallet intent.Key) ([]Session, error) {
	var out []Session
	var bad error
	err := v.table.Iterate(append([]byte{kindSession}, wallet[:]...), func(key, value []byte) bool {
		var s Session
		s, bad = parseSession(key, value)
		out = append(out, s)
		return bad == nil
	})
	if err == nil {
		err = bad
	}
	return out, err
}

// sessionsOf are the sessions of (wallet, key).
func (v *View) sessionsOf(wallet, key intent.Key) ([]Session, error) {
	var out []Session
	var bad error
	err := v.table.Iterate(pairKey(kindSession, wallet, key), func(key, value []byte) bool {
		var s Session
		s, bad = parseSession(key, value)
		out = append(out, s)
		return bad == nil
	})
	if err == nil {
		err = bad
	}
	return out, err
}

// NonceWindow is the window of (wallet, signing key); the wallet's own key is the wallet.
func (v *View) NonceWindow(wallet, signer intent.Key) (Nonces, error) {
	w, _, err := v.window(wallet, signer)
	return w, err
}

func (v *View) window(wallet, signer intent.Key) (w Nonces, ok bool, err error) {
	b, err := v.table.Get(pairKey(kindWindow, wallet, signer))
	if err != nil || b == nil {
		return Nonces{}, false, err
	}
	w, err = parseWindow(b)
	return w, err == nil, err
}

// windowKeys are the session keys of a wallet whose windows are not forgotten at a time.
func (v *View) windowKeys(wallet intent.Key, now int64) ([]intent.Key, error) {
	var out []intent.Key
	var bad error
	err := v.table.Iterate(append([]byte{kindWindow}, wallet[:]...), func(key, value []byte) bool {
		var w Nonces
		if w, bad = parseWindow(value); w.Until > now {
			out = append(out, intent.Key(key[33:]))
		}
		return bad == nil
	})
	if err == nil {
		err = bad
	}
	return out, err
}
