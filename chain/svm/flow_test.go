package svm

import (
	"testing"

	"github.com/phantom-paradox/paradox/chain/vault"
)

func TestLifeOfAVault(t *testing.T) {
	w := founded(t, 4, "ann", "ben")
	w.deposit("ann", 1, 100)
	equal(t, w.entry(1).Available, 100)

	w.settle(w.debits(vault.Pair{Entry: 1, Amount: 30}), w.credits(vault.Pair{Entry: 0, Amount: 1}, vault.Pair{Entry: 2, Amount: 29}))
	equal(t, w.entry(1).Available, 70)
	equal(t, w.entry(2).Available, 29)
	equal(t, w.entry(0).Available, 1)
	equal(t, w.purseNow().InFlight, 0)

	ben := w.person("ben").PublicKey()
	to := w.newTokens("ben", w.mint, 0)
	w.ok(w.Request(ben, w.mint, 2, 20))
	w.fails(vault.Locked, w.Withdraw(ben, to, w.mint, 2))
	w.settle()
	w.ok(w.Withdraw(ben, to, w.mint, 2))
	equal(t, w.tokens(to), 20)
	equal(t, w.entry(2).Available, 9)
}
