package node

import (
	"context"
	"fmt"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/ledger"
	"github.com/phantom-paradox/paradox/netting"
	"github.com/phantom-paradox/paradox/netting/picture"
	"github.com/phantom-paradox/paradox/node/api"
)

// Picture draws what netting saved in a round, in one mint: gross flows beside what was left to pay.
func (f *facade) Picture(ctx context.Context, height uint64, mint intent.Key) ([]byte, error) {
	m, ok := f.n.cfg.File.Intents().MintOf(mint)
	if !ok {
		return nil, fmt.Errorf("%w: the network has no mint %s", api.ErrNotFound, mint)
	}
	k, err := f.round(height)
	if err != nil {
		return nil, err
	}
	list, err := f.batchIntents(ctx, k.header)
	if err != nil {
		return nil, err
	}
	flows := roundFlows(list, f.n.cfg.File.FeeOwner, mint)
	return picture.SVG(flows, picture.Labels{Title: fmt.Sprintf("Height %d", height), Unit: m.Symbol, Decimals: int(m.Decimals)}), nil
}

// batchIntents are a round's intents, from the blocks here.
func (f *facade) batchIntents(ctx context.Context, h *ledger.Header) ([]ledger.BatchIntent, error) {
	blocks := ipfsBlocks{f.n.ipfs}
	data, err := blocks.Get(ctx, h.Batch)
	if err != nil {
		return nil, fmt.Errorf("%w: batch %s: %w", api.ErrNotFound, h.Batch, err)
	}
	root, err := ledger.ParseBatchRoot(data)
	if err != nil {
		return nil, fmt.Errorf("batch %s: %w", h.Batch, err)
	}
	read := func(c ledger.BatchCID) ([]ledger.BundleIntent, error) {
		block, err := blocks.Get(ctx, c)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", api.ErrNotFound, err)
		}
		return ledger.ReadBundle(block, f.n.cfg.File.Intents())
	}
	p := f.n.cfg.File.Params
	list, _, err := root.Intents(read, p.MaxIntents, p.MaxBatchBytes)
	return list, err
}

// roundFlows adds up who paid whom in a mint: payments, prices, fungible deliveries and fees.
func roundFlows(list []ledger.BatchIntent, feeOwner, mint intent.Key) *netting.Flows {
	flows := netting.NewFlows(mint.String(), true)
	asks := map[intent.ID]*intent.Intent{}
	for _, b := range list {
		if b.Signed.Kind == intent.Ask {
			asks[b.ID] = &b.Signed.Intent
		}
	}
	pay := func(from, to intent.Key, asset intent.Key, amount uint64) {
		if asset == mint && amount > 0 {
			flows.Add(from.String(), to.String(), amount)
		}
	}
	for _, b := range list {
		i := &b.Signed.Intent
		switch i.Kind {
		case intent.Pay:
			pay(i.From, *i.To, *i.Mint, i.Amount)
		case intent.Buy:
			ask, ok := asks[*i.Ask]
			if !ok {
				continue
			}
			pay(i.From, ask.From, *i.Mint, i.Amount)
			if goods, ok := intent.ItemMint(ask.Item); ok {
				pay(ask.From, i.From, goods, ask.Quantity)
			}
		default:
			continue
		}
		pay(i.From, feeOwner, *i.Mint, i.Fee)
	}
	return flows
}
