package main

import (
	"context"
	"fmt"

	client "github.com/phantom-paradox/paradox/clients/go"
	"github.com/phantom-paradox/paradox/clients/go/draft"
	"github.com/phantom-paradox/paradox/intent"
)

type intentAskCmd struct {
	Item         string `arg:"" help:"What is offered: a name of your own, ISSUER/NAME of another's, or a mint's symbol with --quantity."`
	Price        string `arg:"" help:"For the whole, in the mint's own unit."`
	Mint         string `arg:"" help:"Of the price: its symbol, or its key."`
	Quantity     string `help:"How much of a mint is offered." placeholder:"AMOUNT"`
	To           string `help:"The only wallet that may buy." placeholder:"KEY"`
	Memo         string `help:"Up to 64 characters that everybody can read." placeholder:"TEXT"`
	signingFlags `embed:""`
}

// Help is what --help says besides.
func (intentAskCmd) Help() string {
	return `An ask rests until somebody buys it, it expires, or paradox intent cancel withdraws it. Its id is what a buyer needs.`
}

func (s intentAskCmd) Run(ctx context.Context, a *app) error {
	if s.Wait != "" {
		return fmt.Errorf("%w: an ask settles when somebody buys it; paradox intent show tells", errInput)
	}
	return s.do(ctx, a, s.Memo, func(ctx context.Context, k *clerk) (*intent.Intent, error) {
		f, err := k.drawing(ctx)
		if err != nil {
			return nil, err
		}
		return f.Ask(k.net, s.Item, s.Quantity, s.Price, s.Mint, s.To)
	})
}

type intentBuyCmd struct {
	Ask          string `arg:"" help:"The ask's id: bafkrei…"`
	Price        string `help:"What the ask wants, where no node is asked." placeholder:"AMOUNT"`
	Mint         string `help:"In which mint, where no node is asked." placeholder:"SYMBOL"`
	signingFlags `embed:""`
}

// Help is what --help says besides.
func (intentBuyCmd) Help() string {
	return `The ask's price is read from the ask itself, which the node shows and this command checks against its id and signature.`
}

func (b intentBuyCmd) Run(ctx context.Context, a *app) error {
	id, err := intent.ParseID(b.Ask)
	if err != nil {
		return fmt.Errorf("%w: %w", errInput, err)
	}
	if b.Offline != (b.Price != "" && b.Mint != "") {
		return fmt.Errorf("%w: --price and --mint go with --offline; without it the ask says them", errInput)
	}
	return b.do(ctx, a, "", func(ctx context.Context, k *clerk) (*intent.Intent, error) {
		f, err := k.drawing(ctx)
		if err != nil {
			return nil, err
		}
		if b.Offline {
			mint, price, err := draft.Price(k.net, b.Price, b.Mint)
			if err != nil {
				return nil, err
			}
			return f.Buy(k.net, id, mint, price)
		}
		ask, err := k.known(ctx, id)
		if err != nil {
			return nil, err
		}
		if err := buyable(ask, id, f.From); err != nil {
			return nil, err
		}
		return f.Buy(k.net, id, *ask.Mint, ask.Amount)
	})
}

// buyable refuses before anything is signed what no node would take.
func buyable(ask *intent.Signed, id intent.ID, buyer intent.Key) error {
	switch {
	case ask.Kind != intent.Ask:
		return fmt.Errorf("%w: %s is a %s, and only an ask can be bought", errInput, id, ask.Kind)
	case ask.From == buyer:
		return fmt.Errorf("%w: %s is %s's own ask; paradox intent cancel withdraws it", errInput, id, buyer)
	case ask.To != nil && *ask.To != buyer:
		return fmt.Errorf("%w: %s is for %s alone", errInput, id, *ask.To)
	}
	return nil
}

// known asks the node for an intent and believes nothing: id and signature must hold.
func (k *clerk) known(ctx context.Context, id intent.ID) (*intent.Signed, error) {
	s, err := k.node.Intent(ctx, id)
	if err != nil {
		return nil, err
	}
	return k.checked(s, id)
}

// checked is the intent of an answer, if it is the one that was asked for.
func (k *clerk) checked(s *client.IntentStatus, id intent.ID) (*intent.Signed, error) {
	i, err := k.parseSigned(s.Intent)
	if err != nil {
		return nil, fmt.Errorf("what %s says of %s: %w", k.node.Address(), id, err)
	}
	if got, err := i.ID(k.net); err != nil || got != id {
		return nil, fmt.Errorf("%w: %s answered with another intent than %s", errDiffers, k.node.Address(), id)
	}
	return i, nil
}

type intentCancelCmd struct {
	ID           string `arg:"" optional:"" help:"Of the intent; or --nonce."`
	signingFlags `embed:""`
}

// Help is what --help says besides.
func (intentCancelCmd) Help() string {
	return `A cancel takes the nonce of what it withdraws, and so beats it until it is in a batch. It is signed by the same key.`
}

func (c intentCancelCmd) Run(ctx context.Context, a *app) error {
	if (c.ID == "") == (c.Nonce == 0) {
		return fmt.Errorf("%w: say the intent's id, or --nonce, and not both", errInput)
	}
	return c.do(ctx, a, "", func(ctx context.Context, k *clerk) (*intent.Intent, error) {
		nonce := c.Nonce
		if c.ID != "" {
			id, err := intent.ParseID(c.ID)
			if err != nil {
				return nil, fmt.Errorf("%w: %w", errInput, err)
			}
			s, err := k.node.Intent(ctx, id)
			if err != nil {
				return nil, err
			}
			old, err := k.checked(s, id)
			if err != nil {
				return nil, err
			}
			if err := k.tooLate(s, id); err != nil {
				return nil, err
			}
			if old.From != k.frame.From || old.SigningKey() != k.frame.Signer {
				return nil, fmt.Errorf("%w: %s was signed by %s for %s; cancel it with that key (--key, --from)", errInput, id, old.SigningKey(), old.From)
			}
			nonce = old.Nonce
		}
		return k.frame.Cancel(k.net, nonce)
	})
}

// tooLate refuses to cancel what has ended, and warns where the committee has decided: only a height that the chain undoes
// makes such an intent pending again, and only then the cancel counts.
func (k *clerk) tooLate(s *client.IntentStatus, id intent.ID) error {
	switch s.State {
	case "settled", "dropped":
		return fmt.Errorf("%w: %s is %s: there is nothing left to withdraw; paradox intent show %s tells", errRefused, id, s.State, id)
	case "accepted":
		fmt.Fprintf(k.a.err, "%s is accepted: the committee has decided it, and this cancel counts only if the chain undoes that height.\n\n", id)
	}
	return nil
}

type intentIssueCmd struct {
	Name         string `arg:"" help:"1 to 64 of a-z A-Z 0-9 - _ ., new among your items."`
	To           string `help:"The first owner; you unless said otherwise." placeholder:"KEY"`
	signingFlags `embed:""`
}

// Help is what --help says besides.
func (intentIssueCmd) Help() string {
	return `An item lives in the network, not on chain. It can be offered (paradox intent ask) from the next height on.`
}

func (i intentIssueCmd) Run(ctx context.Context, a *app) error {
	return i.do(ctx, a, "", func(ctx context.Context, k *clerk) (*intent.Intent, error) {
		f, err := k.drawing(ctx)
		if err != nil {
			return nil, err
		}
		return f.Issue(k.net, i.Name, i.To)
	})
}
