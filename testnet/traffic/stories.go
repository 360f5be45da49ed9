package traffic

import (
	"github.com/phantom-paradox/paradox/intent"
)

// A story is a few steps that belong together.
type story struct {
	weight int
	most   int // intents it has at most
	tell   func(*Generator)
}

// stories lists them in the order in which a run shows each once.
func stories() []story {
	return []story{
		{weight: 8, most: 5, tell: (*Generator).item},
		{weight: 4, most: 9, tell: (*Generator).session},
		{weight: 3, most: 2, tell: (*Generator).moneyComes},
		{weight: 1, most: 1, tell: (*Generator).depositComes},
		{weight: 3, most: 1, tell: (*Generator).expiry},
		{weight: 4, most: 2, tell: (*Generator).withdrawn},
		{weight: 8, most: 1, tell: (*Generator).mistake},
		{weight: 6, most: 2, tell: (*Generator).goods},
		{weight: 30, most: 6, tell: (*Generator).loop},
		{weight: 25, most: 5, tell: (*Generator).chain},
		{weight: 25, most: 1, tell: (*Generator).payment},
	}
}

// payment is one trader paying another what it has.
func (g *Generator) payment() {
	w := g.traders(2)
	mint := g.mint()
	if amount := g.part(w[0].Public(), mint, 20); amount > 0 {
		g.paid("payment", w[0], w[1], mint, amount)
		return
	}
	g.refill(w[0], mint)
}

// refill is a payment by whoever has most, so that an endless stream never runs dry; where nobody has anything, a thing
// is made, which costs nothing.
func (g *Generator) refill(to *Wallet, mint intent.Key) {
	var rich *Wallet
	for n := range g.cfg.Cast.Traders {
		w := &g.cfg.Cast.Traders[n]
		if w.Public() != to.Public() && (rich == nil || g.position[Account{w.Public(), mint}] > g.position[Account{rich.Public(), mint}]) {
			rich = w
		}
	}
	if amount := g.part(rich.Public(), mint, 4); amount > 0 {
		g.paid("payment", rich, to, mint, amount)
		return
	}
	g.issue("thing", rich)
}

// paid queues a payment that its payer can afford.
func (g *Generator) paid(name string, from, to *Wallet, mint intent.Key, amount uint64) {
	g.spend(from.Public(), mint, amount)
	g.gain(to.Public(), mint, amount)
	s := g.pay(from, to.Public(), mint, amount)
	s.Story = name
	g.add(s)
}

// issue makes a new item, owned by its issuer.
func (g *Generator) issue(story string, issuer *Wallet) (name string, step int) {
	key := issuer.Public()
	name = g.itemName(key)
	return name, g.add(Step{Story: story, AskOf: -1, Key: issuer.Key, Intent: intent.Intent{
		Kind: intent.Issue, From: key, To: &key, Item: name, Nonce: g.nonce(key, key),
	}})
}

// loop is a ring of payments of one amount, which may be more than anybody in it has: the net is nothing but fees.
func (g *Generator) loop() {
	ring := g.traders(3 + g.rng.IntN(4))
	mint := g.mint()
	amount := 1 + g.rng.Uint64N(4*g.position[Account{ring[0].Public(), mint}]+1)
	for _, w := range ring {
		if g.position[Account{w.Public(), mint}] < g.fee(amount) {
			return
		}
	}
	for n, w := range ring {
		g.position[Account{w.Public(), mint}] -= g.fee(amount)
		s := g.pay(w, ring[(n+1)%len(ring)].Public(), mint, amount)
		s.Story = "loop"
		g.add(s)
	}
}

