package ledger

import (
	"errors"
	"testing"

	"github.com/phantom-paradox/paradox/intent"
)

var (
	alice = keyOf("wallet", 1)
	bob   = keyOf("wallet", 2)
	carol = keyOf("wallet", 3)
	dave  = keyOf("wallet", 4)
	phone = keyOf("session", 1)
)

func funded(t testing.TB) *world {
	w := newWorld(t, testFile())
	for _, k := range []intent.Key{alice, bob, carol} {
		w.fund(k, 0, 1_000_000)
		w.fund(k, 1, 50)
	}
	return w
}

func (w *world) balance(wallet intent.Key, mint int) uint64 {
	w.t.Helper()
	e, ok, err := w.state.Account(wallet, w.file.Mints[mint].Mint)
	w.must(err)
	if !ok {
		w.t.Fatalf("no account of %s", wallet)
	}
	return e.Balance
}

func (w *world) owner(item string) intent.Key {
	w.t.Helper()
	o, _, err := w.state.Item(item)
	w.must(err)
	return o
}

func TestPayMovesAmountAndFee(t *testing.T) {
	w := funded(t)
	r := w.run(w.pay(alice, bob, 10_000))
	if w.balance(alice, 0) != 989_990 || w.balance(bob, 0) != 1_010_000 || w.balance(w.file.FeeOwner, 0) != 10 {
		t.Fatal("balances")
	}
	if r.Legs != 2 || len(r.Deltas) != 3 || len(r.Accepted) != 1 || len(r.Chunks) != 2 {
		t.Fatalf("%+v", r.Outcome)
	}
	w.sameEntries(&w.state.View)
}

func TestMoneyThatComesInTheSameBatchIsSpent(t *testing.T) {
	w := funded(t)
	w.fund(dave, 0, 0)
	w.run(w.pay(dave, bob, 500), w.pay(alice, dave, 501))
	if w.balance(dave, 0) != 1 {
		t.Fatal(w.balance(dave, 0))
	}
}

func TestNoEntryForEveryAccountTouched(t *testing.T) {
	w := funded(t)
	w.refuses(intent.NoEntry, w.pay(alice, dave, 5))
	w.refuses(intent.NoEntry, w.pay(dave, alice, 5))
	w.admits(intent.NoEntry, w.pay(alice, dave, 5))
	w.admits(intent.NoEntry, w.issue(dave, dave, "x"))
	w.admits("", w.issue(alice, dave, "x")) // an owner of an item needs no place in the vault
	w.admits(intent.NoEntry, w.session(dave, phone, 5, "pay"))
	var e *intent.Error
	i := w.pay(dave, alice, 5)
	if err := w.opening().AdmitCheap(&i.Signed.Intent); !errors.As(err, &e) || e.Code != intent.NoEntry {
		t.Fatal(err)
	}
}

func TestUncoveredWaits(t *testing.T) {
	w := funded(t)
	w.fund(dave, 0, 60)
	s := w.choose([]BatchIntent{w.pay(dave, bob, 90)}, SelectParams{})
	if len(s.Taken) != 0 || s.Pending[0].Code != intent.Uncovered || s.Pending[0].Detail != "needs 90, has 60" || s.Pending[0].Final {
		t.Fatalf("%+v", s.Pending)
	}
	w.refuses(intent.Uncovered, w.pay(dave, bob, 90))
}

func TestRequestedIsNotSpendable(t *testing.T) {
	w := funded(t)
	usd := w.file.Mints[0].Mint
	e, _, _ := w.opening().Account(alice, usd)
	w.request(usd, e.Number, 600_000)
	w.refuses(intent.Uncovered, w.pay(alice, bob, 400_000)) // and 400 of fee
	w.run(w.pay(alice, bob, 399_000))
	if open, err := w.opening().OpenRequests(); err != nil || open {
		t.Fatal("the height raised the floor above the request", err)
	}
	w.withdraw(usd, e.Number)
	o := w.opening()
	if a, _, _ := o.Account(alice, usd); a.Balance != 1_000_000-600_000-399_000-399 || a.Requested != 0 {
		t.Fatalf("%+v", a)
	}
	if o.Generation() != 0 {
		t.Fatal("a withdrawal that the floor covers moves no generation")
	}
	w.sameEntries(&o.View)
}

