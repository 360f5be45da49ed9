package netting

import "strconv"

// MaxItemMoves is the most moves of one item that one netting looks at; the rest is deferred. It bounds the work of a
// hot item: every removal may cost one walk over the moves of its item.
const MaxItemMoves = 256

// Kind says what a move is.
type Kind uint8

// The kinds.
const (
	Pay  Kind = iota // from -> to, an amount of a mint, and the fee
	Sale             // buyer (from) -> seller (to) the price and the fee; seller -> buyer the item or quantity
)

// A Move is what an intent does: all of its legs or none. Of a pay, the last four fields mean nothing. What every
// move has stands first: it shares the cache lines that netting reads.
type Move struct {
	ID   string
	Kind Kind
	// Negative marks a move of which some number was below zero where it was written down. It is INVALID and counts
	// nothing.
	Negative bool

	From   string // who pays: the payer, the buyer
	Signer string // the key that signs for From; empty: From itself
	To     string // who is paid: the payee, the seller
	Asset  string // the mint of amount and fee
	Amount uint64
	Fee    uint64 // on top of Amount, to the fee account
	Nonce  uint64

	Item        string // what a sale delivers: unique if the case lists it, else a fungible asset
	Quantity    uint64 // base units of a fungible Item; 1 for a unique one
	SellerNonce uint64 // orders the seller's queue
	Ask         string // the ask that a sale takes; empty: none
}

// A Balance is what an account opens with. Accounts that are not listed open with nothing.
type Balance struct {
	Wallet, Asset string
	Amount        uint64
}

// A Limit is what is left of a session's volume in one mint.
type Limit struct {
	Wallet, Signer, Asset string
	Max                   uint64
}

// A Holding is a unique item and its opening owner.
type Holding struct{ Item, Owner string }

// A Mark is a nonce of (wallet, signer): a floor, at and below which all are used, or one that is used above it. An
// empty signer is the wallet itself.
type Mark struct {
	Wallet, Signer string
	Nonce          uint64
}

// A Case is all that netting depends on. The order within its lists means nothing. Where an account, item, limit or
// floor is listed twice, balances add up, the smallest owner (as bytes) and the smallest limit and the highest floor hold.
type Case struct {
	Seed       []byte // rank = SHA-256(seed || id); empty: the id itself
	FeeAccount string
	Limits     []Limit
	Balances   []Balance
	Items      []Holding
	Floors     []Mark
	Used       []Mark
	Moves      []Move
}

// A Reason says why a move was not taken. All but Invalid and Replay are of this selection only.
type Reason uint8

// The reasons.
const (
	Taken        Reason = iota // not a reason: the move was accepted
	Invalid                    // nothing moves, payer is payee, negative, or a unique item where a mint must stand
	Replay                     // nonce at or below the floor, or used
	Equivocation               // another move of the same from, signer and nonce has the smaller rank
	AskTaken                   // another buy of the same ask has the smaller rank
	Deferred                   // more than MaxItemMoves of one item
	OverLimit                  // the session's volume would be exceeded
	Possession                 // the item cannot come to its seller
	ItemConflict               // the seller would sell the item more often than it gets it
	Insolvent                  // an account would end below zero
)

// String is the name that outcomes carry.
func (r Reason) String() string {
	names := [...]string{"TAKEN", "INVALID", "REPLAY", "EQUIVOCATION", "ASK_TAKEN", "DEFERRED", "LIMIT", "POSSESSION", "ITEM_CONFLICT",
		"INSOLVENT"}
	if int(r) < len(names) {
		return names[r]
	}
	return "REASON_" + strconv.Itoa(int(r))
}

// MarshalText is the name that outcomes carry.
func (r Reason) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// A Rejection is a move that was not taken.
type Rejection struct {
	ID     string
	Reason Reason
	Why    *Why // the account and the numbers that made it so; nil if the engine is Bare
}

// A Delta is what an outcome does to one account. It is never zero.
type Delta struct {
	Wallet, Asset string
	Amount        Int128
}

// An Owner is who holds an item after the batch. It changed hands if Owner is not Before.
type Owner struct{ Item, Owner, Before string }

// A Volume is an amount of one mint. It is never zero.
type Volume struct {
	Asset  string
	Amount Int128
}

// An Outcome is what a batch does. Every list is sorted as bytes: ids; (wallet, asset); item; asset.
type Outcome struct {
	Accepted []string
	Rejected []Rejection
	Deltas   []Delta  // of fungible accounts, zeros left out
	Owners   []Owner  // of every item of the case
	Gross    []Volume // submitted amounts without fees, exact duplicates once, rejected ones included
	Net      []Volume // the sum of positive deltas
}
