package svm

import (
	"testing"

	"github.com/gagliardetto/solana-go"

	"github.com/phantom-paradox/paradox/chain/vault"
	"github.com/phantom-paradox/paradox/intent"
)

// Path 1: a request that every later header must know is paid at once, also while one is being applied, until credits begin.
func TestWithdrawWhileAHeightIsApplied(t *testing.T) {
	w := founded(t, 4, "ann", "ben")
	w.deposit("ann", 1, 100)
	ann, to := w.person("ann").PublicKey(), w.newTokens("ann", w.mint, 0)
	w.ok(w.Request(ann, w.mint, 1, 40))
	w.jump(rest)
	h := w.next(transfer(60)(w)...)
	w.fails(vault.Locked, w.Withdraw(ann, to, w.mint, 1))
	w.decide(h)
	w.ok(w.apply(h, 0))
	w.ok(w.Withdraw(ann, to, w.mint, 1)) // known to the pending header
	equal(t, w.tokens(to), 40)
	equal(t, w.vaultNow().Generation, 0)
	w.ok(w.Request(ann, w.mint, 1, 1))
	w.jump(withdrawDelay + 1)
	w.fails(vault.HeightPending, w.Withdraw(ann, to, w.mint, 1)) // not known to it
	w.ok(w.apply(h, 1))
	equal(t, w.entry(2).Available, 60)
	equal(t, w.vaultNow().Generation, 0)
}

func TestNoWithdrawalOnceCreditsBegan(t *testing.T) {
	w := founded(t, 4, "ann", "ben")
	w.deposit("ann", 1, 100)
	w.deposit("ben", 2, 10)
	ben, to := w.person("ben").PublicKey(), w.newTokens("ben", w.mint, 0)
	w.ok(w.Request(ben, w.mint, 2, 60))
	w.jump(rest)
	h := w.next(w.debits(vault.Pair{Entry: 1, Amount: 60}), w.credits(vault.Pair{Entry: 2, Amount: 50}), w.credits(vault.Pair{Entry: 0, Amount: 10}))
	w.decide(h)
	w.ok(w.apply(h, 0))
	w.ok(w.apply(h, 1))
	w.jump(withdrawDelay + 1)
	w.fails(vault.HeightPending, w.Withdraw(ben, to, w.mint, 2)) // what came could not be taken back
	w.ok(w.unapply(h, 1))
	w.fails(vault.HeightPending, w.Withdraw(ben, to, w.mint, 2))
	w.ok(w.unapply(h, 0))
	w.ok(w.Drop())
	w.ok(w.Withdraw(ben, to, w.mint, 2)) // the drop raised the floor above the request
	equal(t, w.tokens(to), 10)
	equal(t, w.entry(2).Requested, 0)
}

// Path 2: after the delay, when nothing is pending, without any header's knowledge; then no header that did not know it counts.
func TestWithdrawWithoutTheCommittee(t *testing.T) {
	w := founded(t, 4, "ann", "ben")
	w.deposit("ann", 1, 100)
	ann, to := w.person("ann").PublicKey(), w.newTokens("ann", w.mint, 0)
	w.jump(rest)
	ignorant := w.next(transfer(61)(w)...)
	w.ok(w.attests(ignorant, w.members[0], w.members[1])...) // one short of the quorum
	w.ok(w.Request(ann, w.mint, 1, 40))
	knowing := w.next(transfer(60)(w)...)
	w.ok(w.attests(knowing, w.members[0], w.members[1])...)
	w.jump(withdrawDelay - 1)
	w.fails(vault.Locked, w.Withdraw(ann, to, w.mint, 1))
	w.jump(1)
	w.ok(w.Withdraw(ann, to, w.mint, 1))
	equal(t, w.tokens(to), 40)
	v := w.vaultNow()
	equal(t, v.Generation, 1)
	equal(t, v.Floor, v.EventNumber)
	for _, h := range []*header{ignorant, knowing} { // whether it knew the request or not: its generation is over
		w.fails(vault.WrongGeneration, w.attests(h, w.members[2:]...)...)
	}
	stale := w.next(transfer(60)(w)...)
	stale.Cut = v.Floor - 1
	w.fails(vault.BadCut, w.attests(stale, w.members...)...)
	w.settle(transfer(60)(w)...)
}

// The other side of the race: the settlement comes first, the withdrawal pays what is left.
func TestSettlementBeforeWithdrawal(t *testing.T) {
	w := founded(t, 4, "ann", "ben")
	w.deposit("ann", 1, 100)
	ann, to := w.person("ann").PublicKey(), w.newTokens("ann", w.mint, 0)
	w.jump(rest)
	h := w.next(transfer(61)(w)...)
	w.ok(w.Request(ann, w.mint, 1, 100))
	w.jump(withdrawDelay)
	w.decide(h)
	w.fails(vault.HeightPending, w.Withdraw(ann, to, w.mint, 1))
	w.ok(w.apply(h, 0))
	w.ok(w.apply(h, 1))
	w.ok(w.Withdraw(ann, to, w.mint, 1))
	equal(t, w.tokens(to), 39)
	equal(t, w.vaultNow().Generation, 0)
}