func TestRequestAboveBalanceFreezesAll(t *testing.T) {
	w := funded(t)
	usd := w.file.Mints[0].Mint
	e, _, _ := w.opening().Account(alice, usd)
	w.request(usd, e.Number, 1<<63)
	a, _, _ := w.opening().Account(alice, usd)
	if a.Spendable() != 0 {
		t.Fatal(a.Spendable())
	}
	w.refuses(intent.Uncovered, w.pay(alice, bob, 1))
	w.cancelRequest(usd, e.Number)
	w.run(w.pay(alice, bob, 1))
}

func TestEmptyHeights(t *testing.T) {
	w := funded(t)
	if _, err := w.opening().Execute(w.input()); !errors.Is(err, ErrBatch) {
		t.Fatal("an empty height without a request", err)
	}
	w.request(w.file.Mints[0].Mint, 1, 5)
	if open, err := w.opening().OpenRequests(); err != nil || !open {
		t.Fatal(err)
	}
	r := w.run()
	if r.SettlementHead != (intent.Hash{}) || len(r.Chunks) != 0 {
		t.Fatal("chunks of nothing")
	}
	if _, err := w.opening().Execute(w.input()); !errors.Is(err, ErrBatch) {
		t.Fatal("the request is below the floor now", err)
	}
	in := w.input()
	in.Members = testMembers(2, 5)
	r, err := w.opening().Execute(in)
	w.must(err)
	w.settle(r, in)
	o := w.opening()
	if o.Epoch() != 1 || len(o.Members()) != 5 || o.Instance() != (Instance{Epoch: 1, Height: 3}) {
		t.Fatalf("%+v", o.Instance())
	}
	if c, err := ParseChunk(r.Chunks[len(r.Chunks)-1]); err != nil || len(c.Members) != 5 || c.Members[0].Key != in.Members[0].Key {
		t.Fatal(c, err)
	}
}

func TestForcedWithdrawalMovesTheGeneration(t *testing.T) {
	w := funded(t)
	w.request(w.file.Mints[0].Mint, 1, 5)
	w.withdraw(w.file.Mints[0].Mint, 1)
	o := w.opening()
	if o.Generation() != 1 || o.Floor() != w.cut.Number || o.Instance() != (Instance{Generation: 1, Height: 1}) {
		t.Fatalf("%+v", o.Instance())
	}
	w.run(w.pay(alice, bob, 1))
	w.gen++
	w.emit(Event{Tag: EventDropped, Height: 2, Generation: 2})
	if o := w.opening(); o.Generation() != 2 || o.Floor() != w.cut.Number || o.Seed() != w.state.Seed() {
		t.Fatal("a drop moves generation and floor, and no leader")
	}
}

func TestItemsAreIssuedAskedAndBought(t *testing.T) {
	w := funded(t)
	sword := alice.String() + "/sword"
	w.refuses(intent.UnknownItem, w.ask(alice, sword, 700), w.buy(bob, w.ask(alice, sword, 700)))
	w.nonces = map[[2]intent.Key]uint64{}
	w.run(w.issue(alice, alice, "sword"))
	w.admits(intent.ItemExists, w.issue(alice, bob, "sword"))
	ask := w.ask(alice, sword, 700)
	buy := w.buy(bob, ask)
	w.refuses(intent.UnknownAsk, buy)
	if _, err := w.opening().Execute(w.input(ask)); !errors.Is(err, ErrBatch) {
		t.Fatal("an ask alone", err)
	}
	w.admits("", ask)
	w.admits("", buy, ask)
	w.admits(intent.UnknownAsk, buy)
	w.admits(intent.SelfTrade, w.buy(alice, ask), ask)
	r := w.run(buy, ask)
	if w.owner(sword) != bob || w.balance(alice, 0) != 1_000_700 || len(r.Accepted) != 2 || len(r.Owners) != 1 || r.Legs != 2 {
		t.Fatalf("%+v", r.Outcome)
	}
	items, err := w.state.ItemsOf(bob, "", 10)
	if err != nil || len(items) != 1 || items[0] != sword {
		t.Fatal(items, err)
	}
	if items, _ = w.state.ItemsOf(alice, "", 10); len(items) != 0 {
		t.Fatal(items)
	}
	w.admits(intent.AskTaken, w.buy(carol, ask), ask)
	w.admits(intent.NonceUsed, ask)
}

