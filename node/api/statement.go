package api

import (
	"context"

	"github.com/danielgtaylor/huma/v2"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/netting"
)

// Statement is a wallet's account of a settled height.
type Statement struct {
	Wallet   intent.Key        `json:"wallet"`
	Height   uint64            `json:"height"`
	Time     int64             `json:"time" doc:"the header's"`
	Batch    string            `json:"batch" doc:"CID of the batch's root block"`
	Balances []StatementLine   `json:"balances" doc:"one a mint of which the wallet has an entry, in the order of the network file"`
	Gained   []string          `json:"gained" doc:"items that the wallet did not have before"`
	Given    []string          `json:"given" doc:"items that the wallet no longer has"`
	Intents  []StatementIntent `json:"intents" doc:"a page of those that the wallet signed, or that moved anything of its, in batch order"`
	Next     string            `json:"next,omitempty" doc:"of the intents"`
}

// StatementLine is what a height means for a wallet's balance of one mint: opening = before + deposited - withdrawn, and
// closing = opening + in - out.
type StatementLine struct {
	Mint      intent.Key `json:"mint"`
	Symbol    string     `json:"symbol"`
	Before    Decimal    `json:"before" doc:"the closing of the height before"`
	Deposited Sum        `json:"deposited" doc:"in the vault, since the cut of the height before"`
	Withdrawn Sum        `json:"withdrawn" doc:"from the vault, since the cut of the height before"`
	Opening   Decimal    `json:"opening"`
	In        Sum        `json:"in" doc:"gross: all that the batch's intents paid to the wallet"`
	Out       Sum        `json:"out" doc:"gross: all that they paid from it, fees included"`
	Delta     Sum        `json:"delta" doc:"in - out: what netting left, and the chain has moved"`
	Closing   Decimal    `json:"closing"`
}

// The directions of an intent, as a wallet sees it.
const (
	Outward = "out"  // the wallet pays
	Inward  = "in"   // the wallet is paid, or an item is made for it
	FeeOnly = "fee"  // the wallet gets the fee alone
	Neither = "none" // the wallet signed it, and it moves nothing of the wallet's by itself
)

// StatementIntent is an intent of a height, as a wallet sees it.
type StatementIntent struct {
	ID           intent.ID   `json:"id"`
	Kind         intent.Kind `json:"kind"`
	Direction    string      `json:"direction" enum:"out,in,fee,none" doc:"out: the wallet pays; in: it is paid, or an item is made for it; fee: it gets the fee alone; none: it signed what moves nothing by itself"`
	Mint         *intent.Key `json:"mint,omitempty"`
	Symbol       string      `json:"symbol,omitempty"`
	Amount       *Decimal    `json:"amount,omitempty" doc:"what the payee gets"`
	Fee          *Decimal    `json:"fee,omitempty" doc:"on top, by the payer to the network's fee account"`
	Counterparty *intent.Key `json:"counterparty,omitempty" doc:"who is paid, or pays"`
	Item         string      `json:"item,omitempty" doc:"delivered against the payment, offered, or made; the mint of fungible goods"`
	Quantity     *Decimal    `json:"quantity,omitempty" doc:"of fungible goods"`
}

// A Sum is an integer of up to 128 bits with a sign, which travels as a decimal string.
type Sum netting.Int128

// MarshalText implements encoding.TextMarshaler.
func (n Sum) MarshalText() ([]byte, error) { return netting.Int128(n).Append(nil), nil }

func (n Sum) String() string { return netting.Int128(n).String() }

// Zero says that there is nothing.
func (n Sum) Zero() bool { return n == Sum{} }

// Schema implements huma.SchemaProvider.
func (Sum) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Pattern: "^(0|-?[1-9][0-9]{0,38})$", Examples: []any{"-1500000"}}
}

type statementIn struct {
	HeightIn
	Key string `path:"key" doc:"the wallet's key"`
	Paging
}

func (s *Server) registerStatement(o operations) {
	get(o, "/api/rounds/{height}/wallets/{key}", "getStatement", "rounds", "A wallet's statement of a settled height: opening, in, out, closing",
		"this node has not decided that height, or no longer has its batch",
		func(ctx context.Context, in *statementIn) (*Statement, error) {
			h, err := parseHeight(in.Height)
			if err != nil {
				return nil, err
			}
			key, err := parseKey("key", in.Key)
			if err != nil {
				return nil, err
			}
			return paged(in.Paging, func(p Page) (*Statement, error) { return s.backend.Statement(ctx, h, key, p) })
		})
}
