package ledger

import (
	"encoding/binary"
	"fmt"

	"github.com/phantom-paradox/paradox/intent"
)

// What a wallet's sessions can make the state grow by: INTENT.md.
const (
	// MaxSessions is the most live sessions of a wallet.
	MaxSessions = 16
	// MaxWindows is the most session-key windows of a wallet: they outlive their sessions.
	MaxWindows = 64
)

func beUint64(b []byte) uint64 { return binary.BigEndian.Uint64(b) }

// refuse builds a refusal.
func refuse(code intent.Code, field, format string, args ...any) *intent.Error {
	return &intent.Error{Code: code, Field: field, Detail: fmt.Sprintf(format, args...)}
}

// A judge looks intents up against an opening and remembers what it has read. It is what Admit, Select and Execute have
// in common, so that they cannot disagree. One goroutine uses it; a failure of the Store is kept in err.
type judge struct {
	o   *Opening
	now int64
	err error

	numbers  map[intent.Key]uint32 // wallets and signing keys, interned
	keys     []intent.Key
	accounts map[accountKey]int32
	accts    []account
	windows  map[windowKey]int32
	wins     []window
	live     map[sessionPlace]int32
	sess     []liveSession
	items    map[string]*intent.Key // owners, nil: none
}

type accountKey struct {
	wallet uint32
	mint   intent.Key
}

// account is an account as the opening has it; ok is false where there is none.
type account struct {
	Entry
	wallet uint32
	ok     bool
}

type windowKey struct{ wallet, signer uint32 }

// window is a nonce window that an intent touches.
type window struct {
	windowKey
	nonces Nonces  // as opened, used nonces added while a height is written
	before *Nonces // what the table holds; nil: nothing
	dirty  bool
}

type sessionPlace struct {
	wallet, signer uint32
	mint           intent.Key
}

// liveSession is a session that an intent signs under.
type liveSession struct {
	Session
	wallet uint32
	ok     bool
	spent  uint64 // by the batch that is being written
}

func newJudge(o *Opening, now int64) *judge {
	return &judge{
		o: o, now: now,
		numbers:  make(map[intent.Key]uint32),
		accounts: make(map[accountKey]int32),
		windows:  make(map[windowKey]int32),
		live:     make(map[sessionPlace]int32),
		items:    make(map[string]*intent.Key),
	}
}

func (j *judge) number(k intent.Key) uint32 {
	n, ok := j.numbers[k]
	if !ok {
		n = uint32(len(j.keys))
		j.numbers[k] = n
		j.keys = append(j.keys, k)
	}
	return n
}

func (j *judge) fail(err error) {
	if err != nil && j.err == nil {
		j.err = err
	}
}

// account gives the place of an account in accts.
func (j *judge) account(wallet uint32, mint intent.Key) int32 {
	k := accountKey{wallet, mint}
	n, ok := j.accounts[k]
	if !ok {
		e, found, err := j.o.Account(j.keys[wallet], mint)
		j.fail(err)
		n = int32(len(j.accts))
		j.accounts[k] = n
		j.accts = append(j.accts, account{Entry: e, wallet: wallet, ok: found})
	}
	return n
}

// window gives the place of a window in wins. A window whose time is over is as good as none.
func (j *judge) window(wallet, signer uint32) int32 {
	k := windowKey{wallet, signer}
	n, ok := j.windows[k]
	if !ok {
		w, found, err := j.o.window(j.keys[wallet], j.keys[signer])
		j.fail(err)
		slot := window{windowKey: k}
		if found {
			slot.before = &w
			if w.Until == 0 || w.Until > j.now {
				slot.nonces = w
			}
		}
		n = int32(len(j.wins))
		j.windows[k] = n
		j.wins = append(j.wins, slot)
	}
	return n
}