func TestAskMismatch(t *testing.T) {
	w := funded(t)
	w.run(w.issue(alice, alice, "x"))
	ask := w.ask(alice, alice.String()+"/x", 700)
	for _, i := range []intent.Intent{
		{Kind: intent.Buy, From: bob, Mint: &w.file.Mints[1].Mint, Amount: 700, Ask: &ask.ID},
		{Kind: intent.Buy, From: bob, Mint: &w.file.Mints[0].Mint, Amount: 701, Ask: &ask.ID},
	} {
		w.refuses(intent.AskMismatch, ask, w.intent(i))
	}
	private := w.intent(intent.Intent{Kind: intent.Ask, From: alice, To: &carol, Mint: &w.file.Mints[0].Mint, Item: alice.String() + "/x", Amount: 5})
	w.refuses(intent.AskMismatch, private, w.buy(bob, private))
	w.run(private, w.buy(carol, private))
}

func TestFungibleAsk(t *testing.T) {
	w := funded(t)
	gem := w.file.Mints[1].Mint
	ask := w.intent(intent.Intent{Kind: intent.Ask, From: alice, Mint: &w.file.Mints[0].Mint, Item: gem.String(), Quantity: 40, Amount: 5_000})
	w.run(ask, w.buy(bob, ask))
	if w.balance(alice, 1) != 10 || w.balance(bob, 1) != 90 || w.balance(alice, 0) != 1_005_000 || w.balance(bob, 0) != 994_995 {
		t.Fatal("balances")
	}
	w.fund(dave, 0, 10_000)
	ask = w.intent(intent.Intent{Kind: intent.Ask, From: alice, Mint: &w.file.Mints[0].Mint, Item: gem.String(), Quantity: 1, Amount: 5})
	w.refuses(intent.NoEntry, ask, w.buy(dave, ask))
}

func TestSaleChain(t *testing.T) {
	w := funded(t)
	w.run(w.issue(alice, alice, "x"))
	item := alice.String() + "/x"
	a1, a2 := w.ask(alice, item, 100), w.ask(bob, item, 150) // bob sells what he is about to buy
	w.refuses(intent.NotTheOwner, a2, w.buy(carol, a2))
	w.nonces[[2]intent.Key{carol, carol}] = 0
	w.run(a1, w.buy(bob, a1), a2, w.buy(carol, a2))
	if w.owner(item) != carol || w.balance(bob, 0) != 1_000_050 {
		t.Fatal(w.owner(item), w.balance(bob, 0))
	}
}

func TestCancels(t *testing.T) {
	w := funded(t)
	p := w.pay(alice, bob, 5)
	c := w.cancel(alice, p.Signed.Nonce)
	w.refuses(intent.Cancelled, p, c)
	s := w.choose([]BatchIntent{p, c}, SelectParams{})
	if len(s.Taken) != 1 || s.Taken[0] != 1 || s.Pending[0].Code != intent.Cancelled {
		t.Fatalf("%+v", s)
	}
	w.run(c)
	w.admits(intent.NonceUsed, p)
	w.run(w.cancel(alice, 500)) // before what it withdraws
	w.refuses(intent.NonceUsed, w.cancel(alice, 500))
	w.run(w.issue(alice, alice, "x"))
	ask := w.ask(alice, alice.String()+"/x", 5)
	b := w.buy(bob, ask)
	w.refuses(intent.AskTaken, ask, b, w.cancel(alice, ask.Signed.Nonce))
}

