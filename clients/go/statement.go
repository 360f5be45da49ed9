package client

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/network"
)

// A Statement is a wallet's account of a settled height.
type Statement struct {
	Wallet   intent.Key        `json:"wallet"`
	Height   uint64            `json:"height"`
	Time     int64             `json:"time"` // the header's, unix seconds
	Batch    string            `json:"batch"`
	Balances []StatementLine   `json:"balances"`
	Gained   []string          `json:"gained"` // items
	Given    []string          `json:"given"`  // items
	Intents  []StatementIntent `json:"intents"`
	Next     string            `json:"next,omitempty"` // of a page; a whole statement has none
}

// A StatementLine is what a height means for a wallet's balance of one mint, in base units: Opening = Before + Deposited -
// Withdrawn, and Closing = Opening + In - Out. Gross sums, and what the vault's events brought, may be above 64 bits; they stay
// as the node wrote them.
type StatementLine struct {
	Mint      intent.Key `json:"mint"`
	Symbol    string     `json:"symbol"`
	Before    uint64     `json:"before,string"`
	Deposited string     `json:"deposited"`
	Withdrawn string     `json:"withdrawn"`
	Opening   uint64     `json:"opening,string"`
	In        string     `json:"in"`
	Out       string     `json:"out"`
	Delta     string     `json:"delta"`
	Closing   uint64     `json:"closing,string"`
}

// A StatementIntent is an intent of a height, as a wallet sees it.
type StatementIntent struct {
	ID           intent.ID   `json:"id"`
	Kind         string      `json:"kind"`
	Direction    string      `json:"direction"` // out, in, fee, none
	Mint         *intent.Key `json:"mint,omitempty"`
	Symbol       string      `json:"symbol,omitempty"`
	Amount       string      `json:"amount,omitempty"`
	Fee          string      `json:"fee,omitempty"`
	Counterparty *intent.Key `json:"counterparty,omitempty"`
	Item         string      `json:"item,omitempty"`
	Quantity     string      `json:"quantity,omitempty"`
}

// statementPage is as long as a node makes a page.
const statementPage = 200

// errPages says that pages do not make a statement.
var errPages = errors.New("client: the node's pages make no statement")

// Statement is a wallet's account of a settled height, with all its intents: ErrUnknown where the node has not decided the
// height, or no longer has its batch.
func (c *Client) Statement(ctx context.Context, height uint64, wallet intent.Key) (*Statement, error) {
	path := fmt.Sprintf("/api/rounds/%d/wallets/%s?limit=%d", height, wallet, statementPage)
	var all *Statement
	for after := ""; ; {
		page, err := get[Statement](ctx, c, path+after)
		if err != nil {
			return nil, err
		}
		if all == nil {
			all = &Statement{Wallet: wallet, Height: height, Time: page.Time, Batch: page.Batch, Balances: page.Balances, Gained: page.Gained, Given: page.Given}
		}
		if page.Wallet != wallet || page.Height != height || page.Batch != all.Batch {
			return nil, fmt.Errorf("%w: one is of %s at height %d, batch %s", errPages, page.Wallet, page.Height, page.Batch)
		}
		if all.Intents = append(all.Intents, page.Intents...); len(all.Intents) > network.MaxIntents {
			return nil, fmt.Errorf("%w: they have more intents than a batch", errPages)
		}
		if page.Next == "" {
			return all, nil
		}
		if len(page.Intents) == 0 {
			return nil, fmt.Errorf("%w: an empty one has another behind it", errPages)
		}
		after = "&after=" + url.QueryEscape(page.Next)
	}
}
