package traffic

import (
	"crypto/sha256"

	"github.com/phantom-paradox/paradox/intent"
)

// A slip spoils a good payment of a clumsy wallet in one way, and says which code must answer.
type slip struct {
	code  intent.Code
	spoil func(g *Generator, s *Step)
}

func slips() []slip {
	return []slip{
		{intent.BadSignature, func(_ *Generator, s *Step) { s.Forge = true }},
		{intent.WrongNetwork, func(_ *Generator, s *Step) { s.Intent.Network = intent.Hash{1} }},
		{intent.SelfTrade, func(_ *Generator, s *Step) { from := s.Intent.From; s.Intent.To = &from }},
		{intent.BadFee, func(_ *Generator, s *Step) { s.Intent.Fee++ }},
		{intent.TooLongLived, func(g *Generator, s *Step) { s.Life = g.cfg.Network.MaxAge.Default + 1 }},
		{intent.Expired, func(_ *Generator, s *Step) { s.Age, s.Life = 600, 300 }},
		{intent.NotYetValid, func(_ *Generator, s *Step) { s.Age = -600 }},
		{intent.NoEntry, func(g *Generator, s *Step) {
			s.Intent.From, s.Key = g.cfg.Cast.Stranger.Public(), g.cfg.Cast.Stranger.Key
		}},
		{intent.UnknownSession, func(g *Generator, s *Step) {
			signer := g.cfg.Cast.Stranger.Public()
			s.Intent.Signer, s.Key = &signer, g.cfg.Cast.Stranger.Key
		}},
		{intent.NotTheOwner, func(g *Generator, s *Step) {
			i := &s.Intent
			to := i.From
			*i = intent.Intent{Kind: intent.Issue, From: i.From, To: &to, Nonce: i.Nonce, Item: g.cfg.Cast.Stranger.Public().String() + "/mine"}
		}},
		{intent.UnknownAsk, func(_ *Generator, s *Step) {
			i := &s.Intent
			nothing := intent.ID(sha256.Sum256([]byte("nobody asked for this")))
			*i = intent.Intent{Kind: intent.Buy, From: i.From, Mint: i.Mint, Amount: i.Amount, Fee: i.Fee, Nonce: i.Nonce, Ask: &nothing}
		}},
	}
}

// mistake is an intent that must be refused. Nothing of it stays, so the nonce is given back.
func (g *Generator) mistake() {
	all := slips()
	m := all[g.mistakes%len(all)]
	g.mistakes++
	w := &g.cfg.Cast.Clumsy[g.rng.IntN(len(g.cfg.Cast.Clumsy))]
	s := g.pay(w, g.traders(1)[0].Public(), g.mint(), 100+g.rng.Uint64N(100))
	g.nonces[Signer{w.Public(), w.Public()}]--
	s.Story, s.End, s.Code = "mistake", Refuse, m.code
	m.spoil(g, &s)
	g.add(s)
}