func TestEquivocation(t *testing.T) {
	w := funded(t)
	a := w.pay(alice, bob, 5)
	b := w.intent(intent.Intent{Kind: intent.Pay, From: alice, To: &carol, Mint: a.Signed.Mint, Amount: 6, Nonce: a.Signed.Nonce})
	w.refuses(intent.Equivocation, a, b)
	s := w.choose([]BatchIntent{a, b}, SelectParams{})
	if len(s.Taken) != 1 || s.Pending[0].Code != intent.Equivocation {
		t.Fatalf("%+v", s)
	}
	w.run(w.issue(alice, alice, "x"))
	ask := w.ask(alice, alice.String()+"/x", 5)
	other := w.intent(intent.Intent{Kind: intent.Pay, From: alice, To: &carol, Mint: a.Signed.Mint, Amount: 6, Nonce: ask.Signed.Nonce})
	w.refuses(intent.Equivocation, ask, w.buy(bob, ask), other) // an ask's nonce is a nonce
	w.refuses(intent.AskTaken, ask, w.buy(bob, ask), w.buy(carol, ask))
}

func TestNonceWindow(t *testing.T) {
	w := funded(t)
	pay := func(n uint64) BatchIntent {
		return w.intent(intent.Intent{Kind: intent.Pay, From: alice, To: &bob, Mint: &w.file.Mints[0].Mint, Amount: 1, Nonce: n})
	}
	w.refuses(intent.NonceOutOfWindow, pay(1025))
	w.run(pay(1024), pay(7))
	w.run(pay(4))
	w.refuses(intent.NonceUsed, pay(7))
	win, err := w.state.NonceWindow(alice, alice)
	if err != nil || win.Floor != 0 || win.Next(nil) != 1 || !win.Used(4) || win.Used(5) {
		t.Fatalf("%+v %v", win, err)
	}
	w.run(pay(1), pay(2), pay(3))
	if win, _ = w.state.NonceWindow(alice, alice); win.Floor != 4 || win.Next(func(n uint64) bool { return n == 5 }) != 6 {
		t.Fatal(win.Floor)
	}
	w.run(pay(1028))
	w.refuses(intent.NonceOutOfWindow, pay(1029))
}

func TestSessions(t *testing.T) {
	w := funded(t)
	w.admits(intent.UnknownSession, w.payBy(alice, phone, bob, 5))
	open := w.session(alice, phone, 1000, "cancel", "pay")
	w.refuses(intent.UnknownSession, open, w.payBy(alice, phone, bob, 5)) // from the next height on
	w.nonces[[2]intent.Key{alice, phone}] = 0
	w.run(open)
	w.admits(intent.SessionExists, w.session(alice, phone, 1000, "pay"))
	w.run(w.payBy(alice, phone, bob, 900))
	w.refuses(intent.SessionVolume, w.payBy(alice, phone, bob, 101))
	s, err := w.state.Sessions(alice)
	if err != nil || len(s) != 1 || s[0].Used != 900 || s[0].Key != phone {
		t.Fatal(s, err)
	}
	w.refuses(intent.SessionVolume, w.payBy(alice, phone, bob, 60), w.payBy(alice, phone, bob, 60))
	gem := w.intent(intent.Intent{Kind: intent.Pay, From: alice, Signer: &phone, To: &bob, Mint: &w.file.Mints[1].Mint, Amount: 1})
	w.admits(intent.ActionNotAllowed, gem)
	// What the key signs is cancelled by the key.
	w.run(w.intent(intent.Intent{Kind: intent.Cancel, From: alice, Signer: &phone, Nonce: 99}))
	// A revoke goes first.
	p := w.payBy(alice, phone, bob, 1)
	rev := w.revoke(alice, phone)
	w.refuses(intent.UnknownSession, p, rev)
	w.run(rev, w.session(alice, phone, 7, "pay")) // ended and opened again
	if s, _ := w.state.Sessions(alice); len(s) != 1 || s[0].Max != 7 || s[0].Used != 0 {
		t.Fatal(s)
	}
	w.refuses(intent.NonceUsed, w.intent(intent.Intent{Kind: intent.Pay, From: alice, Signer: &phone, To: &bob, Mint: &w.file.Mints[0].Mint, Amount: 1, Nonce: 1}))
	w.run(w.payBy(alice, phone, bob, 7))
	w.run(w.session(alice, phone, 9, "pay")) // a session whose volume is used gives way
	w.run(w.revoke(alice, phone))
	w.admits(intent.UnknownSession, w.revoke(alice, phone))
}

