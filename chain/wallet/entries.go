package wallet

import (
	"context"
	"errors"
	"fmt"

	"github.com/gagliardetto/solana-go"
	"github.com/gagliardetto/solana-go/rpc"

	"github.com/phantom-paradox/paradox/chain/vault"
	"github.com/phantom-paradox/paradox/intent"
)

// openAttempts is how often OpenEntries looks again after others opened entries between its reading and its sending.
const openAttempts = 8

// OpenEntries opens an entry for each owner that has none, and returns the entry number of each owner (the lowest).
func (c *Client) OpenEntries(ctx context.Context, payer solana.PrivateKey, mint intent.Key, owners []intent.Key) (map[intent.Key]uint32, error) {
	raced := 0
	for {
		entries, err := c.Entries(ctx, mint)
		if err != nil {
			return nil, err
		}
		of, missing := missingOwners(entries, owners)
		if len(missing) == 0 {
			return of, nil
		}
		// One page at a time: transactions may run in any order, and each names the page of its entries.
		count := uint32(len(entries))
		n := min(len(missing), int(vault.PageEntries-count%vault.PageEntries))
		err = c.send(ctx, c.openUnits(payer, mint, missing[:n], count))
		if isCode(err, vault.BadAddress) || isCode(err, vault.BadPage) {
			if raced++; raced < openAttempts {
				continue
			}
		}
		if err != nil {
			return nil, fmt.Errorf("opening entries: %w", err)
		}
	}
}

func missingOwners(entries []vault.Entry, owners []intent.Key) (of map[intent.Key]uint32, missing []intent.Key) {
	lowest := make(map[intent.Key]uint32, len(entries))
	for i := len(entries) - 1; i >= 0; i-- {
		lowest[entries[i].Owner] = uint32(i)
	}
	of = make(map[intent.Key]uint32, len(owners))
	seen := map[intent.Key]bool{}
	for _, k := range owners {
		if i, ok := lowest[k]; ok {
			of[k] = i
		} else if !seen[k] {
			seen[k], missing = true, append(missing, k)
		}
	}
	return of, missing
}

func (c *Client) openUnits(payer solana.PrivateKey, mint intent.Key, owners []intent.Key, count uint32) []unit {
	var units []unit
	for len(owners) > 0 {
		n := min(len(owners), entriesPerTransaction)
		u := unit{payer: payer}
		for _, k := range owners[:n] {
			u.instructions = append(u.instructions, c.cfg.Addresses.OpenEntry(payer.PublicKey(), mint, k, count))
		}
		units, owners = append(units, u), owners[n:]
	}
	return units
}

// Entries are all entries of a purse, by number.
func (c *Client) Entries(ctx context.Context, mint intent.Key) ([]vault.Entry, error) {
	key, _ := c.cfg.Addresses.Purse(mint)
	d, err := c.data(ctx, key)
	if err != nil {
		return nil, err
	}
	purse, err := vault.DecodePurse(d)
	if err != nil {
		return nil, fmt.Errorf("purse of mint %s: %w", solana.PublicKey(mint), err)
	}
	var keys []solana.PublicKey
	for i := uint32(0); i*vault.PageEntries < purse.Entries; i++ {
		k, _ := c.cfg.Addresses.Page(key, i)
		keys = append(keys, k)
	}
	var out []vault.Entry
	for len(keys) > 0 {
		n := min(len(keys), pagesPerRead)
		es, err := c.readPages(ctx, keys[:n])
		if err != nil {
			return nil, err
		}
		out, keys = append(out, es...), keys[n:]
	}
	return out, nil
}

// pagesPerRead keeps an answer of full pages (65 kB each) within what RPC nodes give.
const pagesPerRead = 32

func (c *Client) readPages(ctx context.Context, keys []solana.PublicKey) ([]vault.Entry, error) {
	r, err := c.cfg.RPC.GetMultipleAccountsWithOpts(ctx, keys, &rpc.GetMultipleAccountsOpts{Encoding: solana.EncodingBase64, Commitment: c.cfg.Commitment})
	if err != nil {
		return nil, fmt.Errorf("reading pages: %w", err)
	}
	var out []vault.Entry
	for i, a := range r.Value {
		if a == nil {
			return nil, errors.New("reading pages: page " + keys[i].String() + " is not there yet")
		}
		p, err := vault.DecodePage(a.Data.GetBinary())
		if err != nil {
			return nil, fmt.Errorf("page %s: %w", keys[i], err)
		}
		out = append(out, p.Entries...)
	}
	return out, nil
}