// chain is money handed on, often before it has arrived.
func (g *Generator) chain() {
	row := g.traders(3 + g.rng.IntN(4))
	mint := g.mint()
	amount := g.part(row[0].Public(), mint, 4)
	if amount == 0 {
		return
	}
	for _, w := range row[1:] {
		if g.position[Account{w.Public(), mint}] < g.fee(amount) {
			return
		}
	}
	if !g.spend(row[0].Public(), mint, amount) {
		return
	}
	for n, w := range row[:len(row)-1] {
		next := row[n+1].Public()
		if n > 0 {
			g.position[Account{w.Public(), mint}] -= g.fee(amount)
		}
		s := g.pay(w, next, mint, amount)
		s.Story = "chain"
		g.add(s)
	}
	g.gain(row[len(row)-1].Public(), mint, amount)
}

// item is a thing issued, sold, and sold on by the buyer, who asks before it has it.
func (g *Generator) item() {
	w := g.traders(3)
	issuer, first, second, mint := w[0], w[1], w[2], g.mint()
	price := g.part(first.Public(), mint, 10)
	again := g.part(second.Public(), mint, 10)
	if price == 0 || again == 0 {
		return
	}
	name, issued := g.issue("item", issuer)
	after := []Need{{issued, Settled}}
	g.sale("item", issuer, first, name, 0, mint, price, after)
	g.sale("item", first, second, name, 0, mint, again, after)
}

// goods is a fungible ask: so much of one mint for so much of another.
func (g *Generator) goods() {
	w := g.traders(2)
	mint, other := g.cfg.Network.Mints[0].Mint, g.cfg.Network.Mints[1].Mint
	seller, buyer := w[0], w[1]
	quantity, price := g.part(seller.Public(), other, 10), g.part(buyer.Public(), mint, 10)
	if quantity == 0 || price == 0 {
		return
	}
	g.position[Account{seller.Public(), other}] -= quantity
	g.gain(buyer.Public(), other, quantity)
	g.sale("goods", seller, buyer, other.String(), quantity, mint, price, nil)
}

// sale is an ask and the buy of it; half of the asks name their buyer.
func (g *Generator) sale(name string, seller, buyer *Wallet, item string, quantity uint64, mint intent.Key, price uint64, after []Need) {
	g.spend(buyer.Public(), mint, price)
	g.gain(seller.Public(), mint, price)
	from, by := seller.Public(), buyer.Public()
	ask := Step{Story: name, AskOf: -1, Key: seller.Key, After: after, Intent: intent.Intent{
		Kind: intent.Ask, From: from, Mint: &mint, Amount: price, Item: item, Quantity: quantity, Nonce: g.nonce(from, from),
	}}
	if g.rng.IntN(2) == 0 {
		ask.Intent.To = &by
	}
	asked := g.add(ask)
	g.add(Step{Story: name, AskOf: asked, Key: buyer.Key, After: []Need{{asked, Known}}, Intent: intent.Intent{
		Kind: intent.Buy, From: by, Mint: &mint, Amount: price, Fee: g.fee(price), Nonce: g.nonce(by, by),
	}})
}

// session is a game server's key that pays for a wallet, and is revoked in the end.
func (g *Generator) session() {
	at := g.rng.IntN(len(g.cfg.Cast.Traders))
	w := &g.cfg.Cast.Traders[at]
	owner, mint := w.Public(), g.mint()
	volume := g.part(owner, mint, 8)
	if g.sessions[at] || volume < 100 {
		return
	}
	g.sessions[at] = true
	key := g.sessionKey(at)
	session := public(key)
	opened := g.add(Step{Story: "session", AskOf: -1, Key: w.Key, Intent: intent.Intent{
		Kind: intent.Session, From: owner, To: &session, Mint: &mint, MaxVolume: volume,
		Actions: []intent.Action{"buy", "cancel", "pay"}, Nonce: g.nonce(owner, owner),
	}})
	var paid []Need
	for range 2 + g.rng.IntN(6) {
		amount := volume / 20
		to := g.traders(2)
		payee := to[0].Public()
		if payee == owner {
			payee = to[1].Public()
		}
		if !g.spend(owner, mint, amount) {
			break
		}
		g.gain(payee, mint, amount)
		step := g.add(Step{Story: "session", AskOf: -1, Key: key, After: []Need{{opened, Settled}}, Intent: intent.Intent{
			Kind: intent.Pay, From: owner, Signer: &session, To: &payee, Mint: &mint, Amount: amount, Fee: g.fee(amount),
			Nonce: g.nonce(owner, session),
		}})
		paid = append(paid, Need{step, Settled})
	}
	g.add(Step{Story: "session", AskOf: -1, Key: w.Key, After: paid, Intent: intent.Intent{
		Kind: intent.Revoke, From: owner, To: &session, Nonce: g.nonce(owner, owner),
	}})
}

