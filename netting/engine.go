package netting

// Net nets a case. It is a function of the case's sets: order and exact duplicates mean nothing. The case is only read.
// The outcome's strings share memory with the case's.
func Net(c *Case) *Outcome {
	var e Engine
	return e.Net(c)
}

// An Engine is Net with its workspace kept: once it has seen a batch of some size, netting another of that size
// allocates nothing. An engine serves one goroutine at a time. The zero value is ready.
//
// Strings are interned into u32 numbers and then not looked at again until the outcome is sorted. The numbers come in
// order of appearance and depend on a random hash seed nowhere: nothing of either reaches an outcome.
type Engine struct {
	// Bare leaves the explanations (Rejection.Why) out of outcomes, for callers that only count.
	Bare bool

	c        *Case     // of a Keyed: its Rest; nil of a Numbered
	keyed    *Keyed    // nil: of another kind
	numbered *Numbered // nil: of another kind
	hasher   hasher

	wallets, assets, asks interner
	accounts              pairTable // (wallet, asset) -> number in accountOf, for all but a wallet's first account
	accountOf             []uint32
	sessions              pairTable // (wallet, signer) -> number in streamOf, for signers that are not the wallet
	streamOf              []uint32

	asset      []assetRecord
	account    []accountRecord
	delta      []Int128 // per account; apart from the rest, so that the hot loop's memory is small
	stream     []streamRecord
	streamRest []streamRest
	moves      []flatMove
	idKey      []uint64 // of a Keyed: the first bytes of the ids, which lie beside what loading reads anyhow
	sales      []saleRecord
	items      []itemRecord

	static []Reason // what Load alone decided
	reason []Reason
	why    []removal // valid where reason says that S1 or S2 removed the move

	usedNonces []streamNonce
	limits     pairTable // (stream, asset) -> number in limitMax
	limitMax   []uint64
	limited    []streamNonce
	suspects   []streamNonce
	far        []uint32 // moves whose nonce is outside its stream's window
	nonceSet   []uint32 // fingerprints of their (stream, nonce); 0 is empty
	askTaker   []uint32 // per ask: 1 + the move that takes it
	askCount   uint32

	debtors  []debtor // per account, from when money turns out to be short
	cutting  bool     // it has: debtors, not delta, say what accounts end with
	queueEnd []uint32 // per account, while queues are built
	queue    []queued // debits
	counted  []queued // a queue while it is put in order
	negative []uint32 // accounts to cut in this round
	touched  []uint32 // accounts that lost a credit in this round
	tails    []uint32 // moves to remove in this round
	lost     []lostCredit
	cut      []uint32 // moves that one account loses, if it is to be explained

	itemEntry  []itemEntry
	itemWallet []itemWallet
	localOf    []localNumber // per wallet: its number within the item that is being built
	itemTail   []uint32      // entries to remove in this round of an item

	fetched    uint32 // keeps fetchTails from being optimised away
	round      uint32 // never falls within the life of an engine, so that stamps of past cases mean nothing
	touchRound uint32
	ops        uint64 // steps of S2, for the tests that bound them

	order      ordering
	ranked     []rankedMove
	refs       []uint32
	rankBuf    []byte
	after      []string
	unsorted   []Delta
	whys       []Why // of the outcome's rejections
	out        Outcome
	outNumbers NumberedOutcome
}

// A walletRecord is what loading keeps of a wallet. Most wallets have one account.
type walletRecord struct {
	firstAsset, firstAccount uint32 // both 1 + the number; 0: none
	stream                   uint32 // 1 + the stream that the wallet signs itself
	isKey                    bool   // of the name, where there is room for it
	open                     Int128 // of the first account, while balances are loaded
}

type assetRecord struct {
	item       uint32 // 1 + the number of the unique item; 0: fungible
	feeAccount uint32 // 1 + the account that gets the fees of this mint
	gross      Int128
	net        Int128
}