func TestSessionsExpireAndWindowsOutliveThem(t *testing.T) {
	w := funded(t)
	open := w.session(alice, phone, 1000, "pay")
	w.run(open)
	w.run(w.payBy(alice, phone, bob, 1))
	at := func(now int64, list ...BatchIntent) {
		t.Helper()
		in := w.input(list...)
		in.Time = now
		r, err := w.opening().Execute(in)
		w.must(err)
		w.settle(r, in)
	}
	good := func(b BatchIntent) BatchIntent { // good around a later time
		i := b.Signed.Intent
		i.Created, i.Expires = open.Signed.Expires-1000, open.Signed.Expires+1000
		return w.intent(i)
	}
	late := good(w.payBy(alice, phone, bob, 1))
	in := w.input(late)
	in.Time = open.Signed.Expires
	var e *intent.Error
	if _, err := w.opening().Execute(in); !errors.As(err, &e) || e.Code != intent.SessionExpired {
		t.Fatal(err)
	}
	at(open.Signed.Expires, good(w.pay(alice, bob, 1)))
	if s, _ := w.state.Sessions(alice); len(s) != 0 {
		t.Fatal("the session has left the state")
	}
	w.admits(intent.UnknownSession, late)
	keys, err := w.state.windowKeys(alice, w.state.Time())
	if err != nil || len(keys) != 1 {
		t.Fatal("its window has not", keys, err)
	}
	last := open.Signed.Expires + w.file.MaxAge.Session
	i := w.pay(alice, bob, 1).Signed.Intent
	i.Created, i.Expires = last-1, last+1000
	at(last, w.intent(i))
	if _, ok, _ := w.state.window(alice, phone); ok {
		t.Fatal("the window is forgotten when nothing that the key signed can be good")
	}
	if len(dump(t, w.store)) == 0 || countKind(t, w.store, kindExpiry) != 0 {
		t.Fatal("expiries are left behind")
	}
}

func countKind(t testing.TB, s Store, k kind) (n int) {
	for key := range dump(t, s) {
		if key[0] == k {
			n++
		}
	}
	return n
}

func TestSessionCaps(t *testing.T) {
	w := funded(t)
	var list []BatchIntent
	for k := range MaxSessions + 1 {
		list = append(list, w.session(alice, keyOf("session", 100+k), 5, "pay"))
	}
	w.refuses(intent.TooManySessions, list...)
	s := w.choose(list, SelectParams{})
	if len(s.Taken) != MaxSessions || s.Pending[0].Code != intent.TooManySessions {
		t.Fatalf("%+v", s.Pending)
	}
	w.run(s.Intents...)
	w.admits(intent.TooManySessions, w.session(alice, phone, 5, "pay"))
	// Keys come and go; their windows stay until there are too many.
	opened := MaxSessions
	for opened < MaxWindows {
		old, err := w.state.Sessions(alice)
		w.must(err)
		var next []BatchIntent
		for k, o := range old {
			next = append(next, w.revoke(alice, o.Key), w.session(alice, keyOf("session", 1000+opened+k), 5, "pay"))
		}
		opened += len(old)
		w.run(next...)
	}
	old, _ := w.state.Sessions(alice)
	w.run(w.revoke(alice, old[0].Key))
	w.admits(intent.TooManySessions, w.session(alice, phone, 5, "pay"))
	w.run(w.session(alice, old[0].Key, 5, "pay")) // a key with a window needs no other
}

