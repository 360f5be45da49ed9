package netting

// none marks an account that does not exist because a move that is INVALID needs none.
const none = ^uint32(0)

// Load interns a case: strings become numbers, moves become flat. The case must stay as it is until Outcome returned.
func (e *Engine) Load(c *Case) {
	e.begin(c)
	for _, h := range c.Items {
		e.loadItem(h)
	}
	e.sized(len(c.Moves))
	// Neighbours often share the mint, and comparing strings that share memory costs nothing.
	lastAsset, lastNumber := "", e.assetNumber("")
	for i := range c.Moves {
		m := &c.Moves[i]
		if m.Asset != lastAsset {
			lastAsset, lastNumber = m.Asset, e.assetNumber(m.Asset)
		}
		e.loadMove(i, m, lastNumber)
	}
	e.loadBalances()
	e.openFirsts()
	e.loadNonces()
	e.loadLimits()
}

// begin forgets the case before.
func (e *Engine) begin(c *Case) {
	e.hasher.draw()
	e.c, e.keyed, e.numbered = c, nil, nil
	e.wallets.reset()
	e.assets.reset()
	e.asks.reset()
	e.accounts.reset()
	e.sessions.reset()
	e.limits.reset()
	e.asset, e.account = e.asset[:0], e.account[:0]
	e.stream, e.streamRest = e.stream[:0], e.streamRest[:0]
	e.sales, e.items = e.sales[:0], e.items[:0]
	e.limitMax, e.usedNonces = e.limitMax[:0], e.usedNonces[:0]
	e.askCount = 0
}

func (e *Engine) sized(moves int) {
	resize(&e.moves, moves)
	resize(&e.static, moves)
}

func (e *Engine) walletNumber(key string) uint32 {
	return e.wallets.number(&e.hasher, key)
}

func (e *Engine) assetNumber(key string) uint32 {
	a := e.assets.number(&e.hasher, key)
	if int(a) == len(e.asset) {
		e.asset = append(e.asset, assetRecord{})
	}
	return a
}

// accountNumber numbers accounts. A wallet's first one is found through the wallet, the others through the pair: most
// wallets have one.
func (e *Engine) accountNumber(wallet, asset uint32) uint32 {
	w := &e.wallets.names[wallet].wallet
	if w.firstAsset == asset+1 {
		return w.firstAccount - 1
	}
	next := uint32(len(e.account))
	if w.firstAsset == 0 {
		w.firstAsset, w.firstAccount = asset+1, next+1
	} else {
		n, fresh := e.accounts.number(pairOf(wallet, asset))
		if !fresh {
			return e.accountOf[n]
		}
		e.accountOf = append(e.accountOf[:n], next)
	}
	e.account = append(e.account, accountRecord{wallet: wallet, asset: asset})
	return next
}

// ownStream is the stream of what a wallet signs itself.
func (e *Engine) ownStream(wallet uint32) uint32 {
	w := &e.wallets.names[wallet].wallet
	if w.stream == 0 {
		w.stream = 1 + e.newStream()
	}
	return w.stream - 1
}

func (e *Engine) newStream() uint32 {
	e.stream = append(e.stream, streamRecord{})
	return uint32(len(e.stream) - 1)
}

// restOf is what is rarely read of a stream. No stream has one until the first one needs it.
func (e *Engine) restOf(stream uint32) *streamRest {
	if len(e.streamRest) == 0 {
		zeroed(&e.streamRest, len(e.stream))
	}
	return &e.streamRest[stream]
}

func (e *Engine) streamNumber(wallet, signer uint32) uint32 {
	if signer == wallet {
		return e.ownStream(wallet)
	}
	return e.sessionStream(wallet, signer)
}

// sessionStream numbers streams through the pair's own number: both kinds of stream share one list.
func (e *Engine) sessionStream(wallet, signer uint32) uint32 {
	n, fresh := e.sessions.number(pairOf(wallet, signer))
	if fresh {
		e.streamOf = append(e.streamOf[:n], e.newStream())
	}
	return e.streamOf[n]
}

func (e *Engine) loadItem(h Holding) {
	a := e.assetNumber(h.Item)
	if item := e.asset[a].item; item != 0 {
		if it := &e.items[item-1]; h.Owner < e.wallets.keys[it.owner] {
			it.owner = e.walletNumber(h.Owner)
		}
		return
	}
	e.items = append(e.items, itemRecord{asset: a, owner: e.walletNumber(h.Owner)})
	e.asset[a].item = uint32(len(e.items))
}

func (e *Engine) loadMove(i int, m *Move, asset uint32) {
	from, to := e.walletNumber(m.From), e.walletNumber(m.To)
	f := e.flat(i, m.Amount, m.Fee, m.Nonce, asset)
	if m.Signer == "" {
		f.stream = e.ownStream(from)
	} else {
		f.stream = e.streamNumber(from, e.walletNumber(m.Signer))
	}
	if m.Negative {
		f.amount, f.fee = 0, 0
		e.static[i] = Invalid
		return
	}
	if m.Kind != Sale {
		e.lay(i, from, to, nil)
		return
	}
	s := saleRecord{asset: e.assetNumber(m.Item), quantity: m.Quantity, sellerNonce: m.SellerNonce}
	if m.Ask != "" {
		s.ask = 1 + e.asks.number(&e.hasher, m.Ask)
	}
	e.lay(i, from, to, &s)
}