type accountRecord struct {
	open          Int128 // balances listed twice add up, so 64 bits may not do
	wallet, asset uint32
}

type streamRecord struct {
	floor uint64
	seen  [nonceWindow / 64]uint64 // nonces floor+1.. that some move has
}

// A streamRest is what is rarely read of a stream.
type streamRest struct {
	usedFrom, usedTo  uint32 // into usedNonces
	hasLimit, suspect bool
}

// nonceWindow is how far above its floor a stream's nonces are told apart by a bit each. Wallets use nonces in about
// their order, so nearly all fall here; the rest goes through a set of fingerprints.
const nonceWindow = 128

// A debtor is all that cutting reads and writes of an account, in half a line of the cache: its accesses are as random as
// the payments.
type debtor struct {
	left      Int128 // what the account ends with
	from, end uint32 // its untouched queue; end only ever falls
	touchedIn uint32 // the round of its last entry in touched
	ordered   bool   // the queue is sorted
}

// A flatMove is what the hot loop reads: 48 bytes, one after the other.
type flatMove struct {
	debit, credit uint32 // accounts of the price
	amount, fee   uint64
	nonce         uint64
	asset         uint32
	stream        uint32 // (from, signer)
	sale          uint32 // 1 + the number in sales; 0: a pay
}

type saleRecord struct {
	move          uint32
	asset         uint32 // what it delivers
	item          uint32 // 1 + the number in items; 0: a fungible delivery
	debit, credit uint32 // accounts of a fungible delivery: seller, buyer
	seller, buyer uint32 // wallets
	ask           uint32 // 1 + the ask
	entry         uint32 // in itemEntry
	quantity      uint64
	sellerNonce   uint64
}

// A removal is what the explanation of a move needs, as it stood when the move was removed.
type removal struct {
	has     Int128 // what the account held for the first move of the removed tail; of a limit: what was left
	account uint32 // of an item move: the item
	at      uint32 // where that first move stands: in queue, in itemEntry, in limited
	first   uint32 // that first move; of an equivocation: the move that stays
	round   uint32
}

// Net loads, solves and sorts one case. The outcome belongs to the engine: it holds until the next call.
func (e *Engine) Net(c *Case) *Outcome {
	e.Load(c)
	e.Solve()
	return e.Outcome()
}

// Solve is the core: S0 to S2 over the interned moves that Load left, up to the deltas of accounts. It may be repeated.
func (e *Engine) Solve() {
	e.reset()
	if e.replays() {
		e.collapse()
	}
	e.askTakers()
	e.deferHot()
	e.overLimits()
	e.sums()
	e.fixpoint()
}

func (e *Engine) reset() {
	e.ops = 0
	if e.round > maxRound {
		clear(e.why[:cap(e.why)])
		e.round = 0
	}
	resize(&e.reason, len(e.moves))
	copy(e.reason, e.static)
	resize(&e.why, len(e.moves))
	e.cutting = false
	zeroed(&e.delta, len(e.account))
	for i := range e.asset {
		e.asset[i].gross = Int128{}
	}
	for i := range e.items {
		e.items[i].reset()
	}
}

// maxRound is where stamps are cleared and start again: a case has fewer rounds than moves, and moves fit the other half.
const maxRound = 1 << 31

// resize makes *s n long. What is in it is of the past: the caller writes before it reads.
func resize[T any](s *[]T, n int) {
	if cap(*s) < n {
		*s = make([]T, n, n+n/4)
	}
	*s = (*s)[:n]
}

// zeroed makes *s n zeros long.
func zeroed[T any](s *[]T, n int) []T {
	resize(s, n)
	clear(*s)
	return *s
}

// Steps counts what S2 of the last Solve did: queue entries, item moves and wallets looked at. It is what bounds the work,
// since a machine's milliseconds cannot.
func (e *Engine) Steps() uint64 { return e.ops }
