package client

import (
	"context"
	"fmt"
	"net/url"

	"github.com/phantom-paradox/paradox/intent"
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

// maxStatementPages bounds how far a node is followed: no batch has as many intents.
const maxStatementPages = 10_000

// Statement is a wallet's account of a settled height, with all its intents: ErrUnknown where the node has not decided the
// height, or no longer has its batch.
func (c *Client) Statement(ctx context.Context, height uint64, wallet intent.Key) (*Statement, error) {
	path := fmt.Sprintf("/api/rounds/%d/wallets/%s?limit=200", height, wallet)
	all, err := get[Statement](ctx, c, path)
	if err != nil {
		return nil, err
	}
	for range maxStatementPages {
		if all.Next == "" {
			return all, nil
		}
		page, err := get[Statement](ctx, c, path+"&after="+url.QueryEscape(all.Next))
		if err != nil {
			return nil, err
		}
		if len(page.Intents) == 0 && page.Next != "" {
			break
		}
		all.Intents, all.Next = append(all.Intents, page.Intents...), page.Next
	}
	return nil, fmt.Errorf("client: the statement of height %d has no end: the node leads in circles", height)
}
