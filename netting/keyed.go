package netting

import "unsafe"

// A Key is 32 raw bytes: a wallet, a mint, an item, an id, an ask.
type Key = [32]byte

// View is the key as a string that shares the key's memory, so that a case can be built over keys without a copy each.
// The key must not change as long as the case or its outcome is in use.
func View(key *Key) string { return unsafe.String(&key[0], len(key)) }

// Keyed is a Case for callers that hold keys: the same rules, the same outcome. Moves and balances, of which there are
// many, are arrays of keys that the engine reads front to back; the rest is as in a Case.
type Keyed struct {
	Rest     Case // all but Moves, which are not read; its names are strings of 32 bytes, as View makes them
	Moves    []KeyMove
	Sales    []KeySale    // of the moves that are sales
	Signers  []Key        // of the moves that sessions sign
	Balances []KeyBalance // beside those of Rest
}

// A KeyMove is a Move over keys. Without a Sale it is a pay.
type KeyMove struct {
	ID, From, To, Asset Key
	Amount, Fee, Nonce  uint64
	Sale                uint32 // 1 + the place in Sales; 0: a pay
	Signer              uint32 // 1 + the place in Signers; 0: From itself
}

// A KeySale is what makes a move a sale.
type KeySale struct {
	Item                  Key
	Quantity, SellerNonce uint64
	Ask                   Key
	HasAsk                bool
}

// A KeyBalance is a Balance over keys.
type KeyBalance struct {
	Wallet, Asset Key
	Amount        uint64
}

// NetKeyed nets a case over keys: Load and Outcome as of Net. The outcome's strings share memory with the case's keys.
func (e *Engine) NetKeyed(k *Keyed) *Outcome {
	e.LoadKeyed(k)
	e.Solve()
	return e.Outcome()
}

// keyBlock is how many keys are looked up together: enough for their cache misses to overlap, few enough for what is
// kept between the steps to stay in the first-level cache.
const keyBlock = 128

// LoadKeyed interns a case over keys. The case must stay as it is until Outcome returned.
func (e *Engine) LoadKeyed(k *Keyed) {
	e.begin(&k.Rest)
	e.keyed = k
	for _, h := range k.Rest.Items {
		e.loadItem(h)
	}
	moves := k.Moves
	e.sized(len(moves))
	resize(&e.idKey, len(moves))
	var keys [keyBlock]*Key
	var numbers [keyBlock]uint32
	var mint *Key // neighbours often share it
	var asset uint32
	for from := 0; from < len(moves); from += keyBlock / 2 {
		block := moves[from:min(from+keyBlock/2, len(moves))]
		for i := range block {
			keys[2*i], keys[2*i+1] = &block[i].From, &block[i].To
		}
		e.wallets.numbers(&e.hasher, keys[:2*len(block)], numbers[:2*len(block)])
		for i := range block {
			m := &block[i]
			if mint == nil || !sameKey(mint, &m.Asset) {
				mint, asset = &m.Asset, e.assetNumber(View(&m.Asset))
			}
			e.loadKeyMove(from+i, m, numbers[2*i], numbers[2*i+1], asset)
		}
	}
	e.loadKeyBalances()
	e.loadBalances()
	e.openFirsts()
	e.loadNonces()
	e.loadLimits()
}

func (e *Engine) loadKeyMove(i int, m *KeyMove, from, to, asset uint32) {
	e.idKey[i] = keyPrefix(&m.ID)
	f := e.flat(i, m.Amount, m.Fee, m.Nonce, asset)
	if m.Signer == 0 {
		f.stream = e.ownStream(from)
	} else {
		f.stream = e.streamNumber(from, e.walletNumber(View(&e.keyed.Signers[m.Signer-1])))
	}
	if m.Sale == 0 {
		e.lay(i, from, to, nil)
		return
	}
	k := &e.keyed.Sales[m.Sale-1]
	s := saleRecord{asset: e.assetNumber(View(&k.Item)), quantity: k.Quantity, sellerNonce: k.SellerNonce}
	if k.HasAsk {
		s.ask = 1 + e.asks.number(&e.hasher, View(&k.Ask))
	}
	e.lay(i, from, to, &s)
}

// loadKeyBalances looks wallets up together, as LoadKeyed does.
func (e *Engine) loadKeyBalances() {
	var keys [keyBlock]*Key
	var numbers [keyBlock]uint32
	var mint *Key
	var asset uint32
	known := false
	for list := e.keyed.Balances; len(list) > 0; {
		block := list[:min(keyBlock, len(list))]
		list = list[len(block):]
		for i := range block {
			keys[i] = &block[i].Wallet
		}
		e.wallets.known(&e.hasher, keys[:len(block)], numbers[:len(block)])
		for i := range block {
			b := &block[i]
			if mint == nil || !sameKey(mint, &b.Asset) {
				mint = &b.Asset
				asset, known = e.assets.find(&e.hasher, View(mint))
			}
			if known && numbers[i] != none {
				e.addBalance(numbers[i], asset, b.Amount)
			}
		}
	}
}

// said is the move as a Move, for what is rare: ties and explanations.
func (k *Keyed) said(i uint32) Move {
	m := &k.Moves[i]
	out := Move{ID: View(&m.ID), From: View(&m.From), To: View(&m.To), Asset: View(&m.Asset),
		Amount: m.Amount, Fee: m.Fee, Nonce: m.Nonce}
	if m.Signer != 0 {
		out.Signer = View(&k.Signers[m.Signer-1])
	}
	if m.Sale != 0 {
		s := &k.Sales[m.Sale-1]
		out.Kind, out.Item, out.Quantity, out.SellerNonce = Sale, View(&s.Item), s.Quantity, s.SellerNonce
		if s.HasAsk {
			out.Ask = View(&s.Ask)
		}
	}
	return out
}
