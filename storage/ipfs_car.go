package storage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	"github.com/ipld/go-car/v2"
	carstorage "github.com/ipld/go-car/v2/storage"
	"github.com/ipld/go-ipld-prime/codec/dagcbor"
	cidlink "github.com/ipld/go-ipld-prime/linking/cid"
	"github.com/ipld/go-ipld-prime/node/basicnode"
	"github.com/ipld/go-ipld-prime/traversal"
)

const (
	maxCARBlocks = 100_000 // of an archive: more than the bundles of the largest batch and the roots before it
	maxCARHeader = 64 << 10
)

// ErrBadCAR means that an archive cannot be read.
var ErrBadCAR = errors.New("not a readable CAR")

// ExportCAR writes a CARv1 with root and, depth levels below it, what it links to: 1 is a batch with its bundles, for the
// root's link to the batch before is not followed when skip names it. A block that is not here is an error.
func (f *IPFS) ExportCAR(ctx context.Context, w io.Writer, root cid.Cid, depth int, skip ...cid.Cid) error {
	out, err := carstorage.NewWritable(w, []cid.Cid{root}, car.WriteAsCarV1(true))
	if err != nil {
		return fmt.Errorf("export %s: %w", root, err)
	}
	seen := map[cid.Cid]bool{}
	for _, id := range skip {
		seen[id] = true
	}
	level := []cid.Cid{root}
	for d := 0; len(level) > 0; d++ {
		var next []cid.Cid
		for _, id := range level {
			if seen[id] {
				continue
			}
			if seen[id] = true; len(seen) > maxCARBlocks {
				return fmt.Errorf("export %s: more than %d blocks", root, maxCARBlocks)
			}
			data, err := f.Get(ctx, id)
			if err != nil {
				return fmt.Errorf("export %s: %w", root, err)
			}
			if err := out.Put(ctx, id.KeyString(), data); err != nil {
				return fmt.Errorf("export %s: %w", root, err)
			}
			if d == depth {
				continue
			}
			links, err := Links(id, data)
			if err != nil {
				return fmt.Errorf("export %s: %w", root, err)
			}
			next = append(next, links...)
		}
		level = next
	}
	if err := out.Finalize(); err != nil {
		return fmt.Errorf("export %s: %w", root, err)
	}
	return nil
}

// ImportCAR keeps the blocks of an archive in the name of owner and returns its roots. Each block is verified; blocks
// before a bad one stay.
func (f *IPFS) ImportCAR(ctx context.Context, r io.Reader, owner string) ([]cid.Cid, error) {
	in, err := car.NewBlockReader(r, car.MaxAllowedSectionSize(MaxBlock+128), car.MaxAllowedHeaderSize(maxCARHeader))
	if err != nil {
		return nil, fmt.Errorf("import: %w: %w", ErrBadCAR, err)
	}
	for n := 0; ; n++ {
		b, err := in.Next()
		if errors.Is(err, io.EOF) {
			return in.Roots, nil
		}
		if err != nil {
			return nil, fmt.Errorf("import block %d: %w: %w", n, ErrBadCAR, err)
		}
		if n == maxCARBlocks {
			return nil, fmt.Errorf("import: %w: more than %d blocks", ErrBadCAR, maxCARBlocks)
		}
		if err := f.importBlock(ctx, b, owner); err != nil {
			return nil, fmt.Errorf("import block %d: %w", n, err)
		}
	}
}

func (f *IPFS) importBlock(ctx context.Context, b blocks.Block, owner string) error {
	if err := verify(b.Cid(), b.RawData()); err != nil {
		return err
	}
	defer f.locker.PinLock(ctx).Unlock(ctx)
	if owner != "" {
		if err := f.Pin(owner, b.Cid()); err != nil {
			return err
		}
	}
	return f.keep(ctx, []blocks.Block{b})
}

// Links returns the CIDs that a dag-cbor block names, in its order; blocks of other codecs have none.
func Links(id cid.Cid, data []byte) ([]cid.Cid, error) {
	if id.Prefix().Codec != cid.DagCBOR {
		return nil, nil
	}
	nb := basicnode.Prototype.Any.NewBuilder()
	if err := dagcbor.Decode(nb, bytes.NewReader(data)); err != nil {
		return nil, fmt.Errorf("read the links of %s: %w", id, err)
	}
	found, err := traversal.SelectLinks(nb.Build())
	if err != nil {
		return nil, fmt.Errorf("read the links of %s: %w", id, err)
	}
	var out []cid.Cid
	for _, l := range found {
		if link, ok := l.(cidlink.Link); ok {
			out = append(out, link.Cid)
		}
	}
	return out, nil
}