// moneyComes is a wallet without money that pays; another pays it, and then both settle.
func (g *Generator) moneyComes() {
	w := g.traders(2)
	rich, mint := w[0], g.mint()
	amount := g.part(rich.Public(), mint, 20)
	if amount == 0 {
		return
	}
	need := amount + g.fee(amount)
	if !g.spend(rich.Public(), mint, need) {
		return
	}
	g.gain(w[1].Public(), mint, amount)
	poor := &g.cfg.Cast.Poor[g.rng.IntN(len(g.cfg.Cast.Poor))]
	s := g.pay(poor, w[1].Public(), mint, amount)
	s.Story = "money comes"
	waiting := g.add(s)
	s = g.pay(rich, poor.Public(), mint, need)
	s.Story, s.After = "money comes", []Need{{waiting, Known}}
	g.add(s)
}

// depositComes is the same with money from outside.
func (g *Generator) depositComes() {
	w := g.traders(1)
	mint := g.mint()
	amount := 1 + g.rng.Uint64N(1000)
	poor := &g.cfg.Cast.Poor[g.rng.IntN(len(g.cfg.Cast.Poor))]
	g.gain(w[0].Public(), mint, amount)
	s := g.pay(poor, w[0].Public(), mint, amount)
	s.Story = "deposit comes"
	waiting := g.add(s)
	g.add(Step{Story: "deposit comes", AskOf: -1, After: []Need{{waiting, Known}}, Deposit: &Deposit{
		Wallet: poor.Public(), Mint: mint, Amount: amount + g.fee(amount),
	}})
}

// expiryLife is the life of an intent that nobody pays: long enough to be admitted and looked at by a round or two.
const expiryLife = 4

// expiry is a wallet that never has money. Its nonce stays free, so the next of this wallet takes the same one, after
// the one before has ended.
func (g *Generator) expiry() {
	w := &g.cfg.Cast.Stuck[g.expiries%len(g.cfg.Cast.Stuck)]
	g.expiries++
	from, mint := w.Public(), g.mint()
	to := g.traders(1)[0].Public()
	s := g.pay(w, to, mint, 1+g.rng.Uint64N(1000))
	g.nonces[Signer{from, from}]--
	s.Story, s.Life, s.End, s.Code = "expiry", expiryLife, Drop, intent.Expired
	if last, ok := g.lastOf[from]; ok {
		s.After = []Need{{last, Ended}}
	}
	g.lastOf[from] = g.add(s)
}

// withdrawn is an ask that its owner takes back.
func (g *Generator) withdrawn() {
	w := g.traders(1)[0]
	from, mint, other := w.Public(), g.cfg.Network.Mints[0].Mint, g.cfg.Network.Mints[1].Mint
	nonce := g.nonce(from, from)
	asked := g.add(Step{Story: "cancel", AskOf: -1, Key: w.Key, End: Drop, Code: intent.Cancelled, Intent: intent.Intent{
		Kind: intent.Ask, From: from, Mint: &mint, Amount: 1 + g.rng.Uint64N(1000), Item: other.String(), Quantity: 1, Nonce: nonce,
	}})
	g.add(Step{Story: "cancel", AskOf: -1, Key: w.Key, After: []Need{{asked, Known}}, Intent: intent.Intent{
		Kind: intent.Cancel, From: from, Nonce: nonce,
	}})
}
