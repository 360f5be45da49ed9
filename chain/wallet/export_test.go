package wallet

import (
	"context"

	"github.com/gagliardetto/solana-go"
)

// Send sends one transaction, for tests that play a settler.
func (c *Client) Send(ctx context.Context, payer solana.PrivateKey, ixs ...solana.Instruction) error {
	return c.send(ctx, []unit{{payer: payer, instructions: ixs}})
}
