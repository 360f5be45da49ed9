package ledger

import (
	"github.com/phantom-paradox/paradox/intent"
)

// An AskLookup finds a pooled ask.
type AskLookup func(id intent.ID) (*intent.Signed, bool)

// AdmitCheap is what a door checks before the signature: no_entry, unknown_session. The intent has passed Check.
// A refusal is an *intent.Error; any other error is the Store's.
func (o *Opening) AdmitCheap(i *intent.Intent) error {
	j := newJudge(o, 0)
	var f facts
	return answer(j, j.cheap(i, &f))
}

// Admit is what a door checks after Check, AdmitCheap and the signature: nonce, times with 30 s of tolerance for
// created, session, ask, item. Funds are no reason to refuse. It repeats AdmitCheap's look-ups, since the opening may
// have moved. A refusal is an *intent.Error; any other error is the Store's.
func (o *Opening) Admit(i *intent.Intent, now int64, asks AskLookup) error {
	j := newJudge(o, now)
	var f facts
	e := j.cheap(i, &f)
	if e == nil {
		e = j.state(i, &f, tolerance)
	}
	if e != nil || j.err != nil {
		return answer(j, e)
	}
	switch i.Kind {
	case intent.Buy:
		e = j.admitBuy(i, &f, asks)
	case intent.Session:
		e = j.admitSession(i)
	case intent.Issue:
		e = j.admitIssue(i)
	}
	return answer(j, e)
}

func answer(j *judge, e *intent.Error) error {
	if j.err != nil {
		return j.err
	}
	if e != nil {
		return e
	}
	return nil
}

func (j *judge) admitBuy(i *intent.Intent, f *facts, asks AskLookup) *intent.Error {
	var ask *intent.Signed
	if asks != nil {
		ask, _ = asks(*i.Ask)
	}
	if ask == nil || ask.Kind != intent.Ask {
		return refuse(intent.UnknownAsk, "ask", "no ask %s rests here", *i.Ask)
	}
	if e := j.pair(i, f, &ask.Intent); e != nil {
		return e
	}
	var af facts
	if e := j.cheap(&ask.Intent, &af); e != nil {
		return e
	}
	return askRefusal(j.state(&ask.Intent, &af, tolerance))
}

// askRefusal is what an ask that is not good any more means to its buyer.
func askRefusal(e *intent.Error) *intent.Error {
	switch {
	case e == nil:
		return nil
	case e.Code == intent.NonceUsed:
		return refuse(intent.AskTaken, "ask", "the ask is bought or cancelled")
	case e.Code == intent.Expired:
		return refuse(intent.UnknownAsk, "ask", "the ask has expired")
	}
	return &intent.Error{Code: e.Code, Field: "ask", Detail: "of the ask: " + e.Detail}
}

func (j *judge) admitSession(i *intent.Intent) *intent.Error {
	book, err := j.sessionBook(i.From)
	if err == nil {
		return book.open(i)
	}
	j.fail(err) // the door answers with it
	return nil
}

func (j *judge) admitIssue(i *intent.Intent) *intent.Error {
	n, err := j.o.IssuedBy(i.From)
	j.fail(err)
	return j.issueCap(n)
}

func (j *judge) issueCap(have uint64) *intent.Error {
	if limit := uint64(j.o.file.Params.MaxItems); have >= limit {
		return refuse(intent.TooLarge, "item", "the issuer has all of its %d items", limit)
	}
	return nil
}

// A sessionBook counts what one wallet's sessions come to while a batch is judged.
type sessionBook struct {
	now      int64
	live     int
	sessions map[sessionName]bool // true: may be replaced, its volume is used
	keys     map[intent.Key]bool  // with a window
}

type sessionName struct{ key, mint intent.Key }

func (j *judge) sessionBook(wallet intent.Key) (*sessionBook, error) {
	b := &sessionBook{now: j.now, sessions: make(map[sessionName]bool), keys: make(map[intent.Key]bool)}
	list, err := j.o.Sessions(wallet)
	if err != nil {
		return nil, err
	}
	for _, s := range list {
		if s.Expires > j.now {
			b.sessions[sessionName{s.Key, s.Mint}] = s.Used == s.Max
		}
	}
	b.live = len(b.sessions)
	keys, err := j.o.windowKeys(wallet, j.now)
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		b.keys[k] = true
	}
	return b, nil
}

// revoke ends all sessions of a key.
func (b *sessionBook) revoke(key intent.Key) {
	for n := range b.sessions {
		if n.key == key {
			delete(b.sessions, n)
			b.live--
		}
	}
}

// open counts a new session in, or says why it cannot be.
func (b *sessionBook) open(i *intent.Intent) *intent.Error {
	name := sessionName{*i.To, *i.Mint}
	spent, there := b.sessions[name]
	switch {
	case there && !spent:
		return refuse(intent.SessionExists, "to", "key %s has a session in this mint; revoke it first", *i.To)
	case !there && b.live >= MaxSessions:
		return refuse(intent.TooManySessions, "from", "the wallet has all of its %d live sessions", MaxSessions)
	case !b.keys[*i.To] && len(b.keys) >= MaxWindows:
		return refuse(intent.TooManySessions, "to", "the wallet has windows of %d session keys; they are forgotten when their last intents have expired", MaxWindows)
	}
	b.sessions[name] = false
	b.keys[*i.To] = true
	if !there {
		b.live++
	}
	return nil
}