// A new request takes the place of the old one, number and delay included.
func TestRequestReplacesRequest(t *testing.T) {
	w := founded(t, 4, "ann")
	w.deposit("ann", 1, 100)
	ann, to := w.person("ann").PublicKey(), w.newTokens("ann", w.mint, 0)
	w.ok(w.Request(ann, w.mint, 1, 40))
	w.settle()
	w.ok(w.Request(ann, w.mint, 1, 90))
	w.fails(vault.Locked, w.Withdraw(ann, to, w.mint, 1))
	w.settle()
	w.ok(w.Withdraw(ann, to, w.mint, 1))
	equal(t, w.tokens(to), 90)
	w.fails(vault.NoRequest, w.Withdraw(ann, to, w.mint, 1))
}

// Any token account of the mint will do; none of another mint, and not the purse's own.
func TestDestination(t *testing.T) {
	w := founded(t, 4, "ann", "ben")
	w.deposit("ann", 1, 100)
	ann := w.person("ann").PublicKey()
	w.ok(w.Request(ann, w.mint, 1, 40))
	w.settle()
	other := intent.Key(w.newMint("other", solana.TokenProgramID))
	if r := w.run(w.Withdraw(ann, w.newTokens("ann", other, 0), w.mint, 1)); !r.Failed() {
		t.Fatal("paid to an account of another mint")
	}
	purse, _ := w.Purse(w.mint)
	own, _ := w.Tokens(purse)
	w.fails(vault.DuplicateAccount, w.Withdraw(ann, own, w.mint, 1))
	to := w.newTokens("ben", w.mint, 0)
	w.ok(w.Withdraw(ann, to, w.mint, 1))
	equal(t, w.tokens(to), 40)
}

// Tokens sent straight to the purse belong to nobody and change nothing.
func TestTokensSentToThePurse(t *testing.T) {
	w := founded(t, 4, "ann")
	w.deposit("ann", 1, 100)
	purse, _ := w.Purse(w.mint)
	tokens, _ := w.Tokens(purse)
	w.patch(tokens, set64(64, 1_000_100))
	w.deposit("ann", 1, 7)
	equal(t, w.entry(1).Available, 107)
	ann, to := w.person("ann").PublicKey(), w.newTokens("ann", w.mint, 0)
	w.ok(w.Request(ann, w.mint, 1, 1_000_000))
	w.settle()
	w.ok(w.Withdraw(ann, to, w.mint, 1))
	equal(t, w.tokens(to), 107)
	equal(t, w.tokens(tokens), 1_000_000)
}

func TestCloseTally(t *testing.T) {
	w := founded(t, 4, "ann", "ben")
	w.deposit("ann", 1, 100)
	w.jump(rest)
	payer := w.payer.PublicKey()
	h := w.next(transfer(5)(w)...)
	tally, _ := w.Tally(h.digest(), 0)
	w.ok(w.attests(h, w.members[0])...)
	lost := w.next()
	lostTally, _ := w.Tally(lost.digest(), 0)
	w.ok(w.attests(lost, w.members[0])...)
	w.fails(vault.TallyCurrent, w.CloseTally(tally, payer))
	w.ok(w.attests(h, w.members[1:]...)...)
	w.fails(vault.TallyCurrent, w.CloseTally(tally, payer)) // pending is not settled
	w.ok(w.apply(h, 0))
	w.ok(w.apply(h, 1))
	w.fails(vault.BadPayer, w.CloseTally(tally, w.person("ann").PublicKey()))
	purse, _ := w.Purse(w.mint)
	w.fails(vault.BadTally, w.CloseTally(purse, payer))
	w.fails(vault.BadTally, w.CloseTally(w.clone(tally, "foreign", solana.TokenProgramID, nil), payer))
	w.fails(vault.BadTally, w.CloseTally(w.clone(tally, "of another vault", program(), set64(8, 1)), payer))
	before := w.account(payer).Lamports
	held := w.account(tally).Lamports
	w.ok(w.CloseTally(tally, payer))
	equal(t, w.account(payer).Lamports, before+held-5000)
	equal(t, w.account(tally) == nil, true)
	w.ok(w.CloseTally(lostTally, payer))

	// A generation that is over, and an epoch.
	w.jump(rest)
	h = w.next(transfer(5)(w)...)
	tally, _ = w.Tally(h.digest(), 0)
	w.decide(h)
	w.jump(dropTime + 1)
	w.fails(vault.TallyCurrent, w.CloseTally(tally, payer))
	w.ok(w.Drop())
	w.ok(w.CloseTally(tally, payer))
	w.jump(rest)
	h = w.next()
	tally, _ = w.Tally(h.digest(), 0)
	w.ok(w.attests(h, w.members[0])...)
	w.patch(w.Vault, set32(84, 1))
	w.ok(w.CloseTally(tally, payer))
}