func TestIssueCap(t *testing.T) {
	f := testFile()
	f.Params.MaxItems = 2
	w := newWorld(t, f)
	w.fund(alice, 0, 1)
	a, b, c := w.issue(alice, bob, "a"), w.issue(alice, bob, "b"), w.issue(alice, bob, "c")
	w.refuses(intent.TooLarge, a, b, c)
	w.refuses(intent.ItemExists, a, w.issue(alice, carol, "a"))
	w.run(a, b)
	w.admits(intent.TooLarge, c)
	if n, err := w.state.IssuedBy(alice); err != nil || n != 2 {
		t.Fatal(n, err)
	}
}

func TestTimes(t *testing.T) {
	w := funded(t)
	now := w.state.Time() + 1
	i := w.pay(alice, bob, 1).Signed.Intent
	i.Created, i.Expires = now+1, now+100
	w.refuses(intent.NotYetValid, w.intent(i))
	w.admits("", w.intent(i)) // within the door's tolerance
	i.Created = now + tolerance + 1
	w.admits(intent.NotYetValid, w.intent(i))
	i.Created, i.Expires = now-10, now
	w.refuses(intent.Expired, w.intent(i))
	in := w.input(w.pay(alice, bob, 1))
	in.Time = w.state.Time() - 1
	if _, err := w.opening().Execute(in); !errors.Is(err, ErrBatch) {
		t.Fatal(err)
	}
}

func TestOnlyTheLowestEntryIsTheAccount(t *testing.T) {
	w := funded(t)
	usd := w.file.Mints[0].Mint
	second := w.open(alice, usd)
	w.deposit(usd, second, 1<<40)
	w.refuses(intent.Uncovered, w.pay(alice, bob, 1_000_001))
	a, ok, err := w.opening().Account(alice, usd)
	if err != nil || !ok || a.Number != 1 {
		t.Fatal(a, err)
	}
}

func TestOpenChecksTheChain(t *testing.T) {
	w := funded(t)
	w.run(w.pay(alice, bob, 1))
	if _, err := w.state.Open(nil); !errors.Is(err, ErrNotSettled) {
		t.Fatal(err)
	}
	if _, err := w.state.Open(append(w.events, w.events...)); !errors.Is(err, ErrChain) {
		t.Fatal(err)
	}
	next := w.cut.Number + 1
	for name, c := range map[string]struct {
		want  error
		event Event
	}{
		"another header":            {ErrChain, Event{Number: next - 1, Tag: EventSettled, Height: 1}},
		"a later height":            {ErrBehind, Event{Number: next, Tag: EventSettled, Height: 2}},
		"a drop of a later":         {ErrBehind, Event{Number: next, Tag: EventDropped, Height: 3, Generation: 1}},
		"a drop of what is settled": {ErrConflict, Event{Number: next, Tag: EventDropped, Height: 1, Generation: 1}},
		"height 0 settled":          {ErrConflict, Event{Number: next, Tag: EventSettled}},
		"a generation skipped":      {ErrConflict, Event{Number: next, Tag: EventDropped, Height: 2, Generation: 2}},
		"an entry opened twice":     {ErrConflict, Event{Number: next, Tag: EventOpen, Mint: w.file.Mints[0].Mint, Entry: 1}},
		"no such entry":             {ErrConflict, Event{Number: next, Tag: EventDeposit, Mint: w.file.Mints[0].Mint, Entry: 99, Amount: 1}},
		"too much":                  {ErrConflict, Event{Number: next, Tag: EventDeposit, Mint: w.file.Mints[0].Mint, Entry: 1, Amount: 1<<64 - 1}},
		"too much in all":           {ErrConflict, Event{Number: next, Tag: EventDeposit, Mint: w.file.Mints[0].Mint, Entry: 0, Amount: 1<<64 - 100}},
		"paid without a request":    {ErrConflict, Event{Number: next, Tag: EventWithdraw, Mint: w.file.Mints[0].Mint, Entry: 1, Amount: 1}},
		"an unknown tag":            {ErrChain, Event{Number: next, Tag: 9}},
	} {
		if _, err := w.state.Open(append(w.events[:len(w.events):len(w.events)], c.event)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	other := w.events[0]
	other.Digest[0] ^= 1
	if _, err := w.state.Open([]Event{other}); !errors.Is(err, ErrConflict) {
		t.Error("another header settled:", err)
	}
}