// flat begins a move: what it says in numbers, without accounts. It is written where it stays, field by field: a copy
// from elsewhere would wait for its own parts.
func (e *Engine) flat(i int, amount, fee, nonce uint64, asset uint32) *flatMove {
	f := &e.moves[i]
	f.amount, f.fee, f.nonce = amount, fee, nonce
	f.asset, f.sale = asset, 0
	f.debit, f.credit = none, none
	return f
}

// lay judges a move by itself and lays it on its accounts. A sale brings what it delivers, how much of it, and its ask.
func (e *Engine) lay(i int, from, to uint32, s *saleRecord) {
	f := &e.moves[i]
	money := e.asset[f.asset].item != 0
	if money || from == to || s != nil || f.amount == 0 {
		if s != nil {
			s.item = e.asset[s.asset].item
		}
		if flawOf(f.amount, f.fee, from == to, money, s) != NoCause {
			e.static[i] = Invalid
			return
		}
	}
	if s != nil {
		f.sale = e.laySale(i, s, from, to)
	}
	f.debit, f.credit = e.accountNumber(from, f.asset), e.accountNumber(to, f.asset)
	if f.fee > 0 && e.asset[f.asset].feeAccount == 0 {
		e.asset[f.asset].feeAccount = 1 + e.accountNumber(e.walletNumber(e.c.FeeAccount), f.asset)
	}
	e.static[i] = Taken
}

// flawOf says what makes a move without negative numbers INVALID. Of a sale it reads item and quantity.
func flawOf(amount, fee uint64, self, money bool, s *saleRecord) Cause {
	switch {
	case amount == 0 && fee == 0 && (s == nil || s.quantity == 0):
		return NothingMoves
	case self:
		return PaysItself
	case money:
		return NotAMint
	case s != nil && s.item != 0 && s.quantity != 1:
		return NotOneItem
	}
	return NoCause
}

func (e *Engine) laySale(i int, s *saleRecord, buyer, seller uint32) uint32 {
	s.move, s.seller, s.buyer, s.debit, s.credit = uint32(i), seller, buyer, none, none
	if s.item == 0 {
		s.debit, s.credit = e.accountNumber(seller, s.asset), e.accountNumber(buyer, s.asset)
	}
	e.askCount = max(e.askCount, s.ask)
	e.sales = append(e.sales, *s)
	return uint32(len(e.sales))
}

// loadBalances skips what no move touches.
func (e *Engine) loadBalances() {
	lastAsset, known := "", false
	var asset uint32
	for i := range e.c.Balances {
		b := &e.c.Balances[i]
		if i == 0 || b.Asset != lastAsset {
			lastAsset = b.Asset
			asset, known = e.assets.find(&e.hasher, b.Asset)
		}
		if !known {
			continue
		}
		w, ok := e.wallets.find(&e.hasher, b.Wallet)
		if !ok {
			continue
		}
		e.addBalance(w, asset, b.Amount)
	}
}

func (e *Engine) addBalance(wallet, asset uint32, amount uint64) {
	record := &e.wallets.names[wallet].wallet
	if record.firstAsset == asset+1 {
		record.open = record.open.AddUnits(amount)
	} else if n, ok := e.accounts.find(pairOf(wallet, asset)); ok {
		a := &e.account[e.accountOf[n]]
		a.open = a.open.AddUnits(amount)
	}
}

// openFirsts takes what wallets' first accounts open with from where balances met them to where S2 reads it: front to
// back here, since neither they nor accounts move, and not in the order in which balances come.
func (e *Engine) openFirsts() {
	for i := range e.wallets.names {
		if w := &e.wallets.names[i].wallet; w.firstAccount != 0 {
			e.account[w.firstAccount-1].open = w.open
		}
	}
}

// findStream is the stream of (wallet, signer), if some move belongs to it.
func (e *Engine) findStream(wallet, signer string) (uint32, bool) {
	w, ok := e.wallets.find(&e.hasher, wallet)
	if !ok {
		return 0, false
	}
	if signer == "" || signer == wallet {
		own := e.wallets.names[w].wallet.stream
		return own - 1, own != 0
	}
	s, ok := e.wallets.find(&e.hasher, signer)
	if !ok {
		return 0, false
	}
	n, ok := e.sessions.find(pairOf(w, s))
	if !ok {
		return 0, false
	}
	return e.streamOf[n], true
}

func (e *Engine) loadNonces() {
	for _, f := range e.c.Floors {
		if s, ok := e.findStream(f.Wallet, f.Signer); ok {
			e.stream[s].floor = max(e.stream[s].floor, f.Nonce)
		}
	}
	for _, u := range e.c.Used {
		if s, ok := e.findStream(u.Wallet, u.Signer); ok {
			e.usedNonces = append(e.usedNonces, streamNonce{nonce: u.Nonce, group: s})
		}
	}
	sortStreamNonces(e.usedNonces)
	for i := range e.usedNonces {
		s := e.restOf(e.usedNonces[i].group)
		if s.usedTo == 0 {
			s.usedFrom = uint32(i)
		}
		s.usedTo = uint32(i + 1)
	}
}

func (e *Engine) loadLimits() {
	for _, l := range e.c.Limits {
		s, ok := e.findStream(l.Wallet, l.Signer)
		if !ok {
			continue
		}
		asset, ok := e.assets.find(&e.hasher, l.Asset)
		if !ok {
			continue
		}
		e.addLimit(s, asset, l.Max)
	}
}

func (e *Engine) addLimit(stream, asset uint32, most uint64) {
	n, fresh := e.limits.number(pairOf(stream, asset))
	if fresh {
		e.limitMax = append(e.limitMax, most)
	}
	e.limitMax[n] = min(e.limitMax[n], most)
	e.restOf(stream).hasLimit = true
}
