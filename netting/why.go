package netting

import (
	"strconv"
	"strings"
)

// MaxAfter is the most moves that a Why names in After: enough to be read, small enough to be kept.
const MaxAfter = 8

// A Why holds the account and the numbers that kept one move out, as they stood when it was removed.
type Why struct {
	Wallet, Asset string   // the account, or the seller and the item
	Needs, Has    Int128   // Has is what the account held for the move after all that stood before it in its queue
	After         []string // the moves before it in the queue, the nearest MaxAfter of them, in queue order
	Earlier       bool     // more stand before those of After
	Behind        string   // the move of the same queue that was short first; Needs, Has and After are that one's
	Other         string   // the move that took the nonce or the ask; the owner of the item
	Nonce         uint64   // of a replay: the move's nonce
	Floor         uint64   // of a replay: the floor
	Cause         Cause
}

// A Cause is the finer grain of a Reason.
type Cause uint8

// The causes that a reason alone does not tell.
const (
	NoCause Cause = iota
	NothingMoves
	PaysItself
	NegativeNumber
	NotAMint
	NotOneItem
	BelowFloor
	NonceUsed
)

// String is the cause in words.
func (c Cause) String() string {
	words := [...]string{"", "nothing moves", "payer and payee are the same", "a number is negative", "a unique item is no money",
		"a unique item moves as one", "the nonce is at or below the floor", "the nonce is used"}
	if int(c) < len(words) {
		return words[c]
	}
	return ""
}

// Text is one line for people; reason is that of the Rejection.
func (w *Why) Text(reason Reason) string {
	switch reason {
	case Invalid:
		return w.Cause.String()
	case Replay:
		return w.replayText()
	case Equivocation:
		return w.Other + " has the same nonce and the smaller rank"
	case AskTaken:
		return w.Other + " takes the same ask and has the smaller rank"
	case Deferred:
		return "more than " + strconv.Itoa(MaxItemMoves) + " moves of " + w.Asset + " wait; this one's turn comes later"
	case Possession:
		return w.Wallet + " does not come to hold " + w.Asset + ", which opens with " + w.Other
	case OverLimit, ItemConflict, Insolvent:
		return w.shortText(reason)
	}
	return ""
}

func (w *Why) replayText() string {
	nonce := strconv.FormatUint(w.Nonce, 10)
	if w.Cause == NonceUsed {
		return "nonce " + nonce + " is used"
	}
	return "nonce " + nonce + " is at or below the floor " + strconv.FormatUint(w.Floor, 10)
}

// Numbers is the shortest form, without account names: "needs 90, has 60 after t1, t2".
func (w *Why) Numbers() string {
	b := append([]byte("needs "), w.Needs.Append(nil)...)
	b = w.Has.Append(append(b, ", has "...))
	if len(w.After) > 0 {
		b = append(append(b, " after "...), strings.Join(w.After, ", ")...)
		if w.Earlier {
			b = append(b, " and earlier ones"...)
		}
	}
	return string(b)
}

func (w *Why) shortText(reason Reason) string {
	account := w.Wallet + " " + w.Asset + ": "
	if reason == OverLimit {
		account = "session volume of " + account
	}
	if w.Behind != "" {
		return account + "comes after " + w.Behind + ", which " + w.Numbers()
	}
	return account + w.Numbers()
}