// session gives the place of a session in sess.
func (j *judge) session(wallet, signer uint32, mint intent.Key) int32 {
	k := sessionPlace{wallet, signer, mint}
	n, ok := j.live[k]
	if !ok {
		key := sessionKey(j.keys[wallet], j.keys[signer], mint)
		v, err := j.o.table.Get(key)
		j.fail(err)
		slot := liveSession{wallet: wallet}
		if v != nil {
			slot.Session, err = parseSession(key, v)
			j.fail(err)
			slot.ok = err == nil
		}
		n = int32(len(j.sess))
		j.live[k] = n
		j.sess = append(j.sess, slot)
	}
	return n
}

// item is the owner of an item, nil if it does not exist.
func (j *judge) item(item string) *intent.Key {
	owner, seen := j.items[item]
	if !seen {
		o, ok, err := j.o.Item(item)
		j.fail(err)
		if ok {
			owner = &o
		}
		j.items[item] = owner
	}
	return owner
}

// facts are what a judge has found out about one intent.
type facts struct {
	from, signer uint32
	win          int32 // its nonce's window
	payer        int32 // account of from in mint: pay, ask, buy
	payee        int32 // account of to: pay
	fee          int32 // fee account, -1 without a fee
	goods        int32 // account of from in the mint that is sold or bought: a fungible ask, its buy; else -1
	session      int32 // that pays; -1: from signs itself
	ask          int32 // a buy's: place among the candidates
}

// cheap is what is checked before the signature: entries, and that the signing key has a session at all.
func (j *judge) cheap(i *intent.Intent, f *facts) *intent.Error {
	*f = facts{from: j.number(i.From), payer: -1, payee: -1, fee: -1, goods: -1, session: -1, ask: -1}
	f.signer = f.from
	if i.Signer != nil {
		f.signer = j.number(*i.Signer)
	}
	if e := j.entries(i, f); e != nil {
		return e
	}
	if i.Signer != nil {
		return j.known(i, *i.Signer, "signer")
	}
	if i.Kind == intent.Revoke {
		return j.known(i, *i.To, "to")
	}
	return nil
}

// entries checks that every account which the intent by itself names has an entry.
func (j *judge) entries(i *intent.Intent, f *facts) *intent.Error {
	switch i.Kind {
	case intent.Pay, intent.Ask, intent.Buy:
		if f.payer = j.account(f.from, *i.Mint); !j.accts[f.payer].ok {
			return noEntry("from", i.From, *i.Mint)
		}
	default:
		if ok, err := j.o.HasEntry(i.From); err != nil || !ok {
			j.fail(err)
			return refuse(intent.NoEntry, "from", "wallet %s has no entry in the vault; open one first", i.From)
		}
		return nil
	}
	if i.Fee > 0 {
		owner := j.number(j.o.file.FeeOwner)
		if f.fee = j.account(owner, *i.Mint); !j.accts[f.fee].ok {
			return noEntry("mint", j.o.file.FeeOwner, *i.Mint)
		}
	}
	if i.Kind == intent.Pay {
		if f.payee = j.account(j.number(*i.To), *i.Mint); !j.accts[f.payee].ok {
			return noEntry("to", *i.To, *i.Mint)
		}
	}
	if mint, ok := intent.ItemMint(i.Item); ok && i.Kind == intent.Ask {
		if f.goods = j.account(f.from, mint); !j.accts[f.goods].ok {
			return noEntry("from", i.From, mint)
		}
	}
	return nil
}

func noEntry(field string, wallet, mint intent.Key) *intent.Error {
	return refuse(intent.NoEntry, field, "%s has no entry for mint %s in the vault; open one first", wallet, mint)
}

// known checks that a key has a session with the wallet.
func (j *judge) known(i *intent.Intent, key intent.Key, field string) *intent.Error {
	if i.Mint != nil {
		if n := j.session(j.number(i.From), j.number(key), *i.Mint); j.sess[n].ok {
			return nil
		}
	}
	list, err := j.o.sessionsOf(i.From, key)
	j.fail(err)
	if err == nil && len(list) == 0 {
		return refuse(intent.UnknownSession, field, "%s has no session of wallet %s", key, i.From)
	}
	return nil
}

