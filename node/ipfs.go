package node

import (
	"context"
	"fmt"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/ledger"
	"github.com/phantom-paradox/paradox/p2p"
	"github.com/phantom-paradox/paradox/storage"
)

// poolOwner is under whose name bundles with pooled intents are pinned.
const poolOwner = "pool"

// ipfsBlocks is the embedded IPFS as the engine wants it.
type ipfsBlocks struct{ ipfs *storage.IPFS }

func toCID(c ledger.BatchCID) (cid.Cid, error) {
	id, err := cid.Cast([]byte(c))
	if err != nil {
		return cid.Undef, fmt.Errorf("a CID of %d bytes: %w", len(c), err)
	}
	return id, nil
}

func toCIDs(list []ledger.BatchCID) ([]cid.Cid, error) {
	out := make([]cid.Cid, len(list))
	for i, c := range list {
		var err error
		if out[i], err = toCID(c); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (b ipfsBlocks) Put(ctx context.Context, owner string, data []byte) (ledger.BatchCID, error) {
	ids, err := b.ipfs.PutPinned(ctx, owner, data)
	if err != nil {
		return "", err
	}
	b.ipfs.Provide(ids...)
	return ledger.BatchCID(ids[0].Bytes()), nil
}

func (b ipfsBlocks) Get(ctx context.Context, c ledger.BatchCID) ([]byte, error) {
	id, err := toCID(c)
	if err != nil {
		return nil, err
	}
	return b.ipfs.Get(ctx, id)
}

func (b ipfsBlocks) Fetch(ctx context.Context, hint intent.Key, h *haul, list ...ledger.BatchCID) ([][]byte, error) {
	if len(list) == 0 {
		return nil, nil
	}
	ids, err := toCIDs(list)
	if err != nil {
		return nil, err
	}
	o := storage.FetchOptions{Timeout: fetchTimeout, Admit: func(id cid.Cid, size int) error {
		return h.add(ledger.BatchCID(id.Bytes()), size)
	}}
	if who, err := p2p.PeerID(hint[:]); err == nil {
		o.Peers = append(o.Peers, peer.AddrInfo{ID: who})
	}
	return b.ipfs.FetchMany(ctx, ids, o)
}

func (b ipfsBlocks) Drop(ctx context.Context, list ...ledger.BatchCID) error {
	ids, err := toCIDs(list)
	if err != nil {
		return err
	}
	return b.ipfs.Drop(ctx, ids...)
}

func (b ipfsBlocks) Pin(owner string, list ...ledger.BatchCID) error {
	ids, err := toCIDs(list)
	if err != nil {
		return err
	}
	return b.ipfs.Pin(owner, ids...)
}

func (b ipfsBlocks) Unpin(owner string, list ...ledger.BatchCID) error {
	ids, err := toCIDs(list)
	if err != nil {
		return err
	}
	return b.ipfs.Unpin(owner, ids...)
}