// tolerance is how far a node's door lets `created` lie ahead of its clock, in seconds.
const tolerance = 30

// state checks nonce, times, session and item, in this order; slack is the tolerance for created.
func (j *judge) state(i *intent.Intent, f *facts, slack int64) *intent.Error {
	f.win = j.window(f.from, f.signer)
	if e := j.wins[f.win].nonces.Check(i.Nonce); e != nil {
		return e
	}
	switch {
	case j.now >= i.Expires:
		return refuse(intent.Expired, "expires", "it expired at %d, now is %d", i.Expires, j.now)
	case j.now+slack < i.Created:
		return refuse(intent.NotYetValid, "created", "it is good from %d on, now is %d", i.Created, j.now)
	}
	if i.Signer != nil {
		if e := j.authority(i, f); e != nil {
			return e
		}
	}
	switch i.Kind {
	case intent.Ask:
		if f.goods < 0 && j.item(i.Item) == nil {
			return refuse(intent.UnknownItem, "item", "there is no item %s", i.Item)
		}
	case intent.Issue:
		if j.item(i.Item) != nil {
			return refuse(intent.ItemExists, "item", "%s exists", i.Item)
		}
	}
	return nil
}

// authority checks what a session key signs.
func (j *judge) authority(i *intent.Intent, f *facts) *intent.Error {
	if i.Kind == intent.Cancel {
		return j.mayCancel(i)
	}
	n := j.session(f.from, f.signer, *i.Mint)
	s := &j.sess[n]
	if !s.ok {
		return refuse(intent.ActionNotAllowed, "mint", "the session is not for mint %s", *i.Mint)
	}
	if s.Expires <= j.now {
		return refuse(intent.SessionExpired, "signer", "the session expired at %d, now is %d", s.Expires, j.now)
	}
	if !s.May(intent.Action(i.Kind)) {
		return refuse(intent.ActionNotAllowed, "kind", "the session may not %s", i.Kind)
	}
	if left := s.Max - s.Used; i.Amount > left || i.Fee > left-i.Amount {
		return refuse(intent.SessionVolume, "amount", "needs %d, has %d of the session's volume", i.Amount+i.Fee, left)
	}
	f.session = n
	return nil
}

// mayCancel looks for any session of the key that may cancel: a cancel spends nothing, so the mint does not matter.
func (j *judge) mayCancel(i *intent.Intent) *intent.Error {
	list, err := j.o.sessionsOf(i.From, *i.Signer)
	j.fail(err)
	expired := true
	for k := range list {
		if list[k].Expires > j.now {
			expired = false
			if list[k].May("cancel") {
				return nil
			}
		}
	}
	if expired {
		return refuse(intent.SessionExpired, "signer", "every session of %s has expired", *i.Signer)
	}
	return refuse(intent.ActionNotAllowed, "kind", "no session of %s may cancel", *i.Signer)
}

// pair checks a buy against its ask; both have passed state.
func (j *judge) pair(buy *intent.Intent, f *facts, ask *intent.Intent) *intent.Error {
	switch {
	case buy.From == ask.From:
		return refuse(intent.SelfTrade, "ask", "the ask is the wallet's own")
	case *buy.Mint != *ask.Mint:
		return refuse(intent.AskMismatch, "mint", "the ask is in mint %s", *ask.Mint)
	case buy.Amount != ask.Amount:
		return refuse(intent.AskMismatch, "amount", "the ask's price is %d", ask.Amount)
	case ask.To != nil && *ask.To != buy.From:
		return refuse(intent.AskMismatch, "from", "the ask is for wallet %s alone", *ask.To)
	}
	if mint, ok := intent.ItemMint(ask.Item); ok {
		if f.goods = j.account(f.from, mint); !j.accts[f.goods].ok {
			return noEntry("from", buy.From, mint)
		}
	}
	return nil
}
